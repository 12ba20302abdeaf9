//! Wire bytes to documents and back: content codings, base64, forms. Knows no policy and no HTTP.
//!
//! Decoding is exact: trailing bytes, truncation, bad padding and wrong checksums are errors. Output
//! is bounded while it is produced. Errors are `Copy` and hold no input.

pub mod base64;
pub mod cesu8;
pub mod checksum;
pub mod envelope;
pub mod form;
pub mod layers;
pub mod lz64;
pub mod multipart;
pub mod protobuf;
pub mod querypack;

pub use layers::{Coding, EncodeError, decode, encode};

/// Why bytes could not be decoded. Holds no input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind} in {layer} at byte {offset}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// In which layer: `json`, `gzip`, `base64`, `form`, …
    pub layer: &'static str,
    /// Where, in bytes from the layer's start.
    pub offset: usize,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeErrorKind {
    /// Not the layer's grammar.
    #[error("a syntax error")]
    Syntax,
    /// Ends too early.
    #[error("a truncated document")]
    Truncated,
    /// Goes on after its end.
    #[error("trailing bytes")]
    Trailing,
    /// Not UTF-8.
    #[error("text that is not UTF-8")]
    Utf8,
    /// A checksum or a stream's own integrity check fails.
    #[error("a corrupt stream")]
    Corrupt,
    /// Nested deeper than the limit.
    #[error("nesting beyond the limit")]
    Depth,
    /// A checksum that an edit breaks and whose salt is not configured.
    #[error("a checksum whose salt is not configured (`[checksum_salts]`)")]
    Salt,
    /// Larger than the limit, as sent or decoded.
    #[error("more bytes than the limit")]
    TooLarge,
    /// Nothing where a document was expected.
    #[error("an empty document")]
    Empty,
    /// A coding or media type that this endpoint does not take.
    #[error("an encoding that cannot be decoded")]
    Unsupported,
    /// The document is not of the shape the endpoint takes.
    #[error("an unexpected shape")]
    Shape,
}

impl DecodeError {
    /// An error of a layer at an offset.
    #[must_use]
    pub fn new(kind: DecodeErrorKind, layer: &'static str, offset: usize) -> Self {
        Self {
            kind,
            layer,
            offset,
        }
    }
}
