//! The engine from outside: what is kept, what goes, how commas and containers fare.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod support;

use support::{Request, body, keep_but, scrubber, track};

#[test]
fn what_is_kept_is_kept_byte_for_byte() {
    let all = scrubber(&keep_but(""));
    for text in [
        r#" { "event" : "x", "properties":{"a":1e2,"b":1.10,"c":12345678901234567890123, "d":"\/\ud83d"} } "#,
        r#"[{"event":"x","properties":{}} , {"event":"y","properties":{"k":[ ]}}]"#,
    ] {
        assert_eq!(body(&all, &track(text)), text);
    }
}

#[test]
fn dropped_members_take_one_comma() {
    let policy = keep_but(
        "[[rule]]\nname = \"r\"\nfield = [\"properties.a\", \"properties.d\", \"properties.list[].x\"]\naction = \"drop\"\n",
    );
    let s = scrubber(&policy);
    let cases = [
        (r#"{"a":1,"b":2}"#, r#"{"b":2}"#),
        (r#"{"b":2,"a":1}"#, r#"{"b":2}"#),
        (r#"{"a":1,"b":2,"d":{"x":[1]}}"#, r#"{"b":2}"#),
        (r#"{"a":1,"d":2}"#, r#"{}"#),
        (r#"{"a":1,"a":2,"c":0}"#, r#"{"c":0}"#),
        (r#"{"\u0061":1,"c":0}"#, r#"{"c":0}"#),
        (
            r#"{"list":[{"x":1,"y":2},{"y":3,"x":4}]}"#,
            r#"{"list":[{"y":2},{"y":3}]}"#,
        ),
    ];
    for (given, want) in cases {
        let wrap = |p: &str| format!(r#"{{"event":"e","properties":{p}}}"#);
        assert_eq!(body(&s, &track(&wrap(given))), wrap(want));
    }
}

#[test]
fn a_dropped_event_leaves_its_neighbours() {
    let s = scrubber(&keep_but(
        "[[rule]]\nname = \"r\"\nevent = [\"Internal *\"]\naction = \"drop_event\"\n",
    ));
    let one = |name: &str| format!(r#"{{"event":"{name}","properties":{{"a":1}}}}"#);
    let given = format!("[{},{},{}]", one("Internal a"), one("b"), one("Internal c"));
    assert_eq!(body(&s, &track(&given)), format!("[{}]", one("b")));
    assert_eq!(body(&s, &track(&one("Internal x"))), "(answered)");
}

#[test]
fn rules_are_scoped_to_events() {
    let s = scrubber(&keep_but(
        "[[rule]]\nname = \"r\"\nevent = [\"Checkout *\"]\nfield = [\"properties.plan\"]\naction = \"keep\"\n\
         [[rule]]\nname = \"q\"\nfield = [\"properties.plan\"]\naction = \"drop\"\n",
    ));
    let given = r#"[{"properties":{"plan":"a"},"event":"Checkout Done"},{"event":"Other","properties":{"plan":"a"}}]"#;
    let want = r#"[{"properties":{"plan":"a"},"event":"Checkout Done"},{"event":"Other","properties":{}}]"#;
    assert_eq!(body(&s, &track(given)), want);
}

/// What is known of a text under one rule is known under others that do the same, as long as no value
/// tells them apart.
#[test]
fn rules_for_events_that_do_the_same_are_told_apart_where_it_matters() {
    let rule = |name: &str, action: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nevent = [\"{name}\"]\nfield = [\"properties.v\"]\naction = {action}\n"
        )
    };
    let mail =
        "[[rule]]\nname = \"mail\"\ncategory = [\"user.contact.email\"]\naction = \"drop\"\n";
    let not_searched = rule("Not searched", "\"keep\"") + "scan = false\n";
    let policy = [
        rule("Above", "\"keep\""),
        rule("Also above", "\"keep\""),
        not_searched,
        mail.to_owned(),
        rule("Below", "\"keep\""),
        rule("Replaced", "{ replace = \"x\" }"),
        rule("Replaced by y", "{ replace = \"y\" }"),
        rule("Hashed", "{ hash = { shape = \"hex\", length = 16 } }"),
        rule("Above", "\"drop\""),
    ]
    .concat();
    let s = scrubber(&keep_but(&policy));
    let event =
        |name: &str, properties: &str| format!(r#"{{"event":"{name}","properties":{properties}}}"#);
    let left = [
        ("Above", r#"{"v":"[email]","w":1}"#),
        ("Also above", r#"{"v":"[email]","w":1}"#),
        ("Not searched", r#"{"v":"jane@example.com","w":1}"#),
        ("Below", r#"{"w":1}"#),
        ("Replaced", r#"{"w":1}"#),
        ("Nobody", r#"{"w":1}"#),
    ];
    // In every order in which one may learn from another.
    for first in 0..left.len() {
        let turn = || left.iter().cycle().skip(first).take(2 * left.len());
        let given: Vec<String> = turn()
            .map(|(name, _)| event(name, r#"{"v":"jane@example.com","w":1}"#))
            .collect();
        let want: Vec<String> = turn().map(|(name, left)| event(name, left)).collect();
        let given = format!("[{}]", given.join(","));
        assert_eq!(body(&s, &track(&given)), format!("[{}]", want.join(",")));
    }
    let plain = |name: &str, v: &str| event(name, &format!(r#"{{"v":"{v}","w":1}}"#));
    let names = [
        "Replaced",
        "Below",
        "Replaced by y",
        "Above",
        "Hashed",
        "Replaced",
        "Nobody",
    ];
    let given: Vec<String> = names
        .iter()
        .chain(&names)
        .map(|name| plain(name, "abc-77"))
        .collect();
    let got = body(&s, &track(&format!("[{}]", given.join(","))));
    for (name, v) in [
        ("Replaced", "x"),
        ("Replaced by y", "y"),
        ("Below", "abc-77"),
        ("Above", "abc-77"),
    ] {
        let times = names.iter().filter(|n| **n == name).count() * 2;
        assert_eq!(got.matches(&plain(name, v)).count(), times, "{name}: {got}");
    }
    assert_eq!(
        got.matches("abc-77").count(),
        6,
        "two of them were hashed: {got}"
    );
}

#[test]
fn nothing_unreadable_is_forwarded() {
    let s = scrubber(&keep_but(""));
    for text in [
        "",
        "{",
        "[1]",
        "7",
        "\"x\"",
        "{} {}",
        "{\"a\":1}x",
        "[{\"event\":\"x\"},1]",
    ] {
        assert!(body(&s, &track(text)).starts_with("(refused"), "{text:?}");
    }
}

#[test]
fn texts_that_are_events_are_judged_as_events() {
    // Meta's Python library writes a list of texts, each an event.
    let meta = |text: &str| -> String {
        let rules = "[[rule]]\nname = \"r\"\nevent = [\"Internal *\"]\naction = \"drop_event\"\n\
             [[rule]]\nname = \"m\"\nevent = [\"Sale\"]\nfield = [\"custom_data.mail\"]\naction = \"drop\"\n";
        let request = Request {
            vendor: "meta",
            path: "/v26.0/5/events",
            ..track(text)
        };
        body(&scrubber(&keep_but(rules)), &request)
    };
    let one = |name: &str| {
        format!(r#""{{\"event_name\": \"{name}\", \"custom_data\":{{\"a\":\"\\u0041\"}}}}""#)
    };
    let kept = format!("[{} ,{}]", one("Sale"), one("Lead"));
    assert_eq!(meta(&kept), kept, "byte for byte");
    let given = format!("[{},{},{}]", one("Internal a"), one("b"), one("Internal c"));
    assert_eq!(meta(&given), format!("[{}]", one("b")));
    assert_eq!(meta(&format!("[{}]", one("Internal x"))), "(answered)");
    let given = r#"{"data":["{\"event_name\":\"Sale\",\"custom_data\":{\"mail\":\"x\",\"a\":1}}",{"event_name":"Lead"}]}"#;
    let want =
        r#"{"data":["{\"event_name\":\"Sale\",\"custom_data\":{\"a\":1}}",{"event_name":"Lead"}]}"#;
    assert_eq!(meta(given), want);
    let deep = (0..10).fold(one("Sale"), |text, _| format!("{:?}", format!("[{text}]")));
    for text in [
        r#"["x"]"#,
        r#"["{"]"#,
        r#"["7"]"#,
        r#"[""]"#,
        r#"["{} {}"]"#,
        "[1]",
    ] {
        assert!(meta(text).starts_with("(refused"), "{text}");
    }
    assert!(meta(&format!("[{deep}]")).starts_with("(refused"));
    let elsewhere = body(&scrubber(&keep_but("")), &track(r#"["{\"event\":\"x\"}"]"#));
    assert!(elsewhere.starts_with("(refused"), "{elsewhere}");
}

#[test]
fn folded_text_is_opened_and_written_back() {
    let s = scrubber(&keep_but(
        "[[rule]]\nname = \"r\"\ncategory = [\"user.contact.email\"]\naction = \"drop\"\n",
    ));
    let wrap = |v: &str| format!(r#"{{"event":"e","properties":{{"v":{v}}}}}"#);
    // JSON in a string: the member goes, the rest keeps its escapes.
    let given = wrap(r#""{\"a\":\"\\u0041\",\"m\":\"jane@example.com\"}""#);
    assert_eq!(body(&s, &track(&given)), wrap(r#""{\"a\":\"\\u0041\"}""#));
    // base64 of JSON.
    let given = wrap(r#""eyJtIjoiamFuZUBleGFtcGxlLmNvbSIsImEiOjF9""#);
    assert_eq!(body(&s, &track(&given)), wrap(r#""eyJhIjoxfQ==""#));
}

#[test]
fn a_script_is_asked_for_by_a_name_that_names_nobody() {
    let s = support::builtin("default");
    let get = |path| support::Request {
        vendor: "mixpanel",
        method: "GET",
        path,
        query: None,
        headers: Vec::new(),
        body: b"",
    };
    let good = get("/libs/mixpanel-2-latest.min.js");
    assert!(matches!(
        support::send(&s, &good),
        support::Outcome::Forward(_)
    ));
    let bad = get("/libs/mixpanel-jane@example.com.js");
    assert!(matches!(
        support::send(&s, &bad),
        support::Outcome::Refuse(_)
    ));
}

/// A path that was met before is judged in a shorter way; it must come to the same.
#[test]
fn what_was_learned_judges_as_the_first_look_did() {
    let vendor = r#"
        name = "acme"
        title = "Acme"
        upstream = "https://in.acme.example"
        [formats.json]
        types = ["*"]
        layers = ["json"]
        [[endpoint]]
        paths = ["/e"]
        kind = "collect"
        methods = ["POST"]
        body = ["json"]
        events = ["[]"]
        answers = [{ status = 200 }]
        [fields]
        issued = ["id"]
        routes = ["view"]
    "#;
    let id = "0123456789abcdef0123456789abcdef";
    for (unlisted, action, view) in [
        ("keep", "drop", "checkout.pay"),
        ("drop", "keep", "checkout.pay"),
        ("keep", "hash", "checkout.pay"),
        ("drop", "drop", "/pay/4"),
    ] {
        let policy = format!(
            "version = 1\nname = \"t\"\nunlisted = \"{unlisted}\"\n\
             [[rule]]\ncategory = [\"user.behavior\"]\naction = \"{action}\"\n\
             [[rule]]\nfield = [\"id\"]\naction = \"{action}\"\n"
        );
        let (policy, _) = tamis::policy::CompiledPolicy::load("t.toml", &policy).unwrap();
        let vendor = tamis::catalog::load::load("acme.toml", vendor).unwrap().0;
        let key = tamis::sensitive::SecretKey::new([7; 32]);
        let s = tamis::scrub::Scrubber::new(policy.into(), vec![vendor.into()], &key);
        let one = format!(r#"{{"id":"{id}","view":"{view}"}}"#);
        let given = format!("[{one},{one},{one}]");
        let request = support::Request {
            vendor: "acme",
            path: "/e",
            ..track(&given)
        };
        let left = body(&s, &request);
        let events: serde_json::Value = serde_json::from_str(&left).unwrap();
        assert_eq!(events[0], events[1], "{unlisted} {action} {view}: {left}");
        assert_eq!(events[0], events[2], "{unlisted} {action} {view}: {left}");
    }
}

#[test]
fn what_stands_around_events_in_a_list_is_what_it_is_around_those_of_a_lone_document() {
    let s = support::builtin("default");
    let send = |text: &str| {
        let mut request = track(text);
        (request.vendor, request.path) = ("mparticle", "/v1/JS/4505/Forwarding");
        body(&s, &request)
    };
    let one = r#"{"known_identities":{"other":"u-zky4mpp3xfg7"},"data":{"n":"x"}}"#;
    for text in [one.to_owned(), format!("[{one}]")] {
        let out = send(&text);
        assert!(
            out.contains("\"n\":\"x\"") && !out.contains("zky4mpp3xfg7"),
            "{out}"
        );
    }
}

#[test]
fn an_object_in_a_text_keeps_nothing_that_the_text_around_tells_about() {
    let s = support::builtin("default");
    let born = r#"{\"kind\":\"date of birth\",\"value\":\"1980-02-03\""#;
    for rest in ["}", r#",\"email\":\"a@b.example\"}"#] {
        let given =
            format!(r#"{{"event":"e","properties":{{"token":"t","note":"x {born}{rest}"}}}}"#);
        let left = body(&s, &track(&given));
        assert!(
            left.contains("note") && !left.contains("1980-02-03"),
            "{left}"
        );
    }
}

#[test]
fn a_sessions_id_keeps_its_day_and_no_other_id_does() {
    let s = support::builtin("default");
    let id = "01934f2c-5a10-7abc-8def-0123456789ab";
    let given = format!(
        r#"[{{"event":"e","properties":{{"token":"t","distinct_id":"{id}","$session_id":"{id}"}}}}]"#
    );
    let request = Request {
        vendor: "posthog",
        method: "POST",
        path: "/e/",
        query: None,
        headers: vec![("content-type", "application/json")],
        body: given.as_bytes(),
    };
    let left: serde_json::Value = serde_json::from_str(&body(&s, &request)).unwrap();
    let (session, person) = (
        left[0]["properties"]["$session_id"].as_str().unwrap(),
        left[0]["properties"]["distinct_id"].as_str().unwrap(),
    );
    // 2024-11-21T11:24 is now midnight of that day.
    assert_eq!(&session[..15], "01934c04-c000-7");
    assert_eq!(session[15..], person[15..], "the rest is the key's");
    assert!(!person.starts_with("01934"), "{person}");
    assert_ne!(&person[14..15], "7");
}
