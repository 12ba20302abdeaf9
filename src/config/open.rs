//! Opens the files: the only part of configuration that touches the disk.

use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::policy::{CompiledPolicy, builtin};

use super::{Config, load};

/// No file of settings is larger.
const LARGEST: u64 = 4 << 20;

/// The configuration in a file; without one, the defaults.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn config(file: Option<&Path>) -> Result<(Config, Diagnostics), Diagnostics> {
    let Some(file) = file else {
        return Ok((Config::default(), Diagnostics::default()));
    };
    let name = file.display().to_string();
    let text = read(file, &name)?;
    let (mut config, warnings) = load(&name, &text)?;
    config.files.push(file.to_path_buf());
    Ok((config, warnings))
}

/// A policy by its built-in name, or in a file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn policy(name: &str) -> Result<(CompiledPolicy, Diagnostics), Diagnostics> {
    if let Some((file, text)) = builtin(name) {
        return CompiledPolicy::load(file, text);
    }
    let text = read(Path::new(name), name)?;
    CompiledPolicy::load(name, &text)
}

fn read(file: &Path, name: &str) -> Result<String, Diagnostics> {
    let fail = |message: String| {
        let mut d = Diagnostics::new(name, "");
        d.push(Diagnostic {
            severity: Severity::Error,
            code: "unreadable-file",
            message,
            span: None,
            help: None,
        });
        d
    };
    let cannot = |error: std::io::Error| fail(format!("cannot be read: {}", error.kind()));
    let size = std::fs::metadata(file).map_err(cannot)?.len();
    if size > LARGEST {
        return Err(fail("is larger than 4 MiB".into()));
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        fail(format!("is not UTF-8, from byte {at}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_names() {
        assert_eq!(&*policy("strict").unwrap().0.name, "strict");
        let missing = policy("no/such/file.toml").unwrap_err().to_string();
        assert_eq!(
            missing,
            "no/such/file.toml:1:1: error[unreadable-file]: cannot be read: entity not found"
        );
        assert_eq!(config(None).unwrap().0.policy, "default");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.toml");
        std::fs::write(&file, "[limits]\nbody = \"1 MiB\"\n").unwrap();
        let (config, _) = config(Some(&file)).unwrap();
        assert_eq!(config.limits.body, 1 << 20);
        assert_eq!(config.watched(), [file]);
    }
}
