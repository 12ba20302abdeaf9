//! HTTP/2 at the door, by hyper with every limit set.
//!
//! Invariant: `:authority` is there and equals `host`; only data frames are read of a body, so a
//! trailer goes nowhere. A client that does not take its answers is cut off, whatever else it sends.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::authority::Authority;
use super::forward::TLS_PORT;
use super::handle::{self, Message};
use super::head::{HeaderView, Seen};
use super::reply::{Problem, Reply};
use super::route::host_name;
use super::serve::Door;
use super::worker::Worker;
use crate::config::Limits;
use crate::deliver::grammar::Framing;
use crate::tls::Stream;

/// Requests at once on one connection.
const STREAMS: u32 = 100;
/// Resets, from either side, that a connection survives.
const RESETS: usize = 50;

/// Bytes of an answer handed over at once.
const PIECE: usize = 16 << 10;

/// Serves a connection whose first bytes have been read.
pub(crate) async fn serve(
    io: Stream,
    read: Vec<u8>,
    peer: IpAddr,
    worker: Arc<Worker>,
    limits: Limits,
    door: Door,
) {
    let activity = Arc::new(Activity::default());
    let service = service_fn({
        let (worker, activity) = (Arc::clone(&worker), Arc::clone(&activity));
        let inside: Option<Arc<str>> = match door {
            Door::Inside(host) => Some(host.into()),
            Door::Gateway | Door::Forward => None,
        };
        move |request| {
            let (worker, activity) = (Arc::clone(&worker), activity.enter());
            let inside = inside.clone();
            async move {
                let is_head = request.method() == http::Method::HEAD;
                let mut reply = request_in(&worker, peer, request, inside).await;
                if is_head {
                    reply.body.clear();
                }
                Ok::<_, Infallible>(response(reply, activity))
            }
        }
    });
    let io = TokioIo::new(Rewound { read, at: 0, io });
    let mut connection = pin!(builder(&limits).serve_connection(io, service));
    let look = (limits.body_timeout / 4).max(Duration::from_millis(10));
    let mut idle = Instant::now() + limits.header_timeout;
    let mut seen = 0;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = worker.drain.cancelled() => break,
            () = tokio::time::sleep_until(idle.min(Instant::now() + look)) => {
                let now = Instant::now();
                if activity.is_stalled(now, limits.body_timeout) {
                    return;
                }
                if now < idle {
                    continue;
                }
                let begun = activity.begun.load(Ordering::Relaxed);
                if begun == seen && activity.open.load(Ordering::Relaxed) == 0 {
                    break;
                }
                seen = begun;
                idle = now + limits.idle_timeout;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let deadline = Instant::now() + limits.drain_timeout;
    // A peer that asks for nothing and does not even say goodbye is left at once.
    let short = deadline.min(Instant::now() + limits.header_timeout);
    if timeout_at(short, connection.as_mut()).await.is_ok()
        || activity.open.load(Ordering::Relaxed) == 0
    {
        return;
    }
    // A peer that neither ends its streams nor reads their answers is cut off.
    let _ = timeout_at(deadline, connection).await;
}

fn builder(limits: &Limits) -> hyper::server::conn::http2::Builder<TokioExecutor> {
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .max_send_buf_size(256 << 10)
        .initial_stream_window_size(256 << 10)
        .initial_connection_window_size(1 << 20)
        .auto_date_header(false);
    builder
}

#[derive(Default)]
struct Activity {
    begun: AtomicUsize,
    open: AtomicUsize,
    /// Answers on their way, by the number of their request.
    answers: Mutex<hashbrown::HashMap<usize, Progress>>,
}

/// How the client takes an answer.
struct Progress {
    begun: Instant,
    /// When it took some of it last.
    moved: Instant,
}

/// A request, until its answer is taken.
struct Entered(Arc<Activity>, usize);

impl Activity {
    fn enter(self: &Arc<Self>) -> Entered {
        let nth = self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Entered(Arc::clone(self), nth)
    }

    /// Whether an answer has not moved for so long, or is on its way for ten times as long.
    fn is_stalled(&self, now: Instant, pause: Duration) -> bool {
        self.answers().values().any(|answer| {
            now.duration_since(answer.moved) > pause
                || now.duration_since(answer.begun) > pause.saturating_mul(10)
        })
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, hashbrown::HashMap<usize, Progress>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    /// Notes that the client took some of the answer.
    fn moved(&self) {
        let moved = Instant::now();
        let begun = moved;
        let mut answers = self.0.answers();
        answers
            .entry(self.1)
            .and_modify(|answer| answer.moved = moved)
            .or_insert(Progress { begun, moved });
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.answers().remove(&self.1);
    }
}

async fn request_in(
    worker: &Worker,
    peer: IpAddr,
    request: Request<Incoming>,
    inside: Option<Arc<str>>,
) -> Reply {
    let current = worker.live.current();
    let limits = &current.generation.config.limits;
    let (parts, mut body) = request.into_parts();
    let refuse = |problem: Problem| {
        worker.live.metrics.refused(problem.status());
        Reply::problem(&problem)
    };
    let framing = match check_head(&parts, &body, limits, inside.as_deref()) {
        Ok(framing) => framing,
        Err(problem) => return refuse(problem),
    };
    let mut whole = Whole {
        parts,
        framing,
        body: Vec::new(),
        inside,
    };
    let admitted = match whole.with(|seen, _| handle::admit(worker, &current, seen, peer)) {
        Ok(admitted) => admitted,
        Err(reply) => {
            worker.live.metrics.refused_if_error(reply.status);
            return reply;
        }
    };
    let deadline = Instant::now() + limits.body_timeout;
    let mut share = worker.live.budget.share(limits.memory);
    loop {
        let problem = match timeout_at(deadline, body.frame()).await {
            Err(_) => Problem::Slow,
            Ok(None) => break,
            Ok(Some(Err(_))) => Problem::Malformed("the body ended before it was whole"),
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                if whole.body.len() + data.len() > admitted.limit {
                    Problem::BodyTooLarge
                } else if !share.cover(whole.body.len() + data.len()) {
                    Problem::Overloaded
                } else {
                    whole.body.extend_from_slice(&data);
                    continue;
                }
            }
        };
        return admitted.cors.marked(refuse(problem), &[]);
    }
    handle::process(worker, &current, &admitted, peer, whole)
        .await
        .0
}

/// What the strict reader of HTTP/1.1 would have refused.
fn check_head(
    parts: &http::request::Parts,
    body: &Incoming,
    limits: &Limits,
    inside: Option<&str>,
) -> Result<Framing, Problem> {
    let uri = &parts.uri;
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    if target.len() > limits.target {
        return Err(Problem::TargetTooLong);
    }
    if parts.headers.len() > limits.headers {
        return Err(Problem::HeadTooLarge);
    }
    if !target.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Err(Problem::Malformed(
            "the request target is not visible ASCII",
        ));
    }
    let authority = uri
        .authority()
        .ok_or(Problem::Malformed("there is no :authority"))?
        .as_str();
    if host_name(authority).is_none() {
        return Err(Problem::Malformed("the :authority is not a host"));
    }
    if let Some(host) = inside {
        let at = Authority::parse(host);
        if !at.is_some_and(|at| at.is_named_by(authority, TLS_PORT)) {
            return Err(Problem::Malformed(
                "the :authority is not the tunnel's host",
            ));
        }
    }
    let same =
        |host: &http::HeaderValue| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
    if !parts.headers.get_all(http::header::HOST).iter().all(same) {
        return Err(Problem::Malformed("the Host field is not the :authority"));
    }
    let kept = |expect: &http::HeaderValue| expect.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if !parts.headers.get_all(http::header::EXPECT).iter().all(kept) {
        return Err(Problem::Expectation);
    }
    let mut lengths = parts.headers.get_all(http::header::CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) if body.is_end_stream() => Ok(Framing::None),
        (None, _) => Ok(Framing::Chunked),
        (Some(length), None) => length
            .to_str()
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .map(Framing::Length)
            .ok_or(Problem::Malformed("the body's length is odd")),
        (Some(_), Some(_)) => Err(Problem::Malformed("the body's length is repeated")),
    }
}

