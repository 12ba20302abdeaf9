//! The way to the vendor: which address, which TLS, whose certificates, through which proxy; and what
//! becomes of a request that is under way when the server ends.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod door_support;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use door_support::{Client, Gate, gate, good, post, status, upstream};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

fn ask(gate: &Gate) -> u16 {
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    status(&client.answer())
}

/// Tells what this machine cannot show, past the capture of what passing tests print.
fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {words}");
}

/// Answers one request for each connection of a listener, and tells of it.
fn serve(listener: TcpListener) -> Receiver<IpAddr> {
    let (send, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buf = Vec::new();
            if door_support::message(&mut stream, &mut buf, false).is_some() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                let _ = send.send(stream.local_addr().unwrap().ip());
            }
        }
    });
    seen
}

/// The addresses of `localhost`, which most machines have in both families.
fn families() -> Vec<IpAddr> {
    let all = ("localhost", 0).to_socket_addrs().unwrap();
    let mut all: Vec<IpAddr> = all.map(|at| at.ip()).collect();
    all.dedup();
    all
}

/// Listeners at one port of each address.
fn one_port(all: &[IpAddr]) -> Vec<TcpListener> {
    loop {
        let first = TcpListener::bind((all[0], 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let rest = all[1..].iter().map(|ip| TcpListener::bind((*ip, port)));
        let Ok(mut rest) = rest.collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        rest.insert(0, first);
        return rest;
    }
}

#[test]
fn a_name_with_addresses_of_two_families_is_reached_by_either() {
    let all = families();
    for at in 0..all.len() {
        // One address serves, at the others nobody listens.
        let mut listeners = one_port(&all);
        let port = listeners[0].local_addr().unwrap().port();
        let seen = serve(listeners.swap_remove(at));
        drop(listeners);
        let gate = gate(&format!("http://localhost:{port}"), |_| {});
        assert_eq!(ask(&gate), 200, "{}", all[at]);
        assert_eq!(seen.recv().unwrap(), all[at]);
    }
    // A machine with one family cannot show more, and says so.
    if all.len() < 2 {
        say(&format!("localhost has one address here: {all:?}"));
    }
}

/// A listener that lets nobody in any more: its queue is full, so the kernel drops what knocks.
fn silent(listener: &TcpListener) -> Vec<TcpStream> {
    let at: SocketAddr = listener.local_addr().unwrap();
    let wait = Duration::from_millis(300);
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&at, wait) {
        held.push(stream);
        assert!(held.len() < 10_000, "the queue does not fill");
    }
    held
}

#[test]
fn an_address_that_is_silent_is_raced_by_the_other_family() {
    let all = families();
    let v6 = all.iter().find(|ip| ip.is_ipv6());
    let v4 = all.iter().find(|ip| ip.is_ipv4());
    let (Some(v6), Some(v4)) = (v6, v4) else {
        // Nothing to race: said, not hidden.
        say(&format!(
            "not raced, localhost has one family here: {all:?}"
        ));
        return;
    };
    for (quiet, speaks) in [(*v6, *v4), (*v4, *v6)] {
        let (mute, listener) = loop {
            // A short queue; the other listener at the same port.
            let domain = socket2::Domain::for_address((quiet, 0).into());
            let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::from((quiet, 0)).into()).unwrap();
            socket.listen(0).unwrap();
            let mute: TcpListener = socket.into();
            let port = mute.local_addr().unwrap().port();
            if let Ok(listener) = TcpListener::bind((speaks, port)) {
                break (mute, listener);
            }
        };
        let held = silent(&mute);
        let port = mute.local_addr().unwrap().port();
        let seen = serve(listener);
        let gate = gate(&format!("http://localhost:{port}"), |_| {});
        let begun = Instant::now();
        assert_eq!(ask(&gate), 200, "{quiet} is silent");
        assert_eq!(seen.recv().unwrap(), speaks);
        // Waiting for the silent one would take ten seconds.
        assert!(begun.elapsed() < Duration::from_secs(5));
        drop(held);
    }
}

