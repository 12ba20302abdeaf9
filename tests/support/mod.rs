//! What several test files need: a scrubber from a few lines of TOML, and requests for it.

#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "support for tests: each file uses a part, and a panic is a failed test"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use proptest::prelude::*;
use tamis::catalog::Found;
use tamis::policy::CompiledPolicy;
use tamis::scrub::{CleanRequest, RawRequest, Refusal, Scratch, Scrubber, Verdict, real_target};
use tamis::sensitive::SecretKey;

/// The processor time that this thread has had: what work costs, whatever else the machine does.
pub fn spent() -> std::time::Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.try_into().expect("time goes on")
}

/// A scrubber for the built-in vendors under a policy's text.
pub fn scrubber(policy: &str) -> Scrubber {
    let (policy, _) = CompiledPolicy::load("test.toml", policy).unwrap_or_else(|d| panic!("{d}"));
    let vendors = tamis::catalog::load::builtin().unwrap_or_else(|d| panic!("{d}"));
    let vendors = vendors.into_iter().map(Arc::new).collect();
    Scrubber::new(Arc::new(policy), vendors, &SecretKey::new([7; 32]))
}

/// A scrubber under a built-in policy.
pub fn builtin(name: &str) -> Scrubber {
    scrubber(tamis::policy::builtin(name).expect("a built-in policy").1)
}

/// A policy that keeps what no rule names.
pub fn keep_but(rules: &str) -> String {
    format!("version = 1\nname = \"t\"\nunlisted = \"keep\"\n{rules}")
}

/// A request in the making.
pub struct Request<'a> {
    pub vendor: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
}

/// `POST` of a JSON body to Mixpanel's `/track`.
pub fn track(body: &str) -> Request<'_> {
    Request {
        vendor: "mixpanel",
        method: "POST",
        path: "/track",
        query: None,
        headers: vec![("content-type", "application/json")],
        body: body.as_bytes(),
    }
}

/// What became of a request.
pub enum Outcome {
    Forward(CleanRequest),
    Answer,
    Refuse(Refusal),
}

pub fn send(scrubber: &Scrubber, request: &Request<'_>) -> Outcome {
    send_with(scrubber, request, &mut Scratch::new())
}

pub fn send_with(scrubber: &Scrubber, request: &Request<'_>, scratch: &mut Scratch) -> Outcome {
    let vendor = scrubber
        .vendors()
        .iter()
        .position(|v| *v.name == *request.vendor)
        .expect("the vendor");
    let wrapped = real_target(&scrubber.vendors()[vendor], request.path, request.query);
    let wrapped = wrapped.expect("a target that can be read");
    let (path, query) = match &wrapped {
        Some(target) => (&*target.path, target.query.as_deref()),
        None => (request.path, request.query),
    };
    let Found::Endpoint(endpoint, _) = scrubber.vendors()[vendor].find(request.method, path) else {
        panic!("no endpoint {} {}", request.method, path);
    };
    let raw = RawRequest {
        vendor,
        endpoint,
        method: request.method,
        path,
        query,
        headers: &request.headers,
        body: request.body,
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        body_limit: 10 << 20,
        projects: &[],
        extra_headers: &[],
    };
    match scrubber.scrub(&raw, scratch) {
        Verdict::Forward(clean) => Outcome::Forward(clean),
        Verdict::Answer(_) => Outcome::Answer,
        Verdict::Refuse(refusal) => Outcome::Refuse(refusal),
    }
}

/// The body that leaves, as text.
pub fn body(scrubber: &Scrubber, request: &Request<'_>) -> String {
    match send(scrubber, request) {
        Outcome::Forward(clean) => String::from_utf8(clean.into_body()).expect("UTF-8"),
        Outcome::Answer => "(answered)".into(),
        Outcome::Refuse(refusal) => format!("(refused: {refusal:?})"),
    }
}

/// JSON texts of leaves, lists and objects with keys, a few levels deep.
pub fn documents(
    leaf: impl Strategy<Value = String> + 'static,
    key: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = String> {
    let key = key.boxed();
    leaf.prop_recursive(3, 12, 4, move |inner| {
        let member = (key.clone(), inner.clone());
        let member = member.prop_map(|(key, value)| format!("\"{key}\":{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(member, 0..4).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}
