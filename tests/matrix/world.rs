//! Rows and how they are surveyed.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mxray::model::probe::Family;
use mxray::model::report::TargetReport;
use mxray::plan::BUILT_IN_CONTROLS;
use mxray::sim::internet::{Internet, Path};
use mxray::sim::server::{Profile, Script, Software};
use mxray::survey::Outcome;
use mxray::tls::Roots;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::common::{self, Asking, Beside, DOMAIN, HOST, addresses};
use crate::truth::Permitted;
use crate::{blocking, innocent, menu, promises, scopes};

/// Control domains of two other operators. In what is judged they stand for two of
/// those built in, whose names no pretend internet may have.
pub(crate) const CONTROLS: [&str; 2] = ["control-a.example.com", "control-b.example.org"];
/// Control domains of which nobody knows anything, at the same servers.
pub(crate) const STRANGERS: [&str; 2] = ["stranger-a.example.com", "stranger-b.example.org"];
/// The MX hosts of both.
pub(crate) const CONTROL_HOSTS: [&str; 2] =
    ["mx.control-a.example.com", "mx.control-b.example.org"];

/// Threads, each with a runtime of its own.
const THREADS: usize = 2;
/// Pretend internets at once on a thread: waiting for silence costs no processor.
const AT_ONCE: usize = 24;
/// For peers that never answer; the others in the same row need it on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// One case: an internet, how it is asked, and what may be said of it.
pub(crate) struct Row {
    /// What the rows of one line of the table share.
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) internet: Internet,
    pub(crate) asking: Asking,
    pub(crate) beside: Beside,
    /// Whether something on the path tampers.
    pub(crate) guilty: bool,
    pub(crate) permitted: Permitted,
    /// A finding that must be raised.
    pub(crate) finding: Option<&'static str>,
}

impl Row {
    /// With two controls and without a canary.
    pub(crate) fn new(group: &str, name: impl Into<String>, internet: Internet) -> Self {
        Self {
            group: group.to_owned(),
            name: name.into(),
            internet,
            asking: Asking::default(),
            beside: Beside { controls: CONTROLS.to_vec(), ..Beside::default() },
            guilty: true,
            permitted: Permitted::intact("nothing is in the way"),
            finding: None,
        }
    }

    pub(crate) fn permits(self, permitted: Permitted) -> Self {
        Self { permitted, ..self }
    }

    pub(crate) fn innocent(self) -> Self {
        Self { guilty: false, ..self }
    }

    pub(crate) fn impatient(self) -> Self {
        let asking = Asking { session: PATIENCE, greeting: PATIENCE, ..Asking::default() };
        Self { asking, ..self }
    }

    pub(crate) fn raises(self, finding: &'static str) -> Self {
        Self { finding: Some(finding), ..self }
    }
}

/// A row as it was surveyed and judged.
pub(crate) struct Seen {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) guilty: bool,
    pub(crate) permitted: Permitted,
    pub(crate) finding: Option<&'static str>,
    pub(crate) outcome: Outcome,
    pub(crate) report: TargetReport,
    /// Trusted in that internet.
    pub(crate) roots: Roots,
    /// How many connections came to the boxes, and how many they took.
    pub(crate) boxes: Vec<(u64, u64)>,
}

/// The addresses of a control, by its place in [`CONTROLS`].
pub(crate) fn control_addresses(place: u8) -> [IpAddr; 2] {
    let v4 = if place == 0 { [198, 51, 100, 21] } else { [192, 0, 2, 31] };
    [v4.into(), Ipv6Addr::new(0x2001, 0xdb8, 0xc0 + u16::from(place), 0, 0, 0, 0, 1).into()]
}

/// The address of one family out of two.
pub(crate) fn of_family(addresses: [IpAddr; 2], family: Family) -> IpAddr {
    addresses[usize::from(family == Family::Ipv6)]
}

