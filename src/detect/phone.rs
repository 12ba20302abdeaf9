//! Telephone numbers: international ones by their `+` or `00` and country code, national ones by
//! layouts that nothing else has, bare digits only behind a word that says so.
//!
//! Looks at most eight groups ahead. Dates, order numbers, versions and prices share the digits, so
//! a national layout is a list of group lengths, not "digits with signs".

use super::Entity;
use super::bytes::{
    at, before, number, part, second_before, skip, word_after, word_before, word_up_to,
};
use super::numbers::{Group, ends, is_inside_iban, sign};
use super::scan::Found;

/// Country codes of one and two digits; the rest of three.
#[rustfmt::skip]
const SHORT_CODES: &[u64] = &[
    1, 7, 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
    60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];
#[rustfmt::skip]
const LONG_CODES: &[(u64, u64)] = &[
    (211, 213), (216, 216), (218, 218), (220, 269), (290, 291), (297, 299), (350, 359), (370, 378), (380, 383),
    (385, 387), (389, 389), (420, 421), (423, 423), (500, 509), (590, 599), (670, 670), (672, 692), (800, 800),
    (808, 808), (850, 850), (852, 853), (855, 856), (870, 870), (878, 883), (886, 886), (888, 888), (960, 968),
    (970, 977), (979, 979), (992, 996), (998, 998),
];

#[rustfmt::skip]
const PHONE_WORDS: &[&str] = &[
    "tel", "phone", "fax", "call", "mobil", "cell", "whatsapp", "handy", "sms", "dial", "tél", "fono", "móvil",
    "movil", "rufnummer", "telefon", "contact me", "answering at", "contact number", "contact no", "reach", "kontakt", "numéro", "puh",
    "tlf", "ring ", "kom.", "gsm", "anruf", "appel", "llám", "llama al", "chiam", "ligue", "telp", "contact_n", "电话", "電話", "手机", "手機", "전화", "тел",
];

/// Behind these stand article numbers, some of which begin with `00`.
const ARTICLE_WORDS: &[&str] = &["gtin", "ean", "upc", "isbn", "barcode", "sku", "article"];

/// Proposes a phone number that begins at group `k`.
pub(super) fn at_group(bytes: &[u8], groups: &[Group], k: usize, found: &mut Vec<Found>) {
    let Some(first) = groups.get(k).copied() else {
        return;
    };
    let window = groups.get(k..groups.len().min(k + 8)).unwrap_or(&[]);
    let mut start = first.start;
    let open = before(bytes, start) == b'(' && at(bytes, first.end) == b')';
    if open {
        start -= 1;
    }
    let plus = before(bytes, start) == b'+';
    let (end, from, rank) = if plus {
        let Some(end) = international(bytes, window, start) else {
            return;
        };
        (end, start - 1, 74)
    } else {
        if k > 0 && inside_layout(bytes, groups, k) || is_inside_iban(bytes, start) {
            return;
        }
        let ahead = before(bytes, start);
        // Behind a blank these are marks of layout when brackets follow.
        let layout = open && !second_before(bytes, start).is_ascii_alphanumeric();
        if word_up_to(bytes, start)
            || !layout
                && matches!(
                    ahead,
                    b'-' | b'.' | b'/' | b'#' | b'$' | b'+' | b'~' | b'^' | b'*'
                )
        {
            return;
        }
        let zeros =
            double_zero(bytes, window).filter(|_| !word_before(bytes, start, 12, ARTICLE_WORDS));
        if let Some(end) = zeros {
            (end, start, 70)
        } else if let Some(end) = national(bytes, window, open) {
            (end, start, 66)
        } else if let Some(end) = named(bytes, window, start) {
            (end, start, 64)
        } else {
            return;
        }
    };
    found.push(Found {
        start: from,
        end: extension(bytes, end),
        entity: Entity::Phone,
        rank,
    });
}

