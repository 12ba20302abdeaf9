//! Attacks by folding: canaries in every encoding that a reader of the vendor's database could
//! unfold, in values, lists, keys, event names and protocol fields.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "tests may unwrap, and a list of attacks is long"
)]

#[path = "threats_support/holes.rs"]
mod holes;
mod support;
mod threats_support;

use holes::Holes;
use support::{Outcome, Request, builtin, send_with, track};
use tamis::scrub::Scratch;
use threats_support::*;

#[test]
fn the_attackers_reader_reads() {
    for canary in CANARIES {
        for text in [
            canary.to_owned(),
            b64(format!("to {canary}")),
            b64(gzip(canary)),
            percent(&percent(canary)),
            hex(canary),
            quoted(&quoted(&b64(canary))),
        ] {
            assert!(!found(text.as_bytes()).is_empty(), "{text}");
        }
    }
    assert!(found(b"{\"event\":\"Plan Picked\",\"plan\":\"pro\"}").is_empty());
}

/// Every way to write a canary into a string.
fn disguises(canary: &str) -> Vec<(&'static str, String)> {
    let json = format!("{{\"note\":{}}}", quoted(canary));
    let mut all = vec![
        ("plain", canary.to_owned()),
        ("sentence", format!("please call {canary} today")),
        ("json", json.clone()),
        ("json list", format!("[1,{}]", quoted(canary))),
        ("json text", quoted(canary)),
        ("json cut", json[..json.len() - 1].to_owned()),
        ("json lines", format!("{json}\n{json}")),
        ("json with a comment", format!("/* c */{json}")),
        (
            "json spaced",
            format!("  {{ \"note\" : {} }} ", quoted(canary)),
        ),
        ("json in text", format!("payload={json};")),
        ("base64", b64(canary)),
        ("base64 no pad", base64(canary, false, false)),
        ("base64url", base64(format!("??>>{canary}"), true, true)),
        (
            "base64url no pad",
            base64(format!("??>>{canary}"), true, false),
        ),
        ("base64 json", b64(&json)),
        ("base64 of base64", b64(b64(canary))),
        ("base64 of base64 of base64", b64(b64(b64(canary)))),
        ("base64 of percent", b64(percent(canary))),
        ("base64 of hex", b64(hex(canary))),
        ("base64 in text", format!("blob: {} end", b64(canary))),
        ("base64 with a prefix", format!("RS_ENC_v3_{}", b64(canary))),
        ("base64 glued to a word", format!("token{}", b64(canary))),
        (
            "base64 glued to four letters",
            format!("sess{}", b64(canary)),
        ),
        (
            "base64 glued to 70 letters",
            format!("{}{}", "x".repeat(70), b64(canary)),
        ),
        (
            "base64 after a long id",
            format!("{}:{}", "a1b2c3d4".repeat(12), b64(canary)),
        ),
        (
            "base64 with dots",
            format!("a.{}.b", b64(canary).trim_end_matches('=')),
        ),
        ("base64 reversed", b64(canary).chars().rev().collect()),
        (
            "base64 broken over lines",
            b64(format!("{canary} and some more words to make it long"))
                .as_bytes()
                .chunks(20)
                .map(|c| String::from_utf8_lossy(c).into_owned())
                .collect::<Vec<_>>()
                .join("\r\n"),
        ),
        ("base64 with a zero byte", b64(format!("{canary}\0"))),
        (
            "base64 of bytes with text",
            b64([
                &[8, 1, 0x12, canary.len() as u8][..],
                canary.as_bytes(),
                &[0xff, 0xfe],
            ]
            .concat()),
        ),
        (
            "base64 of utf-16",
            b64(canary
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>()),
        ),
        (
            "base64 of utf-16 be",
            b64(canary
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect::<Vec<_>>()),
        ),
        (
            "base64 sloppy padding",
            format!("{}===", base64(canary, false, false)),
        ),
        (
            "base64 of latin-1",
            b64([canary.as_bytes(), b" caf\xe9"].concat()),
        ),
        (
            "data url",
            format!("data:text/plain;base64,{}", b64(canary)),
        ),
        (
            "data url plain",
            format!("data:text/plain,{}", percent(canary)),
        ),
        ("gzip in base64", b64(gzip(canary))),
        ("gzip in base64url", base64(gzip(canary), true, false)),
        ("zlib in base64", b64(zlib(canary))),
        (
            "gzip in base64 cut",
            b64(&gzip(format!(
                "{canary} {}",
                "lorem ipsum dolor sit amet ".repeat(3)
            ))[..30]),
        ),
        ("gzip of gzip", b64(gzip(gzip(canary)))),
        ("gzip of base64", b64(gzip(b64(canary)))),
        ("gzip header", b64(gzip_named(canary, b"harmless words"))),
        (
            "gzip members",
            b64([gzip("harmless "), gzip(canary)].concat()),
        ),
        ("hex", hex(canary)),
        ("hex upper", hex(canary).to_uppercase()),
        ("hex 0x", format!("0x{}", hex(canary))),
        ("hex in text", format!("id {} end", hex(canary))),
        ("percent", percent(canary)),
        ("percent all", percent_all(canary)),
        (
            "escape() of JavaScript",
            canary
                .chars()
                .map(|c| format!("%u{:04x}", c as u32))
                .collect(),
        ),
        ("percent twice", percent(&percent(canary))),
        ("percent thrice", percent(&percent(&percent(canary)))),
        (
            "percent with broken utf-8",
            format!("{}%ff", percent(canary)),
        ),
        (
            "percent with a lone sign",
            format!("100% {}", percent(canary)),
        ),
        ("query", format!("a=1&note={}", percent(canary))),
        ("query marked", format!("?note={}", percent(canary))),
        (
            "query twice",
            format!("q={}", percent(&format!("note={}", percent(canary)))),
        ),
        (
            "query broken",
            format!("a=1;note={}&b=%zz", percent(canary)),
        ),
        (
            "url",
            format!("https://shop.example/?note={}", percent(canary)),
        ),
        (
            "url in url",
            format!(
                "https://a.example/?redirect={}",
                percent(&format!("https://b.example/?email={}", percent(canary)))
            ),
        ),
        (
            "url fragment",
            format!("https://a.example/#note={}", percent(canary)),
        ),
        (
            "url path",
            format!("https://a.example/u/{}/x", percent(canary)),
        ),
        ("relative url", format!("/u/x?note={}", percent(canary))),
        (
            "url of base64",
            format!("https://a.example/?d={}", base64(canary, true, false)),
        ),
        (
            "sentence with url",
            format!("see https://a.example/?d={} now", percent(canary)),
        ),
        (
            "quoted-printable",
            canary
                .replace('=', "=3D")
                .replace('@', "=40")
                .replace('.', "=2E"),
        ),
        (
            "jwt",
            format!(
                "{}.{}.c2lnbmF0dXJlX29mX2l0",
                base64("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", true, false),
                base64(
                    format!("{{\"sub\":\"1\",\"note\":{}}}", quoted(canary)),
                    true,
                    false
                )
            ),
        ),
        (
            "jwt in text",
            format!(
                "Bearer {}.{}.c2lnbmF0dXJlX29mX2l0",
                base64("{\"alg\":\"none\"}", true, false),
                base64(format!("{{\"note\":{}}}", quoted(canary)), true, false)
            ),
        ),
        ("markup", format!("<a href=\"mailto:{canary}\">x</a>")),
        ("angle brackets", format!("<{canary}>")),
        ("tabs", canary.replace(' ', "\t")),
        ("no-break blanks", canary.replace(' ', "\u{a0}")),
        ("full-width", canary.chars().map(wide).collect()),
        (
            "full-width signs",
            canary
                .replace('@', "＠")
                .replace('.', "．")
                .replace('+', "＋"),
        ),
        ("mathematical", canary.chars().map(bold).collect()),
        (
            "zero-width",
            canary.chars().flat_map(|c| [c, '\u{200b}']).collect(),
        ),
        (
            "soft hyphens",
            canary.chars().flat_map(|c| [c, '\u{ad}']).collect(),
        ),
        ("direction marks", format!("\u{202e}{canary}\u{202c}")),
        (
            "joiners",
            canary.chars().flat_map(|c| [c, '\u{2060}']).collect(),
        ),
        (
            "entities",
            canary.chars().map(|c| format!("&#{};", c as u32)).collect(),
        ),
        (
            "hex entities",
            canary
                .chars()
                .map(|c| format!("&#x{:x};", c as u32))
                .collect(),
        ),
        (
            "named entity",
            canary.replace('@', "&commat;").replace('.', "&period;"),
        ),
        (
            "escaped twice",
            canary
                .chars()
                .map(|c| format!("\\u{:04x}", c as u32))
                .collect(),
        ),
        (
            "escaped thrice",
            canary
                .chars()
                .map(|c| format!("\\\\u{:04x}", c as u32))
                .collect(),
        ),
        ("escaped at", canary.replace('@', "\\u0040")),
        (
            "hex escapes",
            canary
                .chars()
                .map(|c| format!("\\x{:02x}", c as u32))
                .collect(),
        ),
    ];
    // JSON in JSON, to the bound and beyond it.
    let mut text = json;
    for depth in 1..12 {
        text = format!("{{\"a\":{}}}", quoted(&text));
        if depth >= 6 {
            all.push(("json in json in json", text.clone()));
        }
    }
    let mut text = canary.to_owned();
    for _ in 0..12 {
        text = b64(&text);
        all.push(("base64 in base64", text.clone()));
    }
    let mut text = canary.to_owned();
    for _ in 0..12 {
        text = format!("see {} there", b64(&text));
        all.push(("base64 in words in base64", text.clone()));
    }
    let mut text = canary.to_owned();
    for _ in 0..12 {
        text = percent(&text);
    }
    all.push(("percent twelve times", text));
    all
}

