//! An independent reader of what leaves: it knows nothing of the engine and shares no code with it.
//!
//! [`unfold`] opens a text in every way that a reader of a vendor's database might (JSON, escapes,
//! forms, percent-encoding, base64 of either alphabet, hex, gzip, zlib) and returns every text it
//! came upon. [`Tree`] is a JSON document with its numbers and strings as they are spelled, members
//! in order, duplicates included.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "each test file uses a part; a test may fail"
)]

use std::collections::HashSet;
use std::io::Read;

/// Encodings inside encodings, at most: more than the engine opens.
const DEPTH: usize = 12;
/// Texts collected, at most.
const TEXTS: usize = 20_000;

/// Every text that can be read out of some bytes.
pub fn unfold(bytes: &[u8]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut queue = vec![(lossy(bytes), 0)];
    if let Some(plain) = inflate(bytes) {
        queue.push((lossy(&plain), 1));
    }
    let mut all = Vec::new();
    while let Some((text, depth)) = queue.pop() {
        if text.is_empty() || !seen.insert(text.clone()) || all.len() >= TEXTS {
            continue;
        }
        if depth < DEPTH {
            for inner in open(&text) {
                queue.push((inner, depth + 1));
            }
        }
        all.push(text);
    }
    all
}

/// The first needle that some text of `bytes` holds, in any case.
pub fn leak<'n>(bytes: &[u8], needles: &[&'n str]) -> Option<(&'n str, String)> {
    for text in unfold(bytes) {
        let lower = text.to_lowercase();
        for needle in needles {
            if lower.contains(&needle.to_lowercase()) {
                return Some((needle, text));
            }
        }
    }
    None
}

/// The digits of a text without what people put between them.
pub fn digits(text: &str) -> String {
    text.chars()
        .filter(|c| !" ()+.-/\u{a0}".contains(*c))
        .collect()
}

fn open(text: &str) -> Vec<String> {
    let mut out = strings_of(text);
    if text.contains('%') {
        out.push(percent(text, false));
        out.push(percent(text, true));
    }
    if text.contains('=') || text.contains('&') {
        for piece in text.split(['&', '=', '?', '#', ';']) {
            out.push(percent(piece, true));
        }
    }
    if text.contains("\\u") || text.contains("\\\"") {
        out.push(unescape(text));
    }
    for run in text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_=".contains(c))) {
        if run.len() < 8 {
            continue;
        }
        // Also glued to a word in front.
        let starts = (0..run.len().min(200)).filter(|at| {
            *at < 4 || matches!(run.as_bytes()[at - 1], b'_' | b'-' | b'=' | b'/' | b'+')
        });
        for start in starts {
            if let Some(bytes) = base64(&run[start..]) {
                out.extend(readable(bytes));
            }
        }
        let run = run.strip_prefix("0x").unwrap_or(run);
        if run.len() % 2 == 0 && run.len() >= 16 && run.bytes().all(|b| b.is_ascii_hexdigit()) {
            let bytes = run.as_bytes().chunks_exact(2).map(|pair| {
                u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex")
            });
            out.extend(readable(bytes.collect()));
        }
    }
    out
}

/// What of decoded bytes is text, if it is.
fn readable(bytes: Vec<u8>) -> Vec<String> {
    if let Some(plain) = inflate(&bytes) {
        return vec![lossy(&plain)];
    }
    let plain = |b: &u8| (b' '..0x7f).contains(b);
    let share = bytes.iter().filter(|b| plain(b)).count();
    if share * 10 >= bytes.len() * 8 {
        return vec![lossy(&bytes)];
    }
    // Text that goes on as something else.
    let start = bytes.iter().take_while(|b| plain(b)).count();
    if start < 12 {
        return Vec::new();
    }
    vec![lossy(&bytes[..start])]
}

/// Bytes as text: surrogate halves joined, what is no text replaced.
pub fn lossy(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut units: Vec<u16> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if let Some(&[0xed, a @ 0xa0..=0xbf, b @ 0x80..=0xbf]) = bytes.get(at..at + 3) {
            units.push(0xd000 | u16::from(a & 0x3f) << 6 | u16::from(b & 0x3f));
            at += 3;
            continue;
        }
        out.push_str(&String::from_utf16_lossy(&units));
        units.clear();
        let next = bytes[at + 1..]
            .windows(2)
            .position(|w| w[0] == 0xed && w[1] >= 0xa0)
            .map_or(bytes.len(), |n| at + 1 + n);
        out.push_str(&String::from_utf8_lossy(&bytes[at..next]));
        at = next;
    }
    out.push_str(&String::from_utf16_lossy(&units));
    out
}

/// Percent-decoded; what is no escape stays.
pub fn percent(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes
            .get(at + 1..at + 3)
            .filter(|hex| bytes[at] == b'%' && hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match code {
            Some(code) => {
                out.push(code);
                at += 3;
            }
            None => {
                out.push(if plus && bytes[at] == b'+' {
                    b' '
                } else {
                    bytes[at]
                });
                at += 1;
            }
        }
    }
    lossy(&out)
}

