//! TLSRPT: the TXT record that says where failures are reported (RFC 8460 §3).
