//! Transcripts and probes as the report writes them, and back.
//!
//! Owns the conversion in both directions, so that saved evidence is the same
//! evidence. Refuses to know files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::de::IntoDeserializer;
use serde::de::value::Error as WordError;
use serde::{Deserialize, Serialize};

use crate::model::observation::Observation;
use crate::model::probe::{Limits, Probe};
use crate::model::report::{ObservationReport, ProbeReport, Speaker, TranscriptEntry};
use crate::model::tls::{Handshake, TlsFacts};
use crate::model::transcript::{Ended, Ending, Event, EventKind, Transcript};

/// Why an observation of a report cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The report was written without evidence.
    #[error("observation {0} has no transcript")]
    NoTranscript(String),
    /// An entry has neither bytes nor an event, or one that is not known.
    #[error("observation {0}: entry {1} of the transcript makes no sense")]
    Entry(String, usize),
    /// A certificate was written without its DER.
    #[error("observation {0} tells of a certificate and does not hold it: its `der` was left out")]
    NoDer(String),
    /// Base64 that does not decode.
    #[error("observation {0}: a certificate or staple is not base64")]
    Base64(String),
}

/// An observation as one vantage point hands it to another, or keeps it in a file
/// of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// What was planned.
    pub probe: ProbeReport,
    /// When the connection attempt began, by the clock of whoever observed.
    pub started_at: Timestamp,
    /// What happened.
    pub transcript: Vec<TranscriptEntry>,
    /// What the handshake showed, where one was tried.
    pub handshake: Option<RecordedHandshake>,
}

/// The facts of a [`Handshake`], with its octets in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedHandshake {
    sni: Option<String>,
    version: Option<String>,
    cipher_suite: Option<String>,
    key_exchange_group: Option<String>,
    signature_scheme: Option<String>,
    key_proven: Option<bool>,
    alert: Option<String>,
    client_certificate_requested: Option<bool>,
    chain: Vec<String>,
    ocsp_staple: Option<String>,
    failure: Option<String>,
}

impl Recording {
    /// The recording of an observation.
    pub fn of(observation: &Observation) -> Self {
        Self {
            probe: ProbeReport::of(&observation.probe),
            started_at: observation.started_at,
            transcript: observation.transcript.to_entries(),
            handshake: observation.transcript.handshake().map(RecordedHandshake::of),
        }
    }

    /// The observation again, under this id.
    ///
    /// # Errors
    /// An entry makes no sense, or base64 does not decode.
    pub fn observation(&self, id: &str) -> Result<Observation, EntryError> {
        let handshake = match &self.handshake {
            Some(recorded) => {
                recorded.handshake().ok_or_else(|| EntryError::Base64(id.to_owned()))?
            }
            None => Handshake::default(),
        };
        Ok(Observation {
            id: id.to_owned(),
            probe: probe(&self.probe),
            started_at: self.started_at,
            transcript: transcript(id, &self.transcript, &handshake)?,
        })
    }
}

impl RecordedHandshake {
    fn of(handshake: &Handshake) -> Self {
        Self {
            sni: handshake.sni.clone(),
            version: handshake.version.clone(),
            cipher_suite: handshake.cipher_suite.clone(),
            key_exchange_group: handshake.key_exchange_group.clone(),
            signature_scheme: handshake.signature_scheme.clone(),
            key_proven: handshake.key_proven,
            alert: handshake.alert.clone(),
            client_certificate_requested: handshake.client_certificate_requested,
            chain: handshake.chain.iter().map(|der| BASE64.encode(der)).collect(),
            ocsp_staple: handshake.ocsp_staple.as_ref().map(|staple| BASE64.encode(staple)),
            failure: handshake.failure.clone(),
        }
    }

