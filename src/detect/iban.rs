//! IBANs: two letters, two digits, the country's length, mod 97.
//!
//! Each word that begins like an IBAN is read at most 34 characters far; they are found by their
//! first digits.

use super::Entity;
use super::block::{Block, find};
use super::bytes::{at, skip, word_after, word_up_to};
use super::scan::Found;

/// Country and length, from the SWIFT registry.
#[rustfmt::skip]
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22),
    (b"BH", 22), (b"BI", 27), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24),
    (b"DE", 22), (b"DJ", 27), (b"DK", 18), (b"DO", 28), (b"DZ", 26), (b"EE", 20), (b"EG", 29), (b"ES", 24),
    (b"FI", 18), (b"FK", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18),
    (b"GR", 27), (b"GT", 28), (b"HN", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23),
    (b"IS", 26), (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LC", 32), (b"LI", 21),
    (b"LT", 20), (b"LU", 20), (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19),
    (b"MN", 20), (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23),
    (b"PK", 24), (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33),
    (b"SA", 24), (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"SO", 23),
    (b"ST", 25), (b"SV", 28), (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24),
    (b"XK", 20), (b"YE", 30),
];

/// Proposes every IBAN.
pub(super) fn ibans(bytes: &[u8], found: &mut Vec<Found>) {
    let mut from = 0;
    // The check digits are where a group of digits begins.
    while let Some(digits) = find(bytes, from, Block::digits) {
        from = skip(bytes, digits, |b| b.is_ascii_digit());
        let Some(start) = digits.checked_sub(2) else {
            continue;
        };
        if from >= digits + 2
            && bytes.len() - start >= 15
            && at(bytes, start).is_ascii_alphabetic()
            && at(bytes, start + 1).is_ascii_alphabetic()
            && !word_up_to(bytes, start)
            && let Some(end) = iban(bytes, start)
        {
            found.push(Found {
                start,
                end,
                entity: Entity::Iban,
                rank: 87,
            });
        }
    }
}

fn iban(bytes: &[u8], start: usize) -> Option<usize> {
    let country = [
        at(bytes, start).to_ascii_uppercase(),
        at(bytes, start + 1).to_ascii_uppercase(),
    ];
    let length = LENGTHS.iter().find(|(code, _)| **code == country)?.1;
    let mut sign = None;
    let mut rest: u32 = 0;
    let mut head: u32 = 0;
    let mut i = start;
    for n in 0..length {
        if n > 0 && n.is_multiple_of(4) {
            let mark = Some(at(bytes, i)).filter(|b| matches!(b, b' ' | b'-'));
            if n == 4 {
                sign = mark;
            }
            if sign.is_some() {
                (mark == sign).then_some(())?;
                i += 1;
            }
        }
        let value = char::from(at(bytes, i)).to_digit(36)?;
        let fold = |acc: u32| {
            if value > 9 {
                (acc * 100 + value) % 97
            } else {
                (acc * 10 + value) % 97
            }
        };
        if n < 4 {
            head = fold(head)
        } else {
            rest = fold(rest)
        }
        i += 1;
    }
    // The first four characters go behind the rest: two letters are four digits, so six in all.
    let sum = (rest * (1_000_000 % 97) + head) % 97;
    (sum == 1 && !word_after(bytes, i)).then_some(i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_digits_and_lengths_decide() {
        let found = |text: &str| {
            let mut out = Vec::new();
            ibans(text.as_bytes(), &mut out);
            out.first().map(|f| text[f.start..f.end].to_owned())
        };
        for iban in [
            "GB82WEST12345698765432",
            "DE89 3704 0044 0532 0130 00",
            "gb95cyaj87238177406059",
            "NO9386011117947",
        ] {
            assert_eq!(found(iban).as_deref(), Some(iban));
            assert_eq!(found(&format!("auf {iban}, danke")).as_deref(), Some(iban));
        }
        for text in [
            "GB83WEST12345698765432",
            "ES24 2255 6442 4527 2711 4998",
            "DE89370400440532013000X",
            "AB12345678901234",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn digits_lead_to_all_that_a_look_at_every_byte_finds(
            text in "(GB82 ?WEST ?1234 ?5698 ?7654 ?32|NO9386011117947|[A-Z]{1,3}|[0-9]{1,4}|[ _é-]){0,8}"
        ) {
            let bytes = text.as_bytes();
            let mut mine = Vec::new();
            ibans(bytes, &mut mine);
            let plain: Vec<_> = (0..bytes.len().saturating_sub(14))
                .filter(|at| {
                    super::at(bytes, *at).is_ascii_alphabetic()
                        && super::at(bytes, at + 1).is_ascii_alphabetic()
                        && super::at(bytes, at + 2).is_ascii_digit()
                        && super::at(bytes, at + 3).is_ascii_digit()
                        && !word_up_to(bytes, *at)
                })
                .filter_map(|at| Some((at, iban(bytes, at)?)))
                .collect();
            let mine: Vec<_> = mine.iter().map(|f| (f.start, f.end)).collect();
            prop_assert_eq!(mine, plain);
        }
    }
}
