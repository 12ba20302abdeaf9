//! Dates of birth: a date within reach of a word that says so. Any other date stays.
//!
//! Each such word looks a bounded distance ahead.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::Entity;
use super::block::{Block, find};
use super::bytes::{at, before, is_word, number, part, skip, word_before, word_up_to};
use super::scan::Found;

#[rustfmt::skip]
const BIRTH_WORDS: &[&str] = &[
    "born", "birth", "dob", "bday", "né le", "née le", "né(e)", "nacimiento", "nacid", "naissance", "nascita",
    "nato il", "nata il", "nascimento", "nascid", "geboren", "geb.", "geburts", "geboortedatum", "geboren op",
    "urodz", "narodzin", "született", "születési", "født", "fødsel", "född", "födel", "syntynyt", "syntymä", "narozen", "narození",
    "naroden", "narodeni", "nașter", "naşter", "născut", "nascut", "rođen", "rojen", "rojst", "sündin", "sünni", "dzimš", "dzimis", "gimimo", "gimus",
    "дата рождения", "ата рожд", "одился", "одилась", "ароджен", "ародився", "ародилася", "роден", "γέννησ", "γεννήθ", "γεννηθ",
    "doğum", "ngày sinh", "lahir", "生年月日", "出生", "生日", "생년월일", "출생", "d.o.b", "cumpleaños", "compleanno",
    "تاريخ الميلاد", "תאריך לידה", "जन्म", "วันเกิด",
];

/// Words so short that only a date right behind them counts.
const SHORT_WORDS: &[&str] = &["b. ", "ur. "];

/// Behind "birthday": what is sold or sent for one.
const PARTIES: &[&str] = &[
    "sale", "party", "offer", "promo", "gift", "card", "coupon", "voucher", "discount", "cake",
    "deal", "bonus", "campaign",
];

/// Tells in one pass that a text holds none of the words, as nearly all do.
static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let built = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(BIRTH_WORDS.iter().chain(SHORT_WORDS));
    #[expect(clippy::expect_used, reason = "a fixed list of a few words")]
    built.expect("the words build")
});

#[rustfmt::skip]
const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mai", "okt", "dez", "ene",
    "abr", "ago", "dic", "fév", "fev", "avr", "aoû", "aou", "déc", "des", "mär", "gen", "mag", "giu", "lug", "set", "ott", "out", "juin", "juil",
    "mei", "maa", "mrt", "maj", "maí", "stycz", "lut", "kwie", "czerw", "lip", "sierp", "wrze", "paźd", "list", "grud",
    "led", "únor", "února", "břez", "dub", "květ", "červ", "srp", "září", "říj", "pros", "máj", "jún", "júl", "ápr", "már", "szept",
    "tammi", "helmi", "maalis", "huhti", "touko", "kesä", "heinä", "elo", "syys", "loka", "marras", "joulu",
    "oca", "şub", "nis", "haz", "tem", "ağu", "eyl", "eki", "kas", "ara", "ian", "iun", "iul", "noi",
    "янв", "фев", "мар", "апр", "мая", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек",
    "січ", "лют", "берез", "квіт", "трав", "черв", "лип", "серп", "верес", "жовт", "лист", "груд",
    "Ιαν", "Φεβ", "Μαρ", "Απρ", "Μαΐ", "Μαι", "Ιουν", "Ιουλ", "Αυγ", "Σεπ", "Οκτ", "Νοε", "Δεκ",
];

/// Proposes dates that the text calls birth dates.
pub(super) fn birth_dates(text: &str, found: &mut Vec<Found>) {
    if !is_called(text.as_bytes()) {
        return;
    }
    let bytes = text.as_bytes();
    let mut done = 0;
    for word in WORDS.find_iter(text) {
        let (i, from) = (word.start(), word.end());
        let anywhere = matches!(bytes.get(i), None | Some(0x80..))
            || [&b"birth"[..], b"bday"]
                .iter()
                .any(|w| part(bytes, i, from).eq_ignore_ascii_case(w));
        if i < done || !anywhere && is_word(before(bytes, i)) && before(bytes, i) != b'_' {
            continue;
        }
        let short = SHORT_WORDS.contains(&text.get(i..from).unwrap_or(""));
        let reach = if short { 1 } else { 48 };
        let found_at = (from..bytes.len().min(from + reach)).find_map(|j| {
            let begins = text.is_char_boundary(j) && !word_up_to(bytes, j);
            begins.then(|| Some((j, date_end(text, j)?))).flatten()
        });
        if let Some((start, end)) = found_at
            && !word_before(bytes, start, start - from, PARTIES)
        {
            found.push(Found {
                start,
                end,
                entity: Entity::DateOfBirth,
                rank: 84,
            });
            done = end;
        }
    }
}

