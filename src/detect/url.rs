//! URLs as spans, and the ids of persons inside URLs.
//!
//! A URL ends at a blank, a quotation mark or an angle bracket, without the sentence's own marks.

use std::sync::LazyLock;

use memchr::memmem;

use super::Entity;
use super::bytes::{at, before, part, skip, skip_back};
use super::scan::Found;

#[rustfmt::skip]
const SCHEMES: &[&str] = &["https", "http", "wss", "ws", "ftp", "ftps"];

/// Made once: making one costs more than looking through a short text.
static SLASHES: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"//"));

/// Proposes absolute and protocol-relative URLs.
pub(super) fn urls(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut i = 0;
    while let Some(n) = SLASHES.find(part(bytes, i, bytes.len())) {
        let mark = i + n;
        i = mark + 2;
        let Some(start) = url_start(bytes, mark) else {
            continue;
        };
        // The host first: looking for the end is the long way.
        if !has_host(bytes, mark + 2, bytes.len(), start == mark) {
            continue;
        }
        let end = url_end(text, mark + 2);
        if end > mark + 2 {
            found.push(Found {
                start,
                end,
                entity: Entity::Url,
                rank: 100,
            });
            i = end;
        }
    }
}

fn url_start(bytes: &[u8], mark: usize) -> Option<usize> {
    if before(bytes, mark) == b':' {
        let start = skip_back(part(bytes, 0, mark - 1), mark - 1, |b| {
            b.is_ascii_alphanumeric()
        });
        let scheme = part(bytes, start.max((mark - 1).saturating_sub(8)), mark - 1);
        return SCHEMES
            .iter()
            .any(|s| scheme.eq_ignore_ascii_case(s.as_bytes()))
            .then_some(start);
    }
    matches!(
        before(bytes, mark),
        b' ' | b'"' | b'\'' | b'(' | b'=' | b',' | b'\n'
    )
    .then_some(mark)
}

/// A host follows; behind a bare `//` it must have a dot and a letter, or it is a comment.
fn has_host(bytes: &[u8], from: usize, end: usize, relative: bool) -> bool {
    let stop = skip(bytes, from, |b| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'@' | b'_' | b'%')
            || b >= 0x80
    })
    .min(end);
    let host = part(bytes, from, stop);
    let first = at(host, 0);
    if relative {
        return first.is_ascii_alphanumeric()
            && host.iter().rposition(|b| *b == b'.').is_some_and(|dot| {
                dot > 0
                    && at(host, dot + 1).is_ascii_alphabetic()
                    && at(host, dot + 2).is_ascii_alphabetic()
            });
    }
    first.is_ascii_alphanumeric()
        || first >= 0x80
        || matches!(first, b'[' | b'_' | b'%')
        || end > from && !matches!(first, b' ' | b'/' | b'.')
}

fn url_end(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or("");
    let mut end = from
        + rest
            .char_indices()
            .find(|(_, c)| {
                c.is_whitespace()
                    || c.is_control()
                    || matches!(
                        c,
                        '"' | '<'
                            | '>'
                            | '`'
                            | '{'
                            | '}'
                            | '|'
                            | '\\'
                            | '^'
                            | '«'
                            | '»'
                            | '“'
                            | '”'
                            | '、'
                            | '。'
                    )
            })
            .map_or(rest.len(), |(i, _)| i);
    let bytes = text.as_bytes();
    let (mut open, mut close) = (0_usize, 0_usize);
    for b in part(bytes, from, end) {
        open += usize::from(*b == b'(');
        close += usize::from(*b == b')');
    }
    loop {
        match before(bytes, end) {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' | b']' if end > from => end -= 1,
            b')' if end > from && close > open => {
                end -= 1;
                close -= 1;
            }
            _ => return end,
        }
    }
}

/// Whether the whole text is one URL, of any scheme with an authority.
pub(super) fn is_whole(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    if let Some(rest) = text.strip_prefix("//") {
        return has_host(rest.as_bytes(), 0, rest.len(), true)
            && !text.contains(char::is_whitespace);
    }
    let scheme = skip(bytes, 0, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')
    });
    if scheme == 0
        || scheme > 12
        || bytes.get(scheme..scheme + 3) != Some(b"://")
        || text.contains(char::is_whitespace)
    {
        return false;
    }
    urls(text, &mut found);
    found
        .first()
        .is_some_and(|f| f.start == 0 && f.end + 1 >= text.len())
}

