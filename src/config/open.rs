//! Opens the files: the only part of configuration that touches the disk.

use std::io::ErrorKind;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::policy::{CompiledPolicy, builtin};
use crate::reader::{Mended, nearest, show};

use super::load::unknown_policy;
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
    let file = Path::new(name);
    if !file.exists() && !is_path(name) {
        let mut d = Diagnostics::new(name, "");
        d.push(Diagnostic {
            span: None,
            ..unknown_policy(name, 0..0)
        });
        return Err(d);
    }
    let text = read(file, name)?;
    CompiledPolicy::load(name, &text)
}

/// Whether a policy's name is meant as a file's.
pub(super) fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.ends_with(".toml")
}

/// The routes of the configuration's file that lead to vendors which are not there, at their places.
/// `known` are the names of the catalogs.
#[must_use]
pub fn unknown_vendors(config: &Config, known: &[&str]) -> Diagnostics {
    let Some(file) = config.files.first() else {
        return Diagnostics::default();
    };
    let name = file.display().to_string();
    // It was read a moment ago; what went wrong since, the next load tells.
    let Ok(text) = read(file, &name) else {
        return Diagnostics::default();
    };
    let mended = Mended::of(&text);
    let (document, mut scratch) = mended.document(&name);
    let mut found = Diagnostics::new(&*name, &*text);
    for route in document.root().tables("route", &mut scratch) {
        let vendor = route.str("vendor", &mut scratch);
        let Some(vendor) = vendor.filter(|vendor| !known.contains(&vendor.value)) else {
            continue;
        };
        let help = match nearest(vendor.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`tamis vendors` lists them; `vendors_dir` adds yours".to_owned(),
        };
        let message = format!("there is no vendor `{}`", show(vendor.value));
        found.push(Diagnostic::error("unknown-vendor", message, vendor.span).help(help));
    }
    found
}

/// Why a file cannot be had, in words that say what to do about it.
#[must_use]
pub fn why(error: &std::io::Error) -> String {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the system's list, which is open"
    )]
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        other => other.to_string(),
    }
}

fn read(file: &Path, name: &str) -> Result<String, Diagnostics> {
    let fail_with = |message: String, help: Option<String>| {
        let mut d = Diagnostics::new(name, "");
        d.push(Diagnostic {
            severity: Severity::Error,
            code: "unreadable-file",
            message,
            span: None,
            help,
        });
        d
    };
    let fail = |message: String| fail_with(message, None);
    let cannot = |error: std::io::Error| {
        let missing = error.kind() == ErrorKind::NotFound;
        let help = missing.then(|| missing_help(file));
        fail_with(format!("cannot be read: {}", why(&error)), help)
    };
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

/// A file beside it with nearly that name; else where names are looked up.
fn missing_help(file: &Path) -> String {
    let folder = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new(".")));
    let names: Vec<String> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let wanted = file.file_name().and_then(|name| name.to_str());
    match wanted.and_then(|wanted| nearest(wanted, names.iter().map(String::as_str))) {
        Some(near) => format!("did you mean `{}`?", file.with_file_name(near).display()),
        None => "names of files are relative to the directory in which tamis is started".to_owned(),
    }
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
            "no/such/file.toml:1:1: error[unreadable-file]: cannot be read: there is no such file; help: names of files are relative to the directory in which tamis is started"
        );
        let unknown = policy("cnill").unwrap_err().to_string();
        assert_eq!(
            unknown,
            "cnill:1:1: error[unknown-policy]: no built-in policy is called `cnill`; help: did you mean `cnil`? a file is written with its ending: `my.toml`"
        );
        let far = policy("something-else").unwrap_err().to_string();
        for (name, _, _) in crate::policy::BUILTINS {
            assert!(far.contains(&format!("`{name}`")), "{far}");
        }
        let folder = policy("src/").unwrap_err().to_string();
        assert!(folder.contains("it is a directory"), "{folder}");
        assert_eq!(config(None).unwrap().0.policy, "default");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.toml");
        std::fs::write(&file, "[limits]\nbody = \"1 MiB\"\n").unwrap();
        let (config, _) = config(Some(&file)).unwrap();
        assert_eq!(config.limits.body, 1 << 20);
        assert_eq!(config.watched(), [file]);
        let near = super::config(Some(&dir.path().join("t.tml")))
            .unwrap_err()
            .to_string();
        assert!(near.contains("t.toml`?"), "{near}");
    }

    #[test]
    fn a_route_to_nobody_is_shown_at_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.toml");
        let text = "[[route]]\nvendor = \"mixpanel\"\n[[route]]\nvendor = \"segmnt\"\n";
        std::fs::write(&file, text).unwrap();
        let (config, _) = config(Some(&file)).unwrap();
        let found = unknown_vendors(&config, &["mixpanel", "segment"]).to_string();
        assert!(
            found.ends_with(
                "t.toml:4:10: error[unknown-vendor]: there is no vendor `segmnt`; help: did you mean `segment`?"
            ),
            "{found}"
        );
        let none = unknown_vendors(&Config::default(), &[]);
        assert!(none.items.is_empty());
    }
}
