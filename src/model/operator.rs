//! Who operates a host: its registrable domain.

use std::net::IpAddr;

/// The registrable domain of a host, by the public suffix list. A host without
/// one, or a bare address, stands for itself.
pub fn operator(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_registrable_domains() {
        assert_eq!(operator("alt1.gmail-smtp-in.l.google.com"), "google.com");
        assert_eq!(operator("mx.example.co.uk"), "example.co.uk");
        assert_eq!(operator("192.0.2.1"), "192.0.2.1");
        assert_eq!(operator("localhost"), "localhost");
    }
}
