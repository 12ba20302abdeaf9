//! What real servers do with rewritten events, as rules that a rewrite keeps.
//!
//! Each was measured at a running server (Bugsink, GlitchTip, Sentry's relay, Umami, Matomo, PostHog,
//! Phoenix, MLflow) or is in a validator of the vendor's: what breaks one is refused there, or taken
//! and lost. What readers of the vendors' own say of whole requests is in `tests/e2e`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use support::{Outcome, Request, builtin, send_with};
use tamis::catalog::Found;
use tamis::scrub::{RawRequest, Scratch, Scrubber, Verdict};

const POLICIES: [&str; 4] = ["default", "strict", "cnil", "hipaa-safe-harbor"];

/// What leaves: target, headers, body.
struct Left {
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Left {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(n, _)| n == name).map(|(_, v)| &**v)
    }

    /// A parameter of the query.
    fn param(&self, name: &str) -> Option<&str> {
        let query = self.target.split_once('?')?.1;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(n, _)| *n == name).map(|(_, v)| v)
    }
}

fn send(
    policy: &str,
    vendor: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Left {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let request = Request {
        vendor,
        method,
        path,
        query,
        headers: headers.to_vec(),
        body,
    };
    match send_with(&builtin(policy), &request, &mut Scratch::new()) {
        Outcome::Forward(clean) => Left {
            target: clean.target().to_owned(),
            headers: clean
                .headers()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
            body: clean.body().to_vec(),
        },
        _ => panic!("{vendor} {target} is not forwarded"),
    }
}

fn post(policy: &str, vendor: &str, path: &str, body: &Value) -> Left {
    let json = [("content-type", "application/json")];
    send(
        policy,
        vendor,
        "POST",
        path,
        &json,
        body.to_string().as_bytes(),
    )
}

/// Every text and number below a value.
fn leaves<'v>(value: &'v Value, out: &mut Vec<&'v Value>) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| leaves(v, out)),
        Value::Object(all) => all.values().for_each(|v| leaves(v, out)),
        leaf => out.push(leaf),
    }
}

// ------------------------------------------------------------------------------------------- Sentry

/// The header lines and the payload of an envelope's event.
fn sentry(policy: &str, event: &Value) -> (Value, Value, Value) {
    let payload = event.to_string();
    let head = json!({
        "event_id": event["event_id"], "sent_at": "2026-11-22T10:00:00.000Z",
        "dsn": "https://1ab70ce0123456789abcdef012345678@o1.ingest.example/42",
        "trace": {"trace_id": "0af7651916cd43dd8448eb211c80319c", "public_key": "1ab70ce0123456789abcdef012345678",
                  "transaction": "/account/user-canary-48213", "user_segment": "zeb.canary7@quixworth.example"},
    });
    let item = json!({"type": "event", "length": payload.len()});
    let envelope = format!("{head}\n{item}\n{payload}\n");
    let kind = [("content-type", "application/x-sentry-envelope")];
    let left = send(
        policy,
        "sentry",
        "POST",
        "/api/42/envelope/",
        &kind,
        envelope.as_bytes(),
    );
    let text = String::from_utf8(left.body).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let length = text.lines().nth(2).unwrap().len();
    assert_eq!(
        lines[1]["length"], length,
        "an item as long as its header says"
    );
    (lines[0].clone(), lines[1].clone(), lines[2].clone())
}

fn sentry_event() -> Value {
    json!({
        "event_id": "9ec79c33ec9942ab8353589fcb2e04dc", "release": format!("shop@{}", "1".repeat(240)), "environment": "prod",
        "server_name": "zebulon-macbook.local", "user": {"id": "u", "email": "zeb.canary7@quixworth.example", "ip_address": "{{auto}}"},
        "tags": [["email", "zeb.canary7@quixworth.example"], ["plan", "pro"], ["user_id", "u"]],
        "exception": {"values": [{"value": "zeb.canary7@quixworth.example"}, {"type": "E", "value": "zeb.canary7@quixworth.example"}]},
        "logentry": {"message": "%s bought %s", "params": ["zeb.canary7@quixworth.example", "tea"]},
        "sdk": {"name": "sentry.python", "version": "2.75.0"},
    })
}

