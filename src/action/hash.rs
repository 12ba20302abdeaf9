//! `hash` and `random`: pseudonyms in a given shape.
//!
//! Digits in, a number stays a number; a boolean has no pseudonym and is removed.

use std::cell::RefCell;

use super::pseudonym::write;
use super::shape::{DIGITS_LEN, Form, Stream};
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
    /// Of how many bits a pseudonym is made, so that several values share one; `None`: all.
    pub bits: Option<u8>,
}

impl Hash {
    /// The pseudonym of a value.
    pub fn apply(&self, value: Value<'_>, cx: &Context<'_>, out: &mut String) -> Effect {
        match value {
            Value::Text(text) | Value::Number(text) if cx.pseudonymizer.is_nobody(text) => {
                Effect::Keep
            }
            Value::Text(text) => {
                let start = out.len();
                cx.pseudonymizer.pseudonym(text, self, out);
                if self.shape == Shape::Keep {
                    keep_day(text, cx, start, out);
                }
                Effect::Text
            }
            Value::Number(number) if self.keeps_numbers() => {
                cx.pseudonymizer.number(number, self, out);
                Effect::Number
            }
            Value::Number(number) => {
                cx.pseudonymizer.pseudonym(number, self, out);
                Effect::Text
            }
            Value::Bool(_) => Effect::Remove,
        }
    }

    /// Whether a number's pseudonym can be a number.
    fn keeps_numbers(&self) -> bool {
        self.prefix.is_empty() && keeps_numbers(self.shape)
    }
}

/// A session's UUID of version 7 begins with the time at which the session began, and vendors that
/// reckon with it take no other version: its pseudonym begins with the day.
fn keep_day(value: &str, cx: &Context<'_>, start: usize, out: &mut String) {
    const DAY: u64 = 86_400_000;
    let session = cx
        .category
        .is_some_and(|c| c.key() == "user.unique_id.session");
    let is_v7 = value.len() == 36 && value.as_bytes().get(14) == Some(&b'7');
    if !session || !is_v7 || out.len() != start + 36 {
        return;
    }
    let digits = |range| value.get(range).unwrap_or_default();
    let time = u64::from_str_radix(&format!("{}{}", digits(0..8), digits(9..13)), 16);
    let (Ok(time), Some(tail)) = (time, out.get(start + 15..).map(str::to_owned)) else {
        return;
    };
    let day = format!("{:012x}", time - time % DAY);
    let (high, low) = day.split_at(8);
    out.truncate(start);
    out.push_str(&format!("{high}-{low}-7{tail}"));
}

/// A fresh random value in the shape.
pub fn random(shape: Shape, value: Value<'_>, cx: &Context<'_>, out: &mut String) -> Effect {
    if let Value::Text(text) | Value::Number(text) = value
        && cx.pseudonymizer.is_nobody(text)
    {
        return Effect::Keep;
    }
    let mut stream = Stream::new(random_block);
    let effect = match value {
        Value::Number(_) if keeps_numbers(shape) => {
            stream.digits(DIGITS_LEN, out);
            Effect::Number
        }
        Value::Text(text) | Value::Number(text) => {
            let hash = Hash {
                shape,
                ..Hash::default()
            };
            // Without its prefix an id of a browser would be taken for one of a person.
            let text = cx.pseudonymizer.keep_prefix(text, out);
            let start = out.len();
            write(&mut stream, Form::of(text), text, &hash, out);
            if shape == Shape::Keep {
                keep_day(text, cx, start, out);
            }
            Effect::Text
        }
        Value::Bool(_) => return Effect::Remove,
    };
    if stream.failed() {
        out.clear();
        return Effect::Remove;
    }
    effect
}

fn keeps_numbers(shape: Shape) -> bool {
    match shape {
        Shape::Keep | Shape::Digits => true,
        Shape::Hex | Shape::Uuid => false,
    }
}

/// The next block of this thread's randomness: one system call for many values.
fn random_block() -> Option<[u8; 32]> {
    const LEN: usize = 1024;
    thread_local! {
        static BUFFER: RefCell<([u8; LEN], usize)> = const { RefCell::new(([0; LEN], LEN)) };
    }
    BUFFER.with_borrow_mut(|(bytes, at)| {
        if *at >= LEN {
            getrandom::fill(bytes).ok()?;
            *at = 0;
        }
        let block = bytes.get_mut(*at..*at + 32)?;
        *at += 32;
        let fresh = <[u8; 32]>::try_from(&*block).ok();
        block.fill(0);
        fresh
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Pseudonymizer;
    use crate::sensitive::SecretKey;

    fn apply(hash: &Hash, value: Value<'_>) -> (Effect, String) {
        let pseudonymizer = Pseudonymizer::new(&SecretKey::new([1; 32]), "v", &[]);
        let cx = Context::new(None, &pseudonymizer);
        let mut out = String::new();
        (hash.apply(value, &cx, &mut out), out)
    }

    fn draw(shape: Shape, value: Value<'_>) -> (Effect, String) {
        let pseudonymizer = Pseudonymizer::new(&SecretKey::new([1; 32]), "v", &[]);
        let cx = Context::new(None, &pseudonymizer);
        let mut out = String::new();
        (random(shape, value, &cx, &mut out), out)
    }

    #[test]
    fn numbers_stay_numbers_where_they_can() {
        let keep = Hash::default();
        for number in ["5", "-5", "12345678901234567890123", "1.5e3"] {
            let (effect, out) = apply(&keep, Value::Number(number));
            assert_eq!((effect, out.len()), (Effect::Number, 15));
        }
        assert_eq!(
            apply(&keep, Value::Number("5")).1,
            apply(&keep, Value::Text("5")).1
        );
        let prefixed = Hash {
            prefix: "u".into(),
            ..Hash::default()
        };
        let (effect, out) = apply(&prefixed, Value::Number("5"));
        assert_eq!(effect, Effect::Text);
        assert_eq!(out, apply(&prefixed, Value::Text("5")).1);
        let hex = Hash {
            shape: Shape::Hex,
            ..Hash::default()
        };
        assert_eq!(apply(&hex, Value::Number("5")).0, Effect::Text);
        assert_eq!(apply(&keep, Value::Bool(true)).0, Effect::Remove);
    }

    #[test]
    fn random_values_are_fresh_and_of_the_same_shape() {
        let uuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
        let (effect, one) = draw(Shape::Keep, Value::Text(uuid));
        let (_, two) = draw(Shape::Keep, Value::Text(uuid));
        assert_eq!((effect, Form::of(&one)), (Effect::Text, Form::of(uuid)));
        assert_ne!(one, two);
        let (effect, number) = draw(Shape::Keep, Value::Number("7"));
        assert_eq!((effect, number.len()), (Effect::Number, 15));
        assert_eq!(draw(Shape::Keep, Value::Bool(true)).0, Effect::Remove);
        let mut seen = std::collections::HashSet::new();
        assert!((0..2000).all(|_| seen.insert(draw(Shape::Keep, Value::Text("word")).1)));
    }
}
