//! What a domain promises in DNS and over HTTPS: its records for MTA-STS and TLSRPT,
//! and its MTA-STS policy.
//!
//! Owns whether a policy is fetched, and from which addresses. Refuses to know what
//! a policy is worth.

use std::net::IpAddr;

use tokio::sync::mpsc;

use super::{Event, Gathered, Survey};
use crate::dns::Resolver;
use crate::model::policy::{FetchAttempt, PolicyEvidence, PolicyFetch, TxtAnswer};
use crate::model::probe::{Family, LOCAL};
use crate::model::report::{Families, FamilyUse};
use crate::model::route::{AddressAnswer, Exchange};
use crate::model::special_purpose::is_public;
use crate::model::target::{Target, TargetKind};
use crate::observe::Dialler;
use crate::observe::policy_host::{self, Patience, PolicyHost};
use crate::policy::{mta_sts, tls_rpt};
use crate::vantage::VantagePoint;

/// Why a policy host is left alone.
const SPECIAL_PURPOSE: &str = "a special-purpose address, which a policy host of a public domain \
                               cannot have: it was not asked";

/// What is needed to ask for a domain's promises.
pub(super) struct Promises<'a> {
    survey: &'a Survey,
    resolver: &'a Resolver,
    dialler: &'a Dialler,
    events: mpsc::UnboundedSender<Event>,
    domain: String,
    families: Families,
    /// Whether the policy host may have a special-purpose address.
    anywhere: bool,
}

impl<'a> Promises<'a> {
    /// `None` where nothing can be promised: the target is no domain, nobody can be
    /// asked, or no mail goes there.
    pub(super) fn of(
        survey: &'a Survey,
        events: &mpsc::UnboundedSender<Event>,
        target: &Target,
        gathered: &Gathered,
    ) -> Option<Self> {
        let TargetKind::Domain(domain) = &target.kind else { return None };
        let local = survey.vantages.iter().find_map(VantagePoint::local)?;
        let here = gathered.views.iter().find(|view| view.route.vantage == LOCAL)?;
        let exchanges = &here.route.exchanges;
        exchanges.first()?;
        Some(Self {
            survey,
            resolver: local.resolver.as_ref()?,
            dialler: &local.dialler,
            events: events.clone(),
            domain: domain.clone(),
            families: here.families,
            anywhere: is_special_purpose(exchanges),
        })
    }

    async fn gather(&self, keep: impl Fn(PolicyEvidence)) {
        let record = format!("{}.{}", mta_sts::RECORD_LABEL, self.domain);
        let report = format!("{}.{}", tls_rpt::RECORD_LABEL, self.domain);
        let (record, report) = tokio::join!(self.resolver.txt(&record), self.resolver.txt(&report));
        let announced = announces(&record);
        let known = PolicyEvidence {
            mta_sts_record: Some(record),
            mta_sts_fetch: None,
            tls_rpt_record: Some(report),
        };
        keep(known.clone());
        if announced {
            let _ = self.events.send(Event::FetchingPolicy { target: self.domain.clone() });
            let fetch = self.fetch().await;
            keep(PolicyEvidence { mta_sts_fetch: Some(fetch), ..known });
            let _ = self.events.send(Event::PolicyFetched { target: self.domain.clone() });
        }
    }

    async fn fetch(&self) -> PolicyFetch {
        let name = mta_sts::policy_host(&self.domain);
        let (ipv4, ipv6) = self.resolver.addresses(&name).await;
        let found = in_turn(&ipv6.addresses, &ipv4.addresses);
        let usable = |ip: &IpAddr| self.families.of(Family::of(*ip)) == FamilyUse::Usable;
        let (addresses, refused): (Vec<IpAddr>, Vec<IpAddr>) =
            found.iter().copied().filter(usable).partition(|ip| self.anywhere || is_public(*ip));
        let error = match (&addresses[..], &refused[..], &found[..]) {
            ([_, ..], ..) => None,
            ([], [ip, ..], _) => Some(format!("{name} has {ip}, {SPECIAL_PURPOSE}")),
            ([], [], [_, ..]) => Some(format!("{name} has no address of a usable family")),
            ([], [], []) => Some(addressless(&name, &ipv4, &ipv6)),
        };
        let refused = refused.into_iter().map(|ip| {
            let error = Some(SPECIAL_PURPOSE.to_owned());
            FetchAttempt { ip, error }
        });
        let refused = refused.take(policy_host::ADDRESSES_TRIED).collect();
        let sources = self.survey.intent.sources.clone();
        let host = PolicyHost { domain: self.domain.clone(), addresses, refused, sources, error };
        policy_host::fetch(&host, self.dialler, Patience::default()).await
    }
}