#[test]
fn sentry_ids_times_and_the_library_stay_whole() {
    let event = sentry_event();
    for policy in POLICIES {
        let (head, _, left) = sentry(policy, &event);
        assert_eq!(
            left["event_id"], event["event_id"],
            "a second event of one id is thrown away"
        );
        assert_eq!(head["event_id"], event["event_id"], "header and item agree");
        assert_eq!(head["sent_at"], "2026-11-22T10:00:00.000Z");
        let dsn = head["dsn"].as_str().unwrap();
        assert!(
            dsn.contains("1ab70ce0123456789abcdef012345678@"),
            "another key is a 403"
        );
        assert_eq!(
            left["sdk"], event["sdk"],
            "a name without a version is a 422"
        );
        assert!(!head.to_string().contains("canary"), "{head}");
    }
}

#[test]
fn sentry_pairs_go_whole_and_positions_stay() {
    let event = sentry_event();
    let (_, _, left) = sentry("default", &event);
    for pair in left["tags"].as_array().unwrap() {
        assert_eq!(pair.as_array().unwrap().len(), 2, "half a pair is a 500");
    }
    assert!(left["tags"].to_string().contains(r#"["plan","pro"]"#));
    assert_eq!(left["logentry"]["params"], json!(["[removed]", "tea"]));
}

#[test]
fn sentry_exceptions_keep_a_type_or_a_value() {
    for policy in POLICIES {
        let (_, _, left) = sentry(policy, &sentry_event());
        for one in left["exception"]["values"].as_array().unwrap() {
            let has = one["type"].is_string() || one["value"].is_string();
            assert!(has, "relay drops an exception with neither: {left}");
        }
    }
}

#[test]
fn sentry_addresses_are_addresses_and_nothing_grows_past_its_limit() {
    let (_, _, left) = sentry("default", &sentry_event());
    let address = left["user"]["ip_address"].as_str().unwrap();
    assert!(address.parse::<IpAddr>().is_ok(), "{address}");
    let short = |value: &Value, most: usize| value.as_str().is_none_or(|text| text.len() <= most);
    assert!(
        short(&left["release"], 250),
        "one too long loses its neighbours too"
    );
    assert!(short(&left["environment"], 64) && short(&left["server_name"], 200));
    for pair in left["tags"].as_array().unwrap() {
        assert!(short(&pair[1], 200));
    }
}

// -------------------------------------------------------------------------------------------- Umami

const WEBSITE: &str = "b59e9c65-ae32-47f1-8400-119fcf4861c4";

#[test]
fn umami_gets_no_null_no_long_id_and_no_long_number() {
    let long = format!("{}user-canary-48213", "a".repeat(80));
    for id in [
        "u",
        "zeb.canary7@quixworth.example",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "48213",
        &long,
    ] {
        let event = json!({"type": "event", "payload": {
            "website": WEBSITE, "name": "Checkout", "title": "Order of Zebulon", "url": "/account/user-canary-48213", "screen": "1280x800",
            "referrer": "https://secret-referrer.example/x", "language": "de-CH", "hostname": "shop.example", "ip": "203.0.113.77", "id": id,
            "data": {"user_id": 5, "userId": 9_007_199_254_740_991_u64, "customer_id": 1_234_567},
        }});
        for policy in POLICIES {
            let left = post(policy, "umami", "/api/send", &event).json();
            let mut all = Vec::new();
            leaves(&left["payload"], &mut all);
            assert!(all.iter().all(|v| !v.is_null()), "a null is a 400: {left}");
            assert_eq!(left["payload"]["website"], WEBSITE);
            let sent = left["payload"]["id"].as_str().unwrap();
            assert!(sent.len() <= 50 && sent != id, "{sent}");
            for number in all.iter().filter_map(|v| v.as_u64()) {
                assert!(
                    number < 1_000_000_000_000_000,
                    "sixteen digits lose the properties: {number}"
                );
            }
            assert!(
                left["payload"].get("ip").is_none(),
                "it brings back the city"
            );
        }
    }
}

#[test]
fn umami_sees_a_browser_and_its_own_token() {
    let event = json!({"type": "event", "payload": {"website": WEBSITE, "url": "/"}}).to_string();
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.59 Safari/537.36";
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", agent),
        ("x-umami-cache", "opaque-token"),
    ];
    let left = send(
        "default",
        "umami",
        "POST",
        "/api/send",
        &headers,
        event.as_bytes(),
    );
    let agent = left.header("user-agent").unwrap();
    assert!(
        agent.starts_with("Mozilla/5.0 (") && agent.contains("Chrome/142.0.0.0 Safari/"),
        "{agent}"
    );
    assert_eq!(left.header("x-umami-cache"), Some("opaque-token"));
    // Robots are answered and not counted: of an agent of which nothing may be said none is sent.
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "Zebulons-Own-Browser"),
    ];
    let left = send(
        "default",
        "umami",
        "POST",
        "/api/send",
        &headers,
        event.as_bytes(),
    );
    assert_ne!(left.header("user-agent"), Some("Mozilla/5.0 (compatible)"));
}

