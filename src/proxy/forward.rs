//! The forward proxy's own decisions: which host leads to which route, who may ask, and how a
//! `CONNECT` becomes a connection like the gateway's.
//!
//! Invariant: the decision is made on the parsed host and port, by equality with the catalogs, before
//! any lookup. What comes out of a terminated tunnel is judged by the same code as at the gateway,
//! and may name no other host.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use smallvec::SmallVec;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::live::Current;
use super::reply::Problem;
use super::route::Routes;
use super::serve::Door;
use super::users::{Known, Users};
use super::worker::Worker;
use super::{http1, http2, tunnel};
use crate::catalog::{Endpoint, Found, Vendor};
use crate::config::{self, Limits, OtherHosts};
use crate::deliver::{Origins, Upstream};
use crate::telemetry::{self, Entry};
use crate::tls::{Authority as Ca, Stream};

/// The port at which TLS is terminated, and tunnels end.
pub(crate) const TLS_PORT: u16 = 443;
/// What a client is told before its handshake.
pub(crate) const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// The forward proxy of one generation.
pub(crate) struct Forward {
    ca: Ca,
    users: Option<Users>,
    other_hosts: OtherHosts,
    exact: hashbrown::HashMap<Box<str>, Host, foldhash::fast::RandomState>,
    /// `*.ingest.example`, by their labels.
    patterns: Vec<(Box<str>, SmallVec<[usize; 1]>)>,
    /// Where the hosts of patterns are told again.
    origins: Arc<Origins>,
}

/// A catalogued host.
struct Host {
    /// Routes that serve it, of one or more vendors.
    routes: SmallVec<[usize; 1]>,
    upstream: Upstream,
}

/// What a `CONNECT` or an absolute target leads to.
pub(crate) enum Decision {
    /// A catalogued host, in lower case: judged.
    Judge(Box<str>),
    /// Another, in lower case: handed through unseen.
    Tunnel(Box<str>),
}

/// A catalogued host's route for one request.
pub(crate) struct Way<'c> {
    pub(crate) route: usize,
    pub(crate) found: Found<'c>,
    pub(crate) upstream: Upstream,
}

impl Forward {
    /// From the configuration, the routes and the catalogs.
    pub(crate) fn build(
        told: &config::Forward,
        routes: &Routes,
        vendors: &[Arc<Vendor>],
        origins: &Arc<Origins>,
    ) -> Result<Self, String> {
        let files = told.ca.as_ref().ok_or("forward.ca: missing")?;
        let ca = Ca::load(files)
            .map_err(|error| format!("forward.ca: {error} (`tamis ca new` makes one)"))?;
        let users = told.users_file.as_deref().map(Users::load).transpose();
        let mut forward = Self {
            ca,
            users: users.map_err(|error| format!("forward.users_file: {error}"))?,
            other_hosts: told.other_hosts,
            exact: hashbrown::HashMap::default(),
            patterns: Vec::new(),
            origins: Arc::clone(origins),
        };
        for (at, vendor) in vendors.iter().enumerate() {
            for host in hosts_of(vendor) {
                forward.add(&host, routes, at)?;
            }
        }
        let uncovered = forward
            .exact
            .keys()
            .filter(|h| !forward.ca.info().covers(h));
        let mut uncovered: Vec<&str> = uncovered.map(|host| &**host).collect();
        if !uncovered.is_empty() {
            uncovered.sort_unstable();
            telemetry::ca_too_narrow(&uncovered.join(" "));
        }
        Ok(forward)
    }

