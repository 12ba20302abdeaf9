//! What a shadow policy would have done otherwise, counted. Names of rules, fields, categories and
//! actions; no value. Of bounded size: beyond it fields are no more told apart, and then rules.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::category::DataCategory;

/// Rows in which fields are told apart, at most.
const MAX_ROWS: usize = 4096;
/// And those beyond, whose field is `*`.
const MAX_MORE: usize = 4096;
/// Totals, at most: beyond, categories are no more told apart.
const MAX_TOTALS: usize = 4096;

/// A field about which two policies decide otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Difference {
    /// The vendor's name.
    pub vendor: Box<str>,
    /// The endpoint's name.
    pub endpoint: Box<str>,
    /// The dotted path, as [`super::Sighted::field`]; `(request)`: about the request as a whole.
    pub field: Box<str>,
    /// The category's key; `-`: none.
    pub category: &'static str,
    /// Whether this is about parts of texts that are kept otherwise.
    pub inside: bool,
    /// The action of the policy in force.
    pub action_in_force: &'static str,
    /// The action of the shadow policy.
    pub action_shadow: &'static str,
    /// The rule in force; empty: no rule.
    pub rule_in_force: Box<str>,
    /// The shadow's rule; empty: no rule.
    pub rule_shadow: Box<str>,
}

/// How many requests to an endpoint were compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The vendor's name.
    pub vendor: Box<str>,
    /// The endpoint's name.
    pub endpoint: Box<str>,
    /// Requests about which both policies decide alike.
    pub same: u64,
    /// The others.
    pub different: u64,
}

/// Differences since the process began, with few labels: for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The vendor's name.
    pub vendor: Box<str>,
    /// The endpoint's name.
    pub endpoint: Box<str>,
    /// The category's key; `-`: none.
    pub category: &'static str,
    /// The action of the policy in force.
    pub action_in_force: &'static str,
    /// The action of the shadow policy.
    pub action_shadow: &'static str,
    /// How often.
    pub count: u64,
}

/// The handle of one difference.
#[derive(Debug)]
pub(super) struct Row {
    count: AtomicU64,
    total: Arc<AtomicU64>,
}

impl Row {
    pub(super) fn inc(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
    }
}

/// Of a thread: what was made of pairs of decisions of two tallies. `None`: they agree.
#[derive(Default)]
pub(super) struct Pairs {
    /// The tally of the policy in force.
    of: u64,
    known: HashMap<(u32, u32), Option<Arc<Row>>>,
    /// The table's age when they were learned.
    age: u64,
}

impl Pairs {
    pub(super) fn get(
        &mut self,
        of: u64,
        age: u64,
        pair: (u32, u32),
        make: impl FnOnce() -> Option<Arc<Row>>,
    ) -> Option<Arc<Row>> {
        if self.of != of || self.age != age || self.known.len() > MAX_ROWS * 4 {
            self.known.clear();
            (self.of, self.age) = (of, age);
        }
        self.known.entry(pair).or_insert_with(make).clone()
    }
}

/// By vendor and endpoint: the requests about which both policies decide alike, and the others.
type Requests = BTreeMap<(Box<str>, Box<str>), (u64, u64)>;

