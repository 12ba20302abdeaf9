//! The cost of an event under 10, 100, 1,000 and 10,000 rules: it must not grow with their number.
//!
//! Rules of each kind that conditions allow, and all kinds mixed; the rules that decide about the
//! bodies stand last, so that a list walked from the top would show. Bodies whose paths are known by
//! now, bodies whose keys were never seen before, and bodies whose events are called differently each
//! time. The numbers of rules take turns and the fastest round of each counts, so that what
//! else a machine does falls on all alike. Prints microseconds per event; ends with 1 if a line
//! spreads by more than [`SPREAD`]. `cargo bench --bench policy_rules -- deep cold` runs what is named.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that cannot start may panic, and it prints"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tamis::catalog::{Found, load};
use tamis::policy::CompiledPolicy;
use tamis::scrub::{RawRequest, Scratch, Scrubber, Verdict};
use tamis::sensitive::SecretKey;

const COUNTS: [usize; 4] = [10, 100, 1000, 10_000];
const RUNS: usize = 3;
const ROUNDS: usize = 30;
const EVENTS: usize = 20;
const KEYS: usize = 40;
/// Between the cheapest and the dearest number of rules.
const SPREAD: f64 = 1.10;

/// A kind of rules: the conditions of the `n`th.
type Kind = (&'static str, fn(usize) -> String);

const KINDS: [Kind; 8] = [
    ("fields", |n| format!("field = [\"properties.other_{n}\"]")),
    ("deep", |n| {
        format!("field = [\"**.deep_{n}\", \"**.in_{n}.*.id\"]")
    }),
    ("globs", |n| {
        format!("field = [\"properties.glob_{n}_*\", \"*.*_end_{n}\"]")
    }),
    ("events", |n| {
        format!(
            "event = [\"Other {n}\", \"Odd {n} *\"]\nfield = [\"properties.p{}\"]",
            n % KEYS
        )
    }),
    ("one_field", |n| {
        format!("event = [\"Other {n}\"]\nfield = [\"properties.*\"]")
    }),
    ("categories", |n| {
        let category = [
            "user.biometric",
            "user.contact.email",
            "user.name",
            "user.sensor",
        ][n % 4];
        let scope = match n % 3 {
            0 => format!("event = [\"Other {n}\"]"),
            1 => "when = { gpc = true }".to_owned(),
            _ => format!("vendor = [\"other{n}\"]"),
        };
        format!("category = [\"{category}\"]\n{scope}")
    }),
    ("mixed", |n| KINDS[n % 6].1(n)),
    // Under 10,000 rules nearly every event has one of its own; what leaves is the same.
    ("own_event", |n| {
        let key = n % KEYS;
        format!("event = [\"Name {n}\"]\nfield = [\"properties.p{key}\"]\naction = \"keep\"")
    }),
];

fn policy(rules: usize, kind: Kind) -> String {
    let mut text = "version = 1\nname = \"many\"\nunlisted = \"keep\"\n".to_owned();
    for n in 0..rules.saturating_sub(3) {
        let mut rule = kind.1(n);
        if !rule.contains("action") {
            rule.push_str("\naction = \"drop\"");
        }
        let _ = writeln!(text, "[[rule]]\nname = \"r{n}\"\n{rule}");
    }
    text.push_str(
        "[[rule]]\nname = \"contact\"\ncategory = [\"user.contact\"]\naction = \"drop\"\n",
    );
    text.push_str("[[rule]]\nname = \"ids\"\ncategory = [\"user.unique_id\"]\naction = \"hash\"\n");
    text.push_str("[[rule]]\nname = \"last\"\nfield = [\"properties.p1\"]\naction = \"null\"\n");
    text
}

/// A batch; the keys of each event begin like this, the events are called like that.
fn body(keys: impl Fn(usize) -> String, name: impl Fn(usize) -> String) -> String {
    let events: Vec<String> = (0..EVENTS)
        .map(|event| {
            let keys = keys(event);
            let properties: Vec<String> = (0..KEYS)
                .map(|p| match p % 20 {
                    7 => format!("\"{keys}p{p}\":\"write to jane{p}@example.com about {event}\""),
                    _ => format!("\"{keys}p{p}\":\"value {p} of {event}\""),
                })
                .collect();
            let (name, properties) = (name(event), properties.join(","));
            format!(
                "{{\"event\":\"{name}\",\"properties\":{{\"distinct_id\":\"user-{event}\",\"token\":\"t\",{properties}}}}}",
            )
        })
        .collect();
    format!("[{}]", events.join(","))
}

fn bodies(of: &str) -> Vec<String> {
    match of {
        "warm" => vec![body(|_| String::new(), |_| "Seen".to_owned())],
        // More paths than are remembered: none is known when it comes again.
        "cold" => (0..32)
            .map(|n| body(|e| format!("k{n}_{e}_"), |_| "Seen".to_owned()))
            .collect(),
        "names" => (0..500)
            .map(|n| body(|_| String::new(), |e| format!("Name {}", n * EVENTS + e)))
            .collect(),
        other => panic!("no bodies are called {other}"),
    }
}

/// Of this thread: what else the machine does is not counted.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("a time")
}

