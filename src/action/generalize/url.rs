//! `url`: a URL without what identifies its reader.
//!
//! Scheme, host, port and path stay, identifier-like segments become `:id`, listed parameters stay
//! unless their value is an identifier, the rest goes. What stays is copied from the input, never
//! re-encoded; what is judged is decoded first. Takes absolute and relative references, bare hosts
//! and app schemes; what is none of them stays only when it is one plain word.

use std::borrow::Cow;

use super::identifier::{in_segment, in_value, is_year};
use super::{UrlRule, routes};
use crate::action::{Effect, Value};
use crate::codec::form;
use crate::selector::glob_match;

/// What stands for a segment.
const ID: &str = ":id";
/// Encodings within encodings that are taken off before judging.
const DEPTH: usize = 4;
/// Methods that stand in front of a path in the name of an operation.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// A plain word is no longer.
const WORD_MAX: usize = 32;

/// Whether the text is a URL with a scheme and an authority.
pub(super) fn is_absolute(text: &str) -> bool {
    match text.trim().split_once("://") {
        Some((scheme, rest)) => is_scheme(scheme) && !rest.is_empty(),
        None => false,
    }
}

/// Writes what may stay of a URL.
pub(super) fn apply(rule: &UrlRule, value: Value<'_>, out: &mut String) -> Effect {
    let Value::Text(text) = value else {
        return Effect::Remove;
    };
    let text = text.trim();
    if text.is_empty() || has_odd(text) {
        return Effect::Remove;
    }
    match reference(rule, text, out) {
        Some(()) if !out.is_empty() => Effect::Text,
        _ => Effect::Remove,
    }
}

/// Whether a text holds what no URL does: control characters, backslashes, byte order marks.
fn has_odd(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c == '\\' || c == '\u{feff}';
    match text.is_ascii() {
        true => text.bytes().any(|b| b < b' ' || b == 0x7f || b == b'\\'),
        false => text.contains(odd),
    }
}

/// Sorts the reference and writes it; `None`: nothing may stay.
fn reference(rule: &UrlRule, text: &str, out: &mut String) -> Option<()> {
    // The name of an operation: `GET /checkout`.
    if let Some((method, rest)) = text.split_once(' ')
        && METHODS.contains(&method)
        && !rest.contains(char::is_whitespace)
    {
        out.push_str(method);
        out.push(' ');
        return reference(rule, rest, out);
    }
    if let Some(rest) = text.strip_prefix("//") {
        out.push_str("//");
        return after_authority(rule, rest, out);
    }
    if text.starts_with(['/', '?', '#']) {
        return path_and_tail(rule, text, out);
    }
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((scheme, rest)) = text.split_once(':')
        && is_scheme(scheme)
        && first.len() > scheme.len()
        && !is_host_and_port(first)
    {
        return with_scheme(rule, text, scheme, rest, out);
    }
    if is_bare_host(first) {
        return after_authority(rule, text, out);
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let is_path = path.contains('/') && !path.contains(char::is_whitespace);
    let word = |c: char| c.is_alphabetic() || c == '-' || c == '_';
    // `:id` alone is what an earlier pass left of a word.
    if is_path || text == ":id" || (path.len() <= WORD_MAX && path.chars().all(word)) {
        return path_and_tail(rule, text, out);
    }
    None
}

fn with_scheme(
    rule: &UrlRule,
    text: &str,
    scheme: &str,
    rest: &str,
    out: &mut String,
) -> Option<()> {
    if scheme.eq_ignore_ascii_case("file") {
        // A path of the visitor's own machine names the visitor.
        out.push_str("file:///");
        return Some(());
    }
    if scheme.eq_ignore_ascii_case("about") {
        out.push_str(text);
        return matches!(rest, "blank" | "srcdoc" | "newtab").then_some(());
    }
    // `data:`, `blob:`, `javascript:`, `mailto:`, `tel:` and all others without a host.
    let rest = rest.strip_prefix("//")?;
    out.push_str(scheme);
    out.push_str("://");
    after_authority(rule, rest, out)
}

/// Writes what begins with an authority, without its userinfo.
fn after_authority(rule: &UrlRule, text: &str, out: &mut String) -> Option<()> {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (authority, rest) = text.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    if !is_host(host) {
        return None;
    }
    out.push_str(host);
    path_and_tail(rule, rest, out)
}

/// Writes path, query and fragment.
fn path_and_tail(rule: &UrlRule, text: &str, out: &mut String) -> Option<()> {
    let (before, fragment) = match text.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (text, None),
    };
    let (path, query) = match before.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (before, None),
    };
    write_path(path, out);
    if let Some(query) = query {
        write_query(rule, query, out);
    }
    if let Some(fragment) = fragment.filter(|_| rule.fragment) {
        write_fragment(fragment, out);
    }
    Some(())
}

