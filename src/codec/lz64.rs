//! lz-string's `compressToBase64`: an LZ78 over UTF-16 units, written in base64 digits of six bits.
//!
//! [`encode`] writes exactly what lz-string 1.5 writes, so that any copy of it reads it back.
//! [`decode`] is exact: every digit is one of the alphabet's, the end marker stands where the digits
//! end, the text is whole UTF-16. Output is bounded while it is produced: a few digits can stand for
//! a long text. Knows no policy.

use hashbrown::HashMap;

use super::{DecodeError, DecodeErrorKind};

const LAYER: &str = "lz-string";
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Codes that stand for no entry: a unit of 8 bits, a unit of 16 bits, the end.
const UNIT8: u32 = 0;
const UNIT16: u32 = 1;
const END: u32 = 2;

/// Appends the text that `input` stands for, as UTF-8; at most `limit` bytes. A blank is a `+` that
/// a form decoder turned into one. On an error `out` is as it was.
///
/// # Errors
/// [`DecodeError`] when the text is not whole and exact, or longer than `limit`.
pub fn decode(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let digits = unpadded(input)?;
    let units = decompress(digits, limit)?;
    let start = out.len();
    let mut utf8 = [0; 4];
    for unit in char::decode_utf16(units) {
        let Ok(unit) = unit else {
            out.truncate(start);
            return Err(DecodeError::new(DecodeErrorKind::Utf8, LAYER, 0));
        };
        out.extend_from_slice(unit.encode_utf8(&mut utf8).as_bytes());
        if out.len() - start > limit {
            out.truncate(start);
            return Err(too_large());
        }
    }
    Ok(())
}

/// Appends `text`, compressed as lz-string does, with its padding.
pub fn encode(text: &str, out: &mut String) {
    let mut bits = BitWriter::default();
    let mut codes: HashMap<(u32, u16), u32> = HashMap::new();
    // Units that have a code but were not written themselves yet, by code.
    let mut unwritten: Vec<Option<u16>> = Vec::new();
    let mut width = Width {
        bits: 2,
        enlarge_in: 2,
    };
    let mut next = 3u32;
    let mut word: Option<u32> = None;
    for unit in text.encode_utf16() {
        let own = *codes.entry((0, unit)).or_insert_with(|| {
            note(&mut unwritten, next, Some(unit));
            next += 1;
            next - 1
        });
        let Some(before) = word else {
            word = Some(own);
            continue;
        };
        if let Some(longer) = codes.get(&(before, unit)) {
            word = Some(*longer);
            continue;
        }
        write_word(before, &mut unwritten, &mut width, &mut bits);
        codes.insert((before, unit), next);
        next += 1;
        word = Some(own);
    }
    if let Some(word) = word {
        write_word(word, &mut unwritten, &mut width, &mut bits);
    }
    bits.push(END, width.bits);
    bits.finish(out);
}

/// The digits without the padding, of which lz-string writes up to three.
fn unpadded(input: &[u8]) -> Result<&[u8], DecodeError> {
    let len = input
        .iter()
        .rposition(|b| *b != b'=')
        .map_or(0, |at| at + 1);
    let digits = input.get(..len).unwrap_or_default();
    let padding = input.len() - len;
    if digits.is_empty() {
        return Err(DecodeError::new(DecodeErrorKind::Empty, LAYER, 0));
    }
    if padding > 3 || (padding > 0 && !input.len().is_multiple_of(4)) {
        return Err(DecodeError::new(DecodeErrorKind::Trailing, LAYER, len));
    }
    Ok(digits)
}

