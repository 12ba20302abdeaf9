//! `tamis vendors`: what the catalogs say.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{Common, output, setup, vendors_page};
use crate::catalog::{Endpoint, Kind, PathPattern, PathSegment, Vendor};

#[derive(Args)]
pub(super) struct Vendors {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Show>,
    #[command(flatten)]
    json: output::Json,
    /// Print the page about all vendors (docs/vendors.md)
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

#[derive(Subcommand)]
enum Show {
    /// Show one vendor: endpoints, fields, categories
    Show {
        /// The vendor's name
        vendor: String,
    },
}

pub(super) fn main(args: &Vendors) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let vendors = setup::vendors(&config)?;
    match &args.command {
        None if args.markdown => {
            let all: Vec<_> = vendors.iter().map(|v| &**v).collect();
            output::line(vendors_page::page(&all)?.trim_end());
        }
        None => list(&vendors, args.json.json),
        Some(Show::Show { vendor }) => {
            show(setup::vendor(&vendors, vendor)?, args.json.json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(vendors: &[Arc<Vendor>], json: bool) {
    if json {
        let all: Vec<_> = vendors.iter().map(|v| brief(v)).collect();
        output::line(&format!("{:#}", serde_json::Value::from(all)));
        return;
    }
    let rows: Vec<Vec<String>> = vendors
        .iter()
        .map(|v| {
            vec![
                v.name.to_string(),
                v.title.to_string(),
                v.endpoints.len().to_string(),
                v.upstream.to_string(),
            ]
        })
        .collect();
    output::table(&["VENDOR", "NAME", "ENDPOINTS", "UPSTREAM"], &rows);
}

fn brief(vendor: &Vendor) -> serde_json::Value {
    serde_json::json!({
        "vendor": &*vendor.name,
        "name": &*vendor.title,
        "docs": &*vendor.docs,
        "upstream": &*vendor.upstream,
        "endpoints": vendor.endpoints.len(),
    })
}

fn show(vendor: &Vendor, json: bool) {
    if json {
        let mut all = brief(vendor);
        if let Some(object) = all.as_object_mut() {
            let endpoints: Vec<_> = vendor.endpoints.iter().map(endpoint_json).collect();
            object.insert("endpoints".into(), endpoints.into());
            let fields: Vec<_> = vendor
                .fields
                .iter()
                .map(|f| {
                    serde_json::json!({
                        "field": f.selector.to_string(),
                        "category": f.category.map(|c| c.key()),
                        "protocol": f.protocol,
                    })
                })
                .collect();
            object.insert("fields".into(), fields.into());
        }
        output::line(&format!("{all:#}"));
        return;
    }
    output::line(&format!(
        "{} ({})\n{}\nupstream {}\n",
        vendor.title, vendor.name, vendor.docs, vendor.upstream
    ));
    let rows: Vec<Vec<String>> = vendor
        .endpoints
        .iter()
        .map(|e| vec![kind(e.kind).to_owned(), e.methods.join(" "), paths(e)])
        .collect();
    output::table(&["KIND", "METHODS", "PATHS"], &rows);
    output::line("");
    let rows: Vec<Vec<String>> = vendor
        .fields
        .iter()
        .map(|f| {
            let category = match (f.category, f.protocol) {
                (Some(category), true) => format!("{category} (protocol)"),
                (Some(category), false) => category.to_string(),
                (None, true) => "protocol".to_owned(),
                (None, false) => "harmless".to_owned(),
            };
            vec![f.selector.to_string(), category]
        })
        .collect();
    output::table(&["FIELD", "CATEGORY"], &rows);
}

fn endpoint_json(endpoint: &Endpoint) -> serde_json::Value {
    serde_json::json!({
        "kind": kind(endpoint.kind),
        "methods": endpoint.methods.iter().map(|m| &**m).collect::<Vec<_>>(),
        "paths": endpoint.paths.iter().map(pattern).collect::<Vec<_>>(),
    })
}

fn paths(endpoint: &Endpoint) -> String {
    endpoint
        .paths
        .iter()
        .map(pattern)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn pattern(pattern: &PathPattern) -> String {
    let mut out = String::new();
    for segment in &pattern.segments {
        out.push('/');
        match segment {
            PathSegment::Literal(text) | PathSegment::Glob(text) => out.push_str(text),
            PathSegment::Param(name) => {
                out.push(':');
                out.push_str(name);
            }
        }
    }
    if pattern.optional_slash {
        out.push_str("/?");
    }
    out
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Collect => "collect",
        Kind::Query => "query",
        Kind::Asset => "asset",
        Kind::Replay => "replay",
    }
}
