//! `application/x-www-form-urlencoded`, as bodies and as query strings.
//!
//! Pairs are ranges of the input, so that a pair that stays is copied byte for byte. Only `&`
//! separates; a raw `;`, which some readers take for a separator, is refused, and so are `%` without
//! two hex digits and anything that does not decode to UTF-8. Empty pairs (`a=1&&b=2`) are skipped
//! by all readers and yielded by none; a key without `=` has no value; a second `=` belongs to the
//! value. A `+` is a blank.

use std::ops::Range;

use super::{DecodeError, DecodeErrorKind};

const LAYER: &str = "form";

/// One `key=value`, as byte ranges of the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    /// All of it, without the `&` around.
    pub whole: Range<usize>,
    /// What stands before the first `=`.
    pub key: Range<usize>,
    /// What stands after it; `None` without `=`.
    pub value: Option<Range<usize>>,
}

/// The pairs of a form, in order.
#[derive(Clone)]
pub struct Pairs<'a> {
    input: &'a [u8],
    at: usize,
}

/// The pairs of a form or query string (without `?`). After an error there are no more.
#[must_use]
pub fn pairs(input: &[u8]) -> Pairs<'_> {
    Pairs { input, at: 0 }
}

impl Iterator for Pairs<'_> {
    type Item = Result<Pair, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.at;
            let rest = self.input.get(start..).filter(|rest| !rest.is_empty())?;
            let len = memchr::memchr(b'&', rest).unwrap_or(rest.len());
            self.at = start + len + 1;
            if len == 0 {
                continue;
            }
            let pair = rest.get(..len).unwrap_or_default();
            // Without an early end, so that it is done many bytes at a time; nearly always in vain.
            let any_odd = pair.iter().fold(false, |any, b| any | is_odd(*b));
            if any_odd && let Some(odd) = pair.iter().position(|b| is_odd(*b)) {
                self.at = self.input.len();
                return Some(Err(DecodeError::new(
                    DecodeErrorKind::Syntax,
                    LAYER,
                    start + odd,
                )));
            }
            let end = start + len;
            return Some(Ok(match memchr::memchr(b'=', pair) {
                Some(eq) => Pair {
                    whole: start..end,
                    key: start..start + eq,
                    value: Some(start + eq + 1..end),
                },
                None => Pair {
                    whole: start..end,
                    key: start..end,
                    value: None,
                },
            }));
        }
    }
}

/// Appends a key or value, decoded.
///
/// # Errors
/// [`DecodeError`] for a bad escape or text that is not UTF-8; `out` is then as it was.
pub fn decode(input: &[u8], out: &mut String) -> Result<(), DecodeError> {
    if memchr::memchr2(b'%', b'+', input).is_none() {
        let text = std::str::from_utf8(input).map_err(|e| not_utf8(e.valid_up_to()))?;
        out.push_str(text);
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(input.len());
    decode_bytes(input, &mut bytes)?;
    let text = std::str::from_utf8(&bytes).map_err(|e| not_utf8(e.valid_up_to()))?;
    out.push_str(text);
    Ok(())
}

/// Appends a key or value, decoded to bytes that need not be UTF-8.
///
/// # Errors
/// [`DecodeError`] for a bad escape; `out` then holds what came before it.
pub fn decode_bytes(input: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    out.reserve(input.len());
    let mut rest = input;
    while let Some(at) = memchr::memchr2(b'%', b'+', rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        match special {
            [b'+', tail @ ..] => {
                out.push(b' ');
                rest = tail;
            }
            [b'%', high, low, tail @ ..] => {
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
                    return Err(bad_escape(input.len() - special.len()));
                };
                out.push(high << 4 | low);
                rest = tail;
            }
            _ => return Err(bad_escape(input.len() - special.len())),
        }
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Appends a key or value, encoded: all but the unreserved characters of RFC 3986 as `%XX`, so that
/// every reader reads the same.
pub fn encode(input: &str, out: &mut String) {
    let mut plain = 0;
    let mut at = 0;
    while let Some(&byte) = input.as_bytes().get(at) {
        // Most text goes by in blocks.
        let block = input
            .as_bytes()
            .get(at..)
            .and_then(<[u8]>::first_chunk::<32>);
        if block.is_some_and(|b| b.iter().fold(true, |all, b| all & is_unreserved(*b))) {
            at += 32;
            continue;
        }
        at += 1;
        if is_unreserved(byte) {
            continue;
        }
        let at = at - 1;
        out.push_str(input.get(plain..at).unwrap_or_default());
        let [high, low] = [byte >> 4, byte & 15].map(|n| char::from_digit(u32::from(n), 16));
        out.push('%');
        for digit in [high, low].into_iter().flatten() {
            out.push(digit.to_ascii_uppercase());
        }
        // Within a character of several bytes the range is empty.
        plain = at + 1;
    }
    out.push_str(input.get(plain..).unwrap_or_default());
}

/// What no form holds raw.
fn is_odd(byte: u8) -> bool {
    (byte == b';') | (byte < b' ') | (byte == 0x7f)
}

fn is_unreserved(byte: u8) -> bool {
    // Without branches, so that blocks are judged at once.
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'0') < 10)
        | (byte == b'-')
        | (byte == b'.')
        | (byte == b'_')
        | (byte == b'~')
}

