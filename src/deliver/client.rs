//! The client of one worker: connect, write, read, keep.
//!
//! A request is tried a second time only when a kept connection turned out dead before a byte of it
//! was accepted, or, for GET and HEAD, before a byte of an answer came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::answer::{self, Answer, Failed, Wanted};
use super::connect::{Connector, Egress};
use super::error::DeliverError;
use super::pool::{Kept, Pool};
use super::upstream::{Origin, Upstream};
use super::write;
use crate::scrub::CleanRequest;
use crate::tls::Stream;

/// What one delivery may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the last byte sent to the whole answer; also for writing the request.
    pub timeout: Duration,
    /// Bytes of an answer's body.
    pub body: usize,
    /// Requests to one upstream at a time.
    pub concurrency: u32,
}

/// A pool and the way to fill it. One for each worker.
#[derive(Default)]
pub struct Client {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    pool: Pool,
    connector: Option<Connector>,
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
        egress: &Arc<Egress>,
        limits: Limits,
        allow: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Answer, DeliverError> {
        let pass = upstream.origin.health.enter(limits.concurrency)?;
        let result = self
            .exchange(clean, (upstream, target), egress, limits, allow)
            .await;
        pass.note(&result);
        result
    }

    async fn exchange(
        &self,
        clean: &CleanRequest,
        (upstream, target): (&Upstream, &str),
        egress: &Arc<Egress>,
        limits: Limits,
        allow: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Answer, DeliverError> {
        let mut head = Vec::new();
        let rest = write::request(clean, upstream, target, &mut head)?;
        let repeatable = matches!(clean.method(), "GET" | "HEAD");
        let (mut kept, connector) = self.take(&upstream.origin, egress);
        loop {
            let reused = kept.is_some();
            let Kept { mut stream, born } = match kept.take() {
                Some(kept) => kept,
                None => Kept {
                    born: Instant::now().into_std(),
                    stream: (connector.clone())
                        .connect(&upstream.origin, limits.timeout)
                        .await?,
                },
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
                        let kept = Kept { stream, born };
                        self.lock().pool.put(&upstream.origin, kept);
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

    /// A kept connection, if there is one, and the way to a new one.
    fn take(&self, origin: &Arc<Origin>, egress: &Arc<Egress>) -> (Option<Kept>, Connector) {
        let mut inner = self.lock();
        let connector = match &inner.connector {
            Some(connector) if connector.is_of(egress) => connector.clone(),
            _ => {
                // Other roots: what was verified against the old ones is not used again.
                inner.pool.clear();
                inner.connector.insert(Connector::new(egress)).clone()
            }
        };
        (inner.pool.take(origin), connector)
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
