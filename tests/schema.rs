//! The schemas of everything that `--json` prints: those that are kept are those of
//! the types, what the program prints is as they say, and docs/report.md describes
//! every field. `MXRAY_UPDATE=1 cargo test --test schema` writes them anew.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed helper fails its test"
)]

#[path = "common/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use mxray::model::route::Tlsa;
use mxray::report::schema::{Printed, render};
use mxray::sim::dns::{NameServer, Zone};
use mxray::sim::pki::Pki;
use mxray::sim::server::{Profile, Script, Server, Software};
use serde_json::Value;
use tokio::net::TcpListener;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where a schema is kept: `mxray/report/1` is schema/report-1.json.
fn kept(printed: Printed) -> PathBuf {
    let name = printed.version().strip_prefix("mxray/").unwrap().replace('/', "-");
    root().join("schema").join(name + ".json")
}

#[test]
fn the_schemas_that_are_kept_are_those_of_the_types() {
    let update = std::env::var_os("MXRAY_UPDATE").is_some();
    for printed in Printed::ALL {
        let (path, made) = (kept(printed), render(printed).unwrap());
        if update {
            fs::write(&path, &made).unwrap();
        }
        let is_current = fs::read_to_string(&path).unwrap() == made;
        assert!(is_current, "{}: run again with MXRAY_UPDATE=1", path.display());
        assert!(made.contains("https://json-schema.org/draft/2020-12/schema"));
    }
    let files = fs::read_dir(root().join("schema")).unwrap().count();
    assert_eq!(files, Printed::ALL.len(), "a schema of nothing that is printed");
}

/// Every part of a schema, the whole first.
fn parts<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(schema);
    match schema {
        Value::Object(members) => members.values().for_each(|part| parts(part, found)),
        Value::Array(entries) => entries.iter().for_each(|part| parts(part, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_the_schemas_is_in_the_description() {
    let text = fs::read_to_string(root().join("docs/report.md")).unwrap();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words: BTreeSet<&str> = text.split(|letter| !is_part(letter)).collect();
    for printed in Printed::ALL {
        assert!(text.contains(printed.version()), "{}", printed.version());
        let schema: Value = serde_json::from_str(&render(printed).unwrap()).unwrap();
        let mut all = Vec::new();
        parts(&schema, &mut all);
        let fields: BTreeSet<&String> = all
            .iter()
            .filter_map(|part| part.get("properties")?.as_object())
            .flat_map(|it| it.keys())
            .collect();
        assert!(fields.len() > 10, "{fields:?}");
        let missing: Vec<_> =
            fields.into_iter().filter(|field| !words.contains(field.as_str())).collect();
        assert!(missing.is_empty(), "{}: not in docs/report.md: {missing:?}", printed.version());
    }
}

/// A schema by which nothing may be printed that it does not name.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(closed);
            let is_object = members.get("properties").is_some_and(Value::is_object);
            if is_object && members.contains_key("type") {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(closed),
        _ => {}
    }
}

/// Why an object is not as its schema says.
fn breach(printed: Printed, object: &Value) -> Option<String> {
    let mut schema: Value = serde_json::from_str(&render(printed).unwrap()).unwrap();
    closed(&mut schema);
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("schema.json", schema).unwrap();
    let index = compiler.compile("schema.json", &mut schemas).unwrap();
    schemas.validate(object, index).err().map(|error| format!("{error:#}"))
}

/// Each object of a text, held against its schema; how many there were.
fn assert_valid(printed: Printed, text: &str, what: &str) -> usize {
    let objects = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut count = 0;
    for object in objects {
        let object = object.unwrap_or_else(|error| panic!("{what}: {error}: {text}"));
        assert_eq!(object["schema"], printed.version(), "{what}");
        let breach = breach(printed, &object);
        assert!(breach.is_none(), "{what}: {}", breach.unwrap_or_default());
        count += 1;
    }
    assert!(count > 0, "{what}: nothing was printed");
    count
}

#[test]
fn every_saved_report_is_as_the_schema_says() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("testdata/reports/v1")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        count += assert_valid(Printed::Report, &text, &path.display().to_string());
    }
    assert!(count >= 11, "only {count} reports");
}

