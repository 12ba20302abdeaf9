//! The client of one worker: connect, write, read, keep.
//!
//! A request is tried a second time only when a kept connection turned out dead before a byte of it
//! was accepted, or, for GET and HEAD, before a byte of an answer came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::answer::{self, Answer, Failed, Wanted};
use super::error::DeliverError;
use super::pool::Pool;
use super::upstream::{Origin, Upstream};
use super::write;
use crate::scrub::CleanRequest;
use crate::tls::Stream;

/// Longest wait for a connection, handshake included.
const CONNECT: Duration = Duration::from_secs(10);

/// What one delivery may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the last byte sent to the whole answer; also for writing the request.
    pub timeout: Duration,
    /// Bytes of an answer's body.
    pub body: usize,
}

/// A pool and the way to fill it. One for each worker.
#[derive(Default)]
pub struct Client {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    pool: Pool,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Client {
    /// With an empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a clean request to a target (its own, or its own at the upstream) and answers with the vendor's whole answer.
    pub async fn send(
        &self,
        clean: &CleanRequest,
        (upstream, target): (&Upstream, &str),
        tls: &Arc<rustls::ClientConfig>,
        limits: Limits,
        allow: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Answer, DeliverError> {
        let mut head = Vec::new();
        let rest = write::request(clean, upstream, target, &mut head)?;
        let repeatable = matches!(clean.method(), "GET" | "HEAD");
        let mut kept = self.take(&upstream.origin, tls);
        loop {
            let reused = kept.is_some();
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => connect(&upstream.origin, tls, limits.timeout).await?,
            };
            let deadline = Instant::now() + limits.timeout;
            let sent = send_all(&mut stream, &[&head, rest], deadline).await;
            let early = match sent {
                Ok(()) => false,
                Err((DeliverError::Cut, 0)) if reused => continue,
                // The vendor may have answered before it had read all, and hung up.
                Err((DeliverError::Cut, 1..)) => true,
                Err((error, _)) => return Err(error),
            };
            let wanted = Wanted {
                head: clean.method() == "HEAD",
                body: limits.body,
                deadline: Instant::now() + limits.timeout,
                allow,
            };
            match answer::read(&mut stream, &wanted).await {
                Ok((answer, reusable)) => {
                    if reusable && !early {
                        self.lock().pool.put(&upstream.origin, stream);
                    }
                    return Ok(answer);
                }
                Err(Failed {
                    error: DeliverError::Cut,
                    begun: false,
                }) if reused && repeatable && !early => {}
                Err(failed) => return Err(failed.error),
            }
        }
    }

    /// Closes connections that have idled too long.
    pub fn sweep(&self) {
        self.lock().pool.sweep();
    }

    fn take(&self, origin: &Arc<Origin>, tls: &Arc<rustls::ClientConfig>) -> Option<Stream> {
        let mut inner = self.lock();
        if !inner.tls.as_ref().is_some_and(|old| Arc::ptr_eq(old, tls)) {
            // Other roots: what was verified against the old ones is not used again.
            inner.pool.clear();
            inner.tls = Some(Arc::clone(tls));
        }
        inner.pool.take(origin)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes all parts; an error says how many bytes had been accepted.
async fn send_all(
    stream: &mut Stream,
    parts: &[&[u8]],
    deadline: Instant,
) -> Result<(), (DeliverError, usize)> {
    let mut accepted = 0;
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            let step =
                std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_write(cx, rest));
            match timeout_at(deadline, step).await {
                Err(_) => return Err((DeliverError::Timeout, accepted)),
                Ok(Err(_) | Ok(0)) => return Err((DeliverError::Cut, accepted)),
                Ok(Ok(count)) => {
                    accepted += count;
                    rest = rest.get(count..).unwrap_or(&[]);
                }
            }
        }
    }
    match timeout_at(deadline, stream.flush()).await {
        Err(_) => Err((DeliverError::Timeout, accepted)),
        Ok(Err(_)) => Err((DeliverError::Cut, accepted)),
        Ok(Ok(())) => Ok(()),
    }
}

async fn connect(
    origin: &Origin,
    tls: &Arc<rustls::ClientConfig>,
    limit: Duration,
) -> Result<Stream, DeliverError> {
    let deadline = Instant::now() + limit.min(CONNECT);
    timeout_at(deadline, async {
        let tcp = TcpStream::connect((&*origin.host, origin.port))
            .await
            .map_err(|_| DeliverError::Unreachable)?;
        let _ = tcp.set_nodelay(true);
        if !origin.tls {
            return Ok(Stream::Plain(tcp));
        }
        let name =
            ServerName::try_from(origin.host.to_string()).map_err(|_| DeliverError::Upstream)?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, tcp)
            .await
            .map_err(|_| DeliverError::Tls)?;
        Ok(Stream::Tls(Box::new(stream.into())))
    })
    .await
    .map_err(|_| DeliverError::Timeout)?
}
