//! What is wrong with the certificate of a mail server, and with its staple.

use super::{Entry, Severity, table};

table! { CERTIFICATE:
    CERTIFICATE_EXPIRED: "certificate-expired", Warning,
        "the end of a certificate's validity was past when it was seen",
        ["the clock of the machine that measured is wrong"],
        "renew the certificate; senders with a policy (MTA-STS, verify, secure) defer mail until then",
        ["RFC 5280 §4.1.2.5", "RFC 8460 certificate-expired"];
    CERTIFICATE_EXPIRES_SOON: "certificate-expires-soon", Warning,
        "less than a quarter of the certificate's lifetime is left, and less than 30 days",
        ["it is renewed by hand, and that is planned"],
        "renew the certificate, and find out why no automatic renewal came: it usually begins when a third of the lifetime is left",
        ["RFC 5280 §4.1.2.5", "CA/B Forum ballot SC-081v3"];
    CERTIFICATE_LIFETIME_TOO_LONG: "certificate-lifetime-too-long", Notice,
        "a certificate that leads to a public root was issued for longer than public authorities might at its beginning: 398 days from September 2020, 200 from 15 March 2026, 100 from 15 March 2027, 47 from 15 March 2029",
        ["the authority dated its beginning back"],
        "mail does not suffer today; replace it by one that keeps to the limit before senders insist",
        ["CA/B Forum ballot SC-081v3", "CA/B Forum Baseline Requirements §6.3.2"];
    CERTIFICATE_NOT_YET_VALID: "certificate-not-yet-valid", Warning,
        "the beginning of a certificate's validity was still to come when it was seen",
        ["the clock of the machine that measured is wrong"],
        "use a certificate that is already valid",
        ["RFC 5280 §4.1.2.5"];
    CERTIFICATE_HOST_MISMATCH: "certificate-host-mismatch", Notice,
        "no name of the certificate is the MX host's",
        ["harmless as long as no policy asks for the name: opportunistic senders do not look at it"],
        "issue a certificate that names the MX host; MTA-STS and the level verify need it",
        ["RFC 9525", "RFC 8460 certificate-host-mismatch"];
    CERTIFICATE_NOT_TRUSTED: "certificate-not-trusted", Notice,
        "the chain leads to no root that is trusted here",
        ["harmless as long as no policy asks for a public issuer: opportunistic senders do not look at it", "a certificate that is meant for DANE, which needs no public issuer", "an issuer that is trusted elsewhere, and not by the roots used here"],
        "where MTA-STS is planned, use a certificate of a public authority",
        ["RFC 7435", "RFC 8460 certificate-not-trusted"];
    CERTIFICATE_CHAIN_INCOMPLETE: "certificate-chain-incomplete", Notice,
        "the server's own certificate (the leaf) names an issuer whose certificate was not sent and is no root",
        ["unnoticed by senders that have the intermediate certificate from elsewhere"],
        "send the intermediate certificate along with the leaf",
        ["RFC 5246 §7.4.2"];
    CERTIFICATE_CHAIN_TOO_LONG: "certificate-chain-too-long", Notice,
        "more than 10 certificates were sent, and public authorities need two to five",
        [],
        "send the leaf and what leads to the root, and nothing else: some senders give up on long chains",
        ["RFC 8446 §4.4.2"];
    CERTIFICATE_WITHOUT_SCTS: "certificate-without-scts", Notice,
        "a certificate that leads to a public root has no embedded timestamps (SCTs) of public Certificate Transparency logs",
        ["timestamps that come in the handshake or in an OCSP response, where mxray does not ask for them", "an authority that does not log what no browser sees"],
        "mail does not suffer: no sender is known to look at them; ask the authority why it does not log the certificate",
        ["RFC 6962 §3.3"];
    CERTIFICATE_WEAK: "certificate-weak", Warning,
        "an RSA key below 2048 bits, or a signature with SHA-1 or older",
        [],
        "use RSA of 2048 bits or more, or ECDSA, and SHA-256 or better",
        ["RFC 9325 §4.5"];
    CERTIFICATE_MALFORMED: "certificate-malformed", Warning,
        "the certificate cannot be read as X.509 v3 for a server",
        [],
        "replace the certificate: it is not an X.509 v3 certificate for a server",
        ["RFC 5280 §4.1"];
    CERTIFICATE_REVOKED: "certificate-revoked", Warning,
        "the stapled OCSP response says that the certificate is revoked",
        [],
        "replace the certificate: its issuer has revoked it",
        ["RFC 6960 §2.2"];
}

table! { STAPLE:
    CERTIFICATE_STAPLE_INVALID: "certificate-staple-invalid", Warning,
        "the stapled OCSP response cannot be read, is out of date, is not signed by the issuer or its delegate, or vouches for something else than the certificate",
        ["the clock of the machine that measured is wrong", "of little effect: few senders look at staples"],
        "repair the server's stapling, or switch it off where the certificate does not demand it",
        ["RFC 6960 §3.2", "RFC 6066 §8"];
    CERTIFICATE_STAPLE_MISSING: "certificate-staple-missing", Warning,
        "the certificate demands a stapled OCSP response, and a completed handshake that asked for one had none",
        ["the server had not fetched one yet", "of little effect: few senders look at staples"],
        "staple OCSP responses, or use a certificate without the demand",
        ["RFC 7633 §4.2.3"];
}
