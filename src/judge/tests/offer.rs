//! What is offered, hidden, masked and overwritten, and what that may claim.

use super::*;

#[test]
fn all_addresses_secured_is_intact() {
    let report = report(&[
        seen("mx1.example.net", V4, &[OFFERED, SECURED]),
        seen("mx1.example.net", V6, &[OFFERED, SECURED]),
    ]);
    assert_eq!(report.verdict.status, Status::Intact);
    assert_eq!(report.verdict.confidence, None);
    assert_eq!((report.verdict.reached, report.verdict.addresses), (2, 2));
    assert!(report.contrasts[0].differences.is_empty(), "{:?}", report.contrasts);
}

#[test]
fn the_classic_is_suspected_from_one_vantage() {
    let report = report(&[
        seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
        seen("mx1.example.net", V6, &[OFFERED, SECURED]),
        seen("mx2.example.net", V4B, &[HIDDEN, REFUSED]),
        seen("mx2.example.net", V6B, &[OFFERED, SECURED]),
    ]);
    assert_eq!(report.verdict.status, Status::Stripped);
    assert_eq!(report.verdict.confidence, Some(Confidence::Suspected));
    assert_eq!(report.verdict.place, Some(Place::FamilyPath));
    let finding = &report.findings[0];
    assert_eq!(finding.id, "starttls-lost-on-family");
    assert_eq!(finding.evidence, ["o1", "o2", "o3", "o4"]);
    assert!(!finding.alternatives.is_empty());
    let contrast = &report.contrasts[0];
    assert!(contrast.differences.contains(&"starttls.offered".to_owned()));
    assert!(contrast.entailed.contains(&"ip".to_owned()));
}

#[test]
fn addresses_of_one_family_that_differ_are_inconsistent() {
    assert_eq!(
        verdict(&[
            seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
            seen("mx2.example.net", V4B, &[OFFERED, SECURED]),
            seen("mx2.example.net", V6, &[OFFERED, SECURED]),
        ]),
        (Status::Inconsistent, Some(Confidence::Suspected))
    );
}

#[test]
fn an_overwritten_command_is_proof() {
    assert_eq!(
        verdict(&[seen("mx1.example.net", V4, &[HIDDEN, OVERWRITTEN])]),
        (Status::Stripped, Some(Confidence::Proven))
    );
}

#[test]
fn a_cisco_mask_with_starttls_behind_it_is_proof() {
    let report = report(&[seen("mx1.example.net", V4, &[MASKED, ACCEPTED, SECURED])]);
    assert_eq!(report.verdict.status, Status::Stripped);
    assert_eq!(report.verdict.confidence, Some(Confidence::Proven));
    assert!(ids(&report).contains(&"banner-masked"));
}

#[test]
fn a_mask_in_starttls_s_place_is_a_suspicion() {
    assert_eq!(
        verdict(&[seen("mx1.example.net", V4, &[MASKED, REFUSED])]),
        (Status::Stripped, Some(Confidence::Suspected))
    );
}

#[test]
fn hidden_and_accepted_is_a_suspicion_without_repeats() {
    assert_eq!(
        verdict(&[seen("mx1.example.net", V4, &[HIDDEN, ACCEPTED, SECURED])]),
        (Status::Stripped, Some(Confidence::Suspected))
    );
}

#[test]
fn nobody_offers() {
    let report = report(&[
        seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
        seen("mx1.example.net", V6, &[HIDDEN, REFUSED]),
    ]);
    assert_eq!(report.verdict.status, Status::NotOffered);
    assert_eq!(ids(&report), ["starttls-not-offered", "starttls-not-offered"]);
}

#[test]
fn helo_leaves_the_offer_unknown() {
    let helo = "-- connected\nS: 220 mx\nC: EHLO p\nS: 502 no\nC: HELO p\nS: 250 mx\nC: STARTTLS\n";
    let all = [seen("mx1.example.net", V4, &[helo, REFUSED])];
    let report = report(&all);
    assert_eq!(report.observations[0].starttls.offered, None);
    assert_eq!(ids(&report), ["ehlo-refused"]);
}

#[test]
fn eight_x_elsewhere_in_a_reply_prove_nothing() {
    for reply in [
        "S: 454 4.7.0 ticket XXXXXXXX\n",
        "S: 554 5.7.1 Client host XXXXXXXX blocked\n",
        "S: 502 5.5.1 mx-XXXXXXXX.example.net: command not implemented\n",
        "S: 500 see https://example.net/XXXXXXXX for help\n",
    ] {
        let found = verdict(&[seen("mx1.example.net", V4, &[HIDDEN, reply])]);
        assert_ne!(found.1, Some(Confidence::Proven), "{reply}");
    }
}

#[test]
fn families_of_different_hosts_are_no_contrast_of_families() {
    assert_eq!(
        verdict(&[
            seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
            seen("mx2.example.net", V6, &[OFFERED, SECURED]),
        ])
        .0,
        Status::Inconsistent
    );
}

#[test]
fn a_server_that_says_220_to_anything_hides_nothing() {
    let parrot = "-- tls-failed \"not TLS\"\n-- ended by-us\n";
    let all = [parrot; 3].map(|end| seen("mx1.example.net", V4, &[HIDDEN, ACCEPTED, end]));
    assert_eq!(verdict(&all), (Status::NotOffered, None));
}

const CANNED: &str = "\
-- connected from 198.51.100.10:40000
S: 220 mx1.example.net
C: EHLO probe.example.org
S: 250-Requested mail action okay, completed
S: 250-SIZE 20000000
S: 250 8BITMIME
C: STARTTLS
";

#[test]
fn a_product_is_named_and_accused_of_nothing() {
    let report = report(&[seen("mx1.example.net", V4, &[CANNED, REFUSED])]);
    let finding = report.findings.iter().find(|found| found.id == "product-signature").unwrap();
    assert_eq!((finding.severity, finding.confidence), (Severity::Notice, None));
    assert!(finding.explanation.contains("answers alike"), "{}", finding.explanation);
    assert_eq!(report.verdict.status, Status::NotOffered);
}

#[test]
fn keywords_missing_beside_another_view_name_a_product() {
    let full = OFFERED.replace("S: 250-ETRN", "S: 250-PIPELINING\nS: 250-CHUNKING");
    let bare = HIDDEN.replace("S: 250-ETRN\n", "");
    let pair = |bare: &str| {
        report(&[
            seen("mx1.example.net", V4, &[bare, REFUSED]),
            seen("mx1.example.net", V6, &[&full, SECURED]),
        ])
    };
    let named = pair(&bare);
    let finding = named.findings.iter().find(|found| found.id == "product-signature").unwrap();
    assert_eq!(finding.evidence, ["o1", "o2"]);
    assert!(finding.explanation.contains("F-Secure"), "{}", finding.explanation);
    assert!(!ids(&pair(HIDDEN)).contains(&"product-signature"));
}
