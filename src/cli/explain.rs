//! `mxray explain`: what may be claimed, and from what.
//!
//! Owns what happens with a name that nothing has. Opens no file and no connection.

use mxray::judge::CLAIMS;
use mxray::report::text::explain;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;

/// From this likeness on a name may have been meant, as in clap's suggestions.
const ALIKE: f64 = 0.7;
/// So many names are suggested at most.
const SUGGESTIONS: usize = 3;

/// Explains a verdict or a finding; lists all of them where none is named.
///
/// # Errors
/// Nothing has that name, or results can't be written.
pub(crate) fn run(name: Option<&str>, terminal: &Terminal) -> Result<Exit, Failure> {
    let style = terminal.style();
    let text = match name {
        None => explain::list(&CLAIMS, &style),
        Some(name) => explain::one(&CLAIMS, &name.to_ascii_lowercase(), &style)
            .ok_or_else(|| unknown(name))?,
    };
    terminal.results(&text)?;
    Ok(Exit::Fine)
}

fn unknown(name: &str) -> Failure {
    let near = nearest(name, &explain::names(&CLAIMS));
    let hint = match near.as_slice() {
        [] => "`mxray explain` lists every verdict and every finding".to_owned(),
        near => format!("mxray explain {}", near.join(", or ")),
    };
    Failure::usage(format!("no verdict and no finding is called '{name}'"), hint)
}

/// The names most like what was typed, the likest first.
fn nearest<'a>(typed: &str, names: &[&'a str]) -> Vec<&'a str> {
    let typed = typed.to_ascii_lowercase();
    let likeness = |name: &str| {
        let within = name.split('-').any(|part| part.len() > 3 && part == typed);
        if within { 1.0 } else { strsim::jaro(&typed, name) }
    };
    let mut near: Vec<(f64, &str)> =
        names.iter().map(|name| (likeness(name), *name)).filter(|near| near.0 > ALIKE).collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0));
    near.into_iter().take(SUGGESTIONS).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_seen() {
        let names = explain::names(&CLAIMS);
        assert_eq!(nearest("striped", &names).first(), Some(&"stripped"));
        assert_eq!(nearest("startls-hidden", &names).first(), Some(&"starttls-hidden"));
        assert_eq!(nearest("revoked", &names).first(), Some(&"certificate-revoked"));
        assert!(nearest("zzz", &names).is_empty());
    }
}
