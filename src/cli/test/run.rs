//! Runs one case: judges its request and compares what would leave.

use super::case::{Case, Outcome};
use super::diff::diff;
use crate::cli::scrub::why;
use crate::cli::setup;
use crate::codec::{base64, form};
use crate::scrub::{CleanRequest, RawRequest, Scratch, Scrubber, Verdict};

/// What is larger is refused, as by default.
const BODY: usize = 10 << 20;

/// What a case came to.
pub(super) struct Ran {
    /// The body that leaves, if one does.
    pub(super) body: Option<String>,
    pub(super) failures: Vec<Failure>,
}

/// What is not as the case says.
pub(super) enum Failure {
    /// Another outcome.
    Outcome(String),
    /// Another body, or query.
    Differs(&'static str, String),
    /// A text that must not leave left.
    Left(String),
    /// A text that must leave did not.
    Missing(String),
}

impl Failure {
    /// In words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Outcome(text) => text.clone(),
            Self::Differs(what, diff) => format!("the {what} that leaves is another:\n{diff}"),
            Self::Left(text) => format!("leaves, and never should: {text:?}"),
            Self::Missing(text) => format!("does not leave, and should: {text:?}"),
        }
    }
}

/// Runs a case.
pub(super) fn run(case: &Case, scrubber: &Scrubber) -> anyhow::Result<Ran> {
    let method = case.method.to_ascii_uppercase();
    let (vendor, endpoint) =
        setup::endpoint(scrubber.vendors(), &case.vendor, &method, &case.endpoint)?;
    let mut headers: Vec<(&str, &str)> = case
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let typed = headers.iter().any(|(name, _)| *name == "content-type");
    if !typed && !case.body.is_empty() {
        headers.push((
            "content-type",
            crate::cli::scrub::guess(case.body.as_bytes()),
        ));
    }
    let raw = RawRequest {
        vendor,
        endpoint,
        method: &method,
        path: &case.endpoint,
        query: case.query.as_deref(),
        headers: &headers,
        body: case.body.as_bytes(),
        client_ip: case.client_ip,
        body_limit: BODY,
        projects: &[],
        extra_headers: &[],
    };
    let mut scratch = Scratch::new();
    let mut failures = Vec::new();
    let (outcome, clean, said) = match scrubber.scrub(&raw, &mut scratch) {
        Verdict::Forward(clean) => (Outcome::Forward, Some(clean), "it is forwarded".to_owned()),
        Verdict::Answer(_) => (
            Outcome::Answer,
            None,
            "nothing is left to forward".to_owned(),
        ),
        Verdict::Refuse(refusal) => (
            Outcome::Refuse,
            None,
            format!("it is refused: {}", why(refusal)),
        ),
    };
    if outcome != case.outcome {
        failures.push(Failure::Outcome(format!(
            "expected outcome {:?}, but {said}",
            format!("{:?}", case.outcome).to_lowercase()
        )));
    }
    let Some(clean) = clean else {
        return Ok(Ran {
            body: None,
            failures,
        });
    };
    let body = String::from_utf8_lossy(clean.body()).into_owned();
    let query = clean
        .target()
        .split_once('?')
        .map_or("", |(_, query)| query);
    for (what, want, got) in [
        ("body", &case.expect, &*body),
        ("query", &case.expect_query, query),
    ] {
        if let Some(want) = want.as_deref().filter(|want| *want != got) {
            failures.push(Failure::Differs(what, diff(want, got)));
        }
    }
    let readings = readings(&clean);
    let leaves = |text: &str| readings.iter().any(|reading| reading.contains(text));
    let left = case.never.iter().filter(|text| leaves(text));
    failures.extend(left.map(|text| Failure::Left(text.clone())));
    let missing = case.always.iter().filter(|text| !leaves(text));
    failures.extend(missing.map(|text| Failure::Missing(text.clone())));
    Ok(Ran {
        body: Some(body),
        failures,
    })
}

/// What leaves, as readers would decode it: as it is, percent-decoded, unescaped, from base64, and
/// again what comes of these.
fn readings(clean: &CleanRequest) -> Vec<String> {
    let mut all = vec![clean.target().to_owned()];
    all.extend(clean.headers().map(|(_, value)| value.to_owned()));
    all.push(String::from_utf8_lossy(clean.body()).into_owned());
    for _ in 0..3 {
        let mut more = Vec::new();
        for text in &all {
            let mut plain = String::new();
            if form::decode(text.as_bytes(), &mut plain).is_ok() && plain != *text {
                more.push(plain);
            }
            if text.contains('\\') {
                let mut plain = String::new();
                crate::json::unescape_into(text, &mut plain);
                more.push(plain);
            }
            let word = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
            for run in text.split(|c: char| !word(c)).filter(|run| run.len() >= 12) {
                let mut bytes = Vec::new();
                if base64::decode(run.as_bytes(), base64::Options::default(), &mut bytes).is_ok()
                    && let Ok(plain) = String::from_utf8(bytes)
                {
                    more.push(plain);
                }
            }
        }
        more.retain(|text| !all.contains(text));
        if more.is_empty() {
            break;
        }
        all.append(&mut more);
    }
    all
}
