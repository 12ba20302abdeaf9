//! A shadow policy: told exactly what it would do otherwise, and nothing else changes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod door_support;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use door_support::{Client, gate_with, good, status, vendor};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use support::{Outcome, keep_but, scrubber, send_with, track};
use tamis::config::Config;
use tamis::policy::CompiledPolicy;
use tamis::proxy::Generation;
use tamis::scrub::{Difference, Scratch, Scrubber, Shadow};
use tamis::sensitive::SecretKey;

const DROP_EMAILS: &str =
    "[[rule]]\nname = \"mail\"\ncategory = [\"user.contact.email\"]\naction = \"drop\"\n";
const HASH_IDS: &str =
    "[[rule]]\nname = \"ids\"\ncategory = [\"user.unique_id\"]\naction = \"hash\"\n";

fn with_shadow(in_force: &str, shadow: &str) -> Scrubber {
    scrubber(in_force).with_shadow(Shadow::new(scrubber(shadow)))
}

/// `field in_force>shadow`, how often.
fn found(scrubber: &Scrubber) -> BTreeMap<String, u64> {
    let rows = scrubber.shadow().expect("a shadow").differences().rows();
    let name = |of: &Difference| {
        let inside = if of.inside { " (inside)" } else { "" };
        format!(
            "{}{inside} {} {}>{} {}|{}",
            of.field,
            of.category,
            of.action_in_force,
            of.action_shadow,
            of.rule_in_force,
            of.rule_shadow
        )
    };
    rows.iter().map(|(of, count)| (name(of), *count)).collect()
}

fn told(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect()
}

fn leaves(outcome: Outcome) -> String {
    match outcome {
        Outcome::Forward(clean) => String::from_utf8(clean.into_body()).expect("UTF-8"),
        Outcome::Answer => "(answered)".into(),
        Outcome::Refuse(refusal) => format!("({refusal:?})"),
    }
}

#[test]
fn what_differs_is_told_field_by_field_and_counted() {
    let both = with_shadow(
        &keep_but(&format!(
            "{HASH_IDS}[[rule]]\nname = \"o\"\nfield = [\"properties.box\"]\naction = \"drop\"\n"
        )),
        &keep_but(&format!(
            "{DROP_EMAILS}[[rule]]\nname = \"p\"\nfield = [\"properties.plan\"]\naction = {{ mask = {{}} }}\n\
             [[rule]]\nname = \"n\"\nfield = [\"properties.nest\"]\naction = \"null\"\n"
        )),
    );
    let body = r#"{"event":"Signed up","properties":{"distinct_id":"user-481","plan":"pro","note":"mail ann@shop.example or bob@shop.example","reach":"ann@shop.example","box":{"a":1,"b":"x"},"nest":{"c":true},"text":"{\"plan\":\"gold\",\"mail\":\"cy@shop.example\"}","jane@shop.example":7}}"#;
    let mut scratch = Scratch::new();
    for times in 1..=3 {
        let _ = send_with(&both, &track(body), &mut scratch);
        let want = told(&[
            (
                "properties.distinct_id user.unique_id hash>keep ids|",
                times,
            ),
            ("properties.plan - keep>mask |p", times),
            // Both addresses of the sentence.
            (
                "properties.note (inside) user.contact.email keep>drop |mail",
                2 * times,
            ),
            ("properties.reach user.contact.email keep>drop |mail", times),
            ("properties.box.a - drop>keep o|", times),
            ("properties.box.b - drop>keep o|", times),
            ("properties.nest.c - keep>null |n", times),
            (
                "properties.text.mail user.contact.email keep>drop |mail",
                times,
            ),
        ]);
        assert_eq!(found(&both), want, "after {times}");
    }
    assert_eq!(scratch.report().shadow_differences, 9);
}

