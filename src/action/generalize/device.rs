//! `user_agent = "family"`, for everything else that says what a device is: versions become their
//! major part, short plain names stay, what names its owner goes.
//!
//! Also reads client hints (`"Chromium";v="126.0.1"`, `?1`, `"macOS"`).

use super::{identifier, user_agent};
use crate::action::{Effect, Value};

/// A name is no longer, in bytes and in words.
const NAME_MAX: usize = 48;
const WORDS_MAX: usize = 6;

/// Words with which people name what they own.
const OWNED: &[&str] = &[
    "iphone", "ipad", "ipod", "macbook", "imac", "mac", "pc", "laptop", "desktop", "phone",
    "tablet", "galaxy", "pixel", "watch", "airpods", "computer", "handy",
];

/// Words that stand in front of them in a model's name.
const MAKERS: &[&str] = &[
    "apple",
    "google",
    "samsung",
    "generic",
    "windows",
    "huawei",
    "xiaomi",
    "microsoft",
    "lenovo",
    "hp",
    "dell",
    "asus",
    "acer",
    "smart",
    "mobile",
    "android",
    "intel",
    "power",
    "sony",
    "lg",
];

/// Words between a thing and its owner.
const OF: &[&str] = &[
    "de", "von", "di", "da", "do", "of", "van", "des", "du", "från",
];

/// Makes what is said of a device coarser.
pub(super) fn apply(value: Value<'_>, out: &mut String) -> Effect {
    match value {
        Value::Bool(_) => Effect::Keep,
        Value::Number(number) => whole_part(number, out),
        Value::Text(text) => {
            let text = text.trim();
            if hints(text, out) || (user_agent::is_header(text) && user_agent::write(text, out)) {
                return Effect::Text;
            }
            out.clear();
            match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
                Some(inner) => {
                    out.push('"');
                    let effect = name(inner, out);
                    out.push('"');
                    effect
                }
                None => name(text, out),
            }
        }
    }
}

/// A number without its fraction.
fn whole_part(number: &str, out: &mut String) -> Effect {
    if number.contains(['e', 'E']) {
        return if number.contains('.') {
            Effect::Remove
        } else {
            Effect::Keep
        };
    }
    match number.split_once('.') {
        Some((whole, _)) => {
            out.push_str(if whole == "-0" { "0" } else { whole });
            Effect::Number
        }
        None => Effect::Keep,
    }
}

/// `?1`, and lists of `"brand";v="version"`; `false` when the text is neither.
fn hints(text: &str, out: &mut String) -> bool {
    if matches!(text, "?0" | "?1") {
        out.push_str(text);
        return true;
    }
    if !text.starts_with('"') || !text.contains("\";v=\"") {
        return false;
    }
    for (at, item) in text.split("\", \"").enumerate() {
        let item = item.trim_matches('"');
        let Some((brand, version)) = item.split_once("\";v=\"") else {
            return false;
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || " -_.():;/?=)(&".contains(c);
        let digits = version.bytes().take_while(u8::is_ascii_digit).count();
        let numbers = |c: char| c.is_ascii_digit() || c == '.';
        if brand.len() > 32
            || !brand.chars().all(plain)
            || brand.bytes().filter(u8::is_ascii_digit).count() > 2
            || !(1..=4).contains(&digits)
            || !version.chars().all(numbers)
        {
            return false;
        }
        out.push_str(if at > 0 { ", \"" } else { "\"" });
        out.push_str(brand);
        out.push_str("\";v=\"");
        out.push_str(version.get(..digits).unwrap_or_default());
        out.push('"');
    }
    true
}

/// Names of systems, models, brands, screens and time zones, with versions cut.
fn name(text: &str, out: &mut String) -> Effect {
    if is_screen(text) {
        out.push_str(text);
        return Effect::Text;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_.,/+():".contains(c);
    if text.is_empty()
        || text.len() > NAME_MAX
        || !text.chars().all(plain)
        || text.split_whitespace().count() > WORDS_MAX
        || names_owner(text)
        || ids(text)
    {
        return Effect::Remove;
    }
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(major_of(word).unwrap_or(word));
    }
    Effect::Text
}

/// `1920x1080`, `390 x 844`.
fn is_screen(text: &str) -> bool {
    let side = |s: &str| (1..=5).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    match text.split_once(['x', 'X']) {
        Some((width, height)) => side(width.trim()) && side(height.trim()),
        None => false,
    }
}

/// Whether a name holds an id rather than a model: versions may have long numbers, names may not.
fn ids(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        major_of(word).is_none() && (identifier::long_number(word) || identifier::in_value(word))
    })
}

