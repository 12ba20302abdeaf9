//! `tamis init`: a configuration, a policy and its tests to begin with, for the vendors chosen.
//!
//! Nothing that is there is overwritten.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::{Common, output, setup};
use crate::policy;

#[derive(Args)]
pub(super) struct Init {
    #[command(flatten)]
    common: Common,
    /// The folder to write into
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// The built-in policy to begin with
    #[arg(long, default_value = "default")]
    from: String,
    /// The vendors to serve, as in `tamis vendors`; all when not given
    vendors: Vec<String>,
}

pub(super) fn main(args: &Init) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let known = setup::vendors(&config)?;
    for name in &args.vendors {
        if !known.iter().any(|vendor| *vendor.name == **name) {
            let near = crate::reader::nearest(name, known.iter().map(|v| &*v.name));
            let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            bail!("no vendor {name:?}{hint} (`tamis vendors` lists them)");
        }
    }
    let Some((_, policy)) = policy::builtin(&args.from) else {
        bail!("no built-in policy {:?}", args.from);
    };
    let name = format!("name     = \"{}\"", args.from);
    let policy = policy.replacen(&name, "name     = \"mine\"", 1);
    let files = [
        ("tamis.toml", configuration(args)),
        ("policy.toml", policy),
        ("policy.test.toml", TESTS.to_owned()),
    ];
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("cannot make {}", args.dir.display()))?;
    for (name, _) in &files {
        let file = args.dir.join(name);
        if file.exists() {
            bail!(
                "{} is there already, and is not overwritten",
                file.display()
            );
        }
    }
    for (name, text) in &files {
        write(&args.dir.join(name), text)?;
    }
    output::line(&format!(
        "next: edit them, then `tamis check --config {0}`, `tamis test {1}`, `tamis run --config {0}`",
        args.dir.join("tamis.toml").display(),
        args.dir.join("policy.toml").display(),
    ));
    Ok(ExitCode::SUCCESS)
}

/// The sample with the policy and the routes that were asked for.
fn configuration(args: &Init) -> String {
    let sample = include_str!("../../config/tamis.toml");
    let file = args.dir.join("policy.toml");
    let policy = format!("policy = {:?}", file.display().to_string());
    let mut text = sample.replacen("policy = \"default\"", &policy, 1);
    for vendor in &args.vendors {
        let _ = write!(
            text,
            "\n[[route]]\nvendor = \"{vendor}\"\n# upstream = \"https://…\"   # default: the catalog's\n# projects = [\"…\"]          # only these project tokens or write keys pass\n"
        );
    }
    text
}

/// A first test, of any policy.
const TESTS: &str = "# What must leave, and what never may. Run: tamis test policy.toml\n\
     # docs/policy.md shows how a case is written; `tamis test --update` fills in `expect`.\n\
     \n\
     [[case]]\n\
     name     = \"a sign-up\"\n\
     vendor   = \"segment\"\n\
     endpoint = \"/v1/track\"\n\
     body     = '{\"event\":\"Signed up\",\"userId\":\"user-1\",\"context\":{\"traits\":{\"email\":\"jane@example.com\"}}}'\n\
     never    = ['jane@example.com', 'user-1']\n";

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    new.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))?;
    output::line(&format!("wrote {}", file.display()));
    Ok(())
}
