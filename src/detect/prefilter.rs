//! The prefilter: most kept strings hold nothing and are told so here, in one pass over their raw
//! bytes with one table look-up each.
//!
//! Invariant: `false` means that [`super::scan`] and [`super::scan_entities`] of the text, unescaped
//! or not, find nothing, and that no encoding is nested in it (a property test holds it).

use super::bytes::{
    AT, CLASS, COLON, DASH, DIGIT, EQUALS, FOLDED, HIGH, LOWER, NEST, PLUS, SLASH, SPACE, UPPER,
};

const HOT: u16 = HIGH | AT | COLON | EQUALS | FOLDED | NEST | PLUS;

/// Whether a string of these bytes, still escaped or not, may hold a span or a nested encoding.
#[must_use]
pub fn may_hold(bytes: &[u8]) -> bool {
    let mut seen: u16 = 0;
    let mut pairs: u16 = 0;
    let mut digits: u32 = 0;
    let mut last: u16 = 0;
    for chunk in bytes.chunks(32) {
        for byte in chunk {
            let class = CLASS.get(usize::from(*byte)).copied().unwrap_or(0);
            seen |= class;
            digits += u32::from(class & DIGIT);
            // UPPER after LOWER or a blank; SLASH after SLASH.
            pairs |=
                ((class & UPPER) * u16::from(last & (LOWER | SPACE) != 0)) | (class & last & SLASH);
            last = class;
        }
        if seen & HOT != 0 {
            return true;
        }
    }
    let len = bytes.len();
    // Nothing that is recognised without one of the hot marks is this short.
    if len < 7 {
        return false;
    }
    // DIGIT is bit 1, so the sum counts twice.
    let digits = digits / u32::from(DIGIT);
    digits >= 4
        || (digits >= 1 && (len >= 12 || seen & (SPACE | SLASH) != 0))
        || pairs & SLASH != 0
        || (pairs & UPPER != 0 && len >= 6)
        || (len >= 16 && seen & LOWER == 0)
        || (len >= 36 && seen & DASH != 0)
        || (len >= 10 && matches!(bytes.first(), Some(b'b' | b'B')))
}

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
