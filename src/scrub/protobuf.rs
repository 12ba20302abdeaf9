//! Protobuf messages, judged as the JSON that their schema makes of them.
//!
//! The message's shadow has the paths of its JSON form, with maps for lists of pairs and without the
//! wrappers that only say a type. The verdicts are carried over by a second pass that makes the same
//! decisions in the same order: what stays is copied byte for byte, lengths around what changed are
//! written anew, fields that the schema does not name are left out. Knows no vendor.

use std::ops::Range;

use super::engine::{Judge, Level};
use super::fate::{Fate, Stop};
use super::paths::NodeId;
use crate::catalog::MessageType;
use crate::codec::base64::{self, Alphabet, Flavour, Options};
use crate::codec::protobuf::{
    Field, MAX_DEPTH, Message, Record, Schema, Type, Wire, close, packed, put_number, put_tag,
    records,
};
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::json::{self, Fates, NodeFate, escape_into, unescape_into};

impl Judge<'_, '_> {
    /// Judges a message.
    pub(super) fn protobuf(
        &mut self,
        of: &MessageType,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let schema = &of.schema;
        let mut reader = Reader {
            schema,
            bytes,
            out: self.pools.text().into_bytes(),
            unknown: false,
        };
        reader.object(0..bytes.len(), of.place, 0)?;
        let unknown = reader.unknown;
        let shadow = String::from_utf8(reader.out).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            DecodeError::new(DecodeErrorKind::Utf8, "protobuf", at)
        })?;
        let mut tape = self.pools.tape();
        json::lex(&shadow, &mut tape)?;
        let mut verdicts = self.pools.edits();
        let mut fate = self.tape(&shadow, &tape, &mut verdicts, at, level)?;
        if fate == Fate::Same && unknown {
            fate = Fate::Changed;
        }
        if fate == Fate::Changed {
            let mut writer = Writer {
                schema,
                bytes,
                fates: Fates::new(&tape, &verdicts),
                at: 0,
                copies: !unknown,
                text: String::new(),
            };
            let _ = writer.fates.of(0);
            writer.object(0..bytes.len(), of.place, out)?;
            if !writer.fates.all_taken() {
                // A verdict that met no value (a member to be added): nothing is sent.
                return Err(shape(0));
            }
        }
        self.pools.give_edits(verdicts);
        self.pools.give_tape(tape);
        self.pools.give_text(shadow);
        Ok(fate)
    }
}

/// What a record is to its message.
fn known<'s>(
    schema: &'s Schema,
    message: usize,
    record: &Record,
) -> Result<Option<&'s Field>, Stop> {
    let Some(field) = schema
        .messages
        .get(message)
        .and_then(|m| m.field(record.number))
    else {
        return Ok(None);
    };
    let is_packed =
        field.repeated && record.wire == Wire::Bytes && field.kind.wire() != Wire::Bytes;
    // Written in another way than the schema says, one reader takes it and another does not.
    if record.wire != field.kind.wire() && !is_packed {
        return Err(shape(record.whole.start));
    }
    Ok(Some(field))
}

/// Key and value of a pair, each there once at most.
fn pair(
    schema: &Schema,
    bytes: &[u8],
    range: Range<usize>,
    message: usize,
) -> Result<(Option<Record>, Option<Record>, bool), Stop> {
    let (mut key, mut value, mut unknown) = (None, None, false);
    let first = schema.messages.get(message).and_then(|m| m.fields.first());
    for record in records(bytes, range) {
        let record = record?;
        let Some(field) = known(schema, message, &record)? else {
            unknown = true;
            continue;
        };
        let start = record.whole.start;
        let slot = if Some(field) == first {
            &mut key
        } else {
            &mut value
        };
        if slot.replace(record).is_some() {
            return Err(shape(start));
        }
    }
    Ok((key, value, unknown))
}

fn message_of(schema: &Schema, kind: Type) -> Option<(usize, &Message)> {
    match kind {
        Type::Message(at) => Some((at, schema.messages.get(at)?)),
        Type::Double
        | Type::Float
        | Type::Int32
        | Type::Int64
        | Type::Uint32
        | Type::Uint64
        | Type::Sint32
        | Type::Sint64
        | Type::Fixed32
        | Type::Fixed64
        | Type::Sfixed32
        | Type::Sfixed64
        | Type::Bool
        | Type::Enum
        | Type::String
        | Type::Bytes
        | Type::Hex => None,
    }
}

/// Whether a field is a list of pairs.
fn is_map(schema: &Schema, field: &Field) -> bool {
    field.repeated && message_of(schema, field.kind).is_some_and(|(_, m)| m.pair)
}

/// Whether bytes are text that people read.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    (!text.contains(odd)).then_some(text)
}

const BASE64: Flavour = Flavour {
    alphabet: Alphabet::Standard,
    padded: true,
};

/// Writes the shadow.
struct Reader<'a> {
    schema: &'a Schema,
    bytes: &'a [u8],
    out: Vec<u8>,
    /// Whether there are fields that the schema does not name.
    unknown: bool,
}

