//! Runs of digit groups: IPv4 addresses, payment cards, and the hand-over to phones and national
//! ids, which share their shapes.
//!
//! A run is cut into groups once; every candidate spans at most eight groups, so the whole is
//! linear. Timestamps, versions, prices and order numbers are runs too and stay.

use smallvec::SmallVec;

use super::Entity;
use super::block::{Block, find};
use super::bytes::{
    at, before, number, part, second_before, skip, word_after, word_before, word_up_to,
};
use super::scan::Found;
use super::{natid, phone};

/// Digits `start..end` and what stands before the next group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Group {
    pub(super) fn len(self) -> usize {
        self.end - self.start
    }
}

/// Proposes IPv4 addresses, cards, phones and numeric national ids.
pub(super) fn numbers(bytes: &[u8], found: &mut Vec<Found>) {
    let mut groups: SmallVec<[Group; 12]> = SmallVec::new();
    let mut i = 0;
    while let Some(first) = find(bytes, i, Block::digits) {
        i = first;
        groups.clear();
        // A run: groups with one or two signs of layout between.
        loop {
            let end = skip(bytes, i, |b| b.is_ascii_digit());
            groups.push(Group { start: i, end });
            i = end;
            let next = skip(bytes, end, |b| {
                matches!(b, b' ' | b'-' | b'.' | b'/' | b'(' | b')')
            });
            if next == end
                || next > end + 3
                || !at(bytes, next).is_ascii_digit()
                || groups.len() >= 64
            {
                break;
            }
            i = next;
        }
        // Four groups may be an address; anything else has six digits at least.
        if groups.len() >= 4 || groups.iter().map(|g| g.len()).sum::<usize>() >= 6 {
            judge(bytes, &groups, found);
        }
    }
}

fn judge(bytes: &[u8], groups: &[Group], found: &mut Vec<Found>) {
    for k in 0..groups.len() {
        let window = groups.get(k..groups.len().min(k + 8)).unwrap_or(&[]);
        let Some(first) = window.first().copied() else {
            break;
        };
        let ahead = before(bytes, first.start);
        let inside = ahead.is_ascii_alphabetic() || ahead == b'_';
        if !(inside || ahead >= 0x80 && word_up_to(bytes, first.start)) {
            if let Some(end) = ipv4(bytes, window, groups.get(k.wrapping_sub(1)).copied()) {
                found.push(Found {
                    start: first.start,
                    end,
                    entity: Entity::IpAddress,
                    rank: 78,
                });
            }
            if let Some(end) = card(bytes, window) {
                found.push(Found {
                    start: first.start,
                    end,
                    entity: Entity::CreditCard,
                    rank: 86,
                });
            }
            natid::numeric(bytes, window, found);
        }
        phone::at_group(bytes, groups, k, found);
    }
}

/// The sign between two neighbouring groups when it is just one byte.
pub(super) fn sign(bytes: &[u8], left: Group, right: Group) -> u8 {
    if right.start == left.end + 1 {
        at(bytes, left.end)
    } else {
        0
    }
}

/// Whether the groups end here: no letter, digit or decimal goes on.
pub(super) fn ends(bytes: &[u8], end: usize) -> bool {
    let after = at(bytes, end);
    let next = at(bytes, end + 1);
    let longer = word_after(bytes, end)
        || matches!(after, b'-' | b'.' | b'/' | b':' | b',' | b'\'') && next.is_ascii_digit()
        || after == b'-' && next.is_ascii_alphanumeric();
    !longer
}

