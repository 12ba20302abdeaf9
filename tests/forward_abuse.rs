//! The forward proxy as those who look for an open one see it: hosts in every spelling, handshakes that
//! lie, and other protocols inside of a tunnel.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod door_support;

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use door_support::forward::{
    CATALOG, HOST, Proxy, clean, client, inside, proxy_of, tls, to, track, tunnel,
};
use door_support::{Client, block, good, status};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tamis::config::OtherHosts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Hosts and ports that are no catalogued host at its port, whoever reads them. None may be looked up,
/// dialled or tunnelled to, also where other hosts are.
const SPELLINGS: &[&str] = &[
    // Addresses.
    "127.0.0.1:443",
    "127.1:443",
    "127.0.1:443",
    "127.000.000.001:443",
    "127.0.0.1.:443",
    "0:443",
    "0.0.0.0:443",
    "0177.0.0.1:443",
    "0177.0.0.01:443",
    "017700000001:443",
    "0x7f.0.0.1:443",
    "0x7f000001:443",
    "0X7F000001:443",
    "0x7f.1:443",
    "127.0x1:443",
    "0x0000007f.0x0.0x0.0x1:443",
    "2130706433:443",
    "4294967297:443",
    "169.254.169.254:443",
    "0xa9fea9fe:443",
    "2852039166:443",
    "0251.0376.0251.0376:443",
    "10.0.0.1:443",
    "192.168.0.1:443",
    "1.2.3:443",
    "[::1]:443",
    "[::]:443",
    "[0:0:0:0:0:0:0:1]:443",
    "[::ffff:127.0.0.1]:443",
    "[::ffff:7f00:1]:443",
    "[::127.0.0.1]:443",
    "[64:ff9b::7f00:1]:443",
    "[2002:7f00:1::]:443",
    "[fe80::1%25eth0]:443",
    "[fe80::1%eth0]:443",
    "[fe80::1%1]:443",
    "[::1%25lo]:443",
    "[fd00:ec2::254]:443",
    "[v1.fe80::a]:443",
    "[::1:443",
    "::1]:443",
    "::1:443",
    "[]:443",
    "[api.acme.example]:443",
    // Names that are nearly one.
    "api.acme.example.:443",
    "api.acme.example..:443",
    ".api.acme.example:443",
    "api..acme.example:443",
    "api.acme.example.localdomain.:443",
    "-api.acme.example:443",
    "api.acme.example-:443",
    "*.acme.example:443",
    "*:443",
    "a.b.ingest.acme.example:443",
    "ingest.acme.example.:443",
    ".ingest.acme.example:443",
    "..ingest.acme.example:443",
    "*.ingest.acme.example:443",
    "a\u{3002}ingest.acme.example:443",
    "api\u{3002}acme\u{3002}example:443",
    "api\u{ff0e}acme\u{ff0e}example:443",
    "\u{ff41}pi.acme.example:443",
    "api.acm\u{435}.example:443",
    "api.acme.example\u{200b}:443",
    "\u{ad}api.acme.example:443",
    "xn--api-.acme.example:443.",
    "API.ACME.EXAMPLE.:443",
    // Ports.
    "api.acme.example",
    "api.acme.example:",
    "api.acme.example:0",
    "api.acme.example:80",
    "api.acme.example:8443",
    "api.acme.example:0443",
    "api.acme.example:00443",
    "api.acme.example:+443",
    "api.acme.example:-443",
    "api.acme.example:443.0",
    "api.acme.example:4 43",
    "api.acme.example:65536",
    "api.acme.example:65979",
    "api.acme.example:4294967739",
    "api.acme.example:18446744073709552059",
    "api.acme.example:0x1bb",
    "api.acme.example:https",
    "api.acme.example:443:443",
    "api.acme.example:443:80",
    "api.acme.example::443",
    "api.acme.example:\u{ff14}\u{ff14}\u{ff13}",
    "api.acme.example:443,80",
    "api.acme.example:443;80",
    // Users, paths, schemes, escapes.
    "me@api.acme.example:443",
    "me:you@api.acme.example:443",
    "@api.acme.example:443",
    "api.acme.example@evil.example:443",
    "api.acme.example:443@evil.example:443",
    "evil.example:443@api.acme.example:443",
    "api.acme.example%40evil.example:443",
    "https://api.acme.example:443",
    "http://api.acme.example:443/",
    "//api.acme.example:443",
    "/api.acme.example:443",
    "api.acme.example:443/",
    "api.acme.example/:443",
    "api.acme.example\\:443",
    "api.acme.example:443?x",
    "api.acme.example:443#x",
    "api.acme.example#:443",
    "evil.example#@api.acme.example:443",
    "evil.example?api.acme.example:443",
    "evil.example/api.acme.example:443",
    "api%2eacme%2eexample:443",
    "%61pi.acme.example:443",
    "api.acme.example%00.evil.example:443",
    "api.acme.example%20:443",
    "api.acme.example%0d%0a:443",
    "api.acme.example,evil.example:443",
    "api.acme.example;evil.example:443",
    "api.acme.example&evil.example:443",
    "api.acme.example=:443",
    "(api.acme.example):443",
    "\"api.acme.example\":443",
    "'api.acme.example':443",
    "<api.acme.example>:443",
    "{api.acme.example}:443",
    "file:///etc/passwd",
    "unix:/run/x.sock",
    "*",
    "",
];

