//! What known products write into a session, and what they take out of it.
//!
//! Owns the table, each row with its source and a sample that it must match.
//! Refuses to claim anything: a product by its name strips nothing. The masks of
//! Cisco's inspection follow rules instead of texts, and are read by
//! `smtp::mask`.

use std::collections::BTreeSet;

use crate::model::session::{EhloAnswer, HelloVerb, Keyword, Session};

/// A text that a product writes.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "source and sample serve readers and tests"))]
pub(super) struct Signature {
    /// The product, as a sentence names it.
    pub(super) product: &'static str,
    /// Where it writes.
    pub(super) part: Part,
    /// What a line of that part holds, letter for letter.
    pub(super) text: &'static str,
    /// Where this is known from.
    pub(super) source: &'static str,
    /// A line that must match.
    pub(super) sample: &'static str,
}

/// Where in a session a product writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A line of the greeting, code first.
    Greeting,
    /// The first line of the EHLO answer, code first.
    Ehlo,
    /// The reply to STARTTLS, code first.
    Reply,
}

impl Part {
    /// What a sentence calls it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "EHLO answer",
            Self::Reply => "reply to STARTTLS",
        }
    }

    fn lines(self, session: &Session) -> Vec<String> {
        match self {
            Self::Greeting => session.greeting.as_ref().map_or_else(Vec::new, |greeting| {
                greeting.lines.iter().map(|line| format!("{} {line}", greeting.code)).collect()
            }),
            Self::Ehlo => {
                let first = |ehlo: &EhloAnswer| {
                    ehlo.greeting.as_ref().map(|line| format!("{} {line}", ehlo.code))
                };
                session.ehlo.as_ref().and_then(first).into_iter().collect()
            }
            Self::Reply => {
                let reply = session.starttls.reply.as_ref();
                reply.map(|reply| format!("{} {}", reply.code, reply.text)).into_iter().collect()
            }
        }
    }
}

impl Signature {
    /// The line of a session that holds the text.
    pub(super) fn found_in(&self, session: &Session) -> Option<String> {
        self.part.lines(session).into_iter().find(|line| self.matches(line))
    }

    fn matches(&self, line: &str) -> bool {
        line.contains(self.text)
    }
}

const TRANSCRIPTS: &str = "published transcripts, as docs/detection.md §2 sums them up";
const PEERS: &str = "nmap-service-probes; rapid7/recog, smtp_banners.xml";

const fn greeting(
    product: &'static str,
    text: &'static str,
    (source, sample): (&'static str, &'static str),
) -> Signature {
    Signature { product, part: Part::Greeting, text, source, sample }
}

/// Texts of docs/detection.md §2. A host may be called `webshield`, so no text is
/// one word that could be a name.
pub(super) const SIGNATURES: &[Signature] = &[
    greeting("avast!", "avast! SMTP proxy", (TRANSCRIPTS, "220 avast! SMTP proxy ready.")),
    greeting(
        "AVG",
        "AVG ESMTP Proxy Server",
        (TRANSCRIPTS, "220 localhost AVG ESMTP Proxy Server"),
    ),
    greeting(
        "BitDefender",
        "ESMTP BitDefender Proxy",
        (TRANSCRIPTS, "220 ESMTP BitDefender Proxy"),
    ),
    greeting(
        "F-Secure Internet Gatekeeper",
        "F-Secure/fsigk_smtp",
        (TRANSCRIPTS, "220 mx.example.net F-Secure/fsigk_smtp/550"),
    ),
    greeting(
        "McAfee WebShield",
        "WebShield SMTP V",
        (PEERS, "220 mx.example.net WebShield SMTP V4.5 Ready"),
    ),
    greeting(
        "McAfee WebShield",
        "McAfee WebShield",
        (PEERS, "220 mx.example.net McAfee WebShield ASaP v1.0.1: ready"),
    ),
    greeting(
        "Trend Micro IMSS",
        "TrendMicro IMSS SMTP proxy",
        (TRANSCRIPTS, "220 TrendMicro IMSS SMTP proxy"),
    ),
    greeting(
        "Check Point FireWall-1",
        "CheckPoint FireWall-1 secure",
        (PEERS, "220 CheckPoint FireWall-1 secure ESMTP server"),
    ),
    greeting(
        "a provider's block page for SMTP",
        "452 syntax error (connecting)",
        (TRANSCRIPTS, "452 syntax error (connecting)"),
    ),
    Signature {
        product: "a proxy that answers alike for every destination",
        part: Part::Ehlo,
        text: "250 Requested mail action okay, completed",
        source: "Thailand 2014: published transcripts, as docs/detection.md §2 sums them up",
        sample: "250 Requested mail action okay, completed",
    },
    Signature {
        product: "Norton's e-mail scanner of 2002",
        part: Part::Reply,
        text: "500 Unsupported command.",
        source: TRANSCRIPTS,
        sample: "500 Unsupported command.",
    },
];

/// What a product removes from an EHLO answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remover {
    /// The product, as a sentence names it.
    pub(super) product: &'static str,
    rule: Removes,
    /// The largest SIZE that it lets through, in octets.
    most_size: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Removes {
    /// Exactly these, where they are listed.
    Only(&'static [&'static str]),
    /// These, and what the product does not know.
    AtLeast(&'static [&'static str]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

