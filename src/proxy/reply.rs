//! What clients are told: every answer that Tamis gives itself, and the shape of those it hands on.
//!
//! Invariant: no value of a request stands in an answer. One total `match` maps each problem to its
//! status and fixed words (RFC 9457).

use std::borrow::Cow;

use crate::codec::{DecodeError, DecodeErrorKind};
use crate::deliver::DeliverError;
use crate::deliver::grammar::Bad;

/// An answer to a client, without framing.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(crate) body: Vec<u8>,
    /// The connection is of no more use (HTTP/1 only).
    pub(crate) close: bool,
}

/// Everything that can be wrong with a request, from the client's side of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The head, its fields or the framing, in fixed words.
    Malformed(&'static str),
    /// The body, query or a header cannot be decoded.
    Decode(DecodeError),
    /// The forward proxy does not go to this host and port.
    Host,
    /// The forward proxy asks who it is.
    ProxyAuth,
    /// The origin is not in `allowed_origins`.
    Origin,
    /// The project is not one of the route's.
    Project,
    /// No route has this host and path.
    Route,
    /// The vendor's catalog has no such endpoint.
    Endpoint,
    /// The endpoint does not take this method; those it takes.
    Method(String),
    /// The client is too slow.
    Slow,
    /// A body is needed and no length was given.
    LengthRequired,
    /// More body than the limit.
    BodyTooLarge,
    /// A target longer than the limit.
    TargetTooLong,
    /// An expectation other than `100-continue`.
    Expectation,
    /// The policy refuses it.
    Policy,
    /// A head larger than the limit.
    HeadTooLarge,
    /// A transfer coding other than `chunked`.
    Coding,
    /// An HTTP version that is not spoken here.
    Version,
    /// The vendor could not be asked, or did not answer as it should.
    Deliver(DeliverError),
    /// Too much at once.
    Overloaded,
    /// More requests of one client than its rate.
    ClientRate,
    /// A mistake of Tamis.
    Internal,
}

