//! `tamis explain`: every field of a body and what becomes of it.

use std::process::ExitCode;

use clap::Args;

use super::scrub::{Outcome, Request, why};
use super::{Common, output, setup};
use crate::scrub::{Row, Scratch};

#[derive(Args)]
pub(super) struct Explain {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    json: output::Json,
}

pub(super) fn main(args: &Explain) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let scrubber = setup::scrubber(&config, |vendors| args.request.is_known(vendors))?;
    let mut scratch = Scratch::explaining();
    let outcome = args
        .request
        .judge(&scrubber, &mut scratch, config.limits.body)?;
    let rows = scratch.take_rows();
    if args.json.json {
        let rows: Vec<_> = rows.iter().map(to_json).collect();
        let outcome = match &outcome {
            Outcome::Forward(_) => "forward".to_owned(),
            Outcome::Answer => "answer".to_owned(),
            Outcome::Refuse(refusal) => format!("refuse: {}", why(*refusal)),
        };
        let all = serde_json::json!({ "outcome": outcome, "fields": rows });
        output::line(&format!("{all:#}"));
    } else {
        let cells: Vec<Vec<String>> = rows.iter().map(to_cells).collect();
        let head = [
            "FIELD", "CATEGORY", "FOUND BY", "RULE", "ACTION", "BEFORE", "AFTER",
        ];
        output::table(&head, &cells);
        match &outcome {
            Outcome::Forward(clean) => output::line(&format!(
                "\n{} fields; forwarded: {} {} with {} bytes",
                rows.len(),
                clean.method(),
                clean.target(),
                clean.body().len()
            )),
            Outcome::Answer => output::line("\nnothing is left to forward"),
            Outcome::Refuse(refusal) => output::line(&format!("\nrefused: {}", why(*refusal))),
        }
    }
    Ok(match outcome {
        Outcome::Refuse(_) => ExitCode::from(1),
        Outcome::Forward(_) | Outcome::Answer => ExitCode::SUCCESS,
    })
}

fn to_json(row: &Row) -> serde_json::Value {
    serde_json::json!({
        "field": row.path,
        "category": row.category.map(|c| c.key()),
        "found_by": row.source.name(),
        "rule": &*row.rule,
        "action": row.action,
        "before": row.before,
        "after": row.after.as_ref().unwrap_or(&row.before),
    })
}

fn to_cells(row: &Row) -> Vec<String> {
    let rule = if row.rule.is_empty() {
        "(no rule)"
    } else {
        &row.rule
    };
    let after = match &row.after {
        None => "=".to_owned(),
        Some(text) if text.is_empty() => "(removed)".to_owned(),
        Some(text) => output::cell(text, 40),
    };
    vec![
        output::cell(&row.path, 44),
        row.category.map_or("-", |c| c.key()).to_owned(),
        row.source.name().to_owned(),
        output::cell(rule, 36),
        row.action.to_owned(),
        output::cell(&row.before, 40),
        after,
    ]
}
