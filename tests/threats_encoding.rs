//! Attacks by encodings and labels: content codings, charsets, forms, base64, lines, limits; and
//! inputs made to cost.

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

mod support;
mod threats_support;

use std::time::Duration;

use support::{Outcome, Request, builtin, keep_but, scrubber, send, spent, track};
use tamis::codec::DecodeErrorKind;
use tamis::scrub::{Refusal, Scrubber};
use threats_support::*;

const GOOD: &str = r#"{"event":"x","properties":{"plan":"pro"}}"#;
const BAD: &str = r#"{"event":"x","properties":{"note":"jane.roe@example.com"}}"#;

fn kind(outcome: &Outcome) -> Option<DecodeErrorKind> {
    match outcome {
        Outcome::Refuse(Refusal::Decode(error)) => Some(error.kind),
        Outcome::Forward(_) | Outcome::Answer | Outcome::Refuse(_) => None,
    }
}

fn coded(s: &Scrubber, codings: &[&str], body: &[u8]) -> Outcome {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(codings.iter().map(|c| ("content-encoding", *c)));
    let mut request = track("");
    request.headers = headers;
    request.body = body;
    send(s, &request)
}

fn form<'a>(path: &'a str, content_type: &'a str, body: &'a str) -> Request<'a> {
    Request {
        vendor: "mixpanel",
        method: "POST",
        path,
        query: None,
        headers: vec![("content-type", content_type)],
        body: body.as_bytes(),
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn leaks(outcome: &Outcome) -> Vec<&'static str> {
    match outcome {
        Outcome::Forward(clean) => {
            let mut all = clean.body().to_vec();
            if all.starts_with(&[0x1f, 0x8b]) {
                all = b64(&all).into_bytes();
            }
            all.extend_from_slice(b" ");
            all.extend_from_slice(clean.target().as_bytes());
            for (name, value) in clean.headers() {
                all.extend_from_slice(format!("\n{name}: {value}").as_bytes());
            }
            found(&all)
        }
        Outcome::Answer | Outcome::Refuse(_) => Vec::new(),
    }
}

#[test]
fn content_codings_are_a_contract() {
    let s = builtin("default");
    let gz = gzip(GOOD);
    assert!(matches!(coded(&s, &["gzip"], &gz), Outcome::Forward(_)));
    assert!(matches!(coded(&s, &["GZIP"], &gz), Outcome::Forward(_)));
    assert!(matches!(
        coded(&s, &["identity"], GOOD.as_bytes()),
        Outcome::Forward(_)
    ));
    assert!(matches!(
        coded(&s, &["deflate"], &zlib(GOOD)),
        Outcome::Forward(_)
    ));
    for (codings, body) in [
        (&["lzma"][..], &gz[..]),
        (&["compress"], &gz),
        (&["gzip, gzip"], &gzip(&gz)),
        (&["gzip", "gzip"], &gzip(&gz)),
        (&["gzip, br"], &gz),
        (&["deflate, gzip"], &gzip(zlib(GOOD))),
        (&["gzip;q=1"], &gz),
        (&["*"], &gz),
        (&["gzip"], GOOD.as_bytes()),
        (&["deflate"], &gz),
        (&["br"], &gz),
        (&["zstd"], &gz),
        (&["gzip"], &zlib(GOOD)),
        (&["gzip"], &gz[..gz.len() - 1]),
        (&["gzip"], &gz[..gz.len() - 8]),
        (&["gzip"], &gz[..12]),
        (&["gzip"], b""),
        (&["gzip"], &[&gz[..], b"x"].concat()),
        (&["gzip"], &[&gz[..], b"\0\0\0\0"].concat()),
        (&["gzip"], &[&gz[..], b"{}"].concat()),
        (&["gzip"], &[&gz[..], &gz[..5]].concat()),
        (&["deflate"], &[&zlib(GOOD)[..], b"x"].concat()),
        (&[], &gz),
        (&["identity"], &gz),
    ] {
        assert!(
            matches!(coded(&s, codings, body), Outcome::Refuse(_)),
            "{codings:?} {} bytes",
            body.len()
        );
    }
    let mut wrong = gz.clone();
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    assert!(
        matches!(coded(&s, &["gzip"], &wrong), Outcome::Refuse(_)),
        "a wrong checksum"
    );
}

