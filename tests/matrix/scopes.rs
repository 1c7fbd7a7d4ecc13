//! Boxes that do not take every connection.

use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::Path;
use mxray::sim::middlebox::{Behaviour, Refusal};
use mxray::sim::server::{Profile, Software};

use crate::common::{Beside, EHLO_NAME, HOST, addresses};
use crate::truth::Permitted;
use crate::world::{CONTROLS, Row, target, with_controls};

const REFUSE: Behaviour = Behaviour::DropKeywordRefuse(Refusal::NotImplemented);
const SECOND_NAME: &str = "second.example.org";

/// Boxes on the IPv4 path to the target, and on both paths where it says so.
pub(crate) fn rows() -> Vec<Row> {
    let suspected = |why| Permitted::stripped(Confidence::Suspected, why);
    let flapping = |why| Permitted::plain(Status::Inconclusive, why);
    let unseen = |why| Permitted::intact(why);
    let ipv4 = Path::Family(Family::Ipv4);
    let own = Path::Address(addresses()[0]);
    let by_name = Permitted::sure(
        Status::Inconsistent,
        Confidence::Suspected,
        "the offer follows the EHLO name",
    );
    let mut rows = vec![
        scoped(own, REFUSE, "every=2").permits(flapping("the repeats disagree")),
        scoped(own, REFUSE, "every=3").permits(flapping("the repeats disagree")),
        scoped(own, Behaviour::DropKeyword, "every=2")
            .permits(suspected("hidden and accepted, but not steadily")),
        scoped(own, Behaviour::DropKeyword, "every=3")
            .permits(suspected("hidden and accepted, but not steadily")),
        scoped(own, Behaviour::MaskKeyword, "every=3").permits(Permitted::stripped(
            Confidence::Proven,
            "(b) a mask of Cisco's, and STARTTLS accepted behind it",
        )),
        scoped(ipv4, REFUSE, "family=ipv4").permits(Permitted::stripped(
            Confidence::Corroborated,
            "controls of two operators lose it as well",
        )),
        scoped(Path::All, REFUSE, "family=ipv6").permits(Permitted::stripped(
            Confidence::Corroborated,
            "controls of two operators lose it as well",
        )),
        // Loopback is the source of every pretend connection.
        scoped(own, REFUSE, "source=127.0.0.1")
            .permits(suspected("a contrast of families, with clean controls")),
        scoped(own, REFUSE, "source=192.0.2.77").permits(unseen("our source is not touched")),
    ];
    let first = format!("ehlo={EHLO_NAME}");
    let second = format!("ehlo={SECOND_NAME}");
    let near = "controls of two operators lose it as well";
    rows.push(
        named(scoped(Path::All, REFUSE, &first))
            .permits(Permitted::stripped(Confidence::Corroborated, near))
            .raises("offer-follows-ehlo-name"),
    );
    let by_family = "a contrast of families, with clean controls";
    rows.push(
        named(scoped(own, REFUSE, &first))
            .permits(suspected(by_family))
            .raises("offer-follows-ehlo-name"),
    );
    let [v4, v6] = addresses().map(Path::Address);
    let both = scoped(v4, REFUSE, &first);
    let internet = both.internet.box_on(v6, REFUSE, first.parse().unwrap());
    let name = format!("{REFUSE} for {first} on both of the target's paths");
    rows.push(
        named(Row { name, internet, ..both }).permits(by_name).raises("offer-follows-ehlo-name"),
    );
    rows.push(
        named(scoped(Path::All, REFUSE, &second))
            .permits(unseen("the first name is healthy, and nothing is asked twice")),
    );
    rows
}

fn scoped(path: Path, behaviour: Behaviour, scope: &str) -> Row {
    let internet = target(with_controls(), Profile::new(Software::Postfix, HOST)).box_on(
        path,
        behaviour,
        scope.parse().unwrap(),
    );
    let whom = match path {
        Path::All => "every path",
        Path::Family(_) => "every IPv4 path",
        Path::Address(_) => "the target's IPv4 path",
    };
    Row::new("not every connection", format!("{behaviour} for {scope} on {whom}"), internet)
}

fn named(row: Row) -> Row {
    let beside =
        Beside { controls: CONTROLS.to_vec(), second_name: Some(SECOND_NAME), ..Beside::default() };
    Row { beside, ..row }
}
