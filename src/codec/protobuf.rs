//! The protobuf wire format: records out of bytes, scalars to text and back; and what a message's
//! fields are called.
//!
//! Exact where readers could differ: groups, field number 0, varints of more than ten bytes and
//! lengths beyond the end are errors. Nothing is interpreted without a [`Schema`]; what one does not
//! name is the caller's to drop. No recursion and no allocation here. Knows no vendor.

use std::ops::Range;

use super::{DecodeError, DecodeErrorKind};

/// Messages in messages, at most.
pub const MAX_DEPTH: usize = 64;

/// The messages of one protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// [`Type::Message`] and [`Schema::find`] speak of places in here.
    pub messages: Vec<Message>,
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Its name, unique in the schema.
    pub name: Box<str>,
    /// Its fields, in the order of their numbers.
    pub fields: Vec<Field>,
    /// Whether it is one entry of a map: the first field is the key, the second the value.
    pub pair: bool,
    /// Whether it only wraps the one field that is set.
    pub unwrap: bool,
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its number on the wire.
    pub number: u32,
    /// Its name in paths.
    pub name: Box<str>,
    /// What it holds.
    pub kind: Type,
    /// Whether it may occur many times (packed or not).
    pub repeated: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// 64-bit floating point.
    Double,
    /// 32-bit floating point.
    Float,
    /// Varint, two's complement.
    Int32,
    /// Varint, two's complement.
    Int64,
    /// Varint.
    Uint32,
    /// Varint.
    Uint64,
    /// Varint, zigzag.
    Sint32,
    /// Varint, zigzag.
    Sint64,
    /// Four bytes.
    Fixed32,
    /// Eight bytes.
    Fixed64,
    /// Four bytes, signed.
    Sfixed32,
    /// Eight bytes, signed.
    Sfixed64,
    /// Varint 0 or 1.
    Bool,
    /// Varint; shown as its number.
    Enum,
    /// UTF-8 text.
    String,
    /// Any bytes.
    Bytes,
    /// Bytes that people write in hex.
    Hex,
    /// A message, by its place in [`Schema::messages`].
    Message(usize),
}

impl Type {
    /// Scalar types by their names in `.proto` files, and `hex`.
    pub const NAMES: [(&'static str, Type); 17] = [
        ("double", Type::Double),
        ("float", Type::Float),
        ("int32", Type::Int32),
        ("int64", Type::Int64),
        ("uint32", Type::Uint32),
        ("uint64", Type::Uint64),
        ("sint32", Type::Sint32),
        ("sint64", Type::Sint64),
        ("fixed32", Type::Fixed32),
        ("fixed64", Type::Fixed64),
        ("sfixed32", Type::Sfixed32),
        ("sfixed64", Type::Sfixed64),
        ("bool", Type::Bool),
        ("enum", Type::Enum),
        ("string", Type::String),
        ("bytes", Type::Bytes),
        ("hex", Type::Hex),
    ];

    /// The wire type of one value.
    #[must_use]
    pub fn wire(self) -> Wire {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => Wire::Fixed64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => Wire::Fixed32,
            Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Bool
            | Self::Enum => Wire::Varint,
            Self::String | Self::Bytes | Self::Hex | Self::Message(_) => Wire::Bytes,
        }
    }

    /// Writes a number as JSON; what JSON has no number for, as a string.
    pub fn show(self, bits: u64, out: &mut String) {
        use std::fmt::Write;
        let float = |value: f64, out: &mut String| {
            // Writing to a string cannot fail.
            let _ = if value.is_finite() {
                write!(out, "{value:?}")
            } else if value.is_nan() {
                write!(out, "\"NaN\"")
            } else {
                write!(out, "\"{}Infinity\"", if value < 0.0 { "-" } else { "" })
            };
        };
        let [b0, b1, b2, b3, ..] = bits.to_le_bytes();
        let low = u32::from_le_bytes([b0, b1, b2, b3]);
        let folded = if self == Self::Sint32 {
            u64::from(low)
        } else {
            bits
        };
        let unzigzag = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
        let _ = match self {
            Self::Double => {
                float(f64::from_bits(bits), out);
                Ok(())
            }
            Self::Float => {
                float(f64::from(f32::from_bits(low)), out);
                Ok(())
            }
            Self::Int32 | Self::Enum | Self::Sfixed32 => write!(out, "{}", low.cast_signed()),
            Self::Int64 | Self::Sfixed64 => write!(out, "{}", bits.cast_signed()),
            Self::Uint32 | Self::Fixed32 => write!(out, "{low}"),
            Self::Uint64 | Self::Fixed64 => write!(out, "{bits}"),
            Self::Sint32 | Self::Sint64 => write!(out, "{unzigzag}"),
            Self::Bool => write!(out, "{}", bits != 0),
            Self::String | Self::Bytes | Self::Hex | Self::Message(_) => write!(out, "null"),
        };
    }

