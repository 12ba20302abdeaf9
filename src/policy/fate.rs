//! What a policy does about a category or a catalogued field, in words: for `tamis diff`. The engine
//! does not use it; a test of the engine holds that both agree.

use super::against::{in_scope, path, takes};
use super::{CompiledPolicy, Rule, Unlisted};
use crate::action::Action;
use crate::catalog::{Field, Vendor};
use crate::category::DataCategory;

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
