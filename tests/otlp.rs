//! Lists of pairs and protobuf messages through the whole engine, with a schema of a few messages:
//! both forms of one document are judged alike, a policy that keeps everything changes no byte, and
//! what cannot be read whole is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a failed test"
)]

mod support;

use std::sync::OnceLock;

use proptest::prelude::*;
use support::{Outcome, Request, builtin, keep_but, scrubber, send};
use tamis::scrub::Scrubber;

const PROTO: &str = "application/x-protobuf";

fn post<'a>(path: &'a str, kind: &'a str, body: &'a [u8]) -> Request<'a> {
    Request {
        vendor: "otlp",
        method: "POST",
        path,
        query: None,
        headers: vec![("content-type", kind)],
        body,
    }
}

fn forward(scrubber: &Scrubber, path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    match send(scrubber, &post(path, kind, body)) {
        Outcome::Forward(clean) => clean.into_body(),
        Outcome::Answer => panic!("answered"),
        Outcome::Refuse(refusal) => panic!("{refusal:?}"),
    }
}

fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A field of bytes: a text or a message.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 2, &mut out);
    varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

fn number(field: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3, &mut out);
    varint(value, &mut out);
    out
}

#[derive(Clone, Debug)]
enum Any {
    Text(String),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(Vec<u8>),
    List(Vec<Any>),
    Map(Vec<(String, Any)>),
    Nothing,
}

impl Any {
    fn proto(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => field(1, text.as_bytes()),
            Self::Bool(bool) => number(2, u64::from(*bool)),
            Self::Int(int) => number(3, int.cast_unsigned()),
            Self::Double(double) => [&[0x21][..], &double.to_le_bytes()].concat(),
            Self::List(list) => {
                let items: Vec<_> = list.iter().map(|any| field(1, &any.proto())).collect();
                field(5, &items.concat())
            }
            Self::Map(map) => {
                let items: Vec<_> = map.iter().map(|(k, v)| field(1, &pair(k, v))).collect();
                field(6, &items.concat())
            }
            Self::Bytes(bytes) => field(7, bytes),
            Self::Nothing => Vec::new(),
        }
    }

    fn json(&self) -> serde_json::Value {
        use serde_json::json;
        match self {
            Self::Text(text) => json!({ "stringValue": text }),
            Self::Bool(bool) => json!({ "boolValue": bool }),
            Self::Int(int) => json!({ "intValue": int }),
            Self::Double(double) => json!({ "doubleValue": double }),
            Self::List(list) => {
                json!({ "arrayValue": { "values": list.iter().map(Self::json).collect::<Vec<_>>() } })
            }
            Self::Map(map) => {
                let pairs: Vec<_> = map.iter().map(|(k, v)| json_pair(k, v)).collect();
                json!({ "kvlistValue": { "values": pairs } })
            }
            Self::Bytes(_) | Self::Nothing => json!({}),
        }
    }
}

fn pair(key: &str, value: &Any) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, &value.proto())].concat()
}

fn json_pair(key: &str, value: &Any) -> serde_json::Value {
    serde_json::json!({ "key": key, "value": value.json() })
}

/// A trace request of one span.
fn trace(attributes: &[(String, Any)]) -> Vec<u8> {
    let mut span = [
        field(1, &[7; 16]),
        field(2, &[8; 8]),
        field(5, b"Checkout Completed"),
    ]
    .concat();
    for (key, value) in attributes {
        span.extend(field(9, &pair(key, value)));
    }
    field(1, &field(2, &field(2, &span)))
}

fn json_trace(attributes: &[(String, Any)]) -> String {
    let pairs: Vec<_> = attributes.iter().map(|(k, v)| json_pair(k, v)).collect();
    serde_json::json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{
        "traceId": "07070707070707070707070707070707", "spanId": "0808080808080808",
        "name": "Checkout Completed", "attributes": pairs,
    }] }] }] })
    .to_string()
}

fn text(text: &str) -> Any {
    Any::Text(text.into())
}

fn attributes() -> Vec<(String, Any)> {
    let list = [
        ("plan", text("pro")),
        ("email", text("jane.doe@example.com")),
        ("enduser.id", text("user-48213")),
        ("user.id", Any::Int(48_213)),
        (
            "mails",
            Any::List(vec![text("jane.doe@example.com"), text("ops")]),
        ),
        (
            "shipping",
            Any::Map(vec![
                ("email".into(), text("jane.doe@example.com")),
                ("method".into(), text("express")),
            ]),
        ),
        ("amount", Any::Double(42.5)),
        ("first", Any::Bool(true)),
    ];
    list.map(|(key, value)| (key.to_owned(), value)).into()
}

