//! The gateway's own certificate, read from PEM files at each load.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;
use crate::config::TlsFiles;

/// A server configuration with ALPN for HTTP/2 and HTTP/1.1.
pub fn server_config(files: &TlsFiles) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let none = rustls_pki_types::pem::Error::NoItemsFound;
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| TlsError::cert(&files.cert, &error))?;
    if chain.is_empty() {
        return Err(TlsError::cert(&files.cert, &none));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| TlsError::key(&files.key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Provider)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|_| TlsError::Pair {
            file: files.cert.display().to_string(),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// From when and until when a certificate is good, in seconds of the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// Its first second.
    pub not_before: i64,
    /// Its last one.
    pub not_after: i64,
}

/// The dates of a file's first certificate, which is the server's own.
///
/// # Errors
/// [`TlsError`] when there is none.
pub fn validity(cert: &std::path::Path) -> Result<Validity, TlsError> {
    let der = CertificateDer::from_pem_file(cert).map_err(|error| TlsError::cert(cert, &error))?;
    let none = rustls_pki_types::pem::Error::NoItemsFound;
    let (_, parsed) =
        x509_parser::parse_x509_certificate(&der).map_err(|_| TlsError::cert(cert, &none))?;
    Ok(Validity {
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
    })
}
