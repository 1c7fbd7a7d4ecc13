//! Greetings of many servers: each must be read, and none that is no mask may
//! raise a finding of stripping.
//!
//! Reads every file of `testdata/corpus/`, and of the folder that `MXRAY_CORPUS`
//! names: fingerprint files in the form of rapid7/recog (`smtp_banners.xml`,
//! BSD-2-Clause), whose examples are greetings without their code.
#![expect(clippy::unwrap_used, reason = "a corpus that cannot be read fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::observation::Observation;
use mxray::model::policy::PolicyEvidence;
use mxray::model::probe::{ClientHello, LOCAL, Limits, Mode, Probe, Role};
use mxray::model::report::{Families, FamilyUse, TargetReport};
use mxray::model::route::Route;
use mxray::model::target::Target;
use mxray::model::transcript::{Event, EventKind, Transcript};
use mxray::model::verdict::Status;
use mxray::smtp::mask;
use mxray::tls::Roots;
use quick_xml::Reader;
use quick_xml::events::Event as Xml;

/// Fewer examples than this and the corpus has lost its files.
const FEWEST: usize = 12;

const TARGET: &str = "192.0.2.1";

/// The examples of a fingerprint file, as the bytes behind the code.
fn examples(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(path).unwrap();
    let mut reader = Reader::from_str(&text);
    let (mut found, mut current): (Vec<Vec<u8>>, Option<(bool, String)>) = (Vec::new(), None);
    loop {
        match reader.read_event().unwrap() {
            Xml::Start(tag) if tag.name().as_ref() == b"example" => {
                let encoded = tag.try_get_attribute("_encoding").unwrap().is_some();
                current = Some((encoded, String::new()));
            }
            Xml::Text(part) => {
                if let Some((_, text)) = &mut current {
                    text.push_str(&part.decode().unwrap());
                }
            }
            Xml::GeneralRef(name) => {
                if let Some((_, text)) = &mut current {
                    text.push_str(&entity(&name.decode().unwrap()));
                }
            }
            Xml::CData(part) => {
                if let Some((_, text)) = &mut current {
                    text.push_str(&part.decode().unwrap());
                }
            }
            Xml::End(tag) if tag.name().as_ref() == b"example" => {
                found.extend(current.take().map(octets));
            }
            Xml::Eof => return found,
            _ => {}
        }
    }
}

fn entity(name: &str) -> String {
    quick_xml::escape::unescape(&format!("&{name};")).unwrap().into_owned()
}

fn octets((encoded, text): (bool, String)) -> Vec<u8> {
    if !encoded {
        return text.into_bytes();
    }
    let text: String = text.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn files() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/corpus");
    let more = std::env::var_os("MXRAY_CORPUS").map(PathBuf::from);
    let folders = [own].into_iter().chain(more);
    let entries = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "xml"));
    files.sort();
    files
}

/// A session behind this greeting, with a server that has no STARTTLS or that
/// answers nothing after its offer.
fn session(greeting: &[u8], offers: bool) -> Transcript {
    let mut first = b"220 ".to_vec();
    for line in greeting.split(|byte| *byte == b'\n') {
        // An example of several lines is several lines of one reply.
        if first.len() > 4 {
            first = [b"220-", first.get(4..).unwrap(), b"\r\n220 "].concat();
        }
        first.extend(line.iter().filter(|byte| **byte != b'\r'));
    }
    first.extend(b"\r\n");
    let ehlo: &[u8] = if offers {
        b"250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
    } else {
        b"250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 8BITMIME\r\n"
    };
    let kinds = [
        EventKind::Connected { local: None },
        EventKind::Received(first),
        EventKind::Sent(b"EHLO probe.example.org\r\n".to_vec()),
        EventKind::Received(ehlo.to_vec()),
        EventKind::Sent(b"STARTTLS\r\n".to_vec()),
        EventKind::Received(b"502 5.5.1 Error: command not implemented\r\n".to_vec()),
    ];
    let events = kinds.into_iter().enumerate();
    let events = events.map(|(place, kind)| Event { at_us: place as u64 * 1000, kind });
    Transcript { events: events.collect() }
}

fn judged(transcript: Transcript) -> TargetReport {
    let target: Target = TARGET.parse().unwrap();
    let patience = std::time::Duration::from_secs(30);
    let probe = Probe {
        vantage: LOCAL.to_owned(),
        source: None,
        target: target.name(),
        host: TARGET.to_owned(),
        ip: TARGET.parse().unwrap(),
        port: 25,
        ehlo_name: Some("probe.example.org".to_owned()),
        mode: Mode::Starttls,
        client_hello: ClientHello::Default,
        offer: None,
        sni: None,
        repeat: 0,
        role: Role::Target,
        limits: Limits { session: patience, greeting: patience },
    };
    let started_at = "2026-11-21T23:00:00Z".parse().unwrap();
    let observation = Observation { id: "o1".to_owned(), probe, started_at, transcript };
    let evidence = Evidence {
        routes: vec![Route::of_address(&target, LOCAL).unwrap()],
        target,
        policies: PolicyEvidence::default(),
        observations: vec![observation],
        role: Role::Target,
        families: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::NotAsked },
        elsewhere: BTreeMap::new(),
        mirror: None,
    };
    judge::judge(&evidence, &[], Context { roots: &Roots::webpki(), verify_name: None })
}

#[test]
fn no_greeting_alone_says_that_starttls_was_stripped() {
    let mut read = 0;
    let mut masks = 0;
    for path in files() {
        for greeting in examples(&path) {
            let shown = String::from_utf8_lossy(&greeting).into_owned();
            let report = judged(session(&greeting, false));
            let session = report.observations.first().unwrap();
            let seen = session.greeting.as_ref();
            assert!(seen.is_some_and(|seen| seen.code == 220), "{shown}");
            assert_eq!(session.starttls.offered, Some(false), "{shown}");
            let is_mask = seen.is_some_and(|seen| seen.masked);
            let line = greeting.split(|byte| *byte == b'\n').next().unwrap_or_default();
            assert_eq!(is_mask, mask::masks_banner(line), "{shown}");
            masks += usize::from(is_mask);
            // A mask says that somebody inspects, and no more.
            assert_eq!(report.verdict.status, Status::NotOffered, "{shown}");
            let raised = |finding: &&mxray::model::finding::Finding| finding.confidence.is_some();
            let suspicion = report.findings.iter().find(raised);
            assert!(is_mask || suspicion.is_none(), "{shown}: {suspicion:?}");
            let offered = judged(self::session(&greeting, true));
            assert_eq!(offered.observations[0].starttls.offered, Some(true), "{shown}");
            read += 1;
        }
    }
    assert!(read >= FEWEST, "only {read} examples");
    assert!(masks >= 2, "{masks} masks among {read} greetings");
}
