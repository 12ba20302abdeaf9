//! The laws of every codec, through the whole engine: what nobody judges away leaves byte for byte;
//! what is judged leaves in the same encoding, reads back as what came without what was judged away,
//! and is not judged any further; noise is never trouble; cost is linear.
//!
//! One list of codecs, and every law walks it. Frames and readers are written here, for the tests
//! alone; `support/unfold.rs` hunts for the canary in what leaves.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_lines,
    reason = "a panic is a failed test, and a list of codecs is long"
)]

mod support;
#[path = "support/unfold.rs"]
mod unfold;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use support::{Outcome, Request, keep_but, send};
use tamis::catalog::load;
use tamis::codec::lz64;
use tamis::policy::CompiledPolicy;
use tamis::scrub::Scrubber;
use tamis::sensitive::SecretKey;
use unfold::leak;

const EMAIL: &str = "zq7canary@quixworth.com";

/// An event: names of fields, and texts.
type Event = BTreeMap<String, String>;

/// One codec: an endpoint of the vendor below, and how its bodies are written and read.
struct Codec {
    path: &'static str,
    kind: &'static str,
    coding: Option<&'static str>,
    frame: fn(&[Event]) -> Vec<u8>,
    read: fn(&[u8]) -> Option<Vec<Event>>,
}

const JSON: &str = "application/json";

fn codecs() -> Vec<Codec> {
    let one = |path, kind, frame, read| Codec {
        path,
        kind,
        coding: None,
        frame,
        read,
    };
    let coded = |coding, frame, read| Codec {
        coding: Some(coding),
        ..one("/json", JSON, frame, read)
    };
    vec![
        one("/json", JSON, json, read_json),
        coded("gzip", |e| gzip(&json(e)), |b| read_json(&gunzip(b)?)),
        coded("deflate", |e| zlib(&json(e)), |b| read_json(&inflate(b)?)),
        coded("br", |e| brotli(&json(e)), |b| read_json(&unbrotli(b)?)),
        coded("zstd", |e| zstd(&json(e)), |b| read_json(&unzstd(b)?)),
        one(
            "/sniff",
            JSON,
            |e| gzip(&json(e)),
            |b| read_json(&gunzip(b)?),
        ),
        one(
            "/sniff",
            JSON,
            |e| zlib(&json(e)),
            |b| read_json(&inflate(b)?),
        ),
        one("/ndjson", JSON, ndjson, read_ndjson),
        one(
            "/base64",
            JSON,
            |e| base64(&json(e), false),
            |b| read_json(&unbase64(b)?),
        ),
        one(
            "/base64url",
            JSON,
            |e| base64(&json(e), true),
            |b| read_json(&unbase64(b)?),
        ),
        one(
            "/turned",
            JSON,
            |e| turned(base64(&json(e), false)),
            |b| read_json(&unbase64(&turned(b.to_vec()))?),
        ),
        one(
            "/percent",
            JSON,
            |e| percent(&json(e)),
            |b| read_json(&unpercent(b)?),
        ),
        one(
            "/latin1",
            JSON,
            |e| latin1(&gzip(&json(e))),
            |b| read_json(&gunzip(&unlatin1(b)?)?),
        ),
        one("/lz", JSON, |e| lz(&json(e)), |b| read_json(&unlz(b)?)),
        one(
            "/form",
            FORM,
            |e| form(&json(e)),
            |b| read_json(&unpercent(b.strip_prefix(b"data=")?)?),
        ),
        one("/lines", "text/plain", lines, read_lines),
        one("/query", "text/plain", |e| lines(&e[..1]), read_lines),
        one("/either", JSON, json, read_json),
        one("/either", JSON, ndjson, read_ndjson),
        one("/other", JSON, |e| json(&e[..1]), read_json),
        one("/other", JSON, |e| lines(&e[..1]), read_lines),
        one("/envelope", JSON, envelope, read_envelope),
        one("/multipart", PARTS, |e| multipart(&e[..1]), read_multipart),
        one(
            "/protobuf",
            "application/x-protobuf",
            protobuf,
            read_protobuf,
        ),
        one("/querypack", "text/plain", querypack, read_querypack),
    ]
}

const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=b0undary";

