//! Names of persons, only where precision allows: behind a salutation or a role, or as a whole value
//! that begins with a known given name and holds nothing else.
//!
//! A name is at most four words; each is looked at once. Brands, places and page titles stay.

use std::sync::LazyLock;

use hashbrown::HashSet;

use super::Entity;
use super::block::find;
use super::bytes::{at, is_word, part, skip, skip_back};
use super::person_words::{BRANDS, LEADS, PARTICLES, STOP, STRICT, SURNAME_ENDINGS, TAILS, WEAK};
use super::scan::Found;

/// Given names of some forty languages, lower case, one a line. Derived from the lists of the Faker
/// project (MIT licence, <https://github.com/joke2k/faker>).
static GIVEN: LazyLock<HashSet<&'static str, foldhash::fast::FixedState>> = LazyLock::new(|| {
    include_str!("given_names.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
        .collect()
});

/// Surnames that no ending gives away, of the same origin.
static SURNAMES: LazyLock<HashSet<&'static str, foldhash::fast::FixedState>> =
    LazyLock::new(|| {
        include_str!("surnames.txt")
            .lines()
            .filter(|l| !l.starts_with('#'))
            .collect()
    });

/// No word of [`STOP`] is longer.
const LONGEST_STOP: usize = 16;

static STOPS: LazyLock<HashSet<&'static [u8], foldhash::fast::FixedState>> =
    LazyLock::new(|| STOP.iter().map(|word| word.as_bytes()).collect());

/// The leads without their blank, by their last byte.
static BY_LAST: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| {
    let mut table = vec![Vec::new(); 256];
    for lead in LEADS {
        let bare = lead.strip_suffix(' ').unwrap_or(lead);
        let last = bare.as_bytes().last().copied().unwrap_or(0);
        if let Some(list) = table.get_mut(usize::from(last)) {
            list.push(bare);
        }
    }
    table
});

/// Proposes names of persons.
pub(super) fn persons(text: &str, found: &mut Vec<Found>) {
    if text.len() <= 64 && (is_whole_name(text) || is_korean_name(text)) {
        found.push(Found {
            start: 0,
            end: text.len(),
            entity: Entity::Person,
            rank: 30,
        });
        return;
    }
    let bytes = text.as_bytes();
    led(text, found);
    keyed(text, found);
    let mut from = 0;
    for line in text.split('\n').take(256) {
        let start = from + line.len() - line.trim_start_matches(['>', ' ', '*', '"']).len();
        let name = line.trim_matches(['>', ' ', '*', '"', '\r']);
        let lined = text.len() > line.len() && name.len() <= 48 && is_name(name, false);
        if lined {
            found.push(Found {
                start,
                end: start + name.len(),
                entity: Entity::Person,
                rank: 34,
            });
        } else if from == 0
            && let Some(end) = name_at(text, start, false)
            && TAILS.iter().any(|t| {
                bytes
                    .get(end..end + t.len())
                    .is_some_and(|h| h.eq_ignore_ascii_case(t.as_bytes()))
            })
        {
            found.push(Found {
                start,
                end,
                entity: Entity::Person,
                rank: 34,
            });
        }
        from += line.len() + 1;
    }
}

/// `"name":"Jane Doe"`, `full_name=Jane Doe&…`: a whole name as the value of a key that says so.
fn keyed(text: &str, found: &mut Vec<Found>) {
    const KEYS: [&str; 6] = [
        "name",
        "full_name",
        "fullname",
        "customer_name",
        "display_name",
        "user_name",
    ];
    let bytes = text.as_bytes();
    for sign in memchr::memchr2_iter(b'=', b':', bytes) {
        let key_end = skip_back(bytes, sign, |b| matches!(b, b'"' | b'\'' | b'\\' | b' '));
        let key_start = skip_back(bytes, key_end, is_word);
        let key = part(bytes, key_start, key_end);
        let start = skip(bytes, sign + 1, |b| matches!(b, b'"' | b'\'' | b'\\'));
        // Without quotes behind a colon it is a label, which `led` knows.
        let quoted = start > sign + 1 || at(bytes, sign) == b'=';
        if !quoted || !KEYS.iter().any(|k| key.eq_ignore_ascii_case(k.as_bytes())) {
            continue;
        }
        let value = text
            .get(start..text.len().min(start + 64))
            .unwrap_or_else(|| {
                let near = text.get(start..).unwrap_or("");
                near.char_indices()
                    .nth(16)
                    .map_or(near, |(i, _)| near.get(..i).unwrap_or(""))
            });
        let name = value
            .split(['"', '\'', '&', ';', '\\', '<', '\n'])
            .next()
            .unwrap_or("");
        if is_whole_name(name) && !is_brand(name) {
            found.push(Found {
                start,
                end: start + name.len(),
                entity: Entity::Person,
                rank: 34,
            });
        }
    }
}