/// Whether group `k` continues a layout that started before it.
fn inside_layout(bytes: &[u8], groups: &[Group], k: usize) -> bool {
    let (Some(left), Some(right)) = (k.checked_sub(1).and_then(|i| groups.get(i)), groups.get(k))
    else {
        return false;
    };
    if groups
        .first()
        .is_some_and(|g| before(bytes, g.start) == b'+')
        && k < 6
    {
        return true;
    }
    let between = part(bytes, left.end, right.start);
    !between.contains(&b'(')
}

fn is_country(code: u64) -> bool {
    SHORT_CODES.contains(&code)
        || LONG_CODES
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&code))
}

/// How many leading digits are a country code.
fn country_len(digits: &[u8]) -> Option<usize> {
    (1..=3).find(|len| {
        let code = part(digits, 0, *len);
        digits.len() > *len && !code.starts_with(b"0") && is_country(number(code))
    })
}

/// The digits of a row of groups, and the end of the last group that belongs to one number.
fn gather<'a>(
    bytes: &[u8],
    groups: &[Group],
    limit: usize,
    digits: &'a mut [u8; 24],
) -> (&'a [u8], usize, usize) {
    let mut n = 0;
    let mut end = groups.first().map_or(0, |g| g.start);
    let mut used = 0;
    for group in groups {
        if n + group.len() > limit {
            break;
        }
        if used > 0 {
            let between = part(bytes, end, group.start);
            let fine = matches!(
                between,
                b" " | b"-"
                    | b"."
                    | b"/"
                    | b" ("
                    | b") "
                    | b")"
                    | b")-"
                    | b"-("
                    | b"("
                    | b" - "
                    | b") 0"
            );
            if !fine {
                break;
            }
        }
        for b in part(bytes, group.start, group.end) {
            if let Some(slot) = digits.get_mut(n) {
                *slot = *b;
                n += 1;
            }
        }
        end = group.end;
        used += 1;
    }
    (digits.get(..n).unwrap_or(&[]), end, used)
}

/// `+` and country code; the end of the number.
fn international(bytes: &[u8], groups: &[Group], plus_end: usize) -> Option<usize> {
    let ahead = second_before(bytes, plus_end);
    if ahead.is_ascii_alphanumeric()
        || ahead == b'_'
        || ahead == b')' && before(bytes, plus_end.saturating_sub(2)).is_ascii_digit()
    {
        return None;
    }
    let mut buffer = [0; 24];
    let (digits, end, used) = gather(bytes, groups, 15, &mut buffer);
    let code = country_len(digits)?;
    let national = digits.len() - code;
    // What goes on with more digits is something longer than a number.
    let longest = if digits.first() == Some(&b'1') {
        10
    } else {
        13
    };
    if national < 4
        || digits.len() < 7
        || used == 1 && digits.len() < 8 && (code < 3 || digits.get(code) == Some(&b'0'))
        || national > longest && used == 1
    {
        return None;
    }
    if digits.first() == Some(&b'1')
        && (national < 10 || !matches!(digits.get(1), Some(b'2'..=b'9')))
    {
        return None;
    }
    let after = at(bytes, end);
    let spoiled = after.is_ascii_alphabetic() && !matches!(after, b'x' | b'X') || after == b'_';
    (!spoiled).then_some(end)
}

/// `00` and country code.
fn double_zero(bytes: &[u8], groups: &[Group]) -> Option<usize> {
    let first = groups.first()?;
    if part(bytes, first.start, first.start + 2) != b"00" || first.len() == 2 && groups.len() < 2 {
        return None;
    }
    let mut buffer = [0; 24];
    let (digits, end, used) = gather(bytes, groups, 16, &mut buffer);
    let rest = digits.get(2..)?;
    let code = country_len(rest)?;
    let total = rest.len();
    // Denmark, Norway, New Zealand and Singapore have eight digits.
    let short = total == 10
        && code == 2
        && matches!(rest, [b'4', b'5' | b'7', ..] | [b'6', b'4' | b'5', ..]);
    let shaped = used == 1 && ((11..=13).contains(&total) || short)
        // `00 49 30 …`, `0049 30 …`; ids of five digits between dashes are none.
        || used > 2 && (9..=14).contains(&total) && [2, 2 + code].contains(&first.len());
    (shaped && total - code >= 6 && ends(bytes, end)).then_some(end)
}

