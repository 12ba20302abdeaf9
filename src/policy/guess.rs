//! Values that a pseudonym does not hide: those of which there are so few that how often each comes
//! tells which it is. A warning only.

use std::ops::Range;

use super::Rule;
use crate::action::Action;
use crate::category::DataCategory;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::show;
use crate::selector::{Step, glob_match};

/// Categories with few values.
const CATEGORIES: &[&str] = &[
    "user.contact.address.country",
    "user.contact.address.state",
    "user.demographic.age_range",
    "user.demographic.gender",
    "user.demographic.language",
    "user.demographic.marital_status",
    "user.device.screen",
    "user.device.timezone",
];

/// Names of fields with few values.
const NAMES: &[&str] = &[
    "age",
    "country",
    "country_code",
    "currency",
    "gender",
    "has_*",
    "is_*",
    "lang",
    "language",
    "locale",
    "plan",
    "sex",
    "state",
    "tier",
    "timezone",
];

/// Warns of a rule that hashes or encrypts what can be guessed.
pub(super) fn guessable(rule: &Rule, place: Range<usize>, d: &mut Diagnostics) {
    let hides = match &rule.action {
        Action::Hash(_) => "hashes",
        Action::Encrypt => "encrypts",
        Action::Keep
        | Action::Drop
        | Action::Null
        | Action::Replace(_)
        | Action::Mask(_)
        | Action::Random(_)
        | Action::Generalize(_)
        | Action::Shift(_)
        | Action::DropEvent
        | Action::Reject => return,
    };
    let few = CATEGORIES
        .iter()
        .find(|key| DataCategory::parse(key).is_some_and(|category| rule.categories.has(category)));
    let named = rule
        .fields
        .iter()
        .find(|selector| match selector.steps().last() {
            Some(Step::Key(key) | Step::Glob(key)) => {
                let key = key.to_lowercase();
                NAMES.iter().any(|name| glob_match(name, &key))
            }
            Some(Step::Any | Step::Deep | Step::Item) | None => false,
        });
    let what = named.map(ToString::to_string);
    let Some(what) = what.or_else(|| few.map(|key| (*key).to_owned())) else {
        return;
    };
    let message = format!(
        "\"{}\" {hides} `{}`, which has so few values that how often each comes tells which it is",
        show(&rule.name),
        show(&what)
    );
    d.push(
        Diagnostic::warning("few-values", message, place)
            .help("generalize or drop it: a pseudonym hides only what has many values"),
    );
}
