//! Connections to upstreams: lookup, IPv4 and IPv6 tried side by side (RFC 8305), TLS with
//! verification.
//!
//! The way is hyper-rustls over hyper-util's TCP connector: the race between the address families
//! and the lookup off the event loop are theirs. Names are looked up anew for each connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::error::DeliverError;
use super::guard::{Guard, Resolver};
use super::upstream::Origin;
use crate::tls::{Stream, Trust};

/// Longest wait for a connection, handshake included.
const LONGEST: Duration = Duration::from_secs(10);

/// The way out: how upstreams are verified, and where a client's own choice may lead.
pub struct Egress {
    /// Roots and protocol.
    pub trust: Trust,
    /// For hosts that a client chose.
    pub guard: Guard,
    /// A proxy of one's own, through which all but this machine's upstreams are reached.
    pub proxy: Option<EgressProxy>,
}

impl Egress {
    /// Whether what was connected by the other would be connected by this one in the same way.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.trust.digest == other.trust.digest
            && self.guard == other.guard
            && self.proxy == other.proxy
    }
}

/// A proxy of one's own.
#[derive(Clone, PartialEq)]
pub struct EgressProxy {
    uri: Uri,
    credentials: Option<HeaderValue>,
}

impl EgressProxy {
    /// Reads `http://[user:password@]host:port`.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?.trim_end_matches('/');
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        let credentials = match user {
            None => None,
            Some(user) => {
                let coded = base64_simd::STANDARD.encode_to_string(user);
                let mut value = HeaderValue::try_from(format!("Basic {coded}")).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Some(Self {
            uri: Uri::try_from(format!("http://{host}/")).ok()?,
            credentials,
        })
    }
}

type Https = HttpsConnector<HttpConnector<Resolver>>;

/// Makes connections of one way out.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Ways>);

struct Ways {
    /// Through a proxy of one's own.
    proxied: Option<HttpsConnector<Tunnel<HttpConnector<Resolver>>>>,
    /// For hosts that the operator or a catalog chose, and for those that a client chose.
    https: [Https; 2],
    egress: Arc<Egress>,
}

impl Connector {
    pub(crate) fn new(egress: &Arc<Egress>) -> Self {
        let tcp = |guard| {
            let mut tcp = HttpConnector::new_with_resolver(Resolver { guard });
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp
        };
        let https = |guard| HttpsConnector::from((tcp(guard), Arc::clone(&egress.trust.config)));
        let proxied = egress.proxy.as_ref().map(|proxy| {
            let mut tunnel = Tunnel::new(proxy.uri.clone(), tcp(None));
            if let Some(credentials) = &proxy.credentials {
                tunnel = tunnel.with_auth(credentials.clone());
            }
            HttpsConnector::from((tunnel, Arc::clone(&egress.trust.config)))
        });
        Self(Arc::new(Ways {
            proxied,
            https: [https(None), https(Some(egress.guard.clone()))],
            egress: Arc::clone(egress),
        }))
    }

    /// Whether connections are made by this very way out.
    pub(crate) fn is_of(&self, egress: &Arc<Egress>) -> bool {
        Arc::ptr_eq(&self.0.egress, egress)
    }

    /// A connection to an origin, handshake done, within `limit` and never longer than ten seconds.
    pub(crate) async fn connect(
        self,
        origin: &Origin,
        limit: Duration,
    ) -> Result<Stream, DeliverError> {
        let uri = uri(origin)?;
        let [free, guarded] = &self.0.https;
        let deadline = Instant::now() + limit.min(LONGEST);
        let made = timeout_at(deadline, async {
            match &self.0.proxied {
                Some(proxied) if !is_local(&origin.host) => dial(proxied.clone(), uri).await,
                Some(_) | None => {
                    dial(if origin.guarded { guarded } else { free }.clone(), uri).await
                }
            }
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

async fn dial<S: Service<Uri>>(mut way: S, uri: Uri) -> Result<S::Response, S::Error> {
    std::future::poll_fn(|cx| way.poll_ready(cx)).await?;
    way.call(uri).await
}

/// Upstreams on this machine are not reached through a proxy elsewhere.
fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
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

    fn egress() -> Arc<Egress> {
        Arc::new(Egress {
            trust: crate::tls::client_config(None).unwrap(),
            guard: Guard::default(),
            proxy: None,
        })
    }

    #[tokio::test]
    async fn a_name_that_a_client_chose_does_not_lead_here() {
        let egress = egress();
        let upstream = Upstream::guarded("localhost").unwrap();
        let made = Connector::new(&egress)
            .connect(&upstream.origin, LONGEST)
            .await;
        assert_eq!(made.err(), Some(DeliverError::Unreachable));
    }

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
        let egress = egress();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let upstream = Upstream::parse(&format!("https://127.0.0.1:{port}")).unwrap();
        let made = Connector::new(&egress)
            .connect(&upstream.origin, LONGEST)
            .await;
        assert_eq!(made.err(), Some(DeliverError::Unreachable));
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_fails_the_handshake() {
        let egress = egress();
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let answer = async {
            let (mut stream, _) = server.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad\r\n\r\n")
                .await
                .unwrap();
        };
        let upstream = Upstream::parse(&format!("https://127.0.0.1:{port}")).unwrap();
        let connector = Connector::new(&egress);
        let (made, ()) = tokio::join!(connector.connect(&upstream.origin, LONGEST), answer);
        assert_eq!(made.err(), Some(DeliverError::Tls));
    }
}
