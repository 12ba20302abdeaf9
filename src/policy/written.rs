//! A policy as it was written: the shape of the file, every word with its place.
//!
//! Knows which keys there are and of which type, not what the words mean.

use std::ops::Range;

use crate::diagnostic::Diagnostics;
use crate::reader::{Document, Spanned, Table, Value};

/// A policy file.
pub(super) struct Written<'d> {
    pub(super) version: Option<Value<'d>>,
    pub(super) name: Option<Spanned<&'d str>>,
    pub(super) unlisted: Option<Value<'d>>,
    pub(super) observe: bool,
    pub(super) pseudonyms: WrittenPseudonyms<'d>,
    pub(super) classify: Vec<WrittenClassify<'d>>,
    pub(super) rules: Vec<WrittenRule<'d>>,
}

/// `[pseudonyms]`.
#[derive(Default)]
pub(super) struct WrittenPseudonyms<'d> {
    pub(super) key: Option<Spanned<&'d str>>,
    pub(super) scope: Option<Value<'d>>,
    pub(super) rotate: Option<Value<'d>>,
    pub(super) retain: Option<Spanned<i64>>,
}

/// `[[classify]]`.
pub(super) struct WrittenClassify<'d> {
    pub(super) field: Option<List<'d>>,
    pub(super) category: Option<Spanned<&'d str>>,
}

/// `[[rule]]`.
pub(super) struct WrittenRule<'d> {
    pub(super) span: Range<usize>,
    pub(super) name: Option<Spanned<&'d str>>,
    pub(super) category: Option<List<'d>>,
    pub(super) field: Option<List<'d>>,
    pub(super) vendor: Option<List<'d>>,
    pub(super) endpoint: Option<List<'d>>,
    pub(super) event: Option<List<'d>>,
    pub(super) when: Option<Table<'d>>,
    pub(super) action: Option<Value<'d>>,
    pub(super) scan: Option<Spanned<bool>>,
    pub(super) reason: Option<Spanned<&'d str>>,
    pub(super) cost: Option<Spanned<&'d str>>,
}

/// A list of words, or one word. `whole` tells an empty list from one whose elements were no words.
pub(super) struct List<'d> {
    pub(super) whole: Range<usize>,
    pub(super) name: &'d str,
    pub(super) words: Vec<Spanned<&'d str>>,
    pub(super) empty: bool,
}

const ROOT: &[&str] = &[
    "version",
    "name",
    "unlisted",
    "observe",
    "pseudonyms",
    "classify",
    "rule",
];
const RULE: &[&str] = &[
    "name", "category", "field", "vendor", "endpoint", "event", "when", "action", "scan", "reason",
    "cost",
];

/// Reads the shape of a policy file.
pub(super) fn read<'d>(document: &'d Document<'_>, d: &mut Diagnostics) -> Written<'d> {
    let root = document.root().knows(ROOT);
    let written = Written {
        version: root.value("version"),
        name: root.str("name", d),
        unlisted: root.value("unlisted"),
        observe: root.bool("observe", d).is_some_and(|on| on.value),
        pseudonyms: root
            .table("pseudonyms", d)
            .map(|table| pseudonyms(table, d))
            .unwrap_or_default(),
        classify: root
            .tables("classify", d)
            .into_iter()
            .map(|table| classify(table, d))
            .collect(),
        rules: root
            .tables("rule", d)
            .into_iter()
            .map(|table| rule(table, d))
            .collect(),
    };
    root.finish(d);
    written
}

fn pseudonyms<'d>(table: Table<'d>, d: &mut Diagnostics) -> WrittenPseudonyms<'d> {
    let table = table.knows(&["key", "scope", "rotate", "retain"]);
    let written = WrittenPseudonyms {
        key: table.str("key", d),
        scope: table.value("scope"),
        rotate: table.value("rotate"),
        retain: table.int("retain", d),
    };
    table.finish(d);
    written
}

fn classify<'d>(table: Table<'d>, d: &mut Diagnostics) -> WrittenClassify<'d> {
    let table = table.knows(&["field", "category", "reason"]);
    let written = WrittenClassify {
        field: table.required("field", d).map(|value| list(&value, d)),
        category: table.required_str("category", d),
    };
    // For people only, as in a rule.
    table.str("reason", d);
    table.finish(d);
    written
}

fn rule<'d>(table: Table<'d>, d: &mut Diagnostics) -> WrittenRule<'d> {
    let table = table.knows(RULE);
    let mut words = |key| table.value(key).map(|value| list(&value, d));
    let category = words("category");
    let field = words("field");
    let vendor = words("vendor");
    let endpoint = words("endpoint");
    let event = words("event");
    let written = WrittenRule {
        span: table.span(),
        name: table.str("name", d),
        category,
        field,
        vendor,
        endpoint,
        event,
        when: table.table("when", d),
        action: table.required("action", d),
        scan: table.bool("scan", d),
        reason: table.str("reason", d),
        cost: table.str("cost", d),
    };
    table.finish(d);
    written
}

fn list<'d>(value: &Value<'d>, d: &mut Diagnostics) -> List<'d> {
    let before = d.items.len();
    let words = value.str_list(d);
    List {
        whole: value.span(),
        name: value.name(),
        empty: words.is_empty() && d.items.len() == before,
        words,
    }
}