/// Layouts of national numbers: lengths of groups, sign, first digits.
fn national(bytes: &[u8], groups: &[Group], open: bool) -> Option<usize> {
    let first = groups.first()?;
    if open {
        return bracketed(bytes, groups);
    }
    let lengths = |n: usize| -> Option<[usize; 6]> {
        let mut out = [0; 6];
        for (slot, group) in out.iter_mut().zip(groups.get(..n)?) {
            *slot = group.len();
        }
        Some(out)
    };
    let digit = |g: usize, i: usize| groups.get(g).map_or(0, |g| at(bytes, g.start + i));
    let same = |n: usize, marks: &[u8]| -> Option<usize> {
        let window = groups.get(..n)?;
        let last = window.last()?;
        let mark = window.get(..2).map_or(0, |w| match w {
            [l, r] => sign(bytes, *l, *r),
            _ => 0,
        });
        let even = marks.contains(&mark)
            && window
                .windows(2)
                .all(|w| matches!(w, [l, r] if sign(bytes, *l, *r) == mark));
        let goes_on = groups.get(n).is_some_and(|g| g.start <= last.end + 1);
        (even && !goes_on && ends(bytes, last.end)).then_some(last.end)
    };
    // `1-506-294-0589`, `+`-less North America.
    if first.len() == 1
        && digit(0, 0) == b'1'
        && lengths(4).is_some_and(|l| l.starts_with(&[1, 3, 3, 4]))
        && is_nanp(digit(1, 0), digit(2, 0))
    {
        // `1 201-556-6162`.
        let parted = sign(bytes, *first, *groups.get(1)?) == b' ';
        let rest = groups.get(1..).filter(|_| parted && !open);
        let usual = rest.and_then(|rest| national(bytes, rest, false));
        return same(4, b"-. ").or(usual);
    }
    if lengths(3).is_some_and(|l| l.starts_with(&[3, 3, 4])) && is_nanp(digit(0, 0), digit(1, 0)) {
        if let Some(end) = same(3, b"-.") {
            return Some(end);
        }
        if let Some(end) = same(3, b" ") {
            return Some(end);
        }
    }
    if digit(0, 0) == b'0' && first.len() >= 2 && (digit(0, 1) != b'0' || first.len() >= 4) {
        return trunk(bytes, groups);
    }
    // Layouts of Mexico and Portugal, which other numbers share: only where nothing else stands.
    let whole = |n: usize| {
        let last = groups.get(n - 1).filter(|last| last.end == bytes.len());
        last.filter(|_| first.start == 0)
            .and_then(|_| same(n, b" "))
    };
    if matches!(digit(0, 0), b'2'..=b'9') && lengths(3).is_some_and(|l| l.starts_with(&[3, 3, 4])) {
        return whole(3);
    }
    if digit(0, 0) == b'2' && lengths(3).is_some_and(|l| l.starts_with(&[2, 3, 4])) {
        return whole(3);
    }
    // Spain, Portugal, Poland, Czechia: nine digits, blanks between.
    if matches!(digit(0, 0), b'5'..=b'9' | b'2') && first.len() == 3 {
        if lengths(4).is_some_and(|l| l.starts_with(&[3, 2, 2, 2])) {
            return same(4, b" ");
        }
        if lengths(3).is_some_and(|l| l.starts_with(&[3, 3, 3])) {
            return same(3, b" ");
        }
    }
    None
}

fn is_nanp(area: u8, exchange: u8) -> bool {
    matches!(area, b'2'..=b'9') && matches!(exchange, b'2'..=b'9')
}

