//! What a policy says about a field, read off its rules: the expectation that a run is held against.
//!
//! Invariant: nothing here asks the engine. A rule is weighed by its scope, its categories and its
//! fields, as the policy language says in words; conditions that a run does not settle (`sampled`,
//! events of an unknown name) are weighed both ways and told as conditional.

use std::collections::HashMap;

use crate::action::Action;
use crate::catalog::{Endpoint, EventKind, Field, Vendor};
use crate::category::DataCategory;
use crate::detect::names::classify_name;
use crate::policy::{CompiledPolicy, Rule, Unlisted};
use crate::selector::{Segment, Selector, Step, glob_match};

/// What may become of a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It must not leave.
    Gone,
    /// It may leave: by this rule.
    Kept(String),
    /// It may leave if a condition holds that is not settled here: by this rule.
    Conditional(String),
}

/// What is known about a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) category: Option<DataCategory>,
    pub(super) protocol: bool,
    /// Listed, and about nobody.
    harmless: bool,
}

/// The fields that hold at an endpoint, the endpoint's own first, by the key that they end with.
pub(super) struct Fields<'a> {
    by_key: HashMap<&'a str, Vec<(usize, &'a Field)>>,
    others: Vec<(usize, &'a Field)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(vendor: &'a Vendor, endpoint: &'a Endpoint) -> Self {
        let mut fields = Self {
            by_key: HashMap::new(),
            others: Vec::new(),
        };
        let all = endpoint.fields.iter().chain(&vendor.fields).enumerate();
        for (at, field) in all {
            match field.selector.steps().last() {
                Some(Step::Key(key)) => fields.by_key.entry(key).or_default().push((at, field)),
                _ => fields.others.push((at, field)),
            }
        }
        fields
    }

    /// Those that speak about a place, in order.
    fn at(&self, path: &[Segment<'_>]) -> Vec<&'a Field> {
        let ending = match path.last() {
            Some(Segment::Key(key)) => self.by_key.get(key).map_or(&[][..], |list| list),
            Some(Segment::Item) | None => &[],
        };
        let all = ending.iter().chain(&self.others);
        let mut found: Vec<_> = all.filter(|(_, f)| hits(&f.selector, path)).collect();
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, field)| *field).collect()
    }
}

/// A policy, looked at from one endpoint.
#[derive(Clone, Copy)]
pub(super) struct Court<'a> {
    pub(super) policy: &'a CompiledPolicy,
    pub(super) vendor: &'a Vendor,
    pub(super) endpoint: &'a Endpoint,
    pub(super) fields: &'a Fields<'a>,
    pub(super) kind: Option<&'a EventKind>,
    /// What the events are called.
    pub(super) event: Event<'a>,
    /// Whether requests ask for privacy.
    pub(super) gpc: bool,
}

/// The name of the events that are sent.
#[derive(Clone, Copy)]
pub(super) enum Event<'a> {
    /// They have none.
    Nameless,
    /// This one.
    Named(&'a str),
    /// Several: items of an envelope are named by their type.
    Any,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    Maybe,
    No,
}

