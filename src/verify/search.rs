//! Looks for canaries in what arrived, in every form in which a reader could find them.
//!
//! Invariant: the search knows nothing of how a body was written or judged; it opens what can be
//! opened, over and over: content codings by header and by their first bytes, percent-encoding, JSON
//! escapes, base64 of either alphabet, plain and reversed, lz-string, hexadecimal, characters that
//! stand for bytes. A control run shows that it finds what is there.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::net::Arrival;
use super::tree::Plant;
use crate::codec::{self, Coding, lz64};

/// Encodings inside encodings, at most: more than the gateway opens.
const DEPTH: usize = 12;
/// Bytes that one arrival may unfold to.
const LIMIT: usize = 64 << 20;
/// Shortest run that is tried as base64 or hexadecimal.
const RUN: usize = 12;

/// Looks for the canaries of one request.
pub(super) struct Finder {
    plants: Vec<Arc<Plant>>,
    /// `None`: there is nothing to look for.
    needles: Option<AhoCorasick>,
    /// For each needle, the canary's index.
    owners: Vec<usize>,
}

impl Finder {
    pub(super) fn new(plants: &[Arc<Plant>]) -> Self {
        let each = plants.iter().enumerate();
        let (owners, needles): (Vec<usize>, Vec<&str>) = each
            .flat_map(|(at, plant)| {
                plant
                    .needles
                    .iter()
                    .map(move |needle| (at, needle.as_str()))
            })
            .unzip();
        // Built often and used twice: the kind that is built at the least cost.
        let built = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .build(needles);
        Self {
            needles: built.ok().filter(|_| !owners.is_empty()),
            owners,
            plants: plants.to_vec(),
        }
    }

    /// Whether it looks for these: the same document goes out in many encodings.
    pub(super) fn is_for(&self, plants: &[Arc<Plant>]) -> bool {
        let pairs = self.plants.iter().zip(plants);
        self.plants.len() == plants.len() && pairs.into_iter().all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// For each canary, where it was found: `""` as it is, `base64 > gzip` and so on inside of these.
    pub(super) fn find(&self, arrival: &Arrival) -> Vec<Option<String>> {
        let mut found = vec![None; self.plants.len()];
        let Some(needles) = &self.needles else {
            return found;
        };
        let mut search = Search {
            seen: HashSet::new(),
            hasher: foldhash::fast::RandomState::default(),
            queue: Vec::new(),
            left: LIMIT,
        };
        search.push(arrival.head.clone(), String::new(), 0);
        search.push(arrival.body.clone(), String::new(), 0);
        for coding in declared(&arrival.head) {
            search.inflate(coding, &arrival.body, "", 0);
        }
        while let Some((bytes, way, depth)) = search.queue.pop() {
            for hit in needles.find_overlapping_iter(&bytes) {
                let owner = self.owners.get(hit.pattern().as_usize());
                if let Some(slot) = owner.and_then(|at| found.get_mut(*at))
                    && slot.is_none()
                {
                    *slot = Some(way.clone());
                }
            }
            if depth < DEPTH && found.iter().any(Option::is_none) {
                search.open(&bytes, &way, depth);
            }
        }
        found
    }
}

/// The codings that a head names.
fn declared(head: &[u8]) -> Vec<Coding> {
    let text = String::from_utf8_lossy(head);
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
        .flat_map(|(_, value)| value.split(','))
        .filter_map(|token| Coding::parse(token.trim()))
        .collect()
}

struct Search {
    seen: HashSet<u64>,
    hasher: foldhash::fast::RandomState,
    queue: Vec<(Vec<u8>, String, usize)>,
    left: usize,
}

impl Search {
    fn push(&mut self, bytes: Vec<u8>, way: String, depth: usize) {
        if bytes.len() < 7 || bytes.len() > self.left {
            return;
        }
        if self.seen.insert(self.hasher.hash_one(&bytes)) {
            self.left -= bytes.len();
            self.queue.push((bytes, way, depth));
        }
    }

    fn open(&mut self, bytes: &[u8], way: &str, depth: usize) {
        let next = depth + 1;
        let coding = match bytes {
            [0x1f, 0x8b, ..] => Some(Coding::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Coding::Zstd),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Coding::Deflate),
            _ => None,
        };
        if let Some(coding) = coding {
            self.inflate(coding, bytes, way, depth);
        }
        if bytes.contains(&b'%') {
            self.push(percent(bytes), then(way, "percent"), next);
        }
        if memchr::memmem::find(bytes, b"\\").is_some() {
            self.push(unescaped(bytes), then(way, "escapes"), next);
        }
        if let Some(plain) = latin1(bytes) {
            self.push(plain, then(way, "latin1"), next);
        }
        for run in runs(bytes, |b| b.is_ascii_hexdigit()) {
            if run.len() >= 16 {
                self.push(hex(run), then(way, "hex"), next);
            }
        }
        for run in runs(bytes, |b| {
            b.is_ascii_alphanumeric() || b"+/-_=".contains(&b)
        }) {
            self.in_base64(run, way, next);
        }
    }

    fn in_base64(&mut self, run: &[u8], way: &str, next: usize) {
        let separators = run.iter().take(64).enumerate();
        let behind = separators
            .filter(|(_, b)| b"_-=/+".contains(b))
            .map(|(at, _)| at + 1);
        let starts: Vec<usize> = (0..4).chain(behind.filter(|at| *at > 3)).collect();
        for start in starts {
            let Some(rest) = run.get(start..).filter(|rest| rest.len() >= RUN) else {
                continue;
            };
            let plain = base64(rest);
            if is_text(&plain) || is_packed(&plain) {
                self.push(plain, then(way, "base64"), next);
            }
        }
        let mut turned = run.to_vec();
        turned.reverse();
        let plain = base64(&turned);
        if is_text(&plain) {
            self.push(plain, then(way, "reversed base64"), next);
        }
        // Behind a form's `data=` as well.
        let behind = run.iter().position(|b| *b == b'=').map_or(0, |at| at + 1);
        for start in [0, behind] {
            let mut plain = Vec::new();
            let rest = run.get(start..).unwrap_or_default();
            if lz64::decode(rest, self.left, &mut plain).is_ok() && is_text(&plain) {
                self.push(plain, then(way, "lz64"), next);
            }
        }
    }

