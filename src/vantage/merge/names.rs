//! What the views of merged reports are called.
//!
//! Owns that no two of them share a name. Refuses to know what they saw.

use std::collections::BTreeSet;
use std::path::Path;

use super::Saved;
use crate::model::probe::LOCAL;
use crate::model::report::Report;

/// A name for the views of each report: its file's, without what is behind the last
/// dot, and with a number where that is taken.
pub(super) fn labels(saved: &[Saved]) -> Vec<String> {
    // The name of this machine in a run of its own.
    let mut taken = BTreeSet::from([LOCAL.to_owned()]);
    let label = |Saved { file, report }: &Saved| {
        let stem = match file.as_str() {
            "-" => "stdin".to_owned(),
            file => Path::new(file).with_extension("").to_string_lossy().into_owned(),
        };
        let numbered = (2..).map(|number: usize| format!("{stem}-{number}"));
        let mut names = std::iter::once(stem.clone()).chain(numbered);
        // A file may be called as the view of another report is.
        let free = names.find(|label| views(report, label).is_disjoint(&taken));
        let label = free.unwrap_or(stem);
        taken.extend(views(report, &label));
        label
    };
    saved.iter().map(label).collect()
}

/// The names of a report's views, and its label.
fn views(report: &Report, label: &str) -> BTreeSet<String> {
    let vantages = &report.run.vantages;
    let names = vantages.iter().map(|vantage| renamed(label, &vantage.id, vantages.len() < 2));
    names.chain([label.to_owned()]).collect()
}

/// The name of a view in the merged report.
pub(super) fn renamed(label: &str, id: &str, is_only: bool) -> String {
    if is_only || id == LOCAL { label.to_owned() } else { format!("{label}:{id}") }
}
