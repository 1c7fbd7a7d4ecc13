//! One question, asked until its answer and its DNSSEC status are as good as
//! they get within the deadline.
//!
//! Owns validation: the preflight, the retries, the fall-back to asking without.
//! Refuses to know what the records are for.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer};
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::op::{DnsRequestOptions, Query};
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use super::answer::{Answer, ENDLESS, MAX_LINKS, Step, is_loop, lowest, read};
use super::trusted;
use super::wire::{Servers, Wire};
use super::{Notice, RESOLV_CONF, ResolverError, ResolverSettings, SILENCE, system_servers};
use crate::model::report::{DnssecSource, ResolverUsed};
use crate::model::route::{Dnssec, LookupError};

/// Asks recursive resolvers, and validates what they say.
///
/// Cheap until the first question. Bound to the runtime of its first question.
pub struct Resolver {
    pub(super) settings: ResolverSettings,
    servers: OnceLock<Arc<Servers>>,
    /// The keys that validation begins with; `None` once it is known that the
    /// resolver does not pass DNSSEC on.
    preflight: OnceCell<Option<Arc<TrustAnchors>>>,
    /// With `trust_ad`, instead of the keys: whether the resolver sets the AD bit.
    pub(super) sets_ad: OnceCell<bool>,
    validators: Mutex<Validators>,
    has_noticed: AtomicBool,
}

/// The current validators, without and with CD.
#[derive(Default)]
struct Validators {
    checking: Option<Validator>,
    checking_disabled: Option<Validator>,
}

/// A validator with its cache, and what it could not fetch.
#[derive(Clone)]
struct Validator {
    wire: Wire,
    handle: DnssecDnsHandle<Wire>,
}

impl Resolver {
    /// A resolver by these settings. Asks nothing yet.
    ///
    /// # Errors
    /// No server was named and the system names none either; or the AD bit is to be
    /// trusted of a server that is not on loopback. Where only addresses are to be
    /// probed no resolver is needed.
    pub fn new(mut settings: ResolverSettings) -> Result<Self, ResolverError> {
        if settings.servers.is_empty() {
            settings.servers = system_servers(Path::new(RESOLV_CONF))?;
        }
        if settings.trust_ad {
            trusted::only_loopback(&settings.servers)?;
        }
        Ok(Self {
            settings,
            servers: OnceLock::new(),
            preflight: OnceCell::new(),
            sets_ad: OnceCell::new(),
            validators: Mutex::default(),
            has_noticed: AtomicBool::new(false),
        })
    }

    /// The servers, and how far DNSSEC status can be told through them.
    /// `None` before the first lookup, and where no server has answered anything:
    /// of such a one nothing is known.
    pub fn described(&self) -> Option<ResolverUsed> {
        let validates = self.preflight.get().map(Option::is_some);
        let dnssec = match (validates, self.sets_ad.get()) {
            (Some(true), _) => DnssecSource::Validated,
            (_, Some(true)) => DnssecSource::TrustedAd,
            (Some(false), _) | (_, Some(false)) => DnssecSource::Unavailable,
            (None, None) => return None,
        };
        if !self.servers().have_answered() {
            return None;
        }
        Some(ResolverUsed { servers: self.server_names(), dnssec })
    }

    /// The servers, as `address:port`.
    pub(super) fn server_names(&self) -> Vec<String> {
        self.settings.servers.iter().map(SocketAddr::to_string).collect()
    }

    /// The answer to one question, CNAME links followed, in at most twice the
    /// time-out of the settings.
    pub(crate) async fn ask(&self, name: Name, kind: RecordType) -> Answer {
        let limit = self.settings.timeout.saturating_mul(2);
        let asked = timeout(limit, self.followed(name, kind));
        self.watched(asked).await.unwrap_or_else(|_| Answer {
            links: Vec::new(),
            records: Vec::new(),
            dnssec: Dnssec::Indeterminate,
            error: Some(LookupError::Timeout),
            detail: Some("no answer in time".into()),
        })
    }

    /// Says so once if no server answers anything.
    async fn watched<T>(&self, asked: impl Future<Output = T>) -> T {
        let mut asked = pin!(asked);
        if let Either::Left((answer, _)) = select(asked.as_mut(), pin!(sleep(SILENCE))).await {
            return answer;
        }
        let have_answered = self.servers().have_answered();
        if let Some(notice) = self.settings.notice.as_ref().filter(|_| !have_answered)
            && !self.has_noticed.swap(true, Ordering::Relaxed)
        {
            notice(Notice::ResolverSilent { servers: self.server_names(), after: SILENCE });
        }
        asked.await
    }

    /// A resolver hands over the whole chain of CNAME links with the records at
    /// its end. Where the end has none, it is asked for itself: its error and the
    /// proof of its absence are its own.
    async fn followed(&self, name: Name, kind: RecordType) -> Answer {
        let mut links = Vec::new();
        let mut dnssec = Dnssec::Secure;
        let mut question = Query::query(name.clone(), kind);
        loop {
            let step = self.asked(&question).await;
            dnssec = lowest(dnssec, step.dnssec);
            let is_open = step.records.is_empty() && !step.links.is_empty();
            links.extend(step.links);
            if is_open && links.len() <= MAX_LINKS && !is_loop(&name, &links) {
                let end = links.last().cloned().unwrap_or_default();
                question = Query::query(end, kind);
                continue;
            }
            let (error, detail) = if is_open {
                (Some(LookupError::Other), Some(ENDLESS.into()))
            } else {
                (step.error, step.detail)
            };
            return Answer { links, records: step.records, dnssec, error, detail };
        }
    }

