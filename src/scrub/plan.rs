//! A plan: one policy seen from one endpoint.
//!
//! Everything that does not depend on a request is worked out here, once: which rules can hold, and
//! which selectors are watched, as one automaton. What depends on a path is worked out once per path
//! and remembered in [`super::paths`]; neither the first look at a path nor the next costs more when
//! there are more rules.

use std::sync::{Arc, OnceLock};

use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;

use super::alike::Alike;
use super::classes::Scopes;
use super::ruling::Ruling;
use crate::action::Action;
use crate::catalog::{Endpoint, Field, Vendor};
use crate::category::DataCategory;
use crate::policy::{CompiledPolicy, Consent, Rule, Unlisted, When};
use crate::selector::{Selector, SelectorSet, SetBuilder, StateId, Step, glob_match};

/// A rule's index in its policy. Lower wins; [`NO_RULE`] loses against every rule.
pub(super) type RuleId = u32;

/// No rule matches.
pub(super) const NO_RULE: RuleId = RuleId::MAX;

/// What a place is watched for, besides the rules about it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Watch {
    /// `[[classify]]`: the category.
    Classify(DataCategory),
    /// A catalog field: index into [`Plan::fields`].
    Field(u16),
    /// A forced value: index into the endpoint's sets.
    Set(u16),
    /// A place where the project token stands.
    Project,
    /// A list whose elements are told by their position.
    Positional,
    /// A member that must be there.
    Required,
    /// Such a list with names for its positions: index into the vendor's tuples.
    Tuple(u16),
    /// A string that holds a document: index into the vendor's unfolds.
    Unfold(u16),
}

/// What stands at a state of the selectors.
#[derive(Default)]
pub(super) struct At {
    /// Indices into [`Plan::watches`], ascending: the first that knows the category is believed.
    pub(super) watches: SmallVec<[u32; 1]>,
    /// The rules with a selector that ends here.
    pub(super) rules: Ruling,
    /// The selectors that end here end in `**`.
    pub(super) deep: bool,
    /// Sets whose member belongs into a container here.
    pub(super) adds: SmallVec<[u16; 1]>,
}

/// See the module.
pub(super) struct Plan {
    pub(super) vendor: Arc<Vendor>,
    pub(super) endpoint: usize,
    pub(super) policy: Arc<CompiledPolicy>,
    /// The endpoint's fields, then the vendor's, then those of kinds of events.
    pub(super) fields: Vec<Field>,
    /// All selectors. The first root is of every event, the others of the kinds, in their order.
    pub(super) selectors: SelectorSet,
    /// What stands at each of its states.
    at: Vec<At>,
    pub(super) watches: Vec<Watch>,
    /// Sets of a member of a member of the event: index, and the two keys.
    pub(super) deep: Vec<(u16, Box<str>, Box<str>)>,
    /// Kinds of events: what tells them.
    pub(super) kinds: Vec<(Box<str>, Box<str>)>,
    /// The rules without a field condition.
    pub(super) open: Ruling,
    /// Rules that hold for some events only.
    pub(super) scopes: Scopes,
    /// Those of them that do the same.
    pub(super) alike: Alike,
    /// Where the selectors of rules that name events end.
    states: HashMap<RuleId, Vec<StateId>>,
    /// Whether any rule names events.
    pub(super) by_event: bool,
    /// Whether a rule speaks about this endpoint by name: what recordings need to be let through.
    pub(super) by_endpoint: bool,
    /// Whether a rule asks what stands in the event: consent, or whose event it is.
    pub(super) by_facts: bool,
    /// The places of consent that rules ask for: a fact each, in this order.
    pub(super) consents: Vec<Consent>,
    /// The shares that rules ask for, ascending.
    pub(super) shares: Vec<u64>,
    /// Whether a rule asks for the country.
    pub(super) by_country: bool,
    /// Where the person stands, best first; empty when no rule asks.
    pub(super) persons: Vec<Selector>,
    /// Words that stand in catalog or policy, once somebody asks; see [`super::pattern`].
    pub(super) words: OnceLock<HashSet<Box<str>>>,
}

/// The selectors of a plan while they are collected.
struct Watching<'p> {
    selectors: SetBuilder,
    at: Vec<At>,
    watches: Vec<Watch>,
    states: HashMap<RuleId, Vec<StateId>>,
    plan: &'p Plan,
}

