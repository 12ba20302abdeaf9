//! Content codings: what `Content-Encoding` names.
//!
//! Invariants: a stream decodes whole or not at all (every member or frame, every checksum, nothing
//! after the end); the limit holds while bytes are produced, so that no declared size is believed
//! and no bomb is unpacked. Knows no HTTP: which coding applies is the caller's decision.

use super::{DecodeError, DecodeErrorKind};

mod br;
mod deflate;
mod gzip;
mod zstd;

/// A content coding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950: zlib, as RFC 9110 defines the token.
    Deflate,
    /// RFC 7932.
    Br,
    /// RFC 8878.
    Zstd,
}

/// A compressor failed (out of memory, in practice). Holds no input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {} encoder failed", .0.token())]
pub struct EncodeError(Coding);

impl Coding {
    /// The coding that a `Content-Encoding` token names, in any case; `None` when it is none that
    /// can be decoded. `identity` is no coding.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let is = |name: &str| token.eq_ignore_ascii_case(name);
        if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else if is("deflate") {
            Some(Self::Deflate)
        } else if is("br") {
            Some(Self::Br)
        } else if is("zstd") {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// The token.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Whether bytes begin like a gzip stream, for bodies that do not declare it. No JSON, form or
/// base64 text begins so.
#[must_use]
pub fn looks_like_gzip(input: &[u8]) -> bool {
    input.starts_with(&[0x1f, 0x8b, 8])
}

/// Whether bytes begin like a zlib stream, for bodies that do not declare it. No JSON, form or gzip
/// begins so; text that begins with `x` and one of four odd bytes is none that an SDK sends.
#[must_use]
pub fn looks_like_zlib(input: &[u8]) -> bool {
    matches!(input, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

/// Whether a stream that decodes may carry bytes that stand in no output: names and comments in
/// gzip's headers, brotli's metadata blocks. Errs on the side of yes.
#[must_use]
pub fn may_carry_more(coding: Coding, input: &[u8]) -> bool {
    match coding {
        Coding::Gzip => {
            let plain = matches!(input, [0x1f, 0x8b, 8, 0, ..]);
            // A later member has a header of its own.
            let later = input.get(1..).unwrap_or_default();
            !plain || memchr::memmem::find(later, &[0x1f, 0x8b, 8]).is_some()
        }
        Coding::Br => true,
        Coding::Deflate | Coding::Zstd => false,
    }
}

/// Appends what `input` decodes to. At most `limit` bytes are appended; on an error `out` is as it
/// was.
///
/// # Errors
/// [`DecodeError`] when the stream is not whole, not exact, or larger than `limit`.
pub fn decode(
    coding: Coding,
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    if input.is_empty() {
        return Err(DecodeError::new(DecodeErrorKind::Empty, coding.token(), 0));
    }
    let mut sink = Sink::new(coding, input.len(), limit, out);
    match coding {
        Coding::Gzip => gzip::decode(input, &mut sink)?,
        Coding::Deflate => deflate::decode(input, &mut sink)?,
        Coding::Br => br::decode(input, &mut sink)?,
        Coding::Zstd => zstd::decode(input, &mut sink)?,
    }
    sink.keep();
    Ok(())
}

/// Appends `input`, coded at a level that costs little.
///
/// # Errors
/// [`EncodeError`] when the compressor fails; `out` then holds garbage.
pub fn encode(coding: Coding, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let done = match coding {
        Coding::Gzip => gzip::encode(input, out),
        Coding::Deflate => deflate::encode(input, out),
        Coding::Br => br::encode(input, out),
        Coding::Zstd => zstd::encode(input, out),
    };
    done.ok_or(EncodeError(coding))
}

/// The first block; later ones double up to [`MAX_BLOCK`].
const MIN_BLOCK: usize = 4 << 10;
/// What is asked of a decoder at a time.
const MAX_BLOCK: usize = 256 << 10;
/// Beyond this output, more than [`MAX_RATIO`] bytes for one byte of input is a bomb.
const RATIO_FROM: usize = 4 << 20;
/// Batches of alike events stay far below.
const MAX_RATIO: usize = 512;

/// Where decoders write: hands out one block at a time and counts.
pub(crate) struct Sink<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    produced: usize,
    limit: usize,
    block: usize,
    input_len: usize,
    coding: Coding,
    kept: bool,
}

impl<'a> Sink<'a> {
    fn new(coding: Coding, input_len: usize, limit: usize, out: &'a mut Vec<u8>) -> Self {
        Self {
            start: out.len(),
            out,
            produced: 0,
            limit,
            block: input_len.saturating_mul(4).clamp(MIN_BLOCK, MAX_BLOCK),
            input_len,
            coding,
            kept: false,
        }
    }

    /// Room for the next bytes, never empty. One byte beyond the limit is offered, so that a stream
    /// of exactly `limit` bytes can show its end and a longer one shows itself.
    fn space(&mut self) -> &mut [u8] {
        let room = (self.limit - self.produced)
            .saturating_add(1)
            .min(self.block);
        let at = self.start + self.produced;
        let need = at + room;
        if need > self.out.capacity() {
            // Grows by doubling as `Vec` does, but not past the limit.
            let most = self.start.saturating_add(self.limit).saturating_add(1);
            let wanted = self.out.capacity().saturating_mul(2).min(most).max(need);
            self.out.reserve_exact(wanted - self.out.len());
        }
        self.out.resize(need, 0);
        self.block = (self.block * 2).min(MAX_BLOCK);
        self.out.get_mut(at..).unwrap_or_default()
    }

    /// Takes note of bytes written into [`Sink::space`] when `read` bytes of input were consumed.
    fn wrote(&mut self, bytes: usize, read: usize) -> Result<(), DecodeError> {
        self.produced += bytes;
        let bomb = self.produced > RATIO_FROM && self.produced / MAX_RATIO > self.input_len;
        if self.produced > self.limit || bomb {
            self.produced = 0;
            return Err(self.error(DecodeErrorKind::TooLarge, read));
        }
        Ok(())
    }

    /// What was produced from `from` on, counted from the stream's start.
    fn produced_from(&self, from: usize) -> &[u8] {
        self.out
            .get(self.start + from..self.start + self.produced)
            .unwrap_or_default()
    }

    fn error(&self, kind: DecodeErrorKind, offset: usize) -> DecodeError {
        DecodeError::new(kind, self.coding.token(), offset)
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Sink<'_> {
    fn drop(&mut self) {
        let len = if self.kept { self.produced } else { 0 };
        self.out.truncate(self.start + len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Br, Coding::Zstd];

    fn coded(coding: Coding, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(coding, input, &mut out).unwrap();
        out
    }

    fn kind(coding: Coding, input: &[u8], limit: usize) -> Option<DecodeErrorKind> {
        let mut out = b"before".to_vec();
        let result = decode(coding, input, limit, &mut out);
        if result.is_err() {
            assert_eq!(out, b"before", "an error leaves the buffer as it was");
        }
        result.err().map(|e| e.kind)
    }

    #[test]
    fn tokens() {
        assert_eq!(Coding::parse("X-GZip"), Some(Coding::Gzip));
        assert_eq!(Coding::parse("identity"), None);
        for coding in ALL {
            assert_eq!(Coding::parse(coding.token()), Some(coding));
        }
    }

    #[test]
    fn the_limit_is_exact_and_declared_sizes_are_not_believed() {
        let text = vec![b'x'; 100_000];
        for coding in ALL {
            let wire = coded(coding, &text);
            assert_eq!(kind(coding, &wire, 100_000), None, "{coding:?}");
            for limit in [0, 1, 4096, 99_999] {
                assert_eq!(
                    kind(coding, &wire, limit),
                    Some(DecodeErrorKind::TooLarge),
                    "{coding:?} {limit}"
                );
            }
        }
    }

    #[test]
    fn bombs_do_not_allocate() {
        let bomb = vec![0_u8; 30 << 20];
        for coding in ALL {
            let wire = coded(coding, &bomb);
            let mut out = Vec::new();
            let error = decode(coding, &wire, 1 << 20, &mut out).unwrap_err();
            assert_eq!(error.kind, DecodeErrorKind::TooLarge);
            assert!(out.capacity() <= (1 << 20) + MAX_BLOCK, "{coding:?}");
            // Under a generous limit the ratio stops it; that of a fast gzip is no bomb's.
            if matches!(coding, Coding::Br | Coding::Zstd) {
                let error = decode(coding, &wire, 1 << 30, &mut out).unwrap_err();
                assert_eq!(error.kind, DecodeErrorKind::TooLarge);
                assert!(out.capacity() <= 4 * RATIO_FROM, "{coding:?}");
            }
        }
    }

    #[test]
    fn every_truncation_and_every_tail_is_refused() {
        let text = br#"{"event":"Signed Up","properties":{"$email":"jane@example.com","n":12345}}"#;
        for coding in ALL {
            let wire = coded(coding, text);
            assert_eq!(kind(coding, b"", 1 << 20), Some(DecodeErrorKind::Empty));
            for end in 1..wire.len() {
                assert!(
                    kind(coding, &wire[..end], 1 << 20).is_some(),
                    "{coding:?} cut at {end}"
                );
            }
            for tail in [
                &b"\0"[..],
                b"\n",
                b"{}",
                b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ] {
                let mut long = wire.clone();
                long.extend_from_slice(tail);
                assert!(
                    kind(coding, &long, 1 << 20).is_some(),
                    "{coding:?} tail {tail:?}"
                );
            }
        }
    }

    #[test]
    fn checksums_are_verified() {
        let text = b"abcdefghijklmnopqrstuvwxyz0123456789";
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd] {
            let wire = coded(coding, text);
            let mut bad = wire.clone();
            let at = bad.len() - 1;
            bad[at] ^= 1;
            assert!(kind(coding, &bad, 1 << 20).is_some(), "{coding:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_coded_decodes_to_itself(
            unit in proptest::collection::vec(any::<u8>(), 0..300),
            times in 1_usize..40,
        ) {
            let input = unit.repeat(times);
            for coding in ALL {
                let wire = coded(coding, &input);
                let mut out = b"before".to_vec();
                decode(coding, &wire, input.len(), &mut out).unwrap();
                prop_assert_eq!(&out[6..], &input[..]);
            }
        }

        #[test]
        fn noise_never_panics(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            for coding in ALL {
                let mut out = Vec::new();
                let _ = decode(coding, &input, 1 << 16, &mut out);
                prop_assert!(out.len() <= 1 << 16);
            }
        }

        #[test]
        fn a_flipped_bit_never_yields_other_text_under_a_checksum(
            at in any::<proptest::sample::Index>(), bit in 0_u8..8,
        ) {
            let text = b"{\"a\":1,\"email\":\"jane@example.com\",\"b\":[1,2,3,4,5,6,7,8,9]}".repeat(3);
            for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd] {
                let mut wire = coded(coding, &text);
                let at = at.index(wire.len());
                wire[at] ^= 1 << bit;
                let mut out = Vec::new();
                if decode(coding, &wire, 1 << 16, &mut out).is_ok() {
                    prop_assert_eq!(&out, &text);
                }
            }
        }
    }
}
