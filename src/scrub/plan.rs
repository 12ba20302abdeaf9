//! A plan: one policy seen from one endpoint.
//!
//! Everything that does not depend on a request is worked out here, once: which rules can hold, which
//! selectors are watched, which rules can match a category. What depends on a path is worked out
//! once per path and remembered in [`super::paths`], so that the cost of a leaf does not grow with the
//! number of rules.

use std::sync::{Arc, OnceLock};

use hashbrown::HashSet;

use super::facts::{Facts, Person};
use crate::action::Action;
use crate::catalog::{Endpoint, Field, Vendor};
use crate::category::DataCategory;
use crate::policy::{CompiledPolicy, Consent, Rule, Unlisted, When};
use crate::selector::{Selector, Step, glob_match};

/// A rule's index in its policy. Lower wins; [`NO_RULE`] loses against every rule.
pub(super) type RuleId = u32;

/// No rule matches.
pub(super) const NO_RULE: RuleId = RuleId::MAX;

/// What a watched selector is watched for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Watch {
    /// `[[classify]]`: the category.
    Classify(DataCategory),
    /// A catalog field: index into [`Plan::fields`].
    Field(u16),
    /// A rule's field condition.
    Rule(RuleId),
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

/// See the module.
pub(super) struct Plan {
    pub(super) vendor: Arc<Vendor>,
    pub(super) endpoint: usize,
    pub(super) policy: Arc<CompiledPolicy>,
    /// The endpoint's fields, then the vendor's: the first that matches knows.
    pub(super) fields: Vec<Field>,
    pub(super) watched: Vec<(Watch, Selector)>,
    /// How many of them are watched in every event; the others only in events of their kind.
    pub(super) common: usize,
    /// Sets of a member of a member of the event: index, and the two keys.
    pub(super) deep: Vec<(u16, Box<str>, Box<str>)>,
    /// Kinds of events: what tells them, and which are watched in them besides.
    pub(super) kinds: Vec<(Box<str>, Box<str>, std::ops::Range<usize>)>,
    /// By category index (last: no category): the rules without a field condition that cover it.
    open: Vec<Box<[RuleId]>>,
    /// Rules whose events or `when` are conditions, in order: a class is a mask over them.
    pub(super) scoped: Vec<RuleId>,
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

impl Plan {
    pub(super) fn new(
        vendor: &Arc<Vendor>,
        endpoint: usize,
        policy: &Arc<CompiledPolicy>,
    ) -> Option<Self> {
        let place = vendor.endpoints.get(endpoint)?;
        let mut plan = Self {
            vendor: Arc::clone(vendor),
            endpoint,
            policy: Arc::clone(policy),
            fields: place.fields.iter().chain(&vendor.fields).cloned().collect(),
            watched: Vec::new(),
            common: 0,
            deep: Vec::new(),
            kinds: Vec::new(),
            open: Vec::new(),
            scoped: Vec::new(),
            by_event: false,
            by_endpoint: false,
            by_facts: false,
            consents: Vec::new(),
            shares: Vec::new(),
            by_country: false,
            persons: Vec::new(),
            words: OnceLock::new(),
        };
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
        plan.by_endpoint = here.iter().any(|(_, rule)| named(rule));
        plan.watch(place);
        plan.index(&here);
        plan.watch_kinds();
        Some(plan)
    }

    fn watch(&mut self, place: &Endpoint) {
        for classify in &self.policy.classify {
            for selector in &classify.fields {
                let watch = Watch::Classify(classify.category);
                self.watched.push((watch, selector.clone()));
            }
        }
        for (at, field) in self.fields.iter().enumerate() {
            if let Ok(at) = u16::try_from(at) {
                self.watched
                    .push((Watch::Field(at), field.selector.clone()));
            }
        }
        for (at, set) in place.sets.iter().enumerate() {
            if let Ok(at) = u16::try_from(at) {
                self.watched.push((Watch::Set(at), set.field.clone()));
                if let ([Step::Key(first), Step::Key(key)], true) = (set.field.steps(), set.add)
                    && !first.starts_with('$')
                {
                    self.deep.push((at, first.clone(), key.clone()));
                }
            }
        }
        for (at, tuple) in self.vendor.tuples.iter().enumerate() {
            if let Ok(at) = u16::try_from(at) {
                self.watched.push((Watch::Tuple(at), tuple.lists.clone()));
            }
        }
        for selector in &self.vendor.required {
            self.watched.push((Watch::Required, selector.clone()));
        }
        for selector in &self.vendor.positional {
            self.watched.push((Watch::Positional, selector.clone()));
        }
        for (at, unfold) in self.vendor.unfold.iter().enumerate() {
            if let Ok(at) = u16::try_from(at) {
                self.watched
                    .push((Watch::Unfold(at), unfold.selector.clone()));
            }
        }
        for selector in &self.vendor.project {
            self.watched.push((Watch::Project, selector.clone()));
        }
    }

