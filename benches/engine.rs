//! The engine against a naive reference that does the same work, and against memcpy.
//!
//! The work: six paths dropped, two ids replaced by HMAC-SHA-256, every string that is kept searched
//! for e-mail addresses, card numbers, telephone numbers and IPv4 addresses. The reference is what a
//! first implementation looks like: a `serde_json` DOM and four regexes. It lives here alone. Both
//! sides read a body's text and write a body's text. Read the ratio within one run, not the MB/s.
//!
//! The engine remembers what became of strings. "Bodies that differ" shows it where that is of little
//! use: ids, times, numbers and mailboxes are others in each of many bodies.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "criterion's macros; a benchmark that cannot start may panic"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use regex::Regex;
use serde_json::Value;
use sha2::Sha256;
use tamis::catalog::{Found, load};
use tamis::policy::CompiledPolicy;
use tamis::scrub::{RawRequest, Scratch, Scrubber, Sightings, Verdict};
use tamis::sensitive::SecretKey;

struct Workload {
    name: &'static str,
    vendor: &'static str,
    path: &'static str,
    content_type: &'static str,
    drop: &'static [&'static str],
    hash: &'static [&'static str],
}

const MIXPANEL_DROP: &[&str] = &[
    "properties.$email",
    "properties.$name",
    "properties.$phone",
    "properties.ip",
    "properties.address",
    "properties.birthday",
];
const MIXPANEL_HASH: &[&str] = &["properties.distinct_id", "properties.$device_id"];

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "mixpanel-batch-50",
        vendor: "mixpanel",
        path: "/track",
        content_type: "application/json",
        drop: MIXPANEL_DROP,
        hash: MIXPANEL_HASH,
    },
    Workload {
        name: "segment-batch-100",
        vendor: "segment",
        path: "/v1/batch",
        content_type: "application/json",
        drop: &[
            "context.traits.email",
            "context.traits.name",
            "context.traits.phone",
            "context.ip",
            "context.traits.address",
            "context.traits.birthday",
        ],
        hash: &["userId", "anonymousId"],
    },
    Workload {
        name: "text-8k",
        vendor: "mixpanel",
        path: "/track",
        content_type: "application/json",
        drop: MIXPANEL_DROP,
        hash: MIXPANEL_HASH,
    },
    Workload {
        name: "mixpanel-1",
        vendor: "mixpanel",
        path: "/track",
        content_type: "application/x-www-form-urlencoded",
        drop: MIXPANEL_DROP,
        hash: MIXPANEL_HASH,
    },
];

fn bodies(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/workloads")
        .join(name);
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .expect("the workload's folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a body"))
        .collect()
}

fn scrubber(workload: &Workload) -> Scrubber {
    let list = |paths: &[&str]| {
        let quoted: Vec<String> = paths.iter().map(|p| format!("\"{p}\"")).collect();
        quoted.join(", ")
    };
    let text = format!(
        "version = 1\nname = \"bench\"\nunlisted = \"keep\"\n\
         [[rule]]\nname = \"drop\"\nfield = [{}]\naction = \"drop\"\n\
         [[rule]]\nname = \"hash\"\nfield = [{}]\naction = {{ hash = {{ shape = \"hex\" }} }}\n\
         [[rule]]\nname = \"found\"\naction = \"drop\"\ncategory = [\"user.contact.email\", \
         \"user.contact.phone_number\", \"user.financial.credit_card\", \"user.device.ip_address\"]\n",
        list(workload.drop),
        list(workload.hash)
    );
    scrubber_for(&text)
}

fn scrubber_for(policy: &str) -> Scrubber {
    let (policy, _) = CompiledPolicy::load("bench.toml", policy).expect("the policy");
    let mut vendors = load::builtin().expect("the catalogs");
    vendors.retain(|vendor| &*vendor.name != "segment");
    vendors.push(
        load::load("segment.toml", include_str!("segment.toml"))
            .expect("it loads")
            .0,
    );
    let vendors = vendors.into_iter().map(Arc::new).collect();
    Scrubber::new(Arc::new(policy), vendors, &SecretKey::new([7; 32]))
}

