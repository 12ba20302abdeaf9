//! The admin listener: health, readiness, metrics, reload.
//!
//! Invariant: names, counts and times only, no value of a client. Without a token it answers only to
//! a loopback `Host`, so that a web page cannot reach it by a name of its own; what changes something
//! is POST and refuses foreign origins. What goes wrong is told as RFC 9457 says, as at the gateway.

mod inventory;
mod shadow;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use crate::proxy::{Live, handed_over, request_id};
use crate::telemetry;

/// What can be read, and only that.
const READ: [&str; 8] = [
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/inventory",
    "/api/status",
    "/api/shadow",
    "/api/inventory",
];

/// Bytes of a token, at least.
const TOKEN: usize = 16;

/// Connections at once.
const CONNECTIONS: usize = 64;

/// The admin listener, bound and not yet served.
pub struct Admin {
    /// Where it listens.
    pub addr: SocketAddr,
    listener: TcpListener,
    state: Arc<State>,
}

struct State {
    live: Arc<Live>,
    token: Option<Vec<u8>>,
}

/// Why the admin listener cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Not loopback and no token.
    #[error("admin.listen is not a loopback address: set admin.token_file")]
    Exposed,
    /// The token's file cannot be read, or is too short to be one.
    #[error("admin.token_file: {}: {why}", file.display())]
    Token {
        /// The file.
        file: PathBuf,
        /// What is the matter with it, and what to do.
        why: String,
    },
    /// The address cannot be bound.
    #[error("admin listener: {0}")]
    Io(#[from] io::Error),
}

