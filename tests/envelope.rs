//! Bodies of several parts, tunnels and wrapped targets, through the whole engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a failed test"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use support::{Outcome, Request, builtin, keep_but, scrubber, send};
use tamis::catalog::Found;
use tamis::policy::CompiledPolicy;
use tamis::scrub::{RawRequest, Refusal, Scratch, Scrubber, Verdict};
use tamis::sensitive::SecretKey;

const KEY: &str = "1ab70ce0123456789abcdef012345678";

fn envelope<'a>(path: &'a str, body: &'a str) -> Request<'a> {
    Request {
        vendor: "sentry",
        method: "POST",
        path,
        query: None,
        headers: vec![("content-type", "text/plain;charset=UTF-8")],
        body: body.as_bytes(),
    }
}

fn out(scrubber: &Scrubber, path: &str, body: &str) -> String {
    match send(scrubber, &envelope(path, body)) {
        Outcome::Forward(clean) => {
            let target = clean.target().to_owned();
            format!(
                "{target}\n{}",
                String::from_utf8(clean.into_body()).unwrap()
            )
        }
        Outcome::Answer => "answered".into(),
        Outcome::Refuse(Refusal::Decode(error)) => format!("refused: {}", error.kind),
        Outcome::Refuse(refusal) => format!("refused: {refusal:?}"),
    }
}

const HEAD: &str = r#"{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}"#;

#[test]
fn attachments_and_recordings_go_and_the_event_leaves() {
    let body = format!(
        "{HEAD}\n{{\"type\":\"attachment\",\"length\":9,\"filename\":\"jane.txt\"}}\njane\ndoe.\n\
         {{\"type\":\"event\",\"length\":13}}\n{{\"level\":\"x\"}}\n\
         {{\"type\":\"replay_recording\",\"length\":3}}\n\u{1}\n\u{2}\n\
         {{\"type\":\"never_heard_of\"}}\njane@example.com\n"
    );
    let got = out(&builtin("default"), "/api/42/envelope/", &body);
    let want = format!(
        "/api/42/envelope/\n{HEAD}\n{{\"type\":\"event\",\"length\":13}}\n{{\"level\":\"x\"}}\n"
    );
    assert_eq!(got, want);
}

#[test]
fn an_envelope_of_which_nothing_is_left_is_answered() {
    let body = format!("{HEAD}\n{{\"type\":\"attachment\",\"length\":4}}\njane");
    assert_eq!(
        out(&builtin("default"), "/api/42/envelope/", &body),
        "answered"
    );
    let policy = keep_but(
        "[[rule]]\nevent = [\"session\"]\ncategory = [\"user.unique_id\"]\naction = \"drop_event\"\n",
    );
    let body = format!("{HEAD}\n{{\"type\":\"session\"}}\n{{\"did\":\"jane\"}}");
    assert_eq!(
        out(&scrubber(&policy), "/api/42/envelope/", &body),
        "answered"
    );
}

#[test]
fn nothing_changes_where_nothing_has_to() {
    let body =
        format!("{HEAD}\n{{ \"type\" : \"event\",\"length\":  16 }}\n{{\"level\":  \"x\"}}\n\n");
    let got = out(&builtin("default"), "/api/42/envelope/", &body);
    assert_eq!(got, format!("/api/42/envelope/\n{body}"));
}

#[test]
fn lengths_and_counts_follow_what_is_left() {
    let items = r#"{"items":[{"body":"a","attributes":{"user.id":{"value":"u1","type":"string"}}},{"body":"mail jane@example.com"}]}"#;
    let body = format!(
        "{HEAD}\n{{\"type\":\"log\",\"item_count\":2,\"length\":{}}}\n{items}",
        items.len()
    );
    let got = out(&builtin("default"), "/api/42/envelope/", &body);
    let payload = got.lines().last().unwrap();
    assert!(
        payload.contains("mail [email]") && !payload.contains("\"u1\""),
        "{payload}"
    );
    let head = format!("\"item_count\":2,\"length\":{}}}", payload.len());
    assert!(got.contains(&head), "{got}");
    let policy = keep_but(
        "[[rule]]\nfield = [\"attributes\"]\ncategory = [\"user.unique_id\"]\naction = \"drop_event\"\n\
        [[rule]]\nfield = [\"**.value\"]\ncategory = [\"user.unique_id\"]\naction = \"drop_event\"\n",
    );
    let got = out(&scrubber(&policy), "/api/42/envelope/", &body);
    assert!(got.contains("\"item_count\":1"), "{got}");
}

