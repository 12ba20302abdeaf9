//! `tamis reveal`: what `encrypt` hid, for who holds the keys.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::{Common, output, setup};
use crate::action::{Pseudonymizer, vault};

#[derive(Args)]
pub(super) struct Reveal {
    #[command(flatten)]
    common: Common,
    /// The vendor to which the texts were sent, as in `tamis vendors`
    #[arg(long)]
    vendor: String,
    #[command(flatten)]
    json: output::Json,
    /// The encrypted texts: `tenc_…`
    #[arg(required = true)]
    texts: Vec<String>,
}

pub(super) fn main(args: &Reveal) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let policy = setup::policy(&config)?;
    let vendors = setup::vendors(&config)?;
    let key = setup::key_there(&config, &policy)?;
    let Some(vendor) = vendors.iter().find(|v| *v.name == *args.vendor) else {
        bail!("no vendor {:?} (`tamis vendors` lists them)", args.vendor);
    };
    let scope = setup::scope(&policy, vendor);
    let mut all = Vec::new();
    for text in &args.texts {
        let plain = vault::epoch_of(text)
            .and_then(|epoch| key.of_epoch(epoch))
            .map(|(epoch, key)| Pseudonymizer::in_epoch(&key, scope, &[], epoch))
            .and_then(|keys| keys.reveal(text));
        all.push((text, plain));
    }
    let failed = all.iter().any(|(_, plain)| plain.is_none());
    if args.json.json {
        let rows: Vec<_> = all
            .iter()
            .map(|(text, plain)| serde_json::json!({ "text": text, "value": plain }))
            .collect();
        output::line(&format!("{:#}", serde_json::Value::from(rows)));
    } else {
        for (text, plain) in &all {
            match plain {
                Some(plain) => output::line(plain),
                None => output::note(&format!("{text}: {}", why(text, &args.vendor, &key))),
            }
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn why(text: &str, vendor: &str, key: &setup::Key) -> String {
    match vault::epoch_of(text) {
        None => "not a text that `encrypt` wrote (`tenc_…`)".into(),
        Some(epoch) if key.of_epoch(epoch).is_none() => {
            format!("the key of epoch {epoch} is not here; it may have been shredded")
        }
        Some(_) => format!("not encrypted for {vendor} under this key, or not whole"),
    }
}