/// Names behind what leads to one: looked for from where a capital stands behind a blank.
fn led(text: &str, found: &mut Vec<Found>) {
    /// Blanks between a lead, with its own, and the name.
    const BLANKS: usize = 7;
    let bytes = text.as_bytes();
    let mut from = 1;
    while let Some(start) = find(bytes, from, |block| block.upper() | block.high()) {
        from = start + 1;
        if super::bytes::before(bytes, start) != b' ' {
            continue;
        }
        let head = bytes.get(..start).unwrap_or(&[]);
        let end = head
            .iter()
            .rev()
            .take(BLANKS + 1)
            .take_while(|b| **b == b' ')
            .count();
        let Some(lead_end) = start.checked_sub(end).filter(|_| end <= BLANKS) else {
            continue;
        };
        let last = super::bytes::before(bytes, lead_end).to_ascii_lowercase();
        let leads = BY_LAST.get(usize::from(last)).map_or(&[][..], |list| list);
        for lead in leads {
            let Some(at) = lead_end.checked_sub(lead.len()) else {
                continue;
            };
            let here = bytes.get(at..lead_end).unwrap_or(&[]);
            if !here.eq_ignore_ascii_case(lead.as_bytes()) {
                continue;
            }
            let boundary = text
                .get(..at)
                .and_then(|head| head.chars().next_back())
                .is_none_or(|c| !c.is_alphanumeric());
            let start = skip_titles(text, start);
            if boundary && let Some(end) = led_name(text, lead, start) {
                found.push(Found {
                    start,
                    end,
                    entity: Entity::Person,
                    rank: 34,
                });
            }
        }
    }
}

/// The end of a name that stands at `start`, behind a lead.
fn led_name(text: &str, lead: &str, start: usize) -> Option<usize> {
    let end = name_at(text, start, STRICT.contains(&lead))?;
    let name = text.get(start..end)?;
    let mut rest = text.get(end..)?.chars();
    // `from Taylor Swift Tour`: a title goes on where a sentence does not.
    let title = rest.next() == Some(' ') && rest.next().is_some_and(char::is_uppercase);
    let fits = !WEAK.contains(&lead) || is_whole_name(name) && !title;
    (fits && !is_brand(name)).then_some(end)
}

fn is_brand(name: &str) -> bool {
    BRANDS.iter().any(|b| {
        name.get(..b.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(b))
    })
}

fn skip_titles(text: &str, mut from: usize) -> usize {
    for title in [
        "Mr. ", "Mrs. ", "Ms. ", "Dr. ", "Frau ", "Herr ", "Herrn ", "Prof. ", "Mr ", "Mrs ",
        "Ms ", "Dr ",
    ] {
        if text.get(from..).is_some_and(|t| t.starts_with(title)) {
            from += title.len();
        }
    }
    from
}

/// One to four capitalised words at `from`; `strict` asks for a known given name.
fn name_at(text: &str, from: usize, strict: bool) -> Option<usize> {
    let rest = text.get(from..)?;
    let mut end = 0;
    let mut words = 0;
    let mut i = 0;
    for word in rest.split(' ').take(5) {
        if words > 0 && words < 4 && PARTICLES.contains(&word) {
            i += word.len() + 1;
            continue;
        }
        if words == 4 {
            break;
        }
        let core = word.trim_end_matches([',', ':', ';', '!', '?', '.', ')', '"', '\n']);
        let core = core.split_once('\n').map_or(core, |(head, _)| head);
        let core = core.strip_suffix("'s").unwrap_or(core);
        let capital = core
            .chars()
            .next()
            .is_some_and(|c| c.is_uppercase() || c.is_alphabetic() && !c.is_lowercase());
        let fits = capital
            && core
                .chars()
                .all(|c| c.is_alphabetic() || matches!(c, '-' | '\'' | '’'));
        let initial = core.chars().count() == 1 && word.ends_with('.');
        if !fits || is_stop(core) && !(words > 0 && words < 1) {
            break;
        }
        end = i + core.len();
        words += 1;
        if core.len() != word.len() && !initial {
            break;
        }
        i += word.len() + 1;
    }
    let name = rest.get(..end)?;
    let known = name.split(' ').next().is_some_and(is_given);
    // `Dr. Martens 1460` is a shoe.
    let numbered = rest.as_bytes().get(end) == Some(&b' ')
        && rest.as_bytes().get(end + 1).is_some_and(u8::is_ascii_digit);
    if numbered {
        return None;
    }
    (words > 0 && end >= 3 && (!strict || known && words >= 1)).then_some(from + end)
}

