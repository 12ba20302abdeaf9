//! What happens to a request, whatever the HTTP version: admit it by its head, then scrub, deliver
//! and account. The file to read first.
//!
//! Never looks into a body: the engine does, and gives back what may leave.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client_addr::client_addr;
use super::clients::Rates;
use super::cors::{self, Cors};
use super::forward;
use super::head::Seen;
use super::live::Current;
use super::reply::{Problem, Reply};
use super::route::check_path;
use super::worker::Worker;
use crate::catalog::{Endpoint, Found, Kind, Vendor};
use crate::config::Gateway;
use crate::deliver::grammar::Framing;
use crate::deliver::{self, Answer, Upstream};
use crate::scrub::{
    CleanRequest, RawRequest, Refusal, Report, Scratch, Target, Verdict, real_target,
};
use crate::telemetry::{self, Outcome};

/// Bodies larger than this are scrubbed off the event loop.
const LARGE: usize = 1 << 20;
/// Largest answer to telemetry and queries.
const ANSWER: usize = 4 << 20;
/// Largest answer to a script's request.
const ASSET: usize = 16 << 20;

/// A request that may send its body.
pub(crate) struct Admitted {
    vendor: usize,
    endpoint: usize,
    /// Where the vendor's path begins.
    rest: usize,
    /// Index of the route.
    route: usize,
    /// The real target, where the SDK wrapped it.
    target: Option<Target>,
    pub(crate) cors: Cors,
    pub(crate) limit: usize,
    /// The host that a client of the forward proxy chose.
    dialled: Option<Upstream>,
}

/// Judges a head: route, endpoint, CORS, lengths. An answer here means that the body is not wanted.
pub(crate) fn admit(
    worker: &Worker,
    current: &Current,
    seen: &Seen<'_>,
    peer: IpAddr,
) -> Result<Admitted, Reply> {
    let allowed = &current.generation.config.gateway.allowed_origins;
    let cors = Cors::of(seen.headers, allowed).map_err(|problem| Reply::problem(&problem))?;
    let within = within_rate(worker, current, seen, peer).map_err(Refused::from);
    let admitted = within.and_then(|()| admit_from(current, seen, &cors));
    admitted.map_err(|refused| match refused {
        Refused::Problem(problem) => cors.marked(Reply::problem(&problem), &[]),
        Refused::Reply(reply) => reply,
    })
}

/// Whether the client's rate allows one more request; without a rate there is nothing to ask.
fn within_rate(
    worker: &Worker,
    current: &Current,
    seen: &Seen<'_>,
    peer: IpAddr,
) -> Result<(), Problem> {
    let config = &current.generation.config;
    let Some(rate) = config.limits.client_rate else {
        return Ok(());
    };
    let client = client_addr(peer, seen.headers, &config.gateway.trusted_proxies);
    let burst = config.limits.client_burst.unwrap_or(rate);
    let rates = worker.live.rates.get_or_init(Rates::default);
    if rates.take(client, rate, burst) {
        Ok(())
    } else {
        Err(Problem::ClientRate)
    }
}

