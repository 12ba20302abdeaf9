//! Routes: from host and path to a vendor, an upstream and a limit.
//!
//! Invariant: a path that reaches a route reads the same for every reader: no dots, doubled or
//! encoded slashes, path parameters or control bytes.

use hashbrown::HashMap;

use super::reply::Problem;
use crate::config::{self, Config};
use crate::deliver::{Origins, Upstream};
use crate::scrub::Scrubber;

/// One way to a vendor.
#[derive(Debug)]
pub(crate) struct Route {
    /// Index of the vendor.
    pub(crate) vendor: usize,
    /// Without a slash at its end; empty for the root.
    prefix: Box<str>,
    host: Option<Box<str>>,
    /// Instead of the catalog's.
    pub(crate) upstream: Option<Upstream>,
    /// Body limit.
    pub(crate) body: usize,
    /// Project tokens that pass; empty: any.
    pub(crate) projects: Vec<String>,
    /// Headers that pass besides the catalog's.
    pub(crate) headers: Vec<String>,
}

/// All routes.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    list: Vec<Route>,
    /// Routes without a host whose prefix is one segment, by that segment.
    simple: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
    /// The others, longest prefix first, those with a host in front.
    others: Vec<usize>,
}

impl Routes {
    /// From the configuration; without any route each vendor stands at `/<name>`.
    pub(crate) fn build(
        config: &Config,
        scrubber: &Scrubber,
        origins: &Origins,
    ) -> Result<Self, String> {
        let mut list = Vec::new();
        for (vendor, known) in scrubber.vendors().iter().enumerate() {
            let flag = config
                .upstream_overrides
                .iter()
                .rev()
                .find(|(name, _)| **name == *known.name);
            let mut add = |prefix: &str, route: Option<&config::Route>| {
                let url = route.and_then(|r| r.upstream.as_deref());
                let host = route.and_then(|r| r.host.as_deref());
                let upstream = flag
                    .map(|(_, url)| url.as_str())
                    .or(url)
                    .map(Upstream::parse)
                    .transpose()
                    .map_err(|error| format!("upstream of {}: {error}", known.name))?
                    .map(|upstream| origins.shared(upstream));
                list.push(Route {
                    vendor,
                    prefix: prefix.into(),
                    host: host.map(|h| h.to_ascii_lowercase().into_boxed_str()),
                    upstream,
                    body: route.and_then(|r| r.body).unwrap_or(config.limits.body),
                    projects: route.map(|r| r.projects.clone()).unwrap_or_default(),
                    headers: route.map(|r| r.headers.clone()).unwrap_or_default(),
                });
                Ok::<_, String>(())
            };
            if config.routes.is_empty() {
                add(&format!("/{}", known.name), None)?;
            }
            for route in config.routes.iter().filter(|r| r.vendor == *known.name) {
                let prefix = match (&route.path, &route.host) {
                    (Some(path), _) => path.trim_end_matches('/').to_owned(),
                    (None, Some(_)) => String::new(),
                    (None, None) => format!("/{}", known.name),
                };
                if !prefix.is_empty() && check_path(&prefix).is_err() {
                    return Err(format!("route of {}: the path is not plain", known.name));
                }
                add(&prefix, Some(route))?;
            }
        }
        let known = |name: &str| scrubber.vendors().iter().any(|v| *v.name == *name);
        for name in config.routes.iter().map(|r| &r.vendor) {
            if !known(name) {
                return Err(format!("route: there is no vendor {name}"));
            }
        }
        for (name, _) in &config.upstream_overrides {
            if !known(name) {
                return Err(format!("upstream: there is no vendor {name}"));
            }
        }
        Ok(Self::index(list))
    }

    fn index(list: Vec<Route>) -> Self {
        let mut routes = Self::default();
        for (at, route) in list.iter().enumerate() {
            match route.prefix.strip_prefix('/') {
                Some(one) if route.host.is_none() && !one.contains('/') => {
                    routes.simple.entry(one.into()).or_insert(at);
                }
                _ => routes.others.push(at),
            }
        }
        routes.others.sort_by_key(|at| {
            let route = list.get(*at);
            let length = route.map_or(0, |r| r.prefix.len());
            (route.is_none_or(|r| r.host.is_none()), usize::MAX - length)
        });
        routes.list = list;
        routes
    }

