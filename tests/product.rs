//! Product analytics end to end in the engine: recordings that a policy lets through, ids that stand
//! for nobody, sessions that tell their day, headers that unfold, kinds of events.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod support;

use std::io::{Read, Write};

use serde_json::{Value, json};
use support::{Outcome, Request, builtin, scrubber, send};
use tamis::scrub::Scrubber;

const MASKED: &str = "[[rule]]\nname = \"recordings, masked\"\nendpoint = [\"/s\", \"/record\"]\n\
    category = [\"user.content.private\"]\naction = { mask = {} }\n\n[[rule]]";

/// The policy `default`, but that recordings are masked and sent.
fn recording() -> Scrubber {
    let (_, text) = tamis::policy::builtin("default").expect("the policy");
    scrubber(&text.replacen("[[rule]]", MASKED, 1))
}

fn post<'a>(vendor: &'a str, path: &'a str, body: &'a [u8]) -> Request<'a> {
    Request {
        vendor,
        method: "POST",
        path,
        query: None,
        headers: vec![("content-type", "application/json")],
        body,
    }
}

fn forwarded(scrubber: &Scrubber, request: &Request<'_>) -> Value {
    match send(scrubber, request) {
        Outcome::Forward(clean) => serde_json::from_slice(clean.body()).expect("JSON"),
        Outcome::Answer => panic!("{}: answered", request.path),
        Outcome::Refuse(refusal) => panic!("{}: {refusal:?}", request.path),
    }
}

/// What the recorder (rrweb) saw of a page.
fn events() -> Vec<Value> {
    let node = json!({"type": 0, "id": 1, "childNodes": [
        {"type": 1, "name": "html", "publicId": "", "systemId": "", "id": 2},
        {"type": 2, "tagName": "html", "id": 3, "attributes": {"lang": "en"}, "childNodes": [
            {"type": 2, "tagName": "img", "id": 4, "childNodes": [],
             "attributes": {"alt": "Zebulon", "src": "https://shop.example/u/zeb.png", "class": "big", "rr_width": "9px"}},
            {"type": 2, "tagName": "p", "id": 5, "attributes": {"title": "Hello Zebulon", "data-user": "u-7"},
             "childNodes": [{"type": 3, "textContent": "Hello Zebulon Quixworth", "id": 6}]}]}]});
    vec![
        json!({"type": 4, "timestamp": 1, "data": {"href": "https://shop.example/zeb", "width": 800, "height": 600}}),
        json!({"type": 2, "timestamp": 2, "data": {"node": node, "initialOffset": {"left": 0, "top": 3}}}),
        json!({"type": 3, "timestamp": 3, "data": {"source": 5, "id": 7, "text": "zeb@quixworth.example", "isChecked": false}}),
        json!({"type": 3, "timestamp": 4, "data": {"source": 1, "positions": [{"x": 3, "y": 4, "id": 5, "timeOffset": -20}]}}),
        json!({"type": 3, "timestamp": 5, "data": {"source": 0, "texts": [{"id": 6, "value": "Bye Zebulon"}],
            "attributes": [{"id": 5, "attributes": {"title": "Zebulon", "style": {"color": "red"}}}],
            "removes": [{"parentId": 3, "id": 4}],
            "adds": [{"parentId": 5, "nextId": null, "node": {"type": 3, "textContent": "Zebulon", "id": 8}}]}}),
        json!({"type": 6, "timestamp": 6, "data": {"plugin": "rrweb/console@1", "payload": {"level": "log",
            "trace": ["at pay (https://shop.example/zeb.js:1)"], "payload": ["\"Zebulon\""]}}}),
        json!({"type": 5, "timestamp": 7, "data": {"tag": "$pageview", "payload": {"href": "https://shop.example/zeb"}}}),
    ]
}

/// The same with every private text masked.
fn masked(value: &Value, key: &str) -> Value {
    let private = [
        "href",
        "alt",
        "src",
        "title",
        "data-user",
        "textContent",
        "text",
        "value",
        "trace",
        "payload",
    ];
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), masked(value, key)))
            .collect(),
        Value::Array(list) => list.iter().map(|value| masked(value, key)).collect(),
        Value::String(text) if private.contains(&key) => "*".repeat(text.chars().count()).into(),
        other => other.clone(),
    }
}

#[test]
fn recordings_do_not_leave_unless_a_rule_names_their_endpoint() {
    let body = serde_json::to_vec(&events()).unwrap();
    let scrubber = builtin("default");
    assert!(matches!(
        send(&scrubber, &post("mixpanel", "/record/", &body)),
        Outcome::Answer
    ));
    assert!(matches!(
        send(&scrubber, &post("posthog", "/s/", &body)),
        Outcome::Answer
    ));
}

