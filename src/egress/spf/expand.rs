//! Macros of SPF (RFC 7208 §7).
//!
//! Owns `%{…}` and what a domain-spec may end with. `c`, `r` and `t` are for
//! explanations only (§7.2), and an error elsewhere.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::Client;

/// Longest name of DNS, in characters.
const MAX_NAME: usize = 253;

/// What macros stand for.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) client: &'a Client<'a>,
    /// The domain whose record it is.
    pub(super) domain: &'a str,
    /// The validated name of the client (RFC 7208 §7.3).
    pub(super) validated: &'a str,
}

/// Whether a text has the macro of this letter. `%%` is a percent sign, and begins none.
pub(super) fn has_macro(text: &str, letter: char) -> bool {
    text.to_ascii_lowercase().replace("%%", "").contains(&format!("%{{{letter}"))
}

/// Whether macros are well written.
pub(super) fn verify(text: &str) -> Result<(), String> {
    let client = Client { ip: IpAddr::from([0, 0, 0, 0]), sender: "", helo: None };
    expanded(text, Values { client: &client, domain: "", validated: "" }).map(drop)
}

/// Whether it is a domain-spec: well written, with a top label or a macro at its end
/// (RFC 7208 §7.1).
pub(super) fn verify_domain(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it names no domain".to_owned());
    }
    verify(text)?;
    let bare = text.strip_suffix('.').unwrap_or(text);
    let last = bare.rsplit_once('.').map(|(_, last)| last);
    if text.ends_with('}') || last.is_some_and(is_top_label) {
        return Ok(());
    }
    Err("it is not a domain of two labels or more".to_owned())
}

/// Letters, digits and inner hyphens, and not digits alone.
fn is_top_label(label: &str) -> bool {
    let mut letters = label.chars();
    letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        && !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.chars().all(|letter| letter.is_ascii_digit())
}

/// A domain-spec with its macros expanded: a name, lower case, without the trailing dot.
pub(super) fn expand(text: &str, values: Values<'_>) -> Result<String, String> {
    let name = expanded(text, values)?.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    // RFC 7208 §7.3: what is too long loses labels on the left.
    let mut name = name;
    while name.len() > MAX_NAME {
        name = name.split_once('.').map_or("", |(_, rest)| rest);
    }
    Ok(name.to_owned())
}

fn expanded(text: &str, values: Values<'_>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        out.push_str(before);
        let mut letters = behind.chars();
        rest = match letters.next() {
            Some('%') => {
                out.push('%');
                letters.as_str()
            }
            Some('_') => {
                out.push(' ');
                letters.as_str()
            }
            Some('-') => {
                out.push_str("%20");
                letters.as_str()
            }
            Some('{') => {
                let unclosed = || "a macro has no end".to_owned();
                let (body, rest) = letters.as_str().split_once('}').ok_or_else(unclosed)?;
                out.push_str(&macro_value(body, values)?);
                rest
            }
            _ => return Err("% stands alone".to_owned()),
        };
    }
    out.push_str(rest);
    if out.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ') {
        Ok(out)
    } else {
        Err("it is not plain ASCII".to_owned())
    }
}

/// The value of `letter [digits] [r] [delimiters]`.
fn macro_value(body: &str, values: Values<'_>) -> Result<String, String> {
    let wrong = || format!("%{{{body}}} is not a macro of SPF");
    let mut letters = body.chars();
    let letter = letters.next().ok_or_else(wrong)?;
    let value = value_of(letter, values).ok_or_else(wrong)?;
    let rest = letters.as_str();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, rest) = rest.split_at_checked(digits).ok_or_else(wrong)?;
    let (reverse, delimiters) = match rest.strip_prefix(['r', 'R']) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if !delimiters.chars().all(|letter| ".-+,/_=".contains(letter)) {
        return Err(wrong());
    }
    let keep = match digits {
        "" => usize::MAX,
        digits => digits.parse().ok().filter(|keep| *keep > 0).ok_or_else(wrong)?,
    };
    let is_delimiter = |letter: char| match delimiters {
        "" => letter == '.',
        delimiters => delimiters.contains(letter),
    };
    let mut parts: Vec<&str> = value.split(is_delimiter).collect();
    if reverse {
        parts.reverse();
    }
    let kept = parts.get(parts.len().saturating_sub(keep)..).unwrap_or_default().join(".");
    Ok(if letter.is_ascii_uppercase() { url_escaped(&kept) } else { kept })
}