/// `(ddd) ddd-dddd` and the like.
fn bracketed(bytes: &[u8], groups: &[Group]) -> Option<usize> {
    let first = groups.first()?;
    let second = groups.get(1)?;
    if !(2..=5).contains(&first.len())
        || at(bytes, first.end) != b')'
        || second.start > first.end + 2
    {
        return None;
    }
    let mut end = second.end;
    let mut total = second.len();
    let mut used = 2;
    for pair in groups.get(1..)?.windows(2) {
        let [l, r] = pair else { break };
        if !matches!(sign(bytes, *l, *r), b' ' | b'-' | b'.') || total + r.len() > 9 {
            break;
        }
        total += r.len();
        end = r.end;
        used += 1;
    }
    let all = first.len() + total;
    (second.len() >= 2
        && (5..=9).contains(&total)
        && (8..=12).contains(&all)
        && used <= 5
        && ends(bytes, end))
    .then_some(end)
}

/// A leading `0`, two to five groups.
fn trunk(bytes: &[u8], groups: &[Group]) -> Option<usize> {
    let first = groups.first()?;
    let mut total = first.len();
    let mut end = first.end;
    let mut used = 1;
    let mut marks = [0_u8; 6];
    for pair in groups.windows(2) {
        let [l, r] = pair else { break };
        let mark = sign(bytes, *l, *r);
        if !matches!(mark, b' ' | b'-' | b'.' | b'/') || total + r.len() > 12 || used >= 6 {
            break;
        }
        if let Some(slot) = marks.get_mut(used - 1) {
            *slot = mark;
        }
        total += r.len();
        end = r.end;
        used += 1;
    }
    let group = |i: usize| groups.get(i).map_or(0, |g| g.len());
    let mark = marks.first().copied().unwrap_or(0);
    // `dd-mm-yyyy`, `dd.mm.yy`, `dd/mm/yyyy` are dates; dots need the French five pairs.
    if used == 3 && first.len() == 2 && group(1) == 2 && mark != b' ' || mark == b'/' && used > 4 {
        return None;
    }
    if mark == b'.' && !(used == 5 && (0..5).all(|i| group(i) == 2)) {
        return None;
    }
    let sized = (9..=12).contains(&total) || used >= 3 && total == 8;
    // `074104 14311`, India.
    let indian = used == 2 && first.len() == 6 && group(1) == 5 && mark == b' ';
    if used < 2 || !sized || first.len() > 5 && !indian {
        return None;
    }
    // `0576-560902`, `056-43281-74` and `0943 1958 5866` are as often order numbers.
    let dashes = marks
        .get(..used - 1)
        .is_some_and(|m| m.iter().all(|m| *m == b'-'));
    if group(1) < 2 || used == 2 && group(1) < 4 || dashes && (used == 2 || group(used - 1) < 4) {
        return None;
    }
    if used == 3 && first.len() == 4 && group(1) == 4 && group(2) == 4 {
        return None;
    }
    // `031-47-0000` has the groups of a social security number, and is none.
    if dashes && used == 3 && first.len() == 3 && group(1) == 2 {
        return None;
    }
    // Hexadecimal dumps go on.
    let goes_on = groups.get(used).is_some_and(|g| g.start == end + 1);
    (ends(bytes, end) && !goes_on).then_some(end)
}

/// Anything of seven to fifteen digits right behind `tel:` and such.
fn named(bytes: &[u8], groups: &[Group], start: usize) -> Option<usize> {
    if !word_before(bytes, start, 18, PHONE_WORDS) {
        return None;
    }
    let mut buffer = [0; 24];
    let (digits, end, used) = gather(bytes, groups, 15, &mut buffer);
    let dotted = groups
        .get(..used)?
        .windows(2)
        .any(|w| matches!(w, [l, r] if sign(bytes, *l, *r) == b'.'));
    let least = if used > 1 { 6 } else { 7 };
    // A decimal or a millisecond timestamp behind "call" is no number.
    let stamp = used == 1 && matches!(digits.len(), 10 | 13) && digits.starts_with(b"1")
        || used == 1 && digits.len() > 13;
    ((least..=15).contains(&digits.len()) && !stamp && !(dotted && used < 3) && ends(bytes, end))
        .then_some(end)
}