    /// Reads a number back; `None` when it is none of this type.
    #[must_use]
    pub fn read(self, text: &str) -> Option<u64> {
        let zigzag = |n: i64| ((n << 1) ^ (n >> 63)).cast_unsigned();
        Some(match self {
            Self::Double => text.parse::<f64>().ok()?.to_bits(),
            Self::Float => u64::from(text.parse::<f32>().ok()?.to_bits()),
            Self::Int32 | Self::Enum => i64::from(text.parse::<i32>().ok()?).cast_unsigned(),
            Self::Int64 | Self::Sfixed64 => text.parse::<i64>().ok()?.cast_unsigned(),
            Self::Uint32 | Self::Fixed32 => u64::from(text.parse::<u32>().ok()?),
            Self::Uint64 | Self::Fixed64 => text.parse().ok()?,
            Self::Sint32 => zigzag(i64::from(text.parse::<i32>().ok()?)),
            Self::Sint64 => zigzag(text.parse().ok()?),
            Self::Sfixed32 => u64::from(text.parse::<i32>().ok()?.cast_unsigned()),
            Self::Bool => u64::from(text.parse::<bool>().ok()?),
            Self::String | Self::Bytes | Self::Hex | Self::Message(_) => return None,
        })
    }
}

impl Schema {
    /// The place of a message.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.messages.iter().position(|m| *m.name == *name)
    }
}

impl Message {
    /// The field of a number.
    #[must_use]
    pub fn field(&self, number: u32) -> Option<&Field> {
        let at = self.fields.binary_search_by_key(&number, |f| f.number);
        self.fields.get(at.ok()?)
    }
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Seven bits a byte.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A length, then so many bytes.
    Bytes,
    /// Four bytes.
    Fixed32,
}

/// One record: tag and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The field's number.
    pub number: u32,
    /// How its value is written.
    pub wire: Wire,
    /// From the tag to the value's end.
    pub whole: Range<usize>,
    /// The value without its length.
    pub value: Range<usize>,
    /// The value of what is not [`Wire::Bytes`].
    pub bits: u64,
}

/// The records in a range of the bytes.
pub fn records(
    bytes: &[u8],
    range: Range<usize>,
) -> impl Iterator<Item = Result<Record, DecodeError>> + use<'_> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let record = record(bytes, at, range.end);
        at = record.as_ref().map_or(range.end, |r| r.whole.end);
        Some(record)
    })
}

/// The numbers packed into a range.
pub fn packed(
    bytes: &[u8],
    range: Range<usize>,
    wire: Wire,
) -> impl Iterator<Item = Result<u64, DecodeError>> + use<'_> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let read = number(bytes, at, range.end, wire);
        at = read.as_ref().map_or(range.end, |(_, end)| *end);
        Some(read.map(|(bits, _)| bits))
    })
}

fn record(bytes: &[u8], start: usize, end: usize) -> Result<Record, DecodeError> {
    let (tag, at) = varint(bytes, start, end)?;
    let number_of = u32::try_from(tag >> 3)
        .ok()
        .filter(|n| (1..1 << 29).contains(n));
    let number_of = number_of.ok_or(fail(DecodeErrorKind::Syntax, start))?;
    let wire = match tag & 7 {
        0 => Wire::Varint,
        1 => Wire::Fixed64,
        2 => Wire::Bytes,
        5 => Wire::Fixed32,
        // Groups, which nobody writes any more, and what means nothing.
        _ => return Err(fail(DecodeErrorKind::Unsupported, start)),
    };
    let (bits, value) = if wire == Wire::Bytes {
        let (len, from) = varint(bytes, at, end)?;
        let to = usize::try_from(len)
            .ok()
            .and_then(|len| from.checked_add(len));
        let to = to.filter(|to| *to <= end);
        (0, from..to.ok_or(fail(DecodeErrorKind::Truncated, at))?)
    } else {
        let (bits, to) = number(bytes, at, end, wire)?;
        (bits, at..to)
    };
    Ok(Record {
        number: number_of,
        wire,
        whole: start..value.end,
        value,
        bits,
    })
}