impl Court<'_> {
    /// What is known about a place; `named` is what its key says in any language, where a catalog
    /// does not know it.
    pub(super) fn known(&self, path: &[Segment<'_>], named: Option<DataCategory>) -> Known {
        for classify in &self.policy.classify {
            if classify.fields.iter().any(|s| hits(s, path)) {
                return Known {
                    category: Some(classify.category),
                    ..self.listed(path).unwrap_or_default()
                };
            }
        }
        if let Some(known) = self.listed(path) {
            return known;
        }
        if let Some((Segment::Item, above)) = path.split_last() {
            return self.known(above, named);
        }
        let around = || {
            let above = (1..path.len())
                .rev()
                .find_map(|len| self.listed(path.get(..len)?));
            above.and_then(|known| known.category)
        };
        Known {
            category: named.or_else(around),
            ..Known::default()
        }
    }

    fn listed(&self, path: &[Segment<'_>]) -> Option<Known> {
        let of_kind = self.kind.map_or(&[][..], |kind| &kind.fields).iter();
        let mut hits: Vec<&Field> = of_kind.filter(|f| hits(&f.selector, path)).collect();
        hits.extend(self.fields.at(path));
        let first = hits.first()?;
        Some(Known {
            category: first.category,
            protocol: hits.iter().any(|field| field.protocol),
            harmless: first.category.is_none(),
        })
    }

    /// What may become of a value as a whole.
    pub(super) fn leaf(&self, path: &[Segment<'_>], known: Known) -> Fate {
        let above: Vec<_> = (1..path.len()).filter_map(|len| path.get(..len)).collect();
        let above: Vec<_> = above
            .into_iter()
            .map(|at| (at, self.known(at, None)))
            .collect();
        self.weigh(known.protocol, |rule| {
            let own = covers(rule, known.category) && fits(rule, path);
            // A rule about what is around speaks about what is inside, unless the catalog knows
            // better.
            let around = || {
                let whole = rule.categories.is_empty() && rule.fields.is_empty();
                !whole
                    && above
                        .iter()
                        .any(|(at, known)| covers(rule, known.category) && fits_container(rule, at))
            };
            own || (!known.harmless && !rule.action.takes_containers() && around())
        })
    }

    /// What may become of a part of a text, found for its own category, in a value that is known as
    /// `known`.
    pub(super) fn span(&self, path: &[Segment<'_>], known: Known, category: DataCategory) -> Fate {
        let whole = self.leaf(path, known);
        let (Fate::Kept(by) | Fate::Conditional(by)) = &whole else {
            return Fate::Gone;
        };
        let unscanned = self.policy.rules.iter().any(|r| !r.scan && *r.name == **by);
        if unscanned || self.policy.observe {
            return whole;
        }
        self.weigh(false, |rule| {
            !rule.categories.is_empty() && covers(rule, Some(category)) && fits(rule, path)
        })
    }

    /// A header that is judged, or a header that the catalog does not list at all (`path` is
    /// `None`): without a rule that speaks for it, it stays behind.
    pub(super) fn header(&self, path: Option<&[Segment<'_>]>, known: Known) -> Fate {
        match path.map(|path| self.leaf(path, known)) {
            Some(Fate::Kept(by)) if by != UNLISTED && by != PROTOCOL => Fate::Kept(by),
            Some(Fate::Conditional(by)) => Fate::Conditional(by),
            Some(Fate::Kept(_) | Fate::Gone) | None => Fate::Gone,
        }
    }

    /// Whether a rule of the policy names this endpoint.
    pub(super) fn names_endpoint(&self) -> bool {
        self.policy.rules.iter().any(|rule| {
            rule.endpoints
                .iter()
                .any(|glob| !glob.trim_matches('*').is_empty())
                && self.in_scope(rule)
        })
    }

    /// Whether the policy may take or refuse whole events.
    pub(super) fn may_drop_events(&self) -> bool {
        let takes = |rule: &&Rule| matches!(rule.action, Action::DropEvent | Action::Reject);
        self.policy
            .rules
            .iter()
            .filter(takes)
            .any(|rule| self.in_scope(rule))
    }

    fn weigh(&self, protocol: bool, matches: impl Fn(&Rule) -> bool) -> Fate {
        if self.policy.observe {
            return Fate::Kept(OBSERVE.into());
        }
        let (mut keeps, mut takes) = (None, false);
        let mut settled = false;
        for rule in self.policy.rules.iter().filter(|rule| matches(rule)) {
            let holds = self.holds(rule);
            if holds == Holds::No {
                continue;
            }
            match &rule.action {
                Action::Keep => keeps = keeps.or_else(|| Some(rule.name.to_string())),
                // A date may be moved by no day at all.
                Action::Shift(_) => {
                    keeps = keeps.or_else(|| Some(rule.name.to_string()));
                    takes = true;
                }
                Action::Drop
                | Action::Null
                | Action::Replace(_)
                | Action::Mask(_)
                | Action::Hash(_)
                | Action::Random(_)
                | Action::Encrypt
                | Action::Generalize(_)
                | Action::DropEvent
                | Action::Reject => takes = true,
            }
            if holds == Holds::Yes {
                settled = true;
                break;
            }
        }
        if !settled {
            match (self.policy.unlisted, protocol) {
                (Unlisted::Keep, _) => keeps = keeps.or_else(|| Some(UNLISTED.into())),
                (Unlisted::Drop, true) => keeps = keeps.or_else(|| Some(PROTOCOL.into())),
                (Unlisted::Drop, false) => takes = true,
            }
        }
        match (keeps, takes) {
            (None, _) => Fate::Gone,
            (Some(by), false) => Fate::Kept(by),
            (Some(by), true) => Fate::Conditional(by),
        }
    }

    fn in_scope(&self, rule: &Rule) -> bool {
        let name = &self.endpoint.name;
        let here =
            |glob: &str| glob_match(glob, name) || glob_match(glob, name.trim_start_matches('/'));
        (rule.vendors.is_empty()
            || rule
                .vendors
                .iter()
                .any(|g| glob_match(g, &self.vendor.name)))
            && (rule.endpoints.is_empty() || rule.endpoints.iter().any(|glob| here(glob)))
    }

    fn holds(&self, rule: &Rule) -> Holds {
        let when = &rule.when;
        // The client's country is not known, and no consent is planted: such rules never hold.
        if !self.in_scope(rule)
            || when.gpc.is_some_and(|want| want != self.gpc)
            || !when.country.is_empty()
            || when.consent.is_some()
        {
            return Holds::No;
        }
        let named = |event: &str| rule.events.iter().any(|glob| glob_match(glob, event));
        let event = match self.event {
            _ if rule.events.is_empty() => Holds::Yes,
            // Around its events a body has no event's name.
            Event::Named(event) if named(event) => Holds::Maybe,
            Event::Any => Holds::Maybe,
            Event::Named(_) | Event::Nameless => Holds::No,
        };
        if event == Holds::Yes && when.sampled.is_some() {
            return Holds::Maybe;
        }
        event
    }
}

/// The name given to what leaves because no rule matches it.
pub(super) const UNLISTED: &str = "(no rule: unlisted = \"keep\")";
/// The name given to what leaves because the vendor's protocol needs it.
pub(super) const PROTOCOL: &str = "(protocol)";
const OBSERVE: &str = "(observe)";

fn covers(rule: &Rule, category: Option<DataCategory>) -> bool {
    rule.categories.is_empty() || category.is_some_and(|c| rule.categories.has(c))
}

/// Whether a selector matches a path; the ends are looked at first, since most differ there.
pub(super) fn hits(selector: &Selector, path: &[Segment<'_>]) -> bool {
    let may = |step: Option<&Step>, segment: Option<&Segment<'_>>| match (step, segment) {
        (Some(Step::Key(want)), Some(Segment::Key(have))) => **want == **have,
        (Some(Step::Key(_)), Some(Segment::Item) | None) => false,
        (Some(Step::Item), segment) => segment == Some(&Segment::Item),
        (Some(Step::Glob(_) | Step::Any | Step::Deep) | None, _) => true,
    };
    let steps = selector.steps();
    may(steps.last(), path.last()) && may(steps.first(), path.first()) && selector.matches(path)
}

fn fits(rule: &Rule, path: &[Segment<'_>]) -> bool {
    rule.fields.is_empty() || rule.fields.iter().any(|s| hits(s, path))
}

/// As [`fits`]; `**` at the end speaks about leaves only.
fn fits_container(rule: &Rule, path: &[Segment<'_>]) -> bool {
    rule.fields.is_empty()
        || rule
            .fields
            .iter()
            .any(|s| s.steps().last() != Some(&Step::Deep) && s.matches(path))
}

/// What the keys that lead to a field say, for fields that only a policy names.
pub(super) fn by_name(path: &[Segment<'_>]) -> Option<DataCategory> {
    let keys: Vec<&str> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(*key),
            Segment::Item => None,
        })
        .collect();
    classify_name(&keys)
}
