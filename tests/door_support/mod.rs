//! A gateway and an upstream in this process, on ports of the system's choice, over real sockets.

#![allow(
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "each test binary uses a part of it, and tests may unwrap"
)]

pub mod forward;
pub mod frames;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tamis::catalog::{Vendor, load};
use tamis::config::Config;
use tamis::policy::CompiledPolicy;
use tamis::proxy::{Generation, Handle, Live, Server};
use tamis::scrub::Scrubber;
use tamis::sensitive::SecretKey;

/// A running gateway; ends with the test.
pub struct Gate {
    pub addr: SocketAddr,
    pub live: Arc<Live>,
    pub handle: Option<Handle>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.shutdown();
        }
    }
}

/// A vendor `acme` with `/track` (GET, POST), `/post` (POST) and `/lib.js` (GET, HEAD).
pub fn vendor(upstream: &str) -> Arc<Vendor> {
    let text = format!(
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
        answer_headers = ["x-rate"]
        answers = [{{ status = 200 }}]
        [[endpoint]]
        paths = ["/track/?"]
        kind = "collect"
        methods = ["GET", "POST"]
        [[endpoint]]
        paths = ["/post/?"]
        kind = "collect"
        [[endpoint]]
        paths = ["/lib.js"]
        kind = "asset"
        methods = ["GET", "HEAD"]
        "#
    );
    let (vendor, _) = load::load("acme.toml", &text).unwrap_or_else(|d| panic!("{d}"));
    Arc::new(vendor)
}

/// What a loader makes of a configuration.
pub fn generation(config: Config, upstream: &str) -> Generation {
    let policy = "version = 1\nname = \"test\"\nunlisted = \"keep\"\n";
    let (policy, _) = CompiledPolicy::load("test.toml", policy).unwrap_or_else(|d| panic!("{d}"));
    let vendors = vec![vendor(upstream)];
    let scrubber = Scrubber::new(Arc::new(policy), vendors, &SecretKey::new([7; 32]));
    Generation::new(config, scrubber, "nowhere", Path::new(""))
}

/// Starts a gateway in front of an upstream.
pub fn gate(upstream: &str, tweak: impl Fn(&mut Config) + Send + Sync + 'static) -> Gate {
    let upstream = upstream.to_owned();
    gate_with(Box::new(move || {
        let mut config = Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        tweak(&mut config);
        Ok(generation(config, &upstream))
    }))
}

pub fn gate_with(loader: tamis::proxy::Loader) -> Gate {
    let live = Live::start(loader).unwrap();
    let handle = Server::start(&live, 1).unwrap();
    Gate {
        addr: handle.addrs[0],
        live,
        handle: Some(handle),
    }
}

/// A scripted upstream: the script gets each connection in turn, on a thread of its own.
pub struct Upstream {
    pub url: String,
    pub addr: SocketAddr,
    pub seen: Receiver<String>,
}

pub fn upstream(script: impl Fn(usize, &mut Peer) + Send + Sync + 'static) -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (send, seen) = channel();
    let (script, send) = (Arc::new(script), Arc::new(Mutex::new(send)));
    std::thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let (script, send) = (Arc::clone(&script), Arc::clone(&send));
            std::thread::spawn(move || {
                let note: Box<dyn Fn(String)> = Box::new(move |text| {
                    let _ = send.lock().unwrap().send(text);
                });
                script(
                    nth,
                    &mut Peer {
                        stream: stream.unwrap(),
                        buf: Vec::new(),
                        note,
                    },
                );
            });
        }
    });
    Upstream {
        url: format!("http://{addr}"),
        addr,
        seen,
    }
}

/// An upstream that answers 200 `ok` to everything, on kept connections.
pub fn good() -> Upstream {
    upstream(|_, peer| {
        while let Some(request) = peer.request() {
            let body = if request.starts_with("HEAD ") {
                ""
            } else {
                "ok"
            };
            peer.write(&format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\n{body}"));
        }
    })
}

/// One side of an upstream's connection.
pub struct Peer {
    pub stream: TcpStream,
    buf: Vec<u8>,
    note: Box<dyn Fn(String)>,
}

impl Peer {
    /// Reads one request (by its content-length) and notes it.
    pub fn request(&mut self) -> Option<String> {
        let text = message(&mut self.stream, &mut self.buf, false)?;
        (self.note)(text.clone());
        Some(text)
    }

    pub fn write(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }
}

/// Reads one message with a content-length.
pub fn message(stream: &mut impl Read, buf: &mut Vec<u8>, bare: bool) -> Option<String> {
    let head = loop {
        if let Some(at) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, buf)?;
    };
    let text = String::from_utf8_lossy(&buf[..head]).into_owned();
    let length = text
        .lines()
        .find_map(|l| {
            l.to_ascii_lowercase()
                .strip_prefix("content-length: ")
                .map(|n| n.trim().parse::<usize>().unwrap())
        })
        .filter(|_| !bare)
        .unwrap_or(0);
    while buf.len() < head + length {
        more(stream, buf)?;
    }
    let whole = buf.drain(..head + length).collect::<Vec<u8>>();
    Some(String::from_utf8_lossy(&whole).into_owned())
}

fn more(stream: &mut impl Read, buf: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0u8; 65536];
    let count = stream.read(&mut chunk).ok().filter(|n| *n > 0)?;
    buf.extend_from_slice(&chunk[..count]);
    Some(())
}

/// A client's connection.
pub struct Client {
    pub stream: TcpStream,
    pub buf: Vec<u8>,
}

impl Client {
    pub fn new(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buf: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The peer may have refused and hung up already.
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// The next answer; empty when the connection ended.
    pub fn answer(&mut self) -> String {
        message(&mut self.stream, &mut self.buf, false).unwrap_or_default()
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> String {
        while more(&mut self.stream, &mut self.buf).is_some() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.buf)).into_owned()
    }
}

/// The status of an answer, 0 for none.
pub fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0)
}

/// A POST of a body to the gateway's `/acme/track`.
pub fn post(body: &str) -> String {
    format!(
        "POST /acme/track HTTP/1.1\r\nhost: gate\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Runs something to its end, half a minute at most.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), future)
            .await
            .unwrap()
    })
}
