use super::postconf::parameters;
use super::*;
use crate::model::egress::{
    DestinationView, EGRESS_SCHEMA, EgressReport, EhloName, Source, SpfEvaluation, SystemResolver,
};
use crate::model::route::{Dnssec, LookupError, PointerAnswer, PointerName};

mod postfix;

const IPV4: &str = "192.0.2.1";
const IPV6: &str = "2001:db8::1";

/// What a destination shows where all is well.
fn intact(target: &str) -> DestinationView {
    DestinationView {
        target: target.to_owned(),
        status: Status::Intact,
        confidence: None,
        summary: "all is well".to_owned(),
        because: None,
        addresses: 1,
        reached: 1,
        offered: Some(true),
        tls: vec!["TLSv1.3 X25519".to_owned()],
        client_address_seen: Vec::new(),
        postfix: Vec::new(),
        observations: Vec::new(),
    }
}

fn silent(target: &str) -> DestinationView {
    let (status, because) = (Status::Unreachable, Some("connect-timeout".to_owned()));
    DestinationView { status, because, reached: 0, offered: None, ..intact(target) }
}

fn unoffered(target: &str) -> DestinationView {
    DestinationView { status: Status::NotOffered, offered: Some(false), ..intact(target) }
}

fn names(names: &[(&str, Option<bool>)]) -> PointerAnswer {
    let names = names
        .iter()
        .map(|(name, confirmed)| PointerName { name: (*name).to_owned(), confirmed: *confirmed });
    PointerAnswer { dnssec: Dnssec::Insecure, error: None, names: names.collect() }
}

fn failed(error: LookupError) -> PointerAnswer {
    PointerAnswer { error: Some(error), ..names(&[]) }
}

/// A source that has nothing wrong.
fn source(ip: &str) -> Source {
    let ip: IpAddr = ip.parse().unwrap();
    Source {
        ip,
        family: Family::of(ip),
        preferred: true,
        used: true,
        temporary: Some(false),
        routed: true,
        public: Some(ip),
        destinations: vec![intact("a.example"), intact("b.example")],
        reverse: Some(names(&[("mail.example.net", Some(true))])),
        ehlo: Some(EhloName {
            name: "mail.example.net".to_owned(),
            addresses: vec![ip],
            resolves: Some(true),
        }),
        further_ehlo: Vec::new(),
        spf: None,
        spf_unknown: None,
    }
}

fn report(sources: Vec<Source>) -> EgressReport {
    EgressReport {
        schema: EGRESS_SCHEMA.to_owned(),
        tool: "mxray".to_owned(),
        started_at: "2026-11-22T05:00:00Z".parse().unwrap(),
        duration_ms: 1,
        interrupted: false,
        controls: Vec::new(),
        not_asked: None,
        sources,
        postfix: Vec::new(),
        postfix_error: None,
        resolver: None,
        not_read: Vec::new(),
        findings: Vec::new(),
    }
}

fn postfix(main: &str) -> Configuration {
    let sound = "smtp_tls_security_level = may\n";
    let effective = parameters(&format!("{sound}{main}"));
    Configuration { effective, ..Configuration::default() }
}

fn found(sources: Vec<Source>) -> Vec<(String, Severity)> {
    let found = findings(&report(sources), &[], &[]).into_iter();
    found.map(|finding| (finding.id, finding.severity)).collect()
}

