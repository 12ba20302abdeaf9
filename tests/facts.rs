//! What client libraries ask of the host they send to, at a running gateway with all built-in
//! catalogs: preflights, the answers that they parse, and what they are told when something fails.
//!
//! Each case is a fact about a library (`docs/facts.md`): a wrong answer makes it send an event twice,
//! throw it away, or raise in the page.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod door_support;
mod support;

use std::path::Path;

use door_support::{Client, Gate, gate_with, good, status, upstream};
use tamis::config::Config;
use tamis::proxy::Generation;

const SHOP: &str = "https://shop.example";
const UUID: &str = "01a20051-4df3-7f6a-9cb2-f804332076df";

/// A gateway for all vendors, in front of one upstream.
fn gate(upstream: &str, policy: &'static str) -> Gate {
    let upstream = upstream.to_owned();
    gate_with(Box::new(move || {
        let scrubber = support::scrubber(policy);
        let mut config = Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        let vendors = scrubber.vendors().iter();
        config.upstream_overrides = vendors
            .map(|vendor| (vendor.name.to_string(), upstream.clone()))
            .collect();
        Ok(Generation::new(config, scrubber, "nowhere", Path::new("")))
    }))
}

fn default_policy() -> &'static str {
    tamis::policy::builtin("default").unwrap().1
}

/// Everything is thrown away, so that the gateway answers by itself.
const NOTHING: &str = "version = 1\nname = \"nothing\"\nunlisted = \"keep\"\n\
    [[rule]]\nname = \"nothing\"\nvendor = [\"*\"]\naction = \"drop_event\"\n";

fn ask(gate: &Gate, request: &str) -> String {
    let mut client = Client::new(gate.addr);
    client.send(request);
    client.answer()
}

/// A request of a page of the shop.
fn request(method: &str, target: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    let framing = match method {
        "GET" => String::new(),
        _ => format!("content-type: {kind}\r\ncontent-length: {length}\r\n"),
    };
    format!(
        "{method} {target} HTTP/1.1\r\nhost: t.example\r\norigin: {SHOP}\r\n{framing}\r\n{body}"
    )
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.split("\r\n").take_while(|line| !line.is_empty());
    let mut found = lines.filter_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    });
    let first = found.next();
    assert!(found.next().is_none(), "{name} twice: {answer}");
    first
}

/// Exactly the origin, with credentials: what a request that carries cookies can be read with.
fn readable(answer: &str) {
    assert_eq!(
        field(answer, "access-control-allow-origin"),
        Some(SHOP),
        "{answer}"
    );
    assert_eq!(
        field(answer, "access-control-allow-credentials"),
        Some("true"),
        "{answer}"
    );
}

#[test]
fn preflights_of_libraries_are_granted_and_no_others_method() {
    let up = good();
    let gate = gate(&up.url, default_policy());
    let cases = [
        ("/mixpanel/track/", "POST", "content-type"),
        ("/mixpanel/record/", "POST", "authorization,content-type"),
        ("/posthog/e/", "POST", "content-type"),
        (
            "/posthog/i/v1/analytics/events",
            "POST",
            "authorization,content-encoding,content-type,posthog-attempt,posthog-request-id,posthog-request-timestamp,posthog-sdk-info",
        ),
        (
            "/amplitude/2/httpapi",
            "POST",
            "content-type,content-encoding",
        ),
        ("/segment/v1/t", "POST", "content-type,x-retry-count"),
        ("/segment/v1/b", "POST", "authorization,content-type"),
        (
            "/rudderstack/v1/track",
            "POST",
            "anonymousid,authorization,content-type,sentat",
        ),
        ("/rudderstack/sourceConfig/", "GET", "authorization"),
        (
            "/launchdarkly/sdk/evalx/ENV/context",
            "REPORT",
            "content-type,x-launchdarkly-user-agent,x-launchdarkly-wrapper",
        ),
        (
            "/launchdarkly/events/bulk/ENV",
            "POST",
            "content-type,x-launchdarkly-event-schema,x-launchdarkly-payload-id,x-launchdarkly-user-agent",
        ),
        (
            "/statsig/v1/rgstr",
            "POST",
            "statsig-api-key,statsig-client-time,statsig-event-count,statsig-sdk-type",
        ),
        (
            "/braze/api/v3/data/",
            "POST",
            "content-type,x-braze-api-key,x-braze-datarequest,x-requested-with",
        ),
        (
            "/sentry/api/42/envelope/",
            "POST",
            "baggage,sentry-trace,x-sentry-auth",
        ),
        (
            "/snowplow/com.snowplowanalytics.snowplow/tp2",
            "POST",
            "content-type,sp-anonymous",
        ),
        ("/umami/api/send", "POST", "content-type,x-umami-cache"),
        (
            "/otlp/v1/traces",
            "POST",
            "content-encoding,content-type,traceparent",
        ),
        ("/otlp/v1/logs", "POST", "content-type"),
        ("/otlp/v1/metrics", "POST", "content-type"),
        ("/matomo/matomo.php", "POST", "content-type"),
        ("/plausible/api/event", "POST", "content-type"),
        ("/datadog/api/v2/rum", "POST", "content-type"),
        (
            "/bugsnag/notify",
            "POST",
            "bugsnag-api-key,bugsnag-payload-version,bugsnag-sent-at,content-type",
        ),
        (
            "/keen/3.0/projects/lab/events",
            "POST",
            "authorization,content-type,idempotency-key",
        ),
    ];
    for (path, method, headers) in cases {
        let preflight = |method: &str| {
            ask(
                &gate,
                &format!(
                    "OPTIONS {path} HTTP/1.1\r\nhost: t.example\r\norigin: {SHOP}\r\n\
                     access-control-request-method: {method}\r\naccess-control-request-headers: {headers}\r\n\r\n"
                ),
            )
        };
        let answer = preflight(method);
        assert_eq!(status(&answer), 204, "{path}: {answer}");
        readable(&answer);
        let list = |name: &str| -> Vec<String> {
            let value = field(&answer, name).unwrap_or_default();
            value.split(',').map(|one| one.trim().to_owned()).collect()
        };
        assert!(
            list("access-control-allow-methods").contains(&method.to_owned()),
            "{path}: {answer}"
        );
        let granted = list("access-control-allow-headers");
        for header in headers.split(',') {
            assert!(
                granted.contains(&header.to_owned()),
                "{path} {header}: {answer}"
            );
        }
        for other in ["DELETE", "PATCH", "TRACE", "X-ANY"] {
            let answer = preflight(other);
            let methods = field(&answer, "access-control-allow-methods").unwrap();
            assert!(!methods.contains(other), "{path}: {answer}");
        }
    }
    assert!(
        up.seen.try_recv().is_err(),
        "a preflight is no vendor's business"
    );
}

