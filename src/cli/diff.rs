//! `tamis diff OLD NEW`: which fields of which vendors two policies treat differently: those of the
//! catalogs, those that a running proxy has seen (`--inventory`), or those of given bodies
//! (`--captures`).
//!
//! A field is asked about by what the catalog knows of it, its place and its category; conditions
//! (`when`, `event`) are shown with the rule, not resolved. What is found by name or value is covered
//! by the list of categories. Bodies are judged by the engine itself under both policies: what is told
//! of them is exact.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use super::inventory::of_vendor as of_vendor_only;
use super::scrub::{Outcome, Request};
use super::{Common, output, setup};
use crate::catalog::{Field, Vendor};
use crate::category::DataCategory;
use crate::config::{self, Config};
use crate::inventory::{self, Entry};
use crate::policy::{CompiledPolicy, HowFound};
use crate::scrub::{Difference, Refusal, Scratch, Scrubber, Shadow, Source};
use crate::selector::Selector;
use crate::sensitive::SecretKey;

#[derive(Args)]
pub(super) struct Diff {
    #[command(flatten)]
    common: Common,
    /// Only this vendor
    #[arg(long)]
    vendor: Option<String>,
    /// Ask about the fields that the data map of the state directory has (see `tamis inventory`)
    #[arg(long)]
    inventory: bool,
    /// Ask about these bodies, sent to --endpoint of --vendor
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "inventory", requires_all = ["vendor", "endpoint"])]
    captures: Vec<PathBuf>,
    /// The endpoint's path that the captures were sent to, e.g. /track
    #[arg(long, value_name = "PATH", requires = "captures")]
    endpoint: Option<String>,
    /// The captures' media type; guessed from each body when not given
    #[arg(long, value_name = "T", requires = "captures")]
    content_type: Option<String>,
    /// The captures' content coding
    #[arg(long, value_name = "E", requires = "captures")]
    content_encoding: Option<String>,
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
    /// Of what was seen: how many values.
    count: Option<u64>,
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
    if args.inventory {
        let dir = setup::state_dir(&config);
        let seen = of_vendor_only(inventory::read(&dir)?, args.vendor.as_deref());
        if seen.is_empty() {
            bail!(
                "nothing was seen yet (state directory {}; a running proxy writes there)",
                dir.display()
            );
        }
        let rows = of_inventory(&old, &new, &vendors, &seen);
        print(&rows, args.json.json);
        return Ok(ExitCode::from(u8::from(!rows.is_empty())));
    }
    if !args.captures.is_empty() {
        let rows = of_captures(args, &config, old, new)?;
        print(&rows, args.json.json);
        return Ok(ExitCode::from(u8::from(!rows.is_empty())));
    }
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
            count: None,
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
                count: None,
            });
        }
    }
}

/// What was seen, by the rules of both; what stands in several rows of the map is one.
fn of_inventory(
    old: &CompiledPolicy,
    new: &CompiledPolicy,
    vendors: &[Arc<Vendor>],
    seen: &[Entry],
) -> Vec<Row> {
    let mut rows: BTreeMap<(&str, &str, &str, &str, bool), Row> = BTreeMap::new();
    for Entry { place, seen } in seen {
        let Some(vendor) = vendors.iter().find(|v| *v.name == *place.vendor) else {
            continue;
        };
        // A path that is cut or has no name any more stands for others.
        let Ok(selector) = Selector::parse(&place.field) else {
            continue;
        };
        let field = Field {
            selector,
            category: DataCategory::parse(&place.category),
            protocol: seen.protocol,
            issued: false,
            route: false,
        };
        let how = if seen.how_found == Source::Policy.name() {
            HowFound::ByPolicy
        } else {
            HowFound::Otherwise
        };
        let fate = |policy: &CompiledPolicy| {
            policy.seen_fate(vendor, &place.endpoint, &field, how, place.inside_text)
        };
        let (was, is) = (fate(old), fate(new));
        if was == is {
            continue;
        }
        let key = (
            &*place.vendor,
            &*place.field,
            &*place.endpoint,
            &*place.category,
            place.inside_text,
        );
        let row = rows.entry(key).or_insert_with(|| Row {
            vendor: place.vendor.clone(),
            field: format!(
                "{}{} ({})",
                place.field,
                if place.inside_text { " inside" } else { "" },
                place.endpoint
            ),
            category: field.category.map_or("-", DataCategory::key),
            old: was,
            new: is,
            count: Some(0),
        });
        row.count = row.count.map(|count| count.saturating_add(seen.count));
    }
    rows.into_values().collect()
}

/// What the engine decides about bodies under both.
fn of_captures(
    args: &Diff,
    config: &Config,
    old: CompiledPolicy,
    new: CompiledPolicy,
) -> anyhow::Result<Vec<Row>> {
    // Decisions only: nobody sees a pseudonym, so any key will do.
    let key = SecretKey::new([0; 32]);
    let engine = |policy: CompiledPolicy| -> anyhow::Result<Scrubber> {
        let vendors = setup::vendors(config)?;
        let salts = setup::salts(config, &vendors)?;
        Ok(Scrubber::new(Arc::new(policy), vendors, &key).with_salts(salts))
    };
    let both = engine(old)?.with_shadow(Shadow::new(engine(new)?));
    let mut scratch = Scratch::new();
    for file in &args.captures {
        let request = Request {
            vendor: args.vendor.clone().unwrap_or_default(),
            endpoint: args.endpoint.clone().unwrap_or_default(),
            method: "POST".into(),
            content_type: args.content_type.clone(),
            content_encoding: args.content_encoding.clone(),
            query: None,
            file: Some(file.clone()),
        };
        let outcome = request.judge(&both, &mut scratch, config.limits.body)?;
        if let Outcome::Refuse(refusal @ (Refusal::Decode(_) | Refusal::Project)) = outcome {
            bail!("{}: {}", file.display(), super::scrub::why(refusal));
        }
    }
    let found = both.shadow().map(|shadow| shadow.differences().rows());
    let found = found.unwrap_or_default().into_iter();
    let with_rule = |action: &str, rule: &str| match rule {
        "" => action.to_owned(),
        rule => format!("{action} ({rule})"),
    };
    let row = |(of, count): (Difference, u64)| Row {
        vendor: of.vendor.to_string(),
        field: format!("{}{}", of.field, if of.inside { " inside" } else { "" }),
        category: of.category,
        old: with_rule(of.action_in_force, &of.rule_in_force),
        new: with_rule(of.action_shadow, &of.rule_shadow),
        count: Some(count),
    };
    Ok(found.map(row).collect())
}

fn print(rows: &[Row], json: bool) {
    if json {
        let all: Vec<_> = rows
            .iter()
            .map(|row| {
                let mut row_of = serde_json::json!({
                    "vendor": row.vendor,
                    "field": row.field,
                    "category": row.category,
                    "old": row.old,
                    "new": row.new,
                });
                if let (Some(count), Some(object)) = (row.count, row_of.as_object_mut()) {
                    object.insert("count".into(), count.into());
                }
                row_of
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
                row.count
                    .map_or_else(String::new, |count| count.to_string()),
            ]
        })
        .collect();
    let counted = rows.iter().any(|row| row.count.is_some());
    let head = ["VENDOR", "FIELD", "CATEGORY", "OLD", "NEW", "VALUES"];
    let head = head.get(..5 + usize::from(counted)).unwrap_or(&head);
    if cells.is_empty() {
        output::line("no field is treated differently");
    } else {
        output::table(head, &cells);
        output::line(&format!("\n{} differences", rows.len()));
    }
}
