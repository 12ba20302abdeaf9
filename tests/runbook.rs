//! The runbook is whole and true: it names every metric, every log line and every problem there is, and
//! none that is not; the alert rules ask for metrics and labels that exist.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

use std::collections::BTreeSet;

use regex::Regex;

const PAGE: &str = include_str!("../docs/runbook.md");
const ALERTS: &str = include_str!("../packaging/alerts.yml");
const METRICS: &str = include_str!("../src/telemetry/metrics.rs");
const SHADOW: &str = include_str!("../src/telemetry/shadow.rs");
const LOG: &str = include_str!("../src/telemetry/log.rs");
const REPLY: &str = include_str!("../src/proxy/reply.rs");
const ADMIN: &str = include_str!("../src/admin/mod.rs");

/// The first group of every match.
fn all(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect()
}

/// The source without its tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

/// The names of all metrics as Prometheus shows them, without the ending of counters and infos.
fn metrics() -> BTreeSet<String> {
    let plain = all(r#"registry\.register\(\s*"([a-z_]+)""#, code(METRICS));
    let with_unit =
        Regex::new(r#"register_with_unit\(\s*"([a-z_]+)",\s*"[^"]*",\s*Unit::(\w+)"#).unwrap();
    let with_unit = with_unit
        .captures_iter(code(METRICS))
        .map(|found| format!("{}_{}", &found[1], found[2].to_lowercase()));
    let shadow = all(r#"encode_descriptor\(\s*"([a-z_]+)""#, SHADOW);
    let registered = Regex::new(r"registry\.register(_with_unit)?\(").unwrap();
    let names: BTreeSet<String> = plain.into_iter().chain(with_unit).chain(shadow).collect();
    // None was overlooked by the patterns above.
    assert_eq!(
        names.len(),
        registered.find_iter(code(METRICS)).count() + 3,
        "{names:?}"
    );
    names
        .into_iter()
        .map(|name| format!("tamis_{name}"))
        .collect()
}

/// A metric's name as it is shown, without what its kind adds.
fn bare(shown: &str) -> &str {
    let shown = shown.strip_suffix("_total").unwrap_or(shown);
    shown.strip_suffix("_info").unwrap_or(shown)
}

#[test]
fn every_metric_has_its_line_and_no_other() {
    let there = metrics();
    assert!(there.contains("tamis_requests") && there.contains("tamis_body_bytes"));
    let table = PAGE.split("## Metrics").nth(1).unwrap();
    let table = table.split("## Log lines").next().unwrap();
    let listed: BTreeSet<String> = all(r"(?m)^\| `(tamis_[a-z_]+)` \|", table)
        .iter()
        .map(|name| bare(name).to_owned())
        .collect();
    assert_eq!(listed, there);
    for text in [PAGE, ALERTS] {
        for name in all(r"(tamis_[a-z_]+)", text) {
            assert!(there.contains(bare(&name)), "{name}");
        }
    }
}

#[test]
fn what_is_shown_at_once_is_shown_by_these_names() {
    let text = tamis::telemetry::Metrics::new().render();
    for name in all(r"(?m)^# TYPE (\w+) ", &text) {
        assert!(metrics().contains(&name), "{name}");
    }
}

#[test]
fn words_of_labels_are_those_of_the_source() {
    // `kind="open"` in a rule that never fires is worse than none.
    let sources = [
        METRICS,
        include_str!("../src/deliver/error.rs"),
        include_str!("../src/proxy/serve.rs"),
        include_str!("../src/proxy/live.rs"),
        include_str!("../src/cli/run.rs"),
    ]
    .concat();
    for text in [PAGE, ALERTS] {
        for words in all(
            r#"(?:kind|outcome|reason|result|what|certificate)=~?"([a-z_|]+)""#,
            text,
        ) {
            for word in words.split('|') {
                assert!(sources.contains(&format!("\"{word}\"")), "{word}");
            }
        }
    }
}

#[test]
fn every_log_line_is_explained() {
    let calls = Regex::new(r"(?s)tracing::(?:error|warn|info|debug)!\((.*?)\);").unwrap();
    let texts = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)"\s*$"#).unwrap();
    let broken = Regex::new(r"\\\n\s*").unwrap();
    let listed = PAGE.split("## Log lines").nth(1).unwrap();
    let mut seen = 0;
    for call in calls.captures_iter(code(LOG)) {
        let inside = call[1].trim().trim_end_matches(',');
        let text = &texts.captures(inside).unwrap_or_else(|| panic!("{inside}"))[1];
        let text = broken.replace_all(text, "").replace('`', "");
        assert!(listed.contains(&format!("`{text}`")), "{text}");
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
    // And what the page quotes is what is written.
    let written = broken.replace_all(LOG, "").replace('`', "");
    let table = listed.split("## What clients").next().unwrap();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let messages = line.split('|').nth(1).unwrap();
        for message in all("`([^`]+)`", messages) {
            assert!(written.contains(&format!("\"{message}\"")), "{message}");
        }
    }
}

#[test]
fn every_problem_has_its_word() {
    let mut words = all(r#"\(\s*\d{3},\s*"([a-z-]+)","#, code(REPLY));
    words.extend(all(
        r#"problem(?:_with)?\(\s*[\w:]+,\s*"([a-z-]+)","#,
        code(ADMIN),
    ));
    words.insert("upstream".to_owned());
    let listed = PAGE.split("## What clients are told").nth(1).unwrap();
    let mut told = all("`([a-z-]+)`", listed);
    told.remove("type");
    let missing: Vec<_> = words.difference(&told).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let none: Vec<_> = told.difference(&words).collect();
    assert!(none.is_empty(), "{none:?}");
    assert!(words.len() > 20);
}