#[test]
fn every_member_counts_and_headers_of_streams_do_not_pass() {
    let s = builtin("default");
    let (first, second) = BAD.split_at(40);
    let members = [gzip(first), gzip(second)].concat();
    assert_eq!(leaks(&coded(&s, &["gzip"], &members)), [""; 0]);
    for stream in [
        gzip_named(EMAIL, GOOD.as_bytes()),
        [gzip(&GOOD[..20]), gzip_named(EMAIL, &GOOD.as_bytes()[20..])].concat(),
        [gzip(GOOD), gzip_named(EMAIL, b"")].concat(),
    ] {
        match coded(&s, &["gzip"], &stream) {
            Outcome::Forward(clean) => {
                let body = clean.body();
                assert!(!body.windows(5).any(|w| w == b"jane."), "a header passed");
                assert!(found(b64(body).as_bytes()).is_empty());
            }
            Outcome::Answer | Outcome::Refuse(_) => panic!("harmless members are taken"),
        }
    }
    // Skippable frames of zstd hold what no decoder shows.
    let zstd = zstd::bulk::compress(GOOD.as_bytes(), 1).unwrap();
    let skip = [&[0x50, 0x2a, 0x4d, 0x18, 20, 0, 0, 0][..], EMAIL.as_bytes()].concat();
    for stream in [[&skip[..], &zstd].concat(), [&zstd[..], &skip].concat()] {
        assert!(matches!(coded(&s, &["zstd"], &stream), Outcome::Refuse(_)));
    }
}

#[test]
fn recordings_and_sniffed_streams_do_not_pass() {
    let s = builtin("default");
    let body = gzip_named(
        EMAIL,
        format!("[{{\"type\":3,\"data\":{{\"note\":\"{EMAIL}\"}}}}]").as_bytes(),
    );
    let mut request = form("/record", "application/octet-stream", "");
    request.body = &body;
    assert_eq!(leaks(&send(&s, &request)), [""; 0]);
}

#[test]
fn bombs_are_refused() {
    let s = builtin("default");
    let flat = gzip(format!(
        "{{\"event\":\"x\",\"a\":\"{}\"}}",
        "x".repeat(64 << 20)
    ));
    assert_eq!(
        kind(&coded(&s, &["gzip"], &flat)),
        Some(DecodeErrorKind::TooLarge)
    );
    let zeros = gzip(vec![b' '; 200 << 20]);
    assert_eq!(
        kind(&coded(&s, &["gzip"], &zeros)),
        Some(DecodeErrorKind::TooLarge)
    );
    let z = zstd::bulk::compress(&vec![b' '; 200 << 20], 19).unwrap();
    assert_eq!(
        kind(&coded(&s, &["zstd"], &z)),
        Some(DecodeErrorKind::TooLarge)
    );
    // Bombs in strings: many at once, and in each other.
    let inner = b64(gzip("jane.roe@example.com ".repeat(300_000)));
    let many = format!("[{}]", vec![quoted(&inner); 200].join(","));
    within(|| assert_eq!(leaks(&send(&s, &track(&event("bombs", &many)))), [""; 0]));
    let nested = b64(gzip(format!("{} ", inner).repeat(100)));
    let many = format!("[{}]", vec![quoted(&nested); 300].join(","));
    within(|| assert_eq!(leaks(&send(&s, &track(&event("bombs", &many)))), [""; 0]));
}

#[test]
fn limits_are_exact_before_and_after_decompression() {
    let s = scrubber(&keep_but(""));
    let sized = |size: usize| {
        let frame = "{\"event\":\"x\",\"properties\":{\"a\":\"\"}}";
        let mut rng = 1u32;
        let filler: String = (0..size - frame.len())
            .map(|_| {
                rng = rng.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b'g' + (rng >> 24) as u8 % 16)
            })
            .collect();
        frame.replace("\"\"", &format!("\"{filler}\""))
    };
    let limit = 10 << 20;
    let exact = sized(limit);
    assert_eq!(exact.len(), limit);
    assert!(matches!(send(&s, &track(&exact)), Outcome::Forward(_)));
    assert!(matches!(
        coded(&s, &["gzip"], &gzip(&exact)),
        Outcome::Forward(_)
    ));
    let more = sized(limit + 1);
    assert_eq!(
        kind(&send(&s, &track(&more))),
        Some(DecodeErrorKind::TooLarge)
    );
    assert_eq!(
        kind(&coded(&s, &["gzip"], &gzip(&more))),
        Some(DecodeErrorKind::TooLarge)
    );
}

