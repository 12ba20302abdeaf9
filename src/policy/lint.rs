//! Looks at the rules together: names given twice, rules that nothing can reach.

use std::collections::HashMap;

use crate::category::{CategorySet, DataCategory};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::show;
use crate::selector::{Segment, Selector, Step};

use super::written::{Written, WrittenRule};

/// Selectors with stars that are compared with every field further down.
const MOST_PATTERNS: usize = 200;

/// Reports what is probably not meant.
pub(super) fn lint(written: &Written<'_>, d: &mut Diagnostics) {
    duplicate_names(&written.rules, d);
    // A line that could not be read may have been the condition that narrows a rule.
    if !d.items.iter().any(|item| item.code == "syntax") {
        unreachable(&written.rules, d);
        shadowed(&written.rules, d);
    }
    if written.rules.is_empty() && written.unlisted.is_none() && !d.has_errors() {
        d.push(
            Diagnostic::warning(
                "no-rules",
                "the policy has no rule and keeps everything",
                0..0,
            )
            .help("add a `[[rule]]`, or write `unlisted = \"drop\"` for an allow list"),
        );
    }
}

fn duplicate_names(rules: &[WrittenRule<'_>], d: &mut Diagnostics) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for name in rules.iter().filter_map(|rule| rule.name.as_ref()) {
        if let Some(first) = seen.get(name.value) {
            let (line, _) = d.position(*first);
            d.push(
                Diagnostic::warning(
                    "duplicate-name",
                    format!(
                        "the rule in line {line} is called `{}` as well",
                        show(name.value)
                    ),
                    name.span.clone(),
                )
                .help("reports name rules: give each its own name"),
            );
        } else {
            seen.insert(name.value, name.span.start);
        }
    }
}

/// The first rule that matches decides, so what an unconditional rule takes never gets further.
fn unreachable(rules: &[WrittenRule<'_>], d: &mut Diagnostics) {
    let mut taken: Vec<(CategorySet, String)> = Vec::new();
    let mut everything: Option<String> = None;
    for (at, rule) in rules.iter().enumerate() {
        let called = called(at, rule);
        if let Some(by) = &everything {
            d.push(
                Diagnostic::warning(
                    "unreachable-rule",
                    format!("nothing reaches {called}: {by} takes everything"),
                    rule.span.clone(),
                )
                .help("move the rule without conditions to the end"),
            );
            continue;
        }
        let named = rule.category.iter().flat_map(|list| &list.words);
        for word in named {
            let Some(category) = DataCategory::parse(word.value) else {
                continue;
            };
            let all = CategorySet::subtree(category);
            let by = taken
                .iter()
                .find(|(set, _)| set.union(all) == *set && !all.is_empty());
            if let Some((_, by)) = by {
                d.push(
                    Diagnostic::warning(
                        "unreachable-category",
                        format!("`{category}` never reaches {called}: {by} takes it before"),
                        word.span.clone(),
                    )
                    .help("the first rule that matches decides: put the narrower rule first"),
                );
            }
        }
        if !only_categories(rule) {
            continue;
        }
        match &rule.category {
            None => everything = Some(called),
            Some(list) => {
                let set = list
                    .words
                    .iter()
                    .filter_map(|word| DataCategory::parse(word.value))
                    .map(CategorySet::subtree)
                    .fold(CategorySet::EMPTY, CategorySet::union);
                if !taken.iter().any(|(more, _)| more.union(set) == *more) {
                    taken.push((set, called));
                }
            }
        }
    }
}

/// Fields that an unconditional rule further up takes, whatever their category.
fn shadowed(rules: &[WrittenRule<'_>], d: &mut Diagnostics) {
    let mut exact: HashMap<&str, String> = HashMap::new();
    let mut patterns: Vec<(Selector, String)> = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let called = called(at, rule);
        let words = || rule.field.iter().flat_map(|list| &list.words);
        for word in words() {
            let by = exact.get(word.value).or_else(|| {
                let path = literal(word.value)?;
                let path: Vec<Segment<'_>> = path.iter().map(segment).collect();
                let hit = patterns.iter().find(|(s, _)| s.matches(&path));
                hit.map(|(_, by)| by)
            });
            if let Some(by) = by {
                d.push(
                    Diagnostic::warning(
                        "unreachable-field",
                        format!(
                            "`{}` never reaches {called}: {by} takes it before",
                            show(word.value)
                        ),
                        word.span.clone(),
                    )
                    .help("the first rule that matches decides: put the narrower rule first"),
                );
            }
        }
        if !only_fields(rule) {
            continue;
        }
        for word in words() {
            // Among thousands of generated rules, only the same field twice is looked for.
            if patterns.len() < MOST_PATTERNS
                && word.value.contains('*')
                && let Ok(selector) = Selector::parse(word.value)
            {
                patterns.push((selector, called.clone()));
            }
            exact.entry(word.value).or_insert_with(|| called.clone());
        }
    }
}

/// The steps of a selector that stands for one path.
fn literal(word: &str) -> Option<Vec<Step>> {
    let selector = Selector::parse(word).ok()?;
    let steps = selector.steps();
    let single = steps
        .iter()
        .all(|step| matches!(step, Step::Key(_) | Step::Item));
    single.then(|| steps.to_vec())
}

fn segment(step: &Step) -> Segment<'_> {
    match step {
        Step::Key(key) | Step::Glob(key) => Segment::Key(key),
        Step::Any | Step::Deep | Step::Item => Segment::Item,
    }
}

fn only_fields(rule: &WrittenRule<'_>) -> bool {
    rule.category.is_none()
        && rule.vendor.is_none()
        && rule.endpoint.is_none()
        && rule.event.is_none()
        && rule.when.is_none()
}

/// Whether the rule has no condition besides its categories.
fn only_categories(rule: &WrittenRule<'_>) -> bool {
    rule.field.is_none()
        && rule.vendor.is_none()
        && rule.endpoint.is_none()
        && rule.event.is_none()
        && rule.when.is_none()
}

fn called(at: usize, rule: &WrittenRule<'_>) -> String {
    rule.name.as_ref().map_or_else(
        || format!("rule {}", at + 1),
        |name| format!("\"{}\"", show(name.value)),
    )
}
