//! What shows that something stands on the path, or that paths differ.

use super::{Entry, Severity, table};

/// Of STARTTLS that is hidden: what a mirror's transcript tells.
pub(in crate::judge) const HIDDEN_AND_ACCEPTED: &str =
    "a server that hides the keyword from some clients and accepts the command all the same";
/// Of STARTTLS that is masked: the same.
pub(in crate::judge) const MASKED_BY_SERVER: &str = "the mask was written by the server itself";

table! { PATH:
    STARTTLS_OVERWRITTEN: "starttls-overwritten", Critical,
        "STARTTLS was sent, and the 5xx reply quotes exactly eight X's where the command should stand",
        [],
        "find the device that inspects SMTP between this machine and the server (a firewall with \"inspect esmtp\" or the like) and switch the inspection off; a view from another network tells near which end it stands",
        ["RFC 3207 §6", "Cisco ASA inspect esmtp"];
    STARTTLS_HIDDEN: "starttls-hidden", Critical,
        "the EHLO answer has no STARTTLS, and the command is answered with 220 when it is sent anyway",
        [HIDDEN_AND_ACCEPTED],
        "ask the same address from another network; where STARTTLS is offered there, send both transcripts to whoever runs the path from here",
        ["RFC 3207 §6"];
    STARTTLS_MASKED: "starttls-masked", Critical,
        "a line of the EHLO answer is replaced by eight letters X or X…A, and either STARTTLS is accepted behind a Cisco mask, or another view of the same server shows STARTTLS there, or the whole answer fits a common server's list in which only STARTTLS can stand there",
        ["the masked keyword is another of eight letters: CHUNKING, SMTPUTF8 or 8BITMIME", MASKED_BY_SERVER],
        "ask the same address from another network: an unmasked list of the same server decides",
        ["Cisco ASA inspect esmtp", "RFC 3207 §6"];
    STARTTLS_LOST_ON_FAMILY: "starttls-lost-on-family", Critical,
        "STARTTLS works at no measured address of one family and at every one of the other, and one host at least has both",
        ["the two families lead to different machines or listeners, configured differently", "one node's certificate or key cannot be loaded", "the server treats this client's addresses differently by policy", "a path that loses large packets, where handshakes meet with silence"],
        "ask the same addresses from another network over the same family; if STARTTLS is there, a device on the path from here removes it",
        ["RFC 3207 §6"];
    STARTTLS_LOST_NEAR_VANTAGE: "starttls-lost-near-vantage", Critical,
        "an address does not offer or does not complete STARTTLS, controls of other operators do not either over the same family, and no control is clean there",
        ["the controls have stopped offering STARTTLS themselves, or never did", "every one of these servers hides it from this client by policy", "a path that loses large packets, where handshakes meet with silence"],
        "ask the target and the controls from another network; if they have STARTTLS there, a device near this machine removes it",
        ["RFC 3207 §6"];
    STARTTLS_LOST_AT_VIEW: "starttls-lost-at-view", Critical,
        "from one vantage point or source an address does not offer or does not complete STARTTLS, and from another the same address does",
        ["the operator treats clients differently by policy: by reputation, by source network", "servers behind one address that are not alike, each client led to its own", "a path that loses large packets, where handshakes meet with silence"],
        "send both transcripts to whoever runs the path from the view that lacks it; ask controls from there too, and let the operator say whether policy hides it from that address",
        ["RFC 3207 §6"];
    FOREIGN_KEY_AT_VIEW: "foreign-key-at-view", Critical,
        "at one vantage point or source an address proves a key that no trusted issuer vouches for, at another the same address proves a different one that is trusted, and neither shows several",
        ["servers behind one address that are not alike, each client led to its own", "the operator treats clients differently by policy: by reputation, by source network"],
        "find out what terminates TLS on the path from that view; until then deliver only with an authenticated policy (DANE, MTA-STS) from there",
        ["RFC 3207 §6", "RFC 7672"];
    BARE_EVERYWHERE: "starttls-lost-everywhere", Critical,
        "several vantage points see STARTTLS at no measured address of one family, and at every one of the other",
        ["the two families lead to different machines or listeners, configured differently"],
        "let the destination's operator compare its listeners, and look from inside its network whether a device at its edge removes STARTTLS",
        ["RFC 3207 §6"];
    DNS_DIFFERS: "dns-differs", Warning,
        "DNS answers one vantage point otherwise than another: other MX hosts, other addresses, another DNSSEC status",
        ["a split horizon: the zone's operator answers by who asks", "answers by place (GeoDNS, anycast), or a change that has not reached every cache"],
        "ask the zone's own name servers from both places; sign the zone, so that forged answers are told from true ones",
        ["RFC 4033 §2", "RFC 5321 §5.1"];
    GREETING_FROM_NOWHERE: "greeting-from-nowhere", Critical,
        "an address that belongs to no mail server (the canary) greeted us with 220",
        ["a test network that uses documentation addresses"],
        "find out what answers SMTP on this path for addresses that are not its own, and who runs it: mail may pass through it in clear",
        ["RFC 5737", "RFC 3849"];
    ONE_KEY: "one-key-for-all", Critical,
        "the target and a control of another operator prove possession of one and the same key, and no control that works there proves another",
        ["servers of one hoster under several names", "a server package that ships one default key to everybody"],
        "compare the certificates of these addresses from another network: if they differ there, something on the path from here terminates TLS",
        ["RFC 3207 §6"];
    FOREIGN_KEYS: "foreign-keys", Critical,
        "over one family the target and a control show keys that no trusted issuer vouches for, and over the other family different ones that are trusted",
        ["a second set of servers behind this family, at every one of these operators"],
        "compare the certificates of these addresses from another network: if they differ there, something on this family's path terminates TLS",
        ["RFC 3207 §6"];
    ONE_FACE: "one-face-for-all", Critical,
        "the target and controls of two other operators greet with one host name and list the same EHLO keywords",
        ["servers of one hoster under several names"],
        "compare the greetings of these addresses from another network: if they differ there, something on the path from here answers for them",
        ["RFC 3207 §6"];
    KEY_DIFFERS_BY_FAMILY: "key-differs-by-family", Warning,
        "over one family every key is one that no trusted issuer vouches for, over the other it is trusted, and no control shows the same",
        ["a second machine behind the other family's address, with a certificate of its own making"],
        "compare the certificate of the same address from another network",
        ["RFC 7435"];
    PRODUCT_SIGNATURE: "product-signature", Notice,
        "a greeting, an EHLO line or a reply reads as a known product writes it, or the keywords missing here and listed in another view of the same host are those that a known product removes",
        ["the product stands at the destination's own edge, by its operator's choice", "a text that its operator wrote", "a second machine or a front end such as postscreen, which lists fewer keywords"],
        "this names a product to look for, near either end of the path, and proves nothing about STARTTLS by itself",
        ["docs/detection.md §2"];
    FLAPPING: "answers-differ-by-session", Warning,
        "sessions with the same address and everything else equal disagree on the offer of STARTTLS or on what came of it",
        ["several servers behind one address that are not alike", "an upgrade that has not reached all of them yet"],
        "ask more often (--repeats), and from another network",
        ["RFC 5321 §5.1"];
    OFFER_FOLLOWS_EHLO_NAME: "offer-follows-ehlo-name", Warning,
        "the same address offers STARTTLS to one EHLO name and not to another",
        ["a server that hides STARTTLS from some names by policy"],
        "name with --ehlo what your own mail server says in EHLO: the answer to that name is the one that counts for your mail",
        ["RFC 5321 §4.1.1.1"];
    OFFERED_ON_OTHER_PORT: "offered-on-other-port", Notice,
        "an address without STARTTLS on the port that was asked completes TLS on another port",
        ["other ports have listeners of their own, configured differently"],
        "look at the mail server's own settings for the port that was asked; a device that inspects only that port would show just this too",
        ["RFC 8314"];
    CLIENT_ADDRESS_FOREIGN: "client-address-foreign", Notice,
        "the address from which the server says that we connect is neither ours nor the one that controls name over the same family",
        ["carrier-grade NAT with several public addresses"],
        "ask again: if the address stays another one than at the controls, connections to this server take a detour",
        ["RFC 5321 §4.4"];
}
