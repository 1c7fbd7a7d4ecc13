//! Policy hosts of MTA-STS: nginx, one server a domain, and their mail server.
//!
//! Owns what they serve, with which certificates, and where they are. Refuses to
//! know what a policy means.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;

use crate::dns::Records;
use crate::pki::{Authority, Identity, KeyKind};
use crate::process::{self, Daemon, Outcome};
use crate::sandbox;
use crate::sts::CASES;
use crate::topology::MX;

/// Where nginx listens.
const ADDRESSES: [&str; 2] = ["203.0.113.106", "2001:db8:203::106"];
/// Where the exchange of all the domains is: Postfix.
const EXCHANGE: &str = "203.0.113.107";

/// What a policy host answers.
pub(crate) enum Answer {
    /// The policy as text/plain; `\r\n` and `\n` are nginx's to write out.
    Policy(&'static str),
    /// The same with a certificate for another name.
    Misnamed(&'static str),
    /// The same with a certificate past its end.
    Expired(&'static str),
    /// The same as text/html.
    Html(&'static str),
    /// 301 to another policy host, where there is one.
    Redirect,
    /// 404.
    NotFound,
    /// Nobody listens.
    Closed,
}

/// Every policy host, before it runs.
pub(crate) struct PolicyHosts {
    authority: String,
    good: Identity,
    misnamed: Identity,
    expired: Identity,
    exchange: Identity,
}

impl PolicyHosts {
    /// Makes their certificates.
    pub(crate) fn issue(authority: &Authority) -> Result<Self> {
        let names = |first: &str, label: &str| {
            let hosts = CASES.iter().map(|case| format!("{label}.{}", case.domain));
            std::iter::once(first.to_owned()).chain(hosts).collect::<Vec<_>>()
        };
        let (hosts, late) = (names("policy.test", "mta-sts"), names("late.test", "mta-sts"));
        let exchanges = names("exchange.test", "mx");
        let issue = |names: &[String]| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            authority.issue(&names, KeyKind::P256)
        };
        let late: Vec<&str> = late.iter().map(String::as_str).collect();
        Ok(Self {
            authority: authority.file.display().to_string(),
            good: issue(&hosts)?,
            misnamed: issue(&["elsewhere.test".to_owned()])?,
            expired: authority.issue_expired(&late, KeyKind::P256)?,
            exchange: issue(&exchanges)?,
        })
    }

    /// The domains' records.
    pub(crate) fn publish(records: &mut Records) {
        let [ipv4, ipv6] = ADDRESSES;
        for case in &CASES {
            let (ipv4, ipv6) = match case.answer {
                Answer::Closed => (EXCHANGE, None),
                _ => (ipv4, Some(ipv6)),
            };
            let ipv6 = ipv6.map(|ip| format!("mta-sts AAAA {ip}\n")).unwrap_or_default();
            let lines =
                format!("@ MX 10 mx\nmx A {EXCHANGE}\nmta-sts A {ipv4}\n{ipv6}{}", case.txt);
            records.add(case.domain, &lines);
        }
    }

    /// The exchange, as a line of Postfix's `master.cf`.
    pub(crate) fn listener(&self) -> String {
        let Identity { key, certificate, .. } = &self.exchange;
        let chain = format!("{},{}", key.display(), certificate.display());
        format!(
            "[{EXCHANGE}]:25 inet n - n - - smtpd -o myhostname=exchange.test \
             -o smtpd_tls_chain_files={chain}\n"
        )
    }

    /// Starts nginx, and waits until it serves.
    pub(crate) fn start(&self) -> Result<Daemon> {
        let folder = sandbox::folder("nginx")?;
        let servers: String =
            CASES.iter().filter_map(|case| self.server(case.domain, &case.answer)).collect();
        let text =
            format!(include_str!("etc/nginx.conf"), folder = folder.display(), servers = servers);
        let path = folder.join("nginx.conf");
        fs::write(&path, text)?;
        let path = path.display().to_string();
        let folder = folder.display().to_string();
        let command = ["nginx", "-e", "stderr", "-p", &folder, "-c", &path, "-g", "daemon off;"];
        let mut daemon = Daemon::start(MX, "nginx", &command)?;
        let first = CASES.iter().find(|case| matches!(case.answer, Answer::Policy(_)));
        daemon.await_serving(|_| match first {
            Some(case) => Ok(fetch(MX, case.domain, &self.authority)?.stdout.ends_with("200")),
            None => Ok(true),
        })?;
        Ok(daemon)
    }

    fn server(&self, domain: &str, answer: &Answer) -> Option<String> {
        let text =
            |kind: &str, policy: &str| format!("default_type {kind}; return 200 \"{policy}\";");
        let (identity, answer) = match answer {
            Answer::Policy(policy) => (&self.good, text("text/plain", policy)),
            Answer::Html(policy) => (&self.good, text("text/html", policy)),
            Answer::Misnamed(policy) => (&self.misnamed, text("text/plain", policy)),
            Answer::Expired(policy) => (&self.expired, text("text/plain", policy)),
            Answer::Redirect => {
                let to = "https://mta-sts.sts-enforce.test/.well-known/mta-sts.txt";
                (&self.good, format!("return 301 {to};"))
            }
            Answer::NotFound => (&self.good, "return 404;".to_owned()),
            Answer::Closed => return None,
        };
        let [ipv4, ipv6] = ADDRESSES;
        let mut server = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            server,
            include_str!("etc/nginx-server.conf"),
            ipv4 = ipv4,
            ipv6 = ipv6,
            name = format_args!("mta-sts.{domain}"),
            certificate = identity.certificate.display(),
            key = identity.key.display(),
            answer = answer,
        );
        Some(server)
    }
}

/// What curl gets of a domain's policy: the body, then the HTTP status.
pub(crate) fn fetch(namespace: &str, domain: &str, ca: &str) -> Result<Outcome> {
    let mut curl = process::command(namespace, "curl");
    curl.args(["--silent", "--show-error", "--max-time", "10", "--cacert", ca]);
    curl.args(["--write-out", "\n%{http_code}"]);
    curl.arg(format!("https://mta-sts.{domain}/.well-known/mta-sts.txt"));
    process::observe(&mut curl)
}
