//! `tamis verify`: drives canaries through the gateway and shows what left; `--check` looks whether a
//! report is as it was made.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use sha2::{Digest as _, Sha256};

use super::{Common, output, setup};
use crate::catalog::Vendor;
use crate::verify::{self, Check, Leak, Line, Report, Seed, Subject, Via};

/// Findings of a kind that the table shows; all are in the report.
const SHOWN: usize = 40;

#[derive(Args)]
pub(super) struct Verify {
    #[command(flatten)]
    common: Common,
    /// Only this vendor (repeatable)
    #[arg(long)]
    vendor: Vec<String>,
    /// Where the canaries come from, 32 hexadecimal digits; drawn at random when not given
    #[arg(long, value_name = "HEX", value_parser = seed)]
    seed: Option<Seed>,
    /// By which protocol the requests come to the gateway
    #[arg(long, value_name = "PROTOCOL", value_parser = ["http1", "http2"], default_value = "http1")]
    via: String,
    /// Write the report, with its digest, to FILE
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Tell whether a report is as it was made, instead of making one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["vendor", "seed", "report"])]
    check: Option<PathBuf>,
    #[command(flatten)]
    json: output::Json,
}

pub(super) fn main(args: &Verify) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.check {
        return check(file, args.json.json);
    }
    let report = verify::run_via(&subject(args)?, via(args))?;
    if let Some(file) = &args.report {
        let text = format!("{:#}\n", report.json());
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if args.json.json {
        output::line(&format!("{:#}", report.json()));
    } else {
        print(&report);
    }
    Ok(ExitCode::from(if report.is_blind() {
        2
    } else {
        u8::from(!report.is_clean())
    }))
}

fn via(args: &Verify) -> Via {
    // The parser lets nothing else through.
    if args.via == Via::Http2.name() {
        Via::Http2
    } else {
        Via::Http1
    }
}

fn subject(args: &Verify) -> anyhow::Result<Subject> {
    let config = setup::config(&args.common)?;
    let mut vendors = setup::vendors(&config)?;
    let salts = setup::salts(&config, &vendors)?;
    for name in &args.vendor {
        setup::vendor(&vendors, name)?;
    }
    vendors.retain(|v| args.vendor.is_empty() || args.vendor.iter().any(|n| **n == *v.name));
    Ok(Subject {
        policy: Arc::new(setup::policy(&config)?),
        catalogs: digests(&setup::catalog_texts(&config)?, &vendors),
        vendors,
        salts,
        seed: match args.seed {
            Some(seed) => seed,
            None => drawn()?,
        },
    })
}

/// The digests of the catalogs that are driven, and of the sets that they share.
fn digests(texts: &[(String, String)], vendors: &[Arc<Vendor>]) -> Vec<(String, String)> {
    let used = |name: &str| {
        name.starts_with("shared/") || vendors.iter().any(|vendor| *vendor.name == *name)
    };
    texts
        .iter()
        .filter(|(name, _)| used(name))
        .map(|(name, text)| (name.clone(), setup::hex(&Sha256::digest(text))))
        .collect()
}

fn drawn() -> anyhow::Result<Seed> {
    let mut seed = Seed::default();
    getrandom::fill(&mut seed).map_err(|_| anyhow::anyhow!("no random numbers"))?;
    Ok(seed)
}

fn seed(text: &str) -> Result<Seed, String> {
    let mut seed = Seed::default();
    let good = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !good {
        return Err("expected 32 hexadecimal digits".into());
    }
    for (byte, at) in seed.iter_mut().zip((0..32).step_by(2)) {
        let digits = text.get(at..at + 2).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
    }
    Ok(seed)
}

fn check(file: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (word, code) = match verify::check(&text) {
        Check::Whole => ("whole: its digest is that of what it says", 0),
        Check::Changed => ("changed: its digest is not that of what it says", 1),
        Check::NoReport => bail!("{} is no report of `tamis verify`", file.display()),
    };
    if json {
        let word = word.split(':').next().unwrap_or(word);
        output::line(&format!("{:#}", serde_json::json!({ "report": word })));
    } else {
        output::line(&format!("the report is {word}"));
    }
    Ok(ExitCode::from(code))
}

