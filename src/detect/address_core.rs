//! The words of a text, and what an address grows from: a street with its number.
//!
//! Looks at a bounded number of words from each (see `address_parts`).

use smallvec::SmallVec;

use super::address_words::{
    CALENDAR, JOINERS, NUMBER, NUMBERED_OPENERS, OPENER, STREET, SUFFIXES, UNIT, WEAK, flags,
};

/// A word of the text, with its place.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: &'a str,
    flags: u8,
}

impl Word<'_> {
    pub(super) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What stands for a core.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The core itself.
    Enough,
    /// A tail must follow, or it must be called an address, or be all there is.
    Tail,
    /// As before, but a tail does not do.
    Alone,
}

/// What an address grows from, if word `i` begins it: the word behind it, and what stands for it.
pub(super) fn core(text: &str, words: &[Word<'_>], i: usize) -> Option<(usize, Proof)> {
    // Every core begins with a number, before one, or with an opener.
    let begins = words.get(i)?.is(NUMBER | OPENER)
        || words.get(i + 1)?.is(NUMBER)
        || words.get(i + 1)?.text == "Box";
    if !begins {
        return None;
    }
    military(words, i)
        .or_else(|| unit_first(text, words, i))
        .or_else(|| number_first(text, words, i))
        .or_else(|| opener_first(words, i))
        .or_else(|| suffix_first(words, i))
        .map(|(next, weak)| (next, if weak { Proof::Tail } else { Proof::Enough }))
        .or_else(|| Some((named(text, words, i)?, Proof::Alone)))
}

/// Words of a part of the text with the marks at their edges taken off, except a full stop.
pub(super) fn words(text: &str, part: std::ops::Range<usize>) -> SmallVec<[Word<'_>; 32]> {
    let mut out = SmallVec::new();
    let mut start = None;
    for (i, c) in text
        .get(part.clone())
        .unwrap_or("")
        .char_indices()
        .map(|(i, c)| (part.start + i, c))
        .chain(std::iter::once((part.end, ' ')))
    {
        let inside = c.is_alphanumeric()
            || matches!(c, '.' | '-' | '\'' | '’' | '/' | '\u{300}'..='\u{36f}');
        match (start, inside) {
            (None, true) if c.is_alphanumeric() => start = Some(i),
            (Some(from), false) => {
                if let Some(word) = text.get(from..i) {
                    let word = word.trim_end_matches(['-', '\'', '/']);
                    // The full stop of a sentence is no part of `6XE.` or `London.`; that of `Apt.` is.
                    let bare = word.trim_end_matches('.');
                    let word = if bare.len() > 5 || bare.bytes().any(|b| b.is_ascii_digit()) {
                        bare
                    } else {
                        word
                    };
                    out.push(Word {
                        start: from,
                        end: from + word.len(),
                        text: word,
                        flags: word_flags(word) | if is_number(word) { NUMBER } else { 0 },
                    });
                }
                start = None;
            }
            _ => {}
        }
    }
    out
}

pub(super) fn is_number(word: &str) -> bool {
    // `12`, `12a`, `3/4`, `7-9`.
    if !word.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    digits <= 6
        && letters <= 1
        && digits + letters + 2 > word.len()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-'))
}

pub(super) fn is_capital(word: &str) -> bool {
    word.chars()
        .next()
        .is_some_and(|c| c.is_uppercase() || c.is_alphabetic() && !c.is_lowercase())
}

fn lower(word: &str) -> String {
    word.trim_end_matches('.').to_lowercase()
}

/// The lists that a word stands in, whatever its case.
fn word_flags(word: &str) -> u8 {
    let word = word.trim_end_matches('.');
    let mut buffer = [0_u8; 16];
    match (word.is_ascii(), buffer.get_mut(..word.len())) {
        (true, Some(lower)) => {
            lower.copy_from_slice(word.as_bytes());
            lower.make_ascii_lowercase();
            std::str::from_utf8(lower).map_or(0, flags)
        }
        (true, None) => 0,
        (false, _) => flags(&word.to_lowercase()),
    }
}

pub(super) fn is_joiner(word: &str) -> bool {
    JOINERS.contains(&word)
}

/// `Jankolova 8, 976 31 Blatnica`: a number behind a name that nothing gives away as a street's, then
/// a postcode and a place. Word `i` is the last of the name.
fn named(text: &str, words: &[Word<'_>], i: usize) -> Option<usize> {
    let [name, house, code, next, ..] = words.get(i..)? else {
        return None;
    };
    let digits = |word: &Word<'_>, n: std::ops::RangeInclusive<usize>| {
        n.contains(&word.text.len()) && word.text.bytes().all(|b| b.is_ascii_digit())
    };
    let street = is_capital(name.text) && !name.is(NUMBER | CALENDAR | UNIT);
    let housed = house.is(NUMBER) && house.text.len() <= 6 && gap(text, words, i + 1) == " ";
    if !street || !housed || gap(text, words, i + 2) != ", " || gap(text, words, i + 3) != " " {
        return None;
    }
    // `976 31`; `36083`; a year is no postcode.
    let split = digits(code, 3..=3) && digits(next, 2..=2);
    let year = code.text.len() == 4 && (code.text.starts_with("19") || code.text.starts_with("20"));
    let place = if split {
        (gap(text, words, i + 4) == " ")
            .then(|| words.get(i + 4))
            .flatten()?
    } else if digits(code, 4..=5) && !year {
        next
    } else {
        return None;
    };
    let fits = is_capital(place.text) && !place.is(CALENDAR) && place.text.chars().count() >= 3;
    fits.then_some(i + 2)
}

/// `PSC 2721, Box 8637`; `PO Box 7`.
fn military(words: &[Word<'_>], i: usize) -> Option<(usize, bool)> {
    if let Some([post, word, number]) = words.get(i..i + 3)
        && matches!(post.text, "PO" | "P.O.")
        && word.text == "Box"
        && is_number(number.text)
    {
        return Some((i + 3, false));
    }
    let [a, b, c, d] = words.get(i..i + 4)? else {
        return None;
    };
    (matches!(a.text, "PSC" | "USNS" | "USS" | "Unit" | "CMR")
        && is_number(b.text)
        && c.text == "Box"
        && is_number(d.text))
    .then_some((i + 4, false))
}

/// `Studio 69D Mills Pine`, `Studio 21, Wilson Port`.
fn unit_first(text: &str, words: &[Word<'_>], i: usize) -> Option<(usize, bool)> {
    let unit = words.get(i)?;
    if !is_capital(unit.text) || !unit.is(UNIT) || !is_number(words.get(i + 1)?.text) {
        return None;
    }
    for j in i + 3..i + 6 {
        let word = words.get(j)?;
        if !is_capital(word.text)
            || j > i + 2 && gap(text, words, j).contains([',', '\n'])
            || is_number(word.text)
        {
            return None;
        }
        if word.is(STREET | WEAK) {
            return Some((j + 1, !word.is(STREET)));
        }
    }
    None
}

/// `742 Canary Birdcage Lane`; also with a second number (`9858 92 Hounslow Rd`, `5100 Quadra 104`).
fn number_first(text: &str, words: &[Word<'_>], i: usize) -> Option<(usize, bool)> {
    let first = words.get(i)?;
    if !is_number(first.text) {
        return None;
    }
    let mut j = i + 1;
    let mut names = 0;
    let second = words.get(j).is_some_and(|w| is_number(w.text));
    if second {
        j += 1;
    }
    let mut opened = false;
    let comma = text.get(first.end..first.end + 1) == Some(",");
    if !matches!(gap(text, words, i + 1), " " | ", ")
        || second && !matches!(gap(text, words, i + 2), " " | ", ")
    {
        return None;
    }
    if comma && words.get(j).is_some_and(|w| w.is(OPENER)) {
        return opener_first(words, j);
    }
    // `8 rue de la Paix`: the house number stands before, so that none is asked for behind.
    if let Some(opener) = words.get(j).filter(|w| w.is(OPENER) && !second)
        && NUMBERED_OPENERS.contains(&opener.text.trim_end_matches('.'))
        && let Some((next, _)) = opener_first(words, j)
    {
        return Some((next, opener.text.len() < 4));
    }
    if comma {
        return None;
    }
    while let Some(word) = words.get(j) {
        let broken = names > 0
            && gap(text, words, j).contains([',', '\n', ';', ':', '(', '"', '?', '!', '>']);
        if broken || names > 5 {
            break;
        }
        if word.is(CALENDAR) && !words.get(j + 1).is_some_and(|w| w.is(STREET)) {
            return None;
        }
        if names > 0 && word.is(STREET) && is_capital(word.text) {
            return Some((j + 1, false));
        }
        // House number behind: `5100 Quadra 104`; only with a house number before and a tail after.
        if names > 0 && is_number(word.text) && !second {
            let name = words.get(i + 1)?;
            if name.text.chars().count() < 4 {
                return None;
            }
            let weak = !(has_suffix(name.text) || name.is(OPENER));
            return Some((j + 1, weak));
        }
        if names > 0 && is_capital(word.text) && word.is(WEAK) {
            return Some((j + 1, true));
        }
        opened |= names == 0 && word.is(OPENER);
        if !(is_capital(word.text) || is_joiner(word.text) || opened && second) {
            break;
        }
        names += 1;
        j += 1;
    }
    (second && (1..=5).contains(&names) && words.get(j - 1).is_some_and(|w| is_capital(w.text)))
        .then_some((j, true))
}

pub(super) fn has_suffix(word: &str) -> bool {
    let lower = lower(word);
    is_capital(word)
        && SUFFIXES
            .iter()
            .any(|s| lower.len() >= s.len() + 2 && lower.ends_with(s))
}

/// `rue de Bailly`, `Calle Mayor 5`, `via Roma, 12`.
fn opener_first(words: &[Word<'_>], i: usize) -> Option<(usize, bool)> {
    let first = words.get(i)?;
    if !first.is(OPENER) {
        return None;
    }
    let mut j = i + 1;
    let mut names = 0;
    while let Some(word) = words.get(j) {
        if names > 0 && is_number(word.text) {
            // `Place Order 5`, `via Stripe 2`, `al dente 3`: words of other trades need a tail.
            let lower = first.text.trim_end_matches('.').to_lowercase();
            let common = matches!(
                lower.as_str(),
                "am" | "im"
                    | "auf"
                    | "al"
                    | "str"
                    | "via"
                    | "place"
                    | "route"
                    | "passage"
                    | "canal"
                    | "circuit"
                    | "plaza"
                    | "vale"
                    | "campo"
                    | "lago"
                    | "parque"
                    | "vila"
                    | "pl"
                    | "feira"
                    | "diagonal"
                    | "corredor"
                    | "privada"
                    | "carrera"
                    | "transversal"
                    | "rang"
                    | "retorno"
                    | "bd"
                    | "ш"
            );
            return Some((j + 1, common));
        }
        if !(is_capital(word.text) || is_joiner(word.text)) || names > 5 {
            break;
        }
        names += 1;
        j += 1;
    }
    // No house number: the tail must prove it.
    (names > 0).then_some((i + 1, true)).map(|_| (j, true))
}

/// `Hauptstraße 5`, `Samuel-Rössler-Gasse 544`, `Gustav Pauligin bulevardi 7`.
fn suffix_first(words: &[Word<'_>], i: usize) -> Option<(usize, bool)> {
    let word = words.get(i)?;
    let number = words.get(i + 1)?;
    if !is_number(number.text) {
        return None;
    }
    // `종로구 개포길 541`: a street in a district.
    if word.text.ends_with(['로', '길'])
        && i.checked_sub(1)
            .and_then(|k| words.get(k))
            .is_some_and(|w| w.text.ends_with(['구', '시', '군', '읍', '면', '동', '도']))
    {
        return Some((i + 2, false));
    }
    let lower = lower(word.text);
    if has_suffix(word.text) || SUFFIXES.contains(&lower.as_str()) && i > 0 && lower.len() > 2 {
        const WEAK: &[&str] = &[
            "pad", "baan", "hof", "ring", "park", "berg", "tie", "markt", "lei", "alle", "str",
            "tori", "ranta", "weg", "parken", "penger",
        ];
        let bare = !is_capital(word.text);
        let weak = bare
            || WEAK.iter().any(|s| lower.ends_with(s)) && !lower.ends_with("weg")
            || lower.len() < 5;
        return Some((i + 2, weak && !word.text.ends_with("str.")));
    }
    None
}

/// What stands between word `j - 1` and word `j`.
pub(super) fn gap<'a>(text: &'a str, words: &[Word<'_>], j: usize) -> &'a str {
    let left = j
        .checked_sub(1)
        .and_then(|i| words.get(i))
        .map_or(0, |w| w.end);
    words
        .get(j)
        .and_then(|w| text.get(left..w.start))
        .unwrap_or("")
}
