//! Who may use the forward proxy: Basic credentials against a file of Argon2id hashes.
//!
//! Invariant: no password is kept or compared in the clear. A name that is not in the file costs as
//! much as one that is. What was verified once is remembered as a keyed digest, so that a client's
//! next request costs one SHA-256.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

/// Hashes computed at once: each takes 19 MiB.
const AT_ONCE: usize = 2;
/// Credentials that are remembered.
const REMEMBERED: usize = 4096;
/// How long a client waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Why a file of users is not good.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It cannot be read, or is empty.
    #[error("{file}: no readable lines `name:hash`")]
    Unreadable {
        /// The file.
        file: String,
    },
    /// A line is not `name:$argon2id$…`.
    #[error("{file}:{line}: not `name:$argon2id$…`; `tamis forward-user NAME` writes such a line")]
    Line {
        /// The file.
        file: String,
        /// The line's number.
        line: usize,
    },
    /// No randomness, or a name with a colon or control characters.
    #[error("a user's name has no colon, blank or control character, and a password is not empty")]
    Name,
}

/// All users.
pub(crate) struct Users {
    hashes: Arc<HashMap<String, String>>,
    /// Stands for names that are not there.
    dummy: String,
    key: [u8; 32],
    verified: Mutex<HashSet<[u8; 32]>>,
    turns: Semaphore,
}

/// What came of a look at credentials.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// They are good.
    Yes,
    /// They are not, or there are none.
    No,
    /// Too many are being looked at.
    Busy,
}

/// A line for the file of users.
///
/// # Errors
/// When the name cannot stand in a line.
pub fn line(name: &str, password: &str) -> Result<String, UsersError> {
    let odd = |b: u8| b <= b' ' || b == b':' || b == 0x7f || b == b'#';
    if name.is_empty() || name.bytes().any(odd) || password.is_empty() {
        return Err(UsersError::Name);
    }
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|_| UsersError::Name)?;
    let salt = SaltString::encode_b64(&salt).map_err(|_| UsersError::Name)?;
    let hash = Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map_err(|_| UsersError::Name)?;
    Ok(format!("{name}:{hash}"))
}

/// Whether a file of users is good.
///
/// # Errors
/// When it is not.
pub fn check(file: &Path) -> Result<(), UsersError> {
    Users::load(file).map(drop)
}

impl Users {
    /// Reads a file of lines `name:hash`; `#` begins a comment line.
    pub(crate) fn load(file: &Path) -> Result<Self, UsersError> {
        let name = || file.display().to_string();
        let text =
            std::fs::read_to_string(file).map_err(|_| UsersError::Unreadable { file: name() })?;
        let mut hashes = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || UsersError::Line {
                file: name(),
                line: at + 1,
            };
            let (user, hash) = line.split_once(':').ok_or_else(bad)?;
            let parsed = PasswordHash::new(hash).map_err(|_| bad())?;
            if parsed.algorithm != argon2::ARGON2ID_IDENT || user.is_empty() {
                return Err(bad());
            }
            hashes.insert(user.to_owned(), hash.to_owned());
        }
        if hashes.is_empty() {
            return Err(UsersError::Unreadable { file: name() });
        }
        let mut key = [0u8; 32];
        getrandom::fill(&mut key).map_err(|_| UsersError::Name)?;
        let dummy = line("nobody", &format!("{key:?}"))?;
        Ok(Self {
            hashes: Arc::new(hashes),
            dummy: dummy.trim_start_matches("nobody:").to_owned(),
            key,
            verified: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        })
    }

    /// Looks at a `Proxy-Authorization` field.
    pub(crate) async fn know(&self, field: Option<&str>) -> Known {
        let Some(credentials) = field.and_then(basic) else {
            return Known::No;
        };
        let digest: [u8; 32] = Sha256::new()
            .chain_update(self.key)
            .chain_update(&credentials)
            .finalize()
            .into();
        if self.lock().contains(&digest) {
            return Known::Yes;
        }
        let Ok(Ok(_turn)) = tokio::time::timeout(TURN, self.turns.acquire()).await else {
            return Known::Busy;
        };
        let (hashes, dummy) = (Arc::clone(&self.hashes), self.dummy.clone());
        let good = tokio::task::spawn_blocking(move || {
            let at = credentials.iter().position(|b| *b == b':');
            let (name, rest) = credentials.split_at(at.unwrap_or(credentials.len()));
            let name = std::str::from_utf8(name).unwrap_or("");
            let known = hashes.get(name);
            let hash = PasswordHash::new(known.unwrap_or(&dummy));
            let fits = hash.is_ok_and(|hash| {
                let password = rest.get(1..).unwrap_or(&[]);
                Argon2::default().verify_password(password, &hash).is_ok()
            });
            fits && known.is_some()
        });
        if !good.await.unwrap_or(false) {
            return Known::No;
        }
        let mut verified = self.lock();
        if verified.len() >= REMEMBERED {
            verified.clear();
        }
        verified.insert(digest);
        Known::Yes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `name:password` out of `Basic …`.
fn basic(field: &str) -> Option<Vec<u8>> {
    let (scheme, text) = field.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || text.len() > 1024 {
        return None;
    }
    base64_simd::STANDARD
        .decode_to_vec(text.trim_matches(' '))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(text: &str) -> Result<Users, UsersError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        std::fs::write(&file, text).unwrap();
        Users::load(&file)
    }

    fn field(credentials: &str) -> String {
        let coded = base64_simd::STANDARD.encode_to_string(credentials);
        format!("Basic {coded}")
    }

    #[tokio::test]
    async fn only_the_right_password_is_known() {
        let text = format!("# people\n\n{}\n", line("fleet", "s3cret:word").unwrap());
        let users = users(&text).unwrap();
        for _ in 0..2 {
            let good = field("fleet:s3cret:word");
            assert_eq!(users.know(Some(&good)).await, Known::Yes);
        }
        for bad in [
            "fleet:s3cret",
            "fleet",
            "nobody:x",
            ":",
            "FLEET:s3cret:word",
        ] {
            assert_eq!(users.know(Some(&field(bad))).await, Known::No, "{bad}");
        }
        assert_eq!(users.know(None).await, Known::No);
        assert_eq!(users.know(Some("Bearer x")).await, Known::No);
        assert_eq!(users.know(Some("Basic ***")).await, Known::No);
    }

    #[test]
    fn odd_files_are_refused() {
        for bad in ["", "# none\n", "fleet:plain\n", "fleet\n", ":$argon2id$x\n"] {
            assert!(users(bad).is_err(), "{bad:?}");
        }
        assert!(line("a:b", "x").is_err() && line("", "x").is_err() && line("a", "").is_err());
    }
}
