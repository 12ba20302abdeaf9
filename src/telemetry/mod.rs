//! Every log line and every metric there is.
//!
//! Invariant: names, counts, sizes and durations only; no value of a client can be named here, and
//! labels come from catalogs or from lists in this folder.

mod log;
mod metrics;
mod shadow;

pub use log::{
    LogFormat, accept_failed, ca_too_narrow, certificate_expires, drain_ended, drain_started,
    epoch_began, epoch_failed, init, inventory_unreadable, inventory_unwritable, inventory_written,
    listening, no_roots, panicked, reload_failed, reload_needs_restart, reloaded, request_done,
    shadow_differs, started, tls_handshake_failed, upstream_back, upstream_given_up,
};
pub use metrics::{EndpointMetrics, Entry, Metrics, Outcome, VendorMetrics};
