//! The promise itself: under the default policy an address never leaves, wherever it stands in
//! whatever a client can send. The input is a document in which `~` stands for the address, and a string of
//! one backquote for a document with it in base64; the first two bytes choose endpoint and framing.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use tamis::catalog::{self, Kind};
use tamis::codec::base64::{self, Alphabet, Flavour};
use tamis::codec::{self, Coding, form};
use tamis::json;
use tamis::policy::{CompiledPolicy, builtin};
use tamis::scrub::{RawRequest, Scratch, Scrubber, Verdict};
use tamis::sensitive::SecretKey;

const CANARY: &str = "otti.probe9@krasnapolsky.example";
const LIMIT: usize = 1 << 20;
const STANDARD: Flavour = Flavour {
    alphabet: Alphabet::Standard,
    padded: true,
};

fuzz_target!(|data: &[u8]| {
    let [which, framing, data @ ..] = data else {
        return;
    };
    let Ok(template) = std::str::from_utf8(data) else {
        return;
    };
    // libFuzzer learns the address from the comparisons below and writes it glued to other letters, where it is none.
    if template.to_ascii_lowercase().contains("krasna") {
        return;
    }
    let mut hidden = String::new();
    base64::encode(
        STANDARD,
        format!("{{\"m\":\"{CANARY}\"}}").as_bytes(),
        &mut hidden,
    );
    let document = template
        .replace('~', &format!(" {CANARY} "))
        .replace("\"`\"", &format!("\"{hidden}\""));

    let scrubber = scrubber();
    let places: Vec<(usize, usize)> = (0..scrubber.vendors().len())
        .flat_map(|v| (0..scrubber.vendors()[v].endpoints.len()).map(move |e| (v, e)))
        .filter(|&(v, e)| {
            matches!(
                scrubber.vendors()[v].endpoints[e].kind,
                Kind::Collect | Kind::Query
            )
        })
        .collect();
    let (vendor, endpoint) = places[usize::from(*which) % places.len()];
    let (body, content_type, coding, query) = framed(&document, *framing);
    let mut headers = vec![("content-type", content_type)];
    if let Some(coding) = coding {
        headers.push(("content-encoding", coding.token()));
    }
    let raw = RawRequest {
        vendor,
        endpoint,
        method: if query.is_some() { "GET" } else { "POST" },
        path: "/track",
        query: query.as_deref(),
        headers: &headers,
        body: &body,
        client_ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
        body_limit: LIMIT,
        projects: &[],
        extra_headers: &[],
    };
    let mut scratch = Scratch::new();
    if let Verdict::Forward(clean) = scrubber.scrub(&raw, &mut scratch) {
        let coding = clean
            .headers()
            .find(|(name, _)| *name == "content-encoding")
            .and_then(|(_, value)| Coding::parse(value));
        look(clean.target().as_bytes(), 0);
        for (_, value) in clean.headers() {
            look(value.as_bytes(), 0);
        }
        let mut body = Vec::new();
        match coding {
            Some(coding) => codec::decode(coding, clean.body(), LIMIT * 2, &mut body)
                .expect("what leaves decodes"),
            None => body.extend_from_slice(clean.body()),
        }
        look(&body, 0);
    }
});

fn scrubber() -> &'static Scrubber {
    static SCRUBBER: OnceLock<Scrubber> = OnceLock::new();
    SCRUBBER.get_or_init(|| {
        let (file, text) = builtin("default").expect("the default policy is built in");
        let Ok((policy, _)) = CompiledPolicy::load(file, text) else {
            panic!("the default policy does not load")
        };
        let Ok(vendors) = catalog::load::builtin() else {
            panic!("the catalogs do not load")
        };
        Scrubber::new(
            Arc::new(policy),
            vendors.into_iter().map(Arc::new).collect(),
            &SecretKey::new([7; 32]),
        )
    })
}

/// The document as SDKs frame it: body, media type, content coding, query.
fn framed(document: &str, framing: u8) -> (Vec<u8>, &'static str, Option<Coding>, Option<String>) {
    const FORM: &str = "application/x-www-form-urlencoded";
    let encoded = |text: &str| {
        let mut out = String::from("data=");
        form::encode(text, &mut out);
        out
    };
    let packed = || {
        let mut out = String::new();
        base64::encode(STANDARD, document.as_bytes(), &mut out);
        out
    };
    match framing % 7 {
        0 => (document.into(), "application/json", None, None),
        1 => (encoded(document).into(), FORM, None, None),
        2 => (encoded(&packed()).into(), FORM, None, None),
        3 => (
            format!("data={}", packed()).into(),
            "text/plain;charset=UTF-8",
            None,
            None,
        ),
        4 => {
            let mut out = Vec::new();
            codec::encode(Coding::Gzip, document.as_bytes(), &mut out).expect("encodes");
            (out, "application/json", Some(Coding::Gzip), None)
        }
        5 => (Vec::new(), FORM, None, Some(encoded(document))),
        _ => (document.into(), FORM, None, None),
    }
}

/// Looks for the address in every reading of what left.
fn look(bytes: &[u8], depth: usize) {
    let text = String::from_utf8_lossy(bytes);
    assert!(
        !text.to_ascii_lowercase().contains(CANARY),
        "the address left, {depth} readings deep"
    );
    if depth == 4 {
        return;
    }
    let mut unescaped = String::new();
    if text.contains('\\') {
        json::unescape_into(&text, &mut unescaped);
        look(unescaped.as_bytes(), depth + 1);
    }
    if text.contains('%') {
        let mut decoded = Vec::new();
        if form::decode_bytes(text.replace(['?', '&', '='], " ").as_bytes(), &mut decoded).is_ok() {
            look(&decoded, depth + 1);
        }
    }
    for run in text
        .split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c)))
        .filter(|run| run.len() > 16)
    {
        let run = run.strip_prefix("data=").unwrap_or(run);
        let mut decoded = Vec::new();
        let whole =
            base64::decode(run.as_bytes(), base64::Options::default(), &mut decoded).is_ok();
        if whole && std::str::from_utf8(&decoded).is_ok() {
            look(&decoded, depth + 1);
        }
    }
}
