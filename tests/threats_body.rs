//! Attacks on the reading of bodies: identities hidden in shapes, keys, encodings, numbers and
//! letters; and ordinary values that must survive.

#![allow(
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may unwrap"
)]

#[path = "threats_support/holes.rs"]
mod holes;
mod support;
mod threats_support;

use holes::Holes;
use support::{Outcome, body, builtin, keep_but, scrubber, send, track};
use threats_support::*;

#[test]
fn every_copy_of_a_duplicate_is_judged() {
    let s = builtin("default");
    let mut holes = Holes::default();
    for text in [
        r#"{"event":"x","properties":{"a":"jane.roe@example.com","a":"b"}}"#,
        r#"{"event":"x","properties":{"a":"b","a":"jane.roe@example.com"}}"#,
        r#"{"event":"x","properties":{"a":"b","\u0061":"jane.roe@example.com"}}"#,
        r#"{"event":"x","properties":{"a":1},"properties":{"a":"jane.roe@example.com"}}"#,
        r#"{"event":"x","properties":"jane.roe@example.com","properties":{"a":1}}"#,
        r#"{"event":"x","event":"jane.roe@example.com","properties":{}}"#,
        r#"{"event":"jane.roe@example.com","\u0065vent":"x","properties":{}}"#,
    ] {
        holes.check(&s, "duplicate", text);
    }
    for key in ["first_name", "email", "distinct_id", "$email", "$name"] {
        let text = format!(
            r#"{{"event":"x","properties":{{"{key}":"one canary","{key}":"two canary","{}":"three canary"}}}}"#,
            key.chars()
                .map(|c| format!("\\u{:04x}", c as u32))
                .collect::<String>()
        );
        let out = body(&s, &track(&text));
        assert!(!out.contains("canary"), "{key}: {out}");
    }
    holes.none();
}

/// Names of fields whose values give nothing away, spelled in every manner.
fn spellings(words: &[&str]) -> Vec<String> {
    let snake = words.join("_");
    let camel: String = words
        .iter()
        .enumerate()
        .map(|(at, w)| {
            if at == 0 {
                (*w).to_owned()
            } else {
                w[..1].to_uppercase() + &w[1..]
            }
        })
        .collect();
    let title: Vec<String> = words
        .iter()
        .map(|w| w[..1].to_uppercase() + &w[1..])
        .collect();
    vec![
        snake.clone(),
        camel.clone(),
        snake.to_uppercase(),
        words.join("-"),
        words.join("."),
        words.join(" "),
        title.join(" "),
        title.join("-"),
        title.concat(),
        title.join("_"),
        format!("{snake} "),
        format!(" {snake}"),
        format!("{snake}\\t"),
        format!("{snake}\u{200b}"),
        format!("{}\u{200b}{}", &snake[..2], &snake[2..]),
        format!("{}\u{ad}{}", &snake[..2], &snake[2..]),
        format!("\u{feff}{snake}"),
        snake.chars().map(wide).collect(),
        snake.chars().map(bold).collect(),
        format!("${snake}"),
        format!("_{snake}"),
        format!("user_{snake}"),
        format!("customer.{snake}"),
        format!("__{snake}__"),
        snake
            .chars()
            .map(|c| format!("\\u{:04x}", c as u32))
            .collect(),
    ]
}

#[test]
fn keys_are_compared_after_normalisation() {
    let s = builtin("default");
    let mut holes = Vec::new();
    let cases: &[&[&str]] = &[
        &["email"],
        &["e", "mail"],
        &["first", "name"],
        &["last", "name"],
        &["full", "name"],
        &["phone", "number"],
        &["street", "address"],
        &["date", "of", "birth"],
        &["password"],
        &["credit", "card"],
        &["passport", "number"],
        &["distinct", "id"],
        &["user", "id"],
        &["customer", "id"],
        &["device", "id"],
        &["session", "id"],
        &["ip", "address"],
        &["username"],
    ];
    for words in cases {
        for key in spellings(words) {
            for value in ["\"canary\"", "[\"canary\"]", "{\"value\":\"canary\"}"] {
                let text = format!("{{\"event\":\"x\",\"properties\":{{\"{key}\":{value}}}}}");
                let out = body(&s, &track(&text));
                if out.contains("canary") {
                    holes.push(format!("{key:?}: {out}"));
                }
            }
        }
    }
    for key in ["$name", "$NAME", " $name", "\u{2060}$name", "＄ｎａｍｅ"] {
        let out = body(&s, &track(&event(key, "\"Canary\"")));
        if out.contains("Canary") {
            holes.push(format!("{key:?}: {out}"));
        }
    }
    assert!(
        holes.is_empty(),
        "{} holes:\n{}",
        holes.len(),
        holes.join("\n")
    );
}