/// Base64 of either alphabet, padded or not, trailing bits ignored.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let done = match bytes.get(..2)? {
        [0x1f, 0x8b] => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda] => {
            flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut out)
        }
        _ => return None,
    };
    done.ok().map(|_| out)
}

/// Everything between quotes, unescaped, wherever it stands.
fn strings_of(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let start = at + 1;
        at = start;
        while at < bytes.len() && bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        if let Some(raw) = text.get(start..at.min(bytes.len())) {
            out.push(unescape(raw));
        }
        at += 1;
    }
    out
}

/// A JSON string's text; lone surrogates become U+FFFD.
pub fn unescape(raw: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        match chars.next() {
            Some('u') => {
                let hex: String = chars.clone().take(4).collect();
                match u16::from_str_radix(&hex, 16) {
                    Ok(unit) if hex.len() == 4 => {
                        units.push(unit);
                        chars.nth(3);
                    }
                    _ => units.push(u16::from(b'u')),
                }
            }
            Some(c) => {
                let plain = match c {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    other => other,
                };
                units.extend(plain.encode_utf16(&mut [0; 2]).iter());
            }
            None => {}
        }
    }
    String::from_utf16_lossy(&units)
}

/// A JSON document; scalars as they are spelled, keys as they are spelled.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A number, a word, or a string with its quotes.
    Scalar(String),
    /// Elements.
    Array(Vec<Tree>),
    /// Members in order; a key without its quotes.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads a document that is known to be one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { text, at: 0 };
        let tree = reader.value()?;
        reader.blanks();
        (reader.at == text.len()).then_some(tree)
    }

    /// Reads one document a line, or one.
    pub fn parse_any(text: &str) -> Vec<Self> {
        match Self::parse(text) {
            Some(tree) => vec![tree],
            None => text.lines().filter_map(Self::parse).collect(),
        }
    }

    /// Every scalar with its path (`[0].properties.plan`).
    pub fn leaves(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        self.collect(String::new(), &mut out);
        out
    }

    fn collect(&self, path: String, out: &mut Vec<(String, String)>) {
        match self {
            Self::Scalar(raw) => out.push((path, raw.clone())),
            Self::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    item.collect(format!("{path}[{at}]"), out);
                }
            }
            Self::Object(members) => {
                for (key, value) in members {
                    value.collect(format!("{path}.{}", unescape(key)), out);
                }
            }
        }
    }

    /// Without the members that `gone` names, at any depth.
    pub fn without(self, gone: &dyn Fn(&str) -> bool) -> Self {
        match self {
            Self::Scalar(_) => self,
            Self::Array(items) => Self::Array(items.into_iter().map(|i| i.without(gone)).collect()),
            Self::Object(members) => Self::Object(
                members
                    .into_iter()
                    .filter(|(key, _)| !gone(&unescape(key)))
                    .map(|(key, value)| (key, value.without(gone)))
                    .collect(),
            ),
        }
    }

    /// Drawn for people, one leaf a line.
    pub fn draw(&self, indent: usize) -> String {
        let pad = "  ".repeat(indent + 1);
        let end = "  ".repeat(indent);
        match self {
            Self::Scalar(raw) => raw.clone(),
            Self::Array(items) if items.is_empty() => "[]".into(),
            Self::Object(members) if members.is_empty() => "{}".into(),
            Self::Array(items) => {
                let lines: Vec<_> = items
                    .iter()
                    .map(|i| format!("{pad}{}", i.draw(indent + 1)))
                    .collect();
                format!("[\n{}\n{end}]", lines.join(",\n"))
            }
            Self::Object(members) => {
                let lines: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("{pad}\"{key}\": {}", value.draw(indent + 1)))
                    .collect();
                format!("{{\n{}\n{end}}}", lines.join(",\n"))
            }
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Option<Tree> {
        self.blanks();
        match self.peek()? {
            b'{' => {
                let mut members = Vec::new();
                self.items(b'}', |reader| {
                    let Tree::Scalar(key) = reader.scalar()? else {
                        return None;
                    };
                    reader.blanks();
                    (reader.peek()? == b':').then(|| reader.at += 1)?;
                    let key = key.strip_prefix('"')?.strip_suffix('"')?.to_owned();
                    members.push((key, reader.value()?));
                    Some(())
                })?;
                Some(Tree::Object(members))
            }
            b'[' => {
                let mut items = Vec::new();
                self.items(b']', |reader| {
                    items.push(reader.value()?);
                    Some(())
                })?;
                Some(Tree::Array(items))
            }
            _ => self.scalar(),
        }
    }

    fn items(&mut self, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.blanks();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            self.blanks();
            item(self)?;
            self.blanks();
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => {}
                _ if next == close => return Some(()),
                _ => return None,
            }
        }
    }

    fn scalar(&mut self) -> Option<Tree> {
        let start = self.at;
        if self.peek()? == b'"' {
            self.at += 1;
            while self.peek()? != b'"' {
                self.at += if self.peek()? == b'\\' { 2 } else { 1 };
            }
            self.at += 1;
        } else {
            while self
                .peek()
                .is_some_and(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            {
                self.at += 1;
            }
        }
        (self.at > start).then(|| Tree::Scalar(self.text[start..self.at].to_owned()))
    }
}