#[test]
fn charsets_and_types_are_kept_to() {
    let s = builtin("default");
    let typed = |types: &[&'static str], body: &'static str| {
        let mut request = track(body);
        request.headers = types.iter().map(|t| ("content-type", *t)).collect();
        send(&s, &request)
    };
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert!(
            matches!(typed(&[good], GOOD), Outcome::Forward(_)),
            "{good}"
        );
    }
    for bad in [
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/json; charset=latin1",
        "application/json; charset=utf-7",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset=",
        "application/json; charset*=utf-8''utf-16",
        "application/json; charset*0=utf-16",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/vnd.jane.roe+json",
        "",
        "json",
    ] {
        assert!(matches!(typed(&[bad], GOOD), Outcome::Refuse(_)), "{bad:?}");
    }
    assert!(matches!(
        typed(&["application/json", "application/json"], GOOD),
        Outcome::Refuse(_)
    ));
    assert!(matches!(
        typed(&["application/json", FORM], GOOD),
        Outcome::Refuse(_)
    ));
    assert!(matches!(typed(&[], GOOD), Outcome::Refuse(_)));
    // The label lies.
    assert!(
        matches!(typed(&[FORM], BAD), Outcome::Refuse(_) | Outcome::Answer)
            || leaks(&typed(&[FORM], BAD)).is_empty()
    );
    assert!(matches!(
        typed(&["application/json"], "data=e30"),
        Outcome::Refuse(_)
    ));
    // Parameters say nothing about anyone.
    let out = typed(
        &["application/json; charset=utf-8; name=jane.roe@example.com"],
        GOOD,
    );
    assert_eq!(leaks(&out), [""; 0]);
}

#[test]
fn forms_are_read_as_the_vendor_reads_them() {
    let s = builtin("default");
    let good = percent(&b64(GOOD));
    assert!(matches!(
        send(&s, &form("/track", FORM, &format!("data={good}"))),
        Outcome::Forward(_)
    ));
    let bad = [
        b64(BAD),
        base64(BAD, true, false),
        base64(BAD, false, false),
        BAD.to_owned(),
    ];
    for data in &bad {
        for body in [
            format!("data={}", percent(data)),
            format!("data={}", percent_all(data)),
            format!("data={}&data={}", good, percent(data)),
            format!("data={}&data={}", percent(data), good),
            format!("d%61ta={}", percent(data)),
            format!("data={}&ip=1&verbose=1", percent(data)),
            format!("data={}", percent(&percent(data))),
            format!("data={}", percent(&b64(data))),
            format!("DATA={}", percent(data)),
            format!("data%20={}", percent(data)),
            format!("data[]={}", percent(data)),
            format!("other={}&data={good}", percent(data)),
            format!("other={}&data={good}", percent(&percent(data))),
            format!("{}=1&data={good}", percent(data)),
            format!("{}&data={good}", percent(data)),
            format!("a=b&&data={}&", percent(data)),
            format!("={}&data={good}", percent(data)),
        ] {
            assert_eq!(
                leaks(&send(&s, &form("/track", FORM, &body))),
                [""; 0],
                "{body}"
            );
            assert_eq!(
                leaks(&send(&s, &form("/track", "text/plain", &body))),
                [""; 0],
                "{body}"
            );
        }
    }
    for body in [
        "data=%zz",
        "data=%f",
        "data=%ff%fe",
        "data=",
        "data",
        "",
        "&",
        "x=1;data=e30",
        "data=e30;x",
        "data=***",
        "data=e3",
        "data=e30=%3D",
        "data=e30%0A",
        "data=\u{e9}",
    ] {
        let out = send(&s, &form("/track", FORM, body));
        assert!(
            !matches!(out, Outcome::Forward(ref clean) if clean.body().windows(2).any(|w| w == b"zz")),
            "{body}"
        );
        assert_eq!(leaks(&out), [""; 0]);
    }
    // A `+` that a form made a blank is read as base64 has it; both spellings are judged.
    let text =
        format!("{{\"event\":\"x\",\"properties\":{{\"note\":\"{EMAIL}\",\"s\":\"~~~???>>>\"}}}}");
    let raw = b64(&text);
    assert!(raw.contains('+') || raw.contains('/'));
    assert_eq!(
        leaks(&send(&s, &form("/track", FORM, &format!("data={raw}")))),
        [""; 0]
    );
}

