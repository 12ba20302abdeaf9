//! Reads `pairs`: places where a list of pairs stands for a map.
//!
//! `[{"key": "plan", "value": "pro"}]` and `[["plan", "pro"]]` are maps written as lists. Where a
//! catalog says so, a pair's value is addressed by the pair's key, as in a map. Knows nothing of how
//! documents are rewritten.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Table, Value, show};
use crate::selector::{Selector, Step};

use super::words;

/// Where lists of pairs stand for maps, and how a pair is written.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// The places, from the document's root.
    pub at: Box<[Selector]>,
    /// How a pair is written.
    pub form: PairForm,
    /// Whether one object there is such a pair itself: `{"type": "page", "data": {…}}`.
    pub single: bool,
    /// Wrappers that say a value's type and nothing else, outermost key first: `{"stringValue": …}`,
    /// `{"arrayValue": {"values": …}}`. The first is the one for text.
    pub unwrap: Box<[Box<[Box<str>]>]>,
}

/// How a pair is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairForm {
    /// An object: the members that hold key and value.
    Members(Box<str>, Box<str>),
    /// An array of two: key, value.
    Tuple,
}

/// A list of `{ at = …, key = …, value = …, unwrap = […] }` or `{ at = …, tuple = true }`.
pub(super) fn read_pairs(v: &Value<'_>, d: &mut Diagnostics) -> Box<[Pairs]> {
    let tables = v.tables(d).into_iter();
    tables.filter_map(|t| read_one(t, d)).collect()
}

fn read_one(t: Table<'_>, d: &mut Diagnostics) -> Option<Pairs> {
    let span = t.span();
    let at = t.required("at", d).map(|v| v.str_list(d));
    let at = at.map(|words| words::selectors(&words, d));
    let key = t.str("key", d);
    let value = t.str("value", d);
    let tuple = t.bool("tuple", d).is_some_and(|v| v.value);
    let single = t.bool("single", d).is_some_and(|v| v.value);
    let unwrap = t.str_list("unwrap", d);
    let unwrap: Option<Box<[_]>> = unwrap
        .iter()
        .map(|word| {
            let read = Selector::parse(word.value).ok();
            let keys = read.and_then(|s| s.steps().iter().map(literal).collect());
            if keys.is_none() {
                let message = format!("`{}` is not a wrapper's keys", show(word.value));
                d.push(
                    Diagnostic::error("bad-wrapper", message, word.span.clone())
                        .help("write `stringValue` or `arrayValue.values`"),
                );
            }
            keys
        })
        .collect();
    t.finish(d);
    let form = match (key, value, tuple) {
        (Some(key), Some(value), false) if key.value != value.value => {
            PairForm::Members(key.value.into(), value.value.into())
        }
        (None, None, true) => PairForm::Tuple,
        _ => {
            let message = "a pair has `key` and `value`, or it is a `tuple = true`";
            d.push(Diagnostic::error("bad-pairs", message, span));
            return None;
        }
    };
    Some(Pairs {
        at: at?,
        form,
        single,
        unwrap: unwrap?,
    })
}

fn literal(step: &Step) -> Option<Box<str>> {
    match step {
        Step::Key(key) => Some(key.clone()),
        Step::Glob(_) | Step::Any | Step::Deep | Step::Item => None,
    }
}