    /// `None` where base64 does not decode.
    fn handshake(&self) -> Option<Handshake> {
        let chain = self.chain.iter().map(|der| BASE64.decode(der).ok());
        let staple = self.ocsp_staple.as_ref().map(|staple| BASE64.decode(staple));
        Some(Handshake {
            sni: self.sni.clone(),
            version: self.version.clone(),
            cipher_suite: self.cipher_suite.clone(),
            key_exchange_group: self.key_exchange_group.clone(),
            signature_scheme: self.signature_scheme.clone(),
            key_proven: self.key_proven,
            alert: self.alert.clone(),
            client_certificate_requested: self.client_certificate_requested,
            chain: chain.collect::<Option<_>>()?,
            ocsp_staple: staple.transpose().ok()?,
            failure: self.failure.clone(),
        })
    }
}

impl ProbeReport {
    /// A probe as the report writes it.
    pub fn of(probe: &Probe) -> Self {
        Self {
            vantage: probe.vantage.clone(),
            source: probe.source,
            target: probe.target.clone(),
            host: probe.host.clone(),
            ip: probe.ip,
            family: probe.family(),
            port: probe.port,
            ehlo_name: probe.ehlo_name.clone(),
            mode: probe.mode,
            client_hello: probe.client_hello,
            sni: probe.sni.clone(),
            repeat: probe.repeat,
            role: probe.role,
        }
    }
}

impl Transcript {
    /// The events as the report writes them. What a handshake showed stands in
    /// the observation's `tls` instead.
    pub fn to_entries(&self) -> Vec<TranscriptEntry> {
        let mut tls = false;
        let mut entries = Vec::with_capacity(self.events.len());
        for event in &self.events {
            entries.push(entry(event, tls));
            tls |= matches!(event.kind, EventKind::HandshakeDone(_));
        }
        entries
    }
}

fn entry(event: &Event, tls: bool) -> TranscriptEntry {
    let happened =
        |name: &str, detail: Option<String>| (Speaker::Path, None, Some(name.to_owned()), detail);
    let (from, bytes, name, detail) = match &event.kind {
        EventKind::Connected { local } => {
            happened("connected", local.map(|local| local.to_string()))
        }
        EventKind::Received(bytes) => (Speaker::Peer, Some(bytes), None, None),
        EventKind::Sent(bytes) => (Speaker::Us, Some(bytes), None, None),
        EventKind::Residue(bytes) => (Speaker::Peer, Some(bytes), Some("residue".into()), None),
        EventKind::HandshakeDone(_) => happened("tls", None),
        EventKind::HandshakeFailed(_) => happened("tls-failed", None),
        EventKind::Ended(ending) => happened(ended_word(ending.how), ending.detail.clone()),
    };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    let base64 = match (&text, bytes) {
        (None, Some(bytes)) => Some(BASE64.encode(bytes)),
        _ => None,
    };
    TranscriptEntry {
        at_ms: event.at_us / 1000,
        at_us: event.at_us,
        from,
        tls,
        text,
        base64,
        event: name,
        detail,
    }
}

fn ended_word(how: Ended) -> &'static str {
    match how {
        Ended::ByUs => "ended by-us",
        Ended::ByPeer => "ended by-peer",
        Ended::Reset => "ended reset",
        Ended::Timeout => "ended timeout",
        Ended::Refused => "ended refused",
        Ended::Unreachable => "ended unreachable",
        Ended::Protocol => "ended protocol",
        Ended::LocalError => "ended local-error",
    }
}

/// Reads an observation back from a report that holds evidence.
pub fn observation(report: &ObservationReport) -> Result<Observation, EntryError> {
    let entries =
        report.transcript.as_ref().ok_or_else(|| EntryError::NoTranscript(report.id.clone()))?;
    let handshake = match &report.tls {
        Some(tls) if tls.chain.iter().any(|certificate| certificate.der.is_none()) => {
            return Err(EntryError::NoDer(report.id.clone()));
        }
        Some(tls) => handshake(tls).ok_or_else(|| EntryError::Base64(report.id.clone()))?,
        None => Handshake::default(),
    };
    Ok(Observation {
        id: report.id.clone(),
        probe: probe(&report.probe),
        started_at: report.started_at,
        transcript: transcript(&report.id, entries, &handshake)?,
    })
}

