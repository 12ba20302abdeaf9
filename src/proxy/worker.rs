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