enum Refused {
    Problem(Problem),
    Reply(Reply),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

fn admit_from(current: &Current, seen: &Seen<'_>, cors: &Cors) -> Result<Admitted, Refused> {
    check_path(seen.path)?;
    if matches!(seen.method, "TRACE" | "CONNECT") {
        return Err(Problem::Method("GET, POST, OPTIONS".into()).into());
    }
    if let Some(host) = seen.dialled {
        return admit_dialled(current, seen, cors, host);
    }
    let (route_at, rest) = current
        .routes
        .find(seen.host, seen.path)
        .ok_or(Problem::Route)?;
    let route = current.routes.get(route_at).ok_or(Problem::Route)?;
    let outer = within(seen.path, rest);
    let scrubber = &current.generation.scrubber;
    let vendor = scrubber.vendors().get(route.vendor).ok_or(Problem::Route)?;
    let target = real_target(vendor, outer, seen.query).map_err(Problem::Decode)?;
    let path = target.as_ref().map_or(outer, |target| &target.path);
    check_path(path)?;
    if seen.method == "OPTIONS" {
        return Err(options(vendor, path, cors, seen.headers));
    }
    let (at, endpoint) = match vendor.find(seen.method, path) {
        Found::Endpoint(at, endpoint) => (at, endpoint),
        Found::Method(methods) => return Err(Problem::Method(methods.join(", ")).into()),
        Found::Nothing => return Err(Problem::Endpoint.into()),
    };
    check_length(seen, endpoint, route.body)?;
    Ok(Admitted {
        vendor: route.vendor,
        endpoint: at,
        rest,
        route: route_at,
        target,
        cors: cors.clone(),
        limit: route.body,
        dialled: None,
    })
}

/// The same for the forward proxy: the host decides, and the path is the vendor's own.
fn admit_dialled(
    current: &Current,
    seen: &Seen<'_>,
    cors: &Cors,
    host: &str,
) -> Result<Admitted, Refused> {
    let way = forward::way(current, host, seen.method, seen.path)?;
    let route = current.routes.get(way.route).ok_or(Problem::Route)?;
    if seen.method == "OPTIONS" {
        let vendors = current.generation.scrubber.vendors();
        let vendor = vendors.get(route.vendor).ok_or(Problem::Route)?;
        return Err(options(vendor, seen.path, cors, seen.headers));
    }
    let (endpoint, found) = match way.found {
        Found::Endpoint(at, endpoint) => (at, endpoint),
        Found::Method(methods) => return Err(Problem::Method(methods.join(", ")).into()),
        Found::Nothing => return Err(Problem::Endpoint.into()),
    };
    check_length(seen, found, route.body)?;
    Ok(Admitted {
        vendor: route.vendor,
        endpoint,
        rest: 0,
        route: way.route,
        target: None,
        cors: cors.clone(),
        limit: route.body,
        dialled: Some(way.upstream),
    })
}

/// The vendor's path: what stands behind the route's prefix.
fn within(path: &str, rest: usize) -> &str {
    match path.get(rest..) {
        Some("") | None => "/",
        Some(rest) => rest,
    }
}

/// The answer to `OPTIONS`: only on paths that the catalog knows.
fn options(vendor: &Vendor, path: &str, cors: &Cors, headers: &[(&str, &str)]) -> Refused {
    let mut methods: Vec<&str> = Vec::new();
    for endpoint in &vendor.endpoints {
        if endpoint.paths.iter().any(|pattern| pattern.matches(path)) {
            for method in &endpoint.methods {
                if !methods.contains(&&**method) {
                    methods.push(method);
                }
            }
        }
    }
    if methods.is_empty() {
        return Refused::Problem(Problem::Endpoint);
    }
    Refused::Reply(cors::preflight(cors, &methods, headers))
}

/// Refuses bodies where the method has none, none where one is needed, and too long ones.
fn check_length(seen: &Seen<'_>, endpoint: &Endpoint, limit: usize) -> Result<(), Problem> {
    let bodiless = matches!(seen.method, "GET" | "HEAD");
    match seen.framing {
        Framing::Chunked | Framing::Length(1..) if bodiless => {
            Err(Problem::Malformed("a request with this method has no body"))
        }
        Framing::Length(length) if length > limit as u64 => Err(Problem::BodyTooLarge),
        Framing::None if !bodiless && seen.method != "DELETE" => Err(Problem::LengthRequired),
        Framing::Length(0) if needs_body(seen, endpoint) => Err(Problem::Malformed(EMPTY)),
        Framing::None | Framing::Chunked | Framing::Length(_) => Ok(()),
    }
}

const EMPTY: &str = "this endpoint needs a body";

/// An endpoint that also takes GET can carry everything in its query, as beacons do.
fn needs_body(seen: &Seen<'_>, endpoint: &Endpoint) -> bool {
    let by_query =
        seen.query.is_some_and(|q| !q.is_empty()) && endpoint.methods.iter().any(|m| &**m == "GET");
    !matches!(seen.method, "GET" | "HEAD" | "DELETE") && !endpoint.bodies.is_empty() && !by_query
}

/// What the engine decided, without a borrow of it.
enum Judged {
    Forward(CleanRequest),
    Answer(Reply),
    Refuse(Refusal),
}

/// A request with its body, scrubbed, delivered, answered and counted.
///
/// `message` owns the bytes that `view` reads, so that a large body can move to another thread.
pub(crate) async fn process<M>(
    worker: &Worker,
    current: &Arc<Current>,
    admitted: &Admitted,
    peer: IpAddr,
    message: M,
) -> (Reply, Option<M>)
where
    M: Message,
{
    let started = Instant::now();
    let metrics = &worker.live.metrics;
    metrics.bytes_in.inc_by(message.body_len() as u64);
    let (judged, report, message) = scrub(worker, current, admitted, peer, message).await;
    if let Some(vendor) = current.metrics.get(admitted.vendor) {
        vendor.report(&report);
    }
    let (mut reply, outcome) = match judged {
        Some(Judged::Forward(clean)) => {
            metrics.bytes_out.inc_by(clean.body().len() as u64);
            forward(worker, current, admitted, &clean).await
        }
        Some(Judged::Answer(reply)) => (reply, Outcome::Answered),
        Some(Judged::Refuse(refusal)) => refused(current, admitted, refusal),
        None => (Reply::problem(&Problem::Internal), Outcome::Unavailable),
    };
    let exposed = endpoint(current, admitted).map_or(&[][..], |e| &e.answer_headers);
    admitted.cors.mark(&mut reply, exposed);
    account(
        current,
        admitted,
        &reply,
        outcome,
        &report,
        started.elapsed(),
    );
    (reply, message)
}

/// A whole request that can be read in place.
pub(crate) trait Message: Send + 'static {
    /// Bytes of the body.
    fn body_len(&self) -> usize;
    /// Head and body.
    fn with<R>(&self, f: impl FnOnce(&Seen<'_>, &[u8]) -> R) -> R;
    /// Gives the body's memory back.
    fn free(&mut self);
}

async fn scrub<M: Message>(
    worker: &Worker,
    current: &Arc<Current>,
    admitted: &Admitted,
    peer: IpAddr,
    message: M,
) -> (Option<Judged>, Report, Option<M>) {
    let place = Place {
        vendor: admitted.vendor,
        endpoint: admitted.endpoint,
        route: admitted.route,
        rest: admitted.rest,
        target: admitted.target.clone(),
        limit: admitted.limit,
        peer,
    };
    if message.body_len() <= LARGE {
        let mut scratch = worker.scratch();
        let judged = catch_unwind(AssertUnwindSafe(|| {
            judge(current, &place, &message, &mut scratch)
        }));
        let Ok(judged) = judged else {
            // What the buffers hold is not known: the next request begins with new ones.
            *scratch = Scratch::new();
            worker.live.metrics.panics.inc();
            return (None, Report::default(), Some(message));
        };
        let report = scratch.report().clone();
        return (Some(judged), report, Some(message));
    }
    // As many as there are cores: more would not be faster, and each holds its body several times.
    let turn = Arc::clone(&worker.live.judging).acquire_owned().await;
    let current = Arc::clone(current);
    let task = tokio::task::spawn_blocking(move || {
        let mut message = message;
        let mut scratch = Scratch::new();
        let judged = judge(&current, &place, &message, &mut scratch);
        // What came is not needed any more while what leaves is on its way.
        message.free();
        // Held until here, also when the client has gone in the meantime.
        drop(turn);
        (judged, scratch.report().clone(), message)
    });
    match task.await {
        Ok((judged, report, message)) => (Some(judged), report, Some(message)),
        // The engine panicked: this request fails, its neighbours do not.
        Err(_) => {
            worker.live.metrics.panics.inc();
            (None, Report::default(), None)
        }
    }
}

/// Where a request goes, by value.
struct Place {
    vendor: usize,
    endpoint: usize,
    route: usize,
    rest: usize,
    target: Option<Target>,
    limit: usize,
    peer: IpAddr,
}

fn judge<M: Message>(
    current: &Current,
    place: &Place,
    message: &M,
    scratch: &mut Scratch,
) -> Judged {
    message.with(|seen, body| {
        let config = &current.generation.config;
        let believed = believed(seen.headers, place.peer, &config.gateway);
        let raw = RawRequest {
            vendor: place.vendor,
            endpoint: place.endpoint,
            method: seen.method,
            path: match &place.target {
                Some(target) => &target.path,
                None => within(seen.path, place.rest),
            },
            query: match &place.target {
                Some(target) => target.query.as_deref(),
                None => seen.query,
            },
            headers: believed.as_deref().unwrap_or(seen.headers),
            body,
            client_ip: client_addr(place.peer, seen.headers, &config.gateway.trusted_proxies),
            body_limit: place.limit,
            projects: current.routes.get(place.route).map_or(&[], |r| &r.projects),
            extra_headers: current.routes.get(place.route).map_or(&[], |r| &r.headers),
        };
        match current.generation.scrubber.scrub(&raw, scratch) {
            Verdict::Forward(clean) => Judged::Forward(clean),
            Verdict::Answer(answer) => Judged::Answer(match answer {
                None => Reply::new(200, "", ""),
                Some(answer) => {
                    Reply::new(answer.status, &answer.content_type, answer.body.as_bytes())
                }
            }),
            Verdict::Refuse(refusal) => Judged::Refuse(refusal),
        }
    })
}

/// The fields without what only a trusted proxy may say, when the peer is none; `None`: all of them.
fn believed<'h>(
    headers: &[(&'h str, &'h str)],
    peer: IpAddr,
    gateway: &Gateway,
) -> Option<Vec<(&'h str, &'h str)>> {
    let name = gateway.country_header.as_deref()?;
    let peer = peer.to_canonical();
    if gateway
        .trusted_proxies
        .iter()
        .any(|net| net.contains(&peer))
    {
        return None;
    }
    let rest = headers.iter().filter(|(field, _)| *field != name);
    Some(rest.copied().collect())
}

fn refused(current: &Current, admitted: &Admitted, refusal: Refusal) -> (Reply, Outcome) {
    match refusal {
        Refusal::Decode(error) => {
            if let Some(metrics) = endpoint_metrics(current, admitted) {
                metrics.decode_error(error);
            }
            (
                Reply::problem(&Problem::Decode(error)),
                Outcome::Undecodable,
            )
        }
        Refusal::Project => (Reply::problem(&Problem::Project), Outcome::Rejected),
        Refusal::Policy => (Reply::problem(&Problem::Policy), Outcome::Rejected),
    }
}

async fn forward(
    worker: &Worker,
    current: &Current,
    admitted: &Admitted,
    clean: &CleanRequest,
) -> (Reply, Outcome) {
    let Some(endpoint) = endpoint(current, admitted) else {
        return (Reply::problem(&Problem::Internal), Outcome::Unavailable);
    };
    let Some((upstream, target)) = upstream(current, admitted, clean) else {
        let problem = Problem::Deliver(deliver::DeliverError::Upstream);
        return (Reply::problem(&problem), Outcome::Upstream);
    };
    let asset = endpoint.kind == Kind::Asset;
    let told = &current.generation.config.limits;
    let limits = deliver::Limits {
        timeout: told.upstream_timeout,
        body: if asset { ASSET } else { ANSWER },
        concurrency: u32::try_from(told.upstream_requests).unwrap_or(u32::MAX),
    };
    let allow = |name: &str| answer_header(name, asset, endpoint);
    let sent = Instant::now();
    let egress = &current.egress;
    let place = (upstream, target);
    let answer = worker
        .client
        .send(clean, place, egress, limits, &allow)
        .await;
    if let Some(metrics) = endpoint_metrics(current, admitted) {
        metrics.upstream(sent.elapsed());
    }
    let vendors = current.generation.scrubber.vendors();
    let vendor = vendors.get(admitted.vendor).map_or("", |v| &v.name);
    match (upstream.origin.health.turned(), &answer) {
        (None, _) => {}
        (Some(deliver::Turn::Opened), Err(error)) => {
            telemetry::upstream_given_up(vendor, error.name());
        }
        (Some(deliver::Turn::Opened), Ok(_)) => {
            telemetry::upstream_given_up(vendor, deliver::DeliverError::Open.name());
        }
        (Some(deliver::Turn::Closed), _) => telemetry::upstream_back(vendor),
    }
    match answer {
        Ok(answer) => (handed_on(answer), Outcome::Forwarded),
        Err(error) => {
            worker.live.metrics.upstream_error(vendor, error.name());
            let reply = Reply::problem(&Problem::Deliver(error));
            (reply, Outcome::Upstream)
        }
    }
}

/// A flag's or route's upstream, else the endpoint's own, else the vendor's; and the target there.
///
/// An override that is another host of the vendor (a region) stands for the vendor's own upstream
/// only: what the catalog fetches elsewhere, such as scripts from a CDN, still comes from there.
fn upstream<'c>(
    current: &'c Current,
    admitted: &'c Admitted,
    clean: &'c CleanRequest,
) -> Option<(&'c Upstream, &'c str)> {
    let vendors = current.generation.scrubber.vendors();
    let vendor = vendors.get(admitted.vendor)?;
    let over = current.routes.get(admitted.route)?.upstream.as_ref();
    if let Some(upstream) = over.filter(|upstream| !is_region(upstream, vendor)) {
        return Some((upstream, clean.target()));
    }
    if let Some(dialled) = &admitted.dialled {
        // The client's host is where it goes, unless the operator chose another region for it.
        let upstream = over.filter(|_| clean.upstream().is_none());
        return Some((upstream.unwrap_or(dialled), clean.target()));
    }
    let upstream = match (clean.upstream(), over) {
        (None, Some(region)) => region,
        (own, _) => current.upstream(own.unwrap_or(&vendor.upstream))?,
    };
    Some((upstream, clean.upstream_target().unwrap_or(clean.target())))
}

