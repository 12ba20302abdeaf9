//! What a reload keeps: circuits and kept connections of upstreams that stay, and each request whole.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod door_support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use door_support::{Client, gate, gate_with, generation, good, post, status, upstream};
use tamis::catalog::load;
use tamis::config::{Config, Route};
use tamis::deliver::FAILURES;
use tamis::policy::CompiledPolicy;
use tamis::proxy::{Generation, Stamps};
use tamis::scrub::Scrubber;
use tamis::sensitive::SecretKey;

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn ask(client: &mut Client, path: &str) -> u16 {
    client.send(post("{}").replace("/acme/", path));
    status(&client.answer())
}

#[test]
fn an_open_circuit_stays_open() {
    let gate = gate(&format!("http://{}", nobody()), |_| {});
    let mut client = Client::new(gate.addr);
    for _ in 0..FAILURES {
        assert_eq!(ask(&mut client, "/acme/"), 502);
    }
    // Each reload comes well within the first second of the circuit; were it closed by one of them, the
    // answer would be 502, since a connection would be tried.
    for _ in 0..3 {
        assert_eq!(ask(&mut client, "/acme/"), 503);
        gate.live.reload("test").unwrap();
    }
    assert_eq!(ask(&mut client, "/acme/"), 503);
}

#[test]
fn an_upstream_that_is_new_begins_with_a_closed_circuit() {
    let (dead, up) = (format!("http://{}", nobody()), good());
    let (calls, url) = (AtomicUsize::new(0), up.url.clone());
    let gate = gate_with(Box::new(move || {
        let mut config = Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(generation(config, if first { &dead } else { &url }))
    }));
    let mut client = Client::new(gate.addr);
    for _ in 0..=FAILURES {
        ask(&mut client, "/acme/");
    }
    assert_eq!(ask(&mut client, "/acme/"), 503);
    gate.live.reload("test").unwrap();
    assert_eq!(ask(&mut client, "/acme/"), 200);
}

/// Two routes to one upstream, and one to another.
fn three_routes(config: &mut Config, shared: &str, other: &str) {
    let routes = [("/a", shared), ("/b", shared), ("/c", other)];
    config.routes = routes
        .iter()
        .map(|(path, upstream)| Route {
            vendor: "acme".into(),
            path: Some((*path).into()),
            host: None,
            upstream: Some((*upstream).into()),
            projects: Vec::new(),
            body: None,
            headers: Vec::new(),
        })
        .collect();
}

#[test]
fn routes_to_one_upstream_share_its_circuit() {
    let (dead, up) = (format!("http://{}", nobody()), good());
    let url = up.url.clone();
    let gate = gate(&url.clone(), move |c| three_routes(c, &dead, &url));
    let mut client = Client::new(gate.addr);
    for nth in 0..FAILURES {
        let path = if nth % 2 == 0 { "/a/" } else { "/b/" };
        assert_eq!(ask(&mut client, path), 502);
    }
    assert_eq!(ask(&mut client, "/a/"), 503);
    assert_eq!(ask(&mut client, "/b/"), 503);
    assert_eq!(ask(&mut client, "/c/"), 200);
}

