//! A value of a file and what it is read as. Reports and answers `None` where it is something else.

use std::ops::Range;

use toml::de::DeValue;

use super::words::{did_you_mean, show, unquoted};
use super::{Spanned, Table};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// A value, with the key it stands under.
#[derive(Clone)]
pub struct Value<'d> {
    pub(super) name: &'d str,
    pub(super) inner: &'d DeValue<'d>,
    pub(super) span: Range<usize>,
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

    /// Whether it is a list without elements; reports nothing.
    #[must_use]
    pub fn is_empty_list(&self) -> bool {
        self.inner.as_array().is_some_and(|list| list.is_empty())
    }

    /// Whether it is a table; reports nothing.
    #[must_use]
    pub fn is_table(&self) -> bool {
        self.inner.is_table()
    }

    /// Reports that something else was expected here.
    pub fn expected(&self, what: &str, d: &mut Diagnostics) {
        let mut item = Diagnostic::error(
            "wrong-type",
            format!(
                "`{}`: expected {what}, found {}",
                show(self.name),
                self.kind()
            ),
            self.span(),
        );
        item.help = unquoted(what, self.inner);
        d.push(item);
    }

    /// A table; `example` is one, for who wrote something else.
    pub fn table_like(&self, example: &str, d: &mut Diagnostics) -> Option<Table<'d>> {
        if !self.is_table() {
            self.expected("a table", d);
            if let Some(item) = d.items.last_mut() {
                item.help = Some(format!("write `{} = {example}`", show(self.name)));
            }
            return None;
        }
        self.table(d)
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
            let one = self.inner.as_table();
            return one
                .map(|table| Table::new(table, self.span()))
                .into_iter()
                .collect();
        };
        array
            .iter()
            .filter_map(|element| self.element(element).table(d))
            .collect()
    }

    /// One of the words listed.
    pub fn choice<T: Copy>(&self, options: &[(&'static str, T)], d: &mut Diagnostics) -> Option<T> {
        let before = d.items.len();
        let Some(text) = self.str(d) else {
            // Quotes alone would not mend it.
            if let Some(item) = d.items.get_mut(before) {
                let words = options.iter().map(|(word, _)| *word);
                item.help = Some(did_you_mean("", words, "expected one of"));
            }
            return None;
        };
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
