//! Servers that fail: which answer decides, what it costs, what is told.

use tokio::time::timeout;

use super::*;

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    let twist = |asked: &Asked, message: Message| {
        Some(if asked.is_tcp { message } else { message.truncate() })
    };
    let server = Server::twisted(unsigned(), twist).await;
    let route = route(&resolver(&server, NO_ANCHOR), "both.test").await;
    assert_eq!(route.exchanges.len(), 3);
    assert!(server.asked().iter().any(|asked| asked.is_tcp));
}

#[tokio::test]
async fn of_two_servers_the_one_that_works_decides() {
    let refusing = Server::twisted(unsigned(), |_, m| Some(code(m, ResponseCode::Refused))).await;
    let failing = Server::twisted(unsigned(), |_, m| Some(code(m, ResponseCode::ServFail))).await;
    let honest = Server::honest(unsigned()).await;
    let servers = [refusing.address, failing.address, honest.address];
    let resolver = Resolver::new(settings(&servers, NO_ANCHOR)).unwrap();
    let route = route(&resolver, "both.test").await;
    assert_eq!(route.exchanges.len(), 3);
}

#[tokio::test]
async fn a_silent_server_beside_another_neither_stops_nor_hides_it() {
    let silent = Server::twisted(unsigned(), |_, _| None).await;
    let failing = Server::twisted(unsigned(), |_, m| Some(code(m, ResponseCode::ServFail))).await;
    let honest = Server::honest(unsigned()).await;
    let patient = ResolverSettings {
        timeout: FOREVER,
        ..settings(&[silent.address, honest.address], NO_ANCHOR)
    };
    let resolver = Resolver::new(patient).unwrap();
    let both = timeout(HANG, route(&resolver, "both.test")).await.expect("waits for silence");
    assert_eq!(both.exchanges.len(), 3);
    let resolver = Resolver::new(settings(&[silent.address, failing.address], NO_ANCHOR)).unwrap();
    let route = route(&resolver, "both.test").await;
    assert_eq!(route.error, Some(LookupError::Servfail));
}

#[tokio::test]
async fn a_first_server_that_is_not_there_fails_fast() {
    // It hears itself alone, and nobody else can have its port.
    let held = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = held.local_addr().unwrap();
    held.connect(closed).unwrap();
    let patient = ResolverSettings { timeout: FOREVER, ..settings(&[closed], NO_ANCHOR) };
    let resolver = Resolver::new(patient).unwrap();
    let route = timeout(HANG, route(&resolver, "example.test")).await.expect("waits for nobody");
    assert_eq!((route.kind, route.error), (RouteKind::None, Some(LookupError::Unreachable)));
    assert!(route.error_detail.unwrap().contains(&closed.to_string()));
    assert_eq!(resolver.described(), None, "nobody has said that it strips DNSSEC");
}

#[tokio::test]
async fn a_silent_first_server_is_told_once_and_times_out() {
    let server = Server::twisted(unsigned(), |_, _| None).await;
    let notices = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&notices);
    let mut settings = settings(&[server.address], NO_ANCHOR);
    settings.notice = Some(Arc::new(move |notice| seen.lock().unwrap().push(notice)));
    let resolver = Resolver::new(settings).unwrap();
    let both = Box::pin(async {
        tokio::join!(route(&resolver, "example.test"), route(&resolver, "[mx.example.test]"))
    });
    let (one, other) = timeout(HANG, both).await.expect("never ends");
    assert_eq!(one.error, Some(LookupError::Timeout));
    assert_eq!(other.exchanges[0].ipv6.error, Some(LookupError::Timeout));
    let expected =
        Notice::ResolverSilent { servers: vec![server.address.to_string()], after: SILENCE };
    assert_eq!(*notices.lock().unwrap(), [expected]);
}

#[test]
fn resolv_conf_names_servers() {
    let text = "# comment\nsearch example.net\nnameserver 192.0.2.53 # first\n\
                nameserver 2001:db8::53\nnameserver fe80::1%eth0\nnameserver nonsense\n\
                options edns0\n;nameserver 192.0.2.99\n";
    let expected: Vec<SocketAddr> =
        ["192.0.2.53:53", "[2001:db8::53]:53"].iter().map(|s| s.parse().unwrap()).collect();
    assert_eq!(nameservers(text), expected);
    let error = crate::dns::system_servers(std::path::Path::new("/nonexistent/resolv.conf"));
    assert!(error.unwrap_err().hint.contains("--resolver"));
}
