//! The demo's traffic and what can be read from what a vendor was sent.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::Value;

use super::super::output;
use crate::codec::{base64, form};

const INCIDENT: &str = include_str!("../../../config/demo/incident.json");

/// The traffic, not filled in yet.
pub(super) struct Story {
    pub(super) vendor: String,
    pub(super) people: usize,
    all: Value,
}

/// A request for one person.
pub(super) struct Request {
    pub(super) path: String,
    pub(super) body: String,
}

/// What a vendor holds: people found by each label, and a sample.
pub(super) struct Held {
    found: Vec<(String, usize)>,
    useful: Vec<(String, usize)>,
    people: usize,
    sample: String,
}

impl Story {
    pub(super) fn load() -> anyhow::Result<Self> {
        let all: Value = serde_json::from_str(INCIDENT).context("the demo's data")?;
        let vendor = all.part("vendor").as_str().context("vendor")?.to_owned();
        let people = all
            .part("people")
            .part("first")
            .as_array()
            .context("people")?
            .len();
        Ok(Self {
            vendor,
            people,
            all,
        })
    }

    /// What the front end sends about one person.
    pub(super) fn requests(&self, person: usize) -> Vec<Request> {
        let requests = self.all.part("requests").as_array().into_iter().flatten();
        requests
            .map(|request| {
                let document = self.fill(&request.part("document").to_string(), person);
                let mut packed = String::new();
                let flavour = base64::Flavour {
                    alphabet: base64::Alphabet::Standard,
                    padded: true,
                };
                base64::encode(flavour, document.as_bytes(), &mut packed);
                let mut body = format!("{}=", request.part("form").as_str().unwrap_or("data"));
                form::encode(&packed, &mut body);
                Request {
                    path: request.part("path").as_str().unwrap_or("/").to_owned(),
                    body,
                }
            })
            .collect()
    }

    fn fill(&self, template: &str, person: usize) -> String {
        let mut out = template
            .replace("{user}", &format!("user-{}", 48_000 + person * 37))
            .replace("{n}", &person.to_string())
            .replace(
                "{device}",
                &format!(
                    "5f0c{person:04x}-7d1e-4b52-9c33-{:012x}",
                    0x00c0_ffee_0000 + person * 7919
                ),
            );
        let lists = self.all.part("people").as_object().into_iter().flatten();
        for (name, list) in lists {
            let list = list.as_array().map_or(&[][..], |l| l);
            let at = person % list.len().max(1);
            let value = list.get(at).and_then(Value::as_str).unwrap_or("");
            out = out.replace(&format!("{{{name}}}"), value);
        }
        out
    }

    /// Reads what a vendor holds, as its employees (or its burglars) would.
    pub(super) fn look(&self, bodies: &[Vec<u8>]) -> Held {
        let documents: Vec<String> = bodies.iter().filter_map(|body| unpack(body)).collect();
        let text = documents.join("\n");
        let count = |list: &str| -> Vec<(String, usize)> {
            let labels = self.all.part(list).as_array().into_iter().flatten();
            labels
                .map(|label| {
                    let values = || label.part("values").as_array().into_iter().flatten();
                    let people = (0..self.people)
                        .filter(|person| {
                            values().filter_map(Value::as_str).any(|value| {
                                let mine = self.fill(value, *person);
                                let sent = self.requests_text(*person).contains(&mine);
                                sent && text.contains(&mine)
                            })
                        })
                        .count();
                    (
                        label.part("label").as_str().unwrap_or("").to_owned(),
                        people,
                    )
                })
                .collect()
        };
        Held {
            found: count("held"),
            useful: count("useful"),
            people: self.distinct(&documents),
            sample: documents.get(1).cloned().unwrap_or_default(),
        }
    }

    fn requests_text(&self, person: usize) -> String {
        self.fill(&self.all.part("requests").to_string(), person)
    }

    /// How many people the vendor can tell apart.
    fn distinct(&self, documents: &[String]) -> usize {
        let key = self.all.part("person").as_str().unwrap_or("");
        let mut ids = BTreeSet::new();
        for document in documents {
            let events: Value = serde_json::from_str(document).unwrap_or_default();
            for event in events.as_array().into_iter().flatten() {
                if let Some(id) = event.part("properties").part(key).as_str() {
                    ids.insert(id.to_owned());
                }
            }
        }
        ids.len()
    }

    pub(super) fn print(&self, sides: &[Held; 2], policy: &str) {
        let [without, with] = sides;
        output::line(&format!(
            "The incident of November 2025, replayed: a web front end reports {} invented people to {}.\n\
             Then somebody exports everything the vendor holds.\n",
            self.people, self.vendor
        ));
        let rows = |left: &[(String, usize)], right: &[(String, usize)]| -> Vec<Vec<String>> {
            left.iter()
                .zip(right)
                .map(|((label, a), (_, b))| vec![label.clone(), a.to_string(), b.to_string()])
                .collect()
        };
        let title = format!("WITH TAMIS ({policy})");
        let head = ["PEOPLE WHOSE … THE VENDOR HOLDS", "WITHOUT TAMIS", &title];
        output::table(&head, &rows(&without.found, &with.found));
        output::line("");
        let mut useful = rows(&without.useful, &with.useful);
        useful.push(vec![
            "people told apart".into(),
            without.people.to_string(),
            with.people.to_string(),
        ]);
        output::table(
            &["WHAT THE PRODUCT TEAM STILL SEES", "WITHOUT TAMIS", &title],
            &useful,
        );
        output::line("\nThe same profile update, without:");
        output::line(&format!("  {}", without.sample));
        output::line("and with:");
        output::line(&format!("  {}", with.sample));
    }

    pub(super) fn to_json(&self, sides: &[Held; 2]) -> Value {
        let side = |held: &Held| {
            let pairs = |list: &[(String, usize)]| -> serde_json::Map<String, Value> {
                list.iter().map(|(l, n)| (l.clone(), (*n).into())).collect()
            };
            serde_json::json!({
                "held": pairs(&held.found),
                "useful": pairs(&held.useful),
                "people_told_apart": held.people,
            })
        };
        let [without, with] = sides;
        serde_json::json!({ "people": self.people, "without": side(without), "with": side(with) })
    }
}

/// Members that may be missing read as `null`.
trait Part {
    fn part(&self, key: &str) -> &Value;
}

impl Part for Value {
    fn part(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}

/// The document in a form body: base64 of JSON, or JSON.
fn unpack(body: &[u8]) -> Option<String> {
    let pair = form::pairs(body).next()?.ok()?;
    let mut value = String::new();
    form::decode(body.get(pair.value?)?, &mut value).ok()?;
    if value.starts_with(['{', '[']) {
        return Some(value);
    }
    let mut bytes = Vec::new();
    base64::decode(value.as_bytes(), base64::Options::default(), &mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}
