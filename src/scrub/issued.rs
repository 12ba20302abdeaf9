//! What vendors give out themselves: project numbers, public keys, addresses that hold both.
//!
//! Such a text names no person, though it looks like one to detectors: a project number of sixteen
//! digits passes for a card in one case of ten, and `key@host` for an e-mail address. Where the
//! catalog says `issued`, a text of one of these forms passes as it came; any other is judged. So does,
//! in a header, a JSON web token in which nothing else stands: a server's note to itself, signed, so
//! that nothing in it can be rewritten.

use crate::codec::base64::{self, Alphabet, Options};
use crate::json::{Kind, Tape, lex};

/// A URL that says to whom something belongs: `https://key@host/path/42`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Locator<'a> {
    /// The public key.
    pub(super) key: &'a str,
    /// The project's number, the last segment of the path.
    pub(super) project: &'a str,
}

/// Reads such a URL; `None` when any part of it could be something else.
pub(super) fn locator(text: &str) -> Option<Locator<'_>> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let (authority, path) = rest.split_once('/')?;
    let (user, host) = authority.split_once('@')?;
    let (key, secret) = match user.split_once(':') {
        Some((key, secret)) => (key, Some(secret)),
        None => (user, None),
    };
    let (name, port) = match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let segment = |s: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b == b'-';
        !s.is_empty() && s.len() <= 32 && s.bytes().all(plain)
    };
    let (folders, project) = path.rsplit_once('/').unwrap_or(("", path));
    let good = is_key(key)
        && secret.is_none_or(is_key)
        && is_host(name)
        && port.is_none_or(|p| p.len() <= 5 && is_number(p))
        && is_number(project)
        && (folders.is_empty() || folders.split('/').all(segment));
    good.then_some(Locator { key, project })
}

/// Whether a text has the form of something that a vendor gave out.
pub(super) fn is_issued(text: &str) -> bool {
    is_number(text) || is_key(text) || locator(text).is_some()
}

