//! Sixteen bytes at a time: which of them belong to a class, as a bit each.
//!
//! SSE2 and NEON have all that is used here, so the portable build is as fast as any. Knows no
//! entity.

use wide::u8x16;

use super::bytes::{AT, COLON, DASH, DIGIT, DOT, EQUALS, HIGH, LOWER, SLASH, SPACE, UPPER};

/// Bytes of a block.
pub(super) const WIDTH: usize = 16;

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(super) struct Block(u8x16);

impl Block {
    #[inline]
    pub(super) fn new(bytes: [u8; WIDTH]) -> Self {
        Self(u8x16::new(bytes))
    }

    /// The first bytes of `bytes`, filled up with zeros, when it is shorter than a block.
    #[inline]
    pub(super) fn short(bytes: &[u8]) -> Self {
        let len = bytes.len().min(WIDTH);
        let word = |b: &[u8; 8]| u128::from(u64::from_le_bytes(*b));
        let half = |b: &[u8; 4]| u128::from(u32::from_le_bytes(*b));
        let packed = if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
            word(head) | word(tail) << (8 * (len - 8))
        } else if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
            half(head) | half(tail) << (8 * (len - 4))
        } else {
            bytes
                .iter()
                .rev()
                .fold(0, |all, byte| all << 8 | u128::from(*byte))
        };
        Self::new(packed.to_le_bytes())
    }

    #[inline]
    fn eq(self, byte: u8) -> u8x16 {
        self.0.simd_eq(u8x16::new([byte; WIDTH]))
    }

    #[inline]
    fn within(self, first: u8, last: u8) -> u8x16 {
        let from = self.0 - u8x16::new([first; WIDTH]);
        from.min(u8x16::new([last - first; WIDTH])).simd_eq(from)
    }

    /// Bytes outside ASCII, and the marks without which little is recognised: `@`, `:`, `=`, `+`,
    /// what an escape begins with (`%`, `&`, `\`), what a document begins with (`{`, `[`, `"`).
    #[inline]
    pub(super) fn hot(self) -> u32 {
        let brackets = (self.0 | u8x16::new([0x20; WIDTH])).simd_eq(u8x16::new([b'{'; WIDTH]));
        let marks = self.eq(b'@') | self.eq(b':') | self.eq(b'=') | self.eq(b'+');
        let folds = self.within(b'%', b'&') | self.eq(b'\\') | self.eq(b'"');
        // The mask takes the uppermost bits: those of bytes outside ASCII are set.
        (self.0 | brackets | marks | folds).to_bitmask()
    }

    #[inline]
    pub(super) fn is(self, byte: u8) -> u32 {
        self.eq(byte).to_bitmask()
    }

    #[inline]
    pub(super) fn digits(self) -> u32 {
        self.within(b'0', b'9').to_bitmask()
    }

    #[inline]
    pub(super) fn upper(self) -> u32 {
        self.within(b'A', b'Z').to_bitmask()
    }

    #[inline]
    pub(super) fn lower(self) -> u32 {
        self.within(b'a', b'z').to_bitmask()
    }

    /// Letters and digits of ASCII.
    #[inline]
    pub(super) fn alnum(self) -> u32 {
        let lowered = Self(self.0 | u8x16::new([0x20; WIDTH]));
        (lowered.within(b'a', b'z') | self.within(b'0', b'9')).to_bitmask()
    }

    /// Bytes outside ASCII.
    #[inline]
    pub(super) fn high(self) -> u32 {
        self.0.to_bitmask()
    }

    /// Blanks and control characters.
    #[inline]
    pub(super) fn blank(self) -> u32 {
        self.within(0, b' ').to_bitmask()
    }

    /// Bytes outside ASCII and what an escape begins with: where folded text may differ.
    #[inline]
    pub(super) fn foldable(self) -> u32 {
        (self.0 | self.within(b'%', b'&') | self.eq(b'\\')).to_bitmask()
    }
}

/// The classes of bytes that stand in a text (see [`super::bytes`]; marks of folding, nesting and `+`
/// are left out), and how many digits.
pub(super) fn classes(bytes: &[u8]) -> (u16, usize) {
    let zero = u8x16::new([0; WIDTH]);
    let mut any = [zero; 8];
    let mut high = zero;
    let mut digits = 0;
    let (blocks, rest) = bytes.as_chunks::<WIDTH>();
    let last = Block::short(rest);
    for block in blocks.iter().map(|b| Block::new(*b)).chain([last]) {
        let [at, colon, equals, slash, dash, dot, upper, lower] = &mut any;
        *at |= block.eq(b'@');
        *colon |= block.eq(b':');
        *equals |= block.eq(b'=');
        *slash |= block.eq(b'/');
        *dash |= block.eq(b'-');
        *dot |= block.eq(b'.');
        *upper |= block.within(b'A', b'Z');
        *lower |= block.within(b'a', b'z');
        high |= block.0;
        digits += block.digits().count_ones() as usize;
    }
    let classes = [AT, COLON, EQUALS, SLASH, DASH, DOT, UPPER, LOWER];
    let mut seen = if high.to_bitmask() == 0 { 0 } else { HIGH };
    for (found, class) in any.into_iter().zip(classes) {
        if found.to_bitmask() != 0 {
            seen |= class;
        }
    }
    if digits > 0 {
        seen |= DIGIT;
    }
    if bytes
        .iter()
        .any(|b| matches!(b, b' ' | b'\n' | b'\t' | b'\r'))
    {
        seen |= SPACE;
    }
    (seen, digits)
}

