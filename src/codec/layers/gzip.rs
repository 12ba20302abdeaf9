//! gzip (RFC 1952): every member, its header by the letter, CRC-32 and length verified.
//!
//! The header is read here, not by the library, so that what it may carry (name, comment, extra
//! fields) is known to be left behind: the writer's header holds no name and no time. Zero padding
//! after the last member is refused like any tail.

use std::cell::RefCell;

use flate2::{Compress, Compression, Crc, Decompress};

use super::super::{DecodeError, DecodeErrorKind};
use super::{Sink, deflate};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Fastest level, unknown operating system, no time, no name.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// Decodes all members.
pub(super) fn decode(input: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    let mut inflate = Decompress::new(false);
    let mut at = 0;
    while at < input.len() {
        if at > 0 {
            let rest = input.get(at..).unwrap_or_default();
            if !rest.starts_with(&MAGIC) {
                return Err(sink.error(DecodeErrorKind::Trailing, at));
            }
            inflate.reset(false);
        }
        at = member(input, at, &mut inflate, sink)?;
    }
    Ok(())
}

/// Decodes the member at `start`; answers where it ends.
fn member(
    input: &[u8],
    start: usize,
    inflate: &mut Decompress,
    sink: &mut Sink<'_>,
) -> Result<usize, DecodeError> {
    let body = start
        + header(input.get(start..).unwrap_or_default()).map_err(|kind| sink.error(kind, start))?;
    let from = sink.produced;
    let end = deflate::inflate(input, body, inflate, sink)?;
    let trailer = input
        .get(end..end + 8)
        .and_then(|t| <[u8; 8]>::try_from(t).ok())
        .ok_or_else(|| sink.error(DecodeErrorKind::Truncated, input.len()))?;
    let [a, b, c, d, e, f, g, h] = trailer;
    let mut crc = Crc::new();
    let text = sink.produced_from(from);
    crc.update(text);
    // ISIZE is the length modulo 2^32.
    let length = (text.len() & 0xffff_ffff) as u32;
    if crc.sum() != u32::from_le_bytes([a, b, c, d]) || length != u32::from_le_bytes([e, f, g, h]) {
        return Err(sink.error(DecodeErrorKind::Corrupt, end));
    }
    Ok(end + 8)
}

/// The length of a member's header.
fn header(input: &[u8]) -> Result<usize, DecodeErrorKind> {
    use DecodeErrorKind::{Corrupt, Syntax, Truncated};
    let Some(fixed) = input.get(..10) else {
        return Err(Truncated);
    };
    let &[id1, id2, method, flags, ..] = fixed else {
        return Err(Truncated);
    };
    if [id1, id2] != MAGIC || method != 8 || flags & RESERVED != 0 {
        return Err(Syntax);
    }
    let mut at = 10;
    if flags & FEXTRA != 0 {
        let &[low, high] = input.get(at..at + 2).ok_or(Truncated)? else {
            return Err(Truncated);
        };
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    for text in [FNAME, FCOMMENT] {
        if flags & text != 0 {
            let rest = input.get(at..).ok_or(Truncated)?;
            at += memchr::memchr(0, rest).ok_or(Truncated)? + 1;
        }
    }
    if flags & FHCRC != 0 {
        let &[low, high] = input.get(at..at + 2).ok_or(Truncated)? else {
            return Err(Truncated);
        };
        let mut crc = Crc::new();
        crc.update(input.get(..at).ok_or(Truncated)?);
        if (crc.sum() & 0xffff) as u16 != u16::from_le_bytes([low, high]) {
            return Err(Corrupt);
        }
        at += 2;
    }
    if at > input.len() {
        return Err(Truncated);
    }
    Ok(at)
}

/// Appends one member.
pub(super) fn encode(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    thread_local! {
        static STATE: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(1), false));
    }
    out.extend_from_slice(&HEADER);
    STATE.with_borrow_mut(|state| deflate::compress(state, input, out))?;
    let mut crc = Crc::new();
    crc.update(input);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&((input.len() & 0xffff_ffff) as u32).to_le_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::{Coding, decode};
    use super::*;

    fn run(input: &[u8]) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut out = Vec::new();
        decode(Coding::Gzip, input, 1 << 20, &mut out).map_err(|e| e.kind)?;
        Ok(out)
    }

    fn wire(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(input, &mut out).unwrap();
        out
    }

    #[test]
    fn all_members_count() {
        let mut two = wire(b"one ");
        two.extend(wire(b""));
        two.extend(wire(b"two"));
        assert_eq!(run(&two).unwrap(), b"one two");
        two.extend([0; 16]);
        assert_eq!(run(&two), Err(DecodeErrorKind::Trailing));
    }

    #[test]
    fn headers_with_every_field_are_read_and_left_behind() {
        let plain = wire(b"text");
        let mut full = vec![
            0x1f,
            0x8b,
            8,
            FHCRC | FEXTRA | FNAME | FCOMMENT,
            1,
            2,
            3,
            4,
            0,
            3,
        ];
        full.extend([3, 0, b'x', b'y', b'z']);
        full.extend(b"jane.txt\0a comment\0");
        let mut crc = Crc::new();
        crc.update(&full);
        let mut bad = full.clone();
        full.extend(((crc.sum() & 0xffff) as u16).to_le_bytes());
        bad.extend([0, 0]);
        full.extend(&plain[10..]);
        bad.extend(&plain[10..]);
        assert_eq!(run(&full).unwrap(), b"text");
        assert_eq!(run(&bad), Err(DecodeErrorKind::Corrupt));
        let mut reserved = plain.clone();
        reserved[3] = 0x20;
        assert_eq!(run(&reserved), Err(DecodeErrorKind::Syntax));
        assert_eq!(plain[..10], HEADER);
    }

    #[test]
    fn a_wrong_length_is_corrupt() {
        let mut bad = wire(b"text");
        let at = bad.len() - 4;
        bad[at] = 5;
        assert_eq!(run(&bad), Err(DecodeErrorKind::Corrupt));
    }

    #[test]
    fn the_standard_writer_is_read() {
        use std::io::Write;
        let mut writer = flate2::GzBuilder::new()
            .filename("f")
            .write(Vec::new(), Compression::best());
        writer.write_all(b"hello hello hello").unwrap();
        assert_eq!(
            run(&writer.finish().unwrap()).unwrap(),
            b"hello hello hello"
        );
    }
}
