//! Postal addresses: a street with its number, and what follows it up to the last part present.
//!
//! A street is a core (`742 Canary Birdcage Lane`, `Hauptstraße 5`, `39, rue de Bailly`), from which
//! the span grows over house, postcode, city and country. Weak cores need such a tail. Each word is
//! looked at a bounded number of times.

use super::Entity;
use super::address_core::{
    Proof, Word, core, gap, has_suffix, is_capital, is_joiner, is_number, words,
};
use super::address_parts::{ADDRESS, CORE, next_part};
use super::address_words::{OPENER, RISKY, UNIT};
use super::bytes::word_before;
use super::scan::Found;

/// Proposes postal addresses.
pub(super) fn addresses(text: &str, found: &mut Vec<Found>) {
    // The bytes that these characters begin with.
    if text.bytes().any(|b| matches!(b, 0xe4..=0xe9))
        && text.contains(['丁', '県', '都', '府', '市', '区', '町'])
    {
        japanese(text, found);
    }
    let mut from = 0;
    while let Some(part) = next_part(text, from, ADDRESS) {
        from = part.end;
        let begun = found.last().is_some_and(|f| f.entity == Entity::Address);
        if begun || holds_core(text, part.clone()) {
            addresses_in(text, part, found);
        }
    }
}

/// Whether an address could grow from anything in the part: asked of fewer words than it could take.
fn holds_core(text: &str, part: std::ops::Range<usize>) -> bool {
    let text = text.get(..part.end).unwrap_or("");
    let mut from = part.start;
    while let Some(near) = next_part(text, from, CORE) {
        from = near.end;
        let words = words(text, near);
        if (0..words.len()).any(|i| core(text, &words, i).is_some()) {
            return true;
        }
    }
    false
}

fn addresses_in(text: &str, part: std::ops::Range<usize>, found: &mut Vec<Found>) {
    let words = words(text, part);
    let mut i = 0;
    while let Some(word) = words.get(i) {
        let core = core(text, &words, i);
        let Some((next, proof)) = core else {
            // A line of its own behind a street: `> Suite 318`.
            if found.last().is_some_and(|f| f.entity == Entity::Address)
                && word.is(UNIT)
                && let Some(number) = words.get(i + 1).filter(|w| is_number(w.text))
            {
                found.push(Found {
                    start: word.start,
                    end: number.end,
                    entity: Entity::Address,
                    rank: 79,
                });
                i += 1;
            }
            i += 1;
            continue;
        };
        let mut start = lead_in(text, &words, i, word.start);
        let cornered = text
            .get(..start)
            .filter(|head| head.ends_with("the corner of "));
        let (mut stop, evidence) = grow(text, &words, next);
        if let Some(head) = cornered {
            start = head.len() - "the corner of ".len();
            stop = crossing(&words, stop);
        }
        let end = words
            .get(stop.saturating_sub(1))
            .map_or(word.end, |w| w.end);
        let risky = words
            .get(next.saturating_sub(1))
            .is_some_and(|w| w.is(RISKY))
            || matches!(
                word.text,
                "Place" | "Route" | "Passage" | "Canal" | "Circuit"
            );
        let alone = !risky && start == 0 && end == text.trim_end_matches([' ', '\n', '.']).len();
        let called = word_before(
            text.as_bytes(),
            start,
            40,
            &[
                "address",
                "adresse",
                "anschrift",
                "ship",
                "deliver",
                "lives at",
                "live at",
                "located",
                "sent to",
                "meet me at",
                "office is at",
                "dirección",
                "indirizzo",
                "adres",
                "stop at",
                "card to",
                "moved",
            ],
        );
        let proven = match proof {
            Proof::Enough => true,
            Proof::Tail => evidence,
            Proof::Alone => is_value(text, start),
        };
        if proven || called || alone {
            found.push(Found {
                start,
                end,
                entity: Entity::Address,
                rank: 79,
            });
        }
        i = stop.max(i + 1);
    }
}

/// Whether a value begins at `start`, behind a key: `"shipping":"…`, `addr=…`.
fn is_value(text: &str, start: usize) -> bool {
    let head = text.get(..start).unwrap_or("");
    head.ends_with('=') || head.ends_with("=\"") || head.ends_with("\":\"")
}

