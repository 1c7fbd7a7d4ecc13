//! What a user of the mirror types at the other end.
//!
//! Owns the command. Refuses to know the token.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::{SMTP, UNNAMED};
use crate::cli::arguments::MirrorArguments;
use crate::cli::mirrored;

/// What to type at the other end. The token is never among it: what is said here may be kept
/// in a journal that others read.
pub(super) fn invitation(
    host: &str,
    (smtp, exchange): (Option<SocketAddr>, Option<SocketAddr>),
    arguments: &MirrorArguments,
) -> Vec<String> {
    let at = smtp.map_or(SMTP, |at| at.port());
    let named = smtp.map(|at| at.ip()).filter(|ip| !ip.is_unspecified());
    let host = match (host, named) {
        (UNNAMED, Some(IpAddr::V6(ip))) if at != SMTP => format!("[{ip}]"),
        (UNNAMED, Some(ip)) => ip.to_string(),
        (UNNAMED, None) => "HOST".to_owned(),
        (host, _) => host.to_owned(),
    };
    let port = if at == SMTP { String::new() } else { format!(":{at}") };
    let door = exchange.map(|at| at.port()).filter(|port| *port != mirrored::EXCHANGE_PORT);
    let door = door.map(|port| format!(" --mirror-exchange {port}")).unwrap_or_default();
    let file = arguments.token.token_file.as_deref().and_then(Path::file_name);
    let file = file.map_or_else(|| "FILE".into(), |name| quoted(&name.to_string_lossy()));
    let check = format!("mxray check --mirror {host}{port}{door} --token-file {file}");
    let mut lines = vec![format!("{check}  (the file with this token, copied there)")];
    if let Some(log) = &arguments.log {
        let log = quoted(&log.to_string_lossy());
        lines.push(format!(
            "or, where that can fetch no transcripts: the same with --save proof.json, and here \
             mxray report proof.json --mirror-log {log} --token-file {file}"
        ));
    }
    lines
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    let dash = if word.starts_with('-') { "./" } else { "" };
    format!("'{dash}{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        mirror: MirrorArguments,
    }

    fn invited(host: &str, smtp: &str, exchange: Option<&str>, words: &[&str]) -> Vec<String> {
        let typed = Typed::try_parse_from([&["mirror"], words].concat()).unwrap();
        let ends = (Some(smtp.parse().unwrap()), exchange.map(|at| at.parse().unwrap()));
        invitation(host, ends, &typed.mirror)
    }

    #[test]
    fn what_to_type_elsewhere_is_whole_and_never_has_the_token() {
        let token = "0123456789abcdefghij";
        let usual = invited(
            "m.example.net",
            "[::]:25",
            Some("[::]:465"),
            &["--token-file", "/etc/x/token"],
        );
        let wanted = "mxray check --mirror m.example.net --token-file token  ";
        assert!(usual.len() == 1 && usual[0].starts_with(wanted), "{usual:?}");
        let other = invited(
            UNNAMED,
            "[2001:db8::1]:2525",
            Some("[::]:4650"),
            &["--token", token, "--log", "my log"],
        );
        let wanted =
            "mxray check --mirror [2001:db8::1]:2525 --mirror-exchange 4650 --token-file FILE  ";
        assert!(other[0].starts_with(wanted), "{other:?}");
        assert!(other[1].ends_with("--mirror-log 'my log' --token-file FILE"), "{other:?}");
        assert!(!other.concat().contains(token));
        let bare = invited(UNNAMED, "0.0.0.0:25", None, &["--token", token]);
        assert!(bare[0].starts_with("mxray check --mirror HOST --token-file FILE"), "{bare:?}");
    }

    #[test]
    fn a_file_name_is_one_word_of_a_shell() {
        assert_eq!(quoted("a/b_c.log"), "a/b_c.log");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("-x"), "'./-x'");
        assert_eq!(quoted("$(id)"), "'$(id)'");
    }
}
