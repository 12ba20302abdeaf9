//! Check digits and dates inside national identification numbers, digits only.
//!
//! Every function is total over any slice of bytes and says no to a wrong length. Knows no text.

use super::bytes::{at, number, part};
use super::numbers::luhn;

pub(super) fn digit(d: &[u8], i: usize) -> u64 {
    u64::from(at(d, i).wrapping_sub(b'0'))
}

pub(super) fn weighted(d: &[u8], weights: &[u64]) -> u64 {
    d.iter()
        .zip(weights)
        .map(|(b, w)| u64::from(b.wrapping_sub(b'0')) * w)
        .sum()
}

pub(super) fn month_day(month: u64, day: u64) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

pub(super) fn two(d: &[u8], i: usize) -> u64 {
    digit(d, i) * 10 + digit(d, i + 1)
}

pub(super) fn uniform(d: &[u8]) -> bool {
    d.windows(2).all(|w| w.first() == w.last())
}

pub(super) fn is_ssn(d: &[u8]) -> bool {
    let area = number(part(d, 0, 3));
    d.len() == 9
        && area != 0
        && area != 666
        && area < 900
        && two(d, 3) != 0
        && number(part(d, 5, 9)) != 0
}

pub(super) fn is_cpf(d: &[u8]) -> bool {
    let check = |n: usize| {
        let sum: u64 = (0..n)
            .map(|i| digit(d, i) * (n as u64 + 1 - i as u64))
            .sum();
        (sum * 10 % 11) % 10
    };
    d.len() == 11 && !uniform(d) && check(9) == digit(d, 9) && check(10) == digit(d, 10)
}

pub(super) fn is_belgian(d: &[u8]) -> bool {
    let body = number(part(d, 0, 9));
    let check = number(part(d, 9, 11));
    d.len() == 11 && (97 - body % 97 == check || 97 - (2_000_000_000 + body) % 97 == check)
}

pub(super) fn is_swedish(d: &[u8]) -> bool {
    d.len() == 10 && month_day(two(d, 2), two(d, 4) % 60) && luhn(d)
}

pub(super) fn is_danish(d: &[u8]) -> bool {
    d.len() == 10 && month_day(two(d, 2), two(d, 0))
}

