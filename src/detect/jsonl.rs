//! One line of `tamis detect --jsonl`: from `{"id","path","value"}` to entities and a category.
//!
//! Offsets are counted in code points of the string, or of a number's JSON text as received. Errors
//! hold no input. No I/O here.

use std::borrow::Cow;
use std::fmt::Write as _;

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
    #[serde(default, rename = "value")]
    _value: serde::de::IgnoredAny,
}

/// The answer to one input line, without a line feed.
///
/// # Errors
/// [`LineError::Shape`] when the line is no JSON object with a string `id`.
pub fn detect_line(line: &str) -> Result<String, LineError> {
    let raw = raw_value(line).unwrap_or("null");
    let line: Line<'_> = serde_json::from_str(line).map_err(|_| LineError::Shape)?;
    let steps = steps(&line.path);
    let path: Vec<&str> = steps.iter().map(AsRef::as_ref).collect();
    let category = names::classify_personal(&path);
    let mut spans = Vec::new();
    let text: Cow<'_, str> = match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).map_err(|_| LineError::Shape)?,
        Some(b'-' | b'0'..=b'9') => Cow::Borrowed(raw),
        _ => Cow::Borrowed(""),
    };
    entities(&text, raw.starts_with('"'), category, &mut spans);
    if path.iter().rev().take(2).any(|name| is_reference(name)) {
        spans.retain(|s| !matches!(s.entity, Entity::Phone | Entity::NationalId | Entity::Geo));
    }
    Ok(answer(&line.id, &text, &spans, category))
}

/// The text of the top-level member `value` as it was received. Serde would lose a number's
/// spelling. Answers arbitrary nonsense, but never fails, on what is no valid JSON.
fn raw_value(line: &str) -> Option<&str> {
    let bytes = line.as_bytes();
    let mut i = 0;
    let mut depth = 0_usize;
    let mut key = "";
    let mut found = None;
    while let Some(byte) = bytes.get(i) {
        let start = i;
        match byte {
            b'"' => {
                i = string_end(bytes, i);
                let text = line.get(start..i)?;
                if depth == 1 && line.get(i..)?.trim_start().starts_with(':') {
                    key = text;
                    i += line.get(i..)?.find(':')? + 1;
                    continue;
                }
            }
            b'{' | b'[' => {
                depth += 1;
                i += 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                i += 1;
                continue;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {
                i += 1;
                continue;
            }
            _ => {
                i = bytes
                    .iter()
                    .skip(i)
                    .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'))
                    .map_or(bytes.len(), |n| i + n)
            }
        }
        if depth == 1 && key == "\"value\"" {
            found = line.get(start..i);
        }
    }
    found
}

fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut i = open + 1;
    while let Some(byte) = bytes.get(i) {
        match byte {
            b'"' => return i + 1,
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    bytes.len()
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
    let lower = name.to_ascii_lowercase();
    lower == "ref"
        || WORDS
            .iter()
            .any(|word| lower.starts_with(word) || lower.contains(&format!("_{word}")))
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

fn answer(id: &str, text: &str, spans: &[Span], category: Option<DataCategory>) -> String {
    let mut out = String::with_capacity(64 + id.len() + spans.len() * 48);
    out.push_str("{\"id\":");
    out.push_str(&serde_json::to_string(id).unwrap_or_else(|_| "\"\"".to_owned()));
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
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "{comma}{{\"type\":\"{}\",\"start\":{start},\"end\":{end}}}",
            type_name(span.entity)
        );
    }
    let _ = write!(
        out,
        "],\"category\":\"{}\"}}",
        category.map_or("none", DataCategory::key)
    );
    out
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
fn steps(path: &str) -> Vec<Cow<'_, str>> {
    let mut out = Vec::new();
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
        assert_eq!(detect_line("[]"), Err(LineError::Shape));
    }

    #[test]
    fn paths_are_cut_into_names() {
        assert_eq!(steps("a.b[0].c"), ["a", "b", "c"]);
        assert_eq!(
            steps("request.headers[\"x-forwarded-for\"]"),
            ["request", "headers", "x-forwarded-for"]
        );
        assert_eq!(steps("items[].name"), ["items", "name"]);
    }
}