#[test]
fn dropped_events_and_refused_requests_are_told() {
    let shadow = keep_but(
        "[[rule]]\nname = \"tests\"\nevent = [\"Test *\"]\naction = \"drop_event\"\n\
         [[rule]]\nname = \"never\"\nfield = [\"properties.secret\"]\naction = \"reject\"\n",
    );
    let one = |name: &str, more: &str| {
        format!(r#"{{"event":"{name}","properties":{{"token":"t","plan":"pro"{more}}}}}"#)
    };
    let both = with_shadow(&keep_but(""), &shadow);
    let mut scratch = Scratch::new();
    let list = format!(
        "[{},{},{}]",
        one("Test 1", ""),
        one("Bought", ""),
        one("Test 2", "")
    );
    assert_eq!(leaves(send_with(&both, &track(&list), &mut scratch)), list);
    let dropped = ("event - keep>drop_event |tests", 2);
    assert_eq!(found(&both), told(&[dropped]));
    let alone = one("Test 3", "");
    assert_eq!(
        leaves(send_with(&both, &track(&alone), &mut scratch)),
        alone
    );
    let refused = one("Bought", r#","secret":1"#);
    assert_eq!(
        leaves(send_with(&both, &track(&refused), &mut scratch)),
        refused
    );
    let want = told(&[
        ("event - keep>drop_event |tests", 3),
        ("(request) - forward>answer |tests", 1),
        (
            "properties.secret user.authorization.credentials keep>reject |never",
            1,
        ),
        ("(request) - forward>reject |never", 1),
    ]);
    assert_eq!(found(&both), want);
    let requests = both.shadow().unwrap().differences().requests();
    assert_eq!((requests[0].same, requests[0].different), (0, 3));
    // And the other way round.
    let both = with_shadow(&shadow, &keep_but(""));
    assert_eq!(
        leaves(send_with(&both, &track(&refused), &mut Scratch::new())),
        "(Policy)"
    );
    let want = told(&[
        (
            "properties.secret user.authorization.credentials reject>keep never|",
            1,
        ),
        ("(request) - reject>forward never|", 1),
    ]);
    assert_eq!(found(&both), want);
}

#[test]
fn a_policy_that_only_observes_keeps_everything() {
    let body = r#"{"event":"e","properties":{"distinct_id":"user-481","plan":"pro"}}"#;
    let observe = tamis::policy::builtin("observe").unwrap().1;
    let both = with_shadow(observe, &keep_but(HASH_IDS));
    let _ = send_with(&both, &track(body), &mut Scratch::new());
    let rows = both.shadow().unwrap().differences().rows();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(&*rows[0].0.field, "properties.distinct_id");
    assert_eq!(
        (rows[0].0.action_in_force, rows[0].0.action_shadow),
        ("keep", "hash")
    );
}

#[test]
fn values_are_paired_event_by_event() {
    // One event each way: counts alone would cancel out.
    let rule = |event: &str| {
        keep_but(&format!(
            "[[rule]]\nname = \"r\"\nevent = [\"{event}\"]\nfield = [\"properties.plan\"]\naction = \"drop\"\n"
        ))
    };
    let both = with_shadow(&rule("a"), &rule("b"));
    let body =
        r#"[{"event":"a","properties":{"plan":"x"}},{"event":"b","properties":{"plan":"x"}}]"#;
    let mut scratch = Scratch::new();
    for times in 1..=2 {
        let _ = send_with(&both, &track(body), &mut scratch);
        let want = told(&[
            ("properties.plan - drop>keep r|", times),
            ("properties.plan - keep>drop |r", times),
        ]);
        assert_eq!(found(&both), want);
    }
}

#[test]
fn what_is_compared_of_one_request_is_bounded() {
    let rule = "[[rule]]\nname = \"r\"\nfield = [\"properties.list[]\"]\naction = { mask = {} }\n";
    let both = with_shadow(&keep_but(""), &keep_but(rule));
    let list = vec!["1"; 100_000].join(",");
    let body = format!("{{\"event\":\"e\",\"properties\":{{\"list\":[{list}]}}}}");
    let mut scratch = Scratch::new();
    assert_eq!(leaves(send_with(&both, &track(&body), &mut scratch)), body);
    // The event's name is one of the first 65,536 values.
    let want = told(&[("properties.list[] - keep>mask |r", 65_535)]);
    assert_eq!(found(&both), want);
}

// ------------------------------------------------------------------------------------- laws

fn laws(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_251_122),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..ProptestConfig::default()
    }
}

