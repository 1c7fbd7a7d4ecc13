//! What may stand behind EHLO: the one text of the line that is not ours.
//!
//! Owns its grammar (RFC 5321 §4.1.2, §4.1.3). Refuses everything else, so that no text
//! of a user is a command.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a text is a domain name or an address literal (RFC 5321 §4.1.1.1,
/// §4.1.3). Nothing else may stand in the line that is sent.
pub fn is_ehlo_argument(text: &str) -> bool {
    let literal = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match literal {
        Some(literal) => match literal.strip_prefix("IPv6:") {
            Some(ipv6) => ipv6.parse::<Ipv6Addr>().is_ok(),
            None => literal.parse::<Ipv4Addr>().is_ok(),
        },
        None => is_domain_name(text),
    }
}

/// Letters, digits and hyphens in labels of 1 to 63 octets, 253 octets at most
/// (RFC 1123 §2.1, RFC 5321 §4.1.2).
pub fn is_domain_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
