//! `tamis keys`: make, list, rotate and shred pseudonym keys.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::{Common, output, setup};
use crate::keys::{self, EpochState, KeyError, KeyRing};

#[derive(Args)]
pub(super) struct Keys {
    #[command(flatten)]
    common: Common,
    /// The key's name, as in a policy's [pseudonyms]
    #[arg(long, default_value = "primary", global = true)]
    name: String,
    #[command(flatten)]
    json: output::Json,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the key's first epoch (or a new one when all were shredded)
    New,
    /// List the epochs
    List,
    /// Start a new epoch: from now on every value gets another pseudonym
    Rotate,
    /// Destroy an old epoch's key: its pseudonyms can never be traced again
    Shred {
        /// The epoch's number, as in `tamis keys list`
        epoch: u32,
    },
}

pub(super) fn main(args: &Keys) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let dir = setup::state_dir(&config);
    match &args.command {
        Command::New => match KeyRing::is_there(&dir, &args.name) {
            Ok(true) => bail!(
                "the key {:?} exists (epoch {}); `tamis keys rotate` starts a new epoch",
                args.name,
                KeyRing::open(&dir, &args.name)?.current_epoch()
            ),
            // A key that is there and cannot be read is not replaced: every pseudonym would change.
            Err(error) if !matches!(error, KeyError::Empty { .. }) => return Err(error.into()),
            Ok(false) | Err(_) => {
                let ring = keys::renew(&dir, &args.name)?;
                let place = dir.join("keys").join(&args.name).display().to_string();
                let epoch = ring.current_epoch();
                args.json.told(
                    &serde_json::json!({ "made": args.name, "epoch": epoch, "place": place }),
                    &format!(
                        "made key {:?}, epoch {epoch}, in {place}: back it up",
                        args.name
                    ),
                );
            }
        },
        Command::List => list(&KeyRing::open(&dir, &args.name)?, args.json.json)?,
        Command::Rotate => {
            let epoch = KeyRing::open(&dir, &args.name)?.rotate()?;
            args.json.told(
                &serde_json::json!({ "epoch": epoch, "state": "current" }),
                &format!(
                    "epoch {epoch} is current; reload or restart the proxy to use it, and back it up"
                ),
            );
        }
        Command::Shred { epoch } => {
            KeyRing::open(&dir, &args.name)?.shred(*epoch)?;
            args.json.told(
                &serde_json::json!({ "epoch": epoch, "state": "shredded" }),
                &format!("epoch {epoch} is gone from this machine; destroy its backups as well"),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(ring: &KeyRing, json: bool) -> anyhow::Result<()> {
    let state = |state: EpochState| match state {
        EpochState::Current => "current",
        EpochState::Kept => "kept",
        EpochState::Shredded => "shredded",
    };
    let epochs = ring.list()?;
    if json {
        let all: Vec<_> = epochs
            .iter()
            .map(|e| serde_json::json!({ "epoch": e.number, "state": state(e.state) }))
            .collect();
        output::line(&format!("{:#}", serde_json::Value::from(all)));
    } else {
        let rows: Vec<Vec<String>> = epochs
            .iter()
            .map(|e| vec![e.number.to_string(), state(e.state).to_owned()])
            .collect();
        output::table(&["EPOCH", "STATE"], &rows);
    }
    Ok(())
}
