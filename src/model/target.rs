//! What the user named: a domain, a host with its port, or an address.
//!
//! Owns the reading of a target as people paste it. Refuses to know DNS: a
//! domain is only spelled here, never looked up.

use std::net::IpAddr;

/// One thing to be probed, as the user named it and as it will be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Exactly what was typed, without surrounding blanks.
    pub input: String,
    /// What it means.
    pub kind: TargetKind,
    /// The name in Unicode where it differs from the A-label form.
    pub unicode: Option<String>,
}

/// The three kinds of target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A mail domain: its MX records are looked up (RFC 5321 §5.1).
    /// Lower case, A-labels, no trailing dot.
    Domain(String),
    /// A host named with brackets or a port, as in Postfix's `relayhost`:
    /// no MX lookup.
    Host {
        /// Lower case, A-labels, no trailing dot.
        host: String,
        /// The TCP port, if one was named.
        port: Option<u16>,
    },
    /// An address, with or without a port: no lookup at all.
    Address {
        /// The address to dial.
        ip: IpAddr,
        /// The TCP port, if one was named.
        port: Option<u16>,
    },
}

impl Target {
    /// The canonical name: domain or host in A-labels, or the address.
    pub fn name(&self) -> String {
        match &self.kind {
            TargetKind::Domain(name) => name.clone(),
            TargetKind::Host { host, .. } => host.clone(),
            TargetKind::Address { ip, .. } => ip.to_string(),
        }
    }

    /// The port that the user named, if any.
    pub fn port(&self) -> Option<u16> {
        match self.kind {
            TargetKind::Domain(_) => None,
            TargetKind::Host { port, .. } | TargetKind::Address { port, .. } => port,
        }
    }
}
