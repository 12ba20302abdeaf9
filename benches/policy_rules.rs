//! The cost of an event under 10, 100, 1,000 and 10,000 rules: it must not grow with their number.
//!
//! The rules are of every kind that conditions allow, and the one that decides about a field stands
//! last, so that a list walked from the top would show. Compare the lines of one run.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "criterion's macros; a benchmark that cannot start may panic"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tamis::catalog::{Found, load};
use tamis::policy::CompiledPolicy;
use tamis::scrub::{RawRequest, Scratch, Scrubber, Verdict};
use tamis::sensitive::SecretKey;

fn policy(rules: usize) -> String {
    let mut text = "version = 1\nname = \"many\"\nunlisted = \"keep\"\n".to_owned();
    for n in 0..rules.saturating_sub(2) {
        let place = match n % 4 {
            0 => format!("field = [\"properties.other_{n}\"]"),
            1 => format!(
                "event = [\"Other {n}\"]\nfield = [\"properties.p{}\"]",
                n % 40
            ),
            2 => format!("category = [\"user.biometric\"]\nevent = [\"Other {n} *\"]"),
            _ => format!("field = [\"**.deep_{n}\"]"),
        };
        let _ = write!(
            text,
            "[[rule]]\nname = \"r{n}\"\n{place}\naction = \"drop\"\n"
        );
    }
    text.push_str("[[rule]]\nname = \"ids\"\ncategory = [\"user.unique_id\"]\naction = \"hash\"\n");
    text.push_str("[[rule]]\nname = \"last\"\nfield = [\"properties.p1\"]\naction = \"null\"\n");
    text
}

fn body() -> String {
    let events: Vec<String> = (0..20)
        .map(|event| {
            let properties: Vec<String> =
                (0..40).map(|p| format!("\"p{p}\":\"value {p} of {event}\"")).collect();
            format!(
                "{{\"event\":\"Seen\",\"properties\":{{\"distinct_id\":\"user-{event}\",\"token\":\"t\",{}}}}}",
                properties.join(",")
            )
        })
        .collect();
    format!("[{}]", events.join(","))
}

fn rules(c: &mut Criterion) {
    let body = body();
    let mut group = c.benchmark_group("policy_rules");
    for count in [10, 100, 1000, 10_000] {
        let (policy, _) = CompiledPolicy::load("many.toml", &policy(count)).expect("a policy");
        let vendors = load::builtin().expect("catalogs");
        let vendor = vendors
            .into_iter()
            .find(|v| &*v.name == "mixpanel")
            .expect("a vendor");
        let Found::Endpoint(endpoint, _) = vendor.find("POST", "/track") else {
            panic!("no endpoint");
        };
        let scrubber = Scrubber::new(
            Arc::new(policy),
            vec![Arc::new(vendor)],
            &SecretKey::new([7; 32]),
        );
        let raw = RawRequest {
            vendor: 0,
            endpoint,
            method: "POST",
            path: "/track",
            query: None,
            headers: &[("content-type", "application/json")],
            body: body.as_bytes(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            body_limit: 10 << 20,
            projects: &[],
        };
        let mut scratch = Scratch::new();
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| match scrubber.scrub(black_box(&raw), &mut scratch) {
                Verdict::Forward(clean) => black_box(clean.body().len()),
                Verdict::Answer(_) | Verdict::Refuse(_) => panic!("not forwarded"),
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
