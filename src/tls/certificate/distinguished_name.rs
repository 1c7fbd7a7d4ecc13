//! Distinguished names as text, safe to print.
//!
//! Owns the form of RFC 4514. Refuses to know whose name it is.

use std::fmt::Write as _;

use x509_parser::prelude::{AttributeTypeAndValue, X509Name};

use super::hex;

/// RFC 4514 §2: last RDN first, joined by commas.
pub(super) fn distinguished_name(name: &X509Name<'_>) -> String {
    let rdn = |rdn: &x509_parser::x509::RelativeDistinguishedName<'_>| {
        rdn.iter().map(attribute).collect::<Vec<_>>().join("+")
    };
    let mut rdns: Vec<String> = name.iter_rdn().map(rdn).collect();
    rdns.reverse();
    rdns.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let kind = attribute_type(&oid).unwrap_or(&oid);
    match attribute.as_str() {
        Ok(value) => format!("{kind}={}", attribute_value(value)),
        Err(_) => format!("{kind}=#{}", hex(attribute.as_slice())),
    }
}

/// The short names of RFC 4514 §3, and emailAddress, which everybody knows.
fn attribute_type(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

/// RFC 4514 §2.4: special characters behind a backslash.
pub(super) fn attribute_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (place, character) in value.chars().enumerate() {
        let special = matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (character == '#' && place == 0)
            || (character == ' ' && (place == 0 || place == last));
        if special {
            out.push('\\');
        }
        out.push(character);
    }
    escape(&out)
}

/// Control characters as `\xNN`, octet by octet: they never reach a terminal.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "\\x{byte:02x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}
