//! `hash` and `random`: pseudonyms in a given shape.

use super::{Context, Effect, Value};

/// What a pseudonym looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Shape {
    /// In the input's own shape (UUID, digits, hex, e-mail, prefixed id, …).
    #[default]
    Keep,
    /// Lower-case hex.
    Hex,
    /// A random-looking UUID.
    Uuid,
    /// Decimal digits.
    Digits,
}

/// `hash = { shape, prefix, length }`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Hash {
    /// The pseudonym's shape.
    pub shape: Shape,
    /// Text in front of it.
    pub prefix: Box<str>,
    /// Characters of the pseudonym without the prefix; `None`: the shape's own.
    pub length: Option<usize>,
}

impl Hash {
    /// The pseudonym of a value.
    pub fn apply(&self, _value: Value<'_>, _cx: &Context<'_>, _out: &mut String) -> Effect {
        Effect::Remove
    }
}

/// A fresh random value in the shape.
pub fn random(_shape: Shape, _value: Value<'_>, _cx: &Context<'_>, _out: &mut String) -> Effect {
    Effect::Remove
}