#[test]
fn an_envelope_that_two_readers_cut_differently_is_refused() {
    for (tail, why) in [
        (
            "{\"type\":\"event\",\"length\":3}\n{\"level\":1}",
            "an unexpected shape",
        ),
        (
            "{\"type\":\"event\",\"length\":99}\n{\"level\":1}",
            "a truncated document",
        ),
        (
            "{\"type\":\"event\",\"type\":\"log\"}\n{}",
            "an unexpected shape",
        ),
        (
            "{\"type\":\"event\",\"length\":\"2\"}\n{}",
            "an unexpected shape",
        ),
        ("{\"type\":\"event\"} {\"x\":1}\n{}", "trailing bytes"),
        ("{\"level\":1}", "an unexpected shape"),
        ("[]\n{}", "an unexpected shape"),
    ] {
        let got = out(
            &builtin("default"),
            "/api/42/envelope/",
            &format!("{HEAD}\n{tail}"),
        );
        assert_eq!(got, format!("refused: {why}"), "{tail}");
    }
    let got = out(
        &builtin("default"),
        "/api/42/envelope/",
        "[]\n{\"type\":\"event\"}\n{}",
    );
    assert_eq!(got, "refused: an unexpected shape");
}

#[test]
fn a_tunnel_leads_to_the_project_in_the_header_and_nowhere_else() {
    let scrubber = builtin("default");
    let tunnel = |dsn: &str| {
        let body = format!("{{\"dsn\":\"{dsn}\"}}\n{{\"type\":\"event\"}}\n{{\"level\":\"x\"}}");
        out(&scrubber, "/tunnel", &body)
    };
    let good = format!("https://{KEY}@evil.example/4505318580879360");
    let got = tunnel(&good);
    assert!(
        got.starts_with("/api/4505318580879360/envelope/\n"),
        "{got}"
    );
    for bad in [
        format!("https://{KEY}@o1.example/../../other"),
        format!("https://{KEY}@o1.example/42?x=1"),
        format!("https://{KEY}@o1.example/42/envelope"),
        format!("https://{KEY}@o1.example/"),
        "https://jane@o1.example/42".to_owned(),
        "/42".to_owned(),
    ] {
        assert_eq!(tunnel(&bad), "refused: an unexpected shape", "{bad}");
    }
    let none = format!("{HEAD}\n{{\"type\":\"event\"}}\n{{}}");
    assert_eq!(
        out(&scrubber, "/tunnel", &none),
        "refused: an unexpected shape"
    );
    let two = format!("{{\"dsn\":\"{good}\",\"dsn\":\"{good}\"}}\n{{\"type\":\"event\"}}\n{{}}");
    assert_eq!(
        out(&scrubber, "/tunnel", &two),
        "refused: an unexpected shape"
    );
}

