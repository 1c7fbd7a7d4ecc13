//! The whole process, from its start to its exit: mxray beside the programs that
//! people use for the same question, all against one server on loopback.
//!
//! The commands run in turn, A B C A B C, and ratios are taken round by round, so
//! that a machine that changes its speed changes it for all. CPU is user and
//! system time as the operating system accounts it to the finished child.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that cannot run fails, and prints its figures"
)]

mod loopback;

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use loopback::{DOMAIN, Loopback, median};
use nix::sys::resource::{UsageWho, getrusage};

/// Measured rounds under `cargo bench`; otherwise one, to see that all of it works.
const ROUNDS: usize = 60;
/// Rounds before those: files are read from disk once.
const WARM_UP: usize = 3;

/// A command, and what its output must have in it to count as having worked.
struct Contender {
    name: &'static str,
    program: &'static str,
    arguments: Vec<String>,
    proof: &'static str,
}

/// What one run cost, in milliseconds.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
}

fn main() {
    let rounds = if std::env::args().any(|word| word == "--bench") { ROUNDS } else { 1 };
    let servers = loopback::start();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ca = file("ca.pem", &servers.ca_pem);
    let anchor = file("anchor", &servers.trust_anchor);
    let contenders: Vec<Contender> =
        contenders(&servers, &ca, &anchor).into_iter().filter(Contender::works).collect();
    let mut costs: Vec<Vec<Cost>> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 0..WARM_UP + rounds {
        for (contender, costs) in contenders.iter().zip(&mut costs) {
            let cost = contender.cost();
            if round >= WARM_UP {
                costs.push(cost);
            }
        }
    }
    print(&contenders, &costs);
}

/// The first is what the others are compared with.
fn contenders(servers: &Loopback, ca: &str, anchor: &str) -> Vec<Contender> {
    let mxray = env!("CARGO_BIN_EXE_mxray");
    let Loopback { smtp, resolver, .. } = servers;
    let port = smtp.port();
    let contender = |name, program, line: String, proof| {
        let arguments = line.split(' ').map(str::to_owned).collect();
        Contender { name, program, arguments, proof }
    };
    vec![
        contender("mxray check ADDRESS", mxray, format!("check --ca {ca} {smtp}"), "TLSv1.3"),
        contender(
            "mxray check DOMAIN, DNSSEC validated",
            mxray,
            format!(
                "check -4 --ca {ca} --resolver {resolver} --trust-anchor {anchor} --port {port} \
                 {DOMAIN}"
            ),
            "DNSSEC: secure",
        ),
        contender("mxray --version", mxray, "--version".to_owned(), "mxray"),
        contender(
            "openssl s_client",
            "openssl",
            format!("s_client -starttls smtp -connect {smtp} -CAfile {ca}"),
            "TLSv1.3",
        ),
        contender(
            "posttls-finger",
            "posttls-finger",
            format!("-c -l verify -F {ca} [127.0.0.1]:{port}"),
            "TLSv1.3",
        ),
    ]
}

impl Contender {
    fn run(&self) -> std::io::Result<Output> {
        Command::new(self.program).args(&self.arguments).stdin(Stdio::null()).output()
    }

    /// Whether it is installed; one that is and does not do the work ends the benchmark.
    fn works(&self) -> bool {
        let Ok(output) = self.run() else {
            println!("{}: not installed", self.name);
            return false;
        };
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(self.proof), "{} did not do its work:\n{text}", self.name);
        true
    }

    /// Runs it once. One child at a time: what the finished children have used
    /// since before is what this one used.
    fn cost(&self) -> Cost {
        let (before, started) = (children(), Instant::now());
        self.run().unwrap();
        let wall = started.elapsed();
        Cost { wall: milliseconds(wall), cpu: milliseconds(children().saturating_sub(before)) }
    }
}

/// CPU time of all children that have ended.
fn children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let microseconds = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Duration::from_micros(microseconds.iter().sum::<i64>().unsigned_abs())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn print(contenders: &[Contender], costs: &[Vec<Cost>]) {
    let size = fs::metadata(env!("CARGO_BIN_EXE_mxray")).unwrap().len() / 1000;
    println!("mxray: {size} kB; {} runs each, in turn; medians", costs[0].len());
    println!("{:38} {:>8} {:>8} {:>8}", "whole process", "wall ms", "CPU ms", "× wall");
    for (contender, own) in contenders.iter().zip(costs) {
        let wall = median(own.iter().map(|cost| cost.wall).collect());
        let cpu = median(own.iter().map(|cost| cost.cpu).collect());
        let ratios = own.iter().zip(&costs[0]).map(|(own, first)| own.wall / first.wall);
        let ratio = median(ratios.collect());
        println!("{:38} {wall:8.2} {cpu:8.2} {ratio:8.2}", contender.name);
    }
}