fn number(bytes: &[u8], at: usize, end: usize, wire: Wire) -> Result<(u64, usize), DecodeError> {
    let truncated = fail(DecodeErrorKind::Truncated, at);
    let rest = bytes.get(at..end).unwrap_or(&[]);
    match wire {
        Wire::Varint => varint(bytes, at, end),
        Wire::Fixed64 => {
            let raw = rest.first_chunk::<8>().ok_or(truncated)?;
            Ok((u64::from_le_bytes(*raw), at + 8))
        }
        Wire::Fixed32 => {
            let raw = rest.first_chunk::<4>().ok_or(truncated)?;
            Ok((u64::from(u32::from_le_bytes(*raw)), at + 4))
        }
        Wire::Bytes => Err(fail(DecodeErrorKind::Shape, at)),
    }
}

fn varint(bytes: &[u8], start: usize, end: usize) -> Result<(u64, usize), DecodeError> {
    let mut value = 0u64;
    for at in start..end.min(start + 10) {
        let byte = *bytes.get(at).ok_or(fail(DecodeErrorKind::Truncated, at))?;
        let shift = (at - start) * 7;
        // The tenth byte has room for one bit.
        if shift == 63 && byte > 1 {
            return Err(fail(DecodeErrorKind::Syntax, at));
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value, at + 1));
        }
    }
    let kind = if end < start + 10 {
        DecodeErrorKind::Truncated
    } else {
        DecodeErrorKind::Syntax
    };
    Err(fail(kind, start))
}

/// Appends a varint.
pub fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a tag.
pub fn put_tag(number: u32, wire: Wire, out: &mut Vec<u8>) {
    let wire = match wire {
        Wire::Varint => 0,
        Wire::Fixed64 => 1,
        Wire::Bytes => 2,
        Wire::Fixed32 => 5,
    };
    put_varint(u64::from(number) << 3 | wire, out);
}

/// Appends a number without a tag.
pub fn put_number(wire: Wire, bits: u64, out: &mut Vec<u8>) {
    match wire {
        Wire::Varint | Wire::Bytes => put_varint(bits, out),
        Wire::Fixed64 => out.extend_from_slice(&bits.to_le_bytes()),
        Wire::Fixed32 => out.extend_from_slice(bits.to_le_bytes().get(..4).unwrap_or(&[])),
    }
}

/// Writes the length of what was appended since `start` in front of it.
pub fn close(start: usize, out: &mut Vec<u8>) {
    let mut len = Vec::with_capacity(10);
    put_varint((out.len() - start) as u64, &mut len);
    out.splice(start..start, len);
}

