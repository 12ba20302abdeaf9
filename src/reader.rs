//! Reads TOML that people write, and finds everything that is wrong with it in one run.
//!
//! A [`Document`] is parsed with recovery, so that every syntax error is told at once; a [`Table`]
//! remembers which keys were asked for, so that [`Table::finish`] can name the others, with the
//! nearest known key. No reading method stops at a mistake: it reports, answers `None`, and the
//! caller goes on. This file knows nothing of policies, vendors or configuration.
//!
//! ```
//! use tamis::reader::Document;
//! let (document, mut d) = Document::parse("x.toml", "name = 1\ncolour = \"red\"");
//! let table = document.root();
//! table.required_str("name", &mut d);
//! table.str("color", &mut d);
//! table.finish(&mut d);
//! let found = tamis::reader::settle(d);
//! assert_eq!(found.items[0].message, "`name`: expected a string, found an integer");
//! assert_eq!(found.items[1].help.as_deref(), Some("did you mean `color`?"));
//! ```

use std::cell::{Cell, RefCell};
use std::ops::{Deref, Range};

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Diagnostics};

mod mend;
mod settle;
mod value;
mod words;

pub use mend::Mended;

pub use settle::{settle, verdict};
pub use value::Value;
pub use words::{did_you_mean, nearest, show};

use settle::{MISSING, SYNTAX, syntax_message, without_echoes};

/// Something and where it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The thing.
    pub value: T,
    /// Its byte range.
    pub span: Range<usize>,
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A parsed file; as much of it as could be read.
pub struct Document<'i> {
    root: DeTable<'i>,
}

impl<'i> Document<'i> {
    /// Parses a file. The findings hold all syntax errors; reading goes on with the same findings
    /// and ends with [`settle`].
    #[must_use]
    pub fn parse(file: &str, text: &'i str) -> (Self, Diagnostics) {
        let mut d = Diagnostics::new(file, text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            d.push(Diagnostic::error(
                SYNTAX,
                syntax_message(error.message()),
                span,
            ));
        }
        without_echoes(&mut d);
        let document = Self {
            root: root.into_inner(),
        };
        (document, d)
    }

    /// The file's outermost table.
    #[must_use]
    pub fn root(&self) -> Table<'_> {
        Table::new(&self.root, 0..0)
    }
}

/// A table, and which of its keys were asked for.
pub struct Table<'d> {
    inner: &'d DeTable<'d>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
    open: Cell<bool>,
    known: Cell<&'static [&'static str]>,
}

impl<'d> Table<'d> {
    fn new(inner: &'d DeTable<'d>, span: Range<usize>) -> Self {
        Self {
            inner,
            span,
            asked: RefCell::new(Vec::new()),
            open: Cell::new(false),
            known: Cell::new(&[]),
        }
    }

