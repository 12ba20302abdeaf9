//! The keyed mapping from identifiers to pseudonyms of one vendor.
//!
//! A pseudonym depends on the key, the scope and the canonical value, and on nothing else: not on
//! the field, its category, the endpoint or the time. Scopes have independent keys (HKDF), so that
//! one person's pseudonyms at two vendors cannot be joined.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::hash::{Hash, Shape};
use super::shape::{DIGITS_LEN, Form, Stream, TOKEN_LEN};
use super::vault::Vault;
use crate::sensitive::SecretKey;

/// In front of the scope in HKDF's `info`; another derivation gets another number.
const INFO: &[u8] = b"tamis/pseudonym/v1";
/// The domain of hashed e-mail addresses (RFC 2606: never delivered).
const EMAIL_DOMAIN: &str = "@redacted.invalid";

/// HMAC-SHA-256 under a key that is derived (HKDF) from the primary one for a vendor.
pub struct Pseudonymizer {
    /// The keyed state, cloned for each value: the key schedule is paid once.
    keyed: Hmac<Sha256>,
    pub(super) prefixes: Box<[Box<str>]>,
    no_ids: Box<[Box<str>]>,
    pub(super) vault: Vault,
}

impl Pseudonymizer {
    /// The pseudonyms of `scope` (a vendor's name, or `"global"`) under a primary key. `prefixes`
    /// are what the vendor writes in front of an id (`$device:`): they are kept and the rest is
    /// hashed, so that `$device:<id>` and `<id>` go together.
    #[must_use]
    pub fn new(primary: &SecretKey, scope: &str, prefixes: &[Box<str>]) -> Self {
        Self::in_epoch(primary, scope, prefixes, 0)
    }

    /// The same under the key of an epoch, whose number encrypted texts name.
    #[must_use]
    pub fn in_epoch(primary: &SecretKey, scope: &str, prefixes: &[Box<str>], epoch: u32) -> Self {
        // HMAC fills a key of 32 bytes with zeros to its block of 64.
        let mut key = zeroize::Zeroizing::new([0; 64]);
        let (half, _) = key.split_at_mut(32);
        #[expect(
            clippy::expect_used,
            reason = "HKDF gives up to 8160 bytes, 32 are asked"
        )]
        Hkdf::<Sha256>::new(None, primary.expose())
            .expand_multi_info(&[INFO, scope.as_bytes()], half)
            .expect("32 bytes are within HKDF's bound");
        Self {
            keyed: Hmac::<Sha256>::new(&(*key).into()),
            prefixes: prefixes.into(),
            no_ids: Box::default(),
            vault: Vault::new(primary, scope, epoch),
        }
    }

    /// With values that stand for nobody and get no pseudonym: it would make one person of all who
    /// have none.
    #[must_use]
    pub fn except(mut self, no_ids: &[Box<str>]) -> Self {
        self.no_ids = no_ids.into();
        self
    }

    /// Whether a value stands for nobody.
    pub(super) fn is_nobody(&self, value: &str) -> bool {
        self.no_ids.iter().any(|no| no.eq_ignore_ascii_case(value))
    }

    /// Appends the pseudonym of a text.
    pub fn pseudonym(&self, value: &str, hash: &Hash, out: &mut String) {
        let value = self.keep_prefix(value, out);
        let form = Form::of(value);
        out.push_str(&hash.prefix);
        let mut stream = self.stream(form, value, hash.bits);
        write(&mut stream, form, value, hash, out);
    }

    /// Appends the digits that stand for a JSON number; those of the equal text if that is at most
    /// 15 digits long.
    pub(super) fn number(&self, value: &str, hash: &Hash, out: &mut String) {
        let len = hash.length.unwrap_or(DIGITS_LEN).clamp(1, DIGITS_LEN);
        self.stream(Form::Digits, value, hash.bits).digits(len, out);
    }

    /// Copies a catalogued prefix; answers what stands after it.
    pub(super) fn keep_prefix<'v>(&self, value: &'v str, out: &mut String) -> &'v str {
        for prefix in &self.prefixes {
            if let Some(rest) = value.strip_prefix(&**prefix)
                && !rest.is_empty()
            {
                out.push_str(prefix);
                return rest;
            }
        }
        value
    }

    /// The bytes that stand for a value: its HMAC, then each block's HMAC as the next block.
    fn stream(
        &self,
        form: Form,
        value: &str,
        bits: Option<u8>,
    ) -> Stream<impl FnMut() -> Option<[u8; 32]>> {
        let canonical = form.canonical(value);
        let mut block = self.mac(canonical.as_deref().unwrap_or(value.as_bytes()));
        if let Some(bits) = bits {
            block = self.few(block, bits);
        }
        let mut first = true;
        Stream::new(move || {
            if !first {
                block = self.mac(&block);
            }
            first = false;
            Some(block)
        })
    }

    /// The bytes that stand for a value and all others with the same first bits.
    fn few(&self, block: [u8; 32], bits: u8) -> [u8; 32] {
        let [a, b, c, d, ..] = block;
        let first = u32::from_be_bytes([a, b, c, d]);
        let kept = first
            & u32::MAX
                .checked_shl(32u32.saturating_sub(bits.into()))
                .unwrap_or(0);
        let mut text = *b"tamis/few/v1\0\0\0\0\0";
        if let Some(place) = text.get_mut(12..16) {
            place.copy_from_slice(&kept.to_be_bytes());
        }
        if let Some(place) = text.get_mut(16) {
            *place = bits;
        }
        self.mac(&text)
    }

    fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

