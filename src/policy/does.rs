//! `action = …`: what a rule does, as written, made an [`Action`].
//!
//! An action is a word (`"drop"`) or a table with one key (`{ hash = { shape = "keep" } }`).

use crate::action::generalize::{DateUnit, IpPrefix, Numbers, TimeUnit, UrlRule};
use crate::action::{Action, Generalize, Hash, Mask, Shape, Shift};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Table, Value, did_you_mean, nearest, show};

use super::place::{self, Names};

type Make = fn() -> Action;

/// Actions that are one word.
const WORDS: &[(&str, Make)] = &[
    ("keep", || Action::Keep),
    ("drop", || Action::Drop),
    ("null", || Action::Null),
    ("drop_event", || Action::DropEvent),
    ("reject", || Action::Reject),
    ("hash", || Action::Hash(Hash::default())),
    ("random", || Action::Random(Shape::Keep)),
    ("encrypt", || Action::Encrypt),
];

/// Actions that need a table, with an example.
const TABLES: &[(&str, &str)] = &[
    ("replace", "{ replace = \"removed\" }"),
    ("mask", "{ mask = { keep_start = 1, char = \"*\" } }"),
    ("generalize", "{ generalize = { location = \"country\" } }"),
    ("shift", "{ shift = { days = 30 } }"),
];

const SHAPES: &[(&str, Shape)] = &[
    ("keep", Shape::Keep),
    ("hex", Shape::Hex),
    ("uuid", Shape::Uuid),
    ("digits", Shape::Digits),
];

/// Networks, not machines: 256 IPv4 addresses, one IPv6 site.
const IP_PREFIX: IpPrefix = IpPrefix { v4: 24, v6: 48 };

/// Reads an action. `None` when it is none, which is then reported.
pub(super) fn action(value: &Value<'_>, d: &mut Diagnostics) -> Option<Action> {
    if let Some(word) = value.as_str() {
        let found = WORDS.iter().find(|(name, _)| *name == word);
        if found.is_none() {
            d.push(not_a_word(word, value));
        }
        return found.map(|(_, make)| make());
    }
    if !value.is_table() {
        value.expected(
            "a word such as `\"drop\"` or a table such as `{ hash = {} }`",
            d,
        );
        return None;
    }
    let table = value.table(d)?;
    let keys = table.keys();
    let [key] = keys.as_slice() else {
        let message = if keys.is_empty() {
            "the action is an empty table"
        } else {
            "an action has one key; a rule does one thing"
        };
        d.push(
            Diagnostic::error("bad-action", message, value.span())
                .help("write `action = \"drop\"` or `action = { hash = { shape = \"keep\" } }`"),
        );
        return None;
    };
    match key.value {
        "replace" => table
            .str("replace", d)
            .map(|text| Action::Replace(text.value.into())),
        "mask" => mask(&table.value("mask")?, d).map(Action::Mask),
        "hash" => hash(
            table.value("hash")?.table_like("{ shape = \"keep\" }", d)?,
            d,
        )
        .map(Action::Hash),
        "random" => random(
            table
                .value("random")?
                .table_like("{ shape = \"keep\" }", d)?,
            d,
        )
        .map(Action::Random),
        "encrypt" => {
            // The contract's `{ encrypt = { … } }`; there is nothing to set.
            table.table("encrypt", d)?.finish(d);
            Some(Action::Encrypt)
        }
        "shift" => {
            shift(table.value("shift")?.table_like("{ days = 30 }", d)?, d).map(Action::Shift)
        }
        "generalize" => generalize(
            table
                .value("generalize")?
                .table_like("{ location = \"country\" }", d)?,
            d,
        )
        .map(Action::Generalize),
        other => {
            let mut item = not_a_word(other, value);
            item.span = Some(key.span.clone());
            if WORDS.iter().any(|(name, _)| *name == other) {
                item.message = format!("`{other}` takes no settings");
                item.help = Some(format!("write `action = \"{other}\"`"));
            }
            d.push(item);
            None
        }
    }
}

fn not_a_word(word: &str, value: &Value<'_>) -> Diagnostic {
    if let Some((name, example)) = TABLES.iter().find(|(name, _)| *name == word) {
        return Diagnostic::error(
            "bad-action",
            format!("`{name}` needs to be told how"),
            value.span(),
        )
        .help(format!("write `action = {example}`"));
    }
    let known = WORDS
        .iter()
        .map(|(name, _)| *name)
        .chain(TABLES.iter().map(|(name, _)| *name));
    let help = match synonym(word) {
        Some(meant) if nearest(word, known.clone()).is_none() => {
            format!("did you mean `{meant}`?")
        }
        _ => did_you_mean(word, known, "actions are"),
    };
    Diagnostic::error(
        "unknown-action",
        format!("unknown action `{}`", show(word)),
        value.span(),
    )
    .help(help)
}