/// The first byte at or after `from` of which `class` has the bit set.
#[inline]
pub(super) fn find(bytes: &[u8], from: usize, class: impl Fn(Block) -> u32) -> Option<usize> {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let mask = class(Block::new(*chunk));
        if mask != 0 {
            return Some(at + mask.trailing_zeros() as usize);
        }
        at += WIDTH;
    }
    let rest = bytes.get(at..).unwrap_or(&[]);
    let mask = class(Block::short(rest)) & low(rest.len());
    (mask != 0).then(|| at + mask.trailing_zeros() as usize)
}

/// The next run of at least `least` bytes that satisfy `keep`, at or after `from`: its first byte and
/// the one behind its last. Looks at one byte in `least` where there is none.
pub(crate) fn run(
    bytes: &[u8],
    from: usize,
    least: usize,
    keep: impl Fn(u8) -> bool,
) -> Option<(usize, usize)> {
    // Nothing before `start` belongs to a run that is not told yet.
    let mut start = from;
    loop {
        let probe = start + least.checked_sub(1)?;
        let byte = *bytes.get(probe)?;
        if !keep(byte) {
            start = probe + 1;
            continue;
        }
        let mut first = probe;
        while first > start && bytes.get(first - 1).is_some_and(|b| keep(*b)) {
            first -= 1;
        }
        if first > start {
            // `first - 1` breaks the run; it may still be long enough from `first` on.
            start = first;
            continue;
        }
        let mut end = probe + 1;
        while bytes.get(end).is_some_and(|b| keep(*b)) {
            end += 1;
        }
        return Some((start, end));
    }
}

/// The lowest `n` bits.
#[inline]
pub(super) fn low(n: usize) -> u32 {
    if n >= WIDTH { 0xffff } else { (1 << n) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_look_at_each_byte(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let short = &bytes[..bytes.len().min(WIDTH)];
            let block = Block::short(short);
            let each = |test: fn(u8) -> bool| {
                short.iter().enumerate().fold(0, |m, (i, b)| m | u32::from(test(*b)) << i)
            };
            let mine = |mask: u32| mask & low(short.len());
            prop_assert_eq!(mine(block.digits()), each(|b| b.is_ascii_digit()));
            prop_assert_eq!(mine(block.upper()), each(|b| b.is_ascii_uppercase()));
            prop_assert_eq!(mine(block.alnum()), each(|b| b.is_ascii_alphanumeric()));
            prop_assert_eq!(mine(block.high()), each(|b| b >= 0x80));
            prop_assert_eq!(mine(block.lower()), each(|b| b.is_ascii_lowercase()));
            prop_assert_eq!(mine(block.blank()), each(|b| b <= b' '));
            prop_assert_eq!(mine(block.is(b'/')), each(|b| b == b'/'));
            prop_assert_eq!(mine(block.foldable()), each(|b| b >= 0x80 || b"%&\\".contains(&b)));
            prop_assert_eq!(
                mine(block.hot()),
                each(|b| b >= 0x80 || b"@:=+%&\\{[\"".contains(&b))
            );
            let told = HIGH | AT | COLON | EQUALS | SLASH | DASH | DOT | UPPER | LOWER | DIGIT | SPACE;
            let seen = bytes.iter().fold(0, |seen, b| seen | super::super::bytes::class(*b));
            let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
            prop_assert_eq!(classes(&bytes), (seen & told, digits));
            let runs = {
                let mut runs = Vec::new();
                let mut from = 0;
                while let Some((start, end)) = run(&bytes, from, 3, |b| b < 0xa0) {
                    runs.push(start..end);
                    from = end;
                }
                runs
            };
            let mut plain = Vec::new();
            let mut start = 0;
            for at in 0..=bytes.len() {
                if bytes.get(at).is_some_and(|b| *b < 0xa0) {
                    continue;
                }
                if at - start >= 3 {
                    plain.push(start..at);
                }
                start = at + 1;
            }
            prop_assert_eq!(runs, plain);
            for from in 0..=bytes.len() {
                let plain = bytes[from..].iter().position(u8::is_ascii_digit).map(|n| n + from);
                prop_assert_eq!(find(&bytes, from, Block::digits), plain);
            }
        }
    }
}
