//! Holding: circuits, limits of clients and upstreams, what a vendor's 429 becomes, and that no
//! refusal, log line or metric holds a value. And that the documented limits are those of the code.

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

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use door_support::{Client, frames, gate, good, post, status, upstream};
use tamis::config::Limits;
use tamis::deliver::{FAILURES, OPEN, OPEN_MOST};

/// An address at which nobody listens, and the listener's port to take again.
fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn an_upstream_that_is_gone_is_left_alone_and_tried_again() {
    let at = nobody();
    let gate = gate(&format!("http://{at}"), |_| {});
    let mut client = Client::new(gate.addr);
    let mut ask = || {
        client.send(post("{}"));
        client.answer()
    };
    for _ in 0..FAILURES {
        assert_eq!(status(&ask()), 502);
    }
    let answer = ask();
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");
    // It is back, and within the time of one probe all is well again.
    let listener = std::net::TcpListener::bind(at).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut buf = Vec::new();
                while door_support::message(&mut stream, &mut buf, false).is_some() {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    let _ = std::io::Write::write_all(&mut stream, answer);
                }
            });
        }
    });
    let begun = Instant::now();
    while status(&ask()) != 200 {
        assert!(begun.elapsed() < OPEN_MOST * 2);
        std::thread::yield_now();
    }
    assert!(begun.elapsed() > OPEN / 4);
    for _ in 0..5 {
        assert_eq!(status(&ask()), 200);
    }
    let metrics = gate.live.metrics.render();
    assert!(metrics.contains("kind=\"open\""), "{metrics}");
}