struct Whole {
    parts: http::request::Parts,
    framing: Framing,
    body: Vec<u8>,
    /// The host of the tunnel it came through.
    inside: Option<Arc<str>>,
}

impl Message for Whole {
    fn body_len(&self) -> usize {
        self.body.len()
    }

    fn with<R>(&self, f: impl FnOnce(&Seen<'_>, &[u8]) -> R) -> R {
        let text = |value| std::str::from_utf8(value).ok();
        let headers: HeaderView<'_> = self
            .parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), text(value.as_bytes())?)))
            .collect();
        let uri = &self.parts.uri;
        let seen = Seen {
            method: self.parts.method.as_str(),
            path: uri.path(),
            query: uri.query(),
            host: uri
                .authority()
                .and_then(|a| host_name(a.as_str()))
                .unwrap_or(""),
            headers: &headers,
            framing: self.framing,
            dialled: self.inside.as_deref(),
        };
        f(&seen, &self.body)
    }

    fn free(&mut self) {
        self.body = Vec::new();
    }
}

fn response(reply: Reply, entered: Entered) -> Response<Outgoing> {
    let rest = Bytes::from(reply.body);
    if !rest.is_empty() {
        entered.moved();
    }
    let mut response = Response::new(Outgoing { rest, entered });
    *response.status_mut() =
        http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value.as_bytes())) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// An answer's body, handed out as the client takes it.
struct Outgoing {
    rest: Bytes,
    entered: Entered,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        this.entered.moved();
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// A stream of which some bytes were read before.
struct Rewound {
    read: Vec<u8>,
    at: usize,
    io: Stream,
}

impl AsyncRead for Rewound {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = this.read.get(this.at..).unwrap_or(&[]);
        if left.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let take = left.len().min(buf.remaining());
        buf.put_slice(left.get(..take).unwrap_or(&[]));
        this.at += take;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
