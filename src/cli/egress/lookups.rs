//! What DNS says of an address that mail leaves by: its names, the EHLO name, SPF.
//!
//! Owns the questions. Refuses to judge the answers.

use std::net::IpAddr;

use futures_util::future::{join_all, join3};
use mxray::dns::{Resolver, ResolverError};
use mxray::egress;
use mxray::egress::postconf::Configuration;
use mxray::egress::spf::{self, Answer, Answers, Client, Question, Step};
use mxray::model::egress::{EhloName, Source, SpfEvaluation};
use mxray::model::probe::{Family, LOCAL};
use mxray::model::route::{AddressAnswer, Exchange, LookupError, PointerAnswer, RouteKind};
use mxray::model::target::{Target, TargetKind};
use mxray::smtp::argument::is_ehlo_argument;

use crate::cli::failure::Failure;
use crate::cli::settings::Settings;

/// The local part that SPF is asked about (RFC 7208 §4.3).
const LOCAL_PART: &str = "postmaster";

/// Asks about every source whose public address is known, all at once: the names that its
/// Postfix greets with, or else the one that was said to the destinations. Each answer is
/// kept at once: dropped early, this leaves what was answered.
///
/// # Errors
/// The system names no resolver.
pub(super) async fn fill(
    sources: &mut [Source],
    settings: &Settings,
    from: Option<&str>,
    postfix: &[Configuration],
) -> Result<(), Failure> {
    let greeting = settings.intent.ehlo_names.first().map(String::as_str);
    if sources.iter().all(|source| source.public.is_none()) {
        return Ok(());
    }
    let resolver = Resolver::new(settings.resolver.clone())
        .map_err(|ResolverError { message, hint }| Failure::usage(message, hint))?;
    let resolver = &resolver;
    join_all(sources.iter_mut().map(async |source| {
        let Some(public) = source.public else { return };
        let mut greetings = egress::greetings(postfix, source.ip, source.preferred);
        greetings.retain(|name| is_ehlo_argument(name));
        if greetings.is_empty() {
            greetings.extend(greeting.map(str::to_owned));
        }
        let greeting = greetings.first().map(String::as_str);
        let Source { reverse, ehlo, further_ehlo, spf, spf_unknown, .. } = source;
        let pointer = async { *reverse = Some(resolver.pointer(public).await) };
        let names = async {
            let asked = greetings.iter().map(|name| ehlo_name(resolver, name, public));
            let mut answers = join_all(asked).await.into_iter();
            *ehlo = answers.next();
            *further_ehlo = answers.collect();
        };
        let policy = async {
            let Some(domain) = from else { return };
            match sender_policy(resolver, domain, greeting, public).await {
                Ok(evaluation) => *spf = Some(evaluation),
                Err(why) => *spf_unknown = Some(why),
            }
        };
        Box::pin(join3(pointer, names, policy)).await;
    }))
    .await;
    Ok(())
}

async fn ehlo_name(resolver: &Resolver, name: &str, public: IpAddr) -> EhloName {
    // An address literal (RFC 5321 §4.1.3) needs no DNS.
    if let Some(literal) = name.strip_prefix('[') {
        let literal = literal.trim_end_matches(']').trim_start_matches("IPv6:");
        let ip = literal.parse::<IpAddr>().ok();
        let is_it = Some(ip == Some(public));
        let addresses = ip.into_iter().collect();
        return EhloName { name: name.to_owned(), addresses, resolves: is_it };
    }
    let (found, error) = addresses(resolver, name, Family::of(public)).await;
    let is_it = match error {
        Some(error) if !error.is_denial() => None,
        _ => Some(found.contains(&public)),
    };
    EhloName { name: name.to_owned(), addresses: found, resolves: is_it }
}

async fn addresses(
    resolver: &Resolver,
    name: &str,
    family: Family,
) -> (Vec<IpAddr>, Option<LookupError>) {
    fn any<A: Copy + Into<IpAddr>>(
        answer: &AddressAnswer<A>,
    ) -> (Vec<IpAddr>, Option<LookupError>) {
        (answer.addresses.iter().map(|ip| (*ip).into()).collect(), answer.error)
    }
    let (ipv4, ipv6) = resolver.addresses(name).await;
    match family {
        Family::Ipv4 => any(&ipv4),
        Family::Ipv6 => any(&ipv6),
    }
}

/// SPF of a domain, or why there is no telling.
async fn sender_policy(
    resolver: &Resolver,
    domain: &str,
    ehlo: Option<&str>,
    ip: IpAddr,
) -> Result<SpfEvaluation, String> {
    let sender = format!("{LOCAL_PART}@{domain}");
    let client = Client { ip, sender: &sender, helo: ehlo };
    let mut answers = Answers::new();
    // Ends: each round answers a question that was open, and SPF allows but few.
    loop {
        match spf::evaluate(&client, &answers) {
            Step::Done(evaluation) => return Ok(evaluation),
            Step::Unknown(why) => return Err(why),
            Step::Ask(question) => {
                let answer = ask(resolver, &question).await;
                answers.insert(question, answer);
            }
        }
    }
}

async fn ask(resolver: &Resolver, question: &Question) -> Answer {
    match question {
        Question::Texts(name) => {
            let answer = resolver.txt(name).await;
            answered(answer.error, Answer::Texts(answer.records))
        }
        Question::Addresses(name, family) => {
            let (addresses, error) = addresses(resolver, name, *family).await;
            answered(error, Answer::Addresses(addresses))
        }
        Question::Exchanges(name, family) => exchanges(resolver, name, *family).await,
        Question::Names(ip) => {
            let PointerAnswer { error, names, .. } = resolver.pointer(*ip).await;
            let confirmed = names.into_iter().filter(|name| name.confirmed == Some(true));
            answered(error, Answer::Names(confirmed.map(|name| name.name).collect()))
        }
    }
}

fn answered(error: Option<LookupError>, answer: Answer) -> Answer {
    match error {
        None => answer,
        Some(error) if error.is_denial() => Answer::Void,
        Some(_) => Answer::Failed,
    }
}

/// MX alone counts: a domain without is no exchange of its own (RFC 7208 §5.4).
async fn exchanges(resolver: &Resolver, name: &str, family: Family) -> Answer {
    let kind = TargetKind::Domain(name.to_owned());
    let target = Target { input: name.to_owned(), kind, unicode: None };
    let route = resolver.route(&target, LOCAL).await;
    let ips = |exchange: &Exchange| match family {
        Family::Ipv4 => told(&exchange.ipv4),
        Family::Ipv6 => told(&exchange.ipv6),
    };
    match route.kind {
        RouteKind::Mx | RouteKind::NullMx => {
            Answer::Exchanges(route.exchanges.iter().map(ips).collect())
        }
        RouteKind::ImplicitMx => Answer::Void,
        _ => answered(route.error, Answer::Void),
    }
}

/// The addresses of an exchange; `None` where DNS did not tell them.
fn told<A: Copy + Into<IpAddr>>(answer: &AddressAnswer<A>) -> Option<Vec<IpAddr>> {
    let failed = answer.error.is_some_and(|error| !error.is_denial());
    (!failed).then(|| answer.addresses.iter().map(|ip| (*ip).into()).collect())
}