/// Path segments before a person's id.
#[rustfmt::skip]
const PEOPLE: &[&str] = &[
    "users", "user", "members", "member", "customers", "customer", "employees", "employee", "profile", "profiles",
    "people", "person", "patients", "patient", "students", "student", "clients", "client", "contacts", "contact",
    "accounts", "account", "subscribers", "subscriber", "visitors", "drivers", "teachers", "kunden", "nutzer", "usuarios",
    "clientes", "utilisateurs", "u", "authors", "leads", "players", "guests",
];
/// Query parameters that hold a person's id.
#[rustfmt::skip]
const PARAMETERS: &[&str] = &[
    "uid", "user_id", "userid", "user-id", "user", "customer_id", "customerid", "member_id", "memberid", "profile_id",
    "account_id", "accountid", "contact_id", "employee_id", "patient_id", "client_user_id", "external_id", "distinct_id",
    "visitor_id", "subscriber_id", "recipient_id", "login", "username", "user_name",
];

/// Hosts on which `/@name` is a person, whatever follows.
#[rustfmt::skip]
const HANDLE_HOSTS: &[&str] = &[
    "medium.com", "tiktok.com", "youtube.com", "threads.net", "threads.com", "mastodon.social", "flipboard.com", "substack.com",
    "t.me", "rumble.com", "vimeo.com", "hackernoon.com", "kakao.com",
];

/// Proposes ids in `/users/1234`, `?uid=…` and `/@name`.
pub(super) fn user_ids(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut i = 0;
    while let Some(n) = memchr::memchr3(b'/', b'?', b'&', part(bytes, i, bytes.len())) {
        i += n;
        match at(bytes, i) {
            b'/' if at(bytes, i + 1) == b'@' => {
                if let Some((start, end)) = handle(bytes, i + 2) {
                    found.push(Found {
                        start,
                        end,
                        entity: Entity::UserId,
                        rank: 40,
                    });
                }
                i += 2;
            }
            b'/' => i = segment(bytes, i, found),
            _ => i = parameter(bytes, i, found),
        }
    }
}

/// `/users/<id>`; returns where to go on.
fn segment(bytes: &[u8], slash: usize, found: &mut Vec<Found>) -> usize {
    let end = skip(bytes, slash + 1, |b| b.is_ascii_alphabetic());
    let name = part(bytes, slash + 1, end);
    if at(bytes, end) != b'/'
        || !PEOPLE
            .iter()
            .any(|p| name.eq_ignore_ascii_case(p.as_bytes()))
    {
        return end.max(slash + 1);
    }
    let stop = skip(bytes, end + 1, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
    });
    let id = part(bytes, end + 1, stop);
    let after = at(bytes, stop);
    let closed = matches!(
        after,
        b'/' | b'?'
            | b'#'
            | b'&'
            | b' '
            | b'"'
            | b'\''
            | b')'
            | b','
            | b';'
            | b'>'
            | b'<'
            | b'\n'
            | b'\\'
    );
    // `u` is short for many things: only a plain number counts there.
    let short = name.len() == 1;
    if closed && is_id(id) && (!short || id.iter().all(u8::is_ascii_digit) && id.len() >= 4) {
        found.push(Found {
            start: end + 1,
            end: stop,
            entity: Entity::UserId,
            rank: 60,
        });
    }
    end
}

/// Digits, long hexadecimal, or letters with digits enough to be no word.
fn is_id(id: &[u8]) -> bool {
    let digits = id.iter().filter(|b| b.is_ascii_digit()).count();
    let all_digits = digits == id.len() && !id.is_empty();
    let hex =
        id.len() >= 12 && digits >= 2 && id.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    all_digits && id.len() >= 2 || hex || id.len() >= 8 && digits >= 3 && !id.contains(&b'.')
}

