//! Why keys cannot be had: a place and a way out, never a key.

use std::io;
use std::path::{Path, PathBuf};

/// Why keys cannot be had. Names a place and a way out, never a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system said no.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Group or others may read (or write) the file.
    #[error(
        "the key file {} is open to others (mode {mode:04o}): run `chmod 600 {}` and consider a new key",
        path.display(), path.display()
    )]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key.
    #[error(
        "{place} holds no key: expected 32 bytes as 64 hex digits or as base64 (`openssl rand -hex 32` makes one)"
    )]
    Format {
        /// A path, or the variable's name.
        place: String,
    },
    /// A secret of no length.
    #[error("{place} holds no secret: it is empty")]
    NoSecret {
        /// As it was named.
        place: String,
    },
    /// The environment variable is not set.
    #[error("the environment variable {name} is not set: it should hold 32 bytes in hex or base64")]
    Unset {
        /// Its name.
        name: String,
    },
    /// A key's name is a single word.
    #[error("`{name}` is no key name: use letters, digits, `-` and `_`")]
    Name {
        /// The name.
        name: String,
    },
    /// No such epoch, or it is shredded.
    #[error("{} has no key for epoch {epoch}", dir.display())]
    NoEpoch {
        /// The ring's directory.
        dir: PathBuf,
        /// The epoch.
        epoch: u32,
    },
    /// The key in use cannot be shredded.
    #[error("epoch {epoch} is in use: run `tamis keys rotate` first, then shred it")]
    InUse {
        /// The epoch.
        epoch: u32,
    },
    /// All epochs are shredded.
    #[error("all keys in {} are shredded: run `tamis keys rotate` to make a new one", dir.display())]
    Empty {
        /// The ring's directory.
        dir: PathBuf,
    },
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Random,
}

/// The system's refusal, with what was tried on what.
pub(super) fn io_error(what: &'static str, path: &Path, source: io::Error) -> KeyError {
    KeyError::Io {
        what,
        path: path.into(),
        source,
    }
}
