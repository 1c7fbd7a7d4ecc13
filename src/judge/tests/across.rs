//! What several views of one target say together.

mod dns;
mod whereabouts;

use super::*;
use crate::judge::suspicion;
use crate::model::finding::Finding;
use crate::model::route::AddressAnswer;

const HOST: &str = "mx1.example.net";
/// Where the first, the second and the third vantage point look from.
const SOURCES: [&str; 3] = ["198.51.100.10", "192.0.2.130", "203.0.113.200"];
const GOOD: &[&str] = &[OFFERED, SECURED];
const BAD: &[&str] = &[HIDDEN, REFUSED];
const HIDES: &[&str] = &[HIDDEN, ACCEPTED, SECURED];
const GONE: &[&str] = &[NO_CONNECTION];

/// What a vantage point sees at the addresses, as often as said.
fn twice(vantage: &str, shown: &[(&str, &[&str])]) -> Vec<(String, Seen)> {
    times(2, vantage, shown)
}

fn times(count: usize, vantage: &str, shown: &[(&str, &[&str])]) -> Vec<(String, Seen)> {
    let once = || shown.iter().map(|(ip, parts)| (vantage.to_owned(), seen(HOST, ip, parts)));
    (0..count).flat_map(|_| once()).collect()
}

/// The evidence of several vantage points, each with a route of its own.
fn from(all: impl AsRef<[(String, Seen)]>) -> Evidence {
    from_named("example.net", HOST, all.as_ref())
}

fn from_named(name: &str, host: &'static str, all: &[(String, Seen)]) -> Evidence {
    let mut vantages: Vec<String> = all.iter().map(|(vantage, _)| vantage.clone()).collect();
    vantages.dedup();
    let looks: Vec<Seen> = all.iter().map(|(_, it)| Seen { host, ..copy(it) }).collect();
    let mut evidence = evidence(name, route(vec![exchange(host, &looks)]), &looks, BOTH);
    for (observation, (vantage, _)) in evidence.observations.iter_mut().zip(all) {
        observation.probe.vantage.clone_from(vantage);
        let place = vantages.iter().position(|one| one == vantage).unwrap();
        set_source(observation, SOURCES[place]);
    }
    let route = evidence.routes.remove(0);
    let told = |vantage: &String| Route { vantage: vantage.clone(), ..route.clone() };
    evidence.routes = vantages.iter().map(told).collect();
    evidence
}

fn copy(seen: &Seen) -> Seen {
    Seen { host: seen.host, ip: seen.ip, text: seen.text.clone(), hello: seen.hello }
}

fn pair(local: &[(&str, &[&str])], berlin: &[(&str, &[&str])]) -> Evidence {
    let mut all = twice("local", local);
    all.extend(twice("berlin", berlin));
    from(all)
}

fn claim(report: &TargetReport) -> (Status, Option<Confidence>, Option<Place>) {
    (report.verdict.status, report.verdict.confidence, report.verdict.place)
}

fn claims(evidence: &Evidence) -> (Status, Option<Confidence>, Option<Place>) {
    claim(&judged(evidence, &[]))
}

fn finding<'a>(report: &'a TargetReport, id: &str) -> &'a Finding {
    let found = report.findings.iter().find(|finding| finding.id == id);
    found.unwrap_or_else(|| panic!("{id} is not among {:?}", ids(report)))
}

const SUSPECTED: Option<Confidence> = Some(Confidence::Suspected);
const CORROBORATED: Option<Confidence> = Some(Confidence::Corroborated);