#[test]
fn pseudonyms_of_uuids_are_uuids_of_the_rfc() {
    // A UUID whose bits are a hash's and nothing else is refused by validators.
    for n in 0..64_u64 {
        let id = format!("{n:08x}-aaaa-4bbb-8ccc-0123456789ab");
        let event = json!([{"event": "e", "properties": {"token": "t", "distinct_id": id}}]);
        let left = post("default", "posthog", "/e/", &event).json();
        let sent = left[0]["properties"]["distinct_id"].as_str().unwrap();
        assert!(sent != id && sent.len() == 36);
        assert!(
            matches!(sent.as_bytes()[14], b'1'..=b'8')
                && matches!(&sent[19..20], "8" | "9" | "a" | "b"),
            "{sent}"
        );
    }
}

// ------------------------------------------------------------------------------------------- Matomo

#[test]
fn matomo_gets_no_place_and_tells_visitors_apart() {
    let target = "/matomo.php?idsite=1&rec=1&_id=0123456789abcdef&cip=203.0.113.77&country=ch&region=ZH&city=Z&lat=1&long=2\
        &token_auth=0123456789abcdef0123456789abcdef&e_c=a&e_a=b&e_v=42.5&revenue=3.5&lang=de-CH&uid=user-canary-48213&url=https%3A%2F%2Fshop.example%2F\
        &ec_items=%5B%5B%22sku%22%2C%22tea%22%2C%22c%22%2C42.5%2C1%5D%5D";
    for policy in POLICIES {
        let left = send(policy, "matomo", "GET", target, &[], b"");
        for gone in [
            "cip",
            "country",
            "region",
            "city",
            "lat",
            "long",
            "token_auth",
        ] {
            assert_eq!(
                left.param(gone),
                None,
                "without the right to set it a 400, and the whole URL is kept"
            );
        }
        let (id, cid) = (left.param("_id").unwrap(), left.param("cid").unwrap());
        assert_eq!(
            id, cid,
            "two visitors with one browser are one but for `cid`"
        );
        assert!(
            cid.len() == 16
                && cid.bytes().all(|b| b.is_ascii_hexdigit())
                && cid != "0123456789abcdef"
        );
    }
    let left = send("default", "matomo", "GET", target, &[], b"");
    assert_eq!(
        (left.param("e_v"), left.param("revenue")),
        (Some("42.5"), Some("3.5"))
    );
    assert_eq!(
        left.param("lang"),
        Some("de"),
        "`de-CH` would be Switzerland"
    );
    assert!(
        left.param("ec_items").unwrap().contains("42.5%2C1"),
        "prices are numbers"
    );
    assert!(left.param("uid").unwrap().len() <= 200);
}

// ------------------------------------------------------------------------------------------ PostHog

