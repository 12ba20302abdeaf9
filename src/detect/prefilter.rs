//! The prefilter: most kept strings hold nothing and are told so here, in one pass over their raw
//! bytes, sixteen at a time.
//!
//! Invariant: `false` means that [`super::scan`] and [`super::scan_entities`] of the text, unescaped
//! or not, find nothing, and that no encoding is nested in it (a property test holds it).

use super::block::{Block, WIDTH, low};
use super::token;

/// Whether a string of these bytes, still escaped or not, may hold a span or a nested encoding.
#[must_use]
#[inline]
pub fn may_hold(bytes: &[u8]) -> bool {
    let len = bytes.len();
    if len <= WIDTH {
        let mut seen = Seen::default();
        return (seen.add(Block::short(bytes), low(len), len) || seen.may_hold(bytes))
            && !token::is_time(bytes);
    }
    !token::is_time(bytes) && long(bytes)
}

#[inline(never)]
fn long(bytes: &[u8]) -> bool {
    let mut seen = Seen::default();
    let (blocks, rest) = bytes.as_chunks::<WIDTH>();
    blocks
        .iter()
        .any(|block| seen.add(Block::new(*block), low(WIDTH), bytes.len()))
        || !rest.is_empty() && seen.add(Block::short(rest), low(rest.len()), bytes.len())
        || seen.may_hold(bytes)
}

/// What was seen so far in a string.
#[derive(Default)]
struct Seen {
    digits: u32,
    /// An upper-case letter after a lower-case one or a blank.
    capital: bool,
    /// `//`.
    slashes: bool,
    slash: bool,
    blank: bool,
    lower: bool,
    dash: bool,
    /// Whether the byte before was a lower-case letter or a blank; whether it was a slash.
    last: (u32, u32),
}

impl Seen {
    /// Takes in a block; true when it holds a mark that settles it.
    #[inline]
    fn add(&mut self, block: Block, valid: u32, len: usize) -> bool {
        if block.hot() & valid != 0 {
            return true;
        }
        if len < LEAST {
            return false;
        }
        let (lower, blank) = (block.lower() & valid, block.blank() & valid);
        let (upper, slash) = (block.upper() & valid, block.is(b'/') & valid);
        let before = lower | blank;
        self.digits += (block.digits() & valid).count_ones();
        self.capital |= upper & (before << 1 | self.last.0) != 0;
        self.slashes |= slash & (slash << 1 | self.last.1) != 0;
        self.slash |= slash != 0;
        self.blank |= blank != 0;
        self.lower |= lower != 0;
        self.dash |= block.is(b'-') & valid != 0;
        self.last = (before >> (WIDTH - 1) & 1, slash >> (WIDTH - 1) & 1);
        false
    }

    #[inline]
    fn may_hold(&self, bytes: &[u8]) -> bool {
        let len = bytes.len();
        if len < LEAST {
            return false;
        }
        self.digits >= 4
            || (self.digits >= 1 && (len >= 12 || self.blank || self.slash))
            || self.slashes
            || self.capital
            || (len >= 16 && !self.lower)
            || (len >= 36 && self.dash)
            || (len >= 10 && matches!(bytes.first(), Some(b'b' | b'B')))
            || (len >= 10 && may_be_written_out(bytes))
    }
}

/// Whether an address may be written as `jane (at) example.com`.
pub(super) fn may_be_written_out(bytes: &[u8]) -> bool {
    memchr::memchr3_iter(b'[', b'(', b'{', bytes).any(|open| {
        matches!(
            bytes.get(open + 1..open + 4),
            Some([b'a' | b'A', b't' | b'T', b']' | b')' | b'}'])
        )
    })
}

/// Nothing that is recognised without one of the hot marks is shorter.
const LEAST: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_told_apart_from_candidates() {
        for text in [
            "",
            "pro",
            "Chrome",
            "click",
            "12.5",
            "checkout_step",
            "sign up",
            "/pricing",
            "en-GB",
        ] {
            assert!(!may_hold(text.as_bytes()), "{text}");
        }
        for text in [
            "a@b.de",
            "8.8.8.8",
            "+4930",
            "a\\u0040b",
            "//cdn.example.com",
            "Jane Doe",
            "müller",
        ] {
            assert!(may_hold(text.as_bytes()), "{text}");
        }
    }
}
