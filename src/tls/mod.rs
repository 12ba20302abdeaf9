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
pub use server::{Validity, server_config, validity};
pub use stream::Stream;

use rustls_pki_types::pem;

/// A certificate that ends in fewer days than this is spoken of.
pub const EXPIRES_SOON_DAYS: i64 = 14;

/// Why TLS cannot be set up. Names files, never their content.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{file}: {why}")]
    Pem {
        /// The file.
        file: String,
        /// What is the matter with it.
        why: &'static str,
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

impl TlsError {
    /// Why this file gave no certificate.
    fn cert(file: &std::path::Path, error: &pem::Error) -> Self {
        Self::pem(file, error, "it holds no PEM certificate")
    }

    /// Why this file gave no private key.
    fn key(file: &std::path::Path, error: &pem::Error) -> Self {
        Self::pem(
            file,
            error,
            "it holds no PEM private key that is understood",
        )
    }

    /// The error of a library may quote the file; what is told is one of these words.
    fn pem(file: &std::path::Path, error: &pem::Error, none: &'static str) -> Self {
        let io = if let pem::Error::Io(io) = error {
            Some(io.kind())
        } else {
            None
        };
        let why = match io {
            Some(std::io::ErrorKind::NotFound) => "there is no such file",
            Some(std::io::ErrorKind::PermissionDenied) => "this user may not read it",
            Some(std::io::ErrorKind::IsADirectory) => "it is a directory",
            Some(_) => "it cannot be read",
            None => none,
        };
        let file = file.display().to_string();
        Self::Pem { file, why }
    }
}
