//! Servers that look tampered with and are not: their listeners, and their records.
//!
//! Owns who serves what to whom. Refuses to know what anybody makes of it.

use std::fmt::Write as _;

use anyhow::Result;

use crate::dns::Records;
use crate::mta;
use crate::pki::{Authority, Identity, KeyKind};
use crate::sandbox;
use crate::topology::{CONTROL_IPV4, CONTROL_IPV6};

/// Domains, and the addresses of the exchange of each, which is `mx` below it.
const DOMAINS: [(&str, &[&str]); 16] = [
    ("policy-ipv4.test", &["203.0.113.121", "2001:db8:203::121"]),
    ("policy.test", &["203.0.113.122", "2001:db8:203::122"]),
    ("left-out-ipv4.test", &["203.0.113.123", "2001:db8:203::123"]),
    ("left-out.test", &["203.0.113.124", "2001:db8:203::124"]),
    ("screen.test", &["203.0.113.125", "2001:db8:203::125"]),
    ("listeners.test", &["203.0.113.126", "2001:db8:203::126"]),
    ("second-machine.test", &["203.0.113.127", "2001:db8:203::127"]),
    ("dead-key.test", &["203.0.113.128", "2001:db8:203::128"]),
    ("dead-node.test", &[mta::EXIM.ipv4, "203.0.113.128"]),
    ("dead-family.test", &["203.0.113.128", mta::EXIM.ipv6]),
    ("limited.test", &["203.0.113.129", "2001:db8:203::129"]),
    ("listed.test", &["203.0.113.130", "2001:db8:203::130"]),
    ("unknown-name.test", &["203.0.113.131", "2001:db8:203::131"]),
    ("farm.test", &["203.0.113.132", "203.0.113.133", "203.0.113.134", "2001:db8:203::132"]),
    ("pool.test", &[mta::POSTFIX.ipv4, mta::PLAIN.ipv4]),
    ("control.test", &[CONTROL_IPV4, CONTROL_IPV6]),
];

/// A certificate of its own, for the host's name.
const KEYED: &str = "-o smtpd_tls_chain_files={chain}";
/// STARTTLS is kept from the lab's client. It then answers 502 to the command.
const HIDES: &str = "-o smtpd_tls_chain_files={chain} \
                     -o smtpd_discard_ehlo_keyword_address_maps=cidr:{folder}/client";
/// As Postfix listed keywords before 3.4.
const OLDER: &str = "-o smtpd_tls_chain_files={chain} -o smtpd_discard_ehlo_keywords=chunking";
/// As Postfix listed them before 3.0, with a greeting that names another host.
const OLDEST: &str = "-o smtpd_tls_chain_files={chain} \
                      -o smtpd_discard_ehlo_keywords=chunking,smtputf8,dsn,etrn \
                      -o smtpd_banner=node3.farm.test";
const UNCERTIFIED: &str = "-o smtpd_tls_chain_files={self-signed}";
const CLEAR: &str = "-o smtpd_tls_security_level=none";
/// Turned away at once, and not only at RCPT.
const LIMITED: &str =
    "-o smtpd_delay_reject=no -o smtpd_client_restrictions=defer -o defer_code=421";
const LISTED: &str = "-o smtpd_delay_reject=no -o smtpd_client_restrictions=reject";
const NAMELESS: &str = "-o smtpd_delay_reject=no -o smtpd_helo_restrictions=defer";
/// Knows no client from before, and speaks SMTP itself after the pause.
const SCREEN: &str = "-o postscreen_cache_map= -o postscreen_greet_action=enforce \
                      -o postscreen_pipelining_enable=yes -o postscreen_pipelining_action=enforce";

/// Listeners of Postfix: host, address, and what is special.
const LISTENERS: [(&str, &str, &str); 22] = [
    ("mx.policy-ipv4.test", "203.0.113.121", HIDES),
    ("mx.policy-ipv4.test", "2001:db8:203::121", KEYED),
    ("mx.policy.test", "203.0.113.122", HIDES),
    ("mx.policy.test", "2001:db8:203::122", HIDES),
    ("mx.screen.test", "203.0.113.125", SCREEN),
    ("mx.screen.test", "2001:db8:203::125", SCREEN),
    ("mx.listeners.test", "203.0.113.126", CLEAR),
    ("mx.listeners.test", "2001:db8:203::126", KEYED),
    ("mx.second-machine.test", "203.0.113.127", KEYED),
    ("nas.second-machine.test", "2001:db8:203::127", UNCERTIFIED),
    ("mx.limited.test", "203.0.113.129", LIMITED),
    ("mx.limited.test", "2001:db8:203::129", LIMITED),
    ("mx.listed.test", "203.0.113.130", LISTED),
    ("mx.listed.test", "2001:db8:203::130", LISTED),
    ("mx.unknown-name.test", "203.0.113.131", NAMELESS),
    ("mx.unknown-name.test", "2001:db8:203::131", NAMELESS),
    ("mx.farm.test", "203.0.113.132", KEYED),
    ("mx.farm.test", "203.0.113.133", OLDER),
    ("mx.farm.test", "203.0.113.134", OLDEST),
    ("mx.farm.test", "2001:db8:203::132", OLDER),
    ("mx.control.test", CONTROL_IPV4, KEYED),
    ("mx.control.test", CONTROL_IPV6, KEYED),
];

/// What postscreen needs beside it; a certificate follows.
const SCREEN_PARTS: &str = "smtpd pass - - n - - smtpd\n\
                            dnsblog unix - - n - 0 dnsblog\n\
                            tlsproxy unix - - n - 0 tlsproxy -o tlsproxy_tls_chain_files=";

/// Where the lab's client is not told of STARTTLS, as a table for Postfix.
const CLIENT_TABLE: &str = "198.51.100.0/26 starttls\n2001:db8:100::/64 starttls\n";

/// Adds the domains.
pub(crate) fn publish(records: &mut Records) {
    for (domain, addresses) in DOMAINS {
        let mut lines = "@ MX 10 mx\n".to_owned();
        for address in addresses {
            let rrtype = if address.contains(':') { "AAAA" } else { "A" };
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "mx {rrtype} {address}");
        }
        records.add(domain, &lines);
    }
}

/// The listeners of Postfix, as lines of its `master.cf`.
pub(crate) fn listeners(authority: &Authority) -> Result<String> {
    let folder = sandbox::folder("innocent")?;
    sandbox::write_aged(&folder.join("client"), CLIENT_TABLE)?;
    let screen = chain(authority, (LISTENERS.len(), "mx.screen.test"), SCREEN)?;
    let mut lines = format!("{SCREEN_PARTS}{screen}\n");
    for (place, (host, address, special)) in LISTENERS.iter().enumerate() {
        let chain = chain(authority, (place, host), special)?;
        let special = special
            .replace("{chain}", &chain)
            .replace("{self-signed}", &chain)
            .replace("{folder}", &folder.display().to_string());
        let program = if special.contains("postscreen") { "1 postscreen" } else { "- smtpd" };
        writeln!(lines, "[{address}]:25 inet n - n - {program} -o myhostname={host} {special}")?;
    }
    Ok(lines)
}

/// Key and certificate of one listener, which is no other's.
fn chain(authority: &Authority, (place, host): (usize, &str), special: &str) -> Result<String> {
    let node = format!("node{place}.{host}");
    let names = [node.as_str(), host];
    let identity = if special == UNCERTIFIED {
        Authority::issue_self_signed(&names)?
    } else {
        authority.issue(&names, KeyKind::P256)?
    };
    let Identity { key, certificate, .. } = identity;
    Ok(format!("{},{}", key.display(), certificate.display()))
}
