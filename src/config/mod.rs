//! Server configuration: what `config/tamis.toml`, flags and environment say.
//!
//! Every value has a default; unknown keys are errors with a suggestion. [`load`] reads a file's
//! text, [`units`] its sizes and times, [`address`] where things listen and go; [`open`] touches the
//! disk. This layer does not know which vendors there are.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub mod address;
mod field;
mod forward;
pub mod geo;
mod load;
pub mod open;
mod route;
pub mod units;

pub use forward::{Forward, OtherHosts};
pub use load::load;

/// Everything the server is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// A built-in policy's name or a file.
    pub policy: String,
    /// A policy that is only asked what it would do; named like `policy`.
    pub shadow_policy: Option<String>,
    /// Where keys and durable state live; `None`: the default place.
    pub state_dir: Option<PathBuf>,
    /// More catalogs, or replacements.
    pub vendors_dir: Option<PathBuf>,
    /// `[checksum_salts]`: a vendor's name, and `env:NAME` or `file:PATH` of its salt.
    pub checksum_salts: Vec<(String, String)>,
    /// A local database of countries.
    pub geoip_db: Option<PathBuf>,
    /// `[gateway]`.
    pub gateway: Gateway,
    /// `[admin]`.
    pub admin: Admin,
    /// `[forward]`; `None`: no forward proxy.
    pub forward: Option<Forward>,
    /// `[inventory]`.
    pub inventory: Inventory,
    /// `[limits]`.
    pub limits: Limits,
    /// `[upstream]`.
    pub upstream: Upstream,
    /// `[[route]]`; empty: every catalogued vendor at `/<vendor>`.
    pub routes: Vec<Route>,
    /// `--upstream VENDOR=URL`.
    pub upstream_overrides: Vec<(String, String)>,
    /// Files that were read: watched for changes.
    pub files: Vec<PathBuf>,
}

/// `[gateway]`.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// The field in which trusted proxies say where the client is: `cf-ipcountry`.
    pub country_header: Option<String>,
    /// Allowed origins; empty: any.
    pub allowed_origins: Vec<String>,
    /// Server certificate; `None`: plain.
    pub tls: Option<TlsFiles>,
}

/// A certificate chain and its key, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Chain.
    pub cert: PathBuf,
    /// Key.
    pub key: PathBuf,
}

/// `[admin]`.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Bearer token, required when not loopback.
    pub token_file: Option<PathBuf>,
}

/// `[inventory]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// Whether it is counted which fields came and what became of them.
    pub enabled: bool,
    /// How often what was counted is written into the state directory.
    pub interval: Duration,
}

/// `[limits]`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Body bytes, as sent and again after decompression.
    pub body: usize,
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client.
    pub client_connections: usize,
    /// Requests of one client for each second; `None`: any number.
    pub client_rate: Option<usize>,
    /// Requests of one client at once; `None`: as many as `client_rate`.
    pub client_burst: Option<usize>,
    /// Requests to one upstream at a time.
    pub upstream_requests: usize,
    /// Bytes of bodies in flight, over all connections.
    pub memory: usize,
    /// From the accept (or the last answer's end, once a byte has come) to a complete head.
    pub header_timeout: Duration,
    /// For a whole body.
    pub body_timeout: Duration,
    /// From the last byte sent to the vendor's whole answer.
    pub upstream_timeout: Duration,
    /// Bytes of a request head.
    pub head: usize,
    /// Header fields.
    pub headers: usize,
    /// Bytes of a request target.
    pub target: usize,
    /// How long a drain on SIGTERM may take.
    pub drain_timeout: Duration,
    /// How long a connection may idle between requests.
    pub idle_timeout: Duration,
}

/// `[upstream]`.
#[derive(Debug, Clone, Default)]
pub struct Upstream {
    /// Trusted besides the system's roots.
    pub ca_file: Option<PathBuf>,
    /// `http://[user:password@]host:port`: a proxy of one's own through which vendors are reached.
    pub proxy: Option<String>,
}

/// `[[route]]`.
#[derive(Debug, Clone)]
pub struct Route {
    /// The vendor's name.
    pub vendor: String,
    /// Path prefix at the gateway: `/mixpanel`.
    pub path: Option<String>,
    /// Or the host name by which it is chosen.
    pub host: Option<String>,
    /// Where clean requests go; `None`: the catalog's.
    pub upstream: Option<String>,
    /// Project tokens that pass; empty: any.
    pub projects: Vec<String>,
    /// Request headers that pass besides the catalog's, in lower case.
    pub headers: Vec<String>,
    /// Another body limit.
    pub body: Option<usize>,
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_secs(60),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10 << 20,
            connections: 10_000,
            client_connections: 5000,
            client_rate: None,
            client_burst: None,
            upstream_requests: 4096,
            memory: 512 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            upstream_timeout: Duration::from_secs(30),
            head: 64 << 10,
            headers: 100,
            target: 32 << 10,
            drain_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: "default".into(),
            shadow_policy: None,
            state_dir: None,
            vendors_dir: None,
            checksum_salts: Vec::new(),
            geoip_db: None,
            gateway: Gateway {
                listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
                trusted_proxies: Vec::new(),
                country_header: None,
                allowed_origins: Vec::new(),
                tls: None,
            },
            admin: Admin {
                listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
                token_file: None,
            },
            forward: None,
            inventory: Inventory::default(),
            limits: Limits::default(),
            upstream: Upstream::default(),
            routes: Vec::new(),
            upstream_overrides: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl Config {
    /// Every file that the configuration rests on; a change of one of them is a reason to reload.
    #[must_use]
    pub fn watched(&self) -> Vec<PathBuf> {
        let mut files = self.files.clone();
        for name in std::iter::once(&self.policy).chain(&self.shadow_policy) {
            if crate::policy::builtin(name).is_none() {
                files.push(PathBuf::from(name));
            }
        }
        if let Some(tls) = &self.gateway.tls {
            files.extend([tls.cert.clone(), tls.key.clone()]);
        }
        if let Some(forward) = &self.forward {
            let ca = forward.ca.iter();
            files.extend(ca.flat_map(|ca| [ca.cert.clone(), ca.key.clone()]));
            files.extend(forward.users_file.clone());
        }
        files.extend(self.admin.token_file.clone());
        files.extend(self.upstream.ca_file.clone());
        files.extend(self.vendors_dir.clone());
        let salts = self.checksum_salts.iter();
        files.extend(salts.filter_map(|(_, at)| at.strip_prefix("file:").map(PathBuf::from)));
        files.extend(self.geoip_db.clone());
        files
    }
}
