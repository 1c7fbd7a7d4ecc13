//! An `openssl s_server` on loopback, for the tests that need an old server.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A running server; it ends with this value.
pub(super) struct OldServer {
    child: Child,
    pub(super) address: SocketAddr,
}

impl OldServer {
    /// Starts one with a certificate of `testdata/certs`; `None`, said on stderr,
    /// where OpenSSL is not installed and `MXRAY_LAB` does not require it.
    #[expect(clippy::print_stderr, reason = "a skip has to be seen")]
    pub(super) fn start(certificate: &str, arguments: &[&str]) -> Option<Self> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/certs/");
        let spawned = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(["-cert", &format!("{folder}{certificate}.pem")])
            .args(["-key", &format!("{folder}{certificate}.key")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                assert_ne!(std::env::var("MXRAY_LAB").as_deref(), Ok("required"), "{error}");
                eprintln!("skipped: openssl cannot be started: {error}");
                return None;
            }
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // `ACCEPT 127.0.0.1:40123` comes once it listens.
        let address = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT ")?.parse().ok());
        Some(Self { child, address: address.expect("openssl s_server listens") })
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