fn decompress(digits: &[u8], limit: usize) -> Result<Vec<u16>, DecodeError> {
    let mut bits = BitReader { digits, at: 0 };
    let mut units: Vec<u16> = Vec::new();
    // An entry is a part of what was written: where it begins, how long it is. The first three
    // codes have none.
    let mut entries: Vec<(usize, usize)> = vec![(0, 0); 3];
    let mut width = Width {
        bits: 2,
        enlarge_in: 1,
    };
    let mut word = (0, 0);
    loop {
        let code = bits.take(width.bits)?;
        let place = units.len();
        let entry = match code {
            END => break,
            UNIT8 | UNIT16 => {
                let unit = bits.take(if code == UNIT8 { 8 } else { 16 })?;
                units.push(u16::try_from(unit).unwrap_or_default());
                entries.push((place, 1));
                // The very first unit does not count: nothing stands before it.
                if place > 0 {
                    width.count();
                }
                (place, 1)
            }
            _ => {
                let index = code as usize;
                let (start, len) = match entries.get(index) {
                    Some(entry) => *entry,
                    // The entry that is just being made: the last word and its first unit.
                    None if index == entries.len() && place > 0 => (word.0, word.1 + 1),
                    None => return Err(bits.error(DecodeErrorKind::Corrupt)),
                };
                if units.len() + len > limit {
                    return Err(too_large());
                }
                for at in start..start + len {
                    let unit = units.get(at).copied();
                    units.push(unit.ok_or_else(|| bits.error(DecodeErrorKind::Corrupt))?);
                }
                (place, len)
            }
        };
        if units.len() > limit {
            return Err(too_large());
        }
        if place > 0 {
            entries.push((word.0, word.1 + 1));
        }
        width.count();
        word = entry;
    }
    bits.end()?;
    Ok(units)
}

/// How many bits a code takes, and after how many codes it takes one more.
struct Width {
    bits: u32,
    enlarge_in: u64,
}

impl Width {
    fn count(&mut self) {
        self.enlarge_in -= 1;
        if self.enlarge_in == 0 {
            self.enlarge_in = 1 << self.bits;
            self.bits += 1;
        }
    }
}

fn note(unwritten: &mut Vec<Option<u16>>, code: u32, unit: Option<u16>) {
    let at = code as usize;
    if unwritten.len() <= at {
        unwritten.resize(at + 1, None);
    }
    if let Some(slot) = unwritten.get_mut(at) {
        *slot = unit;
    }
}

fn write_word(code: u32, unwritten: &mut [Option<u16>], width: &mut Width, bits: &mut BitWriter) {
    let fresh = unwritten.get_mut(code as usize).and_then(Option::take);
    match fresh {
        Some(unit) => {
            let (kind, len) = if unit < 256 { (UNIT8, 8) } else { (UNIT16, 16) };
            bits.push(kind, width.bits);
            bits.push(u32::from(unit), len);
            width.count();
        }
        None => bits.push(code, width.bits),
    }
    width.count();
}

/// Values lie in the digits with their lowest bit first; a digit's highest bit comes first.
struct BitReader<'a> {
    digits: &'a [u8],
    /// In bits.
    at: usize,
}

impl BitReader<'_> {
    fn bit(&mut self) -> Result<u32, DecodeError> {
        let Some(digit) = self.digits.get(self.at / 6) else {
            return Err(self.error(DecodeErrorKind::Truncated));
        };
        let Some(value) = value(*digit) else {
            return Err(self.error(DecodeErrorKind::Syntax));
        };
        let bit = value >> (5 - self.at % 6) & 1;
        self.at += 1;
        Ok(u32::from(bit))
    }

    fn take(&mut self, count: u32) -> Result<u32, DecodeError> {
        (0..count.min(32)).try_fold(0, |value, at| Ok(value | self.bit()? << at))
    }

    /// Behind the end marker stands a zero or more, up to the end of a digit.
    fn end(&mut self) -> Result<(), DecodeError> {
        let all = self.at / 6 + 1;
        while self.at < all * 6 {
            if self.bit()? != 0 {
                return Err(self.error(DecodeErrorKind::Trailing));
            }
        }
        if all == self.digits.len() {
            Ok(())
        } else {
            Err(self.error(DecodeErrorKind::Trailing))
        }
    }

    fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(kind, LAYER, self.at / 6)
    }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' | b' ' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[derive(Default)]
struct BitWriter {
    digits: Vec<u8>,
    digit: u8,
    filled: u8,
}

impl BitWriter {
    fn push(&mut self, value: u32, count: u32) {
        for at in 0..count {
            self.bit(value.checked_shr(at).unwrap_or(0) & 1 == 1);
        }
    }

