//! `inventory.json` in the state directory: mode 0600, replaced whole.
//!
//! A writer holds the lock on `inventory.lock`, reads what is there, adds what it has counted since
//! the last time, writes a new file beside and renames it over the old one. So a reader sees the old
//! map or the new one, a `kill -9` loses what was not written yet, and two processes of one state
//! directory (a restart that overlaps) add up.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Entry, Place, Rows, Seen, add_all, entries};

/// The file's name in the state directory.
pub const FILE: &str = "inventory.json";
const LOCK: &str = "inventory.lock";
const VERSION: u32 = 1;
/// No map is larger: rows and names are bounded.
const LARGEST: u64 = 256 << 20;

/// Why the data map cannot be read or written. Holds no line of it.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The disk says no.
    #[error("{}: {}", path.display(), source.kind())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a data map of this version.
    #[error("{}: not a data map that this version can read; move it away to begin a new one", .0.display())]
    Broken(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    fields: Vec<(Place, Seen)>,
}

/// The rows of a state directory, in order; none when nothing was written yet.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(dir: &Path) -> Result<Vec<Entry>, InventoryError> {
    load(dir).map(entries)
}

pub(super) fn load(dir: &Path) -> Result<Rows, InventoryError> {
    let path = dir.join(FILE);
    let text = match fs::metadata(&path) {
        Ok(meta) if meta.len() > LARGEST => return Err(InventoryError::Broken(path)),
        Ok(_) => fs::read(&path).map_err(|source| failed(&path, source))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Rows::new()),
        Err(source) => return Err(failed(&path, source)),
    };
    match serde_json::from_slice::<Written>(&text) {
        Ok(written) if written.version == VERSION => Ok(written.fields.into_iter().collect()),
        Ok(_) | Err(_) => Err(InventoryError::Broken(path)),
    }
}

/// Adds rows to what is there; answers all of them.
pub(super) fn add(dir: &Path, new: &Rows) -> Result<Rows, InventoryError> {
    // With a key from elsewhere nobody has made it yet.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| failed(dir, source))?;
    let lock = dir.join(LOCK);
    let held = private(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|source| failed(&lock, source))?;
    let mut all = load(dir)?;
    add_all(&mut all, new);
    let path = dir.join(FILE);
    let beside = dir.join("inventory.json.new");
    let written = Written {
        version: VERSION,
        fields: all.iter().map(|(p, s)| (p.clone(), s.clone())).collect(),
    };
    let write = || {
        let text = serde_json::to_vec(&written)?;
        // What a crash left there has rights of its own.
        let _ = fs::remove_file(&beside);
        let mut file = private(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    };
    write().map_err(|source| failed(&path, source))?;
    drop(held);
    Ok(all)
}

fn private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

fn failed(path: &Path, source: io::Error) -> InventoryError {
    InventoryError::Io {
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::super::Minute;
    use super::*;

    fn rows(field: &str, minute: i64) -> Rows {
        let place = Place {
            vendor: "v".into(),
            field: field.into(),
            endpoint: "/e".into(),
            category: "user.name".into(),
            inside_text: false,
            action: "drop".into(),
            observed: false,
            rule: "names \"never\"".into(),
        };
        let seen = Seen {
            how_found: "key name".into(),
            protocol: false,
            reason: "because".into(),
            first_seen: Minute(minute),
            last_seen: Minute(minute),
            count: 2,
        };
        Rows::from([(place, seen)])
    }

    #[test]
    fn what_two_processes_write_adds_up() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_empty());
        add(dir.path(), &rows("a", 100)).unwrap();
        add(dir.path(), &rows("b", 101)).unwrap();
        add(dir.path(), &rows("a", 102)).unwrap();
        let all = read(dir.path()).unwrap();
        let told: Vec<_> = all
            .iter()
            .map(|e| {
                (
                    &*e.place.field,
                    e.seen.first_seen,
                    e.seen.last_seen,
                    e.seen.count,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("a", Minute(100), Minute(102), 4),
                ("b", Minute(101), Minute(101), 2)
            ]
        );
        let meta = fs::metadata(dir.path().join(FILE)).unwrap();
        assert_eq!(meta.mode() & 0o7777, 0o600);
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{", "{\"version\":2,\"fields\":[]}", "[]"] {
            fs::write(dir.path().join(FILE), text).unwrap();
            let error = add(dir.path(), &rows("a", 1)).unwrap_err();
            assert!(matches!(error, InventoryError::Broken(_)), "{text}");
            assert_eq!(fs::read_to_string(dir.path().join(FILE)).unwrap(), text);
        }
        let error = read(Path::new("/proc/self/mem/x")).unwrap_err();
        assert!(matches!(error, InventoryError::Io { .. }));
    }
}