/// Bytes that no head may hold; the rest of the line is right.
const RAW: &[&[u8]] = &[
    b"CONNECT api.acme.example\0:443 HTTP/1.1",
    b"CONNECT api.acme.example\0.evil.example:443 HTTP/1.1",
    b"CONNECT  api.acme.example:443 HTTP/1.1",
    b"CONNECT api.acme.example:443  HTTP/1.1",
    b"CONNECT\tapi.acme.example:443 HTTP/1.1",
    b"CONNECT api.acme.example:443\t HTTP/1.1",
    b"CONNECT api.acme.example:443 evil.example:443 HTTP/1.1",
    b" CONNECT api.acme.example:443 HTTP/1.1",
    b"CONNECT \x0bapi.acme.example:443 HTTP/1.1",
    b"CONNECT api.acme.example\r:443 HTTP/1.1",
    b"CONNECT api.acme.example:443\xff HTTP/1.1",
    b"CONNECT api.acme.example\xc0\xae:443 HTTP/1.1",
    b"connect api.acme.example:443 HTTP/1.1",
    b"CONNECT api.acme.example:443 HTTP/2.0",
    b"CONNECT api.acme.example:443 http/1.1",
    b"CONNECT api.acme.example:443 HTTP/1.1\r\nhost: other.example:443",
    b"CONNECT api.acme.example:443 HTTP/1.1\r\n x: folded",
    b"CONNECT api.acme.example:443",
];

fn tunnelling() -> Proxy {
    // A lookup of these would answer by what this machine's hosts file says.
    proxy_of(CATALOG.replace("\"localhost\", ", ""), |config| {
        config.forward.as_mut().unwrap().other_hosts = OtherHosts::Tunnel;
    })
}

#[test]
fn no_spelling_opens_it() {
    let up = good();
    for proxy in [to(&up.url, |_| {}), tunnelling()] {
        for target in SPELLINGS {
            // A name like any other, where other hosts are tunnelled to.
            let other = target.starts_with("a.b.ingest");
            if other
                && proxy
                    .gate
                    .live
                    .current()
                    .generation
                    .config
                    .forward
                    .as_ref()
                    .unwrap()
                    .other_hosts
                    == OtherHosts::Tunnel
            {
                continue;
            }
            for head in [
                format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n"),
                format!("CONNECT {target} HTTP/1.1\r\nhost: api.acme.example:443\r\n\r\n"),
                format!("CONNECT {target} HTTP/1.0\r\n\r\n"),
            ] {
                let mut client = Client::new(proxy.addr);
                client.send(&head);
                let answer = client.rest();
                assert!(matches!(status(&answer), 400 | 403), "{head}: {answer}");
            }
            // In absolute form only the port's absence is another matter.
            if ["api.acme.example", "api.acme.example:80", ""].contains(target) {
                continue;
            }
            for scheme in ["http", "https", "HTTP", "ws", "ftp"] {
                let mut client = Client::new(proxy.addr);
                client.send(track(&format!("{scheme}://{target}/track"), target));
                let answer = client.rest();
                assert!(
                    matches!(status(&answer), 400 | 403),
                    "{scheme}://{target}: {answer}"
                );
            }
        }
        for line in RAW {
            let mut client = Client::new(proxy.addr);
            client.send([*line, b"\r\nhost: api.acme.example:443\r\n\r\n"].concat());
            let answer = client.rest();
            assert!(
                matches!(status(&answer), 400 | 403 | 404 | 405 | 501 | 505),
                "{line:?}: {answer}"
            );
            assert!(!answer.contains("established"), "{line:?}");
        }
        // Nothing of it was looked up or dialled.
        let metrics = proxy.gate.live.metrics.render();
        for outcome in ["unreachable", "tunnelled", "terminated"] {
            let none = format!("tamis_forward_total{{outcome=\"{outcome}\"}} 0");
            let some = format!("tamis_forward_total{{outcome=\"{outcome}\"}}");
            assert!(
                metrics.contains(&none) || !metrics.contains(&some),
                "{outcome}: {metrics}"
            );
        }
    }
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn names_of_this_machine_are_not_tunnelled_to() {
    let proxy = tunnelling();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    for host in [
        "localhost",
        "LOCALHOST",
        "ip6-localhost",
        "ip6-loopback",
        name.trim(),
    ] {
        let mut client = Client::new(proxy.addr);
        client.send(format!(
            "CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n"
        ));
        let answer = client.rest();
        assert!(
            matches!(status(&answer), 400 | 403 | 502),
            "{host}: {answer}"
        );
    }
}

/// One extension of a ClientHello.
fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), content].concat()
}

