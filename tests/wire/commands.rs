//! Commands that a vantage point is reached by, other than ssh: container engines as
//! they were heard to behave, and a machine without `setsid`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use mxray::vantage::command::Agent;
use mxray::vantage::fault::Fault;
use tempfile::TempDir;

use crate::agent::{AGENT, is_alive};

/// Answers as Docker 20.10 did, by a client of 28.2.
const DOCKER: &str = r#"
[ "$1" = exec ] && shift
case $1 in
    -it) echo 'the input device is not a TTY' >&2; exit 1 ;;
    -*) options=$1; shift ;;
esac
container=$1; shift
case $container in
    nosuch) echo 'Error response from daemon: No such container: nosuch' >&2; exit 1 ;;
    bare) echo 'OCI runtime exec failed: exec failed: unable to start container process: exec: "mxray": executable file not found in $PATH: unknown'; exit 126 ;;
    killed) echo "$HELLO"; read -r question; exit 137 ;;
esac
case $options in
    -i) exec "$@" ;;
    -t) sleep 600 | "$@" ;;
    *) exec "$@" </dev/null ;;
esac
"#;

const HELLO: &str = r#"{"hello":{"protocol":"mxray/agent/1","tool":"mxray 0.1.0","host":null,"now":"2026-11-21T23:00:00Z","sources":[],"ports":[25],"special":false}}"#;

struct Docker {
    folder: TempDir,
}

impl Docker {
    fn installed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("docker"), format!("HELLO='{HELLO}'{DOCKER}")).unwrap();
        Self { folder }
    }

    async fn exec(&self, words: &str) -> Result<Agent, Fault> {
        let docker = self.folder.path().join("docker");
        let command = format!("sh '{}' exec {words} {AGENT} agent --stdio", docker.display());
        Agent::start(&command).await
    }

    async fn fault(&self, words: &str) -> String {
        let started = self.exec(words).await;
        assert!(started.is_err(), "{words}: it started");
        started.err().unwrap().to_string()
    }
}

#[tokio::test]
async fn a_container_is_a_vantage_point_and_what_is_wrong_with_one_is_said() {
    let docker = Docker::installed();
    assert!(docker.exec("-i box").await.is_ok());
    for (words, said) in [
        ("box", "(docker exec -i and kubectl exec -i hand it on"),
        ("-t box", "(docker exec -i and kubectl exec -i hand it on"),
        ("-it box", "let it run without a terminal (docker exec -i, not -it)"),
        ("-i nosuch", "No such container: nosuch (exit status 1)"),
        ("-i bare", "\\\"mxray\\\": executable file not found in $PATH"),
        ("-i bare", "(exit status 126); there is no such command, here or at the far end"),
        ("-i killed", "it died (exit status 137); it was ended there, it or its container"),
    ] {
        let fault = docker.fault(words).await;
        assert!(fault.contains(said), "{words}: {fault}");
    }
}

#[tokio::test]
async fn the_words_before_a_pointer_to_the_help_are_told() {
    let command = "echo 'Error: no image' >&2; echo \"See 'docker run --help'.\" >&2; exit 125";
    let fault = Agent::start(command).await.err().unwrap().to_string();
    assert!(fault.ends_with(": Error: no image (exit status 125)"), "{fault}");
    let alone = "echo \"See 'docker run --help'.\" >&2; exit 125";
    let fault = Agent::start(alone).await.err().unwrap().to_string();
    assert!(fault.contains("See 'docker run --help'."), "{fault}");
}

/// Leaves a process behind that holds no stream, and fails.
fn deserting(file: &Path) -> String {
    format!("sleep 600 >/dev/null 2>&1 </dev/null & echo $! >'{}'", file.display())
}

fn ends(file: &Path) {
    let process = fs::read_to_string(file).unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    while is_alive(process.trim()) {
        assert!(Instant::now() < deadline, "{process} lives on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn what_a_failed_command_left_running_ends_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("process");
    let command = format!("{}; echo lost >&2; exit 3", deserting(&file));
    let fault = Agent::start(&command).await.err().unwrap().to_string();
    assert!(fault.ends_with(": lost (exit status 3)"), "{fault}");
    ends(&file);
}

/// mxray where `PATH` has no `setsid`, with one vantage point.
fn without_setsid(folder: &Path, command: &str) -> Output {
    let tools: PathBuf = folder.join("tools");
    fs::create_dir_all(&tools).unwrap();
    let sleep = ["/bin/sleep", "/usr/bin/sleep"].into_iter().find(|path| Path::new(path).exists());
    let _ = std::os::unix::fs::symlink(sleep.unwrap(), tools.join("sleep"));
    let vantage = format!("far={command}");
    let arguments = ["check", "127.0.0.1:1", "--no-controls", "--canary", "none", "--vantage"];
    Command::new(AGENT).env("PATH", &tools).args(arguments).arg(vantage).output().unwrap()
}

/// macOS has no `setsid`, nor have some containers.
#[cfg(target_os = "linux")]
#[test]
fn without_setsid_a_command_stands_in_the_background_and_ssh_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("process");
    let command = format!(
        "{}; read -r stat </proc/$$/stat; set -- $stat; \
         echo \"group $(($5 - $$)), session $(($6 != $$)), $SSH_ASKPASS_REQUIRE $SSH_ASKPASS\" >&2; exit 1",
        deserting(&file)
    );
    let output = without_setsid(folder.path(), &command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("group 0, session 1, force false (exit status 1)"), "{said}");
    assert_eq!(output.status.code(), Some(3), "{said}");
    ends(&file);
}

#[test]
fn without_setsid_an_agent_observes() {
    let folder = tempfile::tempdir().unwrap();
    let agent =
        format!("{AGENT} agent --stdio --allow-special --allow-port 1 --resolver 127.0.0.1");
    let output = without_setsid(folder.path(), &agent);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("from far"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
