//! The stapled OCSP response: what is wrong with it, or that it is missing.
//!
//! That it says revoked is a reason of the path, and for `certificate` to say.

use super::by_session;
use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, Entry};
use crate::judge::reading::Reading;
use crate::model::finding::Finding;
use crate::model::probe::ClientHello;
use crate::model::tls::{Ocsp, OcspStatus};

pub(super) fn findings(addresses: &[Address<'_>]) -> Vec<Finding> {
    addresses.iter().flat_map(|address| by_session(address, |one| of(address, one))).collect()
}

fn of(address: &Address<'_>, reading: &Reading<'_>) -> Vec<(Entry, String)> {
    let Some(tls) = &reading.tls else { return Vec::new() };
    let label = address.label();
    if let Some(ocsp) = &tls.ocsp {
        let invalid = fault(ocsp).map(|fault| format!("The OCSP response of {label} {fault}."));
        return invalid
            .map(|text| (catalogue::CERTIFICATE_STAPLE_INVALID, text))
            .into_iter()
            .collect();
    }
    // The legacy hello does not ask for a staple.
    let asked =
        reading.completed() && reading.observation.probe.client_hello != ClientHello::Legacy;
    let demanded = tls.chain.first().and_then(|leaf| leaf.must_staple) == Some(true);
    if !asked || !demanded {
        return Vec::new();
    }
    let text =
        format!("The certificate of {label} demands an OCSP response, and none was stapled.");
    vec![(catalogue::CERTIFICATE_STAPLE_MISSING, text)]
}

/// What is wrong with a staple; a revocation that holds is not the staple's fault.
fn fault(ocsp: &Ocsp) -> Option<String> {
    match ocsp.status {
        OcspStatus::Malformed => return Some("cannot be read".into()),
        OcspStatus::Refused => return Some("says only that the responder refused".into()),
        OcspStatus::OtherCertificate => return Some("is about another certificate".into()),
        OcspStatus::Unknown => return Some("says that the certificate is unknown".into()),
        OcspStatus::Good | OcspStatus::Revoked => {}
    }
    if ocsp.signed == Some(false) {
        return Some("is not signed by the issuer or anybody that it delegated to".into());
    }
    if ocsp.current != Some(false) || ocsp.status == OcspStatus::Revoked {
        return None;
    }
    let over = ocsp.next_update.map(|next| format!(": it counted until {}", next.strftime("%F")));
    Some(format!("is out of date{}", over.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: OcspStatus, signed: Option<bool>, current: Option<bool>) -> Option<String> {
        let next_update = Some("2026-11-29T04:52:26Z".parse().unwrap());
        let (produced_at, this_update, revoked_at) = (None, None, None);
        fault(&Ocsp { status, signed, current, produced_at, this_update, next_update, revoked_at })
    }

    #[test]
    fn only_a_staple_that_fails_is_at_fault() {
        use OcspStatus::{Good, Malformed, OtherCertificate, Refused, Revoked, Unknown};
        assert_eq!(said(Good, Some(true), Some(true)), None);
        // What could not be tried is no fault.
        assert_eq!(said(Good, None, Some(true)), None);
        assert_eq!(said(Revoked, Some(true), Some(false)), None);
        let forged = said(Good, Some(false), Some(true)).unwrap();
        assert!(forged.starts_with("is not signed by the issuer"), "{forged}");
        let over = said(Good, Some(true), Some(false)).unwrap();
        assert_eq!(over, "is out of date: it counted until 2026-11-29");
        for status in [Unknown, OtherCertificate, Refused, Malformed] {
            assert!(said(status, None, None).is_some(), "{status:?}");
        }
    }
}