/// The list of names that an SNI extension holds: kind and name.
fn sni(names: &[(u8, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, name) in names {
        list.push(*kind);
        list.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        list.extend(*name);
    }
    let length = u16::try_from(list.len()).unwrap();
    extension(0, &[&length.to_be_bytes()[..], &list].concat())
}

/// What every client says besides: groups, signatures, versions, a key share.
fn usual() -> Vec<Vec<u8>> {
    vec![
        extension(10, &[0, 2, 0, 29]),
        extension(13, &[0, 4, 4, 3, 8, 4]),
        extension(43, &[2, 3, 4]),
        extension(51, &[&[0, 36, 0, 29, 0, 32][..], &[9; 32]].concat()),
    ]
}

/// An encrypted ClientHello as browsers send it, be it one or grease.
fn ech() -> Vec<u8> {
    let key = [&[0, 32][..], &[5; 32]].concat();
    let payload = [&[0, 144][..], &[6; 144]].concat();
    extension(0xfe0d, &[&[0, 0, 1, 0, 1, 9][..], &key, &payload].concat())
}

/// A handshake record with a ClientHello.
fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = extensions.concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1, 0, length[0], length[1]][..], &body].concat();
    record(22, &message)
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind, 3, 1, length[0], length[1]][..], content].concat()
}

fn with(more: &[Vec<u8>]) -> Vec<u8> {
    hello(&[usual(), more.to_vec()].concat())
}

