//! What the transcripts of a mirror show.

use super::{Entry, Severity, table};

/// What explains why transcripts could not be had, by what was met.
pub(in crate::judge) const EXCHANGE_DROPPED: &str = "a firewall between here and the mirror drops the port for the exchange (no connection came about in time)";
/// See [`EXCHANGE_DROPPED`].
pub(in crate::judge) const EXCHANGE_REFUSED: &str = "the mirror does not run at the moment or listens at another port, which --mirror-exchange names, or a firewall rejects the connection (it was refused)";
/// See [`EXCHANGE_DROPPED`].
pub(in crate::judge) const EXCHANGE_ELSEWHERE: &str = "another server listens at that port, or the port is forwarded to one (what answered is not the mirror)";

table! { MIRROR:
    MIRROR_KEY_DIFFERS: "mirror-key-differs", Critical,
        "in a session with a mirror TLS was not between this machine and the mirror: another certificate was shown than the mirror presents, no proof of its key, or the mirror's end alone completed a handshake",
        [],
        "find the device on the way that terminates TLS; the mirror's transcript shows what it says to the server in our place",
        ["RFC 3207 §6", "docs/detection.md §1 (e)"];
    MIRROR_BYTES_CHANGED: "mirror-bytes-changed", Critical,
        "the transcripts of both ends of a session with a mirror differ, and not by an end that is missing: bytes were changed, taken out or put in between",
        [],
        "find the device between the two ends that changes SMTP and switch that off; both transcripts are the evidence for whoever operates it",
        ["RFC 3207 §6", "docs/detection.md §1 (e)"];
    MIRROR_NOT_REACHED: "mirror-not-reached", Critical,
        "a greeting came from the address of a mirror, and the mirror, whose record of that time is complete, had no session of ours",
        ["the address, or this port of it, leads to another machine than the mirror: a port that is forwarded elsewhere, an address that was moved"],
        "ask the mirror over its other family or port, and look where its address leads from another network",
        ["docs/detection.md §1"];
    MIRROR_CUT_OFF: "mirror-cut-off", Critical,
        "what one end of a session with a mirror sent last did not arrive, or the handshake did not come to its end, and neither end broke off",
        ["a connection that failed on the way, which should not happen each time at the same place"],
        "repeat it; if it breaks off each time at the same command, look for a device on the way that inspects SMTP",
        ["docs/detection.md §1"];
    MIRROR_EXCHANGE_INTERCEPTED: "mirror-exchange-intercepted", Warning,
        "the TLS session in which a mirror's transcripts were fetched was not with the mirror itself: somebody on the way terminates TLS, could read the transcripts, and could neither change them nor learn the token",
        ["a proxy of the mirror's own operator that terminates TLS in front of it"],
        "find the device that terminates TLS; where others must not read the transcripts, let them travel as a file (mxray mirror --log FILE, --mirror-log FILE)",
        ["RFC 9266", "docs/detection.md §1 (e)"];
    MIRROR_UNAVAILABLE: "mirror-unavailable", Notice,
        "a mirror was named, and its transcripts could not be had",
        [EXCHANGE_DROPPED, EXCHANGE_REFUSED, EXCHANGE_ELSEWHERE],
        "see that the token is the mirror's own and that both clocks are right; or let the mirror write a file (mxray mirror --log FILE) and name it here (--mirror-log FILE)",
        ["docs/detection.md §1 (e)"];
    MIRROR_UNMATCHED: "mirror-unmatched", Notice,
        "a session with a mirror for which no recording of the mirror's is known to be the same one",
        ["several sessions at the same time from behind one address", "a file of the mirror's that ends before this run"],
        "ask again when nobody else uses the mirror; or let each that does at the same time give a name of its own with EHLO (--ehlo)",
        ["docs/detection.md §1 (e)"];
}