#[test]
fn what_is_not_as_the_schema_says_is_found() {
    let text = fs::read_to_string(root().join("testdata/reports/v1/no-mail.json")).unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(breach(Printed::Report, &whole), None);
    assert!(breach(Printed::Tlsa, &whole).is_some());
    let changes: [fn(&mut Value); 4] = [
        |report| report["run"]["duration_ms"] = "12".into(),
        |report| report["targets"][0]["verdict"]["status"] = "fine".into(),
        |report| report["targets"][0]["weather"] = "fine".into(),
        |report| _ = report.as_object_mut().unwrap().remove("targets"),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut report = whole.clone();
        change(&mut report);
        assert!(breach(Printed::Report, &report).is_some(), "change {number}");
    }
}

const HOST: &str = "mx.example.net";
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SOURCE: &str = "127.0.0.3";

/// One mail server on loopback, and a signed zone that names it.
struct World {
    port: u16,
    names: NameServer,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let pki = Pki::new().unwrap();
        let script = Script::from(Profile::new(Software::Exim, HOST));
        let server = Arc::new(Server::new(script, HOST, &pki).unwrap());
        let listener = TcpListener::bind((SERVER, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let server = Arc::clone(&server);
                tokio::spawn(async move { server.serve(stream, peer.ip()).await });
            }
        });
        let mut zone = Zone::new();
        zone.address(HOST, IpAddr::V4(SERVER));
        let stale = Tlsa { usage: 3, selector: 1, matching: 1, data: "ab".repeat(32) };
        zone.tlsa(&format!("_{port}._tcp.{HOST}"), stale);
        zone.txt("example.net", "v=spf1 ip4:127.0.0.0/8 -all");
        let names = NameServer::start(&zone).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("anchor"), names.trust_anchor().unwrap()).unwrap();
        fs::write(folder.path().join("ca.pem"), pki.root_pem()).unwrap();
        Self { port, names, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn host(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// What a command prints that asks this world.
    async fn print(&self, arguments: &[&str]) -> String {
        let resolver = self.names.address().to_string();
        let (anchor, ca) = (self.path("anchor"), self.path("ca.pem"));
        let shared = [
            "--resolver",
            &resolver,
            "--trust-anchor",
            &anchor,
            "--ca",
            &ca,
            "--timeout",
            "20",
            "-q",
        ];
        print(&[arguments, &shared].concat()).await
    }
}

/// What a command prints, whatever it found.
async fn print(arguments: &[&str]) -> String {
    let mut command = program::mxray();
    command.args(arguments).stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output { status, stdout, stderr } = run.await.unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(matches!(status.code(), Some(0 | 1 | 3)), "{arguments:?}: {status}: {stderr}");
    String::from_utf8(stdout).expect("what is printed is UTF-8")
}

#[tokio::test]
async fn what_tlsa_policy_and_egress_print_is_as_their_schemas_say() {
    let world = World::new().await;
    let (host, control) = (world.host(), format!("{SERVER}:{}", world.port));
    let commands: [(Printed, &[&str]); 3] = [
        (Printed::Tlsa, &["tlsa", &host]),
        (Printed::Policy, &["policy", &host, "--no-controls"]),
        (
            Printed::Egress,
            &["egress", "--source", SOURCE, "--control", &control, "--from", "example.net"],
        ),
    ];
    for (printed, command) in commands {
        for form in ["--json", "--ndjson"] {
            let text = world.print(&[command, &[form]].concat()).await;
            assert_eq!(assert_valid(printed, &text, command[0]), 1);
            // The command did measure: there is something for the schema to hold for.
            assert!(text.contains("127.0.0.2"), "{text}");
        }
    }
}

#[tokio::test]
async fn what_check_report_and_compare_print_is_as_the_schema_says() {
    let world = World::new().await;
    let host = world.host();
    let saved = [world.path("one.json"), world.path("two.json")];
    for file in &saved {
        let closer = ["--deep", "--injection", "--no-controls", "--repeats", "1"];
        let asked = ["check", &host, "--json", "--save", file, "--source", SOURCE];
        let text = world.print(&[&asked[..], &closer].concat()).await;
        assert_valid(Printed::Report, &text, "check --json");
        assert_valid(Printed::Report, &fs::read_to_string(file).unwrap(), "--save");
    }
    let text = print(&["report", "--ndjson", &saved[0]]).await;
    assert_valid(Printed::Report, &text, "report --ndjson");
    let both = world.path("both.json");
    let text = print(&["compare", "--json", "--save", &both, &saved[0], &saved[1]]).await;
    assert_valid(Printed::Report, &text, "compare --json");
    assert_valid(Printed::Report, &fs::read_to_string(both).unwrap(), "compare --save");
    let text = print(&["demo", "--ndjson"]).await;
    assert!(assert_valid(Printed::Report, &text, "demo --ndjson") > 1);
}
