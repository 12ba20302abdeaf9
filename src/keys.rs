//! Pseudonym keys: a ring of epochs on disk, or one key from an environment variable or a file.
//!
//! ```text
//! <state_dir>/keys/<name>/1.key        # comments (`# since <seconds>`), then 64 hex digits; mode 0600
//! <state_dir>/keys/<name>/2.key        # the highest epoch is the current one
//! <state_dir>/keys/<name>/1.shredded   # where a key was: its epoch is never used again
//! ```
//!
//! Invariants: a key file appears whole or not at all (written beside, synced, linked); an epoch's
//! number is never reused, so that a pseudonym can be traced to one key; a file that others can read
//! is refused. Errors name paths, never contents.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::sensitive::{SecretKey, SecretText};

mod epoch;
mod error;
mod file;

pub use epoch::{Period, derived};
pub use error::KeyError;

use error::io_error;
use file::{
    create, from_env, overwrite, read_epoch, read_key, read_private, sync_directory, write_new,
};

/// All epochs of one named key.
pub struct KeyRing {
    dir: PathBuf,
    /// Ascending; never empty.
    epochs: Vec<(u32, SecretKey)>,
    /// When the current epoch began; of files of earlier versions it is not known.
    since: Option<i64>,
}

/// Whether opening made the first key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Created {
    /// A new key was drawn and written.
    Yes,
    /// The key was there.
    No,
}

/// What is known about one epoch without its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u32,
    /// What became of it.
    pub state: EpochState,
}

/// What became of an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EpochState {
    /// Its pseudonyms are written now.
    Current,
    /// An older one, kept to answer access and erasure requests.
    Kept,
    /// Gone: its pseudonyms can no longer be traced.
    Shredded,
}

/// The one key that `env:NAME` or `file:PATH` names; `None` when the source is a ring's name.
///
/// # Errors
/// [`KeyError`] when it names a place that holds no key.
pub fn external(source: &str) -> Option<Result<SecretKey, KeyError>> {
    if let Some(name) = source.strip_prefix("env:") {
        return Some(from_env(name));
    }
    source
        .strip_prefix("file:")
        .map(|path| read_key(Path::new(path)))
}

/// A secret text from `env:NAME` or `file:PATH`, without the line break at its end.
///
/// # Errors
/// [`KeyError`]: there is none, or others can read the file.
pub fn secret_text(source: &str) -> Result<SecretText, KeyError> {
    let mut text = if let Some(name) = source.strip_prefix("env:") {
        let value = std::env::var_os(name).ok_or_else(|| KeyError::Unset { name: name.into() })?;
        Zeroizing::new(value.into_encoded_bytes())
    } else {
        read_private(Path::new(source.strip_prefix("file:").unwrap_or(source)))?
    };
    while matches!(text.last(), Some(b'\n' | b'\r')) {
        text.pop();
    }
    if text.is_empty() {
        return Err(KeyError::NoSecret {
            place: source.into(),
        });
    }
    Ok(SecretText::new(std::mem::take(&mut *text)))
}