fn parameter(bytes: &[u8], mark: usize, found: &mut Vec<Found>) -> usize {
    let end = skip(bytes, mark + 1, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
    });
    let name = part(bytes, mark + 1, end);
    if at(bytes, end) != b'='
        || !PARAMETERS
            .iter()
            .any(|p| name.eq_ignore_ascii_case(p.as_bytes()))
    {
        return end.max(mark + 1);
    }
    let stop = skip(bytes, end + 1, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'|' | b':')
    });
    let id = part(bytes, end + 1, stop);
    if id.iter().any(u8::is_ascii_digit) && id.len() >= 3 {
        found.push(Found {
            start: end + 1,
            end: stop,
            entity: Entity::UserId,
            rank: 60,
        });
    }
    stop
}

/// `/@name`, where it is the whole last segment; scoped packages are not.
fn handle(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let stop = skip(bytes, from, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')
    });
    let rooted = {
        let slash = from.checked_sub(2)?;
        let head = part(bytes, slash.saturating_sub(80), slash);
        let host = head.rsplit(|b| *b == b'/').next().unwrap_or(&[]);
        head.is_empty()
            || host.contains(&b'.')
                && head.len() > host.len()
                && head
                    .get(..head.len() - host.len())
                    .is_some_and(|h| h.ends_with(b"//"))
    };
    // Elsewhere `/@name/…` is as often a scoped package.
    let social = || {
        let head = part(bytes, from.saturating_sub(34), from.saturating_sub(2));
        let host = head.rsplit(|b| *b == b'/').next().unwrap_or(&[]);
        HANDLE_HOSTS.iter().any(|known| {
            host.len()
                .checked_sub(known.len())
                .and_then(|at| host.split_at_checked(at))
                .is_some_and(|(sub, tail)| {
                    tail.eq_ignore_ascii_case(known.as_bytes())
                        && matches!(sub.last(), None | Some(b'.'))
                })
        })
    };
    let closed =
        matches!(at(bytes, stop), b'?' | b'#' | b' ' | b'"') || at(bytes, stop) == b'/' && social();
    (rooted
        && closed
        && (2..=40).contains(&(stop - from))
        && at(bytes, from).is_ascii_alphanumeric())
    .then_some((from, stop))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str, run: fn(&str, &mut Vec<Found>)) -> Vec<&str> {
        let mut out = Vec::new();
        run(text, &mut out);
        out.iter().map(|f| &text[f.start..f.end]).collect()
    }

    #[test]
    fn urls_end_where_the_sentence_goes_on() {
        for (text, url) in [
            (
                "see https://a.example/x?y=1#z.",
                "https://a.example/x?y=1#z",
            ),
            ("(http://a.example/b_(c))", "http://a.example/b_(c)"),
            (
                "<a href=\"//cdn.example.com/x.js\">",
                "//cdn.example.com/x.js",
            ),
            ("at WSS://a.example:8080/s, then", "WSS://a.example:8080/s"),
        ] {
            assert_eq!(spans(text, urls), [url], "{text}");
        }
        for text in [
            "a // comment here",
            "file:///opt/x",
            "myapp://issues/42",
            "http://",
            "either//or",
        ] {
            assert_eq!(spans(text, urls), [""; 0], "{text}");
        }
        assert!(
            is_whole("https://a.example/b")
                && is_whole("//cdn.example.com/x")
                && !is_whole("https://a.example b")
        );
    }

    #[test]
    fn ids_of_persons_are_found_in_urls() {
        for (text, id) in [
            ("/user/76669/profile", "76669"),
            (
                "https://x.example/members/c959fc30994c9050a4fb1fae?tab=posts",
                "c959fc30994c9050a4fb1fae",
            ),
            ("https://social.example.com/@s.ogibson", "s.ogibson"),
            ("https://medium.com/@maria-lopez/story-1", "maria-lopez"),
            ("https://www.tiktok.com/@k_h/video/7", "k_h"),
            ("/a?uid=8731&x=1", "8731"),
        ] {
            assert_eq!(spans(text, user_ids), [id], "{text}");
        }
        for text in [
            "/admin/users",
            "/api/users?limit=50",
            "/account/{accountId}/orders",
            "GET /@hugsmidjan/react/-/x.tgz",
            "/@scope/pkg",
            "https://notmedium.com/@scope/pkg",
            "/issues/4211",
            "https://esm.sh/@scope/pkg@1.2.3",
            "docs/api#post-/users/{id}",
        ] {
            assert_eq!(spans(text, user_ids), [""; 0], "{text}");
        }
    }
}
