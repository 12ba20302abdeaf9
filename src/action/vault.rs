//! What is done under a vendor's keys besides pseudonyms: `encrypt`, and the person behind an event.
//!
//! A value is encrypted with AES-SIV (RFC 5297, 512-bit key): deterministic, so that equal values
//! can still be counted, and authenticated, so that nothing but what this key wrote is revealed. A
//! text names the epoch of its key: `tenc_3_<base64url>`. Keys are derived (HKDF) for each scope, as
//! for pseudonyms and apart from them.

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::shape::Form;
use super::{Effect, Pseudonymizer, Value};
use crate::codec::base64::{self, Alphabet, Flavour, Options};
use crate::sensitive::SecretKey;

/// In front of what is encrypted.
const PREFIX: &str = "tenc_";
/// In front of the scope in HKDF's `info`, one for each use.
const ENCRYPT: &[u8] = b"tamis/encrypt/v1";
const PERSON: &[u8] = b"tamis/person/v1";
/// What every text is bound to.
const BOUND: [&[u8]; 1] = [b"tamis/encrypt/v1"];

/// The keys of one scope in one epoch.
pub(super) struct Vault {
    siv: Zeroizing<[u8; 64]>,
    person: Hmac<Sha256>,
    epoch: u32,
}

/// A person, as far as a policy needs to tell one from another: two keyed numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person {
    /// For `when = { sampled = … }`.
    pub sample: u64,
    /// For `shift`.
    pub offset: u64,
}

impl Vault {
    /// The keys of a scope (a vendor's name, or `"global"`) under a primary key.
    pub(super) fn new(primary: &SecretKey, scope: &str, epoch: u32) -> Self {
        let root = Hkdf::<Sha256>::new(None, primary.expose());
        let mut siv = Zeroizing::new([0; 64]);
        let mut person = Zeroizing::new([0; 64]);
        let (half, _) = person.split_at_mut(32);
        #[expect(
            clippy::expect_used,
            reason = "HKDF gives up to 8160 bytes, 64 are asked"
        )]
        root.expand_multi_info(&[ENCRYPT, scope.as_bytes()], siv.as_mut())
            .and_then(|()| root.expand_multi_info(&[PERSON, scope.as_bytes()], half))
            .expect("64 bytes are within HKDF's bound");
        Self {
            siv,
            person: Hmac::<Sha256>::new(&(*person).into()),
            epoch,
        }
    }
}

/// `encrypt`: the value as a text that only the key's holder can read.
pub(super) fn encrypt(value: Value<'_>, keys: &Pseudonymizer, out: &mut String) -> Effect {
    let text = match value {
        Value::Text(text) | Value::Number(text) => text,
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
    };
    match keys.encrypt(text, out) {
        Some(()) => Effect::Text,
        None => Effect::Remove,
    }
}

/// The epoch that an encrypted text names; `None` when it is none.
#[must_use]
pub fn epoch_of(text: &str) -> Option<u32> {
    let (epoch, _) = text.strip_prefix(PREFIX)?.split_once('_')?;
    epoch.parse().ok()
}

impl Pseudonymizer {
    fn encrypt(&self, text: &str, out: &mut String) -> Option<()> {
        let sealed = Aes256Siv::new(&(*self.vault.siv).into())
            .encrypt(BOUND, text.as_bytes())
            .ok()?;
        out.push_str(PREFIX);
        out.push_str(&self.vault.epoch.to_string());
        out.push('_');
        let flavour = Flavour {
            alphabet: Alphabet::Url,
            padded: false,
        };
        base64::encode(flavour, &sealed, out);
        Some(())
    }

    /// What was encrypted; `None` when it was not under this key, or is not whole.
    #[must_use]
    pub fn reveal(&self, text: &str) -> Option<String> {
        let (_, sealed) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let options = Options {
            expect: Alphabet::Url,
            blank_is_plus: false,
        };
        let mut bytes = Vec::new();
        base64::decode(sealed.as_bytes(), options, &mut bytes).ok()?;
        let plain = Aes256Siv::new(&(*self.vault.siv).into())
            .decrypt(BOUND, &bytes)
            .ok()?;
        String::from_utf8(plain).ok()
    }

    /// The person whom an id stands for; all spellings of one id are one person. `None`: an id that
    /// the vendor gives to nobody.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<Person> {
        if self.is_nobody(id) {
            return None;
        }
        let rest = (self.prefixes.iter())
            .find_map(|prefix| id.strip_prefix(&**prefix).filter(|rest| !rest.is_empty()));
        let id = rest.unwrap_or(id);
        let canonical = Form::of(id).canonical(id);
        let mut mac = self.vault.person.clone();
        mac.update(canonical.as_deref().unwrap_or(id.as_bytes()));
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        let word = |range: std::ops::Range<usize>| {
            let bytes = bytes.get(range).and_then(|part| part.try_into().ok());
            u64::from_be_bytes(bytes.unwrap_or_default())
        };
        Some(Person {
            sample: word(0..8),
            offset: word(8..16),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(byte: u8, scope: &str) -> Pseudonymizer {
        Pseudonymizer::in_epoch(&SecretKey::new([byte; 32]), scope, &["$device:".into()], 3)
    }

    fn sealed(keys: &Pseudonymizer, text: &str) -> String {
        let mut out = String::new();
        assert_eq!(encrypt(Value::Text(text), keys, &mut out), Effect::Text);
        out
    }

    /// RFC 5297 appendix A.1 is for the shorter key; the cipher's own tests hold it. Here: ours.
    #[test]
    fn what_is_encrypted_is_revealed_by_who_holds_the_key_alone() {
        let mine = keys(7, "acme");
        let text = sealed(&mine, "jane@example.com");
        assert!(text.starts_with("tenc_3_"), "{text}");
        assert_eq!(epoch_of(&text), Some(3));
        assert_eq!(text, sealed(&mine, "jane@example.com"));
        assert_ne!(text, sealed(&mine, "Jane@example.com"));
        assert_eq!(mine.reveal(&text).unwrap(), "jane@example.com");
        for other in [keys(8, "acme"), keys(7, "other")] {
            assert_eq!(other.reveal(&text), None);
            assert_ne!(sealed(&other, "jane@example.com"), text);
        }
        for broken in [
            "",
            "tenc_3_",
            "tenc_3_AAAA",
            "tenc_x_AAAA",
            &text[..text.len() - 1],
        ] {
            assert_eq!(mine.reveal(broken), None, "{broken}");
        }
    }

    #[test]
    fn one_person_has_one_number_at_a_vendor() {
        let mine = keys(7, "acme");
        assert_eq!(
            mine.person("Jane@Example.com"),
            mine.person("jane@example.com")
        );
        assert_eq!(mine.person("$device:x1"), mine.person("x1"));
        assert_ne!(mine.person("x1"), mine.person("x2"));
        assert_ne!(mine.person("x1"), keys(7, "other").person("x1"));
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC{0,80}") {
            let mine = keys(7, "acme");
            let out = sealed(&mine, &text);
            prop_assert!(text.is_empty() || !out.contains(&text) || text.len() < 6);
            prop_assert_eq!(mine.reveal(&out), Some(text));
        }
    }
}