impl Watching<'_> {
    fn at(&mut self, root: usize, selector: &Selector) -> Option<(StateId, &mut At)> {
        let state = self.selectors.add(StateId::try_from(root).ok()?, selector);
        let slot = state as usize;
        if self.at.len() <= slot {
            self.at.resize_with(slot + 1, At::default);
        }
        let at = self.at.get_mut(slot)?;
        at.deep = selector.steps().last() == Some(&Step::Deep);
        Some((state, at))
    }

    fn watch(&mut self, root: usize, selector: &Selector, watch: Watch) {
        let Ok(number) = u32::try_from(self.watches.len()) else {
            return;
        };
        self.watches.push(watch);
        if let Some((_, at)) = self.at(root, selector) {
            at.watches.push(number);
        }
    }

    fn watch_all<'s>(
        &mut self,
        selectors: impl IntoIterator<Item = &'s Selector>,
        watch: impl Fn(u16) -> Watch,
    ) {
        for (at, selector) in selectors.into_iter().enumerate() {
            if let Ok(at) = u16::try_from(at) {
                self.watch(0, selector, watch(at));
            }
        }
    }

    /// The policy's own word comes first, then what is known of a kind of events, then the rest.
    fn catalog(&mut self, place: &Endpoint, general: usize) {
        let plan = self.plan;
        for classify in &plan.policy.classify {
            for selector in &classify.fields {
                self.watch(0, selector, Watch::Classify(classify.category));
            }
        }
        let mut own = general..;
        for (kind, root) in plan.vendor.kinds.iter().zip(1..) {
            for (field, at) in kind.fields.iter().zip(&mut own) {
                if let Ok(at) = u16::try_from(at) {
                    self.watch(root, &field.selector, Watch::Field(at));
                }
            }
        }
        let fields = plan.fields.iter().take(general);
        self.watch_all(fields.map(|field| &field.selector), Watch::Field);
        self.watch_all(place.sets.iter().map(|set| &set.field), Watch::Set);
        let vendor = &plan.vendor;
        self.watch_all(vendor.tuples.iter().map(|t| &t.lists), Watch::Tuple);
        self.watch_all(&vendor.required, |_| Watch::Required);
        self.watch_all(&vendor.positional, |_| Watch::Positional);
        self.watch_all(vendor.unfold.iter().map(|u| &u.selector), Watch::Unfold);
        self.watch_all(&vendor.project, |_| Watch::Project);
    }

    fn rules(&mut self, here: &[(RuleId, &Rule)]) {
        let plan = self.plan;
        for (id, rule) in here {
            for selector in &rule.fields {
                let Some((state, at)) = self.at(0, selector) else {
                    continue;
                };
                at.rules.push(plan, *id, rule);
                if !rule.events.is_empty() {
                    self.states.entry(*id).or_default().push(state);
                }
            }
        }
    }

    /// Notes at each state which sets' members are one key away.
    fn finish(mut self, place: &Endpoint) -> (SelectorSet, Vec<At>, Vec<Watch>) {
        let set = self.selectors.build();
        self.at.resize_with(set.len(), At::default);
        let sets = |state: StateId| {
            let at = self.at.get(state as usize);
            let watches = at.into_iter().flat_map(|at| &at.watches);
            watches.filter_map(|watch| match self.watches.get(*watch as usize) {
                Some(Watch::Set(set)) => Some(*set),
                _ => None,
            })
        };
        let adds = |set: &u16| place.sets.get(usize::from(*set)).is_some_and(|s| s.add);
        let adds: Vec<SmallVec<[u16; 1]>> = (0..)
            .take(set.len())
            .map(|state| {
                let mut found: SmallVec<[u16; 1]> =
                    set.by_key(state).flat_map(sets).filter(adds).collect();
                found.sort_unstable();
                found
            })
            .collect();
        for (at, adds) in self.at.iter_mut().zip(adds) {
            at.adds = adds;
        }
        (set, self.at, self.watches)
    }
}

