//! Policy tests over everything: the identifiers in every carrier of every vendor, through the real
//! gateway, for each built-in policy that promises something.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a panic is a failed test"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use tamis::catalog::{Kind, Vendor, load};
use tamis::policy::{CompiledPolicy, builtin};
use tamis::verify::{Check, Report, Subject, check, run};

fn verified(file: &str, policy: &str, vendors: Vec<Arc<Vendor>>) -> Report {
    let (policy, _) = CompiledPolicy::load(file, policy).unwrap_or_else(|d| panic!("{d}"));
    let subject = Subject {
        policy: Arc::new(policy),
        vendors,
        salts: Vec::new(),
        catalogs: Vec::new(),
        // A test says the same every time; `tamis verify` draws a seed for each run.
        seed: *b"sixteen canaries",
    };
    run(&subject).unwrap()
}

fn vendors() -> Vec<Arc<Vendor>> {
    let all = load::builtin().unwrap_or_else(|d| panic!("{d}"));
    all.into_iter().map(Arc::new).collect()
}

/// Nothing leaves, everything arrives, and every carrier of the catalogs was driven.
fn holds(name: &str) {
    let (file, text) = builtin(name).unwrap();
    let report = verified(file, text, vendors());
    let seed = report.json()["seed"].as_str().unwrap();
    assert!(report.leaks.is_empty(), "seed {seed}: {:#?}", report.leaks);
    assert!(
        report.unseen.is_empty(),
        "seed {seed}: {:#?}",
        report.unseen
    );
    assert!(
        report.missing.is_empty(),
        "seed {seed}: {:#?}",
        report.missing
    );
    assert!(report.is_clean());
    for vendor in vendors() {
        for endpoint in &vendor.endpoints {
            let lines = report
                .lines
                .iter()
                .filter(|l| l.vendor == *vendor.name && l.endpoint == *endpoint.name);
            let lines: Vec<_> = lines.collect();
            let of = |carrier: &str| {
                let encodings = lines.iter().filter(|l| l.carrier == carrier);
                encodings
                    .map(|l| &*l.encoding)
                    .collect::<BTreeSet<_>>()
                    .len()
            };
            let place = format!("{name}: {} {}", vendor.name, endpoint.name);
            // Each format as each of its media types, and in each content coding.
            let types: usize = endpoint.bodies.iter().map(|b| b.content_types.len()).sum();
            let unmade = report
                .not_generated
                .iter()
                .any(|n| n.vendor == *vendor.name && n.endpoint == *endpoint.name);
            if !endpoint.bodies.is_empty() && !unmade {
                assert!(of("body") >= types + 4, "{place}: {} bodies", of("body"));
            }
            assert!(of("parameter") >= endpoint.params.len(), "{place}");
            assert!(of("header") > 0 && of("query") > 0, "{place}");
            if endpoint.kind == Kind::Collect {
                assert!(lines.iter().any(|l| l.arrived > 0), "{place}");
            }
        }
    }
}

#[test]
fn nothing_leaves_under_default() {
    holds("default");
}

#[test]
fn nothing_leaves_under_strict() {
    holds("strict");
}

#[test]
fn nothing_leaves_under_cnil() {
    holds("cnil");
}

#[test]
fn nothing_leaves_under_hipaa_safe_harbor() {
    holds("hipaa-safe-harbor");
}

/// A vendor whose catalog is small.
fn acme(more: &str) -> Vec<Arc<Vendor>> {
    let text = format!(
        r#"
        name = "acme"
        title = "Acme"
        upstream = "https://in.acme.example"
        [formats.json]
        types = ["application/json"]
        layers = ["json"]
        [defaults.collect]
        methods = ["POST"]
        body = ["json"]
        events = ["."]
        event_name = "event"
        answers = [{{ status = 200 }}]
        [[endpoint]]
        paths = ["/track/:project"]
        kind = "collect"
        judged_headers = ["user-agent"]
        [fields]
        protocol = ["event", "token"]
        {more}
        "user.unique_id" = ["user.id"]
        "#
    );
    let (vendor, _) = load::load("acme.toml", &text).unwrap_or_else(|d| panic!("{d}"));
    vec![Arc::new(vendor)]
}

