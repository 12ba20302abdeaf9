//! What is in force: one generation of configuration, policy and catalogs, replaced whole.
//!
//! Invariant: a generation that does not load or fit leaves the old one untouched. A request works
//! with the generation it began with.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::activate::handed_addrs;
use super::forward::Forward;
use super::route::Routes;
use crate::config::{Config, TlsFiles};
use crate::deliver::{Egress, EgressProxy, Guard, Origins, Upstream};
use crate::inventory::Inventory;
use crate::scrub::Scrubber;
use crate::telemetry::{self, Metrics, VendorMetrics};
use crate::tls;

/// What the loader makes.
pub struct Generation {
    /// The server's configuration.
    pub config: Arc<Config>,
    /// The engine with policy and catalogs.
    pub scrubber: Arc<Scrubber>,
    /// The policy's name.
    pub policy_name: String,
    /// The policy's digest, hexadecimal.
    pub policy_digest: String,
    /// Where the pseudonym key is, in words.
    pub key_location: String,
    /// Where durable state lives.
    pub state_dir: String,
    /// When pseudonyms change by the calendar; `None`: never.
    pub rotation: Option<Rotation>,
}

/// The change of epochs: at an instant the engine gets the next key, and nothing else changes.
pub struct Rotation {
    /// When the next epoch begins; seconds since 1970.
    pub next: AtomicI64,
    /// Gives the engine the key of the present epoch; answers when the next one begins.
    pub renew: Renew,
}

/// See [`Rotation::renew`].
pub(super) type Renew = Box<dyn Fn(&Scrubber) -> Result<i64, BoxError> + Send + Sync>;

impl Generation {
    /// Names the policy by what the engine runs.
    #[must_use]
    pub fn new(
        config: Config,
        scrubber: Scrubber,
        key_location: impl std::fmt::Display,
        state_dir: &Path,
    ) -> Self {
        let policy = scrubber.policy();
        let digest = policy.digest.iter().map(|byte| format!("{byte:02x}"));
        Self {
            policy_name: policy.name.to_string(),
            policy_digest: digest.collect(),
            rotation: None,
            key_location: key_location.to_string(),
            state_dir: state_dir.display().to_string(),
            config: Arc::new(config),
            scrubber: Arc::new(scrubber),
        }
    }
}

/// Any error of the loader; its text is logged and shown, and holds no client's value.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Reads everything anew.
pub type Loader = Box<dyn Fn() -> Result<Generation, BoxError> + Send + Sync>;

/// A generation with all that is derived from it.
pub struct Current {
    /// As loaded.
    pub generation: Generation,
    pub(crate) routes: Routes,
    pub(crate) metrics: Vec<VendorMetrics>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) forward: Option<Forward>,
    pub(crate) server_tls: Option<Arc<rustls::ServerConfig>>,
    upstreams: HashMap<Box<str>, Upstream>,
}

/// The state that all workers and the admin listener share.
pub struct Live {
    current: ArcSwap<Current>,
    /// How upstreams fare, whatever is loaded.
    origins: Arc<Origins>,
    loader: Loader,
    reloading: Mutex<()>,
    last_error: Mutex<Option<String>>,
    /// The data map; `None`: not wanted.
    pub inventory: Option<Arc<Inventory>>,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// Cancelled when the server is to end.
    pub draining: CancellationToken,
    pub(crate) connections: AtomicUsize,
    pub(crate) budget: super::budget::Budget,
    pub(crate) clients: Arc<super::clients::Connections>,
    /// Turns at judging large bodies.
    pub(crate) judging: Arc<tokio::sync::Semaphore>,
    /// Made when the first rate is asked for.
    pub(crate) rates: OnceLock<super::clients::Rates>,
}

