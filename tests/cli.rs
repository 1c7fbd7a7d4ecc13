//! The program as its user meets it: help, mistakes, exit status, files and pipes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed helper fails its test")]

#[path = "common/program.rs"]
mod program;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mxray::model::report::Report;
use mxray::report::json;
use socket2::{Domain, Socket, Type};

fn mxray(arguments: &[&str]) -> Command {
    let mut command = program::mxray();
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    mxray(arguments).stdin(Stdio::null()).output().unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Exit 2, nothing on standard output, an error and a hint on standard error.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
    assert_eq!(out(&output), "", "{arguments:?}");
    let lines: Vec<&str> = err(&output).lines().collect();
    assert_eq!(lines.len(), 2, "{arguments:?}: {lines:?}");
    assert!(lines[0].starts_with("mxray: error: "), "{lines:?}");
    assert!(lines[1].starts_with("mxray: hint: "), "{lines:?}");
    err(&output).to_owned()
}

#[test]
fn help_of_the_program_and_of_each_command() {
    for command in [
        "",
        "check",
        "policy",
        "report",
        "compare",
        "tlsa",
        "egress",
        "mirror",
        "agent",
        "demo",
        "explain",
        "schema",
        "completions",
    ] {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        let name = if command.is_empty() { "mxray" } else { command };
        arguments.push("--help");
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(err(&output), "");
        insta::assert_snapshot!(format!("help-{name}"), out(&output));
    }
}

#[test]
fn mistakes_are_answered_with_what_to_type() {
    let messages = [
        refused(&[]),
        refused(&["gmail.com"]),
        refused(&["chekc", "gmail.com"]),
        refused(&["check"]),
        refused(&["check", "--tiemout", "3", "gmail.com"]),
        refused(&["check", "--roots", "mozilla", "gmail.com"]),
        refused(&["check", "-4", "-6", "gmail.com"]),
        refused(&["check", "--trust-ad", "--resolver", "192.0.2.53", "gmail.com"]),
        refused(&["check", "--json", "--ndjson", "gmail.com"]),
        refused(&["check", "--ehlo", "a\r\nQUIT", "gmail.com"]),
        refused(&["check", "https://gmail.com/"]),
        refused(&["check", "-"]),
        refused(&["report", "/no/such/file"]),
        refused(&["explain", "striped"]),
        refused(&["explain", "nothing-of-the-kind"]),
        refused(&["check", "--mirror", "mirror.example.net"]),
        refused(&["check", "--mirror", "short@mirror.example.net"]),
        refused(&["check", "--mirror", "0123456789abcdefghij@mirror..example"]),
        refused(&[
            "check",
            "--mirror",
            "0123456789abcdefghij@mirror.test",
            "--mirror-log",
            "Cargo.toml",
        ]),
        refused(&["mirror"]),
        refused(&["mirror", "--token", "0123456789abcdefghij", "--cert", "c.pem"]),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

/// What is said of that standard input.
fn refused_input(arguments: &[&str], input: &[u8]) -> String {
    use std::io::Write as _;
    let mut command = mxray(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), out(&output)), (Some(2), ""), "{}", err(&output));
    err(&output).to_owned()
}

#[test]
fn standard_input_that_cannot_be_used_is_told_what_helps() {
    let windows = refused_input(&["check", "-"], b"b\xfccher.example\r\n");
    assert!(windows.contains("line 1: not UTF-8") && windows.contains("xn--"), "{windows}");
    let twice = refused_input(&["check", "-"], b"a.example\nuser@b@c.example\n");
    assert!(twice.contains("line 2: user@b@c.example is not one mail address"), "{twice}");
    let empty = refused_input(&["report", "-"], b"");
    assert!(empty.contains("error: standard input: is empty"), "{empty}");
    let host = refused(&["tlsa", "user@example.net"]);
    assert!(host.contains("`mxray check example.net` names its MX hosts"), "{host}");
}

#[test]
fn what_was_typed_is_shown_without_its_control_characters() {
    let message = refused(&["check", "a\x1b[2Jb.example"]);
    assert!(message.chars().all(|letter| letter == '\n' || !letter.is_control()), "{message:?}");
}

