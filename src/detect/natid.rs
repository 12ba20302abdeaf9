//! National identification numbers whose shape, date or check digits tell them apart.
//!
//! Compact digits without a strong check are left to the field's name (see `is_plausible`), because
//! order numbers look like them. Everything here is bounded by the length of one number.

use smallvec::SmallVec;

use super::Entity;
use super::bytes::{at, before, is_word, number, part, second_before, word_after, word_before};
use super::natid_checks::{
    is_aadhaar, is_any_nhs, is_austrian, is_belgian, is_bsn, is_bulgarian, is_chilean, is_chinese,
    is_cpf, is_croatian, is_czech, is_danish, is_estonian, is_french, is_german, is_greek,
    is_icelandic, is_japanese, is_korean, is_nhs, is_norwegian, is_polish, is_portuguese,
    is_romanian, is_russian, is_south_african, is_ssn, is_swedish, is_swiss, is_tfn, is_turkish,
    is_yugoslav, month_day, rut_check, two, weighted,
};
use super::numbers::{Group, ends, luhn, sign};
use super::scan::Found;

type Digits = SmallVec<[u8; 24]>;

/// Proposes a numeric id that begins with the first group.
pub(super) fn numeric(bytes: &[u8], groups: &[Group], found: &mut Vec<Found>) {
    let Some(first) = groups.first().copied() else {
        return;
    };
    let ahead = before(bytes, first.start);
    if is_word(ahead) && ahead < 0x80
        || matches!(ahead, b'.' | b'-' | b'/' | b'+' | b'#' | b'$' | b'*')
    {
        return;
    }
    if let Some((end, rank)) = numeric_end(bytes, groups) {
        found.push(Found {
            start: first.start,
            end,
            entity: Entity::NationalId,
            rank,
        });
    }
}

fn numeric_end(bytes: &[u8], groups: &[Group]) -> Option<(usize, u8)> {
    let lens: SmallVec<[usize; 8]> = groups.iter().map(|g| g.len()).collect();
    let signs: SmallVec<[u8; 8]> = groups
        .windows(2)
        .map(|w| match w {
            [l, r] => sign(bytes, *l, *r),
            _ => 0,
        })
        .collect();
    let first = groups.first()?;
    let shape = |want: &[usize], marks: &[u8]| -> Option<(usize, Digits)> {
        let fits = lens.get(..want.len())? == want && signs.get(..want.len() - 1)? == marks;
        let last = groups.get(want.len() - 1)?;
        // `6221 4710 5733 3229 562` is something longer, to the right or to the left.
        let goes_on = groups.get(want.len()).is_some_and(|g| {
            g.start == last.end + 1 && (at(bytes, last.end) != b' ' || marks.contains(&b' '))
        }) || marks.contains(&b' ')
            && before(bytes, first.start) == b' '
            && second_before(bytes, first.start).is_ascii_digit();
        if !fits || goes_on || !ends(bytes, last.end) {
            return None;
        }
        let digits = part(bytes, first.start, last.end)
            .iter()
            .copied()
            .filter(u8::is_ascii_digit)
            .collect();
        Some((last.end, digits))
    };
    let checked = |want: &[usize], marks: &[u8], test: fn(&[u8]) -> bool| {
        shape(want, marks)
            .filter(|(_, d)| test(d))
            .map(|(end, _)| end)
    };
    // Strong shapes.
    let strong = checked(&[3, 2, 4], b"--", is_ssn)
        .or_else(|| checked(&[3, 2, 4], b"  ", is_ssn))
        .or_else(|| checked(&[3, 3, 3, 2], b"..-", is_cpf))
        .or_else(|| checked(&[2, 2, 2, 3, 2], b"..-.", is_belgian))
        .or_else(|| {
            checked(&[6, 4], b"-", |d| {
                is_swedish(d) || is_danish(d) || is_icelandic(d)
            })
        })
        .or_else(|| checked(&[8, 4], b"-", |d| d.get(2..).is_some_and(is_swedish)))
        .or_else(|| checked(&[6, 4], b"/", is_czech))
        .or_else(|| checked(&[6, 7], b"-", is_korean))
        .or_else(|| checked(&[4, 4, 4], b"  ", is_aadhaar))
        .or_else(|| checked(&[3, 3, 3], b"--", luhn))
        .or_else(|| checked(&[1, 2, 2, 2, 3, 3, 2], b"      ", is_french))
        .or_else(|| checked(&[3, 4, 4, 2], b"...", is_swiss))
        .or_else(|| checked(&[4, 6], b" ", is_austrian))
        .or_else(|| checked(&[2, 3, 3, 3], b"   ", is_german))
        .or_else(|| checked(&[2, 3, 3, 1], b"..-", is_chilean))
        .or_else(|| checked(&[1, 3, 3, 1], b"..-", is_chilean))
        .or_else(|| checked(&[6, 5], b" ", is_norwegian))
        .or_else(|| checked(&[4, 2, 3], b"..", is_bsn))
        .or_else(|| checked(&[6, 4, 2, 1], b"   ", is_south_african))
        .or_else(|| checked(&[6, 4, 3], b"  ", is_south_african))
        .or_else(|| checked(&[3, 3, 3, 2], b"-- ", is_russian))
        .or_else(|| chilean_k(bytes, groups));
    if let Some(end) = strong {
        return Some((end, 82));
    }
    // Shapes that phones share: the check digit decides, a word helps.
    let called = || word_before(bytes, first.start, WORDS_WITHIN, ID_WORDS);
    let weak = checked(&[3, 3, 4], b"  ", is_any_nhs)
        .or_else(|| checked(&[4, 4, 4], b"  ", is_japanese))
        .or_else(|| checked(&[3, 3, 3], b"  ", luhn))
        .or_else(|| checked(&[8, 1], b"-", luhn));
    if let Some(end) = weak.filter(|_| called()) {
        return Some((end, 82));
    }
    if let Some(end) =
        checked(&[3, 3, 4], b"  ", is_nhs).or_else(|| checked(&[3, 3, 3], b"  ", is_tfn))
    {
        // Below a national phone number of the same groups.
        return Some((end, if called() { 82 } else { 65 }));
    }
    compact(bytes, *first)
}

