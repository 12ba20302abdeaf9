//! What machines write, told by its form alone: times, UUIDs and ids of hexadecimal digits. Most
//! strings that are new in each event are of these forms, so that they are worth a way of their own.
//!
//! Invariant: what [`form`] and [`is_time`] say of a text is what the recognisers would find in it
//! (property tests hold it against them).

use wide::u8x16;

use super::bytes::part;
use super::secret;

/// A form that a whole text has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A UUID with dashes, and nothing else.
    Uuid,
    /// Hexadecimal digits, perhaps behind words: no recogniser finds anything in it.
    Hex,
}

/// Shortest id of hexadecimal digits: longer than any IBAN of these letters and any national id.
const LEAST_HEX: usize = 25;
/// Longer texts are no ids.
const LONGEST: usize = 128;
/// Longest words in front of hexadecimal digits: too short to be text in hexadecimal digits.
const LONGEST_WORDS: usize = 16;
const UUID: usize = 36;

/// The form of a text that is an id as machines write them.
#[must_use]
#[inline]
pub fn form(bytes: &[u8]) -> Option<Form> {
    if !(LEAST_HEX..=LONGEST).contains(&bytes.len()) {
        return None;
    }
    // Nearly all that is no id ends otherwise.
    if !bytes.last().is_some_and(u8::is_ascii_hexdigit) {
        return None;
    }
    if is_uuid(bytes) {
        return Some(Form::Uuid);
    }
    hex_id(bytes).map(|_| Form::Hex)
}

/// Dashed 8-4-4-4-12, as RFC 9562 writes UUIDs, in either case.
fn is_uuid(bytes: &[u8]) -> bool {
    let Some(text) = bytes
        .first_chunk::<UUID>()
        .filter(|t| t.len() == bytes.len())
    else {
        return false;
    };
    let [a, b, c, d] = [text[8], text[13], text[18], text[23]];
    if [a, b, c, d] != [b'-'; 4] {
        return false;
    }
    let digits = text.iter().filter(|b| b.is_ascii_hexdigit()).count();
    digits == UUID - 4
}

/// Of an id of the form [`Form::Hex`]: where its digits begin. They are in lower case, a letter is
/// among them, and there may be words of letters with dashes or underscores in front (`ajs-next-…`),
/// unless an issuer's secrets begin like that.
#[must_use]
#[inline]
pub fn hex_id(bytes: &[u8]) -> Option<usize> {
    if !(LEAST_HEX..=LONGEST).contains(&bytes.len()) {
        return None;
    }
    // Nearly all that is no id ends otherwise.
    let (hex, _) = hex_and_letter(bytes.last_chunk()?);
    if hex { digits_of_id(bytes) } else { None }
}

fn digits_of_id(bytes: &[u8]) -> Option<usize> {
    // Words that are longer are refused.
    let words = bytes.get(..bytes.len().min(LONGEST_WORDS + 1))?;
    let start = words
        .iter()
        .rposition(|b| matches!(b, b'-' | b'_'))
        .map_or(0, |mark| mark + 1);
    let (words, digits) = bytes.split_at_checked(start)?;
    if digits.len() < LEAST_HEX || words.len() > LONGEST_WORDS {
        return None;
    }
    // Of the last sixteen some are looked at twice, unless sixteen divides their number.
    let (blocks, _) = digits.as_chunks::<16>();
    let (mut hex, mut letter) = hex_and_letter(digits.last_chunk()?);
    for block in blocks {
        let (all, any) = hex_and_letter(block);
        hex &= all;
        letter |= any;
    }
    if !hex || !letter {
        return None;
    }
    let Some((_, letters)) = words.split_last() else {
        return Some(0);
    };
    let plain = letters.first().is_some_and(u8::is_ascii_alphabetic)
        && letters
            .iter()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'))
        && !secret::is_known(bytes);
    plain.then_some(start)
}

/// Whether all are hexadecimal digits in lower case, and whether one of them is a letter.
#[inline]
fn hex_and_letter(block: &[u8; 16]) -> (bool, bool) {
    let block = u8x16::new(*block);
    let from = |first: u8, most: u8| {
        let at = block - u8x16::splat(first);
        at.min(u8x16::splat(most)).simd_eq(at).to_bitmask()
    };
    let (digits, letters) = (from(b'0', 9), from(b'a', 5));
    (digits | letters == 0xffff, letters != 0)
}

/// Whether a text is a date with a time of day, as ISO 8601 and RFC 3339 write them:
/// `2026-06-20T11:36:17.456Z`.
#[inline]
pub(super) fn is_time(bytes: &[u8]) -> bool {
    // The mark that tells nearly all others apart comes first.
    if !(16..=35).contains(&bytes.len()) || bytes.get(4) != Some(&b'-') {
        return false;
    }
    is_time_text(bytes)
}

