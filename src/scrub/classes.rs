//! Classes of events: events for which the same conditions hold, whatever else tells them apart.
//!
//! A policy may have thousands of rules for events of certain names and only a few kinds of `when`.
//! The names that rules spell out are part of the policy: what each of them brings along is worked
//! out with the plan, and is there for all threads. Of other names it is worked out once per name, of
//! facts once per combination; an event then costs two look-ups. Invariant: two events are of one
//! class exactly when the same scoped rules hold for them.

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
    /// By the names that stand in rules without a star: which of `sets`.
    literal: HashMap<Box<str>, u32>,
    /// The first is of names that no rule knows.
    sets: Vec<Arc<Named>>,
    set_at: HashMap<Box<[RuleId]>, u32>,
}

/// Where a selector of a rule ends that names an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) state: StateId,
    pub(super) rule: RuleId,
    /// Of rules that do the same; see [`super::alike`].
    pub(super) alike: u16,
}

/// The rules that name an event.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Ascending.
    rules: SmallVec<[RuleId; 2]>,
    /// Where their selectors end.
    ends: SmallVec<[End; 2]>,
    /// One of them has no selector: it concerns every path.
    everywhere: bool,
    /// None of them asks for anything but its place: what stands inside a text is judged as in any
    /// other event.
    simple: bool,
}

impl Named {
    fn new(plan: &Plan, scopes: &Scopes, rules: &[RuleId]) -> Self {
        let any = |rule: &RuleId| plan.rule(*rule).is_some_and(|r| r.categories.is_empty());
        let always = |rule: &RuleId| scopes.of(*rule).is_some_and(|s| s.when == NO_WHEN);
        let ends = rules.iter().flat_map(|rule| {
            let states = plan.states_of(*rule).iter();
            states.map(|state| End {
                state: *state,
                rule: *rule,
                alike: plan.alike.number(*rule),
            })
        });
        Self {
            rules: rules.into(),
            ends: ends.collect(),
            everywhere: rules.iter().any(|rule| plan.states_of(*rule).is_empty()),
            simple: rules.iter().all(|rule| any(rule) && always(rule)),
        }
    }
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

    /// Works out what the names bring along that rules spell out: to be called once the plan knows
    /// where selectors end.
    pub(super) fn with_names(mut self, plan: &Plan) -> Self {
        self.sets.push(Arc::new(Named::new(plan, &self, &[])));
        let mut names: Vec<(Box<[RuleId]>, Box<str>)> = Vec::new();
        for name in self.events.literals() {
            names.push((self.named(name), name.into()));
        }
        names.sort_unstable();
        for (rules, name) in names {
            let known = self.set_at.get(&rules).copied();
            let set = known.unwrap_or_else(|| {
                let next = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
                self.sets.push(Arc::new(Named::new(plan, &self, &rules)));
                self.set_at.insert(rules, next);
                next
            });
            self.literal.insert(name, set);
        }
        self
    }

    fn named(&self, event: &str) -> Box<[RuleId]> {
        let mut hits = SmallVec::new();
        self.events.matching(event, &mut hits);
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
    /// That class, where it is another.
    base: Option<Arc<ClassMask>>,
    named: Arc<Named>,
    /// For each of the plan's `when`s whether it holds.
    whens: Arc<[bool]>,
}

impl ClassMask {
    /// Whether a selector of the rules that name such events ends there.
    #[inline]
    pub(super) fn ends_at(&self, state: StateId) -> bool {
        self.named.ends.iter().any(|end| end.state == state)
    }

    /// The rules that name such events, ascending.
    pub(super) fn named(&self) -> &[RuleId] {
        &self.named.rules
    }

    /// Where the rules that name such events stand, when each holds for whatever stands there; and the
    /// class of events without them.
    pub(super) fn simple(&self) -> Option<(&[End], &Self)> {
        let base = self.base.as_ref().filter(|_| self.named.simple)?;
        Some((&self.named.ends, base))
    }

    /// Whether a rule holds for events of the class.
    pub(super) fn allows(&self, plan: &Plan, id: RuleId) -> bool {
        plan.scopes.of(id).is_some_and(|scope| {
            let when = scope.when == NO_WHEN || self.holds(scope.when);
            when && (!scope.events || self.named.rules.binary_search(&id).is_ok())
        })
    }