/// Digits without signs: a date or two check digits inside, or a word before.
fn compact(bytes: &[u8], group: Group) -> Option<(usize, u8)> {
    if !ends(bytes, group.end) && at(bytes, group.end) | 0x20 != b'x' {
        return None;
    }
    let digits = part(bytes, group.start, group.end);
    let called = || word_before(bytes, group.start, WORDS_WITHIN, ID_WORDS);
    let fits = match digits.len() {
        17 if at(bytes, group.end) | 0x20 == b'x' => {
            return (is_chinese(digits, 10) && !word_after(bytes, group.end + 1))
                .then_some((group.end + 1, 82));
        }
        18 => digits
            .split_last()
            .is_some_and(|(last, head)| is_chinese(head, u64::from(last - b'0'))),
        11 => {
            is_norwegian(digits)
                || is_polish(digits) && matches!(at(digits, 2), b'0'..=b'3')
                || [
                    is_turkish,
                    is_polish,
                    is_cpf,
                    is_german,
                    is_belgian,
                    is_estonian,
                    is_greek,
                    is_croatian,
                    is_russian,
                ]
                .iter()
                .any(|test| test(digits))
                    && called()
        }
        // Milliseconds since 1970 begin like men born in the sixties.
        13 if matches!(digits.get(..2), Some(b"14" | b"15" | b"16" | b"17" | b"18")) => {
            is_romanian(digits) && called()
        }
        13 => {
            (is_romanian(digits) || is_south_african(digits) && !digits.starts_with(b"1"))
                || digits.starts_with(b"756") && is_swiss(digits)
                || (is_korean(digits) || is_yugoslav(digits)) && called()
        }
        15 => is_french(digits),
        10 => {
            (is_czech(digits)
                || is_swedish(digits)
                || is_danish(digits)
                || is_any_nhs(digits)
                || is_bulgarian(digits))
                && called()
        }
        9 => {
            (is_ssn(digits)
                || is_bsn(digits)
                || luhn(digits)
                || is_tfn(digits)
                || is_portuguese(digits))
                && called()
        }
        12 => (is_aadhaar(digits) || is_japanese(digits)) && called(),
        _ => false,
    };
    fits.then_some((group.end, 81))
}

