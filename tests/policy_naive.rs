//! The compiled policy equals a naive interpreter, on random policies and bodies.
//!
//! The interpreter is the language's definition read aloud: for each field, all rules from the top,
//! each condition asked anew. It knows no plan, no trie and no classes. Names and values are ones that
//! no catalog and no detector knows, so that what is compared is the rules alone; categories come
//! from `[[classify]]`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod support;

use proptest::prelude::*;
use serde_json::{Map, Value};
use support::{Outcome, scrubber, send_with, track};
use tamis::action::Action;
use tamis::category::DataCategory;
use tamis::policy::{CompiledPolicy, Rule, Unlisted};
use tamis::scrub::Scratch;
use tamis::selector::{Segment, Selector, Step, glob_match};

/// A path, outermost first; `None` is an array's element.
type Path = Vec<Option<String>>;

struct Naive<'p> {
    policy: &'p CompiledPolicy,
    event: Option<String>,
    gpc: bool,
}

enum Left {
    Keep(Value),
    Gone,
    Event,
}

/// What a container hands down: its category, and the first rule for all its leaves.
#[derive(Clone, Copy)]
struct Above {
    below: Option<DataCategory>,
    rule: Option<usize>,
}

impl Naive<'_> {
    fn value(&self, path: &mut Path, value: &Value, above: Above) -> Left {
        let own = self.classified(path);
        let category = own.or(above.below);
        match value {
            Value::Object(_) | Value::Array(_) => {
                let named = self.first(path, category, |rule, selector| {
                    selector.is_none_or(|s| s.steps().last() != Some(&Step::Deep))
                        && (!rule.categories.is_empty() || !rule.fields.is_empty())
                });
                let rule = least(named, above.rule);
                if let Some(left) = rule.and_then(|at| self.constant(at)) {
                    return left;
                }
                self.inside(
                    path,
                    value,
                    Above {
                        below: category,
                        rule,
                    },
                )
            }
            _ => {
                let own = self.first(path, category, |_, _| true);
                let rule = least(own, above.rule);
                let empty = value.is_null() || value == "";
                match rule {
                    Some(at) => self
                        .constant(at)
                        .unwrap_or_else(|| Left::Keep(value.clone())),
                    None if empty || self.policy.unlisted == Unlisted::Keep || protocol(path) => {
                        match self.policy.unlisted {
                            Unlisted::Drop if !protocol(path) => Left::Gone,
                            _ => Left::Keep(value.clone()),
                        }
                    }
                    None => Left::Gone,
                }
            }
        }
    }

    fn inside(&self, path: &mut Path, value: &Value, above: Above) -> Left {
        let mut out = value.clone();
        match (value, &mut out) {
            (Value::Object(members), Value::Object(new)) => {
                for (key, member) in members {
                    path.push(Some(key.clone()));
                    let left = self.value(path, member, above);
                    path.pop();
                    match left {
                        Left::Keep(value) => drop(new.insert(key.clone(), value)),
                        Left::Gone => drop(new.remove(key)),
                        Left::Event => return Left::Event,
                    }
                }
            }
            (Value::Array(items), Value::Array(new)) => {
                new.clear();
                for item in items {
                    path.push(None);
                    let left = self.value(path, item, above);
                    path.pop();
                    match left {
                        Left::Keep(value) => new.push(value),
                        Left::Gone => {}
                        Left::Event => return Left::Event,
                    }
                }
            }
            _ => {}
        }
        Left::Keep(out)
    }

    fn classified(&self, path: &Path) -> Option<DataCategory> {
        let path = segments(path);
        let mut all = self.policy.classify.iter();
        let found = all.find(|c| c.fields.iter().any(|s| s.matches(&path)));
        found.map(|c| c.category)
    }

    /// The first rule whose conditions hold here. `may` is asked about the rule and the selector that
    /// matched.
    fn first(
        &self,
        path: &Path,
        category: Option<DataCategory>,
        may: impl Fn(&Rule, Option<&Selector>) -> bool,
    ) -> Option<usize> {
        let path = segments(path);
        self.policy.rules.iter().position(|rule| {
            let event = |glob: &str| self.event.as_deref().is_some_and(|e| glob_match(glob, e));
            (rule.categories.is_empty() || category.is_some_and(|c| rule.categories.has(c)))
                && rule.when.gpc.is_none_or(|want| want == self.gpc)
                && (rule.events.is_empty() || rule.events.iter().any(|glob| event(glob)))
                && if rule.fields.is_empty() {
                    may(rule, None)
                } else {
                    rule.fields
                        .iter()
                        .any(|s| s.matches(&path) && may(rule, Some(s)))
                }
        })
    }

    /// What a rule that takes values and containers alike leaves of them.
    fn constant(&self, at: usize) -> Option<Left> {
        match &self.policy.rules[at].action {
            Action::Drop => Some(Left::Gone),
            Action::Null => Some(Left::Keep(Value::Null)),
            Action::Replace(text) => Some(Left::Keep(Value::from(&**text))),
            Action::DropEvent => Some(Left::Event),
            _ => None,
        }
    }
}

