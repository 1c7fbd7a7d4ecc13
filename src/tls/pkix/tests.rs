use proptest::prelude::*;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};

use super::PkixReason::*;
use super::*;
use crate::tls::pki::{
    Authority, OLD_CA, RSA1024, SHA1, SNAKEOIL, STAPLED, STAPLED_CA, V1, at, authority, der,
    server, valid,
};

const MX: &str = "mx.example.net";

fn judged(chain: Vec<Vec<u8>>, reference: &str, roots: &Roots) -> Pkix {
    let handshake = Handshake { chain, ..Handshake::default() };
    judge(&handshake, Some(reference), at(), roots).unwrap()
}

fn good(chain: Vec<Vec<u8>>, reference: &str, roots: &Roots) {
    let pkix = judged(chain, reference, roots);
    assert_eq!((pkix.status, pkix.reasons), (PkixStatus::Valid, vec![]));
    assert_eq!(pkix.names_match, Some(true));
}

#[track_caller]
fn bad(chain: Vec<Vec<u8>>, reference: &str, roots: &Roots, reasons: &[PkixReason]) {
    let pkix = judged(chain, reference, roots);
    assert_eq!((pkix.status, pkix.reasons.as_slice()), (PkixStatus::Invalid, reasons));
}

#[test]
fn a_chain_to_a_trusted_root_is_valid_with_or_without_the_root_sent() {
    let root = Authority::root("root");
    let middle = root.intermediate(authority("middle"));
    let leaf = middle.leaf(&server(&[MX]));
    good(vec![leaf.clone(), middle.der.clone()], MX, &root.trusted());
    good(vec![leaf.clone(), middle.der.clone(), root.der.clone()], MX, &root.trusted());
    good(vec![leaf, root.der.clone(), middle.der.clone()], MX, &root.trusted());
}

#[test]
fn wildcards_and_addresses_are_names_too() {
    let root = Authority::root("root");
    let leaf = root.leaf(&server(&["*.example.net", "192.0.2.1"]));
    good(vec![leaf.clone()], MX, &root.trusted());
    good(vec![leaf.clone()], "192.0.2.1", &root.trusted());
    bad(vec![leaf.clone()], "a.mx.example.net", &root.trusted(), &[NameMismatch]);
    bad(vec![leaf], "192.0.2.2", &root.trusted(), &[NameMismatch]);
}

#[test]
fn the_common_name_is_no_name() {
    let root = Authority::root("root");
    bad(vec![root.leaf(&server(&[MX]))], "mx", &root.trusted(), &[NameMismatch]);
}

#[test]
fn every_reason_is_given() {
    let root = Authority::root("root");
    let expired = root.leaf(&valid(server(&[MX]), 2025, 2026));
    bad(vec![expired.clone()], MX, &root.trusted(), &[Expired]);
    bad(vec![expired.clone()], "other.example", &root.trusted(), &[Expired, NameMismatch]);
    let all = [Expired, NameMismatch, IncompleteChain];
    bad(vec![expired], "other.example", &Roots::webpki(), &all);
    let early = root.leaf(&valid(server(&[MX]), 2028, 2029));
    bad(vec![early], MX, &root.trusted(), &[NotYetValid]);
}

#[test]
fn dates_count_along_the_path_and_do_not_hide_trust() {
    let root = Authority::root("root");
    let middle = root.intermediate(valid(authority("middle"), 2020, 2026));
    let leaf = middle.leaf(&server(&[MX]));
    // The issuer ended when the leaf began: at no time were both valid.
    bad(vec![leaf, middle.der.clone()], MX, &root.trusted(), &[Expired]);
    let newer = root.intermediate(valid(authority("newer"), 2026, 2040));
    let leaf = newer.leaf(&valid(server(&[MX]), 2020, 2027));
    bad(vec![leaf, newer.der.clone()], MX, &root.trusted(), &[Expired]);
}

