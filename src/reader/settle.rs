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
        .map(|item| unread(&d.source, start_of(item), item.help.is_some()))
        .collect();
    if !broken.is_empty() {
        d.items.retain(|item| {
            item.code == SYNTAX
                || (item.code != MISSING && !broken.iter().any(|r| r.contains(&start_of(item))))
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
    let is_header = |range: &Range<usize>| {
        let text = source.get(range.clone()).unwrap_or("");
        text.trim_start().starts_with('[')
    };
    let mut end = line.end + 1;
    if is_header(&line) {
        while end < source.len() {
            let next = line_at(source, end);
            if is_header(&next) {
                break;
            }
            end = next.end + 1;
        }
    }
    line.start..end
}

/// The line around an offset, without its end.
fn line_at(source: &str, at: usize) -> Range<usize> {
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
