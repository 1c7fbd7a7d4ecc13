//! Ctrl-C where a run waits for something else than a session.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::agent::AGENT as MXRAY;

/// A mail server without STARTTLS, for one client after the other.
fn plain(listener: &TcpListener) {
    for stream in listener.incoming().map_while(Result::ok) {
        // A client that has gone needs no answer.
        let _ = converse(&stream);
    }
}

fn converse(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"220 mirror.test ESMTP\r\n")?;
    for line in BufReader::new(stream).lines() {
        let answer: &[u8] = match line?.split(' ').next() {
            Some("EHLO") => b"250 mirror.test\r\n",
            Some("QUIT") => return stream.write_all(b"221 bye\r\n"),
            _ => b"502 5.5.1 no\r\n",
        };
        stream.write_all(answer)?;
    }
    Ok(())
}

/// A box hides STARTTLS and swallows the exchange: whoever is tired of waiting is heard.
#[test]
fn a_mirror_that_does_not_answer_is_not_waited_for_after_ctrl_c() {
    let (smtp, exchange) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port().to_string();
    let mirror = format!("0123456789abcdefghij@127.0.0.1:{}", port(&smtp));
    let child = Command::new(MXRAY)
        .args(["check", "--mirror", &mirror, "--mirror-exchange", &port(&exchange)])
        .args(["--no-controls", "--canary", "none", "--repeats", "0", "--ehlo", "a.example"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::spawn(move || plain(&smtp));
    // It speaks TLS here, and hears nothing.
    let silent = exchange.accept().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(silent);
    let text = String::from_utf8(output.stdout).unwrap();
    // Who had waited for it would say how it failed.
    assert!(text.contains("could not be had: interrupted"), "{text}");
    assert_eq!(output.status.code(), Some(1), "STARTTLS was not offered: {text}");
}
