//! What is reserved for documentation and tests, and nobody's.
//!
//! Owns the ranges of RFC 5737, RFC 3849 and RFC 2606. Refuses to make exceptions.

use std::net::IpAddr;

/// Domains that are reserved for documentation and tests (RFC 2606).
const RESERVED: [&str; 5] = ["example", "example.com", "example.net", "example.org", "test"];

/// RFC 5737 §3, RFC 3849 §2.
pub(super) fn is_documentation(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_documentation(),
        IpAddr::V6(v6) => matches!(v6.segments(), [0x2001, 0xdb8, ..]),
    }
}

pub(super) fn is_reserved(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    RESERVED.iter().any(|zone| {
        name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}
