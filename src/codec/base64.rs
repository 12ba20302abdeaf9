//! Base64 (RFC 4648), exactly one text for one value: both alphabets but never mixed, padding whole
//! or absent, no blanks or line breaks, trailing bits zero.
//!
//! What is written back uses the alphabet and padding of what came ([`Flavour`]).

use base64_simd::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::{DecodeError, DecodeErrorKind};

const LAYER: &str = "base64";

/// Which characters stand for 62 and 63.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alphabet {
    /// `+` and `/`.
    Standard,
    /// `-` and `_`.
    Url,
}

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flavour {
    /// The alphabet; for a text with none of the four characters the expected one.
    pub alphabet: Alphabet,
    /// Whether `=` fills the last group; for a text whose last group is full: yes in the standard
    /// alphabet, no in the other.
    pub padded: bool,
}

/// What the reader of a text knows beforehand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The alphabet to assume when the text does not tell.
    pub expect: Alphabet,
    /// Whether a blank is a `+` that a form decoder turned into one.
    pub blank_is_plus: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            expect: Alphabet::Standard,
            blank_is_plus: false,
        }
    }
}

/// Appends what `input` stands for; answers how it was written.
///
/// # Errors
/// [`DecodeError`] when the text is not exactly one value's; `out` is then as it was.
pub fn decode(input: &[u8], options: Options, out: &mut Vec<u8>) -> Result<Flavour, DecodeError> {
    if options.blank_is_plus && memchr::memchr(b' ', input).is_some() {
        let plus: Vec<u8> = input
            .iter()
            .map(|&b| if b == b' ' { b'+' } else { b })
            .collect();
        return decode(
            &plus,
            Options {
                blank_is_plus: false,
                ..options
            },
            out,
        );
    }
    let (digits, padding) = unpadded(input)?;
    let mut alphabet = options.expect;
    if append(alphabet, digits, out).is_none() {
        alphabet = alphabet.other();
        append(alphabet, digits, out).ok_or_else(|| error_in(digits))?;
    }
    let full = digits.len() % 4 == 0;
    let padded = padding > 0 || (full && alphabet == Alphabet::Standard);
    Ok(Flavour { alphabet, padded })
}

/// Appends the text of `input`.
pub fn encode(flavour: Flavour, input: &[u8], out: &mut String) {
    let coder = match (flavour.alphabet, flavour.padded) {
        (Alphabet::Standard, true) => STANDARD,
        (Alphabet::Standard, false) => STANDARD_NO_PAD,
        (Alphabet::Url, true) => URL_SAFE,
        (Alphabet::Url, false) => URL_SAFE_NO_PAD,
    };
    coder.encode_append(input, out);
}

impl Alphabet {
    fn other(self) -> Self {
        match self {
            Self::Standard => Self::Url,
            Self::Url => Self::Standard,
        }
    }
}

/// The text without its padding, which must fill the last group, and the padding's length.
fn unpadded(input: &[u8]) -> Result<(&[u8], usize), DecodeError> {
    let digits = match input {
        [digits @ .., b'=', b'='] | [digits @ .., b'='] => digits,
        _ => input,
    };
    let padding = input.len() - digits.len();
    let fills = padding == 0 || input.len().is_multiple_of(4);
    if !fills || digits.len() % 4 == 1 {
        return Err(DecodeError::new(
            DecodeErrorKind::Truncated,
            LAYER,
            input.len(),
        ));
    }
    Ok((digits, padding))
}

fn append(alphabet: Alphabet, digits: &[u8], out: &mut Vec<u8>) -> Option<()> {
    // Both refuse trailing bits that are not zero.
    let coder = match alphabet {
        Alphabet::Standard => STANDARD_NO_PAD,
        Alphabet::Url => URL_SAFE_NO_PAD,
    };
    coder.decode_append(digits, out).ok()
}

