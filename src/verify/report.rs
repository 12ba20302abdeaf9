//! What a run found, as a report that can be shown: counts, rules and places, no canary.
//!
//! Invariant: the digest is the SHA-256 of the report's canonical text, which is its JSON without the
//! member `digest`, members in the order of their names, no blanks. Whoever changes a number changes
//! the digest; [`check`] makes it anew.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::expect::Fate;
use super::probes::{Carrier, Probe, Unmade};
use super::tree::Plant;
use super::{Subject, Via};
use crate::catalog::{Endpoint, Kind, Vendor};
use crate::category::DataCategory;
use crate::civil;
use crate::keys;

/// What was sent in one encoding of one carrier of one endpoint, and what became of it.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Line {
    /// The vendor's name.
    pub vendor: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// `collect`, `query`, `asset`, `replay`.
    pub kind: &'static str,
    /// `body`, `parameter`, `query`, `path`, `header`.
    pub carrier: &'static str,
    /// How it was written: `application/json: gzip > json`.
    pub encoding: String,
    /// Requests sent through the gateway.
    pub requests: usize,
    /// Of these, forwarded to the vendor.
    pub arrived: usize,
    /// Answered by the gateway itself, with a success.
    pub answered: usize,
    /// Refused.
    pub refused: usize,
    /// Canaries planted.
    pub planted: usize,
    /// Canaries that the search found where nothing was judged.
    pub control: usize,
    /// Canaries that had to go, and went.
    pub gone: usize,
    /// Canaries that a rule keeps and that left.
    pub kept: usize,
    /// Canaries that left under a condition that a run does not settle.
    pub conditional: usize,
    /// Canaries that had to go, and left.
    pub leaked: usize,
}

/// A canary that left although the policy does not let it.
#[derive(Clone, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// The vendor's name.
    pub vendor: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// Where in the request.
    pub carrier: &'static str,
    /// How it was written.
    pub encoding: String,
    /// Among which fields: `fields` of the catalog, parts of such (`list`, `member`), `protocol`
    /// fields, `unknown` ones, …
    pub sheet: &'static str,
    /// The field.
    pub field: String,
    /// Its data category; `-` for none.
    pub category: &'static str,
    /// What the canary looks like.
    pub guise: &'static str,
    /// In which encoding it was found in what arrived; `as it is` for none.
    pub found: String,
}

/// How many canaries of a category a rule lets through.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Kept {
    /// The data category; `-` for none.
    pub category: String,
    /// The rule's name, or why without one.
    pub rule: String,
    /// Whether the rule has a condition that a run does not settle.
    pub conditional: bool,
    /// How many left.
    pub count: usize,
}

/// A carrier of which nothing reached the vendor although its endpoint collects.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Missing {
    /// The vendor's name.
    pub vendor: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// Where in the request.
    pub carrier: &'static str,
    /// How it was written.
    pub encoding: String,
}

/// A carrier for which nothing could be written.
#[derive(Clone, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotGenerated {
    /// The vendor's name.
    pub vendor: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// Where in the request.
    pub carrier: &'static str,
    /// How it would be written.
    pub encoding: String,
    /// Why not.
    pub why: &'static str,
}

/// What a run found.
#[derive(Clone, Debug)]
pub struct Report {
    /// One line for each vendor, endpoint, carrier and encoding.
    pub lines: Vec<Line>,
    /// What left against the policy.
    pub leaks: Vec<Leak>,
    /// What nothing arrived of.
    pub missing: Vec<Missing>,
    /// What could not be written.
    pub not_generated: Vec<NotGenerated>,
    /// What left by the policy's leave.
    pub kept: Vec<Kept>,
    /// Canaries that the search did not find where nothing was judged: the run proves nothing.
    pub unseen: Vec<Leak>,
    json: Value,
}

impl Report {
    pub(super) fn new(subject: &Subject, via: Via, found: Vec<Found>) -> Self {
        let mut report = Self {
            lines: Vec::new(),
            leaks: Vec::new(),
            missing: Vec::new(),
            not_generated: Vec::new(),
            kept: Vec::new(),
            unseen: Vec::new(),
            json: Value::Null,
        };
        let mut kept: BTreeMap<(String, String, bool), usize> = BTreeMap::new();
        for found in found {
            report.lines.extend(found.lines);
            report.leaks.extend(found.leaks);
            report.missing.extend(found.missing);
            report.not_generated.extend(found.not_generated);
            report.unseen.extend(found.unseen);
            for (key, count) in found.kept {
                *kept.entry(key).or_default() += count;
            }
        }
        report.kept = kept
            .into_iter()
            .map(|((category, rule, conditional), count)| Kept {
                category,
                rule,
                conditional,
                count,
            })
            .collect();
        report.json = report.to_json(subject, via);
        report
    }

