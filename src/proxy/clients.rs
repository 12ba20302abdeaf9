//! What one client may take: connections at a time, and requests for each second.
//!
//! Invariant: both tables are bounded whatever clients there are. Connections are counted exactly, by
//! address; requests by token buckets in a table of fixed size, found by a keyed hash, in two rows so
//! that who shares a bucket with a busy stranger in one most likely does not in the other. A network
//! of 2^64 addresses (IPv6 `/64`) is one client.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Buckets in a row.
const BUCKETS: usize = 1 << 15;
/// Parts of a token.
const FINE: u64 = 1000;

/// Connections of each client.
#[derive(Default)]
pub(crate) struct Connections {
    open: Mutex<HashMap<u128, usize>>,
}

/// One connection of a client; given back when dropped.
pub(crate) struct Seat {
    connections: Arc<Connections>,
    client: u128,
}

impl Connections {
    /// A seat, unless the client has `most` already.
    pub(crate) fn sit(self: &Arc<Self>, client: IpAddr, most: usize) -> Option<Seat> {
        let client = key(client);
        let mut open = self.lock();
        let count = open.entry(client).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Seat {
            connections: Arc::clone(self),
            client,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u128, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

/// Token buckets.
pub(crate) struct Rates {
    rows: [Box<[AtomicU64]>; 2],
    keys: [std::hash::RandomState; 2],
    begun: Instant,
}

impl Default for Rates {
    fn default() -> Self {
        let row = || (0..BUCKETS).map(|_| AtomicU64::new(u64::MAX)).collect();
        Self {
            rows: [row(), row()],
            keys: [std::hash::RandomState::new(), std::hash::RandomState::new()],
            begun: Instant::now(),
        }
    }
}

impl Rates {
    /// Takes a token of the client; `rate` a second, `burst` at once.
    pub(crate) fn take(&self, client: IpAddr, rate: usize, burst: usize) -> bool {
        let now = u32::try_from(self.begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        let client = key(client);
        let rows = self.rows.iter().zip(&self.keys);
        let mut any = false;
        for (row, hasher) in rows {
            let at = usize::try_from(hasher.hash_one(client)).unwrap_or(0) % BUCKETS;
            if let Some(bucket) = row.get(at) {
                any |= draw(bucket, now, rate as u64, burst as u64);
            }
        }
        any
    }
}

/// High half: milliseconds; low half: thousandths of tokens. A fresh bucket is full.
fn draw(bucket: &AtomicU64, now: u32, rate: u64, burst: u64) -> bool {
    let most = (burst * FINE).min(u64::from(u32::MAX) - 1);
    let mut drawn = false;
    let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
        let (then, left) = (state >> 32, state & u64::from(u32::MAX));
        let left = if state == u64::MAX {
            most
        } else {
            let since = u64::from(now).saturating_sub(then);
            left.saturating_add(since.saturating_mul(rate)).min(most)
        };
        drawn = left >= FINE;
        let left = if drawn { left - FINE } else { left };
        Some((u64::from(now) << 32) | left)
    });
    drawn
}

/// What tells clients apart.
fn key(client: IpAddr) -> u128 {
    match client.to_canonical() {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped().to_bits()),
        IpAddr::V6(ip) => Ipv6Addr::from(ip.to_bits() & (u128::MAX << 64)).to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn seats_are_counted_by_client_and_come_back() {
        let all = Arc::new(Connections::default());
        let one = all.sit(ip("192.0.2.1"), 2).unwrap();
        let _two = all.sit(ip("::ffff:192.0.2.1"), 2).unwrap();
        assert!(all.sit(ip("192.0.2.1"), 2).is_none());
        assert!(all.sit(ip("192.0.2.2"), 2).is_some());
        drop(one);
        assert!(all.sit(ip("192.0.2.1"), 2).is_some());
        let _six = all.sit(ip("2001:db8::1"), 1).unwrap();
        assert!(all.sit(ip("2001:db8::ffff:1"), 1).is_none());
        assert!(all.sit(ip("2001:db8:0:1::1"), 1).is_some());
        assert_eq!(all.lock().len(), 2, "what ended is forgotten");
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let bucket = AtomicU64::new(u64::MAX);
        let draws = |now, n: usize| (0..n).filter(|_| draw(&bucket, now, 10, 5)).count();
        assert_eq!(draws(0, 20), 5);
        assert_eq!(draws(99, 20), 0);
        assert_eq!(draws(100, 20), 1);
        assert_eq!(draws(1100, 20), 5);
    }

    #[test]
    fn one_clients_flood_is_not_anothers() {
        let rates = Rates::default();
        let flood = (0..1000)
            .filter(|_| rates.take(ip("192.0.2.1"), 1, 10))
            .count();
        assert!((10..=12).contains(&flood), "{flood}");
        let others = (0..200u8).filter(|n| rates.take(ip(&format!("198.51.100.{n}")), 1, 1));
        assert_eq!(others.count(), 200);
    }
}