type Labels = (Box<str>, Box<str>, &'static str, &'static str, &'static str);

#[derive(Default, Debug)]
struct Inner {
    rows: HashMap<Difference, Arc<Row>>,
    requests: Requests,
    /// Never reset: what metrics show only grows.
    totals: BTreeMap<Labels, Arc<AtomicU64>>,
    all_requests: Requests,
}

/// See the module.
#[derive(Default, Debug)]
pub struct Differences {
    inner: Mutex<Inner>,
    age: AtomicU64,
    failed: AtomicU64,
}

impl Differences {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins anew: other policies are compared from now on. Totals go on.
    pub fn reset(&self) {
        let mut inner = self.lock();
        inner.rows.clear();
        inner.requests.clear();
        self.age.fetch_add(1, Ordering::Relaxed);
    }

    /// All differences, in order, each with how often it was met.
    #[must_use]
    pub fn rows(&self) -> Vec<(Difference, u64)> {
        let inner = self.lock();
        let row = |(of, row): (&Difference, &Arc<Row>)| {
            let count = row.count.load(Ordering::Relaxed);
            (count > 0).then(|| (of.clone(), count))
        };
        let mut rows: Vec<_> = inner.rows.iter().filter_map(row).collect();
        rows.sort();
        rows
    }

    /// How many requests were compared, by endpoint.
    #[must_use]
    pub fn requests(&self) -> Vec<Compared> {
        compared(&self.lock().requests)
    }

    /// The same since the process began.
    #[must_use]
    pub fn all_requests(&self) -> Vec<Compared> {
        compared(&self.lock().all_requests)
    }

    /// Differences since the process began.
    #[must_use]
    pub fn totals(&self) -> Vec<Total> {
        let inner = self.lock();
        let total = |(labels, count): (&Labels, &Arc<AtomicU64>)| Total {
            vendor: labels.0.clone(),
            endpoint: labels.1.clone(),
            category: labels.2,
            action_in_force: labels.3,
            action_shadow: labels.4,
            count: count.load(Ordering::Relaxed),
        };
        inner.totals.iter().map(total).collect()
    }

    /// Requests at which the shadow policy's engine failed; the requests did not.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn age(&self) -> u64 {
        self.age.load(Ordering::Relaxed)
    }

    /// Counts a request.
    pub(super) fn request(&self, vendor: &str, endpoint: &str, different: bool) {
        let mut inner = self.lock();
        let Inner {
            requests,
            all_requests,
            ..
        } = &mut *inner;
        for map in [requests, all_requests] {
            let key = (vendor.into(), endpoint.into());
            let (same, other) = map.entry(key).or_default();
            *(if different { other } else { same }) += 1;
        }
    }

    /// The handle of a difference.
    pub(super) fn row(&self, mut of: Difference) -> Arc<Row> {
        let mut inner = self.lock();
        if let Some(row) = inner.rows.get(&of) {
            return Arc::clone(row);
        }
        if inner.rows.len() >= MAX_ROWS {
            of.field = "*".into();
        }
        if inner.rows.len() >= MAX_ROWS + MAX_MORE {
            of.rule_in_force = "*".into();
            of.rule_shadow = "*".into();
        }
        let category = if inner.totals.len() < MAX_TOTALS {
            of.category
        } else {
            "*"
        };
        let labels = (
            of.vendor.clone(),
            of.endpoint.clone(),
            category,
            of.action_in_force,
            of.action_shadow,
        );
        let total = Arc::clone(inner.totals.entry(labels).or_default());
        let new = || {
            Arc::new(Row {
                count: AtomicU64::new(0),
                total,
            })
        };
        Arc::clone(inner.rows.entry(of).or_insert_with(new))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compared(map: &Requests) -> Vec<Compared> {
    map.iter()
        .map(|((vendor, endpoint), (same, different))| Compared {
            vendor: vendor.clone(),
            endpoint: endpoint.clone(),
            same: *same,
            different: *different,
        })
        .collect()
}

/// A category's key, for reports.
pub(super) fn key_of(category: Option<DataCategory>) -> &'static str {
    category.map_or("-", DataCategory::key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(field: &str) -> Difference {
        Difference {
            vendor: "v".into(),
            endpoint: "/e".into(),
            field: field.into(),
            category: "-",
            inside: false,
            action_in_force: "keep",
            action_shadow: "drop",
            rule_in_force: "".into(),
            rule_shadow: "r".into(),
        }
    }

    #[test]
    fn it_is_bounded_and_nothing_is_lost() {
        let all = Differences::new();
        for n in 0..MAX_ROWS + 500 {
            all.row(difference(&format!("f{n}"))).inc();
        }
        let rows = all.rows();
        assert_eq!(rows.len(), MAX_ROWS + 1);
        let of = |field: &str| rows.iter().find(|(d, _)| &*d.field == field);
        assert_eq!(of("*").map(|(_, n)| *n), Some(500));
        assert_eq!(of("f7").map(|(_, n)| *n), Some(1));
        assert_eq!(all.totals().len(), 1);
        assert_eq!(all.totals()[0].count, MAX_ROWS as u64 + 500);
    }

    #[test]
    fn a_new_comparison_begins_and_totals_go_on() {
        let all = Differences::new();
        all.row(difference("a")).inc();
        all.request("v", "/e", true);
        let age = all.age();
        all.reset();
        assert!(all.rows().is_empty() && all.requests().is_empty());
        assert_ne!(all.age(), age);
        all.row(difference("a")).inc();
        assert_eq!(all.totals()[0].count, 2);
        assert_eq!(all.all_requests()[0].different, 1);
    }
}
