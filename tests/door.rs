//! The door: what the gateway takes for a request, and what it refuses and how.

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

use door_support::{Client, gate, good, post, status};

fn once(addr: std::net::SocketAddr, text: &str) -> String {
    let mut client = Client::new(addr);
    client.send(text);
    client.rest()
}

#[test]
fn odd_framing_is_refused_and_closes() {
    let up = good();
    let gate = gate(&up.url, |_| {});
    let smuggled = "GET /acme/track?smuggled=1 HTTP/1.1\r\nhost: a\r\n\r\n";
    let head = "POST /acme/track HTTP/1.1\r\n";
    let cases: &[(u16, String)] = &[
        (
            400,
            format!(
                "{head}host: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            400,
            format!(
                "{head}host: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            400,
            format!(
                "{head}host: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{{}}{smuggled}"
            ),
        ),
        (
            400,
            format!(
                "{head}host: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{{}}{smuggled}"
            ),
        ),
        (
            400,
            format!("{head}host: a\r\ncontent-length: +2\r\n\r\n{{}}{smuggled}"),
        ),
        (
            400,
            format!("{head}host: a\r\ncontent-length: 2,2\r\n\r\n{{}}{smuggled}"),
        ),
        (
            400,
            format!("{head}host: a\r\ncontent-length: \r\n\r\n{smuggled}"),
        ),
        (
            400,
            format!("{head}host: a\r\ncontent-length: 0\r\n\r\n{smuggled}"),
        ),
        (411, format!("{head}host: a\r\n\r\n{smuggled}")),
        (
            411,
            format!("POST /acme/track HTTP/1.0\r\nhost: a\r\n\r\n{smuggled}"),
        ),
        (
            501,
            format!("{head}host: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            501,
            format!(
                "{head}host: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            501,
            format!("{head}host: a\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        ),
        (
            400,
            format!("{head}host: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            400,
            format!(
                "{head}host: a\r\ntransfer-encoding: chunked\r\n\r\n2\n{{}}\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            400,
            format!(
                "{head}host: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}x\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            413,
            format!("{head}host: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffff\r\n{{}}"),
        ),
        (
            400,
            format!("{head}host: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{{}}"),
        ),
        (
            400,
            format!("{head}host: a\r\nhost: a\r\ncontent-length: 2\r\n\r\n{{}}"),
        ),
        (400, format!("{head}content-length: 2\r\n\r\n{{}}")),
        (
            400,
            format!("{head}host: a\r\n x: y\r\ncontent-length: 2\r\n\r\n{{}}"),
        ),
        (
            400,
            "POST /acme/track HTTP/1.1\nhost: a\ncontent-length: 2\n\n{}".to_owned(),
        ),
        (
            400,
            format!(
                "GET /acme/track HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{{}}{smuggled}"
            ),
        ),
        (
            400,
            "GET http://a/acme/track HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        ),
        (
            400,
            "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n".to_owned(),
        ),
        (400, "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        (
            505,
            "GET /acme/track HTTP/3.0\r\nhost: a\r\n\r\n".to_owned(),
        ),
        (
            417,
            format!("{head}host: a\r\nexpect: magic\r\ncontent-length: 2\r\n\r\n{{}}"),
        ),
        (
            400,
            "\r\nGET /acme/track HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        ),
    ];
    for (want, text) in cases {
        let answer = once(gate.addr, text);
        let want = if text.contains('\x0b') { 400 } else { *want };
        assert_eq!(status(&answer), want, "{text:?} -> {answer}");
        assert!(answer.contains("connection: close"), "{text:?} -> {answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert_eq!(
            answer
                .lines()
                .filter(|l| l.starts_with("HTTP/1.1 "))
                .count(),
            1,
            "{text:?} -> {answer}"
        );
    }
    assert!(up.seen.try_recv().is_err(), "nothing of it went upstream");
}

#[test]
fn odd_paths_and_methods_are_refused() {
    let up = good();
    let gate = gate(&up.url, |_| {});
    for (want, method, target) in [
        (400, "GET", "/acme//track"),
        (400, "GET", "/acme/./track"),
        (400, "GET", "/acme/../acme/track"),
        (400, "GET", "/acme/%2e%2e/track"),
        (400, "GET", "/acme%2ftrack"),
        (400, "GET", "/acme/track;a=b"),
        (400, "GET", "/acme/track%00"),
        (400, "GET", "/acme\\track"),
        (404, "GET", "/acme/other"),
        (404, "GET", "/other/track"),
        (404, "GET", "/acme/tr%61ck"),
        (404, "GET", "/"),
        (405, "TRACE", "/acme/track"),
        (405, "DELETE", "/acme/track"),
        (405, "GET", "/acme/post"),
        (405, "post", "/acme/post"),
    ] {
        let answer = once(
            gate.addr,
            &format!("{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
        );
        assert_eq!(status(&answer), want, "{method} {target} -> {answer}");
    }
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn kept_and_pipelined_requests_are_answered_in_order() {
    let up = door_support::upstream(|_, peer| {
        while let Some(request) = peer.request() {
            let body = request.rsplit("\r\n\r\n").next().unwrap();
            peer.write(&format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ));
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    for turn in 0..3 {
        client.send(post(&format!("{{\"turn\":{turn}}}")));
        assert!(client.answer().ends_with(&format!("{{\"turn\":{turn}}}")));
    }
    let chunked = "POST /acme/track HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nt: u\r\n\r\n";
    client.send(format!(
        "{}{chunked}{}",
        post("{\"b\":1}"),
        post("{\"c\":1}")
    ));
    for body in ["{\"b\":1}", "{\"a\":1}", "{\"c\":1}"] {
        assert!(client.answer().ends_with(body));
    }
    for byte in chunked.as_bytes() {
        client.send([*byte]);
    }
    assert!(client.answer().ends_with("{\"a\":1}"));
    client.send("POST /acme/track HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}");
    let answer = client.rest();
    assert!(
        answer.contains("connection: close") && answer.ends_with("{}"),
        "{answer}"
    );
    let first = up.seen.recv().unwrap();
    assert!(
        first.starts_with("POST /track HTTP/1.1\r\nhost: 127.0.0.1:"),
        "{first}"
    );
    assert!(!first.contains("gate"), "{first}");
}

#[test]
fn limits_are_exact() {
    let up = good();
    let gate = gate(&up.url, |c| c.limits.body = 100_000);
    for (size, want) in [(100_000, 200), (100_001, 413)] {
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
        let answer = once(
            gate.addr,
            &format!(
                "POST /acme/track HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n{body}"
            ),
        );
        assert_eq!(status(&answer), want, "{answer}");
        let text = format!(
            "POST /acme/track HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"
        );
        assert_eq!(status(&once(gate.addr, &text)), want);
    }
    // From the head alone.
    let mut client = Client::new(gate.addr);
    client.send("POST /acme/track HTTP/1.1\r\nhost: a\r\ncontent-length: 100001\r\n\r\n");
    assert_eq!(status(&client.answer()), 413);
}

#[test]
fn continue_is_said_only_when_the_body_is_wanted() {
    let up = good();
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    client.send(
        "POST /acme/track HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
    );
    assert_eq!(status(&client.answer()), 100);
    client.send("{}");
    assert_eq!(status(&client.answer()), 200);
    client.send(
        "POST /acme/no HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
    );
    let answer = client.rest();
    assert!(
        status(&answer) == 404 && answer.contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn slow_clients_are_told_so() {
    let up = good();
    let gate = gate(&up.url, |c| {
        c.limits.header_timeout = Duration::from_millis(200);
        c.limits.body_timeout = Duration::from_millis(200);
        c.limits.idle_timeout = Duration::from_millis(200);
    });
    assert_eq!(Client::new(gate.addr).rest(), "", "silence gets silence");
    assert_eq!(status(&once(gate.addr, "POST /acme")), 408);
    assert_eq!(status(&once(gate.addr, "PRI * HTTP/2")), 408);
    let text = "POST /acme/track HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n{}";
    assert_eq!(status(&once(gate.addr, text)), 408);
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
    assert_eq!(client.rest(), "", "an idle connection ends");
}

#[test]
fn connections_beyond_the_limit_get_503() {
    let up = good();
    let gate = gate(&up.url, |c| c.limits.connections = 1);
    let mut first = Client::new(gate.addr);
    first.send(post("{}"));
    assert_eq!(status(&first.answer()), 200);
    let answer = once(gate.addr, "");
    assert_eq!(status(&answer), 503);
    assert!(answer.contains("retry-after: "), "{answer}");
    first.send(post("{}"));
    assert_eq!(status(&first.answer()), 200);
}

#[test]
fn a_refusal_is_seen_by_a_client_that_goes_on_sending() {
    let up = good();
    let gate = gate(&up.url, |c| c.limits.body = 1000);
    let mut client = Client::new(gate.addr);
    client.send("POST /acme/track HTTP/1.1\r\nhost: a\r\ncontent-length: 8000000\r\n\r\n");
    client.send(vec![b'x'; 8_000_000]);
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(status(&client.rest()), 413);
}
