//! What was decided about each path, counted: where the data map and the comparison with a shadow
//! policy come from.
//!
//! A decision is a path, its category, the rule and the action. It is worked out once and is a number
//! from then on, so that a leaf costs one addition; a thread has a tally for each endpoint, of bounded
//! size, and nobody but it writes there while a request is judged. Holds no value: paths as
//! [`super::pattern`] shows them, rules and categories.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::{HashMap, HashSet};

use super::differences::Pairs;
use super::paths::{NONE, NodeId, Source};
use super::plan::{Plan, RuleId};
use super::request::Scrubber;
use crate::action::Action;
use crate::category::DataCategory;

/// A decision's number, as a leaf needs it: the number itself and its action's slot in a report.
pub(super) type Done = u32;

/// Decisions of one endpoint that are told apart, at most; beyond, all paths are one.
const MAX: usize = 4096;
/// And those beyond, which differ in category and rule only.
const MAX_MORE: usize = 1024;
/// Entries of a trace, at most: values behind are counted, and not compared.
const MAX_TRACE: usize = 1 << 16;
/// Rows that wait for the next [`Sightings::take`] when their tally is gone, at most.
const MAX_LEFT: usize = 16_384;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A decision and its action's slot in one number.
pub(super) fn pack(id: u32, slot: u8) -> Done {
    id << 4 | u32::from(slot)
}

/// What tells one decision from another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// [`NONE`]: one of those that are not told apart.
    pub(super) path: NodeId,
    pub(super) category: Option<DataCategory>,
    pub(super) rule: RuleId,
    /// The action's slot in a report.
    pub(super) slot: u8,
    /// About a part of a text that was kept otherwise.
    pub(super) span: bool,
}

/// See the module.
pub(super) struct Decision {
    pub(super) key: Key,
    /// The same for the same path under any policy.
    pub(super) place: u64,
    /// The places of the containers around, innermost first.
    pub(super) above: Box<[u64]>,
    pub(super) field: Box<str>,
    pub(super) source: Source,
    pub(super) protocol: bool,
    pub(super) rule: Box<str>,
    pub(super) reason: Box<str>,
    pub(super) action: Action,
}

/// What a number stands for.
enum What {
    /// What is beyond every bound.
    Nothing,
    One(Box<Decision>),
    /// All that was decided about a text that held others.
    Several(Box<[u32]>),
}

/// See the module.
#[derive(Default)]
pub(super) struct Tally {
    /// Whether anything is counted; else this is empty and stays so.
    pub(super) on: bool,
    /// Whether every decision of a request is noted in its order.
    pub(super) tracing: bool,
    /// Of this tally alone in the process.
    pub(super) serial: u64,
    /// Whether the policy only observes.
    observe: bool,
    vendor: Box<str>,
    endpoint: Box<str>,
    counts: Vec<u64>,
    what: Vec<What>,
    table: HashMap<Key, u32>,
    bundles: HashMap<Box<[u32]>, u32>,
    /// By node: its decision the last time.
    last: Vec<u32>,
    /// The decisions of this request that were made in full (all of them when tracing), and how many
    /// events had begun.
    trace: Vec<(u32, u32)>,
    /// Names below a node that stand neither in the catalog nor in the policy.
    pub(super) strangers: HashMap<NodeId, HashSet<Box<str>>>,
    /// Of a shadow's tally: what was made of pairs of decisions.
    pub(super) pairs: Pairs,
}

impl Tally {
    fn new(plan: &Plan, tracing: bool) -> Self {
        Self {
            on: true,
            tracing,
            serial: NEXT.fetch_add(1, Ordering::Relaxed),
            observe: plan.policy.observe,
            vendor: plan.vendor.name.clone(),
            endpoint: plan.place().map_or("", |place| &place.name).into(),
            counts: vec![0],
            what: vec![What::Nothing],
            ..Self::default()
        }
    }

    /// A request begins, or something else before which nothing needs to be known.
    pub(super) fn begin(&mut self) {
        self.trace.clear();
    }

    /// One more of a decision that was made before.
    #[inline]
    pub(super) fn bump(&mut self, id: u32) {
        if let Some(count) = self.counts.get_mut(id as usize) {
            *count = count.wrapping_add(1);
        }
    }

