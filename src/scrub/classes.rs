//! Classes of events: events for which the same conditions hold, whatever else tells them apart.
//!
//! A policy may have thousands of rules for events of certain names and only a few kinds of `when`.
//! Both are worked out once per name and once per combination of facts; an event then costs two
//! look-ups. Invariant: two events are of one class exactly when the same scoped rules hold for them.

use std::collections::HashMap as Distinct;
use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::facts::{Facts, FactsKey, Person};
use super::plan::{Plan, RuleId};
use crate::policy::{Consent, Rule, When};
use crate::selector::{Globs, StateId};

/// Names and combinations of facts that are remembered, at most; others are worked out each time.
const MAX_NAMES: usize = 16_384;
const LONGEST_NAME: usize = 128;
/// Classes, before it is time to start afresh: more than there are rules for events of their own.
const MAX_CLASSES: usize = 16_384;
/// A rule without `when`.
const NO_WHEN: u32 = u32::MAX;

/// Which rules of a plan hold for some events only.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// By rule.
    of: Vec<Scope>,
    /// The different `when`s.
    whens: Vec<When>,
    events: Globs,
    /// Whose each glob in `events` is.
    event_rules: Vec<RuleId>,
}

/// When a rule holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// It names events.
    pub(super) events: bool,
    when: u32,
}

impl Scope {
    /// Whether the rule always holds.
    pub(super) fn always(self) -> bool {
        !self.events && self.when == NO_WHEN
    }
}

impl Scopes {
    /// Of the rules that concern the plan's endpoint.
    pub(super) fn new(all: usize, here: &[(RuleId, &Rule)]) -> Self {
        let everywhere = Scope {
            events: false,
            when: NO_WHEN,
        };
        let mut scopes = Self {
            of: vec![everywhere; all],
            ..Self::default()
        };
        let mut known: Distinct<&When, u32> = Distinct::new();
        let mut globs: Vec<&str> = Vec::new();
        for (id, rule) in here {
            let when = if rule.when.is_empty() {
                NO_WHEN
            } else {
                let next = u32::try_from(known.len()).unwrap_or(NO_WHEN);
                *known.entry(&rule.when).or_insert_with(|| {
                    scopes.whens.push(rule.when.clone());
                    next
                })
            };
            if let Some(scope) = scopes.of.get_mut(*id as usize) {
                scope.when = when;
                scope.events = !rule.events.is_empty();
            }
            for glob in &rule.events {
                globs.push(glob);
                scopes.event_rules.push(*id);
            }
        }
        scopes.events = Globs::new(globs);
        scopes
    }

    /// When a rule holds.
    pub(super) fn of(&self, id: RuleId) -> Option<Scope> {
        self.of.get(id as usize).copied()
    }

    fn named(&self, event: Option<&str>) -> Box<[RuleId]> {
        let mut hits = SmallVec::new();
        if let Some(event) = event {
            self.events.matching(event, &mut hits);
        }
        let rules = hits
            .iter()
            .filter_map(|at| self.event_rules.get(*at as usize));
        let mut rules: Vec<RuleId> = rules.copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules.into()
    }
}

/// Which scoped rules hold for an event.
#[derive(Debug, Default)]
pub(super) struct ClassMask {
    /// Which class this is.
    pub(super) id: usize,
    /// The class of events of no name that a rule knows, under the same conditions; itself where a
    /// rule for such events concerns every path.
    pub(super) unnamed: usize,
    /// Where the selectors of the rules that name such events end.
    pub(super) states: SmallVec<[StateId; 4]>,
    /// The rules that name such events, ascending.
    pub(super) named: Arc<[RuleId]>,
    /// For each of the plan's `when`s whether it holds.
    whens: Arc<[bool]>,
}

impl ClassMask {
    /// Whether a rule holds for events of the class.
    pub(super) fn allows(&self, plan: &Plan, id: RuleId) -> bool {
        plan.scopes.of(id).is_some_and(|scope| {
            let when = scope.when == NO_WHEN || self.holds(scope.when);
            when && (!scope.events || self.named.binary_search(&id).is_ok())
        })
    }

    fn holds(&self, when: u32) -> bool {
        self.whens.get(when as usize).copied().unwrap_or(false)
    }
}

