//! `tamis diff OLD NEW`: which fields of which vendors two policies treat differently, from the
//! catalogs.
//!
//! A field is asked about by what the catalog knows of it, its place and its category; conditions
//! (`when`, `event`) are shown with the rule, not resolved. What is found by name or value is covered
//! by the list of categories.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::{Common, output, setup};
use crate::catalog::Vendor;
use crate::category::DataCategory;
use crate::config;
use crate::policy::CompiledPolicy;

#[derive(Args)]
pub(super) struct Diff {
    #[command(flatten)]
    common: Common,
    /// Only this vendor
    #[arg(long)]
    vendor: Option<String>,
    #[command(flatten)]
    json: output::Json,
    /// The policy that was: a file, or a built-in name
    old: String,
    /// The policy that shall be
    new: String,
}

/// One difference.
struct Row {
    vendor: String,
    field: String,
    category: &'static str,
    old: String,
    new: String,
}

pub(super) fn main(args: &Diff) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let vendors = setup::vendors(&config)?;
    let load = |name: &str| -> anyhow::Result<CompiledPolicy> {
        let (policy, warnings) = config::open::policy(name)?;
        output::diagnostics(&warnings);
        Ok(policy)
    };
    let (old, new) = (load(&args.old)?, load(&args.new)?);
    let mut rows = of_policies(&old, &new);
    for vendor in &vendors {
        if args
            .vendor
            .as_deref()
            .is_none_or(|name| *vendor.name == *name)
        {
            of_vendor(&old, &new, vendor, &mut rows);
        }
    }
    print(&rows, args.json.json);
    Ok(ExitCode::from(u8::from(!rows.is_empty())))
}

/// What holds for every vendor: categories, and what is not listed.
fn of_policies(old: &CompiledPolicy, new: &CompiledPolicy) -> Vec<Row> {
    let all = DataCategory::all().map(Some).chain([None]);
    all.filter_map(|category| {
        let (was, is) = (old.category_fate(category), new.category_fate(category));
        (was != is).then(|| Row {
            vendor: "*".into(),
            field: "(any)".into(),
            category: category.map_or("-", DataCategory::key),
            old: was,
            new: is,
        })
    })
    .collect()
}

fn of_vendor(
    old: &CompiledPolicy,
    new: &CompiledPolicy,
    vendor: &Arc<Vendor>,
    rows: &mut Vec<Row>,
) {
    let own = vendor.fields.iter().map(|field| (field, None));
    let of_endpoints = vendor.endpoints.iter().flat_map(|endpoint| {
        let name = Some(&*endpoint.name);
        endpoint.fields.iter().map(move |field| (field, name))
    });
    for (field, endpoint) in own.chain(of_endpoints) {
        let was = old.field_fate(vendor, endpoint, field);
        let is = new.field_fate(vendor, endpoint, field);
        if was != is {
            rows.push(Row {
                vendor: vendor.name.to_string(),
                field: match endpoint {
                    Some(name) => format!("{} ({name})", field.selector),
                    None => field.selector.to_string(),
                },
                category: field.category.map_or("-", DataCategory::key),
                old: was,
                new: is,
            });
        }
    }
}

fn print(rows: &[Row], json: bool) {
    if json {
        let all: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "vendor": row.vendor,
                    "field": row.field,
                    "category": row.category,
                    "old": row.old,
                    "new": row.new,
                })
            })
            .collect();
        output::line(&format!("{:#}", serde_json::json!({ "differences": all })));
        return;
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.vendor.clone(),
                output::cell(&row.field, 48),
                row.category.to_owned(),
                output::cell(&row.old, 40),
                output::cell(&row.new, 40),
            ]
        })
        .collect();
    if cells.is_empty() {
        output::line("no field is treated differently");
    } else {
        output::table(&["VENDOR", "FIELD", "CATEGORY", "OLD", "NEW"], &cells);
        output::line(&format!("\n{} differences", rows.len()));
    }
}