/// Status, code, title, detail.
type Words = (u16, &'static str, &'static str, Cow<'static, str>);

impl Problem {
    #[expect(clippy::too_many_lines, reason = "one total match, a table")]
    fn words(&self) -> Words {
        let fixed = |status, code, title, detail| (status, code, title, Cow::Borrowed(detail));
        match self {
            Self::Malformed(detail) => fixed(400, "malformed", "Malformed request", *detail),
            Self::Decode(error) => decode_words(*error),
            Self::Host => fixed(
                403,
                "host-not-allowed",
                "Host not allowed",
                "the forward proxy does not go to this host and port",
            ),
            Self::ProxyAuth => fixed(
                407,
                "proxy-authentication",
                "Proxy authentication required",
                "the forward proxy asks for a name and a password",
            ),
            Self::Origin => fixed(
                403,
                "origin-not-allowed",
                "Origin not allowed",
                "this origin is not one of the allowed origins",
            ),
            Self::Project => fixed(
                403,
                "project-not-allowed",
                "Project not allowed",
                "the request's project is not one of the route's projects",
            ),
            Self::Route => fixed(404, "no-route", "Unknown route", "no route has this path"),
            Self::Endpoint => fixed(
                404,
                "no-endpoint",
                "Unknown endpoint",
                "the vendor's catalog has no endpoint at this path",
            ),
            Self::Method(_) => fixed(
                405,
                "method",
                "Method not allowed",
                "the endpoint does not take this method",
            ),
            Self::Slow => fixed(
                408,
                "slow-client",
                "Request timeout",
                "the request did not arrive in time",
            ),
            Self::LengthRequired => fixed(
                411,
                "length-required",
                "Length required",
                "this endpoint needs a body with a length",
            ),
            Self::BodyTooLarge => fixed(
                413,
                "body-too-large",
                "Body too large",
                "the body is larger than the limit",
            ),
            Self::TargetTooLong => fixed(
                414,
                "target-too-long",
                "Target too long",
                "the request target is longer than the limit",
            ),
            Self::Expectation => fixed(
                417,
                "expectation",
                "Expectation failed",
                "no expectation but 100-continue is met",
            ),
            Self::Policy => fixed(
                422,
                "policy",
                "Refused by policy",
                "the policy refuses this request",
            ),
            Self::HeadTooLarge => fixed(
                431,
                "head-too-large",
                "Request header fields too large",
                "the request head is larger than the limit",
            ),
            Self::Coding => fixed(
                501,
                "transfer-coding",
                "Transfer coding not implemented",
                "no transfer coding but a single chunked is taken",
            ),
            Self::Version => fixed(
                505,
                "version",
                "HTTP version not supported",
                "HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here",
            ),
            Self::Deliver(error) => deliver_words(*error),
            Self::Overloaded => fixed(
                503,
                "overloaded",
                "Service unavailable",
                "too many requests at once; try again later",
            ),
            Self::ClientRate => fixed(
                503,
                "client-rate",
                "Service unavailable",
                "too many requests of this client; try again later",
            ),
            Self::Internal => fixed(500, "internal", "Internal error", "the request failed"),
        }
    }

    /// The status alone.
    pub(crate) fn status(&self) -> u16 {
        self.words().0
    }
}

fn decode_words(error: DecodeError) -> Words {
    let detail = Cow::Owned(error.to_string());
    match error.kind {
        DecodeErrorKind::TooLarge => (413, "body-too-large", "Body too large", detail),
        // Passes as soon as the operator names the salt: the client is to keep its events.
        DecodeErrorKind::Salt => (503, "checksum-salt", "Checksum cannot be renewed", detail),
        DecodeErrorKind::Unsupported => (
            415,
            "unsupported-encoding",
            "Unsupported media type or encoding",
            detail,
        ),
        DecodeErrorKind::Syntax
        | DecodeErrorKind::Truncated
        | DecodeErrorKind::Trailing
        | DecodeErrorKind::Utf8
        | DecodeErrorKind::Corrupt
        | DecodeErrorKind::Depth
        | DecodeErrorKind::Empty
        | DecodeErrorKind::Shape => (400, "undecodable", "The request cannot be decoded", detail),
    }
}

fn deliver_words(error: DeliverError) -> Words {
    let title = match error.status() {
        504 => "Upstream timeout",
        502 => "Bad upstream",
        503 => "Upstream not available",
        _ => "Internal error",
    };
    (
        error.status(),
        "upstream",
        title,
        Cow::Owned(error.to_string()),
    )
}

impl From<Bad> for Problem {
    fn from(bad: Bad) -> Self {
        match bad {
            Bad::LineEnd => Self::Malformed("every line of the head ends with CRLF"),
            Bad::Field => Self::Malformed("a header field is outside the grammar"),
            Bad::TooManyFields => Self::HeadTooLarge,
            Bad::Length => Self::Malformed("the body's length is missing, repeated or odd"),
            Bad::Coding => Self::Coding,
            Bad::Chunk => Self::Malformed("a chunk is outside the grammar"),
            Bad::TooLarge => Self::BodyTooLarge,
        }
    }
}

impl Reply {
    /// An answer with a status and a body.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut reply = Self {
            status,
            headers: Vec::with_capacity(8),
            body: body.into(),
            close: false,
        };
        if !content_type.is_empty() {
            reply.set("content-type", content_type.to_owned());
        }
        reply
    }

    /// The answer to a problem.
    pub(crate) fn problem(problem: &Problem) -> Self {
        let (status, code, title, detail) = problem.words();
        let body = serde_json::json!({
            "type": format!("urn:tamis:problem:{code}"),
            "title": title,
            "status": status,
            "detail": detail,
            "request_id": request_id(),
        });
        let mut reply = Self::new(status, "application/problem+json", body.to_string());
        reply.set("cache-control", "no-store");
        if let Problem::Method(methods) = problem {
            reply.set("allow", methods.clone());
        }
        if status == 407 {
            reply.set(
                "proxy-authenticate",
                "Basic realm=\"tamis\", charset=\"UTF-8\"",
            );
        }
        // Troubles that will pass: libraries that read this come again then.
        if matches!(status, 502..=504) {
            reply.set("retry-after", "5");
        }
        reply
    }

    /// Adds a field.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.push((Cow::Borrowed(name), value.into()));
    }

    /// The same, and the connection ends with it.
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

/// Random, so that it names nothing but this answer.
pub(crate) fn request_id() -> String {
    let mut bytes = [0u8; 8];
    // Without randomness the id is all zeros, which is still no value of the request.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_problem_json() {
        let reply = Reply::problem(&Problem::Method("GET, POST".into()));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["status"], 405);
        assert_eq!(body["request_id"].as_str().unwrap().len(), 16);
        assert!(
            reply
                .headers
                .iter()
                .any(|(n, v)| n == "allow" && v == "GET, POST")
        );
        let one = Reply::problem(&Problem::Overloaded);
        assert!(one.headers.iter().any(|(n, _)| n == "retry-after"));
        assert_ne!(one.body, Reply::problem(&Problem::Overloaded).body);
    }

    #[test]
    fn decode_errors_map_by_kind() {
        let status = |kind| Problem::Decode(DecodeError::new(kind, "json", 3)).status();
        assert_eq!(status(DecodeErrorKind::TooLarge), 413);
        assert_eq!(status(DecodeErrorKind::Unsupported), 415);
        assert_eq!(status(DecodeErrorKind::Syntax), 400);
    }
}
