//! Sessions a second: [`observe`] beside a bare client that only does the
//! exchange, both on one thread, one session after the other, against the same
//! server on another thread.
//!
//! The bare client is the least that can be had from the same parts: tokio and
//! rustls, one TLS configuration for all sessions, the handshake signature
//! verified and the chain not, nothing recorded, nothing parsed but the end of a
//! reply. Resumption is off in both: each session is a full handshake.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that cannot run fails, and prints its figures"
)]

mod loopback;

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use loopback::median;
use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::observation::Observation;
use mxray::model::probe::{Probe, Role};
use mxray::model::report::{Families, FamilyUse, TargetReport};
use mxray::model::route::Route;
use mxray::model::target::Target;
use mxray::model::verdict::Status;
use mxray::observe::{Dialler, observe};
use mxray::plan::{self, Intent};
use mxray::tls::Roots;
use nix::sys::resource::{UsageWho, getrusage};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

/// Pairs of batches, and sessions in each, of the comparison.
const PAIRS: usize = 31;
const BATCH: u32 = 100;

/// The EHLO name of both.
const NAME: &str = "probe.example.org";

fn main() {
    let servers = loopback::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = Bench { bare: Bare::new(servers.smtp), full: Full::new(servers.smtp), runtime };
    bench.prove();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bare client", |bencher| bencher.iter(|| bench.bare()));
    group.bench_function("observe", |bencher| bencher.iter(|| bench.observe()));
    group.bench_function("observe and judge", |bencher| bencher.iter(|| bench.judge()));
    group.finish();
    if std::env::args().any(|word| word == "--bench") {
        bench.compare();
    }
}

struct Bench {
    bare: Bare,
    full: Full,
    runtime: Runtime,
}

impl Bench {
    fn bare(&self) {
        self.runtime.block_on(self.bare.session());
    }

    fn observe(&self) -> Observation {
        self.runtime.block_on(self.full.session())
    }

    fn judge(&self) {
        black_box(self.full.judged(self.observe()));
    }

    /// A benchmark of a failure would be fast.
    fn prove(&self) {
        self.bare();
        let report = self.full.judged(self.observe());
        let tls = report.observations[0].tls.as_ref().unwrap();
        assert_eq!(tls.version.as_deref(), Some("TLSv1.3"));
        assert_eq!(report.verdict.status, Status::Intact);
    }

    /// Both clients in turn, batch by batch, and the ratio pair by pair.
    fn compare(&self) {
        let mut costs: [Vec<Cost>; 3] = Default::default();
        for _ in 0..PAIRS {
            costs[0].push(batch(|| self.bare()));
            costs[1].push(batch(|| drop(self.observe())));
            costs[2].push(batch(|| self.judge()));
        }
        println!("{PAIRS} batches of {BATCH} sessions each, in turn; medians, one thread");
        println!(
            "{:18} {:>10} {:>12} {:>8} {:>8}",
            "", "sessions/s", "CPU ms each", "× wall", "× CPU"
        );
        for (name, own) in ["bare client", "observe", "observe and judge"].iter().zip(&costs) {
            let pairs = || own.iter().zip(&costs[0]);
            let wall = median(own.iter().map(|cost| cost.wall).collect());
            let cpu = median(own.iter().map(|cost| cost.cpu).collect());
            let by_wall = median(pairs().map(|(own, bare)| own.wall / bare.wall).collect());
            let by_cpu = median(pairs().map(|(own, bare)| own.cpu / bare.cpu).collect());
            let rate = 1.0 / wall;
            println!("{name:18} {rate:10.0} {:12.3} {by_wall:8.2} {by_cpu:8.2}", cpu * 1000.0);
        }
    }
}

/// What one session of a batch cost, in seconds.
struct Cost {
    wall: f64,
    cpu: f64,
}

