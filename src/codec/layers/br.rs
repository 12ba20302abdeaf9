//! Brotli (RFC 7932): one stream, consumed to its last byte.
//!
//! Windows beyond the RFC's 16 MiB ("large window") are refused. The decoder's own ring buffer is at
//! most that window, whatever the limit.

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, HeapAlloc};

use super::super::{DecodeError, DecodeErrorKind};
use super::Sink;

/// 4 is where brotli beats gzip at gzip's price.
const QUALITY: i32 = 4;

/// Decodes one stream.
pub(super) fn decode(input: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    let mut state = BrotliState::new_strict(
        HeapAlloc::<u8>::default(),
        HeapAlloc::<u32>::default(),
        HeapAlloc::<brotli::HuffmanCode>::default(),
    );
    let mut left = input.len();
    let mut at = 0;
    let mut total = 0;
    loop {
        let space = sink.space();
        let mut room = space.len();
        let mut written = 0;
        let result = BrotliDecompressStream(
            &mut left,
            &mut at,
            input,
            &mut room,
            &mut written,
            space,
            &mut total,
            &mut state,
        );
        sink.wrote(written, at)?;
        match result {
            BrotliResult::ResultSuccess if left == 0 => return Ok(()),
            BrotliResult::ResultSuccess => {
                return Err(sink.error(DecodeErrorKind::Trailing, at));
            }
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => {
                return Err(sink.error(DecodeErrorKind::Truncated, input.len()));
            }
            BrotliResult::ResultFailure => {
                return Err(sink.error(DecodeErrorKind::Corrupt, at));
            }
        }
    }
}

/// Appends one stream.
pub(super) fn encode(mut input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: QUALITY,
        // A window no larger than the text needs: the encoder allocates by it.
        lgwin: window(input.len()),
        size_hint: input.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut input, out, &params).ok()?;
    Some(())
}

/// The window's logarithm for a text.
fn window(len: usize) -> i32 {
    let bits = usize::BITS - len.leading_zeros();
    i32::try_from(bits).unwrap_or(22).clamp(16, 22)
}

#[cfg(test)]
mod tests {
    use super::super::{Coding, decode};
    use super::*;

    #[test]
    fn a_second_stream_is_a_tail() {
        let mut wire = Vec::new();
        encode(b"one", &mut wire).unwrap();
        encode(b"two", &mut wire).unwrap();
        let error = decode(Coding::Br, &wire, 1 << 20, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Trailing);
    }

    #[test]
    fn large_windows_are_refused() {
        let mut wire = Vec::new();
        let params = brotli::enc::BrotliEncoderParams {
            quality: 4,
            lgwin: 28,
            large_window: true,
            ..Default::default()
        };
        brotli::BrotliCompress(&mut &b"hello"[..], &mut wire, &params).unwrap();
        assert!(decode(Coding::Br, &wire, 1 << 20, &mut Vec::new()).is_err());
    }
}