    /// Whether nothing left that must not, everything that should arrive did, and the search could
    /// see.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.leaks.is_empty() && self.missing.is_empty() && !self.is_blind()
    }

    /// Whether the control run missed canaries: then the run proves nothing.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        let planted = self.total(|line| line.planted);
        !self.unseen.is_empty() || planted == 0 || planted != self.total(|line| line.control)
    }

    /// The sum over all lines.
    pub fn total(&self, of: impl Fn(&Line) -> usize) -> usize {
        self.lines.iter().map(of).sum()
    }

    /// The report with its digest.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    fn to_json(&self, subject: &Subject, via: Via) -> Value {
        let catalogs: BTreeMap<&str, &str> = subject
            .catalogs
            .iter()
            .map(|(name, digest)| (&**name, &**digest))
            .collect();
        let mut json = serde_json::json!({
            "report": "tamis verify",
            "version": 1,
            "made": made(keys::now()),
            "binary": env!("CARGO_PKG_VERSION"),
            "policy": { "name": &*subject.policy.name, "sha256": hex(&subject.policy.digest) },
            "seed": hex(&subject.seed),
            "via": via.name(),
            "catalogs": catalogs,
            "verdict": self.verdict(),
            "totals": {
                "requests": self.total(|l| l.requests),
                "arrived": self.total(|l| l.arrived),
                "answered": self.total(|l| l.answered),
                "refused": self.total(|l| l.refused),
                "planted": self.total(|l| l.planted),
                "control": self.total(|l| l.control),
                "gone": self.total(|l| l.gone),
                "kept": self.total(|l| l.kept),
                "conditional": self.total(|l| l.conditional),
                "leaked": self.total(|l| l.leaked),
            },
            "kept": self.kept,
            "leaks": self.leaks,
            "nothing_arrived": self.missing,
            "not_generated": self.not_generated,
            "not_seen_in_control": self.unseen,
            "lines": self.lines,
        });
        let digest = digest(&json);
        if let Value::Object(members) = &mut json {
            members.insert("digest".into(), format!("sha256:{digest}").into());
        }
        json
    }

    /// In a word.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        if self.is_blind() {
            "blind"
        } else if self.is_clean() {
            "clean"
        } else {
            "findings"
        }
    }
}

/// Whether a report is as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The digest is that of the report.
    Whole,
    /// It is not: something was changed.
    Changed,
    /// It is no report of this command.
    NoReport,
}

/// Makes the digest of a report anew.
#[must_use]
pub fn check(text: &str) -> Check {
    let Ok(Value::Object(mut members)) = serde_json::from_str::<Value>(text) else {
        return Check::NoReport;
    };
    let ours = members.get("report").and_then(Value::as_str) == Some("tamis verify");
    let Some(Value::String(had)) = members.remove("digest").filter(|_| ours) else {
        return Check::NoReport;
    };
    if had == format!("sha256:{}", digest(&Value::Object(members))) {
        Check::Whole
    } else {
        Check::Changed
    }
}

fn digest(json: &Value) -> String {
    let mut text = String::new();
    canonical(json, &mut text);
    hex(&Sha256::digest(text))
}

