//! `tamis verify`: canaries in every field, encoding and endpoint of the catalogs, driven through the
//! real gateway into a recorder, and a proof that none leaves that the policy does not let.
//!
//! For each endpoint the `probes` are written from the catalog; what must not leave is read off the
//! policy beforehand (`expect`); each probe is sent twice, straight to the recorder (the control: what
//! is not found there would not be found anywhere) and through the gateway, and what arrived is
//! searched (`search`). Invariants: the engine is never asked what it would do; the report holds no
//! canary.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use self::canary::Mint;
pub use self::canary::Seed;
use self::expect::{Court, Event, Fate, Fields};
use self::net::Recorder;
use self::probes::{Maker, Probe};
pub use self::report::{Check, Kept, Leak, Line, Missing, NotGenerated, Report, check};
use self::search::Finder;
use self::tree::Plant;
use crate::catalog::{Endpoint, Kind, Layer, Vendor};
use crate::config::Config;
use crate::policy::CompiledPolicy;
use crate::proxy::{Generation, Live, Server};
use crate::scrub::Scrubber;
use crate::sensitive::{SecretKey, SecretText};

mod bodies;
mod canary;
mod expect;
mod net;
mod net2;
mod probes;
mod report;
mod search;
mod sheets;
mod tree;
mod wire;
mod wire_pack;
mod wire_protobuf;

/// What is verified.
pub struct Subject {
    /// The policy in force.
    pub policy: Arc<CompiledPolicy>,
    /// The vendors to drive.
    pub vendors: Vec<Arc<Vendor>>,
    /// Salts of vendors' checksums, by the vendors' names.
    pub salts: Vec<(String, SecretText)>,
    /// Names and SHA-256 of the catalogs, hexadecimal.
    pub catalogs: Vec<(String, String)>,
    /// Where the canaries come from.
    pub seed: Seed,
}

/// By which protocol requests come to the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Via {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, without TLS.
    Http2,
}

impl Via {
    /// As reports and the command line call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        }
    }

    fn send(
        self,
        gateway: SocketAddr,
        below: &str,
        message: &net::Message,
    ) -> std::io::Result<Option<u16>> {
        match self {
            Self::Http1 => net::send(gateway, below, message),
            Self::Http2 => net2::send(gateway, below, message),
        }
    }
}

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A socket of our own failed.
    #[error("cannot use a socket on loopback: {0}")]
    Socket(#[from] std::io::Error),
    /// The gateway does not start.
    #[error("the gateway does not start: {0}")]
    Gateway(String),
}

/// Drives every vendor over HTTP/1.1 and reports.
///
/// # Errors
/// [`VerifyError`] when gateway or recorders cannot be started. What is found is in the report.
pub fn run(subject: &Subject) -> Result<Report, VerifyError> {
    run_via(subject, Via::Http1)
}

/// Drives every vendor and reports.
///
/// # Errors
/// [`VerifyError`] when gateway or recorders cannot be started. What is found is in the report.
pub fn run_via(subject: &Subject, via: Via) -> Result<Report, VerifyError> {
    let recorders = subject.vendors.iter().map(|_| Recorder::start());
    let recorders: Vec<Recorder> = recorders.collect::<Result<_, _>>()?;
    let first = Mutex::new(Some(generation(subject, &recorders)));
    let live = Live::start(Box::new(move || {
        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
        first.take().ok_or_else(|| "nothing to reload".into())
    }))
    .map_err(|error| VerifyError::Gateway(error.to_string()))?;
    let server = Server::start(&live, 2)?;
    let gateway = server.addrs.first().copied();
    let gateway = gateway.ok_or_else(|| VerifyError::Gateway("it has no address".into()))?;
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<report::Found, std::io::Error>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(vendor), Some(recorder)) =
                        (subject.vendors.get(at), recorders.get(at))
                    else {
                        return;
                    };
                    let found = one_vendor(subject, vendor, (via, gateway), recorder);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((at, found));
                }
            });
        }
    });
    server.shutdown();
    let _ = server.join();
    let mut all = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|(at, _)| *at);
    let found: Vec<report::Found> = all.into_iter().map(|(_, f)| f).collect::<Result<_, _>>()?;
    Ok(Report::new(subject, via, found))
}

/// A gateway as by default: the policy and catalogs in force, each vendor at its recorder.
fn generation(subject: &Subject, recorders: &[Recorder]) -> Generation {
    let mut config = Config::default();
    // Invented people are no part of the data map.
    config.inventory.enabled = false;
    config.gateway.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let zip = subject.vendors.iter().zip(recorders);
    config.upstream_overrides = zip
        .map(|(vendor, recorder)| (vendor.name.to_string(), format!("http://{}", recorder.addr)))
        .collect();
    // A key of the run's own: pseudonyms made here mean nothing elsewhere.
    let key = Sha256::new()
        .chain_update(b"tamis verify")
        .chain_update(subject.seed);
    let key = SecretKey::new(key.finalize().into());
    let policy = Arc::clone(&subject.policy);
    let scrubber =
        Scrubber::new(policy, subject.vendors.clone(), &key).with_salts(subject.salts.clone());
    Generation::new(config, scrubber, "of this run", std::path::Path::new(""))
}

