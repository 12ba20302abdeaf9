//! Data that cannot be printed.
//!
//! A client's value travels as a [`Sensitive`]: it has neither `Debug` nor `Display`, so a log line
//! or an error that would show it does not compile. `.expose()` is the one way in, and
//! `tests/architecture.rs` holds where it may stand.

/// A value of a client. No `Debug`, no `Display`, no `Serialize`.
///
/// ```compile_fail
/// println!("{:?}", tamis::sensitive::Sensitive::new("jane@example.com"));
/// ```
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps what came from a client.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for decoding, judging and encoding only.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, by move.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A secret text of any length, such as the salt of a checksum: wiped when dropped, never printed.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct SecretText(Vec<u8>);

impl SecretText {
    /// Takes the text.
    #[must_use]
    pub fn new(text: Vec<u8>) -> Self {
        Self(text)
    }

    /// The text itself, for the sum that it is a part of.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Key material: wiped when dropped, never printed.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// Takes 32 bytes of key material.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for key derivation and for the key file.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}