const VENDOR: &str = r#"
    name = "acme"
    title = "Acme"
    upstream = "https://in.acme.example"
    formats.json = { types = ["*"], layers = ["json"] }
    formats.sniff = { types = ["*"], layers = ["gzip?", "inflate?", "json"] }
    formats.ndjson = { types = ["*"], layers = ["ndjson"] }
    formats.base64 = { types = ["*"], layers = ["base64", "json"] }
    formats.base64url = { types = ["*"], layers = ["base64url", "json"] }
    formats.turned = { types = ["*"], layers = ["base64r?", "json"] }
    formats.percent = { types = ["*"], layers = ["percent?", "base64?", "json"] }
    formats.latin1 = { types = ["*"], layers = ["latin1", "gzip?", "json"] }
    formats.lz = { types = ["*"], layers = ["lz64?", "base64?", "json"] }
    formats.form = { types = ["*"], layers = ["form:data", "json"] }
    formats.lines = { types = ["*"], layers = ["lines"] }
    formats.either = { types = ["*"], layers = ["json|ndjson"] }
    formats.other = { types = ["*"], layers = ["json|query"] }
    formats.query = { types = ["*"], layers = ["query"] }
    formats.envelope = { types = ["*"], layers = ["envelope"], items = { event = { layers = ["json"], events = ["."] } } }
    formats.multipart = { types = ["*"], layers = ["multipart"], parts = { event = { layers = ["json"], events = ["."] } } }
    formats.protobuf = { types = ["*"], layers = ["protobuf:Batch"] }
    formats.querypack = { types = ["*"], layers = ["querypack:bel.7"] }
    [messages.Batch]
    1 = "repeated Event events"
    [messages.Event]
    1 = "repeated Pair attributes"
    [messages.Pair]
    pair = true
    1 = "string key"
    2 = "string value"
    [nodes.event]
    id = "e"
    fields = ["text name", "nodes attributes"]
    [nodes.attribute]
    id = "5"
    attribute = "text"
    [defaults.collect]
    methods = ["POST"]
    answers = [{ status = 204 }]
"#;

fn scrubber(rules: &str) -> Scrubber {
    let mut catalog = VENDOR.to_owned();
    for (name, events) in [
        ("json", "\".\", \"[]\""),
        ("sniff", "\".\", \"[]\""),
        ("ndjson", "\".\""),
        ("base64", "\".\", \"[]\""),
        ("base64url", "\".\", \"[]\""),
        ("turned", "\".\", \"[]\""),
        ("percent", "\".\", \"[]\""),
        ("latin1", "\".\", \"[]\""),
        ("lz", "\".\", \"[]\""),
        ("form", "\".\", \"[]\""),
        ("lines", "\"$query\""),
        ("query", "\"$query\""),
        ("either", "\".\", \"[]\""),
        ("other", "\"[]\", \"$query\""),
        ("envelope", "\".\""),
        ("multipart", "\".\""),
        ("protobuf", "\"events[]\""),
        ("querypack", "\"nodes[]\""),
    ] {
        catalog += &format!(
            "[[endpoint]]\npaths = [\"/{name}\"]\nkind = \"collect\"\nbody = [\"{name}\"]\nevents = [{events}]\n"
        );
    }
    let (vendor, _) = load::load("acme.toml", &catalog).unwrap_or_else(|d| panic!("{d}"));
    let (policy, _) = CompiledPolicy::load("p.toml", &keep_but(rules)).unwrap();
    let key = SecretKey::new([7; 32]);
    Scrubber::new(Arc::new(policy), vec![Arc::new(vendor)], &key)
}

fn keep() -> &'static Scrubber {
    static KEEP: OnceLock<Scrubber> = OnceLock::new();
    KEEP.get_or_init(|| scrubber("[[rule]]\naction = \"keep\"\nscan = false\n"))
}

fn drop_emails() -> &'static Scrubber {
    static DROP: OnceLock<Scrubber> = OnceLock::new();
    DROP.get_or_init(|| {
        scrubber("[[rule]]\ncategory = [\"user.contact.email\"]\naction = \"drop\"\n")
    })
}

fn judged(scrubber: &Scrubber, codec: &Codec, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut headers = vec![("content-type", codec.kind)];
    headers.extend(codec.coding.map(|coding| ("content-encoding", coding)));
    let request = Request {
        vendor: "acme",
        method: "POST",
        path: codec.path,
        query: None,
        headers,
        body,
    };
    match send(scrubber, &request) {
        Outcome::Forward(clean) => Ok(clean.into_body()),
        Outcome::Answer => Err("answered".into()),
        Outcome::Refuse(refusal) => Err(format!("{refusal:?}")),
    }
}