fn is_region(upstream: &Upstream, vendor: &Vendor) -> bool {
    vendor.hosts.iter().any(|h| **h == *upstream.origin.host)
}

/// The allow list of answers: nothing that acts on the client's origin or follows it.
fn answer_header(name: &str, asset: bool, endpoint: &Endpoint) -> bool {
    match name {
        "content-type" | "content-encoding" | "cache-control" | "expires" | "retry-after" => true,
        "last-modified" | "etag" => asset,
        _ => endpoint
            .answer_headers
            .iter()
            .any(|allowed| **allowed == *name),
    }
}

fn handed_on(answer: Answer) -> Reply {
    let mut reply = Reply::new(answer.status, "", answer.body);
    for (name, value) in answer.headers {
        reply
            .headers
            .push((name.into_string().into(), value.into()));
    }
    reply
}

fn account(
    current: &Current,
    admitted: &Admitted,
    reply: &Reply,
    outcome: Outcome,
    report: &Report,
    took: Duration,
) {
    if let Some(metrics) = endpoint_metrics(current, admitted) {
        metrics.done(outcome, took);
    }
    let vendors = current.generation.scrubber.vendors();
    if let (Some(vendor), Some(endpoint)) =
        (vendors.get(admitted.vendor), endpoint(current, admitted))
    {
        let events = (report.events_in, report.events_out);
        telemetry::request_done(&vendor.name, &endpoint.name, reply.status, events, took);
        if report.shadow_differences > 0 {
            telemetry::shadow_differs(&vendor.name, &endpoint.name, report.shadow_differences);
        }
    }
}

fn endpoint<'c>(current: &'c Current, admitted: &Admitted) -> Option<&'c Endpoint> {
    let vendor = current.generation.scrubber.vendors().get(admitted.vendor)?;
    vendor.endpoints.get(admitted.endpoint)
}

fn endpoint_metrics<'c>(
    current: &'c Current,
    admitted: &Admitted,
) -> Option<&'c telemetry::EndpointMetrics> {
    let vendor = current.metrics.get(admitted.vendor)?;
    vendor.endpoints.get(admitted.endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_of_the_vendor_is_a_region() {
        let vendors = crate::catalog::load::builtin().unwrap();
        let mixpanel = vendors.iter().find(|v| &*v.name == "mixpanel").unwrap();
        let region = |url: &str| is_region(&Upstream::parse(url).unwrap(), mixpanel);
        assert!(region("https://api-eu.mixpanel.com"));
        assert!(!region("http://127.0.0.1:8080/mixpanel"));
        assert!(!region("https://mixpanel.com.example"));
    }
}
