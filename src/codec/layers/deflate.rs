//! `deflate`: zlib (RFC 1950), which is what the token means and what SDKs send.
//!
//! Raw deflate is refused: a few raw streams begin like a zlib header, so that two readers could see
//! two texts in one body. A preset dictionary is refused as well.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::super::{DecodeError, DecodeErrorKind};
use super::Sink;

/// Decodes one zlib stream.
pub(super) fn decode(input: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    let end = inflate(input, 0, &mut Decompress::new(true), sink)?;
    if end < input.len() {
        return Err(sink.error(DecodeErrorKind::Trailing, end));
    }
    Ok(())
}

/// Inflates the stream at `start`; answers where it ends.
pub(super) fn inflate(
    input: &[u8],
    start: usize,
    state: &mut Decompress,
    sink: &mut Sink<'_>,
) -> Result<usize, DecodeError> {
    let mut at = start;
    loop {
        let (before_in, before_out) = (state.total_in(), state.total_out());
        let rest = input.get(at..).unwrap_or_default();
        let status = state
            .decompress(rest, sink.space(), FlushDecompress::None)
            .map_err(|_| sink.error(DecodeErrorKind::Corrupt, at))?;
        let read = step(state.total_in(), before_in);
        let wrote = step(state.total_out(), before_out);
        at += read;
        sink.wrote(wrote, at)?;
        match status {
            Status::StreamEnd => return Ok(at),
            // There was room, so a decoder that stands still wants input.
            Status::Ok | Status::BufError if read == 0 && wrote == 0 => {
                return Err(sink.error(DecodeErrorKind::Truncated, at));
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

/// What a 64-bit counter moved in one call; at most a slice's length.
fn step(after: u64, before: u64) -> usize {
    usize::try_from(after.wrapping_sub(before)).unwrap_or(usize::MAX)
}

/// Appends one zlib stream.
pub(super) fn encode(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    thread_local! {
        static STATE: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(1), true));
    }
    STATE.with_borrow_mut(|state| compress(state, input, out))
}

/// Appends what the compressor makes of `input`.
pub(super) fn compress(state: &mut Compress, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    state.reset();
    let mut at = 0;
    out.reserve(input.len() / 4 + 128);
    loop {
        let (before_in, before_out) = (state.total_in(), state.total_out());
        let rest = input.get(at..).unwrap_or_default();
        let status = state.compress_vec(rest, out, FlushCompress::Finish).ok()?;
        at += step(state.total_in(), before_in);
        match status {
            Status::StreamEnd => return Some(()),
            Status::Ok | Status::BufError => {
                let stuck = state.total_in() == before_in && state.total_out() == before_out;
                if stuck && out.capacity() > out.len() {
                    return None;
                }
                out.reserve(input.len() / 4 + 1024);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Coding, decode};
    use super::*;

    fn run(input: &[u8]) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut out = Vec::new();
        decode(Coding::Deflate, input, 1 << 20, &mut out).map_err(|e| e.kind)?;
        Ok(out)
    }

    #[test]
    fn raw_deflate_and_dictionaries_are_refused() {
        let mut raw = Vec::new();
        compress(
            &mut Compress::new(Compression::new(1), false),
            b"hello hello",
            &mut raw,
        )
        .unwrap();
        assert!(run(&raw).is_err());
        let mut with_dictionary = Compress::new(Compression::new(6), true);
        with_dictionary.set_dictionary(b"hello").unwrap();
        let mut wire = vec![0; 100];
        with_dictionary
            .compress(b"hello hello", &mut wire, FlushCompress::Finish)
            .unwrap();
        wire.truncate(with_dictionary.total_out() as usize);
        assert_eq!(run(&wire), Err(DecodeErrorKind::Corrupt));
    }

    #[test]
    fn the_state_is_reused() {
        for text in [&b"first"[..], b"", b"second second second"] {
            let mut wire = Vec::new();
            encode(text, &mut wire).unwrap();
            assert_eq!(run(&wire).unwrap(), text);
        }
    }
}
