//! What upstreams are verified with: the system's roots and `ca_file`.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use super::TlsError;

/// Who is trusted.
#[derive(Clone)]
pub struct Trust {
    /// Verifies chain, name and dates. Without any root no upstream is ever trusted.
    pub config: Arc<rustls::ClientConfig>,
    /// The number of roots.
    pub roots: usize,
    /// Of all roots, whatever their order: what was verified under equal digests is as good.
    pub digest: [u8; 32],
}

/// The system's roots and those of a file.
///
/// # Errors
/// [`TlsError`] when the file holds no certificates, or something else.
pub fn client_config(ca_file: Option<&Path>) -> Result<Trust, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    let mut all = rustls_native_certs::load_native_certs().certs;
    let (_, _) = roots.add_parsable_certificates(all.iter().cloned());
    if let Some(file) = ca_file {
        let none = rustls_pki_types::pem::Error::NoItemsFound;
        let bad = || TlsError::cert(file, &none);
        let mut any = false;
        let certs = CertificateDer::pem_file_iter(file);
        for cert in certs.map_err(|error| TlsError::cert(file, &error))? {
            let cert = cert.map_err(|_| bad())?;
            roots.add(cert.clone()).map_err(|_| bad())?;
            all.push(cert);
            any = true;
        }
        if !any {
            return Err(bad());
        }
    }
    let count = roots.len();
    all.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
    let digest = all.iter().fold(Sha256::new(), |digest, cert| {
        // Each by its own digest: where one ends needs no telling.
        digest.chain_update(Sha256::digest(cert))
    });
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Provider)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Trust {
        config: Arc::new(config),
        roots: count,
        digest: digest.finalize().into(),
    })
}