    fn add(&mut self, host: &str, routes: &Routes, vendor: usize) -> Result<(), String> {
        // The route that goes to this very host, else the vendor's first.
        let goes_there = |upstream: &Upstream| *upstream.origin.host == *host;
        let mut of_vendor = routes.of_vendor(vendor);
        let Some((first, _)) = of_vendor.next() else {
            return Ok(());
        };
        let mut all = routes.of_vendor(vendor);
        let fits = all.find(|(_, route)| route.upstream.as_ref().is_some_and(goes_there));
        let route = fits.map_or(first, |(at, _)| at);
        if host.contains('*') {
            match self.patterns.iter_mut().find(|(known, _)| **known == *host) {
                Some((_, routes)) => routes.push(route),
                None => self
                    .patterns
                    .push((host.into(), [route].into_iter().collect())),
            }
            return Ok(());
        }
        let upstream = Upstream::guarded(host).map_err(|error| format!("host {host}: {error}"))?;
        let entry = self.exact.entry(host.into()).or_insert_with(|| Host {
            routes: SmallVec::new(),
            upstream: self.origins.shared(upstream),
        });
        entry.routes.push(route);
        Ok(())
    }

    /// Whether the client may use the proxy.
    pub(crate) async fn may(&self, credentials: Option<&str>) -> Result<(), Problem> {
        let Some(users) = &self.users else {
            return Ok(());
        };
        match users.know(credentials).await {
            Known::Yes => Ok(()),
            Known::No => Err(Problem::ProxyAuth),
            Known::Busy => Err(Problem::Overloaded),
        }
    }

    /// What the target of a `CONNECT` leads to.
    pub(crate) fn decide_connect(&self, target: &str) -> Result<Decision, Problem> {
        let at = Authority::parse(target).ok_or(Problem::Host)?;
        if at.port != Some(TLS_PORT) {
            return Err(Problem::Host);
        }
        let host = at.host.to_ascii_lowercase().into_boxed_str();
        if self.knows(&host) {
            return Ok(Decision::Judge(host));
        }
        match self.other_hosts {
            OtherHosts::Tunnel => Ok(Decision::Tunnel(host)),
            OtherHosts::Refuse => Err(Problem::Host),
        }
    }

    /// The catalogued host of an absolute target.
    pub(crate) fn decide_absolute(&self, target: &str, tls: bool) -> Result<Box<str>, Problem> {
        let default = if tls { TLS_PORT } else { 80 };
        let at = Authority::parse(target).ok_or(Problem::Host)?;
        let host = at.host.to_ascii_lowercase().into_boxed_str();
        if at.port.unwrap_or(default) != default || !self.knows(&host) {
            return Err(Problem::Host);
        }
        Ok(host)
    }

    fn knows(&self, host: &str) -> bool {
        self.exact.contains_key(host) || self.patterns.iter().any(|(p, _)| fits(p, host))
    }

    fn routes(&self, host: &str) -> Option<(SmallVec<[usize; 1]>, Upstream)> {
        if let Some(found) = self.exact.get(host) {
            return Some((found.routes.clone(), found.upstream.clone()));
        }
        let (_, routes) = self.patterns.iter().find(|(p, _)| fits(p, host))?;
        let upstream = self.origins.shared(Upstream::guarded(host).ok()?);
        Some((routes.clone(), upstream))
    }
}