fn ipv4(bytes: &[u8], groups: &[Group], previous: Option<Group>) -> Option<usize> {
    let [a, b, c, d, ..] = groups else {
        return None;
    };
    let octets = [*a, *b, *c, *d];
    let dotted = octets
        .windows(2)
        .all(|w| matches!(w, [l, r] if sign(bytes, *l, *r) == b'.'));
    let in_range = octets.iter().all(|g| {
        g.len() <= 3
            && number(part(bytes, g.start, g.end)) <= 255
            && (g.len() == 1 || at(bytes, g.start) != b'0')
    });
    if !dotted || !in_range {
        return None;
    }
    let (start, end) = (a.start, d.end);
    let ahead = before(bytes, start);
    let after = at(bytes, end);
    let next = at(bytes, end + 1);
    if word_after(bytes, end)
        || matches!(after, b'.' | b'+') && next.is_ascii_alphanumeric()
        || after == b'-' && next.is_ascii_alphanumeric() && !is_range(bytes, end + 1)
        || matches!(ahead, b'.' | b'-' | b'+')
            && previous.is_some_and(|p| p.end + 1 == start)
            && ahead != b'-'
        || matches!(ahead, b'+' | b'~' | b'^' | b'_')
        || ahead == b'.' && second_before(bytes, start).is_ascii_alphanumeric()
        || ahead == b'-' && second_before(bytes, start).is_ascii_alphabetic()
        || ahead == b'/' && second_before(bytes, start).is_ascii_alphanumeric()
        || ahead == b'[' && second_before(bytes, start) == b'@' && after != b']'
    {
        return None;
    }
    // Something called a version is one; so is a row of small numbers behind a word.
    if word_before(bytes, start, 14, VERSION_WORDS) {
        return None;
    }
    let small = octets
        .iter()
        .filter(|g| number(part(bytes, g.start, g.end)) <= 20)
        .count();
    let behind_word = ahead == b' ' && second_before(bytes, start).is_ascii_alphabetic();
    if small >= 3 && behind_word && !word_before(bytes, start, 24, IP_WORDS) {
        return None;
    }
    Some(end)
}

/// `10.0.0.1-10.0.0.9`.
fn is_range(bytes: &[u8], from: usize) -> bool {
    part(bytes, from, from + 16)
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'.')
        .filter(|b| **b == b'.')
        .count()
        == 3
}

#[rustfmt::skip]
const VERSION_WORDS: &[&str] = &[
    "version", "ver.", "ver ", "v ", "build", "release", "firmware", "fw ", "chrome", "chromium", "firefox", "edge",
    "opera", "safari", "android ", "ios ", "sdk", "driver", "webview", "electron", "rev", "patch", "upgrade", "player",
    "plugin", "runtime", "oid", "section", "kernel", "iemobile", "trident", "miui", "flash",
];
#[rustfmt::skip]
const IP_WORDS: &[&str] = &[
    "ip", "from", "addr", "host", "client", "server", "peer", "remote", "dns", "gateway", "login", "connect", "to ",
    "econn", "proxy", "at ", "node",
];

/// The end of a card number that begins with the first group.
fn card(bytes: &[u8], groups: &[Group]) -> Option<usize> {
    let first = groups.first()?;
    let ahead = before(bytes, first.start);
    let decimal = second_before(bytes, first.start).is_ascii_digit();
    if ahead == b'_' || matches!(ahead, b',' | b'.' | b'-' | b'+') && decimal {
        return None;
    }
    if first.len() >= 12 {
        // A sign, a fraction, the number of an order; groups of four are too seldom any of these.
        if matches!(ahead, b'.' | b'-' | b'+' | b'#') {
            return None;
        }
        let digits = part(bytes, first.start, first.end);
        let called = word_before(bytes, first.start, 32, CARD_WORDS);
        if !ends(bytes, first.end) || !(is_card_text(digits) || called && is_wide_jcb(digits)) {
            return None;
        }
        // Lengths that ids and product codes share need a word; few ids begin with 62.
        let usual =
            matches!(digits.len(), 14..=16) || digits.len() == 19 && digits.starts_with(b"62");
        return (called || usual && !is_odd_usual(digits)).then_some(first.end);
    }
    const LAYOUTS: [&[usize]; 7] = [
        &[4, 4, 4, 4],
        &[4, 6, 5],
        &[4, 6, 4],
        &[4, 4, 4, 4, 3],
        &[4, 4, 5],
        &[4, 4, 4, 4, 2],
        &[4, 4, 4, 1],
    ];
    if is_inside_iban(bytes, first.start) {
        return None;
    }
    let mut best = None;
    for layout in LAYOUTS {
        let Some(window) = groups.get(..layout.len()) else {
            continue;
        };
        let Some(last) = window.last() else { continue };
        let mark = window.get(..2).map_or(0, |w| match w {
            [l, r] => sign(bytes, *l, *r),
            _ => 0,
        });
        if !matches!(mark, b' ' | b'-' | b'.')
            || window.iter().zip(layout).any(|(g, len)| g.len() != *len)
            || window
                .windows(2)
                .any(|w| !matches!(w, [l, r] if sign(bytes, *l, *r) == mark))
        {
            continue;
        }
        let digits: SmallVec<[u8; 20]> = part(bytes, first.start, last.end)
            .iter()
            .copied()
            .filter(u8::is_ascii_digit)
            .collect();
        let goes_on = groups
            .get(layout.len())
            .is_some_and(|g| sign(bytes, *last, *g) == mark && mark != b' ');
        if is_card_text(&digits) && ends(bytes, last.end) && !goes_on {
            best = Some(last.end);
        }
    }
    best
}