fn least(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The two fields of the vendor's protocol that bodies here hold.
fn protocol(path: &Path) -> bool {
    let keys: Vec<_> = path.iter().map(|k| k.as_deref().unwrap_or("[]")).collect();
    matches!(keys.as_slice(), ["event"] | ["properties", "token"])
}

fn segments(path: &Path) -> Vec<Segment<'_>> {
    path.iter()
        .map(|key| key.as_deref().map_or(Segment::Item, Segment::Key))
        .collect()
}

/// What the interpreter lets leave of a batch; `Null` when nothing is left.
fn naive(policy: &CompiledPolicy, events: &[Value], gpc: bool) -> Value {
    let mut left = Vec::new();
    for event in events {
        let naive = Naive {
            policy,
            event: event["event"].as_str().map(str::to_owned),
            gpc,
        };
        let above = Above {
            below: None,
            rule: None,
        };
        match naive.inside(&mut Vec::new(), event, above) {
            Left::Keep(value) => left.push(value),
            Left::Gone | Left::Event => {}
        }
    }
    if left.is_empty() {
        Value::Null
    } else {
        Value::Array(left)
    }
}

const KEYS: [&str; 7] = ["qa", "qb", "qc", "qd", "qe", "qab", "xqcb"];
const EVENTS: [&str; 4] = ["Ev One", "Ev Two", "Ev Three", "Other"];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(vec!["w", "ww", "www", ""]).prop_map(Value::from),
        (0_i64..9).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(&KEYS[..]), inner, 0..4).prop_map(
                |m| {
                    let members: Map<String, Value> =
                        m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
                    Value::Object(members)
                }
            ),
        ]
    })
}

fn event() -> impl Strategy<Value = Value> {
    (
        prop::sample::select(&EVENTS[..]),
        prop::collection::btree_map(prop::sample::select(&KEYS[..]), tree(), 0..5),
    )
        .prop_map(|(name, members)| {
            let mut properties = serde_json::json!({ "token": "t0k" });
            for (key, value) in members {
                properties[key] = value;
            }
            serde_json::json!({ "event": name, "properties": properties })
        })
}

fn selector() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        3 => prop::sample::select(&KEYS[..]).prop_map(|k| format!(".{k}")),
        1 => Just(".*".to_owned()),
        1 => Just(".**".to_owned()),
        1 => prop::sample::select(vec![".q*", ".*a", ".q*b", ".*q*", ".q*c*", ".*"])
            .prop_map(str::to_owned),
        1 => Just("[]".to_owned()),
    ];
    (prop::bool::weighted(0.7), prop::collection::vec(step, 1..4)).prop_map(|(rooted, steps)| {
        let rest = steps.concat();
        if rooted {
            return format!("properties{rest}");
        }
        match rest.strip_prefix('.') {
            Some(rest) => rest.to_owned(),
            None => format!("**{rest}"),
        }
    })
}

const CATEGORIES: [&str; 5] = [
    "user.biometric",
    "user.biometric.voice",
    "user.childrens",
    "user.telemetry",
    "user.sensor",
];

fn events() -> impl Strategy<Value = Vec<&'static str>> {
    let globs = vec![
        "Ev *", "Ev One", "Ev Two", "Other", "Nowhere", "E*e", "*O*", "* T*", "Ev T*o", "*",
    ];
    prop::collection::vec(prop::sample::select(globs), 1..4)
}

