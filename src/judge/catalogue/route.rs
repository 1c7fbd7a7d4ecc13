//! What keeps mail from an address before TLS is a question: sessions and DNS.

use super::{Entry, Severity, table};

table! { ROUTE:
    ADDRESS_NOT_REACHED: "address-not-reached", Notice,
        "no complete greeting came from the address",
        ["the server or its network was down for a moment", "this network blocks port 25 to it"],
        "try again later, and from another network",
        ["RFC 5321 §5.1"];
    ADDRESS_TURNED_AWAY: "address-turned-away", Notice,
        "the greeting had another code than 220, or EHLO was answered with an error and nothing \
         could follow it",
        ["rate limiting, greylisting or a blocklist that holds this address"],
        "ask from an address that may send mail",
        ["RFC 5321 §3.1"];
    SESSION_STALLED: "session-stalled", Warning,
        "the address greeted, and the session ended before it was over",
        ["an overloaded server", "a box that drops what it does not know"],
        "try again; if it stops at the same place, compare with another network",
        ["RFC 5321 §4.5.3.2"];
    MX_IS_CNAME: "mx-is-cname", Notice,
        "the name in an MX record is an alias",
        [],
        "let the MX record name a host with address records of its own",
        ["RFC 5321 §5.1", "RFC 2181 §10.3"];
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
        ["a passing fault of the resolver"],
        "try again, or name another resolver with --resolver",
        ["RFC 5321 §5.1"];
}