/// Whether groups of four reach back to the head of an IBAN: `PL70 4361 8382 2306 …`, whose check
/// digits may be wrong.
pub(super) fn is_inside_iban(bytes: &[u8], start: usize) -> bool {
    /// Groups of four that an IBAN has at most.
    const MOST: usize = 8;
    let mut end = start;
    for _ in 0..MOST {
        let Some(from) = end.checked_sub(5).filter(|_| before(bytes, end) == b' ') else {
            return false;
        };
        match part(bytes, from, end - 1) {
            [a, b, c, d]
                if a.is_ascii_alphabetic()
                    && b.is_ascii_alphabetic()
                    && c.is_ascii_digit()
                    && d.is_ascii_digit() =>
            {
                return !word_up_to(bytes, from);
            }
            group if group.iter().all(u8::is_ascii_alphanumeric) => end = from,
            _ => return false,
        }
    }
    false
}

/// Compact lengths 14 to 16 whose prefix ids share, too (old JCB, Maestro's wide ranges).
fn is_odd_usual(digits: &[u8]) -> bool {
    let four = number(digits.get(..4).unwrap_or(&[]));
    matches!(four, 1800 | 2131 | 5600..=5999 | 8100..=8299)
        || digits.len() == 15 && !matches!(four / 100, 34 | 37)
        || digits.len() == 14 && !matches!(four / 10, 300..=305 | 309 | 360..=369 | 380..=399)
}

/// The whole 35 range, which generators of test numbers use.
fn is_wide_jcb(digits: &[u8]) -> bool {
    digits.len() == 16 && digits.starts_with(b"35") && luhn(digits)
}

#[rustfmt::skip]
const CARD_WORDS: &[&str] = &[
    "card", "cc", "credit", "debit", "visa", "master", "amex", "maestro", "jcb", "pan", "pay", "charge", "karte",
    "kredit", "carte", "tarjeta", "cart", "kaart", "number", "num",
];

/// Digits of the shortest card number.
pub(super) const LEAST_CARD: usize = 13;

fn is_card_text(digits: &[u8]) -> bool {
    std::str::from_utf8(digits).is_ok_and(is_card)
}

/// Whether the digits are a card number: issuer prefix, length, Luhn.
pub(super) fn is_card(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    if !(LEAST_CARD..=19).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let six = number(part(bytes, 0, 6));
    let (four, three, two) = (six / 100, six / 1000, six / 10_000);
    let n = bytes.len();
    let issued = match two {
        40..=49 => matches!(n, 13 | 16 | 19),
        51..=55 => n == 16,
        34 | 37 => n == 15,
        36 | 38 | 39 => matches!(n, 14 | 16),
        30 => matches!(three, 300..=305) && matches!(n, 14 | 16) || four == 3095 && n == 14,
        35 => matches!(four, 3528..=3589) && n >= 16,
        18 | 21 => matches!(four, 1800 | 2131) && n == 15,
        22..=27 => (matches!(four, 2221..=2720) || matches!(four, 2200..=2204)) && n == 16,
        60 => n >= 16,
        64 | 65 => n >= 16,
        62 | 81 | 82 => n >= 16,
        50 | 56..=58 | 63 | 67 | 61 | 66 | 68 | 69 => n >= 13,
        97 => four == 9792 && n == 16,
        _ => false,
    };
    issued && luhn(bytes)
}

