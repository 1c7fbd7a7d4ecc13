//! DANE for SMTP: which TLSA records count, and whether a chain matches one
//! (RFC 7672, RFC 7671, RFC 6698).