/// The body before the compressions in which something could hide, which are always written anew.
fn before(codec: &Codec, body: &[u8]) -> Vec<u8> {
    let plain = match codec.coding {
        Some("br") => unbrotli(body),
        Some("zstd") => unzstd(body),
        _ => Some(body.to_vec()),
    };
    plain.expect("what leaves can be read")
}

fn name(codec: &Codec) -> String {
    format!("{} {}", codec.path, codec.coding.unwrap_or("plain"))
}

// ------------------------------------------------------------------------------------------- laws

fn laws(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_122),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Texts in which nothing is found, with what each encoding has to escape.
fn plain() -> impl Strategy<Value = String> {
    "[a-z ,;:&=%'\"\\\\é€😀\u{1}-]{1,12}".prop_map(|text| format!("w{text}"))
}

fn events(value: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = Vec<Event>> {
    let event = prop::collection::btree_map("q[a-d]{1,2}", value, 1..5);
    prop::collection::vec(event, 1..4)
}

/// The same, with the address in sentences here and there.
fn planted() -> impl Strategy<Value = String> + Clone {
    let sentence = "[a-z ]{0,6}".prop_map(|text| format!("write {text} to {EMAIL} soon"));
    prop_oneof![3 => plain().boxed(), 1 => sentence.boxed()].boxed()
}

fn clean(events: &[Event]) -> Vec<Event> {
    let one = |(key, text): (&String, &String)| (key.clone(), text.replace(EMAIL, "[email]"));
    events.iter().map(|e| e.iter().map(one).collect()).collect()
}

proptest! {
    #![proptest_config(laws(40))]

    #[test]
    fn what_nobody_judges_away_leaves_byte_for_byte(events in events(plain().boxed())) {
        for codec in codecs() {
            let body = (codec.frame)(&events);
            let read = (codec.read)(&body);
            prop_assert_eq!(read, Some(some(&codec, &events).to_vec()), "the reader of {}", name(&codec));
            for scrubber in [keep(), drop_emails()] {
                let left = judged(scrubber, &codec, &body).map(|left| before(&codec, &left));
                prop_assert_eq!(left, Ok(before(&codec, &body)), "{}", name(&codec));
            }
        }
    }

    #[test]
    fn what_is_judged_reads_back_without_what_was_judged_away(events in events(planted())) {
        for codec in codecs() {
            let left = judged(drop_emails(), &codec, &(codec.frame)(&events));
            let left = left.map_err(|e| TestCaseError::fail(format!("{}: {e}", name(&codec))))?;
            let want = clean(some(&codec, &events));
            prop_assert_eq!((codec.read)(&left), Some(want), "{}", name(&codec));
            prop_assert_eq!(leak(&left, &[EMAIL]), None, "{}", name(&codec));
            let again = judged(drop_emails(), &codec, &left).map(|left| before(&codec, &left));
            prop_assert_eq!(again, Ok(before(&codec, &left)), "{} again", name(&codec));
        }
    }

    #[test]
    fn a_slip_in_the_frame_lets_nothing_out_and_is_no_trouble(
        events in events(planted()),
        slips in prop::collection::vec((any::<Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        for codec in codecs() {
            let mut body = (codec.frame)(&events);
            for (at, byte, what) in &slips {
                let at = at.index(body.len().max(1)).min(body.len().saturating_sub(1));
                match what {
                    0 if !body.is_empty() => body[at] = *byte,
                    1 => body.insert(at, *byte),
                    _ => body.truncate(at),
                }
            }
            if let Ok(left) = judged(drop_emails(), &codec, &body) {
                prop_assert_eq!(stands(&left), None, "{}", name(&codec));
                let read = (codec.read)(&left).unwrap_or_default();
                let texts = read.iter().flat_map(|event| event.values());
                let held = texts.map(|text| stands(text.as_bytes())).find(Option::is_some);
                prop_assert_eq!(held, None, "{}", name(&codec));
            }
        }
    }

    #[test]
    fn noise_is_no_trouble(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for codec in codecs() {
            let _ = judged(drop_emails(), &codec, &body);
        }
    }
}

/// A text in which the address stands as a word of its own; where a slip glued letters to its end,
/// it is another host's, or none.
fn stands(bytes: &[u8]) -> Option<String> {
    let free = |at: usize, text: &str| {
        let before = text[..at].chars().next_back();
        let after = text[at + EMAIL.len()..].chars().next();
        let glue = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !glue(before) && !glue(after)
    };
    let mut texts = unfold::unfold(bytes).into_iter();
    texts.find(|text| text.match_indices(EMAIL).any(|(at, _)| free(at, text)))
}

/// As many events as the codec's frame holds.
fn some<'e>(codec: &Codec, events: &'e [Event]) -> &'e [Event] {
    match codec.path {
        "/query" | "/multipart" | "/other" => &events[..1],
        _ => events,
    }
}

#[test]
fn cost_is_linear() {
    for codec in codecs() {
        let time = |n: usize| {
            let text = format!("aaaaaaaaaaaaaaaaaaaa/bbbbbbbb %2C {EMAIL} ").repeat(n);
            let event = Event::from([("qa".to_owned(), text)]);
            let body = (codec.frame)(&[event.clone(), event]);
            let start = support::spent();
            let left = judged(drop_emails(), &codec, &body)
                .unwrap_or_else(|e| panic!("{}: {e}", name(&codec)));
            let took = support::spent().saturating_sub(start);
            assert!(!left.is_empty());
            took
        };
        time(50);
        let (short, long) = (time(250), time(2_000));
        // Quadratic would be 64 times.
        assert!(
            long < short * 30 + Duration::from_millis(200),
            "{}: {short:?}, then {long:?}",
            name(&codec)
        );
    }
}

// ------------------------------------------------------------------------------- frames and readers

fn object(event: &Event) -> String {
    serde_json::to_string(event).unwrap()
}

fn json(events: &[Event]) -> Vec<u8> {
    serde_json::to_vec(events).unwrap()
}

fn read_json(body: &[u8]) -> Option<Vec<Event>> {
    serde_json::from_slice(body).ok()
}

fn ndjson(events: &[Event]) -> Vec<u8> {
    let lines: Vec<String> = events.iter().map(object).collect();
    lines.join("\n").into_bytes()
}

fn read_ndjson(body: &[u8]) -> Option<Vec<Event>> {
    let text = std::str::from_utf8(body).ok()?;
    text.lines()
        .map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).ok()?;
    Some(out)
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    ZlibDecoder::new(bytes).read_to_end(&mut out).ok()?;
    Some(out)
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut input = bytes;
    let params = brotli::enc::BrotliEncoderParams::default();
    brotli::BrotliCompress(&mut input, &mut out, &params).unwrap();
    out
}

