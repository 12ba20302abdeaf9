//! Which findings are told: in order, and without those that only follow from another.
//!
//! A parser that recovers from a syntax error reports echoes of it; readers of what it recovered
//! report more. People should see what they have to mend.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Code of a syntax error.
pub(super) const SYNTAX: &str = "syntax";
/// Code of a missing key.
pub(super) const MISSING: &str = "missing-key";

/// Ends the reading of a file: findings in the order of their places, without those that only
/// follow from a syntax error (where it was not understood, or a key missing for that reason).
#[must_use]
pub fn settle(mut d: Diagnostics) -> Diagnostics {
    let broken: Vec<Range<usize>> = d
        .items
        .iter()
        .filter(|item| item.code == SYNTAX)
        .map(|item| {
            let everything = item.help.as_deref() == Some(NOT_CLOSED);
            unread(&d.source, start_of(item), everything)
        })
        .collect();
    if !broken.is_empty() {
        let source = &d.source;
        d.items.retain(|item| {
            let at = start_of(item);
            let within = |range: &Range<usize>| broken.iter().any(|b| range.contains(&b.start));
            item.code == SYNTAX
                || !(broken.iter().any(|range| range.contains(&at))
                    || item.code == MISSING && within(&section(source, at)))
        });
    }
    d.items
        .sort_by_key(|item| item.span.as_ref().map_or(0, |span| span.start));
    d.items.dedup();
    d
}

/// Splits settled findings: `Ok` holds the warnings, `Err` everything.
///
/// # Errors
/// All findings, when one is an error or there is no value.
pub fn verdict<T>(value: Option<T>, d: Diagnostics) -> Result<(T, Diagnostics), Diagnostics> {
    let d = settle(d);
    match value {
        Some(value) if !d.has_errors() => Ok((value, d)),
        _ => Err(d),
    }
}

/// The first syntax error of each line; and of what follows an open bracket, which is read as if it
/// stood within, only the place where that is noticed.
pub(super) fn without_echoes(d: &mut Diagnostics) {
    let items = &mut d.items;
    items.sort_by_key(start_of);
    let open = items.iter().rposition(|i| i.message.starts_with(UNCLOSED));
    let noticed = items.iter().position(|i| i.message.starts_with(NO_COMMA));
    if let (Some(noticed), Some(open)) = (noticed, open)
        && noticed < open
    {
        items.drain(noticed + 1..=open);
        if let Some(item) = items.get_mut(noticed) {
            item.help = Some(NOT_CLOSED.to_owned());
        }
    }
    first_of_each_line(d);
}

/// The first syntax error of each line.
pub(super) fn first_of_each_line(d: &mut Diagnostics) {
    d.items.sort_by_key(start_of);
    let mut last = None;
    let source = &d.source;
    d.items.retain(|item| {
        let line = line_at(source, start_of(item)).start;
        let first = last != Some(line);
        last = Some(line);
        first
    });
}

/// How the parser calls what [`without_echoes`] looks for.
const UNCLOSED: &str = "unclosed ";
const NO_COMMA: &str = "missing comma ";
const NOT_CLOSED: &str = "a bracket before this line is not closed";

/// What cannot be trusted because of a syntax error: its line; a whole table, if the line is its
/// header; everything, if a bracket was left open.
fn unread(source: &str, at: usize, everything: bool) -> Range<usize> {
    let line = line_at(source, at);
    if everything {
        return line.start..usize::MAX;
    }
    if is_header(source, &line) {
        section(source, at)
    } else {
        line.start..line.end + 1
    }
}

/// A table from the line at `at`, if it stands there, to the next header.
pub(super) fn section(source: &str, at: usize) -> Range<usize> {
    let line = line_at(source, at);
    let mut end = line.end + 1;
    while end < source.len() {
        let next = line_at(source, end);
        if is_header(source, &next) {
            break;
        }
        end = next.end + 1;
    }
    line.start..end.min(source.len())
}

fn is_header(source: &str, line: &Range<usize>) -> bool {
    let text = source.get(line.clone()).unwrap_or("");
    text.trim_start().starts_with('[')
}

/// The line around an offset, without its end.
pub(super) fn line_at(source: &str, at: usize) -> Range<usize> {
    let before = source.get(..at).unwrap_or(source);
    let start = before.rfind('\n').map_or(0, |n| n + 1);
    let rest = source.get(start..).unwrap_or("");
    start..start + rest.find('\n').unwrap_or(rest.len())
}

fn start_of(item: &Diagnostic) -> usize {
    item.span.as_ref().map_or(0, |span| span.start)
}

/// The parser's words in the house's manner.
pub(super) fn syntax_message(text: &str) -> String {
    let text = text.strip_suffix(", expected nothing").unwrap_or(text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}
