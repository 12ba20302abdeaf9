//! HTTP/1.1 and 1.0 at the door: one connection, request by request.
//!
//! Invariant: one owner of the connection's state. A body that was not read is never taken for the
//! next request: the connection is drained within bounds and closed. Requests are answered in order.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::authority::Authority;
use super::budget::Share;
use super::forward::{self, Decision, TLS_PORT};
use super::handle::{self, Message};
use super::head::{self, Form, Head, Seen, Target};
use super::http2;
use super::live::Current;
use super::reply::{Problem, Reply};
use super::serve::Door;
use super::worker::Worker;
use crate::config::Limits;
use crate::deliver::grammar::{Chunks, Framing, Scanner};
use crate::telemetry::Entry;
use crate::tls::Stream;

/// Bytes read at once while a head is awaited.
const CHUNK: usize = 4 << 10;
/// Buffers beyond this size are given back between requests.
const KEEP: usize = 64 << 10;
/// What is read and dropped after a closing answer, in time and bytes.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 32 << 20);
/// How HTTP/2 begins when nobody said so before.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One connection.
struct Conn {
    io: Stream,
    buf: Vec<u8>,
    out: Vec<u8>,
    peer: IpAddr,
    worker: Arc<Worker>,
    limits: Limits,
    door: Door,
}

/// How a connection goes on after a request.
enum Next {
    /// Another request may come.
    Keep,
    /// Say goodbye and wait for the peer to hang up.
    Close,
    /// The peer is gone, or never spoke.
    Drop,
    /// The peer speaks HTTP/2.
    Http2,
    /// The connection becomes a tunnel.
    Connect(Decision),
}

/// What the door says about a request's host.
enum Dialled {
    /// Nothing: the gateway's routes decide.
    No,
    /// A catalogued host, in lower case.
    Host(Box<str>),
    /// A tunnel.
    Connect(Decision),
}

/// Why reading stopped.
enum Stop {
    Problem(Problem),
    Gone,
}

impl<T: Into<Problem>> From<T> for Stop {
    fn from(problem: T) -> Self {
        Self::Problem(problem.into())
    }
}

/// Serves a connection to its end; the first head must be whole by `deadline`.
pub(crate) async fn serve(
    io: Stream,
    peer: IpAddr,
    worker: Arc<Worker>,
    limits: Limits,
    deadline: Instant,
    door: Door,
) {
    let mut conn = Conn {
        io,
        buf: Vec::with_capacity(CHUNK),
        out: Vec::new(),
        peer,
        worker,
        limits,
        door,
    };
    let mut first = Some(deadline);
    loop {
        match conn.turn(first.take()).await {
            Next::Keep => {}
            Next::Close => return conn.linger().await,
            Next::Drop => return,
            Next::Http2 => {
                let Conn {
                    io,
                    buf,
                    worker,
                    limits,
                    door,
                    ..
                } = conn;
                return http2::serve(io, buf, peer, worker, limits, door).await;
            }
            Next::Connect(decision) => {
                let (worker, limits) = (conn.worker, conn.limits);
                let Stream::Plain(tcp) = conn.io else { return };
                return forward::connect(tcp, decision, peer, worker, limits).await;
            }
        }
    }
}

impl Conn {
    /// One request and its answer.
    async fn turn(&mut self, first: Option<Instant>) -> Next {
        let deadline = match self.first_bytes(first).await {
            Ok(deadline) => deadline,
            Err(next) => return next,
        };
        if first.is_some() && !matches!(self.door, Door::Forward) {
            match self.is_http2(deadline).await {
                Ok(true) => return Next::Http2,
                Ok(false) => {}
                Err(stop) => return self.stopped(stop).await,
            }
        }
        match self.head(deadline).await {
            Ok(head) => self.request(head).await,
            Err(stop) => self.stopped(stop).await,
        }
    }

    /// Waits for a request to begin; answers with the time by which its head must be whole.
    async fn first_bytes(&mut self, first: Option<Instant>) -> Result<Instant, Next> {
        if self.buf.is_empty() {
            let wait = first.unwrap_or_else(|| Instant::now() + self.limits.idle_timeout);
            self.buf.reserve(CHUNK);
            tokio::select! {
                biased;
                read = timeout_at(wait, self.io.read_buf(&mut self.buf)) => match read {
                    Ok(Ok(1..)) => {}
                    Ok(Ok(0) | Err(_)) | Err(_) => return Err(Next::Drop),
                },
                () = self.worker.drain.cancelled() => return Err(Next::Close),
            }
        }
        Ok(first.unwrap_or_else(|| Instant::now() + self.limits.header_timeout))
    }

