//! Coordinates: decimal pairs with four and more decimals in range, hemispheres, degrees and
//! minutes, WKT points.
//!
//! Each number is read once; a pair looks one number ahead. Pairs of prices, scroll positions and
//! probabilities stay.

use super::Entity;
use super::block::{Block, find};
use super::bytes::{at, before, is_word, part, second_before, skip, word_before};
use super::scan::Found;

/// Proposes every pair of coordinates.
pub(super) fn coordinates(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut i = 0;
    while let Some(digit) = find(bytes, i, Block::digits) {
        if let Some((start, end)) = lettered_pair(bytes, i, digit) {
            found.push(Found {
                start,
                end,
                entity: Entity::Geo,
                rank: 76,
            });
            i = end;
            continue;
        }
        let signed = digit > i && matches!(before(bytes, digit), b'-' | b'+');
        i = if signed { digit - 1 } else { digit };
        let ahead = before(bytes, i);
        if is_word(ahead) && ahead < 0x80 || ahead == b'.' {
            i += 1;
            continue;
        }
        if let Some(end) = angle_pair(text, i).or_else(|| decimal_pair(bytes, i)) {
            found.push(Found {
                start: i,
                end,
                entity: Entity::Geo,
                rank: 76,
            });
            i = end;
            continue;
        }
        i = skip(bytes, i + 1, |b| b.is_ascii_digit() || b == b'.');
    }
}

/// A decimal number: its value, count of decimals, end.
fn decimal(bytes: &[u8], from: usize) -> Option<(f64, usize, usize)> {
    let digits = if matches!(at(bytes, from), b'-' | b'+') {
        from + 1
    } else {
        from
    };
    let whole = skip(bytes, digits, |b| b.is_ascii_digit());
    if whole == digits || whole > digits + 3 {
        return None;
    }
    let end = if at(bytes, whole) == b'.' {
        skip(bytes, whole + 1, |b| b.is_ascii_digit())
    } else {
        whole
    };
    if end > whole + 24 {
        return None;
    }
    let value = std::str::from_utf8(part(bytes, from, end))
        .ok()?
        .trim_start_matches('+')
        .parse()
        .ok()?;
    Some((value, end.saturating_sub(whole + 1), end))
}

fn decimal_pair(bytes: &[u8], start: usize) -> Option<usize> {
    let (a, a_decimals, a_end) = decimal(bytes, start)?;
    if a_decimals < 2 {
        return None;
    }
    let gap = skip(bytes, a_end, |b| {
        matches!(b, b' ' | b',' | b';' | b'|' | b'/')
    })
    .min(a_end + 3);
    let mut second = gap;
    let mut named = false;
    if !(at(bytes, second).is_ascii_digit() || matches!(at(bytes, second), b'-' | b'+')) {
        // `lat=52.5&lng=13.4`, `"lat":52.5,"lng":13.4`, `lat 52.5, lon 13.4`.
        if !word_before(bytes, start, 12, &["lat"]) {
            return None;
        }
        let near = part(bytes, a_end, a_end + 20);
        let word = near
            .windows(2)
            .position(|w| matches!(w, [b'l' | b'L', b'o' | b'n' | b'O' | b'N']))?
            + a_end;
        second = skip(bytes, word, |b| {
            b.is_ascii_alphabetic() || matches!(b, b'=' | b':' | b'"' | b' ' | b'\'' | b'\\')
        })
        .min(word + 16);
        named = true;
    }
    let (b, b_decimals, end) = decimal(bytes, second)?;
    let blank_only = part(bytes, a_end, second).iter().all(|b| *b == b' ');
    let wkt = blank_only && word_before(bytes, start, 8, &["point"]);
    // Blanks alone part the numbers of any table: `10.174267 -73.941012` must be called a place, or
    // be all there is and of the precision of one.
    let alone = start == 0 && end == bytes.len() && a_decimals >= 5 && b_decimals >= 5;
    if second == a_end
        || blank_only && !wkt && !alone && !word_before(bytes, start, 24, BLANK_WORDS)
    {
        return None;
    }
    let after = at(bytes, end);
    // `@47.3769,8.5417,15z`: the address of a map.
    let zoom = skip(bytes, end + 1, |b| b.is_ascii_digit() || b == b'.');
    let map = before(bytes, start) == b'@' && matches!(at(bytes, zoom), b'z' | b'm');
    if is_word(after)
        || after == b'.' && is_word(at(bytes, end + 1))
        || after == b',' && at(bytes, end + 1).is_ascii_digit() && !named && !map
        || matches!(after, b'%' | b'x')
        || part(bytes, end, end + 2) == b", "
            && (at(bytes, end + 2).is_ascii_digit() || at(bytes, end + 2) == b'-')
            && !named
    {
        return None;
    }
    // A row of numbers goes on to the left as well.
    let ahead = before(bytes, start);
    if ahead == b',' && second_before(bytes, start).is_ascii_digit()
        || ahead == b' '
            && second_before(bytes, start) == b','
            && before(bytes, start.saturating_sub(2)).is_ascii_digit()
    {
        return None;
    }
    let in_range = |lat: f64, lng: f64| lat.abs() <= 90.0 && lng.abs() <= 180.0;
    let fits = if wkt {
        // Longitude first, as it should be; not a few write it the other way.
        in_range(b, a) || in_range(a, b)
    } else {
        in_range(a, b) || in_range(b, a) && a_decimals >= 5 && b_decimals >= 5
    };
    let called = named
        || wkt
        || word_before(
            bytes,
            start,
            24,
            &[
                "lat", "geo", "coord", "loc", "pos", "gps", "point", "ll=", "center", "map",
            ],
        );
    let tiny = a.abs() < 1.0 && b.abs() < 1.0;
    let fine = if called {
        a_decimals >= 2 && b_decimals >= 2
    } else {
        a_decimals >= 4 && b_decimals >= 4 && !tiny
    };
    (fits && fine).then_some(end)
}

