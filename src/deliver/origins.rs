//! The upstreams there are, each once: however often one is named, and through every reload.
//!
//! Invariant: two equal origins that came from here are the same, so that circuit, count of requests
//! under way and kept connections are those of the upstream and not of a route or a generation. Their
//! number is bounded, also where clients choose the hosts.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::upstream::{Origin, Upstream};

/// Origins remembered; beyond it those that nobody uses are forgotten.
pub(crate) const REMEMBERED: usize = 4096;

/// All origins of a server.
#[derive(Default)]
pub struct Origins {
    known: Mutex<HashSet<Arc<Origin>, foldhash::fast::RandomState>>,
}

impl Origins {
    /// The same upstream, with the origin that was known before under this scheme, host and port.
    pub fn shared(&self, mut upstream: Upstream) -> Upstream {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = known.get(&upstream.origin) {
            upstream.origin = Arc::clone(origin);
            return upstream;
        }
        if known.len() >= REMEMBERED {
            known.retain(|origin| Arc::strong_count(origin) > 1);
        }
        // All in use: this one goes without a memory.
        if known.len() < REMEMBERED {
            known.insert(Arc::clone(&upstream.origin));
        }
        upstream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(origins: &Origins, host: &str) -> Upstream {
        origins.shared(Upstream::guarded(host).unwrap())
    }

    #[test]
    fn equal_ones_are_the_same() {
        let origins = Origins::default();
        let parse = |url: &str| origins.shared(Upstream::parse(url).unwrap());
        let (one, two) = (
            parse("https://a.example/x"),
            parse("https://A.example:443/y"),
        );
        assert!(Arc::ptr_eq(&one.origin, &two.origin));
        assert_eq!((&*one.base, &*two.base), ("/x", "/y"));
        for other in [
            "http://a.example",
            "https://a.example:8443",
            "https://b.example",
        ] {
            assert!(!Arc::ptr_eq(&one.origin, &parse(other).origin), "{other}");
        }
        // A host that a client chose is dialled by other rules.
        assert!(!Arc::ptr_eq(
            &one.origin,
            &named(&origins, "a.example").origin
        ));
    }

    #[test]
    fn a_flood_of_hosts_is_bounded_and_forgets_nobody_in_use() {
        let origins = Origins::default();
        let used = named(&origins, "used.example");
        for nth in 0..3 * REMEMBERED {
            named(&origins, &format!("h{nth}.example"));
            assert!(origins.known.lock().unwrap().len() <= REMEMBERED);
        }
        assert!(Arc::ptr_eq(
            &used.origin,
            &named(&origins, "used.example").origin
        ));
        let all: Vec<_> = (0..2 * REMEMBERED)
            .map(|nth| named(&origins, &format!("k{nth}.example")))
            .collect();
        assert_eq!(origins.known.lock().unwrap().len(), REMEMBERED);
        drop(all);
    }
}