#[test]
fn both_forms_are_judged_alike() {
    let scrubber = builtin("default");
    let json = json_trace(&attributes());
    let json = forward(&scrubber, "/v1/traces", "application/json", json.as_bytes());
    let json = String::from_utf8(json).unwrap();
    let proto = forward(&scrubber, "/v1/traces", PROTO, &trace(&attributes()));
    let shown = String::from_utf8_lossy(&proto);
    assert!(!json.contains("jane") && !shown.contains("jane"), "{json}");
    assert!(
        !json.contains("48213") && !shown.contains("48213"),
        "{json}"
    );
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    let span = &read["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    let pairs: Vec<_> = span["attributes"].as_array().unwrap().iter().collect();
    let keys: Vec<_> = pairs.iter().map(|p| p["key"].as_str().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "plan",
            "enduser.id",
            "user.id",
            "mails",
            "shipping",
            "amount",
            "first"
        ]
    );
    let id = pairs[1]["value"]["stringValue"].as_str().unwrap();
    assert!(shown.contains(id), "the same pseudonym in both forms");
    let int = pairs[2]["value"]["intValue"].as_i64().unwrap();
    let want = [
        ("plan", text("pro")),
        ("enduser.id", text(id)),
        ("user.id", Any::Int(int)),
        ("mails", Any::List(vec![text("ops")])),
        (
            "shipping",
            Any::Map(vec![("method".into(), text("express"))]),
        ),
        ("amount", Any::Double(42.5)),
        ("first", Any::Bool(true)),
    ];
    let want: Vec<_> = want.map(|(key, value)| (key.to_owned(), value)).into();
    assert_eq!(
        proto,
        trace(&want),
        "lengths are written anew, the rest is copied"
    );
}

#[test]
fn a_rule_reaches_an_attribute_by_its_key() {
    let rules = keep_but(
        "[[rule]]\nfield = ['attributes[\"user.id\"]']\naction = { replace = \"somebody\" }\n\
         [[rule]]\nfield = [\"attributes.plan\"]\naction = \"null\"\n\
         [[rule]]\nfield = [\"attributes.shipping\"]\naction = { replace = \"x\" }\n\
         [[rule]]\nfield = [\"name\"]\naction = \"drop\"\n",
    );
    let scrubber = scrubber(&rules);
    let attributes = attributes();
    let body = json_trace(&attributes);
    let json = forward(&scrubber, "/v1/traces", "application/json", body.as_bytes());
    let json = String::from_utf8(json).unwrap();
    assert!(
        json.contains(r#"{"key":"user.id","value":{"stringValue":"somebody"}}"#),
        "{json}"
    );
    assert!(!json.contains("plan") && !json.contains("shipping") && !json.contains("Checkout"));
    let proto = forward(&scrubber, "/v1/traces", PROTO, &trace(&attributes));
    let somebody = field(9, &pair("user.id", &text("somebody")));
    assert!(proto.windows(somebody.len()).any(|w| w == somebody));
    let shown = String::from_utf8_lossy(&proto);
    assert!(!shown.contains("plan") && !shown.contains("shipping") && !shown.contains("Checkout"));
}

#[test]
fn what_cannot_be_read_whole_is_refused() {
    let scrubber = builtin("default");
    let good = trace(&attributes());
    for (why, body) in [
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing", [&good[..], &[0x0b]].concat()),
        ("not UTF-8", trace_of(&field(5, &[0xff, 0xfe]))),
        ("another wire type", trace_of(&number(5, 1))),
        (
            "two values",
            trace_of(&field(
                9,
                &[pair("a", &text("b")), field(2, &text("c").proto())].concat(),
            )),
        ),
        (
            "two kinds",
            trace_of(&field(
                9,
                &[
                    field(1, b"a"),
                    field(2, &[text("b").proto(), number(3, 1)].concat()),
                ]
                .concat(),
            )),
        ),
    ] {
        let request = post("/v1/traces", PROTO, &body);
        assert!(
            matches!(send(&scrubber, &request), Outcome::Refuse(_)),
            "{why}"
        );
    }
    let mut deep = text("x");
    for _ in 0..200 {
        deep = Any::List(vec![deep]);
    }
    let body = trace(&[("a".to_owned(), deep)]);
    assert!(matches!(
        send(&scrubber, &post("/v1/traces", PROTO, &body)),
        Outcome::Refuse(_)
    ));
}

fn trace_of(span: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, span)))
}