    /// Notes a decision in its order.
    pub(super) fn note(&mut self, id: u32, events: u32) {
        if self.trace.len() < MAX_TRACE {
            self.trace.push((id, events));
        }
    }

    /// The number of a decision.
    #[inline]
    pub(super) fn known(&mut self, key: Key) -> Option<u32> {
        if let Some(id) = self.last.get(key.path as usize)
            && self.decision(*id).is_some_and(|d| d.key == key)
        {
            return Some(*id);
        }
        let id = *self.table.get(&key)?;
        self.remember(key.path, id);
        Some(id)
    }

    /// Whether a path more can be told apart.
    pub(super) fn has_room(&self) -> bool {
        self.what.len() < MAX
    }

    /// A number for a decision that has none.
    pub(super) fn learn(&mut self, decision: Decision) -> u32 {
        let key = decision.key;
        let id = self.add(What::One(Box::new(decision)));
        if id != 0 {
            self.table.insert(key, id);
            self.remember(key.path, id);
        }
        id
    }

    fn add(&mut self, what: What) -> u32 {
        if self.what.len() >= MAX + MAX_MORE {
            return 0;
        }
        let id = u32::try_from(self.what.len()).unwrap_or(0);
        self.what.push(what);
        self.counts.push(0);
        id
    }

    fn remember(&mut self, path: NodeId, id: u32) {
        if path == NONE {
            return;
        }
        let at = path as usize;
        if self.last.len() <= at {
            self.last.resize(at + 1, 0);
        }
        if let Some(slot) = self.last.get_mut(at) {
            *slot = id;
        }
    }

    /// How much was noted so far.
    pub(super) fn mark(&self) -> usize {
        self.trace.len()
    }

    /// Takes back what was decided since a mark: it is decided once more.
    pub(super) fn undo(&mut self, mark: usize) {
        for (id, _) in self.trace.get(mark..).unwrap_or(&[]) {
            if let Some(count) = self.counts.get_mut(*id as usize) {
                *count = count.wrapping_sub(1);
            }
        }
        self.trace.truncate(mark);
    }

    /// One number for all that was decided since a mark.
    pub(super) fn since(&mut self, mark: usize) -> u32 {
        let parts = self.trace.get(mark..).unwrap_or(&[]);
        if self.trace.len() >= MAX_TRACE {
            return 0;
        }
        if let [(only, _)] = parts {
            return *only;
        }
        let parts: Box<[u32]> = parts.iter().map(|(id, _)| *id).collect();
        if let Some(id) = self.bundles.get(&parts) {
            return *id;
        }
        let room = self.has_room() && parts.len() <= 64;
        let id = if room {
            self.add(What::Several(parts.clone()))
        } else {
            0
        };
        if id != 0 {
            self.bundles.insert(parts, id);
        }
        id
    }

    /// What a number stands for, if it is one decision.
    pub(super) fn decision(&self, id: u32) -> Option<&Decision> {
        match self.what.get(id as usize)? {
            What::One(decision) => Some(decision),
            What::Nothing | What::Several(_) => None,
        }
    }

    /// What leaves by a decision: under a policy that only observes, everything.
    pub(super) fn effective<'d>(&self, decision: &'d Decision) -> &'d Action {
        if self.observe {
            &Action::Keep
        } else {
            &decision.action
        }
    }

    /// The trace of the request, each entry one decision.
    pub(super) fn traced(&self) -> Vec<(u32, u32)> {
        let mut out = Vec::with_capacity(self.trace.len());
        for (id, events) in &self.trace {
            self.each(*id, &mut |id| out.push((id, *events)));
        }
        out
    }

    fn each(&self, id: u32, found: &mut dyn FnMut(u32)) {
        match self.what.get(id as usize) {
            Some(What::One(_)) => found(id),
            Some(What::Several(parts)) => {
                for part in parts {
                    self.each(*part, found);
                }
            }
            Some(What::Nothing) | None => {}
        }
    }

    /// Hands over what was counted since the last time.
    fn drain(&mut self, into: &mut HashMap<Sighted, u64>, most: usize) {
        let mut singles: HashMap<u32, u64> = HashMap::new();
        let counts: Vec<u64> = self.counts.iter_mut().map(std::mem::take).collect();
        for (id, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let id = u32::try_from(id).unwrap_or(0);
            self.each(id, &mut |one| *singles.entry(one).or_default() += count);
        }
        for (id, count) in singles {
            let Some(decision) = self.decision(id) else {
                continue;
            };
            let sighted = self.sighted(decision);
            if into.len() < most || into.contains_key(&sighted) {
                *into.entry(sighted).or_default() += count;
            }
        }
    }

    fn sighted(&self, decision: &Decision) -> Sighted {
        Sighted {
            vendor: self.vendor.clone(),
            endpoint: self.endpoint.clone(),
            field: decision.field.clone(),
            category: decision.key.category,
            source: decision.source,
            protocol: decision.protocol,
            action: decision.action.name(),
            inside: decision.key.span,
            observed: self.observe,
            rule: decision.rule.clone(),
            reason: decision.reason.clone(),
        }
    }
}