fn is_time_text(bytes: &[u8]) -> bool {
    let two = |at: usize, most: u8| match part(bytes, at, at + 2) {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => (a - b'0') * 10 + (b - b'0') <= most,
        _ => false,
    };
    let is = |at: usize, marks: &[u8]| bytes.get(at).is_some_and(|b| marks.contains(b));
    let date = two(0, 20) && two(2, 99) && is(4, b"-") && two(5, 12) && is(7, b"-") && two(8, 31);
    if !(date && is(10, b"T ") && two(11, 23) && is(13, b":") && two(14, 59)) {
        return false;
    }
    let mut at = 16;
    if is(at, b":") {
        if !two(17, 60) {
            return false;
        }
        at = 19;
        if is(at, b".") {
            // More digits could be a number that names someone.
            let digits = part(bytes, 20, 27);
            let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
            if count == 0 {
                return false;
            }
            at += 1 + count;
        }
    }
    match part(bytes, at, bytes.len()) {
        [] | b"Z" => true,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let minutes = match rest.len() {
                5 => is(at + 3, b":").then_some(at + 4),
                // Behind a dash or a fraction, four digits more could name someone.
                4 if *sign == b'+' && at <= 19 => Some(at + 3),
                _ => None,
            };
            two(at + 1, 18) && minutes.is_some_and(|minutes| two(minutes, 59))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entity, Span, scan, scan_entities};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_are_told_by_the_whole_text() {
        for text in [
            "98710f6f-a356-46cf-ac5d-bd1f64cdf12e",
            "98710F6F-A356-46CF-AC5D-BD1F64CDF12E",
        ] {
            assert_eq!(form(text.as_bytes()), Some(Form::Uuid), "{text}");
        }
        for text in [
            "ajs-next-a39baf415f1e07070ca03dc140f6ace2",
            "a39baf415f1e07070ca03dc140f6ace2",
            "req_a39baf415f1e07070ca03dc140f6ace2",
        ] {
            assert_eq!(form(text.as_bytes()), Some(Form::Hex), "{text}");
        }
        for text in [
            "98710f6f-a356-46cf-ac5d-bd1f64cdf12",
            "{98710f6f-a356-46cf-ac5d-bd1f64cdf12e}",
            "98710f6f-a356-46cf-ac5d-bd1f64cdf12g",
            // An issuer's secret.
            "key-a39baf415f1e07070ca03dc140f6ace2",
            "dop_v1_a39baf415f1e07070ca03dc140f6ace2a39baf415f1e07070ca03dc140f6ace2",
            // A number.
            "12345678901234567890123456",
            "jane@a39baf415f1e07070ca03dc140f6ace2",
            "A39BAF415F1E07070CA03DC140F6ACE2",
        ] {
            assert_eq!(form(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn times_are_times_to_the_end() {
        for text in [
            "2026-06-20T11:36:17.456Z",
            "2026-06-20T11:36:17Z",
            "2026-06-20 11:36",
            "2026-06-20T11:36:17.1234567+02:00",
            "2026-06-20T11:36:17+0330",
            "2026-06-20T11:36:17.25-03:30",
        ] {
            assert!(is_time(text.as_bytes()), "{text}");
        }
        for text in [
            "2026-06-20",
            "2026-13-20T11:36:17Z",
            "2026-06-20T11:36:17Z jane@example.com",
            "2026-06-20T11:36:17.Z",
            "2026-06-20T11:36:17.12345678Z",
            "2026-06-20T25:36:17Z",
            "4111-11-11T11:11:11Z",
            "2026-06-20T11:36:17+2",
            "2026-06-20T11:36:17-0330",
        ] {
            assert!(!is_time(text.as_bytes()), "{text}");
        }
    }

    /// What the recognisers find, whatever the form says.
    fn found(text: &str) -> Vec<Span> {
        let mut all = Vec::new();
        super::super::scan::recognised(text, &mut all);
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8000))]
        #[test]
        fn forms_are_what_the_recognisers_find(
            text in "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9]{8}-[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9a]{12}|[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}|([A-Za-z]{1,8}[-_]){0,3}[0-9a-f]{24,66}|([a-f]{1,3}[-_]){0,3}[0-9]{10,20}[a-f][0-9]{10,20}|(glpat|key|sk_live|rk_test|shpat|xoxb|pat|SG|AC|SK)[-_]?[0-9a-f]{24,40})"
        ) {
            let expected = match form(text.as_bytes()) {
                None => return Ok(()),
                Some(Form::Hex) => Vec::new(),
                Some(Form::Uuid) => vec![Span { start: 0, end: text.len(), entity: Entity::Uuid }],
            };
            prop_assert_eq!(found(&text), expected.clone(), "{}", text);
            for entry in [scan, scan_entities] {
                let mut spans = Vec::new();
                entry(&text, &mut spans);
                prop_assert_eq!(&spans, &expected, "{}", text);
            }
        }

        #[test]
        fn times_hold_nothing(
            text in "(19|20)[0-9]{2}-(0[0-9]|1[0-2])-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-][01][0-9]:?[0-5][0-9])?"
        ) {
            if is_time(text.as_bytes()) {
                prop_assert_eq!(found(&text), vec![], "{}", text);
            }
        }
    }
}
