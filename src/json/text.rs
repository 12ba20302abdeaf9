//! String escapes: out, in, and patches that leave the rest of a raw string as it came.

use super::Patch;

/// Appends the unescaped form of the inside of a JSON string. A lone surrogate, which Rust text
/// cannot hold, becomes U+FFFD: this form is for judging; what is kept leaves raw.
pub fn unescape_into(raw: &str, out: &mut String) {
    let mut at = 0;
    while let Some(rest) = raw.get(at..) {
        // What stands between escapes is copied as it is.
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        out.push_str(rest.get(..plain).unwrap_or(""));
        let mut escape = Unescape {
            raw,
            at: at + plain,
        };
        let Some((range, c)) = escape.next() else {
            return;
        };
        out.push(c);
        at = range.end;
    }
}

/// Appends `text` escaped for a JSON string.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    // Without an early end, so that it is done many bytes at a time; most text needs no escape.
    let special = |b: u8| (b < 0x20) | (b == b'"') | (b == b'\\');
    if !bytes.iter().fold(false, |any, b| any | special(*b)) {
        out.extend_from_slice(bytes);
        return;
    }
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => {
                out.extend_from_slice(bytes.get(done..at).unwrap_or(&[]));
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                done = at + 1;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(bytes.get(done..at).unwrap_or(&[]));
        out.extend_from_slice(escape);
        done = at + 1;
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or(&[]));
}

/// Appends the raw string with patches applied that are given in offsets of its unescaped form.
/// Bytes outside the patches leave as they came, escapes and lone surrogates included.
pub fn splice_raw(raw: &str, patches: &[Patch], out: &mut Vec<u8>) {
    let mut reader = Offsets {
        raw,
        plain: 0,
        at: 0,
    };
    let mut done = 0;
    for patch in patches {
        // A patch begins at a character and ends behind one, as the raw bytes of it do.
        let start = reader.find(patch.range.start);
        let end = reader.find(patch.range.end);
        out.extend_from_slice(raw.get(done..start).unwrap_or("").as_bytes());
        escape_into(&patch.with, out);
        done = end;
    }
    out.extend_from_slice(raw.get(done..).unwrap_or("").as_bytes());
}

/// Finds raw offsets of offsets in the unescaped form, in order: what holds no escape is skipped over.
struct Offsets<'r> {
    raw: &'r str,
    plain: usize,
    at: usize,
}

impl Offsets<'_> {
    /// The raw offset at which the character at or behind `plain` begins.
    fn find(&mut self, plain: usize) -> usize {
        while self.plain < plain {
            let rest = self.raw.get(self.at..).unwrap_or("");
            let free = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
            let step = free.min(plain - self.plain);
            self.plain += step;
            self.at += step;
            if self.plain == plain {
                break;
            }
            let mut escape = Unescape {
                raw: self.raw,
                at: self.at,
            };
            let Some((range, c)) = escape.next() else {
                return self.raw.len();
            };
            self.plain += c.len_utf8();
            self.at = range.end;
        }
        self.at
    }
}

/// The characters of a raw string with the range of raw bytes that each came from.
struct Unescape<'r> {
    raw: &'r str,
    at: usize,
}

impl Unescape<'_> {
    fn unit(&self, at: usize) -> Option<u32> {
        let hex = self.raw.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(hex, 16).ok()
    }
}

impl Iterator for Unescape<'_> {
    type Item = (std::ops::Range<usize>, char);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let c = self.raw.get(start..)?.chars().next()?;
        if c != '\\' {
            self.at += c.len_utf8();
            return Some((start..self.at, c));
        }
        let (len, c) = match self.raw.as_bytes().get(start + 1)? {
            b'b' => (2, '\u{8}'),
            b'f' => (2, '\u{c}'),
            b'n' => (2, '\n'),
            b'r' => (2, '\r'),
            b't' => (2, '\t'),
            b'u' => {
                let high = self.unit(start)?;
                match (high, self.unit(start + 6)) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        (12, char::from_u32(code).unwrap_or('\u{fffd}'))
                    }
                    _ => (6, char::from_u32(high).unwrap_or('\u{fffd}')),
                }
            }
            other => (2, char::from(*other)),
        };
        self.at += len;
        Some((start..self.at, c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_read_as_json_does() {
        let raw = r#"a\"b\\c\/d\u0040e\ud83d\ude00\ud83d\n"#;
        let mut out = String::new();
        unescape_into(raw, &mut out);
        assert_eq!(out, "a\"b\\c/d@e😀\u{fffd}\n");
        let mut again = Vec::new();
        escape_into("a\"\\\u{1}\n", &mut again);
        assert_eq!(again, br#"a\"\\\u0001\n"#);
    }

    #[test]
    fn patches_leave_the_rest_raw() {
        let raw = r"\ud83d mail \u0061@b.de\/now";
        let mut plain = String::new();
        unescape_into(raw, &mut plain);
        let start = plain.find("a@b.de").unwrap();
        let patch = Patch {
            range: start..start + 6,
            with: "[\"email\"]".into(),
        };
        let mut out = Vec::new();
        splice_raw(raw, &[patch], &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"\ud83d mail [\"email\"]\/now"#
        );
    }

    #[test]
    fn a_patch_at_the_end_and_over_everything() {
        let mut out = Vec::new();
        let patch = Patch {
            range: 0..3,
            with: "x".into(),
        };
        splice_raw("abc", &[patch], &mut out);
        assert_eq!(out, b"x");
    }

    proptest! {
        #[test]
        fn patches_of_a_raw_string_are_patches_of_the_text(
            raw in "([a-zé]|\\\\n|\\\\u00e9|\\\\ud83d\\\\ude00|\\\\\\\\|\\\\ud83d ){0,12}",
            cuts in proptest::collection::vec(0usize..12, 4),
        ) {
            let mut plain = String::new();
            unescape_into(&raw, &mut plain);
            let bounds: Vec<usize> =
                plain.char_indices().map(|(i, _)| i).chain([plain.len()]).collect();
            let mut at: Vec<usize> = cuts.iter().map(|c| bounds[c % bounds.len()]).collect();
            at.sort_unstable();
            at.dedup();
            let patches: Vec<Patch> = at
                .chunks_exact(2)
                .map(|c| Patch { range: c[0]..c[1], with: "\"x".into() })
                .collect();
            let mut out = Vec::new();
            splice_raw(&raw, &patches, &mut out);
            let mut again = String::new();
            unescape_into(std::str::from_utf8(&out).unwrap(), &mut again);
            let mut want = String::new();
            let mut done = 0;
            for patch in &patches {
                want.push_str(&plain[done..patch.range.start]);
                want.push_str(&patch.with);
                done = patch.range.end;
            }
            want.push_str(&plain[done..]);
            prop_assert_eq!(again, want);
        }
    }
}
