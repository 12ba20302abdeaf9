//! The gateway: sockets, HTTP, routes, and the eight steps of a request.
//!
//! `accept` ([`serve`](Server)), `route` and `collect` (`http1`, `http2`, `route`), `decode`,
//! `scrub` and `encode` (the engine, called in `handle`), `deliver`, `account` (`handle`). Nothing
//! here looks into a body; what leaves is a `CleanRequest`, which only the engine makes.

mod activate;
mod authority;
mod budget;
pub mod check;
mod client_addr;
mod clients;
mod cors;
mod forward;
mod handle;
mod head;
mod http1;
mod http2;
mod live;
mod proxy_protocol;
mod reply;
mod route;
mod serve;
mod tunnel;
pub mod users;
mod watch;
mod worker;

pub use activate::handed_over;
pub use forward::ca_names;
pub use live::{BoxError, Current, Generation, Live, Loader, Rotation};
pub(crate) use reply::request_id;
pub use serve::{Handle, Server};
pub use watch::Stamps;
