//! The CNIL's measures for audience measurement through a proxy (7 June 2022), one by one, under the
//! built-in policy `cnil`: what a regulator would look for in what leaves.
//!
//! Measure 0 (no direct contact) is the site's own and that of `threats_transport`; that no field of
//! the vendors' tables leaves is `fields`; that keys of yesterday are gone is `policy` and the command
//! line's tests.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a failed test"
)]

mod support;

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use support::{Outcome, Request, builtin, scrubber, send_with};
use tamis::scrub::{Scratch, Scrubber};

/// An event's properties at Mixpanel; what leaves of them, as a whole.
fn track(scrubber: &Scrubber, properties: &Value) -> Value {
    let body = json!([{"event": "e", "properties": properties}]).to_string();
    let request = Request {
        headers: vec![("content-type", "application/json")],
        ..support::track(&body)
    };
    match send_with(scrubber, &request, &mut Scratch::new()) {
        Outcome::Forward(clean) => serde_json::from_slice(clean.body()).unwrap(),
        _ => panic!("{body} is not forwarded"),
    }
}

#[test]
fn measure_1_no_address_leaves_in_any_spelling_or_place() {
    let scrubber = builtin("cnil");
    let addresses = [
        "203.0.113.77",
        "203.0.113.77:443",
        "::ffff:203.0.113.77",
        "2001:db8:85a3::8a2e:370:7334",
        "[2001:db8:85a3::8a2e:370:7334]:443",
    ];
    for address in addresses {
        for place in ["ip", "$ip", "note", "$current_url", "plan", "distinct_id"] {
            let value = match place {
                "$current_url" => format!("https://shop.example/from/{address}/x?ip={address}"),
                "note" => format!("seen at {address} today"),
                _ => address.to_owned(),
            };
            let left = track(&scrubber, &json!({ "token": "t", place: value })).to_string();
            let bare = ["203.0.113", "8a2e:370", "2001:db8"];
            assert!(
                !bare.iter().any(|part| left.contains(part)),
                "{place}: {left}"
            );
        }
    }
}

#[test]
fn measure_2_pseudonyms_collide_as_often_as_the_policy_says() {
    let scrubber = builtin("cnil");
    let (people, share) = (20_000, 1 << 14);
    let mut buckets: HashMap<String, u32> = HashMap::new();
    for first in (0..people).step_by(500) {
        let events: Vec<Value> = (first..first + 500)
            .map(|n| json!({"event": "e", "properties": {"token": "t", "distinct_id": format!("user-{n}")}}))
            .collect();
        let body = Value::Array(events).to_string();
        let Outcome::Forward(clean) =
            send_with(&scrubber, &support::track(&body), &mut Scratch::new())
        else {
            panic!("not forwarded");
        };
        let left: Value = serde_json::from_slice(clean.body()).unwrap();
        for event in left.as_array().unwrap() {
            let id = event["properties"]["distinct_id"].as_str().unwrap();
            *buckets.entry(id.to_owned()).or_default() += 1;
        }
    }
    // As many pseudonyms as n balls in 2^14 bins leave hit, give or take three in a hundred.
    let n = f64::from(share);
    let expected = n * (1.0 - (-f64::from(people) / n).exp());
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let hit = buckets.len() as f64;
    assert!((hit / expected - 1.0).abs() < 0.03, "{hit} of {expected}");
    assert!(buckets.values().any(|people| *people > 3), "some share one");
}

#[test]
fn measure_2_and_6_pseudonyms_change_with_the_key_and_no_bare_digest_leaves() {
    let (_, text) = tamis::policy::builtin("cnil").unwrap();
    assert!(text.contains("rotate = \"daily\"") && text.contains("retain = 0"));
    let who =
        json!({"token": "t", "distinct_id": "zeb.canary7@quixworth.example", "$user_id": "48213"});
    let today = track(&builtin("cnil"), &who);
    assert_eq!(
        today,
        track(&scrubber(text), &who),
        "the same within an epoch"
    );
    let id = today[0]["properties"]["distinct_id"].as_str().unwrap();
    assert!(!id.contains("canary") && !id.contains("quixworth"));
}

#[test]
fn measure_3_no_referrer_from_outside_leaves() {
    let scrubber = builtin("cnil");
    let outside = "https://forum.small.example/thread/7?u=zeb";
    let fields = [
        "$referrer",
        "$referring_domain",
        "$initial_referrer",
        "$initial_referring_domain",
        "referrer",
        "document_referrer",
        "http_referer",
        "referer",
        "mp_referrer",
    ];
    for field in fields {
        let left = track(&scrubber, &json!({"token": "t", field: outside})).to_string();
        assert!(!left.contains("small.example"), "{field}: {left}");
    }
}

