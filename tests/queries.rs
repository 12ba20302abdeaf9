//! Query strings as events and documents, through the whole engine: lines of them, within JSON,
//! segments that unfold, packed bodies, checksums.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a failed test"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tamis::catalog::{Found, load};
use tamis::codec::{checksum, form, lz64};
use tamis::policy::CompiledPolicy;
use tamis::scrub::{RawRequest, Scratch, Scrubber, Verdict};
use tamis::sensitive::{SecretKey, SecretText};

const VENDOR: &str = r#"
    name = "acme"
    title = "Acme"
    upstream = "https://in.acme.example"
    tuples = { "$query.more.items[]" = ["sku", "mail"] }
    formats.lines = { types = ["text/plain", ""], layers = ["lines"] }
    formats.mixed = { types = ["*"], layers = ["json|query"] }
    formats.turned = { types = ["*"], layers = ["gzip?", "base64r?", "json"] }
    formats.lz = { types = ["*"], layers = ["form:data", "lz64?", "base64?", "json"] }
    params.ctx = { layers = ["base64url", "json"] }
    params.more = { layers = ["json"] }
    params.deep = { layers = ["percent?", "base64?", "json"] }
    [defaults.collect]
    methods = ["GET", "POST"]
    event_name = "$query.en"
    answers = [{ status = 204 }]
    [[endpoint]]
    paths = ["/lines"]
    kind = "collect"
    body = ["lines"]
    events = ["$query"]
    params = ["more"]
    remove = ["$query.gone"]
    set = { "$header.x-quiet" = "*" }
    copy = { "$query.twin" = "$query._id" }
    [[endpoint]]
    paths = ["/bulk"]
    kind = "collect"
    body = ["mixed"]
    events = ["requests[]?", "$query"]
    [[endpoint]]
    paths = ["/turned"]
    kind = "collect"
    body = ["turned"]
    events = ["."]
    [[endpoint]]
    paths = ["/lz"]
    kind = "collect"
    body = ["lz"]
    events = ["."]
    [[endpoint]]
    paths = ["/turns"]
    kind = "collect"
    body = ["lines"]
    events = ["$query"]
    alternating = ["$query.k*"]
    checksum = "$query.sum"
    params = ["deep"]
    [[endpoint]]
    paths = ["/eval/:env/:ctx"]
    kind = "query"
    methods = ["GET"]
    params = ["ctx"]
    [fields]
    plain = ["$query.en", "$query.z", "$path.env"]
    "user.contact.email" = ["$query.mail", "mail", "$path.ctx.mail", "$query.more.mail", "$query.more.items[].mail", "$query.deep.mail", "$query.k1.box"]
    "user.unique_id" = ["$query._id"]
"#;

const POLICY: &str = r#"
    version = 1
    name = "t"
    unlisted = "keep"
    [[rule]]
    name = "quiet"
    event = ["quiet"]
    field = ["$query.z"]
    action = "drop_event"
    [[rule]]
    name = "contact"
    category = ["user.contact"]
    action = "drop"
    [[rule]]
    name = "ids"
    category = ["user.unique_id"]
    action = { replace = "ID" }
"#;

fn salt() -> SecretText {
    SecretText::new(b"salt".to_vec())
}

/// What leaves (target, headers, body), `answered`, or the refusal; and events in and out.
fn send(target: &str, body: &[u8]) -> (String, u32, u32) {
    send_salted(target, body, true)
}

fn send_salted(target: &str, body: &[u8], salted: bool) -> (String, u32, u32) {
    let vendor = load::load("acme.toml", VENDOR)
        .unwrap_or_else(|d| panic!("{d}"))
        .0;
    let policy = CompiledPolicy::load("t.toml", POLICY)
        .unwrap_or_else(|d| panic!("{d}"))
        .0;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let method = if body.is_empty() { "GET" } else { "POST" };
    let Found::Endpoint(endpoint, _) = vendor.find(method, path) else {
        panic!("no endpoint {path}");
    };
    let scrubber = Scrubber::new(
        Arc::new(policy),
        vec![Arc::new(vendor)],
        &SecretKey::new([7; 32]),
    );
    let salt = salt();
    let salts = if salted {
        vec![("acme".to_owned(), salt)]
    } else {
        Vec::new()
    };
    let scrubber = scrubber.with_salts(salts);
    let raw = RawRequest {
        vendor: 0,
        endpoint,
        method,
        path,
        query,
        headers: &[("content-type", "text/plain")],
        body,
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        body_limit: 1 << 20,
        projects: &[],
        extra_headers: &[],
    };
    let mut scratch = Scratch::new();
    let text = match scrubber.scrub(&raw, &mut scratch) {
        Verdict::Forward(clean) => {
            let mut text = clean.target().to_owned();
            for (name, value) in clean.headers().filter(|(n, _)| *n != "content-type") {
                text.push_str(&format!(" {name}={value}"));
            }
            if !clean.body().is_empty() {
                text.push_str(&format!(" | {}", String::from_utf8_lossy(clean.body())));
            }
            text
        }
        Verdict::Answer(_) => "answered".into(),
        Verdict::Refuse(refusal) => format!("{refusal:?}"),
    };
    let report = scratch.report();
    (text, report.events_in, report.events_out)
}