fn unbrotli(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut input = bytes;
    brotli::BrotliDecompress(&mut input, &mut out).ok()?;
    Some(out)
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).unwrap()
}

fn unzstd(bytes: &[u8]) -> Option<Vec<u8>> {
    zstd::decode_all(bytes).ok()
}

fn base64(bytes: &[u8], url: bool) -> Vec<u8> {
    let standard = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for chunk in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(word);
        for place in 0..=chunk.len() {
            let letter = standard[(word >> (18 - 6 * place) & 63) as usize];
            out.push(match letter {
                b'+' if url => b'-',
                b'/' if url => b'_',
                other => other,
            });
        }
        if !url {
            out.resize(out.len() + 3 - chunk.len(), b'=');
        }
    }
    out
}

fn unbase64(bytes: &[u8]) -> Option<Vec<u8>> {
    unfold::base64(std::str::from_utf8(bytes).ok()?)
}

fn turned(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.reverse();
    bytes
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

fn unpercent(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(unfold::percent(std::str::from_utf8(bytes).ok()?, true).into_bytes())
}

fn latin1(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .copied()
        .map(char::from)
        .collect::<String>()
        .into_bytes()
}

fn unlatin1(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}

fn lz(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    lz64::encode(std::str::from_utf8(bytes).unwrap(), &mut out);
    out.into_bytes()
}

fn unlz(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    lz64::decode(bytes, 1 << 22, &mut out).ok()?;
    Some(out)
}

fn form(bytes: &[u8]) -> Vec<u8> {
    [b"data=", &percent(bytes)[..]].concat()
}

fn lines(events: &[Event]) -> Vec<u8> {
    let line = |event: &Event| {
        let pairs: Vec<Vec<u8>> = event
            .iter()
            .map(|(k, v)| [percent(k.as_bytes()), percent(v.as_bytes())].join(&b'='))
            .collect();
        pairs.join(&b'&')
    };
    events.iter().map(line).collect::<Vec<_>>().join(&b'\n')
}

fn read_lines(body: &[u8]) -> Option<Vec<Event>> {
    let text = std::str::from_utf8(body).ok()?;
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        Some((unfold::percent(key, true), unfold::percent(value, true)))
    };
    text.split('\n')
        .map(|line| line.split('&').map(pair).collect())
        .collect()
}

