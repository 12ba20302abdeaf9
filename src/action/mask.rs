//! `mask`: same length, hidden.

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

impl Mask {
    /// Masks a value.
    pub fn apply(&self, _value: Value<'_>, _out: &mut String) -> Effect {
        Effect::Remove
    }
}