/// An internet with two clean controls, and nothing else.
pub(crate) fn with_controls() -> Internet {
    let scripts = [Software::Gmail, Software::Exchange];
    let [a, b] = CONTROL_HOSTS;
    with_controls_of(Profile::new(scripts[0], a).into(), Profile::new(scripts[1], b).into())
}

/// The same with controls of this kind.
pub(crate) fn with_controls_of(a: Script, b: Script) -> Internet {
    let mut internet = Internet::builder();
    for (place, script) in [(0_u8, a), (1, b)] {
        let at = usize::from(place);
        internet = internet
            .domain(CONTROLS[at], &[(10, CONTROL_HOSTS[at])])
            .domain(STRANGERS[at], &[(10, CONTROL_HOSTS[at])])
            .host(CONTROL_HOSTS[at], control_addresses(place), script);
    }
    internet
}

/// A target with one server at both addresses.
pub(crate) fn target(internet: Internet, script: impl Into<Script>) -> Internet {
    internet.domain(DOMAIN, &[(10, HOST)]).host(HOST, addresses(), script)
}

/// A target with a server of its own behind each family.
pub(crate) fn split(internet: Internet, v4: impl Into<Script>, v6: impl Into<Script>) -> Internet {
    let [a, aaaa] = addresses();
    internet.domain(DOMAIN, &[(10, HOST)]).host(HOST, [a], v4).host(HOST, [aaaa], v6)
}

/// The paths to every address of these families.
pub(crate) fn everywhere(families: &[Family]) -> Vec<Path> {
    families.iter().map(|family| Path::Family(*family)).collect()
}

/// Every row, surveyed once a process.
pub(crate) fn seen() -> &'static [Seen] {
    static SEEN: OnceLock<Vec<Seen>> = OnceLock::new();
    SEEN.get_or_init(|| {
        let mut rows = menu::rows();
        rows.extend(scopes::rows());
        rows.extend(blocking::rows());
        rows.extend(innocent::rows());
        rows.extend(promises::rows());
        surveyed(rows)
    })
}

/// Surveys rows on a few threads, many at once, and keeps their order.
pub(crate) fn surveyed(rows: Vec<Row>) -> Vec<Seen> {
    let mut shares: Vec<Vec<(usize, Row)>> = (0..THREADS).map(|_| Vec::new()).collect();
    let mut rows: Vec<_> = rows.into_iter().enumerate().collect();
    // Those that wait for silence begin first, while the others use the processor.
    rows.sort_by_key(|(_, row)| row.asking.session);
    for (number, (place, row)) in rows.into_iter().enumerate() {
        shares[number % THREADS].push((place, row));
    }
    let mut all: Vec<(usize, Seen)> = std::thread::scope(|scope| {
        let threads: Vec<_> = shares.into_iter().map(|rows| scope.spawn(|| share(rows))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, seen)| seen).collect()
}

fn share(rows: Vec<(usize, Row)>) -> Vec<(usize, Seen)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let mut work = JoinSet::new();
        for (place, row) in rows {
            let at_once = Arc::clone(&at_once);
            work.spawn(async move {
                let _permit = at_once.acquire_owned().await;
                (place, survey(row).await)
            });
        }
        work.join_all().await
    })
}

async fn survey(row: Row) -> Seen {
    let running = row.internet.start().await.unwrap();
    let mut outcome = common::outcome(&running, DOMAIN, row.asking, &row.beside).await;
    for control in &mut outcome.controls {
        let place = CONTROLS.iter().position(|name| *name == control.target.name());
        if let Some(place) = place {
            control.target = BUILT_IN_CONTROLS[place].parse().unwrap();
        }
    }
    let report = common::judged_beside(&running, &outcome.evidence[0], &outcome.controls);
    Seen {
        group: row.group,
        name: row.name,
        guilty: row.guilty,
        permitted: row.permitted,
        finding: row.finding,
        outcome,
        report,
        roots: common::roots(&running),
        boxes: running.boxes().iter().map(|middlebox| middlebox.counts()).collect(),
    }
}