/// `flat`: no text holds another.
fn value(flat: bool) -> impl Strategy<Value = String> {
    let folded = [
        r#""https://shop.example/a?mail=ann%40shop.example&b=1""#,
        r#""{\"email\":\"ann@shop.example\",\"k\":1}""#,
    ];
    let folded = prop::sample::select(folded.to_vec())
        .prop_map(move |text| if flat { "\"flat\"" } else { text }.to_owned());
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "[0-9]{1,12}",
        "\"[a-c ]{0,6}\"",
        Just("\"ann@shop.example\"".to_owned()),
        Just("\"write to ann@shop.example, or bob@shop.example\"".to_owned()),
        folded,
    ];
    support::documents(leaf, key())
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-e]",
        Just("email".to_owned()),
        Just("distinct_id".to_owned()),
        Just("ann@shop.example".to_owned()),
    ]
}

fn bodies(flat: bool) -> impl Strategy<Value = Vec<String>> {
    let event = ("[ab]", value(flat), value(flat));
    prop::collection::vec(prop::collection::vec(event, 1..4), 1..5).prop_map(|all| {
        let body = |events: &Vec<(String, String, String)>| {
            let events: Vec<_> = events
                .iter()
                .map(|(name, x, y)| {
                    format!("{{\"event\":\"{name}\",\"properties\":{{\"x\":{x},\"y\":{y},\"distinct_id\":\"u-1\"}}}}")
                })
                .collect();
            format!("[{}]", events.join(","))
        };
        all.iter().map(body).collect()
    })
}

const MANY: &str = "[[rule]]\nname = \"b\"\nevent = [\"b\"]\nfield = [\"properties.x.**\"]\naction = \"drop\"\n\
    [[rule]]\nname = \"c\"\nfield = [\"**.c\"]\naction = \"null\"\n";

/// Made once: a case must not pay for reading the catalogs.
fn made(in_force: &str, shadow: &str) -> &'static Scrubber {
    static MADE: Mutex<BTreeMap<String, &'static Scrubber>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    made.entry(format!("{in_force}\n---\n{shadow}"))
        .or_insert_with(|| Box::leak(Box::new(with_shadow(in_force, shadow))))
}

fn plain(policy: &str) -> &'static Scrubber {
    static MADE: Mutex<BTreeMap<String, &'static Scrubber>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    made.entry(policy.to_owned())
        .or_insert_with(|| Box::leak(Box::new(scrubber(policy))))
}

proptest! {
    #![proptest_config(laws(48))]

    #[test]
    fn a_policy_does_not_differ_from_itself(bodies in bodies(false)) {
        let policy = keep_but(&format!("{DROP_EMAILS}{HASH_IDS}{MANY}"));
        let both = made(&policy, &policy);
        let mut scratch = Scratch::new();
        for body in bodies.iter().chain(&bodies) {
            let _ = send_with(both, &track(body), &mut scratch);
            prop_assert_eq!(scratch.report().shadow_differences, 0);
        }
        prop_assert_eq!(found(both), BTreeMap::new());
    }

    #[test]
    fn what_leaves_is_the_same_with_and_without(bodies in bodies(false)) {
        let policy = keep_but(&format!("{DROP_EMAILS}{HASH_IDS}{MANY}"));
        let strict = tamis::policy::builtin("strict").unwrap().1;
        let both = made(&policy, strict);
        let (mut one, mut other) = (Scratch::new(), Scratch::new());
        for body in bodies.iter().chain(&bodies) {
            let with = leaves(send_with(both, &track(body), &mut one));
            let without = leaves(send_with(plain(&policy), &track(body), &mut other));
            prop_assert_eq!(with, without);
            let (a, b) = (one.report(), other.report());
            prop_assert_eq!((a.leaves, a.actions), (b.leaves, b.actions));
        }
    }

    /// The rows of `explain` take no short cut and know nothing of tallies: as many of them differ.
    #[test]
    fn as_many_leaves_differ_as_their_rows_do(bodies in bodies(true)) {
        // No rule takes containers here and no text is opened by one policy only, so that both see the
        // same leaves in the same order.
        let one = keep_but(&format!("{HASH_IDS}[[rule]]\nname = \"a\"\nfield = [\"**.a\"]\naction = {{ mask = {{}} }}\n"));
        let other = keep_but("[[rule]]\nname = \"b\"\nevent = [\"b\"]\nfield = [\"properties.x.**\"]\naction = { mask = {} }\n");
        let both = with_shared(plain(&one), &other);
        let mut scratch = Scratch::new();
        for body in bodies.iter().chain(&bodies) {
            let _ = send_with(&both, &track(body), &mut scratch);
            let rows = |policy: &str| {
                let mut scratch = Scratch::explaining();
                let _ = send_with(plain(policy), &track(body), &mut scratch);
                scratch.take_rows()
            };
            let (a, b) = (rows(&one), rows(&other));
            let same_paths = a.iter().map(|r| &r.path).eq(b.iter().map(|r| &r.path));
            prop_assert!(same_paths, "{body}");
            let want = a.iter().zip(&b).filter(|(a, b)| a.action != b.action).count();
            prop_assert_eq!(scratch.report().shadow_differences as usize, want, "{}", body);
        }
    }
}