#[test]
fn queries_are_cleaned_as_bodies_are() {
    let s = builtin("default");
    let get = |query: &str| {
        let request = Request {
            vendor: "mixpanel",
            method: "GET",
            path: "/track",
            query: Some(query),
            headers: vec![],
            body: b"",
        };
        leaks(&send(&s, &request))
    };
    for query in [
        format!("data={}", percent(&b64(BAD))),
        format!("data={}", percent(BAD)),
        format!("data={}&data={}", percent(GOOD), percent(BAD)),
        format!("data={}&note={}", percent(GOOD), percent(EMAIL)),
        format!("data={}&note={}", percent(GOOD), percent(&percent(EMAIL))),
        format!("data={}&note={}", percent(GOOD), b64(EMAIL)),
        format!("data={}&{}=1", percent(GOOD), percent(EMAIL)),
        format!("data={}&{}", percent(GOOD), percent(EMAIL)),
        format!("data={}&verbose={}", percent(GOOD), percent(EMAIL)),
        format!("data={}&_={}", percent(GOOD), percent(EMAIL)),
        format!("data={}&callback={}", percent(GOOD), percent(EMAIL)),
        format!(
            "data={}&redirect={}",
            percent(GOOD),
            percent(&format!("https://x.example/?e={EMAIL}"))
        ),
        format!("data={}&ip={IP}", percent(GOOD)),
        // A plus that nobody escaped.
        format!("data={}&x=+14155550137", percent(GOOD)),
        format!("data={}&verbose=+1+415+555-0137", percent(GOOD)),
    ] {
        assert_eq!(get(&query), [""; 0], "{query}");
        // In query and body at once.
        let mut request = track(GOOD);
        request.query = Some(&query);
        assert_eq!(leaks(&send(&s, &request)), [""; 0], "{query}");
    }
    for query in [
        format!("data={}&x=%zz", percent(GOOD)),
        format!("data={};x=1", percent(GOOD)),
        format!("data={}&x=%ff", percent(GOOD)),
    ] {
        let mut request = track(GOOD);
        request.query = Some(&query);
        assert!(matches!(send(&s, &request), Outcome::Refuse(_)), "{query}");
    }
    // The address is never taken by the vendor.
    let mut request = track(GOOD);
    request.query = Some("ip=1&ip=1");
    match send(&s, &request) {
        Outcome::Forward(clean) => assert!(!clean.target().contains("ip=1"), "{}", clean.target()),
        Outcome::Answer | Outcome::Refuse(_) => panic!("not forwarded"),
    }
}

#[test]
fn lines_are_read_strictly() {
    let s = builtin("default");
    let import = |body: &str| send(&s, &form("/import", "application/x-ndjson", body));
    assert!(matches!(
        import(&format!("{GOOD}\n{GOOD}\n")),
        Outcome::Forward(_)
    ));
    assert!(matches!(
        import(&format!("\n{GOOD}\n\r\n  \n{GOOD}")),
        Outcome::Forward(_)
    ));
    for body in [
        format!("{GOOD}\n{GOOD} {GOOD}"),
        format!("{GOOD}{GOOD}"),
        format!("{GOOD},\n{GOOD}"),
        format!("{GOOD}\n{}", &GOOD[..20]),
        format!("{GOOD}\n1"),
        format!("{GOOD}\nnull"),
        format!("{GOOD}\n\"x\""),
        format!("\u{feff}{GOOD}"),
        format!("{GOOD}\u{2028}{GOOD}"),
        format!("{GOOD}\n// c"),
        format!("{GOOD}\n\0"),
        format!("data: {GOOD}"),
        "\n\n".into(),
        String::new(),
    ] {
        assert!(matches!(import(&body), Outcome::Refuse(_)), "{body:?}");
    }
    for body in [
        format!("{GOOD}\n{BAD}"),
        format!("{BAD}\n{GOOD}"),
        format!("{GOOD}\r\n\r\n{BAD}\r\n"),
    ] {
        assert_eq!(leaks(&import(&body)), [""; 0]);
    }
}

