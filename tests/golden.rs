//! Golden files: every recorded request under `default` and `strict`, byte for byte.
//!
//! `tests/golden/<vendor>/<client>/<name>.json` is a request as a real client library sent it;
//! `<name>.<policy>.out` beside it is what leaves: request line, headers, body as it is, and below a
//! line the body decoded for whoever reviews a change. `UPDATE_GOLDEN=1 cargo test --test golden`
//! writes them anew. Besides, laws that hold for every one of them: none of the invented person's
//! data, as many events as came in, and under `default` what the product team needs, exactly.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod support;
#[path = "support/unfold.rs"]
mod unfold;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use support::{Outcome, Request, builtin, send_with};
use tamis::scrub::{CleanRequest, Scratch, Scrubber, Shadow, Sightings};
use unfold::{Tree, base64, digits, lossy, percent, unfold};

const POLICIES: [&str; 2] = ["default", "strict"];

/// What the recorded person is known by; none of it may be read out of what leaves.
const PERSON: [&str; 13] = [
    "zeb.canary7",
    "Zebulon",
    "Quixworth",
    "742 Canary",
    "Birdcage",
    "Canaryville",
    "user-canary-48213",
    "org-canary-77120",
    "1987-03-09",
    "canarytoken55",
    "zebcanary",
    "secret-referrer",
    "203.0.113.77",
];
/// The same in digits, whatever stands between them.
const NUMBERS: [&str; 3] = ["4155550137", "4111111111111111", "19870309"];

/// Keys whose values must leave exactly under `default`: what the vendor's protocol needs, and what
/// the product team asked for.
const EXACT: [&str; 17] = [
    "event",
    "token",
    "$token",
    "time",
    "$insert_id",
    "mp_lib",
    "$lib_version",
    "plan",
    "amount",
    "items",
    "big_integer",
    "safe_integer",
    "unicode_text",
    "is_first",
    "coupon",
    "empty_note",
    "utm_source",
];
/// Keys whose values must leave exactly under `strict`.
const PROTOCOL: [&str; 7] = [
    "event",
    "token",
    "$token",
    "time",
    "$insert_id",
    "mp_lib",
    "$lib_version",
];

/// Keys whose values are ids under both policies, and the same pseudonym wherever they stand.
const IDS: [&str; 6] = [
    "distinct_id",
    "$distinct_id",
    "$user_id",
    "$anon_distinct_id",
    "userId",
    "anonymousId",
];