impl KeyRing {
    /// Opens the ring `name` below a state directory; draws the first key when there is none yet.
    ///
    /// # Errors
    /// [`KeyError`]; nothing is repaired and no key is replaced.
    pub fn open_or_create(state_dir: &Path, name: &str) -> Result<(Self, Created), KeyError> {
        let dir = directory(state_dir, name)?;
        make_directory(&dir)?;
        let mut created = Created::No;
        if numbers(&dir)?.is_empty() {
            match create(&dir, 1, now()) {
                Ok(()) => created = Created::Yes,
                // Another process was first: its key holds.
                Err(KeyError::Io { source, .. })
                    if source.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok((Self::load(dir)?, created))
    }

    /// Opens the ring `name`, which must exist.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(state_dir: &Path, name: &str) -> Result<Self, KeyError> {
        Self::load(directory(state_dir, name)?)
    }

    /// Whether the ring `name` is there and can be read; nothing is made.
    ///
    /// # Errors
    /// [`KeyError`], for a ring that is there.
    pub fn is_there(state_dir: &Path, name: &str) -> Result<bool, KeyError> {
        let dir = directory(state_dir, name)?;
        if !dir.is_dir() || numbers(&dir)?.is_empty() {
            return Ok(false);
        }
        Self::load(dir).map(|_| true)
    }

    fn load(dir: PathBuf) -> Result<Self, KeyError> {
        let mut epochs = Vec::new();
        let mut since = None;
        for (number, shredded) in numbers(&dir)? {
            if !shredded {
                let (key, began) = read_epoch(&key_path(&dir, number))?;
                epochs.push((number, key));
                since = began;
            }
        }
        if epochs.is_empty() {
            return Err(KeyError::Empty { dir });
        }
        Ok(Self { dir, epochs, since })
    }

    /// The key whose pseudonyms are written now, and its epoch.
    #[must_use]
    pub fn current(&self) -> SecretKey {
        #[expect(clippy::expect_used, reason = "load refuses a ring without keys")]
        let (_, key) = self.epochs.last().expect("a ring has a key");
        key.clone()
    }

    /// The current epoch's number.
    #[must_use]
    pub fn current_epoch(&self) -> u32 {
        self.epochs.last().map_or(0, |(number, _)| *number)
    }

    /// All keys there are with their epochs, oldest first: for looking up what a value once got.
    pub fn epochs(&self) -> impl DoubleEndedIterator<Item = (u32, &SecretKey)> {
        self.epochs.iter().map(|(number, key)| (*number, key))
    }

    /// All epochs there ever were, oldest first.
    ///
    /// # Errors
    /// [`KeyError`] when the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Epoch>, KeyError> {
        let current = self.current_epoch();
        let all = numbers(&self.dir)?.into_iter();
        Ok(all
            .map(|(number, shredded)| Epoch {
                number,
                state: match shredded {
                    true => EpochState::Shredded,
                    false if number == current => EpochState::Current,
                    false => EpochState::Kept,
                },
            })
            .collect())
    }

    /// Draws a new key, which is the current one from now on; answers its epoch.
    ///
    /// # Errors
    /// [`KeyError`]; the ring is then as it was.
    pub fn rotate(&mut self) -> Result<u32, KeyError> {
        let next = next_epoch(&self.dir)?;
        create(&self.dir, next, now())?;
        let (key, since) = read_epoch(&key_path(&self.dir, next))?;
        self.epochs.push((next, key));
        self.since = since;
        Ok(next)
    }

    /// Destroys an old epoch's key and leaves a tombstone. Copies in backups and what the disk keeps
    /// of overwritten blocks are out of reach.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::InUse`] for the current epoch.
    pub fn shred(&mut self, epoch: u32) -> Result<(), KeyError> {
        if epoch == self.current_epoch() {
            return Err(KeyError::InUse { epoch });
        }
        if !self.epochs.iter().any(|(number, _)| *number == epoch) {
            let dir = self.dir.clone();
            return Err(KeyError::NoEpoch { dir, epoch });
        }
        // The tombstone first: if this ends in the middle, the epoch is not used again.
        let tombstone = self.dir.join(format!("{epoch}.shredded"));
        write_new(&tombstone, b"# this key was shredded\n")?;
        overwrite(&key_path(&self.dir, epoch))?;
        self.epochs.retain(|(number, _)| *number != epoch);
        sync_directory(&self.dir)
    }
}

/// Draws the first key of a ring that is empty or whose keys are all shredded.
///
/// # Errors
/// [`KeyError`].
pub fn renew(state_dir: &Path, name: &str) -> Result<KeyRing, KeyError> {
    let dir = directory(state_dir, name)?;
    make_directory(&dir)?;
    create(&dir, next_epoch(&dir)?, now())?;
    KeyRing::load(dir)
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

fn directory(state_dir: &Path, name: &str) -> Result<PathBuf, KeyError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(word) {
        return Err(KeyError::Name { name: name.into() });
    }
    Ok(state_dir.join("keys").join(name))
}

fn make_directory(dir: &Path) -> Result<(), KeyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| io_error("make the directory", dir, source))
}

fn key_path(dir: &Path, epoch: u32) -> PathBuf {
    dir.join(format!("{epoch}.key"))
}

/// The epochs in a directory with whether they are shredded, ascending. A tombstone outweighs a key.
fn numbers(dir: &Path) -> Result<Vec<(u32, bool)>, KeyError> {
    let fail = |source| io_error("read the directory", dir, source);
    let mut found = std::collections::BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        let Some((number, kind)) = name.to_str().and_then(|n| n.split_once('.')) else {
            continue;
        };
        let (Ok(number), "key" | "shredded") = (number.parse::<u32>(), kind) else {
            continue;
        };
        *found.entry(number).or_insert(false) |= kind == "shredded";
    }
    Ok(found.into_iter().collect())
}