/// What two numbers with nothing but blanks between are coordinates behind.
const BLANK_WORDS: &[&str] = &["lat", "geo", "coord", "gps", "latlng", "position"];

/// Decimals that a number needs to be a coordinate by a letter alone: `3.5 S` is a size.
const LETTERED_DECIMALS: usize = 3;

/// `N50.9981, E5.3860`, `25.6764N 85.8596W`, `39.44435 N 78.00750 W`: the first digit at `digit`,
/// nothing before `floor`.
fn lettered_pair(bytes: &[u8], floor: usize, digit: usize) -> Option<(usize, usize)> {
    let blank = |i: usize| i + usize::from(at(bytes, i) == b' ');
    let number = |from: usize, most: f64| {
        let (value, decimals, end) = decimal(bytes, from)?;
        let fits = decimals >= LETTERED_DECIMALS && (0.0..=most).contains(&value);
        fits.then_some(end)
    };
    let latitude = |i: usize| matches!(at(bytes, i), b'N' | b'S');
    let longitude = |i: usize| matches!(at(bytes, i), b'E' | b'W' | b'O');
    let parted = |i: usize| skip(bytes, i, |b| matches!(b, b' ' | b',' | b';' | b'/')).min(i + 3);
    let ahead = (floor..digit).rev().take(2).find(|i| at(bytes, *i) != b' ');
    if let Some(letter) = ahead.filter(|i| latitude(*i)) {
        let first = number(digit, 90.0)?;
        let second = parted(first);
        let inside = is_word(before(bytes, letter)) || second == first || !longitude(second);
        let end = number(blank(second + 1), 180.0).filter(|_| !inside)?;
        return (!is_word(at(bytes, end))).then_some((letter, end));
    }
    let letter = blank(number(digit, 90.0)?);
    let second = parted(letter + 1);
    if is_word(before(bytes, digit)) || !latitude(letter) || second == letter + 1 {
        return None;
    }
    let end = blank(number(second, 180.0)?) + 1;
    (longitude(end - 1) && !is_word(at(bytes, end))).then_some((digit, end))
}

/// One angle: `51°7'52.2"N`, `3.2865° N`; its end.
fn angle(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (_, _, end) = decimal(bytes, from)?;
    let mut rest = text.get(end..)?.strip_prefix(['°', 'º'])?;
    let mut steps = 0;
    loop {
        let next = rest.trim_start_matches([' ', '\'', '"', '′', '″', '’', '”']);
        let pad = rest.len() - next.len();
        if pad > 8 || steps > 3 {
            return None;
        }
        steps += 1;
        if let Some(after) = next.strip_prefix(['N', 'S', 'E', 'W', 'O', 'n', 's', 'e', 'w']) {
            return Some(text.len() - after.len());
        }
        let at = text.len() - next.len();
        let (_, _, end) = decimal(bytes, at)?;
        rest = text.get(end..)?;
    }
}

