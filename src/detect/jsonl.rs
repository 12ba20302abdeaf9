//! One line of `tamis detect --jsonl`: from `{"id","path","value"}` to entities and a category.
//!
//! Offsets are counted in code points of the string, or of a number's JSON text as received. Errors
//! hold no input. No I/O here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::{
    Entity, Span, address, date, geo, names, natid, person, phone, scan_entities, secret,
    whole_number,
};
use crate::category::DataCategory;

/// Why a line cannot be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    /// Not a JSON object of the expected members.
    #[error("expected a JSON object with `id`, `path` and `value`")]
    Shape,
}

#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    path: Cow<'a, str>,
    /// As it was received: a number keeps its spelling.
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

/// Answers lines, one after the other. What a path says is remembered: many lines share few paths.
#[derive(Default)]
pub struct Lines {
    paths: HashMap<Box<str>, Named, foldhash::fast::RandomState>,
    spans: Vec<Span>,
}

/// What a path's names say.
#[derive(Clone, Copy)]
struct Named {
    category: Option<DataCategory>,
    /// The value is the number of an order, a parcel, a version.
    reference: bool,
}

impl Lines {
    /// Paths remembered at most, so that memory stays bounded on lines that never share one.
    const MOST_PATHS: usize = 4096;
    /// Longer paths are not remembered.
    const LONGEST_PATH: usize = 256;

    /// Appends the answer to one input line to `out`, without a line feed.
    ///
    /// # Errors
    /// [`LineError::Shape`] when the line is no JSON object with a string `id`; `out` is as it was.
    pub fn answer(&mut self, line: &str, out: &mut String) -> Result<(), LineError> {
        let line: Line<'_> = serde_json::from_str(line).map_err(|_| LineError::Shape)?;
        let raw = line.value.map_or("null", RawValue::get);
        let text: Cow<'_, str> = match raw.as_bytes().first() {
            Some(b'"') => string(raw)?,
            Some(b'-' | b'0'..=b'9') => Cow::Borrowed(raw),
            _ => Cow::Borrowed(""),
        };
        let named = self.named(&line.path);
        self.spans.clear();
        entities(&text, raw.starts_with('"'), named.category, &mut self.spans);
        if named.reference {
            let looks_alike = |e| matches!(e, Entity::Phone | Entity::NationalId | Entity::Geo);
            self.spans.retain(|s| !looks_alike(s.entity));
        }
        write_answer(out, &line.id, &text, &self.spans, named.category);
        Ok(())
    }

    fn named(&mut self, path: &str) -> Named {
        if let Some(known) = self.paths.get(path) {
            return *known;
        }
        let steps = steps(path);
        let names: SmallVec<[&str; 8]> = steps.iter().map(AsRef::as_ref).collect();
        let named = Named {
            category: names::classify_personal(&names),
            reference: names.iter().rev().take(2).any(|name| is_reference(name)),
        };
        if self.paths.len() < Self::MOST_PATHS && path.len() <= Self::LONGEST_PATH {
            self.paths.insert(path.into(), named);
        }
        named
    }
}

/// The text of a JSON string.
fn string(raw: &str) -> Result<Cow<'_, str>, LineError> {
    match raw.get(1..raw.len() - 1) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(raw)
            .map(Cow::Owned)
            .map_err(|_| LineError::Shape),
    }
}