#[test]
fn a_route_with_projects_takes_their_keys_wherever_they_stand() {
    let scrubber = builtin("default");
    let vendor = scrubber
        .vendors()
        .iter()
        .position(|v| &*v.name == "sentry")
        .unwrap();
    let auth = |key: &str| format!("Sentry sentry_key={key}, sentry_version=7, sentry_client=x/1");
    let ask = |path: &str, query: Option<&str>, auth: Option<&str>, dsn: Option<&str>| {
        let Found::Endpoint(endpoint, _) = scrubber.vendors()[vendor].find("POST", path) else {
            panic!("no endpoint");
        };
        let head = dsn.map_or("{}".into(), |dsn| format!("{{\"dsn\":\"{dsn}\"}}"));
        let body = format!("{head}\n{{\"type\":\"event\"}}\n{{\"level\":\"x\"}}");
        let mut headers = vec![("content-type", "text/plain")];
        headers.extend(auth.map(|auth| ("x-sentry-auth", auth)));
        let raw = RawRequest {
            vendor,
            endpoint,
            method: "POST",
            path,
            query,
            headers: &headers,
            body: body.as_bytes(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            body_limit: 1 << 20,
            projects: &[KEY.to_owned()],
            extra_headers: &[],
        };
        match scrubber.scrub(&raw, &mut Scratch::new()) {
            Verdict::Forward(clean) => {
                clean.headers().any(|(n, _)| n == "x-sentry-auth") || auth.is_none()
            }
            _ => false,
        }
    };
    let other = "deadbeef0123456789abcdef01234567";
    let dsn = |key: &str| format!("https://{key}@o1.example/42");
    assert!(ask(
        "/api/42/envelope/",
        Some(&format!("sentry_key={KEY}")),
        None,
        None
    ));
    assert!(ask("/api/42/envelope/", None, Some(&auth(KEY)), None));
    assert!(ask("/tunnel", None, None, Some(&dsn(KEY))));
    assert!(!ask(
        "/api/42/envelope/",
        Some(&format!("sentry_key={other}")),
        None,
        None
    ));
    assert!(!ask("/api/42/envelope/", None, Some(&auth(other)), None));
    assert!(!ask("/tunnel", None, None, Some(&dsn(other))));
    assert!(!ask("/api/42/envelope/", None, None, None));
}

#[test]
fn what_one_field_says_of_a_person_is_masked_where_another_quotes_it() {
    let event = r#"{"message":"Hello J\u00fcrgen Wolkenstein (u-48213), Zoe stays","user":{"id":"u-48213","name":"J\u00fcrgen Wolkenstein"},"release":"wolkenstein@1"}"#;
    let body = format!("{HEAD}\n{{\"type\":\"event\"}}\n{event}");
    let got = out(&builtin("default"), "/api/42/envelope/", &body);
    assert!(got.contains("Hello [name] ("), "{got}");
    assert!(
        !got.contains("u-48213") && got.contains("Zoe stays"),
        "{got}"
    );
    assert!(got.contains("wolkenstein@1"), "protocol fields stay: {got}");
}

#[test]
fn parameters_of_a_message_keep_their_number() {
    let event = r#"{"logentry":{"message":"%s and %s","params":["jane@example.com",7]}}"#;
    let body = format!("{HEAD}\n{{\"type\":\"event\"}}\n{event}");
    let got = out(&builtin("default"), "/api/42/envelope/", &body);
    assert!(got.contains(r#""params":["[removed]",7]"#), "{got}");
}

#[test]
fn attributes_keep_a_value() {
    let items = r#"{"items":[{"attributes":{"user.email":{"value":"jane@example.com","type":"string"},"n":{"value":1,"type":"integer"}}}]}"#;
    let body = format!("{HEAD}\n{{\"type\":\"log\"}}\n{items}");
    let got = out(&builtin("default"), "/api/42/envelope/", &body);
    let want = r#"{"items":[{"attributes":{"user.email":{"value":"[removed]","type":"string"},"n":{"value":1,"type":"integer"}}}]}"#;
    assert_eq!(got.lines().last(), Some(want));
}

/// A vendor whose uploads come as a form.
fn uploads() -> Scrubber {
    let catalog = r#"
        name = "acme"
        title = "Acme"
        upstream = "https://in.acme.example"
        [formats.form]
        types = ["multipart/form-data"]
        layers = ["multipart"]
        [formats.form.parts]
        event = { layers = ["json"], events = ["."] }
        photo = "drop"
        [[endpoint]]
        paths = ["/up"]
        kind = "collect"
        methods = ["POST"]
        body = ["form"]
        events = ["."]
        set = { "$form.ip" = "0" }
        answers = [{ status = 204 }]
        [fields]
        protocol = ["$form.id", "name"]
        "user.contact.email" = ["$form.mail", "mail"]
    "#;
    let (vendor, _) =
        tamis::catalog::load::load("acme.toml", catalog).unwrap_or_else(|d| panic!("{d}"));
    let policy = tamis::policy::builtin("default").unwrap().1;
    let (policy, _) = CompiledPolicy::load("default.toml", policy).unwrap();
    Scrubber::new(
        Arc::new(policy),
        vec![Arc::new(vendor)],
        &SecretKey::new([7; 32]),
    )
}

fn upload(content_type: &str, body: &str) -> Result<(String, String), String> {
    let scrubber = uploads();
    let request = Request {
        vendor: "acme",
        method: "POST",
        path: "/up",
        query: None,
        headers: vec![("content-type", content_type)],
        body: body.as_bytes(),
    };
    match send(&scrubber, &request) {
        Outcome::Forward(clean) => {
            let kind = clean
                .headers()
                .find(|(n, _)| *n == "content-type")
                .unwrap()
                .1
                .to_owned();
            Ok((kind, String::from_utf8(clean.into_body()).unwrap()))
        }
        Outcome::Answer => Err("answered".into()),
        Outcome::Refuse(refusal) => Err(format!("{refusal:?}")),
    }
}

fn part(head: &str, content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
}

#[test]
fn parts_of_a_form_are_fields_documents_or_files() {
    let body = [
        part("name=\"id\"", "7"),
        part("name=\"mail\"", "jane@example.com"),
        part("name=\"note\"", "from jane@example.com"),
        part(
            "name=\"event\"; filename=\"jane@example.com.json\"",
            r#"{"name":"x","mail":"jane@example.com"}"#,
        ),
        part("name=\"photo\"; filename=\"me.jpg\"", "\u{7f}"),
        "--b--\r\n".to_owned(),
    ]
    .concat();
    let (kind, got) = upload("multipart/form-data; boundary=b", &body).unwrap();
    assert_eq!(kind, "multipart/form-data; boundary=b");
    assert!(got.starts_with(&part("name=\"id\"", "7")), "{got}");
    assert!(
        got.contains("from [email]") && got.contains(r#"{"name":"x"}"#),
        "{got}"
    );
    assert!(
        got.contains(&part("name=\"ip\"", "0")) && got.ends_with("\r\n--b--\r\n"),
        "{got}"
    );
    assert!(!got.contains("jane") && !got.contains("me.jpg"), "{got}");
}

#[test]
fn a_boundary_that_names_someone_gives_way() {
    let b = "+1-415-555-0137";
    let body = format!("--{b}\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n7\r\n--{b}--");
    let (kind, got) = upload(&format!("multipart/form-data; boundary=\"{b}\""), &body).unwrap();
    assert!(
        !kind.contains("0137") && !got.contains("0137"),
        "{kind} {got}"
    );
    let boundary = kind.split("boundary=").nth(1).unwrap();
    assert!(
        got.starts_with(&format!("--{boundary}\r\n")),
        "{kind} {got}"
    );
}

#[test]
fn forms_that_cannot_be_read_in_one_way_are_refused() {
    let good = [part("name=\"id\"", "7"), "--b--".to_owned()].concat();
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=c",
        "multipart/form-data; boundary=b; boundary=c",
    ] {
        assert!(upload(kind, &good).is_err(), "{kind}");
    }
    for bad in [
        part("name=\"x\"; filename=\"x.bin\"", "1"),
        part("name=\"id\"", "7") + "jane@example.com",
        format!("jane@example.com\r\n{}", part("name=\"id\"", "7")),
    ] {
        let body = format!("{bad}--b--\r\n");
        assert!(
            upload("multipart/form-data; boundary=b", &body).is_err(),
            "{bad}"
        );
    }
}