    fn inflate(&mut self, coding: Coding, bytes: &[u8], way: &str, depth: usize) {
        let mut plain = Vec::new();
        if codec::decode(coding, bytes, self.left, &mut plain).is_ok() {
            self.push(plain, then(way, coding.token()), depth + 1);
        }
    }
}

fn then(way: &str, step: &str) -> String {
    if way.is_empty() {
        return step.to_owned();
    }
    format!("{way} > {step}")
}

/// Runs of such bytes that are long enough.
fn runs(bytes: &[u8], of: impl Fn(u8) -> bool) -> impl Iterator<Item = &[u8]> {
    bytes.split(move |b| !of(*b)).filter(|run| run.len() >= RUN)
}

fn is_text(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|b| (b' '..0x7f).contains(b)).count();
    bytes.len() >= 7 && printable * 10 >= bytes.len() * 8
}

fn is_packed(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x1f, 0x8b, 8, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]
    )
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes
            .get(at + 1..at + 3)
            .filter(|_| *byte == b'%')
            .and_then(pair);
        out.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    out
}

fn pair(hex: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

fn hex(run: &[u8]) -> Vec<u8> {
    run.chunks_exact(2).filter_map(pair).collect()
}

/// One level of backslashes taken off.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some(escape) = bytes.get(at) else {
            break;
        };
        at += 1;
        let code = bytes.get(at..at + 4).filter(|_| *escape == b'u');
        let code = code
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                let plain = char::from_u32(code).unwrap_or('\u{fffd}');
                out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
                at += 4;
            }
            None => out.push(*escape),
        }
    }
    out
}

/// The bytes that characters up to U+00FF stand for, where there are such.
fn latin1(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_ascii() {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}

/// Base64 of either alphabet, padded or not.
fn base64(run: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(run.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for byte in run {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            let [.., plain] = (bits >> count).to_be_bytes();
            out.push(plain);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::expect::Fate;
    use super::*;

    fn found(body: &[u8], needle: &str) -> Option<String> {
        let plant = Plant {
            place: "a".into(),
            category: None,
            guise: "text",
            needles: vec![needle.into()],
            fate: Fate::Gone,
        };
        let arrival = Arrival {
            head: b"POST / HTTP/1.1\r\n\r\n".to_vec(),
            body: body.to_vec(),
        };
        Finder::new(&[Arc::new(plant)])
            .find(&arrival)
            .pop()
            .unwrap()
    }

    #[test]
    fn canaries_are_found_in_every_encoding_and_inside_each_other() {
        let text = r#"{"a":"x Canary4711 y"}"#;
        let is = |body: &[u8]| found(body, "canary4711");
        assert_eq!(is(text.as_bytes()).as_deref(), Some(""));
        assert_eq!(is(b"nothing of it"), None);
        let escaped = r#"{"a":"\u0043\u0061\u006e\u0061\u0072\u0079\u0034\u0037\u0031\u0031"}"#;
        assert_eq!(is(escaped.as_bytes()).as_deref(), Some("escapes"));
        assert_eq!(is(b"a=%43anary%34711").as_deref(), Some("percent"));
        assert!(is(b"a=43616e61727934373131").is_some());
        let mut packed = Vec::new();
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd] {
            packed.clear();
            codec::encode(coding, text.as_bytes(), &mut packed).unwrap();
            assert!(is(&packed).is_some(), "{coding:?}");
        }
        let latin: String = packed.iter().map(|b| char::from(*b)).collect();
        assert!(is(latin.as_bytes()).is_some());
        let mut in64 = String::new();
        let flavour = codec::base64::Flavour {
            alphabet: codec::base64::Alphabet::Url,
            padded: false,
        };
        codec::base64::encode(flavour, &packed, &mut in64);
        let packed64 = is(format!("d={in64}&x").as_bytes());
        assert!(packed64.is_some_and(|way| way.starts_with("base64")));
        let mut plain64 = String::new();
        codec::base64::encode(flavour, text.as_bytes(), &mut plain64);
        assert!(is(format!("id_{plain64}").as_bytes()).is_some());
        let turned: String = plain64.chars().rev().collect();
        assert!(is(turned.as_bytes()).is_some());
        let mut lz = String::new();
        lz64::encode(text, &mut lz);
        assert!(is(format!("data={lz}").as_bytes()).is_some());
        let twice = serde_json::json!({ "inner": escaped }).to_string();
        assert!(is(twice.as_bytes()).is_some());
    }

    #[test]
    fn a_brotli_body_is_told_by_its_header() {
        let mut packed = Vec::new();
        codec::encode(Coding::Br, b"the canary4711 in it", &mut packed).unwrap();
        let plant = Plant {
            place: "a".into(),
            category: None,
            guise: "text",
            needles: vec!["canary4711".into()],
            fate: Fate::Gone,
        };
        let arrival = Arrival {
            head: b"POST / HTTP/1.1\r\ncontent-encoding: br\r\n\r\n".to_vec(),
            body: packed,
        };
        let found = Finder::new(&[Arc::new(plant)]).find(&arrival);
        assert_eq!(found, [Some("br".to_owned())]);
    }
}
