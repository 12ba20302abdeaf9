//! Server certificates, the local CA, the roots that upstreams are checked against, and a stream that is plain
//! or TLS.
//!
//! Invariant: verification of upstreams cannot be turned off; TLS below 1.2 is not spoken. The only
//! cryptography provider is aws-lc-rs.

mod ca;
mod client;
mod server;
mod stream;

pub use ca::{Authority, CaInfo, NewCa, new_ca};
pub use client::{Trust, client_config};
pub use server::server_config;
pub use stream::Stream;

/// Why TLS cannot be set up. Names files, never their content.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{file}: no readable PEM certificate or key")]
    Pem {
        /// The file.
        file: String,
    },
    /// Certificate and key do not fit, or are of a kind that is not supported.
    #[error("{file}: certificate and key do not fit together")]
    Pair {
        /// The certificate's file.
        file: String,
    },
    /// A certificate that may not sign others.
    #[error("{file}: not the certificate of a CA")]
    NotCa {
        /// The file.
        file: String,
    },
    /// A certificate cannot be made: a host that is no DNS name, or no randomness.
    #[error("a certificate cannot be made")]
    Mint,
    /// The cryptography provider lacks a protocol version.
    #[error("the cryptography provider does not support TLS 1.2 and 1.3")]
    Provider,
}
