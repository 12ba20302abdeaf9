//! Rules for events of certain names that do the same: what one of them makes of a text, the others
//! make of it too, so that what is known of a text under one is known under all.
//!
//! Invariant: two rules are alike only when a value cannot tell them apart. Their actions are the
//! same, kept texts are searched under both or under neither, they ask for no category, and no rule
//! that asks for one stands between them, which a value of that category would meet after the one
//! and before the other. Reports do tell them apart by name: who counts decisions must not use this.

use hashbrown::HashMap;

use super::plan::RuleId;
use crate::policy::Rule;

/// Set in the number of a class that several classes share at a path.
const SHARED: usize = 1 << 31;
/// More classes of unnamed events, or kinds of rules, than are told apart share nothing.
const MAX_UNNAMED: usize = 1 << 15;
/// Of rules that are like no other.
pub(super) const LONE: u16 = u16::MAX;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Alike {
    /// By rule: the number that it has in common with those that are alike.
    of: HashMap<RuleId, u16>,
}

impl Alike {
    /// Of the rules that concern a plan's endpoint.
    pub(super) fn new(here: &[(RuleId, &Rule)]) -> Self {
        let mut alike = Self::default();
        let mut known: HashMap<(String, bool), Vec<(&Rule, u16)>> = HashMap::new();
        let mut next = 0u16;
        for (id, rule) in here {
            if !rule.categories.is_empty() {
                known.clear();
                continue;
            }
            if rule.events.is_empty() {
                continue;
            }
            // The words find, the comparison decides.
            let words = (format!("{:?}", rule.action), rule.scan);
            let same = known.entry(words).or_default();
            let number = match same.iter().find(|(other, _)| other.action == rule.action) {
                Some((_, number)) => *number,
                None => {
                    if next == LONE {
                        break;
                    }
                    same.push((rule, next));
                    next += 1;
                    next - 1
                }
            };
            alike.of.insert(*id, number);
        }
        alike
    }

    /// What a rule has in common with those that are alike; [`LONE`], if it has nothing.
    pub(super) fn number(&self, rule: RuleId) -> u16 {
        self.of.get(&rule).copied().unwrap_or(LONE)
    }
}

/// The class by which it is remembered what rules of a number make of values at a path where they
/// decide, in events that are otherwise of the class `unnamed`.
#[inline]
pub(super) fn shared_class(unnamed: usize, number: u16) -> Option<usize> {
    let told_apart = number != LONE && unnamed < MAX_UNNAMED;
    told_apart.then_some(SHARED | unnamed << 16 | usize::from(number))
}
