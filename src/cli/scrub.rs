//! `tamis scrub`: a body in, exactly the bytes that would be forwarded out.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::{Common, output, setup};
use crate::catalog::Vendor;
use crate::scrub::{
    CleanRequest, RawRequest, Refusal, Report, Scratch, Scrubber, Target, Verdict, real_target,
};

#[derive(Args)]
pub(super) struct Scrub {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) request: Request,
    /// Write a report without values to FILE
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// The request that a body belongs to.
#[derive(Args)]
pub(super) struct Request {
    /// The vendor, as in `tamis vendors`
    #[arg(long)]
    pub(super) vendor: String,
    /// The endpoint's path, e.g. /track
    #[arg(long, value_name = "PATH")]
    pub(super) endpoint: String,
    /// The method
    #[arg(long, default_value = "POST")]
    pub(super) method: String,
    /// The body's media type; guessed from the body when not given
    #[arg(long, value_name = "T")]
    pub(super) content_type: Option<String>,
    /// The body's content coding
    #[arg(long, value_name = "E")]
    pub(super) content_encoding: Option<String>,
    /// A query string to judge; printed instead of the body when there is no body
    #[arg(long, value_name = "Q")]
    pub(super) query: Option<String>,
    /// The body; standard input when not given
    pub(super) file: Option<PathBuf>,
}

/// What became of it.
pub(super) enum Outcome {
    Forward(CleanRequest),
    Answer,
    Refuse(Refusal),
}

pub(super) fn main(args: &Scrub) -> anyhow::Result<ExitCode> {
    let config = setup::config(&args.common)?;
    let scrubber = setup::scrubber(&config, |vendors| args.request.is_known(vendors))?;
    let mut scratch = Scratch::new();
    let outcome = args
        .request
        .judge(&scrubber, &mut scratch, config.limits.body)?;
    if let Some(file) = &args.report {
        let report = report_json(scratch.report());
        std::fs::write(file, report).with_context(|| format!("cannot write {}", file.display()))?;
    }
    match outcome {
        Outcome::Forward(clean) => {
            if clean.body().is_empty() && args.request.query.is_some() {
                let query = clean.target().split_once('?').map_or("", |(_, q)| q);
                output::bytes(query.as_bytes())?;
            } else {
                output::bytes(clean.body())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Answer => {
            output::note(
                "nothing is left to forward: the client would get the vendor's success answer",
            );
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Refuse(refusal) => {
            output::note(&format!("refused: {}", why(refusal)));
            Ok(ExitCode::from(1))
        }
    }
}

/// A refusal in words, without a value.
pub(super) fn why(refusal: Refusal) -> String {
    match refusal {
        Refusal::Decode(error) => error.to_string(),
        Refusal::Policy => "a rule of the policy rejects it".into(),
        Refusal::Project => "its project token is not one of the route's".into(),
    }
}

fn report_json(report: &Report) -> String {
    let actions: serde_json::Map<String, serde_json::Value> = Report::ACTIONS
        .iter()
        .zip(report.actions)
        .map(|(name, count)| ((*name).to_owned(), count.into()))
        .collect();
    let value = serde_json::json!({
        "events_in": report.events_in,
        "events_out": report.events_out,
        "leaves": report.leaves,
        "actions": actions,
    });
    format!("{value:#}\n")
}

impl Request {
    /// Whether vendor and endpoint are there.
    ///
    /// # Errors
    /// What is not, and the nearest that is.
    pub(super) fn is_known(&self, vendors: &[Arc<Vendor>]) -> anyhow::Result<()> {
        let wrapped = self.wrapped(vendors)?;
        let path = wrapped
            .as_ref()
            .map_or(self.target().0, |target| &target.path);
        let method = self.method.to_ascii_uppercase();
        setup::endpoint(vendors, &self.vendor, &method, path).map(|_| ())
    }

    /// The path and the query.
    fn target(&self) -> (&str, Option<&str>) {
        match self.endpoint.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*self.endpoint, self.query.as_deref()),
        }
    }

    /// The real target, where the vendor's SDK wraps it.
    fn wrapped(&self, vendors: &[Arc<Vendor>]) -> anyhow::Result<Option<Target>> {
        let (path, query) = self.target();
        match vendors.iter().find(|v| *v.name == *self.vendor) {
            Some(vendor) => Ok(real_target(vendor, path, query)?),
            None => Ok(None),
        }
    }

    /// Judges the body as the gateway would.
    pub(super) fn judge(
        &self,
        scrubber: &Scrubber,
        scratch: &mut Scratch,
        body_limit: usize,
    ) -> anyhow::Result<Outcome> {
        let method = self.method.to_ascii_uppercase();
        let wrapped = self.wrapped(scrubber.vendors())?;
        let (path, query) = match &wrapped {
            Some(target) => (&*target.path, target.query.as_deref()),
            None => self.target(),
        };
        let (vendor, endpoint) = setup::endpoint(scrubber.vendors(), &self.vendor, &method, path)?;
        let body = self.read(&method, query)?;
        let guessed;
        let mut headers = Vec::new();
        if let Some(content_type) = &self.content_type {
            headers.push(("content-type", content_type.as_str()));
        } else if !body.is_empty() {
            guessed = guess(&body);
            headers.push(("content-type", guessed));
        }
        if let Some(coding) = &self.content_encoding {
            headers.push(("content-encoding", coding.as_str()));
        }
        let raw = RawRequest {
            vendor,
            endpoint,
            method: &method,
            path,
            query,
            headers: &headers,
            body: &body,
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            body_limit,
            projects: &[],
            extra_headers: &[],
        };
        Ok(match scrubber.scrub(&raw, scratch) {
            Verdict::Forward(clean) => Outcome::Forward(clean),
            Verdict::Answer(_) => Outcome::Answer,
            Verdict::Refuse(refusal) => Outcome::Refuse(refusal),
        })
    }

    fn read(&self, method: &str, query: Option<&str>) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        match &self.file {
            Some(file) if file.as_os_str() != "-" => {
                body = std::fs::read(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
            }
            None if method == "GET"
                || query.is_some() && self.content_type.is_none() && terminal() => {}
            _ => {
                std::io::stdin().read_to_end(&mut body)?;
            }
        }
        Ok(body)
    }
}

fn terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin())
}

/// The media type that SDKs give to such a body.
pub(super) fn guess(body: &[u8]) -> &'static str {
    match body.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{' | b'[') => "application/json",
        Some(0x1f) => "application/octet-stream",
        _ => "application/x-www-form-urlencoded",
    }
}
