//! Text that holds another document: opened, judged, written back in the same encoding.
//!
//! JSON, query strings, percent-encoding, base64 (either alphabet, also reversed, also with gzip
//! inside), hex. At most [`MAX_FOLDS`] deep; what is still folded there is dropped. Text that begins
//! like a document but does not read as one is dropped as well: a cut document still names people.

use super::engine::{Found, Judge, Level, MAX_FOLDS};
use super::fate::{Fate, Stop, Text};
use crate::codec::base64::{self, Alphabet, Flavour, Options};
use crate::codec::{self, Coding, form};
use crate::json::{self, Patch};

/// Shortest text that is tried as base64 or hex.
const MIN_BASE64: usize = 16;
/// Shortest run inside a longer text.
const MIN_RUN: usize = 20;

impl Judge<'_, '_> {
    /// Opens a text that as a whole is another document; `None` when it is plain text.
    pub(super) fn nested(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        let trimmed = text.trim();
        if let Some(fate) = self.nested_json(text, trimmed, found, folds)? {
            return Ok(Some(fate));
        }
        if let Some(fate) = self.nested_query(text, found, folds)? {
            return Ok(Some(fate));
        }
        if trimmed.len() >= MIN_BASE64
            && let Some(fate) = self.nested_base64(text, found, folds)?
        {
            return Ok(Some(fate));
        }
        if trimmed.len() >= MIN_BASE64
            && let Some(fate) = self.nested_hex(text, found, folds)?
        {
            return Ok(Some(fate));
        }
        self.nested_percent(text, found, folds)
    }

    fn nested_json(
        &mut self,
        text: &str,
        trimmed: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        let [first, .., last] = trimmed.as_bytes() else {
            return Ok(None);
        };
        let closed = matches!((first, last), (b'{', b'}') | (b'[', b']') | (b'"', b'"'));
        let begins =
            trimmed.starts_with("{\"") || trimmed.starts_with("[{") || trimmed.starts_with("[\"");
        if !closed && !begins {
            return Ok(None);
        }
        let mut tape = self.pools.tape();
        let good = json::lex(text, &mut tape).is_ok();
        if !good {
            self.pools.give_tape(tape);
            return Ok(begins.then_some(Text::Remove));
        }
        if folds >= MAX_FOLDS {
            self.pools.give_tape(tape);
            return Ok(Some(Text::Remove));
        }
        let mut edits = self.pools.edits();
        // The document around this one may be less deep than this text: a key, a query between.
        let around = std::mem::replace(&mut self.folds, folds + 1);
        let fate = self.tape(text, &tape, &mut edits, found.path, Level::Value);
        self.folds = around;
        let out = match fate {
            Err(stop) => Err(stop),
            Ok(Fate::Same) => Ok(Some(Text::Keep)),
            Ok(Fate::Nothing) => Ok(Some(Text::Remove)),
            Ok(Fate::Changed) => {
                let mut out = Vec::with_capacity(text.len());
                edits.splice(text.as_bytes(), &mut out);
                Ok(Some(
                    String::from_utf8(out).map_or(Text::Remove, Text::Whole),
                ))
            }
        };
        self.pools.give_edits(edits);
        self.pools.give_tape(tape);
        out
    }

    /// `a=b&c=d`, with or without `?` in front: keys are plain words, there is no blank.
    fn nested_query(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        let query = text.strip_prefix('?').unwrap_or(text);
        if !looks_like_query(query, text.len() != query.len()) {
            return Ok(None);
        }
        if folds >= MAX_FOLDS {
            return Ok(Some(Text::Remove));
        }
        let mut out = String::new();
        let Some(fate) = self.query_text(query, found, folds + 1, &mut out)? else {
            return Ok(None);
        };
        Ok(Some(match fate {
            Fate::Same => Text::Keep,
            Fate::Nothing => Text::Remove,
            Fate::Changed => {
                if query.len() != text.len() {
                    out.insert(0, '?');
                }
                Text::Whole(out)
            }
        }))
    }

    fn nested_percent(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        if !has_percent(text) {
            return Ok(None);
        }
        let mut plain = String::new();
        if decode_percent(text, &mut plain).is_none() || plain == text {
            return Ok(None);
        }
        if folds >= MAX_FOLDS {
            return Ok(Some(Text::Remove));
        }
        let fate = self.unfolded(&plain, found, folds + 1)?;
        Ok(match fate {
            // What is harmless unfolded is still searched as it stands.
            Text::Keep => None,
            other @ (Text::Remove
            | Text::Null
            | Text::Whole(_)
            | Text::Number(_)
            | Text::Patched(_)
            | Text::DropEvent) => Some(rewrap(other, &plain, |new| {
                let mut out = String::new();
                form::encode(new, &mut out);
                out
            })),
        })
    }