#[test]
fn a_masked_recording_keeps_its_shape() {
    let want: Vec<Value> = events().iter().map(|event| masked(event, "")).collect();
    let body = serde_json::to_vec(&events()).unwrap();
    let got = forwarded(&recording(), &post("mixpanel", "/record/", &body));
    assert_eq!(got, json!(want));
    let body = snapshot(&events());
    let got = forwarded(&recording(), &post("posthog", "/s/", &body));
    assert_eq!(got["properties"]["$snapshot_data"], json!(want));
    assert_eq!(got["event"], "$snapshot");
    assert_ne!(got["properties"]["distinct_id"], "user-7");
}

#[test]
fn packed_parts_of_a_recording_are_judged() {
    let mut packed = events();
    for event in &mut packed {
        event["cv"] = "2024-10".into();
    }
    packed[1]["data"] = pack(&packed[1]["data"]).into();
    for part in ["texts", "attributes", "removes", "adds"] {
        packed[4]["data"][part] = pack(&packed[4]["data"][part]).into();
    }
    let body = snapshot(&packed);
    let got = forwarded(&recording(), &post("posthog", "/s/", &body));
    let got = &got["properties"]["$snapshot_data"];
    let want: Vec<Value> = events().iter().map(|event| masked(event, "")).collect();
    assert_eq!(unpack(&got[1]["data"]), want[1]["data"]);
    for part in ["texts", "attributes", "removes", "adds"] {
        assert_eq!(
            unpack(&got[4]["data"][part]),
            want[4]["data"][part],
            "{part}"
        );
    }
    // What does not unpack does not leave.
    packed[1]["data"] = "\u{1f}\u{8b}\u{8}Zebulon".into();
    packed[4]["data"]["texts"] = "Zebulon \u{65e5}".into();
    let body = snapshot(&packed);
    let got = forwarded(&recording(), &post("posthog", "/s/", &body));
    let got = &got["properties"]["$snapshot_data"];
    assert!(got[1].get("data").is_none() && got[4]["data"].get("texts").is_none());
}

fn snapshot(data: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({"event": "$snapshot", "properties": {"distinct_id": "user-7",
        "$snapshot_data": data, "$session_id": "01a20051-4df3-7f6a-9cb2-f804332076df", "token": "t"}}))
    .unwrap()
}

/// gzip whose bytes are characters.
fn pack(value: &Value) -> String {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(value.to_string().as_bytes()).unwrap();
    gzip.finish().unwrap().into_iter().map(char::from).collect()
}

fn unpack(value: &Value) -> Value {
    let text = value.as_str().expect("a packed text");
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut plain)
        .expect("gzip");
    serde_json::from_str(&plain).expect("JSON")
}

#[test]
fn ids_that_stand_for_nobody_are_no_person() {
    let scrubber = builtin("default");
    for id in [
        "unknown",
        "NULL",
        "0",
        "[object Object]",
        "anonymous",
        "undefined",
    ] {
        let body = json!({"events": [{"event_type": "a", "user_id": id, "device_id": "d-123456"}]});
        let got = forwarded(
            &scrubber,
            &post("amplitude", "/2/httpapi", body.to_string().as_bytes()),
        );
        assert_eq!(got["events"][0]["user_id"], id);
        assert_ne!(got["events"][0]["device_id"], "d-123456");
        if id != "unknown" {
            let body = json!({"event": "a", "distinct_id": id, "properties": {}});
            let got = forwarded(
                &scrubber,
                &post("posthog", "/capture/", body.to_string().as_bytes()),
            );
            assert_eq!((&got["distinct_id"], id == "unknown"), (&json!(id), false));
        }
    }
}