fn next_epoch(dir: &Path) -> Result<u32, KeyError> {
    let last = numbers(dir)?.last().map_or(0, |(number, _)| *number);
    last.checked_add(1).ok_or(KeyError::NoEpoch {
        dir: dir.into(),
        epoch: last,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::file::parse;
    use super::*;

    fn open(dir: &Path) -> (KeyRing, Created) {
        KeyRing::open_or_create(dir, "primary").unwrap()
    }

    #[test]
    fn the_first_opening_draws_a_key_and_the_next_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let (one, created) = open(dir.path());
        assert_eq!(created, Created::Yes);
        let (two, created) = open(dir.path());
        assert_eq!(created, Created::No);
        assert_eq!(one.current().expose(), two.current().expose());
        let path = dir.path().join("keys/primary/1.key");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let parent = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(parent.mode() & 0o7777, 0o700);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# ") && text.lines().count() == 3);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn rotating_and_shredding() {
        let dir = tempfile::tempdir().unwrap();
        let (mut ring, _) = open(dir.path());
        let first = ring.current();
        assert!(matches!(ring.shred(1), Err(KeyError::InUse { epoch: 1 })));
        assert_eq!(ring.rotate().unwrap(), 2);
        assert_ne!(first.expose(), ring.current().expose());
        assert_eq!(ring.epochs().map(|(n, _)| n).collect::<Vec<_>>(), [1, 2]);
        ring.shred(1).unwrap();
        assert!(matches!(
            ring.shred(1),
            Err(KeyError::NoEpoch { epoch: 1, .. })
        ));
        let states = |ring: &KeyRing| -> Vec<_> {
            let list = ring.list().unwrap();
            list.iter().map(|e| (e.number, e.state)).collect()
        };
        let want = [(1, EpochState::Shredded), (2, EpochState::Current)];
        assert_eq!(states(&ring), want);
        let (again, _) = open(dir.path());
        assert_eq!(states(&again), want);
        assert!(!dir.path().join("keys/primary/1.key").exists());
    }

    #[test]
    fn numbers_are_not_reused() {
        let dir = tempfile::tempdir().unwrap();
        let (mut ring, _) = open(dir.path());
        ring.rotate().unwrap();
        ring.shred(1).unwrap();
        fs::rename(
            dir.path().join("keys/primary/2.key"),
            dir.path().join("keys/primary/2.shredded"),
        )
        .unwrap();
        let result = KeyRing::open_or_create(dir.path(), "primary");
        assert!(matches!(result, Err(KeyError::Empty { .. })));
        assert_eq!(renew(dir.path(), "primary").unwrap().current_epoch(), 3);
    }

    #[test]
    fn open_and_broken_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path());
        let path = dir.path().join("keys/primary/1.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = KeyRing::open_or_create(dir.path(), "primary")
            .err()
            .unwrap();
        assert!(matches!(error, KeyError::Permissions { mode: 0o640, .. }));
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "secretvalue\n").unwrap();
        let error = KeyRing::open_or_create(dir.path(), "primary")
            .err()
            .unwrap();
        assert!(matches!(error, KeyError::Format { .. }));
        assert!(!error.to_string().contains("secretvalue"));
    }

    #[test]
    fn names_are_words() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", "../x", "a/b", "a b", ".", "env:X"] {
            let result = KeyRing::open_or_create(dir.path(), name);
            assert!(matches!(result, Err(KeyError::Name { .. })), "{name}");
        }
    }

    #[test]
    fn keys_from_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        let source = format!("file:{}", path.display());
        let hex = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
        let base64 = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
        for text in [hex, base64, &base64.replace('/', "_").replace('=', "")] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let key = external(&source).unwrap().unwrap();
            assert_eq!(key.expose()[..4], [0, 0x11, 0x22, 0x33]);
        }
        assert!(external("primary").is_none());
        let unset = external("env:TAMIS_NO_SUCH_KEY").unwrap();
        assert!(matches!(unset, Err(KeyError::Unset { .. })));
        // A variable that every test run has, and that is no key.
        assert!(matches!(
            external("env:PATH").unwrap(),
            Err(KeyError::Format { .. })
        ));
        for bad in [
            "",
            "abc",
            &hex[2..],
            &format!("{hex}\n{hex}"),
            &hex.replace('0', "+"),
        ] {
            assert!(parse(bad.as_bytes()).is_none());
        }
    }
}