struct Run {
    bodies: Vec<String>,
    scrubber: Scrubber,
    endpoint: usize,
    scratch: Scratch,
    next: usize,
    rounds: Vec<Duration>,
}

impl Run {
    fn new(rules: usize, kind: Kind, of: &str) -> Self {
        let (policy, _) =
            CompiledPolicy::load("many.toml", &policy(rules, kind)).expect("a policy");
        let vendors = load::builtin().expect("catalogs").into_iter();
        let vendor = vendors.into_iter().find(|v| &*v.name == "mixpanel");
        let vendor = vendor.expect("a vendor");
        let Found::Endpoint(endpoint, _) = vendor.find("POST", "/track") else {
            panic!("no endpoint");
        };
        let key = SecretKey::new([7; 32]);
        Self {
            bodies: bodies(of),
            scrubber: Scrubber::new(Arc::new(policy), vec![Arc::new(vendor)], &key),
            endpoint,
            scratch: Scratch::new(),
            next: 0,
            rounds: Vec::new(),
        }
    }

    fn round(&mut self) {
        let start = cpu_time();
        for _ in 0..8 {
            let body = &self.bodies[self.next % self.bodies.len()];
            self.next += 1;
            let raw = RawRequest {
                vendor: 0,
                endpoint: self.endpoint,
                method: "POST",
                path: "/track",
                query: None,
                headers: &[("content-type", "application/json")],
                body: body.as_bytes(),
                client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                body_limit: 10 << 20,
                projects: &[],
                extra_headers: &[],
            };
            match self.scrubber.scrub(black_box(&raw), &mut self.scratch) {
                Verdict::Forward(clean) => drop(black_box(clean)),
                Verdict::Answer(_) | Verdict::Refuse(_) => panic!("not forwarded"),
            }
        }
        self.rounds.push(cpu_time().saturating_sub(start));
    }

    /// Microseconds per event, of the fastest round.
    fn per_event(&self) -> f64 {
        let best = self.rounds.iter().min().expect("a round");
        best.as_secs_f64() * 1e6 / (8 * EVENTS) as f64
    }
}

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let wanted = |name: &str, all: &[&str]| {
        let named: Vec<&str> = asked
            .iter()
            .map(String::as_str)
            .filter(|a| all.contains(a))
            .collect();
        named.is_empty() || named.contains(&name)
    };
    let kinds = KINDS.map(|(name, _)| name);
    let of_bodies = ["warm", "cold", "names"];
    println!(
        "{:<22}{:>10}{:>10}{:>10}{:>10}{:>9}",
        "us per event, rules:", 10, 100, 1000, 10_000, "spread"
    );
    let mut good = true;
    for kind in KINDS.into_iter().filter(|kind| wanted(kind.0, &kinds)) {
        for of in of_bodies.into_iter().filter(|of| wanted(of, &of_bodies)) {
            let mut each = [f64::MAX; 4];
            // Where memory happens to lie differs from run to run.
            for _ in 0..RUNS {
                let mut runs = COUNTS.map(|count| Run::new(count, kind, of));
                for run in &mut runs {
                    run.round();
                    run.rounds.clear();
                }
                for _ in 0..ROUNDS {
                    runs.iter_mut().for_each(Run::round);
                }
                for (best, run) in each.iter_mut().zip(&runs) {
                    *best = best.min(run.per_event());
                }
            }
            let (low, high) = (
                each.iter().copied().fold(f64::MAX, f64::min),
                each.iter().copied().fold(0.0, f64::max),
            );
            let row: String = each.iter().map(|us| format!("{us:>10.3}")).collect();
            println!(
                "{:<22}{row}{:>8.1}%",
                format!("{} {of}", kind.0),
                (high / low - 1.0) * 100.0
            );
            good &= high / low <= SPREAD;
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
