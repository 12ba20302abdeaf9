//! The forward proxy over real sockets: what passes, what is refused, and who may ask.

#![allow(
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may unwrap"
)]

mod door_support;

use std::time::Duration;

use bytes::Bytes;
use door_support::forward::{
    CATALOG, HOST, clean, client, inside, proxy, proxy_of, tls, to, track, tunnel,
};
use door_support::{Client, block, good, status};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tamis::config::OtherHosts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn absolute_targets_and_tunnels_are_judged_alike() {
    let up = good();
    let proxy = to(&up.url, |_| {});
    let mut plain = Client::new(proxy.addr);
    for target in [
        "http://api.acme.example/track",
        "http://API.Acme.Example:80/track",
        "https://api.acme.example/track",
    ] {
        let host = target.split('/').nth(2).unwrap();
        plain.send(track(target, host));
        let answer = plain.answer();
        assert_eq!(status(&answer), 200, "{target}: {answer}");
        clean(&up.seen.recv().unwrap());
    }
    block(async {
        for host in [HOST, "o1.ingest.acme.example"] {
            let mut stream = tls(&proxy, host, host, &[b"http/1.1"]).await.unwrap();
            for _ in 0..3 {
                let answer = inside(&mut stream, &track("/track", host)).await;
                assert_eq!(status(&answer), 200, "{answer}");
                clean(&up.seen.recv().unwrap());
            }
        }
        let stream = tls(&proxy, HOST, HOST, &[b"h2"]).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::task::spawn(connection);
        for (uri, want) in [
            ("https://api.acme.example/track", 200),
            ("https://api.acme.example:443/track", 200),
            ("https://other.acme.example/track", 400),
            ("https://api.acme.example:8443/track", 400),
            ("https://api.acme.example/none", 404),
        ] {
            let body = Full::new(Bytes::from_static(
                br#"{"token":"t","email":"jane@example.com","plan":"pro"}"#,
            ));
            let request = http::Request::post(uri).body(body).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), want, "{uri}");
            answer.into_body().collect().await.unwrap();
        }
        clean(&up.seen.recv().unwrap());
    });
    let metrics = proxy.gate.live.metrics.render();
    assert!(
        metrics.contains("tamis_forward_total{outcome=\"absolute\"} 3"),
        "{metrics}"
    );
    assert!(
        metrics.contains("tamis_forward_total{outcome=\"terminated\"} 3"),
        "{metrics}"
    );
}

