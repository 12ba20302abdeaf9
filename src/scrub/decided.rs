//! The judge's side of [`super::tally`]: each decision is counted where it is made.
//!
//! Invariant: what was decided about a value is counted once, whether it was judged in full, settled
//! by its path or remembered.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use super::Report;
use super::engine::{Found, Judge};
use super::paths::{NONE, NodeId, Paths, Source};
use super::pattern;
use super::plan::{NO_RULE, RuleId};
use super::tally::{Decision, Done, Key, pack};
use crate::action::Action;
use crate::category::DataCategory;

/// One for the process: places are compared between the tries of two policies.
static PLACES: LazyLock<foldhash::fast::RandomState> = LazyLock::new(Default::default);

/// What is decided about, and by which rule.
#[derive(Clone, Copy)]
struct About {
    path: NodeId,
    category: Option<DataCategory>,
    source: Source,
    protocol: bool,
    rule: RuleId,
    span: bool,
}

impl Judge<'_, '_> {
    /// Counts what was decided about a leaf or a container.
    #[inline]
    pub(super) fn decided(&mut self, found: Found, action: &Action) {
        let slot = Report::slot(action);
        self.report.count_slot(slot);
        let id = if self.tally.on {
            self.count(about(found), action)
        } else {
            0
        };
        self.last = pack(id, slot);
    }

    /// Counts what was decided about a part of a text.
    pub(super) fn note_span(&mut self, found: Found, category: DataCategory, action: &Action) {
        self.report.count_slot(Report::slot(action));
        if self.tally.on {
            let rule = self
                .paths
                .span_rule(self.plan, found.path, category, &self.mask);
            let about = About {
                category: Some(category),
                source: Source::Value,
                rule,
                span: true,
                ..about(found)
            };
            self.count(about, action);
        }
    }

    /// Counts what leaves as it came, whatever a rule says: it is no matter of the report.
    pub(super) fn count_passed(&mut self, found: Found) {
        if self.tally.on {
            let rule = NO_RULE;
            let about = About {
                rule,
                ..about(found)
            };
            self.count(about, &Action::Keep);
        }
    }

    /// Counts what was decided before and holds again.
    #[inline]
    pub(super) fn again(&mut self, done: Done) {
        let slot = (done & 15) as u8;
        self.report.count_slot(slot);
        self.tally.bump(done >> 4);
        if self.tally.tracing || self.folds > 0 {
            self.trace(done >> 4);
        }
    }

    /// Where a text begins about which all decisions may be remembered.
    pub(super) fn mark_text(&mut self) -> usize {
        // What was decided before is of interest to who compares, and where texts quote.
        if self.folds == 0 && !self.tally.tracing && !self.plan.vendor.quotes {
            self.tally.begin();
        }
        self.tally.mark()
    }

    /// All that was decided since a mark, as one decision: what is remembered with a text.
    pub(super) fn all_since(&mut self, mark: usize) -> Done {
        if !self.tally.on {
            return self.last;
        }
        pack(
            self.tally.since(mark),
            (self.last & 15).try_into().unwrap_or(0),
        )
    }

    /// The decision about every scalar at a path, where the path alone says it.
    pub(super) fn decision_of_path(&mut self, path: NodeId, rule: RuleId, action: &Action) -> Done {
        let slot = Report::slot(action);
        if !self.tally.on {
            return pack(0, slot);
        }
        let node = self.paths.get(path);
        let about = About {
            path,
            category: node.category,
            source: node.source,
            protocol: node.protocol,
            rule,
            span: false,
        };
        pack(self.decision(about, action), slot)
    }

    #[cold]
    fn trace(&mut self, id: u32) {
        if self.tally.on {
            self.tally.note(id, self.report.events_in);
        }
    }

    fn count(&mut self, about: About, action: &Action) -> u32 {
        let id = self.decision(about, action);
        self.tally.bump(id);
        self.tally.note(id, self.report.events_in);
        id
    }

    fn decision(&mut self, about: About, action: &Action) -> u32 {
        let mut key = Key {
            // What is beyond the trie's bound has a number that others will have, too.
            path: Some(about.path)
                .filter(|p| Paths::lasts(*p))
                .unwrap_or(NONE),
            category: about.category,
            rule: about.rule,
            slot: Report::slot(action),
            span: about.span,
        };
        if let Some(id) = self.tally.known(key) {
            return id;
        }
        if !self.tally.has_room() {
            key.path = NONE;
            if let Some(id) = self.tally.known(key) {
                return id;
            }
        }
        self.learn_decision(key, about, action)
    }

    #[cold]
    fn learn_decision(&mut self, key: Key, about: About, action: &Action) -> u32 {
        let field = if key.path == NONE {
            "*".into()
        } else {
            pattern::shown(self.paths, self.plan, self.tally, key.path)
        };
        let mut above = self.places(key.path);
        let place = above.pop().unwrap_or(0);
        above.reverse();
        let rule = self.plan.rule(key.rule);
        self.tally.learn(Decision {
            key,
            place,
            above: above.into(),
            field,
            source: about.source,
            protocol: about.protocol,
            rule: rule.map_or_else(Default::default, |rule| rule.name.clone()),
            reason: rule.map_or_else(Default::default, |rule| rule.reason.clone()),
            action: action.clone(),
        })
    }

    /// The places from the outermost container to a path itself.
    fn places(&self, path: NodeId) -> Vec<u64> {
        let mut places = Vec::new();
        let mut hash = 0u64;
        for id in self.paths.chain(path).into_iter().rev() {
            let node = self.paths.get(id);
            hash = PLACES.hash_one((hash, node.is_item(), node.key()));
            places.push(hash);
        }
        places
    }
}

fn about(found: Found) -> About {
    About {
        path: found.path,
        category: found.category,
        source: found.source,
        protocol: found.protocol,
        rule: found.rule,
        span: false,
    }
}
