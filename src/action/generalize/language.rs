//! `language = "primary"`: `en-US` → `en`; of a list the first.

use crate::action::{Effect, Value};

/// Writes the primary tag; what is no language tag is removed.
pub(super) fn apply(value: Value<'_>, out: &mut String) -> Effect {
    let Value::Text(text) = value else {
        return Effect::Remove;
    };
    let first = text.split([',', ';']).next().unwrap_or_default().trim();
    let mut parts = first.split(['-', '_', '.', '@']);
    let primary = parts.next().unwrap_or_default();
    let is_primary =
        matches!(primary.len(), 2 | 3) && primary.bytes().all(|b| b.is_ascii_alphabetic());
    let is_subtag = |p: &str| p.len() <= 8 && p.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_primary || !parts.all(is_subtag) {
        return Effect::Remove;
    }
    out.push_str(primary);
    Effect::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primary_tags() {
        let run = |text| {
            let mut out = String::new();
            (apply(Value::Text(text), &mut out) == Effect::Text).then_some(out)
        };
        for (text, tag) in [
            ("en-US", "en"),
            ("de", "de"),
            ("gsw-CH", "gsw"),
            ("zh-Hans-CN", "zh"),
            ("en_US.UTF-8", "en"),
            ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ] {
            assert_eq!(run(text).unwrap(), tag);
        }
        for bad in [
            "",
            "english language",
            "x",
            "Jane Doe",
            "12",
            "en-jane@example.com!",
        ] {
            assert_eq!(run(bad), None, "{bad}");
        }
    }
}