/// Whether a text is a JSON web token that names nobody: its claims are numbers, truth values and
/// issued texts under plain names.
pub(super) fn is_issued_token(text: &str) -> bool {
    let mut parts = text.split('.').map(|part| {
        let (mut bytes, options) = (
            Vec::new(),
            Options {
                expect: Alphabet::Url,
                ..Options::default()
            },
        );
        base64::decode(part.as_bytes(), options, &mut bytes)
            .is_ok()
            .then_some(bytes)
    });
    let (Some(Some(head)), Some(Some(claims)), Some(Some(signature)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    // HMAC, elliptic curves, RSA: bytes, of which no reader could make a text.
    let signed =
        matches!(signature.len(), 32 | 48 | 64 | 96 | 256) && str::from_utf8(&signature).is_err();
    signed
        && is_flat(&head, |name, text| match name {
            "typ" => text == "JWT",
            "alg" => text.len() == 5 && text.bytes().all(|b| b.is_ascii_alphanumeric()),
            "kid" => is_issued(text),
            _ => false,
        })
        && is_flat(&claims, |_, text| is_issued(text))
}

/// Whether bytes are a JSON object of numbers, truth values and texts that are good, under plain names.
fn is_flat(json: &[u8], good: impl Fn(&str, &str) -> bool) -> bool {
    let (Ok(text), mut tape) = (str::from_utf8(json), Tape::default()) else {
        return false;
    };
    if lex(text, &mut tape).is_err() || tape.node(0).is_none_or(|node| node.kind != Kind::Object) {
        return false;
    }
    let plain = |name: &str| {
        (1..=20).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphabetic())
    };
    let members = (1..tape.len()).step_by(2).map(|at| tape.pair(at));
    members.into_iter().all(|pair| {
        let Some((key, value)) = pair else {
            return false;
        };
        let (Some(name), Some(written)) = (text.get(key.range()), text.get(value.range())) else {
            return false;
        };
        let flat = key.kind == Kind::Key && !key.escaped && !value.escaped && plain(name);
        flat && match value.kind {
            Kind::Str => good(name, written),
            Kind::Num => is_number(written),
            Kind::Bool => true,
            Kind::Object | Kind::Array | Kind::Key | Kind::Null => false,
        }
    })
}

/// Digits, as many as a 64-bit number has.
fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// 32 or more hexadecimal digits, perhaps behind a short prefix (`pub…`), or a UUID.
fn is_key(text: &str) -> bool {
    let hex = |s: &str| {
        s.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let prefix = text.len() % 32;
    let prefixed = (32..=72).contains(&text.len())
        && prefix <= 8
        && text
            .get(..prefix)
            .is_some_and(|p| p.bytes().all(|b| b.is_ascii_lowercase()))
        && text.get(prefix..).is_some_and(hex);
    let uuid = text.len() == 36
        && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.split('-').all(hex);
    prefixed || uuid
}

fn is_host(text: &str) -> bool {
    let label = |l: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=63).contains(&l.len()) && l.bytes().all(plain)
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_own_token_is_told_from_a_persons() {
        let encode = |bytes: &[u8]| {
            let mut out = String::new();
            let flavour = base64::Flavour {
                alphabet: Alphabet::Url,
                padded: false,
            };
            base64::encode(flavour, bytes, &mut out);
            out
        };
        let token = |head: &str, claims: &str, signature: &[u8]| {
            let parts = [head.as_bytes(), claims.as_bytes(), signature].map(encode);
            parts.join(".")
        };
        let (head, sign) = (r#"{"alg":"HS256","typ":"JWT"}"#, [0xff; 32]);
        let id = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
        let good =
            format!(r#"{{"websiteId":"{id}","sessionId":"{id}","iat":1795301881,"new":true}}"#);
        assert!(is_issued_token(&token(head, &good, &sign)));
        for (head, claims, sign) in [
            (head, r#"{"sub":"jane"}"#, &sign[..]),
            (head, r#"{"sub":"jane@example.com","iat":1}"#, &sign),
            (head, r#"{"jane@example.com":1}"#, &sign),
            (head, r#"{"who":{"id":1}}"#, &sign),
            (head, r#"{"who":["jane"]}"#, &sign),
            (head, r#"{"\u006aane":1}"#, &sign),
            (head, "[1]", &sign),
            (head, r#"{"iat":1}"#, b"jane@example.com, a signature..."),
            (head, r#"{"iat":1}"#, b"short"),
            (r#"{"alg":"HS256","jane":"x"}"#, r#"{"iat":1}"#, &sign),
            (r#"{"typ":"jane"}"#, r#"{"iat":1}"#, &sign),
        ] {
            assert!(
                !is_issued_token(&token(head, claims, sign)),
                "{head} {claims}"
            );
        }
        for bad in ["", "..", "a.b.c", "jane", &token(head, &good, &sign)[1..]] {
            assert!(!is_issued_token(bad), "{bad}");
        }
    }

    #[test]
    fn what_vendors_give_out_is_told_from_everything_else() {
        for good in [
            "42",
            "4505318580879360",
            "1ab70ce0123456789abcdef012345678",
            "pub1ab70ce0123456789abcdef012345678",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "https://1ab70ce0123456789abcdef012345678@o1.ingest.example.com/42",
            "http://1ab70ce0123456789abcdef012345678@127.0.0.1:9000/sentry/42",
        ] {
            assert!(is_issued(good), "{good}");
        }
        for bad in [
            "",
            "jane",
            "jane@example.com",
            "https://jane@example.com/42",
            "https://1ab70ce0123456789abcdef012345678@example.com/jane",
            "https://1ab70ce0123456789abcdef012345678@example.com/u-1/42",
            "https://1ab70ce0123456789abcdef012345678@example.com/42?email=x",
            "https://1ab70ce0123456789abcdef012345678:jane@example.com/42",
            "https://1ab70ce0123456789abcdef012345678@exa mple.com/42",
            "ftp://1ab70ce0123456789abcdef012345678@example.com/42",
            "deadbeef",
        ] {
            assert!(!is_issued(bad), "{bad}");
        }
        let text = "https://1ab70ce0123456789abcdef012345678@o1.example.com/42";
        let found = locator(text).unwrap();
        assert_eq!(
            (found.key, found.project),
            ("1ab70ce0123456789abcdef012345678", "42")
        );
    }
}
