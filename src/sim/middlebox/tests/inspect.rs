//! The inspector by itself: any segmentation, any bytes.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

/// A whole session, with TLS-like bytes behind the 220 that look like SMTP.
const SESSION: [(Side, &str); 8] = [
    (Side::Server, "220-wait\r\n220 mx2.example.net ESMTP\r\n"),
    (Side::Client, EHLO),
    (Side::Server, OFFER),
    (Side::Client, STARTTLS),
    (Side::Server, READY),
    (Side::Client, "\u{16}\u{3}\u{1}EHLO x\r\nSTARTTLS\r\nXFOO\r\n"),
    (Side::Server, "\u{16}\u{3}\u{3}250-a\r\n250 STARTTLS\r\n"),
    (Side::Client, "rest"),
];

/// What reaches client and server, and the turn.
type Outcome = (Vec<u8>, Vec<u8>, Option<Turn>);

/// Runs a session through an inspector, each piece cut into chunks.
fn run(behaviour: Behaviour, scope: &Scope, session: &[(Side, &[u8])], cuts: &[usize]) -> Outcome {
    let mut inspector = Inspector::new(behaviour, scope);
    let (mut client, mut server, mut turn) = (Vec::new(), Vec::new(), None);
    let mut cuts = cuts.iter().copied().cycle();
    for (side, mut bytes) in session.iter().copied() {
        while !bytes.is_empty() {
            let (chunk, rest) = bytes.split_at(cuts.next().unwrap_or(1).clamp(1, bytes.len()));
            bytes = rest;
            let moves = match (turn, side) {
                (None, Side::Server) => inspector.server_sent(chunk),
                (None, Side::Client) => inspector.client_sent(chunk),
                (Some(Turn::Open), Side::Server) => {
                    Moves { to_client: chunk.to_vec(), turn, ..Moves::default() }
                }
                (Some(Turn::Open), Side::Client) => {
                    Moves { to_server: chunk.to_vec(), turn, ..Moves::default() }
                }
                (Some(_), _) => continue,
            };
            client.extend(moves.to_client);
            server.extend(moves.to_server);
            turn = moves.turn;
        }
    }
    (client, server, turn)
}

fn session() -> Vec<(Side, &'static [u8])> {
    SESSION.iter().map(|(side, text)| (*side, text.as_bytes())).collect()
}

fn said_by(session: &[(Side, &[u8])], who: Side) -> Vec<u8> {
    session.iter().filter(|(side, _)| *side == who).flat_map(|(_, bytes)| bytes.to_vec()).collect()
}

proptest! {
    #[test]
    fn any_segmentation_is_treated_alike(cuts in prop::collection::vec(1..40_usize, 1..20)) {
        for behaviour in Behaviour::ALL {
            let scope = Scope::default();
            let whole = run(behaviour, &scope, &session(), &[usize::MAX]);
            prop_assert_eq!(&whole, &run(behaviour, &scope, &session(), &cuts), "{}", behaviour);
        }
    }

    #[test]
    fn a_client_that_is_not_meant_sees_nothing_changed(
        cuts in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let scope: Scope = "ehlo=other.example.org".parse().unwrap();
        for behaviour in Behaviour::ALL {
            let (client, server, turn) = run(behaviour, &scope, &session(), &cuts);
            prop_assert_eq!(client, said_by(&session(), Side::Server), "{}", behaviour);
            prop_assert_eq!(server, said_by(&session(), Side::Client), "{}", behaviour);
            prop_assert_eq!(turn, Some(Turn::Open));
        }
    }

    #[test]
    fn bytes_behind_a_completed_starttls_are_never_touched(
        tail in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let clear = &session()[..5];
        let behaviours = ["pass", "drop-keyword", "mask-keyword", "mask-keyword-x", "inject"];
        for behaviour in behaviours {
            let (behaviour, scope) = (behaviour.parse().unwrap(), Scope::default());
            let mut longer = clear.to_vec();
            longer.extend([(Side::Client, tail.as_slice()), (Side::Server, tail.as_slice())]);
            let (client, server, _) = run(behaviour, &scope, clear, &cuts);
            let (longer_client, longer_server, _) = run(behaviour, &scope, &longer, &cuts);
            prop_assert_eq!(longer_client, [client.as_slice(), &tail].concat());
            prop_assert_eq!(longer_server, [server.as_slice(), &tail].concat());
        }
    }

    #[test]
    fn hostile_bytes_are_survived_and_never_pile_up(
        pieces in prop::collection::vec((any::<bool>(), "(220|250)?[- ]?(EHLO|STARTTLS|x|[^a])?\r?\n?"), 0..200),
    ) {
        for behaviour in Behaviour::ALL {
            let session: Vec<_> = pieces
                .iter()
                .map(|(from_server, text)| {
                    (if *from_server { Side::Server } else { Side::Client }, text.as_bytes())
                })
                .collect();
            run(behaviour, &Scope::default(), &session, &[7, 64]);
        }
    }
}

#[test]
fn a_line_that_never_ends_is_let_go_and_not_kept() {
    let scope = Scope::default();
    let endless = vec![b'2'; 200_000];
    let (client, _, turn) = run(Behaviour::MaskAll, &scope, &[(Side::Server, &endless)], &[1000]);
    assert_eq!((client, turn), (endless, Some(Turn::Open)));
}

#[test]
fn commands_pipelined_behind_starttls_are_read_only_after_a_refusal() {
    let scope = Scope::default();
    let session: [(Side, &[u8]); 4] = [
        (Side::Server, b"220 mx\r\n"),
        (Side::Client, b"STARTTLS\r\nEHLO a\r\n"),
        (Side::Server, b"502 5.5.1 no\r\n"),
        (Side::Server, b"250-mx\r\n250 STARTTLS\r\n"),
    ];
    let (client, server, turn) = run(Behaviour::DropKeyword, &scope, &session, &[usize::MAX]);
    assert_eq!(client, b"220 mx\r\n502 5.5.1 no\r\n250 mx\r\n");
    assert_eq!(server, b"STARTTLS\r\nEHLO a\r\n");
    assert_eq!(turn, None);
}