/// Whether any of the words stands near enough before a digit: every date begins with one, or with
/// a month's name before one.
fn is_called(bytes: &[u8]) -> bool {
    /// The longest word, 48 bytes to the date, a month's name.
    const REACH: usize = 96;
    let mut window = 0..0;
    let mut from = 0;
    while let Some(digit) = find(bytes, from, Block::digits) {
        from = skip(bytes, digit, |b| b.is_ascii_digit());
        let floor = window.end;
        let mut start = digit;
        while start > floor && matches!(before(bytes, start), b'.' | b' ') {
            start -= 1;
        }
        start = start.saturating_sub(REACH);
        if start > window.end {
            if WORDS.is_match(part(bytes, window.start, window.end)) {
                return true;
            }
            window.start = start;
        }
        window.end = digit;
    }
    WORDS.is_match(part(bytes, window.start, window.end))
}

/// Case-insensitive prefix for ASCII; other characters as they are.
fn starts_with_folded(text: &str, word: &str) -> bool {
    text.as_bytes()
        .get(..word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

/// The end of a date that begins at `from`: numeric with `-`, `/`, `.`, or with a month's name.
pub(super) fn date_end(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if at(bytes, from).is_ascii_digit() {
        let a = skip(bytes, from, |b| b.is_ascii_digit());
        let mark = at(bytes, a);
        if matches!(mark, b'-' | b'/' | b'.') && at(bytes, a + 1).is_ascii_digit() {
            let b = skip(bytes, a + 1, |b| b.is_ascii_digit());
            if at(bytes, b) == mark && at(bytes, b + 1).is_ascii_digit() {
                let c = skip(bytes, b + 1, |b| b.is_ascii_digit());
                return is_calendar(
                    part(bytes, from, a),
                    part(bytes, a + 1, b),
                    part(bytes, b + 1, c),
                )
                .then_some(c);
            }
            // `22.-`-less forms: `3.May 1990` falls through to the month below.
        }
        // `1990年5月3日`, `1990. május 3.`; `07 Mar 1943`, `7th of March 1943`, `7 de marzo de 1943`.
        if a - from == 4 {
            return cjk_date(text, a).or_else(|| year_first(text, from, a));
        }
        if a - from > 2 {
            return None;
        }
        let mut i = ordinal_end(text, a);
        for filler in ["of ", "de ", "d'"] {
            if starts_with_folded(text.get(i..)?, filler) {
                i += filler.len();
            }
        }
        let month = month_end(text, i)?;
        let mut i = skip(bytes, month, |b| {
            matches!(b, b'.' | b' ' | b',' | b'-' | b'/')
        });
        for filler in ["de ", "del "] {
            if starts_with_folded(text.get(i..)?, filler) {
                i += filler.len();
            }
        }
        return year_end(bytes, i);
    }
    let month = month_end(text, from)?;
    let i = skip(bytes, month, |b| matches!(b, b'.' | b' '));
    let day = skip(bytes, i, |b| b.is_ascii_digit());
    if day == i || day > i + 2 {
        return None;
    }
    year_end(bytes, ordinal_end(text, day))
}

/// Behind a day: an ordinal's ending and the blanks, stops and commas after it.
fn ordinal_end(text: &str, day: usize) -> usize {
    const ENDINGS: [&str; 9] = ["st", "nd", "rd", "th", "er", "re", "º", "ª", "°"];
    let bytes = text.as_bytes();
    let rest = text.get(day..).unwrap_or("");
    let ending = ENDINGS
        .iter()
        .find(|ending| starts_with_folded(rest, ending) && !is_word(at(bytes, day + ending.len())));
    skip(bytes, day + ending.map_or(0, |ending| ending.len()), |b| {
        matches!(b, b'.' | b' ' | b',' | b'-' | b'/')
    })
}

/// `1990. május 3.`, `1990 May 3`.
fn year_first(text: &str, from: usize, year: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    year_end(bytes, from)?;
    let month = month_end(text, skip(bytes, year, |b| matches!(b, b'.' | b' ' | b'-')))?;
    let day = skip(bytes, month, |b| matches!(b, b'.' | b' ' | b'-'));
    let end = skip(bytes, day, |b| b.is_ascii_digit());
    ((1..=2).contains(&(end - day)) && !is_word(at(bytes, end))).then_some(end)
}

/// `1990年5月3日`, `1990년 5월 3일`.
fn cjk_date(text: &str, year_end: usize) -> Option<usize> {
    let rest = text.get(year_end..)?;
    let near = rest.char_indices().nth(10).map_or(rest.len(), |(i, _)| i);
    let rest = rest.get(..near)?.strip_prefix(['年', '년'])?;
    let (month, rest) = rest.split_once(['月', '월'])?;
    let (day, rest) = rest.split_once(['日', '일'])?;
    let short = |t: &str| (1..=2).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
    (short(month.trim_start()) && short(day.trim_start())).then(|| year_end + near - rest.len())
}

fn year_end(bytes: &[u8], from: usize) -> Option<usize> {
    let end = skip(bytes, from, |b| b.is_ascii_digit());
    (end - from == 4 && (1880..2100).contains(&number(part(bytes, from, end)))).then_some(end)
}

fn month_end(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    MONTHS.iter().find(|m| starts_with_folded(rest, m))?;
    let len = rest
        .char_indices()
        .find(|(_, c)| !c.is_alphabetic())
        .map_or(rest.len(), |(i, _)| i);
    (3..=24).contains(&len).then_some(from + len)
}

/// Whether three numbers are a day, a month and a year in some order in use.
fn is_calendar(a: &[u8], b: &[u8], c: &[u8]) -> bool {
    let (x, y, z) = (number(a), number(b), number(c));
    let year = |n: u64, len: usize| len == 4 && (1880..2100).contains(&n);
    let pair =
        |p: u64, q: u64| (1..=31).contains(&p) && (1..=31).contains(&q) && (p <= 12 || q <= 12);
    a.len() <= 4
        && b.len() <= 2
        && (year(x, a.len()) && pair(y, z) && c.len() <= 2
            || year(z, c.len()) && pair(x, y) && a.len() <= 2
            || a.len() == 2 && b.len() == 2 && c.len() == 2 && (pair(x, y) || pair(y, z)))
}

/// Whether the whole (trimmed) text is one date, with or without a time behind it.
pub(super) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    match date_end(text, 0) {
        Some(end) => {
            end == bytes.len()
                || matches!(at(bytes, end), b'T' | b' ') && at(bytes, end + 1).is_ascii_digit()
        }
        None => {
            bytes.len() == 8
                && bytes.iter().all(u8::is_ascii_digit)
                && is_calendar(part(bytes, 0, 4), part(bytes, 4, 6), part(bytes, 6, 8))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_birth_dates_are_proposed() {
        let found = |text: &str| {
            let mut out = Vec::new();
            birth_dates(text, &mut out);
            out.first().map(|f| text[f.start..f.end].to_owned())
        };
        for (text, date) in [
            ("born on April 20, 1960", "April 20, 1960"),
            ("né le 22/08/1969", "22/08/1969"),
            ("fecha de nacimiento: 18 Mar 1984", "18 Mar 1984"),
            ("DOB: 1993-01-29", "1993-01-29"),
            ("\"date_of_birth\":\"1990-05-03\"", "1990-05-03"),
            ("geboren am 3. Mai 1990 in Köln", "3. Mai 1990"),
            ("nacido el 22 de agosto de 1988.", "22 de agosto de 1988"),
            ("nata il 28 settembre 1959", "28 settembre 1959"),
            ("né le 1er août 1970", "1er août 1970"),
            ("born on the 2nd of March, 1971", "2nd of March, 1971"),
            (
                "data de nascimento: 6 de março de 2008",
                "6 de março de 2008",
            ),
            ("data urodzenia: 21 kwietnia 2002", "21 kwietnia 2002"),
            ("ur. 19 października 1964", "19 października 1964"),
            ("b. July 23, 1997", "July 23, 1997"),
            ("Дата рождения: 15 сентября 1984 г.", "15 сентября 1984"),
            ("народилася 12/04/1949", "12/04/1949"),
            ("födelsedatum: 24 november 1951", "24 november 1951"),
            ("syntymäaika: 14.10.1952", "14.10.1952"),
            ("születési dátum: 1990. május 3.", "1990. május 3"),
            ("datum rođenja: 1981/05/12", "1981/05/12"),
            ("ημερομηνία γέννησης: 16/09/1967", "16/09/1967"),
            ("ngày sinh: 15/01/2007", "15/01/2007"),
            ("생년월일: 1990년 5월 3일", "1990년 5월 3일"),
            ("出生日期：1990年5月3日", "1990年5月3日"),
        ] {
            assert_eq!(found(text).as_deref(), Some(date), "{text}");
        }
        for text in [
            "deployed on 25 May 2020",
            "last seen 2021-03-07 07:07",
            "2018-05-23T00:42:34Z",
            "born to run 2.0",
            "Birthday sale until 02.04.2023",
            "Appendix b. see the list of 03.04.2023",
            "tour. 03.04.2023",
            "reborn 03.04.2023",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
        assert!(
            is_date("1984-03-12")
                && is_date("19.12.1987")
                && !is_date("1.2.3")
                && is_date("19841231")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn a_text_with_a_birth_date_is_called_one(
            text in "(born |DOB:|né le |дата рождения:? ?|生年月日|geb[.]|[0-9]{1,4}|[-/.]|januari? |Mar |May|年|月|日|[ .]{1,30}|[a-z ]{1,20}){0,10}"
        ) {
            // With the words alone, as it was asked before.
            let called = WORDS.is_match(&text);
            let bytes = text.as_bytes();
            if called && !is_called(bytes) {
                for (i, _) in text.char_indices() {
                    let word = BIRTH_WORDS.iter().find(|w| starts_with_folded(&text[i..], w));
                    let Some(word) = word else { continue };
                    let from = i + word.len();
                    for j in (from..text.len().min(from + 48)).filter(|j| text.is_char_boundary(*j)) {
                        prop_assert!(date_end(&text, j).is_none(), "{text:?} {i} {j}");
                    }
                }
            }
        }
    }
}