/// `x123`, `ext. 123` behind a number.
fn extension(bytes: &[u8], end: usize) -> usize {
    let i = skip(bytes, end, |b| matches!(b, b' ' | b',' | b';')).min(end + 2);
    const WORDS: [&str; 11] = [
        "extension",
        "ext.",
        "ext",
        "x",
        "#",
        "durchwahl",
        "poste",
        "ramal",
        "anexo",
        "toestel",
        "wew",
    ];
    for word in WORDS {
        if part(bytes, i, i + word.len()).eq_ignore_ascii_case(word.as_bytes()) {
            let from = skip(bytes, i + word.len(), |b| matches!(b, b' ' | b'.' | b'='))
                .min(i + word.len() + 2);
            let stop = skip(bytes, from, |b| b.is_ascii_digit());
            if (1..=6).contains(&(stop - from)) && !word_after(bytes, stop) {
                return stop;
            }
        }
    }
    end
}

/// Whether a whole value is a plausible number when its field's name says that it is one.
pub(super) fn is_plausible(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (5..=17).contains(&digits)
        && text.bytes().all(|b| {
            b.is_ascii_digit()
                || matches!(
                    b,
                    b' ' | b'-'
                        | b'.'
                        | b'/'
                        | b'('
                        | b')'
                        | b'+'
                        | b'x'
                        | b'#'
                        | b'*'
                        | b','
                        | b'e'
                        | b't'
                )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::numbers::numbers;

    fn found(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        numbers(text.as_bytes(), &mut out);
        out.iter()
            .filter(|f| f.entity == Entity::Phone)
            .map(|f| text[f.start..f.end].to_owned())
            .collect()
    }

    #[test]
    fn layouts_of_phones_are_found() {
        for text in [
            "+420601123456",
            "+501 222-1234",
            "+359 2 123 456",
            "+33-6-12-31-60-98",
            "+81 (312) 344397",
            "+351.912.383.866",
            "0034612346141",
            "0121 274 4177",
            "(11) 2348-3612",
            "1-506-294-0589",
            "06 10348018",
            "612 25 84 41",
            "02-212-4947",
            "070-124 54 82",
            "01 21 92 18 40",
            "(022) 12387",
            "+1 415 555 0132 ext. 12",
            "212-555-0187",
            "004740612892",
            "00 49 30 123456",
            "0049 30 123456",
            "074104 14311",
            "200 122 3017",
            "21 234 5317",
            "1 201-556-6162",
            "+47 79 12 39 04 Durchwahl 2097",
            "+33 1 23 45 67 89 poste 12",
        ] {
            assert_eq!(found(text), [text]);
        }
        assert_eq!(
            found("Tel.: 616 90 34 49, Fax: +1 506-235-5322"),
            ["616 90 34 49", "+1 506-235-5322"]
        );
        assert_eq!(
            found("<a href=\"tel:+41 78 548 90 52\">call</a>"),
            ["+41 78 548 90 52"]
        );
        assert_eq!(found("call me on 9472 7916?"), ["9472 7916"]);
        assert_eq!(found("tlf. 21 23 46 25"), ["21 23 46 25"]);
        assert_eq!(found("telefon 123 456 789."), ["123 456 789"]);
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "+49",
            "(12) 34",
            "123-456",
            "+999 000",
            "+2 more",
            "1111111111",
            "2024-05-06",
            "06-05-2024",
            "05.06.2024",
            "1691120769",
            "9852-331225",
            "978-6-2475-7475-8",
            "ISBN 0-293-78641-4",
            "P/N 116-54617-56",
            "0.28.21",
            "16:28:23",
            "7309 9252 9772",
            "943-5488753-2423722",
            "0.273605432926671",
            "0x0000 + 218037",
            "GMT+0200",
            "00340434161094042557",
            "2023-12-01 17:43:35 +0000",
            "11.911 453.858 296.934 277.207",
            "Serial range 1000-1999",
            "031-47-0000",
            "GTIN 0059188757053",
            "NL36 LIUL 0736 5159 92",
            "row 200 122 3017",
            "00064-38912-40024",
            "0042 3702 2097",
            "0007161497090",
            "row 21 234 5317",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
