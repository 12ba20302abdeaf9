//! Keys as files: written whole or not at all, read only where nobody else can read them, overwritten
//! before they are removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::error::{KeyError, io_error};
use super::key_path;
use crate::codec::base64;
use crate::sensitive::SecretKey;

/// Bytes of a key.
const KEY_LEN: usize = 32;
/// No key file is larger; a larger file is a mistake and not read.
const FILE_MAX: u64 = 4096;

/// In front of the instant at which an epoch began, in its key's file.
const SINCE: &str = "# since ";

/// Draws a key.
pub(super) fn draw() -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(key.as_mut()).map_err(|_| KeyError::Random)?;
    Ok(key)
}

/// Draws and writes a key.
pub(super) fn create(dir: &Path, epoch: u32, since: i64) -> Result<(), KeyError> {
    let key = draw()?;
    let mut text = Zeroizing::new(String::with_capacity(160));
    text.push_str("# tamis pseudonym key, keep it secret: who holds it can trace pseudonyms\n");
    text.push_str(SINCE);
    text.push_str(&since.to_string());
    text.push('\n');
    for byte in key.iter() {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    text.push('\n');
    write_new(&key_path(dir, epoch), text.as_bytes())
}

/// Writes a file that was not there, whole or not at all, readable by its owner only.
pub(super) fn write_new(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let written = write_synced(&beside, content)
        // Unlike a rename, a link never replaces.
        .and_then(|()| fs::hard_link(&beside, path));
    let removed = fs::remove_file(&beside);
    written
        .and(removed)
        .map_err(|source| io_error("write", path, source))?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // Narrower still if a file was left over here.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()
}

/// Writes a directory's entries to the disk.
pub(super) fn sync_directory(dir: &Path) -> Result<(), KeyError> {
    File::open(dir)
        .and_then(|d| d.sync_all())
        .map_err(|source| io_error("sync", dir, source))
}

/// Overwrites a file in place, syncs and removes it.
pub(super) fn overwrite(path: &Path) -> Result<(), KeyError> {
    let wipe = || -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        let len = usize::try_from(file.metadata()?.len().min(FILE_MAX)).unwrap_or(0);
        let mut noise = vec![0; len];
        // Zeros do as well where there is no randomness.
        let _ = getrandom::fill(&mut noise);
        file.write_all_at(&noise, 0)?;
        file.sync_all()?;
        file.write_all_at(&vec![0; len], 0)?;
        file.sync_all()?;
        fs::remove_file(path)
    };
    wipe().map_err(|source| io_error("shred", path, source))
}

/// The key that a variable holds.
pub(super) fn from_env(name: &str) -> Result<SecretKey, KeyError> {
    let value = std::env::var_os(name).ok_or_else(|| KeyError::Unset { name: name.into() })?;
    let text = Zeroizing::new(value.into_encoded_bytes());
    parse(&text).ok_or_else(|| KeyError::Format {
        place: format!("the environment variable {name}"),
    })
}

/// The key that a file holds.
pub(super) fn read_key(path: &Path) -> Result<SecretKey, KeyError> {
    read_epoch(path).map(|(key, _)| key)
}

/// A key, and since when it has been in use.
pub(super) fn read_epoch(path: &Path) -> Result<(SecretKey, Option<i64>), KeyError> {
    let text = read_private(path)?;
    let since = text
        .split(|&b| b == b'\n')
        .find_map(|line| line.strip_prefix(SINCE.as_bytes()))
        .and_then(|since| std::str::from_utf8(since).ok()?.trim().parse().ok());
    let key = parse(&text).ok_or_else(|| KeyError::Format {
        place: path.display().to_string(),
    })?;
    Ok((key, since))
}

/// A file that only its owner can read.
pub(super) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let fail = |source| io_error("read the key file", path, source);
    let file = File::open(path).map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Permissions {
            path: path.into(),
            mode,
        });
    }
    let mut text = Zeroizing::new(Vec::new());
    io::Read::read_to_end(&mut io::Read::take(file, FILE_MAX), &mut text).map_err(fail)?;
    Ok(text)
}

/// 32 bytes in hex or base64, after comment lines.
pub(super) fn parse(text: &[u8]) -> Option<SecretKey> {
    let mut lines = text
        .split(|&b| b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let line = lines.next()?;
    if lines.next().is_some() {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LEN));
    if line.len() == 2 * KEY_LEN {
        for pair in line.chunks_exact(2) {
            let pair = std::str::from_utf8(pair).ok()?;
            let hex = pair.bytes().all(|b| b.is_ascii_hexdigit());
            bytes.push(u8::from_str_radix(pair, 16).ok().filter(|_| hex)?);
        }
    } else {
        base64::decode(line, base64::Options::default(), &mut bytes).ok()?;
    }
    bytes.as_slice().try_into().ok().map(SecretKey::new)
}
