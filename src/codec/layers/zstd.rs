//! Zstandard (RFC 8878): every frame; skippable frames, dictionaries and windows over 8 MiB (RFC
//! 9659) refused; a frame's checksum is verified when it has one, and written.

use std::cell::RefCell;

use zstd::bulk::Compressor;
use zstd::stream::raw::{CParameter, DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::super::{DecodeError, DecodeErrorKind};
use super::Sink;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const WINDOW_LOG_MAX: u32 = 23;
const LEVEL: i32 = 1;

/// Decodes all frames.
pub(super) fn decode(input: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    let fail = |sink: &Sink<'_>, at| sink.error(DecodeErrorKind::Corrupt, at);
    let mut state = Decoder::new().map_err(|_| fail(sink, 0))?;
    state
        .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
        .map_err(|_| fail(sink, 0))?;
    let mut at = 0;
    while at < input.len() {
        let rest = input.get(at..).unwrap_or_default();
        if !rest.starts_with(&MAGIC) {
            return Err(sink.error(not_a_frame(rest, at), at));
        }
        if at > 0 {
            state.reinit().map_err(|_| fail(sink, at))?;
        }
        at += frame(rest, at, &mut state, sink)?;
    }
    Ok(())
}

/// What stands where a frame should.
fn not_a_frame(rest: &[u8], at: usize) -> DecodeErrorKind {
    let skippable = matches!(rest, [low, 0x2a, 0x4d, 0x18, ..] if (0x50..=0x5f).contains(low));
    if skippable {
        DecodeErrorKind::Unsupported
    } else if MAGIC.starts_with(rest) {
        DecodeErrorKind::Truncated
    } else if at > 0 {
        DecodeErrorKind::Trailing
    } else {
        DecodeErrorKind::Syntax
    }
}

/// Decodes the frame at the start of `rest`; answers its length.
fn frame(
    rest: &[u8],
    at: usize,
    state: &mut Decoder<'_>,
    sink: &mut Sink<'_>,
) -> Result<usize, DecodeError> {
    let mut source = InBuffer::around(rest);
    loop {
        let before = source.pos();
        let (result, wrote) = {
            let mut target = OutBuffer::around(sink.space());
            let result = state.run(&mut source, &mut target);
            (result, target.pos())
        };
        let here = at + source.pos();
        sink.wrote(wrote, here)?;
        match result {
            Ok(0) => return Ok(source.pos()),
            Ok(_) if wrote == 0 && source.pos() == before => {
                return Err(sink.error(DecodeErrorKind::Truncated, here));
            }
            Ok(_) => {}
            Err(_) => return Err(sink.error(DecodeErrorKind::Corrupt, here)),
        }
    }
}

/// Appends one frame with a checksum.
pub(super) fn encode(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    thread_local! {
        static STATE: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    }
    STATE.with_borrow_mut(|state| {
        if state.is_none() {
            let mut fresh = Compressor::new(LEVEL).ok()?;
            fresh.set_parameter(CParameter::ChecksumFlag(true)).ok()?;
            *state = Some(fresh);
        }
        let start = out.len();
        out.resize(start + zstd::zstd_safe::compress_bound(input.len()), 0);
        let written = state
            .as_mut()?
            .compress_to_buffer(input, out.get_mut(start..)?)
            .ok()?;
        out.truncate(start + written);
        Some(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Coding, decode};
    use super::*;

    fn run(input: &[u8]) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut out = Vec::new();
        decode(Coding::Zstd, input, 1 << 20, &mut out).map_err(|e| e.kind)?;
        Ok(out)
    }

    fn wire(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(input, &mut out).unwrap();
        out
    }

    #[test]
    fn all_frames_count_and_skippable_ones_are_refused() {
        let mut two = wire(b"one ");
        two.extend(wire(b"two"));
        assert_eq!(run(&two).unwrap(), b"one two");
        let skip = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, b'h', b'i'];
        two.extend(skip);
        assert_eq!(run(&two), Err(DecodeErrorKind::Unsupported));
        let mut first = skip.to_vec();
        first.extend(wire(b"x"));
        assert_eq!(run(&first), Err(DecodeErrorKind::Unsupported));
    }

    #[test]
    fn wide_windows_are_refused() {
        use std::io::Write;
        let mut writer = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        writer.window_log(27).unwrap();
        writer.long_distance_matching(true).unwrap();
        writer.write_all(b"hello").unwrap();
        let frame = writer.finish().unwrap();
        assert_eq!(run(&frame), Err(DecodeErrorKind::Corrupt));
    }
}