fn engine(scrubber: &Scrubber, workload: &Workload, body: &[u8], scratch: &mut Scratch) -> usize {
    let at = |v: &Arc<tamis::catalog::Vendor>| *v.name == *workload.vendor;
    let vendor = scrubber.vendors().iter().position(at).expect("the vendor");
    let known = scrubber.vendors().get(vendor).expect("the vendor");
    let Found::Endpoint(endpoint, _) = known.find("POST", workload.path) else {
        panic!("no such endpoint")
    };
    let raw = RawRequest {
        vendor,
        endpoint,
        method: "POST",
        path: workload.path,
        query: None,
        headers: &[("content-type", workload.content_type)],
        body,
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        body_limit: 64 << 20,
        projects: &[],
        extra_headers: &[],
    };
    match scrubber.scrub(&raw, scratch) {
        Verdict::Forward(clean) => clean.body().len(),
        Verdict::Answer(_) | Verdict::Refuse(_) => panic!("nothing was forwarded"),
    }
}

/// The reference.
struct Naive {
    key: Hmac<Sha256>,
    regexes: [(Regex, &'static str); 4],
}

impl Naive {
    fn new() -> Self {
        let regex = |text: &str| Regex::new(text).expect("a regex");
        Self {
            key: Hmac::new_from_slice(&[7; 32]).expect("a key"),
            regexes: [
                (
                    regex(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"),
                    "[email]",
                ),
                (regex(r"\b\d(?:[ -]?\d){12,18}\b"), "[card]"),
                (
                    regex(r"(?:\+\d{1,3}[ .-]?|\b|\()\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}\b"),
                    "[phone]",
                ),
                (regex(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "[ip]"),
            ],
        }
    }

    fn scrub(&self, text: &[u8], workload: &Workload) -> usize {
        let mut document: Value = serde_json::from_slice(text).expect("JSON");
        match &mut document {
            Value::Array(events) => events.iter_mut().for_each(|e| self.event(e, workload)),
            Value::Object(object) if object.contains_key("batch") => {
                if let Some(Value::Array(events)) = object.get_mut("batch") {
                    events.iter_mut().for_each(|e| self.event(e, workload));
                }
            }
            other => self.event(other, workload),
        }
        serde_json::to_vec(&document).expect("JSON").len()
    }

    fn event(&self, event: &mut Value, workload: &Workload) {
        for path in workload.drop {
            if let Some((parent, key)) = parent(event, path) {
                parent.remove(key);
            }
        }
        let mut hashed = Vec::new();
        for path in workload.hash {
            if let Some((parent, key)) = parent(event, path)
                && let Some(Value::String(id)) = parent.remove(key)
            {
                let mut mac = self.key.clone();
                mac.update(id.as_bytes());
                let digest = mac.finalize().into_bytes();
                let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
                hashed.push((*path, hex));
            }
        }
        self.scan(event);
        for (path, hex) in hashed {
            if let Some((parent, key)) = parent(event, path) {
                parent.insert(key.to_owned(), Value::String(hex));
            }
        }
    }

    fn scan(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for (regex, with) in &self.regexes {
                    if let std::borrow::Cow::Owned(new) = regex.replace_all(text, *with) {
                        *text = new;
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.scan(item)),
            Value::Object(object) => object.values_mut().for_each(|item| self.scan(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn parent<'v, 'p>(
    event: &'v mut Value,
    path: &'p str,
) -> Option<(&'v mut serde_json::Map<String, Value>, &'p str)> {
    let mut at = event;
    let (steps, key) = path.rsplit_once('.').unwrap_or(("", path));
    for step in steps.split('.').filter(|s| !s.is_empty()) {
        at = at.get_mut(step)?;
    }
    Some((at.as_object_mut()?, key))
}

/// How many bodies differ: more strings than the engine remembers.
const COLD: u64 = 64;

/// A body whose ids, times, digits of text and mailboxes are others than in every other round; its
/// user agents stay, as they do in traffic. What is remembered of earlier bodies helps little.
fn varied(body: &[u8], round: u64) -> Vec<u8> {
    let mut out = body.to_vec();
    let mut state = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = move |among: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state % among).unwrap()
    };
    let (mut inside, mut agent, mut run) = (false, false, 0);
    for at in 0..out.len() {
        let byte = out[at];
        if byte == b'"' {
            inside = !inside;
            agent = inside && out[at + 1..].starts_with(b"Mozilla/");
            run = 0;
        } else if inside && !agent {
            if byte.is_ascii_digit() {
                run += 1;
                // Short numbers are versions and counts.
                if run >= 3 {
                    out[at] = b'0' + draw(10);
                }
            } else if !(run > 0 && byte.is_ascii_hexdigit()) {
                run = 0;
            }
            let mailbox = at >= 4 && byte == b'@';
            if mailbox && out[at - 3..at].iter().all(u8::is_ascii_alphanumeric) {
                out[at - 3..at].fill_with(|| b'a' + draw(26));
            }
        }
    }
    out
}

fn benches(c: &mut Criterion) {
    let naive = Naive::new();
    for workload in WORKLOADS {
        let bodies = bodies(workload.name);
        let bytes: usize = bodies.iter().map(Vec::len).sum();
        let equal = scrubber(workload);
        let default = scrubber_for(tamis::policy::builtin("default").expect("built in").1);
        let mut scratch = Scratch::new();
        let mut group = c.benchmark_group(workload.name);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function("engine, the same work", |b| {
            b.iter(|| {
                for body in &bodies {
                    black_box(engine(&equal, workload, body, &mut scratch));
                }
            });
        });
        group.bench_function("engine, the default policy", |b| {
            b.iter(|| {
                for body in &bodies {
                    black_box(engine(&default, workload, body, &mut scratch));
                }
            });
        });
        // As a proxy runs it: what is decided is counted for the data map.
        let sightings = Arc::new(Sightings::new());
        let (equal_counted, default_counted) = (
            scrubber(workload),
            scrubber_for(tamis::policy::builtin("default").expect("built in").1),
        );
        for (name, scrubber) in [
            ("the same work", &equal_counted),
            ("the default policy", &default_counted),
        ] {
            scrubber.count_into(&sightings);
            let mut scratch = Scratch::new();
            group.bench_function(format!("engine, {name}, counted"), |b| {
                b.iter(|| {
                    for body in &bodies {
                        black_box(engine(scrubber, workload, body, &mut scratch));
                    }
                });
            });
        }
        if workload.content_type == "application/json" {
            let cold: Vec<Vec<u8>> = (1..=COLD)
                .flat_map(|round| bodies.iter().map(move |body| varied(body, round)))
                .collect();
            for (name, scrubber) in [
                ("the same work", &equal),
                ("the default policy", &default),
                ("the default policy, counted", &default_counted),
            ] {
                let mut next = cold.iter().cycle();
                let mut scratch = Scratch::new();
                group.bench_function(format!("engine, {name}, bodies that differ"), |b| {
                    b.iter(|| {
                        for body in next.by_ref().take(bodies.len()) {
                            black_box(engine(scrubber, workload, body, &mut scratch));
                        }
                    });
                });
            }
            group.bench_function("naive", |b| {
                b.iter(|| {
                    for body in &bodies {
                        black_box(naive.scrub(body, workload));
                    }
                });
            });
        }
        group.bench_function("memcpy", |b| {
            let mut out = Vec::new();
            b.iter(|| {
                for body in &bodies {
                    out.clear();
                    out.extend_from_slice(body);
                    black_box(&out);
                }
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(3));
    targets = benches
}
criterion_main!(all);