#[test]
fn posthog_merges_by_one_pseudonym_everywhere() {
    let who = "user-canary-48213";
    let event = json!([
        {"event": "$identify", "properties": {"token": "t", "distinct_id": who, "$anon_distinct_id": who, "alias": who, "$user_id": who, "$device_id": who}},
        {"event": "e", "properties": {"token": "t", "distinct_id": 5}},
        {"event": "e", "properties": {"token": "t", "distinct_id": "5"}},
    ]);
    let left = post("default", "posthog", "/e/", &event).json();
    let properties = &left[0]["properties"];
    let id = properties["distinct_id"].as_str().unwrap();
    for key in ["$anon_distinct_id", "alias", "$user_id", "$device_id"] {
        assert_eq!(properties[key], id, "{key}: two persons else");
    }
    assert_eq!(
        properties["$geoip_disable"], true,
        "the proxy's address is nobody's"
    );
    let text = |value: &Value| value.to_string().trim_matches('"').to_owned();
    let (number, word) = (
        &left[1]["properties"]["distinct_id"],
        &left[2]["properties"]["distinct_id"],
    );
    assert!(number.is_u64() && word.is_string());
    assert_eq!(text(number), text(word), "5 and \"5\" are one person");
    let long =
        json!([{"event": "e", "properties": {"token": "t", "distinct_id": "x".repeat(400)}}]);
    let left = post("default", "posthog", "/e/", &long).json();
    assert!(left[0]["properties"]["distinct_id"].as_str().unwrap().len() <= 400);
}

// --------------------------------------------------------------------------------------------- OTLP

#[test]
fn otlp_backends_find_their_project_and_a_route_names_more_headers() {
    let scrubber: Scrubber = builtin("default");
    let vendor = scrubber
        .vendors()
        .iter()
        .position(|v| &*v.name == "otlp")
        .unwrap();
    let Found::Endpoint(endpoint, _) = scrubber.vendors()[vendor].find("POST", "/v1/traces") else {
        panic!("no endpoint");
    };
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"e"}]}]}]}"#;
    let sent = [
        ("content-type", "application/json"),
        ("x-mlflow-experiment-id", "7"),
        ("x-project-name", "shop"),
        ("x-tenant", "t-1"),
        ("x-note", "zeb.canary7@quixworth.example"),
        ("x-other", "1"),
        ("cookie", "a=b"),
    ];
    let ask = |extra: &[String]| {
        let raw = RawRequest {
            vendor,
            endpoint,
            method: "POST",
            path: "/v1/traces",
            query: None,
            headers: &sent,
            body,
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            body_limit: 1 << 20,
            projects: &[],
            extra_headers: extra,
        };
        let Verdict::Forward(clean) = scrubber.scrub(&raw, &mut Scratch::new()) else {
            panic!("not forwarded");
        };
        let names: Vec<String> = clean
            .headers()
            .map(|(n, _)| n.to_owned())
            .filter(|n| n.starts_with("x-") || n == "cookie")
            .collect();
        names
    };
    assert_eq!(ask(&[]), ["x-mlflow-experiment-id", "x-project-name"]);
    let more = ["x-tenant".to_owned(), "x-note".to_owned()];
    assert_eq!(
        ask(&more),
        ["x-mlflow-experiment-id", "x-project-name", "x-tenant"],
        "what names somebody stays behind"
    );
}

#[test]
fn otlp_times_and_ids_stay_and_every_text_is_judged() {
    let mail = "zeb.canary7@quixworth.example";
    let span = json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "e",
        "startTimeUnixNano": "1795301881000000000", "endTimeUnixNano": "1795301882000000000",
        "status": {"code": 2, "message": mail}, "events": [{"name": "exception", "attributes": [{"key": "exception.message", "value": {"stringValue": mail}}]}],
        "attributes": [{"key": "big", "value": {"intValue": "9223372036854775807"}}]});
    let body = json!({"resourceSpans": [{"resource": {"attributes": [{"key": "owner", "value": {"stringValue": mail}}]}, "scopeSpans": [{"spans": [span]}]}]});
    let left = post("default", "otlp", "/v1/traces", &body).json();
    let after = &left["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    for key in ["traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano"] {
        assert_eq!(after[key], span[key]);
    }
    assert!(after.to_string().contains("9223372036854775807"));
    assert!(
        !left.to_string().contains("canary"),
        "backends copy all of these: {left}"
    );
}