/// The major part of a version: `17.5.1`, `v10_15_7`, `126.0.6478.127-beta`.
fn major_of(word: &str) -> Option<&str> {
    let digits = word.strip_prefix(['v', 'V']).unwrap_or(word);
    let start = word.len() - digits.len();
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    let rest = digits.get(len..)?;
    let short = (1..=4).contains(&len);
    let more = rest.strip_prefix(['.', '_'])?;
    let continues = more.starts_with(|c: char| c.is_ascii_digit());
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+');
    // A dotted run of digits that is no version (a telephone number) has a long part or many.
    let parts = more.split(['.', '_', '-', '+']);
    let version = parts.clone().count() <= 4 && parts.clone().all(|p| p.len() <= 10);
    if short && continues && version && more.bytes().all(plain) {
        word.get(..start + len)
    } else {
        None
    }
}

/// Whether the name is one that an owner gives: `Jane's iPhone`, `iPhone de Jane`, `DESKTOP-1A2B3C`.
fn names_owner(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let hosts = [".local", ".lan", ".home", ".internal", ".fritz.box"];
    if hosts.iter().any(|h| lower.ends_with(h)) {
        return true;
    }
    if ["desktop-", "laptop-", "win-"]
        .iter()
        .any(|h| lower.starts_with(h))
    {
        return true;
    }
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    let owned = |word: &&str| OWNED.contains(word);
    if words.iter().any(|w| OF.contains(w)) && words.iter().any(&owned) {
        return true;
    }
    let mut pairs = words.iter().zip(words.iter().skip(1));
    pairs.any(|(before, word)| {
        owned(word)
            && !owned(before)
            && !MAKERS.contains(before)
            && !before.bytes().any(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Option<String> {
        let mut out = String::new();
        (apply(Value::Text(text), &mut out) == Effect::Text).then_some(out)
    }

    #[test]
    fn names_and_versions() {
        for (given, want) in [
            ("17.5.1", "17"),
            ("126.0.6478.127", "126"),
            ("10_15_7", "10"),
            ("17", "17"),
            ("iOS 17.5.1", "iOS 17"),
            ("Chrome", "Chrome"),
            ("Mac OS X", "Mac OS X"),
            ("iPhone15,3", "iPhone15,3"),
            ("Pixel 7 Pro", "Pixel 7 Pro"),
            ("SM-G991B", "SM-G991B"),
            ("Samsung Galaxy S21", "Samsung Galaxy S21"),
            ("Apple Watch", "Apple Watch"),
            ("x86_64", "x86_64"),
            ("arm64-v8a", "arm64-v8a"),
            ("1920x1080", "1920x1080"),
            ("Europe/Zurich", "Europe/Zurich"),
            (
                "America/Argentina/Buenos_Aires",
                "America/Argentina/Buenos_Aires",
            ),
            ("en-US", "en-US"),
            ("python-requests/2.34.2", "python-requests/2"),
            ("?1", "?1"),
            ("\"macOS\"", "\"macOS\""),
            ("\"14.5.0\"", "\"14\""),
            (
                "\"Not:A-Brand\";v=\"8.0.0.0\", \"Chromium\";v=\"156.0.8078.79\"",
                "\"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"",
            ),
        ] {
            assert_eq!(run(given).as_deref(), Some(want), "{given}");
        }
    }

    #[test]
    fn owners_and_ids_go() {
        for bad in [
            "Jane's iPhone",
            "Jane’s iPhone",
            "iPhone de Jane",
            "Jane iPhone",
            "Janes-MacBook-Pro.local",
            "Janes-MacBook-Pro",
            "DESKTOP-1A2B3C4",
            "jane@example.com",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "9774d56d682e549c",
            "356938035643809",
            "079.123.45.67.89.10",
            "a b c d e f g h",
            "Łukasz",
            "",
            "This is a sentence that somebody wrote about something else entirely",
        ] {
            assert_eq!(run(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers() {
        let number = |text| {
            let mut out = String::new();
            (apply(Value::Number(text), &mut out), out)
        };
        assert_eq!(number("1.25"), (Effect::Number, "1".into()));
        assert_eq!(number("-0.5"), (Effect::Number, "0".into()));
        assert_eq!(number("1920").0, Effect::Keep);
        assert_eq!(apply(Value::Bool(true), &mut String::new()), Effect::Keep);
    }
}
