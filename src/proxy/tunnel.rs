//! Tunnels to hosts that no catalog knows (`other_hosts = "tunnel"`): bytes are handed through unseen.
//!
//! Invariant: the addresses that were judged are dialled; nothing is handed on before the client has
//! begun a TLS handshake that names the host of its `CONNECT`. A tunnel in which nothing moves ends.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::forward::{ESTABLISHED, TLS_PORT};
use super::http1;
use super::reply::{Problem, Reply};
use super::worker::Worker;
use crate::config::Limits;
use crate::deliver::DeliverError;
use crate::telemetry::Entry;

/// Longest time in which nothing moves.
const QUIET: Duration = Duration::from_secs(300);
/// The same, once the server is to end.
const LAST: Duration = Duration::from_secs(2);
/// For one address.
const DIAL: Duration = Duration::from_secs(5);
/// Largest first flight of a client.
const HELLO: usize = 64 << 10;
/// Bytes copied at once, each way.
const PIECE: usize = 16 << 10;

/// Serves a tunnel to its end.
pub(crate) async fn serve(mut client: TcpStream, host: &str, worker: &Worker, limits: &Limits) {
    let metrics = &worker.live.metrics;
    let mut vendor = match dial(worker, host).await {
        Ok(stream) => stream,
        Err(problem) => {
            let refused = matches!(problem, Problem::Host);
            metrics.entry(if refused {
                Entry::Refused
            } else {
                Entry::Unreachable
            });
            return refuse(&mut client, &problem).await;
        }
    };
    let deadline = Instant::now() + limits.header_timeout;
    let begun = timeout_at(deadline, async {
        client.write_all(ESTABLISHED).await?;
        hello(&mut client, host).await
    });
    let Ok(Ok(first)) = begun.await else {
        return metrics.entry(Entry::HandshakeFailed);
    };
    metrics.entry(Entry::Tunnelled);
    if vendor.write_all(&first).await.is_err() {
        return;
    }
    let (up, down) = relay(&mut client, &mut vendor, worker).await;
    metrics.tunnel_out.inc_by(up + first.len() as u64);
    metrics.tunnel_in.inc_by(down);
}

/// Looks up, judges, dials what was judged.
async fn dial(worker: &Worker, host: &str) -> Result<TcpStream, Problem> {
    let egress = worker.live.current().egress.clone();
    let unreachable = || Problem::Deliver(DeliverError::Unreachable);
    let found = timeout(DIAL, egress.guard.lookup(host, TLS_PORT)).await;
    let addrs: Vec<SocketAddr> = match found {
        Ok(Ok(addrs)) => addrs,
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Problem::Host);
        }
        Ok(Err(_)) | Err(_) => return Err(unreachable()),
    };
    for addr in addrs.iter().take(4) {
        if let Ok(Ok(stream)) = timeout(DIAL, TcpStream::connect(addr)).await {
            let _ = stream.set_nodelay(true);
            return Ok(stream);
        }
    }
    Err(unreachable())
}

async fn refuse(client: &mut TcpStream, problem: &Problem) {
    let mut out = Vec::new();
    let reply = Reply::problem(problem).closing();
    let rest = http1::reply_head(&reply, false, &mut out);
    out.extend_from_slice(rest);
    let said = async {
        client.write_all(&out).await?;
        client.shutdown().await
    };
    let _ = timeout(Duration::from_secs(1), said).await;
}

/// Reads a whole `ClientHello` that names this host; answers with all bytes that came.
async fn hello(client: &mut TcpStream, host: &str) -> io::Result<Vec<u8>> {
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    let mut acceptor = Acceptor::default();
    let mut bytes = Vec::with_capacity(2048);
    let mut given = 0;
    loop {
        if bytes.len() > HELLO || client.read_buf(&mut bytes).await? == 0 {
            return Err(odd());
        }
        // A handshake record of TLS, and nothing else.
        if bytes.first() != Some(&22) || bytes.get(1).is_some_and(|major| *major != 3) {
            return Err(odd());
        }
        while given < bytes.len() {
            let mut fresh = bytes.get(given..).unwrap_or(&[]);
            let used = acceptor.read_tls(&mut fresh)?;
            if used == 0 {
                break;
            }
            given += used;
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let named = hello.server_name();
                return match named {
                    Some(name) if name.eq_ignore_ascii_case(host) => Ok(bytes),
                    Some(_) | None => Err(odd()),
                };
            }
            Err(_) => return Err(odd()),
        }
    }
}

/// What moved in a tunnel, and when last.
struct Flow {
    begun: Instant,
    /// Milliseconds after the beginning.
    moved: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

impl Flow {
    fn note(&self, way: &AtomicU64, bytes: usize) {
        way.fetch_add(bytes as u64, Ordering::Relaxed);
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }

    /// Ends when nothing has moved for so long.
    async fn quiet(&self, longest: Duration) {
        loop {
            let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            let until = self.begun + moved + longest;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// Copies both ways until both sides are done, one fails, or nothing has moved for long; answers with
/// the bytes of each way.
async fn relay(client: &mut TcpStream, vendor: &mut TcpStream, worker: &Worker) -> (u64, u64) {
    let flow = Flow {
        begun: Instant::now(),
        moved: AtomicU64::new(0),
        up: AtomicU64::new(0),
        down: AtomicU64::new(0),
    };
    let (mut client_read, mut client_write) = client.split();
    let (mut vendor_read, mut vendor_write) = vendor.split();
    let both = async {
        let _ = tokio::try_join!(
            copy(&mut client_read, &mut vendor_write, &flow, &flow.up),
            copy(&mut vendor_read, &mut client_write, &flow, &flow.down),
        );
    };
    let ending = async {
        worker.drain.cancelled().await;
        flow.quiet(LAST).await;
    };
    tokio::select! {
        () = both => {}
        () = flow.quiet(QUIET) => {}
        () = ending => {}
    }
    let bytes = |way: &AtomicU64| way.load(Ordering::Relaxed);
    (bytes(&flow.up), bytes(&flow.down))
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    flow: &Flow,
    way: &AtomicU64,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(piece.get(..read).unwrap_or(&[])).await?;
        flow.note(way, read);
    }
}