/// The events of a transcript; what the handshake showed stands apart from it.
///
/// # Errors
/// An entry makes no sense.
pub fn transcript(
    id: &str,
    entries: &[TranscriptEntry],
    handshake: &Handshake,
) -> Result<Transcript, EntryError> {
    let mut events = Vec::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        let kind = kind(entry, handshake).ok_or_else(|| EntryError::Entry(id.to_owned(), place))?;
        events.push(Event { at_us: entry.at_us, kind });
    }
    Ok(Transcript { events })
}

impl TranscriptEntry {
    /// The bytes that it carries; `None` where it carries none, and where its base64
    /// does not decode.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match (&self.text, &self.base64) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(encoded)) => BASE64.decode(encoded).ok(),
            (None, None) => None,
        }
    }
}

fn kind(entry: &TranscriptEntry, handshake: &Handshake) -> Option<EventKind> {
    let bytes = entry.bytes();
    if bytes.is_none() && entry.base64.is_some() {
        return None;
    }
    Some(match (entry.from, entry.event.as_deref(), bytes) {
        (Speaker::Peer, None, Some(bytes)) => EventKind::Received(bytes),
        (Speaker::Us, None, Some(bytes)) => EventKind::Sent(bytes),
        (Speaker::Peer, Some("residue"), Some(bytes)) => EventKind::Residue(bytes),
        (Speaker::Path, Some("connected"), None) => {
            let local = entry.detail.as_deref().map(str::parse).transpose().ok()?;
            EventKind::Connected { local }
        }
        // What came before a rejection had not failed yet.
        (Speaker::Path, Some("tls"), None) => EventKind::HandshakeDone(Box::new(Handshake {
            failure: None,
            alert: None,
            ..handshake.clone()
        })),
        (Speaker::Path, Some("tls-failed"), None) => {
            EventKind::HandshakeFailed(Box::new(handshake.clone()))
        }
        (Speaker::Path, Some(event), None) => {
            let word = event.strip_prefix("ended ")?;
            let how = Ended::deserialize(IntoDeserializer::<WordError>::into_deserializer(word));
            EventKind::Ended(Ending { how: how.ok()?, detail: entry.detail.clone() })
        }
        _ => return None,
    })
}

/// The recorded facts out of the report's `tls` object; `None` where base64 does not decode.
fn handshake(tls: &TlsFacts) -> Option<Handshake> {
    let chain = tls
        .chain
        .iter()
        .map(|certificate| certificate.der.as_ref().and_then(|der| BASE64.decode(der).ok()));
    let staple = tls.ocsp_staple.as_ref().map(|staple| BASE64.decode(staple));
    Some(Handshake {
        sni: tls.sni.clone(),
        version: tls.version.clone(),
        cipher_suite: tls.cipher_suite.clone(),
        key_exchange_group: tls.key_exchange_group.clone(),
        signature_scheme: tls.signature_scheme.clone(),
        key_proven: tls.key_proven,
        alert: tls.alert.clone(),
        client_certificate_requested: tls.client_certificate_requested,
        chain: chain.collect::<Option<_>>()?,
        ocsp_staple: staple.transpose().ok()?,
        failure: tls.failure.clone(),
    })
}

/// The plan of a recorded connection. Its limits were another run's; nobody
/// waits for a recording.
pub fn probe(report: &ProbeReport) -> Probe {
    let none = std::time::Duration::ZERO;
    Probe {
        vantage: report.vantage.clone(),
        source: report.source,
        target: report.target.clone(),
        host: report.host.clone(),
        ip: report.ip,
        port: report.port,
        ehlo_name: report.ehlo_name.clone(),
        mode: report.mode,
        client_hello: report.client_hello,
        offer: None,
        sni: report.sni.clone(),
        repeat: report.repeat,
        role: report.role,
        limits: Limits { session: none, greeting: none },
    }
}