/// Asks, and hands over what is known each time that it has grown: an interrupted
/// run keeps what it has. Nothing is asked where there is nothing to ask.
pub(super) async fn gather(promises: Option<Promises<'_>>, keep: impl Fn(PolicyEvidence)) {
    if let Some(promises) = promises {
        promises.gather(keep).await;
    }
}

/// Whether exactly one record announces a policy, so that a sender would fetch it.
fn announces(answer: &TxtAnswer) -> bool {
    answer.error.is_none() && matches!(mta_sts::record::read(&answer.records), Ok(Some(_)))
}

/// Whether the exchanges have special-purpose addresses and no others: somebody's
/// own network, where the policy host may be as well. A public domain must not
/// lead us to a web server behind our own firewall.
fn is_special_purpose(exchanges: &[Exchange]) -> bool {
    let mut all = exchanges.iter().flat_map(Exchange::addresses).peekable();
    all.peek().is_some() && all.all(|ip| !is_public(ip))
}

/// The addresses of both families, by turns: one dead family costs one attempt.
fn in_turn(ipv6: &[std::net::Ipv6Addr], ipv4: &[std::net::Ipv4Addr]) -> Vec<IpAddr> {
    let longest = ipv6.len().max(ipv4.len());
    let turn = |place: usize| {
        let six = ipv6.get(place).copied().map(IpAddr::V6);
        six.into_iter().chain(ipv4.get(place).copied().map(IpAddr::V4))
    };
    (0..longest).flat_map(turn).collect()
}

/// Why there is no address at all.
fn addressless<A, B>(name: &str, ipv4: &AddressAnswer<A>, ipv6: &AddressAnswer<B>) -> String {
    let failed = [ipv4.error, ipv6.error].into_iter().flatten().find(|error| !error.is_denial());
    match failed {
        None => format!("{name} has no address"),
        Some(error) => {
            format!("the addresses of {name} could not be looked up: {}", error.words())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::route::{Dnssec, LookupError};

    fn exchange(ipv4: &[&str], ipv6: &[&str]) -> Exchange {
        let v4 = ipv4.iter().map(|ip| ip.parse().unwrap()).collect();
        let v6 = ipv6.iter().map(|ip| ip.parse().unwrap()).collect();
        Exchange {
            host: "mx.example.net".to_owned(),
            preference: Some(10),
            cname: Vec::new(),
            cname_dnssec: None,
            ipv4: AddressAnswer::named(v4),
            ipv6: AddressAnswer::named(v6),
            tlsa: None,
        }
    }

    #[test]
    fn only_a_network_that_is_all_special_purpose_has_its_policy_host_there() {
        assert!(is_special_purpose(&[exchange(&["10.0.0.25"], &["fd00::25"])]));
        assert!(is_special_purpose(&[exchange(&["192.0.2.1"], &[])]));
        assert!(!is_special_purpose(&[exchange(&["10.0.0.25"], &[]), exchange(&["8.8.8.8"], &[])]));
        assert!(!is_special_purpose(&[exchange(&["10.0.0.25"], &["2a00:1450::1a"])]));
        assert!(!is_special_purpose(&[exchange(&[], &[])]));
    }

    #[test]
    fn families_take_turns() {
        let ipv4 = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let ipv6 = ["2001:db8::1".parse().unwrap()];
        let texts: Vec<String> = in_turn(&ipv6, &ipv4).iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
    }

    #[test]
    fn a_name_without_address_is_told_from_one_that_could_not_be_looked_up() {
        let answer = |error| AddressAnswer::<IpAddr> {
            addresses: Vec::new(),
            dnssec: Dnssec::Insecure,
            error: Some(error),
        };
        let none = answer(LookupError::Nxdomain);
        assert_eq!(addressless("h", &none, &none), "h has no address");
        let failed = answer(LookupError::Servfail);
        assert!(
            addressless("h", &none, &failed)
                .ends_with("could not be looked up: the resolver failed (SERVFAIL)")
        );
    }
}
