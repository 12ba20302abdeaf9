//! How an upstream is: requests under way, and a circuit breaker.
//!
//! Invariant: what is counted in is counted out, also when a client goes away in the middle. An
//! upstream that could not be reached many times in a row is left alone for a while; then one request
//! at a time tries it. Nothing is known here but numbers.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::error::DeliverError;

/// Failures in a row that open the circuit.
pub const FAILURES: u32 = 20;
/// How long it is open at first; twice as long after each probe that fails.
pub const OPEN: Duration = Duration::from_secs(1);
/// And at most.
pub const OPEN_MOST: Duration = Duration::from_secs(5);

/// The state of one upstream.
#[derive(Default)]
pub struct Health {
    under_way: AtomicU32,
    failures: AtomicU32,
    /// Milliseconds of this process's life until which it is open; 0: closed.
    open_until: AtomicU64,
    probing: AtomicBool,
    /// Whether somebody was told that it is open, and is to be told that it is closed again.
    told: AtomicBool,
}

/// A change of the circuit, told once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It has opened.
    Opened,
    /// It has closed again.
    Closed,
}

/// A request under way.
pub(crate) struct Pass<'h> {
    health: &'h Health,
    probe: bool,
}

impl Health {
    /// Lets a request begin, unless too many are under way or the circuit is open.
    pub(crate) fn enter(&self, most: u32) -> Result<Pass<'_>, DeliverError> {
        let until = self.open_until.load(Ordering::Relaxed);
        let mut probe = false;
        if until != 0 {
            if now() < until || self.probing.swap(true, Ordering::AcqRel) {
                return Err(DeliverError::Open);
            }
            probe = true;
        }
        if self.under_way.fetch_add(1, Ordering::Relaxed) >= most {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            if probe {
                self.probing.store(false, Ordering::Release);
            }
            return Err(DeliverError::Busy);
        }
        Ok(Pass {
            health: self,
            probe,
        })
    }

    /// How the circuit has turned since the last call; who asks is the one to tell it.
    pub(crate) fn turned(&self) -> Option<Turn> {
        let open = self.open_until.load(Ordering::Relaxed) != 0;
        // Read before it is written: a healthy upstream's cache line is left alone.
        if self.told.load(Ordering::Relaxed) == open
            || self.told.swap(open, Ordering::AcqRel) == open
        {
            return None;
        }
        Some(if open { Turn::Opened } else { Turn::Closed })
    }

    fn failed(&self, probe: bool) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= FAILURES && (probe || self.open_until.load(Ordering::Relaxed) == 0) {
            let doubled = OPEN * 2u32.saturating_pow((failures - FAILURES).min(8));
            let open = doubled.min(OPEN_MOST);
            let open = u64::try_from(open.as_millis()).unwrap_or(u64::MAX);
            self.open_until.store(now() + open, Ordering::Relaxed);
        }
    }

    fn answered(&self) {
        // Written only after a failure: a healthy upstream's cache line is left alone.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.open_until.store(0, Ordering::Relaxed);
        }
    }
}

impl Pass<'_> {
    /// Notes what came of it. Only what says that the upstream is not there counts against it: who
    /// answers badly is there.
    pub(crate) fn note<T>(&self, result: &Result<T, DeliverError>) {
        match result {
            Ok(_) => self.health.answered(),
            Err(DeliverError::Unreachable | DeliverError::Timeout | DeliverError::Tls) => {
                self.health.failed(self.probe);
            }
            Err(
                DeliverError::Cut
                | DeliverError::Garbled
                | DeliverError::TooLarge
                | DeliverError::Redirect
                | DeliverError::Request
                | DeliverError::Upstream
                | DeliverError::Open
                | DeliverError::Busy,
            ) => {}
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.health.under_way.fetch_sub(1, Ordering::Relaxed);
        if self.probe {
            self.health.probing.store(false, Ordering::Release);
        }
    }
}

/// Milliseconds since the first call, and never 0.
fn now() -> u64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let since = BEGUN.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
}

// An origin is told by its address, not by how it fares.
impl PartialEq for Health {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Health {}

impl std::hash::Hash for Health {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Clone for Health {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Health")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Result<(), DeliverError> = Err(DeliverError::Unreachable);

    #[test]
    fn so_many_and_no_more() {
        let health = Health::default();
        let (one, two) = (health.enter(2), health.enter(2));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(health.enter(2).err(), Some(DeliverError::Busy));
        drop(one);
        assert!(health.enter(2).is_ok());
    }

    #[test]
    fn it_opens_tries_one_and_closes() {
        let health = Health::default();
        for _ in 0..FAILURES {
            let pass = health.enter(9).unwrap_or_else(|_| panic!("closed"));
            pass.note(&DOWN);
        }
        assert_eq!(health.enter(9).err(), Some(DeliverError::Open));
        // The time is over: one may try, and while it does nobody else.
        health.open_until.store(1, Ordering::Relaxed);
        std::thread::yield_now();
        while now() < 2 {
            std::hint::spin_loop();
        }
        let probe = health.enter(9).unwrap_or_else(|_| panic!("half open"));
        assert_eq!(health.enter(9).err(), Some(DeliverError::Open));
        probe.note(&DOWN);
        drop(probe);
        assert_eq!(health.enter(9).err(), Some(DeliverError::Open));
        health.open_until.store(1, Ordering::Relaxed);
        let probe = health.enter(9).unwrap_or_else(|_| panic!("half open"));
        probe.note(&Ok(()));
        drop(probe);
        assert!(health.enter(9).is_ok() && health.enter(9).is_ok());
    }

    #[test]
    fn each_turn_is_told_once() {
        let health = Health::default();
        for _ in 1..FAILURES {
            health.failed(false);
        }
        assert_eq!(health.turned(), None);
        health.failed(false);
        assert_eq!(health.turned(), Some(Turn::Opened));
        assert_eq!(health.turned(), None);
        health.failed(true);
        assert_eq!(health.turned(), None);
        health.answered();
        assert_eq!(health.turned(), Some(Turn::Closed));
        assert_eq!(health.turned(), None);
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_room_for_another() {
        let health = Health::default();
        for _ in 0..FAILURES {
            health.failed(false);
        }
        health.open_until.store(1, Ordering::Relaxed);
        while now() < 2 {
            std::hint::spin_loop();
        }
        drop(health.enter(9));
        assert!(health.enter(9).is_ok());
    }

    #[test]
    fn an_upstream_that_answers_badly_is_there() {
        let health = Health::default();
        for _ in 0..FAILURES * 3 {
            let pass = health.enter(9).unwrap_or_else(|_| panic!("closed"));
            pass.note::<()>(&Err(DeliverError::Garbled));
        }
        assert!(health.enter(9).is_ok());
    }
}
