//! Where things listen, come from and go: addresses, networks, origins, upstreams. For the file and
//! for flags alike. What is wrong is told with what to write instead.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// What is wrong with a word, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct Wrong {
    /// What was expected.
    pub message: &'static str,
    /// What to write instead.
    pub help: String,
}

fn wrong<T>(message: &'static str, help: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong {
        message,
        help: help.into(),
    })
}

/// `127.0.0.1:8080`, `[::1]:8080`.
///
/// # Errors
/// When it is no address with a port.
pub fn listen(text: &str) -> Result<SocketAddr, Wrong> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let expected = "expected an address and a port";
    if let Ok(ip) = text.parse::<IpAddr>() {
        return wrong(expected, format!("write `{}`", SocketAddr::new(ip, 8080)));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => match host {
            "" | "*" => wrong(
                expected,
                format!("write `0.0.0.0:{port}` for every address"),
            ),
            "localhost" => wrong(expected, format!("write `127.0.0.1:{port}`")),
            _ => wrong(expected, "write the number of the address, not a name"),
        },
        _ => wrong(expected, "write for instance `127.0.0.1:8080`"),
    }
}

/// `10.0.0.0/8`, or one address.
///
/// # Errors
/// When it is neither.
pub fn network(text: &str) -> Result<IpNet, Wrong> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .or_else(|_| {
            wrong(
                "expected a network or an address",
                "write for instance `10.0.0.0/8` or `192.0.2.7`",
            )
        })
}

/// `https://shop.example`, as browsers write the header `Origin`.
///
/// # Errors
/// When no browser would send it.
pub fn origin(text: &str) -> Result<String, Wrong> {
    let expected = "expected an origin: scheme, host and port";
    let lower = text.to_ascii_lowercase();
    let Some((scheme, rest)) = lower.split_once("://") else {
        return wrong(expected, format!("write `https://{}`", shown(text)));
    };
    if lower.contains('*') {
        return wrong(
            "an origin has no wildcard",
            "name each origin, or write `\"*\"` for any",
        );
    }
    if let Some((host, _)) = rest.split_once(['/', '?', '#']) {
        return wrong(expected, format!("write `{scheme}://{}`", shown(host)));
    }
    if scheme.is_empty() || !authority(rest) {
        return wrong(expected, "write for instance `https://shop.example`");
    }
    let default = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Ok(lower),
    };
    // Browsers leave a scheme's own port out.
    Ok(lower
        .strip_suffix(default)
        .map_or(lower.clone(), str::to_owned))
}

/// `https://api-eu.mixpanel.com`, perhaps with a base path; without the last slash.
///
/// # Errors
/// When it is no such URL.
pub fn upstream(text: &str) -> Result<String, Wrong> {
    let expected = "expected a URL with scheme and host";
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong(expected, format!("write `https://{}`", shown(text)));
    };
    if !matches!(scheme, "http" | "https") {
        return wrong("expected `http` or `https`", "write `https://…`");
    }
    if rest.contains(['?', '#']) {
        return wrong(
            "an upstream has no query and no fragment",
            "leave them out; a base path may stay",
        );
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') {
        return wrong(
            "an upstream has no user name and no password",
            "leave out what stands before `@`",
        );
    }
    if !authority(host) || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return wrong(expected, "write for instance `https://eu.vendor.example`");
    }
    if path.split('/').any(|s| matches!(s, "." | "..")) {
        return wrong("a base path has no `.` and `..`", "write the whole path");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// `http://proxy.example:3128`, perhaps with a user name and a password.
///
/// # Errors
/// When it is no such URL.
pub fn egress_proxy(text: &str) -> Result<String, Wrong> {
    let rest = text.strip_prefix("http://").unwrap_or("");
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    if authority(host) && port.parse::<u16>().is_ok() && rest.bytes().all(|b| b.is_ascii_graphic())
    {
        return Ok(text.to_owned());
    }
    wrong(
        "expected the URL of an HTTP proxy, with its port",
        "write for instance `http://proxy.example:3128`",
    )
}

/// `VENDOR=URL`, as `--upstream` takes it.
///
/// # Errors
/// When it is not of that form.
pub fn upstream_override(text: &str) -> Result<(String, String), Wrong> {
    match text.split_once('=') {
        Some((vendor, url)) if is_name(vendor) => Ok((vendor.to_owned(), upstream(url)?)),
        _ => wrong(
            "expected VENDOR=URL",
            "write for instance `mixpanel=https://api-eu.mixpanel.com`",
        ),
    }
}

/// Whether a text could be a vendor's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// Whether a URL goes to this machine.
#[must_use]
pub fn is_local(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    let name = host_of(host).unwrap_or(host);
    name == "localhost"
        || name
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// A host name or address without its port; `None` when it is none.
fn host_of(text: &str) -> Option<&str> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_good = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p != 0));
    let host_good = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        }
    };
    (port_good && host_good).then_some(host)
}

/// Whether a text is a host with or without a port.
#[must_use]
pub fn authority(text: &str) -> bool {
    host_of(text).is_some()
}

fn shown(text: &str) -> String {
    crate::reader::show(text.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening() {
        assert!(listen("127.0.0.1:8080").is_ok() && listen("[::]:0").is_ok());
        let help = |text| listen(text).unwrap_err().help;
        assert_eq!(help(":8080"), "write `0.0.0.0:8080` for every address");
        assert_eq!(help("localhost:9090"), "write `127.0.0.1:9090`");
        assert_eq!(help("::1"), "write `[::1]:8080`");
        assert_eq!(help("8080"), "write for instance `127.0.0.1:8080`");
    }

    #[test]
    fn networks() {
        assert!(network("10.0.0.0/8").is_ok() && network("fd00::/8").is_ok());
        assert_eq!(network("192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
        assert!(network("10.0.0.0/33").is_err() && network("lan").is_err());
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        assert_eq!(
            origin("https://Shop.example").unwrap(),
            "https://shop.example"
        );
        assert_eq!(
            origin("https://a.example:443").unwrap(),
            "https://a.example"
        );
        assert_eq!(
            origin("http://a.example:8000").unwrap(),
            "http://a.example:8000"
        );
        assert_eq!(
            origin("https://shop.example/").unwrap_err().help,
            "write `https://shop.example`"
        );
        assert_eq!(
            origin("shop.example").unwrap_err().help,
            "write `https://shop.example`"
        );
        assert!(origin("https://*.shop.example").is_err());
    }

    #[test]
    fn upstreams() {
        assert_eq!(upstream("https://a.example/").unwrap(), "https://a.example");
        assert_eq!(
            upstream("http://127.0.0.1:9/x").unwrap(),
            "http://127.0.0.1:9/x"
        );
        assert_eq!(upstream("http://[::1]:9").unwrap(), "http://[::1]:9");
        for bad in [
            "a.example",
            "ftp://a",
            "https://",
            "https://a?b",
            "https://u:p@a",
            "https://a b",
            "https://a:99999",
            "https://a/../b",
        ] {
            assert!(upstream(bad).is_err(), "{bad}");
        }
        assert!(is_local("http://127.0.0.1:8/") && is_local("http://[::1]:8"));
        assert!(is_local("http://localhost") && !is_local("http://localhost.example"));
    }

    #[test]
    fn overrides() {
        assert_eq!(
            upstream_override("mixpanel=http://127.0.0.1:1").unwrap(),
            ("mixpanel".into(), "http://127.0.0.1:1".into())
        );
        assert!(upstream_override("mixpanel").is_err());
        assert!(upstream_override("=http://a").is_err());
    }
}