fn is_stop(word: &str) -> bool {
    let mut buffer = [0_u8; LONGEST_STOP];
    let Some(lower) = buffer.get_mut(..word.len()) else {
        return false;
    };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    STOPS.contains(&*lower)
}

fn is_given(word: &str) -> bool {
    if word.len() > 40 {
        return false;
    }
    let lower = word.to_lowercase();
    GIVEN.contains(lower.as_str())
        || lower.contains('-') && lower.split('-').all(|part| GIVEN.contains(part))
}

/// Three syllables, the first a surname.
fn is_korean_name(text: &str) -> bool {
    let mut chars = text.chars();
    text.chars().count() == 3
        && chars.next().is_some_and(|c| "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천방공".contains(c))
        && chars.all(|c| matches!(c, '가'..='힣'))
}

/// Whether the text is two to four words, one of the outer ones a known given name, none of them a
/// word that brands and places use.
fn is_whole_name(text: &str) -> bool {
    // `Cordialement, Anna Douglas` is no surname with a given name behind it.
    let greets = |(head, _): (&str, &str)| {
        let leads = WEAK.iter().filter_map(|lead| lead.strip_suffix(','));
        leads
            .into_iter()
            .any(|lead| head.eq_ignore_ascii_case(lead))
    };
    !text.split_once(',').is_some_and(greets) && is_name(text, false)
}

fn is_name(text: &str, single: bool) -> bool {
    let words: smallvec::SmallVec<[&str; 5]> = text
        .split([' ', ','])
        .filter(|w| !w.is_empty())
        .take(5)
        .collect();
    if !(if single { 1..=4 } else { 2..=4 }).contains(&words.len()) || text.contains("  ") {
        return false;
    }
    let fits =
        words.iter().all(|w| {
            let core = w.strip_suffix('.').unwrap_or(w);
            let first = core.chars().next();
            let particle = PARTICLES.contains(w);
            (particle
                || first.is_some_and(|c| {
                    c.is_uppercase() || c.is_alphabetic() && !c.is_lowercase() && !c.is_ascii()
                })) && core.chars().all(|c| {
                c.is_alphabetic()
                    || matches!(c, '-' | '\'' | '’' | '\u{300}'..='\u{36f}' | '\u{900}'..='\u{94f}')
            }) && !is_stop(core) && (core.len() == w.len() || core.chars().count() <= 2)
        });
    if !fits {
        return false;
    }
    let upper = words
        .iter()
        .all(|w| w.chars().all(|c| !c.is_lowercase()) && w.is_ascii());
    let first = words.first().copied().unwrap_or("");
    let comma = text.contains(',');
    let given_first = is_given(first) && first.chars().count() >= 2;
    let given_later = words
        .iter()
        .skip(1)
        .any(|w| (w.chars().count() >= 3 || !w.is_ascii()) && is_given(w));
    if upper && words.len() > 3 {
        return false;
    }
    if is_brand(text) {
        return false;
    }
    let last = words.last().copied().unwrap_or("");
    let surnamed = is_surname(last) || comma && words.iter().any(|w| is_surname(w));
    (given_first || comma && given_later || !text.is_ascii() && given_later) && (surnamed || single)
}

fn is_surname(word: &str) -> bool {
    if word.len() > 40 || word.chars().count() < 2 {
        return false;
    }
    // A letter beyond ASCII, a double name: no English title has them.
    if word.chars().any(|c| !c.is_ascii() && c.is_alphabetic()) || word.contains(['-', '\'', '’'])
    {
        return true;
    }
    let lower = word.to_ascii_lowercase();
    SURNAMES.contains(lower.as_str())
        || lower.len() >= 5 && SURNAME_ENDINGS.iter().any(|e| lower.ends_with(e))
        || lower.len() >= 5 && (lower.starts_with("mc") || lower.starts_with("fitz"))
}

/// Whether a whole value looks like a person's name when its field's name says that it is one.
pub(super) fn is_plausible(text: &str) -> bool {
    let count = text.chars().count();
    (2..=80).contains(&count)
        && !text
            .bytes()
            .any(|b| b.is_ascii_digit() || matches!(b, b'@' | b'/' | b'=' | b'<' | b'{'))
        && text.chars().any(char::is_alphabetic)
}

