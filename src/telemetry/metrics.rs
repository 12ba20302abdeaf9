//! Metrics: names, labels and the handles that the hot path uses.
//!
//! Labels are vendor and endpoint names of catalogs and fixed words. A handle is resolved at its
//! first use and kept, so that a request hashes no label.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::shadow::Shadowed;
use crate::catalog::Vendor;
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::scrub::{Differences, Report};

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter, fn() -> Counter>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;
/// As [`Family`] makes counters by default.
type LazyCounter = Lazy<Counter>;

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The vendor's answer was handed on.
    Forwarded,
    /// Nothing was left; Tamis answered.
    Answered,
    /// The request could not be decoded.
    Undecodable,
    /// The policy refused it.
    Rejected,
    /// The upstream failed.
    Upstream,
    /// Tamis failed or was overloaded.
    Unavailable,
}

impl Outcome {
    /// All outcomes, in the order of [`EndpointMetrics`].
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Forwarded, "forwarded"),
        (Self::Answered, "answered"),
        (Self::Undecodable, "undecodable"),
        (Self::Rejected, "rejected"),
        (Self::Upstream, "upstream_error"),
        (Self::Unavailable, "unavailable"),
    ];
}

/// What became of a client that came to the forward proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// An absolute target to a catalogued host.
    Absolute,
    /// A `CONNECT` to a catalogued host, its TLS terminated.
    Terminated,
    /// A `CONNECT` to another host, handed through unseen.
    Tunnelled,
    /// Host, port or head not allowed.
    Refused,
    /// No or wrong credentials.
    Unauthenticated,
    /// No TLS in the tunnel, for another host, or the client did not trust the CA.
    HandshakeFailed,
    /// Another host that could not be reached.
    Unreachable,
}

impl Entry {
    fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Terminated => "terminated",
            Self::Tunnelled => "tunnelled",
            Self::Refused => "refused",
            Self::Unauthenticated => "unauthenticated",
            Self::HandshakeFailed => "handshake_failed",
            Self::Unreachable => "unreachable",
        }
    }
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: Counters,
    events: Counters,
    actions: Counters,
    decode_errors: Counters,
    request_duration: Histograms,
    upstream_duration: Histograms,
    refused: Counters,
    reloads: Counters,
    upstream_errors: Counters,
    forward: Counters,
    connections_refused: Counters,
    state_write_failures: Counters,
    certificates: Family<Labels, Gauge<f64, AtomicU64>>,
    /// Bytes of bodies that came in.
    pub bytes_in: Counter,
    /// Bytes of bodies that went to vendors.
    pub bytes_out: Counter,
    /// Bytes of tunnels to other hosts, from clients.
    pub tunnel_out: Counter,
    /// The same, to clients.
    pub tunnel_in: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Connections' tasks that panicked.
    pub panics: Counter,
    /// What the shadow policy would have done otherwise.
    pub shadow: Arc<Differences>,
    /// The time of the last good load, in seconds of the Unix epoch.
    pub config_loaded: Gauge<f64, AtomicU64>,
}

/// The handles of one vendor.
pub struct VendorMetrics {
    /// By endpoint index.
    pub endpoints: Vec<EndpointMetrics>,
    events_in: LazyCounter,
    events_out: LazyCounter,
    events_dropped: LazyCounter,
    actions: [LazyCounter; Report::ACTIONS.len()],
}

/// The handles of one endpoint.
pub struct EndpointMetrics {
    requests: [LazyCounter; 6],
    decode_errors: [LazyCounter; DECODE_KINDS.len()],
    request_duration: Lazy<Histogram>,
    upstream_duration: Lazy<Histogram>,
}

