//! Whom to believe: trust anchors and certificate authorities, read from their files.
//!
//! Owns the files and what is wrong with them. Refuses to judge by them.

use std::io::{self, Read as _};
use std::path::Path;

use mxray::dns::{ResolverError, ResolverSettings, TrustAnchor};
use mxray::tls::Roots;

use crate::cli::arguments::options::trust::{RootSet, TrustOptions};
use crate::cli::failure::Failure;

/// Largest file of CA certificates, in bytes.
const LARGEST_PEM: u64 = 16 << 20;

/// Where chains of trust begin.
pub(crate) fn anchor(file: Option<&Path>) -> Result<TrustAnchor, Failure> {
    let Some(path) = file else { return Ok(TrustAnchor::root()) };
    TrustAnchor::from_file(path)
        .map_err(|ResolverError { message, hint }| Failure::usage(message, hint))
}

pub(super) fn resolver(trust: &TrustOptions) -> Result<ResolverSettings, Failure> {
    let anchor = anchor(trust.trust_anchor.as_deref())?;
    let servers = trust.resolver.clone();
    let trust_ad = trust.trust_ad;
    Ok(ResolverSettings { servers, anchor, trust_ad, ..ResolverSettings::default() })
}

pub(super) fn roots(trust: &TrustOptions) -> Result<Roots, Failure> {
    let mut roots = match trust.roots {
        RootSet::Webpki => Roots::webpki(),
        RootSet::Native => Roots::native().map_err(|error| {
            Failure::usage(error, "--roots webpki uses the roots that are built in")
        })?,
    };
    for path in &trust.ca {
        let pem = read_capped(path, LARGEST_PEM).map_err(|error| unusable_ca(path, &error))?;
        roots = roots.with_pem(&pem).map_err(|error| unusable_ca(path, &error))?;
    }
    Ok(roots)
}

fn unusable_ca(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::usage(
        format!("--ca {}: {error}", path.display()),
        "--ca wants a PEM file of CA certificates",
    )
}

fn read_capped(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