#[test]
fn a_path_stripped_over_both_families_is_not_offered_from_one_view_and_stripped_from_two() {
    let alone = from(twice("local", &[(V4, BAD), (V6, BAD)]));
    assert_eq!(claims(&alone), (Status::NotOffered, None, None));
    let report = judged(&pair(&[(V4, BAD), (V6, BAD)], &[(V4, GOOD), (V6, GOOD)]), &[]);
    assert_eq!(claim(&report), (Status::Stripped, CORROBORATED, None));
    assert_eq!(report.verdict.because.as_deref(), Some("seen-elsewhere"));
    assert_eq!((report.verdict.reached, report.verdict.addresses), (2, 2));
    let found = finding(&report, "starttls-lost-at-view");
    assert_eq!(found.evidence, ["o1", "o3", "o5", "o7"], "the worse view first");
    assert!(found.alternatives.iter().any(|one| one.contains("policy")), "{found:?}");
    assert_eq!(found.severity, Severity::Critical);
    let words = &report.verdict.summary;
    assert!(words.contains("from local") && words.contains("from berlin"), "{words}");
    let views = report.views.as_ref().unwrap();
    let seen: Vec<_> = views.iter().map(|view| (&*view.vantage, view.verdict.status)).collect();
    assert_eq!(seen, [("local", Status::NotOffered), ("berlin", Status::Intact)]);
    assert!(views[0].sources.is_empty() && views[0].addresses.len() == 2);
    let plain = finding(&report, "starttls-not-offered");
    assert_eq!(plain.severity, Severity::Warning, "one view's fact");
    assert!(plain.explanation.starts_with("From local: "), "{}", plain.explanation);
    let everywhere = |one: &String| one.contains("from every view");
    assert!(!plain.alternatives.iter().any(everywhere), "another view has it: {plain:?}");
    let same = judged(&pair(&[(V4, BAD)], &[(V4, BAD)]), &[]);
    assert!(finding(&same, "starttls-not-offered").alternatives.iter().any(everywhere));
}

#[test]
fn one_session_a_side_is_a_suspicion_and_earns_a_second_look() {
    let mut all = times(1, "local", &[(V4, BAD), (V6, BAD)]);
    all.extend(times(1, "berlin", &[(V4, GOOD), (V6, GOOD)]));
    let evidence = from(all);
    assert_eq!(claims(&evidence), (Status::Stripped, SUSPECTED, None));
    assert!(suspicion(&evidence, &Roots::webpki()).is_some());
    // What flaps at the better view is no yardstick.
    let mut all = twice("local", &[(V4, BAD)]);
    all.extend(times(1, "berlin", &[(V4, GOOD)]));
    all.extend(times(1, "berlin", &[(V4, BAD)]));
    let (status, ..) = claims(&from(all));
    assert_eq!(status, Status::Inconclusive);
}

#[test]
fn a_family_lost_at_one_view_is_confirmed_by_another() {
    let alone = from(twice("local", &[(V4, BAD), (V6, GOOD)]));
    assert_eq!(claims(&alone), (Status::Stripped, SUSPECTED, Some(Place::FamilyPath)));
    let report = judged(&pair(&[(V4, BAD), (V6, GOOD)], &[(V4, GOOD), (V6, GOOD)]), &[]);
    assert_eq!(claim(&report), (Status::Stripped, CORROBORATED, Some(Place::FamilyPath)));
    let hosts = &report.hosts[0];
    assert_eq!(hosts.verdict.status, Status::Stripped);
    let at: Vec<_> = hosts.addresses.iter().map(|one| one.verdict.status).collect();
    assert_eq!(at, [Status::Stripped, Status::Intact]);
}

#[test]
fn an_ipv4_listener_that_lacks_it_for_everybody_is_cleared_of_the_path() {
    let same: &[(&str, &[&str])] = &[(V4, BAD), (V6, GOOD)];
    let report = judged(&pair(same, same), &[]);
    let place = Some(Place::NearDestination);
    assert_eq!(claim(&report), (Status::Inconsistent, SUSPECTED, place));
    assert_eq!(report.verdict.because.as_deref(), Some("every-vantage"));
    assert!(report.verdict.summary.contains("destination's network"), "{}", report.verdict.summary);
    let found = ids(&report);
    assert!(found.contains(&"starttls-lost-everywhere"), "{found:?}");
    assert!(!found.contains(&"starttls-lost-on-family"), "{found:?}");
    // Over one family alone it is as bare to the other: enough.
    let half = pair(same, &[(V4, BAD), (V6, GONE)]);
    assert_eq!(claims(&half), (Status::Inconsistent, SUSPECTED, place));
    // Two of our own sources share the path near us.
    let mut sources = from(twice("local", &[(V4, BAD), (V6, GOOD), (V4, BAD), (V6, GOOD)]));
    for (place, seen) in sources.observations.iter_mut().enumerate() {
        let other = if place % 4 < 2 { "198.51.100.10" } else { "198.51.100.11" };
        set_source(seen, other);
    }
    let report = judged(&sources, &[]);
    assert_eq!(report.views.as_ref().unwrap().len(), 2);
    assert_eq!(claim(&report), (Status::Stripped, SUSPECTED, Some(Place::FamilyPath)));
}

