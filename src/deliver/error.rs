//! Why a delivery failed: small, `Copy`, without values, and it says whose fault it is.

/// Why a clean request did not get an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeliverError {
    /// No connection: lookup, refusal or network.
    #[error("the upstream cannot be reached")]
    Unreachable,
    /// No connection, answer or progress in time.
    #[error("the upstream did not answer in time")]
    Timeout,
    /// The upstream's certificate or handshake is not good.
    #[error("the upstream's certificate or handshake is not valid")]
    Tls,
    /// The connection ended before the answer did.
    #[error("the upstream closed the connection before its answer was whole")]
    Cut,
    /// The answer is not HTTP/1.1 as it should be.
    #[error("the upstream's answer is not valid HTTP")]
    Garbled,
    /// The answer is larger than the limit.
    #[error("the upstream's answer is larger than the limit")]
    TooLarge,
    /// The answer is a redirect, which is neither followed nor handed on.
    #[error("the upstream answered with a redirect")]
    Redirect,
    /// It could not be reached many times in a row, and is left alone for a while.
    #[error("the upstream could not be reached and is left alone for a moment")]
    Open,
    /// Too many requests to it are under way.
    #[error("too many requests to the upstream are under way")]
    Busy,
    /// The clean request cannot be written as HTTP/1.1.
    #[error("the request cannot be written")]
    Request,
    /// The upstream's URL is not valid.
    #[error("the upstream's address is not valid")]
    Upstream,
}

impl DeliverError {
    /// The status that the client sees.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Timeout => 504,
            Self::Open | Self::Busy => 503,
            Self::Unreachable
            | Self::Tls
            | Self::Cut
            | Self::Garbled
            | Self::TooLarge
            | Self::Redirect => 502,
            Self::Request | Self::Upstream => 500,
        }
    }

    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Cut => "cut",
            Self::Garbled => "garbled",
            Self::TooLarge => "too_large",
            Self::Redirect => "redirect",
            Self::Open => "open",
            Self::Busy => "busy",
            Self::Request => "request",
            Self::Upstream => "upstream",
        }
    }
}
