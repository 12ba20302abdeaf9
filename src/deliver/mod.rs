//! Delivery: clean requests to vendors, over HTTP/1.1, plain or TLS.
//!
//! Takes nothing but a [`CleanRequest`](crate::scrub::CleanRequest), adds only framing and the
//! upstream's own `Host`, and never looks into a body. A POST of which a byte may have been read is
//! never sent twice.

mod answer;
mod client;
mod connect;
mod error;
pub(crate) mod grammar;
mod guard;
mod health;
mod origins;
mod pool;
mod upstream;
mod write;

pub use answer::{Answer, check as check_answer};
pub use client::{Client, Limits};
pub use connect::{Egress, EgressProxy};
pub use error::DeliverError;
pub use guard::Guard;
pub use health::{FAILURES, Health, OPEN, OPEN_MOST, Turn};
pub use origins::Origins;
pub use upstream::{Origin, Upstream, UpstreamError};