/// Bytes before a number in which a word says what it is: "my social security number is ".
const WORDS_WITHIN: usize = 32;

#[rustfmt::skip]
const ID_WORDS: &[&str] = &[
    "ssn", "social", "bsn", "nhs", "tfn", "tax", "sin ", "sin:", "steuer", "id no", "national", "pesel", "cpf", "aadhaar",
    "aadhar", "personnummer", "rodné", "egn", "identity", "citizen", "kimlik", "insurance", "identif", "cpr", "idnr",
    "cnp", "rijksregister", "insz", "niss", "my number", "mynumber", "マイナンバー", "個人番号", "주민등록", "주민번호", "rrn", "resident reg", "fødselsn",
    "fodselsn", "fnr", "teudat", "zehut", "burgerservice", "henkilötunnus", "hetu", "身份证", "pps", "sozialvers",
    "ЕГН", "егн", "isikukood", "asmens", "amka", "ΑΜΚΑ", "ΑΜΚΑ", "αμκα", "oib", "jmbg", "emšo", "emso", "nif ", "nif:", "contribuinte", "id number",
    "nas ", "nas:", "снилс", "СНИЛС", "t.c.", "tckn", "svnr", "ahv", "avs",
];

/// `dd.ddd.ddd-K`.
fn chilean_k(bytes: &[u8], groups: &[Group]) -> Option<usize> {
    let [a, b, c, ..] = groups else { return None };
    let dotted = sign(bytes, *a, *b) == b'.'
        && sign(bytes, *b, *c) == b'.'
        && b.len() == 3
        && c.len() == 3
        && a.len() <= 2;
    let fits = dotted
        && at(bytes, c.end) == b'-'
        && at(bytes, c.end + 1) | 0x20 == b'k'
        && !word_after(bytes, c.end + 2);
    (fits && rut_check(number(part(bytes, a.start, c.end))) == 10).then_some(c.end + 2)
}

/// Proposes ids that hold letters, from each word.
pub(super) fn lettered(bytes: &[u8], start: usize, end: usize, found: &mut Vec<Found>) {
    let mut push = |end: usize, rank: u8| {
        found.push(Found {
            start,
            end,
            entity: Entity::NationalId,
            rank,
        })
    };
    let word = part(bytes, start, end);
    let mut upper = [0_u8; 24];
    let Some(slot) = upper.get_mut(..word.len()) else {
        return;
    };
    slot.copy_from_slice(word);
    slot.make_ascii_uppercase();
    let word: &[u8] = slot;
    let after = at(bytes, end);
    let longer = word_after(bytes, end)
        || matches!(after, b'-' | b'.' | b'/') && at(bytes, end + 1).is_ascii_alphanumeric();
    let alone = !longer;
    if alone
        && (is_spanish(word)
            || is_italian(word)
            || is_mexican(word)
            || is_nino(word)
            // In lower case, `6279455f` is hexadecimal.
            || is_irish(word) && !part(bytes, start, end).iter().any(u8::is_ascii_lowercase)
            || is_indian(word)
            || is_finnish_word(word))
    {
        push(end, 82);
        return;
    }
    match word.len() {
        // `67478260-D`, Spain.
        8 if after == b'-'
            && word.iter().all(u8::is_ascii_digit)
            && !word_after(bytes, end + 2) =>
        {
            let mut whole: SmallVec<[u8; 12]> = SmallVec::from_slice(word);
            whole.push(at(bytes, end + 1).to_ascii_uppercase());
            if is_spanish(&whole) {
                push(end + 2, 82);
            }
        }
        // `180842-603B`, Finland.
        6 if matches!(after, b'-' | b'+' | b'A') => {
            let tail = part(bytes, end + 1, end + 5);
            if is_finnish(word, tail) && !word_after(bytes, end + 5) {
                push(end + 5, 83);
            }
        }
        // `AL 92 64 98 C`, the United Kingdom.
        2 if after == b' ' => {
            let mut compact: SmallVec<[u8; 12]> = SmallVec::from_slice(word);
            compact.extend(
                part(bytes, end, end + 11)
                    .iter()
                    .filter(|b| **b != b' ')
                    .map(u8::to_ascii_uppercase),
            );
            let spaced = part(bytes, end, end + 11)
                .iter()
                .enumerate()
                .all(|(i, b)| (*b == b' ') == (i % 3 == 0));
            if spaced && is_nino(&compact) && !word_after(bytes, end + 11) {
                push(end + 11, 82);
            }
        }
        _ => {}
    }
}