/// A CA and its certificate's file.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Ca {
        issuer: Issuer::new(params, key),
        pem,
    }
}

/// What a server's certificate says.
struct Leaf {
    name: &'static str,
    year: i32,
}

const GOOD: Leaf = Leaf {
    name: "localhost",
    year: 4000,
};

/// A vendor over TLS of the given versions that answers every request with 200.
fn tls_vendor(
    ca: &Ca,
    leaf: &Leaf,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> SocketAddr {
    let mut params = CertificateParams::new(vec![leaf.name.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(leaf.year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let cert = params.signed_by(&key, &ca.issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let session = rustls::ServerConnection::new(config).unwrap();
                let mut tls = rustls::StreamOwned::new(session, stream.unwrap());
                let mut buf = Vec::new();
                while door_support::message(&mut tls, &mut buf, false).is_some() {
                    let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                }
            });
        }
    });
    at
}

fn trusting(upstream: &str, folder: &Path, pem: &str) -> Gate {
    let file: PathBuf = folder.join("roots.pem");
    std::fs::write(&file, pem).unwrap();
    gate(upstream, move |c| c.upstream.ca_file = Some(file.clone()))
}

#[test]
fn certificates_are_checked_for_chain_name_and_dates() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (ca("ours"), ca("other"));
    // A bundle: the one that counts stands behind another, with words between.
    let bundle = format!("words\n{}\nmore words\n{}", other.pem, ours.pem);
    for (want, leaf, pem) in [
        (200, GOOD, &ours.pem),
        (200, GOOD, &bundle),
        (502, GOOD, &other.pem),
        (
            502,
            Leaf {
                name: "other.example",
                ..GOOD
            },
            &bundle,
        ),
        (502, Leaf { year: 2020, ..GOOD }, &bundle),
    ] {
        let at = tls_vendor(&ours, &leaf, rustls::ALL_VERSIONS);
        let url = format!("https://localhost:{}", at.port());
        let gate = trusting(&url, folder.path(), pem);
        assert_eq!(ask(&gate), want, "{} until {}", leaf.name, leaf.year);
    }
}

#[test]
fn tls_1_2_and_1_3_are_spoken_to_vendors_and_nothing_older() {
    let folder = tempfile::tempdir().unwrap();
    let ours = ca("ours");
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let at = tls_vendor(&ours, &GOOD, versions);
        let url = format!("https://localhost:{}", at.port());
        assert_eq!(ask(&trusting(&url, folder.path(), &ours.pem)), 200);
    }
    // A vendor that answers with TLS 1.1: a ServerHello of that version.
    let (send, seen) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut hello = vec![0; 4096];
            let read = stream.read(&mut hello).unwrap_or(0);
            let mut old = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
            old.extend([7; 32]);
            old.extend([0, 0, 0x2f, 0]);
            let _ = stream.write_all(&old);
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            let _ = send.send((hello[..read].to_vec(), rest));
        }
    });
    let url = format!("https://localhost:{}", at.port());
    assert_eq!(ask(&trusting(&url, folder.path(), &ours.pem)), 502);
    let (hello, rest) = seen.recv().unwrap();
    // It offered 1.3 and 1.2 (`supported_versions`), and ended with an alert and not a byte more.
    let offered = hello.windows(7).any(|w| w == [0, 43, 0, 5, 4, 3, 4]);
    assert!(offered, "{hello:?}");
    assert_eq!((rest.first(), rest.len()), (Some(&21), 7), "{rest:?}");
}

