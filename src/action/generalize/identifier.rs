//! What in a path segment, a parameter or a device name looks like it names one person or thing.
//!
//! Judged by form alone: runs of digits, hex, UUIDs, tokens that change between letters, digits and
//! cases as no word does, `@`. Errs on the side of "identifier".

use crate::action::shape::{self, Form};

/// Years that stand in paths as dates; earlier ones are rather of birth.
const YEARS: std::ops::RangeInclusive<u16> = 1990..=2049;

/// Nouns of a person (or of what belongs to one): `user-1`.
const NOUNS: &[&str] = &[
    "user",
    "usr",
    "uid",
    "userid",
    "customer",
    "cust",
    "member",
    "client",
    "patient",
    "account",
    "acct",
    "person",
    "guest",
    "visitor",
    "id",
    "employee",
    "session",
    "subscriber",
    "contact",
    "anon",
    "device",
    "profile",
    "student",
    "lead",
];

/// Whether a decoded path segment holds an identifier by its own looks.
pub(super) fn in_segment(segment: &str) -> bool {
    !are_plain_words(segment) && segment_identifies(segment)
}

fn segment_identifies(segment: &str) -> bool {
    if segment.contains(['@', '=', '&', '?', '%']) || segment.starts_with('~') {
        return true;
    }
    if segment.chars().any(char::is_control) {
        return true;
    }
    if is_code_file(segment) {
        return false;
    }
    match Form::of(segment) {
        Form::Uuid { .. } | Form::Hex { .. } | Form::Email | Form::Phone => return true,
        Form::Digits | Form::Dotted | Form::Token => {}
    }
    if is_plain_date(segment) {
        return false;
    }
    noun_with_number(segment)
        || digits_identify(segment)
        || has_address(segment)
        || tokens(segment).any(is_odd_token)
}

/// Short words of lower-case letters with dashes or underscores between, at least one letter no hex
/// digit: what most segments and parameters are, told without a closer look.
fn are_plain_words(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() < SHORT
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_'))
        && bytes.iter().any(|b| matches!(b, b'g'..=b'z'))
}

/// Longer runs of letters may be tokens.
const SHORT: usize = 20;

/// A file of the program itself, perhaps with line and column as in stack traces
/// (`main.8f3a2b1c.js:12:345`): builds are told by the hash in its name.
fn is_code_file(segment: &str) -> bool {
    let mut name = segment;
    for _ in 0..2 {
        let Some((head, number)) = name.rsplit_once(':') else {
            break;
        };
        let position =
            (1..=8).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        if !position {
            return false;
        }
        name = head;
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-[]".contains(&b);
    let ends = [
        ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".css", ".wasm", ".map", ".vue", ".svelte",
    ];
    name.bytes().all(plain)
        && ends
            .iter()
            .any(|end| name.len() > end.len() && name.ends_with(end))
}

/// Whether a decoded value (of a parameter that stays, of a device) holds an identifier.
pub(super) fn in_value(value: &str) -> bool {
    !are_plain_words(value) && value_identifies(value)
}

fn value_identifies(value: &str) -> bool {
    if value.len() > 200 || value.contains(['@', '=', '&', '?', ';', '%']) {
        return true;
    }
    if value.chars().any(char::is_control) {
        return true;
    }
    if matches!(
        Form::of(value),
        Form::Uuid { .. } | Form::Hex { .. } | Form::Email | Form::Phone
    ) {
        return true;
    }
    long_number(value) || has_address(value) || tokens(value).any(is_odd_token)
}

/// Whether an address of the network or of a network card stands in it, alone or behind something
/// (`::ffff:192.0.2.7`, `from-192.0.2.7`, `00-00-5e-00-53-af`). `v1.2.3.4` is a version.
fn has_address(text: &str) -> bool {
    if !text.contains([':', '.', '-']) {
        return false;
    }
    let part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let mut before = ' ';
    let mut rest = text;
    while let Some(start) = rest.find(part) {
        let (skipped, run) = rest.split_at(start);
        before = skipped.chars().next_back().unwrap_or(before);
        let end = run.find(|c| !part(c)).unwrap_or(run.len());
        let (run, after) = run.split_at(end);
        let run = run.trim_end_matches(['.', ':']);
        let alone = run.rsplit_once(':').map_or(run, |(address, _port)| address);
        let is_v4 = |text: &str| text.parse::<std::net::Ipv4Addr>().is_ok();
        let is_v6 = run.len() > 2 && run.parse::<std::net::Ipv6Addr>().is_ok();
        if is_v6 || (!matches!(before, 'v' | 'V') && (is_v4(run) || is_v4(alone))) {
            return true;
        }
        rest = after;
    }
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    let mut pairs = 0;
    text.split([':', '-']).any(|part| {
        pairs = if is_pair(part) { pairs + 1 } else { 0 };
        pairs == 6
    })
}

/// Whether digits, taken together over separators, are long enough for a number of somebody. A
/// plain date is not.
pub(super) fn long_number(value: &str) -> bool {
    let separator = |c: char| matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '+');
    value
        .split(|c: char| !c.is_ascii_digit() && !separator(c))
        .any(|run| {
            let run = run.trim_matches(separator);
            let digits = run.bytes().filter(u8::is_ascii_digit).count();
            let longest = run.split(separator).map(str::len).max().unwrap_or(0);
            (digits >= 8 || longest >= 6) && !is_plain_date(run)
        })
}