fn buckets() -> Histogram {
    Histogram::new([
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
        5.0, 10.0, 30.0,
    ])
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers every metric.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one list of all metrics")]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("tamis");
        let metrics = Self {
            requests: Family::new_with_constructor(Counter::default),
            events: Family::new_with_constructor(Counter::default),
            actions: Family::new_with_constructor(Counter::default),
            decode_errors: Family::new_with_constructor(Counter::default),
            request_duration: Family::new_with_constructor(buckets),
            upstream_duration: Family::new_with_constructor(buckets),
            refused: Family::new_with_constructor(Counter::default),
            reloads: Family::new_with_constructor(Counter::default),
            upstream_errors: Family::new_with_constructor(Counter::default),
            forward: Family::new_with_constructor(Counter::default),
            connections_refused: Family::new_with_constructor(Counter::default),
            state_write_failures: Family::new_with_constructor(Counter::default),
            certificates: Family::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            tunnel_out: Counter::default(),
            tunnel_in: Counter::default(),
            connections: Gauge::default(),
            panics: Counter::default(),
            shadow: Arc::default(),
            config_loaded: Gauge::default(),
            registry: Registry::default(),
        };
        let bytes = Counters::new_with_constructor(Counter::default);
        let tunnel = Counters::new_with_constructor(Counter::default);
        registry.register(
            "requests",
            "Requests by what became of them",
            metrics.requests.clone(),
        );
        registry.register(
            "events",
            "Events by what became of them",
            metrics.events.clone(),
        );
        registry.register(
            "actions",
            "Leaves and spans by action",
            metrics.actions.clone(),
        );
        registry.register(
            "decode_errors",
            "Requests that could not be decoded",
            metrics.decode_errors.clone(),
        );
        registry.register(
            "refused",
            "Requests refused before an endpoint was found, by status",
            metrics.refused.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "From a whole request to its answer",
            Unit::Seconds,
            metrics.request_duration.clone(),
        );
        registry.register_with_unit(
            "upstream_duration",
            "From the request to the vendor to its whole answer",
            Unit::Seconds,
            metrics.upstream_duration.clone(),
        );
        registry.register_with_unit(
            "body",
            "Bytes of request bodies",
            Unit::Bytes,
            bytes.clone(),
        );
        registry.register(
            "connections",
            "Open connections",
            metrics.connections.clone(),
        );
        registry.register(
            "reloads",
            "Loads of the configuration",
            metrics.reloads.clone(),
        );
        registry.register(
            "upstream_errors",
            "Deliveries that failed, by kind",
            metrics.upstream_errors.clone(),
        );
        registry.register(
            "forward",
            "Clients of the forward proxy by what became of them",
            metrics.forward.clone(),
        );
        registry.register_with_unit(
            "tunnel",
            "Bytes of tunnels to other hosts",
            Unit::Bytes,
            tunnel.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections that ended before their first request",
            metrics.connections_refused.clone(),
        );
        registry.register(
            "state_write_failures",
            "Times that something could not be written into the state directory",
            metrics.state_write_failures.clone(),
        );
        registry.register_with_unit(
            "certificate_expiry_timestamp",
            "When a certificate of ours expires",
            Unit::Seconds,
            metrics.certificates.clone(),
        );
        registry.register("panics", "Tasks that panicked", metrics.panics.clone());
        registry.register_with_unit(
            "config_loaded_timestamp",
            "When the configuration in force was loaded",
            Unit::Seconds,
            metrics.config_loaded.clone(),
        );
        registry.register_collector(Box::new(Shadowed(Arc::clone(&metrics.shadow))));
        registry.register(
            "build",
            "The program",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        let direction =
            |of: &Counters, name: &str| of.get_or_create_owned(&vec![("direction", name.into())]);
        let (bytes_in, bytes_out) = (direction(&bytes, "in"), direction(&bytes, "out"));
        let (tunnel_in, tunnel_out) = (direction(&tunnel, "in"), direction(&tunnel, "out"));
        Self {
            registry,
            bytes_in,
            bytes_out,
            tunnel_in,
            tunnel_out,
            ..metrics
        }
    }

    /// The text exposition.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Resolves the handles of the vendors.
    #[must_use]
    pub fn resolve(&self, vendors: &[Arc<Vendor>]) -> Vec<VendorMetrics> {
        vendors.iter().map(|vendor| self.vendor(vendor)).collect()
    }

    /// Counts a request that found no endpoint.
    pub fn refused(&self, status: u16) {
        let labels = vec![("status", status.to_string())];
        self.refused.get_or_create(&labels).inc();
    }

    /// The same for answers to requests that needed no endpoint: preflights are no refusals.
    pub fn refused_if_error(&self, status: u16) {
        if status >= 400 {
            self.refused(status);
        }
    }

    /// Counts a client of the forward proxy.
    pub fn entry(&self, entry: Entry) {
        let labels = vec![("outcome", entry.name().to_owned())];
        self.forward.get_or_create(&labels).inc();
    }

    /// Counts a delivery that failed.
    pub fn upstream_error(&self, vendor: &str, kind: &'static str) {
        let labels = vec![("vendor", vendor.to_owned()), ("kind", kind.to_owned())];
        self.upstream_errors.get_or_create(&labels).inc();
    }

    /// Counts a connection that ends before its first request: too many of them (`limit`), too many of
    /// this client (`client_limit`), no TLS (`tls`) or no PROXY header (`proxy_protocol`) as it should be.
    pub fn connection_refused(&self, reason: &'static str) {
        let labels = vec![("reason", reason.to_owned())];
        self.connections_refused.get_or_create(&labels).inc();
    }

    /// Counts that the data map (`inventory`) or a key (`key`) could not be written.
    pub fn state_write_failed(&self, what: &'static str) {
        let labels = vec![("what", what.to_owned())];
        self.state_write_failures.get_or_create(&labels).inc();
    }

    /// When the certificates in use expire, in seconds of the Unix epoch, by what they are for.
    pub fn certificates(&self, all: &[(&'static str, i64)]) {
        self.certificates.clear();
        for (of, expiry) in all {
            let labels = vec![("certificate", (*of).to_owned())];
            #[expect(clippy::cast_precision_loss, reason = "exact for 200 million years")]
            self.certificates.get_or_create(&labels).set(*expiry as f64);
        }
    }

    /// Counts a load of the configuration.
    pub fn reload(&self, good: bool) {
        let result = if good { "ok" } else { "refused" };
        let labels = vec![("result", result.to_owned())];
        self.reloads.get_or_create(&labels).inc();
    }

    fn vendor(&self, vendor: &Vendor) -> VendorMetrics {
        let name = &*vendor.name;
        let event = |outcome| Lazy::new(&self.events, [("vendor", name), ("outcome", outcome)]);
        VendorMetrics {
            endpoints: vendor
                .endpoints
                .iter()
                .map(|endpoint| self.endpoint(name, &endpoint.name))
                .collect(),
            events_in: event("in"),
            events_out: event("out"),
            events_dropped: event("dropped"),
            actions: Report::ACTIONS
                .map(|action| Lazy::new(&self.actions, [("vendor", name), ("action", action)])),
        }
    }

    fn endpoint(&self, vendor: &str, endpoint: &str) -> EndpointMetrics {
        let place = [("vendor", vendor), ("endpoint", endpoint)];
        let [vendor, endpoint] = place;
        EndpointMetrics {
            requests: Outcome::ALL.map(|(_, outcome)| {
                Lazy::new(&self.requests, [vendor, endpoint, ("outcome", outcome)])
            }),
            decode_errors: DECODE_KINDS
                .map(|kind| Lazy::new(&self.decode_errors, [vendor, endpoint, ("kind", kind)])),
            request_duration: Lazy::new(&self.request_duration, place),
            upstream_duration: Lazy::new(&self.upstream_duration, place),
        }
    }
}

/// A handle that is resolved, and shown, from its first use on: most endpoints are never called.
struct Lazy<M, C = fn() -> M> {
    family: Family<Labels, M, C>,
    labels: Labels,
    handle: OnceLock<M>,
}

impl<M: Clone, C: MetricConstructor<M> + Clone> Lazy<M, C> {
    fn new<const N: usize>(
        family: &Family<Labels, M, C>,
        labels: [(&'static str, &str); N],
    ) -> Self {
        Self {
            family: family.clone(),
            labels: labels.map(|(key, value)| (key, value.to_owned())).into(),
            handle: OnceLock::new(),
        }
    }

    fn get(&self) -> &M {
        self.handle
            .get_or_init(|| self.family.get_or_create_owned(&self.labels))
    }
}

impl VendorMetrics {
    /// Counts what was done to a request.
    pub fn report(&self, report: &Report) {
        self.events_in.get().inc_by(u64::from(report.events_in));
        self.events_out.get().inc_by(u64::from(report.events_out));
        let dropped = report.events_in.saturating_sub(report.events_out);
        if dropped > 0 {
            self.events_dropped.get().inc_by(u64::from(dropped));
        }
        for (counter, count) in self.actions.iter().zip(report.actions) {
            if count > 0 {
                counter.get().inc_by(u64::from(count));
            }
        }
    }
}

impl EndpointMetrics {
    /// Counts a request's end.
    pub fn done(&self, outcome: Outcome, took: Duration) {
        let counters = Outcome::ALL.iter().zip(&self.requests);
        for ((other, _), counter) in counters {
            if *other == outcome {
                counter.get().inc();
            }
        }
        self.request_duration.get().observe(took.as_secs_f64());
    }

    /// Notes how long the vendor took.
    pub fn upstream(&self, took: Duration) {
        self.upstream_duration.get().observe(took.as_secs_f64());
    }

    /// Counts a request that could not be decoded.
    pub fn decode_error(&self, error: DecodeError) {
        let name = kind_name(error.kind);
        for (other, counter) in DECODE_KINDS.iter().zip(&self.decode_errors) {
            if *other == name {
                counter.get().inc();
            }
        }
    }
}

const DECODE_KINDS: [&str; 11] = [
    "syntax",
    "truncated",
    "trailing",
    "utf8",
    "corrupt",
    "depth",
    "too_large",
    "empty",
    "unsupported",
    "salt",
    "shape",
];

fn kind_name(kind: DecodeErrorKind) -> &'static str {
    match kind {
        DecodeErrorKind::Syntax => "syntax",
        DecodeErrorKind::Truncated => "truncated",
        DecodeErrorKind::Trailing => "trailing",
        DecodeErrorKind::Utf8 => "utf8",
        DecodeErrorKind::Corrupt => "corrupt",
        DecodeErrorKind::Depth => "depth",
        DecodeErrorKind::TooLarge => "too_large",
        DecodeErrorKind::Empty => "empty",
        DecodeErrorKind::Unsupported => "unsupported",
        DecodeErrorKind::Salt => "salt",
        DecodeErrorKind::Shape => "shape",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_decode_error_is_counted() {
        use DecodeErrorKind as Kind;
        let kinds = [
            Kind::Syntax,
            Kind::Truncated,
            Kind::Trailing,
            Kind::Utf8,
            Kind::Corrupt,
            Kind::Depth,
            Kind::TooLarge,
            Kind::Empty,
            Kind::Unsupported,
            Kind::Salt,
            Kind::Shape,
        ];
        let metrics = Metrics::new();
        let endpoint = metrics.endpoint("v", "/e");
        for kind in kinds {
            endpoint.decode_error(DecodeError::new(kind, "json", 0));
        }
        let text = metrics.render();
        for kind in kinds.map(kind_name) {
            let line = format!(
                "tamis_decode_errors_total{{vendor=\"v\",endpoint=\"/e\",kind=\"{kind}\"}} 1"
            );
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert_eq!(kinds.len(), DECODE_KINDS.len());
    }

    #[test]
    fn certificates_are_those_in_use() {
        let metrics = Metrics::new();
        metrics.certificates(&[("gateway", 1_900_000_000), ("forward_ca", 2_000_000_000)]);
        metrics.certificates(&[("gateway", 1_910_000_000)]);
        let text = metrics.render();
        let line = "tamis_certificate_expiry_timestamp_seconds{certificate=\"gateway\"} 1910000000";
        assert!(text.contains(line), "{text}");
        assert!(!text.contains("forward_ca"), "{text}");
    }

    #[test]
    fn names_are_as_documented() {
        let metrics = Metrics::new();
        metrics.reload(true);
        metrics.refused(404);
        let endpoint = metrics.endpoint("v", "/e");
        endpoint.done(Outcome::Forwarded, Duration::from_millis(3));
        endpoint.upstream(Duration::from_millis(2));
        let text = metrics.render();
        for line in [
            "tamis_requests_total{vendor=\"v\",endpoint=\"/e\",outcome=\"forwarded\"} 1",
            "tamis_request_duration_seconds_count{vendor=\"v\",endpoint=\"/e\"} 1",
            "tamis_body_bytes_total{direction=\"in\"} 0",
            "tamis_build_info{version=",
            "tamis_connections 0",
            "tamis_reloads_total{result=\"ok\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
