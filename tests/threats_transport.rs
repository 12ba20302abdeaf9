//! Attacks in transport: identities in header fields, targets and answers, over real sockets, with
//! the built-in catalog and policy; and what logs, metrics and errors say of them.

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
    clippy::zombie_processes,
    reason = "tests may unwrap"
)]

mod door_support;
mod threats_support;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use door_support::{Client, Gate, Upstream, gate_with, good, status, upstream};
use tamis::config::Config;
use tamis::policy::CompiledPolicy;
use tamis::proxy::Generation;
use tamis::scrub::Scrubber;
use tamis::sensitive::SecretKey;
use threats_support::*;

const GOOD: &str = r#"{"event":"x","properties":{"plan":"pro"}}"#;

/// The built-in catalogs under the default policy, in front of an upstream.
fn mixpanel(up: &Upstream) -> Gate {
    let url = up.url.clone();
    gate_with(Box::new(move || {
        let mut config = Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.upstream_overrides = vec![("mixpanel".into(), url.clone())];
        let text = tamis::policy::builtin("default").unwrap().1;
        let (policy, _) =
            CompiledPolicy::load("default.toml", text).unwrap_or_else(|d| panic!("{d}"));
        let vendors = tamis::catalog::load::builtin().unwrap_or_else(|d| panic!("{d}"));
        let vendors = vendors.into_iter().map(Arc::new).collect();
        let scrubber = Scrubber::new(Arc::new(policy), vendors, &SecretKey::new([7; 32]));
        Ok(Generation::new(config, scrubber, "nowhere", Path::new("")))
    }))
}

