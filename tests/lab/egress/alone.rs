//! Each mistake in Postfix's settings by itself: named once, and mended by its lines.
//!
//! Owns the mistakes. Refuses to know the network: no destination is asked.

use std::fs;

use anyhow::{Result, ensure};
use mxray::model::egress::EgressReport;
use mxray::model::finding::Severity;

use super::{IPV4, SOUND, configured, measured, type_lines};
use crate::world::World;

/// What main.cf says beside what is sound, what master.cf has beside the defaults, the
/// finding, and what is found after its lines were typed. `FOLDER` is the instance's.
type Mistake = (&'static str, &'static str, &'static str, &'static str);

const MISTAKES: [Mistake; 37] = [
    ("smtp_tls_security_level =\nsmtpd_use_tls = yes", "", "tls-level-empty", ""),
    ("smtp_tls_security_level = none", "", "tls-level-none", ""),
    ("smtp_tls_security_level =\nsmtp_use_tls = yes", "", "tls-level-obsolete", ""),
    ("smtp_tls_security_level = yes", "", "tls-level-invalid", ""),
    ("smtp_dns_support_level = enabled", "", "dane-without-dnssec", ""),
    ("smtp_host_lookup = native", "", "dane-without-dnssec", ""),
    ("smtp_tls_security_level = secure", "", "no-ca", ""),
    ("smtp_tls_CAfile = /nonexistent/ca.pem", "", "tls-file-absent", ""),
    ("smtp_tls_cert_file = /nonexistent/cert.pem", "", "tls-file-absent", ""),
    ("smtp_tls_chain_files = /nonexistent/chain.pem", "", "tls-file-absent", ""),
    ("smtp_tls_policy_maps = hash:FOLDER/policy", "", "policy-map-absent", ""),
    (
        "smtp_tls_policy_maps = texthash:/nonexistent/policy",
        "",
        "policy-map-absent",
        "policy-map-absent",
    ),
    ("smtp_tls_loglevel = 0", "", "tls-loglevel-zero", ""),
    ("mine = 203.0.113.99\nsmtp_bind_address = $mine", "", "bind-address-not-ours", ""),
    ("smtp_bind_address6 = 2001:db8::99", "", "bind-address-not-ours", ""),
    ("smtp_bind_address = 2001:db8:100::10", "", "bind-address-unusable", ""),
    (
        "inet_protocols = ipv4\nsmtp_bind_address = 2001:db8:100::10",
        "",
        "bind-address-unusable",
        "",
    ),
    ("smtp_bind_address = out.egress.test", "", "bind-address-unusable", ""),
    ("relayhost = [relay.egress.test]", "", "relayhost-set", "relayhost-set"),
    ("", "-o smtp_tls_security_level=", "transport-in-clear", ""),
    ("", "-o smtp_tls_security_level=encrypt", "transport-differs", "transport-differs"),
    ("", "-o smtp_bind_address=203.0.113.99", "bind-address-not-ours", ""),
    ("", "-o smtp_bind_address6=2001:db8::99", "bind-address-not-ours", ""),
    ("", "-o smtp_tls_security_level=yes", "tls-level-invalid", "transport-differs"),
    ("", "-o smtp_dns_support_level=enabled", "dane-without-dnssec", ""),
    ("", "-o smtp_tls_loglevel=0", "tls-loglevel-zero", ""),
    ("", "-o smtp_tls_CAfile=/nonexistent/ca.pem", "tls-file-absent", ""),
    ("", "-o smtp_tls_policy_maps=hash:FOLDER/policy", "policy-map-absent", "transport-differs"),
    ("smtp_tls_policy_maps = static:none", "", "policy-map-clear", "policy-map-clear"),
    (
        "smtp_tls_policy_maps = inline:{ {a.example = dame} }",
        "",
        "policy-map-invalid",
        "policy-map-invalid",
    ),
    ("smtp_tls_policy_maps = ldap:/x", "", "tls-policy-maps", "tls-policy-maps"),
    (
        "smtp_dns_support_level = enabled\nsmtp_tls_security_level = may\n\
         smtp_tls_policy_maps = texthash:FOLDER/dane",
        "",
        "dane-without-dnssec",
        "",
    ),
    (
        "smtp_tls_security_level = may\nsmtp_tls_wrappermode = yes",
        "",
        "wrappermode-level",
        "wrappermode-port",
    ),
    ("smtp_tls_security_level = encrypt\nsmtp_tls_wrappermode = yes", "", "wrappermode-port", ""),
    ("transport_maps = static:discard:", "", "other-routes", "other-routes"),
    (
        "sender_dependent_relayhost_maps = static:[relay.egress.test]",
        "",
        "other-routes",
        "other-routes",
    ),
    (
        "",
        "-o smtp_tls_wrappermode=yes -o smtp_tls_security_level=may",
        "wrappermode-level",
        "transport-differs",
    ),
];

/// What is sound: a variable is expanded, and a key without a certificate is not opened.
const HARMLESS: [&str; 4] = [
    "of_mine = dane\nsmtp_tls_security_level = $of_mine",
    "smtp_tls_key_file = /nonexistent/key.pem",
    "smtp_tls_security_level = Encrypt",
    "smtp_tls_policy_maps = texthash:FOLDER/policy, inline:{ { b.example = secure match=nexthop } }",
];

/// Plants each, reads, types what is printed, and reads again.
pub(super) fn each(world: &World) -> Result<()> {
    let harmless = HARMLESS.map(|main| (main, "", "", ""));
    for (place, (main, options, id, left)) in harmless.into_iter().chain(MISTAKES).enumerate() {
        let name = format!("egress-alone-{place}");
        let folder = configured(&name, "", "")?;
        let main = main.replace("FOLDER", &folder.display().to_string());
        let options = options.replace("FOLDER", &folder.display().to_string());
        let service = format!("bulk unix - - n - - smtp {options}\n");
        let folder = configured(&name, &format!("{SOUND}{main}\n"), &service)?;
        fs::write(folder.join("policy"), "example.net encrypt\n")?;
        fs::write(folder.join("dane"), "example.net dane\n")?;
        let folder = folder.display().to_string();
        let words = ["--source", IPV4, "--no-controls", "--postfix-config", &folder];
        for expected in [id, left] {
            let (outcome, report) = measured(world, &words)?;
            let ids: Vec<&str> = report.findings.iter().map(|one| one.id.as_str()).collect();
            let expected: Vec<&str> =
                Some(expected).filter(|id| !id.is_empty()).into_iter().collect();
            ensure!(ids == expected, "{main} {options}: {ids:?}, not {expected:?}\n{outcome}");
            let status = Some(status(&report));
            ensure!(outcome.status.code() == status, "{main} {options}: not {status:?}\n{outcome}");
            type_lines(&report)?;
        }
    }
    Ok(())
}

/// No destination is asked, so that without a grave fault something is not known.
fn status(report: &EgressReport) -> i32 {
    let is_grave = report.findings.iter().any(|one| one.severity == Severity::Critical);
    if is_grave { 1 } else { 3 }
}