fn rule() -> impl Strategy<Value = String> {
    (
        prop::option::weighted(0.5, prop::sample::select(&CATEGORIES[..])),
        prop::option::weighted(0.6, prop::collection::vec(selector(), 1..3)),
        prop::option::weighted(0.3, events()),
        prop::option::weighted(0.3, any::<bool>()),
        prop::sample::select(vec![
            "\"keep\"",
            "\"keep\"",
            "\"drop\"",
            "\"drop\"",
            "\"null\"",
            "{ replace = \"w\" }",
            "\"drop_event\"",
        ]),
    )
        .prop_map(|(category, fields, events, gpc, action)| {
            let mut text = format!("[[rule]]\naction = {action}\n");
            if let Some(category) = category {
                text += &format!("category = [\"{category}\"]\n");
            }
            if let Some(fields) = fields {
                text += &format!("field = {fields:?}\n");
            }
            if let Some(events) = events {
                text += &format!("event = {events:?}\n");
            }
            if let Some(gpc) = gpc {
                text += &format!("when = {{ gpc = {gpc} }}\n");
            }
            text
        })
}

fn policy(rules: impl Strategy<Value = Vec<String>>) -> impl Strategy<Value = String> {
    let classify = (selector(), prop::sample::select(&CATEGORIES[..]))
        .prop_map(|(s, c)| format!("[[classify]]\nfield = [{s:?}]\ncategory = \"{c}\"\n"));
    (any::<bool>(), prop::collection::vec(classify, 0..4), rules).prop_map(
        |(keep, classify, rules)| {
            let unlisted = if keep { "keep" } else { "drop" };
            format!(
                "version = 1\nname = \"p\"\nunlisted = \"{unlisted}\"\n{}{}",
                classify.concat(),
                rules.concat()
            )
        },
    )
}

/// Hundreds of rules of which few decide much by themselves, so that those further down are heard.
fn crowd() -> impl Strategy<Value = Vec<String>> {
    let narrow = (
        prop::option::weighted(0.7, prop::sample::select(&CATEGORIES[..])),
        prop::collection::vec(selector(), 1..4),
        prop::option::weighted(0.7, events()),
        any::<bool>(),
        prop::sample::select(vec![
            "\"keep\"",
            "\"drop\"",
            "\"null\"",
            "{ replace = \"w\" }",
        ]),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(category, fields, events, gpc, action, open)| {
            let mut text = format!("[[rule]]\naction = {action}\nwhen = {{ gpc = {gpc} }}\n");
            if let Some(category) = category {
                text += &format!("category = [\"{category}\"]\n");
            }
            if !open || category.is_none() {
                text += &format!("field = {fields:?}\n");
            }
            if let Some(events) = events {
                text += &format!("event = {events:?}\n");
            }
            text
        });
    prop::collection::vec(narrow, 60..400)
}

type Batch = (Vec<Value>, bool);

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let batch = (prop::collection::vec(event(), 1..4), any::<bool>());
    prop::collection::vec(batch, 1..4)
}

/// Sends all batches through one engine: what it learned from one body must not change the next.
fn compare(text: &str, batches: &[Batch]) -> Result<(), TestCaseError> {
    let Ok((compiled, _)) = CompiledPolicy::load("p.toml", text) else {
        return Ok(());
    };
    let engine = scrubber(text);
    let mut scratch = Scratch::new();
    for (events, gpc) in batches.iter().chain(batches) {
        let body = Value::from(events.clone()).to_string();
        let mut request = track(&body);
        if *gpc {
            request.headers.push(("sec-gpc", "1"));
        }
        let got = match send_with(&engine, &request, &mut scratch) {
            Outcome::Forward(clean) => serde_json::from_slice(clean.body()).unwrap(),
            Outcome::Answer => Value::Null,
            Outcome::Refuse(refusal) => panic!("{refusal:?}"),
        };
        let want = naive(&compiled, events, *gpc);
        prop_assert_eq!(got, want, "{}\n{}", text, body);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_policy_is_the_language(
        text in policy(prop::collection::vec(rule(), 0..8)),
        batches in batches(),
    ) {
        compare(&text, &batches)?;
    }

    #[test]
    fn hundreds_of_rules_are_the_language(text in policy(crowd()), batches in batches()) {
        compare(&text, &batches)?;
    }
}
