//! `tamis run`: the proxy, its admin listener, signals and the watch on files.
//!
//! SIGHUP, a change of a file and `POST /reload` load anew; SIGTERM and SIGINT drain and end with
//! status 0. A second signal ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::notify;
use crate::admin::Admin;
use crate::proxy::{Generation, Handle, Live, Loader, Server, Stamps};
use crate::telemetry;

/// How often files are looked at.
const WATCH: Duration = Duration::from_secs(2);

/// Runs until a signal ends it; `loader` is for what comes after the first generation. Logging is to
/// be started before (`telemetry::init`).
pub fn run(first: Generation, loader: Loader) -> anyhow::Result<()> {
    leave_no_core();
    let live = Live::start_with(first, loader).map_err(|error| anyhow::anyhow!("{error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .context("no runtime")?;
    runtime.block_on(async {
        // Signals first: one that comes during the start is not lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let admin = Admin::bind(&live)?;
        let gateway = Server::start(&live, 0).context("gateway listener")?;
        summary(&live);
        notify::say("READY=1");
        let admin_end = CancellationToken::new();
        let admin = tokio::task::spawn(admin.serve(admin_end.clone()));
        let failing = Arc::new(AtomicBool::new(false));
        let keeping = tokio::task::spawn(keep_inventory(Arc::clone(&live), Arc::clone(&failing)));
        let mut stamps = Stamps::of(&live.current().generation.config);
        let mut watch = tokio::time::interval(WATCH);
        watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let epoch = live.until_next_epoch();
            let cause = tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => "sighup",
                () = ends(epoch) => {
                    let renewing = Arc::clone(&live);
                    let _ = tokio::task::spawn_blocking(move || renewing.next_epoch()).await;
                    continue;
                }
                _ = watch.tick() => {
                    let now = Stamps::of(&live.current().generation.config);
                    if now == stamps {
                        continue;
                    }
                    "file change"
                }
            };
            // Looked at before the load, so that a change during it is seen the next time.
            let before = Stamps::of(&live.current().generation.config);
            let reloading = Arc::clone(&live);
            // A refusal is logged and shown; the old generation goes on.
            notify::reloading();
            let done = tokio::task::spawn_blocking(move || reloading.reload(cause)).await;
            notify::reloaded(matches!(done, Ok(Ok(()))));
            stamps = before.carried_to(&live.current().generation.config);
        }
        notify::say("STOPPING=1");
        tokio::select! {
            () = drain(&live, gateway) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        admin_end.cancel();
        let _ = admin.await;
        keeping.abort();
        save(&live, &failing).await;
        anyhow::Ok(())
    })?;
    // A reload or a body may still be at work; nothing waits for it.
    runtime.shutdown_background();
    Ok(())
}

/// A core would hold what is being judged, so none is written, whoever starts Tamis.
fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Lowering a limit is always allowed.
    let _ = setrlimit(Resource::Core, none);
}

/// Writes the data map from time to time.
async fn keep_inventory(live: Arc<Live>, failing: Arc<AtomicBool>) {
    let interval = live.current().generation.config.inventory.interval;
    let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        save(&live, &failing).await;
    }
}

/// Writes the data map; says once that it cannot.
async fn save(live: &Live, failing: &AtomicBool) {
    let Some(inventory) = live.inventory.clone() else {
        return;
    };
    match tokio::task::spawn_blocking(move || inventory.save()).await {
        Ok(Err(error)) => {
            live.metrics.state_write_failed("inventory");
            if !failing.swap(true, Ordering::Relaxed) {
                telemetry::inventory_unwritable(&error.to_string());
            }
        }
        Ok(Ok(())) => {
            if failing.swap(false, Ordering::Relaxed) {
                telemetry::inventory_written();
            }
        }
        Err(_) => {}
    }
}

/// Waits for the end of an epoch; for ever if it has none.
async fn ends(epoch: Option<Duration>) {
    match epoch {
        // Looked at anew with every tick of the watch, so that a clock that is set is noticed.
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

fn summary(live: &Live) {
    let current = live.current();
    let generation = &current.generation;
    let vendors = generation.scrubber.vendors().iter();
    let vendors: Vec<&str> = vendors.map(|vendor| &*vendor.name).collect();
    telemetry::started(
        &vendors.join(" "),
        &generation.policy_name,
        &generation.policy_digest,
        &generation.key_location,
        &generation.state_dir,
    );
}

async fn drain(live: &Live, gateway: Handle) {
    telemetry::drain_started(live.current().generation.config.limits.drain_timeout);
    gateway.shutdown();
    let left = tokio::task::spawn_blocking(|| gateway.join()).await;
    telemetry::drain_ended(left.unwrap_or(0));
}
