//! Reads the server's first flight in clear (RFC 5246 §7.4). Pure and total.
//!
//! Owns records and messages in clear. Refuses to say what is weak.

use tls_parser::{
    NamedGroup, TlsCipherKx, TlsCipherSuite, TlsExtension, TlsMessage, TlsMessageHandshake,
    TlsServerHelloContents, parse_tls_extensions, parse_tls_message_handshake,
};

use crate::tls::failure::{alert_name, may_be_tls};

/// Content types of RFC 8446 §5.1.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Length of a record's header.
const HEADER: usize = 5;
/// Alert level `fatal`.
const FATAL: u8 = 2;

/// What the server's first flight says, as far as it came.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// `SSLv3` to `TLSv1.3`, from the ServerHello.
    pub version: Option<String>,
    /// IANA name of the suite; `0x…` for an unassigned one.
    pub cipher_suite: Option<String>,
    /// Named curve, or `DH 1024` with the size of the prime.
    pub group: Option<String>,
    /// The chain as DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The alert, by its name.
    pub alert: Option<String>,
    /// Whether a CertificateRequest came; `None` before the end of the flight.
    pub client_certificate_requested: Option<bool>,
    /// Whether the bytes are no TLS records.
    pub not_tls: bool,
    /// The ServerHello, by numbers.
    pub hello: Option<Hello>,
    /// Code point of the named group, where the exchange uses one.
    pub named_group: Option<u16>,
    /// Bits of the prime, where the exchange uses one of the server's own.
    pub prime_bits: Option<u32>,
}

/// What a ServerHello or HelloRetryRequest commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// 0x0300 to 0x0304.
    pub version: u16,
    /// The suite.
    pub suite: u16,
    /// The compression method; 0 is none.
    pub compression: u8,
    /// Whether secure renegotiation is indicated (RFC 5746).
    pub secure_renegotiation: bool,
    /// Whether the extended master secret is used (RFC 7627).
    pub extended_master_secret: bool,
}

impl Flight {
    /// What the ServerHello commits to, in the words of
    /// [`Handshake::failure`](crate::model::tls::Handshake::failure); `None` without
    /// one.
    pub fn legacy_only(&self) -> Option<String> {
        let version = self.version.as_deref()?;
        if !matches!(version, "TLSv1.2" | "TLSv1.3") {
            return Some(format!("legacy-only: {version}"));
        }
        let suite = self.cipher_suite.as_deref().unwrap_or_default();
        let group = self.group.as_deref();
        match group {
            _ if !is_modern_suite(self.suite()) => Some(format!("legacy-only: {version} {suite}")),
            Some(group) if !is_modern_group(group) => {
                Some(format!("legacy-only: {version} {suite} {group}"))
            }
            _ => Some(format!("answered a legacy ClientHello: {version} {suite}")),
        }
    }

    fn suite(&self) -> u16 {
        self.hello.map_or(0, |hello| hello.suite)
    }

    /// The phrase for what was seen; `None` if nothing was.
    pub(super) fn words(&self) -> Option<String> {
        if self.not_tls {
            return Some("not TLS".to_owned());
        }
        let alert = self.alert.as_deref().map(|alert| format!("alert {alert}"));
        self.legacy_only().or(alert)
    }
}

/// Whether rustls speaks this suite: TLS 1.3's, or ECDHE with an AEAD.
fn is_modern_suite(suite: u16) -> bool {
    matches!(suite, 0x1301..=0x1303 | 0xc02b | 0xc02c | 0xc02f | 0xc030 | 0xcca8 | 0xcca9)
}

fn is_modern_group(group: &str) -> bool {
    matches!(group, "X25519" | "secp256r1" | "secp384r1")
}

/// Takes bytes in any segmentation and builds a [`Flight`].
#[derive(Debug, Default)]
pub struct Reader {
    records: Vec<u8>,
    messages: Vec<u8>,
    flight: Flight,
    done: bool,
    /// Whether to stop as soon as the parameters are known.
    brief: bool,
}

impl Reader {
    /// A reader that is done once the ServerHello has come, and the parameters of the
    /// key exchange where a ServerKeyExchange has them.
    pub fn brief() -> Self {
        Self { brief: true, ..Self::default() }
    }

