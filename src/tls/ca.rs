//! The local CA of the forward proxy: made once, and leaves minted from it for one host each.
//!
//! Invariant: a leaf is shown only to a client that asked for exactly its host by SNI; what is
//! minted is bounded in number, and a session of one host is never resumed for another (each host has
//! a configuration, and so a session store, of its own).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256,
};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::TlsError;
use crate::config::TlsFiles;

const DAY: Duration = Duration::from_secs(86_400);
/// How long a leaf is good; clocks of clients may be off by a day.
const LEAF_DAYS: u32 = 30;
/// After so long a leaf is minted anew.
const RENEW: Duration = Duration::from_secs(86_400 * 10);
/// Leaves that are kept.
const LEAVES: usize = 512;

/// A new CA as two PEM texts.
pub struct NewCa {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
}

/// Makes a CA that can sign for nothing but these DNS names and what stands below them.
///
/// # Errors
/// When a name is none, or the random source fails.
pub fn new_ca(hosts: &[String], days: u32) -> Result<NewCa, TlsError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| TlsError::Mint)?;
    let mut params = CertificateParams::default();
    let mut serial = [0u8; 4];
    getrandom::fill(&mut serial).map_err(|_| TlsError::Mint)?;
    // Several CAs can stand in one trust store, and are told apart by name.
    let name = format!("Tamis local CA {:08x}", u32::from_be_bytes(serial));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let any_address = [
        CidrSubnet::from_v4_prefix([0; 4], 0),
        CidrSubnet::from_v6_prefix([0; 16], 0),
    ];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: hosts.iter().cloned().map(GeneralSubtree::DnsName).collect(),
        excluded_subtrees: any_address.map(GeneralSubtree::IpAddress).into(),
    });
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    let cert = params.self_signed(&key).map_err(|_| TlsError::Mint)?;
    Ok(NewCa {
        cert: cert.pem(),
        key: key.serialize_pem(),
    })
}

/// What a CA's certificate says.
#[derive(Debug)]
pub struct CaInfo {
    /// Its name.
    pub subject: String,
    /// Since when it is good, seconds of the Unix epoch.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// The public key as in the certificate (`SubjectPublicKeyInfo`), DER.
    pub spki: Vec<u8>,
    /// The DNS names it may sign for, and all below them; `None`: any.
    pub permitted: Option<Vec<String>>,
}

impl CaInfo {
    /// Reads a certificate file.
    ///
    /// # Errors
    /// When there is no certificate of a CA in it.
    pub fn read(file: &std::path::Path) -> Result<Self, TlsError> {
        use x509_parser::extensions::GeneralName;
        let none = rustls_pki_types::pem::Error::NoItemsFound;
        let bad = || TlsError::cert(file, &none);
        let der =
            CertificateDer::from_pem_file(file).map_err(|error| TlsError::cert(file, &error))?;
        let (_, cert) = x509_parser::parse_x509_certificate(&der).map_err(|_| bad())?;
        if !cert.is_ca() {
            return Err(TlsError::NotCa {
                file: file.display().to_string(),
            });
        }
        let constraints = cert.name_constraints().map_err(|_| bad())?;
        let permitted = constraints
            .and_then(|found| found.value.permitted_subtrees.as_ref())
            .map(|subtrees| {
                let dns = subtrees.iter().filter_map(|subtree| {
                    if let GeneralName::DNSName(name) = &subtree.base {
                        Some((*name).to_owned())
                    } else {
                        None
                    }
                });
                dns.collect()
            });
        Ok(Self {
            subject: cert.subject().to_string(),
            not_before: cert.validity().not_before.timestamp(),
            not_after: cert.validity().not_after.timestamp(),
            spki: cert.public_key().raw.to_vec(),
            permitted,
            der: der.to_vec(),
        })
    }

    /// Whether a leaf for this host would be believed.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let below = |name: &String| {
            let name = name.trim_start_matches('.');
            host.strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.permitted
            .as_ref()
            .is_none_or(|names| names.iter().any(below))
    }
}

/// A CA that mints.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    info: CaInfo,
    chain: Vec<CertificateDer<'static>>,
    /// Of all leaves: it never leaves this process.
    leaf_key: KeyPair,
    provider: Arc<rustls::crypto::CryptoProvider>,
    leaves: Mutex<HashMap<Box<str>, Leaf>>,
}

struct Leaf {
    config: Arc<rustls::ServerConfig>,
    made: Instant,
}