/// The value of a hex digit.
pub(crate) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn bad_escape(offset: usize) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Syntax, LAYER, offset)
}

fn not_utf8(offset: usize) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Utf8, LAYER, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(input: &str) -> Vec<(String, Option<String>)> {
        pairs(input.as_bytes())
            .map(|p| {
                let p = p.unwrap();
                (
                    input[p.key].to_owned(),
                    p.value.map(|v| input[v].to_owned()),
                )
            })
            .collect()
    }

    fn text(input: &[u8]) -> Result<String, DecodeErrorKind> {
        let mut out = String::new();
        decode(input, &mut out).map_err(|e| e.kind)?;
        Ok(out)
    }

    #[test]
    fn pairs_are_ranges() {
        let pair = |k: &str, v: Option<&str>| (k.to_owned(), v.map(str::to_owned));
        assert_eq!(
            split("a=1&&b=x=y&c&=z&a=2&"),
            [
                pair("a", Some("1")),
                pair("b", Some("x=y")),
                pair("c", None),
                pair("", Some("z")),
                pair("a", Some("2")),
            ]
        );
        assert!(split("").is_empty() && split("&&").is_empty());
        let input = "a=1&b=2";
        let second = pairs(input.as_bytes()).nth(1).unwrap().unwrap();
        assert_eq!(&input[second.whole], "b=2");
    }

    #[test]
    fn what_readers_split_differently_is_refused() {
        for bad in ["a=1;email=x", "a=1\n", "a=\u{0}", "a\u{7f}"] {
            let mut it = pairs(bad.as_bytes());
            assert!(it.next().unwrap().is_err(), "{bad:?}");
            assert!(it.next().is_none());
        }
    }

    #[test]
    fn escapes_are_exact() {
        assert_eq!(text(b"a+b%20c%2B%C3%a9").unwrap(), "a b c+é");
        for bad in [&b"%"[..], b"a%4", b"%zz", b"%+1", b"100%"] {
            assert_eq!(text(bad), Err(DecodeErrorKind::Syntax));
        }
        for bad in [&b"%ff"[..], b"\xff", b"%ED%A0%BD"] {
            assert_eq!(text(bad), Err(DecodeErrorKind::Utf8));
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(value in "\\PC*", key in "(?s).{0,8}") {
            let mut wire = String::new();
            encode(&key, &mut wire);
            wire.push('=');
            encode(&value, &mut wire);
            prop_assert!(wire.is_ascii());
            let all: Vec<_> = pairs(wire.as_bytes()).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(all.len(), 1);
            let pair = &all[0];
            prop_assert_eq!(text(&wire.as_bytes()[pair.key.clone()]).unwrap(), key);
            prop_assert_eq!(text(&wire.as_bytes()[pair.value.clone().unwrap()]).unwrap(), value);
        }

        #[test]
        fn noise_never_panics(input in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut end = 0;
            for pair in pairs(&input) {
                let Ok(pair) = pair else { break };
                prop_assert!(pair.whole.start >= end && !pair.whole.is_empty());
                end = pair.whole.end;
                let _ = text(&input[pair.key]);
            }
        }
    }
}
