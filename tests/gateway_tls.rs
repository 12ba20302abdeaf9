//! HTTP/2, TLS on both sides, certificates that change, and the admin listener.

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

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use door_support::{Client, Gate, block, gate, gate_with, generation, good, post, status};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tamis::config::{Config, TlsFiles};
use tokio::net::TcpStream;

type Sender = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

async fn h2(addr: SocketAddr) -> Sender {
    let io = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::task::spawn(connection);
    sender
}

fn request(method: &str, uri: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("origin", "https://shop.example")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

async fn text(answer: Response<hyper::body::Incoming>) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[test]
fn http2_is_served_by_the_same_rules() {
    let up = good();
    let gate = gate(&up.url, |c| c.limits.body = 100);
    block(async {
        let mut sender = h2(gate.addr).await;
        let answer = sender
            .send_request(request("POST", "http://g/acme/track", "{}"))
            .await
            .unwrap();
        assert_eq!(
            answer.headers()["access-control-allow-origin"],
            "https://shop.example"
        );
        assert!(answer.headers().get("set-cookie").is_none());
        assert_eq!(text(answer).await, (200, "ok".into()));
        let many =
            (0..50).map(|_| sender.send_request(request("POST", "http://g/acme/track", "{}")));
        for answer in many.collect::<Vec<_>>() {
            assert_eq!(text(answer.await.unwrap()).await.0, 200);
        }
        for (want, method, uri, body) in [
            (413, "POST", "http://g/acme/track", "x".repeat(101)),
            (400, "POST", "http://g/acme/track", "{".into()),
            (400, "POST", "http://g/acme/track", String::new()),
            (200, "HEAD", "http://g/acme/lib.js", String::new()),
            (404, "HEAD", "http://g/acme/none", String::new()),
            (400, "GET", "http://g/acme/track", "{}".into()),
            (404, "GET", "http://g/acme/none", String::new()),
            (400, "GET", "http://g/acme//track", String::new()),
            (400, "GET", "http://g/acme/%2e%2e/track", String::new()),
            (405, "TRACE", "http://g/acme/track", String::new()),
            (204, "OPTIONS", "http://g/acme/track", String::new()),
        ] {
            let answer = sender
                .send_request(request(method, uri, &body))
                .await
                .unwrap();
            let (status, body) = text(answer).await;
            assert_eq!(status, want, "{method} {uri}: {body}");
            assert!(method != "HEAD" || body.is_empty());
        }
        let mut odd = request("GET", "http://g/acme/track", "");
        odd.headers_mut()
            .insert("host", http::HeaderValue::from_static("other"));
        let answer = sender.send_request(odd).await.unwrap();
        assert_eq!(text(answer).await.0, 400);
    });
}

#[test]
fn an_idle_http2_connection_ends() {
    let up = good();
    let gate = gate(&up.url, |c| {
        c.limits.header_timeout = Duration::from_millis(100);
        c.limits.idle_timeout = Duration::from_millis(100);
        // Nothing is under way that a long farewell would be for.
        c.limits.drain_timeout = Duration::from_secs(3600);
    });
    let mut client = Client::new(gate.addr);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    client.rest();
    while gate.live.connections() > 0 {
        std::thread::yield_now();
    }
}

struct Pair {
    files: TlsFiles,
    der: rustls_pki_types::CertificateDer<'static>,
}

fn pair(folder: &Path, name: &str) -> Pair {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        cert: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    Pair {
        files,
        der: made.cert.der().clone(),
    }
}

fn tls_gate(upstream: &str, files: TlsFiles) -> Gate {
    gate(upstream, move |c| c.gateway.tls = Some(files.clone()))
}

fn chained(inner: &Gate, host: &str, ca: Option<PathBuf>) -> Gate {
    let upstream = format!("https://{host}:{}/acme", inner.addr.port());
    gate(&upstream, move |c| c.upstream.ca_file.clone_from(&ca))
}

#[test]
fn upstreams_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (pair(folder.path(), "right"), pair(folder.path(), "wrong"));
    let up = good();
    let inner = tls_gate(&up.url, right.files.clone());
    let cases = [
        (200, "localhost", Some(right.files.cert.clone())),
        (502, "localhost", Some(wrong.files.cert)),
        (502, "localhost", None),
        (502, "127.0.0.1", Some(right.files.cert)),
    ];
    for (want, host, ca) in cases {
        let outer = chained(&inner, host, ca);
        let mut client = Client::new(outer.addr);
        for _ in 0..3 {
            client.send(post("{}"));
            let answer = client.answer();
            assert_eq!(status(&answer), want, "{host}: {answer}");
        }
    }
    assert_eq!(up.seen.try_iter().count(), 3);
}