#[test]
fn what_a_rule_keeps_is_told_as_kept_and_is_no_leak() {
    let policy = "version = 1\nunlisted = \"keep\"\n\
        [[rule]]\nname = \"ids\"\ncategory = [\"user.unique_id\"]\naction = \"keep\"\n\
        [[rule]]\nname = \"mail\"\ncategory = [\"user.contact\"]\nwhen = { sampled = 0.5 }\naction = \"drop\"\n\
        [[rule]]\nname = \"rest\"\ncategory = [\"user\"]\naction = \"drop\"\n";
    let report = verified("p.toml", policy, acme(""));
    assert!(report.is_clean(), "{:#?}", (&report.leaks, &report.missing));
    let kept = |category: &str, rule: &str| {
        let mut rows = report.kept.iter();
        rows.any(|k| k.category == category && k.rule == rule && k.count > 0)
    };
    assert!(kept("user.unique_id", "ids"), "{:#?}", report.kept);
    assert!(!kept("user.contact.email", "rest"));
    let text = report.json().to_string();
    assert_eq!(check(&text), Check::Whole);
    assert_eq!(
        check(&text.replacen("\"leaked\":0", "\"leaked\":1", 1)),
        Check::Changed
    );
}

#[test]
fn a_policy_that_keeps_all_leaves_all_and_a_mask_that_hides_little_is_a_leak() {
    let keep = "version = 1\nunlisted = \"keep\"\n";
    let report = verified("p.toml", keep, acme(""));
    assert!(report.is_clean(), "{:#?}", report.leaks);
    assert!(report.total(|l| l.kept) * 2 > report.total(|l| l.planted));
    // Twelve characters shown at the end: of `u-` and twelve letters all that matters.
    let mask = "version = 1\nunlisted = \"keep\"\n[[rule]]\nname = \"ids\"\ncategory = [\"user.unique_id\"]\n\
        action = { mask = { keep_end = 12 } }\n";
    let report = verified("p.toml", mask, acme(""));
    let leak = report.leaks.first().expect("a leak");
    assert_eq!((&*leak.vendor, leak.category), ("acme", "user.unique_id"));
    assert!(!report.is_clean() && !report.is_blind());
}

#[test]
fn an_endpoint_at_which_nothing_arrives_is_a_finding() {
    // An allow list that lists nothing, and a pixel whose catalog knows no field that it needs.
    let catalog = r#"
        name = "acme"
        title = "Acme"
        upstream = "https://in.acme.example"
        [[endpoint]]
        paths = ["/pixel.gif"]
        kind = "collect"
        methods = ["GET"]
        events = ["$query"]
        answers = [{ status = 200 }]
        "#;
    let vendor = || {
        let (vendor, _) = load::load("acme.toml", catalog).unwrap_or_else(|d| panic!("{d}"));
        vec![Arc::new(vendor)]
    };
    let report = verified("p.toml", "version = 1\nunlisted = \"drop\"\n", vendor());
    assert!(report.leaks.is_empty() && !report.is_blind() && !report.is_clean());
    assert_eq!(report.missing[0].endpoint, "/pixel.gif");
    let report = verified("p.toml", "version = 1\nunlisted = \"keep\"\n", vendor());
    assert!(report.is_clean(), "{:#?}", report.missing);
    // A policy that takes whole events takes them.
    let takes = "version = 1\nunlisted = \"keep\"\n\
        [[rule]]\nname = \"none\"\naction = \"drop_event\"\n";
    let report = verified("p.toml", takes, vendor());
    assert!(report.is_clean() && report.total(|l| l.arrived) == 0);
}