/// Writes a path with `:id` for segments that identify.
fn write_path(path: &str, out: &mut String) {
    let mut before = Before::Nothing;
    for (at, raw) in path.split('/').enumerate() {
        if at > 0 {
            out.push('/');
        }
        if raw.is_empty() {
            continue;
        }
        // Matrix parameters (`;jsessionid=…`), raw or escaped.
        let shown = raw.split(';').next().unwrap_or_default();
        let Some(decoded) = unfold(shown) else {
            out.push_str(ID);
            before = Before::Other;
            continue;
        };
        let (id, next) = judge(&decoded, before);
        out.push_str(if id { ID } else { shown });
        before = next;
    }
}

/// What the segment before was.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Collection,
    /// So many parts of a date.
    Date(u8),
    Other,
}

/// Whether a decoded segment identifies, and what it is to the next one.
fn judge(segment: &str, before: Before) -> (bool, Before) {
    if segment.contains(['/', ';', '#']) {
        return (true, Before::Other);
    }
    let lower = lowered(segment);
    let stem = lower.split('.').next().unwrap_or_default();
    let is_route = routes::is_route(stem);
    let is_collection = routes::is_collection(stem);
    let next = if is_collection {
        Before::Collection
    } else {
        Before::Other
    };
    if is_route || (is_collection && before != Before::Collection) {
        return (false, next);
    }
    match before {
        Before::Collection => return (true, Before::Other),
        Before::Date(parts) if parts < 3 => {
            let max = if parts == 1 { 12 } else { 31 };
            if segment.len() <= 2
                && matches!(segment.parse::<u8>(), Ok(n) if (1..=max).contains(&n))
            {
                return (false, Before::Date(parts + 1));
            }
        }
        Before::Nothing | Before::Date(_) | Before::Other => {}
    }
    if is_year(segment) {
        return (false, Before::Date(1));
    }
    (in_segment(segment), next)
}

/// The text in lower case: most segments are already.
fn lowered(text: &str) -> Cow<'_, str> {
    let same = |b: u8| b.is_ascii() && !b.is_ascii_uppercase();
    if text.bytes().all(same) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// Writes the listed parameters, copied; a value that identifies takes its parameter along.
fn write_query(rule: &UrlRule, query: &str, out: &mut String) {
    let mut lead = '?';
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !pair.is_empty() && parameter_stays(rule, name, value) {
            out.push(lead);
            out.push_str(pair);
            lead = '&';
        }
    }
}

fn parameter_stays(rule: &UrlRule, name: &str, value: &str) -> bool {
    let Some(name) = unfold(name) else {
        return false;
    };
    // A name that a glob lets through can carry an identifier as well (`utm_jane@example.com`).
    rule.query.iter().any(|glob| glob_match(glob, &name))
        && !in_value(&name)
        && unfold(value).is_some_and(|value| !in_value(&value))
}

/// Writes a fragment that is a place on the page or a client-side path, and nothing else.
fn write_fragment(fragment: &str, out: &mut String) {
    let Some(decoded) = unfold(fragment) else {
        return;
    };
    if fragment.is_empty() || decoded.contains(['=', '&', '?', '#', ';']) {
        return;
    }
    if fragment.contains('/') {
        out.push('#');
        write_path(fragment, out);
    } else if !in_segment(&decoded) {
        out.push('#');
        out.push_str(fragment);
    }
}

/// Takes percent-encoding off until nothing changes; `None` when it cannot be read or goes too deep.
fn unfold(text: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Some(text.into());
    }
    let mut now = text.to_owned();
    for _ in 0..DEPTH {
        let mut next = String::with_capacity(now.len());
        form::decode(now.as_bytes(), &mut next).ok()?;
        if next == now || !next.contains('%') {
            return Some(next.into());
        }
        now = next;
    }
    None
}

