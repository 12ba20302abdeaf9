//! The keyed mapping from identifiers to pseudonyms of one vendor.

use crate::sensitive::SecretKey;

/// HMAC-SHA-256 under a key that is derived (HKDF) from the primary one for a vendor.
pub struct Pseudonymizer {
    _key: SecretKey,
    _prefixes: Box<[Box<str>]>,
}

impl Pseudonymizer {
    /// The pseudonyms of `scope` (a vendor's name, or `"global"`) under a primary key. `prefixes`
    /// are what the vendor writes in front of an id (`$device:`): they are kept and the rest is
    /// hashed, so that `$device:<id>` and `<id>` go together.
    #[must_use]
    pub fn new(primary: &SecretKey, _scope: &str, prefixes: &[Box<str>]) -> Self {
        Self {
            _key: primary.clone(),
            _prefixes: prefixes.into(),
        }
    }
}