    /// Takes bytes as they came. Whoever calls caps their sum.
    pub fn push(&mut self, bytes: &[u8]) {
        self.records.extend_from_slice(bytes);
        if !may_be_tls(&self.records) {
            self.flight.not_tls = true;
            self.done = true;
        }
        let records = std::mem::take(&mut self.records);
        let mut rest = records.as_slice();
        while let (false, Some((kind, payload, behind))) = (self.done, record(rest)) {
            self.record(kind, payload);
            rest = behind;
        }
        self.records = rest.to_vec();
    }

    /// Whether the flight is complete, or cannot become so.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// What was read.
    pub fn into_flight(self) -> Flight {
        self.flight
    }

    /// Types other than alert and handshake are skipped: change_cipher_spec (20)
    /// means nothing here, and nothing else belongs here.
    fn record(&mut self, kind: u8, payload: &[u8]) {
        match (kind, payload) {
            (ALERT, [level, code, ..]) => {
                // A warning, unrecognized_name say, does not end anything.
                self.done |= *level == FATAL;
                self.flight.alert = Some(alert_name(*code));
            }
            (HANDSHAKE, payload) => {
                self.messages.extend_from_slice(payload);
                self.messages();
            }
            _ => {}
        }
    }

    fn messages(&mut self) {
        let messages = std::mem::take(&mut self.messages);
        let mut rest = messages.as_slice();
        while let Some((message, behind)) = message(rest) {
            self.message(message);
            rest = behind;
        }
        self.messages = rest.to_vec();
    }

    fn message(&mut self, bytes: &[u8]) {
        let flight = &mut self.flight;
        let Ok((_, TlsMessage::Handshake(message))) = parse_tls_message_handshake(bytes) else {
            return;
        };
        match message {
            TlsMessageHandshake::ServerHello(hello) => {
                server_hello(flight, &hello);
                self.done |= self.brief && !has_parameters(flight.suite());
            }
            TlsMessageHandshake::Certificate(certificate) => {
                let chain = certificate.cert_chain.iter();
                flight.chain = chain.map(|cert| cert.data.to_vec()).collect();
            }
            TlsMessageHandshake::ServerKeyExchange(exchange) => {
                parameters(flight, exchange.parameters);
                self.done |= self.brief;
            }
            TlsMessageHandshake::CertificateRequest(_) => {
                flight.client_certificate_requested = Some(true);
            }
            TlsMessageHandshake::ServerDone(_) => {
                flight.client_certificate_requested.get_or_insert(false);
                self.done = true;
            }
            _ => {}
        }
    }
}

/// Splits off one complete record: its type, its payload, and what follows.
fn record(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let &[kind, _, _, high, low] = header else { return None };
    let (payload, behind) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    Some((kind, payload, behind))
}

/// Splits off one complete handshake message, header included.
fn message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let &[_, high, middle, low, ..] = bytes else { return None };
    let length = u32::from_be_bytes([0, high, middle, low]);
    bytes.split_at_checked(usize::try_from(length).ok()?.checked_add(4)?)
}

fn server_hello(flight: &mut Flight, contents: &TlsServerHelloContents<'_>) {
    let mut hello = Hello {
        version: contents.version.0,
        suite: contents.cipher.0,
        compression: contents.compression.0,
        secure_renegotiation: false,
        extended_master_secret: false,
    };
    let extensions = contents.ext.and_then(|bytes| parse_tls_extensions(bytes).ok());
    for extension in extensions.into_iter().flat_map(|(_, extensions)| extensions) {
        match extension {
            // RFC 8446 §4.2.1: TLS 1.3 hides here.
            TlsExtension::SupportedVersions(versions) => {
                hello.version = versions.first().map_or(hello.version, |version| version.0);
            }
            // Of a HelloRetryRequest the group alone, of a ServerHello its share behind it.
            TlsExtension::KeyShare(&[high, low, ..]) => {
                let id = u16::from_be_bytes([high, low]);
                flight.named_group = Some(id);
                flight.group = Some(group_name(id));
            }
            TlsExtension::RenegotiationInfo(_) => hello.secure_renegotiation = true,
            TlsExtension::ExtendedMasterSecret => hello.extended_master_secret = true,
            _ => {}
        }
    }
    flight.version = Some(version_name(hello.version));
    flight.cipher_suite = Some(suite_name(hello.suite));
    flight.hello = Some(hello);
}

