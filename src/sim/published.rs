//! Which TLSA records a pretend host has for the keys of its servers.
//!
//! Owns the records made from keys that exist only once the internet has started.
//! Refuses to know what a record means to a client.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

use crate::model::route::Tlsa;
use crate::sim::dns::Zone;

/// What a host publishes at `_25._tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Published {
    /// DANE-EE(3), SPKI(1), SHA2-256(1) for the key of every server of the host.
    EveryKey,
    /// The same for the key of its first server only.
    FirstKey,
    /// The same for a key that no server has, as after a renewal that forgot DNS.
    OldKey,
    /// PKIX-EE(1) records, which are not for SMTP (RFC 7672 §3.1.3).
    Unusable,
}

impl Published {
    /// Adds the records for these keys (`SubjectPublicKeyInfo` in DER), in the order of
    /// the host's servers.
    pub(super) fn publish(self, zone: &mut Zone, host: &str, keys: &[Vec<u8>]) {
        let old = vec![Vec::new()];
        let (usage, keys) = match self {
            Self::EveryKey => (3, keys),
            Self::FirstKey => (3, keys.get(..1).unwrap_or_default()),
            Self::OldKey => (3, old.as_slice()),
            Self::Unusable => (1, keys),
        };
        for key in keys {
            let data = hexadecimal(digest(&SHA256, key).as_ref());
            let record = Tlsa { usage, selector: 1, matching: 1, data };
            zone.tlsa(&format!("_25._tcp.{host}"), record);
        }
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