/// Words that other tools use.
fn synonym(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "remove" | "delete" | "redact" | "block" | "deny" | "scrub" => Some("drop"),
        "allow" | "pass" | "accept" | "ignore" => Some("keep"),
        "pseudonymize" | "pseudonymise" | "tokenize" | "anonymize" | "anonymise" => Some("hash"),
        "truncate" | "generalise" | "coarsen" => Some("generalize"),
        "refuse" => Some("reject"),
        _ => None,
    }
}

fn mask(value: &Value<'_>, d: &mut Diagnostics) -> Option<Mask> {
    if value.as_str().is_some() {
        return value.choice(&[("email", ())], d).map(|()| Mask::Email);
    }
    if !value.is_table() {
        value.expected("`\"email\"` or a table such as `{ keep_start = 1 }`", d);
        return None;
    }
    let table = value.table(d)?;
    let keep_start = size(&table, "keep_start", 0..=1024, d).unwrap_or(0);
    let keep_end = size(&table, "keep_end", 0..=1024, d).unwrap_or(0);
    let mut char = '*';
    if let Some(text) = table.str("char", d) {
        let mut chars = text.value.chars();
        match (chars.next(), chars.next()) {
            (Some(one), None) if !one.is_control() => char = one,
            _ => d.push(
                Diagnostic::error(
                    "bad-value",
                    "`char`: expected one printable character",
                    text.span,
                )
                .help("write `char = \"*\"`"),
            ),
        }
    }
    table.finish(d);
    Some(Mask::Ends {
        keep_start,
        keep_end,
        char,
    })
}

fn hash(table: Table<'_>, d: &mut Diagnostics) -> Option<Hash> {
    let shape = table.choice("shape", SHAPES, d).unwrap_or_default();
    let prefix = table.str("prefix", d);
    let bits = size(&table, "bits", 4..=32, d).and_then(|bits| u8::try_from(bits).ok());
    let length = match shape {
        Shape::Hex => size(&table, "length", 8..=64, d),
        Shape::Digits => size(&table, "length", 15..=40, d),
        Shape::Keep | Shape::Uuid => {
            if let Some(value) = table.value("length") {
                d.push(
                    Diagnostic::error(
                        "bad-value",
                        "`length`: pseudonyms of this shape have a length of their own",
                        value.span(),
                    )
                    .help("leave `length` out, or set `shape = \"hex\"`"),
                );
            }
            None
        }
    };
    table.finish(d);
    Some(Hash {
        shape,
        prefix: prefix.map_or_else(Box::default, |p| p.value.into()),
        length,
        bits,
    })
}

fn random(table: Table<'_>, d: &mut Diagnostics) -> Option<Shape> {
    let shape = table.choice("shape", SHAPES, d).unwrap_or_default();
    table.finish(d);
    Some(shape)
}

fn generalize(table: Table<'_>, d: &mut Diagnostics) -> Option<Generalize> {
    let only = |key: &'static str, word: &'static str, d: &mut Diagnostics| {
        table.choice(key, &[(word, true)], d).unwrap_or(false)
    };
    let location = only("location", "country", d);
    let user_agent = only("user_agent", "family", d);
    let referrer = only("referrer", "common", d);
    let email = only("email", "domain", d);
    let language = only("language", "primary", d);
    let postal_code = only("postal_code", "zip3", d);
    let date = table.choice(
        "date",
        &[
            ("month", DateUnit::Month),
            ("year", DateUnit::Year),
            ("decade", DateUnit::Decade),
        ],
        d,
    );
    let time = table.choice(
        "time",
        &[
            ("minute", TimeUnit::Minute),
            ("hour", TimeUnit::Hour),
            ("day", TimeUnit::Day),
            ("month", TimeUnit::Month),
            ("year", TimeUnit::Year),
        ],
        d,
    );
    let ip = table.value("ip").and_then(|value| ip(&value, d));
    let url = (table.value("url"))
        .and_then(|value| value.table_like("{ query = [\"utm_*\"] }", d))
        .map(|table| url(table, d));
    let number = (table.value("number"))
        .and_then(|value| value.table_like("{ step = 10 }", d))
        .and_then(|t| numbers(t, d));
    if table.is_empty() {
        d.push(
            Diagnostic::error("bad-action", "`generalize` does not say what", table.span())
                .help("write for instance `{ generalize = { location = \"country\" } }`"),
        );
    }
    table.finish(d);
    Some(Generalize {
        location,
        user_agent,
        referrer,
        url,
        email,
        ip,
        time,
        language,
        date,
        number,
        postal_code,
    })
}