/// Writes a pseudonym in the shape that `hash` asks of a value of this form.
pub(super) fn write<F: FnMut() -> Option<[u8; 32]>>(
    stream: &mut Stream<F>,
    form: Form,
    value: &str,
    hash: &Hash,
    out: &mut String,
) {
    match (hash.shape, hash.length) {
        (Shape::Keep, length) => write_alike(stream, form, value, length, out),
        (Shape::Hex, length) => stream.hex(length.unwrap_or(32), false, out),
        (Shape::Digits, length) => stream.digits(length.unwrap_or(DIGITS_LEN), out),
        (Shape::Uuid, _) => stream.uuid(false, out),
    }
}

/// Writes a pseudonym in the value's own shape. A given length makes hex of a UUID and digits of a
/// dotted number, which have no other.
fn write_alike<F: FnMut() -> Option<[u8; 32]>>(
    stream: &mut Stream<F>,
    form: Form,
    value: &str,
    length: Option<usize>,
    out: &mut String,
) {
    match (form, length) {
        (Form::Uuid { upper }, None) => stream.uuid(upper, out),
        (Form::Uuid { upper }, Some(len)) => stream.hex(len, upper, out),
        (Form::Dotted, None) => stream.dotted(out),
        (Form::Dotted, Some(len)) => stream.digits(len, out),
        (Form::Digits, _) => {
            stream.digits(length.unwrap_or(value.len().max(DIGITS_LEN)), out);
        }
        (Form::Hex { upper }, _) => stream.hex(length.unwrap_or(value.len()), upper, out),
        (Form::Email, _) => {
            stream.token(length.unwrap_or(TOKEN_LEN), out);
            out.push_str(EMAIL_DOMAIN);
        }
        (Form::Phone | Form::Token, _) => stream.token(length.unwrap_or(TOKEN_LEN), out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> SecretKey {
        SecretKey::new([byte; 32])
    }

    fn of(p: &Pseudonymizer, value: &str, hash: &Hash) -> String {
        let mut out = String::new();
        p.pseudonym(value, hash, &mut out);
        out
    }

    fn mixpanel() -> Pseudonymizer {
        Pseudonymizer::new(&key(7), "mixpanel", &["$device:".into()])
    }

    fn keep(value: &str) -> String {
        of(&mixpanel(), value, &Hash::default())
    }

    #[test]
    fn shapes_stay() {
        let uuid = keep("F47AC10B-58CC-4372-A567-0E02B2C3D479");
        assert_eq!(uuid, uuid.to_uppercase());
        assert_eq!(
            uuid.to_lowercase(),
            keep("f47ac10b-58cc-4372-a567-0e02b2c3d479")
        );
        assert_eq!(Form::of(&uuid), Form::Uuid { upper: true });
        assert_eq!(&uuid[14..15], "4");
        assert!("89AB".contains(&uuid[19..20]));

        for (value, len) in [
            ("5", 15),
            ("123456789012345678", 18),
            ("1".repeat(40).as_str(), 40),
        ] {
            let digits = keep(value);
            assert_eq!((digits.len(), Form::of(&digits)), (len, Form::Digits));
            assert!("789".contains(&digits[..1]));
        }
        let hex = keep("64A1B2C3D4E5F607");
        assert_eq!(hex.len(), 16);
        assert_eq!(hex.to_lowercase(), keep("64a1b2c3d4e5f607"));
        let long = keep(&"ab".repeat(60));
        assert_eq!(long.len(), 120);
        assert_ne!(long[..60], long[60..], "blocks differ");

        let ga = keep("1234567890.1717171717");
        let (left, right) = ga.split_once('.').unwrap();
        assert_eq!(
            (left.len(), right.len(), Form::of(&ga)),
            (10, 10, Form::Dotted)
        );

        let mail = keep(" Jane@Example.com");
        assert_eq!(mail, keep("jane@example.com"));
        assert_eq!(mail.len(), 20 + EMAIL_DOMAIN.len());
        assert!(mail.ends_with(EMAIL_DOMAIN));

        assert_eq!(keep("+41 79 123 45 67"), keep("+41791234567"));
        assert_eq!(keep("user-48213").len(), 20);
    }

    #[test]
    fn prefixes_stay_and_ids_go_together() {
        let id = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
        assert_eq!(
            keep(&format!("$device:{id}")),
            format!("$device:{}", keep(id))
        );
        assert_eq!(
            keep("$device:").len(),
            20,
            "nothing stands after the prefix"
        );
        let hash = Hash {
            shape: Shape::Hex,
            prefix: "t_".into(),
            length: Some(16),
            bits: None,
        };
        let p = mixpanel();
        assert_eq!(
            of(&p, "$device:x", &hash),
            format!("$device:{}", of(&p, "x", &hash))
        );
        assert!(of(&p, "x", &hash).starts_with("t_"));
        assert_eq!(of(&p, "x", &hash).len(), 18);
    }

    #[test]
    fn numbers_and_their_texts_agree() {
        let mut number = String::new();
        mixpanel().number("5", &Hash::default(), &mut number);
        assert_eq!(number, keep("5"));
        assert!(number.parse::<u64>().unwrap() < 1 << 53);
    }

    #[test]
    fn asked_shapes() {
        let p = mixpanel();
        let hash = |shape, length| Hash {
            shape,
            length,
            ..Hash::default()
        };
        assert_eq!(of(&p, "x", &hash(Shape::Hex, None)).len(), 32);
        assert_eq!(of(&p, "x", &hash(Shape::Digits, Some(9))).len(), 9);
        let uuid = of(&p, "x", &hash(Shape::Uuid, None));
        assert_eq!(Form::of(&uuid), Form::Uuid { upper: false });
        assert_eq!(of(&p, "word", &hash(Shape::Keep, Some(12))).len(), 12);
    }

    #[test]
    fn keys_and_scopes_separate() {
        let a = mixpanel();
        let b = Pseudonymizer::new(&key(7), "segment", &[]);
        let c = Pseudonymizer::new(&key(8), "mixpanel", &[]);
        let hash = Hash::default();
        let all = [of(&a, "x", &hash), of(&b, "x", &hash), of(&c, "x", &hash)];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }

    #[test]
    fn few_bits_make_pseudonyms_collide_evenly() {
        let p = mixpanel();
        let hash = Hash {
            bits: Some(6),
            ..Hash::default()
        };
        let mut seen = std::collections::HashMap::new();
        for n in 0..6400 {
            *seen.entry(of(&p, &format!("user-{n}"), &hash)).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 64);
        assert!(
            seen.values().all(|many| (50..=160).contains(many)),
            "{seen:?}"
        );
        let uuid = of(&p, "f47ac10b-58cc-4372-a567-0e02b2c3d479", &hash);
        assert_eq!(Form::of(&uuid), Form::Uuid { upper: false });
    }

    /// Pseudonyms live in vendors' databases for years: this one must never change.
    #[test]
    fn known_answers() {
        assert_eq!(keep("user-48213"), KNOWN[0]);
        assert_eq!(keep("5"), KNOWN[1]);
        assert_eq!(keep("f47ac10b-58cc-4372-a567-0e02b2c3d479"), KNOWN[2]);
    }
    /// Computed with another program (HKDF and HMAC of Python's `hmac` module).
    const KNOWN: [&str; 3] = [
        "sihtis8hr4kf97e8rmkh",
        "820634670677459",
        "3a000f8c-8d7d-43fb-bafe-01d569035d6f",
    ];

    proptest! {
        #[test]
        fn equal_in_equal_out_and_never_the_input(value in "\\PC{1,40}") {
            let out = keep(&value);
            prop_assert_eq!(&out, &keep(&value));
            prop_assert_ne!(&out, &value);
            prop_assert!(out.is_ascii());
        }

        #[test]
        fn digits_and_uuids_keep_their_form(value in "[0-9]{1,30}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}") {
            prop_assert_eq!(Form::of(&keep(&value)), Form::of(&value));
        }
    }
}