/// First flights that name another host than the `CONNECT`, none, several, or are no TLS.
fn lies(host: &str) -> Vec<(&'static str, Vec<u8>)> {
    let name = host.as_bytes();
    let dotted = [name, b"."].concat();
    let nul = [name, b"\0.evil.example"].concat();
    let under = [name, b".evil.example"].concat();
    let whole = with(&[sni(&[(0, name)])]);
    let mut sslv2 = vec![0x80, 0x2e, 1, 3, 1, 0, 3, 0, 0, 0, 16, 1, 0, 0x80];
    sslv2.extend([7; 34]);
    let mut application = whole.clone();
    application[0] = 23;
    let mut old_record = whole.clone();
    old_record[1] = 2;
    let mut certificate = whole.clone();
    certificate[5] = 11;
    vec![
        ("no name", with(&[])),
        ("another", with(&[sni(&[(0, b"evil.example")])])),
        ("an empty name", with(&[sni(&[(0, b"")])])),
        ("an empty list", with(&[sni(&[])])),
        (
            "two names",
            with(&[sni(&[(0, name), (0, b"evil.example")])]),
        ),
        (
            "two names, the other first",
            with(&[sni(&[(0, b"evil.example"), (0, name)])]),
        ),
        (
            "two extensions",
            with(&[sni(&[(0, name)]), sni(&[(0, b"evil.example")])]),
        ),
        (
            "two extensions, the other first",
            with(&[sni(&[(0, b"evil.example")]), sni(&[(0, name)])]),
        ),
        (
            "twice the same",
            with(&[sni(&[(0, name)]), sni(&[(0, name)])]),
        ),
        ("a name of an unknown kind", with(&[sni(&[(7, name)])])),
        ("a dot behind", with(&[sni(&[(0, &dotted)])])),
        ("a NUL within", with(&[sni(&[(0, &nul)])])),
        ("below another", with(&[sni(&[(0, &under)])])),
        ("a blank", with(&[sni(&[(0, &[name, b" "].concat())])])),
        ("an address", with(&[sni(&[(0, b"127.0.0.1")])])),
        ("an address of IPv6", with(&[sni(&[(0, b"::1")])])),
        ("a port", with(&[sni(&[(0, &[name, b":443"].concat())])])),
        (
            "letters beyond ASCII",
            with(&[sni(&[(0, "\u{ff41}.example".as_bytes())])]),
        ),
        (
            "ECH with another name outside",
            with(&[sni(&[(0, b"public.example")]), ech()]),
        ),
        ("ECH alone", with(&[ech()])),
        ("plain HTTP", track("/track", host).into_bytes()),
        (
            "HTTP/2 in the clear",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        ),
        (
            "another CONNECT",
            format!("CONNECT {host}:443 HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes(),
        ),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ("SMTP", b"EHLO evil.example\r\n".to_vec()),
        ("SSL 2", sslv2),
        ("an application's record", application),
        ("an old record", old_record),
        ("another message", certificate),
        ("an alert", record(21, &[2, 40])),
        ("an empty record", record(22, &[])),
        (
            "a record too long",
            [22, 3, 1, 0xff, 0xff].into_iter().chain([0; 200]).collect(),
        ),
        (
            "a message too long",
            record(22, &[1, 0xff, 0xff, 0xff, 3, 3]),
        ),
        ("noise", (0..200u8).map(|n| n.wrapping_mul(151)).collect()),
        ("zeroes", vec![0; 300]),
    ]
}

async fn answered(proxy: &Proxy, host: &str, flight: &[u8]) -> Vec<u8> {
    let mut tcp = tunnel(proxy, host).await;
    let _ = tcp.write_all(flight).await;
    let _ = tcp.shutdown().await;
    let mut said = Vec::new();
    let _ = tcp.read_to_end(&mut said).await;
    said
}

#[test]
fn handshakes_that_lie_are_not_answered() {
    let up = good();
    let proxy = to(&up.url, |_| {});
    block(async {
        for (what, flight) in lies(HOST) {
            let said = answered(&proxy, HOST, &flight).await;
            // An alert at most: no ServerHello, and no HTTP.
            assert!(said.is_empty() || said[0] == 21, "{what}: {said:?}");
        }
        // The same hand with the right name is answered, also with what browsers grease it with, in one
        // record or many, and in capitals.
        let grease = [
            vec![extension(0x0a0a, &[])],
            usual(),
            vec![sni(&[(0, HOST.as_bytes())]), ech(), extension(0xdada, &[0])],
        ];
        let capitals = HOST.to_ascii_uppercase();
        let early = [
            with(&[sni(&[(0, HOST.as_bytes())]), extension(42, &[])]),
            record(23, b"early"),
        ]
        .concat();
        let one = with(&[sni(&[(0, HOST.as_bytes())])]);
        let pieces = one[5..]
            .chunks(7)
            .flat_map(|piece| record(22, piece))
            .collect();
        for (what, flight) in [
            ("plain", one.clone()),
            ("greased", hello(&grease.concat())),
            ("capitals", with(&[sni(&[(0, capitals.as_bytes())])])),
            ("early data", early),
            ("pieces", pieces),
        ] {
            let said = answered(&proxy, HOST, &flight).await;
            assert_eq!(said.first(), Some(&22), "{what}: {said:?}");
        }
    });
    assert!(up.seen.try_recv().is_err());
}

/// Port 443 of this machine, where it can be had: what a tunnel to another host would reach.
fn trap() -> Option<(std::net::TcpListener, Proxy)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:443").ok()?;
    let proxy = proxy_of(CATALOG.replace("\"localhost\", ", ""), |config| {
        let forward = config.forward.as_mut().unwrap();
        forward.other_hosts = OtherHosts::Tunnel;
        forward.private_networks =
            vec!["127.0.0.1/32".parse().unwrap(), "::1/128".parse().unwrap()];
    });
    Some((listener, proxy))
}

#[test]
fn a_tunnel_hands_on_no_handshake_that_lies() {
    let Some((listener, proxy)) = trap() else {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"NOT RUN: a_tunnel_hands_on_no_handshake_that_lies: port 443 cannot be had here\n",
        );
        return;
    };
    let (send, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut all = Vec::new();
            let mut stream = stream.unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let _ = stream.read_to_end(&mut all);
            let _ = send.send(all);
        }
    });
    block(async {
        for (what, flight) in lies("localhost") {
            let said = answered(&proxy, "localhost", &flight).await;
            assert!(said.is_empty(), "{what}: {said:?}");
            let came = seen.recv_timeout(Duration::from_secs(10)).unwrap();
            assert!(came.is_empty(), "{what}: {came:?}");
        }
        let whole = with(&[sni(&[(0, b"LocalHost")])]);
        answered(&proxy, "localhost", &whole).await;
        assert_eq!(seen.recv_timeout(Duration::from_secs(10)).unwrap(), whole);
    });
}

