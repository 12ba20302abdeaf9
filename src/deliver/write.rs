//! A clean request as bytes: fresh framing, the upstream's own `Host`, nothing else added.

use super::error::DeliverError;
use super::grammar::{is_field_value, is_token};
use super::upstream::Upstream;
use crate::scrub::CleanRequest;

/// Bodies up to this size are copied behind the head, so that one write carries both.
const INLINE: usize = 64 << 10;

/// Writes the head into `out`, and the body if it is small; answers with what is left to write.
pub(crate) fn request<'c>(
    clean: &'c CleanRequest,
    upstream: &Upstream,
    target: &str,
    out: &mut Vec<u8>,
) -> Result<&'c [u8], DeliverError> {
    let body = clean.body();
    if !is_token(clean.method()) || !is_target(target) {
        return Err(DeliverError::Request);
    }
    out.reserve(512 + target.len() + body.len().min(INLINE));
    for part in [
        clean.method(),
        " ",
        &upstream.base,
        target,
        " HTTP/1.1\r\nhost: ",
        &upstream.origin.authority,
        "\r\n",
    ] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in clean.headers() {
        if !is_token(name) || !is_field_value(value) || is_framing(name) {
            return Err(DeliverError::Request);
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() || !matches!(clean.method(), "GET" | "HEAD") {
        out.extend_from_slice(b"content-length: ");
        number(body.len(), out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if body.len() > INLINE {
        return Ok(body);
    }
    out.extend_from_slice(body);
    Ok(&[])
}

/// A decimal number.
pub(crate) fn number(mut value: usize, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + u8::try_from(value % 10).unwrap_or(0));
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// A slash in front, visible ASCII, no fragment.
fn is_target(target: &str) -> bool {
    target.starts_with('/')
        && target
            .bytes()
            .all(|b| (0x21..0x7f).contains(&b) && b != b'#')
}

fn is_framing(name: &str) -> bool {
    matches!(
        name,
        "host"
            | "content-length"
            | "transfer-encoding"
            | "connection"
            | "upgrade"
            | "te"
            | "trailer"
            | "keep-alive"
            | "proxy-connection"
            | "expect"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for value in [0, 7, 10, 1234567890] {
            let mut out = Vec::new();
            number(value, &mut out);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }

    #[test]
    fn targets() {
        assert!(is_target("/a?b=c|d"));
        for bad in ["a", "", "/a b", "/a#b", "/\u{e9}", "/a\r\n"] {
            assert!(!is_target(bad), "{bad:?}");
        }
    }
}
