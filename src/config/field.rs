//! Single values of the configuration: a file's name, a size, a number, a time, a word with a form
//! of its own. Each reports what is wrong and answers `None`.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Spanned, Table, Value};

use super::address::Wrong;
use super::units;

const LONGEST: Duration = Duration::from_secs(86_400);

/// A file's name.
pub(super) fn path(table: &Table<'_>, key: &'static str, d: &mut Diagnostics) -> Option<PathBuf> {
    let value = table.value(key)?;
    path_of(&value, d)
}

/// A file's name that must be there.
pub(super) fn required_path(
    table: &Table<'_>,
    key: &'static str,
    d: &mut Diagnostics,
) -> Option<PathBuf> {
    let value = table.required(key, d)?;
    path_of(&value, d)
}

fn path_of(value: &Value<'_>, d: &mut Diagnostics) -> Option<PathBuf> {
    let text = value.str(d)?;
    if text.value.is_empty() || text.value.contains('\0') {
        bad(
            value,
            "expected the name of a file",
            "leave it out for none",
            d,
        );
        return None;
    }
    Some(PathBuf::from(text.value))
}

/// A size from 1 to `most` bytes.
pub(super) fn size(
    table: &Table<'_>,
    key: &'static str,
    most: usize,
    d: &mut Diagnostics,
) -> Option<usize> {
    let value = table.value(key)?;
    let bytes = match value.as_str() {
        Some(text) => units::size(text),
        None => usize::try_from(value.int(d)?.value).ok(),
    };
    match bytes {
        Some(bytes) if (1..=most).contains(&bytes) => Some(bytes),
        Some(_) => {
            let help = format!("write a size from 1 to {most} bytes");
            bad(&value, "the size is out of range", &help, d);
            None
        }
        None => {
            bad(
                &value,
                "expected a size",
                "write for instance `\"10 MiB\"`",
                d,
            );
            None
        }
    }
}

/// A number from 1 to `most`.
pub(super) fn count(
    table: &Table<'_>,
    key: &'static str,
    most: usize,
    d: &mut Diagnostics,
) -> Option<usize> {
    let value = table.value(key)?;
    let int = value.int(d)?;
    let found = usize::try_from(int.value)
        .ok()
        .filter(|n| (1..=most).contains(n));
    if found.is_none() {
        let help = format!("write a number from 1 to {most}");
        bad(&value, "the number is out of range", &help, d);
    }
    found
}

/// A time above zero, up to a day.
pub(super) fn time(table: &Table<'_>, key: &'static str, d: &mut Diagnostics) -> Option<Duration> {
    let value = table.value(key)?;
    match value.as_str().map(units::duration) {
        Some(Some(time)) if !time.is_zero() && time <= LONGEST => Some(time),
        Some(Some(_)) => {
            let help = "write a time from `\"1ms\"` to `\"24h\"`";
            bad(&value, "the time is out of range", help, d);
            None
        }
        Some(None) | None => {
            bad(
                &value,
                "expected a time with its unit",
                "write for instance `\"30s\"`",
                d,
            );
            None
        }
    }
}

/// Every word that reads well.
pub(super) fn read_all<T>(
    words: &[Spanned<&str>],
    read: fn(&str) -> Result<T, Wrong>,
    d: &mut Diagnostics,
) -> Vec<T> {
    words
        .iter()
        .filter_map(|word| read_one(word, read, d))
        .collect()
}

/// A word, or a finding about it.
pub(super) fn read_one<T>(
    word: &Spanned<&str>,
    read: fn(&str) -> Result<T, Wrong>,
    d: &mut Diagnostics,
) -> Option<T> {
    match read(word.value) {
        Ok(value) => Some(value),
        Err(wrong) => {
            d.push(
                Diagnostic::error("bad-value", wrong.message, word.span.clone()).help(wrong.help),
            );
            None
        }
    }
}

/// Reports a list that would mean nothing.
pub(super) fn empty(value: &Value<'_>, help: &str, d: &mut Diagnostics) {
    d.push(
        Diagnostic::error(
            "empty-list",
            format!("`{}` is an empty list", value.name()),
            value.span(),
        )
        .help(help),
    );
}

fn bad(value: &Value<'_>, message: &str, help: &str, d: &mut Diagnostics) {
    d.push(
        Diagnostic::error(
            "bad-value",
            format!("`{}`: {message}", value.name()),
            value.span(),
        )
        .help(help),
    );
}
