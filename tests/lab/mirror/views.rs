//! A mirror seen by several views: a box on the path of one of them.

use anyhow::{Context as _, Result, ensure};
use mxray::model::mirror::MatchedBy;
use mxray::model::verdict::{Confidence, Place, Status};
use mxray::sim::middlebox::{Behaviour, Refusal};

use super::{IPV4, IPV6, Mirror};
use crate::middlebox::{Placed, Router, Taken};
use crate::mirror_table;
use crate::topology::SOURCES;
use crate::world::{Play, World};

const BOTH: &[&str] = &[IPV4, IPV6];

/// Behaviour, where the box is, and verdict, confidence and place of all views.
type Case = (Behaviour, &'static [&'static str], Status, Confidence, Option<Place>);

const CASES: [Case; 7] = [
    (Behaviour::DropKeyword, BOTH, Status::Stripped, Confidence::Proven, None),
    (
        Behaviour::DropKeywordRefuse(Refusal::NotImplemented),
        &[IPV4],
        Status::Stripped,
        Confidence::Proven,
        Some(Place::FamilyPath),
    ),
    (Behaviour::MaskKeywordX, BOTH, Status::Stripped, Confidence::Proven, None),
    (Behaviour::MaskAll, BOTH, Status::Stripped, Confidence::Proven, None),
    (Behaviour::ResetAtStarttls, BOTH, Status::Stripped, Confidence::Corroborated, None),
    (Behaviour::ForeignCertificate, BOTH, Status::Intercepted, Confidence::Proven, None),
    (Behaviour::Relay, BOTH, Status::Intercepted, Confidence::Corroborated, None),
];

pub(super) fn plays() -> Vec<Play> {
    let play = |case: Case| -> Play {
        let title =
            format!("mirror: {} on the path to {}, and a clean view", case.0, case.1.join(" and "));
        (title, Box::new(move |world| beside_a_clean_view(world, case)))
    };
    let source: Play =
        ("mirror: one of two sources is behind the box".to_owned(), Box::new(one_of_two_sources));
    CASES.into_iter().map(play).chain([source]).collect()
}

fn beside_a_clean_view(world: &World, case: Case) -> Result<()> {
    let (behaviour, to, status, confidence, place) = case;
    let mirror = Mirror::start(world)?;
    let clean = format!("clean={}", world.clean_agent());
    let placed = Placed::on_path(Behaviour::Pass, to, &world.authority.file)?;
    mirror.asked(world, &["--vantage", &clean])?.is_clean()?;
    ensure!(placed.redirected()? > 0, "the box was not on the path\n{}", placed.log());
    drop(placed);
    mirror.remembers();
    let placed = Placed::on_path(behaviour, to, &world.authority.file)?;
    let asked = mirror.asked(world, &["--vantage", &clean])?;
    ensure!(placed.redirected()? > 0, "the box was not on the path\n{}", placed.log());
    let verdict = &asked.target.verdict;
    let found = (verdict.status, verdict.confidence, verdict.place);
    ensure!(found == (status, Some(confidence), place), "{found:?}\n{}", asked.outcome);
    let told = "from clean every byte arrives as it was sent";
    let by_mirror = verdict.because.as_deref() == Some("mirror");
    ensure!(!by_mirror || verdict.summary.contains(told), "{}", verdict.summary);
    let statuses: Vec<_> =
        asked.target.views.iter().flatten().map(|it| it.verdict.status).collect();
    ensure!(statuses == [status, Status::Intact], "the views say {statuses:?}\n{}", asked.outcome);
    let clean = mirror_table::expected(Behaviour::Pass);
    asked.changed(Behaviour::Pass, &clean, "clean").with_context(|| asked.outcome.to_string())?;
    if to == BOTH {
        let expected = mirror_table::expected(behaviour);
        asked.changed(behaviour, &expected, "local").with_context(|| asked.outcome.to_string())?;
    }
    Ok(())
}

/// Two sources of one machine: the box is on the path of the first alone.
fn one_of_two_sources(world: &World) -> Result<()> {
    let mirror = Mirror::start(world)?;
    let [boxed, spared] = SOURCES;
    let taken = Taken { router: Router::Access, to: &[IPV4], from: &[boxed] };
    let placed = Placed::taking(Behaviour::MaskAll, taken, &world.authority.file)?;
    let sources = ["-4", "--source", boxed, "--source", spared];
    let asked = mirror.asked(world, &sources)?;
    ensure!(placed.redirected()? > 0, "the box was not on the path\n{}", placed.log());
    let verdict = &asked.target.verdict;
    let found = (verdict.status, verdict.confidence);
    ensure!(found == (Status::Stripped, Some(Confidence::Proven)), "{found:?}\n{}", asked.outcome);
    let expected = mirror_table::expected(Behaviour::MaskAll);
    let clean = mirror_table::expected(Behaviour::Pass);
    let sessions = asked.inspected("local")?;
    let from = |ip: &str| -> Vec<_> {
        let came = |it: &&&_| {
            let it: &mxray::model::mirror::ComparedSession = it;
            it.client_seen.is_some_and(|client| client.ip().to_string() == ip)
        };
        let these = sessions.iter().filter(came);
        these.map(|it| (it.matched_by, mirror_table::shown(Behaviour::MaskAll, it))).collect()
    };
    let masked = (Some(MatchedBy::Time), (expected.outcome, expected.differences));
    let untouched = (Some(MatchedBy::Greeting), (clean.outcome, clean.differences));
    let (first, second) = (from("198.51.100.10"), from("198.51.100.11"));
    ensure!(first.len() + second.len() == sessions.len(), "{}", asked.outcome);
    ensure!(!first.is_empty() && first.iter().all(|it| *it == masked), "{}", asked.outcome);
    ensure!(!second.is_empty() && second.iter().all(|it| *it == untouched), "{}", asked.outcome);
    Ok(())
}
