//! What vendors give out themselves: project numbers, public keys, addresses that hold both.
//!
//! Such a text names no person, though it looks like one to detectors: a project number of sixteen
//! digits passes for a card in one case of ten, and `key@host` for an e-mail address. Where the
//! catalog says `issued`, a text of one of these forms passes as it came; any other is judged.

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