/// Keyword sets of docs/detection.md §2 (vendors' manuals), the more specific first.
pub(super) const REMOVERS: &[Remover] = &[
    Remover {
        product: "F-Secure Internet Gatekeeper",
        rule: Removes::Only(&["CHUNKING", "BINARYMIME", "PIPELINING", "STARTTLS"]),
        most_size: Some(2_000_000_000),
    },
    Remover {
        product: "Zorp",
        rule: Removes::AllBut(&["PIPELINING", "SIZE", "ETRN", "8BITMIME", "STARTTLS"]),
        most_size: None,
    },
    Remover {
        product: "D-Link DFL (NetDefendOS)",
        rule: Removes::AtLeast(&["PIPELINING", "CHUNKING"]),
        most_size: None,
    },
];

/// A single missing keyword is no set: any server may lack one.
const FEWEST_MISSING: usize = 2;

impl Remover {
    /// The keywords that are listed in another view of a host and missing here,
    /// where they are what this product removes of them. Masked lines stand for
    /// keywords, so a masked answer misses none.
    pub(super) fn removed(&self, here: &EhloAnswer, other: &EhloAnswer) -> Option<Vec<String>> {
        let (ours, theirs) = (names(here)?, names(other)?);
        let missing: BTreeSet<&str> = theirs.difference(&ours).copied().collect();
        let is = |list: &[&str], name: &&str| list.contains(name);
        let fits = match self.rule {
            Removes::Only(list) => {
                let expected: BTreeSet<&str> =
                    theirs.iter().filter(|name| is(list, name)).copied().collect();
                missing == expected
            }
            Removes::AtLeast(list) => list.iter().all(|name| missing.contains(name)),
            Removes::AllBut(list) => {
                ours.iter().all(|name| is(list, name)) && !missing.iter().any(|name| is(list, name))
            }
        };
        let added = ours.difference(&theirs).next().is_some();
        let sized = self.most_size.is_none_or(|most| size(here).is_none_or(|size| size <= most));
        (fits && sized && !added && missing.len() >= FEWEST_MISSING)
            .then(|| missing.into_iter().map(str::to_owned).collect())
    }
}

/// The keywords of a positive answer to EHLO that has no mask in it.
pub(super) fn names(ehlo: &EhloAnswer) -> Option<BTreeSet<&str>> {
    let extended = ehlo.verb == HelloVerb::Ehlo && ehlo.code == 250 && ehlo.masked.is_empty();
    extended.then(|| ehlo.keywords.iter().map(|keyword| keyword.name.as_str()).collect())
}

fn size(ehlo: &EhloAnswer) -> Option<u64> {
    let size = |keyword: &&Keyword| keyword.name == "SIZE";
    ehlo.keywords.iter().find(size)?.params.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_found_in_its_sample_and_in_no_other_products() {
        for one in SIGNATURES {
            assert!(!one.source.is_empty());
            for other in SIGNATURES {
                let same = one.product == other.product;
                let found = one.part == other.part && one.matches(other.sample);
                assert!(!found || same, "{} in {}", one.text, other.sample);
            }
            assert!(one.matches(one.sample), "{}", one.text);
        }
    }

    #[test]
    fn ordinary_greetings_name_nobody() {
        for line in [
            "220 mx.example.net ESMTP Postfix",
            "220 webshield.example.net ESMTP",
            "220 avast.example.net ESMTP ready",
            "220 mx.google.com ESMTP a1-2002 - gsmtp",
            "500 5.5.1 Unsupported command",
        ] {
            assert!(!SIGNATURES.iter().any(|one| one.matches(line)), "{line}");
        }
    }

    fn answer(keywords: &str) -> EhloAnswer {
        let keyword = |word: &str| crate::smtp::ehlo::keyword(word);
        EhloAnswer {
            code: 250,
            verb: HelloVerb::Ehlo,
            greeting: Some("mx".into()),
            keywords: keywords.split(", ").filter_map(keyword).collect(),
            masked: Vec::new(),
            client_address_seen: None,
            refused_with: None,
        }
    }

    /// The first product that fits: other view, this view.
    fn product(other: &str, here: &str) -> Option<&'static str> {
        let (other, here) = (answer(other), answer(here));
        let fits = |one: &&Remover| one.removed(&here, &other).is_some();
        REMOVERS.iter().find(fits).map(|one| one.product)
    }

    #[test]
    fn sets_name_products() {
        let exchange = "SIZE 37748736, PIPELINING, DSN, STARTTLS, 8BITMIME, BINARYMIME, CHUNKING";
        let cases = [
            ("SIZE 37748736, DSN, 8BITMIME", Some("F-Secure Internet Gatekeeper")),
            // Larger than F-Secure lets through.
            ("SIZE 2000000001, DSN, 8BITMIME", Some("D-Link DFL (NetDefendOS)")),
            ("SIZE 37748736, PIPELINING, STARTTLS, 8BITMIME", Some("Zorp")),
            ("SIZE 37748736, STARTTLS, DSN, 8BITMIME", Some("D-Link DFL (NetDefendOS)")),
            ("SIZE 37748736, PIPELINING, DSN, 8BITMIME, BINARYMIME, CHUNKING", None),
            (exchange, None),
            ("SIZE 37748736, DSN, 8BITMIME, XNEW", None),
        ];
        for (here, expected) in cases {
            assert_eq!(product(exchange, here), expected, "{here}");
        }
    }

    #[test]
    fn one_missing_keyword_is_no_set() {
        assert_eq!(product("SIZE, STARTTLS, 8BITMIME", "SIZE, 8BITMIME"), None);
    }
}