#[test]
fn the_schemas_are_those_that_are_checked_in() {
    let output = run(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(out(&output), include_str!("../schema/report-1.json"));
    for of in ["report", "tlsa", "policy", "egress"] {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{of}-1.json"));
        assert_eq!(out(&run(&["schema", of])), fs::read_to_string(kept).unwrap(), "{of}");
    }
    assert_eq!(out(&run(&["schema", "compare"])), out(&output), "compare prints a report");
    assert!(refused(&["schema", "polcy"]).contains("policy"));
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("check") && out(&output).contains("trust-anchor"), "{shell}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = mxray(&["schema"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(err(&output), "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_output_error() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = mxray(&["schema"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(err(&output).contains("standard output"), "{}", err(&output));
}

/// A socket that holds a port of 127.0.0.1 without listening: while it lives, nobody
/// answers there, and nobody else can.
fn closed() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket
}

#[test]
fn a_file_that_cannot_be_written_does_not_cost_the_report() {
    let closed = closed();
    let target = closed.local_addr().unwrap().as_socket().unwrap().to_string();
    for option in ["--save", "--chain"] {
        let output = run(&["check", &target, option, "/no/such/directory/file"]);
        assert_eq!(output.status.code(), Some(4));
        assert!(err(&output).contains("/no/such/directory/file"), "{}", err(&output));
        assert!(out(&output).contains("unreachable"), "{}", out(&output));
    }
}

/// A file may not grow beyond half a kilobyte here: as on a full disk, a part of it goes in.
#[cfg(unix)]
#[test]
fn a_full_disk_costs_neither_the_old_report_nor_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("saved.json");
    fs::write(&file, "the old report").unwrap();
    for option in ["--save", "--output"] {
        let output = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"])
            .args([env!("CARGO_BIN_EXE_mxray"), "check", "127.0.0.1:1", "--json", option])
            .args([file.as_os_str(), "--no-controls".as_ref(), "--canary=none".as_ref()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", err(&output));
        assert!(err(&output).contains("saved.json: File too large"), "{}", err(&output));
        assert_eq!(json::read(out(&output)).unwrap().targets.len(), 1, "{option}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "the old report", "{option}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "half a file is left");
    }
}

/// The report with all evidence on one loopback address at which nobody listens.
fn saved_refusal(directory: &Path) -> (Output, String) {
    let closed = closed();
    let target = closed.local_addr().unwrap().as_socket().unwrap().to_string();
    let file = directory.join("saved.json");
    let output = run(&["check", &target, "--save", file.to_str().unwrap()]);
    (output, file.to_str().unwrap().to_owned())
}

#[test]
fn an_address_where_nobody_listens_is_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let (output, _) = saved_refusal(directory.path());
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    let line = out(&output).lines().find(|line| line.contains("connecting"));
    assert!(line.is_some_and(|line| line.contains("refused")), "{}", out(&output));
    assert!(out(&output).contains("mxray demo"));
    assert!(!out(&output).contains('\x1b'));
}

#[test]
fn a_saved_report_is_judged_again_and_comes_out_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (first, file) = saved_refusal(directory.path());
    let second = run(&["report", &file]);
    assert_eq!(second.status.code(), Some(3), "{}", err(&second));
    assert_eq!(out(&second), out(&first));
    let bare = run(&["report", "--json", &file]);
    let saved: Report = json::read(&fs::read_to_string(&file).unwrap()).unwrap();
    assert!(saved.targets[0].observations[0].transcript.is_some());
    assert_eq!(json::read(out(&bare)).unwrap(), json::strip_evidence(saved));
}

#[test]
fn a_report_without_evidence_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (_, file) = saved_refusal(directory.path());
    let bare = directory.path().join("bare.json");
    let bare = bare.to_str().unwrap();
    let written = run(&["report", "--json", "--output", bare, &file]);
    assert_eq!((written.status.code(), out(&written)), (Some(3), ""));
    assert!(refused(&["report", bare]).contains("--save"));
}

#[test]
fn files_that_cannot_be_written_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let (_, file) = saved_refusal(directory.path());
    let output = run(&["report", "--output", "/no/such/folder/out", &file]);
    assert_eq!(output.status.code(), Some(4));
    assert!(err(&output).contains("/no/such/folder/out"), "{}", err(&output));
    assert!(out(&output).contains("unreachable"), "the report is not lost: {}", out(&output));
}

#[test]
fn colour_comes_when_asked_for_and_not_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (_, file) = saved_refusal(directory.path());
    let has_colour = |arguments: &[&str]| {
        let output = mxray(arguments).output().unwrap();
        out(&output).contains('\x1b')
    };
    assert!(has_colour(&["report", "--color", "always", &file]));
    assert!(!has_colour(&["report", &file]));
    assert!(!has_colour(&["report", "--color", "never", &file]));
    assert!(!has_colour(&["report", "--color", "always", "--json", &file]));
}

