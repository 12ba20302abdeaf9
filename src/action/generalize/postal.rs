//! `postal_code = "zip3"`: the first three digits of a US ZIP code, as 45 CFR 164.514(b)(2)(i)(B)
//! allows them; `000` where fewer than 20,001 people live. Other countries' codes are removed.

use crate::action::{Effect, Value};

/// Areas of 20,000 people or fewer by the census of 2000, as the Department of Health lists them.
const SMALL: [&str; 17] = [
    "036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878",
    "879", "884", "890", "893",
];

/// Writes the area of a ZIP code.
pub(super) fn apply(value: Value<'_>, out: &mut String) -> Effect {
    // A number has lost the zeros in front: what is left of it could be another country's code.
    let Value::Text(text) = value else {
        return Effect::Remove;
    };
    let digits = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    let zip = match text.trim().split_once('-') {
        Some((zip, four)) if digits(four, 4) => zip,
        Some(_) => return Effect::Remove,
        None => match text.trim() {
            nine if digits(nine, 9) => nine.get(..5).unwrap_or(""),
            five => five,
        },
    };
    if !digits(zip, 5) {
        return Effect::Remove;
    }
    let area = zip.get(..3).unwrap_or("000");
    out.push_str(if SMALL.contains(&area) { "000" } else { area });
    Effect::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_a_zip_code() {
        for (text, want) in [
            ("02139", Some("021")),
            ("02139-4307", Some("021")),
            ("021394307", Some("021")),
            ("03601", Some("000")),
            ("89301", Some("000")),
            ("8001", None),
            ("SW1A 1AA", None),
            ("02139-43", None),
        ] {
            let mut out = String::new();
            let effect = apply(Value::Text(text), &mut out);
            assert_eq!((effect == Effect::Text).then_some(&*out), want, "{text}");
        }
        assert_eq!(
            apply(Value::Number("02139"), &mut String::new()),
            Effect::Remove
        );
    }
}