fn angle_pair(text: &str, start: usize) -> Option<usize> {
    let first = angle(text, start)?;
    let second = skip(text.as_bytes(), first, |b| {
        matches!(b, b' ' | b',' | b';' | b'/')
    })
    .min(first + 3);
    angle(text, second)
}

/// Whether a whole value is one coordinate when its field's name says so.
pub(super) fn is_coordinate(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|n| n.abs() <= 180.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        coordinates(text, &mut out);
        out.iter().map(|f| &text[f.start..f.end]).collect()
    }

    #[test]
    fn pairs_are_found() {
        for (text, pair) in [
            ("geo:53.474412,-1.285959", "53.474412,-1.285959"),
            ("[17.579831,82.883814]", "17.579831,82.883814"),
            ("POINT(-111.82673 33.34660)", "-111.82673 33.34660"),
            ("51°7'52.2\"N 7°8'44.0\"E", "51°7'52.2\"N 7°8'44.0\"E"),
            ("3.2865° N, 99.1497° E", "3.2865° N, 99.1497° E"),
            (
                "position=25.921055,-97.480438;accuracy=12",
                "25.921055,-97.480438",
            ),
            ("?lat=52.5200&lng=13.4050", "52.5200&lng=13.4050"),
            ("33.1824, 47.4106", "33.1824, 47.4106"),
            ("/maps/@47.3769,8.5417,15z", "47.3769,8.5417"),
            ("N50.9981, E5.3860", "N50.9981, E5.3860"),
            ("Standort: N 33.4595 W 111.9199.", "N 33.4595 W 111.9199"),
            ("25.6764N 85.8596W", "25.6764N 85.8596W"),
            ("pickup 27.10751 N 82.42120 W soon", "27.10751 N 82.42120 W"),
            ("user is near 34.10530, -84.65297.", "34.10530, -84.65297"),
            ("GPS 43.579258 1.350938", "43.579258 1.350938"),
            ("10.174267 -73.941012", "10.174267 -73.941012"),
            ("POINT (14.11157 98.22129)", "14.11157 98.22129"),
        ] {
            assert_eq!(found(text), [pair], "{text}");
        }
    }

    #[test]
    fn other_pairs_are_left() {
        for text in [
            "663.6791,2528.9611",
            "0.168026,0.696049,0.864046",
            "scroll=1834.00,1058.12",
            "19.99, 29.99",
            "1920,1080",
            "11.911 453.858 296.934 277.207",
            "1.0, 2.0, 3.0",
            "3.14159265",
            "12.3456,7",
            "0.12345,0.23456",
            "scores 10.174267 73.941012",
            "10.1742 73.9410",
            "12.5 N 13.5 E",
            "size 10.125 S 12.125 XL",
            "DIN50.9981, E5.3860",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    /// A look at every byte.
    fn plainly(text: &str) -> Vec<(usize, usize)> {
        let bytes = text.as_bytes();
        let mut out = Vec::new();
        let mut i = 0;
        while i < bytes.len() {
            let starts = at(bytes, i).is_ascii_digit()
                || matches!(at(bytes, i), b'-' | b'+') && at(bytes, i + 1).is_ascii_digit();
            let ahead = before(bytes, i);
            if !starts || is_word(ahead) && ahead < 0x80 || ahead == b'.' {
                i += 1;
                continue;
            }
            if let Some(end) = angle_pair(text, i).or_else(|| decimal_pair(bytes, i)) {
                out.push((i, end));
                i = end;
                continue;
            }
            i = skip(bytes, i + 1, |b| b.is_ascii_digit() || b == b'.');
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn digits_lead_to_all_that_a_look_at_every_byte_finds(
            text in "(lat[=: ]|lng=|[+-]?[0-9]{1,3}[.][0-9]{2,6}|, ?|;|°[NSEW]?|[ a.é'/+-]|[0-9]|POINT[(]){0,12}"
        ) {
            let mut mine = Vec::new();
            coordinates(&text, &mut mine);
            let mine: Vec<_> = mine.iter().map(|f| (f.start, f.end)).collect();
            prop_assert_eq!(mine, plainly(&text));
        }
    }
}
