//! What the request's own header fields say about its body and its sender: pure readings of text.
//!
//! Nothing of a client's field leaves from here but words that are known.

use super::RawRequest;
use super::fate::Stop;
use crate::catalog::{BodyFormat, Endpoint};
use crate::codec::{self, Coding, DecodeError, DecodeErrorKind};

pub(super) fn header<'a>(raw: &RawRequest<'a>, name: &str) -> impl Iterator<Item = &'a str> {
    raw.headers
        .iter()
        .filter(move |(have, _)| *have == name)
        .map(|(_, value)| *value)
}

/// Global Privacy Control, or Do Not Track.
pub(super) fn asks_for_privacy(raw: &RawRequest<'_>) -> bool {
    header(raw, "sec-gpc")
        .chain(header(raw, "dnt"))
        .any(|v| v.trim() == "1")
}

/// The body format for the request's media type, and the type as it leaves.
pub(super) fn choose<'p>(
    raw: &RawRequest<'_>,
    place: &'p Endpoint,
) -> Result<(&'p BodyFormat, Option<String>), Stop> {
    let unsupported = || {
        Stop::from(DecodeError::new(
            DecodeErrorKind::Unsupported,
            "content-type",
            0,
        ))
    };
    let mut given = header(raw, "content-type");
    let value = given.next();
    if given.next().is_some() {
        return Err(unsupported());
    }
    let (essence, charset) = media_type(value.unwrap_or("")).ok_or_else(unsupported)?;
    let matching = |format: &&BodyFormat| {
        format
            .content_types
            .iter()
            .any(|t| **t == *essence || **t == *"*")
    };
    let format = place.bodies.iter().find(matching).ok_or_else(unsupported)?;
    // The catalog's own text leaves, not the client's: a parameter could carry anything.
    // A type that only `*` takes leaves if its words are known.
    let listed = format.content_types.iter().any(|t| **t == *essence);
    let leaves = value
        .filter(|_| listed || is_media_type(&essence))
        .map(|_| {
            let charset = if charset { "; charset=UTF-8" } else { "" };
            format!("{essence}{charset}")
        });
    Ok((format, leaves))
}

/// Essence in lower case, and whether the charset UTF-8 is named; `None` for another charset.
pub(super) fn media_type(value: &str) -> Option<(String, bool)> {
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or("").trim().to_ascii_lowercase();
    let mut charset = false;
    for part in parts {
        let Some((name, value)) = part.split_once('=') else {
            continue;
        };
        // `charset*` (RFC 2231) has a syntax of its own that nobody needs for UTF-8.
        let name = name.trim();
        let label = name.split('*').next().unwrap_or(name);
        if label.trim().eq_ignore_ascii_case("charset") {
            let value = value.trim().trim_matches('"');
            let utf8 = ["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|c| value.eq_ignore_ascii_case(c));
            if !utf8 {
                return None;
            }
            charset = true;
        }
    }
    Some((essence, charset))
}

/// The boundary that a body's media type names; `None` without one, or with two.
pub(super) fn boundary(raw: &RawRequest<'_>) -> Option<String> {
    let mut rest = header(raw, "content-type").next()?.split_once(';')?.1;
    let mut found = None;
    while !rest.is_empty() {
        let (name, tail) = rest.split_once('=')?;
        let tail = tail.trim_start();
        let (value, after) = match tail.strip_prefix('"') {
            Some(inner) => inner.split_once('"')?,
            None => tail.split_at(tail.find(';').unwrap_or(tail.len())),
        };
        if name.trim().eq_ignore_ascii_case("boundary")
            && found.replace(value.trim_end().to_owned()).is_some()
        {
            return None;
        }
        let after = after.trim_start();
        if !after.is_empty() && !after.starts_with(';') {
            return None;
        }
        rest = after.trim_start_matches(';');
    }
    found
}

/// A parameter's value, in quotes where it needs them.
pub(super) fn quoted(value: &str) -> String {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.+'".contains(&b);
    if value.bytes().all(token) {
        value.to_owned()
    } else {
        format!("\"{value}\"")
    }
}

/// Exactly one known coding, or none.
pub(super) fn content_coding(raw: &RawRequest<'_>) -> Result<Option<Coding>, Stop> {
    let mut codings = header(raw, "content-encoding")
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty() && !token.eq_ignore_ascii_case("identity"));
    let unsupported = || DecodeError::new(DecodeErrorKind::Unsupported, "content-encoding", 0);
    let Some(token) = codings.next() else {
        return Ok(None);
    };
    if codings.next().is_some() {
        return Err(unsupported().into());
    }
    Ok(Some(Coding::parse(token).ok_or_else(unsupported)?))
}