#[test]
fn cesu_8_is_read_only_where_the_catalog_says_so() {
    let s = builtin("default");
    let text = [
        &b"{\"event\":\"x\",\"properties\":{\"note\":\"\xed\xa0\xbd\xed\xb8\x80 "[..],
        EMAIL.as_bytes(),
        b"\"}}",
    ]
    .concat();
    let body = format!("data={}", percent(&b64(&text)));
    let out = send(&s, &form("/track", FORM, &body));
    assert!(matches!(out, Outcome::Forward(_)));
    assert_eq!(leaks(&out), [""; 0]);
    let lone = [&b"{\"event\":\"x\",\"a\":\"\xed\xa0\xbd\"}"[..]].concat();
    let body = format!("data={}", percent(&b64(lone)));
    assert!(matches!(
        send(&s, &form("/track", FORM, &body)),
        Outcome::Refuse(_)
    ));
    let mut request = track("");
    request.body = &text;
    assert!(
        matches!(send(&s, &request), Outcome::Refuse(_)),
        "not in plain JSON"
    );
}

/// Ends, at a cost that no blow-up would keep to, whatever else the machine does.
fn within(work: impl FnOnce()) {
    let started = spent();
    work();
    let took = spent().saturating_sub(started);
    assert!(took < Duration::from_secs(60), "took {took:?}");
}

/// Hostile strings of about a size.
fn hostile(size: usize) -> Vec<(&'static str, String)> {
    let fill = |unit: &str| unit.repeat(size / unit.len());
    vec![
        ("ats", fill("@")),
        ("a@", fill("a@")),
        ("a@a.", fill("a@a.")),
        ("a.", fill("a.")),
        ("brackets", fill("(")),
        ("open json", fill("{\"a\":")),
        ("square", fill("[")),
        ("digits", fill("1")),
        ("digits and dashes", fill("1-")),
        ("digits and blanks", fill("41 ")),
        ("card digits", fill("4111 ")),
        ("phones", fill("+1 415 ")),
        ("pluses", fill("+")),
        ("dots", fill("1.")),
        ("octets", fill("255.")),
        ("colons", fill("a:")),
        ("hex colons", fill("fe:")),
        ("percents", fill("%")),
        ("percent escapes", fill("%41")),
        ("percent of percent", fill("%25")),
        ("backslashes", fill("\\")),
        ("backslash u", fill("\\u00")),
        ("double backslash u", fill("\\\\u0040")),
        ("ampersands", fill("&")),
        ("entities", fill("&#6")),
        ("pairs", fill("a=b&")),
        ("equals", fill("=")),
        ("slashes", fill("/")),
        ("urls", fill("http://a/?")),
        ("urls in urls", fill("https://a.example/?u=")),
        ("quotes", fill("\"")),
        ("base64 letters", fill("QUJD")),
        ("base64 dashes", fill("Qk-_")),
        ("base64 equals", fill("QUJDQUJDQUJD=")),
        ("base64 runs", fill("QUJDQUJDQUJDQUJDQUJD ")),
        ("percent and base64", fill("%41QUJDQUJDQUJDQUJDQUJD ")),
        ("gzip heads", fill("H4sIAAAAAAAA/8tKzEvVK8pP ")),
        ("zlib heads", fill("eJwAAAAAAAAAAAAAAAAA ")),
        ("hex", fill("6a61")),
        ("hex runs", fill("6a616e652e726f6540657861 ")),
        ("jwt", fill("eyJ.")),
        ("eyJ", fill("eyJhbGciOiJIUzI1NiJ9.")),
        ("names", fill("Jane Roe ")),
        ("capitals", fill("Aa ")),
        ("street", fill("12 Main St, ")),
        ("iban", fill("DE89 ")),
        ("zero width", fill("\u{200b}")),
        ("full width", fill("\u{ff20}")),
        ("umlauts", fill("\u{fc}")),
        ("emoji", fill("\u{1f600}")),
        ("combining", fill("e\u{301}")),
        ("ligature", fill("\u{fdfa}")),
        ("tabs", fill("1\t")),
        ("markup", fill("<a@b.")),
        ("born", fill("born 1.1.")),
        ("secrets", fill("token=")),
        ("quoted-printable", fill("=40a.")),
    ]
}