fn is_scheme(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// A host name or address with an optional port; nothing else may stand there.
fn is_host(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return address.parse::<std::net::Ipv6Addr>().is_ok()
            && port.strip_prefix(':').is_none_or(is_port)
            && (port.is_empty() || port.starts_with(':'));
    }
    let (name, port) = text.split_once(':').unwrap_or((text, "0"));
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    !name.is_empty()
        && name.len() <= 253
        && (name.bytes().all(usual) || name.chars().all(plain))
        && (port.is_empty() || is_port(port))
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// `localhost:8080`, which is no scheme.
fn is_host_and_port(text: &str) -> bool {
    match text.split_once(':') {
        Some((host, port)) => is_bare_host(host) && is_port(port),
        None => false,
    }
}

/// A host without a scheme: `localhost`, an address, or labels that end in letters.
pub(super) fn is_bare_host(text: &str) -> bool {
    let name = text.split(':').next().unwrap_or_default();
    if !is_host(text) {
        return false;
    }
    if name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok() {
        return true;
    }
    let Some((labels, top)) = name.rsplit_once('.') else {
        return false;
    };
    labels.split('.').all(|label| !label.is_empty())
        && top.len() >= 2
        && (top.chars().all(char::is_alphabetic) || top.starts_with("xn--"))
}

#[cfg(test)]
mod tests {
    use super::super::Generalize;
    use super::super::tests::{run, text};
    use super::*;
    use proptest::prelude::*;

    fn parts(fragment: bool) -> Generalize {
        Generalize {
            url: Some(UrlRule {
                query: ["utm_*".into(), "page".into()].into(),
                fragment,
            }),
            ..Generalize::default()
        }
    }

    fn url(value: &str) -> Option<String> {
        text(&parts(false), "user.behavior.browsing_history", value)
    }

    #[test]
    fn absolute_urls() {
        for (given, want) in [
            ("https://shop.example/", "https://shop.example/"),
            ("https://shop.example", "https://shop.example"),
            (
                "http://127.0.0.1:17010/account/user-canary-48213/checkout?email=zeb.canary7%40quixworth.example&token=canarytoken55&utm_source=labsource&utm_campaign=labcampaign",
                "http://127.0.0.1:17010/account/:id/checkout?utm_source=labsource&utm_campaign=labcampaign",
            ),
            (
                "https://jane:pw@shop.example:8443/a#jane",
                "https://shop.example:8443/a",
            ),
            ("HTTPS://Shop.Example/Cart?x=1", "HTTPS://Shop.Example/Cart"),
            (
                "https://[2001:db8::1]:8080/x",
                "https://[2001:db8::1]:8080/x",
            ),
            (
                "https://shop.example/caf%C3%A9/5",
                "https://shop.example/caf%C3%A9/:id",
            ),
            (
                "https://shop.example/a;jsessionid=ABC/b",
                "https://shop.example/a/b",
            ),
            (
                "https://shop.example/a%3Bjsessionid=ABC/b",
                "https://shop.example/:id/b",
            ),
            (
                "https://shop.example/jane%2540x.example/b",
                "https://shop.example/:id/b",
            ),
            (
                "https://shop.example/users%2F48213/b",
                "https://shop.example/:id/b",
            ),
            ("https://shop.example/%ff/b", "https://shop.example/:id/b"),
            (
                "https://blog.example/2024/05/12/my-title",
                "https://blog.example/2024/05/12/my-title",
            ),
            (
                "https://blog.example/2024/05/12/7",
                "https://blog.example/2024/05/12/:id",
            ),
            (
                "https://x.example/users/jane/edit",
                "https://x.example/users/:id/edit",
            ),
            (
                "https://x.example/users/settings",
                "https://x.example/users/settings",
            ),
            (
                "https://x.example/users/users/jane",
                "https://x.example/users/users/:id",
            ),
            (
                "https://x.example/patients/login.html",
                "https://x.example/patients/login.html",
            ),
            (
                "android-app://com.example.mail/x/48213",
                "android-app://com.example.mail/x/:id",
            ),
            ("capacitor://localhost/tabs", "capacitor://localhost/tabs"),
            ("file:///C:/Users/Jane/x.html", "file:///"),
            ("about:blank", "about:blank"),
            ("https://x.example//a//", "https://x.example//a//"),
        ] {
            assert_eq!(url(given).as_deref(), Some(want), "{given}");
        }
    }

    #[test]
    fn parameters() {
        for (given, want) in [
            (
                "/p?utm_source=a&utm_term=jane%40x.example",
                "/p?utm_source=a",
            ),
            ("/p?utm_term=jane%2540x.example&page=2", "/p?page=2"),
            ("/p?utm_id=20251234567", "/p"),
            (
                "/p?utm_jane@x.example=1&utm_medium=e+mail",
                "/p?utm_medium=e+mail",
            ),
            ("/p?utm_x=%zz&&page", "/p?page"),
            ("/p?utm_x=a;email=jane", "/p"),
            ("/p?%75tm_source=a", "/p?%75tm_source=a"),
            ("?email=x&utm_source=y", "?utm_source=y"),
        ] {
            assert_eq!(url(given).as_deref(), Some(want), "{given}");
        }
    }

    #[test]
    fn relative_references_hosts_and_words() {
        for (given, want) in [
            ("/account/user-1/checkout", "/account/:id/checkout"),
            ("account/user-1", "account/:id"),
            ("shop.example", "shop.example"),
            ("localhost:8080/x?y=1", "localhost:8080/x"),
            ("shop.example:443", "shop.example:443"),
            ("//cdn.example/5", "//cdn.example/:id"),
            ("Checkout", "Checkout"),
            ("/", "/"),
            ("#top", ""),
            ("?email=x", ""),
        ] {
            let want = Some(want).filter(|w| !w.is_empty());
            assert_eq!(url(given).as_deref(), want, "{given}");
        }
    }

    #[test]
    fn what_is_no_url_goes() {
        for bad in [
            "data:text/plain,jane",
            "blob:https://x.example/f47ac10b",
            "javascript:alert(1)",
            "mailto:jane@x.example",
            "tel:+41791234567",
            "jane@shop.example",
            "Jane Doe",
            "user48213",
            "https://",
            "https:///x",
            "https://ja ne.example/",
            "https://x.example\\@evil/a",
            "https://x.example/\na",
            "about:jane",
            "https://x%2eexample/",
            "http://a:b:c/",
        ] {
            assert_eq!(url(bad), None, "{bad}");
        }
        let browsing = "user.behavior.browsing_history";
        assert_eq!(
            run(&parts(false), browsing, Value::Number("5")).0,
            Effect::Remove
        );
    }

    #[test]
    fn fragments() {
        let keep = |value| text(&parts(true), "user.behavior.browsing_history", value).unwrap();
        assert_eq!(keep("/a#details"), "/a#details");
        assert_eq!(keep("/a#!/users/jane"), "/a#!/users/:id");
        assert_eq!(keep("/a#access_token=x"), "/a");
        assert_eq!(keep("/a#jane%40x.example"), "/a");
        assert_eq!(url("/a#details").as_deref(), Some("/a"));
    }

    #[test]
    fn what_a_pass_leaves_of_an_odd_word_stays() {
        let once = url("A〡aºÀ𛰀");
        assert_eq!(once.as_deref().and_then(url), once);
        assert_eq!(url(":id").as_deref(), Some(":id"));
    }

    proptest! {
        #[test]
        fn an_identifier_never_survives(
            host in "[a-z]{3,8}\\.example", before in "[a-z]{2,8}", after in "[a-z]{2,8}",
            id in "[0-9]{1,12}|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}|jane[a-z]{1,5}(@|%40|%2540)mail\\.example",
            key in "[a-z]{2,5}",
        ) {
            prop_assume!(!is_year(&id));
            let given = format!("https://{id}@{host}/{before}/{id}/{after}?{key}={id}&utm_x={id}&utm_y=ok#{id}");
            let out = url(&given).unwrap();
            prop_assert!(!out.contains('@') && !out.contains("jane"));
            if id.len() > 5 {
                prop_assert!(!out.contains(&id), "{} {}", given, out);
            }
            prop_assert!(out.contains(":id") && out.ends_with("?utm_y=ok") || id.len() < 6);
        }

        #[test]
        fn noise_never_panics_and_settles(value in "\\PC{0,60}") {
            if let Some(once) = url(&value) {
                prop_assert_eq!(url(&once), Some(once.clone()), "a second pass changes nothing");
            }
        }
    }
}
