//! Bodies that a client packs without saying so: reversed base64, lz-string.
//!
//! Which it is must be plain from the text, so that no reader finds another one in it: JSON is read
//! as JSON, what is base64 of JSON as that, and only what is neither is unpacked. What is packed
//! again is written as the client's own library writes it.

use super::engine::{Judge, Level, begins_json};
use super::fate::{Fate, Stop};
use super::paths::NodeId;
use crate::catalog::Layer;
use crate::codec::base64::{self, Options};
use crate::codec::{DecodeError, DecodeErrorKind, form, lz64};

impl Judge<'_, '_> {
    /// Percent-encoding around the layers below, once more than the form's.
    pub(super) fn percent(
        &mut self,
        rest: &[Layer],
        cesu8: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        if memchr::memchr(b'%', bytes).is_none() {
            return self.layers(rest, cesu8, bytes, at, level, out);
        }
        let mut text = self.pools.text();
        // A `+` is itself here: it is a digit of the base64 below.
        let coded = std::str::from_utf8(bytes).map_err(|_| unclear("percent"))?;
        form::decode(coded.replace('+', "%2B").as_bytes(), &mut text)?;
        let fate = self.through(rest, cesu8, text.as_bytes(), at, level, |judge, new| {
            let new = std::str::from_utf8(new).map_err(|_| unclear("percent"))?;
            let mut coded = judge.pools.text();
            form::encode(new, &mut coded);
            out.extend_from_slice(coded.as_bytes());
            judge.pools.give_text(coded);
            Ok(())
        })?;
        self.pools.give_text(text);
        Ok(fate)
    }

    /// Base64 whose characters stand in reverse order.
    pub(super) fn reversed(
        &mut self,
        rest: &[Layer],
        cesu8: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        if begins_json(bytes) {
            return self.layers(rest, cesu8, bytes, at, level, out);
        }
        let backwards: Vec<u8> = bytes.iter().rev().copied().collect();
        let mut plain = self.pools.bytes();
        let turned = base64::decode(&backwards, Options::default(), &mut plain);
        let forward = base64_of_json(bytes);
        let flavour = match turned {
            Ok(flavour) if begins_json(&plain) && !forward => flavour,
            // Two readers would find two documents.
            Ok(_) if begins_json(&plain) => return Err(unclear("base64r")),
            Ok(_) | Err(_) if forward => {
                self.pools.give_bytes(plain);
                let layers: Vec<Layer> = [Layer::Base64].iter().chain(rest).cloned().collect();
                return self.layers(&layers, cesu8, bytes, at, level, out);
            }
            Ok(_) => return Err(unclear("base64r")),
            Err(error) => return Err(error.into()),
        };
        // A browser's `btoa` writes a letter up to U+00FF as one byte.
        let latin1 = std::str::from_utf8(&plain).is_err();
        if latin1 {
            plain = plain
                .iter()
                .map(|b| char::from(*b))
                .collect::<String>()
                .into();
        }
        let fate = self.through(rest, cesu8, &plain, at, level, |judge, new| {
            let mut text = judge.pools.text();
            if latin1 {
                let new = to_latin1(new).ok_or_else(|| unclear("base64r"))?;
                base64::encode(flavour, &new, &mut text);
            } else {
                base64::encode(flavour, new, &mut text);
            }
            out.extend(text.bytes().rev());
            judge.pools.give_text(text);
            Ok(())
        })?;
        self.pools.give_bytes(plain);
        Ok(fate)
    }

    /// lz-string's base64.
    pub(super) fn lz64(
        &mut self,
        rest: &[Layer],
        cesu8: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        if begins_json(bytes) || base64_of_json(bytes) {
            return self.layers(rest, cesu8, bytes, at, level, out);
        }
        let mut plain = self.pools.bytes();
        lz64::decode(bytes, self.body_limit, &mut plain)?;
        if !begins_json(&plain) {
            return Err(unclear("lz-string"));
        }
        let mut new = self.pools.bytes();
        // What stands inside is JSON: no layer that would look for another packing.
        let inner: Vec<Layer> = rest
            .iter()
            .filter(|layer| **layer != Layer::MaybeBase64)
            .cloned()
            .collect();
        let fate = self.layers(&inner, cesu8, &plain, at, level, &mut new)?;
        let text = match fate {
            Fate::Nothing => None,
            Fate::Changed => std::str::from_utf8(&new).ok(),
            Fate::Same => std::str::from_utf8(&plain).ok(),
        };
        let fate = match text {
            None => Fate::Nothing,
            Some(text) => {
                let mut packed = self.pools.text();
                lz64::encode(text, &mut packed);
                // One text can be packed in many ways, which could say something themselves.
                let same = fate == Fate::Same && same_digits(bytes, packed.as_bytes());
                if !same {
                    out.extend_from_slice(packed.as_bytes());
                }
                self.pools.give_text(packed);
                if same { Fate::Same } else { Fate::Changed }
            }
        };
        self.pools.give_bytes(plain);
        self.pools.give_bytes(new);
        Ok(fate)
    }
}

/// One byte a character; `None` for text that has others.
fn to_latin1(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

/// Whether a text is base64 whose first bytes begin a JSON document.
fn base64_of_json(bytes: &[u8]) -> bool {
    let digit = |b: &&u8| !b.is_ascii_whitespace();
    let head: Vec<u8> = bytes.iter().filter(digit).take(8).copied().collect();
    let whole = head.get(..head.len() / 4 * 4).unwrap_or_default();
    let mut plain = Vec::new();
    base64::decode(whole, Options::default(), &mut plain).is_ok() && begins_json(&plain)
}

/// Padding aside; a blank is a `+` that a form decoder turned into one.
fn same_digits(a: &[u8], b: &[u8]) -> bool {
    let digits = |text: &'_ [u8]| {
        let end = text.iter().rposition(|b| *b != b'=').map_or(0, |at| at + 1);
        let digits = text.get(..end).unwrap_or_default().iter().copied();
        digits
            .map(|b| if b == b' ' { b'+' } else { b })
            .collect::<Vec<u8>>()
    };
    digits(a) == digits(b)
}

fn unclear(layer: &'static str) -> Stop {
    DecodeError::new(DecodeErrorKind::Shape, layer, 0).into()
}
