//! CESU-8: text whose characters beyond the BMP come as two surrogate halves of three bytes each.
//!
//! Two SDKs base64-encode emoji so. Pairs are joined into UTF-8; a lone half is refused, since
//! readers disagree on what it says.

use super::{DecodeError, DecodeErrorKind};

const LAYER: &str = "cesu-8";
/// Bytes of one half.
const HALF: usize = 3;

/// Appends `input` as UTF-8; answers whether any pair was joined.
///
/// # Errors
/// [`DecodeErrorKind::Utf8`] for a lone surrogate half or any other bytes that are not UTF-8; `out`
/// then holds what came before.
pub fn to_utf8(input: &[u8], out: &mut Vec<u8>) -> Result<bool, DecodeError> {
    let mut rest = input;
    let mut joined = false;
    loop {
        let valid = match std::str::from_utf8(rest) {
            Ok(_) => {
                out.extend_from_slice(rest);
                return Ok(joined);
            }
            Err(error) => error.valid_up_to(),
        };
        let (good, bad) = rest.split_at(valid);
        out.extend_from_slice(good);
        let Some(character) = pair(bad) else {
            let offset = input.len() - bad.len();
            return Err(DecodeError::new(DecodeErrorKind::Utf8, LAYER, offset));
        };
        let mut utf8 = [0; 4];
        out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        rest = bad.get(2 * HALF..).unwrap_or_default();
        joined = true;
    }
}

/// The character that the surrogate pair at the start of `bytes` stands for.
fn pair(bytes: &[u8]) -> Option<char> {
    let &[
        0xed,
        h1 @ 0xa0..=0xaf,
        h2 @ 0x80..=0xbf,
        0xed,
        l1 @ 0xb0..=0xbf,
        l2 @ 0x80..=0xbf,
        ..,
    ] = bytes
    else {
        return None;
    };
    let high = u32::from(h1 & 0x0f) << 6 | u32::from(h2 & 0x3f);
    let low = u32::from(l1 & 0x0f) << 6 | u32::from(l2 & 0x3f);
    char::from_u32(0x1_0000 + (high << 10 | low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cesu8(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for unit in text.encode_utf16() {
            match char::from_u32(u32::from(unit)) {
                Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                None => {
                    let [high, low] = unit.to_be_bytes();
                    let last = 0x80 | (low & 0x3f);
                    out.extend([0xed, 0x80 | ((high & 0x0f) << 2) | (low >> 6), last]);
                }
            }
        }
        out
    }

    #[test]
    fn lone_halves_are_refused() {
        for bad in [
            &b"a\xed\xa0\xbd"[..],
            b"a\xed\xb8\x80",
            b"a\xed\xa0\xbdz",
            b"a\xff",
            b"a\xed\xa0\xbd\xed\xa0\xbd",
        ] {
            let error = to_utf8(bad, &mut Vec::new()).unwrap_err();
            assert_eq!((error.kind, error.offset), (DecodeErrorKind::Utf8, 1));
        }
    }

    #[test]
    fn utf8_stays() {
        let mut out = Vec::new();
        assert!(!to_utf8("é 😀".as_bytes(), &mut out).unwrap());
        assert_eq!(out, "é 😀".as_bytes());
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC*") {
            let mut out = Vec::new();
            let joined = to_utf8(&cesu8(&text), &mut out).unwrap();
            prop_assert_eq!(&out, text.as_bytes());
            prop_assert_eq!(joined, text.chars().any(|c| c as u32 > 0xffff));
        }
    }
}