/// Names the first byte that no alphabet has, or the last one: mixed alphabets or trailing bits.
fn error_in(digits: &[u8]) -> DecodeError {
    let known = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    let offset = digits
        .iter()
        .position(|b| !known(b))
        .unwrap_or(digits.len().saturating_sub(1));
    DecodeError::new(DecodeErrorKind::Syntax, LAYER, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(text: &str) -> Result<(Vec<u8>, Flavour), DecodeErrorKind> {
        let mut out = b"x".to_vec();
        match decode(text.as_bytes(), Options::default(), &mut out) {
            Ok(flavour) => Ok((out.split_off(1), flavour)),
            Err(error) => {
                assert_eq!(out, b"x");
                Err(error.kind)
            }
        }
    }

    #[test]
    fn one_text_for_one_value() {
        assert_eq!(run("aGk=").unwrap().0, b"hi");
        assert_eq!(run("aGk").unwrap().0, b"hi");
        assert_eq!(run("").unwrap().0, b"");
        for bad in [
            "aGk==",
            "aGk=a",
            "aGl",
            "aGl=",
            "aGkb=",
            "a",
            "aaaaa",
            "=",
            "==",
            "aG k",
            "aGk=\n",
            "+_+_",
            "a\u{e9}aa",
            "aGk=aGk=",
            "aGVs\nbG8=",
            "aaaa====",
            "-/aa",
            "a=aa",
            "aa=a",
        ] {
            assert!(run(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn flavours_are_detected() {
        let flavour = |text: &str| run(text).unwrap().1;
        let (standard, url) = (Alphabet::Standard, Alphabet::Url);
        assert_eq!(
            flavour("+/+/"),
            Flavour {
                alphabet: standard,
                padded: true
            }
        );
        assert_eq!(
            flavour("-_-_"),
            Flavour {
                alphabet: url,
                padded: false
            }
        );
        assert_eq!(
            flavour("-_-_-w=="),
            Flavour {
                alphabet: url,
                padded: true
            }
        );
        assert_eq!(
            flavour("aGk"),
            Flavour {
                alphabet: standard,
                padded: false
            }
        );
        let expect = Options {
            expect: url,
            ..Options::default()
        };
        let found = decode(b"aGk", expect, &mut Vec::new()).unwrap();
        assert_eq!(
            found,
            Flavour {
                alphabet: url,
                padded: false
            }
        );
        let found = decode(b"+/+/", expect, &mut Vec::new()).unwrap();
        assert_eq!(found.alphabet, standard);
    }

    #[test]
    fn blanks_may_stand_for_plus() {
        let mut out = Vec::new();
        let options = Options {
            blank_is_plus: true,
            ..Options::default()
        };
        decode(b" / /", options, &mut out).unwrap();
        assert_eq!(out, run("+/+/").unwrap().0);
        assert!(run(" / /").is_err());
    }

    proptest! {
        #[test]
        fn values_come_back(
            input in proptest::collection::vec(any::<u8>(), 0..200), url: bool, padded: bool,
        ) {
            let alphabet = if url { Alphabet::Url } else { Alphabet::Standard };
            let flavour = Flavour { alphabet, padded };
            let mut text = String::new();
            encode(flavour, &input, &mut text);
            let mut out = Vec::new();
            let options = Options { expect: alphabet, blank_is_plus: false };
            let found = decode(text.as_bytes(), options, &mut out).unwrap();
            prop_assert_eq!(&out, &input);
            let mut again = String::new();
            encode(found, &out, &mut again);
            prop_assert_eq!(again, text);
        }

        #[test]
        fn what_decodes_encodes_to_itself(text in "[A-Za-d0-3+/_=-]{0,24}") {
            let mut out = Vec::new();
            if let Ok(flavour) = decode(text.as_bytes(), Options::default(), &mut out) {
                let mut again = String::new();
                encode(flavour, &out, &mut again);
                prop_assert_eq!(again, text);
            }
        }
    }
}
