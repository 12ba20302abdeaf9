//! `tamis ca`: the local CA of the forward proxy, made once and shown to those who are to trust it.
//! `tamis forward-user`: a line for the file of those who may use it.

use std::io::{BufRead, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use sha2::{Digest, Sha256};

use super::{Common, output, setup};
use crate::config::{Config, TlsFiles};
use crate::proxy;
use crate::tls::{self, CaInfo};

#[derive(Args)]
pub(super) struct Ca {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    json: output::Json,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the CA: EC P-256, bound to the catalogued hosts, key readable by its owner only
    New {
        /// Days until it ends
        #[arg(long, value_name = "N", default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
        /// Put it in the place of the one that is there
        #[arg(long)]
        force: bool,
    },
    /// Show the CA: name, dates, fingerprints, hosts
    Show {
        /// Print the certificate itself, for trust stores
        #[arg(long)]
        pem: bool,
    },
}

pub(super) fn main(args: &Ca) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let files = setup::ca_files(&config);
    match &args.command {
        Command::New { days, force } => new(&config, &files, (*days, *force), args.json)?,
        Command::Show { pem: true } => {
            CaInfo::read(&files.cert)?;
            output::bytes(&std::fs::read(&files.cert)?)?;
        }
        Command::Show { pem: false } => show(&files, args.json.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn new(
    config: &Config,
    files: &TlsFiles,
    (days, force): (u32, bool),
    json: output::Json,
) -> anyhow::Result<()> {
    for file in [&files.cert, &files.key] {
        if file.exists() && !force {
            bail!(
                "{} exists: clients trust it; `--force` puts a new one in its place",
                file.display()
            );
        }
    }
    let names = proxy::ca_names(&setup::vendors(config)?);
    let made = tls::new_ca(&names, days)?;
    write(&files.key, &made.key, 0o600)?;
    write(&files.cert, &made.cert, 0o644)?;
    let (cert, key) = (files.cert.display(), files.key.display());
    json.told(
        &serde_json::json!({
            "cert": cert.to_string(), "key": key.to_string(), "days": days, "hosts": names.len(),
        }),
        &format!(
            "made {cert} and {key} (keep the key to yourself), good for {days} days and for {} hosts\n\
             let clients trust the certificate; `tamis ca show --pem` prints it",
            names.len()
        ),
    );
    Ok(())
}

/// Whole or not at all, and never readable by others in between.
fn write(file: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    if let Some(folder) = file.parent().filter(missing) {
        std::fs::create_dir_all(folder).with_context(cannot)?;
        let owner_only = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder, owner_only).with_context(cannot)?;
    }
    let fresh = file.with_extension("new");
    let _ = std::fs::remove_file(&fresh);
    let mut options = std::fs::OpenOptions::new();
    let mut out = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&fresh)
        .with_context(cannot)?;
    out.write_all(text.as_bytes()).with_context(cannot)?;
    out.sync_all().with_context(cannot)?;
    std::fs::rename(&fresh, file).with_context(cannot)
}

fn show(files: &TlsFiles, json: bool) -> anyhow::Result<()> {
    let info = CaInfo::read(&files.cert)
        .with_context(|| "there is no CA to show (`tamis ca new` makes one)")?;
    let fingerprint = setup::hex(&Sha256::digest(&info.der));
    let pin = base64_simd::STANDARD.encode_to_string(Sha256::digest(&info.spki));
    let until = date(info.not_after);
    if json {
        let value = serde_json::json!({
            "certificate": files.cert.display().to_string(),
            "key": files.key.display().to_string(),
            "subject": info.subject,
            "not_before": date(info.not_before),
            "not_after": until,
            "sha256": fingerprint,
            "spki_sha256": pin,
            "hosts": info.permitted,
        });
        output::line(&format!("{value:#}"));
        return Ok(());
    }
    let hosts = info
        .permitted
        .map_or("any: it is not name-constrained".to_owned(), |names| {
            names.join(" ")
        });
    let rows = [
        ("certificate", files.cert.display().to_string()),
        ("key", files.key.display().to_string()),
        ("subject", info.subject),
        ("not after", until),
        ("sha-256", fingerprint),
        ("spki sha-256", pin),
        ("hosts", hosts),
    ];
    for (name, value) in rows {
        output::line(&format!("{name:<13}{value}"));
    }
    Ok(())
}

/// A day of the Gregorian calendar, after Howard Hinnant's `civil_from_days`.
fn date(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[derive(Args)]
pub(super) struct User {
    /// The user's name
    name: String,
}

/// Reads a password from standard input and prints the line.
pub(super) fn user(args: &User) -> anyhow::Result<ExitCode> {
    use std::io::IsTerminal;
    if std::io::stdin().is_terminal() {
        output::note("password (it is shown as you type; better: pipe it in):");
    }
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    output::line(&proxy::users::line(&args.name, password)?);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_names() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(4_102_444_799), "2099-12-31");
    }

    #[test]
    fn keys_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/ca.key");
        write(&file, "x", 0o600).unwrap();
        write(&file, "y", 0o600).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "y");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