fn print(report: &Report) {
    print_lines(report);
    print_kept(report);
    print_leaks("left although the policy does not let them", &report.leaks);
    let blind = "not found where nothing was judged: the search is blind";
    print_leaks(blind, &report.unseen);
    let silent = report.missing.iter().map(|m| {
        let place = [&m.vendor, &m.endpoint, &m.encoding].map(Clone::clone);
        place.into_iter().chain([m.carrier.to_owned()]).collect()
    });
    let head = ["VENDOR", "ENDPOINT", "ENCODING", "CARRIER"];
    section("nothing arrived", &head, &silent.collect::<Vec<_>>());
    let unmade = report.not_generated.iter().map(|n| {
        let place = [&n.vendor, &n.endpoint, &n.encoding].map(Clone::clone);
        let rest = [n.carrier, n.why].map(ToOwned::to_owned);
        place.into_iter().chain(rest).collect()
    });
    let head = ["VENDOR", "ENDPOINT", "ENCODING", "CARRIER", "WHY"];
    section("not generated", &head, &unmade.collect::<Vec<_>>());
    output::line(&format!(
        "\n{}: {} canaries in {} requests, {} found in the control run, {} leaked; seed {}, {}",
        report.verdict(),
        report.total(|l| l.planted),
        report.total(|l| l.requests),
        report.total(|l| l.control),
        report.leaks.len(),
        text(report, "seed"),
        text(report, "digest"),
    ));
}

/// One row for each vendor, endpoint and carrier: the sums over its encodings.
fn print_lines(report: &Report) {
    let mut groups: Vec<Vec<&Line>> = Vec::new();
    let mut lines: Vec<&Line> = report.lines.iter().collect();
    let key = |line: &Line| (line.vendor.clone(), line.endpoint.clone(), line.carrier);
    lines.sort_by_key(|line| key(line));
    for line in lines {
        match groups.last_mut() {
            Some(group) if group.first().is_some_and(|first| key(first) == key(line)) => {
                group.push(line);
            }
            _ => groups.push(vec![line]),
        }
    }
    let rows = groups.iter().filter_map(|group| {
        let first = group.first()?;
        let sum = |of: fn(&Line) -> usize| group.iter().map(|l| of(l)).sum::<usize>().to_string();
        Some(vec![
            first.vendor.clone(),
            output::cell(&first.endpoint, 40),
            first.kind.to_owned(),
            first.carrier.to_owned(),
            group.len().to_string(),
            sum(|l| l.requests),
            sum(|l| l.arrived),
            sum(|l| l.answered),
            sum(|l| l.refused),
            sum(|l| l.planted),
            sum(|l| l.control),
            sum(|l| l.kept + l.conditional),
            sum(|l| l.leaked),
        ])
    });
    let head = [
        "VENDOR",
        "ENDPOINT",
        "KIND",
        "CARRIER",
        "ENCODINGS",
        "REQUESTS",
        "ARRIVED",
        "ANSWERED",
        "REFUSED",
        "CANARIES",
        "CONTROL",
        "KEPT",
        "LEAKED",
    ];
    output::table(&head, &rows.collect::<Vec<_>>());
}

fn text<'r>(report: &'r Report, member: &str) -> &'r str {
    report
        .json()
        .get(member)
        .and_then(serde_json::Value::as_str)
        .unwrap_or("")
}

fn print_kept(report: &Report) {
    let kept: Vec<Vec<String>> = report
        .kept
        .iter()
        .map(|kept| {
            let how = if kept.conditional {
                "under a condition"
            } else {
                ""
            };
            vec![
                kept.category.clone(),
                output::cell(&kept.rule, 60),
                kept.count.to_string(),
                how.to_owned(),
            ]
        })
        .collect();
    section(
        "kept by the policy",
        &["CATEGORY", "RULE", "CANARIES", ""],
        &kept,
    );
}

fn print_leaks(title: &str, leaks: &[Leak]) {
    let rows: Vec<Vec<String>> = leaks
        .iter()
        .map(|leak| {
            vec![
                leak.vendor.clone(),
                leak.endpoint.clone(),
                leak.carrier.to_owned(),
                leak.encoding.clone(),
                leak.field.clone(),
                leak.category.to_owned(),
                leak.guise.to_owned(),
                leak.found.clone(),
            ]
        })
        .collect();
    let head = [
        "VENDOR", "ENDPOINT", "CARRIER", "ENCODING", "FIELD", "CATEGORY", "CANARY", "FOUND",
    ];
    section(title, &head, &rows);
}

fn section(title: &str, head: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    output::line(&format!("\n{title} ({}):", rows.len()));
    output::table(head, rows.get(..SHOWN).unwrap_or(rows));
    if rows.len() > SHOWN {
        output::line(&format!("… and {} more in the report", rows.len() - SHOWN));
    }
}