/// Names of numbers that only look like phones and ids: orders, parcels, prices, versions.
fn is_reference(name: &str) -> bool {
    const WORDS: [&str; 16] = [
        "order",
        "invoice",
        "transaction",
        "shipment",
        "tracking",
        "cart",
        "sku",
        "isbn",
        "barcode",
        "revenue",
        "price",
        "version",
        "build",
        "timestamp",
        "scroll",
        "click",
    ];
    let bytes = name.as_bytes();
    let begins = |at: usize| {
        let rest = bytes.get(at..).unwrap_or(&[]);
        WORDS.iter().any(|word| {
            rest.get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    name.eq_ignore_ascii_case("ref")
        || begins(0)
        || memchr::memchr_iter(b'_', bytes).any(|i| begins(i + 1))
}

/// Spans of a value whose field's name says `category`.
fn entities(text: &str, is_string: bool, category: Option<DataCategory>, spans: &mut Vec<Span>) {
    if text.is_empty() {
        return;
    }
    if is_string {
        scan_entities(text, spans);
    } else if let Some(entity) = whole_number(text) {
        spans.push(Span {
            start: 0,
            end: text.len(),
            entity,
        });
    }
    let Some(entity) = category.and_then(|c| decided(c, text)) else {
        return;
    };
    // The name decides unless a stronger recogniser knows better (an e-mail in a name's field).
    let stronger = spans.iter().any(|s| {
        matches!(
            s.entity,
            Entity::Email
                | Entity::Secret
                | Entity::Iban
                | Entity::CreditCard
                | Entity::Uuid
                | Entity::IpAddress
                | Entity::MacAddress
        ) || s.entity == entity && s.end - s.start + 4 >= text.len()
    });
    if !stronger {
        spans.clear();
        spans.push(Span {
            start: 0,
            end: text.len(),
            entity,
        });
    }
}

/// The entity that a whole value is because its name says so and it looks the part.
fn decided(category: DataCategory, text: &str) -> Option<Entity> {
    let (entity, fits) = match category.key() {
        "user.contact.phone_number" | "user.contact.fax_number" => {
            (Entity::Phone, phone::is_plausible(text))
        }
        "user.demographic.date_of_birth" => (Entity::DateOfBirth, date::is_date(text)),
        "user.location.precise" => (Entity::Geo, geo::is_coordinate(text)),
        "user.government_id.national_identification_number" => {
            (Entity::NationalId, natid::is_plausible(text))
        }
        "user.name" | "user.name.first" | "user.name.last" => {
            (Entity::Person, person::is_plausible(text))
        }
        "user.contact.address" | "user.contact.address.street" => {
            (Entity::Address, address::is_plausible(text))
        }
        "user.authorization.password" => (Entity::Secret, secret::is_plausible(text)),
        _ => return None,
    };
    fits.then_some(entity)
}

/// Writing to a string cannot fail, so that no result is looked at.
fn write_answer(
    out: &mut String,
    id: &str,
    text: &str,
    spans: &[Span],
    category: Option<DataCategory>,
) {
    out.push_str("{\"id\":");
    if id.bytes().any(|b| b < b' ' || b == b'"' || b == b'\\') {
        out.push_str(&serde_json::to_string(id).unwrap_or_else(|_| "\"\"".to_owned()));
    } else {
        out.extend(["\"", id, "\""]);
    }
    out.push_str(",\"entities\":[");
    let (mut byte, mut points) = (0, 0);
    let mut count_to = |to: usize| {
        points += text.get(byte..to).map_or(0, |t| t.chars().count());
        byte = to;
        points
    };
    for (i, span) in spans.iter().enumerate() {
        let (start, end) = (count_to(span.start), count_to(span.end));
        let comma = if i == 0 { "" } else { "," };
        let kind = type_name(span.entity);
        out.extend([comma, "{\"type\":\"", kind, "\",\"start\":"]);
        let _ = write!(out, "{start},\"end\":{end}}}");
    }
    let category = category.map_or("none", DataCategory::key);
    out.extend(["],\"category\":\"", category, "\"}"]);
}

/// The contract's word for an entity.
fn type_name(entity: Entity) -> &'static str {
    match entity {
        Entity::Email => "EMAIL",
        Entity::Phone => "PHONE",
        Entity::CreditCard => "CREDIT_CARD",
        Entity::Iban => "IBAN",
        Entity::IpAddress => "IP_ADDRESS",
        Entity::MacAddress => "MAC_ADDRESS",
        Entity::NationalId => "NATIONAL_ID",
        Entity::Secret => "SECRET",
        Entity::Geo => "GEO",
        Entity::Address => "ADDRESS",
        Entity::Person => "PERSON",
        Entity::DateOfBirth => "DATE_OF_BIRTH",
        Entity::Uuid => "UUID",
        Entity::UserId => "USER_ID",
        Entity::Url => "URL",
    }
}

/// The names along a path such as `a.b[0]["first-name"].c`, array steps left out.
fn steps(path: &str) -> SmallVec<[Cow<'_, str>; 8]> {
    let mut out = SmallVec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let end = quoted.find("\"]").unwrap_or(quoted.len());
            let name = quoted.get(..end).unwrap_or("");
            out.push(if name.contains('\\') {
                Cow::Owned(name.replace('\\', ""))
            } else {
                Cow::Borrowed(name)
            });
            rest = quoted.get(end + 2..).unwrap_or("");
        } else if rest.starts_with('[') {
            rest = rest.find(']').and_then(|i| rest.get(i + 1..)).unwrap_or("");
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = rest.get(..end).unwrap_or("");
            if !name.is_empty() {
                out.push(Cow::Borrowed(name));
            }
            let skip = usize::from(rest.as_bytes().get(end) == Some(&b'.'));
            rest = rest.get(end + skip..).unwrap_or("");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect_line(line: &str) -> Result<String, LineError> {
        let mut out = String::new();
        Lines::default().answer(line, &mut out).map(|()| out)
    }

    #[test]
    fn lines_are_answered_in_code_points() {
        let answer =
            detect_line(r#"{"id":"v-1","path":"properties.text","value":"für jane@example.com"}"#)
                .unwrap();
        assert_eq!(
            answer,
            r#"{"id":"v-1","entities":[{"type":"EMAIL","start":4,"end":20}],"category":"none"}"#
        );
        let answer = detect_line(r#"{"id":"v-2","path":"user.dob","value":"1984-03-12"}"#).unwrap();
        assert_eq!(
            answer,
            r#"{"id":"v-2","entities":[{"type":"DATE_OF_BIRTH","start":0,"end":10}],"category":"user.demographic.date_of_birth"}"#
        );
        let answer = detect_line(r#"{"id":"f","path":"a.email","value":null}"#).unwrap();
        assert_eq!(
            answer,
            r#"{"id":"f","entities":[],"category":"user.contact.email"}"#
        );
        let answer = detect_line(r#"{"id":"n","path":"x","value":4111111111111111}"#).unwrap();
        assert_eq!(
            answer,
            r#"{"id":"n","entities":[{"type":"CREDIT_CARD","start":0,"end":16}],"category":"none"}"#
        );
        for (line, said) in [
            // Members in any order, escapes in each, a name seen before.
            (
                r#"{"value":"\u0061@b.de \"x\"","id":"a\"b","path":"note"}"#,
                r#"{"id":"a\"b","entities":[{"type":"EMAIL","start":0,"end":6}],"category":"none"}"#,
            ),
            (
                r#"{"id":"c","extra":{"value":"c@d.de"}, "value" : [1]}"#,
                r#"{"id":"c","entities":[],"category":"none"}"#,
            ),
            (
                r#"{"id":"o","path":"Order.number","value":"+49 151 23456789"}"#,
                r#"{"id":"o","entities":[],"category":"none"}"#,
            ),
        ] {
            let mut lines = Lines::default();
            let mut out = "before ".to_owned();
            for _ in 0..2 {
                out.truncate(7);
                lines.answer(line, &mut out).unwrap();
                assert_eq!(out, format!("before {said}"));
            }
        }
        for line in [
            "[]",
            r#"{"id":1}"#,
            r#"{"id":"a","value":"\ud800"}"#,
            r#"{"id":"a","value":01}"#,
        ] {
            assert_eq!(detect_line(line), Err(LineError::Shape), "{line}");
        }
    }

    #[test]
    fn names_of_references_are_told_in_any_case() {
        for name in ["order_id", "Invoice", "my_TRACKING_no", "REF"] {
            assert!(is_reference(name), "{name}");
        }
        for name in ["border", "preorder", "refund_to", "discount"] {
            assert!(!is_reference(name), "{name}");
        }
    }

    #[test]
    fn paths_are_cut_into_names() {
        assert_eq!(steps("a.b[0].c").into_vec(), ["a", "b", "c"]);
        assert_eq!(
            steps("request.headers[\"x-forwarded-for\"]").into_vec(),
            ["request", "headers", "x-forwarded-for"]
        );
        assert_eq!(steps("items[].name").into_vec(), ["items", "name"]);
    }
}
