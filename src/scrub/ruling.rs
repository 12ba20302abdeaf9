//! The rules that one selector (or none) leads to, and the first of them that holds.
//!
//! Invariant: what is left out of a list is never the first that holds: a rule further up always
//! answers in its stead. So the rules that always hold are no more than there are categories, and of
//! the others only those are asked that hold for the event at hand.

use smallvec::SmallVec;

use super::classes::ClassMask;
use super::plan::{NO_RULE, Plan, RuleId};
use crate::category::{CategorySet, DataCategory};
use crate::policy::Rule;

/// Which rules may answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Need {
    /// Any rule.
    Leaf,
    /// Rules with a category condition.
    Category,
    /// Rules with a category or a field condition.
    Named,
}

impl Need {
    fn asks(self, rule: &Rule) -> bool {
        match self {
            Self::Leaf => true,
            // Judged "by the rules for its category": a rule that names no category does not
            // speak about what a detector found, nor does a catch-all take containers.
            Self::Category => !rule.categories.is_empty(),
            Self::Named => !rule.categories.is_empty() || !rule.fields.is_empty(),
        }
    }
}

/// More rules than are asked one after the other for each path.
const LONG: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ruling {
    always: SmallVec<[RuleId; 1]>,
    /// They name events, and may have other conditions besides.
    by_event: Vec<RuleId>,
    /// Other conditions only.
    by_when: Vec<RuleId>,
    /// What the rules that always hold cover.
    covered: CategorySet,
    covered_all: bool,
}

impl Ruling {
    /// Adds a rule; they come in their order.
    pub(super) fn push(&mut self, plan: &Plan, id: RuleId, rule: &Rule) {
        let answered = match rule.categories.is_empty() {
            true => self.covered_all,
            false => self.covered.union(rule.categories) == self.covered,
        };
        let Some(scope) = plan.scopes.of(id).filter(|_| !answered) else {
            return;
        };
        if scope.always() {
            self.covered = self.covered.union(rule.categories);
            self.covered_all |= rule.categories.is_empty();
            self.always.push(id);
        } else {
            let list = match scope.events {
                true => &mut self.by_event,
                false => &mut self.by_when,
            };
            // Two selectors of one rule may be the same.
            if list.last() != Some(&id) {
                list.push(id);
            }
        }
    }

    /// Whether there is no rule.
    pub(super) fn is_empty(&self) -> bool {
        self.always.is_empty() && self.by_event.is_empty() && self.by_when.is_empty()
    }

    /// Whether a rule names events.
    pub(super) fn names_events(&self) -> bool {
        !self.by_event.is_empty()
    }

    /// Whether so many would be asked that an answer is worth remembering.
    pub(super) fn is_long(&self, mask: &ClassMask) -> bool {
        self.always.len() + self.by_when.len() + self.by_event.len().min(mask.named().len()) > LONG
    }

    /// The first rule that holds for a leaf of this category.
    pub(super) fn first(
        &self,
        plan: &Plan,
        category: Option<DataCategory>,
        need: Need,
        mask: &ClassMask,
    ) -> RuleId {
        let fits = |id: &RuleId| {
            plan.rule(*id)
                .is_some_and(|rule| covers(rule, category) && need.asks(rule))
        };
        let mut always = self.always.iter().copied();
        let mut best = always.find(fits).unwrap_or(NO_RULE);
        let mut ask = |list: &[RuleId], asked: &dyn Fn(&RuleId) -> bool| {
            let before = list.iter().copied().take_while(|id| *id < best);
            let found = before
                .filter(|id| asked(id))
                .find(|id| fits(id) && mask.allows(plan, *id));
            best = found.unwrap_or(best);
        };
        ask(&self.by_when, &|_| true);
        if mask.named().len() < self.by_event.len() {
            ask(mask.named(), &|id| self.by_event.binary_search(id).is_ok());
        } else {
            ask(&self.by_event, &|_| true);
        }
        best
    }
}

fn covers(rule: &Rule, category: Option<DataCategory>) -> bool {
    rule.categories.is_empty() || category.is_some_and(|c| rule.categories.has(c))
}
