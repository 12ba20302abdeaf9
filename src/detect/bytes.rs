//! Byte classes and small cursors shared by the recognisers.
//!
//! Invariant: every helper is total: an index outside the text reads as a blank. Knows no entity.

/// Any byte outside ASCII.
pub(super) const HIGH: u16 = 1;
/// `0-9`.
pub(super) const DIGIT: u16 = 1 << 1;
/// `A-Z`.
pub(super) const UPPER: u16 = 1 << 2;
/// `a-z`.
pub(super) const LOWER: u16 = 1 << 3;
/// `@`.
pub(super) const AT: u16 = 1 << 4;
/// `:`.
pub(super) const COLON: u16 = 1 << 5;
/// `=`.
pub(super) const EQUALS: u16 = 1 << 6;
/// `/`.
pub(super) const SLASH: u16 = 1 << 7;
/// `%`, `\`, `&`: an encoding may hide something.
#[cfg(test)]
pub(super) const FOLDED: u16 = 1 << 8;
/// A blank.
pub(super) const SPACE: u16 = 1 << 9;
/// `-`.
pub(super) const DASH: u16 = 1 << 10;
/// `.`.
pub(super) const DOT: u16 = 1 << 11;
/// `{`, `[`, `"`: another document may be nested.
#[cfg(test)]
pub(super) const NEST: u16 = 1 << 12;
/// `+`.
#[cfg(test)]
pub(super) const PLUS: u16 = 1 << 13;

/// The class of each byte.
#[cfg(test)]
pub(super) static CLASS: [u16; 256] = classes();

#[cfg(test)]
const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "at < 256")]
        let byte = at as u8;
        table[at] = match byte {
            0x80.. => HIGH,
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'@' => AT,
            b':' => COLON,
            b'=' => EQUALS,
            b'/' => SLASH,
            b'%' | b'\\' | b'&' => FOLDED,
            b' ' | b'\n' | b'\t' | b'\r' => SPACE,
            b'-' => DASH,
            b'.' => DOT,
            b'{' | b'[' | b'"' => NEST,
            b'+' => PLUS,
            _ => 0,
        };
        at += 1;
    }
    table
}

/// The class of `byte`.
#[cfg(test)]
#[inline]
pub(super) fn class(byte: u8) -> u16 {
    CLASS.get(usize::from(byte)).copied().unwrap_or(0)
}

/// The byte at `at`, or a blank outside.
#[inline]
pub(super) fn at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(b' ')
}

/// The byte before `at`, or a blank at the start.
#[inline]
pub(super) fn before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(b' ', |i| self::at(bytes, i))
}

/// Whether `byte` can belong to a word: ASCII letter or digit, `_`, or anything beyond ASCII.
#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether a word goes on at `at`: see [`is_word`]; beyond ASCII only a letter counts, and none of a
/// script without blanks between words. Quotation marks, an ellipsis and symbols end a word.
#[inline]
pub(super) fn word_after(bytes: &[u8], at: usize) -> bool {
    match self::at(bytes, at) {
        0x80.. => {
            let mut chunks = part(bytes, at, at + 4).utf8_chunks();
            let next = chunks.next().and_then(|chunk| chunk.valid().chars().next());
            next.is_none_or(is_letter)
        }
        byte => is_word(byte),
    }
}

/// Whether a word reaches up to `at`, by the same measure as [`word_after`].
#[inline]
pub(super) fn word_up_to(bytes: &[u8], at: usize) -> bool {
    match before(bytes, at) {
        0x80.. => {
            let tails = (2..=4).map(|length| part(bytes, at.saturating_sub(length), at));
            let mut last = tails.filter_map(|tail| std::str::from_utf8(tail).ok()?.chars().next());
            last.next().is_none_or(is_letter)
        }
        byte => is_word(byte),
    }
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && c < '\u{2e80}'
}

/// The slice `start..end`, as far as there is one.
#[inline]
pub(super) fn part(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end.min(bytes.len())).unwrap_or(&[])
}

/// First index at or after `from` whose byte does not satisfy `keep`.
#[inline]
pub(super) fn skip(bytes: &[u8], from: usize, keep: impl Fn(u8) -> bool) -> usize {
    let mut i = from;
    while i < bytes.len() && keep(at(bytes, i)) {
        i += 1;
    }
    i
}

/// First index of the run that ends at `until` and satisfies `keep`.
#[inline]
pub(super) fn skip_back(bytes: &[u8], until: usize, keep: impl Fn(u8) -> bool) -> usize {
    let mut i = until;
    while i > 0 && keep(before(bytes, i)) {
        i -= 1;
    }
    i
}

/// Whether any of `words` (lower case) stands, as the start of a word, in the last `window` bytes
/// before `until`.
pub(super) fn word_before(bytes: &[u8], until: usize, window: usize, words: &[&str]) -> bool {
    let from = until.saturating_sub(window);
    let mut i = from;
    while i < until {
        if !is_word(before(bytes, i)) || before(bytes, i) == b'_' {
            let rest = part(bytes, i, until);
            if words.iter().any(|word| {
                rest.get(..word.len())
                    .is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
            }) {
                return true;
            }
        }
        i += 1;
    }
    false
}

/// The value of a run of ASCII digits, saturating.
pub(super) fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .filter(|b| b.is_ascii_digit())
        .fold(0_u64, |n, b| {
            n.saturating_mul(10).saturating_add(u64::from(b - b'0'))
        })
}

/// The byte two before `at`, or a blank.
#[inline]
pub(super) fn second_before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(2).map_or(b' ', |i| self::at(bytes, i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_signs_of_any_script() {
        for (sign, word) in [
            ("a", true),
            ("_", true),
            ("7", true),
            ("é", true),
            ("я", true),
            ("א", true),
            (" ", false),
            (".", false),
            ("“", false),
            ("”", false),
            ("’", false),
            ("…", false),
            ("«", false),
            ("\u{a0}", false),
            ("\u{2028}", false),
            ("•", false),
            ("。", false),
            ("日", false),
            ("😀", false),
        ] {
            let text = format!("1{sign}1");
            assert_eq!(word_after(text.as_bytes(), 1), word, "{sign}");
            assert_eq!(word_up_to(text.as_bytes(), text.len() - 1), word, "{sign}");
        }
    }
}
