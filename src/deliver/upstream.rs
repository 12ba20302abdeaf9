//! Where clean requests go: an origin and a base path, parsed once.
//!
//! Invariant: an [`Upstream`] is `http` or `https`, has no user, query or fragment, and a base path
//! without dots or doubled slashes, so that joining it with a clean target cannot climb.

use std::sync::Arc;

use super::health::Health;

/// A scheme, host and port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// The `Host` field.
    pub authority: Box<str>,
    /// Whether a client chose the host: then its addresses are judged before they are dialled.
    pub guarded: bool,
    /// How it fares; of no account when origins are compared.
    pub health: Health,
}

/// An origin and a base path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upstream {
    /// Where to connect.
    pub origin: Arc<Origin>,
    /// In front of each target; empty, or with a slash in front and none behind.
    pub base: Box<str>,
}

/// Why a URL cannot be an upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Neither `http://` nor `https://`.
    #[error("an upstream begins with http:// or https://")]
    Scheme,
    /// A user, query, fragment or odd byte.
    #[error("an upstream is a scheme, a host, perhaps a port and a path, nothing else")]
    Extra,
    /// No host, or an odd one.
    #[error("an upstream needs a host name or an address")]
    Host,
    /// Not a port.
    #[error("an upstream's port is a number from 1 to 65535")]
    Port,
    /// Dots or doubled slashes in the path.
    #[error("an upstream's path has no empty segments and no dots")]
    Path,
}

impl Upstream {
    /// Reads `https://host[:port][/base]`.
    pub fn parse(url: &str) -> Result<Self, UpstreamError> {
        let (tls, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = url.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err(UpstreamError::Scheme);
        };
        let odd =
            |b: u8| !(0x21..0x7f).contains(&b) || matches!(b, b'@' | b'?' | b'#' | b'\\' | b'%');
        if rest.bytes().any(odd) {
            return Err(UpstreamError::Extra);
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let default = if tls { 443 } else { 80 };
        let (host, port) = split_authority(authority, default)?;
        // One spelling for one place, as browsers write it.
        let usual = authority.strip_suffix(&format!(":{default}"));
        let authority = usual.filter(|_| port == default).unwrap_or(authority);
        let authority = authority.to_ascii_lowercase().into_boxed_str();
        let base = path.strip_suffix('/').unwrap_or(path);
        let bad = |s: &str| s.is_empty() || s == "." || s == "..";
        if !base.is_empty() && base.split('/').skip(1).any(bad) {
            return Err(UpstreamError::Path);
        }
        Ok(Self {
            origin: Arc::new(Origin {
                tls,
                host,
                port,
                authority,
                guarded: false,
                health: Health::default(),
            }),
            base: base.into(),
        })
    }
}

impl Upstream {
    /// A host that a client of the forward proxy named, over TLS at port 443.
    ///
    /// # Errors
    /// When it is no host.
    pub fn guarded(host: &str) -> Result<Self, UpstreamError> {
        let mut made = Self::parse(&format!("https://{host}"))?;
        let origin = Arc::make_mut(&mut made.origin);
        origin.guarded = true;
        Ok(made)
    }
}

fn split_authority(text: &str, default: u16) -> Result<(Box<str>, u16), UpstreamError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(UpstreamError::Host)?;
        host.parse::<std::net::Ipv6Addr>()
            .map_err(|_| UpstreamError::Host)?;
        (host, port)
    } else {
        let at = text.find(':').unwrap_or(text.len());
        let (host, port) = text.split_at(at);
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if host.is_empty() || !host.bytes().all(plain) {
            return Err(UpstreamError::Host);
        }
        (host, port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => default,
        None => return Err(UpstreamError::Host),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => match digits.parse::<u16>() {
            Ok(0) | Err(_) => return Err(UpstreamError::Port),
            Ok(port) => port,
        },
        Some(_) => return Err(UpstreamError::Port),
    };
    Ok((host.to_ascii_lowercase().into_boxed_str(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_read() {
        let up = Upstream::parse("https://API.example.com/base/v1/").unwrap();
        assert!(up.origin.tls);
        assert_eq!((&*up.origin.host, up.origin.port), ("api.example.com", 443));
        assert_eq!(&*up.base, "/base/v1");
        let up = Upstream::parse("http://[::1]:8080").unwrap();
        assert_eq!((&*up.origin.host, up.origin.port), ("::1", 8080));
        assert_eq!(&*up.origin.authority, "[::1]:8080");
        assert_eq!(&*up.base, "");
        for (url, authority) in [
            ("https://a.example:443", "a.example"),
            ("http://a.example:443", "a.example:443"),
            ("http://[::1]:80/x", "[::1]"),
            ("http://[::80]", "[::80]"),
        ] {
            assert_eq!(&*Upstream::parse(url).unwrap().origin.authority, authority);
        }
    }

    #[test]
    fn odd_upstreams_are_refused() {
        for bad in [
            "ftp://a",
            "a.example",
            "https://",
            "https://u@a",
            "https://a?b",
            "https://a#b",
            "https://a:0",
            "https://a:",
            "https://a:99999",
            "https://a/../b",
            "https://a//b",
            "https://a/%2e",
            "https://a b",
            "http://[::1]x",
        ] {
            assert!(Upstream::parse(bad).is_err(), "{bad}");
        }
    }
}