/// The route of a host whose catalog has an endpoint for the request; else what its first says.
pub(crate) fn way<'c>(
    current: &'c Current,
    host: &str,
    method: &str,
    path: &str,
) -> Result<Way<'c>, Problem> {
    let forward = current.forward.as_ref().ok_or(Problem::Host)?;
    let (routes, upstream) = forward.routes(host).ok_or(Problem::Host)?;
    let find = |route: usize| {
        let vendor = current.routes.get(route)?.vendor;
        let vendor = current.generation.scrubber.vendors().get(vendor)?;
        Some((route, vendor.find(method, path)))
    };
    let known = |(_, found): &(usize, Found<'_>)| matches!(found, Found::Endpoint(..));
    let mut all: SmallVec<[_; 2]> = routes.iter().filter_map(|route| find(*route)).collect();
    let method_of = |(_, found): &(usize, Found<'_>)| matches!(found, Found::Method(_));
    let best = all.iter().position(known);
    let best = best.or_else(|| all.iter().position(method_of)).unwrap_or(0);
    if all.is_empty() {
        return Err(Problem::Host);
    }
    let (route, found) = all.swap_remove(best);
    Ok(Way {
        route,
        found,
        upstream,
    })
}

/// The hosts of a vendor's catalog: those it lists, its upstream's and its endpoints' own.
fn hosts_of(vendor: &Vendor) -> Vec<String> {
    let own = vendor
        .endpoints
        .iter()
        .filter_map(|e: &Endpoint| e.upstream.as_ref());
    let parsed = own.chain([&vendor.upstream]).filter_map(|url| {
        let upstream = Upstream::parse(url).ok()?;
        Some(upstream.origin.host.to_string())
    });
    let listed = vendor.hosts.iter().map(|host| host.to_ascii_lowercase());
    let mut all: Vec<String> = listed.chain(parsed).collect();
    // A catalog's upstream may be an address (a test's own); no client can name one.
    all.retain(|host| host.contains('*') || Authority::parse(host).is_some());
    all.sort();
    all.dedup();
    all
}

/// The names that a CA for these vendors must be able to sign for.
#[must_use]
pub fn ca_names(vendors: &[Arc<Vendor>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for vendor in vendors {
        for host in hosts_of(vendor) {
            // A constraint covers what stands below it.
            let name = match host.rsplit_once('*') {
                Some((_, rest)) => rest.split_once('.').map_or("", |(_, rest)| rest).to_owned(),
                None => host,
            };
            if name.contains('.') {
                names.push(name);
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Whether a host has the labels of a pattern; a star stands for any part of one label.
fn fits(pattern: &str, host: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('.'), host.split('.'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(want), Some(have)) => {
                let hit = match want.split_once('*') {
                    None => want == have,
                    Some((start, end)) => {
                        have.len() > start.len() + end.len()
                            && have.starts_with(start)
                            && have.ends_with(end)
                    }
                };
                if !hit {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Serves a `CONNECT` to its end; the answer to it has not been written. Boxed, since what comes out
/// of a terminated tunnel is served by the functions that lead here.
pub(crate) fn connect(
    tcp: TcpStream,
    decision: Decision,
    peer: IpAddr,
    worker: Arc<Worker>,
    limits: Limits,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(tunnel_to(tcp, decision, peer, worker, limits))
}

async fn tunnel_to(
    mut tcp: TcpStream,
    decision: Decision,
    peer: IpAddr,
    worker: Arc<Worker>,
    limits: Limits,
) {
    let host = match decision {
        Decision::Judge(host) => host,
        Decision::Tunnel(host) => return tunnel::serve(tcp, &host, &worker, &limits).await,
    };
    let current = worker.live.current();
    let tls = current.forward.as_ref().map(|f| f.ca.server_config(&host));
    let Some(Ok(tls)) = tls else {
        return worker.live.metrics.entry(Entry::HandshakeFailed);
    };
    drop(current);
    let deadline = Instant::now() + limits.header_timeout;
    let established = timeout_at(deadline, tcp.write_all(ESTABLISHED));
    let Ok(Ok(())) = established.await else {
        return;
    };
    let io = match timeout_at(deadline, TlsAcceptor::from(tls).accept(tcp)).await {
        Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
        Ok(Err(_)) | Err(_) => {
            worker.live.metrics.entry(Entry::HandshakeFailed);
            return telemetry::tls_handshake_failed();
        }
    };
    worker.live.metrics.entry(Entry::Terminated);
    if io.has_alpn(b"h2") {
        http2::serve(io, Vec::new(), peer, worker, limits, Door::Inside(host)).await;
    } else {
        http1::serve(io, peer, worker, limits, deadline, Door::Inside(host)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_within_a_label() {
        assert!(fits("*.ingest.acme.example", "o1.ingest.acme.example"));
        assert!(fits("in-*.acme.example", "in-eu.acme.example"));
        for other in [
            "ingest.acme.example",
            "a.b.ingest.acme.example",
            ".ingest.acme.example",
            "o1.ingest.acme.example.evil.example",
        ] {
            assert!(!fits("*.ingest.acme.example", other), "{other}");
        }
        assert!(!fits("in-*.acme.example", "in-.acme.example"));
    }
}