pub(super) fn is_icelandic(d: &[u8]) -> bool {
    d.len() == 10
        && month_day(two(d, 2), two(d, 0) % 40)
        && weighted(d, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

pub(super) fn is_czech(d: &[u8]) -> bool {
    let month = two(d, 2) % 50;
    d.len() == 10
        && month_day(if month > 20 { month - 20 } else { month }, two(d, 4))
        && number(d).is_multiple_of(11)
}

pub(super) fn is_korean(d: &[u8]) -> bool {
    let sum = weighted(d, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    d.len() == 13 && month_day(two(d, 2), two(d, 4)) && (11 - sum % 11) % 10 == digit(d, 12)
}

pub(super) fn is_aadhaar(d: &[u8]) -> bool {
    const PERMUTE: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    // The dihedral group of ten elements.
    let multiply = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let check = d.iter().rev().enumerate().fold(0_u8, |acc, (i, b)| {
        let value = PERMUTE
            .get(i % 8)
            .and_then(|row| row.get(usize::from(b.wrapping_sub(b'0'))))
            .copied()
            .unwrap_or(0);
        multiply(acc, value)
    });
    d.len() == 12 && at(d, 0) >= b'2' && check == 0
}

pub(super) fn is_french(d: &[u8]) -> bool {
    let month = two(d, 3);
    d.len() == 15
        && matches!(at(d, 0), b'1' | b'2' | b'7' | b'8')
        && ((1..=12).contains(&month) || (20..=42).contains(&month) || month >= 50)
        && 97 - number(part(d, 0, 13)) % 97 == two(d, 13)
}

pub(super) fn is_swiss(d: &[u8]) -> bool {
    let sum = weighted(d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
    d.len() == 13 && d.starts_with(b"756") && (10 - sum % 10) % 10 == digit(d, 12)
}

pub(super) fn is_austrian(d: &[u8]) -> bool {
    let sum = weighted(d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    d.len() == 10
        && at(d, 0) != b'0'
        && (1..=31).contains(&two(d, 4))
        && (1..=15).contains(&two(d, 6))
        && sum % 11 == digit(d, 3)
}

pub(super) fn is_german(d: &[u8]) -> bool {
    if d.len() != 11 || at(d, 0) == b'0' {
        return false;
    }
    let mut counts = [0_u8; 10];
    for b in part(d, 0, 10) {
        if let Some(count) = counts.get_mut(usize::from(b.wrapping_sub(b'0'))) {
            *count += 1;
        }
    }
    // Exactly one digit occurs twice or three times among the first ten.
    let repeated = counts.iter().filter(|c| **c >= 2).count();
    if repeated != 1 || counts.iter().any(|c| *c > 3) {
        return false;
    }
    let mut product = 10;
    for b in part(d, 0, 10) {
        let mut sum = (u64::from(b.wrapping_sub(b'0')) + product) % 10;
        if sum == 0 {
            sum = 10;
        }
        product = sum * 2 % 11;
    }
    (11 - product) % 10 == digit(d, 10)
}

pub(super) fn is_chilean(d: &[u8]) -> bool {
    d.split_last().is_some_and(|(check, body)| {
        rut_check(number(body)) % 11 == u64::from(check.wrapping_sub(b'0'))
    })
}

pub(super) fn rut_check(mut body: u64) -> u64 {
    let mut sum = 0;
    let mut weight = 2;
    while body > 0 {
        sum += body % 10 * weight;
        weight = if weight == 7 { 2 } else { weight + 1 };
        body /= 10;
    }
    11 - sum % 11
}

/// Numbers that are given out in England, Wales and the Isle of Man.
pub(super) fn is_nhs(d: &[u8]) -> bool {
    matches!(at(d, 0), b'4' | b'6' | b'7') && is_any_nhs(d)
}

/// Of any range, those for tests and for Scotland included.
pub(super) fn is_any_nhs(d: &[u8]) -> bool {
    let check = 11 - weighted(d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    d.len() == 10 && check % 11 == digit(d, 9) && check != 10 && !uniform(d)
}

/// Two check digits, and a date; `D` numbers add 40 to the day.
pub(super) fn is_norwegian(d: &[u8]) -> bool {
    let first = weighted(d, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    d.len() == 11
        && month_day(two(d, 2) % 40, two(d, 0) % 40)
        && first.is_multiple_of(11)
        && second.is_multiple_of(11)
}

/// "My Number".
pub(super) fn is_japanese(d: &[u8]) -> bool {
    let rest = weighted(d, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest <= 1 { 0 } else { 11 - rest };
    d.len() == 12 && !uniform(d) && check == digit(d, 11)
}

pub(super) fn is_tfn(d: &[u8]) -> bool {
    d.len() == 9 && weighted(d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !uniform(d)
}

pub(super) fn is_bsn(d: &[u8]) -> bool {
    let sum = weighted(part(d, 0, 8), &[9, 8, 7, 6, 5, 4, 3, 2]);
    d.len() == 9 && sum % 11 == digit(d, 8)
}

pub(super) fn is_bulgarian(d: &[u8]) -> bool {
    let sum = weighted(d, &[2, 4, 8, 5, 10, 9, 7, 3, 6]);
    d.len() == 10 && month_day(two(d, 2) % 20, two(d, 4)) && sum % 11 % 10 == digit(d, 9)
}

pub(super) fn is_chinese(head: &[u8], check: u64) -> bool {
    let sum = weighted(head, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    head.len() == 17
        && matches!(number(part(head, 6, 10)), 1880..=2100)
        && month_day(two(head, 10), two(head, 12))
        && (12 - sum % 11) % 11 == check
}

pub(super) fn is_turkish(d: &[u8]) -> bool {
    let odd: u64 = [0, 2, 4, 6, 8].iter().map(|i| digit(d, *i)).sum();
    let even: u64 = [1, 3, 5, 7].iter().map(|i| digit(d, *i)).sum();
    let ten: u64 = (0..10).map(|i| digit(d, i)).sum();
    d.len() == 11
        && at(d, 0) != b'0'
        && !uniform(d)
        && (odd * 7 + 100 - even) % 10 == digit(d, 9)
        && ten % 10 == digit(d, 10)
}

pub(super) fn is_polish(d: &[u8]) -> bool {
    let sum = weighted(d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    d.len() == 11 && month_day(two(d, 2) % 20, two(d, 4)) && sum.is_multiple_of(10) && !uniform(d)
}

pub(super) fn is_romanian(d: &[u8]) -> bool {
    let sum = weighted(d, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]);
    d.len() == 13
        && matches!(at(d, 0), b'1'..=b'8')
        && month_day(two(d, 3), two(d, 5))
        && (1..=52).contains(&two(d, 7))
        && (if sum % 11 == 10 { 1 } else { sum % 11 }) == digit(d, 12)
}

pub(super) fn is_south_african(d: &[u8]) -> bool {
    d.len() == 13
        && month_day(two(d, 2), two(d, 4))
        && matches!(at(d, 10), b'0' | b'1')
        && matches!(at(d, 11), b'8' | b'9')
        && luhn(d)
}
/// Estonia and Lithuania: century and sex, a date, two rounds of weights.
pub(super) fn is_estonian(d: &[u8]) -> bool {
    let first = weighted(d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(d, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    d.len() == 11
        && matches!(at(d, 0), b'1'..=b'8')
        && month_day(two(d, 3), two(d, 5))
        && check == digit(d, 10)
}

/// Greece's social security number: a date, and Luhn.
pub(super) fn is_greek(d: &[u8]) -> bool {
    d.len() == 11 && month_day(two(d, 2), two(d, 0)) && luhn(d)
}

/// Croatia's OIB: ISO 7064, mod 11, 10.
pub(super) fn is_croatian(d: &[u8]) -> bool {
    let rest = part(d, 0, 10).iter().fold(10, |rest, b| {
        let sum = (rest + u64::from(b.wrapping_sub(b'0'))) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    d.len() == 11 && !uniform(d) && (11 - rest) % 10 == digit(d, 10)
}

/// Portugal's tax number of a person.
pub(super) fn is_portuguese(d: &[u8]) -> bool {
    let rest = weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    d.len() == 9 && matches!(at(d, 0), b'1'..=b'3') && check == digit(d, 8)
}

/// Russia's SNILS.
pub(super) fn is_russian(d: &[u8]) -> bool {
    let sum = weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2, 1]);
    d.len() == 11 && !uniform(d) && sum > 9 && sum % 101 % 100 == two(d, 9)
}

/// The JMBG of the states that were Yugoslavia: day, month, three digits of the year.
pub(super) fn is_yugoslav(d: &[u8]) -> bool {
    let sum = weighted(d, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if sum < 2 { 0 } else { 11 - sum };
    d.len() == 13
        && month_day(two(d, 2), two(d, 0))
        && matches!(at(d, 4), b'0' | b'9')
        && check == digit(d, 12)
}