fn shaped(word: &[u8], shape: &[u8]) -> bool {
    word.len() == shape.len()
        && word.iter().zip(shape).all(|(b, s)| match s {
            b'9' => b.is_ascii_digit(),
            b'A' => b.is_ascii_uppercase(),
            _ => b.is_ascii_alphanumeric(),
        })
}

fn is_spanish(word: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let (prefix, body) = match word.first() {
        Some(b'X') => (0, part(word, 1, 8)),
        Some(b'Y') => (1, part(word, 1, 8)),
        Some(b'Z') => (2, part(word, 1, 8)),
        _ => (0, part(word, 0, 8)),
    };
    let shape = shaped(word, b"99999999A")
        || shaped(word, b"A9999999A") && matches!(word.first(), Some(b'X' | b'Y' | b'Z'));
    let value = if body.len() == 7 {
        prefix * 10_000_000 + number(body)
    } else {
        number(body)
    };
    let letter = usize::try_from(value % 23)
        .ok()
        .and_then(|i| LETTERS.get(i));
    shape && word.last() == letter
}

fn is_nino(word: &[u8]) -> bool {
    shaped(word, b"AA999999A")
        && !matches!(word.first(), Some(b'D' | b'F' | b'I' | b'Q' | b'U' | b'V'))
        && !matches!(
            word.get(1),
            Some(b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V')
        )
        && matches!(word.last(), Some(b'A'..=b'D'))
        && !matches!(
            word.get(..2),
            Some(b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ")
        )
}

fn is_indian(word: &[u8]) -> bool {
    shaped(word, b"AAAAA9999A")
        && matches!(
            word.get(3),
            Some(b'P' | b'C' | b'H' | b'A' | b'B' | b'G' | b'J' | b'L' | b'F' | b'T')
        )
}

fn is_irish(word: &[u8]) -> bool {
    // `W`, `T` and `X` behind the check letter count as nothing, `A` as one.
    let value = |b: u8| {
        if matches!(b, b'W' | b'T' | b'X') {
            0
        } else {
            u64::from(b.wrapping_sub(b'A')) + 1
        }
    };
    let second = word.get(8).map_or(0, |b| value(*b) * 9);
    let sum = (weighted(part(word, 0, 7), &[8, 7, 6, 5, 4, 3, 2]) + second) % 23;
    (shaped(word, b"9999999A")
        || shaped(word, b"9999999AA")
            && matches!(word.get(8), Some(b'A'..=b'I' | b'W' | b'T' | b'X')))
        && matches!(at(word, 7), b'A'..=b'W')
        && (sum == 0) == (at(word, 7) == b'W')
        && (sum == 0 || u64::from(at(word, 7) - b'A') + 1 == sum)
}

fn is_mexican(word: &[u8]) -> bool {
    shaped(word, b"AAAA999999AAAAAA*9")
        && matches!(word.get(10), Some(b'H' | b'M' | b'X'))
        && month_day(two(word, 6), two(word, 8))
}

fn is_italian(word: &[u8]) -> bool {
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
        6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ];
    if !shaped(word, b"AAAAAA**A**A***A")
        || !matches!(
            word.get(8),
            Some(b'A' | b'B' | b'C' | b'D' | b'E' | b'H' | b'L' | b'M' | b'P' | b'R' | b'S' | b'T')
        )
    {
        return false;
    }
    // Digits may be replaced by letters, but not all of them: `InlineTableClose` is a word.
    if word.iter().filter(|b| b.is_ascii_digit()).count() < 4 {
        return false;
    }
    let sum: u32 = part(word, 0, 15)
        .iter()
        .enumerate()
        .map(|(i, b)| {
            let value = char::from(*b).to_digit(36).unwrap_or(0);
            if i % 2 == 0 {
                usize::try_from(value)
                    .ok()
                    .and_then(|v| ODD.get(v))
                    .copied()
                    .unwrap_or(0)
            } else {
                if value > 9 { value - 10 } else { value }
            }
        })
        .sum();
    word.last()
        .is_some_and(|b| u32::from(b.wrapping_sub(b'A')) == sum % 26)
}

fn is_finnish(date: &[u8], tail: &[u8]) -> bool {
    const LETTERS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let Some((check, serial)) = tail.split_last() else {
        return false;
    };
    if !date.iter().chain(serial).all(u8::is_ascii_digit)
        || serial.len() != 3
        || !month_day(two(date, 2), two(date, 0))
    {
        return false;
    }
    let value = number(date) * 1000 + number(serial);
    usize::try_from(value % 31)
        .ok()
        .and_then(|i| LETTERS.get(i))
        == Some(&check.to_ascii_uppercase())
}

/// `220100A881D`: born in this century, or with one of the signs that were added in 2023.
fn is_finnish_word(word: &[u8]) -> bool {
    word.len() == 11
        && matches!(at(word, 6), b'A'..=b'F' | b'U'..=b'Y')
        && is_finnish(part(word, 0, 6), part(word, 7, 11))
}

/// Whether a whole value is a plausible id when its field's name says that it is one.
pub(super) fn is_plausible(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() <= 32
        && digits >= 4
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'.' | b'/' | b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::numbers::numbers;

    fn found(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        numbers(text.as_bytes(), &mut out);
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            let end = crate::detect::bytes::skip(bytes, i, |b| b.is_ascii_alphanumeric());
            lettered(bytes, i, end, &mut out);
            i = end.max(i) + 1;
        }
        out.retain(|f| f.entity == Entity::NationalId);
        out.iter()
            .map(|f| text[f.start..f.end].to_owned())
            .collect()
    }

    #[test]
    fn ids_with_right_check_digits_are_found() {
        for text in [
            "078-05-1120",
            "501 85 0139",
            "793.841.899-44",
            "84.01.24-996.55",
            "631204-3554",
            "211062-5629",
            "924-518-277",
            "6138 1163 1492",
            "2 70 04 59 055 070 11",
            "AL 92 64 98 C",
            "75134132D",
            "Z8866904H",
            "CCNSTH92H07F032H",
            "SEGR630306MNLDSH09",
            "180842-603B",
            "13.702.292-3",
            "31010419950701030X",
            "440305197612064411",
            "ZJUFV7525Y",
            "29109504244",
            "291095 04244",
            "9554.69.673",
            "870521 4264 08 3",
            "0975013AX",
            "2921209367571",
            "56071808113",
            "540716 3090 089",
            "112-233-445 95",
            "271106A303L",
        ] {
            assert_eq!(found(text), [text]);
        }
    }

    #[test]
    fn a_word_says_what_a_check_digit_alone_does_not() {
        for (text, id) in [
            ("NHS number 291 506 1599", "291 506 1599"),
            ("NHS No: 5956625465", "5956625465"),
            ("マイナンバー 635969630929", "635969630929"),
            ("My Number: 5144 2273 7948", "5144 2273 7948"),
            ("주민등록번호 8702251768791", "8702251768791"),
            ("my social security number is 383236405", "383236405"),
            ("CNP 1530109319274", "1530109319274"),
            ("teudat zehut 19348618-0", "19348618-0"),
            ("TC Kimlik No: 77297104872", "77297104872"),
            ("isikukood 37701123360", "37701123360"),
            ("AMKA 13065613922", "13065613922"),
            ("OIB: 01057411519", "01057411519"),
            ("ЕГН: 6404131302", "6404131302"),
            ("NIF: 299244440", "299244440"),
            ("JMBG 0101006500006", "0101006500006"),
        ] {
            assert_eq!(found(text), [id], "{text}");
            assert_eq!(
                found(&format!("order {id}")),
                [""; 0],
                "{id} without the word"
            );
        }
    }

    #[test]
    fn wrong_check_digits_and_other_numbers_are_left() {
        for text in [
            "900-12-3456",
            "123-45-0000",
            "793.841.899-45",
            "7309 9252 9772",
            "75134132E",
            "1691120769",
            "2S-B2O-786",
            "YN1HBQ4F4M",
            "1757657853331",
            "29109504245",
            "291095 04254",
            "9554.69.674",
            "0975013BX",
            "271106A303K",
            "6279455f",
            "112-233-445 96",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