/// `… and Radolič Harbor` behind `the corner of …`.
fn crossing(words: &[Word<'_>], from: usize) -> usize {
    if words.get(from).is_none_or(|w| w.text != "and") {
        return from;
    }
    let names = words
        .iter()
        .skip(from + 1)
        .take(4)
        .take_while(|w| is_capital(w.text) || is_number(w.text))
        .count();
    if names > 0 { from + 1 + names } else { from }
}

/// Extends over unit, postcode, city and country; says whether a postcode or unit was among them.
fn grow(text: &str, words: &[Word<'_>], from: usize) -> (usize, bool) {
    let mut stop = from;
    let mut evidence = false;
    let mut joined = false;
    let mut j = from;
    while let Some(word) = words.get(j) {
        let between = gap(text, words, j);
        let ended = words.get(j - 1).is_some_and(|w| {
            w.text.ends_with('.') && w.text.len() > 5 && !w.is(UNIT) && !has_suffix(w.text)
        });
        let between = between
            .strip_prefix('.')
            .filter(|rest| rest.starts_with(['\n', ',']))
            .unwrap_or(between);
        let fits = between
            .chars()
            .all(|c| matches!(c, ' ' | ',' | '\n' | '\r' | '(' | ')' | '/' | '>' | '-'))
            && between.matches('\n').count() <= 1
            && !between.contains('>');
        if !fits || ended || j > from + 14 {
            break;
        }
        let broke = between.contains(',') || between.contains('\n') || joined;
        joined |= broke;
        if is_number(word.text) || is_postcode(word.text) {
            evidence |= word.text.len() >= 4 || is_postcode(word.text);
            stop = j + 1;
        } else if word.is(UNIT) && words.get(j + 1).is_some_and(|w| is_number(w.text)) {
            evidence = true;
            stop = j + 2;
            j += 1;
        } else if is_capital(word.text) {
            stop = j + 1;
        } else if !(is_joiner(word.text) && broke) {
            break;
        } else if word.text == "nan" {
            stop = j + 1;
        }
        j += 1;
    }
    (stop, evidence)
}

/// `SW1A`, `9584XK`, `07-480`, `H3A`, `40278-729`.
fn is_postcode(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let upper = word.bytes().filter(u8::is_ascii_uppercase).count();
    let dash = word.bytes().filter(|b| *b == b'-').count();
    digits >= 1
        && digits + upper + dash == word.len()
        && (2..=10).contains(&word.len())
        && dash <= 1
}

/// Takes in what belongs to the address before its core: a unit, the words of a street's name.
fn lead_in(text: &str, words: &[Word<'_>], i: usize, start: usize) -> usize {
    let mut from = start;
    // `Apt. 515 738 Coleman Tarn`, `Level 9 788 …`, `Studio 21, Wilson Port`.
    if let (Some(unit), Some(number)) = (
        i.checked_sub(2).and_then(|k| words.get(k)),
        i.checked_sub(1).and_then(|k| words.get(k)),
    ) && unit.is(UNIT)
        && is_number(number.text)
    {
        from = unit.start;
    } else if !words
        .get(i)
        .is_some_and(|w| is_number(w.text) || w.is(OPENER))
    {
        // `Gustav Pauligin bulevardi`: capitalised words directly before.
        let mut k = i;
        while let Some(word) = k.checked_sub(1).and_then(|k| words.get(k)) {
            let joined = gap(text, words, k);
            let number = is_number(word.text) && (joined == " " || joined == ", ");
            if i - k >= 3
                || joined != " " && !number
                || !(is_capital(word.text) && !is_opening(word.text) || number)
            {
                break;
            }
            from = word.start;
            k -= 1;
            if number {
                break;
            }
        }
    }
    from
}

/// Words that open a sentence rather than a street's name.
fn is_opening(word: &str) -> bool {
    matches!(
        word,
        "The"
            | "At"
            | "In"
            | "On"
            | "To"
            | "From"
            | "Address"
            | "Adresse"
            | "Anschrift"
            | "Our"
            | "My"
            | "Ship"
            | "Visit"
            | "Meet"
            | "Send"
    )
}

/// From the prefecture to the last number or building.
fn japanese(text: &str, found: &mut Vec<Found>) {
    let mut start = None;
    let mut end = 0;
    let mut marks = 0;
    for (i, c) in text.char_indices() {
        let inside = u32::from(c) > 0x2e80 || c.is_ascii_digit() || matches!(c, '-' | ' ');
        if inside && start.is_none() && u32::from(c) > 0x2e80 {
            start = Some(i);
            marks = 0;
        }
        if let Some(from) = start {
            if inside {
                marks += usize::from(matches!(
                    c,
                    '県' | '都' | '府' | '道' | '市' | '区' | '町' | '村' | '丁' | '番' | '号'
                ));
                if c != ' ' {
                    end = i + c.len_utf8();
                }
            }
            let last = i + c.len_utf8() == text.len();
            if !inside || last {
                if marks >= 3
                    && text
                        .get(from..end)
                        .is_some_and(|t| t.bytes().any(|b| b.is_ascii_digit()))
                {
                    found.push(Found {
                        start: from,
                        end,
                        entity: Entity::Address,
                        rank: 79,
                    });
                }
                start = None;
            }
        }
    }
}

/// Whether a whole value may be an address when its field's name says so.
pub(super) fn is_plausible(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
        && text.chars().any(|c| c.is_ascii_digit())
        && text.len() >= 6
        && !text.contains(['@', '{', '='])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        addresses(text, &mut out);
        out.iter().map(|f| &text[f.start..f.end]).collect()
    }

    #[test]
    fn streets_of_many_lands_are_found() {
        for text in [
            "742 Canary Birdcage Lane",
            "8218 Main St, Nairobi",
            "Hauptstraße 5, 10115 Berlin",
            "Keplersvej 436",
            "7 Barry Mills",
            "39, rue de Bailly, 15788 Hamon",
            "029 Elizabeth Ranch, Port Jessicamouth, MP 19703",
            "Samuel-Rössler-Gasse 544, 4446 Leoben",
            "Casperstraat 234, 9540 TY, Beuningen Gld",
            "Rapakivenkuja 2",
            "Calle Mayor 5",
            "Gustav Pauligin bulevardi 7, 17341 Ruovesi",
            "石川県羽村市小入18丁目20番18号",
            "8 rue de la Paix",
            "8595 boulevard Roberge, Lavoie, NS A4T2L6",
            "Jankolova 8, 976 31 Blatnica",
            "V Závitu 9, 599 57 Uherský Ostroh",
            "Davor 080, 36083 Vrlika",
            "Strandåsen 83C, 4978 Nilsen",
            "Intrarea Diaconu Nr. 777 Bl. 71",
            "Calzada Norte Anaya 377",
            "ул. Ленина, д. 7",
            "종로구 개포길 541",
            "PO Box 389, Patersonburn 2011",
            "PSC 2721, Box 8637\nAPO AA 06259",
        ] {
            assert_eq!(found(text), [text]);
        }
        assert_eq!(found("Dózsa György utca 241."), ["Dózsa György utca 241"]);
        assert_eq!(
            found("addr=Jankolova 8, 976 31 Blatnica;"),
            ["Jankolova 8, 976 31 Blatnica"]
        );
        assert_eq!(
            found("Please ship to 221B Baker Street, London NW1 6XE. Thanks"),
            ["221B Baker Street, London NW1 6XE"]
        );
    }

    #[test]
    fn counts_versions_and_titles_are_left() {
        for text in [
            "Mac OS X 10.15",
            "Flight LH 1234 gate A22 boarding 18:45",
            "Rendered 42 items in 12.5ms",
            "iPhone 14 Pro",
            "Windows 10",
            "3 Point Shot made",
            "Train ICE 597 delayed by 15 min",
            "Levi's 501 Original",
            "Floor 3",
            "Page 3/12",
            "Invoice 2024/001234 due in 30 days",
            "Dell XPS 13",
            "Chapter 7, 1999 Harvest",
            "Edition 3, 2024 Special",
            "we sold Camera 5, 1234 Guests came",
            "12 rue",
            "Room 12, 345 Guests",
            "Box 12",
            "Copenhagen 2024",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn parts_hold_all_that_the_whole_text_does(
            text in "(some plain words that say nothing |and then they came back home to it |742 Canary Lane|Suite 318|ship to |address: |rue de |[Cc]alle Mayor |Hauptstraße 5|улица |[A-Z][a-z]{2,7} |[0-9]{1,5} |, |[.\n-]|the corner of |PSC 2721, Box 86|al[.]|London NW1 6XE|x—){0,40}"
        ) {
            let (mut mine, mut plain) = (Vec::new(), Vec::new());
            addresses(&text, &mut mine);
            addresses_in(&text, 0..text.len(), &mut plain);
            prop_assert_eq!(format!("{mine:?}"), format!("{plain:?}"));
        }
    }
}
