//! Views of one place, and of one machine.

use super::*;

/// What a vantage point meets, and its own address; then the same of a second one.
fn both_from(shown: &[(&str, &[&str])], [one, other]: [&str; 2]) -> Evidence {
    let mut evidence = pair(shown, shown);
    for seen in &mut evidence.observations {
        let source = if seen.probe.vantage == "local" { one } else { other };
        set_source(seen, source);
    }
    evidence
}

#[test]
fn two_views_of_one_network_place_nothing_near_the_destination() {
    let bare: &[(&str, &[&str])] = &[(V4, BAD), (V6, GOOD)];
    let hidden: &[(&str, &[&str])] = &[(V4, HIDES)];
    let apart = [["198.51.100.10", "192.0.2.7"], ["10.1.2.3", "192.0.2.7"]];
    for sources in apart {
        let place = Some(Place::NearDestination);
        assert_eq!(claims(&both_from(bare, sources)), (Status::Inconsistent, SUSPECTED, place));
        assert_eq!(claims(&both_from(hidden, sources)).2, place, "{sources:?}");
    }
    // One machine twice, two of one network, or two behind what may be one translation.
    let together =
        [["198.51.100.10"; 2], ["198.51.100.10", "198.51.100.77"], ["192.168.1.7", "172.17.0.2"]];
    for sources in together {
        let report = judged(&both_from(bare, sources), &[]);
        let place = Some(Place::FamilyPath);
        assert_eq!(claim(&report), (Status::Stripped, SUSPECTED, place), "{sources:?}");
        let found = ids(&report);
        assert!(found.contains(&"starttls-lost-on-family"), "{found:?}");
        let summary = &report.verdict.summary;
        assert!(!summary.contains("no path"), "{summary}");
        assert!(summary.contains("from another network"), "{summary}");
        assert_eq!(claims(&both_from(hidden, sources)).2, None, "{sources:?}");
    }
    // A server says whom it sees behind the translation.
    let echoes = |address: &str| HIDES.join("").replacen("S: 250-mx\n", &echo(address), 1);
    let (one, other) = (echoes("198.51.100.10"), echoes("192.0.2.7"));
    let told = |second: &str| {
        let mut all = twice("local", &[(V4, &[&one])]);
        all.extend(twice("berlin", &[(V4, &[second])]));
        let mut evidence = from(all);
        evidence.observations.iter_mut().for_each(|seen| set_source(seen, "192.168.1.7"));
        claims(&evidence).2
    };
    assert_eq!(told(&one), None);
    assert_eq!(told(&other), Some(Place::NearDestination));
}

fn echo(address: &str) -> String {
    format!("S: 250-mx at your service, [{address}]\n")
}

/// The same, every view being of one machine: saved reports of its own.
fn by_one_machine(mut evidence: Evidence) -> Evidence {
    for observation in &mut evidence.observations {
        connect_from(observation, [192, 168, 1, 10]);
    }
    evidence
}

#[test]
fn what_one_machine_sees_again_and_again_is_not_near_the_destination() {
    let overwritten: &[(&str, &[&str])] = &[(V4, &[HIDDEN, OVERWRITTEN])];
    let listener: &[(&str, &[&str])] = &[(V4, BAD), (V6, GOOD)];
    for shown in [overwritten, listener, &[(V4, HIDES)]] {
        let alone = judged(&from(twice("monday", shown)), &[]);
        let mut days = twice("monday", shown);
        days.extend(twice("tuesday", shown));
        days.extend(twice("friday", shown));
        let report = judged(&by_one_machine(from(&days)), &[]);
        assert_eq!(claim(&report), claim(&alone));
        assert_ne!(report.verdict.place, Some(Place::NearDestination));
        let words = &report.verdict.summary;
        assert!(!words.contains("inside the destination's network"), "{words}");
        let apart = judged(&from(days), &[]);
        assert_eq!(apart.verdict.place, Some(Place::NearDestination), "three machines");
    }
}

#[test]
fn a_private_address_is_no_machine_where_servers_saw_two_behind_it() {
    let greets = |seen: &str| {
        let greeting = format!("S: 250-mx at your service, [{seen}]\n");
        HIDDEN.replacen("S: 250-mx\n", &greeting, 1)
    };
    let (home, office) = (greets("203.0.113.77"), greets("192.0.2.88"));
    let seen = |ours: &str, theirs: &str| {
        let evidence = pair(&[(V4, &[ours, OVERWRITTEN])], &[(V4, &[theirs, OVERWRITTEN])]);
        judged(&by_one_machine(evidence), &[]).verdict.place
    };
    assert_eq!(seen(&home, &office), Some(Place::NearDestination));
    assert_eq!(seen(&home, &home), None);
    assert_eq!(seen(&home, HIDDEN), None);
}

#[test]
fn a_server_mended_between_two_reports_of_one_machine_is_no_more_than_a_suspicion() {
    let minutes = jiff::SignedDuration::from_mins(10);
    for (before, after, words) in [
        (BAD, GOOD, "STARTTLS was switched on meanwhile"),
        (GOOD, BAD, "STARTTLS was switched off or broke meanwhile"),
    ] {
        let mut all = twice("before", &[(V4, before), (V6, before)]);
        all.extend(twice("after", &[(V4, after), (V6, after)]));
        let mut evidence = by_one_machine(from(all));
        for seen in evidence.observations.iter_mut().filter(|it| it.probe.vantage == "after") {
            seen.started_at += minutes;
        }
        let report = judged(&evidence, &[]);
        assert_eq!(claim(&report), (Status::Stripped, SUSPECTED, None));
        let found = finding(&report, "starttls-lost-at-view");
        assert!(found.alternatives.iter().any(|one| one == words), "{found:?}");
        assert!(report.verdict.summary.contains("one machine"), "{}", report.verdict.summary);
    }
}
