//! What is wrong with the records and the policy of MTA-STS and TLSRPT.

use super::{Entry, Severity, table};

table! { POLICY:
    POLICY_LOOKUP_FAILED: "policy-lookup-failed", Notice,
        "the lookup of a TXT record that would announce MTA-STS or TLSRPT gave no answer, neither yes nor no",
        ["a passing fault of the resolver", "a fault of the name servers of the domain"],
        "try again, and name another resolver with --resolver; where that one fails too, the domain's operator has to look at its name servers",
        ["RFC 8461 §3.1", "RFC 8460 §3"];
    STS_RECORD_INVALID: "sts-record-invalid", Warning,
        "a TXT record at _mta-sts is meant to announce a policy, and there is not exactly one that is valid",
        ["the record was changed a moment ago, and the old one is still there"],
        "publish exactly one record of the form v=STSv1; id=<1 to 32 letters and digits>;",
        ["RFC 8461 §3.1"];
    STS_POLICY_FETCH_ERROR: "sts-policy-fetch-error", Warning,
        "a record announces a policy, and no complete response came from its host",
        ["a passing fault of the policy host", "this network does not reach the host by HTTPS"],
        "ask the policy's URL from another network; serve it at every address of the policy host",
        ["RFC 8461 §3.3", "RFC 8460 sts-policy-fetch-error"];
    STS_POLICY_REDIRECTED: "sts-policy-redirected", Warning,
        "the policy host answers the request for the policy with a redirect",
        [],
        "serve the policy at its own URL with status 200: senders must not follow redirects",
        ["RFC 8461 §3.3", "RFC 8460 sts-policy-fetch-error"];
    STS_POLICY_STATUS: "sts-policy-status", Warning,
        "the policy host answers the request for the policy with a status other than 200, and not with a redirect",
        ["a passing fault of the policy host"],
        "serve the policy with status 200, or remove the record that announces it",
        ["RFC 8461 §3.3", "RFC 8460 sts-policy-fetch-error"];
    STS_POLICY_MEDIA_TYPE: "sts-policy-media-type", Warning,
        "the policy is sent with another media type than text/plain, or with none",
        ["of no effect with senders that do not look at the media type"],
        "send the policy as Content-Type: text/plain",
        ["RFC 8461 §3.2", "RFC 8460 sts-policy-fetch-error"];
    STS_POLICY_TOO_LONG: "sts-policy-too-long", Warning,
        "the response to the request for the policy is longer than 64 KiB",
        ["of no effect with senders that read more than RFC 8461 suggests"],
        "serve the policy and nothing else",
        ["RFC 8461 §3.3", "RFC 8460 sts-policy-fetch-error"];
    STS_WEBPKI_INVALID: "sts-webpki-invalid", Warning,
        "the certificate of the policy host is not valid for its name at the time of the fetch, or its key is not proven",
        ["the clock of the machine that measured is wrong", "an issuer that is trusted elsewhere and not by the roots used here"],
        "give the policy host a certificate of a public authority that names mta-sts.<domain>, and send its intermediates",
        ["RFC 8461 §3.3", "RFC 8460 sts-webpki-invalid"];
    STS_POLICY_INVALID: "sts-policy-invalid", Warning,
        "what the policy host serves is no policy: a line is no key and value, a mandatory key is missing, or a value is not allowed",
        [],
        "correct the policy at the line named, and change the id of the record",
        ["RFC 8461 §3.2", "RFC 8460 sts-policy-invalid"];
    STS_MX_NOT_LISTED: "sts-mx-not-listed", Warning,
        "the policy has the mode enforce or testing, and none of its mx patterns matches the name of an MX host",
        ["the MX records were changed a moment ago, and the policy has still to follow"],
        "add the host to the policy and change the id of the record, or remove its MX record",
        ["RFC 8461 §4.1", "RFC 8460 validation-failure"];
    STS_NOT_ENFORCED: "sts-not-enforced", Notice,
        "the policy has the mode testing or none",
        ["a policy that is being tried out, or withdrawn in good order"],
        "once reports show no failures, set the mode to enforce; until then it protects no mail",
        ["RFC 8461 §5", "RFC 8461 §8.3"];
    TLS_RPT_RECORD_INVALID: "tls-rpt-record-invalid", Notice,
        "a TXT record at _smtp._tls is meant for TLS reporting, and there is not exactly one that is valid, or it names an address that is no mailto: or https: URI",
        ["the record was changed a moment ago, and the old one is still there"],
        "publish exactly one record of the form v=TLSRPTv1; rua=mailto:<address>",
        ["RFC 8460 §3"];
}