#[test]
fn a_session_tells_its_day_and_no_more() {
    let scrubber = builtin("default");
    let session = |id: &str| {
        let body = json!({"event": "a", "distinct_id": id, "properties": {"$session_id": id, "$window_id": id}});
        let got = forwarded(
            &scrubber,
            &post("posthog", "/e/", body.to_string().as_bytes()),
        );
        assert_eq!(
            got["properties"]["$session_id"],
            got["properties"]["$window_id"]
        );
        assert_ne!(got["distinct_id"], id);
        got["properties"]["$session_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (one, two) = (
        session("01a20051-4df3-7f6a-9cb2-f804332076df"),
        session("01a20051-4df3-7f6a-9cb2-f804332076de"),
    );
    let time = |id: &str| u64::from_str_radix(&(id[..8].to_owned() + &id[9..13]), 16).unwrap();
    let day = 86_400_000;
    assert_eq!(time(&one), time("01a20051-4df3-7") / day * day);
    assert_eq!((&one[14..15], &one[..14]), ("7", &two[..14]));
    assert_ne!(one[15..], two[15..]);
    assert!("89ab".contains(&one[19..20]));
    // Other versions and other fields have no time to keep.
    assert_ne!(
        &session("62412b09-55a6-40e5-827d-1c785d9a5955")[14..15],
        "7"
    );
}

#[test]
fn a_header_stands_for_the_same_person_as_the_body() {
    let body = json!({"type": "track", "event": "a", "anonymousId": "anon-7"}).to_string();
    let mut request = post("rudderstack", "/v1/track", body.as_bytes());
    request.headers.push(("anonymousid", "YW5vbi03"));
    let Outcome::Forward(clean) = send(&builtin("default"), &request) else {
        panic!("forwarded");
    };
    let got: Value = serde_json::from_slice(clean.body()).unwrap();
    let header = clean.headers().find(|(name, _)| *name == "anonymousid");
    let header = header.expect("the header").1;
    let id = got["anonymousId"].as_str().unwrap();
    assert_ne!(id, "anon-7");
    assert_eq!(tamis_base64(header), id.as_bytes());
    // What does not unfold stays behind.
    request.headers.pop();
    request.headers.push(("anonymousid", "anon-7!"));
    let Outcome::Forward(clean) = send(&builtin("default"), &request) else {
        panic!("forwarded");
    };
    assert!(clean.headers().all(|(name, _)| name != "anonymousid"));
}

fn tamis_base64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    tamis::codec::base64::decode(text.as_bytes(), Default::default(), &mut out).expect("base64");
    out
}

#[test]
fn the_same_field_is_another_thing_in_another_kind_of_event() {
    let body = json!({"batch": [
        {"type": "track", "event": "Viewed", "userId": "u", "properties": {"name": "Monopoly"}},
        {"type": "page", "name": "Order of Jane", "userId": "u", "properties": {"name": "Order of Jane", "plan": "pro"}},
        {"type": "screen", "name": "Home", "userId": "u", "properties": {"name": "Home"}},
        {"type": "group", "groupId": "g", "traits": {"name": "Quixworth Ltd"}},
        {"type": "identify", "userId": "u", "traits": {"name": "Jane Doe"}},
    ]});
    let got = forwarded(
        &builtin("default"),
        &post("segment", "/v1/batch", body.to_string().as_bytes()),
    );
    let got = &got["batch"];
    assert_eq!(got[0]["properties"]["name"], "Monopoly");
    assert_eq!(got[1]["properties"], json!({"plan": "pro"}));
    assert!(got[1].get("name").is_none());
    assert_eq!(
        (&got[2]["name"], &got[2]["properties"]["name"]),
        (&json!("Home"), &json!("Home"))
    );
    assert!(got[3]["traits"]["name"].is_string() && got[3]["traits"]["name"] != "Quixworth Ltd");
    assert_eq!(got[4]["traits"], json!({}));
}