fn set_source(observation: &mut Observation, ip: &str) {
    let ip: IpAddr = ip.parse().unwrap();
    observation.probe.source = Some(ip);
    connect_from(observation, ip);
}

fn connect_from(observation: &mut Observation, ip: impl Into<IpAddr>) {
    use crate::model::transcript::EventKind;
    let ip = ip.into();
    for event in &mut observation.transcript.events {
        if let EventKind::Connected { local } = &mut event.kind {
            *local = Some((ip, 40000).into());
        }
    }
}

#[test]
fn one_of_two_sources_is_treated_otherwise() {
    let all = twice("local", &[(V4, BAD), (V4, GOOD)]);
    let mut evidence = from(all);
    for (place, seen) in evidence.observations.iter_mut().enumerate() {
        set_source(seen, ["198.51.100.10", "198.51.100.11"][place % 2]);
    }
    let report = judged(&evidence, &[]);
    assert_eq!(claim(&report), (Status::Stripped, CORROBORATED, None));
    let words = &report.verdict.summary;
    assert!(words.contains("local (198.51.100.10)"), "{words}");
    let views = report.views.unwrap();
    assert_eq!(views[1].sources, ["198.51.100.11".parse::<IpAddr>().unwrap()]);
}

#[test]
fn what_a_machine_chooses_as_its_source_for_each_destination_makes_no_views() {
    let mut evidence = from(twice("local", &[(V4, GOOD), (V4B, GOOD)]));
    for (place, seen) in evidence.observations.iter_mut().enumerate() {
        set_source(seen, ["198.51.100.10", "198.51.100.11"][place % 2]);
    }
    assert_eq!(judged(&evidence, &[]).views, None);
}

#[test]
fn hidden_alike_for_everybody_lies_near_the_destination() {
    let alone = from(twice("local", &[(V4, HIDES)]));
    assert_eq!(claims(&alone), (Status::Stripped, SUSPECTED, None));
    assert_eq!(
        claims(&pair(&[(V4, HIDES)], &[(V4, HIDES)])),
        (Status::Stripped, SUSPECTED, Some(Place::NearDestination))
    );
    let overwritten: &[(&str, &[&str])] = &[(V4, &[HIDDEN, OVERWRITTEN])];
    let proven = (Status::Stripped, Some(Confidence::Proven), Some(Place::NearDestination));
    assert_eq!(claims(&pair(overwritten, overwritten)), proven);
}

#[test]
fn what_one_view_cannot_reach_is_no_fault_of_the_target() {
    for shut in [GONE, &["S: 554 no mail from you\n-- ended by-peer\n"]] {
        let report = judged(&pair(&[(V4, shut), (V6, shut)], &[(V4, GOOD), (V6, GOOD)]), &[]);
        assert_eq!(claim(&report), (Status::Intact, None, None));
        assert_eq!((report.verdict.reached, report.verdict.addresses), (2, 2));
        for found in &report.findings {
            assert_eq!(found.severity, Severity::Notice, "{found:?}");
            assert!(found.explanation.starts_with("From local: "), "{found:?}");
        }
    }
    // And where nobody reaches it, the word stays.
    let nobody = pair(&[(V4, GONE)], &[(V4, GONE)]);
    assert_eq!(claims(&nobody).0, Status::Unreachable);
}

#[test]
fn a_vantage_that_failed_contributes_nothing() {
    let one = from(twice("local", &[(V4, BAD), (V6, GOOD)]));
    let mut with_dead = one.clone();
    let route = with_dead.routes[0].clone();
    with_dead.routes.push(Route { vantage: "berlin".into(), ..route });
    let (alone, beside) = (judged(&one, &[]), judged(&with_dead, &[]));
    assert_eq!(alone.verdict, beside.verdict);
    assert_eq!(alone.findings, beside.findings);
    assert_eq!(beside.views, None);
}