/// A proxy of one's own that connects to one address whatever it is asked, and tells what it was asked.
fn egress_proxy(answer: &'static str, to: SocketAddr) -> (SocketAddr, Receiver<String>) {
    let (send, seen) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buf = Vec::new();
            let asked = door_support::message(&mut stream, &mut buf, false);
            let _ = send.send(asked.unwrap_or_default());
            let _ = stream.write_all(answer.as_bytes());
            if !answer.contains(" 200 ") {
                continue;
            }
            let mut vendor = TcpStream::connect(to).unwrap();
            let (mut from, mut back) = (stream.try_clone().unwrap(), vendor.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut back));
            std::thread::spawn(move || std::io::copy(&mut vendor, &mut stream));
        }
    });
    (at, seen)
}

#[test]
fn through_a_proxy_of_ones_own_the_vendor_is_verified_as_always() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (ca("ours"), ca("other"));
    let leaf = |name| Leaf { name, ..GOOD };
    for (want, name, pem) in [
        (200, "vendor.example", &ours.pem),
        (502, "vendor.example", &other.pem),
        (502, "other.example", &ours.pem),
    ] {
        let at = tls_vendor(&ours, &leaf(name), rustls::ALL_VERSIONS);
        let (proxy, seen) = egress_proxy("HTTP/1.1 200 Fine\r\n\r\n", at);
        let file = folder.path().join("roots.pem");
        std::fs::write(&file, pem).unwrap();
        let gate = gate("https://vendor.example", move |c| {
            c.upstream.ca_file = Some(file.clone());
            c.upstream.proxy = Some(format!("http://{proxy}"));
        });
        assert_eq!(ask(&gate), want, "{name}");
        let asked = seen.recv().unwrap();
        assert!(
            asked.starts_with("CONNECT vendor.example:443 HTTP/1.1\r\n"),
            "{asked}"
        );
    }
}

#[test]
fn a_proxy_of_ones_own_that_refuses_is_not_gone_round() {
    let up = good();
    for answer in [
        "HTTP/1.1 407 Who?\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 302 There\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n",
        "what?\r\n\r\n",
    ] {
        let (proxy, seen) = egress_proxy(answer, up.addr);
        let url = format!("http://vendor.example:{}", up.addr.port());
        let gate = gate(&url, move |c| {
            c.upstream.proxy = Some(format!("http://{proxy}"))
        });
        assert_eq!(ask(&gate), 502, "{answer}");
        assert!(seen.recv().unwrap().starts_with("CONNECT "));
    }
    assert!(up.seen.try_recv().is_err());
}

/// What an old client says first: a ClientHello of TLS 1.1.
fn old_hello() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([9; 32]);
    // No session, three suites of its time, no compression, the curves, an uncompressed point.
    body.extend([0, 0, 6, 0xc0, 0x09, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    body.extend([0, 22, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0]);
    // And how it would be signed, so that nothing but the version is amiss.
    body.extend([0, 13, 0, 4, 0, 2, 4, 3]);
    let length = u8::try_from(body.len()).unwrap();
    let mut all = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    all.extend(body);
    all
}

#[test]
fn a_client_of_tls_1_1_is_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = tamis::config::TlsFiles {
        cert: folder.path().join("server.pem"),
        key: folder.path().join("server.key"),
    };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let up = good();
    let gate = gate(&up.url, move |c| c.gateway.tls = Some(files.clone()));
    let mut client = Client::new(gate.addr);
    client.send(old_hello());
    let mut said = Vec::new();
    let _ = client.stream.read_to_end(&mut said);
    // A fatal alert: protocol_version.
    assert_eq!(said, [21, 3, 3, 0, 2, 2, 70], "{said:?}");
}

#[test]
fn a_drain_ends_by_its_deadline() {
    let up = upstream(|_, peer| {
        peer.request();
        // Nothing comes until the connection is given up.
        peer.request();
    });
    let mut gate = gate(&up.url, |c| {
        c.limits.drain_timeout = Duration::from_millis(200)
    });
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    up.seen.recv().unwrap();
    let handle = gate.handle.take().unwrap();
    let begun = Instant::now();
    handle.shutdown();
    assert!(handle.join() >= 1, "what was cut off is counted");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(status(&client.rest()), 0, "no answer is made up");
}