fn request(head: &str, fields: &str, body: &str) -> String {
    format!(
        "{head} HTTP/1.1\r\nhost: gate\r\n{fields}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The names of the fields of a message, in order.
fn names(message: &str) -> Vec<String> {
    let head = message.split("\r\n\r\n").next().unwrap();
    head.lines()
        .skip(1)
        .map(|l| l.split(':').next().unwrap().to_ascii_lowercase())
        .collect()
}

#[test]
fn exactly_the_allowed_fields_reach_the_vendor() {
    let up = good();
    let gate = mixpanel(&up);
    let mut client = Client::new(gate.addr);
    let identity = "Cookie: id=jane\r\nCookie: b=c\r\nReferer: https://shop.example/jane\r\nOrigin: https://shop.example\r\n\
        X-Forwarded-For: 203.0.113.77\r\nX-Forwarded-Host: h\r\nX-Forwarded-Proto: https\r\nForwarded: for=203.0.113.77\r\n\
        X-Real-IP: 203.0.113.77\r\nCF-Connecting-IP: 203.0.113.77\r\nTrue-Client-IP: 203.0.113.77\r\nX-Client-IP: 203.0.113.77\r\n\
        Fastly-Client-IP: 203.0.113.77\r\nX-Cluster-Client-IP: 203.0.113.77\r\nVia: 1.1 jane\r\nAccept-Language: de-LI\r\n\
        Sec-CH-UA: \"x\"\r\nSec-CH-UA-Full-Version-List: \"x\"\r\nSec-CH-UA-Platform: \"x\"\r\nSec-CH-UA-Model: \"x\"\r\n\
        Device-Memory: 8\r\nDPR: 2\r\nViewport-Width: 100\r\nDownlink: 1\r\nECT: 4g\r\nRTT: 50\r\nSave-Data: on\r\n\
        Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nTracestate: a=b\r\nBaggage: userId=jane\r\n\
        X-B3-TraceId: 1\r\nX-Request-ID: 1\r\nX-Amzn-Trace-Id: 1\r\nX-Cloud-Trace-Context: 1\r\nSentry-Trace: 1\r\n\
        If-None-Match: \"jane\"\r\nIf-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT\r\nIf-Match: *\r\nIf-Range: \"x\"\r\nRange: bytes=0-1\r\n\
        Authorization: Bearer jane\r\nProxy-Authorization: Basic amFuZQ==\r\nProxy: http://x\r\nFrom: jane.roe@example.com\r\n\
        Cache-Control: no-cache\r\nPragma: no-cache\r\nDNT: 0\r\nSec-GPC: 0\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n\
        Priority: u=1\r\nX-HTTP-Method-Override: DELETE\r\nX-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nX-Custom-User: jane\r\n\
        Host-Override: evil\r\nConnection: content-type, x-a\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: x\r\nContent-Location: /jane\r\nContent-Disposition: attachment; filename=jane\r\nContent-Language: de\r\n\
        Content-MD5: x\r\nDigest: x\r\nLink: <x>\r\nWarning: 199 jane\r\nExpect-CT: x\r\nAccept-Charset: utf-8\r\n\
        Content-Type: application/json; charset=utf-8; user=jane\r\nAccept: */*\r\nAccept-Encoding: gzip, jane, br;q=0.4155550137\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.127 Safari/537.36 jane.roe@example.com\r\n";
    client.send(request("POST /mixpanel/track", identity, GOOD));
    let answer = client.answer();
    assert_eq!(status(&answer), 200, "{answer}");
    let sent = up.seen.recv().unwrap();
    assert!(sent.starts_with("POST /track"), "{sent}");
    let mut have = names(&sent);
    have.sort();
    assert_eq!(
        have,
        [
            "accept",
            "accept-encoding",
            "content-length",
            "content-type",
            "host",
            "user-agent"
        ],
        "{sent}"
    );
    for bad in ["jane", "203.0", "6478", "de-LI", "0137", "gate"] {
        assert!(!sent.contains(bad), "{bad} in {sent}");
    }
    assert!(sent.ends_with(GOOD), "{sent}");
}

#[test]
fn no_allowed_field_can_be_made_to_carry_an_identity() {
    let up = good();
    let gate = mixpanel(&up);
    let jwt = format!(
        "{}.{}.c2lnbmF0dXJl",
        base64("{\"alg\":\"HS256\"}", true, false),
        base64("{\"sub\":\"4155550137\"}", true, false)
    );
    for fields in [
        format!("accept: {EMAIL}\r\n"),
        "accept: jane.roe/example.com\r\n".into(),
        "accept: application/jane.roe@example.com\r\n".into(),
        "accept: text/html;q=4155550137\r\n".into(),
        format!("accept: text/html;name=\"{EMAIL}\"\r\n"),
        format!("accept-encoding: {EMAIL}, gzip\r\n"),
        format!("accept-encoding: gzip;x={EMAIL}\r\n"),
        format!("content-type: application/json; x={EMAIL}\r\n"),
        format!("content-type: application/json; charset=utf-8; {EMAIL}\r\n"),
        format!("content-encoding: identity, {EMAIL}\r\n"),
        format!("user-agent: {EMAIL}\r\n"),
        format!("user-agent: Mozilla/5.0 (compatible; +mailto:{EMAIL}) Chrome/126.0\r\n"),
        format!("user-agent: {}\r\n", b64(EMAIL)),
        format!("user-agent: Chrome/4155550137\r\n"),
        format!(
            "authorization: Basic {}\r\n",
            b64(format!("{EMAIL}:secret"))
        ),
        format!(
            "authorization: Basic {}\r\n",
            b64(format!("secret:{EMAIL}"))
        ),
        format!("authorization: Bearer {jwt}\r\n"),
        format!("authorization: bearer  {jwt}\r\n"),
        format!("authorization: {EMAIL}\r\n"),
        format!("authorization: Basic {}\r\n", b64(CARD)),
        format!("x-{}: 1\r\n", "jane.roe"),
    ] {
        for path in [
            "/mixpanel/track",
            "/mixpanel/import",
            "/mixpanel/engage",
            "/mixpanel/flags",
        ] {
            let fields = if fields.starts_with("content-type") {
                fields.clone()
            } else {
                format!("{fields}content-type: application/json\r\n")
            };
            let body = if path.ends_with("flags") { "{}" } else { GOOD };
            let mut client = Client::new(gate.addr);
            client.send(request(&format!("POST {path}"), &fields, body));
            let _ = client.answer();
            if let Ok(sent) = up.seen.try_recv() {
                assert!(found(sent.as_bytes()).is_empty(), "{fields} -> {sent}");
                assert!(
                    !sent.contains("jane") && !sent.contains(&jwt),
                    "{fields} -> {sent}"
                );
            }
        }
    }
}

#[test]
fn the_vendors_key_passes_where_the_vendor_needs_it() {
    let up = good();
    let gate = mixpanel(&up);
    for user in [
        "1ab70ken0123456789abcdef01234567:",
        "tamis-ci.a1b2c3.mp-service-account:Zs9dKq2LmN7pXw4RtYv8",
    ] {
        let basic = format!("authorization: Basic {}", b64(user));
        let mut client = Client::new(gate.addr);
        client.send(request(
            "POST /mixpanel/import",
            &format!("{basic}\r\ncontent-type: application/json\r\n"),
            GOOD,
        ));
        assert_eq!(status(&client.answer()), 200);
        let sent = up.seen.recv().unwrap();
        assert!(sent.contains(&basic), "{sent}");
        client.send(request(
            "POST /mixpanel/track",
            &format!("{basic}\r\ncontent-type: application/json\r\n"),
            GOOD,
        ));
        assert_eq!(status(&client.answer()), 200);
        assert!(
            !up.seen.recv().unwrap().contains("authorization"),
            "only where it is needed"
        );
    }
}

#[test]
fn targets_carry_no_identity() {
    let up = good();
    let gate = mixpanel(&up);
    for (want, target) in [
        (400, "/mixpanel//track".to_owned()),
        (400, "/mixpanel/track/".to_owned() + "/"),
        (400, "/mixpanel/./track".into()),
        (400, "/mixpanel/x/../track".into()),
        (400, "/mixpanel/%2e%2e/track".into()),
        (400, "/mixpanel%2ftrack".into()),
        (400, "/mixpanel/track%2f".into()),
        (400, "/mixpanel/track;jane".into()),
        (400, "/mixpanel/track%00".into()),
        (400, "/mixpanel/track%".into()),
        (400, "/mixpanel/track#jane".into()),
        (400, "/mixpanel/track\\".into()),
        (400, "mixpanel/track".into()),
        (400, "http://api.mixpanel.com/track".into()),
        (404, "/mixpanel/Track".into()),
        (404, "/MIXPANEL/track".into()),
        (404, "/mixpanel/t%72ack".into()),
        (404, "/mixpanel/jane.roe@example.com".into()),
        (404, "/mixpanel/track/jane".into()),
        (404, "/mixpanel/decide/../".to_owned().replace("/../", "/x")),
        (404, "/mixpaneltrack".into()),
        (404, "/".into()),
    ] {
        let mut client = Client::new(gate.addr);
        client.send(request(
            &format!("POST {target}"),
            "content-type: application/json\r\n",
            GOOD,
        ));
        let answer = client.answer();
        assert_eq!(status(&answer), want, "{target}: {answer}");
        assert!(!answer.contains("jane"), "{answer}");
    }
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "PURGE", "track", "GETX"] {
        let mut client = Client::new(gate.addr);
        client.send(request(&format!("{method} /mixpanel/track"), "", ""));
        assert_eq!(status(&client.answer()), 405, "{method}");
    }
    assert!(up.seen.try_recv().is_err(), "nothing of it went upstream");
    // A path segment that the catalog names is judged.
    for segment in [
        percent(EMAIL),
        b64(EMAIL).trim_end_matches('=').to_owned(),
        EMAIL.to_owned(),
    ] {
        let mut client = Client::new(gate.addr);
        client.send(request(
            &format!("POST /mixpanel/flags/{segment}/first-time-events"),
            "content-type: application/json\r\n",
            "{\"project_id\":1}",
        ));
        let _ = client.answer();
        if let Ok(sent) = up.seen.try_recv() {
            assert!(found(sent.as_bytes()).is_empty(), "{segment}: {sent}");
        }
    }
}

#[test]
fn answers_carry_nothing_that_acts_on_the_clients_origin() {
    let up = upstream(|_, peer| {
        while peer.request().is_some() {
            peer.write(
                "HTTP/1.1 200 OK\r\nSet-Cookie: id=canary\r\nSet-Cookie2: id=canary\r\nETag: \"canary\"\r\nLast-Modified: canary\r\n\
                 Location: /canary\r\nContent-Location: /canary\r\nRefresh: 0;url=canary\r\nLink: <canary>; rel=preconnect\r\n\
                 Alt-Svc: h3=\"canary\"\r\nAccept-CH: canary\r\nCritical-CH: canary\r\nPermissions-Policy: canary\r\nNEL: canary\r\n\
                 Report-To: canary\r\nReporting-Endpoints: canary\r\nServer: canary\r\nX-Powered-By: canary\r\nVia: canary\r\n\
                 Clear-Site-Data: \"canary\"\r\nContent-Security-Policy: canary\r\nContent-Security-Policy-Report-Only: canary\r\n\
                 Strict-Transport-Security: max-age=canary\r\nPublic-Key-Pins: canary\r\nService-Worker-Allowed: canary\r\nSourceMap: canary\r\n\
                 X-SourceMap: canary\r\nOrigin-Agent-Cluster: canary\r\nTiming-Allow-Origin: canary\r\nServer-Timing: canary\r\n\
                 Access-Control-Allow-Origin: https://canary\r\nAccess-Control-Expose-Headers: canary\r\nWWW-Authenticate: canary\r\n\
                 P3P: canary\r\nAge: 1\r\nX-Request-Id: canary\r\nSpeculation-Rules: \"canary\"\r\nNo-Vary-Search: canary\r\nVary: canary\r\n\
                 Set-Login: canary\r\nAttribution-Reporting-Register-Source: canary\r\nObserve-Browsing-Topics: canary\r\n\
                 Content-Type: application/json\r\nContent-Type: text/canary\r\nContent-Length: 1\r\n\r\n1",
            );
        }
    });
    let gate = mixpanel(&up);
    let mut client = Client::new(gate.addr);
    client.send(request(
        "POST /mixpanel/track",
        "content-type: application/json\r\norigin: https://shop.example\r\n",
        GOOD,
    ));
    let answer = client.answer();
    assert_eq!(status(&answer), 200);
    assert!(!answer.contains("canary"), "{answer}");
    for name in names(&answer) {
        assert!(
            matches!(
                name.as_str(),
                "content-type"
                    | "content-length"
                    | "vary"
                    | "date"
                    | "cache-control"
                    | "connection"
            ) || name.starts_with("access-control-"),
            "{name} in {answer}"
        );
    }
}

#[test]
fn odd_answers_are_not_handed_on() {
    for text in [
        "HTTP/1.1 301 Moved\r\nlocation: https://canary/\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 307 Moved\r\nlocation: https://canary/\r\ncontent-length: 6\r\n\r\ncanary",
        "HTTP/1.1 200 OK\r\nretry-after: 1\rset-cookie: canary\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 200 OK\r\nretry-after: 1\nset-cookie: canary\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 200 OK\r\nretry-after: 1\r\n set-cookie: canary\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 200 OK\r\nretry-after: a\0canary\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 200 OK\r\nretry-after : canary\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 6\r\n\r\ncanary",
        "HTTP/1.1 999 canary\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 099 canary\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 20 canary\r\ncontent-length: 1\r\n\r\n1",
        "ICY 200 canary\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nupgrade: canary\r\n\r\n",
        "canary",
    ] {
        let up = upstream(move |_, peer| {
            if peer.request().is_some() {
                peer.write(text);
            }
        });
        let gate = mixpanel(&up);
        let mut client = Client::new(gate.addr);
        client.send(request(
            "POST /mixpanel/track",
            "content-type: application/json\r\n",
            GOOD,
        ));
        let answer = client.answer();
        assert_eq!(status(&answer), 502, "{text:?}: {answer}");
        assert!(!answer.contains("canary"), "{answer}");
    }
}

/// Every way to be refused or dropped, with canaries all over.
fn refusals() -> Vec<String> {
    let json = "content-type: application/json\r\n";
    let evil = format!(
        "{{\"event\":\"{EMAIL}\",\"properties\":{{\"{EMAIL}\":\"{CARD}\",\"distinct_id\":\"{EMAIL}\"}}}}"
    );
    let mut all = vec![
        request("POST /mixpanel/track", json, &evil),
        request("POST /mixpanel/track", json, &evil[..evil.len() - 1]),
        request("POST /mixpanel/track", json, &format!("{evil} {EMAIL}")),
        request("POST /mixpanel/track", json, &format!("\"{EMAIL}\"")),
        request("POST /mixpanel/track", json, EMAIL),
        request("POST /mixpanel/track", json, ""),
        request(
            "POST /mixpanel/track",
            &format!("content-type: {EMAIL}\r\n"),
            &evil,
        ),
        request(
            "POST /mixpanel/track",
            &format!("{json}content-encoding: {EMAIL}\r\n"),
            &evil,
        ),
        request(
            "POST /mixpanel/track",
            &format!("{json}content-encoding: gzip\r\n"),
            &evil,
        ),
        request(
            "POST /mixpanel/track",
            "content-type: application/x-www-form-urlencoded\r\n",
            &format!("data={EMAIL}"),
        ),
        request(
            "POST /mixpanel/track",
            "content-type: application/x-www-form-urlencoded\r\n",
            &format!("{EMAIL}=%zz"),
        ),
        request(
            &format!("POST /mixpanel/track?note={EMAIL}&x=%zz"),
            json,
            GOOD,
        ),
        request(&format!("POST /mixpanel/{EMAIL}"), json, &evil),
        request(&format!("POST /{EMAIL}/track"), json, &evil),
        request(&format!("POST /mixpanel//{EMAIL}"), json, &evil),
        request(
            "POST /mixpanel/track",
            &format!("{json}origin: https://{EMAIL}\r\n"),
            &evil,
        ),
        request(
            "POST /mixpanel/track",
            &format!("{json}expect: {EMAIL}\r\n"),
            &evil,
        ),
        request(
            "POST /mixpanel/track",
            &format!("{json}{EMAIL}: x\r\n"),
            &evil,
        ),
        request(
            "POST /mixpanel/track",
            &format!("{json}x y: {EMAIL}\r\n"),
            &evil,
        ),
        request(
            &format!("{} /mixpanel/track", EMAIL.replace('@', "-")),
            json,
            &evil,
        ),
        format!("POST /mixpanel/track HTTP/1.1\r\nhost: {EMAIL}\r\ncontent-length: 0\r\n\r\n"),
        format!("POST /mixpanel/track {EMAIL}\r\n\r\n"),
        format!("{EMAIL}\r\n\r\n"),
        format!("POST /mixpanel/track HTTP/1.1\r\nhost: g\r\ncontent-length: {EMAIL}\r\n\r\n"),
        format!("POST /mixpanel/track HTTP/1.1\r\nhost: g\r\ntransfer-encoding: {EMAIL}\r\n\r\n"),
        format!(
            "POST /mixpanel/track HTTP/1.1\r\nhost: g\r\n{json}transfer-encoding: chunked\r\n\r\n5;{EMAIL}\r\n{{\"a\":\r\n0\r\nx-{EMAIL}: 1\r\n\r\n"
        ),
        format!(
            "POST /mixpanel/track HTTP/1.1\r\nhost: g\r\n{json}transfer-encoding: chunked\r\n\r\n{EMAIL}\r\n"
        ),
        format!("GET /mixpanel/track?data={EMAIL} HTTP/1.1\r\nhost: g\r\n\r\n"),
        format!(
            "GET /mixpanel/{} HTTP/1.1\r\nhost: g\r\n\r\n",
            "jane.roe@".repeat(3000)
        ),
        format!(
            "GET /mixpanel/track HTTP/1.1\r\nhost: g\r\nx: {}\r\n\r\n",
            "jane.roe@".repeat(20_000)
        ),
        format!(
            "OPTIONS /mixpanel/{EMAIL} HTTP/1.1\r\nhost: g\r\norigin: https://a.example\r\n\r\n"
        ),
        format!("CONNECT {EMAIL}:443 HTTP/1.1\r\nhost: {EMAIL}:443\r\n\r\n"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{EMAIL}"),
    ];
    for canary in [PHONE, CARD, IBAN, ADDRESS] {
        all.push(request("POST /mixpanel/engage", json, &format!("[{{\"$distinct_id\":\"{canary}\",\"$set\":{{\"{canary}\":\"{canary}\"}}}}, {canary}]")));
    }
    all
}

#[test]
fn logs_metrics_and_errors_hold_no_value() {
    let up = good();
    let state = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args([
            "run",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--upstream",
        ])
        .arg(format!("mixpanel={}", up.url))
        .arg("--state-dir")
        .arg(state.path())
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
    let (mut gateway, mut admin) = (None, None);
    while gateway.is_none() || admin.is_none() {
        let line = lines
            .recv_timeout(std::time::Duration::from_secs(30))
            .expect("it starts");
        let addr = line
            .split("\"addr\":\"")
            .nth(1)
            .and_then(|r| r.split('"').next())
            .and_then(|a| a.parse().ok());
        if line.contains("\"listening\"") && line.contains("admin") {
            admin = addr;
        } else if line.contains("\"listening\"") {
            gateway = addr;
        }
        log.push(line);
    }
    let mut answers = String::new();
    for text in refusals() {
        let mut client = Client::new(gateway.unwrap());
        client.send(text);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        answers.push_str(&client.rest());
    }
    let mut client = Client::new(admin.unwrap());
    client.send(format!(
        "GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        admin.unwrap()
    ));
    let mut metrics = Vec::new();
    client.stream.read_to_end(&mut metrics).unwrap();
    let metrics = String::from_utf8_lossy(&metrics).into_owned();
    assert!(metrics.contains("tamis_"), "{metrics}");
    let mut client = Client::new(admin.unwrap());
    client.send(format!(
        "GET /{EMAIL}?{EMAIL} HTTP/1.1\r\nhost: {EMAIL}\r\nconnection: close\r\n\r\n"
    ));
    answers.push_str(&client.rest());
    let _ = child.kill();
    let _ = child.wait();
    reader.join().unwrap();
    log.extend(lines.try_iter());
    let log = log.join("\n");
    assert!(
        log.contains("\"request\"") || log.contains("DEBUG") || log.contains("TRACE"),
        "{log}"
    );
    // CORS answers a browser with its own origin.
    let answers: Vec<&str> = answers
        .lines()
        .filter(|l| !l.starts_with("access-control-allow-origin"))
        .collect();
    let answers = answers.join("\n");
    for (what, text) in [("log", &log), ("metrics", &metrics), ("answers", &answers)] {
        let hits = found(text.as_bytes());
        assert!(
            hits.is_empty() && !text.contains("jane"),
            "{what}: {hits:?}\n{text}"
        );
    }
}