fn leaves(target: &str, body: &str) -> String {
    send(target, body.as_bytes()).0
}

#[test]
fn every_line_is_an_event() {
    let (text, came, left) = send(
        "/lines?v=2&mail=a",
        b"en=a&mail=b&x=%20+1\r\nen=quiet&z=1\n\nen=b&z=1\r\nmail=c",
    );
    assert_eq!(
        text,
        "/lines?v=2 x-quiet=* | en=a&x=%20+1\r\n\nen=b&z=1\r\n"
    );
    assert_eq!((came, left), (4, 2));
    assert_eq!(leaves("/lines", "en=quiet&z=1\nen=quiet&z=2"), "answered");
    let same = "en=a&x=%e2%82%ac\r\nen=b\n";
    assert_eq!(leaves("/lines", same), format!("/lines x-quiet=* | {same}"));
}

#[test]
fn the_query_is_an_event() {
    let (text, came, left) = send("/lines?en=a&mail=b&gone=1&_id=7", b"");
    assert_eq!(text, "/lines?en=a&_id=ID&twin=ID x-quiet=*");
    assert_eq!((came, left), (1, 1));
    assert_eq!(
        leaves("/lines?en=a&_id=7&twin=8", ""),
        "/lines?en=a&_id=ID&twin=8 x-quiet=*"
    );
    assert_eq!(leaves("/lines?en=quiet&z=1", ""), "answered");
    assert!(leaves("/lines", "").contains("Empty"));
    assert!(leaves("/lines?en=a&en=quiet&z=1", "").contains("Shape"));
    assert_eq!(
        leaves("/lines?more=%7B%22mail%22:%22b%22,%22a%22:1%7D", ""),
        "/lines?more=%7B%22a%22%3A1%7D x-quiet=*"
    );
}

#[test]
fn positions_have_names() {
    let more = |text: &str| format!("/lines?more={}", text.replace('"', "%22"));
    let (came, left) = (
        r#"{"items":[["1","b",["c"]],["2"],[]],"mail":"x"}"#,
        r#"{"items":[["1","[removed]",["c"]],["2"],[]]}"#,
    );
    let mut want = String::new();
    form::encode(left, &mut want);
    assert_eq!(
        leaves(&more(came), ""),
        format!("/lines?more={want} x-quiet=*")
    );
}

#[test]
fn names_and_values_take_turns() {
    let took = |query: &str| leaves(&format!("/turns?{query}"), "");
    assert_eq!(
        took("a=1&k0=plan&k0=pro&k1=box&k1=b&k0=email&k0=x%40y.example&k0=n&k0="),
        "/turns?a=1&k0=plan&k0=pro&k0=n&k0="
    );
    // A value that does not follow its name is a name; names are searched as keys are.
    assert_eq!(
        took("k1=box&b=1&k1=box&k1=c&k0=tail"),
        "/turns?k1=box&b=1&k0=tail"
    );
    assert_eq!(took("k0=a%40b.example&k0=1"), "/turns?k0=%5Bemail%5D&k0=1");
}

#[test]
fn what_is_escaped_twice_is_escaped_twice_again() {
    // {"mail":"b","a":1} and {"a":1}
    let target = "/turns?deep=eyJtYWlsIjoiYiIsImEiOjF9";
    assert_eq!(
        leaves(target, ""),
        "/turns?deep=eyJhIjoxfQ%253D%253D".replace("%253D", "%3D")
    );
    let target = "/turns?deep=eyJtYWlsIjoiYiIsImEiOjEwfQ%253D%253D";
    assert_eq!(leaves(target, ""), "/turns?deep=eyJhIjoxMH0%253D");
}

#[test]
fn checksums_are_renewed_only_where_they_were_right() {
    let sum = |rest: &str| {
        let how = format!("{rest}&sum=x");
        let made = checksum::renew(
            &how,
            "sum",
            b"salt",
            checksum::verify(KNOWN, "sum", b"salt").unwrap(),
        );
        made.unwrap()
    };
    let signed = sum("mail=b&a=1");
    assert_eq!(
        leaves(&format!("/turns?{signed}"), ""),
        format!("/turns?{}", sum("a=1"))
    );
    // Nothing changes: no salt is needed.
    let plain = sum("a=1");
    assert_eq!(
        send_salted(&format!("/turns?{plain}"), b"", false).0,
        format!("/turns?{plain}")
    );
    assert!(
        send_salted(&format!("/turns?{signed}"), b"", false)
            .0
            .contains("Salt")
    );
    assert!(leaves(&format!("/turns?{signed}0"), "").contains("Corrupt"));
}