fn batch(session: impl Fn()) -> Cost {
    let (before, started) = (own_cpu(), Instant::now());
    for _ in 0..BATCH {
        session();
    }
    let each = |duration: Duration| duration.as_secs_f64() / f64::from(BATCH);
    Cost { wall: each(started.elapsed()), cpu: each(own_cpu().saturating_sub(before)) }
}

/// Whose CPU time is the client's: that of this thread. Where threads are not
/// told apart, the server's is in it, for both clients alike.
#[cfg(target_os = "linux")]
const CLIENT: UsageWho = UsageWho::RUSAGE_THREAD;
#[cfg(not(target_os = "linux"))]
const CLIENT: UsageWho = UsageWho::RUSAGE_SELF;

fn own_cpu() -> Duration {
    let usage = getrusage(CLIENT).unwrap();
    let microseconds = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Duration::from_micros(microseconds.iter().sum::<i64>().unsigned_abs())
}

/// mxray's own client, and what it needs.
struct Full {
    target: Target,
    probe: Probe,
    route: Route,
    families: Families,
    dialler: Dialler,
    roots: Roots,
}

impl Full {
    fn new(smtp: SocketAddr) -> Self {
        let target: Target = smtp.to_string().parse().unwrap();
        let families = Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::NotAsked };
        let intent = Intent { ehlo_names: vec![NAME.to_owned()], repeats: 0, ..Intent::default() };
        let route = Route::of_address(&target, "local").unwrap();
        let probe = plan::first_probes(&target, &route, families, &intent).remove(0);
        Self { target, probe, route, families, dialler: Dialler::direct(), roots: Roots::webpki() }
    }

    async fn session(&self) -> Observation {
        observe("o1".to_owned(), self.probe.clone(), &self.dialler, &|_| (), std::future::pending())
            .await
    }

    fn judged(&self, observation: Observation) -> TargetReport {
        let evidence = Evidence {
            target: self.target.clone(),
            routes: vec![self.route.clone()],
            policies: mxray::model::policy::PolicyEvidence::default(),
            observations: vec![observation],
            role: Role::Target,
            families: self.families,
            elsewhere: std::collections::BTreeMap::new(),
            mirror: None,
        };
        judge::judge(&evidence, &[], Context { roots: &self.roots, verify_name: None })
    }
}

/// The client that only does the exchange.
struct Bare {
    smtp: SocketAddr,
    connector: TlsConnector,
}

impl Bare {
    fn new(smtp: SocketAddr) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(SignatureOnly(Arc::clone(&provider)));
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Self { smtp, connector: TlsConnector::from(Arc::new(config)) }
    }

    async fn session(&self) {
        let mut stream = TcpStream::connect(self.smtp).await.unwrap();
        stream.set_nodelay(true).unwrap();
        reply(&mut stream).await;
        command(&mut stream, "EHLO probe.example.org\r\n").await;
        command(&mut stream, "STARTTLS\r\n").await;
        let name = ServerName::from(self.smtp.ip());
        let mut stream = self.connector.connect(name, stream).await.unwrap();
        command(&mut stream, "EHLO probe.example.org\r\n").await;
        command(&mut stream, "QUIT\r\n").await;
        stream.shutdown().await.unwrap();
    }
}

async fn command(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), line: &str) {
    stream.write_all(line.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    reply(stream).await;
}

/// Reads up to the end of a reply: a line whose code is followed by a blank.
async fn reply(stream: &mut (impl AsyncRead + Unpin)) {
    let (mut buffer, mut length) = ([0; 4096], 0);
    loop {
        let read = stream.read(&mut buffer[length..]).await.unwrap();
        assert_ne!(read, 0, "closed in the middle of a reply");
        length += read;
        let last = buffer[..length].split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
        if last.ends_with(b"\r\n") && last.get(3) == Some(&b' ') {
            return;
        }
    }
}

/// Verifies that the peer has the key, and nothing else: chains are no part of
/// the exchange.
#[derive(Debug)]
struct SignatureOnly(Arc<CryptoProvider>);

impl ServerCertVerifier for SignatureOnly {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
