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

mod settle;
mod words;

pub use settle::{settle, verdict};
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
}

impl<'d> Table<'d> {
    fn new(inner: &'d DeTable<'d>, span: Range<usize>) -> Self {
        Self {
            inner,
            span,
            asked: RefCell::new(Vec::new()),
            open: Cell::new(false),
        }
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
        let value = self.inner.get(key)?;
        Some(Value {
            name: key,
            inner: value.get_ref(),
            span: value.span(),
        })
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

/// A value, with the key it stands under.
#[derive(Clone)]
pub struct Value<'d> {
    name: &'d str,
    inner: &'d DeValue<'d>,
    span: Range<usize>,
}

impl<'d> Value<'d> {
    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The key it stands under.
    #[must_use]
    pub fn name(&self) -> &'d str {
        self.name
    }

    /// Its type for people: `a string`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.inner {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// The text, if it is a string; reports nothing.
    #[must_use]
    pub fn as_str(&self) -> Option<&'d str> {
        self.inner.as_str()
    }

    /// Whether it is a table; reports nothing.
    #[must_use]
    pub fn is_table(&self) -> bool {
        self.inner.is_table()
    }

    /// Reports that something else was expected here.
    pub fn expected(&self, what: &str, d: &mut Diagnostics) {
        d.push(Diagnostic::error(
            "wrong-type",
            format!(
                "`{}`: expected {what}, found {}",
                show(self.name),
                self.kind()
            ),
            self.span(),
        ));
    }

    /// A string.
    pub fn str(&self, d: &mut Diagnostics) -> Option<Spanned<&'d str>> {
        if let Some(text) = self.inner.as_str() {
            return Some(self.spanned(text));
        }
        self.expected("a string", d);
        None
    }

    /// An integer.
    pub fn int(&self, d: &mut Diagnostics) -> Option<Spanned<i64>> {
        let Some(int) = self.inner.as_integer() else {
            self.expected("an integer", d);
            return None;
        };
        if let Ok(int) = i64::from_str_radix(int.as_str(), int.radix()) {
            return Some(self.spanned(int));
        }
        d.push(Diagnostic::error(
            "out-of-range",
            format!("`{}`: the integer is too large", show(self.name)),
            self.span(),
        ));
        None
    }

    /// A number, with or without a fraction.
    pub fn float(&self, d: &mut Diagnostics) -> Option<Spanned<f64>> {
        if let Some(float) = self.inner.as_float().and_then(|f| f.as_str().parse().ok()) {
            return Some(self.spanned(float));
        }
        if let Some(int) = self.inner.as_integer() {
            let int = i64::from_str_radix(int.as_str(), int.radix()).ok();
            if let Some(int) = int.and_then(|i| i32::try_from(i).ok()) {
                return Some(self.spanned(f64::from(int)));
            }
        }
        self.expected("a number", d);
        None
    }

    /// A boolean.
    pub fn bool(&self, d: &mut Diagnostics) -> Option<Spanned<bool>> {
        if let Some(bool) = self.inner.as_bool() {
            return Some(self.spanned(bool));
        }
        self.expected("`true` or `false`", d);
        None
    }

    /// A string or a list of strings. Elements of another type are reported and left out.
    pub fn str_list(&self, d: &mut Diagnostics) -> Vec<Spanned<&'d str>> {
        if let Some(text) = self.inner.as_str() {
            return vec![self.spanned(text)];
        }
        let Some(array) = self.inner.as_array() else {
            self.expected("a string or a list of strings", d);
            return Vec::new();
        };
        array
            .iter()
            .filter_map(|element| self.element(element).str(d))
            .collect()
    }

    /// A list of anything.
    pub fn list(&self, d: &mut Diagnostics) -> Vec<Value<'d>> {
        if let Some(array) = self.inner.as_array() {
            return array.iter().map(|element| self.element(element)).collect();
        }
        self.expected("a list", d);
        Vec::new()
    }

    /// A table.
    pub fn table(&self, d: &mut Diagnostics) -> Option<Table<'d>> {
        if let Some(table) = self.inner.as_table() {
            return Some(Table::new(table, self.span()));
        }
        self.expected("a table", d);
        None
    }

    /// An array of tables. Elements of another type are reported and left out.
    pub fn tables(&self, d: &mut Diagnostics) -> Vec<Table<'d>> {
        let Some(array) = self.inner.as_array() else {
            d.push(
                Diagnostic::error(
                    "wrong-type",
                    format!(
                        "`{}`: expected a list of tables, found {}",
                        show(self.name),
                        self.kind()
                    ),
                    self.span(),
                )
                .help(format!(
                    "write each one under its own `[[{}]]`",
                    show(self.name)
                )),
            );
            return Vec::new();
        };
        array
            .iter()
            .filter_map(|element| self.element(element).table(d))
            .collect()
    }

    /// One of the words listed.
    pub fn choice<T: Copy>(&self, options: &[(&'static str, T)], d: &mut Diagnostics) -> Option<T> {
        let text = self.str(d)?;
        if let Some((_, value)) = options.iter().find(|(word, _)| *word == text.value) {
            return Some(*value);
        }
        d.push(
            Diagnostic::error(
                "unknown-value",
                format!(
                    "`{}`: unknown value `{}`",
                    show(self.name),
                    show(text.value)
                ),
                self.span(),
            )
            .help(did_you_mean(
                text.value,
                options.iter().map(|(word, _)| *word),
                "expected one of",
            )),
        );
        None
    }

    fn spanned<T>(&self, value: T) -> Spanned<T> {
        Spanned {
            value,
            span: self.span(),
        }
    }

    fn element(&self, element: &'d toml::Spanned<DeValue<'d>>) -> Value<'d> {
        Value {
            name: self.name,
            inner: element.get_ref(),
            span: element.span(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<String> {
        let (document, mut d) = Document::parse("x.toml", text);
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
            "x.toml:2:9: error[wrong-type]: `count`: expected an integer, found a string",
            "x.toml:3:6: error[wrong-type]: `on`: expected `true` or `false`, found an integer",
            "x.toml:4:15: error[wrong-type]: `words`: expected a string, found an integer",
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
            "x.toml:1:8: error[syntax]: string values must be quoted, expected literal string",
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
            [
                "x.toml:2:1: error[syntax]: missing comma between array elements, expected `,`; help: a bracket before this line is not closed"
            ]
        );
        let text = "nmae = 1\n[inner\nz = 1\n[[rule]]\nnaem = 1\n";
        assert_eq!(
            read(text),
            [
                "x.toml:1:1: error[unknown-key]: unknown key `nmae`; help: did you mean `name`?",
                "x.toml:2:7: error[syntax]: unclosed table, expected `]`",
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