#[test]
fn no_disguise_gets_a_value_through() {
    let s = builtin("default");
    let mut holes = Holes::default();
    for canary in CANARIES {
        for (what, text) in disguises(canary) {
            holes.check(
                &s,
                &format!("{canary} as {what}"),
                &event("note", &quoted(&text)),
            );
        }
    }
    holes.none();
}

#[test]
fn no_disguise_gets_through_in_lists_and_depths() {
    let s = builtin("default");
    let mut holes = Holes::default();
    for (what, text) in disguises(EMAIL) {
        let q = quoted(&text);
        for value in [
            format!("[[1,{q}],\"x\"]"),
            format!("{{\"a\":[{{\"b\":{q}}}]}}"),
            format!("{}{q}{}", "[".repeat(120), "]".repeat(120)),
        ] {
            holes.check(&s, what, &event("deep", &value));
        }
        // As a key, as the event's name, as a protocol field, beside the event.
        holes.check(&s, &format!("key {what}"), &event(&text, "1"));
        holes.check(
            &s,
            &format!("event name {what}"),
            &format!("{{\"event\":{q},\"properties\":{{}}}}"),
        );
        holes.check(&s, &format!("insert id {what}"), &event("$insert_id", &q));
        holes.check(
            &s,
            &format!("beside {what}"),
            &format!("{{\"event\":\"x\",{q}:{q},\"properties\":{{}}}}"),
        );
    }
    holes.none();
}