    /// Tells the preface of HTTP/2 from a request line.
    async fn is_http2(&mut self, deadline: Instant) -> Result<bool, Stop> {
        loop {
            let common = self.buf.len().min(PREFACE.len());
            if self.buf.get(..common) != PREFACE.get(..common) {
                return Ok(false);
            }
            if common == PREFACE.len() {
                return Ok(true);
            }
            self.more(deadline).await?;
        }
    }

    async fn head(&mut self, deadline: Instant) -> Result<Head, Stop> {
        let mut scanner = Scanner::default();
        let form = match self.door {
            Door::Gateway | Door::Inside(_) => Form::Origin,
            Door::Forward => Form::Proxy,
        };
        loop {
            if let Some(head) = head::read(&mut scanner, &mut self.buf, &self.limits, form)? {
                return Ok(head);
            }
            self.more(deadline).await?;
        }
    }

    async fn request(&mut self, head: Head) -> Next {
        let worker = Arc::clone(&self.worker);
        let current = worker.live.current();
        self.limits.clone_from(&current.generation.config.limits);
        let dialled = match self.dialled(&current, &head).await {
            Ok(Dialled::Connect(decision)) => return Next::Connect(decision),
            Ok(Dialled::Host(host)) => Some(host),
            Ok(Dialled::No) => None,
            Err(problem) => return self.stopped(problem.into()).await,
        };
        let admitted = {
            let headers = head.headers_to_admit(&self.buf);
            let mut seen = head.seen(&self.buf, &headers);
            seen.dialled = dialled.as_deref();
            handle::admit(&worker, &current, &seen, self.peer).map_err(|reply| {
                let plain = matches!(seen.method, "GET" | "HEAD" | "OPTIONS");
                let bare = matches!(head.framing, Framing::None | Framing::Length(0));
                (reply, bare && plain)
            })
        };
        let is_head = head.is_head(&self.buf);
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err((mut reply, bare)) => {
                worker.live.metrics.refused_if_error(reply.status);
                let keep = bare && head.keep_alive;
                reply.close = !keep;
                let next = self.answer(&reply, is_head).await;
                self.consume(head.len);
                return next;
            }
        };
        let mut share = worker.live.budget.share(self.limits.memory);
        let (body, used) = match self.body(&head, admitted.limit, &mut share).await {
            Ok(found) => found,
            Err(Stop::Gone) => return Next::Drop,
            Err(Stop::Problem(problem)) => {
                worker.live.metrics.refused(problem.status());
                let reply = admitted
                    .cors
                    .marked(Reply::problem(&problem), &[])
                    .closing();
                return self.answer(&reply, is_head).await;
            }
        };
        let keep_alive = head.keep_alive;
        let whole = Whole {
            buf: std::mem::take(&mut self.buf),
            head,
            body,
        };
        let (mut reply, whole) =
            handle::process(&worker, &current, &admitted, self.peer, whole).await;
        match whole {
            Some(whole) => self.buf = whole.buf,
            None => reply.close = true,
        }
        drop(share);
        reply.close |= !keep_alive || worker.drain.is_cancelled();
        self.consume(used);
        self.answer(&reply, is_head).await
    }

    /// What the door says about the request's host.
    async fn dialled(&self, current: &Current, head: &Head) -> Result<Dialled, Problem> {
        match &self.door {
            Door::Gateway => return Ok(Dialled::No),
            Door::Inside(host) => {
                let at = Authority::parse(host).ok_or(Problem::Host)?;
                if !at.is_named_by(head.host_field(&self.buf), TLS_PORT) {
                    return Err(Problem::Malformed(
                        "the Host field is not the tunnel's host",
                    ));
                }
                return Ok(Dialled::Host(host.clone()));
            }
            Door::Forward => {}
        }
        let entry = self.enter(current, head).await;
        self.worker.live.metrics.entry(match &entry {
            // Counted when it is known how the tunnel begins.
            Ok(Dialled::Connect(_)) => return entry,
            Ok(Dialled::Host(_) | Dialled::No) => Entry::Absolute,
            Err(Problem::ProxyAuth) => Entry::Unauthenticated,
            Err(_) => Entry::Refused,
        });
        entry
    }

    /// At the forward proxy: who asks, and for what.
    async fn enter(&self, current: &Current, head: &Head) -> Result<Dialled, Problem> {
        let forward = current.forward.as_ref().ok_or(Problem::Host)?;
        let credentials = head.only(&self.buf, "proxy-authorization");
        forward.may(credentials).await?;
        let target = head.authority(&self.buf);
        let field = head.host_field(&self.buf);
        let same = |default| {
            let at = Authority::parse(target);
            field.is_empty() || at.is_some_and(|at| at.is_named_by(field, default))
        };
        let differs = Problem::Malformed("the Host field is not the target's host");
        match head.target {
            Target::Connect => {
                let decision = forward.decide_connect(target)?;
                let early = self.buf.len() > head.len;
                if early || !matches!(head.framing, Framing::None | Framing::Length(0)) {
                    return Err(Problem::Malformed(
                        "nothing may follow a CONNECT unanswered",
                    ));
                }
                if !same(TLS_PORT) {
                    return Err(differs);
                }
                Ok(Dialled::Connect(decision))
            }
            Target::Absolute { tls } => {
                let host = forward.decide_absolute(target, tls)?;
                if !same(if tls { TLS_PORT } else { 80 }) {
                    return Err(differs);
                }
                Ok(Dialled::Host(host))
            }
            Target::Origin => Err(Problem::Malformed("the request target is not absolute")),
        }
    }

    /// Reads the body; answers with its place and the bytes of the whole request.
    async fn body(
        &mut self,
        head: &Head,
        limit: usize,
        share: &mut Share<'_>,
    ) -> Result<(Body, usize), Stop> {
        match head.framing {
            Framing::None => Ok((Body::InPlace(head.len..head.len), head.len)),
            Framing::Length(length) => {
                let end = usize::try_from(length)
                    .ok()
                    .and_then(|length| head.len.checked_add(length))
                    .ok_or(Problem::BodyTooLarge)?;
                if self.buf.len() >= end {
                    return Ok((Body::InPlace(head.len..end), end));
                }
                let deadline = Instant::now() + self.limits.body_timeout;
                self.proceed(head).await?;
                while self.buf.len() < end {
                    if self.buf.len() > KEEP {
                        // Serious: room for all of it at once, which is not touched before it comes.
                        self.buf.reserve_exact(end - self.buf.len());
                    }
                    self.more(deadline).await?;
                    if !share.cover(self.buf.len()) {
                        return Err(Problem::Overloaded.into());
                    }
                }
                Ok((Body::InPlace(head.len..end), end))
            }
            Framing::Chunked => {
                let (mut used, mut body, mut chunks) = (head.len, Vec::new(), Chunks::new(limit));
                let deadline = Instant::now() + self.limits.body_timeout;
                let mut asked = false;
                loop {
                    let fresh = self.buf.get(used..).unwrap_or(&[]);
                    let (more, done) = chunks.advance(fresh, &mut body)?;
                    used += more;
                    if done {
                        return Ok((Body::Apart(body), used));
                    }
                    if !share.cover(body.len()) {
                        return Err(Problem::Overloaded.into());
                    }
                    if !std::mem::replace(&mut asked, true) {
                        self.proceed(head).await?;
                    }
                    if used > head.len {
                        self.buf.drain(head.len..used.min(self.buf.len()));
                        used = head.len;
                    }
                    self.more(deadline).await?;
                }
            }
        }
    }

    /// Says `100 Continue` to a client that waits for it.
    async fn proceed(&mut self, head: &Head) -> Result<(), Stop> {
        if head.expects && self.buf.len() <= head.len {
            let stall = self.limits.body_timeout;
            write(&mut self.io, b"HTTP/1.1 100 Continue\r\n\r\n", stall)
                .await
                .map_err(|()| Stop::Gone)?;
        }
        Ok(())
    }

    /// Reads what has come; the end of the stream is an end of the request as well.
    async fn more(&mut self, deadline: Instant) -> Result<(), Stop> {
        if self.buf.capacity() - self.buf.len() < CHUNK / 2 {
            self.buf.reserve(self.buf.len().clamp(CHUNK, 1 << 20));
        }
        match timeout_at(deadline, self.io.read_buf(&mut self.buf)).await {
            Ok(Ok(1..)) => Ok(()),
            Ok(Ok(0) | Err(_)) => Err(Stop::Gone),
            Err(_) => Err(Problem::Slow.into()),
        }
    }

    async fn stopped(&mut self, stop: Stop) -> Next {
        match stop {
            Stop::Gone => Next::Drop,
            Stop::Problem(problem) => {
                self.worker.live.metrics.refused(problem.status());
                let reply = Reply::problem(&problem).closing();
                self.answer(&reply, false).await
            }
        }
    }

    /// Writes an answer, head and body in one write where the body is small.
    async fn answer(&mut self, reply: &Reply, is_head: bool) -> Next {
        self.out.clear();
        let rest = reply_head(reply, is_head, &mut self.out);
        let stall = self.limits.body_timeout;
        let mut sent = write(&mut self.io, &self.out, stall).await;
        if sent.is_ok() && !rest.is_empty() {
            sent = write(&mut self.io, rest, stall).await;
        }
        if self.out.capacity() > 2 * KEEP {
            self.out = Vec::new();
        }
        match (sent, reply.close) {
            (Err(()), _) => Next::Drop,
            (Ok(()), true) => Next::Close,
            (Ok(()), false) => Next::Keep,
        }
    }

    /// Takes a request off the buffer; what is left is the next one's beginning.
    fn consume(&mut self, used: usize) {
        if used >= self.buf.len() {
            self.buf.clear();
        } else {
            self.buf.drain(..used);
        }
        if self.buf.capacity() > KEEP && self.buf.len() < KEEP {
            self.buf.shrink_to(CHUNK);
        }
    }

    /// Reads and drops what still comes, so that the client sees the answer and not a reset.
    async fn linger(mut self) {
        let (time, bytes) = LINGER;
        let deadline = Instant::now() + time;
        if timeout_at(deadline, self.io.shutdown()).await.is_err() {
            return;
        }
        let mut seen = 0;
        while seen < bytes {
            self.buf.clear();
            self.buf.reserve(KEEP);
            match timeout_at(deadline, self.io.read_buf(&mut self.buf)).await {
                Ok(Ok(count @ 1..)) => seen += count,
                Ok(Ok(0) | Err(_)) | Err(_) => return,
            }
        }
    }
}