    /// Says all keys that the table may have, before it is read: what stands under a misspelt one is
    /// then read as if it stood under the one that was meant, so that its mistakes are told with it.
    #[must_use]
    pub fn knows(self, keys: &'static [&'static str]) -> Self {
        self.known.set(keys);
        self
    }

    /// Where the table stands: its header, or its braces.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Whether the table holds no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// The value of a key, of any type.
    #[must_use]
    pub fn value(&self, key: &'static str) -> Option<Value<'d>> {
        self.asked.borrow_mut().push(key);
        let value = self.inner.get(key).or_else(|| self.misspelt(key))?;
        Some(Value {
            name: key,
            inner: value.get_ref(),
            span: value.span(),
        })
    }

    fn misspelt(&self, key: &str) -> Option<&'d toml::Spanned<DeValue<'d>>> {
        let known = self.known.get();
        let meant = |word: &str| {
            !known.contains(&word) && nearest(word, known.iter().copied()) == Some(key)
        };
        let mut entries = self.inner.iter().filter(|_| !known.is_empty());
        entries
            .find(|(word, _)| meant(word.get_ref()))
            .map(|(_, value)| value)
    }

    /// The value of a key that must be there.
    pub fn required(&self, key: &'static str, d: &mut Diagnostics) -> Option<Value<'d>> {
        let value = self.value(key);
        if value.is_none() {
            d.push(Diagnostic::error(
                MISSING,
                format!("`{key}` is missing"),
                self.span(),
            ));
        }
        value
    }

    /// Where a key stands, if it is there.
    #[must_use]
    pub fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.inner.get_key_value(key).map(|(k, _)| k.span())
    }

    /// A string.
    pub fn str(&self, key: &'static str, d: &mut Diagnostics) -> Option<Spanned<&'d str>> {
        self.value(key)?.str(d)
    }

    /// A string that must be there.
    pub fn required_str(&self, key: &'static str, d: &mut Diagnostics) -> Option<Spanned<&'d str>> {
        self.required(key, d)?.str(d)
    }

    /// An integer.
    pub fn int(&self, key: &'static str, d: &mut Diagnostics) -> Option<Spanned<i64>> {
        self.value(key)?.int(d)
    }

    /// A boolean.
    pub fn bool(&self, key: &'static str, d: &mut Diagnostics) -> Option<Spanned<bool>> {
        self.value(key)?.bool(d)
    }

    /// A string or a list of strings; empty when the key is not there.
    pub fn str_list(&self, key: &'static str, d: &mut Diagnostics) -> Vec<Spanned<&'d str>> {
        self.value(key).map_or_else(Vec::new, |v| v.str_list(d))
    }

    /// A list of anything; empty when the key is not there.
    pub fn list(&self, key: &'static str, d: &mut Diagnostics) -> Vec<Value<'d>> {
        self.value(key).map_or_else(Vec::new, |v| v.list(d))
    }

    /// A table.
    pub fn table(&self, key: &'static str, d: &mut Diagnostics) -> Option<Table<'d>> {
        let mut table = self.value(key)?.table(d)?;
        self.point_at_key(key, &mut table);
        Some(table)
    }

    /// An array of tables (`[[rule]]`); empty when the key is not there.
    pub fn tables(&self, key: &'static str, d: &mut Diagnostics) -> Vec<Table<'d>> {
        self.value(key).map_or_else(Vec::new, |v| v.tables(d))
    }

    /// One of the words listed.
    pub fn choice<T: Copy>(
        &self,
        key: &'static str,
        options: &[(&'static str, T)],
        d: &mut Diagnostics,
    ) -> Option<T> {
        self.value(key)?.choice(options, d)
    }

    /// Every key with its value, in the order of the file; for tables whose keys are names that the
    /// writer chooses. [`Table::finish`] then finds nothing.
    pub fn entries(&self) -> Vec<(Spanned<&'d str>, Value<'d>)> {
        self.open.set(true);
        let mut entries: Vec<_> = self
            .inner
            .iter()
            .map(|(key, value)| {
                let name: &'d str = key.get_ref();
                let value = Value {
                    name,
                    inner: value.get_ref(),
                    span: value.span(),
                };
                (
                    Spanned {
                        value: name,
                        span: key.span(),
                    },
                    value,
                )
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        entries
    }

    /// The keys in the order of the file, without marking them as read.
    #[must_use]
    pub fn keys(&self) -> Vec<Spanned<&'d str>> {
        let mut keys: Vec<_> = self
            .inner
            .keys()
            .map(|key| Spanned {
                value: &**key.get_ref(),
                span: key.span(),
            })
            .collect();
        keys.sort_by_key(|key| key.span.start);
        keys
    }

    /// Reports every key that nobody asked for. Call it last.
    pub fn finish(self, d: &mut Diagnostics) {
        if self.open.get() {
            return;
        }
        let asked = self.asked.borrow();
        for key in self.keys() {
            if !asked.contains(&key.value) {
                d.push(
                    Diagnostic::error(
                        "unknown-key",
                        format!("unknown key `{}`", show(key.value)),
                        key.span,
                    )
                    .help(did_you_mean(
                        key.value,
                        asked.iter().copied(),
                        "known keys",
                    )),
                );
            }
        }
    }

    /// An implied table (`[a.b]` implies `a`) has no span of its own.
    fn point_at_key(&self, key: &str, table: &mut Table<'d>) {
        if table.span.is_empty() {
            table.span = self.key_span(key).unwrap_or(0..0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<String> {
        let mended = Mended::of(text);
        let (document, mut d) = mended.document("x.toml");
        let t = document.root();
        t.required_str("name", &mut d);
        t.int("count", &mut d);
        t.bool("on", &mut d);
        t.str_list("words", &mut d);
        t.choice("mode", &[("keep", 1), ("drop", 2)], &mut d);
        if let Some(inner) = t.table("inner", &mut d) {
            inner.required_str("x", &mut d);
            inner.finish(&mut d);
        }
        for rule in t.tables("rule", &mut d) {
            rule.required_str("name", &mut d);
            rule.finish(&mut d);
        }
        t.finish(&mut d);
        settle(d).to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn everything_is_told_at_once() {
        let found = read(
            "nmae = \"a\"\ncount = \"1\"\non = 0\nwords = [\"a\", 7]\nmode = \"kep\"\n\n[inner]\ny = 1\n\n[[rule]]\n[[rule]]\nname = \"b\"\nquantity = 3\n",
        );
        let want = [
            "x.toml:1:1: error[missing-key]: `name` is missing",
            "x.toml:1:1: error[unknown-key]: unknown key `nmae`; help: did you mean `name`?",
            "x.toml:2:9: error[wrong-type]: `count`: expected an integer, found a string; help: write `1`",
            "x.toml:3:6: error[wrong-type]: `on`: expected `true` or `false`, found an integer; help: write `false`",
            "x.toml:4:15: error[wrong-type]: `words`: expected a string, found an integer; help: write `\"7\"`",
            "x.toml:5:8: error[unknown-value]: `mode`: unknown value `kep`; help: did you mean `keep`?",
            "x.toml:7:1: error[missing-key]: `x` is missing",
            "x.toml:8:1: error[unknown-key]: unknown key `y`; help: did you mean `x`?",
            "x.toml:10:1: error[missing-key]: `name` is missing",
            "x.toml:13:1: error[unknown-key]: unknown key `quantity`; help: known keys: `name`",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn syntax_errors_come_together_and_hide_what_follows_from_them() {
        let found = read("name = \ncount = = 2\nname = \"x\"\nmodes = \"keep\"\n");
        let want = [
            "x.toml:1:8: error[syntax]: string values must be quoted, expected literal string; help: write a value: `name = \"…\"`",
            "x.toml:2:9: error[syntax]: extra `=`",
            "x.toml:3:1: error[syntax]: duplicate key",
            "x.toml:4:1: error[unknown-key]: unknown key `modes`; help: did you mean `mode`?",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn what_follows_from_a_bracket_left_open_is_not_told() {
        let text = "words = [\"a\", \"b\"\nname = \"x\"\n[inner]\nx = \"y\"\n";
        assert_eq!(
            read(text),
            ["x.toml:1:9: error[syntax]: this `[` is not closed; help: write `]` at the end"]
        );
        let text = "nmae = 1\n[inner\nz = 1\n[[rule]]\nnaem = 1\n";
        assert_eq!(
            read(text),
            [
                "x.toml:1:1: error[missing-key]: `name` is missing",
                "x.toml:1:1: error[unknown-key]: unknown key `nmae`; help: did you mean `name`?",
                "x.toml:2:7: error[syntax]: unclosed table, expected `]`",
                "x.toml:4:1: error[missing-key]: `name` is missing",
                "x.toml:5:1: error[unknown-key]: unknown key `naem`; help: did you mean `name`?",
            ]
        );
    }

    #[test]
    fn a_list_may_be_one_string_and_tables_must_be_tables() {
        assert_eq!(read("name = \"a\"\nwords = \"one\""), Vec::<String>::new());
        let found = read("name = \"a\"\nrule = 1");
        assert!(
            found[0].contains("expected a list of tables, found an integer"),
            "{found:?}"
        );
        assert!(found[0].contains("[[rule]]"));
    }

    #[test]
    fn deep_nesting_is_told_and_survived() {
        for open in ["[", "{a=", "a."] {
            let text = format!("x = {}", open.repeat(100_000));
            assert!(!read(&text).is_empty());
            assert!(!read(&format!("{}b = 1", "a.".repeat(100_000))).is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            read(&text);
        }

        #[test]
        fn no_toml_like_text_makes_it_panic(text in "([a-z\\[\\]{}\"'=.,#0-9\n ]|name|rule|inner|\\[\\[rule\\]\\]){0,40}") {
            read(&text);
        }
    }
}