/// Lists of which each is kept once.
struct Interned<T> {
    all: Vec<Arc<[T]>>,
    at: HashMap<Arc<[T]>, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            at: HashMap::new(),
        }
    }
}

impl<T: Eq + std::hash::Hash> Interned<T> {
    fn put(&mut self, list: Box<[T]>) -> u32 {
        if let Some(at) = self.at.get(&*list) {
            return *at;
        }
        let list: Arc<[T]> = list.into();
        let at = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(Arc::clone(&list));
        self.at.insert(list, at);
        at
    }

    fn get(&self, at: u32) -> Arc<[T]> {
        self.all
            .get(at as usize)
            .map_or_else(|| [].into(), Arc::clone)
    }
}

/// The classes of events seen by one plan in one thread.
#[derive(Default)]
pub(super) struct Classes {
    list: Vec<Arc<ClassMask>>,
    at: HashMap<(u32, u32), usize>,
    names: HashMap<Box<str>, u32>,
    facts: HashMap<FactsKey, u32>,
    named: Interned<RuleId>,
    whens: Interned<bool>,
}

impl Classes {
    /// Whether so many classes were met that it is time to start afresh.
    pub(super) fn full(&self) -> bool {
        self.list.len() > MAX_CLASSES
    }

    /// The class of an event by its name and what is known of it.
    pub(super) fn of(&mut self, plan: &Plan, event: Option<&str>, facts: &Facts) -> usize {
        let key = (self.of_name(plan, event), self.of_facts(plan, facts));
        if let Some(class) = self.at.get(&key) {
            return *class;
        }
        let nobody = (self.named.put([].into()), key.1);
        let unnamed = if key == nobody {
            self.list.len()
        } else {
            self.of_sets(plan, nobody, None)
        };
        self.of_sets(plan, key, Some(unnamed))
    }

    fn of_sets(&mut self, plan: &Plan, key: (u32, u32), unnamed: Option<usize>) -> usize {
        if let Some(class) = self.at.get(&key) {
            return *class;
        }
        let id = self.list.len();
        let named = self.named.get(key.0);
        let states = named.iter().map(|rule| plan.states_of(*rule));
        // A rule without selectors concerns every path.
        let everywhere = states.clone().any(|states| states.is_empty());
        self.list.push(Arc::new(ClassMask {
            id,
            unnamed: unnamed.filter(|_| !everywhere).unwrap_or(id),
            states: states.flatten().copied().collect(),
            named,
            whens: self.whens.get(key.1),
        }));
        self.at.insert(key, id);
        id
    }

    fn of_name(&mut self, plan: &Plan, event: Option<&str>) -> u32 {
        let event = event.filter(|_| !plan.scopes.events.is_empty());
        if let Some(known) = event.and_then(|name| self.names.get(name)) {
            return *known;
        }
        let set = self.named.put(plan.scopes.named(event));
        let room = self.names.len() < MAX_NAMES;
        if let Some(name) = event.filter(|name| room && name.len() <= LONGEST_NAME) {
            self.names.insert(name.into(), set);
        }
        set
    }

    fn of_facts(&mut self, plan: &Plan, facts: &Facts) -> u32 {
        let key = facts.key(plan);
        if let Some(known) = self.facts.get(&key) {
            return *known;
        }
        let whens = plan.scopes.whens.iter();
        let set = self
            .whens
            .put(whens.map(|when| holds(when, plan, facts)).collect());
        if self.facts.len() < MAX_NAMES {
            self.facts.insert(key, set);
        }
        set
    }

    pub(super) fn mask(&self, class: usize) -> Arc<ClassMask> {
        self.list.get(class).map(Arc::clone).unwrap_or_default()
    }
}

fn holds(when: &When, plan: &Plan, facts: &Facts) -> bool {
    let country = |code: [u8; 2]| when.country.contains(&code);
    let consent = |want: &Consent| {
        let at = plan.consents.iter().position(|known| known == want);
        at.is_some_and(|at| facts.consents >> at & 1 == 1)
    };
    let sampled = |share: u64| facts.person.is_some_and(|p: Person| p.sample < share);
    when.gpc.is_none_or(|want| want == facts.gpc)
        && (when.country.is_empty() || facts.country.is_some_and(country))
        && when.consent.as_ref().is_none_or(consent)
        && when.sampled.is_none_or(sampled)
}