    fn watch_kinds(&mut self) {
        self.common = self.watched.len();
        let vendor = Arc::clone(&self.vendor);
        for kind in &vendor.kinds {
            let first = self.watched.len();
            for field in &kind.fields {
                if let Ok(at) = u16::try_from(self.fields.len()) {
                    self.watched
                        .push((Watch::Field(at), field.selector.clone()));
                    self.fields.push(field.clone());
                }
            }
            let watched = first..self.watched.len();
            self.kinds
                .push((kind.key.clone(), kind.value.clone(), watched));
        }
    }

    fn index(&mut self, here: &[(RuleId, &Rule)]) {
        for (at, rule) in here {
            for selector in &rule.fields {
                self.watched.push((Watch::Rule(*at), selector.clone()));
            }
            if !rule.events.is_empty() || !rule.when.is_empty() {
                self.scoped.push(*at);
            }
            self.by_event |= !rule.events.is_empty();
            self.ask(rule);
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
        let categories = DataCategory::all().map(Some).chain([None]);
        self.open = categories
            .map(|category| open_rules(here, category))
            .collect();
    }

    /// Notes what a rule wants to know.
    fn ask(&mut self, rule: &Rule) {
        let When {
            gpc: _,
            country,
            consent,
            sampled,
        } = &rule.when;
        self.by_country |= !country.is_empty();
        self.shares.extend(sampled);
        if let Some(consent) = consent
            && !self.consents.contains(consent)
        {
            self.consents.push(consent.clone());
        }
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

    /// The first rule for a leaf. `by_field` are the rules whose field condition holds, in order.
    pub(super) fn decide(
        &self,
        category: Option<DataCategory>,
        by_field: &[RuleId],
        class: &ClassMask,
        need: Need,
    ) -> RuleId {
        let slot = category.map_or(DataCategory::COUNT, DataCategory::index);
        let open = self.open.get(slot).map_or(&[][..], |list| list);
        let holds = |id: &&RuleId| {
            self.rule(**id).is_some_and(|rule| match need {
                Need::Leaf => true,
                // Judged "by the rules for its category": a rule that names no category does not
                // speak about what a detector found, nor does a catch-all take containers.
                Need::Category => !rule.categories.is_empty(),
                Need::Named => !rule.categories.is_empty() || !rule.fields.is_empty(),
            }) && class.allows(self, **id)
        };
        let first_open = open.iter().find(holds).copied();
        let first_field = by_field
            .iter()
            .filter(|id| self.rule(**id).is_some_and(|rule| covers(rule, category)))
            .find(holds)
            .copied();
        first_open
            .unwrap_or(NO_RULE)
            .min(first_field.unwrap_or(NO_RULE))
    }
}

/// Which rules may answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    /// Any rule.
    Leaf,
    /// Rules with a category condition.
    Category,
    /// Rules with a category or a field condition.
    Named,
}

/// Which scoped rules hold for an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClassMask {
    holds: Vec<bool>,
}

impl ClassMask {
    pub(super) fn new(plan: &Plan, event: Option<&str>, facts: &Facts) -> Self {
        let holds = plan
            .scoped
            .iter()
            .map(|id| {
                plan.rule(*id).is_some_and(|rule| {
                    holds(&rule.when, plan, facts)
                        && (rule.events.is_empty()
                            || event.is_some_and(|name| any_glob(&rule.events, name)))
                })
            })
            .collect();
        Self { holds }
    }

    fn allows(&self, plan: &Plan, id: RuleId) -> bool {
        match plan.scoped.binary_search(&id) {
            Ok(at) => self.holds.get(at).copied().unwrap_or(false),
            Err(_) => true,
        }
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

/// The rules without a field condition that cover a category, up to the one that always decides:
/// no rule behind it is ever asked.
fn open_rules(here: &[(RuleId, &Rule)], category: Option<DataCategory>) -> Box<[RuleId]> {
    let mut open = Vec::new();
    for (at, rule) in here {
        if !rule.fields.is_empty() || !covers(rule, category) {
            continue;
        }
        open.push(*at);
        // A rule that names no category is not asked about spans.
        if !rule.categories.is_empty() && rule.events.is_empty() && rule.when.is_empty() {
            break;
        }
    }
    open.into()
}

fn covers(rule: &Rule, category: Option<DataCategory>) -> bool {
    rule.categories.is_empty() || category.is_some_and(|c| rule.categories.has(c))
}

fn any_glob(globs: &[Box<str>], text: &str) -> bool {
    globs.is_empty() || globs.iter().any(|glob| glob_match(glob, text))
}