#[test]
fn what_tamis_answers_by_itself_is_what_the_library_parses() {
    let up = good();
    let gate = gate(&up.url, NOTHING);
    let form = "application/x-www-form-urlencoded";
    let json = "application/json";
    let event = r#"[{"event":"x","properties":{"token":"t"}}]"#;
    let in_form = format!("data={event}");
    let python = format!("data={event}&verbose=1&ip=0");
    // One event in no list, and how to answer said behind it.
    let lone = r#"data={"event":"x","properties":{}}&ip=0&verbose=1"#;
    let lone_in_query = "/mixpanel/track?data=eyJldmVudCI6IngiLCJwcm9wZXJ0aWVzIjp7fX0%3D&verbose=1";
    let in_query = format!(
        "/mixpanel/track/?data={}&img=1",
        "W3siZXZlbnQiOiJ4IiwicHJvcGVydGllcyI6e319XQ%3D%3D"
    );
    let each = format!(r#"{{"batch":[{{"event":"x","uuid":"{UUID}","distinct_id":"u"}}]}}"#);
    let named = format!(r#"{{"results":{{"{UUID}":{{"result":"ok"}}}}}}"#);
    let good_status = r#"{"error":null,"status":1}"#;
    let cases: &[(&str, &str, &str, &str, u16, &str)] = &[
        (
            "POST",
            "/mixpanel/track/?ip=1&_=1",
            form,
            &in_form,
            200,
            "1",
        ),
        (
            "POST",
            "/mixpanel/track/?verbose=1&ip=1&_=1",
            form,
            &in_form,
            200,
            good_status,
        ),
        ("POST", "/mixpanel/track", form, &python, 200, good_status),
        ("POST", "/mixpanel/track", form, lone, 200, good_status),
        ("GET", lone_in_query, "", "", 200, good_status),
        (
            "POST",
            "/mixpanel/engage",
            form,
            "data=[{\"$token\":\"t\",\"$set\":{}}]&verbose=1",
            200,
            good_status,
        ),
        ("GET", &in_query, "", "", 200, "<svg"),
        ("POST", "/posthog/e/", json, event, 200, r#"{"status":1}"#),
        (
            "POST",
            "/posthog/i/v1/analytics/events",
            json,
            &each,
            200,
            &named,
        ),
        (
            "POST",
            "/amplitude/2/httpapi",
            json,
            r#"{"api_key":"k","events":[{"event_type":"x"}]}"#,
            200,
            r#"{"code":200,"#,
        ),
        (
            "POST",
            "/segment/v1/t",
            "text/plain",
            r#"{"type":"track","event":"x"}"#,
            200,
            r#"{"success":true}"#,
        ),
        (
            "POST",
            "/plausible/api/event",
            "text/plain",
            r#"{"n":"x","d":"s"}"#,
            202,
            "ok",
        ),
        (
            "GET",
            "/matomo/matomo.php?idsite=1&rec=1&send_image=0",
            "",
            "",
            204,
            "",
        ),
        (
            "GET",
            "/matomo/matomo.php?idsite=1&rec=1",
            "",
            "",
            200,
            "GIF89a",
        ),
        ("GET", "/ga4/g/collect?v=2&tid=G-1&en=x", "", "", 204, ""),
        ("GET", "/snowplow/i?e=pv&p=web", "", "", 200, "GIF89a"),
        (
            "POST",
            "/umami/api/send",
            json,
            r#"{"type":"event","payload":{}}"#,
            200,
            "{}",
        ),
        (
            "POST",
            "/sentry/api/42/store/",
            json,
            r#"{"event_id":"0af7651916cd43dd8448eb211c80319c","message":"x"}"#,
            200,
            "{}",
        ),
        (
            "POST",
            "/datadog/api/v2/rum",
            "text/plain",
            r#"{"type":"view"}"#,
            202,
            "{}",
        ),
    ];
    for (method, target, kind, body, code, says) in cases {
        let answer = ask(&gate, &request(method, target, kind, body));
        assert_eq!(status(&answer), *code, "{target}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let is = if says.len() < 10 && !says.starts_with("GIF") && !says.starts_with('<') {
            body == *says
        } else {
            body.starts_with(says)
        };
        assert!(is, "{target}: {answer}");
        readable(&answer);
    }
    assert!(up.seen.try_recv().is_err(), "nothing was left to forward");
}

#[test]
fn what_the_vendor_says_is_handed_on_as_it_is() {
    // Libraries read these: `1`, which events were not taken, when to come again.
    let says = r#"{"code":400,"error":"bad","events_with_invalid_fields":{"time":[0]}}"#;
    for (code, reason) in [
        (200, "OK"),
        (400, "Bad"),
        (413, "Large"),
        (429, "Slow"),
        (503, "Later"),
    ] {
        let up = upstream(move |_, peer| {
            while peer.request().is_some() {
                peer.write(&format!(
                    "HTTP/1.1 {code} {reason}\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: {}\r\n\r\n{says}",
                    says.len()
                ));
            }
        });
        let gate = gate(&up.url, default_policy());
        let body = r#"{"api_key":"k","events":[{"event_type":"x"}]}"#;
        let answer = ask(
            &gate,
            &request("POST", "/amplitude/2/httpapi", "application/json", body),
        );
        assert_eq!(status(&answer), code, "{answer}");
        assert!(answer.ends_with(says), "{answer}");
        assert_eq!(field(&answer, "retry-after"), Some("7"));
        assert!(
            field(&answer, "access-control-expose-headers")
                .unwrap()
                .contains("retry-after")
        );
        readable(&answer);
    }
}

#[test]
fn a_trouble_that_will_pass_is_no_4xx_and_says_when_to_come_again() {
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gate = gate(&format!("http://{gone}"), default_policy());
    let event = r#"[{"event":"x","properties":{"token":"t"}}]"#;
    for (target, kind, body) in [
        ("/mixpanel/track/", "application/json", event),
        ("/posthog/e/", "application/json", event),
        (
            "/segment/v1/t",
            "text/plain",
            r#"{"type":"track","event":"x"}"#,
        ),
        (
            "/rudderstack/v1/track",
            "application/json",
            r#"{"type":"track","event":"x"}"#,
        ),
        (
            "/amplitude/2/httpapi",
            "application/json",
            r#"{"api_key":"k","events":[{"event_type":"x"}]}"#,
        ),
    ] {
        let answer = ask(&gate, &request("POST", target, kind, body));
        assert!(matches!(status(&answer), 502..=504), "{target}: {answer}");
        assert!(
            field(&answer, "retry-after").is_some(),
            "{target}: {answer}"
        );
        readable(&answer);
    }
}

#[test]
fn what_would_never_pass_is_a_4xx_that_a_page_can_read() {
    let up = good();
    let gate = gate(&up.url, default_policy());
    for (target, kind, body, code) in [
        ("/mixpanel/track/", "application/json", "{", 400),
        ("/posthog/e/", "application/json", "[1,", 400),
        ("/amplitude/2/httpapi", "image/png", "x", 415),
        ("/segment/v1/nothing", "text/plain", "{}", 404),
        ("/mixpanel/track", "application/json", "", 400),
    ] {
        let answer = ask(&gate, &request("POST", target, kind, body));
        assert_eq!(status(&answer), code, "{target}: {answer}");
        readable(&answer);
    }
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn what_a_library_loads_by_itself_comes_through_its_host() {
    let up = good();
    let gate = gate(&up.url, default_policy());
    for target in [
        "/posthog/static/array.js",
        "/posthog/static/1.449.0/recorder.js?v=1.449.0",
        "/posthog/array/phc_1ab70ken0123456789/config.js",
        "/posthog/array/phc_1ab70ken0123456789/config",
        "/rudderstack/sourceConfig/?p=npm&v=3&writeKey=1ab70ken0123456789",
        "/segment/v1/projects/1ab70ken0123456789/settings",
        "/segment/analytics.js/v1/1ab70ken0123456789/analytics.min.js",
        "/matomo/matomo.js",
        "/umami/script.js",
        "/plausible/js/script.js",
        "/mixpanel/lib.min.js",
        "/ga4/gtag/js?id=G-1",
    ] {
        let answer = ask(&gate, &request("GET", target, "", ""));
        assert_eq!(status(&answer), 200, "{target}: {answer}");
        readable(&answer);
        let seen = up.seen.recv().unwrap();
        assert!(!seen.to_lowercase().contains("origin:"), "{seen}");
    }
}
