//! `tamis pseudonym`: which pseudonym a value gets, for access and erasure requests.

use std::process::ExitCode;

use clap::Args;

use super::{Common, output, setup};
use crate::action::{Hash, Pseudonymizer};

#[derive(Args)]
pub(super) struct Pseudonym {
    #[command(flatten)]
    common: Common,
    /// The vendor, as in `tamis vendors`
    #[arg(long)]
    vendor: String,
    /// Print the pseudonym under every epoch's key that still exists
    #[arg(long)]
    all_epochs: bool,
    #[command(flatten)]
    json: output::Json,
    /// The values
    #[arg(required = true)]
    values: Vec<String>,
}

pub(super) fn main(args: &Pseudonym) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let policy = setup::policy(&config)?;
    let vendors = setup::vendors(&config)?;
    let vendor = setup::vendor(&vendors, &args.vendor)?;
    let key = setup::key(&config, &policy)?;
    let scope = setup::scope(&policy, vendor);
    let epochs = if args.all_epochs {
        key.epochs
    } else {
        vec![(key.epochs.last().and_then(|(n, _)| *n), key.current)]
    };
    let mut rows = Vec::new();
    for value in &args.values {
        for (epoch, key) in &epochs {
            let pseudonymizer =
                Pseudonymizer::new(key, scope, &vendor.id_prefixes).except(&vendor.no_ids);
            let mut out = String::new();
            pseudonymizer.pseudonym(value, &Hash::default(), &mut out);
            let epoch = epoch.map_or("-".to_owned(), |n| n.to_string());
            rows.push((value.clone(), epoch, out));
        }
    }
    if args.json.json {
        let all: Vec<_> = rows
            .iter()
            .map(|(value, epoch, pseudonym)| {
                serde_json::json!({ "value": value, "epoch": epoch, "pseudonym": pseudonym })
            })
            .collect();
        output::line(&format!("{:#}", serde_json::Value::from(all)));
    } else if args.all_epochs {
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(v, e, p)| vec![v, e, p]).collect();
        output::table(&["VALUE", "EPOCH", "PSEUDONYM"], &rows);
    } else {
        for (_, _, pseudonym) in rows {
            output::line(&pseudonym);
        }
    }
    Ok(ExitCode::SUCCESS)
}