fn tls_client(
    cert: &rustls_pki_types::CertificateDer<'static>,
    alpn: &[u8],
) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Arc::new(config).into()
}

#[test]
fn tls_offers_http2_and_takes_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let first = pair(folder.path(), "server");
    let up = good();
    let url = up.url.clone();
    let files = first.files.clone();
    let gate = gate_with(Box::new(move || {
        let mut config = Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.gateway.tls = Some(files.clone());
        Ok(generation(config, &url))
    }));
    let name = || "localhost".try_into().unwrap();
    block(async {
        let tcp = TcpStream::connect(gate.addr).await.unwrap();
        let tls = tls_client(&first.der, b"h2")
            .connect(name(), tcp)
            .await
            .unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls))
                .await
                .unwrap();
        tokio::task::spawn(connection);
        let answer = sender
            .send_request(request("POST", "https://localhost/acme/track", "{}"))
            .await
            .unwrap();
        assert_eq!(text(answer).await.0, 200);

        // A broken file keeps the old certificate, a good one takes its place.
        std::fs::write(&first.files.key, "junk").unwrap();
        assert!(gate.live.reload("test").is_err());
        let tcp = TcpStream::connect(gate.addr).await.unwrap();
        tls_client(&first.der, b"http/1.1")
            .connect(name(), tcp)
            .await
            .unwrap();
        let second = pair(folder.path(), "server");
        gate.live.reload("test").unwrap();
        let tcp = TcpStream::connect(gate.addr).await.unwrap();
        assert!(
            tls_client(&first.der, b"h2")
                .connect(name(), tcp)
                .await
                .is_err()
        );
        let tcp = TcpStream::connect(gate.addr).await.unwrap();
        let mut tls = tls_client(&second.der, b"http/1.1")
            .connect(name(), tcp)
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut tls, post("{}").as_bytes())
            .await
            .unwrap();
        let mut buf = [0u8; 512];
        let count = tokio::io::AsyncReadExt::read(&mut tls, &mut buf)
            .await
            .unwrap();
        assert_eq!(status(std::str::from_utf8(&buf[..count]).unwrap()), 200);
        // The old connection goes on.
        let answer = sender
            .send_request(request("POST", "https://localhost/acme/track", "{}"))
            .await
            .unwrap();
        assert_eq!(text(answer).await.0, 200);
    });
    // What is not TLS gets no answer, and a silent one no place.
    let mut plain = Client::new(gate.addr);
    plain.send(post("{}"));
    assert!(!plain.rest().contains("HTTP/1.1"));
}

fn admin(gate: &Gate) -> SocketAddr {
    let admin = tamis::admin::Admin::bind(&gate.live).unwrap();
    let addr = admin.addr;
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _ = runtime.block_on(admin.serve(tokio_util::sync::CancellationToken::new()));
    });
    addr
}

fn ask(addr: SocketAddr, method: &str, path: &str, more: &str) -> String {
    let mut client = Client::new(addr);
    let host = if more.contains("host:") {
        ""
    } else {
        "host: localhost\r\n"
    };
    client.send(format!(
        "{method} {path} HTTP/1.1\r\n{host}{more}connection: close\r\n\r\n"
    ));
    client.rest()
}