    fn holds(&self, when: u32) -> bool {
        self.whens.get(when as usize).copied().unwrap_or(false)
    }
}

/// The classes of events seen by one plan in one thread.
#[derive(Default)]
pub(super) struct Classes {
    list: Vec<Arc<ClassMask>>,
    /// By facts, then by set: the class and one, in no more room than the plan has sets.
    at: Vec<Vec<u32>>,
    /// The same for sets behind those of the plan.
    at_more: HashMap<(u32, u32), usize>,
    /// Names that no rule spells out.
    names: HashMap<Box<str>, u32>,
    facts: HashMap<FactsKey, u32>,
    /// Sets behind those of the plan.
    sets: Vec<Arc<Named>>,
    set_at: HashMap<Box<[RuleId]>, u32>,
    whens: Vec<Arc<[bool]>>,
    when_at: HashMap<Arc<[bool]>, u32>,
}

/// Combinations of facts for which classes are looked up by the set's number.
const MAX_WIDE: usize = 16;
/// In [`Scopes::sets`].
const NOBODY: u32 = 0;

impl Classes {
    /// Whether so many classes were met that it is time to start afresh.
    pub(super) fn full(&self) -> bool {
        self.list.len() > MAX_CLASSES || self.sets.len() > MAX_CLASSES
    }

    /// The class of an event by its name and what is known of it.
    pub(super) fn of(&mut self, plan: &Plan, event: Option<&str>, facts: &Facts) -> usize {
        let key = (self.of_name(plan, event), self.of_facts(plan, facts));
        if let Some(class) = self.known(key) {
            return class;
        }
        let unnamed = if key.0 == NOBODY {
            self.list.len()
        } else {
            self.of_sets(plan, (NOBODY, key.1), None)
        };
        self.of_sets(plan, key, Some(unnamed))
    }

    fn of_sets(&mut self, plan: &Plan, key: (u32, u32), unnamed: Option<usize>) -> usize {
        if let Some(class) = self.known(key) {
            return class;
        }
        let id = self.list.len();
        let (named, whens) = (self.set(plan, key.0), self.whens.get(key.1 as usize));
        let unnamed = unnamed.filter(|_| !named.everywhere).unwrap_or(id);
        self.list.push(Arc::new(ClassMask {
            id,
            unnamed,
            base: self.list.get(unnamed).map(Arc::clone),
            named,
            whens: whens.map_or_else(|| [].into(), Arc::clone),
        }));
        self.learn(plan, key, id);
        id
    }

    fn known(&self, key: (u32, u32)) -> Option<usize> {
        let sets = self.at.get(key.1 as usize).map_or(&[][..], |sets| sets);
        match sets.get(key.0 as usize) {
            Some(class) => (*class as usize).checked_sub(1),
            None => self.at_more.get(&key).copied(),
        }
    }

    fn learn(&mut self, plan: &Plan, key: (u32, u32), class: usize) {
        let (set, facts) = (key.0 as usize, key.1 as usize);
        let next = u32::try_from(class + 1);
        // Facts are dense: a combination more is the next in the list.
        if set < plan.scopes.sets.len() && facts <= self.at.len() && facts < MAX_WIDE {
            if facts == self.at.len() {
                self.at.push(vec![0; plan.scopes.sets.len()]);
            }
            let sets = self.at.get_mut(facts);
            if let Some((slot, next)) = sets.and_then(|s| s.get_mut(set)).zip(next.ok()) {
                *slot = next;
                return;
            }
        }
        self.at_more.insert(key, class);
    }

    /// The plan's sets come first, then this thread's.
    fn set(&self, plan: &Plan, at: u32) -> Arc<Named> {
        let at = at as usize;
        let own = || self.sets.get(at.checked_sub(plan.scopes.sets.len())?);
        let set = plan.scopes.sets.get(at).or_else(own);
        set.map(Arc::clone).unwrap_or_default()
    }

    fn of_name(&mut self, plan: &Plan, event: Option<&str>) -> u32 {
        let Some(event) = event.filter(|_| !plan.scopes.events.is_empty()) else {
            return NOBODY;
        };
        let known = plan.scopes.literal.get(event);
        if let Some(known) = known.or_else(|| self.names.get(event)) {
            return *known;
        }
        let set = self.put(plan, plan.scopes.named(event));
        if self.names.len() < MAX_NAMES && event.len() <= LONGEST_NAME {
            self.names.insert(event.into(), set);
        }
        set
    }

    fn put(&mut self, plan: &Plan, rules: Box<[RuleId]>) -> u32 {
        let known = plan.scopes.set_at.get(&rules);
        if let Some(at) = known.or_else(|| self.set_at.get(&rules)) {
            return *at;
        }
        let at = u32::try_from(plan.scopes.sets.len() + self.sets.len()).unwrap_or(NOBODY);
        self.sets
            .push(Arc::new(Named::new(plan, &plan.scopes, &rules)));
        self.set_at.insert(rules, at);
        at
    }

    fn of_facts(&mut self, plan: &Plan, facts: &Facts) -> u32 {
        let key = facts.key(plan);
        if let Some(known) = self.facts.get(&key) {
            return *known;
        }
        let whens = plan.scopes.whens.iter();
        let answers: Arc<[bool]> = whens.map(|when| holds(when, plan, facts)).collect();
        let next = u32::try_from(self.whens.len()).unwrap_or(u32::MAX);
        let whens = &mut self.whens;
        let set = *self.when_at.entry(answers).or_insert_with_key(|answers| {
            whens.push(Arc::clone(answers));
            next
        });
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