#[test]
fn missing_intermediate_private_ca_and_forged_issuer_are_told_apart() {
    let root = Authority::root("root");
    let middle = root.intermediate(authority("middle"));
    let leaf = middle.leaf(&server(&[MX]));
    bad(vec![leaf], MX, &root.trusted(), &[IncompleteChain]);

    let private = Authority::root("private");
    let leaf = private.leaf(&server(&[MX]));
    bad(vec![leaf.clone()], MX, &root.trusted(), &[IncompleteChain]);
    bad(vec![leaf, private.der.clone()], MX, &root.trusted(), &[UnknownIssuer]);

    let forger = Authority::root("root");
    let leaf = forger.leaf(&server(&[MX]));
    bad(vec![leaf.clone()], MX, &root.trusted(), &[UnknownIssuer]);
    bad(vec![leaf, forger.der.clone()], MX, &root.trusted(), &[UnknownIssuer]);
}

#[test]
fn self_signed_is_not_also_an_unknown_issuer_and_can_be_trusted() {
    let key = KeyPair::generate().unwrap();
    let own = server(&[MX]).self_signed(&key).unwrap();
    let trusted = Roots::webpki().with_pem(own.pem().as_bytes()).unwrap();
    bad(vec![own.der().to_vec()], MX, &Roots::webpki(), &[SelfSigned]);
    good(vec![own.der().to_vec()], MX, &trusted);
    let expired = valid(server(&[MX]), 2020, 2025).self_signed(&key).unwrap();
    bad(vec![expired.der().to_vec()], MX, &Roots::webpki(), &[Expired, SelfSigned]);
    // The same name and key, but its dates are over: trusted, and expired.
    bad(vec![expired.der().to_vec()], MX, &trusted, &[Expired]);
}

#[test]
fn the_usual_snakeoil_is_self_signed_and_nothing_else() {
    let roots = Roots::webpki();
    let pkix = judged(vec![der(SNAKEOIL)], MX, &roots);
    assert_eq!(pkix.reasons, [SelfSigned, NameMismatch]);
    let trusted = roots.with_pem(SNAKEOIL.as_bytes()).unwrap();
    assert_eq!(judged(vec![der(SNAKEOIL)], MX, &trusted).reasons, [NameMismatch]);
}

#[test]
fn short_keys_old_digests_and_old_versions() {
    let rsa = "rsa1024.example";
    bad(vec![der(RSA1024)], rsa, &Roots::webpki(), &[SelfSigned, WeakKey]);
    let trusted = Roots::webpki().with_pem(RSA1024.as_bytes()).unwrap();
    bad(vec![der(RSA1024)], rsa, &trusted, &[WeakKey]);

    let sha1 = "sha1.example";
    let old = Roots::webpki().with_pem(OLD_CA.as_bytes()).unwrap();
    bad(vec![der(SHA1)], sha1, &old, &[WeakSignature]);
    let reasons = [UnknownIssuer, WeakSignature];
    bad(vec![der(SHA1), der(OLD_CA)], sha1, &Roots::webpki(), &reasons);

    let reasons = [SelfSigned, NameMismatch, Malformed];
    bad(vec![der(V1)], "v1.example", &Roots::webpki(), &reasons);
}

#[test]
fn what_no_server_should_present_is_malformed() {
    let root = Authority::root("root");
    let middle = root.intermediate(authority("middle"));
    bad(vec![middle.der], MX, &root.trusted(), &[NameMismatch, Malformed]);
    let mut client = server(&[MX]);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    bad(vec![root.leaf(&client)], MX, &root.trusted(), &[Malformed]);
    let pkix = judged(vec![b"no certificate".to_vec()], MX, &root.trusted());
    assert_eq!((pkix.reasons, pkix.names_match), (vec![Malformed], None));
    assert_eq!(pkix.days_left, None);
}

#[test]
fn a_staple_that_says_revoked_is_heard_only_about_its_own_leaf() {
    let staple = include_bytes!("../../../testdata/certs/ocsp-revoked.der");
    let good_staple = include_bytes!("../../../testdata/certs/ocsp-good.der");
    let old = Roots::webpki().with_pem(OLD_CA.as_bytes()).unwrap();
    let reasons = |leaf: &str, staple: &[u8]| {
        let ocsp_staple = Some(staple.to_vec());
        let handshake = Handshake { chain: vec![der(leaf)], ocsp_staple, ..Handshake::default() };
        judge(&handshake, None, at(), &old).unwrap().reasons
    };
    assert_eq!(reasons(SHA1, staple), [Revoked, WeakSignature]);
    assert_eq!(reasons(SHA1, good_staple), [WeakSignature]);
    assert_eq!(reasons(RSA1024, staple), [SelfSigned, WeakKey]);
    assert_eq!(reasons(SHA1, b"garbage"), [WeakSignature]);
}

