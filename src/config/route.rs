//! `[[route]]`: where clients reach a vendor, and where the clean requests go.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Spanned, Table, show};

use super::Route;
use super::address::{self, Wrong};
use super::field::{read_one, size};
use super::load::LARGEST_BODY;

/// Reads all routes.
pub(super) fn routes(tables: Vec<Table<'_>>, d: &mut Diagnostics) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for table in tables {
        let span = table.span();
        let Some(route) = route(table, d) else {
            continue;
        };
        let taken = routes.iter().any(|other| {
            other.host == route.host && (route.host.is_some() || other.path == route.path)
        });
        if taken {
            let place = route.host.as_ref().or(route.path.as_ref());
            d.push(
                Diagnostic::error(
                    "duplicate-route",
                    format!(
                        "another route is at `{}` already",
                        show(place.map_or("", String::as_str))
                    ),
                    span,
                )
                .help("give each route its own `path` or `host`"),
            );
        }
        routes.push(route);
    }
    routes
}

fn route(table: Table<'_>, d: &mut Diagnostics) -> Option<Route> {
    let vendor = table.required_str("vendor", d).and_then(|word| {
        if address::is_name(word.value) {
            return Some(word.value.to_owned());
        }
        d.push(
            Diagnostic::error(
                "unknown-vendor",
                format!("`{}` is no vendor's name", show(word.value)),
                word.span,
            )
            .help("`tamis vendors` lists the names"),
        );
        None
    });
    let path = table.str("path", d);
    let host = table.str("host", d);
    if let (Some(_), Some(host)) = (&path, &host) {
        d.push(
            Diagnostic::error(
                "path-and-host",
                "a route is chosen by its path or by its host, not by both",
                host.span.clone(),
            )
            .help("with `host`, the path is the vendor's own"),
        );
    }
    let path = path.map(|word| read_one(&word, route_path, d));
    let host = host.map(|word| read_one(&word, route_host, d));
    let upstream = table.str("upstream", d).and_then(|word| {
        let url = read_one(&word, address::upstream, d)?;
        if url.starts_with("http:") && !address::is_local(&url) {
            d.push(
                Diagnostic::warning(
                    "clear-text",
                    "what is sent to this upstream travels unencrypted",
                    word.span,
                )
                .help("write `https://…`"),
            );
        }
        Some(url)
    });
    delivery(&table, d);
    let projects = table.str_list("projects", d);
    let headers = table.str_list("headers", d);
    let headers = headers.iter().filter_map(|name| header(name, d)).collect();
    let body = size(&table, "body", LARGEST_BODY, d);
    table.finish(d);
    let vendor = vendor?;
    Some(Route {
        path: match (path, &host) {
            (Some(path), _) => Some(path?),
            (None, Some(_)) => None,
            (None, None) => Some(format!("/{vendor}")),
        },
        host: match host {
            Some(host) => Some(host?),
            None => None,
        },
        upstream,
        projects: projects.iter().map(|p| p.value.to_owned()).collect(),
        headers,
        body,
        vendor,
    })
}

fn delivery(table: &Table<'_>, d: &mut Diagnostics) {
    let Some(value) = table.value("delivery") else {
        return;
    };
    let options = [("direct", true), ("spool", false), ("jetstream", false)];
    if value.choice(&options, d) == Some(false) {
        d.push(
            Diagnostic::error(
                "not-in-this-version",
                format!(
                    "`delivery = \"{}\"` is not in this version",
                    value.as_str().unwrap_or_default()
                ),
                value.span(),
            )
            .help("write `delivery = \"direct\"`: the client sees the vendor's own answer"),
        );
    }
}

/// `/mixpanel`, `/t/mixpanel`: the beginning of a normalised path.
fn route_path(text: &str) -> Result<String, Wrong> {
    let wrong = |message, help: String| Err(Wrong { message, help });
    let Some(rest) = text.strip_prefix('/') else {
        return wrong(
            "a route's path begins with `/`",
            format!("write `/{}`", show(text)),
        );
    };
    let trimmed = rest.trim_end_matches('/');
    if trimmed.is_empty() {
        return wrong(
            "a route cannot take every path",
            "write `/name`, or choose the route by `host`".into(),
        );
    }
    if trimmed.len() != rest.len() {
        return wrong(
            "a route's path does not end with `/`",
            format!("write `/{}`", show(trimmed)),
        );
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'/');
    if !trimmed.bytes().all(plain) || trimmed.split('/').any(|s| matches!(s, "" | "." | "..")) {
        return wrong(
            "a route's path has letters, digits, `-`, `_`, `.` and `~` between its slashes",
            "write for instance `/mixpanel`".into(),
        );
    }
    Ok(text.to_owned())
}

fn route_host(text: &str) -> Result<String, Wrong> {
    if address::authority(text) && !text.contains([':', '[']) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Wrong {
        message: "expected a host name without scheme and port",
        help: "write for instance `mp.shop.example`".into(),
    })
}
/// Headers that say who or where somebody is, or how the message is framed: the proxy's own affair.
const NEVER: [&str; 28] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cf-connecting-ip",
    "client-ip",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "fastly-client-ip",
    "forwarded",
    "from",
    "host",
    "keep-alive",
    "origin",
    "proxy-authorization",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "user-agent",
    "via",
    "x-client-ip",
    "x-real-ip",
];

/// The name of a header that is to pass, in lower case.
fn header(name: &Spanned<&str>, d: &mut Diagnostics) -> Option<String> {
    let lower = name.value.to_ascii_lowercase();
    let token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let (code, why) = if lower.is_empty() || !lower.bytes().all(token) {
        ("bad-header", "is not the name of a header")
    } else if NEVER.contains(&&*lower)
        || ["x-forwarded-", "sec-", "x-tamis-"]
            .iter()
            .any(|start| lower.starts_with(start))
    {
        (
            "private-header",
            "says who the client is, or frames the request: it never passes",
        )
    } else {
        return Some(lower);
    };
    let text = format!("`{}` {why}", show(name.value));
    d.push(
        Diagnostic::error(code, text, name.span.clone())
            .help("list what a vendor routes or authenticates by, such as `x-project-name`"),
    );
    None
}
