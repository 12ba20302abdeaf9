//! `mask`: same length, hidden.
//!
//! Counts characters, not bytes. A value too short to hide anything by the rule is hidden whole;
//! numbers and booleans cannot be masked and are removed.

use super::shape::is_email;
use super::{Effect, Value};

/// How to mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Keeps this many characters at the start and the end, writes `char` for the others.
    Ends {
        /// Characters kept at the start.
        keep_start: usize,
        /// Characters kept at the end.
        keep_end: usize,
        /// What stands for a hidden character.
        char: char,
    },
    /// Hides the local part of an e-mail address, keeps the domain.
    Email,
}

/// What stands for a hidden character of an address.
const STAR: char = '*';

impl Mask {
    /// Masks a value.
    pub fn apply(&self, value: Value<'_>, out: &mut String) -> Effect {
        let Value::Text(text) = value else {
            return Effect::Remove;
        };
        match *self {
            Self::Ends {
                keep_start,
                keep_end,
                char,
            } => ends(text, keep_start, keep_end, char, out),
            Self::Email => email(text, out),
        }
        Effect::Text
    }
}

/// Hides all but the ends; all, when the ends would be the whole text.
fn ends(text: &str, keep_start: usize, keep_end: usize, with: char, out: &mut String) {
    let len = text.chars().count();
    let shows_all = keep_start.saturating_add(keep_end) >= len;
    let hidden = if shows_all {
        0..len
    } else {
        keep_start..len - keep_end
    };
    for (at, character) in text.chars().enumerate() {
        out.push(if hidden.contains(&at) {
            with
        } else {
            character
        });
    }
}

/// Hides the local part; everything, when the text is no address.
fn email(text: &str, out: &mut String) {
    let hidden = match text.rsplit_once('@') {
        Some((local, _)) if is_email(text.trim()) => local,
        _ => text,
    };
    out.extend(hidden.chars().map(|_| STAR));
    out.push_str(text.get(hidden.len()..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(mask: &Mask, text: &str) -> String {
        let mut out = String::new();
        assert_eq!(mask.apply(Value::Text(text), &mut out), Effect::Text);
        out
    }

    fn mask(keep_start: usize, keep_end: usize) -> Mask {
        Mask::Ends {
            keep_start,
            keep_end,
            char: '*',
        }
    }

    #[test]
    fn characters_not_bytes() {
        assert_eq!(run(&mask(1, 0), "Zoë"), "Z**");
        assert_eq!(run(&mask(1, 1), "Zoë"), "Z*ë");
        assert_eq!(run(&mask(0, 4), "4111111111111111"), "************1111");
        assert_eq!(run(&mask(2, 1), "Zoë"), "***", "too short to hide anything");
        assert_eq!(run(&mask(usize::MAX, usize::MAX), "ab"), "**");
    }

    #[test]
    fn addresses_keep_their_domain() {
        assert_eq!(run(&Mask::Email, "jane@example.com"), "****@example.com");
        assert_eq!(run(&Mask::Email, "no address"), "**********");
    }

    #[test]
    fn what_is_no_text_goes() {
        let mut out = String::new();
        for value in [Value::Number("5"), Value::Bool(true)] {
            assert_eq!(mask(1, 0).apply(value, &mut out), Effect::Remove);
        }
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn the_length_stays_and_something_is_hidden(text in "[a-zé😀]{1,20}", a in 0_usize..9, b in 0_usize..9) {
            let masked = run(&mask(a, b), &text);
            prop_assert_eq!(masked.chars().count(), text.chars().count());
            prop_assert!(masked.contains('*'));
        }
    }
}