impl Admin {
    /// Binds the listener of the configuration.
    pub fn bind(live: &Arc<Live>) -> Result<Self, AdminError> {
        let current = live.current();
        let config = &current.generation.config.admin;
        let token = config.token_file.as_deref().map(read_token).transpose()?;
        if token.is_none() && !config.listen.ip().is_loopback() {
            return Err(AdminError::Exposed);
        }
        let listener = match handed_over("admin").into_iter().next() {
            Some(handed) if token.is_none() && !handed.local_addr()?.ip().is_loopback() => {
                return Err(AdminError::Exposed);
            }
            Some(handed) => handed,
            None => TcpListener::bind(config.listen).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", config.listen))
            })?,
        };
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        telemetry::listening("admin", addr, false);
        Ok(Self {
            addr,
            listener,
            state: Arc::new(State {
                live: Arc::clone(live),
                token,
            }),
        })
    }

    /// Serves until `end`.
    pub async fn serve(self, end: CancellationToken) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let permits = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = end.cancelled() => return Ok(()),
            };
            let Ok((tcp, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                continue;
            };
            let (state, end) = (Arc::clone(&self.state), end.clone());
            let served = async move {
                let service = service_fn(|request| {
                    let state = Arc::clone(&state);
                    async move { Ok::<_, Infallible>(answer(state, request).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .max_buf_size(32 << 10)
                    .max_headers(64)
                    .serve_connection(TokioIo::new(tcp), service);
                tokio::select! {
                    _ = connection => {}
                    () = end.cancelled() => {}
                }
                drop(permit);
            };
            tokio::task::spawn(served);
        }
    }
}

/// Whether a token's file would do.
///
/// # Errors
/// [`AdminError::Token`]: it cannot be read, or what it holds is too short.
pub fn check_token(file: &Path) -> Result<(), AdminError> {
    read_token(file).map(|_| ())
}

fn read_token(file: &Path) -> Result<Vec<u8>, AdminError> {
    let bad = |why: String| AdminError::Token {
        file: file.into(),
        why,
    };
    let text = std::fs::read(file).map_err(|error| {
        let known = [
            (io::ErrorKind::NotFound, "there is no such file"),
            (io::ErrorKind::PermissionDenied, "this user may not read it"),
        ];
        let said = known.iter().find(|(kind, _)| *kind == error.kind());
        bad(said.map_or_else(|| error.kind().to_string(), |(_, why)| (*why).to_owned()))
    })?;
    let token = text.trim_ascii().to_vec();
    if token.len() < TOKEN {
        return Err(bad(format!(
            "it holds a token of {} bytes, and {TOKEN} are the least (`openssl rand -hex 32` makes one)",
            token.len()
        )));
    }
    Ok(token)
}

type Answer = Response<Full<Bytes>>;

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path();
    // Probes carry no token.
    let open = matches!(path, "/healthz" | "/readyz");
    if let Err(status) = state.may(request.headers(), open) {
        return denied(status);
    }
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    match (path, get) {
        ("/healthz", true) => text(StatusCode::OK, "ok\n"),
        ("/readyz", true) => {
            if state.live.is_draining() {
                text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
            } else {
                text(StatusCode::OK, "ready\n")
            }
        }
        ("/metrics", true) => typed(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            state.live.metrics.render(),
        ),
        ("/api/status", true) => json(StatusCode::OK, &status_of(&state.live)),
        ("/api/inventory", true) => blocking(move || inventory::answer(&state.live)).await,
        ("/inventory", true) => blocking(move || inventory::page(&state.live)).await,
        ("/api/shadow", true) => json(StatusCode::OK, &shadow::answer(&state.live)),
        ("/reload", false) if request.method() == Method::POST => reload(state).await,
        ("/", true) => typed(
            StatusCode::OK,
            "text/html; charset=utf-8",
            page(&state.live),
        ),
        (path, false) if READ.contains(&path) => not_allowed("GET, HEAD"),
        ("/reload", _) => not_allowed("POST"),
        _ => problem(
            StatusCode::NOT_FOUND,
            "no-page",
            "nothing is at this path of the admin listener",
        ),
    }
}

impl State {
    fn may(&self, headers: &HeaderMap, open: bool) -> Result<(), StatusCode> {
        let field = |name| {
            headers
                .get(name)
                .and_then(|v: &http::HeaderValue| v.to_str().ok())
        };
        let host = field(http::header::HOST).unwrap_or("");
        let foreign = |origin: &str| origin.split_once("://").map(|(_, rest)| rest) != Some(host);
        if field(http::header::ORIGIN).is_some_and(foreign) {
            return Err(StatusCode::FORBIDDEN);
        }
        match &self.token {
            _ if open => Ok(()),
            None if is_loopback(host) => Ok(()),
            None => Err(StatusCode::FORBIDDEN),
            Some(token) => {
                let given = field(http::header::AUTHORIZATION)
                    .and_then(|value| value.strip_prefix("Bearer "))
                    .unwrap_or("");
                if bool::from(given.as_bytes().ct_eq(token)) {
                    Ok(())
                } else {
                    Err(StatusCode::UNAUTHORIZED)
                }
            }
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name == "localhost"
        || name
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// An answer that takes its time to make, made beside.
async fn blocking(make: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let done = tokio::task::spawn_blocking(make).await;
    done.unwrap_or_else(|_| failed())
}

async fn reload(state: Arc<State>) -> Answer {
    let done = tokio::task::spawn_blocking(move || state.live.reload("admin")).await;
    match done {
        Ok(Ok(())) => json(StatusCode::OK, &serde_json::json!({"result": "ok"})),
        Ok(Err(reason)) => problem_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            "reload-refused",
            "the files do not check; the old configuration stays in force",
            serde_json::json!({"result": "refused", "reason": reason}),
        ),
        Err(_) => failed(),
    }
}

fn status_of(live: &Live) -> serde_json::Value {
    let current = live.current();
    let generation = &current.generation;
    let vendors: Vec<&str> = generation
        .scrubber
        .vendors()
        .iter()
        .map(|v| &*v.name)
        .collect();
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "policy": generation.policy_name,
        "policy_digest": generation.policy_digest,
        "vendors": vendors,
        "connections": live.connections(),
        "draining": live.is_draining(),
        "reload_error": live.last_error(),
    })
}

fn page(live: &Live) -> String {
    let current = live.current();
    let generation = &current.generation;
    let mut rows = String::new();
    let mut row = |name: &str, value: &str| {
        rows.push_str(&format!("<tr><th>{}<td>{}", escape(name), escape(value)));
    };
    row("Version", env!("CARGO_PKG_VERSION"));
    row("Policy", &generation.policy_name);
    row("Policy digest", &generation.policy_digest);
    row("Keys", &generation.key_location);
    row("Connections", &live.connections().to_string());
    row(
        "State",
        if live.is_draining() {
            "draining"
        } else {
            "ready"
        },
    );
    if let Some(reason) = live.last_error() {
        row("Last reload refused", &reason);
    }
    if let Some(shadow) = generation.scrubber.shadow() {
        row("Shadow policy", &shadow.scrubber().policy().name);
    }
    for vendor in generation.scrubber.vendors() {
        row(&vendor.title, &format!("/{}", vendor.name));
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Tamis</title>\
         <style>body{{font:16px system-ui;margin:2rem}}th{{text-align:left;padding-right:2rem}}</style>\
         <h1>Tamis</h1><table>{rows}</table><p><a href=/metrics>Metrics</a> <a href=/inventory>Data map</a> <a href=/api/shadow>Shadow policy</a>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "this path does not take this method",
    );
    let methods = http::HeaderValue::from_static(methods);
    answer.headers_mut().insert(http::header::ALLOW, methods);
    answer
}

fn denied(status: StatusCode) -> Answer {
    if status == StatusCode::UNAUTHORIZED {
        let mut answer = problem(
            status,
            "admin-token",
            "the admin listener asks for its token",
        );
        let scheme = http::HeaderValue::from_static("Bearer");
        answer
            .headers_mut()
            .insert(http::header::WWW_AUTHENTICATE, scheme);
        return answer;
    }
    problem(
        status,
        "admin-host",
        "without a token only localhost may ask, and no page of another origin",
    )
}

fn failed() -> Answer {
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the request failed",
    )
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Answer {
    problem_with(status, code, detail, serde_json::json!({}))
}

/// RFC 9457, with members besides.
fn problem_with(
    status: StatusCode,
    code: &str,
    detail: &str,
    mut members: serde_json::Value,
) -> Answer {
    if let Some(members) = members.as_object_mut() {
        members.insert("type".into(), format!("urn:tamis:problem:{code}").into());
        let title = status.canonical_reason().unwrap_or("Error");
        members.insert("title".into(), title.into());
        members.insert("status".into(), status.as_u16().into());
        members.insert("detail".into(), detail.into());
        members.insert("request_id".into(), request_id().into());
    }
    typed(status, "application/problem+json", members.to_string())
}

fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    typed(status, "application/json", value.to_string())
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        ("content-type", kind),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_will_not_do_is_told_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let told = |file: &Path| check_token(file).unwrap_err().to_string();
        assert!(told(&file).ends_with("token: there is no such file"));
        std::fs::write(&file, "hunter2\n").unwrap();
        let short = told(&file);
        assert!(
            short.contains("7 bytes") && !short.contains("hunter2"),
            "{short}"
        );
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        assert!(check_token(&file).is_ok());
    }

    #[test]
    fn loopback_names() {
        for host in [
            "localhost",
            "localhost:9090",
            "127.0.0.1:9090",
            "[::1]:9090",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:9090",
            "10.0.0.1",
            "127.0.0.1.x",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
