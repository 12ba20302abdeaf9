//! The host and port that a client of the forward proxy names: one spelling, or none.
//!
//! Invariant: an [`Authority`] is a DNS name in ASCII (no address in any spelling, no trailing dot,
//! no user, no escape) and a port in plain digits; names compare by their bytes, case aside.

/// A host and perhaps a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Authority<'t> {
    pub(crate) host: &'t str,
    pub(crate) port: Option<u16>,
}

impl<'t> Authority<'t> {
    /// Reads `host` or `host:port`.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        let (host, port) = match text.split_once(':') {
            None => (text, None),
            Some((host, digits)) => (host, Some(port(digits)?)),
        };
        is_dns_name(host).then_some(Self { host, port })
    }

    /// Whether a `Host` field or `:authority` names the same host, and the same port when it names
    /// one.
    pub(crate) fn is_named_by(&self, field: &str, default: u16) -> bool {
        Authority::parse(field).is_some_and(|other| {
            other.host.eq_ignore_ascii_case(self.host)
                && other.port.unwrap_or(default) == self.port.unwrap_or(default)
        })
    }
}

/// Digits without a needless zero.
fn port(digits: &str) -> Option<u16> {
    if digits.is_empty() || digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Labels of letters, digits, hyphens and underscores; the last is no number, which would make
/// resolvers read an address (`127.1`, `0x7f000001`, `2130706433`).
fn is_dns_name(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or("");
    let number = last.bytes().all(|b| b.is_ascii_digit())
        || last
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    host.len() <= 253 && !number && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports() {
        for (text, host, port) in [
            ("api.acme.example:443", "api.acme.example", Some(443)),
            ("API.acme.example", "API.acme.example", None),
            (
                "a_b.xn--bcher-kva.example:80",
                "a_b.xn--bcher-kva.example",
                Some(80),
            ),
        ] {
            assert_eq!(Authority::parse(text), Some(Authority { host, port }));
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for bad in [
            "",
            ":443",
            "a.example:",
            "a.example:0",
            "a.example:0443",
            "a.example:+443",
            "a.example:443 ",
            "a.example:443:443",
            "a.example:65536",
            "a.example.",
            "a.example.:443",
            ".a.example",
            "a..example",
            "u@a.example",
            "u:p@a.example:443",
            "a.example@b.example",
            "a%2eexample",
            "a.example%00",
            "a,b",
            "a b",
            "a/b",
            "a\\b",
            "*.example",
            "[::1]:443",
            "[::1]",
            "::1",
            "[a.example]:443",
            "127.0.0.1:443",
            "127.1",
            "2130706433:443",
            "0x7f000001:443",
            "0X7F.1",
            "0177.0.0.1",
            "1.2.3.0x4",
            "a.example\u{3002}",
            "\u{fb01}.example",
            "-a.example",
            "a-.example",
        ] {
            assert_eq!(Authority::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_host_field_names_the_same() {
        let at = Authority::parse("api.acme.example:443").unwrap();
        for same in ["api.acme.example", "API.acme.example:443"] {
            assert!(at.is_named_by(same, 443), "{same}");
        }
        for other in [
            "api.acme.example:80",
            "acme.example",
            "",
            "api.acme.example.",
        ] {
            assert!(!at.is_named_by(other, 443), "{other}");
        }
    }
}