#[test]
fn numbers_are_checked_as_text() {
    let s = builtin("default");
    let mut holes = Vec::new();
    for key in ["v", "amount", "price", "code", "$insert_id", "time"] {
        for number in [
            "4111111111111111",
            "4111111111111111.0",
            "4111111111111111.00",
            "4.111111111111111e15",
            "4.111111111111111E+15",
            "41111111111111110e-1",
            "411111111111111100E-2",
            "0.4111111111111111e16",
            "4111111111111111e0",
            "-4111111111111111",
            "378282246310005",
            "5555555555554444",
        ] {
            let out = body(&s, &track(&event(key, number)));
            if out.contains(number) {
                holes.push(format!("{key}: {number}"));
            }
            let out = body(&s, &track(&event(key, &format!("[{number}]"))));
            if out.contains(number) {
                holes.push(format!("{key}: [{number}]"));
            }
        }
    }
    for (key, number) in [
        ("phone", "14155550137"),
        ("phone", "1.4155550137e10"),
        ("user_id", "48151623"),
        ("$phone", "4155550137"),
    ] {
        let out = body(&s, &track(&event(key, number)));
        if out.contains(number) {
            holes.push(format!("{key}: {number}"));
        }
    }
    assert!(
        holes.is_empty(),
        "{} holes:\n{}",
        holes.len(),
        holes.join("\n")
    );
}

#[test]
fn no_private_token_of_a_library_is_forgeable() {
    let s = scrubber(&keep_but(""));
    for key in [
        "$serde_json::private::Number",
        "$serde_json::private::RawValue",
        "$__toml_private_datetime",
    ] {
        let text = event(key, "\"1, \\\"x\\\": 2\"");
        assert_eq!(body(&s, &track(&text)), text);
    }
    let d = builtin("default");
    let out = body(
        &d,
        &track(&event(
            "$serde_json::private::Number",
            "\"jane.roe@example.com\"",
        )),
    );
    assert!(!out.contains("jane"), "{out}");
}

#[test]
fn values_stand_between_signs_of_any_script() {
    let s = builtin("default");
    let mut holes = Holes::default();
    let national = "(415) 555-0137";
    for sign in [
        "“", "”", "‘", "’", "…", "«", "»", "•", "·", "–", "—", "\u{a0}", "\u{2003}", "\u{2028}",
        "®", "→", "°", "×", "、", "。", "，", "😀", "✅", "\u{fffd}", "\"", "'", "|", "*",
    ] {
        for value in CANARIES.into_iter().chain([national]) {
            for text in [
                format!("sent {sign}{value}{sign} today"),
                format!("sent {value}{sign}"),
            ] {
                holes.check(
                    &s,
                    &format!("between {sign:?}"),
                    &event("note", &quoted(&text)),
                );
            }
        }
    }
    holes.none();
}