#[test]
fn the_demo_shows_a_clean_and_a_stripped_domain() {
    let output = run(&["demo", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let report = json::read(out(&output)).unwrap();
    let words: Vec<String> = report
        .targets
        .iter()
        .map(|target| serde_json::to_value(target.verdict.status).unwrap().to_string())
        .collect();
    assert_eq!(words, ["\"intact\"", "\"stripped\""]);
    let lines = run(&["demo", "--ndjson"]);
    assert_eq!(out(&lines).lines().count(), 2);
}

#[test]
fn every_name_is_explained() {
    let all = run(&["explain"]);
    assert_eq!(all.status.code(), Some(0));
    for name in mxray::report::text::explain::names(&mxray::judge::CLAIMS) {
        assert!(out(&all).contains(&format!("{name}: ")), "{name}");
        let one = run(&["explain", name]);
        assert_eq!(one.status.code(), Some(0), "{name}");
        assert!(out(&one).starts_with(&format!("{name}: a ")), "{name}: {}", out(&one));
    }
    insta::assert_snapshot!("explain-stripped", out(&run(&["explain", "stripped"])));
    insta::assert_snapshot!("explain-finding", out(&run(&["explain", "starttls-hidden"])));
}

/// A line without what differs from run to run: the times, and the key.
fn without_time(line: &str) -> String {
    let is_time = |word: &str| {
        word.len() >= 8
            && word.chars().all(|letter| letter.is_ascii_digit() || "-:".contains(letter))
    };
    let is_key = |word: &str| word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = line.split(' ').map(|word| match word {
        _ if is_time(word) => "T".repeat(word.len()),
        _ if is_key(word) => "0".repeat(word.len()),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_evidence_page_of_the_demo() {
    // Without IPv6, not even on loopback, there is no second view to show.
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let output = run(&["demo", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let (_, page) = out(&output).split_once("\nEvidence, made to be sent on\n").unwrap();
    let lines: Vec<String> = page.lines().map(without_time).collect();
    insta::assert_snapshot!("demo-evidence", lines.join("\n"));
}

/// A network namespace of its own, in which not even loopback is up.
#[cfg(target_os = "linux")]
#[test]
fn a_demo_without_loopback_says_what_is_missing() {
    let without_network = |words: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--net"]).args(words).output().ok()
    };
    // Not every machine lets its users make one.
    if !without_network(&["true"]).is_some_and(|output| output.status.success()) {
        return;
    }
    let output = without_network(&[env!("CARGO_BIN_EXE_mxray"), "demo", "--quiet"]).unwrap();
    assert_eq!((output.status.code(), out(&output)), (Some(2), ""), "{}", err(&output));
    assert!(err(&output).contains("the demo needs loopback"), "{}", err(&output));
    assert!(err(&output).contains("ip link set lo up"), "{}", err(&output));
}

#[test]
fn the_excerpt_of_the_readme_is_what_the_demo_prints() {
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let readme = include_str!("../README.md");
    let (_, behind) = readme.split_once("`mxray demo`, shortened").unwrap();
    let excerpt = behind.split("```").nth(1).unwrap();
    let output = run(&["demo", "--quiet"]);
    let mut printed = out(&output).lines();
    let shown = excerpt.lines().skip(1).filter(|line| *line != "[…]");
    for line in shown {
        assert!(printed.any(|other| other == line), "not printed, or not in this order: {line}");
    }
}

/// What a line of a shell does in that folder, where `mxray` is the program under test.
fn typed(line: &str, folder: &Path) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_mxray")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line]).current_dir(folder).env_clear().env("PATH", path);
    shell.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_mirror_on_unprivileged_ports_is_asked_by_the_command_that_it_prints() {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("the token"), "0123456789abcdefghij\n").unwrap();
    // Not every machine has the second one.
    let of_ipv6 = TcpListener::bind("[::1]:0").map(|_| ["--listen", "[::1]:0"]);
    let mut mirror = mxray(&["mirror", "--listen", "127.0.0.1:0"])
        .args(of_ipv6.iter().flatten())
        .args(["--exchange", "127.0.0.1:0", "--name", "mirror.test"])
        .args(["--token-file", "the token", "--log", "mirror.log"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(mirror.stderr.take().unwrap()).lines();
    let mut invited = lines.map_while(Result::ok).filter(|line| line.contains("elsewhere: "));
    let (check, later) = (invited.next().unwrap(), invited.next().unwrap());
    // The listeners were open before it was said.
    let command = check.split_once("elsewhere: ").unwrap().1.split("  (").next().unwrap();
    let command = command.replace("mirror.test", "127.0.0.1");
    let options = "--no-controls --canary none --ehlo probe.example.org --save proof.json";
    let seen = typed(&format!("{command} {options}"), folder.path());
    mirror.kill().unwrap();
    mirror.wait().unwrap();
    let text = out(&seen);
    assert!(text.contains("every byte arrived as it was sent"), "{check}\n{text}{}", err(&seen));
    assert!(text.contains("vouched for by the token"), "{text}");
    assert!(!text.contains("could read it"), "nobody stands between: {text}");
    // The same from its file, which outlives it.
    let (_, report) = later.split_once(" and here ").unwrap();
    assert!(report.contains("--mirror-log mirror.log"), "{later}");
    let again = typed(report, folder.path());
    let text = out(&again);
    assert!(text.contains("Read from the mirror's file"), "{text}{}", err(&again));
    assert!(text.contains("every byte arrived as it was sent"), "{text}");
}