#[test]
fn unknown_fields_are_left_out() {
    let scrubber = scrubber(&keep_but(""));
    let known = field(5, b"Checkout Completed");
    let body = trace_of(&[&field(99, b"Jane Doe")[..], &known].concat());
    assert_eq!(
        forward(&scrubber, "/v1/traces", PROTO, &body),
        trace_of(&known)
    );
}

#[test]
fn a_querypack_is_judged_by_its_attributes() {
    let send_pack = |body: &str| {
        let scrubber = default_policy();
        let request = Request {
            vendor: "newrelic",
            path: "/events/1/1ab70ken0123456789abcdef01234567",
            ..post("", "text/plain", body.as_bytes())
        };
        match send(scrubber, &request) {
            Outcome::Forward(clean) => String::from_utf8(clean.into_body()).unwrap(),
            Outcome::Answer => "(answered)".into(),
            Outcome::Refuse(_) => "(refused)".into(),
        }
    };
    let kept = "bel.6;e,'load,2s,2;6,'amount,42.5;5,'plan,'pro;e,'unload,3s,";
    assert_eq!(send_pack(kept), kept);
    assert_eq!(
        send_pack("bel.6;e,'load,2s,3;5,'email,'jane.doe@example.com;5,'plan,'pro;8,'first"),
        "bel.6;e,'load,2s,2;5,'plan,'pro;8,'first"
    );
    // A string once said is a number afterwards: judged in each place, and written out.
    let out = send_pack(
        "bel.6;e,'load,2s,2;5,'note,'jane.doe@example.com;5,'email,2;e,0,1,1;5,'plan,'pro",
    );
    assert_eq!(out, "bel.6;e,'load,2s,;e,'load,1,1;5,'plan,'pro");
    assert_eq!(send_pack("bel.9;e,'load,2s"), "(refused)");
    assert_eq!(send_pack("bel.6;e,'load,2s,1;5,'a,77"), "(refused)");
}

/// Building the plans of all vendors takes longer than judging a message.
fn default_policy() -> &'static Scrubber {
    static DEFAULT: OnceLock<Scrubber> = OnceLock::new();
    DEFAULT.get_or_init(|| builtin("default"))
}

fn some() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        "[a-z]{0,8}".prop_map(Any::Text),
        proptest::arbitrary::any::<bool>().prop_map(Any::Bool),
        proptest::arbitrary::any::<i64>().prop_map(Any::Int),
        proptest::arbitrary::any::<f64>().prop_map(Any::Double),
        proptest::collection::vec(proptest::arbitrary::any::<u8>(), 0..8).prop_map(Any::Bytes),
        Just(Any::Nothing),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Any::List),
            proptest::collection::vec(("[a-z.]{0,6}", inner), 0..4).prop_map(Any::Map),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_kept_is_kept_exactly(list in proptest::collection::vec(("[a-z.]{1,8}", some()), 0..8)) {
        static KEEP: OnceLock<Scrubber> = OnceLock::new();
        let keep = "version = 1\nname = \"t\"\nunlisted = \"keep\"\n[[rule]]\nfield = [\"**\"]\naction = \"keep\"\nscan = false\n";
        let scrubber = KEEP.get_or_init(|| scrubber(keep));
        let body = trace(&list);
        prop_assert_eq!(forward(scrubber, "/v1/traces", PROTO, &body), body);
        let body = json_trace(&list);
        let out = forward(scrubber, "/v1/traces", "application/json", body.as_bytes());
        prop_assert_eq!(String::from_utf8(out).unwrap(), body);
    }

    #[test]
    fn bytes_that_are_no_message_are_no_trouble(body in proptest::collection::vec(proptest::arbitrary::any::<u8>(), 1..200)) {
        let scrubber = default_policy();
        let _ = send(scrubber, &post("/v1/traces", PROTO, &body));
    }

    #[test]
    fn a_message_with_a_slip_is_no_trouble(at in 0usize..300, byte in proptest::arbitrary::any::<u8>()) {
        let scrubber = default_policy();
        let mut body = trace(&attributes());
        let at = at % body.len();
        body[at] = byte;
        let _ = send(scrubber, &post("/v1/traces", PROTO, &body));
    }
}