#[test]
fn every_other_target_is_refused_before_a_lookup() {
    let up = good();
    let proxy = to(&up.url, |_| {});
    let own = proxy.gate.addr.port();
    let connects = [
        ("example.com:443", 403),
        ("api.acme.example", 403),
        ("api.acme.example:80", 403),
        ("api.acme.example:8443", 403),
        ("api.acme.example:0443", 403),
        ("api.acme.example:", 403),
        ("api.acme.example.:443", 403),
        ("xapi.acme.example:443", 403),
        ("api.acme.example.evil.example:443", 403),
        ("user@api.acme.example:443", 403),
        ("api.acme.example:443@evil.example:443", 403),
        ("a.b.ingest.acme.example:443", 403),
        ("ingest.acme.example:443", 403),
        ("*.ingest.acme.example:443", 403),
        ("127.0.0.1:443", 403),
        ("127.1:443", 403),
        ("2130706433:443", 403),
        ("0x7f000001:443", 403),
        ("0177.0.0.1:443", 403),
        ("[::1]:443", 403),
        ("[::ffff:127.0.0.1]:443", 403),
        ("[api.acme.example]:443", 403),
        ("api%2eacme.example:443", 403),
        ("https://api.acme.example:443", 403),
        ("/track", 403),
        ("api.acme.example:443#x", 400),
    ];
    for (target, want) in connects {
        let mut client = Client::new(proxy.addr);
        client.send(format!(
            "CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n"
        ));
        let answer = client.rest();
        // Some of these are no Host fields either.
        let odd = want == 403 && status(&answer) == 400;
        assert!(odd || status(&answer) == want, "{target}: {answer}");
        assert!(!answer.contains("established"), "{target}");
    }
    let own = format!("http://127.0.0.1:{own}/acme/track");
    for target in [
        "http://example.com/track",
        "http://api.acme.example:8080/track",
        "http://api.acme.example:443/track",
        "https://api.acme.example:80/track",
        "http://user@api.acme.example/track",
        "http://api.acme.example./track",
        "http://127.0.0.1/track",
        "http://[::1]/track",
        "http://169.254.169.254/latest/meta-data",
        "ftp://api.acme.example/track",
        "http:/api.acme.example/track",
        "http:///track",
        "//api.acme.example/track",
        "/track",
        "*",
        &own,
    ] {
        let mut client = Client::new(proxy.addr);
        client.send(track(target, "api.acme.example"));
        let answer = client.rest();
        assert!(matches!(status(&answer), 400 | 403), "{target}: {answer}");
    }
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn heads_that_name_two_hosts_are_refused() {
    let up = good();
    let proxy = to(&up.url, |_| {});
    for head in [
        "CONNECT api.acme.example:443 HTTP/1.1\r\nhost: other.example:443\r\n\r\n",
        "CONNECT api.acme.example:443 HTTP/1.1\r\nhost: api.acme.example:80\r\n\r\n",
        "CONNECT api.acme.example:443 HTTP/1.1\r\n\r\n",
        "CONNECT api.acme.example:443 HTTP/1.1\r\nhost: api.acme.example\r\ncontent-length: 3\r\n\r\nabc",
        "CONNECT api.acme.example:443 HTTP/1.1\r\nhost: api.acme.example\r\ntransfer-encoding: chunked\r\n\r\n",
        "CONNECT api.acme.example:443 HTTP/1.1\r\nhost: api.acme.example\r\n\r\nPOST /track HTTP/1.1\r\n",
        "POST http://api.acme.example/track HTTP/1.1\r\nhost: other.example\r\ncontent-length: 2\r\n\r\n{}",
        "POST http://api.acme.example/track HTTP/1.1\r\nhost: api.acme.example:443\r\ncontent-length: 2\r\n\r\n{}",
    ] {
        let mut client = Client::new(proxy.addr);
        client.send(head);
        let answer = client.rest();
        assert_eq!(status(&answer), 400, "{head}: {answer}");
    }
    let mut client = Client::new(proxy.addr);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(matches!(status(&client.rest()), 400 | 505));
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn an_old_client_without_a_host_field_gets_its_tunnel() {
    let up = good();
    let proxy = to(&up.url, |_| {});
    let mut client = Client::new(proxy.addr);
    client.send("CONNECT api.acme.example:443 HTTP/1.0\r\n\r\n");
    assert_eq!(status(&client.answer()), 200);
}

#[test]
fn the_tunnel_carries_tls_for_its_own_host_only() {
    let up = good();
    let proxy = to(&up.url, |_| {});
    block(async {
        for sni in ["other.acme.example", "localhost", "example.com"] {
            assert!(
                tls(&proxy, HOST, sni, &[b"http/1.1"]).await.is_err(),
                "{sni}"
            );
        }
        let tcp = tunnel(&proxy, HOST).await;
        let name = ServerName::try_from(HOST).unwrap();
        assert!(client(&proxy, &[], false).connect(name, tcp).await.is_err());
        let mut tcp = tunnel(&proxy, HOST).await;
        let _ = tcp.write_all(track("/track", HOST).as_bytes()).await;
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest).await;
        assert!(
            !String::from_utf8_lossy(&rest).contains("HTTP/"),
            "{rest:?}"
        );
        for (request, want) in [
            (track("/track", "other.acme.example"), 400),
            (track("/track", "api.acme.example:80"), 400),
            (track("/track", "api.acme.example."), 400),
            (track("http://api.acme.example/track", HOST), 400),
            (track("https://other.example/track", HOST), 400),
            (
                "CONNECT api.acme.example:443 HTTP/1.1\r\nhost: api.acme.example\r\n\r\n".into(),
                400,
            ),
            (track("/acme/track", HOST), 404),
            (
                "GET /track HTTP/1.1\r\nhost: api.acme.example\r\n\r\n".into(),
                405,
            ),
        ] {
            let mut stream = tls(&proxy, HOST, HOST, &[]).await.unwrap();
            let answer = inside(&mut stream, &request).await;
            assert_eq!(status(&answer), want, "{request}: {answer}");
        }
    });
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn a_catalogued_name_that_leads_here_is_not_dialled() {
    let _port = PORT.lock();
    let trap = std::net::TcpListener::bind("127.0.0.1:443").ok();
    let proxy = proxy(|_| {});
    block(async {
        let mut stream = tls(&proxy, "localhost", "localhost", &[]).await.unwrap();
        let answer = inside(&mut stream, &track("/track", "localhost")).await;
        assert_eq!(status(&answer), 502, "{answer}");
    });
    if let Some(trap) = trap {
        trap.set_nonblocking(true).unwrap();
        assert!(trap.accept().is_err());
    }
}

#[test]
fn other_hosts_are_tunnelled_unseen_when_told_so_and_only_as_tls() {
    let bare = proxy(|config| {
        config.routes = vec![];
        let forward = config.forward.as_mut().unwrap();
        forward.other_hosts = OtherHosts::Tunnel;
    });
    for target in [
        "ip6-localhost:443",
        "127.0.0.1:443",
        "example.com:80",
        "example.com:9090",
    ] {
        let mut client = Client::new(bare.addr);
        client.send(format!(
            "CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n"
        ));
        let answer = client.rest();
        assert!(matches!(status(&answer), 403 | 502), "{target}: {answer}");
    }
    let mut client = Client::new(bare.addr);
    client.send(track("http://other.example/track", "other.example"));
    assert_eq!(status(&client.rest()), 403);
}

/// Port 443 of this machine is used by one test at a time.
static PORT: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// A listener at port 443 of this machine's own name.
fn other_host() -> Option<(&'static str, std::net::TcpListener)> {
    let found = std::net::ToSocketAddrs::to_socket_addrs("localhost:443").ok()?;
    let found: Vec<_> = found.collect();
    let listener = std::net::TcpListener::bind(found.first()?).ok()?;
    Some(("localhost", listener))
}

#[test]
fn a_tunnel_hands_on_tls_that_names_its_host_and_nothing_else() {
    // Needs a privileged port and a name: where they are missing it says so.
    let _port = PORT.lock();
    let Some((host, listener)) = other_host() else {
        let words = b"NOT RUN: a_tunnel_hands_on_tls_that_names_its_host_and_nothing_else: port 443 cannot be had here\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), words);
        return;
    };
    let catalog = CATALOG.replace("\"localhost\", ", "");
    let proxy = proxy_of(catalog, |config| {
        let forward = config.forward.as_mut().unwrap();
        forward.other_hosts = OtherHosts::Tunnel;
        forward.private_networks =
            vec!["::1/128".parse().unwrap(), "127.0.0.1/32".parse().unwrap()];
    });
    let (send, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            use std::io::{Read, Write};
            let mut stream = stream.unwrap();
            let mut buf = [0u8; 4096];
            let read = stream.read(&mut buf).unwrap_or(0);
            let _ = stream.write_all(b"unseen");
            let _ = send.send(buf[..read].to_vec());
        }
    });
    block(async {
        // No TLS, and TLS for another host: the other side sees a connection and not a byte.
        let mut tcp = tunnel(&proxy, host).await;
        let _ = tcp
            .write_all(b"GET / HTTP/1.1\r\nhost: ip6-localhost\r\n\r\n")
            .await;
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{rest:?}");
        assert!(tls(&proxy, host, "other.example", &[]).await.is_err());
        for _ in 0..2 {
            let seen = seen.recv_timeout(Duration::from_secs(5)).unwrap();
            assert!(seen.is_empty(), "{seen:?}");
        }
        // A handshake for this host arrives as it was sent, and what comes back is handed back.
        let tcp = tunnel(&proxy, host).await;
        let name = ServerName::try_from(host).unwrap();
        assert!(client(&proxy, &[], true).connect(name, tcp).await.is_err());
        let seen = seen.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(seen.first(), Some(&22));
        assert!(seen.windows(host.len()).any(|w| w == host.as_bytes()));
    });
    while proxy.gate.live.connections() > 0 {
        std::thread::yield_now();
    }
    let metrics = proxy.gate.live.metrics.render();
    for line in [
        "tamis_forward_total{outcome=\"tunnelled\"} 1",
        "tamis_forward_total{outcome=\"handshake_failed\"} 2",
        "tamis_tunnel_bytes_total{direction=\"in\"} 6",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[test]
fn who_may_use_it_is_asked_first() {
    let up = good();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    std::fs::write(
        &file,
        tamis::proxy::users::line("fleet", "pass:word").unwrap(),
    )
    .unwrap();
    let proxy = to(&up.url, move |config| {
        config.forward.as_mut().unwrap().users_file = Some(file.clone());
    });
    let ask = |target: &str, credentials: &str| {
        let coded = base64_simd::STANDARD.encode_to_string(credentials);
        let mut client = Client::new(proxy.addr);
        client.send(format!(
            "CONNECT {target} HTTP/1.1\r\nhost: {target}\r\nproxy-authorization: Basic {coded}\r\n\r\n"
        ));
        client.answer()
    };
    assert_eq!(status(&ask("api.acme.example:443", "fleet:pass:word")), 200);
    assert_eq!(status(&ask("example.com:443", "fleet:pass:word")), 403);
    for bad in ["fleet:pass", "fleet", "", "other:pass:word"] {
        // Who is not known does not learn which hosts there are.
        for target in ["api.acme.example:443", "example.com:443"] {
            let answer = ask(target, bad);
            assert_eq!(status(&answer), 407, "{answer}");
            assert!(
                answer.contains("proxy-authenticate: Basic realm="),
                "{answer}"
            );
        }
    }
    let mut plain = Client::new(proxy.addr);
    plain.send(track("http://api.acme.example/track", HOST));
    assert_eq!(status(&plain.answer()), 407);
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn routes_hold_here_too() {
    let up = good();
    let url = up.url.clone();
    let proxy = proxy(move |config| {
        config.routes = vec![tamis::config::Route {
            vendor: "acme".into(),
            path: Some("/a".into()),
            host: None,
            upstream: Some(url.clone()),
            projects: vec!["t".into()],
            headers: Vec::new(),
            body: Some(60),
        }];
    });
    let send = |body: &str| {
        let mut client = Client::new(proxy.addr);
        client.send(format!(
            "POST http://api.acme.example/track HTTP/1.1\r\nhost: api.acme.example\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        status(&client.answer())
    };
    assert_eq!(send(r#"{"token":"t"}"#), 200);
    assert_eq!(send(r#"{"token":"other"}"#), 403);
    assert_eq!(
        send(&format!(r#"{{"token":"t","a":"{}"}}"#, "a".repeat(60))),
        413
    );
    assert_eq!(up.seen.try_iter().count(), 1);
}

#[test]
fn the_gateway_is_no_forward_proxy() {
    let up = good();
    let proxy = to(&up.url, |_| {});
    for request in [
        track("http://api.acme.example/track", HOST),
        "CONNECT api.acme.example:443 HTTP/1.1\r\nhost: api.acme.example\r\n\r\n".into(),
    ] {
        let mut client = Client::new(proxy.gate.addr);
        client.send(request);
        assert_eq!(status(&client.rest()), 400);
    }
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn a_host_of_a_pattern_has_a_circuit_of_its_own() {
    // A proxy of one's own that is not there: unreachable at once, without a lookup.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let proxy = proxy(move |config| config.upstream.proxy = Some(at.clone()));
    let ask = |host: &str| {
        let mut client = Client::new(proxy.addr);
        client.send(track(&format!("http://{host}/track"), host));
        status(&client.answer())
    };
    for _ in 0..tamis::deliver::FAILURES {
        assert_eq!(ask("o1.ingest.acme.example"), 502);
    }
    assert_eq!(ask("o1.ingest.acme.example"), 503);
    proxy.gate.live.reload("test").unwrap();
    assert_eq!(ask("O1.ingest.acme.example"), 503);
    assert_eq!(ask("o2.ingest.acme.example"), 502);
    assert_eq!(ask(HOST), 502);
}