/// `2024`, `2024-05`, `2024-05-06`, `20240506`.
pub(super) fn is_plain_date(text: &str) -> bool {
    let number = |part: Option<&str>, max: u8| {
        part.is_none_or(|p| matches!(p.parse::<u8>(), Ok(n) if (1..=max).contains(&n)))
    };
    let (year, month, day, rest) = if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        (text.get(..4), text.get(4..6), text.get(6..), None)
    } else {
        let mut parts = text.split(['-', '_', '.']);
        (parts.next(), parts.next(), parts.next(), parts.next())
    };
    year.is_some_and(is_year) && number(month, 12) && number(day, 31) && rest.is_none()
}

/// A year that stands in a path.
pub(super) fn is_year(text: &str) -> bool {
    text.len() == 4 && matches!(text.parse::<u16>(), Ok(year) if YEARS.contains(&year))
}

/// `user-1`, `customer_ab12`: a noun and something with a digit.
fn noun_with_number(segment: &str) -> bool {
    let head = segment
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(segment.len());
    let (noun, rest) = segment.split_at(head);
    rest.bytes().any(|b| b.is_ascii_digit()) && NOUNS.iter().any(|n| n.eq_ignore_ascii_case(noun))
}

/// Whether the digits of a segment are an id: no letters and four or more digits (or digits only),
/// or a run of four and more that is not the year of a slug of several words.
fn digits_identify(segment: &str) -> bool {
    let count = segment.chars().filter(|c| c.is_numeric()).count();
    if !segment.chars().any(char::is_alphabetic) {
        let only = count > 0 && count == segment.chars().count();
        return only || count >= 4;
    }
    let words = tokens(segment)
        .filter(|t| t.chars().count() >= 2 && t.chars().all(char::is_alphabetic))
        .count();
    segment
        .split(|c: char| !c.is_numeric())
        .filter(|run| run.chars().count() >= 4)
        .any(|run| !(words >= 2 && is_year(run) && tokens(segment).any(|t| t == run)))
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|t| !t.is_empty())
}

/// A run of letters and digits that is no word, model or version.
fn is_odd_token(token: &str) -> bool {
    let len = token.chars().count();
    let mut digits = 0;
    let mut changes = 0;
    let mut case_changes = 0;
    let mut last: Option<char> = None;
    for character in token.chars() {
        digits += usize::from(character.is_numeric());
        if let Some(last) = last {
            changes += usize::from(last.is_numeric() != character.is_numeric());
            let cased = last.is_alphabetic() && character.is_alphabetic();
            case_changes += usize::from(cased && last.is_uppercase() != character.is_uppercase());
        }
        last = Some(character);
    }
    let letters = len - digits;
    let hex = token.bytes().all(|b| b.is_ascii_hexdigit());
    let is_hex = hex && len >= 8 && digits > 0 && (letters > 0 || len >= 9);
    let mixed = letters > 0 && digits > 0;
    is_hex
        || (mixed && len >= 8 && changes >= 4)
        || (mixed && len >= 16 && digits >= 2)
        || (mixed && len >= 6 && case_changes >= 3)
        || (len >= 20 && case_changes >= 5)
        || (len >= 32 && token.is_ascii())
        || shape::is_email(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments() {
        for id in [
            "48213",
            "5",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "deadbeef1",
            "jane@example.com",
            "user-1",
            "user_42",
            "customer-canary-7",
            "user-canary-48213",
            "order-2024",
            "cus_9s6XKzkNRiz8i3",
            "203.0.113.77",
            "::ffff:203.0.113.77",
            "::1",
            "fe80::a:b",
            "2001:db8::7",
            "from-203.0.113.77",
            "ip_10.0.0.1:80",
            "aa:bb:cc:dd:ee:ff",
            "3c-22-fb-1a-2b-3c",
            "dQw4w9WgXcQ",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
            "+41 79 123 45 67",
            "079-123-45-67",
            "1987",
            "jane-doe-1987",
            "a1b2c3d4",
            "~jane",
            "a=b",
            "10.0.19045",
            "12345-red-shoes",
            "invoice12345.pdf",
            "jane@x.js",
            "48213.js:a",
            "1987-03-09",
            "٤٨٢١٣",
        ] {
            assert!(in_segment(id), "{id}");
        }
        for word in [
            "products",
            "red-shoes",
            "best-laptops-2024",
            "2024",
            "2024-05-06",
            "v2",
            "v1.2",
            "iphone-15-pro-max",
            "index.html",
            "checkout",
            "getUserAccount",
            "covid19",
            "café",
            "mp3",
            "de-CH",
            "über-uns",
            "42-inch-tv",
            "C++",
            "Q3-report",
            "main.8f3a2b1c.js",
            "datadog.js:16507:25",
            "index-BqXk29aZ.mjs",
            "",
        ] {
            assert!(!in_segment(word), "{word}");
        }
    }

    #[test]
    fn values() {
        for id in [
            "jane@x",
            "20251234567",
            "079 123 45 67",
            "a=b",
            "f47ac10b58cc4372a5670e02b2c3d479",
            "sale-123456",
        ] {
            assert!(in_value(id), "{id}");
        }
        for word in [
            "summer_sale",
            "google",
            "sale-2024-05-06",
            "sale_20240506",
            "cpc",
            "email",
            "50-off",
            "labcampaign",
            "Black Friday",
        ] {
            assert!(!in_value(word), "{word}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]
        #[test]
        fn plain_words_are_what_a_closer_look_says(text in "[a-z_-]{0,24}|(user|id|[a-f]{1,4}|[g-z]{1,3}|-|_){0,6}") {
            if are_plain_words(&text) {
                proptest::prop_assert!(!segment_identifies(&text) && !value_identifies(&text), "{}", text);
            }
        }
    }
}
