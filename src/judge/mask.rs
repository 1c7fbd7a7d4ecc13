//! What stood under a mask: STARTTLS, or another keyword of eight letters.
//!
//! Owns the decoding by another view of the same server, and by the order in
//! which common servers list their keywords (docs/detection.md §2). Refuses to
//! say what follows from it.

use super::address::Address;
use crate::model::session::{EhloAnswer, MaskedLine};

const STARTTLS: &str = "STARTTLS";

/// Keywords that come with parameters: their lines have any length from that of
/// `AUTH PLAIN` on.
const WITH_PARAMETERS: [&str; 4] = ["SIZE", "AUTH", "LIMITS", "X-EXPS"];
const SHORTEST_WITH_PARAMETERS: usize = "AUTH PLAIN".len();

/// The usual orders (docs/detection.md §2); none of the keywords is always there.
const ORDERS: [&[&str]; 4] = [
    // Postfix
    &[
        "PIPELINING",
        "SIZE",
        "VRFY",
        "ETRN",
        STARTTLS,
        "AUTH",
        "ENHANCEDSTATUSCODES",
        "8BITMIME",
        "DSN",
        "SMTPUTF8",
        "CHUNKING",
    ],
    // Exim
    &[
        "SIZE",
        "LIMITS",
        "8BITMIME",
        "DSN",
        "PIPELINING",
        "AUTH",
        "CHUNKING",
        STARTTLS,
        "PRDR",
        "SMTPUTF8",
        "HELP",
    ],
    // Exchange
    &[
        "SIZE",
        "PIPELINING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        STARTTLS,
        "X-ANONYMOUSTLS",
        "AUTH",
        "X-EXPS",
        "8BITMIME",
        "BINARYMIME",
        "CHUNKING",
        "SMTPUTF8",
    ],
    // Gmail
    &["SIZE", "8BITMIME", STARTTLS, "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING", "SMTPUTF8"],
];

/// One line behind the greeting line.
#[derive(Clone, Copy)]
enum Line<'a> {
    Clear(&'a str),
    Masked(usize),
}

/// Whether a mask stands where common servers have STARTTLS: the whole answer
/// fits at least one usual order, and whichever it fits, one of its masks can
/// only be STARTTLS. A suspicion, never more.
pub(super) fn stands_for_starttls(ehlo: &EhloAnswer) -> bool {
    if ehlo.masked.is_empty() {
        return false;
    }
    let lines = lines(ehlo);
    let fits = |as_starttls| ORDERS.iter().any(|order| fits(&lines, order, as_starttls));
    fits(true) && !fits(false)
}

/// The answer's lines in their order, masks among them.
fn lines(ehlo: &EhloAnswer) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> =
        ehlo.keywords.iter().map(|keyword| Line::Clear(&keyword.name)).collect();
    for mask in &ehlo.masked {
        lines.insert(mask.position.min(lines.len()), Line::Masked(mask.length));
    }
    lines
}

/// Whether the lines are a part of this order, keeping it, with a mask on
/// STARTTLS (`true`) or with none there (`false`).
fn fits(lines: &[Line<'_>], order: &[&str], as_starttls: bool) -> bool {
    let Some((line, rest)) = lines.split_first() else { return !as_starttls };
    // No longer answer can fit, which also bounds the work.
    if lines.len() > order.len() {
        return false;
    }
    let Some((keyword, behind)) = order.split_first() else { return false };
    let here = match line {
        Line::Clear(name) => name == keyword,
        Line::Masked(length) => {
            let longer = WITH_PARAMETERS.contains(keyword) && *length >= SHORTEST_WITH_PARAMETERS;
            *length == keyword.len() || longer
        }
    };
    let masked = matches!(line, Line::Masked(_)) && *keyword == STARTTLS;
    let taken = match (masked, as_starttls) {
        (true, false) => false,
        (true, true) => here && fits(rest, behind, false),
        (false, wanted) => here && fits(rest, behind, wanted),
    };
    taken || fits(lines, behind, as_starttls)
}

/// Whether another view of the same server shows that only STARTTLS can stand
/// under a mask: between the mask's neighbours there it is the one keyword of the
/// mask's length. One key, proven on both sides, makes two addresses one server.
///
/// `answers` are those of addresses with the key of this one.
pub(super) fn decoded<'r>(
    address: &Address<'_>,
    mut answers: impl Iterator<Item = &'r EhloAnswer>,
) -> bool {
    answers.any(|clear| address.masks().any(|mask| leaves_starttls(mask, clear)))
}

fn leaves_starttls(mask: &MaskedLine, clear: &EhloAnswer) -> bool {
    let (Some(after), Some(before)) = (&mask.after, &mask.before) else { return false };
    let place = |name: &String| clear.keywords.iter().position(|keyword| keyword.name == *name);
    let (Some(after), Some(before)) = (place(after), place(before)) else { return false };
    let between = clear.keywords.get(after + 1..before).unwrap_or_default();
    let length = |name: &str, params: Option<&String>| {
        name.len() + params.map_or(0, |params| params.len() + 1)
    };
    let mut fitting = between
        .iter()
        .filter(|keyword| length(&keyword.name, keyword.params.as_ref()) == mask.length);
    fitting.next().is_some_and(|keyword| keyword.name == STARTTLS) && fitting.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::HelloVerb;
    use crate::smtp::ehlo;
    use crate::smtp::reply::{Progress, ReplyReader};

    fn answer(keywords: &[&str]) -> EhloAnswer {
        let lines: Vec<String> = keywords.iter().map(|line| format!("250-{line}\r\n")).collect();
        let lines = lines.concat();
        let bytes = format!("250-mx\r\n{lines}250 HELP\r\n");
        match ReplyReader::default().push(bytes.as_bytes()) {
            Progress::Complete(reply) => ehlo::answer(&reply, HelloVerb::Ehlo, None),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_order_tells_starttls_from_the_other_eight_letters() {
        let exim = ["SIZE 52428800", "8BITMIME", "PIPELINING", "XXXXXXXA", "XXXXXXXB", "XXXC"];
        assert!(stands_for_starttls(&answer(&exim)), "CHUNKING, STARTTLS, PRDR");
        let one = ["SIZE 52428800", "8BITMIME", "PIPELINING", "XXXXXXXA"];
        assert!(!stands_for_starttls(&answer(&one)), "CHUNKING, STARTTLS or SMTPUTF8");
        let clear = ["SIZE 1", "8BITMIME", "PIPELINING", "CHUNKING", "STARTTLS", "XXXA"];
        assert!(!stands_for_starttls(&answer(&clear)), "nothing of eight letters is masked");
        let unknown = ["FOO", "XXXXXXXA"];
        assert!(!stands_for_starttls(&answer(&unknown)), "nobody lists it so");
    }

    #[test]
    fn another_view_leaves_one_candidate_or_none() {
        let masked = answer(&["SIZE 1", "XXXXXXXX", "DSN"]);
        let leaves = |clear: &[&str]| leaves_starttls(&masked.masked[0], &answer(clear));
        assert!(leaves(&["SIZE 1", "STARTTLS", "DSN"]));
        assert!(leaves(&["SIZE 1", "ETRN", "STARTTLS", "DSN"]));
        assert!(!leaves(&["SIZE 1", "STARTTLS", "CHUNKING", "DSN"]));
        assert!(!leaves(&["SIZE 1", "CHUNKING", "DSN", "STARTTLS"]));
        assert!(!leaves(&["STARTTLS", "DSN"]));
    }
}