impl Current {
    fn build(
        generation: Generation,
        metrics: &Metrics,
        inventory: Option<&Inventory>,
        (origins, old): (&Arc<Origins>, Option<&Self>),
    ) -> Result<Self, String> {
        let config = &generation.config;
        let routes = Routes::build(config, &generation.scrubber, origins)?;
        let mut upstreams = HashMap::new();
        for vendor in generation.scrubber.vendors() {
            let of_endpoints = vendor.endpoints.iter().filter_map(|e| e.upstream.as_ref());
            for url in std::iter::once(&vendor.upstream).chain(of_endpoints) {
                let upstream = Upstream::parse(url)
                    .map_err(|error| format!("upstream of {}: {error}", vendor.name))?;
                upstreams.insert(url.clone(), origins.shared(upstream));
            }
        }
        let trust = tls::client_config(config.upstream.ca_file.as_deref())
            .map_err(|error| format!("upstream.ca_file: {error}"))?;
        if trust.roots == 0 {
            telemetry::no_roots();
        }
        let proxy = match &config.upstream.proxy {
            None => None,
            Some(url) => Some(EgressProxy::parse(url).ok_or("upstream.proxy: not a proxy's URL")?),
        };
        let egress = Egress {
            trust,
            guard: guard(config),
            proxy,
        };
        // The same way out as before: what was connected by it stays.
        let egress = match old.map(|old| &old.egress) {
            Some(before) if before.is_like(&egress) => Arc::clone(before),
            Some(_) | None => Arc::new(egress),
        };
        let forward = config
            .forward
            .as_ref()
            .map(|told| Forward::build(told, &routes, generation.scrubber.vendors(), origins))
            .transpose()?;
        let server_tls = config
            .gateway
            .tls
            .as_ref()
            .map(tls::server_config)
            .transpose()
            .map_err(|error| format!("gateway.tls: {error}"))?;
        if let Some(inventory) = inventory {
            generation.scrubber.count_into(inventory.sightings());
        }
        if let Some(shadow) = generation.scrubber.shadow() {
            shadow.count_into(&metrics.shadow);
        }
        Ok(Self {
            routes,
            metrics: metrics.resolve(generation.scrubber.vendors()),
            egress,
            forward,
            server_tls,
            upstreams,
            generation,
        })
    }

    /// A catalog's upstream, parsed before.
    pub(crate) fn upstream(&self, url: &str) -> Option<&Upstream> {
        self.upstreams.get(url)
    }
}

impl Live {
    /// Loads the first generation.
    pub fn start(loader: Loader) -> Result<Arc<Self>, BoxError> {
        Self::start_with(loader()?, loader)
    }