/// What was sent in one field, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sighted {
    /// The vendor's name.
    pub vendor: Box<str>,
    /// The endpoint's name.
    pub endpoint: Box<str>,
    /// The dotted path; `*` for keys that may be a client's words.
    pub field: Box<str>,
    /// Its category.
    pub category: Option<DataCategory>,
    /// How the category was found.
    pub source: Source,
    /// Whether the vendor's protocol needs the field.
    pub protocol: bool,
    /// The action's name.
    pub action: &'static str,
    /// Whether this is about parts of texts that were kept otherwise.
    pub inside: bool,
    /// Whether the policy only observes: everything left as it came, whatever the action.
    pub observed: bool,
    /// The rule's name; empty: no rule.
    pub rule: Box<str>,
    /// The reason that the rule gives.
    pub reason: Box<str>,
}

/// What all threads have counted.
#[derive(Default)]
pub struct Sightings {
    open: Mutex<Vec<Arc<Mutex<Tally>>>>,
    /// Of threads and plans that are gone.
    left: Mutex<HashMap<Sighted, u64>>,
}

impl Sightings {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was counted since the last time, in no order.
    #[must_use]
    pub fn take(&self) -> Vec<(Sighted, u64)> {
        let mut all = std::mem::take(&mut *lock(&self.left));
        // Nobody waits for the list while a large body holds its tally.
        let open = lock(&self.open).clone();
        for tally in &open {
            lock(tally).drain(&mut all, usize::MAX);
        }
        all.into_iter().collect()
    }
}

impl Scrubber {
    /// Counts from now on what is decided about which field. To be called before the first request,
    /// and once: later calls change nothing.
    pub fn count_into(&self, sightings: &Arc<Sightings>) {
        let _ = self.sightings.set(Arc::clone(sightings));
    }

    /// A tally for a thread that begins with an endpoint.
    pub(super) fn counted(&self, plan: &Plan) -> Option<Counted> {
        let tracing = self.is_shadow || self.shadow.is_some();
        let sightings = self.sightings.get();
        (tracing || sightings.is_some()).then(|| Counted::new(plan, sightings, tracing))
    }
}

/// A thread's tally for one endpoint. What it counted is handed over when it goes.
pub(super) struct Counted {
    tally: Arc<Mutex<Tally>>,
    sightings: Option<Arc<Sightings>>,
}

impl Counted {
    pub(super) fn new(plan: &Plan, sightings: Option<&Arc<Sightings>>, tracing: bool) -> Self {
        let tally = Arc::new(Mutex::new(Tally::new(plan, tracing)));
        if let Some(sightings) = sightings {
            lock(&sightings.open).push(Arc::clone(&tally));
        }
        Self {
            tally,
            sightings: sightings.map(Arc::clone),
        }
    }

    /// Its own thread waits only while somebody takes the counts, which is rare and short.
    pub(super) fn lock(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(sightings) = &self.sightings else {
            return;
        };
        // The list stays locked until the counts are over there, so that none is missed or taken twice.
        let mut open = lock(&sightings.open);
        open.retain(|other| !Arc::ptr_eq(other, &self.tally));
        lock(&self.tally).drain(&mut lock(&sightings.left), MAX_LEFT);
    }
}

/// A panic elsewhere leaves counts, which cannot be half written.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
