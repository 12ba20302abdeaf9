//! What upstreams are verified with: the system's roots and `ca_file`.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::TlsError;

/// A client configuration that verifies chain, name and dates, and the number of roots. Without any
/// root no upstream is ever trusted.
pub fn client_config(
    ca_file: Option<&Path>,
) -> Result<(Arc<rustls::ClientConfig>, usize), TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    let (_, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        let bad = || TlsError::Pem {
            file: file.display().to_string(),
        };
        let mut any = false;
        for cert in CertificateDer::pem_file_iter(file).map_err(|_| bad())? {
            roots.add(cert.map_err(|_| bad())?).map_err(|_| bad())?;
            any = true;
        }
        if !any {
            return Err(bad());
        }
    }
    let count = roots.len();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Provider)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), count))
}