impl Authority {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// When they cannot be read, do not fit together, or the certificate is no CA's.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let none = rustls_pki_types::pem::Error::NoItemsFound;
        let pair = || TlsError::Pair {
            file: files.cert.display().to_string(),
        };
        let info = CaInfo::read(&files.cert)?;
        let chain = CertificateDer::pem_file_iter(&files.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| TlsError::cert(&files.cert, &error))?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| TlsError::key(&files.key, &error))?;
        let key = KeyPair::try_from(&key).map_err(|_| TlsError::key(&files.key, &none))?;
        if !info.spki.ends_with(key.public_key_raw()) {
            return Err(pair());
        }
        let first = chain
            .first()
            .ok_or_else(|| TlsError::cert(&files.cert, &none))?;
        let issuer = Issuer::from_ca_cert_der(first, key).map_err(|_| pair())?;
        Ok(Self {
            issuer,
            info,
            chain,
            leaf_key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| TlsError::Mint)?,
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            leaves: Mutex::default(),
        })
    }

    /// What its certificate says.
    #[must_use]
    pub fn info(&self) -> &CaInfo {
        &self.info
    }

    /// A server configuration that shows a leaf for this host, and only to who asks for it.
    ///
    /// # Errors
    /// When the host is no DNS name.
    pub fn server_config(&self, host: &str) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = leaves.get(host)
            && leaf.made.elapsed() < RENEW
        {
            return Ok(Arc::clone(&leaf.config));
        }
        let config = Arc::new(self.mint(host)?);
        if leaves.len() >= LEAVES
            && let Some(oldest) = leaves.iter().min_by_key(|(_, leaf)| leaf.made)
        {
            let oldest = oldest.0.clone();
            leaves.remove(&oldest);
        }
        leaves.insert(
            host.into(),
            Leaf {
                config: Arc::clone(&config),
                made: Instant::now(),
            },
        );
        Ok(config)
    }

    fn mint(&self, host: &str) -> Result<rustls::ServerConfig, TlsError> {
        let mut params =
            CertificateParams::new(vec![host.to_owned()]).map_err(|_| TlsError::Mint)?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "Tamis forward proxy");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let now = SystemTime::now();
        let ca_start = instant_of(self.info.not_before);
        let ca_end = instant_of(self.info.not_after);
        params.not_before = (now - DAY).max(ca_start).into();
        params.not_after = (now + DAY * LEAF_DAYS).min(ca_end).into();
        let leaf = params
            .signed_by(&self.leaf_key, &self.issuer)
            .map_err(|_| TlsError::Mint)?;
        let mut chain = vec![leaf.der().clone()];
        chain.extend(self.chain.iter().cloned());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let key = self
            .provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| TlsError::Mint)?;
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsError::Provider)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(OneHost {
                host: host.into(),
                key: Arc::new(CertifiedKey::new(chain, key)),
            }));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn instant_of(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// The leaf of one host, for clients that name it.
#[derive(Debug)]
struct OneHost {
    host: Box<str>,
    key: Arc<CertifiedKey>,
}

impl ResolvesServerCert for OneHost {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name()?;
        asked
            .eq_ignore_ascii_case(&self.host)
            .then(|| Arc::clone(&self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ca(hosts: &[&str]) -> (tempfile::TempDir, TlsFiles) {
        let hosts: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
        let made = new_ca(&hosts, 100).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            cert: folder.path().join("ca.pem"),
            key: folder.path().join("ca.key"),
        };
        std::fs::write(&files.cert, made.cert).unwrap();
        std::fs::write(&files.key, made.key).unwrap();
        (folder, files)
    }

    #[test]
    fn a_ca_is_bound_to_its_hosts() {
        let (_folder, files) = ca(&["api.acme.example", "ingest.other.example"]);
        let info = CaInfo::read(&files.cert).unwrap();
        assert!(info.covers("api.acme.example") && info.covers("o1.ingest.other.example"));
        assert!(!info.covers("acme.example") && !info.covers("xapi.acme.example"));
        assert!(info.subject.contains("Tamis local CA"));
    }

    #[test]
    fn leaves_are_minted_once_and_bounded() {
        let (_folder, files) = ca(&["acme.example"]);
        let ca = Authority::load(&files).unwrap();
        let one = ca.server_config("a.acme.example").unwrap();
        assert!(Arc::ptr_eq(
            &one,
            &ca.server_config("a.acme.example").unwrap()
        ));
        for n in 0..LEAVES + 5 {
            ca.server_config(&format!("h{n}.acme.example")).unwrap();
        }
        assert_eq!(ca.leaves.lock().unwrap().len(), LEAVES);
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused() {
        let (_one, files) = ca(&["a.example"]);
        let (_two, other) = ca(&["a.example"]);
        let mixed = TlsFiles {
            cert: files.cert.clone(),
            key: other.key.clone(),
        };
        assert!(Authority::load(&mixed).is_err());
    }
}
