//! Reads the fields of a catalog: `[fields]`, `set`, `replace`.
//!
//! `[fields]` lists selectors under their category, under `protocol` (kept whatever a policy's
//! `unlisted` says), `issued` (the same, given out by the vendor) or under `plain` (known, about nobody). The order of the file is kept, since the
//! first selector that matches decides; a selector stands in one place only.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Table, Value, show};

use super::{EventKind, Field, Set, words};
use crate::category::DataCategory;

/// A `[fields]` table.
pub(super) fn read_fields(t: &Table<'_>, d: &mut Diagnostics) -> Box<[Field]> {
    let mut fields: Vec<Field> = Vec::new();
    for (key, value) in t.entries() {
        let issued = key.value == "issued";
        let protocol = key.value == "protocol" || issued;
        let route = key.value == "routes";
        let category = if route {
            DataCategory::parse("user.behavior.browsing_history")
        } else if protocol || key.value == "plain" {
            None
        } else {
            let Some(category) = words::category(&key, d) else {
                continue;
            };
            Some(category)
        };
        for word in value.str_list(d) {
            let Some(selector) = words::selector(&word, d) else {
                continue;
            };
            let Some(twin) = fields.iter_mut().find(|f| f.selector == selector) else {
                fields.push(Field {
                    selector,
                    category,
                    protocol,
                    issued,
                    route,
                });
                continue;
            };
            // `protocol` and a category do not contradict each other; anything else does.
            if protocol != twin.protocol && (category.is_some() || twin.category.is_some()) {
                twin.protocol = true;
                twin.category = twin.category.or(category);
            } else {
                let message = format!("`{}` is listed twice", show(word.value));
                d.push(Diagnostic::error("duplicate-field", message, word.span));
            }
        }
    }
    fields.into()
}

/// `[[kind]]`: the fields of events of one kind.
pub(super) fn read_kinds(t: &Table<'_>, d: &mut Diagnostics) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    for t in t.tables("kind", d) {
        let when = t.required("when", d).and_then(|v| v.table(d));
        let fields = t.required("fields", d).and_then(|v| v.table(d));
        let fields = fields.map(|t| read_fields(&t, d));
        let span = t.span();
        t.finish(d);
        let Some(when) = when else {
            continue;
        };
        let entries = when.entries();
        let [(key, value)] = entries.as_slice() else {
            let message = "`when` names one member of an event and its text, or a list of texts";
            d.push(Diagnostic::error("bad-kind", message, span));
            continue;
        };
        let known = d.items.len();
        let values = value.str_list(d);
        if values.is_empty() && d.items.len() == known {
            let message = "`when` lists no text: no event is of this kind";
            d.push(Diagnostic::error("bad-kind", message, value.span()));
        }
        if let Some(fields) = fields {
            kinds.extend(values.iter().map(|value| EventKind {
                key: key.value.into(),
                value: value.value.into(),
                fields: fields.clone(),
            }));
        }
    }
    kinds
}

/// Fields with others after them; what is there already is not said twice.
pub(super) fn with_below(fields: Box<[Field]>, below: Vec<Field>) -> Box<[Field]> {
    let mut all = fields.into_vec();
    for field in below {
        if !all.iter().any(|known| known.selector == field.selector) {
            all.push(field);
        }
    }
    all.into()
}

/// A table of selectors and the values that are forced on them.
pub(super) fn set_values(t: &Table<'_>, add: bool, d: &mut Diagnostics) -> Vec<Set> {
    let mut sets = Vec::new();
    for (key, value) in t.entries() {
        let field = words::selector(&key, d);
        let value = json_text(&value, d);
        if let (Some(field), Some(value)) = (field, value) {
            if add && words::is_pattern(&field) {
                let message = format!(
                    "`{}` may mean many fields: it cannot be added",
                    show(key.value)
                );
                d.push(
                    Diagnostic::error("bad-selector", message, key.span)
                        .help("name one field, or use `replace`"),
                );
                continue;
            }
            sets.push(Set {
                field,
                value: Some(value),
                add,
            });
        }
    }
    sets
}

/// The JSON text of a string, an integer or a boolean.
fn json_text(value: &Value<'_>, d: &mut Diagnostics) -> Option<Box<str>> {
    if let Some(text) = value.as_str() {
        return Some(serde_json::Value::from(text).to_string().into());
    }
    match value.kind() {
        "an integer" => value.int(d).map(|int| int.value.to_string().into()),
        "a boolean" => value.bool(d).map(|bool| bool.value.to_string().into()),
        _ => {
            value.expected("a string, an integer or a boolean", d);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::load::load;

    fn kinds(when: &str) -> Result<Vec<String>, String> {
        let catalog = format!(
            "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://in.acme.example\"\n\
             [[kind]]\nwhen = {when}\n[kind.fields]\n\"user.name\" = [\"n\"]\n"
        );
        let (vendor, _) = load("acme.toml", &catalog).map_err(|d| d.to_string())?;
        let said = |k: &crate::catalog::EventKind| format!("{} {}", k.key, k.value);
        Ok(vendor.kinds.iter().map(said).collect())
    }

    #[test]
    fn a_kind_is_told_by_a_text_or_by_one_of_several() {
        assert_eq!(kinds("{ type = \"page\" }").unwrap(), ["type page"]);
        let two = kinds("{ type = [\"identify\", \"alias\"] }").unwrap();
        assert_eq!(two, ["type identify", "type alias"]);
        for bad in [
            "{}",
            "{ type = 1 }",
            "{ type = [] }",
            "{ a = \"b\", c = \"d\" }",
        ] {
            assert!(kinds(bad).is_err(), "{bad}");
        }
    }
}