#[test]
fn a_vendor_that_answers_badly_opens_no_circuit() {
    let up = upstream(|_, peer| {
        while peer.request().is_some() {
            peer.write("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    for _ in 0..FAILURES * 2 {
        client.send(post("{}"));
        assert_eq!(status(&client.answer()), 500);
    }
}

#[test]
fn a_vendors_429_is_handed_on_with_its_retry_after() {
    let up = upstream(|_, peer| {
        while peer.request().is_some() {
            peer.write("HTTP/1.1 429 Slow down\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    let answer = client.answer();
    assert_eq!(status(&answer), 429);
    assert!(answer.contains("retry-after: 17\r\n"), "{answer}");
}

#[test]
fn so_many_requests_to_one_upstream_and_no_more() {
    let (send, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
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
    let mut second = Client::new(gate.addr);
    second.send(post("{}"));
    let answer = second.answer();
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");
    send.send(()).unwrap();
    assert_eq!(status(&first.answer()), 200);
    send.send(()).unwrap();
    second.send(post("{}"));
    assert_eq!(status(&second.answer()), 200);
}

#[test]
fn a_client_has_so_many_connections_and_gets_them_back() {
    let up = good();
    let gate = gate(&up.url, |c| c.limits.client_connections = 2);
    let mut two = [Client::new(gate.addr), Client::new(gate.addr)];
    for client in &mut two {
        client.send(post("{}"));
        assert_eq!(status(&client.answer()), 200);
    }
    let answer = Client::new(gate.addr).rest();
    assert_eq!(status(&answer), 503, "{answer}");
    drop(two);
    while gate.live.connections() > 0 {
        std::thread::yield_now();
    }
    let mut again = Client::new(gate.addr);
    again.send(post("{}"));
    assert_eq!(status(&again.answer()), 200);
}

#[test]
fn a_clients_rate_is_held_and_told_by_its_own_address() {
    let up = good();
    let gate = gate(&up.url, |c| {
        c.limits.client_rate = Some(1);
        c.limits.client_burst = Some(3);
        c.gateway.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    let mut client = Client::new(gate.addr);
    let mut ask = |from: &str| {
        client.send(format!(
            "POST /acme/track HTTP/1.1\r\nhost: g\r\nx-forwarded-for: {from}\r\ncontent-length: 2\r\n\r\n{{}}"
        ));
        let answer = client.answer();
        if status(&answer) == 503 {
            assert!(answer.contains("retry-after: ") && answer.contains("client-rate"));
            client = Client::new(gate.addr);
        }
        status(&answer)
    };
    let all: Vec<_> = (0..8).map(|_| ask("192.0.2.1")).collect();
    assert_eq!(all[..3], [200, 200, 200]);
    assert!(all[3..].contains(&503), "{all:?}");
    assert_eq!(ask("192.0.2.2"), 200);
}

#[test]
fn a_route_with_projects_serves_nobody_else() {
    let up = good();
    let url = up.url.clone();
    let gate = door_support::gate_with(Box::new(move || {
        let mut config = tamis::config::Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.routes = vec![tamis::config::Route {
            vendor: "mixpanel".into(),
            path: Some("/m".into()),
            host: None,
            upstream: Some(url.clone()),
            projects: vec!["ours".into()],
            body: None,
            headers: Vec::new(),
        }];
        let (_, text) = tamis::policy::builtin("default").unwrap();
        let (policy, _) = tamis::policy::CompiledPolicy::load("default.toml", text).unwrap();
        let vendors = tamis::catalog::load::builtin().unwrap();
        let vendors = vendors.into_iter().map(std::sync::Arc::new).collect();
        let key = tamis::sensitive::SecretKey::new([7; 32]);
        let scrubber = tamis::scrub::Scrubber::new(std::sync::Arc::new(policy), vendors, &key);
        Ok(tamis::proxy::Generation::new(
            config,
            scrubber,
            "nowhere",
            Path::new(""),
        ))
    }));
    let ask = |token: &str| {
        let event = |token: &str| {
            format!(r#"{{"event":"e","properties":{{{token}"distinct_id":"{EMAIL}"}}}}"#)
        };
        let events: Vec<_> = token.split('+').map(event).collect();
        let body = format!("[{}]", events.join(","));
        let mut client = Client::new(gate.addr);
        client.send(format!(
            "POST /m/track HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        status(&client.answer())
    };
    assert_eq!(ask(r#""token":"ours","#), 200);
    up.seen.recv().unwrap();
    // Another's, none, an empty one, one in other letters, another's beside ours, and two in one event.
    for token in [
        r#""token":"theirs","#,
        "",
        r#""token":"","#,
        r#""token":"OURS","#,
        r#""token":["ours"],"#,
        r#""token":"ours",+"token":"theirs","#,
        r#""token":"ours","token":"theirs","#,
        r#""token":"theirs","token":"ours","#,
    ] {
        assert_eq!(ask(token), 403, "{token}");
    }
    assert!(
        up.seen.try_recv().is_err(),
        "a stranger learns no pseudonym"
    );
}

#[test]
fn the_documented_limits_are_those_of_the_code() {
    let text = include_str!("../docs/limits.md");
    let limits = Limits::default();
    let size = |bytes: usize| match bytes {
        n if n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n => format!("{} KiB", n >> 10),
    };
    let row = |key: &str| {
        let start = format!("`{key}`");
        let mut cells = text.lines().filter_map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            (cells.len() > 4 && cells[2].starts_with(&start)).then(|| cells[3].to_owned())
        });
        cells.next().unwrap_or_else(|| panic!("no row for {key}"))
    };
    for (key, want) in [
        ("body", size(limits.body)),
        ("head", size(limits.head)),
        ("headers", limits.headers.to_string()),
        ("target", size(limits.target)),
        ("connections", limits.connections.to_string()),
        ("client_connections", limits.client_connections.to_string()),
        ("upstream_requests", limits.upstream_requests.to_string()),
        ("memory", size(limits.memory)),
        ("header_timeout", format!("{:?}", limits.header_timeout)),
        ("body_timeout", format!("{:?}", limits.body_timeout)),
        ("upstream_timeout", format!("{:?}", limits.upstream_timeout)),
        ("idle_timeout", format!("{:?}", limits.idle_timeout)),
        ("drain_timeout", format!("{:?}", limits.drain_timeout)),
    ] {
        assert_eq!(row(key), want, "{key}");
    }
    assert!(limits.client_rate.is_none() && row("client_rate") == "none");
    assert!(limits.client_burst.is_none() && row("client_burst").starts_with("as "));
    let open = format!("{OPEN:?}; {OPEN_MOST:?}");
    assert!(text.contains(&format!("| {FAILURES} | 503 |")) && text.contains(&open));
    // Constants, by the lines that define them.
    for (file, line, documented) in [
        (
            include_str!("../src/json/lex.rs"),
            "MAX_DEPTH: usize = 128;",
            "| 128 |",
        ),
        (
            include_str!("../src/scrub/engine.rs"),
            "MAX_FOLDS: usize = 8;",
            "| 8 |",
        ),
        (
            include_str!("../src/codec/layers/mod.rs"),
            "MAX_RATIO: usize = 512;",
            "512 : 1",
        ),
        (
            include_str!("../src/codec/layers/mod.rs"),
            "RATIO_FROM: usize = 4 << 20;",
            "above 4 MiB",
        ),
        (
            include_str!("../src/codec/layers/zstd.rs"),
            "WINDOW_LOG_MAX: u32 = 23;",
            "| 8 MiB |",
        ),
        (
            include_str!("../src/deliver/grammar.rs"),
            "CHUNK_LINE: usize = 256;",
            "256 B; 8 KiB",
        ),
        (
            include_str!("../src/deliver/grammar.rs"),
            "TRAILERS: usize = 8 << 10;",
            "256 B; 8 KiB",
        ),
        (
            include_str!("../src/deliver/answer.rs"),
            "HEAD: usize = 64 << 10;",
            "64 KiB; 200; 8",
        ),
        (
            include_str!("../src/deliver/answer.rs"),
            "FIELDS: usize = 200;",
            "64 KiB; 200; 8",
        ),
        (
            include_str!("../src/deliver/answer.rs"),
            "INTERIM: usize = 8;",
            "64 KiB; 200; 8",
        ),
        (
            include_str!("../src/deliver/connect.rs"),
            "Duration::from_secs(10);",
            "| 10s | 504 |",
        ),
        (
            include_str!("../src/deliver/pool.rs"),
            "PER_ORIGIN: usize = 256;",
            "| 256; 50s |",
        ),
        (
            include_str!("../src/deliver/pool.rs"),
            "IDLE: Duration = Duration::from_secs(50);",
            "| 256; 50s |",
        ),
        (
            include_str!("../src/deliver/pool.rs"),
            "AGE: Duration = Duration::from_secs(300);",
            "looked up again) | | 300s |",
        ),
        (
            include_str!("../src/deliver/origins.rs"),
            "REMEMBERED: usize = 4096;",
            "| 4096 | those",
        ),
        (
            include_str!("../src/proxy/handle.rs"),
            "ANSWER: usize = 4 << 20;",
            "4 MiB; 16 MiB",
        ),
        (
            include_str!("../src/proxy/handle.rs"),
            "ASSET: usize = 16 << 20;",
            "4 MiB; 16 MiB",
        ),
        (
            include_str!("../src/proxy/serve.rs"),
            "TOLD: usize = 256;",
            "503 to the next 256",
        ),
        (
            include_str!("../src/proxy/http1.rs"),
            "(Duration::from_secs(2), 32 << 20);",
            "2s, 32 MiB",
        ),
        (
            include_str!("../src/proxy/http2.rs"),
            "STREAMS: u32 = 100;",
            "100; 50; 256 KiB, 1 MiB",
        ),
        (
            include_str!("../src/proxy/http2.rs"),
            "RESETS: usize = 50;",
            "100; 50; 256 KiB, 1 MiB",
        ),
        (
            include_str!("../src/proxy/proxy_protocol.rs"),
            "MAX: usize = 2048;",
            "| 2 KiB |",
        ),
        (
            include_str!("../src/tls/ca.rs"),
            "LEAVES: usize = 512;",
            "| 512 | the oldest",
        ),
        (
            include_str!("../src/proxy/tunnel.rs"),
            "QUIET: Duration = Duration::from_secs(300);",
            "| 300s |",
        ),
        (
            include_str!("../src/proxy/tunnel.rs"),
            "HELLO: usize = 64 << 10;",
            "| 64 KiB | closed",
        ),
        (
            include_str!("../src/proxy/users.rs"),
            "AT_ONCE: usize = 2;",
            "| 2; 5s |",
        ),
        (
            include_str!("../src/proxy/clients.rs"),
            "BUCKETS: usize = 1 << 15;",
            "32768 buckets",
        ),
        (
            include_str!("../src/admin/mod.rs"),
            "CONNECTIONS: usize = 64;",
            "| 64 |",
        ),
    ] {
        assert!(file.contains(line), "the code no longer says {line}");
        assert!(
            text.contains(documented),
            "docs/limits.md does not say {documented}"
        );
    }
}

#[test]
fn every_test_that_the_threats_and_facts_name_is_there() {
    for text in [
        include_str!("../docs/threats.md"),
        include_str!("../docs/facts.md"),
    ] {
        assert!(tests_of(text) > 40);
    }
}

/// How many tests the rows of a page name; each is there.
fn tests_of(text: &str) -> usize {
    let mut count = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let held = row.split('|').nth(3).unwrap_or("");
        let mut file = String::new();
        for word in held.split('`').skip(1).step_by(2) {
            let name = match word.split_once(": ") {
                Some((stem, name)) => {
                    let path = format!("{}/tests/{stem}.rs", env!("CARGO_MANIFEST_DIR"));
                    file = std::fs::read_to_string(path).unwrap_or_default();
                    name
                }
                None if word.contains("::") || file.is_empty() => continue,
                None if !word.contains('_') || word.starts_with("json_") => continue,
                None => word,
            };
            assert!(file.contains(&format!("fn {name}(")), "{word} is not there");
            count += 1;
        }
    }
    count
}

#[test]
fn vendors_are_reached_through_a_proxy_of_ones_own() {
    let up = upstream(|_, peer| {
        let Some(connect) = peer.request() else {
            return;
        };
        if connect.starts_with("CONNECT ") {
            peer.write("HTTP/1.1 200 OK\r\n\r\n");
            while peer.request().is_some() {
                peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        }
    });
    let proxy = format!("http://me:secret@{}", up.addr);
    let gate = gate("http://vendor.example", move |c| {
        c.upstream.proxy = Some(proxy.clone())
    });
    let mut client = Client::new(gate.addr);
    for _ in 0..2 {
        client.send(post("{}"));
        assert_eq!(status(&client.answer()), 200);
    }
    let connect = up.seen.recv().unwrap();
    assert!(
        connect.starts_with("CONNECT vendor.example:80 HTTP/1.1\r\n"),
        "{connect}"
    );
    assert!(
        connect
            .to_ascii_lowercase()
            .contains("proxy-authorization: basic bwu6c2vjcmv0"),
        "{connect}"
    );
    let inside = up.seen.recv().unwrap();
    assert!(
        inside.starts_with("POST /track HTTP/1.1\r\nhost: vendor.example\r\n"),
        "{inside}"
    );
    assert!(!inside.to_ascii_lowercase().contains("proxy"), "{inside}");
    // What stands on this machine is not reached through a proxy elsewhere.
    let here = good();
    let proxy = format!("http://{}", up.addr);
    let gate = door_support::gate(&here.url, move |c| c.upstream.proxy = Some(proxy.clone()));
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
    assert!(here.seen.try_recv().is_ok());
}

const EMAIL: &str = "jane.roe@example.com";
/// What the invented person is known by, whatever happens to the rest.
const MARKS: [&str; 5] = ["jane", "roe@", "4111111111111111", "JaneRoe", "amFuZS5yb2V"];

fn head(line: &str, fields: &str, body: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nhost: g\r\nx-user: {EMAIL}\r\ncookie: id={EMAIL}\r\n{fields}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Requests with the person all over, and the status with which each is refused.
fn refused() -> Vec<(bool, u16, String)> {
    let json = "content-type: application/json\r\n";
    let good = format!(
        "{{\"event\":\"e\",\"properties\":{{\"token\":\"t\",\"distinct_id\":\"{EMAIL}\"}}}}"
    );
    let track =
        |fields: &str, body: &str| head(&format!("POST /mixpanel/track?who={EMAIL}"), fields, body);
    let long = EMAIL.repeat(4000);
    let mut all = vec![
        (false, 400, track(json, &good[1..])),
        (
            false,
            400,
            track(&format!("{json}bad field {EMAIL}\r\n"), &good),
        ),
        (
            false,
            400,
            format!("POST /mixpanel/track HTTP/1.1\r\nhost: {EMAIL}\r\n\r\n"),
        ),
        (
            false,
            403,
            track(&format!("{json}origin: https://janeroe.example\r\n"), &good),
        ),
        (
            false,
            404,
            head(&format!("POST /mixpanel/{EMAIL}"), json, &good),
        ),
        (
            false,
            404,
            head(&format!("POST /{EMAIL}/track"), json, &good),
        ),
        (
            false,
            405,
            head(&format!("PATCH /mixpanel/track?{EMAIL}"), json, &good),
        ),
        (
            false,
            408,
            format!(
                "POST /mixpanel/track HTTP/1.1\r\nhost: g\r\n{json}content-length: 900\r\n\r\n{good}"
            ),
        ),
        (
            false,
            408,
            format!("POST /mixpanel/track?{EMAIL} HTTP/1.1\r\nhost: g\r\nx-{EMAIL}"),
        ),
        (
            false,
            411,
            format!("POST /mixpanel/track HTTP/1.1\r\nhost: g\r\n{json}x: {EMAIL}\r\n\r\n"),
        ),
        (false, 413, track(json, &format!("{{\"a\":\"{long}\"}}"))),
        (
            false,
            414,
            head(&format!("POST /mixpanel/track?{long}"), json, &good),
        ),
        (
            false,
            415,
            track("content-type: application/x-jane.roe\r\n", &good),
        ),
        (
            false,
            415,
            track(&format!("{json}content-encoding: janeroe\r\n"), &good),
        ),
        (
            false,
            417,
            track(&format!("{json}expect: {EMAIL}\r\n"), &good),
        ),
        (
            false,
            422,
            track(json, &good.replace("\"e\"", "\"refuse me\"")),
        ),
        (false, 431, track(&format!("{json}x: {long}\r\n"), &good)),
        (
            false,
            501,
            format!(
                "POST /mixpanel/track HTTP/1.1\r\nhost: g\r\ntransfer-encoding: janeroe\r\n\r\n{good}"
            ),
        ),
        (
            false,
            505,
            format!("POST /mixpanel/track?{EMAIL} HTTP/3.7\r\nhost: g\r\n\r\n"),
        ),
        (
            true,
            400,
            format!("POST /mixpanel/track?{EMAIL} HTTP/1.1\r\nhost: g\r\n\r\n"),
        ),
        (
            true,
            400,
            format!("CONNECT api.mixpanel.com:443 HTTP/1.1\r\nhost: {EMAIL}\r\n\r\n"),
        ),
        (
            true,
            407,
            format!(
                "CONNECT {EMAIL}:443 HTTP/1.1\r\nhost: g\r\nproxy-authorization: Basic amFuZS5yb2VAZXhhbXBsZS5jb206eA==\r\n\r\n"
            ),
        ),
        (
            true,
            407,
            format!(
                "POST http://api.mixpanel.com/track?{EMAIL} HTTP/1.1\r\nhost: api.mixpanel.com\r\ncontent-length: 0\r\n\r\n"
            ),
        ),
    ];
    // The upstream is not there, and after some of these it is left alone.
    for nth in 0..=FAILURES {
        all.push((
            false,
            if nth < FAILURES { 502 } else { 503 },
            track(json, &good),
        ));
    }
    all
}

/// Header blocks of HTTP/2 with the person in each place, that a library would not send or Tamis refuses.
fn refused_frames() -> Vec<Vec<u8>> {
    let bare = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/mixpanel/track"),
        (":authority", "g"),
    ];
    let mut all = Vec::new();
    for (place, value) in [
        (0, "jane roe@"),
        (1, "jane roe@"),
        (2, "/jane roe@"),
        (2, "/%jane.roe@\u{e9}"),
        (2, "/mixpanel/track?jane.roe@example.com"),
        (3, "jane roe@"),
        (3, "jane.roe@example.com"),
    ] {
        let mut fields = bare;
        fields[place].1 = value;
        all.push(frames::fields(&fields));
    }
    for more in [
        ("Jane.roe@example.com", "x"),
        ("x", "jane.roe@example.com\r\ny: z"),
        ("x-jane roe@", "x"),
        ("connection", "jane.roe@example.com"),
        ("content-length", "jane"),
        ("host", "janeroe.example"),
        (":jane", "roe@"),
        ("expect", "jane.roe@example.com"),
    ] {
        let mut fields = bare.to_vec();
        fields.push(more);
        all.push(frames::fields(&fields));
    }
    // What is no HPACK at all.
    all.push(b"\xff\xff\xff\xff\xff\xffjane.roe@example.com".to_vec());
    all
}

const CONFIG: &str = r#"
policy = "POLICY"
state_dir = "STATE"
[gateway]
listen = "127.0.0.1:0"
allowed_origins = ["https://shop.example"]
[admin]
listen = "127.0.0.1:0"
[limits]
body = "40 KiB"
header_timeout = "300ms"
body_timeout = "300ms"
[forward]
listen = "127.0.0.1:0"
users_file = "USERS"
[inventory]
interval = "10ms"
[[route]]
vendor = "mixpanel"
upstream = "http://UPSTREAM"
"#;

const POLICY: &str = r#"
version = 1
name = "refusing"
unlisted = "keep"
[[rule]]
name = "refused"
event = ["refuse *"]
field = ["**"]
action = "reject"
"#;

#[test]
fn no_refusal_log_line_or_metric_holds_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let config = CONFIG
        .replace("POLICY", &at("policy.toml"))
        .replace("STATE", &at("state"))
        .replace("USERS", &at("users"))
        .replace("UPSTREAM", &nobody().to_string());
    std::fs::write(at("tamis.toml"), config).unwrap();
    std::fs::write(at("policy.toml"), POLICY).unwrap();
    std::fs::write(
        at("users"),
        tamis::proxy::users::line("fleet", "x").unwrap(),
    )
    .unwrap();
    let tamis = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        command.args(args).args(["--config", &at("tamis.toml")]);
        command
    };
    assert!(tamis(&["ca", "new"]).output().unwrap().status.success());
    let mut child = tamis(&["run"])
        .env("TAMIS_LOG", "trace")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (send, lines) = std::sync::mpsc::channel();
    let stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    let mut log = Vec::new();
    let mut listening = std::collections::HashMap::new();
    while listening.len() < 3 {
        let line: String = lines
            .recv_timeout(Duration::from_secs(30))
            .expect("it starts");
        if let Ok(said) = serde_json::from_str::<serde_json::Value>(&line)
            && let (Some(name), Some(addr)) = (said["listener"].as_str(), said["addr"].as_str())
        {
            listening.insert(name.to_owned(), addr.parse::<SocketAddr>().unwrap());
        }
        log.push(line);
    }
    let mut answers = String::new();
    let mut seen = BTreeSet::new();
    for (forward, want, text) in refused() {
        let mut client = Client::new(listening[if forward { "forward" } else { "gateway" }]);
        client.send(&text);
        let answer = client.answer();
        assert_eq!(
            status(&answer),
            want,
            "{}: {answer}",
            &text[..text.len().min(200)]
        );
        assert!(answer.contains("application/problem+json"), "{answer}");
        seen.insert(want);
        answers.push_str(&answer);
    }
    for block in refused_frames() {
        let mut client = frames::connect(listening["gateway"], &[]);
        let flags = frames::END_HEADERS | frames::END_STREAM;
        client.send(frames::frame(frames::HEADERS, flags, 1, &block));
        for frame in frames::until_answered(&mut client) {
            answers.push_str(&String::from_utf8_lossy(&frame.payload));
        }
    }
    for want in [
        400, 403, 404, 405, 407, 408, 411, 413, 414, 415, 417, 422, 431, 501, 502, 503, 505,
    ] {
        assert!(seen.contains(&want), "nothing was refused with {want}");
    }
    let mut client = Client::new(listening["admin"]);
    client.send(format!(
        "GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        listening["admin"]
    ));
    let mut metrics = Vec::new();
    client.stream.read_to_end(&mut metrics).unwrap();
    let metrics = String::from_utf8_lossy(&metrics).into_owned();
    assert!(metrics.contains("tamis_refused_total"), "{metrics}");
    // Ended in order, so that everything there is to be written is written.
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
    log.extend(lines.try_iter());
    let log = log.join("\n");
    assert!(log.contains("\"request\""), "{log}");
    let map = std::fs::read_to_string(Path::new(&at("state")).join("inventory.json")).unwrap();
    for (what, text) in [
        ("log", &log),
        ("metrics", &metrics),
        ("answers", &answers),
        ("data map", &map),
    ] {
        for mark in MARKS {
            let hit = text.lines().find(|line| line.contains(mark));
            assert!(hit.is_none(), "{what}: {mark} in {hit:?}");
        }
    }
    let mut state = Vec::new();
    for entry in std::fs::read_dir(at("state")).unwrap() {
        state.push(entry.unwrap().file_name().into_string().unwrap());
    }
    state.sort();
    assert_eq!(
        state,
        ["ca", "inventory.json", "inventory.lock", "keys"],
        "nothing else is written to disk"
    );
}