impl Reader<'_> {
    fn object(&mut self, range: Range<usize>, message: usize, depth: usize) -> Result<(), Stop> {
        deep(depth, range.start)?;
        self.out.push(b'{');
        let mut open: Option<&Field> = None;
        for record in records(self.bytes, range) {
            let record = record?;
            let Some(field) = known(self.schema, message, &record)? else {
                self.unknown = true;
                continue;
            };
            if open != Some(field) {
                self.close(open.take());
                self.name(&field.name);
                if field.repeated {
                    self.open(field);
                    open = Some(field);
                }
            }
            if field.repeated {
                self.element(&record, field, depth)?;
            } else {
                self.value(&record, field, depth)?;
            }
        }
        self.close(open);
        self.out.push(b'}');
        Ok(())
    }

    fn open(&mut self, field: &Field) {
        let map = is_map(self.schema, field);
        self.out.push(if map { b'{' } else { b'[' });
    }

    fn close(&mut self, field: Option<&Field>) {
        if let Some(field) = field {
            let map = is_map(self.schema, field);
            self.out.push(if map { b'}' } else { b']' });
        }
    }

    fn comma(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[') | None) {
            self.out.push(b',');
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.string(name);
        self.out.push(b':');
    }

    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        escape_into(text, &mut self.out);
        self.out.push(b'"');
    }

    fn element(&mut self, record: &Record, field: &Field, depth: usize) -> Result<(), Stop> {
        if let Some((at, message)) = message_of(self.schema, field.kind)
            && message.pair
        {
            return self.pair(record, at, depth);
        }
        if record.wire == field.kind.wire() {
            self.comma();
            return self.value(record, field, depth);
        }
        for bits in packed(self.bytes, record.value.clone(), field.kind.wire()) {
            self.comma();
            self.number(field.kind, bits?);
        }
        Ok(())
    }

    fn pair(&mut self, record: &Record, message: usize, depth: usize) -> Result<(), Stop> {
        let (key, value, unknown) = pair(self.schema, self.bytes, record.value.clone(), message)?;
        self.unknown |= unknown;
        self.comma();
        match &key {
            Some(key) => self.text(key)?,
            None => self.string(""),
        }
        self.out.push(b':');
        let fields = self.schema.messages.get(message).map(|m| &m.fields);
        match (value, fields.and_then(|fields| fields.get(1))) {
            (Some(value), Some(field)) => self.value(&value, field, depth + 1),
            _ => {
                self.out.extend_from_slice(b"{}");
                Ok(())
            }
        }
    }

    fn value(&mut self, record: &Record, field: &Field, depth: usize) -> Result<(), Stop> {
        match field.kind {
            Type::Message(at) => match self.schema.messages.get(at) {
                Some(message) if message.unwrap => self.bare(record.value.clone(), at, depth + 1),
                _ => self.object(record.value.clone(), at, depth + 1),
            },
            Type::String => self.text(record),
            Type::Bytes => {
                let raw = self.bytes.get(record.value.clone()).unwrap_or(&[]);
                match as_text(raw) {
                    Some(text) => self.string(text),
                    None => {
                        let mut text = String::new();
                        base64::encode(BASE64, raw, &mut text);
                        self.string(&text);
                    }
                }
                Ok(())
            }
            Type::Hex => {
                self.out.push(b'"');
                for byte in self.bytes.get(record.value.clone()).unwrap_or(&[]) {
                    self.out.extend_from_slice(&hex(*byte));
                }
                self.out.push(b'"');
                Ok(())
            }
            kind @ (Type::Double
            | Type::Float
            | Type::Int32
            | Type::Int64
            | Type::Uint32
            | Type::Uint64
            | Type::Sint32
            | Type::Sint64
            | Type::Fixed32
            | Type::Fixed64
            | Type::Sfixed32
            | Type::Sfixed64
            | Type::Bool
            | Type::Enum) => {
                self.number(kind, record.bits);
                Ok(())
            }
        }
    }

    fn text(&mut self, record: &Record) -> Result<(), Stop> {
        let raw = self.bytes.get(record.value.clone()).unwrap_or(&[]);
        let text = std::str::from_utf8(raw).map_err(|e| {
            let at = record.value.start + e.valid_up_to();
            DecodeError::new(DecodeErrorKind::Utf8, "protobuf", at)
        })?;
        self.string(text);
        Ok(())
    }

    fn number(&mut self, kind: Type, bits: u64) {
        let mut text = String::new();
        kind.show(bits, &mut text);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A message that only wraps what is set in it.
    fn bare(&mut self, range: Range<usize>, message: usize, depth: usize) -> Result<(), Stop> {
        deep(depth, range.start)?;
        let mut open: Option<&Field> = None;
        for record in records(self.bytes, range.clone()) {
            let record = record?;
            let Some(field) = known(self.schema, message, &record)? else {
                self.unknown = true;
                continue;
            };
            match open {
                // Of two values one reader takes the first and another the last.
                Some(had) if had != field || !field.repeated => {
                    return Err(shape(record.whole.start));
                }
                Some(_) => {}
                None if field.repeated => self.open(field),
                None => {}
            }
            open = Some(field);
            if field.repeated {
                self.element(&record, field, depth)?;
            } else {
                self.value(&record, field, depth)?;
            }
        }
        match open {
            None => self.out.extend_from_slice(b"{}"),
            Some(field) if field.repeated => self.close(Some(field)),
            Some(_) => {}
        }
        Ok(())
    }
}

/// Writes the message again, with the verdicts on its shadow.
struct Writer<'a, 'e> {
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

impl Writer<'_, '_> {
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

fn hex(byte: u8) -> [u8; 2] {
    let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
    [digit(byte >> 4), digit(byte & 15)]
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

fn deep(depth: usize, at: usize) -> Result<(), Stop> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::new(DecodeErrorKind::Depth, "protobuf", at).into());
    }
    Ok(())
}

fn shape(at: usize) -> Stop {
    DecodeError::new(DecodeErrorKind::Shape, "protobuf", at).into()
}
