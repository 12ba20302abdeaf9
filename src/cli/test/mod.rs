//! `tamis test`: policies do what their owners say they do.
//!
//! Beside a policy `shop.toml` stands `shop.test.toml` with cases: a request, what must leave of it,
//! and strings that must never leave. Pseudonyms are made under a key that belongs to the tests, so
//! that they are the same on every machine and none of them is a real one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use super::{Common, output, setup};
use crate::catalog::Vendor;
use crate::config;
use crate::policy;
use crate::scrub::Scrubber;
use crate::sensitive::SecretKey;

mod case;
mod diff;
mod run;

use case::Suite;
use run::Failure;

/// The key of tests: nobody's.
const KEY: [u8; 32] = *b"tamis test: no key of any person";

#[derive(Args)]
pub(super) struct Test {
    #[command(flatten)]
    common: Common,
    /// Write what leaves into the cases instead of comparing it
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    json: output::Json,
    /// Test files (NAME.test.toml), policies (built-in ones by name), or folders; the policy in force when not given
    paths: Vec<PathBuf>,
}

pub(super) fn main(args: &Test) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let vendors = setup::vendors(&config)?;
    let files = files(args, &config.policy)?;
    let (mut passed, mut failed) = (0, 0);
    let mut rows = Vec::new();
    for file in &files {
        let name = file.display().to_string();
        let text = read(file, args.update)?;
        let suite = Suite::read(&name, &text)?;
        let scrubber = scrubber(&suite, file, &vendors)?;
        let mut updated = Vec::new();
        for case in &suite.cases {
            let result =
                run::run(case, &scrubber).with_context(|| format!("{name}: {}", case.name))?;
            if args.update {
                // What is random is not expected byte for byte: `always` and `never` speak about it.
                let again = run::run(case, &scrubber)?;
                updated.push((
                    case,
                    result.body.filter(|body| again.body.as_ref() == Some(body)),
                ));
                continue;
            }
            if result.failures.is_empty() {
                passed += 1;
            } else {
                failed += 1;
            }
            rows.push((name.clone(), case.name.clone(), result.failures));
        }
        if args.update {
            let new = case::update(&text, updated);
            if new != text {
                std::fs::write(file, new).with_context(|| format!("cannot write {name}"))?;
                output::note(&format!(
                    "{name}: updated; read what changed before you commit it"
                ));
            }
        }
    }
    if !args.update {
        report(&rows, passed, failed, args.json.json);
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// The test files that were meant.
fn files(args: &Test, policy: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let given = if args.paths.is_empty() {
        match policy::builtin(policy) {
            Some((file, _)) => vec![PathBuf::from(file)],
            None => vec![PathBuf::from(policy)],
        }
    } else {
        args.paths.clone()
    };
    for path in &given {
        let built_in = path.to_str().and_then(|name| {
            let named = policy::builtin(name).map(|(file, _)| file);
            let of = Path::new(named.unwrap_or(name)).with_extension("test.toml");
            policy::builtin_tests(of.to_str()?).map(|_| of.clone())
        });
        if let Some(built_in) = built_in.filter(|_| !path.exists()) {
            files.push(built_in);
            continue;
        }
        if !path.exists() && !is_test(path) {
            let names = policy::BUILTINS.iter().map(|(name, _, _)| *name);
            let near = crate::reader::nearest(&path.to_string_lossy(), names);
            let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            bail!("{}: there is no such file{hint}", path.display());
        }
        if path.is_dir() {
            let entries = std::fs::read_dir(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let before = files.len();
            for entry in entries {
                files.extend(Some(entry?.path()).filter(|path| is_test(path)));
            }
            if files.len() == before {
                bail!("{} holds no NAME.test.toml", path.display());
            }
        } else if is_test(path) {
            files.push(path.clone());
        } else {
            let beside = path.with_extension("test.toml");
            if !beside.exists() {
                bail!(
                    "{} has no tests: write {} (docs/policy.md shows how)",
                    path.display(),
                    beside.display()
                );
            }
            files.push(beside);
        }
    }
    files.sort();
    Ok(files)
}

/// A file of tests; those of the built-in policies are compiled in.
fn read(file: &Path, to_update: bool) -> anyhow::Result<String> {
    match compiled_in(file) {
        Some(_) if to_update => bail!("{}: there is no such file to update", file.display()),
        Some((_, text)) => Ok(text.to_owned()),
        None => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        }
    }
}

/// The built-in policy and its tests, where no file of that name is there.
fn compiled_in(file: &Path) -> Option<(&'static str, &'static str)> {
    if file.exists() {
        return None;
    }
    policy::builtin_tests(file.to_str()?)
}

fn is_test(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".test.toml")
}

/// The engine under the policy that a suite tests.
fn scrubber(suite: &Suite, file: &Path, vendors: &[Arc<Vendor>]) -> anyhow::Result<Scrubber> {
    let beside = || {
        let name = file.to_string_lossy();
        format!("{}.toml", name.trim_end_matches(".test.toml"))
    };
    let policy = match &suite.policy {
        Some(name) if policy::builtin(name).is_some() => name.clone(),
        Some(name) => {
            let folder = file.parent().unwrap_or(Path::new("."));
            folder.join(name).display().to_string()
        }
        None => compiled_in(file).map_or_else(beside, |(name, _)| name.to_owned()),
    };
    let (policy, warnings) = config::open::policy(&policy)?;
    output::diagnostics(&warnings);
    let key = SecretKey::new(KEY);
    Ok(Scrubber::new(Arc::new(policy), vendors.to_vec(), &key))
}

fn report(rows: &[(String, String, Vec<Failure>)], passed: usize, failed: usize, json: bool) {
    if json {
        let cases: Vec<_> = rows
            .iter()
            .map(|(file, name, failures)| {
                let failures: Vec<_> = failures.iter().map(Failure::text).collect();
                serde_json::json!({
                    "file": file,
                    "case": name,
                    "passed": failures.is_empty(),
                    "failures": failures,
                })
            })
            .collect();
        let all = serde_json::json!({ "passed": passed, "failed": failed, "cases": cases });
        output::line(&format!("{all:#}"));
        return;
    }
    for (file, name, failures) in rows {
        for failure in failures {
            output::line(&format!("FAILED {file}: {name}\n{}", failure.text()));
        }
    }
    output::line(&format!("{passed} passed, {failed} failed"));
}