#[test]
fn a_kept_connection_is_used_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let up = upstream(move |_, peer| {
        count.fetch_add(1, Ordering::SeqCst);
        while peer.request().is_some() {
            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    for _ in 0..4 {
        assert_eq!(ask(&mut client, "/acme/"), 200);
        gate.live.reload("test").unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn other_roots_close_what_the_old_ones_verified() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roots.pem");
    let root = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        made.cert.pem()
    };
    let first = root();
    std::fs::write(&file, &first).unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let up = upstream(move |_, peer| {
        count.fetch_add(1, Ordering::SeqCst);
        while peer.request().is_some() {
            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let named = file.clone();
    let gate = gate(&up.url, move |c| c.upstream.ca_file = Some(named.clone()));
    let mut client = Client::new(gate.addr);
    let mut seen = Vec::new();
    // Written anew with the same content, in another order, and with another root.
    let second = root();
    for text in [
        first.clone(),
        first.clone(),
        second.clone() + &first,
        first.clone() + &second,
        second,
    ] {
        std::fs::write(&file, text).unwrap();
        gate.live.reload("test").unwrap();
        assert_eq!(ask(&mut client, "/acme/"), 200);
        seen.push(connections.load(Ordering::SeqCst));
    }
    assert_eq!(seen, [1, 1, 2, 2, 3]);
}

#[test]
fn requests_under_way_are_still_counted() {
    let (send, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let up = upstream(move |_, peer| {
        while peer.request().is_some() {
            let _ = wait.lock().unwrap().recv();
            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let gate = gate(&up.url, |c| c.limits.upstream_requests = 1);
    let mut first = Client::new(gate.addr);
    first.send(post("{}"));
    up.seen.recv().unwrap();
    gate.live.reload("test").unwrap();
    let mut second = Client::new(gate.addr);
    assert_eq!(ask(&mut second, "/acme/"), 503);
    send.send(()).unwrap();
    assert_eq!(status(&first.answer()), 200);
}

/// Drops one of two fields, told by the generation's number.
fn dropping(nth: usize, upstream: &str) -> Generation {
    let mut config = Config::default();
    config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let field = ["even", "odd"][nth % 2];
    let policy = format!(
        "version = 1\nname = \"{field}\"\nunlisted = \"keep\"\n[[rule]]\nname = \"r\"\nfield = [\"{field}\"]\naction = \"drop\"\n"
    );
    let (policy, _) = CompiledPolicy::load("t.toml", &policy).unwrap_or_else(|d| panic!("{d}"));
    let vendors = vec![door_support::vendor(upstream)];
    let scrubber = Scrubber::new(Arc::new(policy), vendors, &SecretKey::new([7; 32]));
    Generation::new(config, scrubber, "nowhere", Path::new(""))
}

/// A catalog with one more endpoint than before, at the same upstream.
fn catalog(upstream: &str, more: &str) -> String {
    format!(
        r#"
        name = "acme"
        title = "Acme"
        upstream = "{upstream}"
        [formats.json]
        types = ["*"]
        layers = ["json"]
        [defaults.collect]
        methods = ["POST"]
        body = ["json"]
        events = ["."]
        answers = [{{ status = 200 }}]
        [[endpoint]]
        paths = ["/track"]
        kind = "collect"
        {more}
        "#
    )
}

#[test]
fn a_catalog_alone_is_loaded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (file, up) = (folder.path().join("acme.toml"), good());
    std::fs::write(&file, catalog(&up.url, "")).unwrap();
    let (read, dir) = (file.clone(), folder.path().to_path_buf());
    let gate = gate_with(Box::new(move || {
        let mut config = Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.vendors_dir = Some(dir.clone());
        let text = std::fs::read_to_string(&read)?;
        let (vendor, _) = load::load("acme.toml", &text).map_err(|d| d.to_string())?;
        let policy = "version = 1\nname = \"test\"\nunlisted = \"keep\"\n";
        let (policy, _) = CompiledPolicy::load("t.toml", policy).map_err(|d| d.to_string())?;
        let key = SecretKey::new([7; 32]);
        let scrubber = Scrubber::new(Arc::new(policy), vec![Arc::new(vendor)], &key);
        Ok(Generation::new(config, scrubber, "nowhere", Path::new("")))
    }));
    let digest = gate.live.current().generation.policy_digest.clone();
    let mut client = Client::new(gate.addr);
    let mut ask = |path: &str| {
        client.send(post("{}").replace("/acme/track", path));
        let answer = client.answer();
        if answer.contains("connection: close") {
            client = Client::new(gate.addr);
        }
        status(&answer)
    };
    assert_eq!((ask("/acme/track"), ask("/acme/new")), (200, 404));
    // The watch on files sees it, and the load takes it: a new endpoint, and a field that is a person's.
    let before = Stamps::of(&gate.live.current().generation.config);
    let more = "[[endpoint]]\npaths = [\"/new\"]\nkind = \"collect\"\n";
    std::fs::write(&file, catalog(&up.url, more)).unwrap();
    assert_ne!(before, Stamps::of(&gate.live.current().generation.config));
    gate.live.reload("test").unwrap();
    assert_eq!((ask("/acme/track"), ask("/acme/new")), (200, 200));
    assert_eq!(gate.live.current().generation.policy_digest, digest);
    // One that does not check changes nothing.
    std::fs::write(&file, "name = \"acme\"\n").unwrap();
    let refused = gate.live.reload("test").unwrap_err();
    assert!(refused.contains("acme.toml:"), "{refused}");
    assert_eq!((ask("/acme/track"), ask("/acme/new")), (200, 200));
}

#[test]
fn under_load_no_request_is_lost_or_half_judged() {
    const RELOADS: usize = 60;
    let up = good();
    let (calls, url) = (AtomicUsize::new(0), up.url.clone());
    let gate = gate_with(Box::new(move || {
        Ok(dropping(calls.fetch_add(1, Ordering::Relaxed), &url))
    }));
    let (done, addr) = (AtomicBool::new(false), gate.addr);
    // Large enough that many are read, judged off the event loop and written while a reload happens.
    let body = format!(
        r#"{{"even":1,"pad":"{}","odd":2}}"#,
        "lorem ipsum ".repeat(12_000)
    );
    let small = r#"{"even":1,"odd":2}"#;
    let sent = std::thread::scope(|scope| {
        let clients: Vec<_> = [small, &body, small]
            .into_iter()
            .map(|body| {
                let done = &done;
                scope.spawn(move || {
                    let mut client = Client::new(addr);
                    let mut sent = 0;
                    while !done.load(Ordering::Relaxed) {
                        client.send(post(body));
                        let answer = client.answer();
                        assert_eq!(status(&answer), 200, "{answer}");
                        sent += 1;
                    }
                    sent
                })
            })
            .collect();
        for _ in 0..RELOADS {
            gate.live.reload("test").unwrap();
        }
        done.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .map(|c| c.join().unwrap())
            .sum::<usize>()
    });
    let seen: Vec<String> = up.seen.try_iter().collect();
    assert_eq!(seen.len(), sent, "each was delivered once");
    for request in &seen {
        let (even, odd) = (request.contains("\"even\""), request.contains("\"odd\""));
        assert!(even != odd, "judged by one policy: {even} {odd}");
    }
    assert!(sent >= 3);
}