/// A scrubber like another, with a shadow.
fn with_shared(like: &Scrubber, shadow: &str) -> Scrubber {
    let of = |policy: &str| {
        let (policy, _) = CompiledPolicy::load("t.toml", policy).unwrap();
        Arc::new(policy)
    };
    let one = format!(
        "{}",
        keep_but(&format!(
            "{HASH_IDS}[[rule]]\nname = \"a\"\nfield = [\"**.a\"]\naction = {{ mask = {{}} }}\n"
        ))
    );
    let vendors = like.vendors().to_vec();
    let key = SecretKey::new([7; 32]);
    Scrubber::new(of(&one), vendors.clone(), &key).with_shadow(Shadow::new(Scrubber::new(
        of(shadow),
        vendors,
        &key,
    )))
}

// ---------------------------------------------------------------------------------- gateway

const IN_FORCE: &str = "version = 1\nname = \"one\"\nunlisted = \"keep\"\n\
    [[rule]]\nname = \"ids\"\ncategory = [\"user.unique_id\"]\naction = \"hash\"\n";
const SHADOW: &str = "version = 1\nname = \"other\"\nunlisted = \"keep\"\n\
    [[rule]]\nname = \"no mail\"\ncategory = [\"user.contact.email\"]\naction = \"drop\"\n\
    [[rule]]\nname = \"never\"\nfield = [\"forbidden\"]\naction = \"reject\"\n\
    [[rule]]\nname = \"ids\"\ncategory = [\"user.unique_id\"]\naction = \"hash\"\n";

/// What a loader makes of two policies.
fn generation(upstream: &str, shadow: Option<&str>) -> Generation {
    let mut config = Config::default();
    config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.admin.listen = "127.0.0.1:0".parse().unwrap();
    let made = |text: &str| {
        let (policy, _) = CompiledPolicy::load("t.toml", text).unwrap();
        Scrubber::new(
            Arc::new(policy),
            vec![vendor(upstream)],
            &SecretKey::new([7; 32]),
        )
    };
    let mut scrubber = made(IN_FORCE);
    if let Some(shadow) = shadow {
        scrubber = scrubber.with_shadow(Shadow::new(made(shadow)));
    }
    Generation::new(config, scrubber, "nowhere", Path::new(""))
}

const CANARIES: [&str; 4] = [
    "ann.canary7",
    "user-canary-48213",
    "quixworth",
    "4155550137",
];

