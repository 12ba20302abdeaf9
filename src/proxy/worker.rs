//! What the connections of one thread share: upstream pool, engine buffers, the sign to end.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio_util::sync::CancellationToken;

use super::live::Live;
use crate::deliver::Client;
use crate::scrub::Scratch;

/// One thread's share.
pub(crate) struct Worker {
    pub(crate) live: Arc<Live>,
    pub(crate) client: Client,
    /// Of this thread alone, so that waiting for it crosses no thread.
    pub(crate) drain: CancellationToken,
    scratch: Mutex<Scratch>,
}

impl Worker {
    /// With an empty pool.
    pub(crate) fn new(live: Arc<Live>) -> Self {
        Self {
            drain: live.draining.child_token(),
            client: Client::new(),
            scratch: Mutex::new(Scratch::new()),
            live,
        }
    }

    /// The engine's buffers; never contended, since scrubbing does not wait.
    pub(crate) fn scratch(&self) -> MutexGuard<'_, Scratch> {
        self.scratch.lock().unwrap_or_else(|poisoned| {
            // A panic left them in an unknown state: begin with new ones.
            self.scratch.clear_poison();
            let mut guard = poisoned.into_inner();
            *guard = Scratch::new();
            guard
        })
    }
}

/// A panic in one request ends that request only, and leaves nothing behind.
#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::config::Config;
    use crate::deliver::grammar::Framing;
    use crate::policy::CompiledPolicy;
    use crate::proxy::handle::{self, Message};
    use crate::proxy::head::Seen;
    use crate::proxy::live::Generation;
    use crate::proxy::serve::Permit;
    use crate::scrub::Scrubber;
    use crate::sensitive::SecretKey;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn worker() -> Arc<Worker> {
        let (_, text) = crate::policy::builtin("default").unwrap();
        let (policy, _) =
            CompiledPolicy::load("default.toml", text).unwrap_or_else(|d| panic!("{d}"));
        let vendors = crate::catalog::load::builtin().unwrap_or_else(|d| panic!("{d}"));
        let vendors = vendors.into_iter().map(Arc::new).collect();
        let scrubber = Scrubber::new(Arc::new(policy), vendors, &SecretKey::new([7; 32]));
        let mut config = Config::default();
        config.inventory.enabled = false;
        let first = Generation::new(config, scrubber, "nowhere", Path::new(""));
        let live = Live::start_with(first, Box::new(|| Err("there is no other".into()))).unwrap();
        Arc::new(Worker::new(live))
    }

    /// A request of so many bytes whose reading panics so many times before it succeeds.
    struct Bomb {
        body: Vec<u8>,
        fuse: AtomicUsize,
    }

    impl Message for Bomb {
        fn body_len(&self) -> usize {
            self.body.len()
        }

        fn with<R>(&self, f: impl FnOnce(&Seen<'_>, &[u8]) -> R) -> R {
            let left = self.fuse.load(Ordering::Relaxed);
            assert!(left == 0, "jane.roe@example.com");
            let seen = Seen {
                method: "POST",
                path: "/mixpanel/record",
                query: None,
                host: "gate",
                headers: &[("content-type", "application/json")],
                framing: Framing::Length(self.body.len() as u64),
                dialled: None,
            };
            f(&seen, &self.body)
        }

        fn free(&mut self) {}
    }

    async fn send(worker: &Arc<Worker>, size: usize, fuse: usize) -> u16 {
        let current = worker.live.current();
        let mut bomb = Bomb {
            body: format!("[\"{}\"]", "x".repeat(size)).into_bytes(),
            fuse: AtomicUsize::new(0),
        };
        let admitted = bomb.with(|seen, _| handle::admit(worker, &current, seen, PEER));
        let admitted = admitted.unwrap_or_else(|reply| panic!("{}", reply.status));
        bomb.fuse = AtomicUsize::new(fuse);
        let (reply, _) = handle::process(worker, &current, &admitted, PEER, bomb).await;
        reply.status
    }

    #[tokio::test]
    async fn a_request_that_panics_is_answered_and_its_neighbours_go_on() {
        let worker = worker();
        let turns = worker.live.judging.available_permits();
        let good = send(&worker, 1, 0).await;
        assert_eq!(good, 200);
        // Judged in place, and beside: the answer is the same, and so is what comes after it.
        for (nth, size) in [10, 3 << 20].into_iter().enumerate() {
            assert_eq!(send(&worker, size, 1).await, 500, "{size}");
            assert_eq!(worker.live.metrics.panics.get(), nth as u64 + 1);
            for size in [10, 3 << 20] {
                assert_eq!(send(&worker, size, 0).await, good);
            }
        }
        assert_eq!(worker.live.judging.available_permits(), turns);
    }

    #[tokio::test]
    async fn a_connection_that_panics_gives_its_place_back() {
        let worker = worker();
        let inner = Arc::clone(&worker);
        let ended = tokio::task::spawn(async move {
            let _permit = Permit::take(&inner);
            let _seat = inner.live.clients.sit(PEER, 1);
            assert_eq!(inner.live.connections(), 0, "there is one");
        });
        assert!(ended.await.unwrap_err().is_panic());
        assert_eq!(worker.live.connections(), 0);
        assert!(worker.live.clients.sit(PEER, 1).is_some());
        assert_eq!(worker.live.metrics.panics.get(), 1);
    }
}
