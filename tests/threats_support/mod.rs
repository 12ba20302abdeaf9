//! An attacker's reader: unfolds what left in every way a curious reader would, and looks for
//! planted identities.

#![allow(
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "each test binary uses a part of it, and tests may unwrap"
)]

use std::collections::HashSet;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};
use unicode_normalization::UnicodeNormalization;

pub const EMAIL: &str = "jane.roe@example.com";
pub const PHONE: &str = "+1 415 555 0137";
pub const CARD: &str = "4111 1111 1111 1111";
pub const IP: &str = "203.0.113.77";
pub const IBAN: &str = "DE89 3704 0044 0532 0130 00";
pub const ADDRESS: &str = "742 Evergreen Terrace, Springfield, OR 97403";

/// The canaries that a value alone gives away.
pub const CANARIES: [&str; 6] = [EMAIL, PHONE, CARD, IP, IBAN, ADDRESS];

/// What each canary is known by once a reader has folded and joined what it found.
const MARKS: [&str; 6] = [
    "jane.roe@",
    "4155550137",
    "4111111111111111",
    "203.0.113.77",
    "de89370400440532013000",
    "742evergreen",
];

const INVISIBLE: [char; 7] = [
    '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{200e}',
];

/// The canaries that a reader finds in what left.
pub fn found(bytes: &[u8]) -> Vec<&'static str> {
    let mut seen = HashSet::new();
    let mut work = vec![(String::from_utf8_lossy(bytes).into_owned(), 0)];
    let mut hits = Vec::new();
    while let Some((text, depth)) = work.pop() {
        if seen.len() > 5000 || !seen.insert(text.clone()) {
            continue;
        }
        let plain: String = text
            .nfkc()
            .filter(|c| !INVISIBLE.contains(c))
            .flat_map(char::to_lowercase)
            .collect();
        let joined: String = plain
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '\t' | '\n'))
            .collect();
        for mark in MARKS {
            if (plain.contains(mark) || joined.contains(mark)) && !hits.contains(&mark) {
                hits.push(mark);
            }
        }
        if depth < 14 {
            work.extend(unfolded(&text).into_iter().map(|t| (t, depth + 1)));
        }
    }
    hits
}

fn unfolded(text: &str) -> Vec<String> {
    let mut out = vec![unescaped(text), from_percent(text, b'%'), entities(text)];
    out.push(unescaped(&text.replace("%u", "\\u")));
    if text.contains("=3D") || text.contains("=40") || text.contains("=2E") {
        out.push(from_percent(text, b'='));
    }
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
    for run in text.as_bytes().split(|b| !is_digit(*b)) {
        if run.len() < 12 {
            continue;
        }
        let reversed: Vec<u8> = run.iter().rev().copied().collect();
        for run in [run, &reversed] {
            for skip in 0..4 {
                out.extend(readable(&lenient64(&run[skip..])));
            }
        }
        if run.len() >= 16 && run.iter().all(u8::is_ascii_hexdigit) {
            let bytes: Vec<u8> = run
                .chunks_exact(2)
                .map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap())
                .collect();
            out.extend(readable(&bytes));
        }
    }
    out.retain(|t| t != text);
    out
}

/// Bytes as text, when enough of them is; compressed streams are opened.
fn readable(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        let _ = MultiGzDecoder::new(bytes).read_to_end(&mut plain);
        // The header's name and comment can be read as well.
        plain.extend_from_slice(bytes);
        return Some(String::from_utf8_lossy(&plain).into_owned());
    }
    if matches!(bytes, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) {
        let mut plain = Vec::new();
        let _ = flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut plain);
        return (!plain.is_empty()).then(|| String::from_utf8_lossy(&plain).into_owned());
    }
    let plain: Vec<u8> = bytes.iter().copied().filter(|b| *b != 0).collect();
    let good = plain.iter().filter(|b| (b' '..0x7f).contains(*b)).count();
    (good >= 8 && good * 10 >= plain.len() * 7)
        .then(|| String::from_utf8_lossy(&plain).into_owned())
}

fn lenient64(run: &[u8]) -> Vec<u8> {
    let (mut bits, mut count, mut out) = (0u32, 0, Vec::new());
    for byte in run {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('u') => {
                let hex: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&hex, 16).unwrap_or(0xfffd);
                out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

fn from_percent(text: &str, mark: u8) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let code = (bytes[at] == mark)
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                out.push(code);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn entities(text: &str) -> String {
    let mut out = text.to_owned();
    for code in 32u8..127 {
        let c = char::from(code).to_string();
        for form in [
            format!("&#{code};"),
            format!("&#x{code:x};"),
            format!("&#x{code:X};"),
            format!("&#0{code};"),
        ] {
            out = out.replace(&form, &c);
        }
    }
    out.replace("&commat;", "@")
        .replace("&period;", ".")
        .replace("&amp;", "&")
}

// ------------------------------------------------------------------ an attacker's writers

/// Base64 of either alphabet, padded or not.
pub fn base64(bytes: impl AsRef<[u8]>, url: bool, padded: bool) -> String {
    let coder = match (url, padded) {
        (false, true) => base64_simd::STANDARD,
        (false, false) => base64_simd::STANDARD_NO_PAD,
        (true, true) => base64_simd::URL_SAFE,
        (true, false) => base64_simd::URL_SAFE_NO_PAD,
    };
    coder.encode_to_string(bytes.as_ref())
}

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    base64(bytes, false, true)
}

pub fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

/// Every byte but letters and digits.
pub fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// Every single byte.
pub fn percent_all(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02x}")).collect()
}

pub fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes.as_ref()).unwrap();
    out.finish().unwrap()
}

/// A member that carries its identity in the header.
pub fn gzip_named(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::GzBuilder::new()
        .filename(name)
        .comment(name)
        .extra(name)
        .write(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn zlib(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes.as_ref()).unwrap();
    out.finish().unwrap()
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// An event of one property.
pub fn event(key: &str, value: &str) -> String {
    format!(
        "{{\"event\":\"Plan Picked\",\"properties\":{{\"token\":\"abc123\",{}:{value}}}}}",
        quoted(key)
    )
}

/// Full-width forms.
pub fn wide(c: char) -> char {
    match c {
        ' ' => '\u{3000}',
        '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap(),
        other => other,
    }
}

/// Mathematical bold.
pub fn bold(c: char) -> char {
    match c {
        'a'..='z' => char::from_u32(0x1d41a + c as u32 - 'a' as u32).unwrap(),
        'A'..='Z' => char::from_u32(0x1d400 + c as u32 - 'A' as u32).unwrap(),
        '0'..='9' => char::from_u32(0x1d7ce + c as u32 - '0' as u32).unwrap(),
        other => other,
    }
}