#[test]
fn admin_shows_and_reloads() {
    let up = good();
    let gate = gate(&up.url, |c| c.admin.listen = "127.0.0.1:0".parse().unwrap());
    let addr = admin(&gate);
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    client.answer();
    for (want, method, path, more) in [
        (200, "GET", "/healthz", ""),
        (200, "GET", "/readyz", ""),
        (200, "GET", "/", ""),
        (200, "GET", "/api/status", ""),
        (200, "POST", "/reload", ""),
        (405, "GET", "/reload", ""),
        (405, "POST", "/metrics", ""),
        (404, "GET", "/none", ""),
        (403, "POST", "/reload", "origin: https://evil.example\r\n"),
        (403, "GET", "/metrics", "host: evil.example\r\n"),
    ] {
        let answer = ask(addr, method, path, more);
        assert_eq!(status(&answer), want, "{method} {path} {more}: {answer}");
        let problem = answer.contains("content-type: application/problem+json");
        assert_eq!(problem, want >= 400, "{answer}");
        assert_eq!(
            answer.contains("\"request_id\":\""),
            want >= 400,
            "{answer}"
        );
    }
    let metrics = ask(addr, "GET", "/metrics", "");
    for line in [
        "tamis_requests_total{vendor=\"acme\",endpoint=\"/track\",outcome=\"forwarded\"} 1",
        "tamis_reloads_total{result=\"ok\"} 2",
        "tamis_body_bytes_total{direction=\"out\"} 2",
        "tamis_connections 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    gate.live.draining.cancel();
    assert_eq!(status(&ask(addr, "GET", "/readyz", "")), 503);
    assert_eq!(status(&ask(addr, "GET", "/healthz", "")), 200);
}

#[test]
fn nothing_of_admin_changes_by_reading() {
    let up = good();
    let gate = gate(&up.url, |c| c.admin.listen = "127.0.0.1:0".parse().unwrap());
    let addr = admin(&gate);
    let before = gate.live.current();
    let reloads = |text: &str| {
        let lines = text
            .lines()
            .filter(|l| l.starts_with("tamis_reloads_total"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let counted = reloads(&gate.live.metrics.render());
    for method in [
        "GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "PUT", "DELETE",
    ] {
        for path in [
            "/",
            "/reload",
            "/reload/",
            "/reload?x=1",
            "//reload",
            "/%72eload",
            "/api/status",
            "/api/shadow",
            "/api/inventory",
            "/inventory",
            "/metrics",
            "/healthz",
            "/readyz",
        ] {
            for more in [
                "",
                "x-http-method-override: POST\r\n",
                "x-http-method: POST\r\nx-method-override: POST\r\n",
                "content-length: 12\r\ncontent-type: application/x-www-form-urlencoded\r\n\r\n_method=POST",
            ] {
                let answer = ask(addr, method, path, more);
                assert!(
                    matches!(status(&answer), 200 | 400 | 404 | 405),
                    "{method} {path}: {answer}"
                );
            }
        }
    }
    assert_eq!(reloads(&gate.live.metrics.render()), counted);
    assert!(Arc::ptr_eq(&before, &gate.live.current()));
    // By POST it does change, from here and from no other site.
    for (want, more) in [
        (403, "origin: null\r\n"),
        (403, "origin: https://localhost.evil.example\r\n"),
        (403, "origin: http://127.0.0.1:1\r\n"),
        (403, "host: localhost.evil.example\r\n"),
        (200, "origin: http://localhost\r\n"),
        (200, ""),
    ] {
        assert_eq!(status(&ask(addr, "POST", "/reload", more)), want, "{more}");
    }
    assert!(!Arc::ptr_eq(&before, &gate.live.current()));
}

#[test]
fn admin_asks_for_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let up = good();
    let gate = gate(&up.url, move |c| {
        c.admin.listen = "127.0.0.1:0".parse().unwrap();
        c.admin.token_file = Some(file.clone());
    });
    let addr = admin(&gate);
    assert_eq!(status(&ask(addr, "GET", "/metrics", "")), 401);
    assert_eq!(
        status(&ask(
            addr,
            "GET",
            "/metrics",
            "authorization: Bearer 0123456789abcdeX\r\n"
        )),
        401
    );
    assert_eq!(
        status(&ask(
            addr,
            "GET",
            "/metrics",
            "authorization: Bearer 0123456789abcdef\r\n"
        )),
        200
    );
    assert_eq!(
        status(&ask(addr, "GET", "/healthz", "host: any.example\r\n")),
        200
    );
    let open = door_support::gate(&up.url, |c| c.admin.listen = "0.0.0.0:0".parse().unwrap());
    assert!(tamis::admin::Admin::bind(&open.live).is_err());
}
