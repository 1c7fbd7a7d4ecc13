//! The answer to EHLO: greeting line, keywords, masks, the address that was seen.
//!
//! Owns how its lines are read (RFC 5321 §4.1.1.1). Refuses to know what a keyword
//! promises, but for STARTTLS.

use std::net::IpAddr;

use super::mask;
use super::reply::{Reply, printable};
use crate::model::session::{EhloAnswer, HelloVerb, Keyword};

/// Reads a complete reply to EHLO or HELO.
///
/// The first line is the greeting, never a keyword (RFC 5321 §4.1.1.1). Masked
/// lines stand apart from the keywords. Keywords are read from a positive reply
/// only, and after HELO there are none.
pub fn answer(reply: &Reply, verb: HelloVerb, refused_with: Option<u16>) -> EhloAnswer {
    let mut lines = reply.lines.iter().map(|line| printable(line));
    let greeting = lines.next();
    let rest: Vec<String> = lines.collect();
    let extended = verb == HelloVerb::Ehlo && reply.is_positive();
    let masked = if extended { mask::masked_lines(&rest) } else { Vec::new() };
    let keywords = if extended {
        let is_masked = |place: &usize| masked.iter().any(|mask| mask.position == *place);
        let plain = rest.iter().enumerate().filter(|(place, _)| !is_masked(place));
        plain.filter_map(|(_, line)| keyword(line)).collect()
    } else {
        Vec::new()
    };
    let client_address_seen = greeting.as_deref().and_then(client_address);
    EhloAnswer {
        code: reply.code,
        verb,
        greeting,
        keywords,
        masked,
        client_address_seen,
        refused_with,
    }
}

/// Reads one keyword line: the first token in upper case, the rest as parameters.
///
/// Tolerates `AUTH=LOGIN`, as written by servers for clients of the last century,
/// and blanks at either end. `None` for an empty line.
pub fn keyword(line: &str) -> Option<Keyword> {
    let line = line.trim();
    let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
    let (name, params) = line.split_at_checked(end)?;
    if name.is_empty() {
        return None;
    }
    let params = params.trim_start_matches([' ', '\t', '=']);
    let params = (!params.is_empty()).then(|| params.to_owned());
    // The `\xNN` of a byte that could not be shown stays one.
    let name = name.to_ascii_uppercase().replace("\\X", "\\x");
    Some(Keyword { name, params })
}

/// Whether STARTTLS is among the keywords.
pub fn offers_starttls(keywords: &[Keyword]) -> bool {
    keywords.iter().any(|keyword| keyword.name == "STARTTLS")
}

/// Whether the greeting line holds STARTTLS as a word: a malformed server.
pub fn starttls_on_greeting(greeting: &str) -> bool {
    greeting.split_whitespace().any(|word| word.eq_ignore_ascii_case("STARTTLS"))
}

/// The last address in brackets, as Gmail, Exchange, Exim and Sendmail echo the
/// client's: `[198.51.100.10]`, `[IPv6:2001:db8::1]`, `[2001:db8::1]`.
fn client_address(greeting: &str) -> Option<String> {
    let inside = |part: &str| {
        let text = part.split(']').next()?;
        let text = text.strip_prefix("IPv6:").unwrap_or(text);
        text.parse::<IpAddr>().ok().map(|ip| ip.to_string())
    };
    greeting.split('[').skip(1).filter_map(inside).last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::reply::{Progress, ReplyReader};

    fn read(bytes: &[u8]) -> EhloAnswer {
        match ReplyReader::default().push(bytes) {
            Progress::Complete(reply) => answer(&reply, HelloVerb::Ehlo, None),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keywords_are_tolerant() {
        let found = read(b"250-mx\r\n250-size 10 \r\n250-AUTH=LOGIN PLAIN\r\n250 starttls  \r\n");
        let names: Vec<_> = found.keywords.iter().map(|keyword| keyword.name.as_str()).collect();
        assert_eq!(names, ["SIZE", "AUTH", "STARTTLS"]);
        assert_eq!(found.keywords[1].params.as_deref(), Some("LOGIN PLAIN"));
        assert_eq!(found.keywords[2].params, None);
        assert!(offers_starttls(&found.keywords));
    }

    #[test]
    fn the_first_line_is_no_keyword() {
        let found = read(b"250 STARTTLS\r\n");
        assert!(found.keywords.is_empty());
        assert!(starttls_on_greeting(&found.greeting.unwrap()));
    }

    #[test]
    fn the_client_address_is_found() {
        let seen = |line: &str| client_address(line);
        assert_eq!(seen("mx at your service, [192.0.2.1]").as_deref(), Some("192.0.2.1"));
        assert_eq!(seen("mx Hello p [IPv6:2001:db8:0::1]").as_deref(), Some("2001:db8::1"));
        assert_eq!(seen("mx Hello [203.0.113.9] [192.0.2.1], hi").as_deref(), Some("192.0.2.1"));
        assert_eq!(seen("mx [nonsense]"), None);
    }
}