/// JSON without blanks, members in the order of their names, whatever order the map keeps.
fn canonical(json: &Value, out: &mut String) {
    match json {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push('{');
            for (at, (name, member)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&json.to_string());
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An instant in UTC: `2026-01-31T12:00:00Z`.
fn made(seconds: i64) -> String {
    let (year, month, day) = civil::date(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// What was found at one vendor.
pub(super) struct Found {
    vendor: String,
    lines: Vec<Line>,
    leaks: Vec<Leak>,
    missing: Vec<Missing>,
    not_generated: Vec<NotGenerated>,
    unseen: Vec<Leak>,
    kept: BTreeMap<(String, String, bool), usize>,
}

impl Found {
    pub(super) fn new(vendor: &Vendor) -> Self {
        Self {
            vendor: vendor.name.to_string(),
            lines: Vec::new(),
            leaks: Vec::new(),
            missing: Vec::new(),
            not_generated: Vec::new(),
            unseen: Vec::new(),
            kept: BTreeMap::new(),
        }
    }

    /// The line of a probe. Probes of one line follow each other, so the search is from the end.
    pub(super) fn line(&mut self, endpoint: &Endpoint, probe: &Probe) -> &mut Line {
        let same = |line: &Line| {
            line.endpoint == *endpoint.name
                && line.kind == kind(endpoint)
                && line.carrier == probe.carrier.name()
                && line.encoding == probe.encoding
        };
        let at = match self.lines.iter().rposition(same) {
            Some(at) => at,
            None => {
                self.lines.push(Line {
                    vendor: self.vendor.clone(),
                    endpoint: endpoint.name.to_string(),
                    kind: kind(endpoint),
                    carrier: probe.carrier.name(),
                    encoding: probe.encoding.clone(),
                    ..Line::default()
                });
                self.lines.len() - 1
            }
        };
        #[expect(clippy::indexing_slicing, reason = "found or pushed above")]
        &mut self.lines[at]
    }

    fn leak(&self, endpoint: &Endpoint, probe: &Probe, plant: &Plant, found: String) -> Leak {
        Leak {
            vendor: self.vendor.clone(),
            endpoint: endpoint.name.to_string(),
            carrier: probe.carrier.name(),
            encoding: probe.encoding.clone(),
            sheet: probe.sheet,
            field: plant.place.clone(),
            category: plant.category.map_or("-", DataCategory::key),
            guise: plant.guise,
            found,
        }
    }

    /// Canaries that the search did not see though nothing was judged.
    pub(super) fn unseen(&mut self, endpoint: &Endpoint, probe: &Probe, plants: &[&Plant]) {
        for plant in plants {
            let leak = self.leak(endpoint, probe, plant, String::new());
            self.unseen.push(leak);
        }
    }

    /// Holds what became of a canary against what the policy says.
    pub(super) fn judge(
        &mut self,
        endpoint: &Endpoint,
        probe: &Probe,
        plant: &Plant,
        fate: &Fate,
        left: Option<String>,
    ) {
        let Some(way) = left else {
            self.line(endpoint, probe).gone += 1;
            return;
        };
        let (rule, conditional) = match fate {
            Fate::Gone => {
                self.line(endpoint, probe).leaked += 1;
                let found = if way.is_empty() {
                    "as it is".into()
                } else {
                    way
                };
                let leak = self.leak(endpoint, probe, plant, found);
                self.leaks.push(leak);
                return;
            }
            Fate::Kept(rule) => (rule, false),
            Fate::Conditional(rule) => (rule, true),
        };
        let line = self.line(endpoint, probe);
        if conditional {
            line.conditional += 1;
        } else {
            line.kept += 1;
        }
        let category = plant.category.map_or("-", DataCategory::key);
        let key = (category.to_owned(), rule.clone(), conditional);
        *self.kept.entry(key).or_default() += 1;
    }

    /// A recording that no rule names was forwarded.
    pub(super) fn forwarded(&mut self, endpoint: &Endpoint, probe: &Probe) {
        let leak = Leak {
            vendor: self.vendor.clone(),
            endpoint: endpoint.name.to_string(),
            carrier: probe.carrier.name(),
            encoding: probe.encoding.clone(),
            sheet: probe.sheet,
            field: "(a recording that no rule names)".into(),
            category: "-",
            guise: "recording",
            found: "forwarded".into(),
        };
        self.leaks.push(leak);
    }

    pub(super) fn not_generated(&mut self, endpoint: &Endpoint, all: Vec<Unmade>) {
        for unmade in all {
            let new = NotGenerated {
                vendor: self.vendor.clone(),
                endpoint: endpoint.name.to_string(),
                carrier: unmade.carrier.name(),
                encoding: unmade.encoding,
                why: unmade.why,
            };
            if !self.not_generated.contains(&new) {
                self.not_generated.push(new);
            }
        }
    }

    /// What never arrived; `excused` are endpoints at which the policy may take whole events.
    pub(super) fn close(&mut self, excused: &dyn Fn(&str) -> bool) {
        let silent = |line: &&Line| {
            let speaks = [Carrier::Body, Carrier::Parameter, Carrier::Query];
            line.kind == "collect"
                && speaks.iter().any(|c| c.name() == line.carrier)
                && line.arrived == 0
                && !excused(&line.endpoint)
        };
        let lines = self.lines.iter().filter(silent);
        self.missing = lines
            .map(|line| Missing {
                vendor: line.vendor.clone(),
                endpoint: line.endpoint.clone(),
                carrier: line.carrier,
                encoding: line.encoding.clone(),
            })
            .collect();
    }
}

fn kind(endpoint: &Endpoint) -> &'static str {
    match endpoint.kind {
        Kind::Collect => "collect",
        Kind::Query => "query",
        Kind::Asset => "asset",
        Kind::Replay => "replay",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_report_is_told_from_a_whole_one() {
        let mut json = serde_json::json!({ "report": "tamis verify", "leaks": [], "n": 1 });
        let sum = digest(&json);
        json["digest"] = format!("sha256:{sum}").into();
        assert_eq!(check(&format!("{json:#}")), Check::Whole);
        assert_eq!(check(&json.to_string()), Check::Whole);
        json["n"] = 2.into();
        assert_eq!(check(&json.to_string()), Check::Changed);
        for text in [
            "",
            "{}",
            "[]",
            r#"{"report":"tamis verify"}"#,
            r#"{"digest":"sha256:0"}"#,
        ] {
            assert_eq!(check(text), Check::NoReport, "{text}");
        }
        assert_eq!(made(0), "1970-01-01T00:00:00Z");
        assert_eq!(made(1_700_000_000), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn a_search_that_misses_what_is_there_is_blind() {
        let of = |planted, control| Report {
            lines: vec![Line {
                planted,
                control,
                ..Line::default()
            }],
            leaks: Vec::new(),
            missing: Vec::new(),
            not_generated: Vec::new(),
            kept: Vec::new(),
            unseen: Vec::new(),
            json: Value::Null,
        };
        assert!(of(3, 3).is_clean() && of(3, 3).verdict() == "clean");
        for blind in [of(3, 2), of(0, 0)] {
            assert!(blind.is_blind() && !blind.is_clean() && blind.verdict() == "blind");
        }
    }
}
