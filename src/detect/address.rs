//! Postal addresses: a street with its number, and what follows it up to the last part present.
//!
//! A street is a core (`742 Canary Birdcage Lane`, `Hauptstraße 5`, `39, rue de Bailly`), from which
//! the span grows over house, postcode, city and country. Weak cores need such a tail. Each word is
//! looked at a bounded number of times.

use smallvec::SmallVec;

use super::Entity;
use super::bytes::word_before;
use super::scan::Found;

/// A word of the text, with its place.
#[derive(Clone, Copy)]
struct Word<'a> {
    start: usize,
    end: usize,
    text: &'a str,
}

/// Endings of English streets that mean little else.
const STREETS: &[&str] = &[
    "street",
    "st",
    "avenue",
    "ave",
    "av",
    "road",
    "rd",
    "lane",
    "ln",
    "drive",
    "dr",
    "boulevard",
    "blvd",
    "court",
    "ct",
    "place",
    "pl",
    "terrace",
    "close",
    "crescent",
    "gardens",
    "grove",
    "highway",
    "hwy",
    "parkway",
    "pkwy",
    "square",
    "walk",
    "row",
    "hill",
    "alley",
    "way",
    "circle",
    "cir",
    "trail",
    "trl",
    "mews",
    "quay",
    "wharf",
    "parade",
    "esplanade",
    "str",
    "wynd",
    "rise",
    "turnpike",
    "causeway",
    "expressway",
    "freeway",
    "stravenue",
    "trafficway",
    "throughway",
    "motorway",
    "overpass",
    "underpass",
    "route",
    "courts",
    "drives",
    "roads",
    "streets",
];
/// Endings that mean much else, too: they need a tail, or to be all there is.
const WEAK_STREETS: &[&str] = &[
    "ranch",
    "unions",
    "union",
    "mills",
    "mill",
    "garden",
    "island",
    "islands",
    "slope",
    "tarn",
    "triangle",
    "cape",
    "port",
    "ports",
    "extensions",
    "extension",
    "branch",
    "bridge",
    "brook",
    "brooks",
    "burg",
    "burgs",
    "bypass",
    "camp",
    "canyon",
    "center",
    "centers",
    "cliff",
    "cliffs",
    "club",
    "common",
    "corner",
    "corners",
    "course",
    "cove",
    "coves",
    "creek",
    "crest",
    "crossing",
    "crossroad",
    "curve",
    "dale",
    "dam",
    "divide",
    "estate",
    "estates",
    "fall",
    "falls",
    "ferry",
    "field",
    "fields",
    "flat",
    "flats",
    "ford",
    "fords",
    "forest",
    "forge",
    "forges",
    "fork",
    "forks",
    "fort",
    "gateway",
    "glen",
    "glens",
    "green",
    "greens",
    "groves",
    "harbor",
    "harbors",
    "haven",
    "heights",
    "hills",
    "hollow",
    "inlet",
    "isle",
    "junction",
    "junctions",
    "key",
    "keys",
    "knoll",
    "knolls",
    "lake",
    "lakes",
    "land",
    "landing",
    "light",
    "lights",
    "loaf",
    "lock",
    "locks",
    "lodge",
    "loop",
    "mall",
    "manor",
    "manors",
    "meadow",
    "meadows",
    "mission",
    "mount",
    "mountain",
    "mountains",
    "neck",
    "orchard",
    "oval",
    "park",
    "parks",
    "parkways",
    "pass",
    "passage",
    "path",
    "pike",
    "pine",
    "pines",
    "plain",
    "plains",
    "plaza",
    "point",
    "points",
    "prairie",
    "radial",
    "ramp",
    "rapid",
    "rapids",
    "rest",
    "ridge",
    "ridges",
    "river",
    "roads",
    "rue",
    "run",
    "shoal",
    "shoals",
    "shore",
    "shores",
    "skyway",
    "spring",
    "springs",
    "spur",
    "spurs",
    "squares",
    "station",
    "stream",
    "summit",
    "throughway",
    "trace",
    "track",
    "tunnel",
    "valley",
    "valleys",
    "via",
    "viaduct",
    "view",
    "views",
    "village",
    "villages",
    "ville",
    "vista",
    "walks",
    "wall",
    "ways",
    "well",
    "wells",
    "avenue",
    "copse",
    "dene",
    "nook",
    "pocket",
    "retreat",
    "towers",
];
/// Endings of one-word streets of the continent.
const SUFFIXES: &[&str] = &[
    "straße",
    "strasse",
    "str",
    "gasse",
    "weg",
    "platz",
    "allee",
    "damm",
    "straat",
    "laan",
    "plein",
    "gade",
    "vej",
    "gatan",
    "vägen",
    "katu",
    "kuja",
    "bulevardi",
    "boulevard",
    "polku",
    "kade",
    "dreef",
    "steeg",
    "singel",
    "gracht",
    "ring",
    "ufer",
    "vænget",
    "veien",
    "vegen",
    "gata",
    "gaten",
    "stræde",
    "toften",
    "parken",
    "stien",
    "torvet",
    "allé",
    "alle",
    "steig",
    "chaussee",
    "promenade",
    "markt",
    "utca",
    "tér",
    "körút",
    "tie",
    "pad",
    "baan",
    "hof",
    "prisgade",
    "backen",
    "stigen",
    "gränd",
    "torget",
    "plads",
    "sgade",
    "raitti",
    "tori",
    "penger",
    "ranta",
    "lei",
    "markstraat",
    "berg",
    "park",
];
/// Words that open a street's name.
const OPENERS: &[&str] = &[
    "rue",
    "avenue",
    "chemin",
    "boulevard",
    "impasse",
    "allée",
    "allee",
    "quai",
    "cours",
    "via",
    "viale",
    "piazza",
    "corso",
    "vicolo",
    "largo",
    "strada",
    "incrocio",
    "borgo",
    "contrada",
    "calle",
    "avenida",
    "paseo",
    "plaza",
    "camino",
    "carrer",
    "ronda",
    "glorieta",
    "cuesta",
    "pasaje",
    "acceso",
    "urbanización",
    "urbanizacion",
    "cañada",
    "callejón",
    "rambla",
    "alameda",
    "pasadizo",
    "vial",
    "ulica",
    "ul.",
    "aleja",
    "al.",
    "plac",
    "rua",
    "travessa",
    "praça",
    "estrada",
    "rodovia",
    "condomínio",
    "conjunto",
    "núcleo",
    "loteamento",
    "vila",
    "vale",
    "viela",
    "quadra",
    "jardim",
    "setor",
    "sítio",
    "residencial",
    "recanto",
    "praia",
    "passarela",
    "parque",
    "morro",
    "ladeira",
    "lagoa",
    "lago",
    "favela",
    "feira",
    "fazenda",
    "estação",
    "esplanada",
    "distrito",
    "colônia",
    "chácara",
    "campo",
    "área",
    "aeroporto",
    "trecho",
    "trevo",
    "am",
    "an der",
    "im",
    "auf",
    "str.",
    "улица",
    "ул.",
    "проспект",
    "пр.",
    "пер.",
    "вулиця",
    "вул.",
    "rotonda",
    "piazzale",
    "place",
    "passage",
    "route",
    "pasaje",
    "circuito",
    "canal",
    "stretto",
    "viadotto",
    "põik",
];
/// What names a part of a building.
const UNITS: &[&str] = &[
    "apt",
    "apt.",
    "suite",
    "ste",
    "ste.",
    "unit",
    "flat",
    "studio",
    "level",
    "floor",
    "box",
    "room",
    "apartment",
    "lgh",
    "piso",
    "esc.",
];
/// Words inside names of places, in lower case.
const JOINERS: &[&str] = &[
    "de", "du", "des", "la", "le", "les", "del", "della", "di", "da", "do", "dos", "das", "van",
    "von", "der", "den", "am", "an", "im", "bei", "ob", "of", "and", "y", "e", "sur", "sous", "en",
    "aux", "à", "u", "v", "nad", "i", "in", "the", "nan", "gld", "bin", "al", "el", "los", "las",
    "och", "na",
];