/// The user of Basic credentials: where vendors take a token as one.
pub(super) fn basic_user(value: &str) -> Option<String> {
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut bytes = Vec::new();
    codec::base64::decode(
        credentials.trim().as_bytes(),
        Default::default(),
        &mut bytes,
    )
    .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split(':').next().map(str::to_owned)
}

/// `key=value, key=value`, as some schemes write credentials; `None` for anything else.
pub(super) fn auth_parameters(credentials: &str) -> Option<Vec<(&str, &str)>> {
    let word = |w: &str| {
        !w.is_empty()
            && w.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    let parts = credentials.split(',').map(str::trim);
    let pairs: Option<Vec<_>> = parts.map(|part| part.split_once('=')).collect();
    pairs.filter(|pairs| pairs.len() > 1 && pairs.iter().all(|(key, _)| word(key)))
}

/// Whether credentials are a JSON web token: three parts, the first of which is a JSON object.
pub(super) fn is_session(value: &str) -> bool {
    let token = value.rsplit(' ').next().unwrap_or("");
    token.starts_with("eyJ") && token.split('.').count() == 3
}

/// Words that media types are made of: a name that nobody registered could be somebody's.
const MEDIA_WORDS: [&str; 24] = [
    "*",
    "application",
    "text",
    "image",
    "json",
    "plain",
    "html",
    "javascript",
    "xhtml+xml",
    "xml",
    "css",
    "webp",
    "avif",
    "apng",
    "png",
    "gif",
    "jpeg",
    "svg+xml",
    "x-javascript",
    "ecmascript",
    "octet-stream",
    "x-ndjson",
    "problem+json",
    "x-www-form-urlencoded",
];

pub(super) fn is_media_ranges(value: &str) -> bool {
    value.len() <= 256
        && value.split(',').all(|range| {
            let mut parts = range.split(';').map(str::trim);
            is_media_type(parts.next().unwrap_or("")) && parts.all(is_quality)
        })
}

pub(super) fn is_media_type(essence: &str) -> bool {
    let known = |word: &str| MEDIA_WORDS.contains(&word);
    essence
        .split_once('/')
        .is_some_and(|(kind, sub)| known(kind) && known(sub))
}

/// `q=0.9`; Chrome's `v=b3` names a kind of answer.
pub(super) fn is_quality(parameter: &str) -> bool {
    parameter == "v=b3"
        || parameter.strip_prefix("q=").is_some_and(|q| {
            let digits = q.get(2..).unwrap_or("");
            matches!(q.get(..1), Some("0" | "1"))
                && matches!(q.get(1..2), None | Some("."))
                && digits.len() <= 3
                && digits.bytes().all(|b| b.is_ascii_digit())
        })
}

pub(super) fn known_codings(value: &str) -> String {
    let known = |token: &&str| ["gzip", "deflate", "br", "zstd", "identity"].contains(token);
    let tokens = value
        .split(',')
        .map(|t| t.split(';').next().unwrap_or("").trim());
    tokens.filter(known).collect::<Vec<_>>().join(", ")
}

pub(super) fn visible(value: &str) -> bool {
    value.bytes().all(|b| (b' '..0x7f).contains(&b))
}