    fn nested_hex(&mut self, text: &str, found: Found, folds: usize) -> Result<Option<Text>, Stop> {
        let Some(plain) = hex_text(text) else {
            return Ok(None);
        };
        if folds >= MAX_FOLDS {
            return Ok(Some(Text::Remove));
        }
        let fate = self.unfolded(&plain, found, folds + 1)?;
        Ok(Some(rewrap(fate, &plain, to_hex)))
    }

    fn nested_base64(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        if !text.bytes().all(is_base64) {
            return Ok(None);
        }
        if let Some((flavour, unpacked)) = base64_text(text, self.body_limit) {
            return self
                .open_base64(flavour, unpacked, found, folds, |s| s)
                .map(Some);
        }
        if text.len() >= 24 {
            let reversed: String = text.chars().rev().collect();
            if let Some((flavour, unpacked)) = base64_text(&reversed, self.body_limit) {
                let back = |s: String| s.chars().rev().collect();
                return self
                    .open_base64(flavour, unpacked, found, folds, back)
                    .map(Some);
            }
        }
        Ok(None)
    }

    fn open_base64(
        &mut self,
        flavour: Flavour,
        unpacked: Unpacked,
        found: Found,
        folds: usize,
        finish: impl Fn(String) -> String,
    ) -> Result<Text, Stop> {
        if folds >= MAX_FOLDS {
            return Ok(Text::Remove);
        }
        let fate = self.unfolded(&unpacked.text, found, folds + 1)?;
        Ok(rewrap(fate, &unpacked.text, |new| {
            finish(pack_base64(flavour, unpacked.coding, new))
        }))
    }

    /// Base64 runs inside a longer text, also glued to a prefix (`RS_ENC_v3_<base64>`).
    pub(super) fn folded_runs(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
        patches: &mut Vec<Patch>,
    ) -> Result<(), Stop> {
        if folds >= MAX_FOLDS || text.len() < MIN_RUN {
            return Ok(());
        }
        for run in base64_runs(text) {
            if patches
                .iter()
                .any(|p| p.range.start < run.end && run.start < p.range.end)
            {
                continue;
            }
            let whole = text.get(run.clone()).unwrap_or("");
            for skip in run_starts(whole) {
                let tail = whole.get(skip..).unwrap_or("");
                let Some((flavour, unpacked)) = base64_text(tail, self.body_limit) else {
                    continue;
                };
                let fate = self.unfolded(&unpacked.text, found, folds + 1)?;
                if let Some(new) = fate.clone().into_text(&unpacked.text) {
                    patches.push(Patch {
                        range: run.start + skip..run.end,
                        with: pack_base64(flavour, unpacked.coding, &new),
                    });
                } else if fate != Text::Keep {
                    patches.push(Patch {
                        range: run.start + skip..run.end,
                        with: "[encoded]".into(),
                    });
                }
                break;
            }
        }
        Ok(())
    }

    /// A text that stood folded: its own value may give it a category, unless the field had one.
    fn unfolded(&mut self, text: &str, found: Found, folds: usize) -> Result<Text, Stop> {
        if found.category.is_some() || found.protocol {
            self.inner(text, found, folds)
        } else {
            self.text(text, found, folds)
        }
    }
}

/// Wraps a changed text again; what is gone stays gone.
fn rewrap(fate: Text, old: &str, wrap: impl Fn(&str) -> String) -> Text {
    match fate {
        Text::Keep | Text::Remove | Text::DropEvent | Text::Null => fate,
        Text::Whole(_) | Text::Number(_) | Text::Patched(_) => fate
            .into_text(old)
            .map_or(Text::Remove, |new| Text::Whole(wrap(&new))),
    }
}

fn looks_like_query(query: &str, marked: bool) -> bool {
    if query.len() < 3 || !query.is_ascii() || query.bytes().any(|b| b <= b' ' || b == b'"') {
        return false;
    }
    let mut pairs = 0;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return false;
        };
        // `abc==` is base64 with its padding.
        if key.is_empty() || value.starts_with('=') || (value.is_empty() && pairs == 0 && !marked) {
            return false;
        }
        let word = |b: u8| b.is_ascii_alphanumeric() || b"_-.$[]%+*~".contains(&b);
        if !key.bytes().all(word) {
            return false;
        }
        pairs += 1;
    }
    pairs > 0
}