#[test]
fn every_recorded_request_leaves_as_written_down() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for policy in POLICIES {
        let scrubber = builtin(policy);
        let mut scratch = Scratch::new();
        for file in fixtures() {
            let got = Recorded::read(&file).draw(&scrubber, &mut scratch);
            let place = file.with_extension(format!("{policy}.out"));
            if update {
                std::fs::write(&place, &got).expect("a writable golden file");
            } else if std::fs::read_to_string(&place).unwrap_or_default() != got {
                wrong.push(format!("{} differs; now:\n{got}", place.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} golden files differ; UPDATE_GOLDEN=1 writes them anew, then review the change\n\n{}",
        wrong.len(),
        wrong.first().map_or("", |text| text)
    );
}

#[test]
fn what_was_learned_judges_as_the_first_look_did() {
    // Not hipaa-safe-harbor, whose ids are random.
    for policy in ["default", "strict", "cnil", "observe"] {
        let scrubber = builtin(policy);
        let mut scratch = Scratch::new();
        for file in fixtures() {
            let recorded = Recorded::read(&file);
            let look = |scratch: &mut Scratch| match recorded.outcome(&scrubber, scratch) {
                Outcome::Forward(clean) => {
                    let headers: Vec<_> = clean.headers().collect();
                    let headers = format!("{} {headers:?}", clean.target());
                    (headers, clean.body().to_vec())
                }
                Outcome::Answer => ("answered".to_owned(), Vec::new()),
                Outcome::Refuse(refusal) => (format!("{refusal:?}"), Vec::new()),
            };
            let (first, second) = (look(&mut scratch), look(&mut scratch));
            let fresh = look(&mut Scratch::new());
            let place = file.display();
            assert_eq!(first, fresh, "{place} under {policy}, after others");
            assert_eq!(second, fresh, "{place} under {policy}, the second time");
        }
    }
}

#[test]
fn what_is_counted_is_what_has_rows_and_names_nobody() {
    for policy in POLICIES {
        let scrubber = builtin(policy);
        let sightings = Arc::new(Sightings::new());
        scrubber.count_into(&sightings);
        let (mut fast, mut explaining) = (Scratch::new(), Scratch::explaining());
        let mut said = String::new();
        for file in fixtures() {
            let recorded = Recorded::read(&file);
            let _ = recorded.outcome(&scrubber, &mut explaining);
            let _ = sightings.take();
            let mut want: BTreeMap<String, u64> = BTreeMap::new();
            // Credentials pass without being a row.
            let passes = |field: &str, rule: &str| field.starts_with("$header.") && rule.is_empty();
            let mut rows = explaining.take_rows();
            rows.retain(|row| !passes(&row.path, &row.rule));
            for row in rows {
                *want
                    .entry(format!("{} {}", row.action, row.rule))
                    .or_default() += 3;
            }
            for _ in 0..3 {
                let _ = recorded.outcome(&scrubber, &mut fast);
            }
            let mut got: BTreeMap<String, u64> = BTreeMap::new();
            for (of, count) in sightings.take() {
                said.push_str(&format!("{of:?}\n").to_lowercase());
                if !of.inside && !passes(&of.field, &of.rule) {
                    *got.entry(format!("{} {}", of.action, of.rule)).or_default() += count;
                }
            }
            assert_eq!(got, want, "{} under {policy}", file.display());
        }
        for word in PERSON.iter().chain(&NUMBERS) {
            let word = word.to_lowercase();
            let hit = said.lines().find(|line| line.contains(&word));
            assert_eq!(hit, None, "{word}");
        }
    }
}

#[test]
fn a_shadow_policy_changes_no_recording_and_differs_from_others_only() {
    let said = |outcome: Outcome| match outcome {
        Outcome::Forward(clean) => {
            let headers: Vec<_> = clean.headers().collect();
            (
                format!("{} {headers:?}", clean.target()),
                clean.body().to_vec(),
            )
        }
        Outcome::Answer => ("answered".to_owned(), Vec::new()),
        Outcome::Refuse(refusal) => (format!("{refusal:?}"), Vec::new()),
    };
    for (policy, shadow) in [
        ("default", "default"),
        ("strict", "strict"),
        ("default", "cnil"),
    ] {
        let alone = builtin(policy);
        let both = builtin(policy).with_shadow(Shadow::new(builtin(shadow)));
        let (mut one, mut other) = (Scratch::new(), Scratch::new());
        for file in fixtures() {
            let recorded = Recorded::read(&file);
            for _ in 0..2 {
                let with = said(recorded.outcome(&both, &mut one));
                let without = said(recorded.outcome(&alone, &mut other));
                assert_eq!(with, without, "{} under {policy}", file.display());
                let differs = one.report().shadow_differences;
                assert!(policy != shadow || differs == 0, "{}", file.display());
            }
        }
        let differences = both.shadow().expect("a shadow").differences();
        assert_eq!(differences.failed(), 0);
        let rows = differences.rows();
        assert_eq!(rows.is_empty(), policy == shadow, "{policy} and {shadow}");
        let rows = format!("{rows:?}").to_lowercase();
        for word in PERSON.iter().chain(&NUMBERS) {
            assert!(!rows.contains(&word.to_lowercase()), "{word} in {rows}");
        }
    }
}

#[test]
fn nothing_of_the_person_leaves() {
    let mut found = Vec::new();
    for_each(|policy, name, clean, _| {
        let mut wire = clean.target().as_bytes().to_vec();
        for (header, value) in clean.headers() {
            wire.extend_from_slice(format!("\n{header}: {value}").as_bytes());
        }
        for part in [&wire[..], clean.body()] {
            for text in unfold(part) {
                let lower = text.to_lowercase();
                let plain = digits(&text);
                let words = PERSON
                    .iter()
                    .filter(|word| lower.contains(&word.to_lowercase()));
                let numbers = NUMBERS.iter().filter(|number| plain.contains(**number));
                for hit in words.chain(numbers) {
                    let short: String = text.chars().take(160).collect();
                    found.push(format!("{name} under {policy}: {hit} in {short}"));
                }
            }
        }
    });
    found.sort();
    found.dedup();
    assert!(
        found.is_empty(),
        "{} leaks:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn the_recordings_do_hold_the_person() {
    // Else the test above would find nothing in anything.
    let mut missing: Vec<_> = PERSON
        .iter()
        .chain(&NUMBERS)
        .filter(|n| **n != "19870309")
        .collect();
    for file in fixtures() {
        let recorded = Recorded::read(&file);
        for text in unfold(&recorded.body) {
            let (lower, plain) = (text.to_lowercase(), digits(&text));
            missing.retain(|n| !lower.contains(&n.to_lowercase()) && !plain.contains(**n));
        }
    }
    assert!(missing.is_empty(), "in no recording: {missing:?}");
}

#[test]
fn as_many_events_leave_as_came() {
    for_each(|policy, name, clean, recorded| {
        let count = |body: &[u8]| -> usize {
            documents(body)
                .iter()
                .map(|tree| match tree {
                    Tree::Array(items) => items.len(),
                    Tree::Object(_) | Tree::Scalar(_) => 1,
                })
                .sum()
        };
        let (came, left) = (count(&recorded.body), count(clean.body()));
        // A query string holds no documents, whether as the body or in its place.
        let json = recorded.body.first().is_some_and(|b| b"{[".contains(b));
        assert!(came > 0 || !json, "{name}: no events in the recording");
        assert_eq!(came, left, "{name} under {policy}");
    });
}

#[test]
fn what_is_needed_leaves_exactly() {
    let mut seen = std::collections::HashSet::new();
    for_each(|policy, name, clean, recorded| {
        let needed: &[&'static str] = if policy == "default" {
            &EXACT
        } else {
            &PROTOCOL
        };
        let exact = |body: &[u8]| -> Vec<(String, String)> {
            documents(body)
                .iter()
                .flat_map(Tree::leaves)
                // `token` is a project's, but for one that stands for a device.
                .filter(|(path, _)| !path.ends_with(".attributes.token"))
                .filter(|(path, _)| needed.contains(&last(path)))
                .collect()
        };
        let (came, left) = (exact(&recorded.body), exact(clean.body()));
        for (path, _) in &came {
            seen.extend(needed.iter().copied().filter(|key| *key == last(path)));
        }
        assert_eq!(came, left, "{name} under {policy}");
    });
    let unseen: Vec<_> = EXACT.iter().filter(|key| !seen.contains(*key)).collect();
    assert!(unseen.is_empty(), "in no recording: {unseen:?}");
}

#[test]
fn equal_ids_get_equal_pseudonyms_in_all_recordings() {
    let ids = |body: &[u8]| -> Vec<String> {
        documents(body)
            .iter()
            .flat_map(Tree::leaves)
            .filter(|(path, raw)| IDS.contains(&last(path)) && raw.starts_with('"'))
            .map(|(_, raw)| raw)
            .collect()
    };
    let mut known = std::collections::HashMap::new();
    for_each(|policy, name, clean, recorded| {
        for (came, left) in ids(&recorded.body).into_iter().zip(ids(clean.body())) {
            assert_ne!(came, left, "{name} under {policy}");
            assert_eq!(
                came.starts_with("\"$device:"),
                left.starts_with("\"$device:"),
                "{name} under {policy}"
            );
            let came = (recorded.vendor.clone(), came);
            let first = known.entry(came).or_insert_with(|| left.clone());
            assert_eq!(*first, left, "{name} under {policy}");
        }
    });
    assert!(known.len() > 1);
}

/// A recorded request.
struct Recorded {
    vendor: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Recorded {
    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("a fixture");
        let json: serde_json::Value = serde_json::from_str(&text).expect("a fixture's JSON");
        let text = |key: &str| json[key].as_str().expect("a text").to_owned();
        let headers = json["headers"].as_array().expect("headers").iter();
        Self {
            vendor: text("vendor"),
            method: text("method"),
            target: text("target"),
            headers: headers
                .map(|pair| {
                    let part = |at: usize| pair[at].as_str().expect("a text").to_owned();
                    (part(0).to_ascii_lowercase(), part(1))
                })
                .collect(),
            body: base64(&text("body_b64")).expect("base64"),
        }
    }

    fn send(&self, scrubber: &Scrubber, scratch: &mut Scratch) -> CleanRequest {
        match self.outcome(scrubber, scratch) {
            Outcome::Forward(clean) => clean,
            Outcome::Answer => panic!("{}: answered", self.target),
            Outcome::Refuse(refusal) => panic!("{}: {refusal:?}", self.target),
        }
    }

    fn outcome(&self, scrubber: &Scrubber, scratch: &mut Scratch) -> Outcome {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*self.target, None),
        };
        let request = Request {
            vendor: &self.vendor,
            method: &self.method,
            path,
            query,
            headers: self.headers.iter().map(|(n, v)| (&**n, &**v)).collect(),
            body: &self.body,
        };
        send_with(scrubber, &request, scratch)
    }

    /// What leaves, as the golden file shows it.
    fn draw(&self, scrubber: &Scrubber, scratch: &mut Scratch) -> String {
        let clean = self.send(scrubber, scratch);
        let mut out = format!("{} {}\n", clean.method(), clean.target());
        for (name, value) in clean.headers() {
            out.push_str(&format!("{name}: {value}\n"));
        }
        out.push('\n');
        match std::str::from_utf8(clean.body()) {
            Ok(text) => out.push_str(text),
            Err(_) => {
                let hex: String = clean.body().iter().map(|b| format!("{b:02x}")).collect();
                out.push_str(&format!("(hex) {hex}"));
            }
        }
        out.push_str("\n\n---------- decoded ----------\n");
        let body = lossy(&plain(clean.body()));
        if !body.starts_with(['{', '[']) {
            for pair in body.split('&') {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                if key != "data" {
                    out.push_str(&format!("{key} = {}\n", percent(value, true)));
                }
            }
        }
        for tree in documents(clean.body()) {
            out.push_str(&tree.draw(0));
            out.push('\n');
        }
        out
    }
}

fn for_each(mut check: impl FnMut(&str, &str, &CleanRequest, &Recorded)) {
    for policy in POLICIES {
        let scrubber = builtin(policy);
        let mut scratch = Scratch::new();
        for file in fixtures() {
            let recorded = Recorded::read(&file);
            let clean = recorded.send(&scrubber, &mut scratch);
            let name = file
                .strip_prefix(root())
                .unwrap_or(&file)
                .display()
                .to_string();
            check(policy, &name, &clean, &recorded);
        }
    }
}

/// The JSON documents of a body: as they stand, or in the form's `data`, base64 or not.
fn documents(body: &[u8]) -> Vec<Tree> {
    let text = lossy(&plain(body));
    if text.starts_with(['{', '[']) {
        return Tree::parse_any(&text);
    }
    text.split('&')
        .filter_map(|pair| pair.strip_prefix("data="))
        .map(|value| percent(value, true))
        .flat_map(|value| {
            if value.starts_with(['{', '[']) {
                Tree::parse_any(&value)
            } else {
                Tree::parse_any(&lossy(&base64(&value).expect("base64")))
            }
        })
        .collect()
}

/// The bytes without gzip.
fn plain(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if body.starts_with(&[0x1f, 0x8b]) {
        let mut reader = flate2::read::MultiGzDecoder::new(body);
        std::io::Read::read_to_end(&mut reader, &mut out).expect("gzip");
    } else {
        out.extend_from_slice(body);
    }
    out
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// All fixtures, in order.
fn fixtures() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}