#[test]
fn a_revocation_that_the_issuer_did_not_sign_is_not_heard() {
    let stranger = include_bytes!("../../../testdata/certs/staple-stranger.der");
    let reasons = |chain: Vec<Vec<u8>>| {
        let ocsp_staple = Some(stranger.to_vec());
        let handshake = Handshake { chain, ocsp_staple, ..Handshake::default() };
        judge(&handshake, None, at(), &Roots::webpki()).unwrap().reasons
    };
    assert_eq!(reasons(vec![der(STAPLED), der(STAPLED_CA)]), [UnknownIssuer]);
    // Whose signature it is cannot be told: taken at its word against itself.
    assert_eq!(reasons(vec![der(STAPLED)]), [IncompleteChain, Revoked]);
}

#[test]
fn a_missing_link_seen_elsewhere_completes_the_path() {
    let root = Authority::root("root");
    let upper = root.intermediate(authority("upper"));
    let lower = upper.intermediate(authority("lower"));
    let chain = vec![lower.leaf(&server(&[MX]))];
    let stranger = Authority::root("lower");
    let found = |others: &[&[u8]]| {
        let found = completion(&chain, others, at(), &root.trusted())?;
        Some(found.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
    };
    let whole = Some(vec![lower.der.clone(), upper.der.clone()]);
    assert_eq!(found(&[&upper.der, &stranger.der, b"none", &lower.der]), whole);
    assert_eq!(found(&[&stranger.der, &upper.der]), None, "a name proves nothing");
    assert_eq!(found(&[&lower.der]), None);
    assert_eq!(completion(&chain, &[&upper.der, &lower.der], at(), &Roots::webpki()), None);
}

#[test]
fn what_a_run_trusts_beside_is_no_public_root() {
    let root = Authority::root("root");
    let leaf = root.leaf(&server(&[MX]));
    let trusted = judged(vec![leaf.clone()], MX, &root.trusted());
    assert_eq!((trusted.status, trusted.public_root), (PkixStatus::Valid, Some(false)));
    assert_eq!(judged(vec![leaf], MX, &Roots::webpki()).public_root, None, "a link is missing");
}

#[test]
fn without_chain_or_reference_nothing_is_claimed() {
    let roots = Roots::webpki();
    assert_eq!(judge(&Handshake::default(), Some(MX), at(), &roots), None);
    let root = Authority::root("root");
    let chain = vec![root.leaf(&server(&[MX]))];
    let handshake = Handshake { chain, ..Handshake::default() };
    let pkix = judge(&handshake, None, at(), &root.trusted()).unwrap();
    assert_eq!((pkix.status, pkix.names_match), (PkixStatus::Valid, None));
}

#[test]
fn days_are_whole_and_negative_once_past() {
    let root = Authority::root("root");
    let chain = vec![root.leaf(&server(&[MX]))];
    let handshake = Handshake { chain, ..Handshake::default() };
    let days =
        |at: &str| judge(&handshake, None, at.parse().unwrap(), &root.trusted()).unwrap().days_left;
    assert_eq!(days("2027-12-30T00:00:00Z"), Some(2));
    assert_eq!(days("2027-12-31T12:00:00Z"), Some(0));
    assert_eq!(days("2028-01-01T12:00:00Z"), Some(-1));
}

proptest! {
    #[test]
    fn a_damaged_chain_never_panics(
        place in 0_usize..2000,
        byte: u8,
        staple in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut chain = vec![der(SHA1), der(OLD_CA)];
        for cert in &mut chain {
            let place = place % cert.len();
            cert[place] = byte;
        }
        let handshake =
            Handshake { chain, ocsp_staple: Some(staple), ..Handshake::default() };
        let facts = crate::tls::facts(&handshake, Some(MX), at(), &Roots::webpki(), true);
        prop_assert_eq!(facts.chain.len(), 2);
        prop_assert!(facts.pkix.is_some());
    }
}
