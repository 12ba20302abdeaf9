//! What a policy does about a category, a catalogued field or one that was seen, in words: for `tamis diff`. The engine
//! does not use it; a test of the engine holds that both agree.

use super::against::{in_scope, path, takes};
use super::{CompiledPolicy, Rule, Unlisted};
use crate::action::Action;
use crate::catalog::{Field, Vendor};
use crate::category::DataCategory;
use crate::selector::{Segment, Selector, Step};

impl CompiledPolicy {
    /// What becomes of a leaf of which only its category is known.
    #[must_use]
    pub fn category_fate(&self, category: Option<DataCategory>) -> String {
        let general = |rule: &&Rule| {
            let covers =
                rule.categories.is_empty() || category.is_some_and(|c| rule.categories.has(c));
            covers && rule.fields.is_empty() && rule.vendors.is_empty() && rule.endpoints.is_empty()
        };
        self.fate(self.rules.iter().filter(general), false)
    }

    /// What becomes of a field that a catalog knows; at one endpoint, or wherever the vendor has it.
    #[must_use]
    pub fn field_fate(&self, vendor: &Vendor, endpoint: Option<&str>, field: &Field) -> String {
        let path = path(field);
        let asked = |rule: &&Rule| in_scope(rule, vendor, endpoint) && takes(rule, field, &path);
        self.fate(self.rules.iter().filter(asked), field.protocol)
    }

    /// What becomes of a field that was seen: `field` has the category that was found then. A rule
    /// about a container around it counts as one about the field. `inside`: of parts of its text.
    #[must_use]
    pub fn seen_fate(
        &self,
        vendor: &Vendor,
        endpoint: &str,
        field: &Field,
        how: HowFound,
        inside: bool,
    ) -> String {
        let path = as_seen(field);
        let own = self.classify.iter().find(|classify| {
            let mut selectors = classify.fields.iter();
            selectors.any(|selector| selector.matches(&path))
        });
        let category = match (inside, own, how) {
            (true, _, _) => field.category,
            (false, Some(own), _) => Some(own.category),
            // Another policy said so.
            (false, None, HowFound::ByPolicy) => None,
            (false, None, HowFound::Otherwise) => field.category,
        };
        let asked = |rule: &&Rule| {
            let covers = match category {
                Some(category) if rule.categories.has(category) => true,
                _ => rule.categories.is_empty() && !inside,
            };
            let around = |selector: &Selector| {
                (1..path.len())
                    .any(|end| path.get(..end).is_some_and(|path| selector.matches(path)))
            };
            let stands = rule.fields.is_empty()
                || rule.fields.iter().any(|selector| {
                    selector.matches(&path)
                        || (!inside && names_containers(selector) && around(selector))
                });
            in_scope(rule, vendor, Some(endpoint)) && covers && stands
        };
        self.fate(self.rules.iter().filter(asked), field.protocol && !inside)
    }

    /// The rules that may decide, up to the first that always does.
    fn fate<'r>(&'r self, rules: impl Iterator<Item = &'r Rule>, protocol: bool) -> String {
        let mut words = Vec::new();
        for rule in rules {
            let does = does(&rule.action);
            let always = rule.events.is_empty() && rule.when.is_empty();
            if always {
                words.push(does);
                return words.join(", else ");
            }
            words.push(format!("{does} (if)"));
        }
        words.push(match self.unlisted {
            Unlisted::Keep => "keep".into(),
            Unlisted::Drop if protocol => "keep".into(),
            Unlisted::Drop => "drop".into(),
        });
        words.join(", else ")
    }
}

/// How a field that was seen got its category.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HowFound {
    /// From the `[[classify]]` of the policy that was in force.
    ByPolicy,
    /// From the catalog, its name or its value: another policy finds the same.
    Otherwise,
}

/// The path of a field that was seen; keys that are not told are `*`.
fn as_seen(field: &Field) -> Vec<Segment<'_>> {
    fn segment(step: &Step) -> Segment<'_> {
        match step {
            Step::Key(key) | Step::Glob(key) => Segment::Key(key),
            Step::Any | Step::Deep => Segment::Key("*"),
            Step::Item => Segment::Item,
        }
    }
    field.selector.steps().iter().map(segment).collect()
}

/// As the engine does: `**` at the end speaks about leaves.
fn names_containers(selector: &Selector) -> bool {
    selector.steps().last() != Some(&Step::Deep)
}

/// An action with its settings, shortly.
fn does(action: &Action) -> String {
    match action {
        Action::Keep
        | Action::Drop
        | Action::Null
        | Action::Encrypt
        | Action::DropEvent
        | Action::Reject => action.name().to_owned(),
        Action::Replace(_) => "replace".into(),
        Action::Mask(mask) => format!("{mask:?}").to_lowercase(),
        Action::Hash(hash) => match (hash.bits, hash.length) {
            (Some(bits), _) => format!("hash ({bits} bits)"),
            (None, Some(length)) => format!("hash ({:?}, {length})", hash.shape).to_lowercase(),
            (None, None) => format!("hash ({:?})", hash.shape).to_lowercase(),
        },
        Action::Random(shape) => format!("random ({shape:?})").to_lowercase(),
        Action::Shift(shift) => format!("shift ({} days)", shift.days),
        Action::Generalize(parts) => format!("generalize ({})", parts.names().join(", ")),
    }
}