#[test]
fn measure_4_no_parameter_of_a_url_leaves_however_it_is_written() {
    let scrubber = builtin("cnil");
    let urls = [
        "https://shop.example/cart?utm_source=canary",
        "https://shop.example/cart#canary",
        "https://shop.example/cart;id=canary",
        "https://shop.example/cart;v=1;id=canary/next?x=canary#canary",
        "//shop.example/cart?x=canary",
        "/cart?x=canary",
        "/cart?x#canary",
        "?x=canary",
        "https://shop.example/go?to=https%3A%2F%2Fshop.example%2F%3Fx%3Dcanary",
        "https%3A%2F%2Fshop.example%2Fcart%3Fx%3Dcanary",
        "HTTPS://SHOP.EXAMPLE/cart?X=canary",
        "https://shop.example/cart?x=1&y=canary&x=canary",
        "https://canary:secret@shop.example/cart",
        "https://shop.example\\cart?x=canary",
        "https://shop.example/cart\u{ff1f}x=canary",
    ];
    let fields = [
        "$current_url",
        "url",
        "current_url_search",
        "page_url",
        "href",
        "mp_page",
    ];
    for url in urls {
        for field in fields {
            let left = track(&scrubber, &json!({"token": "t", field: url})).to_string();
            assert!(!left.contains("canary"), "{field} {url}: {left}");
        }
    }
    let campaign = json!({"token": "t", "utm_source": "canary", "initial_utm_campaign": "canary", "gclid": "canary"});
    assert!(!track(&scrubber, &campaign).to_string().contains("canary"));
}

#[test]
fn measure_5_two_browsers_of_one_family_leave_the_same_head() {
    let scrubber = builtin("cnil");
    let head = |headers: Vec<(&'static str, &'static str)>| {
        let body = r#"[{"event":"e","properties":{"token":"t"}}]"#;
        let request = Request {
            headers,
            ..support::track(body)
        };
        let Outcome::Forward(clean) = send_with(&scrubber, &request, &mut Scratch::new()) else {
            panic!("not forwarded");
        };
        let headers = clean
            .headers()
            .map(|(name, value)| format!("{name}: {value}"));
        format!(
            "{}\n{}",
            clean.target(),
            headers.collect::<Vec<_>>().join("\n")
        )
    };
    let one = head(vec![
        ("content-type", "application/json"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.59 Safari/537.36",
        ),
        ("accept", "*/*"),
        ("accept-language", "de-CH,de;q=0.9"),
        ("sec-ch-ua-platform-version", "\"6.1.0\""),
        ("cookie", "a=b"),
    ]);
    let other = head(vec![
        ("accept-language", "fr"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7000.1 Safari/537.36",
        ),
        ("x-forwarded-for", "203.0.113.77"),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("dnt", "0"),
    ]);
    assert_eq!(one, other);
    // High-entropy hints stand in queries as well.
    let request = Request {
        vendor: "ga4",
        method: "GET",
        path: "/g/collect",
        query: Some(
            "v=2&tid=G-1&en=x&cid=1.2&uaa=arm&uab=64&uafvl=Chromium%3B142.0.7444.59&uam=Pixel%208&uap=Android&uapv=14.0.0&uaw=0",
        ),
        headers: vec![],
        body: b"",
    };
    let Outcome::Forward(clean) = send_with(&scrubber, &request, &mut Scratch::new()) else {
        panic!("not forwarded");
    };
    assert!(!clean.target().contains("7444"), "{}", clean.target());
}

#[test]
fn measures_6_and_7_nothing_unknown_and_nothing_that_lasts_leaves() {
    let scrubber = builtin("cnil");
    let left = track(
        &scrubber,
        &json!({
            "token": "t", "crm_id": "canary-1", "customer_number": "canary-2", "$ios_ifa": "canary-3", "order_id": "canary-4",
            "alias": "canary-5", "whatever": "canary-6", "list": ["canary-7", {"deep": "canary-8"}], "email": "canary-9",
            "iban": "CH9300762011623852957", "note": "Jane Doe, +41 79 123 45 67",
        }),
    );
    let text = left.to_string();
    assert!(
        !text.contains("canary")
            && !text.contains("0076")
            && !text.contains("Jane")
            && !text.contains("123"),
        "{text}"
    );
    let names: HashSet<&String> = left[0]["properties"].as_object().unwrap().keys().collect();
    for lasting in ["$ios_ifa", "order_id", "email", "note", "whatever"] {
        assert!(!names.contains(&lasting.to_owned()), "{lasting}: {text}");
    }
}