fn fail(kind: DecodeErrorKind, at: usize) -> DecodeError {
    DecodeError::new(kind, "protobuf", at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Result<Vec<Record>, DecodeErrorKind> {
        let read: Result<_, _> = records(bytes, 0..bytes.len()).collect();
        read.map_err(|e: DecodeError| e.kind)
    }

    #[test]
    fn records_are_read_to_the_letter() {
        let bytes = [8, 0x96, 1, 0x12, 2, b'o', b'k', 0x1d, 1, 0, 0, 0];
        let read = all(&bytes).unwrap();
        assert_eq!((read[0].number, read[0].bits), (1, 150));
        assert_eq!(&bytes[read[1].value.clone()], b"ok");
        assert_eq!((read[2].wire, read[2].bits), (Wire::Fixed32, 1));
        assert_eq!(read[2].whole, 7..12);
    }

    #[test]
    fn what_readers_could_differ_about_is_refused() {
        use DecodeErrorKind::{Syntax, Truncated, Unsupported};
        let long = [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2];
        let endless = [8, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1];
        for (bytes, kind) in [
            (&[8u8][..], Truncated),
            (&[8, 0x80], Truncated),
            (&[0x12, 5, 1], Truncated),
            (
                &[0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
                Truncated,
            ),
            (&[0x0b], Unsupported),
            (&[0x0c], Unsupported),
            (&[0x0f], Unsupported),
            (&[0, 1], Syntax),
            (&[0x1d, 1, 0, 0], Truncated),
            (&long, Syntax),
            (&endless, Syntax),
        ] {
            assert_eq!(all(bytes), Err(kind), "{bytes:?}");
        }
    }

    #[test]
    fn numbers_come_back_as_they_went() {
        let numbers = [
            0,
            1,
            150,
            u64::MAX,
            1 << 63,
            0x7fff_ffff,
            0xffff_ffff_8000_0000,
        ];
        for (name, kind) in Type::NAMES {
            for bits in numbers {
                let bits = match kind.wire() {
                    Wire::Bytes => continue,
                    Wire::Fixed32 => bits & 0xffff_ffff,
                    Wire::Fixed64 | Wire::Varint => bits,
                };
                let mut text = String::new();
                kind.show(bits, &mut text);
                let back = kind.read(text.trim_matches('"'));
                let mut again = String::new();
                kind.show(back.unwrap(), &mut again);
                assert_eq!(text, again, "{name} {bits:x}");
            }
        }
        assert_eq!(Type::Sint64.read("-1"), Some(1));
        assert_eq!(Type::Int32.read("-1"), Some(u64::MAX));
        assert_eq!(Type::Int64.read("9223372036854775808"), None);
    }

    #[test]
    fn lengths_are_written_in_front() {
        let mut out = vec![9];
        out.extend_from_slice(&[7; 300]);
        close(1, &mut out);
        assert_eq!(out[..4], [9, 0xac, 2, 7]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            list in prop::collection::vec(
                (1u32..1 << 29, 0usize..4, any::<u64>(), prop::collection::vec(any::<u8>(), 0..200)), 0..8,
            ),
        ) {
            let mut out = Vec::new();
            for (number, wire, bits, bytes) in &list {
                let wire = WIRES[*wire];
                put_tag(*number, wire, &mut out);
                if wire == Wire::Bytes {
                    let start = out.len();
                    out.extend_from_slice(bytes);
                    close(start, &mut out);
                } else {
                    put_number(wire, *bits, &mut out);
                }
            }
            let read = all(&out).unwrap();
            prop_assert_eq!(read.len(), list.len());
            let mut end = 0;
            for (record, (number, wire, bits, bytes)) in read.iter().zip(&list) {
                prop_assert_eq!((record.number, record.wire), (*number, WIRES[*wire]));
                prop_assert_eq!(record.whole.start, end);
                end = record.whole.end;
                match record.wire {
                    Wire::Bytes => prop_assert_eq!(&out[record.value.clone()], &bytes[..]),
                    Wire::Fixed32 => prop_assert_eq!(record.bits, bits & u64::from(u32::MAX)),
                    Wire::Varint | Wire::Fixed64 => prop_assert_eq!(record.bits, *bits),
                }
            }
            prop_assert_eq!(end, out.len());
        }

        #[test]
        fn packed_numbers_come_back(list in prop::collection::vec(any::<u64>(), 0..20)) {
            for wire in [Wire::Varint, Wire::Fixed64] {
                let mut out = Vec::new();
                list.iter().for_each(|bits| put_number(wire, *bits, &mut out));
                let read: Result<Vec<u64>, _> = packed(&out, 0..out.len(), wire).collect();
                prop_assert_eq!(read.unwrap(), list.clone());
            }
        }

        #[test]
        fn noise_never_panics_and_records_lie_in_order(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut end = 0;
            for record in records(&bytes, 0..bytes.len()).map_while(Result::ok) {
                prop_assert!(record.whole.start == end && record.value.end == record.whole.end);
                prop_assert!(record.whole.end <= bytes.len());
                end = record.whole.end;
            }
        }
    }

    const WIRES: [Wire; 4] = [Wire::Varint, Wire::Fixed64, Wire::Bytes, Wire::Fixed32];
}