    /// Starts with a generation that is loaded already; the loader is for those after it.
    pub fn start_with(first: Generation, loader: Loader) -> Result<Arc<Self>, BoxError> {
        let metrics = Arc::new(Metrics::new());
        let inventory = inventory(&first);
        let origins = Arc::default();
        let first = Current::build(first, &metrics, inventory.as_deref(), (&origins, None))?;
        metrics.reload(true);
        note_time(&metrics);
        note_certificates(&metrics, &first.generation.config);
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(first),
            origins,
            loader,
            reloading: Mutex::new(()),
            last_error: Mutex::new(None),
            inventory,
            metrics,
            draining: CancellationToken::new(),
            connections: AtomicUsize::new(0),
            budget: super::budget::Budget::default(),
            clients: Arc::default(),
            judging: Arc::new(tokio::sync::Semaphore::new(
                std::thread::available_parallelism().map_or(1, usize::from),
            )),
            rates: OnceLock::new(),
        }))
    }

    /// What is in force now.
    #[must_use]
    pub fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// Loads anew; the error's text says why the old generation stays.
    pub fn reload(&self, cause: &'static str) -> Result<(), String> {
        let _one = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let made = (self.loader)()
            .map_err(|error| error.to_string())
            .and_then(|generation| {
                let before = (&self.origins, Some(&*self.current()));
                Current::build(generation, &self.metrics, self.inventory.as_deref(), before)
            });
        let result = match made {
            Ok(next) => {
                let old = self.current();
                note_restarts(&old.generation.config, &next.generation.config);
                telemetry::reloaded(
                    cause,
                    &next.generation.policy_name,
                    &next.generation.policy_digest,
                );
                if compared(&old.generation.scrubber) != compared(&next.generation.scrubber) {
                    self.metrics.shadow.reset();
                }
                note_certificates(&self.metrics, &next.generation.config);
                self.current.store(Arc::new(next));
                note_time(&self.metrics);
                Ok(())
            }
            Err(reason) => {
                telemetry::reload_failed(cause, &reason);
                Err(reason)
            }
        };
        self.metrics.reload(result.is_ok());
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = result.as_ref().err().cloned();
        result
    }

    /// How long it is until the epoch of pseudonyms ends; `None`: it does not.
    #[must_use]
    pub fn until_next_epoch(&self) -> Option<Duration> {
        let current = self.current();
        let rotation = current.generation.rotation.as_ref()?;
        let next = u64::try_from(rotation.next.load(Ordering::Relaxed)).unwrap_or(0);
        let next = SystemTime::UNIX_EPOCH + Duration::from_secs(next);
        Some(next.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Begins the epoch that is due. Requests that have begun end with the keys they began with.
    pub fn next_epoch(&self) {
        let current = self.current();
        let Some(rotation) = &current.generation.rotation else {
            return;
        };
        match (rotation.renew)(&current.generation.scrubber) {
            Ok(next) => {
                rotation.next.store(next, Ordering::Relaxed);
                telemetry::epoch_began();
            }
            Err(error) => {
                self.metrics.state_write_failed("key");
                telemetry::epoch_failed(&error.to_string());
                // Tried again soon; until then the old epoch goes on.
                rotation.next.fetch_max(soon(), Ordering::Relaxed);
            }
        }
    }

    /// Why the last reload was refused, if it was.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Open connections of the gateway.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether the server is ending.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }
}

/// The data map of the state directory; in memory only, where there is none or it cannot be read.
fn inventory(first: &Generation) -> Option<Arc<Inventory>> {
    if !first.config.inventory.enabled {
        return None;
    }
    let dir = Some(Path::new(&first.state_dir)).filter(|dir| !dir.as_os_str().is_empty());
    let opened = Inventory::open(dir).or_else(|error| {
        telemetry::inventory_unreadable(&error.to_string());
        Inventory::open(None)
    });
    opened.ok().map(Arc::new)
}

/// Which policies are compared.
fn compared(scrubber: &Scrubber) -> Option<[[u8; 32]; 2]> {
    let shadow = scrubber.shadow()?;
    Some([scrubber.policy().digest, shadow.scrubber().policy().digest])
}

/// What a host that a client chose may lead to.
fn guard(config: &Config) -> Guard {
    let forward = config.forward.as_ref();
    let forwards = forward.map_or(&[][..], |forward| &forward.listen);
    let own = config.gateway.listen.iter().chain(forwards);
    Guard {
        allowed: forward.map_or(&[][..], |f| &f.private_networks).into(),
        own: (own.chain([&config.admin.listen]).chain(handed_addrs()))
            .copied()
            .collect(),
    }
}

/// In a few seconds, as seconds since 1970.
fn soon() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(i64::MAX, |d| {
        i64::try_from(d.as_secs()).unwrap_or(i64::MAX - 5) + 5
    })
}

fn note_time(metrics: &Metrics) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    metrics
        .config_loaded
        .set(now.map_or(0.0, |d| d.as_secs_f64()));
}

/// Until when the certificates in use are good; a word about those that soon are not.
fn note_certificates(metrics: &Metrics, config: &Config) {
    let gateway = config.gateway.tls.as_ref().map(|tls| ("gateway", tls));
    let forward = config.forward.as_ref().and_then(|f| f.ca.as_ref());
    let named = gateway
        .into_iter()
        .chain(forward.map(|ca| ("forward_ca", ca)));
    let dated = |(of, files): (&'static str, &TlsFiles)| {
        Some((of, tls::validity(&files.cert).ok()?.not_after))
    };
    let all: Vec<(&'static str, i64)> = named.filter_map(dated).collect();
    metrics.certificates(&all);
    let now = soon();
    for (of, expiry) in all {
        let days = expiry.saturating_sub(now).div_euclid(86_400);
        if days < tls::EXPIRES_SOON_DAYS {
            telemetry::certificate_expires(of, days);
        }
    }
}

fn note_restarts(old: &Config, new: &Config) {
    if old.inventory != new.inventory {
        telemetry::reload_needs_restart("inventory");
    }
    if old.gateway.listen != new.gateway.listen {
        telemetry::reload_needs_restart("gateway.listen");
    }
    let forward = |config: &Config| config.forward.as_ref().map(|f| f.listen.clone());
    if forward(old) != forward(new) {
        telemetry::reload_needs_restart("forward.listen");
    }
    if old.admin.listen != new.admin.listen || old.admin.token_file != new.admin.token_file {
        telemetry::reload_needs_restart("admin");
    }
}
