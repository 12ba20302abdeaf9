//! `tamis check`: would it start, and does it do what it says?

use std::process::ExitCode;
use std::sync::Arc;

use super::{Common, check_files, output, setup};
use crate::catalog::Vendor;
use crate::config::{self, Config, Forward};
use crate::diagnostic::{Diagnostics, Severity};
use crate::policy::{self, CompiledPolicy};
use crate::proxy;
use crate::tls;

/// One finding, whatever it is about.
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) text: String,
}

pub(super) fn main(common: &Common, json: output::Json) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    let mut drawn = Vec::new();
    let mut costs = Vec::new();
    // What stands in the call itself is no finding about a file: it is used wrongly.
    let mut usage = false;
    let config = match setup::config(common) {
        Ok(config) => Some(config),
        Err(error) => {
            usage = (error.downcast_ref::<Diagnostics>())
                .is_none_or(|d| d.items.iter().any(|item| item.code == "unreadable-file"));
            collect(error, &mut drawn, &mut findings);
            None
        }
    };
    if let Some(config) = &config {
        usage = check(config, &mut drawn, &mut findings, &mut costs);
    }
    report(&drawn, &findings, &costs, config.as_ref(), json.json);
    if usage || drawn.iter().any(|d| is_of_the_call(d, common)) {
        return Ok(ExitCode::from(2));
    }
    let errors = drawn.iter().any(Diagnostics::has_errors)
        || findings.iter().any(|f| f.severity == Severity::Error);
    Ok(ExitCode::from(u8::from(errors)))
}

/// Whether this tells that a flag names a policy that is not there.
fn is_of_the_call(d: &Diagnostics, common: &Common) -> bool {
    let named = [&common.policy, &common.shadow_policy];
    let missing = |code| matches!(code, "unreadable-file" | "unknown-policy");
    named.iter().any(|name| name.as_deref() == Some(&*d.file))
        && d.items.iter().any(|item| missing(item.code))
}

/// Conditions on the country that nothing can answer.
fn countries(config: &Config, policy: &CompiledPolicy, findings: &mut Vec<Finding>) {
    if let Some(file) = &config.geoip_db
        && let Err(text) = config::geo::open(file)
    {
        findings.push(Finding {
            severity: Severity::Error,
            text,
        });
    }
    let mut warn = |text: String| {
        findings.push(Finding {
            severity: Severity::Warning,
            text,
        });
    };
    let told = config.gateway.country_header.is_some();
    let believed = told && !config.gateway.trusted_proxies.is_empty();
    if told && !believed {
        warn("gateway.country_header: nobody is believed, since trusted_proxies is empty".into());
    }
    if believed || config.geoip_db.is_some() {
        return;
    }
    for rule in policy.rules.iter().filter(|r| !r.when.country.is_empty()) {
        warn(format!(
            "\"{}\" asks for the country, which is never known: set geoip_db, or gateway.country_header with trusted_proxies",
            rule.name
        ));
    }
}

/// Everything about a configuration that was read; answers whether the flags are at fault.
fn check(
    config: &Config,
    drawn: &mut Vec<Diagnostics>,
    findings: &mut Vec<Finding>,
    costs: &mut Vec<(String, String)>,
) -> bool {
    let mut usage = false;
    let mut first_key = false;
    let vendors = match setup::catalogs(config) {
        Ok(vendors) => vendors,
        Err(error) => {
            collect(error, drawn, findings);
            Vec::new()
        }
    };
    if !vendors.is_empty()
        && let Err(error) = setup::named(config, &vendors)
    {
        // A route is shown at its place; what has none is a flag.
        usage = !error.is::<Diagnostics>();
        collect(error, drawn, findings);
    }
    match config::open::policy(&config.policy) {
        Ok((policy, mut warnings)) => {
            let known: Vec<_> = vendors.iter().map(|v| &**v).collect();
            policy.against(&known, &mut warnings);
            drawn.push(warnings);
            countries(config, &policy, findings);
            costs.extend(
                (policy.rules.iter())
                    .filter(|rule| !rule.cost.is_empty())
                    .map(|rule| (rule.name.to_string(), rule.cost.to_string())),
            );
            match setup::check_key(config, &policy) {
                Ok(None) => {}
                // A look makes nothing.
                Ok(Some(place)) => {
                    first_key = true;
                    output::note(&format!(
                        "no pseudonym key yet: the first start makes one in {}",
                        place.display()
                    ));
                }
                Err(error) => collect(error, drawn, findings),
            }
        }
        Err(mut errors) => {
            let known: Vec<_> = vendors.iter().map(|v| &**v).collect();
            policy::mentions(&known, &mut errors);
            drawn.push(errors);
        }
    }
    match config.shadow_policy.as_deref().map(config::open::policy) {
        Some(Ok((policy, mut warnings))) => {
            let known: Vec<_> = vendors.iter().map(|v| &**v).collect();
            policy.against(&known, &mut warnings);
            drawn.push(warnings);
            countries(config, &policy, findings);
        }
        Some(Err(errors)) => drawn.push(errors),
        None => {}
    }
    if !vendors.is_empty()
        && let Err(error) = setup::salts(config, &vendors)
    {
        collect(error, drawn, findings);
    }
    if let Some(forward) = &config.forward {
        forward_proxy(forward, &vendors, findings);
    }
    check_files::check(config, first_key, findings);
    usage
}