/// Proposes postal addresses.
pub(super) fn addresses(text: &str, found: &mut Vec<Found>) {
    if !text.is_ascii() && text.contains(['丁', '県', '都', '府', '市', '区', '町']) {
        japanese(text, found);
    }
    let words = words(text);
    let mut i = 0;
    while let Some(word) = words.get(i) {
        let core = military(&words, i)
            .or_else(|| number_first(text, &words, i))
            .or_else(|| opener_first(&words, i))
            .or_else(|| suffix_first(&words, i));
        let Some((next, weak)) = core else {
            i += 1;
            continue;
        };
        let (stop, evidence) = grow(text, &words, next);
        let start = lead_in(text, &words, i, word.start);
        let end = words
            .get(stop.saturating_sub(1))
            .map_or(word.end, |w| w.end);
        let alone = start == 0 && end == text.trim_end().len();
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
        if !weak || evidence || called || alone {
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

/// Words with the marks at their edges taken off, except a full stop.
fn words(text: &str) -> SmallVec<[Word<'_>; 32]> {
    let mut out = SmallVec::new();
    let mut start = None;
    for (i, c) in text
        .char_indices()
        .chain(std::iter::once((text.len(), ' ')))
    {
        let inside = c.is_alphanumeric()
            || matches!(c, '.' | '-' | '\'' | '’' | '/' | '\u{300}'..='\u{36f}');
        match (start, inside) {
            (None, true) if c.is_alphanumeric() => start = Some(i),
            (Some(from), false) => {
                if let Some(word) = text.get(from..i) {
                    let word = word.trim_end_matches(['-', '\'', '/']);
                    out.push(Word {
                        start: from,
                        end: from + word.len(),
                        text: word,
                    });
                }
                start = None;
            }
            _ => {}
        }
    }
    out
}

fn is_number(word: &str) -> bool {
    // `12`, `12a`, `3/4`, `7-9`.
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    word.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && digits <= 6
        && letters <= 1
        && digits + letters + 2 > word.len()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-'))
}

fn is_capital(word: &str) -> bool {
    word.chars()
        .next()
        .is_some_and(|c| c.is_uppercase() || c.is_alphabetic() && !c.is_lowercase())
}

fn lower(word: &str) -> String {
    word.trim_end_matches('.').to_lowercase()
}

fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    UNITS
        .iter()
        .any(|u| u.trim_end_matches('.').eq_ignore_ascii_case(word))
}

fn is_joiner(word: &str) -> bool {
    JOINERS.contains(&word)
}

/// `PSC 2721, Box 8637`.
fn military(words: &[Word<'_>], i: usize) -> Option<(usize, bool)> {
    let [a, b, c, d] = words.get(i..i + 4)? else {
        return None;
    };
    (matches!(a.text, "PSC" | "USNS" | "USS" | "Unit" | "CMR")
        && is_number(b.text)
        && c.text == "Box"
        && is_number(d.text))
    .then_some((i + 4, false))
}

/// `742 Canary Birdcage Lane`; also with a second number (`9858 92 Hounslow Rd`, `5100 Quadra 104`).
fn number_first(text: &str, words: &[Word<'_>], i: usize) -> Option<(usize, bool)> {
    let first = words.get(i)?;
    if !is_number(first.text) {
        return None;
    }
    let mut j = i + 1;
    let mut names = 0;
    let mut second = words.get(j).filter(|w| is_number(w.text)).map(|_| j);
    if second.is_some() {
        j += 1;
    }
    let comma = text.get(first.end..first.end + 1) == Some(",");
    if comma && words.get(j).is_some_and(|w| is_opener(w.text)) {
        return opener_first(words, j).map(|(next, weak)| (next, weak));
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
        let name = lower(word.text);
        if names > 0 && is_capital(word.text) && STREETS.contains(&name.as_str()) {
            return Some((j + 1, false));
        }
        // House number behind: `5100 Quadra 104`; only with a house number before and a tail after.
        if names > 0 && is_number(word.text) && second.is_none() {
            let weak = !words
                .get(i + 1)
                .is_some_and(|w| has_suffix(w.text) || is_opener(w.text));
            return Some((j + 1, weak));
        }
        if names > 0 && is_capital(word.text) && WEAK_STREETS.contains(&name.as_str()) {
            return Some((j + 1, true));
        }
        if !is_capital(word.text) && !is_joiner(word.text) && !(names == 0 && is_opener(word.text))
        {
            break;
        }
        names += 1;
        j += 1;
    }
    (second == Some(i + 1)
        && names >= 1
        && names <= 5
        && words.get(j - 1).is_some_and(|w| is_capital(w.text)))
    .then_some((j, true))
}

fn is_opener(word: &str) -> bool {
    let lower = word.to_lowercase();
    OPENERS.contains(&lower.as_str())
}

fn has_suffix(word: &str) -> bool {
    let lower = lower(word);
    is_capital(word)
        && SUFFIXES
            .iter()
            .any(|s| lower.len() >= s.len() + 2 && lower.ends_with(s))
        || STREETS.contains(&lower.as_str()) && false
}

/// `rue de Bailly`, `Calle Mayor 5`, `via Roma, 12`.
fn opener_first(words: &[Word<'_>], i: usize) -> Option<(usize, bool)> {
    let first = words.get(i)?;
    if !is_opener(first.text) {
        return None;
    }
    let mut j = i + 1;
    let mut names = 0;
    while let Some(word) = words.get(j) {
        if names > 0 && is_number(word.text) {
            let short = matches!(first.text, "am" | "im" | "auf" | "an der" | "e");
            return Some((j + 1, short || !is_capital(first.text) && names == 0));
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
    let lower = lower(word.text);
    if has_suffix(word.text) || SUFFIXES.contains(&lower.as_str()) && i > 0 && lower.len() > 2 {
        const WEAK: &[&str] = &[
            "pad", "baan", "hof", "ring", "park", "berg", "tie", "markt", "lei", "alle", "str",
            "tori", "ranta", "weg", "parken", "penger",
        ];
        let weak =
            WEAK.iter().any(|s| lower.ends_with(s)) && !lower.ends_with("weg") || lower.len() < 5;
        return Some((i + 2, weak && !word.text.ends_with("str.")));
    }
    None
}

/// What stands between word `j - 1` and word `j`.
fn gap<'a>(text: &'a str, words: &[Word<'_>], j: usize) -> &'a str {
    let left = j
        .checked_sub(1)
        .and_then(|i| words.get(i))
        .map_or(0, |w| w.end);
    words
        .get(j)
        .and_then(|w| text.get(left..w.start))
        .unwrap_or("")
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
            w.text.ends_with('.') && w.text.len() > 4 && !is_unit(w.text) && !has_suffix(w.text)
        });
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
        } else if is_unit(word.text) && words.get(j + 1).is_some_and(|w| is_number(w.text)) {
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
    ) && is_unit(unit.text)
        && is_number(number.text)
    {
        from = unit.start;
    } else if !words
        .get(i)
        .is_some_and(|w| is_number(w.text) || is_opener(w.text))
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
            "PSC 2721, Box 8637\nAPO AA 06259",
        ] {
            assert_eq!(found(text), [text]);
        }
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
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