fn only(change: impl FnOnce(&mut Source)) -> (String, Severity) {
    let mut source = source(IPV6);
    change(&mut source);
    let mut found = found(vec![source]);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn expect(id: &str, severity: Severity, change: impl FnOnce(&mut Source)) {
    assert_eq!(only(change), (id.to_owned(), severity));
}

#[test]
fn a_sound_source_has_no_finding() {
    let sources = vec![source(IPV4), source(IPV6)];
    assert_eq!(found(sources.clone()), []);
    assert!(!is_undetermined(&report(sources)));
}

#[test]
fn ipv6_without_reverse_dns_is_named() {
    use Severity::{Critical, Warning};
    expect("no-reverse-dns", Critical, |one| one.reverse = Some(failed(LookupError::Nxdomain)));
    expect("no-reverse-dns", Warning, |one| {
        (one.reverse, one.used) = (Some(names(&[])), false);
    });
    let liar = || Some(names(&[("liar.example", Some(false))]));
    expect("reverse-dns-unconfirmed", Critical, |one| one.reverse = liar());
    let many = |second| Some(names(&[("a.example", Some(true)), ("b.example", second)]));
    let two = source(IPV6);
    assert_eq!(found(vec![Source { reverse: many(Some(true)), ..two }]), []);
    expect("several-reverse-names", Warning, |one| one.reverse = many(Some(false)));
}

#[test]
fn what_dns_did_not_tell_is_no_fault_and_not_determined() {
    let mut silent = source(IPV4);
    silent.reverse = Some(failed(LookupError::Timeout));
    silent.ehlo.as_mut().unwrap().resolves = None;
    silent.spf = Some(policy(SpfResult::Temperror));
    assert_eq!(found(vec![silent.clone()]), []);
    assert!(is_undetermined(&report(vec![silent])));
    let mut unsaid = source(IPV4);
    unsaid.spf_unknown = Some("the EHLO name is not known".to_owned());
    assert_eq!(found(vec![unsaid.clone()]), []);
    assert!(is_undetermined(&report(vec![unsaid])));
    let mut unconfirmed = source(IPV4);
    unconfirmed.reverse = Some(names(&[("mail.example.net", None)]));
    assert_eq!(found(vec![unconfirmed]), []);
}

fn policy(result: SpfResult) -> SpfEvaluation {
    SpfEvaluation {
        domain: "example.net".to_owned(),
        ip: IPV6.parse().unwrap(),
        result,
        decided_by: Vec::new(),
        lookups: 0,
        problem: None,
    }
}

#[test]
fn each_result_of_spf_has_its_finding() {
    use Severity::{Critical, Warning};
    for (result, id, severity) in [
        (SpfResult::Fail, "spf-fail", Critical),
        (SpfResult::Permerror, "spf-permerror", Critical),
        (SpfResult::Softfail, "spf-softfail", Warning),
        (SpfResult::Neutral, "spf-neutral", Warning),
        (SpfResult::None, "spf-none", Warning),
    ] {
        expect(id, severity, |one| one.spf = Some(policy(result)));
    }
}

#[test]
fn one_silent_destination_is_no_closed_port() {
    use Severity::{Critical, Warning};
    let views = |names: &[&str]| names.iter().map(|name| silent(name)).collect::<Vec<_>>();
    expect("port-25-closed", Critical, |one| one.destinations = views(&["a.example", "b.example"]));
    expect("port-25-closed", Warning, |one| one.destinations = views(&["a.example"]));
    let same_operator = views(&["mx1.a.example", "mx2.a.example"]);
    expect("port-25-closed", Warning, |one| one.destinations = same_operator);
    let mut half = source(IPV4);
    half.destinations = vec![silent("a.example"), intact("b.example")];
    assert_eq!(found(vec![half]), []);
    let mut ours = source(IPV4);
    ours.destinations = views(&["a.example", "b.example"]);
    for view in &mut ours.destinations {
        view.because = Some("local-error".to_owned());
    }
    assert_eq!(found(vec![ours.clone()]), [], "a fault of this machine's own is no closed port");
    assert!(is_undetermined(&report(vec![ours])));
}

#[test]
fn a_missing_offer_is_grave_where_others_have_it() {
    use Severity::{Critical, Warning};
    let id = "starttls-not-offered";
    expect(id, Warning, |one| one.destinations = vec![unoffered("a.example")]);
    expect(id, Warning, |one| {
        one.destinations = vec![unoffered("a.example"), intact("b.example")];
    });
    expect(id, Critical, |one| {
        one.destinations = vec![unoffered("a.example"), unoffered("b.example")];
    });
    // One destination that differs by source may treat its clients so.
    let mut lost = source(IPV4);
    lost.destinations = vec![unoffered("a.example"), intact("b.example")];
    assert_eq!(found(vec![lost, source(IPV6)]), [(id.to_owned(), Warning)]);
}

#[test]
fn a_verdict_on_the_path_is_grave_where_it_is_sure() {
    use crate::model::verdict::Confidence;
    use Severity::{Critical, Warning};
    let stripped = |confidence| DestinationView {
        status: Status::Stripped,
        confidence: Some(confidence),
        offered: Some(false),
        ..intact("a.example")
    };
    let with = |confidence| vec![stripped(confidence), stripped(Confidence::Suspected)];
    expect("starttls-stripped", Warning, |one| one.destinations = with(Confidence::Suspected));
    expect("starttls-stripped", Critical, |one| one.destinations = with(Confidence::Proven));
}

#[test]
fn an_address_behind_nat_is_known_by_what_destinations_see() {
    let mut natted = source("10.0.0.5");
    natted.destinations[0].client_address_seen = vec!["198.51.100.7".to_owned()];
    assert_eq!(address_seen(&natted), "198.51.100.7".parse().ok());
    natted.destinations[1].client_address_seen = vec!["198.51.100.8".to_owned()];
    assert_eq!(address_seen(&natted), None, "two answers are none");
    natted.destinations[1].client_address_seen = vec!["garbage".to_owned()];
    natted.public = address_seen(&natted);
    assert_eq!(found(vec![natted.clone()]), [("behind-nat".to_owned(), Severity::Notice)]);
    (natted.public, natted.reverse, natted.ehlo) = (None, None, None);
    let unknown = vec![("public-address-unknown".to_owned(), Severity::Notice)];
    assert_eq!(found(vec![natted.clone()]), unknown);
    assert!(is_undetermined(&report(vec![natted])));
}

#[test]
fn what_the_user_says_of_nat_is_held_against_what_destinations_see() {
    let mut natted = Source { public: "203.0.113.7".parse().ok(), ..source("10.0.0.5") };
    assert_eq!(found(vec![natted.clone()]), [("behind-nat".to_owned(), Severity::Notice)]);
    natted.destinations[0].client_address_seen = vec!["198.51.100.7".to_owned()];
    let differs = ("public-address-differs".to_owned(), Severity::Warning);
    assert_eq!(found(vec![natted]), [differs]);
    let unasked = Source { public: None, destinations: Vec::new(), ..source("10.0.0.5") };
    let unknown = ("public-address-unknown".to_owned(), Severity::Notice);
    assert_eq!(found(vec![unasked]), [unknown], "also where no destination was asked");
}

#[test]
fn behind_a_relay_the_way_to_it_counts_and_names_do_not() {
    let mut report = report(vec![source(IPV4)]);
    let configuration = postfix("relayhost = [relay.example.net]");
    report.postfix = vec![configuration.describe()];
    let found = |report: &EgressReport| -> Vec<(String, Severity)> {
        let found = findings(report, std::slice::from_ref(&configuration), &[]).into_iter();
        found.map(|one| (one.id, one.severity)).collect()
    };
    let relay = ("relayhost-set".to_owned(), Severity::Notice);
    assert_eq!(found(&report), std::slice::from_ref(&relay));
    report.sources[0].reverse = Some(names(&[]));
    let nameless = ("no-reverse-dns".to_owned(), Severity::Notice);
    assert_eq!(found(&report), [relay.clone(), nameless.clone()]);
    report.sources[0].destinations = vec![silent("[relay.example.net]")];
    let unreached = ("relay-unreachable".to_owned(), Severity::Critical);
    assert_eq!(found(&report), [relay, unreached, nameless]);
}

#[test]
fn an_address_is_held_against_the_names_of_what_sends_by_it() {
    let services = postconf::services(
        "smtp unix - - n - - smtp\n\
         bulk unix - - n - - smtp -o smtp_bind_address=192.0.2.2 -o smtp_helo_name=bulk.example",
    );
    let both = [Configuration { services, ..postfix("smtp_helo_name = mail.example") }];
    let names = |ip: &str, preferred| greetings(&both, ip.parse().unwrap(), preferred);
    assert_eq!(names("192.0.2.1", true), ["mail.example"]);
    assert_eq!(names("192.0.2.2", false), ["bulk.example"]);
    assert_eq!(names("192.0.2.3", false), [""; 0], "no mail leaves by it");
    assert_eq!(names("2001:db8::1", true), ["mail.example", "bulk.example"], "neither is bound");
}

#[test]
fn each_name_that_does_not_lead_to_the_address_is_named() {
    let other =
        EhloName { name: "bulk.example".to_owned(), addresses: Vec::new(), resolves: Some(false) };
    expect("ehlo-name-mismatch", Severity::Warning, |one| one.further_ehlo = vec![other]);
}

/// Hosts without IPv6 see the address of the NAT64.
#[test]
fn a_source_that_is_seen_as_ipv4_is_behind_a_nat64() {
    let seen = |ip: &str, words: &str| {
        let mut one = source(ip);
        one.destinations[1].client_address_seen = vec![words.to_owned()];
        found(vec![one])
    };
    assert_eq!(seen(IPV6, "192.0.2.64"), [("behind-nat64".to_owned(), Severity::Notice)]);
    for (ip, words) in [(IPV6, IPV6), (IPV6, "10.0.0.1"), (IPV6, "you"), (IPV4, IPV4)] {
        assert_eq!(seen(ip, words), [], "{ip} seen as {words}");
    }
}

/// Nobody can publish such a name.
#[test]
fn a_name_that_is_not_in_dns_is_set_to_one_that_is() {
    let told = |name: &str, main: &str, pointer: Option<PointerAnswer>| {
        let ehlo = EhloName { name: name.to_owned(), addresses: vec![], resolves: Some(false) };
        let one = Source { ehlo: Some(ehlo), reverse: pointer, ..source(IPV4) };
        let mut report = report(vec![one]);
        report.postfix = vec![postfix(main).describe()];
        let found = findings(&report, &[], &[]);
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(only.id, "ehlo-name-mismatch");
        (only.explanation.clone(), only.remedy.clone().unwrap())
    };
    let of_postfix = "Set Postfix's myhostname, or its smtp_helo_name, to ";
    for (name, what) in [
        ("vm.localdomain", "no name that other hosts can look up"),
        ("VM.Local", "no name that other hosts can look up"),
        ("localhost", "no name that other hosts can look up"),
        ("box", "a bare word"),
        ("[192.0.2.9]", "an address literal of another address"),
    ] {
        let main = format!("smtp_helo_name = {name}");
        let pointer = Some(names(&[("mail.example.net", Some(true))]));
        let (text, remedy) = told(name, &main, pointer);
        assert!(text.contains(&format!("{name} is {what}")), "{text}");
        assert_eq!(remedy, format!("{of_postfix}mail.example.net, which the reverse DNS has"));
        let (_, remedy) = told(name, &main, None);
        assert_eq!(remedy, format!("{of_postfix}a name in DNS that leads to {IPV4}"));
        let (_, remedy) = told(name, "smtp_helo_name = mail.example.net", None);
        assert!(remedy.contains("--ehlo NAME"), "not Postfix's: {remedy}");
    }
    for name in ["mail.example.net", "mylocalhost.example", "notlocal.example"] {
        assert!(told(name, "", None).1.starts_with(&format!("Have {name} lead to ")), "{name}");
    }
}

#[test]
fn what_is_not_offered_waits_where_the_level_demands_it() {
    let view = DestinationView { postfix: vec!["deferred".to_owned()], ..unoffered("a.example") };
    let kept = Source { destinations: vec![view], ..source(IPV4) };
    let clear = Source { destinations: vec![unoffered("a.example")], ..source(IPV4) };
    for (source, words) in [(kept, "waits in Postfix's queue"), (clear, "goes in clear text")] {
        let found = findings(&report(vec![source]), &[], &[]);
        assert!(found[0].explanation.ends_with(words), "{found:?}");
    }
}

/// What cannot be asked is not replaced by a provider that no mail goes to.
#[test]
fn a_relay_that_is_not_asked_is_not_called_unreachable() {
    let configuration = postfix(
        "relayhost = [relay.example.net]:465\nsmtp_tls_wrappermode = yes\n\
        smtp_tls_security_level = encrypt",
    );
    let closed = Source { destinations: vec![silent("a.example")], ..source(IPV4) };
    let mut report = report(vec![closed]);
    report.postfix = vec![configuration.describe()];
    let found = findings(&report, &[configuration], &[]).into_iter().map(|one| one.id);
    assert_eq!(found.collect::<Vec<_>>(), ["relayhost-set"]);
}