fn has_percent(text: &str) -> bool {
    memchr::memchr(b'%', text.as_bytes()).is_some() && text.as_bytes()
        .windows(3)
        .any(|w| matches!(w, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Percent-decoding that leaves a lone `%` as it is, as readers of text do.
fn decode_percent(text: &str, out: &mut String) -> Option<()> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes
            .get(at + 1..at + 3)
            .filter(|_| *byte == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                plain.push(code);
                at += 3;
            }
            None => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    out.push_str(std::str::from_utf8(&plain).ok()?);
    Some(())
}

/// What stood in base64.
struct Unpacked {
    text: String,
    coding: Option<Coding>,
}

/// The text that base64 holds, if it holds text (or a gzip or zlib stream of text).
fn base64_text(text: &str, limit: usize) -> Option<(Flavour, Unpacked)> {
    // The first group tells nearly all that is not text apart, before anything is allocated.
    let mut head = Vec::with_capacity(12);
    let start = text.get(..12)?;
    base64::decode(start.as_bytes(), Options::default(), &mut head).ok()?;
    let coding = match head.get(..2)? {
        [0x1f, 0x8b] => Some(Coding::Gzip),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda] => Some(Coding::Deflate),
        _ if head.iter().all(|b| printable(*b)) => None,
        _ => return None,
    };
    let mut bytes = Vec::new();
    let trimmed = text.trim_end_matches('=');
    let cut = if trimmed.len() % 4 == 1 {
        trimmed.len() - 1
    } else {
        trimmed.len()
    };
    let exact = base64::decode(text.as_bytes(), Options::default(), &mut bytes);
    let flavour = match exact {
        Ok(flavour) => flavour,
        // Sloppy padding or trailing bits: lenient readers read it all the same.
        Err(_) => {
            bytes.clear();
            lenient(trimmed.get(..cut)?, &mut bytes)?
        }
    };
    if let Some(coding) = coding {
        let mut plain = Vec::new();
        codec::decode(coding, &bytes, limit, &mut plain).ok()?;
        bytes = plain;
    }
    let text = String::from_utf8(bytes).ok()?;
    let good = text.bytes().all(printable);
    good.then_some((flavour, Unpacked { text, coding }))
}

/// Decodes whole groups of either alphabet, ignoring trailing bits.
fn lenient(digits: &str, out: &mut Vec<u8>) -> Option<Flavour> {
    let mut bits = 0u32;
    let mut count = 0;
    let mut url = false;
    for byte in digits.bytes() {
        url |= matches!(byte, b'-' | b'_');
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
            out.push((bits >> count & 0xff).try_into().ok()?);
        }
    }
    let alphabet = if url {
        Alphabet::Url
    } else {
        Alphabet::Standard
    };
    Some(Flavour {
        alphabet,
        padded: !url,
    })
}

fn pack_base64(flavour: Flavour, coding: Option<Coding>, text: &str) -> String {
    let mut packed = Vec::new();
    let bytes = match coding {
        Some(coding) if codec::encode(coding, text.as_bytes(), &mut packed).is_ok() => &packed,
        Some(_) => return "[encoded]".into(),
        None => text.as_bytes(),
    };
    let mut out = String::new();
    base64::encode(flavour, bytes, &mut out);
    out
}

fn printable(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r')
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// Maximal runs of base64 characters that are long enough.
fn base64_runs(text: &str) -> Vec<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut runs = Vec::new();
    let mut start = 0;
    for at in 0..=bytes.len() {
        if bytes.get(at).copied().is_some_and(is_base64) {
            continue;
        }
        if at - start >= MIN_RUN {
            runs.push(start..at);
        }
        start = at + 1;
    }
    runs
}

/// Where base64 may begin in a run: at its start, behind its separators, after a glued letter or
/// three. Bounded, so that the cost stays linear.
fn run_starts(run: &str) -> impl Iterator<Item = usize> {
    let head = run.as_bytes().get(..run.len().min(64)).unwrap_or(&[]);
    let separators: Vec<usize> = head
        .iter()
        .enumerate()
        .filter(|(_, b)| matches!(b, b'_' | b'-' | b'=' | b'/' | b'+'))
        .map(|(at, _)| at + 1)
        .take(8)
        .collect();
    let long = run.len();
    (0..4)
        .chain(separators)
        .filter(move |skip| long.saturating_sub(*skip) >= MIN_BASE64)
}

fn hex_text(text: &str) -> Option<String> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks_exact(2) {
        let byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        if !printable(byte) {
            return None;
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

fn to_hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_told_from_prose_and_base64() {
        assert!(looks_like_query("a=b&c=d", false) && looks_like_query("email=x%40y", false));
        for text in ["abc==", "a = b", "1+1=2 is true", "hello", "=x", "a=b&c"] {
            assert!(!looks_like_query(text, false), "{text}");
        }
    }

    #[test]
    fn base64_of_text_is_told_from_ids() {
        let limit = 1 << 20;
        assert!(base64_text("amFuZUBleGFtcGxlLmNvbQ==", limit).is_some());
        assert!(base64_text("amFuZUBleGFtcGxlLmNvbQ", limit).is_some());
        for id in [
            "0tf1umbsiyge75fk",
            "internationalization",
            "1ab70ken0123456789abcdef01234567",
        ] {
            assert!(base64_text(id, limit).is_none(), "{id}");
        }
        assert_eq!(
            hex_text("6a616e65406578616d706c652e636f6d").as_deref(),
            Some("jane@example.com")
        );
    }
}
