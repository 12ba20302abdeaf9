//! Writes a protobuf message again, with the verdicts on its shadow ([`super::protobuf`]).
//!
//! Goes through the message by the decisions by which the shadow was written, in the same order. What
//! stays is copied byte for byte; lengths around what changed are written anew; fields that the schema
//! does not name are left out.

use std::ops::Range;

use super::fate::Stop;
use super::protobuf::{as_text, known, message_of, pair};
use crate::codec::base64::{self, Options};
use crate::codec::protobuf::{
    Field, Record, Schema, Type, Wire, close, packed, put_number, put_tag, records,
};
use crate::json::{Fates, NodeFate, unescape_into};

/// Writes the message again, with the verdicts on its shadow.
pub(super) struct Writer<'a, 'e> {
    schema: &'a Schema,
    bytes: &'a [u8],
    fates: Fates<'e>,
    /// The shadow's node that is next.
    at: usize,
    /// Whether what did not change may be copied whole: not when it holds unknown fields.
    copies: bool,
    text: String,
}

/// What becomes of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Out {
    Written,
    Gone,
}

impl<'a, 'e> Writer<'a, 'e> {
    /// `copies`: what did not change may be copied whole.
    pub(super) fn new(schema: &'a Schema, bytes: &'a [u8], fates: Fates<'e>, copies: bool) -> Self {
        Self {
            schema,
            bytes,
            fates,
            at: 0,
            copies,
            text: String::new(),
        }
    }

    /// The whole message.
    pub(super) fn message(&mut self, of: usize, out: &mut Vec<u8>) -> Result<(), Stop> {
        let _ = self.fates.of(0);
        self.object(0..self.bytes.len(), of, out)
    }

    /// Whether every verdict met its value.
    pub(super) fn all_taken(&self) -> bool {
        self.fates.all_taken()
    }

    /// The fields of a message; the shadow's object is next.
    fn object(
        &mut self,
        range: Range<usize>,
        message: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let end = self.fates.after(self.at);
        self.at += 1;
        let mut open: Option<(&Field, bool, usize)> = None;
        for record in records(self.bytes, range) {
            let record = record?;
            let Some(field) = known(self.schema, message, &record)? else {
                continue;
            };
            if open.is_none_or(|(had, ..)| had != field) {
                if let Some((.., after)) = open.take() {
                    self.at = after;
                }
                let gone = self.name_is_gone();
                if field.repeated {
                    let gone = gone || self.is_gone();
                    open = Some((field, gone, self.fates.after(self.at)));
                    self.at += 1;
                } else if gone {
                    self.at = self.fates.after(self.at);
                    continue;
                }
            }
            match open {
                Some((.., true, _)) => {}
                Some(_) => self.element(&record, field, out)?,
                None => {
                    self.value(&record, field, None, out)?;
                }
            }
        }
        self.at = end;
        Ok(())
    }

    /// Whether the member whose key is next goes; what follows is its value.
    fn name_is_gone(&mut self) -> bool {
        let fate = self.fates.of(self.at);
        self.at += 1;
        matches!(fate, NodeFate::Gone | NodeFate::Value(_))
    }

    /// Whether the container that is next goes: a constant in its place has no room here.
    fn is_gone(&mut self) -> bool {
        matches!(
            self.fates.of(self.at),
            NodeFate::Gone | NodeFate::Value(_) | NodeFate::Text(_)
        )
    }

    fn element(&mut self, record: &Record, field: &Field, out: &mut Vec<u8>) -> Result<(), Stop> {
        if let Some((at, message)) = message_of(self.schema, field.kind)
            && message.pair
        {
            return self.pair(record, at, out);
        }
        let wire = field.kind.wire();
        if record.wire == wire {
            self.value(record, field, None, out)?;
            return Ok(());
        }
        let mut new = Vec::new();
        let mut changed = false;
        for bits in packed(self.bytes, record.value.clone(), wire) {
            let bits = bits?;
            match self.fates.of(self.at) {
                NodeFate::Same | NodeFate::Inside => put_number(wire, bits, &mut new),
                NodeFate::Gone | NodeFate::Text(_) => changed = true,
                NodeFate::Value(with) => {
                    changed = true;
                    if let Some(bits) = self.plain(with).and_then(|text| field.kind.read(text)) {
                        put_number(wire, bits, &mut new);
                    }
                }
            }
            self.at = self.fates.after(self.at);
        }
        if !changed {
            out.extend_from_slice(self.bytes.get(record.whole.clone()).unwrap_or(&[]));
        } else if !new.is_empty() {
            put_tag(field.number, Wire::Bytes, out);
            let start = out.len();
            out.extend_from_slice(&new);
            close(start, out);
        }
        Ok(())
    }

    /// A pair: goes whole, or is written with what stays of its value.
    fn pair(&mut self, record: &Record, message: usize, out: &mut Vec<u8>) -> Result<(), Stop> {
        let (key, value, _) = pair(self.schema, self.bytes, record.value.clone(), message)?;
        let fate = self.fates.of(self.at);
        self.at += 1;
        if matches!(fate, NodeFate::Gone | NodeFate::Value(_)) {
            self.at = self.fates.after(self.at);
            return Ok(());
        }
        if self.copies && fate == NodeFate::Same && self.fates.of(self.at) == NodeFate::Same {
            self.at = self.fates.after(self.at);
            out.extend_from_slice(self.bytes.get(record.whole.clone()).unwrap_or(&[]));
            return Ok(());
        }
        let before = out.len();
        put_tag(record.number, Wire::Bytes, out);
        let start = out.len();
        match (fate, &key) {
            (NodeFate::Text(with), Some(key)) => {
                let text = self.unescape(with);
                let text = text.as_bytes().to_vec();
                put_bytes(key.number, &text, out);
            }
            (_, Some(key)) => {
                out.extend_from_slice(self.bytes.get(key.whole.clone()).unwrap_or(&[]));
            }
            (_, None) => {}
        }
        let fields = self.schema.messages.get(message).map(|m| &m.fields);
        let wrote = match (value, fields.and_then(|fields| fields.get(1))) {
            (Some(value), Some(field)) => self.value(&value, field, None, out)?,
            _ if self.is_gone() => {
                self.at = self.fates.after(self.at);
                Out::Gone
            }
            _ => {
                self.at = self.fates.after(self.at);
                Out::Written
            }
        };
        if wrote == Out::Gone {
            out.truncate(before);
        } else {
            close(start, out);
        }
        Ok(())
    }

