//! What can be done to a leaf: one file per action.
//!
//! An action sees one decoded value and answers with an [`Effect`]; it never sees where the value
//! stood or how it was encoded. An action that cannot act (`mask` of a boolean) answers
//! [`Effect::Remove`]: cannot transform means remove. `null` and `""` never reach an action (the
//! engine leaves them, but for `drop` and constants).

use crate::category::DataCategory;

pub mod generalize;
pub mod hash;
pub mod mask;
pub mod pseudonym;
mod shape;
pub mod shift;
pub mod vault;

pub use generalize::Generalize;
pub use hash::{Hash, Shape};
pub use mask::Mask;
pub use pseudonym::Pseudonymizer;
pub use shift::Shift;
pub use vault::Person;

/// The country (ISO 3166-1 alpha-2, upper case) of an address, from a local database.
pub type CountryOf = dyn Fn(std::net::IpAddr) -> Option<[u8; 2]> + Send + Sync;

/// An action of the policy language, compiled.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The value leaves byte for byte (and is scanned for spans unless the rule says otherwise).
    Keep,
    /// Nothing leaves: member, element, form field or parameter removed.
    Drop,
    /// `null` leaves.
    Null,
    /// A constant leaves.
    Replace(Box<str>),
    /// Same length, masked.
    Mask(Mask),
    /// A keyed pseudonym.
    Hash(Hash),
    /// A fresh random value of the same shape each time.
    Random(Shape),
    /// A text that the key's holder can reveal.
    Encrypt,
    /// Less precise.
    Generalize(Generalize),
    /// A date moved by a number of days that belongs to the person.
    Shift(Shift),
    /// The event is removed.
    DropEvent,
    /// The whole request is refused with 422.
    Reject,
}

impl Action {
    /// The action's name in the policy language.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::Null => "null",
            Self::Replace(_) => "replace",
            Self::Mask(_) => "mask",
            Self::Hash(_) => "hash",
            Self::Random(_) => "random",
            Self::Encrypt => "encrypt",
            Self::Generalize(_) => "generalize",
            Self::Shift(_) => "shift",
            Self::DropEvent => "drop_event",
            Self::Reject => "reject",
        }
    }

    /// Whether the result depends on more than the value and the vendor's key, so that it must not be
    /// remembered for the next time the value comes.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Random(_) | Self::Shift(_))
    }

    /// Whether a container that matches is taken whole (drop and constants).
    #[must_use]
    pub fn takes_containers(&self) -> bool {
        match self {
            Self::Drop | Self::Null | Self::Replace(_) | Self::DropEvent | Self::Reject => true,
            Self::Keep
            | Self::Mask(_)
            | Self::Hash(_)
            | Self::Random(_)
            | Self::Encrypt
            | Self::Generalize(_)
            | Self::Shift(_) => false,
        }
    }
}

/// A decoded leaf. Text is unescaped; a number is its text as it came.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A string.
    Text(&'a str),
    /// A number, as written.
    Number(&'a str),
    /// A boolean.
    Bool(bool),
}

/// What is known about the leaf besides its value.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The category that the rule matched by, if the leaf has one.
    pub category: Option<DataCategory>,
    /// The vendor's pseudonyms.
    pub pseudonymizer: &'a Pseudonymizer,
    /// The person of the event, if it names one.
    pub person: Option<Person>,
    /// Countries of addresses, if there is a database.
    pub country_of: Option<&'a CountryOf>,
}

impl<'a> Context<'a> {
    /// Nothing known but the category.
    #[must_use]
    pub fn new(category: Option<DataCategory>, pseudonymizer: &'a Pseudonymizer) -> Self {
        Self {
            category,
            pseudonymizer,
            person: None,
            country_of: None,
        }
    }
}

/// What leaves in place of the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The value as it came.
    Keep,
    /// Nothing.
    Remove,
    /// `null`.
    Null,
    /// The text in the output buffer, as a string.
    Text,
    /// The text in the output buffer, as a number.
    Number,
    /// The event goes.
    DropEvent,
    /// The request is refused.
    Reject,
}

impl Action {
    /// Applies the action to one value. `out` is empty on entry and holds the replacement when the
    /// effect is [`Effect::Text`] or [`Effect::Number`].
    pub fn apply(&self, value: Value<'_>, cx: &Context<'_>, out: &mut String) -> Effect {
        match self {
            Self::Keep => Effect::Keep,
            Self::Drop => Effect::Remove,
            Self::Null => Effect::Null,
            Self::Replace(text) => {
                out.push_str(text);
                Effect::Text
            }
            Self::Mask(mask) => mask.apply(value, out),
            Self::Hash(hash) => hash.apply(value, cx, out),
            Self::Random(shape) => hash::random(*shape, value, cx, out),
            Self::Encrypt => vault::encrypt(value, cx.pseudonymizer, out),
            Self::Generalize(generalize) => generalize.apply(value, cx, out),
            Self::Shift(shift) => shift.apply(value, cx, out),
            Self::DropEvent => Effect::DropEvent,
            Self::Reject => Effect::Reject,
        }
    }
}
