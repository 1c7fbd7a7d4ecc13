//! What a real Postfix does where `mxray egress` says what it would do.
//!
//! Owns what is expected of each mistake that is planted in the sender's transports.
//! Refuses to know how a message is sent.

use anyhow::{Context as _, Result, ensure};

use crate::levels::Sender;
use crate::mta;
use crate::world::World;

/// A transport of the sender, what it does with mail, and words that it logs.
const DEEDS: [(&str, &str, &str); 20] = [
    ("map-absent", "deferred", "client TLS configuration problem"),
    ("text-map-absent", "deferred", "client TLS configuration problem"),
    ("ca-absent", "clear", "cannot load Certification Authority data, CAfile="),
    ("ca-needed", "deferred", "TLS is required, but our TLS engine is unavailable"),
    ("cert-absent", "clear", "error opening chain file: /nonexistent/key.pem"),
    ("key-alone", "tls", "TLS connection established"),
    ("level-empty", "clear", "in reply to RCPT TO command"),
    ("elsewhere", "tls", "bind 203.0.113.99: Cannot assign requested address"),
    ("elsewhere6", "tls", "bind 2001:db8::99: Cannot assign requested address"),
    ("enforced", "deferred", "bind 203.0.113.99: Cannot assign requested address"),
    ("other-family", "tls", "bind 2001:db8:100::10: "),
    ("other-case", "tls", "TLS connection established"),
    ("map-invalid", "deferred", "invalid security level \"dame\""),
    ("map-clear", "clear", "in reply to RCPT TO command"),
    ("map-inline", "clear", "in reply to RCPT TO command"),
    ("map-dane", "tls", "dane configured with dnssec lookups disabled"),
    ("map-dane-only", "deferred", "client TLS configuration problem"),
    ("unsigned-dane-only", "deferred", "client TLS configuration problem"),
    ("wrapped", "deferred", "smtp_tls_wrappermode requires"),
    ("wrapped-25", "deferred", "Cannot start TLS: handshake failure"),
];
/// Those whose client ends with a fatal error, so that mail waits.
const FATAL: [(&str, &str); 3] = [
    ("unread-family", "fatal: smtp_connect_addr: bad smtp_bind_address parameter"),
    ("invalid-level", "fatal: Invalid TLS level \"yes\""),
    ("bound-to-name", "fatal: smtp_connect_addr: bad smtp_bind_address parameter"),
];

/// Sends a message by each.
pub(super) fn done(world: &World) -> Result<()> {
    for (transport, delivery, words) in DEEDS {
        let attempt = Sender::send_by(transport, mta::POSTFIX.domain)?;
        let context = || format!("{transport}: {attempt:?}\n{}", world.sender.log());
        ensure!(attempt.delivery == delivery, context());
        let said = world.sender.said();
        let is_said = |line: &str| line.contains(&format!("{transport}/")) && line.contains(words);
        ensure!(said.lines().any(is_said), "{words}: {}", context());
    }
    for (transport, words) in FATAL {
        Sender::fail_by(transport, mta::POSTFIX.domain, words)
            .with_context(|| world.sender.log())?;
    }
    Ok(())
}