    /// One value with its tag. `text` is the field for text beside it, should it turn into one.
    fn value(
        &mut self,
        record: &Record,
        field: &Field,
        text: Option<u32>,
        out: &mut Vec<u8>,
    ) -> Result<Out, Stop> {
        let fate = self.fates.of(self.at);
        if fate == NodeFate::Gone {
            self.at = self.fates.after(self.at);
            return Ok(Out::Gone);
        }
        let whole = self.bytes.get(record.whole.clone()).unwrap_or(&[]);
        let nested = message_of(self.schema, field.kind);
        if fate == NodeFate::Same && (self.copies || nested.is_none()) {
            self.at = self.fates.after(self.at);
            out.extend_from_slice(whole);
            return Ok(Out::Written);
        }
        let before = out.len();
        if let Some((at, message)) = nested {
            let plain = !message.unwrap;
            if plain && self.is_gone() {
                self.at = self.fates.after(self.at);
                return Ok(Out::Gone);
            }
            put_tag(field.number, Wire::Bytes, out);
            let start = out.len();
            let wrote = if plain {
                self.object(record.value.clone(), at, out)?;
                Out::Written
            } else {
                self.bare(record.value.clone(), at, out)?
            };
            if wrote == Out::Gone {
                out.truncate(before);
            } else {
                close(start, out);
            }
            return Ok(wrote);
        }
        self.at = self.fates.after(self.at);
        Ok(match fate {
            NodeFate::Text(with) | NodeFate::Value(with) => {
                self.scalar(record, field, text, with, out)
            }
            NodeFate::Same | NodeFate::Inside | NodeFate::Gone => Out::Gone,
        })
    }

    /// A scalar's new value, of its type or as text.
    fn scalar(
        &mut self,
        record: &Record,
        field: &Field,
        text: Option<u32>,
        with: &[u8],
        out: &mut Vec<u8>,
    ) -> Out {
        let old = self.bytes.get(record.value.clone()).unwrap_or(&[]);
        let old_is_text = as_text(old).is_some();
        let Some(new) = self.plain(with).map(str::to_owned) else {
            return Out::Gone;
        };
        let wire = field.kind.wire();
        if wire != Wire::Bytes {
            if let Some(bits) = field.kind.read(&new) {
                put_tag(field.number, wire, out);
                put_number(wire, bits, out);
                return Out::Written;
            }
        } else if field.kind == Type::String || (field.kind == Type::Bytes && old_is_text) {
            put_bytes(field.number, new.as_bytes(), out);
            return Out::Written;
        } else {
            let mut raw = Vec::new();
            let read = if field.kind == Type::Hex {
                unhex(&new, &mut raw).is_some()
            } else {
                base64::decode(new.as_bytes(), Options::default(), &mut raw).is_ok()
            };
            if read {
                put_bytes(field.number, &raw, out);
                return Out::Written;
            }
        }
        match text {
            Some(number) => {
                put_bytes(number, new.as_bytes(), out);
                Out::Written
            }
            None => Out::Gone,
        }
    }

    /// The fields of a message that only wraps one; its content is next in the shadow.
    fn bare(
        &mut self,
        range: Range<usize>,
        message: usize,
        out: &mut Vec<u8>,
    ) -> Result<Out, Stop> {
        let of = self.schema.messages.get(message);
        let texts = of.and_then(|m| m.fields.iter().find(|f| f.kind == Type::String));
        let text = texts.map(|f| f.number);
        let end = self.fates.after(self.at);
        let mut list: Option<bool> = None;
        for record in records(self.bytes, range) {
            let record = record?;
            let Some(field) = known(self.schema, message, &record)? else {
                continue;
            };
            if !field.repeated {
                return self.value(&record, field, text, out);
            }
            if list.is_none() {
                if self.is_gone() {
                    self.at = end;
                    return Ok(Out::Gone);
                }
                list = Some(true);
                self.at += 1;
            }
            self.element(&record, field, out)?;
        }
        let gone = list.is_none() && self.is_gone();
        self.at = end;
        Ok(if gone { Out::Gone } else { Out::Written })
    }

    /// The text of a JSON scalar, or of what stands between its quotes; `None` for `null`.
    fn plain(&mut self, with: &[u8]) -> Option<&str> {
        if with == b"null" {
            return None;
        }
        let quoted = with.strip_prefix(b"\"").and_then(|w| w.strip_suffix(b"\""));
        Some(self.unescape(quoted.unwrap_or(with)))
    }

    fn unescape(&mut self, raw: &[u8]) -> &str {
        self.text.clear();
        unescape_into(std::str::from_utf8(raw).unwrap_or(""), &mut self.text);
        &self.text
    }
}

fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_tag(number, Wire::Bytes, out);
    put_number(Wire::Bytes, bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn unhex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    for at in (0..text.len()).step_by(2) {
        out.push(u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?);
    }
    Some(())
}
