//! The policy language through the engine: actions that need a person or a key, and conditions.

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

use serde_json::Value;
use support::{Outcome, Request, keep_but, scrubber, send, track};
use tamis::action::Pseudonymizer;
use tamis::scrub::{Countries, Scrubber};
use tamis::sensitive::SecretKey;

fn rule(field: &str, more: &str) -> String {
    format!("[[rule]]\nname = \"{field}\"\nfield = [\"{field}\"]\n{more}\n")
}

/// What leaves of an event of a person with these properties; `Null` when nothing does.
fn left(s: &Scrubber, id: &str, properties: &str) -> Value {
    let body = format!(
        r#"{{"event":"Seen","properties":{{{properties},"distinct_id":"{id}","token":"t0ken"}}}}"#
    );
    leaves(s, &track(&body))
}

fn leaves(s: &Scrubber, request: &Request<'_>) -> Value {
    match send(s, request) {
        Outcome::Forward(clean) => serde_json::from_slice(clean.body()).unwrap(),
        Outcome::Answer => Value::Null,
        Outcome::Refuse(refusal) => panic!("{refusal:?}"),
    }
}

#[test]
fn what_is_encrypted_can_be_revealed_and_found_again() {
    let s = scrubber(&keep_but(&rule("properties.crm", "action = \"encrypt\"")));
    let one = left(&s, "u1", r#""crm":"C-48213""#);
    let text = one["properties"]["crm"].as_str().unwrap();
    assert!(text.starts_with("tenc_0_"), "{text}");
    assert_eq!(
        left(&s, "u2", r#""crm":"C-48213""#)["properties"]["crm"],
        text
    );
    let keys = Pseudonymizer::new(&SecretKey::new([7; 32]), "mixpanel", &[]);
    assert_eq!(keys.reveal(text).unwrap(), "C-48213");
    s.use_key(&SecretKey::new([9; 32]), 4);
    let later = left(&s, "u1", r#""crm":"C-48213""#);
    assert!(
        later["properties"]["crm"]
            .as_str()
            .unwrap()
            .starts_with("tenc_4_")
    );
}

#[test]
fn dates_of_a_person_move_together_and_a_strangers_do_not_leave() {
    let s = scrubber(&keep_but(&rule(
        "properties.d[]",
        "action = { shift = { days = 30 } }",
    )));
    let dates = |id: &str| {
        let event = left(&s, id, r#""d":["2024-05-06","2024-05-16"]"#);
        let text = |at: usize| event["properties"]["d"][at].as_str().unwrap().to_owned();
        (text(0), text(1))
    };
    let mut seen = std::collections::BTreeSet::new();
    for id in ["u1", "u2", "u3", "u4", "u5", "u6"] {
        let (one, two) = dates(id);
        assert_eq!(dates(id), (one.clone(), two.clone()));
        assert_ne!(one, "2024-05-06");
        let day = |text: &str| text[8..].parse::<i64>().unwrap();
        let apart = (day(&two) - day(&one)).rem_euclid(30);
        assert!((9..=11).contains(&apart), "{one} {two}");
        seen.insert(one);
    }
    assert!(seen.len() > 3, "{seen:?}");
    let nobody = leaves(
        &s,
        &track(r#"{"event":"Seen","properties":{"d":["2024-05-06"],"token":"t"}}"#),
    );
    assert_eq!(nobody["properties"]["d"], serde_json::json!([]));
    // One event's person is not the next one's.
    let both = leaves(
        &s,
        &track(
            r#"[{"event":"a","properties":{"distinct_id":"u1","token":"t"}},{"event":"b","properties":{"d":["2024-05-06"],"token":"t"}}]"#,
        ),
    );
    assert_eq!(both[1]["properties"]["d"], serde_json::json!([]));
}

#[test]
fn consent_stands_where_the_policy_says_before_or_behind() {
    let when =
        "when = { consent = { field = \"properties.consent.ads\", is = [true, \"granted\"] } }";
    let s = scrubber(&keep_but(&format!(
        "{}{}",
        rule("properties.ad", &format!("{when}\naction = \"keep\"")),
        rule("properties.a*", "action = \"drop\"")
    )));
    let kept = |properties: &str| left(&s, "u1", properties)["properties"].get("ad").is_some();
    assert!(kept(r#""ad":"x","consent":{"ads":true}"#));
    assert!(kept(r#""consent":{"ads":"granted"},"ad":"x""#));
    for no in ["false", "\"true \"", "null", "[true]", "{}", "1"] {
        assert!(
            !kept(&format!(r#""ad":"x","consent":{{"ads":{no}}}"#)),
            "{no}"
        );
    }
    assert!(!kept(r#""ad":"x""#));
    // Two answers: refused, since two readers would see two consents.
    let twice =
        r#"{"event":"e","properties":{"ad":"x","token":"t","consent":{"ads":true,"ads":false}}}"#;
    assert!(matches!(send(&s, &track(twice)), Outcome::Refuse(_)));
    // The batch's other events have their own.
    let batch = r#"[{"event":"a","properties":{"token":"t","ad":"x","consent":{"ads":true}}},{"event":"b","properties":{"token":"t","ad":"x"}}]"#;
    let both = leaves(&s, &track(batch));
    assert!(both[0]["properties"].get("ad").is_some() && both[1]["properties"].get("ad").is_none());
}

#[test]
fn consent_in_the_query_and_in_a_header() {
    for (field, query, header) in [
        ("$query.c", Some("c=1"), None),
        ("$header.x-consent", None, Some("1")),
    ] {
        let when = format!("when = {{ consent = {{ field = \"{field}\", is = 1 }} }}");
        let s = scrubber(&keep_but(&rule(
            "properties.ad",
            &format!("{when}\naction = \"drop\""),
        )));
        let body = r#"{"event":"e","properties":{"ad":"x","token":"t"}}"#;
        let mut request = track(body);
        assert!(leaves(&s, &request)["properties"].get("ad").is_some());
        request.query = query;
        request
            .headers
            .extend(header.map(|value| ("x-consent", value)));
        assert!(
            leaves(&s, &request)["properties"].get("ad").is_none(),
            "{field}"
        );
    }
}

#[test]
fn one_person_is_wholly_in_a_sample_or_out() {
    let s = scrubber(&keep_but(
        "[[rule]]\nname = \"s\"\nwhen = { sampled = 0.5 }\naction = \"drop_event\"\n",
    ));
    let gone = |id: &str| left(&s, id, r#""a":1"#).is_null();
    let out = (0..400).filter(|n| gone(&format!("user-{n}"))).count();
    assert!((150..=250).contains(&out), "{out}");
    for n in 0..20 {
        let id = format!("user-{n}");
        assert_eq!(gone(&id), gone(&id.to_owned()), "{id}");
    }
    // Nobody is in no sample.
    let nobody = leaves(&s, &track(r#"{"event":"Seen","properties":{"token":"t"}}"#));
    assert!(nobody.is_object());
}

#[test]
fn countries_come_from_a_trusted_header_or_a_database_and_else_not_at_all() {
    let policy = keep_but(&rule(
        "properties.a",
        "when = { country = [\"DE\", \"FR\"] }\naction = \"drop\"",
    ));
    let body = r#"{"event":"e","properties":{"a":"x","token":"t"}}"#;
    let dropped = |s: &Scrubber, country: Option<&str>| {
        let mut request = track(body);
        let named = country.map(str::to_owned);
        request
            .headers
            .extend(named.as_deref().map(|c| ("cf-ipcountry", c)));
        let event = match send(s, &request) {
            Outcome::Forward(clean) => serde_json::from_slice::<Value>(clean.body()).unwrap(),
            _ => panic!("not forwarded"),
        };
        event["properties"].get("a").is_none()
    };
    let plain = scrubber(&policy);
    assert!(!dropped(&plain, Some("DE")), "the header is nobody's");
    let s = scrubber(&policy).with_countries(Countries {
        of_address: Some(Box::new(|_| Some(*b"FR"))),
        header: Some("cf-ipcountry".into()),
    });
    assert!(dropped(&s, Some("DE")) && dropped(&s, Some("de")));
    assert!(
        !dropped(&s, Some("US")),
        "the header outweighs the database"
    );
    assert!(
        dropped(&s, None) && dropped(&s, Some("XX")),
        "the database answers"
    );
}

#[test]
fn an_address_becomes_its_country_where_there_is_a_database() {
    let policy = keep_but(&rule(
        "properties.ip",
        "action = { generalize = { location = \"country\" } }",
    ));
    let ip = r#""ip":"203.0.113.7""#;
    assert!(
        left(&scrubber(&policy), "u", ip)["properties"]
            .get("ip")
            .is_none()
    );
    let s = scrubber(&policy).with_countries(Countries {
        of_address: Some(Box::new(|_| Some(*b"CH"))),
        header: None,
    });
    assert_eq!(left(&s, "u", ip)["properties"]["ip"], "CH");
}

#[test]
fn numbers_dates_and_postal_codes_are_made_coarse() {
    let s = scrubber(&keep_but(&format!(
        "{}{}{}",
        rule(
            "properties.n",
            "action = { generalize = { number = { buckets = [0, 18, 65] } } }"
        ),
        rule(
            "properties.d",
            "action = { generalize = { date = \"decade\" } }"
        ),
        rule(
            "properties.zip",
            "action = { generalize = { postal_code = \"zip3\" } }"
        ),
    )));
    let event = left(&s, "u", r#""n":37,"d":"1987-03-09","zip":"02139-4307""#);
    assert_eq!(event["properties"]["n"], 18);
    assert_eq!(event["properties"]["d"], "1980");
    assert_eq!(event["properties"]["zip"], "021");
}

#[test]
fn a_new_epoch_holds_from_the_next_request_on_whatever_a_thread_has_learned() {
    let s = scrubber(tamis::policy::builtin("default").unwrap().1);
    let mut scratch = tamis::scrub::Scratch::new();
    let body = r#"{"event":"e","properties":{"distinct_id":"user-48213","note":"for user 7f2c1a90-58cc-4372-a567-0e02b2c3d479","token":"t"}}"#;
    let mut ids = |s: &Scrubber| match support::send_with(s, &track(body), &mut scratch) {
        Outcome::Forward(clean) => String::from_utf8(clean.into_body()).unwrap(),
        _ => panic!("not forwarded"),
    };
    let before = ids(&s);
    assert_eq!(before, ids(&s));
    s.use_key(&SecretKey::new([9; 32]), 2);
    let after = ids(&s);
    assert_ne!(before, after);
    assert_eq!(after, ids(&s));
    // The old key's pseudonyms come back only with the old key.
    s.use_key(&SecretKey::new([7; 32]), 1);
    assert_eq!(before, ids(&s));
}

#[test]
fn the_policys_own_word_comes_before_what_is_known_of_a_kind_of_events() {
    let body =
        r#"{"type":"group","messageId":"m1","groupId":"g1","traits":{"company":"Quixworth"}}"#;
    let request = Request {
        vendor: "segment",
        path: "/v1/g",
        ..track(body)
    };
    let rules = "[[rule]]\ncategory = [\"user.workplace\"]\naction = { replace = \"work\" }\n\
        [[rule]]\ncategory = [\"user.biometric\"]\naction = { replace = \"own\" }\n";
    let company = |policy: &str| leaves(&scrubber(policy), &request)["traits"]["company"].clone();
    assert_eq!(company(&keep_but(rules)), "work");
    let own = "[[classify]]\nfield = \"traits.company\"\ncategory = \"user.biometric\"\n";
    assert_eq!(company(&keep_but(&format!("{own}{rules}"))), "own");
}

#[test]
fn a_rule_for_everything_leaves_spans_to_the_rules_for_their_category() {
    let rules = "[[rule]]\naction = \"keep\"\n\
        [[rule]]\ncategory = [\"user.contact.email\"]\naction = \"drop\"\n";
    let s = scrubber(&keep_but(rules));
    let left = left(&s, "u1", r#""note":"write to jane@example.com""#);
    assert_eq!(left["properties"]["note"], "write to [email]");
}
