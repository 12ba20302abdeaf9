//! Connections to upstreams: lookup, IPv4 and IPv6 tried side by side (RFC 8305), TLS with
//! verification.
//!
//! The way is hyper-rustls over hyper-util's TCP connector: the race between the address families
//! and the lookup off the event loop are theirs. Names are looked up anew for each connection.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::error::DeliverError;
use super::upstream::Origin;
use crate::tls::Stream;

/// Longest wait for a connection, handshake included.
const LONGEST: Duration = Duration::from_secs(10);

/// Makes connections that are verified by one TLS configuration.
#[derive(Clone)]
pub(crate) struct Connector {
    https: HttpsConnector<HttpConnector>,
    tls: Arc<rustls::ClientConfig>,
}

impl Connector {
    pub(crate) fn new(tls: &Arc<rustls::ClientConfig>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self {
            https: HttpsConnector::from((tcp, Arc::clone(tls))),
            tls: Arc::clone(tls),
        }
    }

    /// Whether connections are verified by this very configuration.
    pub(crate) fn is_of(&self, tls: &Arc<rustls::ClientConfig>) -> bool {
        Arc::ptr_eq(&self.tls, tls)
    }

    /// A connection to an origin, handshake done, within `limit` and never longer than ten seconds.
    pub(crate) async fn connect(
        mut self,
        origin: &Origin,
        limit: Duration,
    ) -> Result<Stream, DeliverError> {
        let uri = uri(origin)?;
        let deadline = Instant::now() + limit.min(LONGEST);
        let made = timeout_at(deadline, async {
            std::future::poll_fn(|cx| self.https.poll_ready(cx)).await?;
            self.https.call(uri).await
        });
        match made.await.map_err(|_| DeliverError::Timeout)? {
            Ok(MaybeHttpsStream::Http(tcp)) => Ok(Stream::Plain(tcp.into_inner())),
            Ok(MaybeHttpsStream::Https(tls)) => Ok(Stream::Upstream(Box::new(tls.into_inner()))),
            // The handshake's errors are `io::Error`, those below it are not.
            Err(error) if error.is::<std::io::Error>() => Err(DeliverError::Tls),
            Err(_) => Err(DeliverError::Unreachable),
        }
    }
}

fn uri(origin: &Origin) -> Result<Uri, DeliverError> {
    let scheme = if origin.tls { "https" } else { "http" };
    let v6 = origin.host.contains(':');
    let (open, close) = if v6 { ("[", "]") } else { ("", "") };
    let text = format!("{scheme}://{open}{}{close}:{}/", origin.host, origin.port);
    Uri::try_from(text).map_err(|_| DeliverError::Upstream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::Upstream;

    #[test]
    fn an_origin_becomes_a_uri_with_scheme_host_and_port() {
        for (url, want) in [
            ("https://api.example.com", "https://api.example.com:443/"),
            ("http://[::1]:8080/base", "http://[::1]:8080/"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1/"),
        ] {
            let upstream = Upstream::parse(url).unwrap();
            assert_eq!(uri(&upstream.origin).unwrap(), want, "{url}");
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let (tls, _) = crate::tls::client_config(None).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let upstream = Upstream::parse(&format!("https://127.0.0.1:{port}")).unwrap();
        let made = Connector::new(&tls)
            .connect(&upstream.origin, LONGEST)
            .await;
        assert_eq!(made.err(), Some(DeliverError::Unreachable));
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_fails_the_handshake() {
        let (tls, _) = crate::tls::client_config(None).unwrap();
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let answer = async {
            let (mut stream, _) = server.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad\r\n\r\n")
                .await
                .unwrap();
        };
        let upstream = Upstream::parse(&format!("https://127.0.0.1:{port}")).unwrap();
        let connector = Connector::new(&tls);
        let (made, ()) = tokio::join!(connector.connect(&upstream.origin, LONGEST), answer);
        assert_eq!(made.err(), Some(DeliverError::Tls));
    }
}