/// The forward proxy's CA must be there, fit its key, and be able to sign for the catalogs' hosts.
fn forward_proxy(forward: &Forward, vendors: &[Arc<Vendor>], findings: &mut Vec<Finding>) {
    let mut find = |severity, text| findings.push(Finding { severity, text });
    if let Some(files) = &forward.ca {
        match tls::Authority::load(files) {
            Err(error) => find(
                Severity::Error,
                format!("forward.ca: {error} (`tamis ca new` makes one)"),
            ),
            Ok(ca) => {
                check_files::dates("forward.ca", &files.cert, &mut find);
                let names = proxy::ca_names(vendors);
                let rest: Vec<_> = names.iter().filter(|n| !ca.info().covers(n)).collect();
                if !rest.is_empty() {
                    let text = format!(
                        "forward.ca: it may not sign for {} of the catalogued hosts, such as {}; make a new one (`tamis ca new --force`)",
                        rest.len(),
                        rest.first().map_or("", |name| name)
                    );
                    find(Severity::Warning, text);
                }
            }
        }
    }
    if let Some(file) = &forward.users_file
        && let Err(error) = proxy::users::check(file)
    {
        find(Severity::Error, format!("forward.users_file: {error}"));
    }
}

fn collect(error: anyhow::Error, drawn: &mut Vec<Diagnostics>, findings: &mut Vec<Finding>) {
    match error.downcast::<Diagnostics>() {
        Ok(d) => drawn.push(d),
        Err(error) => findings.push(Finding {
            severity: Severity::Error,
            text: output::chain(&error),
        }),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn report(
    drawn: &[Diagnostics],
    findings: &[Finding],
    costs: &[(String, String)],
    config: Option<&Config>,
    json: bool,
) {
    if json {
        let costs: Vec<_> = costs
            .iter()
            .map(|(rule, cost)| serde_json::json!({ "rule": rule, "cost": cost }))
            .collect();
        let mut all = Vec::new();
        for d in drawn {
            for item in &d.items {
                let at = item.span.as_ref().map(|s| d.position(s.start));
                all.push(serde_json::json!({
                    "severity": word(item.severity),
                    "code": item.code,
                    "message": item.message,
                    "file": d.file,
                    "line": at.map(|(line, _)| line),
                    "column": at.map(|(_, column)| column),
                    "help": item.help,
                }));
            }
        }
        for finding in findings {
            all.push(serde_json::json!({
                "severity": word(finding.severity),
                "message": finding.text,
            }));
        }
        output::line(&format!(
            "{:#}",
            serde_json::json!({ "findings": all, "costs": costs })
        ));
        return;
    }
    for d in drawn {
        output::diagnostics(d);
    }
    for finding in findings {
        output::note(&format!("{}: {}", word(finding.severity), finding.text));
    }
    if !costs.is_empty() {
        let rows: Vec<Vec<String>> = costs
            .iter()
            .map(|(rule, cost)| vec![rule.clone(), cost.clone()])
            .collect();
        output::table(&["RULE", "WHAT IT COSTS"], &rows);
        output::line("");
    }
    let count = drawn.iter().map(|d| d.items.len()).sum::<usize>() + findings.len();
    if let Some(config) = config.filter(|_| count == 0) {
        output::line(&format!(
            "good: policy {}, state in {}",
            config.policy,
            setup::state_dir(config).display()
        ));
    }
}
