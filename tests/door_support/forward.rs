//! A forward proxy with a CA of its own, and clients of it.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "each test binary uses a part of it, and tests may unwrap"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tamis::config::{Config, Forward, TlsFiles};
use tamis::policy::CompiledPolicy;
use tamis::proxy::Generation;
use tamis::scrub::Scrubber;
use tamis::sensitive::SecretKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Gate, gate_with};

pub const HOST: &str = "api.acme.example";

pub const CATALOG: &str = r#"
name = "acme"
title = "Acme"
upstream = "https://api.acme.example"
hosts = ["api.acme.example", "localhost", "*.ingest.acme.example"]
project = ["token"]
[formats.json]
types = ["application/json", ""]
layers = ["json"]
[defaults.collect]
methods = ["POST"]
body = ["json"]
events = ["."]
answers = [{ status = 204 }]
[[endpoint]]
paths = ["/track"]
kind = "collect"
[[endpoint]]
paths = ["/lib.js"]
kind = "asset"
methods = ["GET", "HEAD"]
upstream = "https://cdn.acme.example"
[fields]
protocol = ["token"]
"#;

pub struct Proxy {
    pub gate: Gate,
    pub addr: SocketAddr,
    pub ca: CertificateDer<'static>,
    _folder: tempfile::TempDir,
}

/// A gateway and a forward proxy whose CA was made as `tamis ca new` makes it.
pub fn proxy(tweak: impl Fn(&mut Config) + Send + Sync + 'static) -> Proxy {
    proxy_of(CATALOG.to_owned(), tweak)
}

pub fn proxy_of(catalog: String, tweak: impl Fn(&mut Config) + Send + Sync + 'static) -> Proxy {
    let folder = tempfile::tempdir().unwrap();
    let made = tamis::tls::new_ca(&["acme.example".into(), "localhost".into()], 30).unwrap();
    let ca = TlsFiles {
        cert: folder.path().join("ca.pem"),
        key: folder.path().join("ca.key"),
    };
    std::fs::write(&ca.cert, &made.cert).unwrap();
    std::fs::write(&ca.key, &made.key).unwrap();
    let gate = gate_with(Box::new(move || {
        let mut config = Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.forward = Some(Forward {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            ca: Some(ca.clone()),
            ..Forward::default()
        });
        tweak(&mut config);
        let policy = "version = 1\nname = \"test\"\nunlisted = \"keep\"\n[[rule]]\nname = \"r\"\ncategory = [\"user.contact\"]\naction = \"drop\"\n";
        let (policy, _) = CompiledPolicy::load("t.toml", policy).unwrap_or_else(|d| panic!("{d}"));
        let (vendor, _) =
            tamis::catalog::load::load("acme.toml", &catalog).unwrap_or_else(|d| panic!("{d}"));
        let key = SecretKey::new([7; 32]);
        let scrubber = Scrubber::new(Arc::new(policy), vec![Arc::new(vendor)], &key);
        Ok(Generation::new(config, scrubber, "nowhere", Path::new("")))
    }));
    Proxy {
        addr: gate.handle.as_ref().unwrap().forward_addrs[0],
        gate,
        ca: CertificateDer::from_pem_slice(made.cert.as_bytes()).unwrap(),
        _folder: folder,
    }
}

/// The same in front of an upstream that stands for the vendor.
pub fn to(upstream: &str, tweak: impl Fn(&mut Config) + Send + Sync + 'static) -> Proxy {
    let url = upstream.to_owned();
    proxy(move |config| {
        config.upstream_overrides = vec![("acme".into(), url.clone())];
        tweak(config);
    })
}

/// A tunnel to `host:443`, nothing sent in it yet.
pub async fn tunnel(proxy: &Proxy, host: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(proxy.addr).await.unwrap();
    let head = format!("CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n");
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0u8; 39];
    tcp.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 Connection established\r\n\r\n");
    tcp
}

pub fn client(proxy: &Proxy, alpn: &[&[u8]], sni: bool) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(proxy.ca.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.enable_sni = sni;
    Arc::new(config).into()
}

pub async fn tls(
    proxy: &Proxy,
    host: &str,
    sni: &str,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = tunnel(proxy, host).await;
    let name = ServerName::try_from(sni.to_owned()).unwrap();
    client(proxy, alpn, true).connect(name, tcp).await
}

pub async fn inside(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buf = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&buf).into_owned();
        if let Some(at) = text.find("\r\n\r\n") {
            let length = text
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            let length: usize = length.and_then(|n| n.parse().ok()).unwrap_or(0);
            if buf.len() >= at + 4 + length {
                return text;
            }
        }
        if stream.read_buf(&mut buf).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

pub fn track(target: &str, host: &str) -> String {
    let body = r#"{"token":"t","email":"jane@example.com","plan":"pro"}"#;
    format!(
        "POST {target} HTTP/1.1\r\nhost: {host}\r\nproxy-connection: keep-alive\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub fn clean(request: &str) {
    assert!(request.starts_with("POST /track HTTP/1.1\r\n"), "{request}");
    assert!(
        request.ends_with(r#"{"token":"t","plan":"pro"}"#),
        "{request}"
    );
    let lower = request.to_ascii_lowercase();
    assert!(
        !lower.contains("proxy") && !lower.contains("jane"),
        "{request}"
    );
}
