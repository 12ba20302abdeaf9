//! A file with syntax errors, without the lines that could not be read: so that one slip hides no more
//! than it must, and what stands in the other lines is read and told in the same run.
//!
//! The first error is told, what it spoils is blanked, and the rest is parsed anew, until nothing is
//! wrong. Blanks keep every other byte in its place.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::DeTable;

use super::Document;
use super::settle::{SYNTAX, first_of_each_line, line_at, section, syntax_message};
use super::words::show;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Rounds: a file with more slips than these is told the parser's own list of what is left.
const MOST_ROUNDS: usize = 50;

/// See the module.
pub struct Mended<'t> {
    original: &'t str,
    text: Cow<'t, str>,
    errors: Vec<Diagnostic>,
}

impl<'t> Mended<'t> {
    /// Finds the syntax errors of a file.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let mut mended = Self {
            original: text,
            text: Cow::Borrowed(text),
            errors: Vec::new(),
        };
        for round in 0..MOST_ROUNDS {
            let (_, errors) = DeTable::parse_recoverable(&mended.text);
            if round == 0 {
                // The twin of a line that is blanked would not be one any more.
                let twins = errors.iter().filter(|e| e.message() == "duplicate key");
                let twin = |e: &toml::de::Error| {
                    Diagnostic::error(SYNTAX, "duplicate key", e.span().unwrap_or(0..0))
                };
                mended.errors.extend(twins.map(twin));
            }
            let place = |error: &toml::de::Error| error.span().unwrap_or(0..0);
            let Some(first) = errors.iter().min_by_key(|error| place(error).start) else {
                return mended;
            };
            let (item, spoiled) = explain(&mended.text, place(first), first.message());
            let blank = mended
                .text
                .get(spoiled.clone())
                .unwrap_or("")
                .trim()
                .is_empty();
            mended.errors.push(item);
            if blank {
                break;
            }
            blank_out(mended.text.to_mut(), spoiled);
        }
        mended
    }

    /// The file as far as it could be read, with its syntax errors.
    #[must_use]
    pub fn document(&self, file: &str) -> (Document<'_>, Diagnostics) {
        let mut d = Diagnostics::new(file, self.original);
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        d.items.extend(self.errors.iter().cloned());
        if !errors.is_empty() && self.errors.len() >= MOST_ROUNDS {
            for error in errors {
                let span = error.span().unwrap_or(0..0);
                d.push(Diagnostic::error(
                    SYNTAX,
                    syntax_message(error.message()),
                    span,
                ));
            }
        }
        first_of_each_line(&mut d);
        let root = root.into_inner();
        (Document { root }, d)
    }
}

/// Overwrites a range, but for the ends of its lines.
fn blank_out(text: &mut String, range: Range<usize>) {
    let blank = |part: &str| -> String {
        let bytes = part.bytes();
        bytes.map(|b| if b == b'\n' { '\n' } else { ' ' }).collect()
    };
    if let Some(part) = text.get(range.clone()) {
        let blank = blank(part);
        text.replace_range(range, &blank);
    }
}

/// The finding for a syntax error, and what of the text it spoils.
fn explain(text: &str, span: Range<usize>, message: &str) -> (Diagnostic, Range<usize>) {
    let line = line_at(text, span.start);
    let words = text.get(line.clone()).unwrap_or("");
    let header = words.trim_start().starts_with('[') && key_of(words).is_none();
    let message = syntax_message(message);
    let comma = message.starts_with("missing comma ");
    if comma || message.starts_with("unclosed ") && !header {
        let open = opening(text, if comma { line.start } else { span.start });
        if let Some(open) = open {
            return bracket(text, &open, &line, &message, comma && !begins_anew(words));
        }
    }
    let spoiled = match header {
        true => section(text, line.start),
        false => line,
    };
    let help = help(words, text.get(span.clone()).unwrap_or(""), &message);
    let mut item = Diagnostic::error(SYNTAX, message, span);
    item.help = help;
    (item, spoiled)
}

/// A list or a table that is not closed, or in which a comma is missing.
fn bracket(
    text: &str,
    open: &Range<usize>,
    noticed: &Range<usize>,
    message: &str,
    within: bool,
) -> (Diagnostic, Range<usize>) {
    let start = line_at(text, open.start);
    if within {
        let rest = text.get(noticed.start..).unwrap_or("");
        let close = rest
            .find([']', '}'])
            .map_or(text.len(), |at| noticed.start + at);
        let item = Diagnostic::error(SYNTAX, message, noticed.clone())
            .help("write a comma between the elements");
        return (item, start.start..line_at(text, close).end);
    }
    let bracket = text.get(open.clone()).unwrap_or("[");
    let close = if bracket == "{" { "}" } else { "]" };
    let item = Diagnostic::error(
        SYNTAX,
        format!("this `{bracket}` is not closed"),
        open.clone(),
    )
    .help(format!("write `{close}` at the end"));
    let end = if noticed.start > start.start {
        noticed.start
    } else {
        start.end
    };
    (item, start.start..end)
}

/// The bracket of a value that stands open in front of a place.
fn opening(text: &str, before: usize) -> Option<Range<usize>> {
    let mut line = line_at(text, before.saturating_sub(1));
    loop {
        let words = text.get(line.clone())?;
        if key_of(words).is_some() {
            let value = words.find('=')? + 1;
            let mut open = Vec::new();
            for (at, c) in words.get(value..)?.char_indices() {
                match c {
                    '[' | '{' => open.push(line.start + value + at),
                    ']' | '}' => drop(open.pop()),
                    _ => {}
                }
            }
            return open.first().map(|at| *at..at + 1);
        }
        line = line_at(text, line.start.checked_sub(1)?);
    }
}

/// Whether a line begins something new: `key = …` or a header.
fn begins_anew(words: &str) -> bool {
    key_of(words).is_some() || words.trim_start().starts_with('[')
}

/// The key that a line gives a value.
fn key_of(words: &str) -> Option<&str> {
    let (key, _) = words.split_once('=')?;
    let key = key.trim();
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-.\"$".contains(c);
    (!key.is_empty() && key.chars().all(bare)).then_some(key)
}

/// What to write instead.
fn help(words: &str, at: &str, message: &str) -> Option<String> {
    let yaml = words.split_once(':').filter(|(key, _)| {
        let key = key.trim();
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    if let Some((key, value)) = yaml {
        let (key, value) = (key.trim(), value.trim());
        return Some(format!("write `{key} = {}`", show(value)));
    }
    if at.contains(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}']) {
        return Some("write straight quotation marks: `\"`".to_owned());
    }
    if message.starts_with("string values must be quoted") {
        let key = key_of(words)?;
        let value = words.split_once('=').map_or("", |(_, value)| value.trim());
        return Some(match value.to_ascii_lowercase().as_str() {
            "" => format!("write a value: `{key} = \"…\"`"),
            "yes" | "on" | "true" => format!("write `{key} = true`"),
            "no" | "off" | "false" => format!("write `{key} = false`"),
            _ if value.starts_with(['[', '{']) => format!("write `\"{}\"`", show(at)),
            _ => format!("write `{key} = \"{}\"`", show(value)),
        });
    }
    if message.starts_with("invalid basic string") {
        return Some("close the text with `\"`".to_owned());
    }
    None
}