fn one_vendor(
    subject: &Subject,
    vendor: &Vendor,
    gateway: (Via, SocketAddr),
    recorder: &Recorder,
) -> std::io::Result<report::Found> {
    let mut found = report::Found::new(vendor);
    let gpc = subject
        .policy
        .rules
        .iter()
        .any(|rule| rule.when.gpc == Some(true));
    for endpoint in &vendor.endpoints {
        let fields = Fields::new(vendor, endpoint);
        for asks in if gpc { &[false, true][..] } else { &[false] } {
            let court = court_at(subject, vendor, endpoint, &fields, *asks);
            let stream = format!("{} {} {asks}", vendor.name, endpoint.name);
            let mut mint = Mint::new(&subject.seed, &stream);
            let mut maker = Maker::new(court, &mut mint, !asks);
            maker.all();
            let (probes, unmade) = (
                std::mem::take(&mut maker.probes),
                std::mem::take(&mut maker.unmade),
            );
            found.not_generated(endpoint, unmade);
            let mut finder = Finder::new(&[]);
            for probe in &probes {
                if !finder.is_for(&probe.plants) {
                    finder = Finder::new(&probe.plants);
                }
                drive(&court, probe, &finder, (gateway, recorder), &mut found)?;
            }
        }
    }
    let excused = |name: &str| {
        let mut named = vendor.endpoints.iter().filter(|e| *e.name == *name);
        named.any(|endpoint| {
            let fields = Fields::new(vendor, endpoint);
            court_at(subject, vendor, endpoint, &fields, false).may_drop_events()
        })
    };
    found.close(&excused);
    Ok(found)
}

fn court_at<'a>(
    subject: &'a Subject,
    vendor: &'a Vendor,
    endpoint: &'a Endpoint,
    fields: &'a Fields<'a>,
    gpc: bool,
) -> Court<'a> {
    Court {
        policy: &subject.policy,
        vendor,
        endpoint,
        fields,
        kind: None,
        event: event_of(endpoint),
        gpc,
    }
}

fn event_of(endpoint: &Endpoint) -> Event<'static> {
    let parted = |layer: &Layer| matches!(layer, Layer::Envelope(_) | Layer::Multipart(_));
    if endpoint
        .bodies
        .iter()
        .any(|format| format.layers.iter().any(parted))
    {
        Event::Any
    } else if endpoint.event_name.is_some() {
        Event::Named(sheets::EVENT)
    } else {
        Event::Nameless
    }
}

/// Sends one probe both ways and looks for its canaries.
fn drive(
    court: &Court<'_>,
    probe: &Probe,
    finder: &Finder,
    ((via, gateway), recorder): ((Via, SocketAddr), &Recorder),
    found: &mut report::Found,
) -> std::io::Result<()> {
    let line = found.line(court.endpoint, probe);
    line.requests += 1;
    line.planted += probe.plants.len();
    recorder.take();
    net::send(recorder.addr, "", &probe.message)?;
    let mut seen = vec![false; probe.plants.len()];
    for arrival in recorder.take() {
        let hits = finder.find(&arrival);
        seen.iter_mut()
            .zip(hits)
            .for_each(|(seen, hit)| *seen |= hit.is_some());
    }
    line.control += seen.iter().filter(|seen| **seen).count();
    let unseen = probe.plants.iter().zip(&seen).filter(|(_, seen)| !**seen);
    let unseen: Vec<&Plant> = unseen.map(|(plant, _)| &**plant).collect();
    let below = format!("/{}", court.vendor.name);
    let status = via.send(gateway, &below, &probe.message)?;
    let arrivals = recorder.take();
    found.unseen(court.endpoint, probe, &unseen);
    let line = found.line(court.endpoint, probe);
    match (arrivals.is_empty(), status) {
        (false, _) => line.arrived += 1,
        (true, Some(200..300)) => line.answered += 1,
        (true, _) => line.refused += 1,
    }
    let replay = court.endpoint.kind == Kind::Replay && !court.names_endpoint();
    let mut left: Vec<Option<String>> = vec![None; probe.plants.len()];
    for arrival in &arrivals {
        let hits = finder.find(arrival);
        for (slot, hit) in left.iter_mut().zip(hits) {
            if slot.is_none() {
                *slot = hit;
            }
        }
    }
    for (plant, left) in probe.plants.iter().zip(left) {
        let fate = if replay { &Fate::Gone } else { &plant.fate };
        found.judge(court.endpoint, probe, plant, fate, left);
    }
    if replay && !arrivals.is_empty() {
        found.forwarded(court.endpoint, probe);
    }
    Ok(())
}