/// The Luhn check.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b.wrapping_sub(b'0'));
            if i % 2 == 0 {
                d
            } else if d > 4 {
                2 * d - 9
            } else {
                2 * d
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The digits of a JSON number that is a positive whole number of at most 19 digits.
pub(super) fn integer_digits(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(i) => (
            text.get(..i)?,
            text.get(i + 1..)?
                .trim_start_matches('+')
                .parse::<i32>()
                .ok()?,
        ),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty()
        || whole.len() > 24
        || fraction.len() > 40
        || !(-24..=24).contains(&exponent)
    {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).ok()? + i64::from(exponent);
    let point = usize::try_from(point).ok()?;
    if point > 24 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    while digits.len() < point {
        digits.push('0');
    }
    let rest = digits.split_off(point);
    let digits = digits.trim_start_matches('0').to_owned();
    (rest.bytes().all(|b| b == b'0') && !digits.is_empty() && digits.len() <= 19).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str, entity: Entity) -> Vec<&str> {
        let mut out = Vec::new();
        numbers(text.as_bytes(), &mut out);
        out.iter()
            .filter(|f| f.entity == entity)
            .map(|f| &text[f.start..f.end])
            .collect()
    }

    #[test]
    fn ipv4_is_found_and_versions_are_left() {
        for (text, ip) in [
            ("X-Forwarded-For: 105.51.22.89", "105.51.22.89"),
            ("ECONNREFUSED 211.236.223.236:6379", "211.236.223.236"),
            ("8.8.8.8", "8.8.8.8"),
            ("ip:113.97.104.157;ua:curl", "113.97.104.157"),
            ("http://62.227.226.180/x", "62.227.226.180"),
            ("from 10.0.0.5.", "10.0.0.5"),
        ] {
            assert_eq!(found(text, Entity::IpAddress), [ip], "{text}");
        }
        for text in [
            "Chrome/126.0.0.0 Safari",
            "UCBrowser8.2.1.144/69",
            "1.3.6.1.4.1.311.2.1.21",
            "20.0.0.256",
            "v1.2.3.4",
            "Version 10.1.2.3",
            "99.0.4844.51-1",
            "6.3.9600.17415",
            "lib-4.0.30.1",
            "4.0.30.1-beta",
            "App 4.1.2.3",
        ] {
            assert_eq!(found(text, Entity::IpAddress), [""; 0], "{text}");
        }
    }

    #[test]
    fn cards_need_issuer_and_luhn() {
        for card in [
            "4111111111111111",
            "3782 822463 10005",
            "4242-4242-4242-4242",
            "6304938230259179",
            "36219071387512",
            "4423 8172 4011 2",
            "6288594529446281193",
            "9792949951369736",
            "6059083990123187",
        ] {
            assert_eq!(found(card, Entity::CreditCard), [card]);
        }
        assert_eq!(
            found("use 6062 1662 0950 1064 exp 12/27", Entity::CreditCard),
            ["6062 1662 0950 1064"]
        );
        for text in [
            "4111111111111112",
            "1700758700667",
            "5124 9494 1793 8174",
            "1.4111111111111111",
            "id4111111111111111",
            "PL70 4361 8382 2306 6901 1889 5342",
            "NL36 LIUL 0736 5159 92",
            "4689885349635",
            "4857373926189147816",
        ] {
            assert_eq!(found(text, Entity::CreditCard), [""; 0], "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn runs_that_are_not_judged_hold_nothing(
            text in "(tel |call |[+(]|[0-9]{1,2}|00|[ ./()-]|x12| ext |[1-9][.][0-9]{3}[.]|-k){0,9}"
        ) {
            let bytes = text.as_bytes();
            let mut groups: Vec<Group> = Vec::new();
            let mut i = 0;
            while i < bytes.len() {
                if at(bytes, i).is_ascii_digit() {
                    let end = skip(bytes, i, |b| b.is_ascii_digit());
                    groups.push(Group { start: i, end });
                    i = end;
                } else {
                    i += 1;
                }
            }
            // Every row of neighbours that is too short to be judged.
            for (from, _) in groups.iter().enumerate() {
                for to in from + 1..=groups.len().min(from + 3) {
                    let row = &groups[from..to];
                    if row.iter().map(|g| g.len()).sum::<usize>() < 6 {
                        let mut out = Vec::new();
                        judge(bytes, row, &mut out);
                        prop_assert!(out.is_empty(), "{text:?} {row:?} {out:?}");
                    }
                }
            }
        }
    }
}