#[test]
fn what_a_key_tells_is_found_in_objects_within_texts() {
    let s = builtin("default");
    let object =
        r#"{"distinct_id":"u-canary","first_name":"Canary","plan":"pro","mail":"a@b.example"}"#;
    for (text, kept) in [
        (format!("request failed: {object}"), "request failed: {"),
        (format!("was {object} refused"), "} refused"),
        (format!("all of [{object}, {object}] retried"), "] retried"),
        (format!("a {{b}} c {{\"d {object} e"), "c {\\\"d "),
        (format!("body=1&data={object}"), "data="),
        (format!("send(\"{{ {}", &object[1..]), "send("),
    ] {
        let out = body(&s, &track(&event("note", &quoted(&text))));
        assert!(!out.to_lowercase().contains("canary"), "{text}: {out}");
        assert!(!out.contains("a@b.example"), "{text}: {out}");
        assert!(
            out.contains(kept) && out.contains(r#"\"plan\":\"pro\""#),
            "{text}: {out}"
        );
    }
    // What needs no change stays as it is.
    for text in [
        r#"sent { "plan" : "pro" } twice"#,
        r#"use {"a": b} or {"a":"#,
        "{x} of {y}",
    ] {
        let sent = event("note", &quoted(text));
        assert_eq!(body(&s, &track(&sent)), sent);
    }
}

#[test]
fn ids_in_urls_and_tokens_do_not_leave() {
    let s = builtin("default");
    let jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    let mut holes = Vec::new();
    for key in ["$current_url", "url", "note", "page", "link"] {
        for (secret, url) in [
            (
                "48151623",
                "https://shop.example/users/48151623/edit".to_owned(),
            ),
            (
                "48151623",
                "https://shop.example/?user_id=48151623".to_owned(),
            ),
            ("48151623", "/users/48151623?x=1".to_owned()),
            (
                "tok_secret_9f8e7d6c5b4a",
                "https://shop.example/reset?token=tok_secret_9f8e7d6c5b4a".to_owned(),
            ),
            (jwt, format!("https://shop.example/cb#access_token={jwt}")),
            (jwt, format!("go to {jwt} now")),
            (
                "hunter2pass",
                "https://jane:hunter2pass@shop.example/".to_owned(),
            ),
        ] {
            let out = body(&s, &track(&event(key, &quoted(&url))));
            if out.contains(secret) {
                holes.push(format!("{key}: {url} -> {out}"));
            }
        }
    }
    assert!(
        holes.is_empty(),
        "{} holes:\n{}",
        holes.len(),
        holes.join("\n")
    );
}

#[test]
fn identities_in_group_names_profiles_and_lists() {
    let s = builtin("default");
    let mut holes = Holes::default();
    for (path, text) in [
        (
            "/engage",
            r#"[{"$token":"t","$distinct_id":"1","$set":{"jane.roe@example.com":1,"note":"jane.roe@example.com"}}]"#,
        ),
        (
            "/engage",
            r#"[{"$token":"t","$distinct_id":"jane.roe@example.com","$append":{"list":"jane.roe@example.com"}}]"#,
        ),
        (
            "/engage",
            r#"[{"$token":"t","$distinct_id":"1","$unset":["jane.roe@example.com"]}]"#,
        ),
        (
            "/groups",
            r#"[{"$token":"t","$group_key":"jane.roe@example.com","$group_id":"jane.roe@example.com","$set":{}}]"#,
        ),
    ] {
        let mut request = track(text);
        request.path = path;
        if let Outcome::Forward(clean) = send(&s, &request) {
            let hits = found(clean.body());
            if !hits.is_empty() {
                holes
                    .0
                    .push(format!("{path}: {}", String::from_utf8_lossy(clean.body())));
            }
        }
    }
    holes.none();
    // What is called a name in a profile is the person's; in an event it may be anything's.
    for operation in ["$set", "$set_once", "$append", "$of_tomorrow"] {
        let text = format!(
            r#"[{{"$token":"t","$distinct_id":"1","{operation}":{{"name":"Quill Canary","plan":"pro"}}}}]"#
        );
        let mut request = track(&text);
        request.path = "/engage";
        let out = body(&s, &request);
        assert!(
            !out.contains("Canary") && out.contains(r#""plan":"pro""#),
            "{out}"
        );
    }
}

#[test]
fn odd_documents_are_refused() {
    for s in [builtin("default"), scrubber(&keep_but(""))] {
        let good = r#"{"event":"x","properties":{}}"#;
        for text in [
            String::new(),
            " ".into(),
            "\n".into(),
            "null".into(),
            "true".into(),
            "1".into(),
            "\"x\"".into(),
            "[]x".into(),
            "[1]".into(),
            "[null]".into(),
            "[[]]".into(),
            "[[{\"event\":\"x\"}]]".into(),
            format!("{good}{good}"),
            format!("{good}\n{good}"),
            format!("{good},"),
            format!("[{good},]"),
            format!("[{good} {good}]"),
            format!("\u{feff}{good}"),
            format!("{good}\0"),
            format!("\0{good}"),
            format!("{good}//"),
            format!("/**/{good}"),
            format!("// a\n{good}"),
            format!("# a\n{good}"),
            format!(")]}}',\n{good}"),
            format!("callback({good})"),
            format!("\x0b{good}"),
            format!("\u{a0}{good}"),
            "{'event':'x'}".into(),
            "{event:\"x\"}".into(),
            "{\"event\":\"x\",}".into(),
            "{\"event\" \"x\"}".into(),
            "{\"event\":\"x\" \"a\":1}".into(),
            "{\"event\":}".into(),
            "{\"event\"}".into(),
            "{\"event\":\"x\"".into(),
            "{\"event\":\"x".into(),
            "{\"a\":NaN}".into(),
            "{\"a\":Infinity}".into(),
            "{\"a\":-}".into(),
            "{\"a\":+1}".into(),
            "{\"a\":01}".into(),
            "{\"a\":1.}".into(),
            "{\"a\":.5}".into(),
            "{\"a\":1e}".into(),
            "{\"a\":0x10}".into(),
            "{\"a\":1_000}".into(),
            "{\"a\":undefined}".into(),
            "{\"a\":True}".into(),
            "{\"a\":nul}".into(),
            "{\"a\":\"\t\"}".into(),
            "{\"a\":\"\n\"}".into(),
            "{\"a\":\"\\x41\"}".into(),
            "{\"a\":\"\\u12\"}".into(),
            "{\"a\":\"\\u12g4\"}".into(),
            "{\"a\":\"\\'\"}".into(),
            "{\"a\":\"\\".into(),
            "{1:2}".into(),
            "{null:2}".into(),
            format!(
                "{{\"event\":\"x\",\"a\":{}1{}}}",
                "[".repeat(128),
                "]".repeat(128)
            ),
            format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            "[".repeat(100_000),
            "{\"a\":".repeat(100_000),
        ] {
            let shown: String = text.chars().take(60).collect();
            assert!(body(&s, &track(&text)).starts_with("(refused"), "{shown:?}");
        }
    }
}

#[test]
fn depth_is_exact() {
    let s = scrubber(&keep_but(""));
    let nest = |depth: usize| {
        format!(
            "{{\"event\":\"x\",\"a\":{}1{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    assert_eq!(body(&s, &track(&nest(128))), nest(128));
    assert!(body(&s, &track(&nest(129))).starts_with("(refused"));
}

#[test]
fn text_is_utf_8_or_refused() {
    let s = scrubber(&keep_but(""));
    for bytes in [
        &b"{\"event\":\"x\",\"a\":\"\xff\"}"[..],
        b"{\"event\":\"x\",\"a\":\"\xc0\x80\"}",
        b"{\"event\":\"x\",\"a\":\"\xed\xa0\xbd\xed\xb8\x80\"}",
        b"{\"event\":\"x\",\"a\":\"\xed\xa0\xbd\"}",
        b"{\"event\":\"x\",\"a\":\"caf\xe9\"}",
        b"{\"event\":\"x\",\"a\":\"\xf5\x80\x80\x80\"}",
        b"\xff\xfe{\0\"\0",
        b"{\0\"\0e\0",
        b"\x1f\x8b\x08",
        b"\xef\xbb\xbf{\"event\":\"x\"}",
    ] {
        let mut request = track("");
        request.body = bytes;
        assert!(
            matches!(send(&s, &request), Outcome::Refuse(_)),
            "{bytes:?}"
        );
    }
    // Escaped lone surrogates leave as they came.
    let text = event("a", "\"\\ud83d x \\uDE00 \\ud83d\\ude00\"");
    assert_eq!(body(&s, &track(&text)), text);
}

#[test]
fn ordinary_values_survive_byte_for_byte() {
    let s = builtin("default");
    let mut lost = Vec::new();
    for (key, value) in [
        ("plan", "\"pro\""),
        ("plan", "\"Business Plus\""),
        ("amount", "19.99"),
        ("amount", "1.9990"),
        ("amount", "1e2"),
        ("amount", "1E+2"),
        ("amount", "-0"),
        ("amount", "-0.0"),
        ("big", "12345678901234567890123"),
        ("big", "9007199254740993"),
        ("exact", "0.1000000000000000055511151231257827"),
        ("ratio", "1.7976931348623159e308"),
        ("total", "1234567"),
        ("count", "0"),
        ("ok", "true"),
        ("none", "null"),
        ("empty", "\"\""),
        ("list", "[]"),
        ("map", "{}"),
        ("created_at", "\"2024-05-01T12:34:56.789Z\""),
        ("created_at", "\"2024-05-01T12:34:56+02:00\""),
        ("created_at", "1714566896"),
        ("created_at", "1714566896789"),
        ("created_at", "1714566896789123"),
        ("day", "\"2024-05-01\""),
        ("clock", "\"12:34:56\""),
        ("app_version", "\"1.2.3\""),
        ("app_version", "\"10.15.7.2\""),
        ("build", "\"20240501.3\""),
        ("version", "\"v2.10.0-beta.4+build.77\""),
        ("sku", "\"SKU-48213-XL\""),
        ("sku", "\"ABC-12345-678\""),
        ("isbn", "\"978-3-16-148410-0\""),
        ("price", "\"$1,299.00\""),
        ("price", "\"1.299,00 EUR\""),
        ("discount", "\"20% off\""),
        ("progress", "\"100%\""),
        ("step", "\"checkout_step_2\""),
        ("title_text", "\"Learn more about pricing & plans\""),
        ("button", "\"Sign up now\""),
        ("product", "\"Apple iPhone 15 Pro\""),
        ("product", "\"Nike Air Max 90\""),
        ("category", "\"Home & Garden\""),
        ("feature", "\"dark-mode\""),
        ("variant", "\"B\""),
        ("flag", "\"new_checkout_v2\""),
        ("hash", "\"d41d8cd98f00b204e9800998ecf8427e\""),
        ("etag", "\"9e107d9d372bb6826bd81d3542a419d6\""),
        ("commit", "\"8cdbb73f0d405aec217ce31fd8138e7a84c42f41\""),
        ("ref", "\"f47ac10b-58cc-4372-a567-0e02b2c3d479\""),
        ("digest", "\"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\""),
        ("color", "\"#ff8800\""),
        ("dims", "\"1920x1080\""),
        ("path", "\"/pricing/enterprise\""),
        ("selector", "\"div.container > ul li:nth-child(3)\""),
        ("code", "\"a = b + c\""),
        ("regex", "\"^[a-z]+$\""),
        ("math", "\"1+1=2\""),
        ("range", "\"10-20\""),
        ("ids", "[1,2,3,40000000]"),
        ("mixed", "[\"a\",1,null,true,{\"b\":[]}]"),
        ("error", "\"TypeError: undefined is not a function\""),
        ("umlauts", "\"Gr\u{fc}\u{df}e aus K\u{f6}ln\""),
        ("escaped", "\"caf\\u00e9 \\/ bar\""),
        ("emoji", "\"\\ud83d\\ude00 ok\""),
        ("chinese", "\"\u{8d2d}\u{7269}\u{8f66}\""),
        ("at", "\"meet @ noon\""),
        ("mime", "\"text/html; charset=utf-8\""),
        ("tokenish", "\"abc123\""),
        ("brackets", "\"[draft] Q3 report {final}\""),
        ("quoted", "\"say \\\"hi\\\"\""),
        ("backslash", "\"C:\\\\temp\\\\new\""),
        ("wordlist", "\"internationalization\""),
        ("upper", "\"ENTERPRISE_ANNUAL\""),
        ("json", "\"{\\\"a\\\":1,\\\"b\\\":[true,null]}\""),
        ("query", "\"tab=overview&sort=asc\""),
    ] {
        let text = event(key, value);
        let out = body(&s, &track(&text));
        if out != text {
            lost.push(format!("{text}\n -> {out}"));
        }
    }
    assert!(
        lost.is_empty(),
        "{} changed:\n{}",
        lost.len(),
        lost.join("\n")
    );
}
