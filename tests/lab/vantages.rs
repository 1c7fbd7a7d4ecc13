//! The client behind a box, and a second vantage point with none on its path.
//!
//! Each case is asked from the client alone first, so that what the second view
//! adds is seen.

use anyhow::{Context as _, Result, ensure};
use mxray::sim::middlebox::{Behaviour, Refusal};
use serde_json::Value;

use crate::middlebox::Placed;
use crate::mta;
use crate::topology::RESOLVER;
use crate::world::{Play, World};

/// Status, confidence and place.
type Claim = (&'static str, Option<&'static str>, Option<&'static str>);

/// What a box on the path of these families is called from one view, and from two.
struct Case {
    behaviour: Behaviour,
    to: &'static [&'static str],
    one: Claim,
    two: Claim,
}

const V4: &[&str] = &[mta::POSTFIX.ipv4];
const BOTH: &[&str] = &[mta::POSTFIX.ipv4, mta::POSTFIX.ipv6];

const INTACT: Claim = ("intact", None, None);
const fn stripped(confidence: &'static str, place: Option<&'static str>) -> Claim {
    ("stripped", Some(confidence), place)
}

const CASES: [Case; 7] = [
    Case { behaviour: Behaviour::Pass, to: BOTH, one: INTACT, two: INTACT },
    Case {
        behaviour: Behaviour::DropKeywordRefuse(Refusal::Unrecognized),
        to: BOTH,
        one: ("not-offered", None, None),
        two: stripped("corroborated", None),
    },
    Case {
        behaviour: Behaviour::DropKeywordRefuse(Refusal::NotImplemented),
        to: V4,
        one: stripped("suspected", Some("family-path")),
        two: stripped("corroborated", Some("family-path")),
    },
    Case {
        behaviour: Behaviour::MaskKeywordX,
        to: BOTH,
        one: stripped("corroborated", None),
        two: stripped("proven", None),
    },
    Case {
        behaviour: Behaviour::ResetAfterStarttls,
        to: BOTH,
        one: ("tls-broken", None, None),
        two: stripped("corroborated", None),
    },
    Case {
        behaviour: Behaviour::ForeignCertificate,
        to: BOTH,
        one: INTACT,
        two: ("intercepted", Some("corroborated"), None),
    },
    Case {
        behaviour: Behaviour::Relay,
        to: BOTH,
        one: ("not-offered", None, None),
        two: stripped("corroborated", None),
    },
];

/// One trial a case.
pub(crate) fn plays() -> Vec<Play> {
    let title = |case: &Case| {
        format!("vantages: {} on the path to {}", case.behaviour, case.to.join(" and "))
    };
    let play = |case: Case| -> Play { (title(&case), Box::new(move |world| case.play(world))) };
    CASES.into_iter().map(play).collect()
}

impl Case {
    fn play(&self, world: &World) -> Result<()> {
        let placed = Placed::on_path(self.behaviour, self.to, &world.authority.file)?;
        let vantage = format!("clean={}", world.clean_agent());
        says(world, &[], self.one).with_context(|| format!("alone\n{}", placed.log()))?;
        let report = says(world, &["--vantage", &vantage], self.two)
            .with_context(|| format!("with the clean view\n{}", placed.log()))?;
        let views = report.pointer("/targets/0/views").and_then(Value::as_array);
        let name_of =
            |view: &Value| view.pointer("/vantage").and_then(Value::as_str).map(str::to_owned);
        let names: Vec<_> = views.into_iter().flatten().filter_map(name_of).collect();
        ensure!(names == ["local", "clean"], "the views are {names:?}");
        let clean = report.pointer("/targets/0/views/1/verdict/status").and_then(Value::as_str);
        ensure!(clean == Some("intact"), "the clean view says {clean:?}");
        ensure!(placed.redirected()? > 0, "the box was not on the path");
        Ok(())
    }
}

fn says(world: &World, options: &[&str], expected: Claim) -> Result<Value> {
    let (outcome, said) = world.probe_with(mta::POSTFIX.domain, RESOLVER, options)?;
    let word =
        |name: &str| said.pointer(&format!("/targets/0/verdict/{name}")).and_then(Value::as_str);
    let found = (word("status"), word("confidence"), word("where"));
    let (status, confidence, place) = expected;
    let wanted = (Some(status), confidence, place);
    ensure!(found == wanted, "{found:?}, expected {wanted:?}\n{outcome}");
    Ok(said)
}