fn value_of(letter: char, values: Values<'_>) -> Option<String> {
    let Values { client, domain, validated } = values;
    let value = match letter.to_ascii_lowercase() {
        's' => client.sender.to_owned(),
        'l' => client.local_part().to_owned(),
        'o' => client.domain().to_owned(),
        'd' => domain.to_owned(),
        'i' => dotted(client.ip),
        'p' => validated.to_owned(),
        'v' if client.ip.is_ipv4() => "in-addr".to_owned(),
        'v' => "ip6".to_owned(),
        'h' => client.helo.unwrap_or_default().to_owned(),
        _ => return None,
    };
    Some(value)
}

/// The address with dots between its parts: octets, or nibbles.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles = format!("{:032x}", ip.to_bits());
            nibbles.chars().map(String::from).collect::<Vec<_>>().join(".")
        }
    }
}

/// RFC 3986 §2.1, everything but the unreserved.
fn url_escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7208 §7.4.
    #[test]
    fn macros_expand_as_in_the_rfc() {
        let client = Client {
            ip: "192.0.2.3".parse().unwrap(),
            sender: "strong-bad@email.example.com",
            helo: Some("mx.example.com"),
        };
        for (text, value) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("%{S}", "strong-bad%40email.example.com"),
        ] {
            let values = Values { client: &client, domain: client.domain(), validated: "" };
            assert_eq!(expanded(text, values).as_deref(), Ok(value), "{text}");
        }
        let client = Client { ip: "2001:db8::cb01".parse().unwrap(), ..client };
        assert_eq!(
            expand(
                "%{ir}.%{v}._spf.%{d2}",
                Values { client: &client, domain: "email.example.com", validated: "" }
            )
            .unwrap(),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
        );
    }

    #[test]
    fn a_percent_sign_begins_no_macro() {
        for (text, has) in [
            ("%{h}.example", true),
            ("%{H2r}", true),
            ("%%%{h}", true),
            ("%%{h}.example", false),
            ("%{d}.h.example", false),
        ] {
            assert_eq!(has_macro(text, 'h'), has, "{text}");
        }
    }

    #[test]
    fn what_is_no_macro_is_an_error() {
        for text in ["%", "%a", "%{", "%{}", "%{z}", "%{d0}", "%{d!}", "%{c}", "ä", "a%"] {
            assert!(verify(text).is_err(), "{text}");
        }
    }

    /// RFC 7208 §7.1, `domain-end`.
    #[test]
    fn a_domain_ends_in_a_top_label_or_a_macro() {
        for text in ["a.example", "a.example.", "%{d}", "x.%{d2}", "foo:bar/baz.example", "a.b-c"] {
            assert_eq!(verify_domain(text), Ok(()), "{text}");
        }
        for text in ["", "museum", "museum.", "a.-com", "a.123", "a.example:80", "a.com/24", "a.%%"]
        {
            assert!(verify_domain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_are_too_long_lose_labels_on_the_left() {
        let client = Client { ip: [192, 0, 2, 3].into(), sender: "a@b.example", helo: None };
        let long = "abcdefghij.".repeat(30) + "example";
        let values = Values { client: &client, domain: "b.example", validated: "" };
        let name = expand(&long, values).unwrap();
        assert!(name.len() <= MAX_NAME && name.ends_with("abcdefghij.example"), "{name}");
        assert!(!name.starts_with('.'), "{name}");
    }
}
