//! `tamis inventory`: the data map of a state directory, as a table, JSON, CSV or a page to print.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use super::{Common, output, setup};
use crate::inventory::{self, Entry};

#[derive(Args)]
pub(super) struct Inventory {
    #[command(flatten)]
    common: Common,
    /// Only this vendor
    #[arg(long)]
    vendor: Option<String>,
    #[command(flatten)]
    json: output::Json,
    /// Print CSV, for spreadsheets
    #[arg(long, conflicts_with_all = ["json", "html"])]
    csv: bool,
    /// Print a page that can be read and printed anywhere
    #[arg(long, conflicts_with = "json")]
    html: bool,
}

pub(super) fn main(args: &Inventory) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let dir = setup::state_dir(&config);
    let entries = of_vendor(inventory::read(&dir)?, args.vendor.as_deref());
    if entries.is_empty() {
        let whom = args
            .vendor
            .as_deref()
            .map_or(String::new(), |vendor| format!(" for {vendor}"));
        output::note(&format!(
            "nothing was seen yet{whom} (state directory {}; a running proxy writes there)",
            dir.display()
        ));
    }
    if args.json.json {
        output::line(&format!("{:#}", serde_json::json!({ "fields": entries })));
    } else if args.csv {
        output::bytes(inventory::csv(&entries).as_bytes())?;
    } else if args.html {
        let vendors = setup::vendors(&config)?;
        let titles: BTreeMap<String, String> = vendors
            .iter()
            .map(|vendor| (vendor.name.to_string(), vendor.title.to_string()))
            .collect();
        output::line(&inventory::page(&entries, &titles));
    } else {
        table(&entries);
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows of a vendor; of all without one.
pub(super) fn of_vendor(mut entries: Vec<Entry>, vendor: Option<&str>) -> Vec<Entry> {
    entries.retain(|entry| vendor.is_none_or(|vendor| entry.place.vendor == vendor));
    entries
}

fn table(entries: &[Entry]) {
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|Entry { place, seen }| {
            let inside = if place.inside_text { " (inside)" } else { "" };
            vec![
                place.vendor.clone(),
                output::cell(&place.endpoint, 24),
                format!("{}{inside}", output::cell(&place.field, 48)),
                if place.category.is_empty() {
                    "-".to_owned()
                } else {
                    place.category.clone()
                },
                if place.observed && place.action != "keep" {
                    format!("keep (would {})", place.action)
                } else {
                    place.action.clone()
                },
                output::cell(&place.rule, 40),
                seen.first_seen.to_string(),
                seen.last_seen.to_string(),
                seen.count.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = [
            "VENDOR",
            "ENDPOINT",
            "FIELD",
            "CATEGORY",
            "ACTION",
            "RULE",
            "FIRST SEEN",
            "LAST SEEN",
            "VALUES",
        ];
        output::table(&head, &rows);
    }
}
