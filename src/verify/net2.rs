//! A client that speaks HTTP/2 without TLS (prior knowledge), one connection a request, as `net` does for
//! HTTP/1.1.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::net::Message;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a request below a path and waits for its answer: the status, or `None` when none came or the
/// request cannot be written in HTTP/2.
pub(super) fn send(addr: SocketAddr, below: &str, message: &Message) -> io::Result<Option<u16>> {
    let Some(request) = request(addr, below, message) else {
        return Ok(None);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let tcp = tokio::net::TcpStream::connect(addr).await?;
        tcp.set_nodelay(true)?;
        let io = TokioIo::new(tcp);
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(io::Error::other)?;
        let driven = tokio::task::spawn(connection);
        let status = tokio::time::timeout(PATIENCE, async {
            let answer = sender.send_request(request).await.ok()?;
            let status = answer.status().as_u16();
            // What is recorded is there when the answer is whole.
            answer.into_body().collect().await.ok()?;
            Some(status)
        })
        .await;
        driven.abort();
        Ok(status.ok().flatten())
    })
}

fn request(addr: SocketAddr, below: &str, message: &Message) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::builder()
        .method(message.method.as_bytes())
        .uri(format!("http://{addr}{below}{}", message.target));
    let headers = request.headers_mut()?;
    for (name, value) in &message.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    request
        .body(Full::new(Bytes::copy_from_slice(&message.body)))
        .ok()
}