    /// The index of the route for a host (without port) and a checked path, and where the vendor's
    /// path begins.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<(usize, usize)> {
        let fits = |at: &usize| {
            self.list.get(*at).filter(|route| {
                let host_fits = |h: &str| h.eq_ignore_ascii_case(host);
                route.host.as_deref().is_none_or(host_fits) && below(&route.prefix, path)
            })
        };
        let place = |at: usize, route: &Route| (at, route.prefix.len());
        let other = self.others.iter().find_map(|at| Some((*at, fits(at)?)));
        match other {
            // A longer prefix, or a host, goes before a route of one segment.
            Some((at, route)) if route.host.is_some() || !route.prefix.is_empty() => {
                return Some(place(at, route));
            }
            Some(_) | None => {}
        }
        let first = path.strip_prefix('/').unwrap_or(path);
        let first = first.split('/').next().unwrap_or("");
        let simple = self.simple.get(first).and_then(|at| Some((*at, fits(at)?)));
        simple.or(other).map(|(at, route)| place(at, route))
    }

    /// All routes of a vendor, in the order of the configuration.
    pub(crate) fn of_vendor(&self, vendor: usize) -> impl Iterator<Item = (usize, &Route)> {
        let all = self.list.iter().enumerate();
        all.filter(move |(_, route)| route.vendor == vendor)
    }

    /// A route by its index.
    pub(crate) fn get(&self, at: usize) -> Option<&Route> {
        self.list.get(at)
    }
}

fn below(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses a path that two readers may normalise to different ones.
pub(crate) fn check_path(path: &str) -> Result<(), Problem> {
    let odd = Err(Problem::Malformed(
        "the path can be read in more than one way",
    ));
    if !path.starts_with('/') {
        return Err(Problem::Malformed("the request target is a path"));
    }
    let bytes = path.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\\' | b';' | b'#' => return odd,
            b'/' if bytes.get(at + 1) == Some(&b'/') => return odd,
            b'/' => {
                let rest = bytes.get(at + 1..).unwrap_or(&[]);
                let segment = rest.split(|b| *b == b'/').next().unwrap_or(&[]);
                if segment == b"." || segment == b".." {
                    return odd;
                }
            }
            b'%' => {
                let hex = path
                    .get(at + 1..at + 3)
                    .filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
                let value = hex.and_then(|h| u8::from_str_radix(h, 16).ok());
                match value {
                    None | Some(0..=0x1f | 0x7f | b'/' | b'\\' | b'.' | b'%' | b';') => return odd,
                    Some(_) => {}
                }
            }
            0x21..0x7f => {}
            _ => return odd,
        }
    }
    Ok(())
}

/// The host without its port, when the field is a host and perhaps a port.
pub(crate) fn host_name(field: &str) -> Option<&str> {
    let (name, port) = if field.starts_with('[') {
        let at = field.find(']')? + 1;
        let (name, port) = field.split_at_checked(at)?;
        name.get(1..at - 1)?.parse::<std::net::Ipv6Addr>().ok()?;
        (name, port)
    } else {
        let at = field.find(':').unwrap_or(field.len());
        let (name, port) = field.split_at_checked(at)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if name.is_empty() || name.len() > 255 || !name.bytes().all(plain) {
            return None;
        }
        (name, port)
    };
    if let Some(digits) = port.strip_prefix(':') {
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u16>().ok()?;
    } else if !port.is_empty() {
        return None;
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_refused() {
        for bad in [
            "", "a", "//", "/a//b", "/./a", "/a/..", "/a/../b", "/a%2fb", "/a%2Fb", "/a%2e",
            "/a%00", "/a\\b", "/a;b", "/a%", "/a%g0", "/a%5c", "/a b", "/a\u{e9}", "/a#b",
            "/%252e", "/a/.",
        ] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
        for good in ["/", "/a", "/a/", "/a.b/..c/...", "/a%20b", "/v1/@x:y"] {
            assert!(check_path(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn hosts() {
        for (field, name) in [
            ("a.example", "a.example"),
            ("A:80", "A"),
            ("[::1]:8080", "[::1]"),
            ("127.0.0.1:1", "127.0.0.1"),
        ] {
            assert_eq!(host_name(field), Some(name));
        }
        for bad in [
            "", "a b", "a/b", "u@a", "a,b", "a:", "a:b", "a:99999", "[::1", "[x]", "a:80:80",
            "a\u{e9}",
        ] {
            assert_eq!(host_name(bad), None, "{bad:?}");
        }
    }

    fn route(vendor: usize, prefix: &str, host: Option<&str>) -> Route {
        Route {
            vendor,
            prefix: prefix.into(),
            host: host.map(Into::into),
            upstream: None,
            body: 1,
            projects: Vec::new(),
            headers: Vec::new(),
        }
    }

    #[test]
    fn the_longest_prefix_and_the_host_win() {
        let routes = Routes::index(vec![
            route(0, "/a", None),
            route(1, "/a/b", None),
            route(2, "", Some("mp.example")),
            route(3, "", None),
        ]);
        let find = |host, path| routes.find(host, path);
        assert_eq!(find("x", "/a/track"), Some((0, 2)));
        assert_eq!(find("x", "/a/b/track"), Some((1, 4)));
        assert_eq!(find("x", "/ab/track"), Some((3, 0)));
        assert_eq!(find("MP.example", "/a/track"), Some((2, 0)));
        let none = Routes::index(vec![route(0, "/a", None)]);
        assert!(none.find("x", "/ab").is_none());
        assert_eq!(none.find("x", "/a"), Some((0, 2)));
    }
}
