//! The engine: the only door out.
//!
//! [`Scrubber::scrub`] takes a raw request and answers with what may leave. A [`CleanRequest`] has
//! private fields and no other constructor, so delivery cannot be handed anything that was not
//! judged. Errors hold no input.

mod alike;
mod beside;
mod carry;
mod classes;
mod decide;
mod decided;
mod differences;
mod engine;
mod envelope;
mod epoch;
mod events;
mod facts;
mod fate;
mod fields;
mod headers;
mod heard;
mod hot;
mod issued;
mod leaf;
mod lines;
mod memo;
mod multipart;
mod nested;
mod objects;
mod packed;
mod pairs;
mod paths;
mod pattern;
mod places;
mod plan;
mod pools;
mod protobuf;
mod protobuf_out;
mod querypack;
mod request;
mod ruling;
mod scratch;
mod settled;
mod sums;
mod tally;
mod target;
mod text;
mod unfold;
mod walk;

use std::borrow::Cow;
use std::net::IpAddr;

use crate::action::Action;
use crate::catalog::Answer;
use crate::category::DataCategory;
use crate::codec::DecodeError;

pub use beside::Shadow;
pub use differences::{Compared, Difference, Differences, Total};
pub use epoch::Countries;
pub use paths::Source;
pub use request::Scrubber;
pub use scratch::Scratch;
pub use tally::{Sighted, Sightings};
pub use target::{Target, real_target};

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
    /// Project tokens that pass; empty: any.
    pub projects: &'a [String],
    /// Headers that pass besides the catalog's, in lower case.
    pub extra_headers: &'a [String],
}

/// What becomes of a request.
pub enum Verdict<'p> {
    /// This leaves.
    Forward(CleanRequest),
    /// Nothing was left (or it was a recording that is not wanted): the client gets the vendor's
    /// success shape and nothing leaves.
    Answer(Option<Cow<'p, Answer>>),
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
    /// The project token is not one of the route's, or there is none (403).
    Project,
}

/// What may leave: made by [`Scrubber::scrub`] alone.
pub struct CleanRequest {
    method: Box<str>,
    upstream: Option<Box<str>>,
    upstream_target: Option<String>,
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

    /// Path and query at [`CleanRequest::upstream`] (or at the vendor's own), where the catalog maps
    /// the path; ignored when the vendor's upstream is overridden.
    #[must_use]
    pub fn upstream_target(&self) -> Option<&str> {
        self.upstream_target.as_deref()
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
    pub actions: [u32; 12],
    /// Decisions that the shadow policy, if there is one, would have made otherwise.
    pub shadow_differences: u32,
}

/// One judged leaf, for `explain`: the one place where values are shown, to who gave them.
#[derive(Clone)]
pub struct Row {
    /// The dotted path.
    pub path: String,
    /// Its category.
    pub category: Option<DataCategory>,
    /// How the category was found.
    pub source: Source,
    /// The rule's name; empty: no rule.
    pub rule: Box<str>,
    /// The action's name.
    pub action: &'static str,
    /// The value as it came.
    pub before: String,
    /// The value as it leaves; `None`: as it came; empty: gone.
    pub after: Option<String>,
}

impl Report {
    fn slot(action: &Action) -> u8 {
        match action {
            Action::Keep => 0,
            Action::Drop => 1,
            Action::Null => 2,
            Action::Replace(_) => 3,
            Action::Mask(_) => 4,
            Action::Hash(_) => 5,
            Action::Random(_) => 6,
            Action::Generalize(_) => 7,
            Action::DropEvent => 8,
            Action::Reject => 9,
            Action::Encrypt => 10,
            Action::Shift(_) => 11,
        }
    }

    fn count_slot(&mut self, slot: u8) {
        if let Some(count) = self.actions.get_mut(usize::from(slot)) {
            *count += 1;
        }
    }

    /// The names of [`Report::actions`].
    pub const ACTIONS: [&'static str; 12] = [
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
        "encrypt",
        "shift",
    ];
}
