//! What keeps mail from an address before TLS is a question: sessions and DNS.

use super::{Entry, Severity, table};

/// What explains an address that was not reached, by what was seen there.
pub(in crate::judge) const DOWN: &str = "the server or its network was down for a moment";
/// No answer to the connection attempt.
pub(in crate::judge) const DROPPED: &str = "a firewall drops the connection, by this network's own rule for outgoing mail or at the server's end (nothing answered)";
/// The connection was refused.
pub(in crate::judge) const NOBODY_LISTENS: &str =
    "no mail server listens at this address, or not at the moment (the connection was refused)";
/// The connection was refused.
pub(in crate::judge) const REJECTED: &str =
    "a firewall near either end rejects the connection in the server's place (it was refused)";
/// There is no way, as somebody says.
pub(in crate::judge) const PROHIBITED: &str =
    "a router or firewall on the way has no route, or prohibits the connection (it said so)";
/// The connection was taken, and no greeting came.
pub(in crate::judge) const SLOW: &str = "an overloaded server, or one that lets unknown clients wait for its greeting (the connection was taken)";
/// The connection was taken, and no greeting came.
pub(in crate::judge) const IN_ITS_PLACE: &str = "a proxy or firewall that takes connections in the server's place (the connection was taken, and came to nothing)";
/// The connection was taken and broken off.
pub(in crate::judge) const BROKEN_OFF: &str = "a server that wants no client with this address, or has heard too often from it (the connection was broken off)";
/// What came is not SMTP.
pub(in crate::judge) const OTHER_SERVICE: &str = "another service listens at this port, or a proxy answers in the server's place (what came is not SMTP)";

table! { ROUTE:
    ADDRESS_NOT_REACHED: "address-not-reached", Notice,
        "no complete greeting came from the address",
        [DOWN, DROPPED, NOBODY_LISTENS, REJECTED, PROHIBITED, SLOW, IN_ITS_PLACE, BROKEN_OFF, OTHER_SERVICE],
        "see whether a mail server is meant to listen there; try again later, and from another network",
        ["RFC 5321 §5.1"];
    ADDRESS_TURNED_AWAY: "address-turned-away", Notice,
        "the greeting had another code than 220, or EHLO was answered with an error and nothing \
         could follow it",
        ["rate limiting, greylisting, or a blocklist that the address we ask from is on", "a server that takes no mail from anybody, as 521 and 554 say"],
        "read what the server says; ask again later, or from an address that may send mail",
        ["RFC 5321 §3.1", "RFC 7504"];
    SESSION_STALLED: "session-stalled", Warning,
        "the address greeted, and the session ended before it was over, or STARTTLS was answered with a temporary error",
        ["an overloaded server", "a device on the path that drops what it does not know"],
        "try again; if it stops at the same place, compare with another network",
        ["RFC 5321 §4.5.3.2"];
    MX_IS_CNAME: "mx-is-cname", Notice,
        "the name in an MX record is an alias",
        [],
        "let the MX record name a host with address records of its own",
        ["RFC 5321 §5.1", "RFC 2181 §10.3"];
    MX_HOST_MALFORMED: "mx-host-malformed", Warning,
        "the name in an MX record is no domain name: an address, or with characters that no mail server's name has",
        ["somebody changes DNS answers on the way"],
        "let the MX record name a host by its domain name: many senders do not use such a name, and some then use none of the domain's MX records",
        ["RFC 5321 §5.1", "RFC 5321 §4.1.2"];
    MX_WITHOUT_ADDRESS: "mx-without-address", Warning,
        "the name in an MX record has neither an A nor an AAAA record",
        ["the host's zone was changed a moment ago"],
        "remove the MX record, or give its host an address",
        ["RFC 5321 §5.1"];
    NULL_MX_BESIDE_OTHERS: "null-mx-beside-others", Warning,
        "a null MX stands beside other MX records",
        [],
        "remove the null MX, or the others",
        ["RFC 7505 §3"];
    DNS_BOGUS: "dns-bogus", Warning,
        "DNSSEC signatures of the answers that lead to the mail servers do not hold",
        ["the zone's operator made a mistake: an expired signature, a wrong DS record", "the resolver's clock or trust anchor is wrong"],
        "validating resolvers refuse these answers, and senders behind them defer mail: repair the zone's DNSSEC",
        ["RFC 4035 §4.3", "RFC 8460 dnssec-invalid"];
    DNS_FAILED: "dns-lookup-failed", Warning,
        "the lookup of a host's addresses gave no answer, neither yes nor no",
        ["a passing fault of the resolver", "a fault of the name servers of the host's zone"],
        "try again, and name another resolver with --resolver; where that one fails too, the zone's operator has to look at its name servers",
        ["RFC 5321 §5.1"];
}
