//! The parts of a text that could hold a street: most of a text is none, and is not cut into words.
//!
//! Invariant: every number and every word that opens a street's name lies in a part, with the words
//! that `address` looks at round it; a part begins and ends at a blank or where the text does. Linear.

use std::ops::Range;

use super::address_core::words;
use super::address_words::{OPENER, may_open};
use super::block::{Block, WIDTH, low};
use super::bytes::{at, before, skip};

/// How many words before a number or an opener belong to a part, and behind it.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    before: usize,
    behind: usize,
}

/// More words than are looked at for a whole address.
pub(super) const ADDRESS: Reach = Reach {
    before: 8,
    behind: 48,
};
/// More words than are looked at for what an address grows from.
pub(super) const CORE: Reach = Reach {
    before: 2,
    behind: 12,
};

/// The next part within the text at or after `from`, which is where the one before ended.
pub(super) fn next_part(text: &str, from: usize, reach: Reach) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let first = trigger(text, from, bytes.len())?;
    let start = words_back(bytes, first, reach.before);
    let mut end = words_on(bytes, first, reach.behind);
    let mut scanned = first + 1;
    loop {
        let mut last = None;
        while let Some(next) = trigger(text, scanned, end) {
            last = Some(next);
            scanned = next + 1;
        }
        scanned = end;
        match last.map(|last| words_on(bytes, last, reach.behind)) {
            Some(further) if further > end => end = further,
            _ => return Some(start..end),
        }
    }
}

/// The first byte in `from..until` that begins a number or an opener.
fn trigger(text: &str, from: usize, until: usize) -> Option<usize> {
    let bytes = text.get(..until).unwrap_or("").as_bytes();
    let mut base = from;
    while base < until {
        let rest = bytes.get(base..).unwrap_or(&[]);
        let block = match rest.first_chunk::<WIDTH>() {
            Some(chunk) => Block::new(*chunk),
            None => Block::short(rest),
        };
        let word = block.alnum();
        let carry = u32::from(before(bytes, base).is_ascii_alphanumeric());
        // What begins a word, and all of what is no ASCII.
        let mut starts = (word & !(word << 1 | carry) | block.high()) & low(rest.len());
        while starts != 0 {
            let at = base + starts.trailing_zeros() as usize;
            if begins(text, at) {
                return Some(at);
            }
            starts &= starts - 1;
        }
        base += WIDTH;
    }
    None
}

/// Whether a number or an opener begins at `start`, which lies behind no ASCII letter or digit.
fn begins(text: &str, start: usize) -> bool {
    /// Longer than any opener.
    const LONG: usize = 24;
    let bytes = text.as_bytes();
    let first = at(bytes, start);
    if first.is_ascii_digit() {
        return true;
    }
    if !may_open(first, at(bytes, start + 1), at(bytes, start + 2)) {
        return false;
    }
    if first >= 0x80 {
        // Letters go on from letters.
        let head = text.get(..start);
        if head.is_none_or(|head| head.ends_with(char::is_alphanumeric)) {
            return false;
        }
    }
    let inside =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'\'' | b'/') || b >= 0x80;
    let near = bytes
        .get(..bytes.len().min(start + LONG + 1))
        .unwrap_or(&[]);
    let end = skip(near, start, inside);
    end > start + LONG
        || words(text, start..end)
            .first()
            .is_some_and(|word| word.is(OPENER))
}

/// A blank, which is inside no word.
fn blank(byte: u8) -> bool {
    byte <= b' '
}

/// Where the `n`th word before `from` begins, or the text.
fn words_back(bytes: &[u8], from: usize, n: usize) -> usize {
    let mut start = from;
    let mut words = 0;
    let mut lettered = false;
    while start > 0 {
        let ahead = before(bytes, start);
        if blank(ahead) {
            words += usize::from(lettered);
            lettered = false;
            if words > n {
                return start;
            }
        } else {
            lettered |= ahead.is_ascii_alphanumeric();
        }
        start -= 1;
    }
    start
}

/// Where the `n`th word after the one at `from` ends, or the text.
fn words_on(bytes: &[u8], from: usize, n: usize) -> usize {
    let mut end = from;
    let mut words = 0;
    let mut lettered = false;
    while end < bytes.len() {
        let byte = at(bytes, end);
        if blank(byte) {
            words += usize::from(lettered);
            lettered = false;
            if words > n {
                return end;
            }
        } else {
            lettered |= byte.is_ascii_alphanumeric();
        }
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_round_numbers_and_openers() {
        let filler = "some plain words that mean nothing at all here ".repeat(20);
        let text = format!("{filler}near 742 Canary Lane {filler}dans la rue de Bailly {filler}");
        let mut from = 0;
        let mut parts = Vec::new();
        while let Some(part) = next_part(&text, from, ADDRESS) {
            from = part.end;
            parts.push(&text[part]);
        }
        assert_eq!(parts.len(), 2);
        assert!(parts[0].contains("near 742 Canary Lane some") && parts[1].contains("dans la rue"));
        assert!(parts.iter().all(|part| part.len() < 400));
        assert_eq!(next_part(&filler, 0, ADDRESS), None);
    }
}