    fn bit(&mut self, bit: bool) {
        self.digit = self.digit << 1 | u8::from(bit);
        self.filled += 1;
        if self.filled == 6 {
            let digit = DIGITS.get(usize::from(self.digit)).copied();
            self.digits.push(digit.unwrap_or(b'A'));
            self.digit = 0;
            self.filled = 0;
        }
    }

    /// At least one zero stands behind the end marker; the last digit is filled with them.
    fn finish(mut self, out: &mut String) {
        self.bit(false);
        while self.filled != 0 {
            self.bit(false);
        }
        while !self.digits.len().is_multiple_of(4) {
            self.digits.push(b'=');
        }
        out.extend(self.digits.iter().map(|digit| char::from(*digit)));
    }
}

fn too_large() -> DecodeError {
    DecodeError::new(DecodeErrorKind::TooLarge, LAYER, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(text: &str) -> String {
        let mut out = String::new();
        encode(text, &mut out);
        out
    }

    fn unpacked(text: &str) -> Result<String, DecodeErrorKind> {
        let mut out = b"x".to_vec();
        match decode(text.as_bytes(), 1 << 20, &mut out) {
            Ok(()) => Ok(String::from_utf8(out.split_off(1)).unwrap()),
            Err(error) => {
                assert_eq!(out, b"x");
                Err(error.kind)
            }
        }
    }

    /// Written by lz-string 1.5.0.
    const KNOWN: &[(&str, &str)] = &[
        ("", "Q==="),
        ("a", "IZA="),
        ("aaaa", "IY5A"),
        ("{}", "N4XyA==="),
        ("{\"event\":\"a\"}", "N4IgpgbmB2AuIC4QEMQF8g=="),
        (
            "[{\"event\":\"Checkout Completed\",\"properties\":{\"distinct_id\":\"u-1\",\"$lib\":\"web\",\"distinct_id_2\":\"u-1\"}}]",
            "NobwRApgbhB2AuYBcYDCALCBjA1gewFd4ACVPAWwAcAbCeCAEzABoxKAnPSid+ASwgBnZOAZ9B/WFngB9PkxQEAtAEYWYACTU+AI2RgA7hD2sxEvlNnyZAJn3K1AX0cBdIA=",
        ),
        (
            "naïve café 日本語 😀 日本語 😀",
            "HYQw9wbgpgBAxiAZgS5oU9NA05oPKiaF4NwAHvrZ75A=",
        ),
        ("abababababababababababababababab", "IYI17SOrdI=="),
    ];

    #[test]
    fn lz_string_writes_the_same() {
        for (text, wire) in KNOWN {
            assert_eq!(packed(text), *wire);
            assert_eq!(unpacked(wire).as_deref(), Ok(*text));
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let good = packed("{\"event\":\"a\",\"distinct_id\":\"user-48213\"}");
        assert!(unpacked(&good).is_ok());
        assert!(unpacked(good.trim_end_matches('=')).is_ok());
        let bare = good.trim_end_matches('=').to_owned();
        for bad in [
            String::new(),
            "====".into(),
            format!("{bare}A"),
            format!("{bare}===="),
            bare[..bare.len() - 2].to_owned(),
            format!("-{bare}"),
            "A".into(),
        ] {
            assert!(unpacked(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn output_is_bounded() {
        let wire = packed(&"a".repeat(100_000));
        assert!(wire.len() < 2_000);
        let mut out = Vec::new();
        assert_eq!(
            decode(wire.as_bytes(), 99_999, &mut out).unwrap_err().kind,
            DecodeErrorKind::TooLarge
        );
        assert!(out.is_empty());
        assert!(decode(wire.as_bytes(), 100_000, &mut out).is_ok());
    }

    proptest! {
        #[test]
        fn texts_come_back(text in "(?s).{0,300}", again in 0usize..4) {
            let text = text.repeat(again);
            let wire = packed(&text);
            prop_assert!(wire.is_ascii() && wire.len().is_multiple_of(4));
            prop_assert_eq!(unpacked(&wire), Ok(text));
        }

        #[test]
        fn noise_never_panics(wire in "[A-Za-d0-3+/=]{0,80}") {
            let _ = unpacked(&wire);
        }
    }
}