#[test]
fn what_must_be_there_is_added_with_the_member_it_belongs_to() {
    let sent = |vendor: &str, path: &str, body: &str| {
        let request = post(vendor, path, body.as_bytes());
        let Outcome::Forward(clean) = send(&builtin("default"), &request) else {
            panic!("forwarded");
        };
        String::from_utf8(clean.into_body()).unwrap()
    };
    assert_eq!(
        sent("segment", "/v1/track", r#"{"event":"a"}"#),
        r#"{"event":"a","context":{"ip":"0.0.0.0"}}"#
    );
    assert_eq!(
        sent("segment", "/v1/batch", r#"{"batch":[{},{"context":{}}]}"#),
        r#"{"batch":[{"context":{"ip":"0.0.0.0"}},{"context":{"ip":"0.0.0.0"}}]}"#
    );
    assert_eq!(
        sent(
            "posthog",
            "/e/",
            r#"{"event":"a","properties":{"$geoip_disable":false,"$ip":"1.2.3.4"}}"#
        ),
        r#"{"event":"a","properties":{"$geoip_disable":true}}"#
    );
    assert_eq!(
        sent(
            "posthog",
            "/batch/",
            r#"{"batch":[{"event":"a"}],"api_key":"k"}"#
        ),
        r#"{"batch":[{"event":"a","properties":{"$geoip_disable":true}}],"api_key":"k"}"#
    );
}

#[test]
fn ids_keep_the_form_that_each_vendor_asks_for() {
    type Form = fn(&str) -> bool;
    let uuid: Form = |id| {
        let of = |at: usize, set: &str| set.contains(char::from(id.as_bytes()[at]));
        let lower = |b: u8| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        id.len() == 36 && id.bytes().all(lower) && of(14, "12345678") && of(19, "89ab")
    };
    let hex: Form = |id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let dotted: Form = |id| {
        let parts: Vec<&str> = id.split('.').collect();
        let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        parts.len() == 2 && parts.iter().all(digits)
    };
    let prefixed: Form = |id| id.starts_with("$device:") && id.len() == 44;
    let long: Form = |id| (5..=50).contains(&id.len());
    const UUID: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
    let mixpanel =
        format!(r#"[{{"event":"e","properties":{{"token":"t","distinct_id":"$device:{UUID}"}}}}]"#);
    let posthog =
        format!(r#"[{{"event":"e","properties":{{"token":"t","distinct_id":"{UUID}"}}}}]"#);
    let segment = format!(r#"{{"type":"track","event":"e","anonymousId":"{UUID}"}}"#);
    let amplitude =
        r#"{"api_key":"k","events":[{"event_type":"e","user_id":"u","device_id":"d"}]}"#;
    let datadog = format!(
        r#"{{"type":"view","date":1,"session":{{"id":"{UUID}"}},"view":{{"id":"{UUID}"}}}}"#
    );
    let umami =
        r#"{"type":"event","payload":{"website":"b59e9c65-ae32-47f1-8400-119fcf4861c4","id":"u"}}"#;
    let by_body: &[(&str, &str, &str, &str, Form)] = &[
        (
            "mixpanel",
            "/track",
            &mixpanel,
            "/0/properties/distinct_id",
            prefixed,
        ),
        (
            "posthog",
            "/e/",
            &posthog,
            "/0/properties/distinct_id",
            uuid,
        ),
        ("segment", "/v1/t", &segment, "/anonymousId", uuid),
        (
            "amplitude",
            "/2/httpapi",
            amplitude,
            "/events/0/user_id",
            long,
        ),
        (
            "amplitude",
            "/2/httpapi",
            amplitude,
            "/events/0/device_id",
            long,
        ),
        ("datadog", "/api/v2/rum", &datadog, "/session/id", uuid),
        ("datadog", "/api/v2/rum", &datadog, "/view/id", uuid),
        ("umami", "/api/send", umami, "/payload/id", long),
    ];
    let ga = "v=2&tid=G-1&en=x&cid=123456789.1717171717&sid=1717171717";
    let matomo = "idsite=1&rec=1&_id=0123456789abcdef&url=https%3A%2F%2Fshop.example%2F";
    let snowplow = format!("e=pv&p=web&duid={UUID}&sid={UUID}");
    let by_query: &[(&str, &str, &str, &str, Form)] = &[
        ("ga4", "/g/collect", ga, "cid", dotted),
        ("matomo", "/matomo.php", matomo, "_id", hex),
        ("matomo", "/matomo.php", matomo, "cid", hex),
        ("snowplow", "/i", &snowplow, "duid", uuid),
        ("snowplow", "/i", &snowplow, "sid", uuid),
    ];
    for policy in ["default", "strict", "cnil", "hipaa-safe-harbor"] {
        let scrubber = builtin(policy);
        for (vendor, path, body, at, form) in by_body {
            let left = forwarded(&scrubber, &post(vendor, path, body.as_bytes()));
            let id = left.pointer(at).and_then(Value::as_str).unwrap_or_default();
            assert!(
                form(id) && !body.contains(&format!("\"{id}\"")),
                "{policy} {vendor} {at}: {left}"
            );
        }
        for (vendor, path, query, name, form) in by_query {
            let request = Request {
                query: Some(query),
                method: "GET",
                headers: vec![],
                ..post(vendor, path, b"")
            };
            let Outcome::Forward(clean) = send(&scrubber, &request) else {
                panic!("{vendor} {query}");
            };
            let mut pairs = clean
                .target()
                .split(['?', '&'])
                .filter_map(|pair| pair.split_once('='));
            let id = pairs.find(|(key, _)| key == name).map_or("", |(_, id)| id);
            assert!(
                form(id) && !query.contains(id),
                "{policy} {vendor} {name}: {}",
                clean.target()
            );
        }
    }
}

#[test]
fn a_name_among_attributes_is_a_persons_and_an_events_stays() {
    let body = br#"{"api_key":"k","attributes":[{"external_id":"u-1","name":"Quibbleton"},{"external_id":"u-2","name":["Quibbleton"]}],"events":[{"external_id":"u-1","name":"Checkout","time":"2026-01-01T00:00:00Z"}],"purchases":[{"external_id":"u-1","product_id":"tea","currency":"EUR","price":4.5,"time":"2026-01-01T00:00:00Z"}]}"#;
    for policy in ["default", "strict", "cnil", "hipaa-safe-harbor"] {
        let left = forwarded(&builtin(policy), &post("braze", "/users/track", body));
        assert!(!left.to_string().contains("Quibbleton"), "{policy}: {left}");
        assert_eq!(left["events"][0]["name"], "Checkout", "{policy}");
        assert_eq!(left["purchases"][0]["product_id"], "tea", "{policy}");
    }
}
