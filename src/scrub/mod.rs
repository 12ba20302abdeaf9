//! The engine: the only door out.
//!
//! [`Scrubber::scrub`] takes a raw request and answers with what may leave. A [`CleanRequest`] has
//! private fields and no other constructor, so delivery cannot be handed anything that was not
//! judged. Errors hold no input.

use std::net::IpAddr;

use crate::catalog::Answer;
use crate::codec::DecodeError;

/// A request as it came, after routing.
pub struct RawRequest<'a> {
    /// Index of the vendor in [`Scrubber::vendors`].
    pub vendor: usize,
    /// Index of the endpoint in the vendor.
    pub endpoint: usize,
    /// Method, upper case.
    pub method: &'a str,
    /// Path within the vendor, normalised: `/track`.
    pub path: &'a str,
    /// Query without `?`.
    pub query: Option<&'a str>,
    /// Header fields in order, names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as sent, transfer coding off, content coding on.
    pub body: &'a [u8],
    /// The client's address.
    pub client_ip: IpAddr,
    /// Limit of the decoded body in bytes.
    pub body_limit: usize,
}

/// What becomes of a request.
pub enum Verdict<'p> {
    /// This leaves.
    Forward(CleanRequest),
    /// Nothing was left (or it was a recording that is not wanted): the client gets the vendor's
    /// success shape and nothing leaves.
    Answer(Option<&'p Answer>),
    /// The client gets an error.
    Refuse(Refusal),
}

/// Why a request is refused. Holds no input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body, query or a header cannot be decoded (400, 413 or 415).
    Decode(DecodeError),
    /// The policy says so (422).
    Policy,
}

/// What may leave: made by [`Scrubber::scrub`] alone.
pub struct CleanRequest {
    method: Box<str>,
    upstream: Option<Box<str>>,
    target: String,
    headers: Vec<(Box<str>, String)>,
    body: Vec<u8>,
}

impl CleanRequest {
    /// Method, upper case.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Another upstream than the vendor's, from the catalog; ignored when the vendor's upstream is
    /// overridden by configuration.
    #[must_use]
    pub fn upstream(&self) -> Option<&str> {
        self.upstream.as_deref()
    }

    /// Path and query, below the upstream's base path.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Header fields, names in lower case, without framing, host and connection.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(n, v)| (&**n, v.as_str()))
    }

    /// The body, content coding on.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, by move.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

/// What was done to a request: counts, no values.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Events that came in.
    pub events_in: u32,
    /// Events that leave.
    pub events_out: u32,
    /// Leaves judged.
    pub leaves: u32,
    /// Leaves and spans by action name, in the order of [`Report::ACTIONS`].
    pub actions: [u32; 10],
}

impl Report {
    /// The names of [`Report::actions`].
    pub const ACTIONS: [&'static str; 10] = [
        "keep",
        "drop",
        "null",
        "replace",
        "mask",
        "hash",
        "random",
        "generalize",
        "drop_event",
        "reject",
    ];
}