#[test]
fn two_views_that_agree_change_nothing_and_identity_raises_nothing() {
    let cases: [&[(&str, &[&str])]; 5] = [
        &[(V4, GOOD), (V6, GOOD)],
        &[(V4, BAD), (V6, BAD)],
        &[(V4, GOOD), (V4B, BAD)],
        &[(V4, &[OFFERED_AND_ASKED, "S: 454 no key\n-- ended by-us\n"])],
        &[(V4, GONE)],
    ];
    for case in cases {
        let (alone, two) =
            (judged(&from(twice("local", case)), &[]), judged(&pair(case, case), &[]));
        let word = |report: &TargetReport| {
            let verdict = report.verdict.clone();
            (verdict.status, verdict.confidence, verdict.because, verdict.reached)
        };
        assert_eq!(word(&alone), word(&two));
        let kinds = |report: &TargetReport| -> Vec<(String, Severity, Option<Confidence>)> {
            let all = report.findings.iter();
            all.map(|one| (one.id.clone(), one.severity, one.confidence)).collect()
        };
        assert_eq!(kinds(&alone), kinds(&two));
        let part = |report: &TargetReport| report.hosts.clone();
        assert_eq!(part(&alone), part(&two));
    }
}

#[test]
fn confidence_never_rises_by_removing_an_observation() {
    let cases = [
        pair(&[(V4, BAD), (V6, BAD)], &[(V4, GOOD), (V6, GOOD)]),
        pair(&[(V4, BAD), (V6, GOOD)], &[(V4, GOOD), (V6, GOOD)]),
        pair(&[(V4, HIDES), (V6, GOOD)], &[(V4, GOOD), (V6, GOOD)]),
        pair(&[(V4, HIDES)], &[(V4, HIDES)]),
        pair(&[(V4, BAD), (V6, GOOD)], &[(V4, BAD), (V6, GOOD)]),
        pair(&[(V4, GOOD), (V6, GOOD)], &[(V4, GONE), (V6, BAD)]),
    ];
    for whole in cases {
        let before = judged(&whole, &[]).verdict.confidence;
        for place in 0..whole.observations.len() {
            let mut less = whole.clone();
            less.observations.remove(place);
            let after = judged(&less, &[]).verdict.confidence;
            assert!(after <= before, "without {place}: {after:?} over {before:?}");
        }
    }
}

/// A control at both vantage points, in the network of that number.
fn control(name: &str, host: &'static str, network: u8, shown: [&[&str]; 2]) -> Evidence {
    let ip = format!("198.51.{network}.1");
    let mut all = twice("local", &[(&ip, shown[0])]);
    all.extend(twice("berlin", &[(&ip, shown[1])]));
    Evidence { role: Role::Control, ..from_named(name, host, &all) }
}

#[test]
fn controls_lost_at_the_same_view_place_the_cause_there_and_clear_policy() {
    let google = control("gmail.com", "gmail-smtp-in.l.google.com", 1, [BAD, GOOD]);
    let yahoo = control("yahoo.com", "mta5.am0.yahoodns.net", 2, [BAD, GOOD]);
    let evidence = pair(&[(V4, BAD)], &[(V4, GOOD)]);
    let report = judged(&evidence, &[google, yahoo]);
    assert_eq!(claim(&report), (Status::Stripped, CORROBORATED, Some(Place::NearVantage)));
    let found = finding(&report, "starttls-lost-at-view");
    assert!(!found.alternatives.iter().any(|one| one.contains("policy")), "{found:?}");
    assert!(found.explanation.contains("gmail.com and yahoo.com"), "{}", found.explanation);
}

#[test]
fn clean_controls_leave_the_per_client_policy_as_the_innocent_alternative() {
    let google = control("gmail.com", "gmail-smtp-in.l.google.com", 1, [GOOD, GOOD]);
    let report = judged(&pair(&[(V4, BAD)], &[(V4, GOOD)]), &[google]);
    assert_eq!(claim(&report), (Status::Stripped, CORROBORATED, None));
    let found = finding(&report, "starttls-lost-at-view");
    assert!(found.alternatives[0].contains("by policy"), "{found:?}");
}

#[test]
fn a_box_near_one_vantage_is_not_blamed_for_what_the_destination_never_offered() {
    let google = control("gmail.com", "gmail-smtp-in.l.google.com", 1, [BAD, GOOD]);
    let yahoo = control("yahoo.com", "mta5.am0.yahoodns.net", 2, [BAD, GOOD]);
    let controls = [google, yahoo];
    let alone = judged(&from(twice("local", &[(V4, BAD)])), &controls);
    assert_eq!(claim(&alone), (Status::Stripped, CORROBORATED, Some(Place::NearVantage)));
    let two = judged(&pair(&[(V4, BAD)], &[(V4, BAD)]), &controls);
    assert_eq!(claim(&two), (Status::NotOffered, None, None));
    assert!(!ids(&two).contains(&"starttls-lost-near-vantage"), "{:?}", ids(&two));
}