/// A whole request in the connection's buffer.
struct Whole {
    buf: Vec<u8>,
    head: Head,
    body: Body,
}

enum Body {
    InPlace(Range<usize>),
    Apart(Vec<u8>),
}

impl Message for Whole {
    fn body_len(&self) -> usize {
        match &self.body {
            Body::InPlace(range) => range.len(),
            Body::Apart(body) => body.len(),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&Seen<'_>, &[u8]) -> R) -> R {
        let headers = self.head.headers(&self.buf);
        let seen = self.head.seen(&self.buf, &headers);
        let body = match &self.body {
            Body::InPlace(range) => self.buf.get(range.clone()).unwrap_or(&[]),
            Body::Apart(body) => body,
        };
        f(&seen, body)
    }
}

/// Writes all, as long as the peer takes some of it in time, and all of it in ten times that.
async fn write(io: &mut Stream, mut rest: &[u8], stall: Duration) -> Result<(), ()> {
    let end = Instant::now() + stall * 10;
    while !rest.is_empty() {
        let step = end.min(Instant::now() + stall);
        match timeout_at(step, io.write(rest)).await {
            Ok(Ok(count @ 1..)) => rest = rest.get(count..).unwrap_or(&[]),
            Ok(Ok(0) | Err(_)) | Err(_) => return Err(()),
        }
    }
    match timeout(stall, io.flush()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

/// Status line, fields and framing, and the body if it is small; answers with what is left.
pub(crate) fn reply_head<'r>(reply: &'r Reply, is_head: bool, out: &mut Vec<u8>) -> &'r [u8] {
    use std::io::Write as _;
    let reason = http::StatusCode::from_u16(reply.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Answer");
    // Writing into a Vec does not fail.
    let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", reply.status);
    for (name, value) in &reply.headers {
        for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    let bare = is_head || matches!(reply.status, 204 | 304);
    if !bare {
        let _ = write!(out, "content-length: {}\r\n", reply.body.len());
    }
    if reply.close {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if bare {
        return &[];
    }
    if reply.body.len() > KEEP {
        return &reply.body;
    }
    out.extend_from_slice(&reply.body);
    &[]
}
