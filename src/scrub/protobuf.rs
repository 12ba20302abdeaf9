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
use super::protobuf_out::Writer;
use crate::catalog::MessageType;
use crate::codec::base64::{self, Alphabet, Flavour};
use crate::codec::protobuf::{
    Field, MAX_DEPTH, Message, Record, Schema, Type, Wire, packed, records,
};
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::json::{self, Fates, escape_into};

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
        self.shadowed = true;
        let fate = self.documents(&shadow, &tape, &mut verdicts, at, level);
        self.shadowed = false;
        let mut fate = fate?;
        if fate == Fate::Same && unknown {
            fate = Fate::Changed;
        }
        if fate == Fate::Changed {
            let fates = Fates::new(&tape, &verdicts);
            let mut writer = Writer::new(schema, bytes, fates, !unknown);
            writer.message(of.place, out)?;
            if !writer.all_taken() {
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
pub(super) fn known<'s>(
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
pub(super) fn pair(
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

pub(super) fn message_of(schema: &Schema, kind: Type) -> Option<(usize, &Message)> {
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
pub(super) fn is_map(schema: &Schema, field: &Field) -> bool {
    field.repeated && message_of(schema, field.kind).is_some_and(|(_, m)| m.pair)
}

/// Whether bytes are text that people read.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
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

fn hex(byte: u8) -> [u8; 2] {
    let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}

fn deep(depth: usize, at: usize) -> Result<(), Stop> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::new(DecodeErrorKind::Depth, "protobuf", at).into());
    }
    Ok(())
}

pub(super) fn shape(at: usize) -> Stop {
    DecodeError::new(DecodeErrorKind::Shape, "protobuf", at).into()
}
