//! The table of agreement in docs/dane.md, held equal to what this run saw.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::Row;
use super::cases::{CASES, Case};
use crate::world::World;

const BEGIN: &str = "<!-- agreement:begin -->";
const END: &str = "<!-- agreement:end -->";
/// Set, it writes the table instead of comparing it.
const UPDATE: &str = "MXRAY_UPDATE";
/// Data of a record that are not a server's name are cut off behind so many digits.
const MAX_DATA: usize = 8;

/// Whether the page has the table; every case that was not played yet is played.
pub(super) fn agrees(world: &World) -> Result<()> {
    let mut table = format!("{} cases.\n\n", CASES.len());
    table.push_str("| case | records | posttls-finger | mxray: DANE | mxray: verdict |\n|---|---|---|---|---|\n");
    for case in CASES {
        let row = case.seen(world)?;
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} |",
            case.title,
            records(case),
            row.word,
            dane(&row)?,
            word(row.verdict)?
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dane.md");
    let page = fs::read_to_string(&path)?;
    let (head, rest) = page.split_once(BEGIN).context("the page has no beginning of a table")?;
    let (kept, tail) = rest.split_once(END).context("the page has no end of a table")?;
    if env::var_os(UPDATE).is_some() {
        return Ok(fs::write(&path, format!("{head}{BEGIN}\n{table}{END}{tail}"))?);
    }
    ensure!(kept.trim() == table.trim(), "run with {UPDATE}=1 to write this:\n{table}");
    Ok(())
}

fn dane(row: &Row) -> Result<String> {
    let Some(dane) = &row.dane else { return Ok("no certificate to judge".to_owned()) };
    let status = word(dane.status)?;
    let reasons = dane.reasons.join(", ");
    Ok(if reasons.is_empty() { status } else { format!("{status}: {reasons}") })
}

/// A status as the report spells it.
fn word(status: impl Serialize) -> Result<String> {
    let value = serde_json::to_value(status)?;
    value.as_str().map(ToOwned::to_owned).context("a status is no word")
}

/// What of a case's lines is not the same in all of them.
fn records(case: &Case) -> String {
    let lines = case.lines.lines().filter(|line| *line != "@ MX 10 mx");
    let words = lines.map(|line| {
        let line = line.trim_start_matches("_25._tcp.mx ");
        let words = line.split(' ').map(|word| match word.get(..MAX_DATA) {
            Some(head) if word.chars().all(|c| c.is_ascii_hexdigit()) => format!("{head}…"),
            _ => word.to_owned(),
        });
        format!("`{}`", words.collect::<Vec<_>>().join(" "))
    });
    words.collect::<Vec<_>>().join(" · ")
}