/// `a=1` with its sum under the salt `salt`.
const KNOWN: &str = "a=1&sum=a292a043b123743eee0da0554afded62c1cc371a8e093504618bf5207f03b1e2";

#[test]
fn broken_lines_are_refused() {
    for bad in ["en=a;mail=b", "en=%zz", "en=a\rb=c", "\n\n", "en=%ff"] {
        assert!(leaves("/lines", bad).contains("Decode"), "{bad:?}");
    }
    assert!(send("/lines", b"en=\xff").0.contains("Utf8"));
    assert!(leaves("/bulk", "en=a\n").contains("Syntax"));
}

#[test]
fn query_strings_stand_in_json() {
    let (text, came, left) = send(
        "/bulk",
        br#"{"requests":["?en=a&mail=b","http:\/\/x.example\/zeb?en=c","en=quiet&z=1",{"en":"d","mail":"e"},{"en":"quiet","z":1}],"mail":"x"}"#,
    );
    assert_eq!(text, r#"/bulk | {"requests":["?en=a","?en=c",{"en":"d"}]}"#);
    assert_eq!((came, left), (5, 3));
    assert_eq!(
        leaves("/bulk", r#"{"requests":["?en=quiet&z=1"]}"#),
        "answered"
    );
    assert_eq!(leaves("/bulk", "en=a&mail=b"), "/bulk | en=a");
    for bad in [
        r#"{"requests":[1]}"#,
        r#"{"requests":["?a=%zz"]}"#,
        r#"[1]"#,
    ] {
        assert!(leaves("/bulk", bad).contains("Decode"), "{bad}");
    }
}

#[test]
fn segments_unfold() {
    let pack = |text: &str| {
        let mut out = String::new();
        let flavour = tamis::codec::base64::Flavour {
            alphabet: tamis::codec::base64::Alphabet::Url,
            padded: false,
        };
        tamis::codec::base64::encode(flavour, text.as_bytes(), &mut out);
        out
    };
    let wire = pack(r#"{"key":"??>>","mail":"b"}"#);
    let want = pack(r#"{"key":"??>>"}"#);
    assert_eq!(
        leaves(&format!("/eval/e1/{wire}"), ""),
        format!("/eval/e1/{want}")
    );
    assert_eq!(
        leaves(&format!("/eval/e1/{want}"), ""),
        format!("/eval/e1/{want}")
    );
    for bad in ["%7B%22mail%22:1%7D", "x", "eyJhIjp9"] {
        assert!(
            leaves(&format!("/eval/e1/{bad}"), "").contains("Decode"),
            "{bad}"
        );
    }
}

#[test]
fn reversed_base64_is_told_by_what_it_holds() {
    let json = r#"{"a":1,"mail":"b"}"#;
    let mut wire = String::new();
    let flavour = tamis::codec::base64::Flavour {
        alphabet: tamis::codec::base64::Alphabet::Standard,
        padded: true,
    };
    tamis::codec::base64::encode(flavour, json.as_bytes(), &mut wire);
    let turned: String = wire.chars().rev().collect();
    assert_eq!(leaves("/turned", &turned), "/turned | ==QfxojIhJye");
    assert_eq!(leaves("/turned", json), r#"/turned | {"a":1}"#);
    assert_eq!(leaves("/turned", &wire), "/turned | eyJhIjoxfQ==");
    let latin: String = "eyJhIjoi6SIsIm1haWwiOjF9".chars().rev().collect();
    let want: String = "eyJhIjoi6SJ9".chars().rev().collect();
    assert_eq!(leaves("/turned", &latin), format!("/turned | {want}"));
    for bad in ["hello", "aGVsbG8=", "=8GbsVGa", "{\"a\":"] {
        assert!(leaves("/turned", bad).contains("Decode"), "{bad}");
    }
}

#[test]
fn lz_string_is_told_by_what_it_holds() {
    let pack = |text: &str| {
        let mut wire = String::new();
        lz64::encode(text, &mut wire);
        let mut out = String::new();
        tamis::codec::form::encode(&wire, &mut out);
        format!("data={out}")
    };
    let json = r#"{"a":1,"mail":"b"}"#;
    assert_eq!(
        leaves("/lz", &pack(json)),
        format!("/lz | {}", pack(r#"{"a":1}"#))
    );
    assert_eq!(
        leaves("/lz", &pack(r#"{"a":1}"#)),
        format!("/lz | {}", pack(r#"{"a":1}"#))
    );
    assert_eq!(
        leaves("/lz", "data=eyJhIjoxLCJtYWlsIjoiYiJ9"),
        "/lz | data=eyJhIjoxfQ%3D%3D"
    );
    assert_eq!(
        leaves("/lz", "data=%7B%22mail%22%3A1%7D"),
        "/lz | data=%7B%7D"
    );
    for bad in [pack("hello"), pack(&pack(json)), "data=N4Ig".into()] {
        assert!(leaves("/lz", &bad).contains("Decode"), "{bad}");
    }
}