// -------------------------------------------------------------------------------- Segment, Snowplow

#[test]
fn segment_calls_keep_their_ids_and_objects() {
    let calls = [
        (
            "/v1/i",
            json!({"type": "identify", "userId": 5, "context": {"ip": "203.0.113.77"}, "integrations": {}, "traits": {"email": "zeb.canary7@quixworth.example"}}),
        ),
        (
            "/v1/a",
            json!({"type": "alias", "userId": "user-canary-48213", "previousId": "zeb.canary7@quixworth.example", "context": {"locale": "de"}, "integrations": {}}),
        ),
        (
            "/v1/g",
            json!({"type": "group", "groupId": 17, "userId": "user-canary-48213", "context": {}, "integrations": {}, "traits": {"name": "Quixworth"}}),
        ),
    ];
    for policy in POLICIES {
        for (path, call) in &calls {
            let left = post(policy, "segment", path, call).json();
            for key in ["userId", "previousId", "groupId"] {
                let (came, stays) = (&call[key], &left[key]);
                let same_kind =
                    came.is_string() == stays.is_string() && came.is_number() == stays.is_number();
                assert!(same_kind && *stays != json!(""), "{path} {key}: {left}");
                assert!(came.is_null() || came != stays);
            }
            assert!(left["context"].is_object(), "{left}");
        }
    }
}

#[test]
fn snowplow_events_are_texts_and_their_contexts_stand_as_before() {
    let session = json!({"schema": "iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-2", "data": {
        "userId": "a47ac10b58cc4372", "sessionId": "f47ac10b-58cc-4372-a567-0e02b2c3d470", "previousSessionId": "f47ac10b-58cc-4372-a567-0e02b2c3d471", "sessionIndex": 1}});
    let own = json!({"schema": "iglu:com.acme/order/jsonschema/1-0-0", "data": {"email": "zeb.canary7@quixworth.example", "plan": "pro"}});
    let contexts = json!({"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": [session, own]});
    let event = json!({"e": "pv", "eid": "f47ac10b-58cc-4372-a567-0e02b2c3d479", "duid": "f47ac10b-58cc-4372-a567-0e02b2c3d472", "dtm": "1795301881000", "vid": "3",
        "uid": "user-canary-48213", "res": "1280x800", "ip": "203.0.113.77", "co": contexts.to_string(), "tv": "js-4", "p": "web"});
    let body = json!({"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [event]});
    let left = post(
        "default",
        "snowplow",
        "/com.snowplowanalytics.snowplow/tp2",
        &body,
    )
    .json();
    let after = &left["data"][0];
    assert!(
        after.as_object().unwrap().values().all(Value::is_string),
        "texts only: {after}"
    );
    assert_eq!(
        (&after["eid"], &after["dtm"], &after["vid"]),
        (&event["eid"], &event["dtm"], &event["vid"])
    );
    assert!(
        after["duid"].as_str().unwrap().len() <= 128 && after["uid"].as_str().unwrap().len() <= 255
    );
    let contexts: Value = serde_json::from_str(after["co"].as_str().unwrap()).unwrap();
    for one in contexts["data"].as_array().unwrap() {
        let keys: Vec<&String> = one.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["data", "schema"]);
    }
    let session = &contexts["data"][0]["data"];
    let lower = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let who = session["userId"].as_str().unwrap();
    assert!(who.len() == 16 && lower(who), "{who}");
    for key in ["sessionId", "previousSessionId"] {
        let id = session[key].as_str().unwrap();
        assert!(id.len() == 36 && id.split('-').all(lower), "{id}");
    }
    assert_eq!(left.to_string().matches("canary").count(), 0);
}
