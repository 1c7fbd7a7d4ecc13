//! What is wrong with `smtp_tls_policy_maps`: with its tables, and with what they say.
//!
//! Owns the effect of each (TLS_README, "TLS policy table"). Refuses to know what a level
//! needs.

use super::{LEVELS, directory, finding, place};
use crate::egress::postconf::{Configuration, Entry, Service, Table, TableFile};
use crate::model::egress::EgressFinding;
use crate::model::finding::Severity;

const MAPS: &str = "smtp_tls_policy_maps";
/// Destinations that are named; more are only counted.
const MOST_NAMED: usize = 3;

/// Everything that is wrong with the tables of a service.
pub(super) fn policies(
    configuration: &Configuration,
    service: Option<&Service>,
) -> Vec<EgressFinding> {
    if !configuration.concerns(service, &[MAPS]) {
        return Vec::new();
    }
    let tables = configuration.policy_tables(service);
    let files = || tables.iter().filter_map(|table| Some((table, table.file()?)));
    let mut found: Vec<EgressFinding> =
        files().filter_map(|named| absent(configuration, service, named)).collect();
    if !found.is_empty() {
        return found;
    }
    found.extend(files().filter_map(|named| stale(configuration, service, named)));
    let entries = configuration.policies(service);
    found.extend(invalid(configuration, service, &entries));
    found.extend(in_clear(configuration, service, &entries));
    found.extend(unread(configuration, service, &tables));
    found
}

/// A table that cannot be opened defers all mail, other than to destinations that a
/// table before it has.
fn absent(
    configuration: &Configuration,
    service: Option<&Service>,
    (table, file): (&Table, &TableFile),
) -> Option<EgressFinding> {
    let TableFile { source, opened, .. } = file;
    if !configuration.absent.contains(opened) {
        return None;
    }
    let which = if service.is_some() { "mail by it" } else { "mail" };
    let text = format!(
        "{MAPS}{} names {}, and {opened} is not there: Postfix defers all {which}, whatever the \
         level (client TLS configuration problem)",
        place(service),
        table.typed
    );
    let mut found = finding(configuration, "policy-map-absent", Severity::Critical, text);
    if file.is_compiled() && !configuration.absent.contains(source) {
        found.lines.push(compile(configuration, table));
    } else {
        found.remedy = Some(format!("Write the table, or take it out of {MAPS}"));
    }
    Some(found)
}

fn compile(configuration: &Configuration, table: &Table) -> String {
    let bare = table.typed.strip_prefix("proxy:").unwrap_or(&table.typed);
    format!("postmap{} {bare}", directory(configuration))
}

/// What was written since is not known to Postfix.
fn stale(
    configuration: &Configuration,
    service: Option<&Service>,
    (table, file): (&Table, &TableFile),
) -> Option<EgressFinding> {
    let TableFile { source, opened, .. } = file;
    if !configuration.stale.contains(opened) {
        return None;
    }
    let text = format!(
        "{MAPS}{} names {}, and {opened} is older than {source}: what was changed there is not in \
         force",
        place(service),
        table.typed
    );
    let mut found = finding(configuration, "policy-map-stale", Severity::Warning, text);
    found.lines.push(compile(configuration, table));
    Some(found)
}

fn names<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<String> {
    let all: Vec<&str> = entries.map(|entry| entry.destination.as_str()).collect();
    let (named, more) =
        (all.get(..MOST_NAMED).unwrap_or(&all), all.len().saturating_sub(MOST_NAMED));
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (!named.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}

/// Postfix defers what goes to such a destination (client TLS configuration problem).
fn invalid(
    configuration: &Configuration,
    service: Option<&Service>,
    entries: &[Entry],
) -> Option<EgressFinding> {
    // Parts of what is matched may be put in.
    let is_invalid =
        |entry: &&Entry| !LEVELS.contains(&entry.level.as_str()) && !entry.level.contains('$');
    let wrong = || entries.iter().filter(is_invalid);
    let (first, names) = (wrong().next()?, names(wrong())?);
    let level = if first.level.is_empty() { "empty" } else { &first.level };
    let text = format!(
        "{MAPS}{} gives {names} the level {level}, which is none: Postfix defers mail to it \
         (client TLS configuration problem)",
        place(service)
    );
    let mut found = finding(configuration, "policy-map-invalid", Severity::Warning, text);
    found.remedy = Some(format!("Levels are {}", LEVELS.join(", ")));
    Some(found)
}

/// May be meant so.
fn in_clear(
    configuration: &Configuration,
    service: Option<&Service>,
    entries: &[Entry],
) -> Option<EgressFinding> {
    let names = names(entries.iter().filter(|entry| entry.level == "none"))?;
    if configuration.level_word(service).as_deref() == Some("none") {
        return None;
    }
    let text = format!("{MAPS}{} has mail to {names} go in clear text", place(service));
    Some(finding(configuration, "policy-map-clear", Severity::Notice, text))
}

/// Nothing is known of what they say.
fn unread(
    configuration: &Configuration,
    service: Option<&Service>,
    tables: &[Table],
) -> Option<EgressFinding> {
    let unread = tables.iter().filter(|table| table.read(&configuration.texts).is_none());
    let typed: Vec<&str> = unread.map(|table| table.typed.as_str()).collect();
    if typed.is_empty() {
        return None;
    }
    let text = format!(
        "{MAPS}{} names {}, which cannot be read here: some destinations may have another level",
        place(service),
        typed.join(", ")
    );
    Some(finding(configuration, "tls-policy-maps", Severity::Notice, text))
}
