//! Memory for bodies in flight, over all connections: beyond it requests get 503.
//!
//! Small bodies are not counted: their sum is bounded by the number of connections.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bodies up to this size are free.
const FREE: usize = 64 << 10;

/// How much is taken.
#[derive(Default)]
pub(crate) struct Budget {
    taken: AtomicUsize,
}

/// The share of one body; given back when dropped.
pub(crate) struct Share<'b> {
    budget: &'b Budget,
    total: usize,
    taken: usize,
}

impl Budget {
    /// An empty share of `total` bytes.
    pub(crate) fn share(&self, total: usize) -> Share<'_> {
        Share {
            budget: self,
            total,
            taken: 0,
        }
    }
}

impl Share<'_> {
    /// Makes the share cover a body of `size` bytes so far; says whether there was room.
    #[must_use]
    pub(crate) fn cover(&mut self, size: usize) -> bool {
        if size <= FREE || size <= self.taken {
            return true;
        }
        // In steps of a fifth or more, so that a slow body does not count byte by byte.
        let more = (size - self.taken).max(size / 4);
        let before = self.budget.taken.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > self.total {
            self.budget.taken.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.taken += more;
        true
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_back() {
        let budget = Budget::default();
        let mut one = budget.share(512 << 20);
        assert!(one.cover(10));
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
        assert!(one.cover(300 << 20));
        let mut two = budget.share(512 << 20);
        assert!(!two.cover(300 << 20));
        drop(one);
        assert!(two.cover(300 << 20));
        drop(two);
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }
}