#[test]
fn hostile_texts_cost_what_they_weigh() {
    let s = builtin("default");
    for (what, text) in hostile(1 << 20) {
        let started = spent();
        let _ = send(&s, &track(&event("note", &quoted(&text))));
        let _ = send(&s, &track(&event(&text, "1")));
        let took = spent().saturating_sub(started);
        assert!(took < Duration::from_secs(60), "{what} took {took:?}");
    }
}

#[test]
fn hostile_documents_cost_what_they_weigh() {
    let s = builtin("default");
    let mut chain = EMAIL.to_owned();
    while chain.len() < 2 << 20 {
        chain = b64(format!("{chain} {chain}"));
    }
    let mut json = "\"x\"".to_owned();
    while json.len() < 2 << 20 {
        json = quoted(&json);
    }
    let keys: String = (0..400_000).map(|i| format!("\"k{i}\":{i},")).collect();
    let long: String = (0..2000)
        .map(|i| format!("\"{}{i}\":1,", "k".repeat(1000)))
        .collect();
    let same: String = "\"a\":1,".repeat(600_000);
    let dropped: String = "\"email\":1,".repeat(300_000);
    for (what, body) in [
        ("base64 chain", event("a", &quoted(&chain))),
        ("json chain", event("a", &quoted(&json))),
        (
            "distinct keys",
            format!("{{\"event\":\"x\",\"properties\":{{{keys}\"z\":0}}}}"),
        ),
        (
            "long keys",
            format!("{{\"event\":\"x\",\"properties\":{{{long}\"z\":0}}}}"),
        ),
        (
            "the same key",
            format!("{{\"event\":\"x\",\"properties\":{{{same}\"z\":0}}}}"),
        ),
        (
            "dropped members",
            format!("{{\"event\":\"x\",\"properties\":{{{dropped}\"z\":0}}}}"),
        ),
        ("events", format!("[{}]", vec![GOOD; 50_000].join(","))),
        (
            "event names",
            format!(
                "[{}]",
                (0..50_000)
                    .map(|i| format!("{{\"event\":\"e{i}\",\"properties\":{{}}}}"))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        ),
        (
            "duplicate names",
            format!(
                "{{{}\"properties\":{{}}}}",
                "\"event\":\"x\",".repeat(200_000)
            ),
        ),
        (
            "empty objects",
            format!("[{}]", vec!["{}"; 500_000].join(",")),
        ),
        (
            "numbers",
            event(
                "a",
                &format!("[{}]", vec!["4111111111111111"; 100_000].join(",")),
            ),
        ),
        ("one number", event("a", &"9".repeat(2 << 20))),
        ("exponent", event("a", "1e999999999999999999999")),
        (
            "digits and exponent",
            event("a", &format!("{}e-999999", "9".repeat(1 << 20))),
        ),
        (
            "strings",
            event(
                "a",
                &format!("[{}]", vec!["\"jane@example.com\""; 80_000].join(",")),
            ),
        ),
        (
            "escapes",
            event("a", &format!("\"{}\"", "\\u0041".repeat(300_000))),
        ),
    ] {
        let started = spent();
        let _ = send(&s, &track(&body));
        let took = spent().saturating_sub(started);
        assert!(took < Duration::from_secs(60), "{what} took {took:?}");
    }
    let pairs = "a=b&".repeat(400_000) + "data=" + &percent(GOOD);
    within(|| drop(send(&s, &form("/track", FORM, &pairs))));
    let keys: String = (0..200_000).map(|i| format!("k{i}=1&")).collect();
    within(|| {
        drop(send(
            &s,
            &form("/track", FORM, &(keys + "data=" + &percent(GOOD))),
        ))
    });
    let data = format!("data={}&", percent(GOOD)).repeat(20_000);
    within(|| drop(send(&s, &form("/track", FORM, &data))));
}