fn traffic() -> Vec<String> {
    let big = "x".repeat(1 << 20);
    let mut bodies = vec![
        r#"{"user_id":"user-canary-48213","plan":"pro","email":"ann.canary7@quixworth.example"}"#.to_owned(),
        r#"{"note":"mail ann.canary7@quixworth.example or ring +1 415 555 0137","plan":"pro"}"#.to_owned(),
        r#"{"parts":{"ann.canary7@quixworth.example":{"n":1},"Ann Quixworth":{"n":2},"user-canary-48213":{"n":3}}}"#.to_owned(),
        r#"{"plan":"pro"}"#.to_owned(),
        r#"{"forbidden":"user-canary-48213"}"#.to_owned(),
        // Judged on another thread.
        format!(r#"{{"email":"ann.canary7@quixworth.example","filler":"{big}"}}"#),
        // Not to be read at all.
        r#"{"email":"ann.canary7@quixworth.example","#.to_owned(),
    ];
    bodies.extend(bodies.clone());
    bodies
}

fn request(body: &str) -> String {
    let length = body.len();
    format!("POST /acme/track HTTP/1.1\r\nhost: gate\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[test]
fn the_gateway_forwards_the_same_bytes_and_tells_what_differs() {
    let run = |shadow: Option<&'static str>| {
        let up = good();
        let url = up.url.clone();
        let gate = gate_with(Box::new(move || Ok(generation(&url, shadow))));
        let mut answers = Vec::new();
        for body in traffic() {
            let mut client = Client::new(gate.addr);
            client.send(request(&body));
            answers.push(status(&client.answer()));
        }
        let host = up.addr.to_string();
        let sent: Vec<String> = up.seen.try_iter().map(|s| s.replace(&host, "up")).collect();
        (answers, sent, gate)
    };
    let (answers_without, sent_without, _gate) = run(None);
    let (answers, sent, gate) = run(Some(SHADOW));
    assert_eq!(answers, answers_without);
    assert_eq!(sent.len(), 12, "all but the unreadable ones");
    assert_eq!(sent, sent_without, "byte for byte");

    let rows = gate.live.metrics.shadow.rows();
    let row = |field: &str, inside: bool| {
        let hit = rows
            .iter()
            .find(|(of, _)| &*of.field == field && of.inside == inside);
        let (of, count) = hit.unwrap_or_else(|| panic!("{field} in {rows:#?}"));
        (
            of.action_in_force,
            of.action_shadow,
            &*of.rule_shadow,
            *count,
        )
    };
    assert_eq!(row("email", false), ("keep", "drop", "no mail", 4));
    assert_eq!(row("note", true), ("keep", "drop", "no mail", 2));
    assert_eq!(row("forbidden", false), ("keep", "reject", "never", 2));
    assert_eq!(row("(request)", false), ("forward", "reject", "never", 2));
    assert_eq!(rows.len(), 4, "{rows:#?}");

    let metrics = gate.live.metrics.render();
    for line in [
        r#"tamis_shadow_requests_total{vendor="acme",endpoint="/track",result="different"} 8"#,
        r#"tamis_shadow_requests_total{vendor="acme",endpoint="/track",result="same"} 6"#,
        r#"tamis_shadow_differences_total{vendor="acme",endpoint="/track",category="user.contact.email",action_in_force="keep",action_shadow="drop"} 6"#,
        "tamis_shadow_failures_total 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let said = format!("{rows:?}{metrics}").to_lowercase();
    for canary in CANARIES {
        assert!(!said.contains(canary), "{canary} in {said}");
    }
    let without = run(None).2;
    assert!(!without.live.metrics.render().contains("shadow"));
}

#[test]
fn a_reload_brings_another_shadow_and_metrics_only_grow() {
    let up = good();
    let url = up.url.clone();
    let which = Arc::new(Mutex::new(Some(SHADOW)));
    let loads = Arc::clone(&which);
    let gate = gate_with(Box::new(move || {
        Ok(generation(&url, *loads.lock().unwrap()))
    }));
    let mut client = Client::new(gate.addr);
    let mut send = || {
        client.send(request(r#"{"email":"ann@shop.example"}"#));
        assert_eq!(status(&client.answer()), 200);
    };
    send();
    let count = || -> u64 { gate.live.metrics.shadow.rows().iter().map(|r| r.1).sum() };
    assert_eq!(count(), 1);
    gate.live.reload("test").unwrap();
    send();
    assert_eq!(count(), 2, "the same policies go on");
    *which.lock().unwrap() = Some(IN_FORCE);
    gate.live.reload("test").unwrap();
    send();
    assert_eq!(count(), 0, "no difference from itself");
    *which.lock().unwrap() = None;
    gate.live.reload("test").unwrap();
    send();
    let metrics = gate.live.metrics.render();
    let total = "action_in_force=\"keep\",action_shadow=\"drop\"} 2";
    assert!(metrics.contains(total), "{metrics}");
}