#[test]
fn other_protocols_inside_are_not_spoken() {
    let up = good();
    let proxy = to(&up.url, |_| {});
    block(async {
        // What nobody here speaks.
        for alpn in [
            &b"h3"[..],
            b"spdy/3.1",
            b"acme-tls/1",
            b"http/1.0",
            b"h2c",
            b"dot",
            b"ftp",
            b"\0",
        ] {
            assert!(tls(&proxy, HOST, HOST, &[alpn]).await.is_err(), "{alpn:?}");
        }
        // Agreed on one, spoken the other: the preface of HTTP/2 where HTTP/1.1 was chosen, and the reverse.
        let mut stream = tls(&proxy, HOST, HOST, &[b"h2"]).await.unwrap();
        let answer = inside(&mut stream, &track("/track", HOST)).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
        // Upgrades lead nowhere: answered as if they had not been asked for.
        for more in [
            "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n",
            "upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
            "upgrade: tls/1.2\r\nconnection: upgrade\r\n",
        ] {
            let request = track("/track", HOST).replacen("\r\n", &format!("\r\n{more}"), 1);
            let mut stream = tls(&proxy, HOST, HOST, &[]).await.unwrap();
            let answer = inside(&mut stream, &request).await;
            assert!(matches!(status(&answer), 200 | 400), "{more}: {answer}");
            if status(&answer) == 200 {
                let reached = up.seen.recv().unwrap();
                clean(&reached);
                let lower = reached.to_ascii_lowercase();
                assert!(
                    !lower.contains("upgrade")
                        && !lower.contains("websocket")
                        && !lower.contains("http2"),
                    "{reached}"
                );
            }
            let mut plain = Client::new(proxy.addr);
            plain.send(track("http://api.acme.example/track", HOST).replacen(
                "\r\n",
                &format!("\r\n{more}"),
                1,
            ));
            let answer = plain.answer();
            assert!(matches!(status(&answer), 200 | 400), "{more}: {answer}");
            up.seen.try_iter().for_each(|request| clean(&request));
        }
        // CONNECT within: by HTTP/1.1 (tests/forward.rs) and by HTTP/2.
        let stream = tls(&proxy, HOST, HOST, &[b"h2"]).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::task::spawn(connection);
        for uri in [
            "api.acme.example:443",
            "evil.example:443",
            "127.0.0.1:443",
            "localhost:9090",
        ] {
            let request = http::Request::connect(uri)
                .body(Full::new(Bytes::new()))
                .unwrap();
            if let Ok(answer) = sender.send_request(request).await {
                assert!(
                    matches!(answer.status().as_u16(), 400 | 403 | 404 | 405),
                    "{uri}: {answer:?}"
                );
                answer.into_body().collect().await.unwrap();
            }
        }
        // Another host's session is no way in: its ticket is not known, and the name is asked anew.
        let connector = client(&proxy, &[b"http/1.1"], true);
        for host in [HOST, "o1.ingest.acme.example", HOST] {
            let tcp = tunnel(&proxy, host).await;
            let name = ServerName::try_from(host).unwrap();
            let mut stream = connector.connect(name, tcp).await.unwrap();
            let other = if host == HOST {
                "o1.ingest.acme.example"
            } else {
                HOST
            };
            let answer = inside(&mut stream, &track("/track", other)).await;
            assert_eq!(status(&answer), 400, "{answer}");
        }
    });
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn a_client_that_says_nothing_in_its_tunnel_is_let_go() {
    let up = good();
    let proxy = to(&up.url, |config| {
        config.limits.header_timeout = Duration::from_millis(300)
    });
    block(async {
        // Nothing at all, half of a handshake, and a finished one with half of a head.
        let half = with(&[sni(&[(0, HOST.as_bytes())])]);
        for flight in [&[][..], &half[..40]] {
            let mut tcp = tunnel(&proxy, HOST).await;
            tcp.write_all(flight).await.unwrap();
            let mut said = Vec::new();
            let _ = tcp.read_to_end(&mut said).await;
        }
        let mut stream = tls(&proxy, HOST, HOST, &[]).await.unwrap();
        stream
            .write_all(b"POST /track HTTP/1.1\r\nhost: api.")
            .await
            .unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        assert_eq!(status(&String::from_utf8_lossy(&said)), 408);
    });
    while proxy.gate.live.connections() > 0 {
        std::thread::yield_now();
    }
}