#[test]
fn escapes_of_json_hide_nothing() {
    let s = builtin("default");
    let mut holes = Holes::default();
    for canary in CANARIES {
        let escaped: String = canary
            .chars()
            .map(|c| format!("\\u{:04X}", c as u32))
            .collect();
        holes.check(
            &s,
            "escaped value",
            &event("note", &format!("\"{escaped}\"")),
        );
        holes.check(
            &s,
            "escaped key",
            &format!("{{\"event\":\"x\",\"properties\":{{\"{escaped}\":1}}}}"),
        );
        let half: String = canary
            .chars()
            .enumerate()
            .map(|(i, c)| {
                if i % 2 == 0 {
                    c.to_string()
                } else {
                    format!("\\u{:04x}", c as u32)
                }
            })
            .collect();
        holes.check(&s, "half escaped", &event("note", &format!("\"{half}\"")));
        holes.check(
            &s,
            "lone surrogate beside",
            &event("note", &format!("\"\\ud83d {canary} \\udc00\"")),
        );
    }
    holes.none();
}

/// What the engine remembers of a text does not depend on what stood before it.
#[test]
fn a_costly_request_does_not_spoil_the_next() {
    let s = builtin("default");
    let mut scratch = Scratch::new();
    let words = quoted(&b64("some harmless words that nobody minds"));
    let bomb = quoted(&b64(gzip("lorem ipsum dolor sit amet ".repeat(150_000))));
    let bombs = format!("[{}]", vec![bomb; 20].join(","));
    let first =
        format!("{{\"event\":\"x\",\"properties\":{{\"bombs\":{bombs},\"note\":{words}}}}}");
    let second = format!("{{\"event\":\"x\",\"properties\":{{\"note\":{words}}}}}");
    let mut send = |text: &str| match send_with(&s, &Request { ..track(text) }, &mut scratch) {
        Outcome::Forward(clean) => String::from_utf8(clean.into_body()).unwrap(),
        Outcome::Answer | Outcome::Refuse(_) => panic!("not forwarded"),
    };
    assert!(!send(&first).contains(&words), "the budget is spent");
    assert_eq!(send(&second), second);
}
