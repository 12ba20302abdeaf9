//! Whether a file that was read has changed since: by time and size, looked at every other second.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::config::Config;

/// The state of all files that a generation was made from.
#[derive(PartialEq, Eq, Default, Debug)]
pub struct Stamps(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Stamps {
    /// Looks at the files of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut paths = config.watched();
        if let Some(folder) = &config.vendors_dir {
            let entries = std::fs::read_dir(folder).into_iter().flatten();
            paths.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
        paths.sort();
        paths.dedup();
        let stamp = |path: PathBuf| {
            let found = std::fs::metadata(&path).ok();
            let found = found.and_then(|meta| Some((meta.modified().ok()?, meta.len())));
            (path, found)
        };
        Self(paths.into_iter().map(stamp).collect())
    }

    /// These stamps, unless the configuration now names other files.
    #[must_use]
    pub fn carried_to(self, config: &Config) -> Self {
        let now = Self::of(config);
        let names = |stamps: &Self| {
            stamps
                .0
                .iter()
                .map(|(path, _)| path.clone())
                .collect::<Vec<_>>()
        };
        if names(&now) == names(&self) {
            self
        } else {
            now
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, "a").unwrap();
        let config = Config {
            files: vec![file.clone()],
            ..Config::default()
        };
        let before = Stamps::of(&config);
        assert_eq!(before, Stamps::of(&config));
        std::fs::write(&file, "ab").unwrap();
        assert_ne!(before, Stamps::of(&config));
        std::fs::remove_file(&file).unwrap();
        assert_ne!(before, Stamps::of(&config));
    }
}