fn envelope(events: &[Event]) -> Vec<u8> {
    let items = events.iter().map(|event| {
        let event = object(event);
        format!(
            "{{\"type\":\"event\",\"length\":{}}}\n{event}\n",
            event.len()
        )
    });
    format!("{{}}\n{}", items.collect::<String>()).into_bytes()
}

fn read_envelope(body: &[u8]) -> Option<Vec<Event>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut lines = text.lines().skip(1);
    let mut events = Vec::new();
    while let Some(head) = lines.next() {
        let head: serde_json::Value = serde_json::from_str(head).ok()?;
        let item = lines.next()?;
        (head["length"] == item.len()).then_some(())?;
        events.push(serde_json::from_str(item).ok()?);
    }
    Some(events)
}

fn multipart(events: &[Event]) -> Vec<u8> {
    let part = |name: &str, text: &str| {
        format!("--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let parts = events.iter().map(|event| part("event", &object(event)));
    format!("{}--b0undary--\r\n", parts.collect::<String>()).into_bytes()
}

fn read_multipart(body: &[u8]) -> Option<Vec<Event>> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_suffix("--\r\n")?;
    let parts = text.split("--b0undary").filter(|part| !part.is_empty());
    parts
        .map(|part| serde_json::from_str(part.split_once("\r\n\r\n")?.1).ok())
        .collect()
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut left = content.len();
    while left >= 0x80 {
        out.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).unwrap());
    out.extend_from_slice(content);
    out
}

fn fields(bytes: &[u8], number: u8) -> Option<Vec<&[u8]>> {
    let (mut rest, mut out) = (bytes, Vec::new());
    while let Some((tag, mut tail)) = rest.split_first() {
        let (mut len, mut shift) = (0_usize, 0);
        loop {
            let (byte, more) = tail.split_first()?;
            len |= usize::from(byte & 0x7f).checked_shl(shift)?;
            (tail, shift) = (more, shift + 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (content, more) = tail.split_at_checked(len)?;
        if *tag == number << 3 | 2 {
            out.push(content);
        }
        rest = more;
    }
    Some(out)
}

fn protobuf(events: &[Event]) -> Vec<u8> {
    let pair = |(k, v): (&String, &String)| {
        field(
            1,
            &[field(1, k.as_bytes()), field(2, v.as_bytes())].concat(),
        )
    };
    let event = |event: &Event| field(1, &event.iter().flat_map(pair).collect::<Vec<u8>>());
    events.iter().flat_map(event).collect()
}

fn read_protobuf(body: &[u8]) -> Option<Vec<Event>> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let mut events = Vec::new();
    for event in fields(body, 1)? {
        let mut pairs = Event::new();
        for pair in fields(event, 1)? {
            let (key, value) = (fields(pair, 1)?, fields(pair, 2)?);
            pairs.insert(text(key.first()?)?, text(value.first()?)?);
        }
        events.push(pairs);
    }
    Some(events)
}

fn querypack(events: &[Event]) -> Vec<u8> {
    let text = |text: &str| {
        text.replace('\\', "\\\\")
            .replace(',', "\\,")
            .replace(';', "\\;")
    };
    let mut nodes = Vec::new();
    for event in events {
        nodes.push(format!("e,'x,{}", event.len()));
        nodes.extend(
            event
                .iter()
                .map(|(k, v)| format!("5,'{},'{}", text(k), text(v))),
        );
    }
    format!("bel.7;{}", nodes.join(";")).into_bytes()
}

fn read_querypack(body: &[u8]) -> Option<Vec<Event>> {
    let text = std::str::from_utf8(body).ok()?.strip_prefix("bel.7;")?;
    let (mut nodes, mut escaped) = (vec![vec![String::new()]], false);
    for letter in text.chars() {
        let node = nodes.last_mut()?;
        match letter {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            ',' if !escaped => node.push(String::new()),
            ';' if !escaped => nodes.push(vec![String::new()]),
            _ => node.last_mut()?.push(letter),
        }
        escaped = false;
    }
    let mut events: Vec<Event> = Vec::new();
    for node in nodes {
        match node.as_slice() {
            [id, ..] if id == "e" => events.push(Event::new()),
            [id, key, value] if id == "5" => {
                let plain = |text: &str| text.strip_prefix('\'').map(str::to_owned);
                events.last_mut()?.insert(plain(key)?, plain(value)?);
            }
            _ => return None,
        }
    }
    Some(events)
}