    /// One question: validated if that can be, else as it comes.
    async fn asked(&self, question: &Query) -> Step {
        match timeout(self.settings.timeout, self.judged(question)).await {
            Ok(Some(step)) => step,
            Ok(None) | Err(_) => self.plain(question).await,
        }
    }

    /// The answer with its status. `None` where validation is unavailable. The
    /// preflight and the first question go out together.
    async fn judged(&self, question: &Query) -> Option<Step> {
        if self.settings.trust_ad {
            return self.vouched(question).await;
        }
        let preflight = pin!(self.preflight());
        let Some(keys) = self.settings.anchor.keys() else {
            let keys = preflight.await?;
            return Some(self.validated(question, &keys).await);
        };
        match select(preflight, pin!(self.validated(question, &keys))).await {
            Either::Left((None, _)) => None,
            Either::Left((Some(_), validated)) => Some(validated.await),
            Either::Right((step, preflight)) => preflight.await.map(|_| step),
        }
    }

    /// The keys to begin with, or `None` where the resolver strips signatures.
    async fn preflight(&self) -> Option<Arc<TrustAnchors>> {
        self.preflight.get_or_init(|| self.fetched_keys()).await.clone()
    }

    /// Asks for the anchor's own keys with DO and looks for an RRSIG
    /// (RFC 4035 §3.2.1): a forwarder that knows nothing of DNSSEC leaves it out,
    /// and every name would look bogus through it.
    async fn fetched_keys(&self) -> Option<Arc<TrustAnchors>> {
        let zones = self.settings.anchor.zones().into_iter();
        let fetches = zones.map(|zone| self.keys_of(zone));
        let answers = timeout(self.preflight_limit(), join_all(fetches)).await.ok()?;
        let records: Vec<Record> = answers.into_iter().flatten().collect();
        let is_signed = records.iter().any(|record| record.record_type() == RecordType::RRSIG);
        is_signed.then(|| self.settings.anchor.matched(&records))
    }

    async fn keys_of(&self, zone: Name) -> Vec<Record> {
        // With CD: a resolver that mistrusts these keys passes them on all the same.
        let wire = Wire::new(self.servers(), true);
        let query = Query::query(zone, RecordType::DNSKEY);
        let response = wire.lookup(query, options(true)).first_answer().await;
        response.map(|response| response.into_message().answers).unwrap_or_default()
    }

    /// Validated here. Where the resolver itself failed, perhaps because it
    /// validates and found fault, it is asked for what it has (CD, RFC 4035 §3.2.2).
    async fn validated(&self, question: &Query, keys: &Arc<TrustAnchors>) -> Step {
        let step = self.settled(question, keys, false).await;
        if step.error != Some(LookupError::Servfail) {
            return step;
        }
        let unchecked = self.settled(question, keys, true).await;
        match unchecked.error {
            None | Some(LookupError::Nxdomain | LookupError::Nodata | LookupError::Bogus) => {
                unchecked
            }
            Some(_) => step,
        }
    }

    /// Asks again where a chain of trust could not be fetched: the validator calls
    /// that bogus, but SERVFAIL and a time-out say nothing about a signature.
    async fn settled(&self, question: &Query, keys: &Arc<TrustAnchors>, cd: bool) -> Step {
        let (step, is_unfetched) = self.attempted(question, keys, cd).await;
        if !is_unfetched {
            return step;
        }
        match self.attempted(question, keys, cd).await {
            (step, false) => step,
            (step, true) => step.undetermined(),
        }
    }

    /// One attempt, and whether its verdict rests on a fetch that failed.
    async fn attempted(
        &self,
        question: &Query,
        keys: &Arc<TrustAnchors>,
        cd: bool,
    ) -> (Step, bool) {
        let validator = self.validator(keys, cd);
        let outcome = validator.handle.lookup(question.clone(), options(true));
        let step = read(question, outcome.first_answer().await, true);
        let is_unfetched = step.dnssec == Dnssec::Bogus
            && step.names(question).any(|name| validator.wire.has_failed_above(name));
        (step, is_unfetched)
    }

    /// The current validator; a new one where the current one's cache may hold
    /// verdicts that rest on a failed fetch.
    fn validator(&self, keys: &Arc<TrustAnchors>, cd: bool) -> Validator {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let Validators { checking, checking_disabled } = &mut *validators;
        let current = if cd { checking_disabled } else { checking };
        match current {
            Some(validator) if !validator.wire.has_failed() => validator.clone(),
            _ => {
                let wire = Wire::new(self.servers(), cd);
                let handle = DnssecDnsHandle::with_trust_anchor(wire.clone(), Arc::clone(keys));
                current.insert(Validator { wire, handle }).clone()
            }
        }
    }

    /// Without validation, and with CD, so that a validating resolver answers too.
    async fn plain(&self, question: &Query) -> Step {
        let wire = Wire::new(self.servers(), true);
        let outcome = wire.lookup(question.clone(), options(false)).first_answer().await;
        read(question, outcome, false)
    }

    pub(super) fn preflight_limit(&self) -> Duration {
        self.settings.timeout.mul_f32(PREFLIGHT_SHARE)
    }

    pub(super) fn servers(&self) -> Arc<Servers> {
        let make = || Arc::new(Servers::new(&self.settings.servers, self.settings.timeout));
        self.servers.get_or_init(make).clone()
    }
}

/// Part of one attempt's time that the preflight may take, so that a plain
/// question still fits behind it.
const PREFLIGHT_SHARE: f32 = 0.6;

fn options(wants_dnssec: bool) -> DnsRequestOptions {
    let mut options = DnsRequestOptions::default();
    options.edns_set_dnssec_ok = wants_dnssec;
    options
}