impl Plan {
    pub(super) fn new(
        vendor: &Arc<Vendor>,
        endpoint: usize,
        policy: &Arc<CompiledPolicy>,
    ) -> Option<Self> {
        let place = vendor.endpoints.get(endpoint)?;
        let here: Vec<(RuleId, &Rule)> = policy
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| any_glob(&rule.vendors, &vendor.name))
            .filter(|(_, rule)| {
                rule.endpoints.is_empty()
                    || any_glob(&rule.endpoints, &place.name)
                    || any_glob(&rule.endpoints, place.name.trim_start_matches('/'))
            })
            .filter_map(|(at, rule)| RuleId::try_from(at).ok().map(|at| (at, rule)))
            .collect();
        let named = |rule: &Rule| {
            rule.endpoints
                .iter()
                .any(|glob| !glob.trim_matches('*').is_empty())
        };
        let mut plan = Self {
            vendor: Arc::clone(vendor),
            endpoint,
            policy: Arc::clone(policy),
            fields: place.fields.iter().chain(&vendor.fields).cloned().collect(),
            selectors: SelectorSet::default(),
            at: Vec::new(),
            watches: Vec::new(),
            deep: deep_sets(place),
            kinds: Vec::new(),
            open: Ruling::default(),
            scopes: Scopes::new(policy.rules.len(), &here),
            alike: Alike::new(&here),
            states: HashMap::new(),
            by_event: here.iter().any(|(_, rule)| !rule.events.is_empty()),
            by_endpoint: here.iter().any(|(_, rule)| named(rule)),
            by_facts: false,
            consents: Vec::new(),
            shares: Vec::new(),
            by_country: false,
            persons: Vec::new(),
            words: OnceLock::new(),
        };
        plan.ask(&here);
        plan.index(place, &here);
        let scopes = std::mem::take(&mut plan.scopes);
        plan.scopes = scopes.with_names(&plan);
        Some(plan)
    }

    fn index(&mut self, place: &Endpoint, here: &[(RuleId, &Rule)]) {
        let vendor = Arc::clone(&self.vendor);
        let general = self.fields.len();
        for kind in &vendor.kinds {
            self.kinds.push((kind.key.clone(), kind.value.clone()));
            self.fields.extend_from_slice(&kind.fields);
        }
        let mut open = Ruling::default();
        for (id, rule) in here.iter().filter(|(_, rule)| rule.fields.is_empty()) {
            open.push(self, *id, rule);
        }
        let mut watching = Watching {
            selectors: SetBuilder::new(1 + vendor.kinds.len()),
            at: Vec::new(),
            watches: Vec::new(),
            states: HashMap::new(),
            plan: self,
        };
        watching.catalog(place, general);
        watching.rules(here);
        let states = std::mem::take(&mut watching.states);
        let (selectors, at, watches) = watching.finish(place);
        self.selectors = selectors;
        self.at = at;
        self.watches = watches;
        self.states = states;
        self.open = open;
    }

    /// Notes what the rules want to know.
    fn ask(&mut self, here: &[(RuleId, &Rule)]) {
        let mut consents: HashSet<&Consent> = HashSet::new();
        for (_, rule) in here {
            let When {
                gpc: _,
                country,
                consent,
                sampled,
            } = &rule.when;
            self.by_country |= !country.is_empty();
            self.shares.extend(sampled);
            if let Some(consent) = consent
                && consents.insert(consent)
            {
                self.consents.push(consent.clone());
            }
        }
        self.shares.sort_unstable();
        self.shares.dedup();
        let shifts = here
            .iter()
            .any(|(_, r)| matches!(r.action, Action::Shift(_)));
        if shifts || !self.shares.is_empty() {
            self.persons = super::facts::persons(&self.fields);
        }
        self.by_facts = !self.persons.is_empty() || !self.consents.is_empty();
    }

    /// Where the selectors of a rule end that names events; nowhere, when it has none.
    pub(super) fn states_of(&self, id: RuleId) -> &[StateId] {
        self.states.get(&id).map_or(&[], |states| states)
    }

    /// What stands at a state.
    pub(super) fn at(&self, state: StateId) -> Option<&At> {
        self.at.get(state as usize)
    }

    /// The endpoint.
    pub(super) fn place(&self) -> Option<&Endpoint> {
        self.vendor.endpoints.get(self.endpoint)
    }

    /// The rule of an id.
    pub(super) fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.policy.rules.get(usize::try_from(id).ok()?)
    }

    /// What a rule does, or what happens to leaves without one.
    pub(super) fn action(&self, id: RuleId) -> &Action {
        match (self.rule(id), self.policy.unlisted) {
            (Some(rule), _) => &rule.action,
            (None, Unlisted::Keep) => &Action::Keep,
            (None, Unlisted::Drop) => &Action::Drop,
        }
    }
}

/// Sets that bring their container along.
fn deep_sets(place: &Endpoint) -> Vec<(u16, Box<str>, Box<str>)> {
    let sets = (0..).zip(&place.sets).filter(|(_, set)| set.add);
    sets.filter_map(|(at, set)| match set.field.steps() {
        [Step::Key(first), Step::Key(key)] if !first.starts_with('$') => {
            Some((at, first.clone(), key.clone()))
        }
        _ => None,
    })
    .collect()
}

fn any_glob(globs: &[Box<str>], text: &str) -> bool {
    globs.is_empty() || globs.iter().any(|glob| glob_match(glob, text))
}