fn numbers(table: Table<'_>, d: &mut Diagnostics) -> Option<Numbers> {
    let span = table.span();
    let step = table.value("step").and_then(|v| v.float(d));
    let top = table.value("top").and_then(|v| v.float(d));
    let buckets = table.value("buckets").map(|value| {
        let bounds: Vec<f64> = value
            .list(d)
            .iter()
            .filter_map(|bound| Some(bound.float(d)?.value))
            .collect();
        let ascend = bounds.is_sorted_by(|a, b| a < b);
        if bounds.is_empty() || !ascend || bounds.iter().any(|b| !b.is_finite()) {
            d.push(
                Diagnostic::error(
                    "bad-value",
                    "`buckets`: expected lower bounds that ascend",
                    value.span(),
                )
                .help("write for instance `buckets = [0, 18, 25, 35, 50, 65]`"),
            );
        }
        bounds
    });
    let given = (table.keys().len(), step, buckets, top);
    table.finish(d);
    let numbers = match given {
        (1, Some(step), None, None) => {
            if !(step.value.is_finite() && step.value > 0.0) {
                let message = "`step`: expected a number above 0";
                d.push(Diagnostic::error("out-of-range", message, step.span));
                return None;
            }
            Numbers::Step(step.value)
        }
        (1, None, Some(bounds), None) => Numbers::Buckets(bounds.into()),
        (1, None, None, Some(top)) if top.value.is_finite() => Numbers::Top(top.value),
        _ => {
            d.push(
                Diagnostic::error("bad-action", "`number` has one key", span)
                    .help("write `{ step = 10 }`, `{ buckets = [0, 18, 65] }` or `{ top = 90 }`"),
            );
            return None;
        }
    };
    Some(numbers)
}

fn shift(table: Table<'_>, d: &mut Diagnostics) -> Option<Shift> {
    let days = match table.required("days", d) {
        Some(_) => size(&table, "days", 1..=3650, d),
        None => None,
    };
    table.finish(d);
    Some(Shift {
        days: u16::try_from(days?).ok()?,
    })
}

fn ip(value: &Value<'_>, d: &mut Diagnostics) -> Option<IpPrefix> {
    if value.as_str().is_some() {
        return value.choice(&[("prefix", IP_PREFIX)], d);
    }
    if !value.is_table() {
        value.expected("`\"prefix\"` or a table such as `{ v4 = 24, v6 = 48 }`", d);
        return None;
    }
    let table = value.table(d)?;
    let mut bits = |key, most, default| {
        size(&table, key, 0..=most, d)
            .and_then(|bits| u8::try_from(bits).ok())
            .unwrap_or(default)
    };
    let prefix = IpPrefix {
        v4: bits("v4", 32, IP_PREFIX.v4),
        v6: bits("v6", 128, IP_PREFIX.v6),
    };
    table.finish(d);
    Some(prefix)
}

fn url(table: Table<'_>, d: &mut Diagnostics) -> UrlRule {
    let query = table
        .str_list("query", d)
        .iter()
        .filter_map(|word| place::glob(word, Names::Parameters, d))
        .collect();
    let fragment = table
        .choice("fragment", &[("drop", false), ("keep", true)], d)
        .unwrap_or(false);
    table.finish(d);
    UrlRule { query, fragment }
}

/// A whole number within limits.
fn size(
    table: &Table<'_>,
    key: &'static str,
    limits: std::ops::RangeInclusive<usize>,
    d: &mut Diagnostics,
) -> Option<usize> {
    let int = table.int(key, d)?;
    let found = usize::try_from(int.value)
        .ok()
        .filter(|n| limits.contains(n));
    if found.is_none() {
        d.push(Diagnostic::error(
            "out-of-range",
            format!(
                "`{key}`: expected {} to {}, found {}",
                limits.start(),
                limits.end(),
                int.value
            ),
            int.span,
        ));
    }
    found
}
