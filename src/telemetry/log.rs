//! Log lines: JSON on stderr, text where stderr is a terminal.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::panic::PanicHookInfo;
use std::time::Duration;

use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// JSON unless stderr is a terminal.
    Auto,
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

/// Starts logging; `TAMIS_LOG` sets the level (`info`). Only lines of Tamis itself are written, whatever
/// it says: libraries quote what they could not read. Panics are logged by place, without their message,
/// for the same reason.
pub fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_env("TAMIS_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info"))
        .and(filter_fn(|meta| meta.target().starts_with("tamis::")));
    let terminal = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_target(false).with_writer(std::io::stderr);
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Json => false,
        LogFormat::Text => true,
    };
    // A second call, as tests make, keeps the first subscriber.
    let lines = match text {
        true => lines.with_ansi(terminal).with_filter(filter).boxed(),
        false => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let _ = tracing_subscriber::registry().with(lines).try_init();
    std::panic::set_hook(Box::new(panic_hook));
}

fn panic_hook(info: &PanicHookInfo<'_>) {
    let (file, line) = info
        .location()
        .map_or(("?", 0), |at| (at.file(), at.line()));
    tracing::error!(
        file,
        line,
        "a task panicked; its request or connection ends"
    );
}

/// What the server starts with. `vendors` are their names.
pub fn started(
    vendors: &str,
    policy: &str,
    policy_digest: &str,
    key_location: &str,
    state_dir: &str,
) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        vendors,
        policy,
        policy_digest,
        key_location,
        "started"
    );
    if !state_dir.is_empty() {
        tracing::info!(
            state_dir,
            "pseudonym keys live in the state directory: back it up, without it no id can be found again"
        );
    }
}

/// A listener is open.
pub fn listening(what: &'static str, addr: SocketAddr, tls: bool) {
    tracing::info!(listener = what, %addr, tls, "listening");
}

/// The configuration was read again and holds from now on.
pub fn reloaded(cause: &'static str, policy: &str, policy_digest: &str) {
    tracing::info!(cause, policy, policy_digest, "reloaded");
}

/// The configuration was read again and is not good: the old one stays.
pub fn reload_failed(cause: &'static str, reason: &str) {
    tracing::error!(
        cause,
        reason,
        "reload refused, the old configuration stays in force"
    );
}

/// From now on values get the pseudonyms of the next epoch.
pub fn epoch_began() {
    tracing::info!("a new epoch of pseudonyms began");
}

/// The key of the next epoch cannot be had: the old epoch goes on, and it is tried again.
pub fn epoch_failed(reason: &str) {
    tracing::error!(reason, "the next epoch of pseudonyms cannot begin yet");
}

/// A setting changed that only a restart can apply.
pub fn reload_needs_restart(setting: &'static str) {
    tracing::warn!(setting, "this change takes effect only after a restart");
}

/// An upstream failed many times in a row and is left alone; `kind` as in `tamis_upstream_errors_total`.
pub fn upstream_given_up(vendor: &str, kind: &'static str) {
    tracing::warn!(
        vendor,
        kind,
        "an upstream cannot be reached: its clients get 503 until it answers again"
    );
}

/// An upstream that was left alone has answered.
pub fn upstream_back(vendor: &str) {
    tracing::info!(vendor, "an upstream answers again");
}

/// A certificate of ours has expired or is about to. `days` are below zero once it has.
pub fn certificate_expires(certificate: &'static str, days: i64) {
    tracing::warn!(
        certificate,
        days,
        "a certificate expires soon or has expired: clients refuse it from then on"
    );
}

/// No upstream can be verified.
pub fn no_roots() {
    tracing::warn!(
        "no root certificates: every https upstream will be refused; install the system's \
         (ca-certificates) or set upstream.ca_file"
    );
}

/// Catalogued hosts for which clients will not believe the local CA.
pub fn ca_too_narrow(hosts: &str) {
    tracing::warn!(
        hosts,
        "the forward proxy's CA may not sign for these catalogued hosts: make a new one (`tamis ca new`)"
    );
}

/// The operating system gives no more sockets.
pub fn accept_failed(error: &std::io::Error) {
    tracing::warn!(kind = %error.kind(), code = error.raw_os_error(), "accept failed");
}

/// A client's TLS handshake failed.
pub fn tls_handshake_failed() {
    tracing::debug!("a TLS handshake failed");
}

/// A request's task panicked.
pub fn panicked() {
    tracing::error!("a connection's task panicked");
}

/// A request is done. Names and counts only.
pub fn request_done(vendor: &str, endpoint: &str, status: u16, events: (u32, u32), took: Duration) {
    tracing::debug!(
        vendor,
        endpoint,
        status,
        events_in = events.0,
        events_out = events.1,
        took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "request"
    );
}

/// The shadow policy would have decided otherwise about this many values of a request.
pub fn shadow_differs(vendor: &str, endpoint: &str, differences: u32) {
    tracing::debug!(vendor, endpoint, differences, "the shadow policy differs");
}

/// The data map of earlier runs cannot be read.
pub fn inventory_unreadable(reason: &str) {
    tracing::warn!(
        reason,
        "the data map is kept in memory only, until a restart finds it readable"
    );
}

/// The data map cannot be written. Said once until it can be again.
pub fn inventory_unwritable(reason: &str) {
    tracing::warn!(
        reason,
        "the data map cannot be written; it goes on in memory"
    );
}

/// The data map can be written again.
pub fn inventory_written() {
    tracing::info!("the data map is written again");
}

/// No more connections are taken.
pub fn drain_started(deadline: Duration) {
    tracing::info!(deadline_s = deadline.as_secs_f64(), "draining");
}

/// The drain is over.
pub fn drain_ended(left: usize) {
    if left == 0 {
        tracing::info!("drained");
    } else {
        tracing::warn!(left, "drain deadline passed with connections open");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: &str = "TAMIS_TEST_PANICS";

    /// In a process of its own, since a hook is the process's.
    #[test]
    fn a_panic_is_told_by_its_place_alone() {
        if std::env::var_os(AGAIN).is_some() {
            init(LogFormat::Json);
            let thread = std::thread::spawn(|| panic!("{}", "jane.roe@example.com"));
            assert!(thread.join().is_err());
            return;
        }
        let name = "telemetry::log::tests::a_panic_is_told_by_its_place_alone";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(AGAIN, "1")
            .env("TAMIS_LOG", "trace")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains("a task panicked") && said.contains("log.rs"),
            "{said}"
        );
        let all = [output.stderr.as_slice(), &output.stdout].concat();
        assert!(!String::from_utf8_lossy(&all).contains("jane"), "{said}");
    }
}