/// Whether a value is a common word rather than a secret.
pub(super) fn is_dictionary_word(text: &str) -> bool {
    is_stop(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_that_stop_a_name_are_told_in_any_case() {
        assert!(STOP.iter().all(|word| word.is_ascii() && is_stop(word)));
        assert!(is_stop("Performance") && is_stop("AIRPORT"));
        for word in [
            "",
            "Anna",
            "Müller",
            "airports",
            "a word longer than any of them",
        ] {
            assert!(!is_stop(word), "{word}");
        }
    }

    fn found(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        persons(text, &mut out);
        out.iter().map(|f| &text[f.start..f.end]).collect()
    }

    #[test]
    fn names_behind_salutations_and_alone_are_found() {
        for (text, name) in [
            ("Assigned to Elma Berger", "Elma Berger"),
            (
                "Sehr geehrte Frau Nadja Hinterleitner,",
                "Nadja Hinterleitner",
            ),
            (
                "Bonjour Alain Rivière, merci pour votre achat",
                "Alain Rivière",
            ),
            ("Dear Paweł Grześków:", "Paweł Grześków"),
            ("Marie Stern", "Marie Stern"),
            ("Olga Krylova lives at home", "Olga Krylova"),
            ("Approved by Kevin Parker on Monday", "Kevin Parker"),
            (
                "Ticket from Ulrike Schmidt: printer broken",
                "Ulrike Schmidt",
            ),
            (
                "Mit freundlichen Grüßen Annika Pettersson",
                "Annika Pettersson",
            ),
            ("Bestellung von Amy Jackson eingegangen", "Amy Jackson"),
            ("Cordialement, Anna Douglas", "Anna Douglas"),
            ("Passenger Rolf Andersen checked in", "Rolf Andersen"),
            ("Kontoinhaber: Ryan Moore", "Ryan Moore"),
            ("Olá Hannah Thompson, tudo bem?", "Hannah Thompson"),
            ("Comment from Anna de Groot: great", "Anna de Groot"),
            ("{\"name\":\"Melanie Barry\"}", "Melanie Barry"),
            ("full_name=Sergio Hernández&x=1", "Sergio Hernández"),
        ] {
            assert_eq!(found(text), [name], "{text}");
        }
    }

    #[test]
    fn brands_places_and_titles_are_left() {
        for text in [
            "Amber Alert",
            "Hudson River",
            "Caesar Salad",
            "Google Chrome",
            "Add to Cart",
            "Martha Stewart Living",
            "South Korea",
            "Mobile Safari",
            "User Signed Up",
            "Page View",
            "Dear customer, thanks",
            "Mac OS X",
            "Hello World",
            "Powered by Amber Alert",
            "New from Calvin Klein",
            "Order for Paris",
            "Request from Mobile Safari",
            "for Monday Morning",
            "customer Taylor Swift Tour",
            "sold by Dr. Oetker Pizza",
            "by Google Chrome",
            "Passenger Seat Cover",
            "{\"name\":\"Amber Alert\"}",
            "{\"filename\":\"Anna Douglas\"}",
            "name: Anna_Douglas",
            "Dear Sir or Madam,",
            "Mr. Robot S04",
            "Earl Grey",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    /// Each lead looked for at each byte.
    fn plainly(text: &str) -> Vec<(usize, usize)> {
        let bytes = text.as_bytes();
        let mut out = Vec::new();
        for lead in LEADS {
            for i in 0..bytes.len() {
                let end = i + lead.len();
                let here = bytes
                    .get(i..end)
                    .is_some_and(|b| b.eq_ignore_ascii_case(lead.as_bytes()));
                let head = text.get(..i);
                if !here || head.is_none_or(|h| h.ends_with(char::is_alphanumeric)) {
                    continue;
                }
                let blanks = super::super::bytes::skip(bytes, end, |b| b == b' ').min(end + 6);
                let start = skip_titles(text, blanks);
                if let Some(end) = led_name(text, lead.trim_end(), start) {
                    out.push((start, end));
                }
            }
        }
        out.sort_unstable();
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn capitals_lead_to_all_that_the_leads_do(
            text in "([Dd]ear |Frau |herr |Dr[.] |Mr |my name's |name:[*]{2} |hello |contact: |señor |welcome back, |[A-ZÄ][a-z]{2,6}|Jane|Søren | {1,9}|[a-z]{1,5}|[.,:é]){0,10}"
        ) {
            let mut mine = Vec::new();
            led(&text, &mut mine);
            let mut mine: Vec<_> = mine.iter().map(|f| (f.start, f.end)).collect();
            mine.sort_unstable();
            prop_assert_eq!(mine, plainly(&text));
        }
    }
}
