//! Which rule decides at a path, worked out once for each class of events that it may matter to.
//!
//! Invariant: the answer is that of the first rule in the policy that holds, for every class. A rule
//! that names events concerns the paths its selectors lead to and what lies below; elsewhere events
//! of that name are like any other, and share what is remembered.

use std::cell::RefCell;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::alike::{LONE, shared_class};
use super::classes::ClassMask;
use super::paths::{NONE, NodeId, Paths, ROOT, Source};
use super::plan::{NO_RULE, Plan, RuleId};
use super::ruling::{Need, Ruling};
use crate::category::DataCategory;
use crate::selector::StateId;

const UNKNOWN: RuleId = NO_RULE - 1;
/// Answers of long lists of rules that are remembered.
const MAX_ANSWERS: usize = 1 << 16;

/// What long lists of rules have answered.
#[derive(Default)]
pub(super) struct Answers {
    known: RefCell<HashMap<Asked, RuleId>>,
}

/// Which list was asked, for which class and category, for what.
type Asked = (StateId, usize, Option<DataCategory>, Need);

impl Paths {
    /// The class by which what is known of a path is remembered: the event's, or, where its name
    /// changes nothing, that of events without a name.
    #[inline]
    pub(super) fn class_at(&self, id: NodeId, mask: &ClassMask) -> usize {
        let own = mask.unnamed == mask.id || self.concerns(id, mask);
        if own { mask.id } else { mask.unnamed }
    }

    /// The class by which it is remembered what becomes of values at a path: shared by events whose
    /// rules do the same there.
    #[inline]
    pub(super) fn value_class(&self, id: NodeId, mask: &ClassMask, counted: bool) -> usize {
        let class = self.class_at(id, mask);
        if class == mask.unnamed || counted {
            return class;
        }
        match self.simple_rule(id, mask) {
            Some((_, alike)) => shared_class(mask.unnamed, alike).unwrap_or(class),
            None => class,
        }
    }

    /// The rule for a leaf in an event of a class whose own rules hold for whatever stands at their
    /// places: the first of them, or that of events of no name; and the number of those that are like
    /// it. `None`: not known yet, or a rule for a container above has a say.
    #[inline]
    fn simple_rule(&self, id: NodeId, mask: &ClassMask) -> Option<(RuleId, u16)> {
        let (ends, base) = mask.simple()?;
        let node = self.get(id);
        let mut best = (known(&node.leaf_rules, base.id)?, LONE);
        for end in ends.iter().filter(|end| node.named.contains(&end.state)) {
            if !node.active.contains(&end.state) {
                return None;
            }
            best = best.min((end.rule, end.alike));
        }
        Some(best)
    }

    fn concerns(&self, id: NodeId, mask: &ClassMask) -> bool {
        let named = &self.get(id).named;
        named.iter().any(|state| mask.ends_at(*state))
    }

    /// The rule for a leaf at a node whose category comes from its path.
    #[inline]
    pub(super) fn leaf_rule(&mut self, plan: &Plan, id: NodeId, mask: &ClassMask) -> RuleId {
        let class = self.class_at(id, mask);
        if let Some(rule) = known(&self.get(id).leaf_rules, class) {
            return rule;
        }
        if let Some((_, base)) = mask.simple() {
            // What holds without the event's own rules is known from then on.
            self.leaf_rule(plan, id, base);
            if let Some((rule, _)) = self.simple_rule(id, mask) {
                return rule;
            }
        }
        let rule = self.rule_for(plan, id, self.get(id).category, mask);
        self.slots += remember(&mut self.get_mut(id).leaf_rules, class, rule);
        rule
    }

    /// The rule for a leaf with a category that its value gave it.
    pub(super) fn rule_for(
        &mut self,
        plan: &Plan,
        id: NodeId,
        category: Option<DataCategory>,
        mask: &ClassMask,
    ) -> RuleId {
        let own = self.decide(plan, id, category, mask, Need::Leaf);
        own.min(self.inherited(plan, id, mask))
    }

    /// The rule for a span found in a leaf at this node.
    pub(super) fn span_rule(
        &self,
        plan: &Plan,
        id: NodeId,
        category: DataCategory,
        mask: &ClassMask,
    ) -> RuleId {
        self.decide(plan, id, Some(category), mask, Need::Category)
    }

    /// The rule for a container at a node, or of one above it.
    pub(super) fn container_rule(&mut self, plan: &Plan, id: NodeId, mask: &ClassMask) -> RuleId {
        let class = self.class_at(id, mask);
        if let Some(rule) = known(&self.get(id).container_rules, class) {
            return rule;
        }
        let node = self.get(id);
        let own = if node.parent == NONE {
            NO_RULE
        } else {
            self.decide(plan, id, node.below, mask, Need::Named)
        };
        let rule = own.min(self.inherited(plan, id, mask));
        self.slots += remember(&mut self.get_mut(id).container_rules, class, rule);
        rule
    }

    /// The first rule that holds at a node by itself.
    fn decide(
        &self,
        plan: &Plan,
        id: NodeId,
        category: Option<DataCategory>,
        mask: &ClassMask,
        need: Need,
    ) -> RuleId {
        let mut best = self.first(plan, &plan.open, StateId::MAX, category, mask, need);
        for state in &self.get(id).active {
            // `**` at the end speaks about leaves: else a catch-all would take the whole event.
            let at = plan.at(*state).filter(|at| !at.rules.is_empty());
            if let Some(at) = at.filter(|at| need != Need::Named || !at.deep) {
                best = best.min(self.first(plan, &at.rules, *state, category, mask, need));
            }
        }
        best
    }

    /// The first rule of a list that holds; where the list is long, the answer is remembered.
    fn first(
        &self,
        plan: &Plan,
        rules: &Ruling,
        state: StateId,
        category: Option<DataCategory>,
        mask: &ClassMask,
        need: Need,
    ) -> RuleId {
        if !rules.is_long(mask) {
            return rules.first(plan, category, need, mask);
        }
        let key = (state, mask.id, category, need);
        if let Some(known) = self.answers.known.borrow().get(&key) {
            return *known;
        }
        let rule = rules.first(plan, category, need, mask);
        let mut answers = self.answers.known.borrow_mut();
        if answers.len() >= MAX_ANSWERS {
            answers.clear();
        }
        answers.insert(key, rule);
        rule
    }

    fn inherited(&mut self, plan: &Plan, id: NodeId, mask: &ClassMask) -> RuleId {
        let node = self.get(id);
        let parent = node.parent;
        // A field that the catalog knows to be harmless inherits nothing.
        let harmless = node.source == Source::Catalog && node.category.is_none();
        if id == ROOT || parent == NONE || harmless {
            return NO_RULE;
        }
        let rule = self.container_rule(plan, parent, mask);
        let takes = plan.action(rule).takes_containers();
        if rule == NO_RULE || takes {
            NO_RULE
        } else {
            rule
        }
    }
}

fn known(rules: &[RuleId], class: usize) -> Option<RuleId> {
    rules.get(class).copied().filter(|rule| *rule != UNKNOWN)
}

/// Answers how many slots were added.
fn remember(rules: &mut SmallVec<[RuleId; 2]>, class: usize, rule: RuleId) -> usize {
    let before = rules.len();
    if before <= class {
        rules.resize(class + 1, UNKNOWN);
    }
    if let Some(slot) = rules.get_mut(class) {
        *slot = rule;
    }
    rules.len() - before
}
