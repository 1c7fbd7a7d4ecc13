//! The two ClientHellos that rustls sends.
//!
//! Owns protocol versions, groups and suites on offer. Configurations are built
//! once a process and cloned for each connection, because building is the dear
//! part and the recorder must not be shared.

use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::version::TLS12;
use rustls::{ClientConfig, ConfigBuilder, Error, WantsVerifier};

use super::recorder::Recorder;
use crate::model::probe::ClientHello;

static DEFAULT: OnceLock<Result<ClientConfig, Error>> = OnceLock::new();
static PLACEHOLDER: OnceLock<Result<Arc<ClientConfig>, Error>> = OnceLock::new();
static CLASSICAL: OnceLock<Result<ClientConfig, Error>> = OnceLock::new();

/// The configuration for one connection, with a recorder of its own.
///
/// [`ClientHello::Legacy`] and [`ClientHello::Tailored`] are not rustls' to send and
/// get the classical one.
///
/// # Errors
/// Only if rustls finds its own defaults inconsistent.
pub(super) fn config(
    hello: ClientHello,
    protocols: &[&[u8]],
    recorder: &Arc<Recorder>,
) -> Result<Arc<ClientConfig>, Error> {
    let shared = match hello {
        ClientHello::Default => DEFAULT.get_or_init(|| build(true)),
        ClientHello::Classical | ClientHello::Legacy | ClientHello::Tailored => {
            CLASSICAL.get_or_init(|| build(false))
        }
    };
    let mut config = shared.clone()?;
    config.dangerous().set_certificate_verifier(recorder.clone());
    config.client_auth_cert_resolver = recorder.clone();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// A configuration whose session is never used: TLS 1.2 alone, for then a session
/// costs no key share.
///
/// # Errors
/// As [`config`].
pub(super) fn placeholder() -> Result<Arc<ClientConfig>, Error> {
    PLACEHOLDER
        .get_or_init(|| {
            let builder = ClientConfig::builder_with_provider(Arc::new(provider(false)))
                .with_protocol_versions(&[&TLS12])?;
            Ok(Arc::new(unverified(builder)))
        })
        .clone()
}

fn build(post_quantum: bool) -> Result<ClientConfig, Error> {
    let provider = Arc::new(provider(post_quantum));
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(unverified(builder))
}

fn unverified(builder: ConfigBuilder<ClientConfig, WantsVerifier>) -> ClientConfig {
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Recorder::default()))
        .with_no_client_auth();
    // A resumed session shows no certificate, and a remembered group changes the hello.
    config.resumption = Resumption::disabled();
    config
}

/// X25519 comes first, so it is the share that is sent: with an eager ML-KEM share
/// the hello outgrows a segment, and some boxes drop it.
fn provider(post_quantum: bool) -> CryptoProvider {
    let mut kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    if post_quantum {
        kx_groups.push(kx_group::X25519MLKEM768);
    }
    CryptoProvider { kx_groups, ..default_provider() }
}