/// `SSLv3` to `TLSv1.3`; `0x…` for another.
pub fn version_name(version: u16) -> String {
    match version {
        0x0300 => "SSLv3".to_owned(),
        0x0301 => "TLSv1.0".to_owned(),
        0x0302 => "TLSv1.1".to_owned(),
        0x0303 => "TLSv1.2".to_owned(),
        0x0304 => "TLSv1.3".to_owned(),
        other => format!("0x{other:04x}"),
    }
}

/// The IANA name of a suite; `0x…` for an unassigned one.
pub fn suite_name(suite: u16) -> String {
    match TlsCipherSuite::from_id(suite) {
        Some(suite) => suite.name.to_owned(),
        None => format!("0x{suite:04x}"),
    }
}

/// Whether a ServerKeyExchange follows that says something about the group.
fn has_parameters(suite: u16) -> bool {
    TlsCipherSuite::from_id(suite)
        .is_some_and(|suite| matches!(suite.kx, TlsCipherKx::Ecdhe | TlsCipherKx::Dhe))
}

/// The curve of RFC 8422 §5.4, or the size of the prime of RFC 5246 §7.4.3.
fn parameters(flight: &mut Flight, bytes: &[u8]) {
    let Some(suite) = TlsCipherSuite::from_id(flight.suite()) else { return };
    match (&suite.kx, bytes) {
        // 3: named_curve
        (TlsCipherKx::Ecdhe, &[3, high, low, ..]) => {
            let id = u16::from_be_bytes([high, low]);
            flight.named_group = Some(id);
            flight.group = Some(group_name(id));
        }
        (TlsCipherKx::Dhe, &[high, low, ref rest @ ..]) => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(prime) = rest.get(..length) else { return };
            flight.prime_bits = Some(bits(prime));
            flight.group = Some(format!("DH {}", bits(prime)));
        }
        _ => {}
    }
}

/// The name of a group, as everywhere in the report; `0x…` for an unknown one.
pub fn group_name(id: u16) -> String {
    match id {
        0x0100 => "ffdhe2048".to_owned(),
        0x0101 => "ffdhe3072".to_owned(),
        0x0102 => "ffdhe4096".to_owned(),
        0x0103 => "ffdhe6144".to_owned(),
        0x0104 => "ffdhe8192".to_owned(),
        0x001f => "brainpoolP256r1tls13".to_owned(),
        0x0020 => "brainpoolP384r1tls13".to_owned(),
        0x0021 => "brainpoolP512r1tls13".to_owned(),
        0x11eb => "SecP256r1MLKEM768".to_owned(),
        0x11ec => "X25519MLKEM768".to_owned(),
        0x11ed => "SecP384r1MLKEM1024".to_owned(),
        id => curve_name(id),
    }
}

fn curve_name(id: u16) -> String {
    match NamedGroup(id) {
        NamedGroup::EcdhX25519 => "X25519".to_owned(),
        NamedGroup::EcdhX448 => "X448".to_owned(),
        NamedGroup::Secp192r1 => "secp192r1".to_owned(),
        NamedGroup::Secp224r1 => "secp224r1".to_owned(),
        NamedGroup::Secp256k1 => "secp256k1".to_owned(),
        NamedGroup::Secp256r1 => "secp256r1".to_owned(),
        NamedGroup::Secp384r1 => "secp384r1".to_owned(),
        NamedGroup::Secp521r1 => "secp521r1".to_owned(),
        NamedGroup::BrainpoolP256r1 => "brainpoolP256r1".to_owned(),
        NamedGroup::BrainpoolP384r1 => "brainpoolP384r1".to_owned(),
        NamedGroup::BrainpoolP512r1 => "brainpoolP512r1".to_owned(),
        NamedGroup(other) => format!("0x{other:04x}"),
    }
}

/// The bits of a big-endian number, leading zeroes apart.
fn bits(number: &[u8]) -> u32 {
    let significant: Vec<&u8> = number.iter().skip_while(|byte| **byte == 0).collect();
    let unused = significant.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(significant.len() * 8).unwrap_or(u32::MAX).saturating_sub(unused)
}
