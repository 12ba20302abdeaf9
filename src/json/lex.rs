//! The lexer: bytes to a [`Tape`], one pass, no recursion.
//!
//! Strings are searched 16 bytes at a time for the closing quote, a backslash or a control
//! character. Everything else is a byte at a time: between strings there is little.

use wide::u8x16;

use super::{Kind, Node, Tape};
use crate::codec::{DecodeError, DecodeErrorKind};

/// Containers in containers, at most.
pub const MAX_DEPTH: usize = 128;

/// Lexes one document.
///
/// # Errors
/// [`DecodeError`] with the offset when the text is not exactly one JSON value between blanks.
pub fn lex(text: &str, tape: &mut Tape) -> Result<(), DecodeError> {
    tape.nodes.clear();
    let end = Lexer::new(text, 0, text.len(), tape)?.document()?;
    if end == text.len() {
        Ok(())
    } else {
        Err(fail(DecodeErrorKind::Trailing, end))
    }
}

/// Lexes one document a line; blank lines are allowed, a document over several lines is not.
///
/// # Errors
/// [`DecodeError`] when a line is not exactly one JSON value, or when there is none at all.
pub fn lex_lines(text: &str, tape: &mut Tape) -> Result<(), DecodeError> {
    tape.nodes.clear();
    let mut start = 0;
    while start < text.len() {
        let end = memchr::memchr(b'\n', text.as_bytes().get(start..).unwrap_or(&[]))
            .map_or(text.len(), |at| start + at);
        let line = text.get(start..end).unwrap_or("");
        if !line.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r')) {
            let stop = Lexer::new(text, start, end, tape)?.document()?;
            if stop != end {
                return Err(fail(DecodeErrorKind::Trailing, stop));
            }
        }
        start = end + 1;
    }
    if tape.is_empty() {
        return Err(fail(DecodeErrorKind::Empty, 0));
    }
    Ok(())
}

fn fail(kind: DecodeErrorKind, offset: usize) -> DecodeError {
    DecodeError::new(kind, "json", offset)
}

struct Lexer<'t> {
    bytes: &'t [u8],
    at: usize,
    tape: &'t mut Tape,
}

impl<'t> Lexer<'t> {
    fn new(
        text: &'t str,
        start: usize,
        end: usize,
        tape: &'t mut Tape,
    ) -> Result<Self, DecodeError> {
        if u32::try_from(text.len()).is_err() {
            return Err(fail(DecodeErrorKind::TooLarge, 0));
        }
        tape.stack.clear();
        Ok(Self {
            bytes: text.as_bytes().get(..end).unwrap_or(&[]),
            at: start,
            tape,
        })
    }

    /// Reads one value with the blanks round it; returns where it stopped.
    fn document(mut self) -> Result<usize, DecodeError> {
        self.blanks();
        if self.at == self.bytes.len() {
            return Err(fail(DecodeErrorKind::Empty, self.at));
        }
        self.value()?;
        // `value` returns after a scalar or an opening bracket; the loop closes what is open.
        while let Some(&open) = self.tape.stack.last() {
            let object = self.kind_at(open) == Kind::Object;
            self.blanks();
            let first = self.tape.nodes.len() == open as usize + 1;
            match self.peek() {
                Some(b'}') if object => self.close(open),
                Some(b']') if !object => self.close(open),
                Some(b',') if !first => {
                    self.at += 1;
                    self.blanks();
                    self.item(object)?;
                }
                Some(_) if first => self.item(object)?,
                _ => return Err(self.unexpected()),
            }
        }
        self.blanks();
        Ok(self.at)
    }

    #[inline]
    fn item(&mut self, object: bool) -> Result<(), DecodeError> {
        if object { self.member() } else { self.value() }
    }

    #[inline]
    fn member(&mut self) -> Result<(), DecodeError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        self.string(Kind::Key)?;
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.blanks();
        let key = self.tape.nodes.len() - 1;
        self.value()?;
        // A container's end is not known yet: `close` sets the key's `next` as well.
        let next = small(self.tape.nodes.len());
        if let Some(node) = self.tape.nodes.get_mut(key) {
            node.next = next;
        }
        Ok(())
    }

    #[inline]
    fn value(&mut self) -> Result<(), DecodeError> {
        match self.peek() {
            Some(b'"') => self.string(Kind::Str),
            Some(b'{') => self.open(Kind::Object),
            Some(b'[') => self.open(Kind::Array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Kind::Bool),
            Some(b'f') => self.word(b"false", Kind::Bool),
            Some(b'n') => self.word(b"null", Kind::Null),
            _ => Err(self.unexpected()),
        }
    }

    fn open(&mut self, kind: Kind) -> Result<(), DecodeError> {
        if self.tape.stack.len() >= MAX_DEPTH {
            return Err(fail(DecodeErrorKind::Depth, self.at));
        }
        self.tape.stack.push(small(self.tape.nodes.len()));
        self.push(kind, self.at, self.at + 1, false);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self, open: u32) {
        self.at += 1;
        self.tape.stack.pop();
        let (end, next) = (small(self.at), small(self.tape.nodes.len()));
        if let Some(node) = self.tape.nodes.get_mut(open as usize) {
            node.end = end;
            node.next = next;
        }
        let in_object = self
            .tape
            .stack
            .last()
            .is_some_and(|parent| self.kind_at(*parent) == Kind::Object);
        if in_object && let Some(key) = self.tape.nodes.get_mut((open as usize).wrapping_sub(1)) {
            key.next = next;
        }
    }

    #[inline]
    fn string(&mut self, kind: Kind) -> Result<(), DecodeError> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = find_special(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                Some(_) => return Err(fail(DecodeErrorKind::Syntax, at)),
                None => return Err(fail(DecodeErrorKind::Truncated, at)),
            }
        }
        self.push(kind, start, at, escaped);
        self.at = at + 1;
        Ok(())
    }

    fn escape(&self, at: usize) -> Result<usize, DecodeError> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => {
                let hex = self.bytes.get(at + 2..at + 6);
                if hex.is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) {
                    Ok(at + 6)
                } else {
                    Err(fail(DecodeErrorKind::Syntax, at))
                }
            }
            Some(_) => Err(fail(DecodeErrorKind::Syntax, at)),
            None => Err(fail(DecodeErrorKind::Truncated, at)),
        }
    }

    fn number(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected()),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        self.push(Kind::Num, start, self.at, false);
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), DecodeError> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.unexpected());
        }
        self.digits();
        Ok(())
    }

    #[inline]
    fn digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), DecodeError> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) != Some(word) {
            return Err(self.unexpected());
        }
        self.push(kind, self.at, end, false);
        self.at = end;
        Ok(())
    }

    #[inline]
    fn push(&mut self, kind: Kind, start: usize, end: usize, escaped: bool) {
        self.tape.nodes.push(Node {
            start: small(start),
            end: small(end),
            next: small(self.tape.nodes.len() + 1),
            kind,
            escaped,
        });
    }

    #[inline]
    fn kind_at(&self, at: u32) -> Kind {
        self.tape
            .nodes
            .get(at as usize)
            .map_or(Kind::Null, |n| n.kind)
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> DecodeError {
        let kind = if self.at >= self.bytes.len() {
            DecodeErrorKind::Truncated
        } else {
            DecodeErrorKind::Syntax
        };
        fail(kind, self.at)
    }
}

/// Offsets fit: `Lexer::new` refuses texts beyond `u32`.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "Lexer::new bounds the text"
)]
fn small(n: usize) -> u32 {
    n as u32
}

/// The next quote, backslash or control character at or after `at`, or the end.
#[inline]
fn find_special(bytes: &[u8], mut at: usize) -> usize {
    let quote = u8x16::new([b'"'; 16]);
    let slash = u8x16::new([b'\\'; 16]);
    let control = u8x16::new([0x1f; 16]);
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let block = u8x16::new(*chunk);
        let hit = block.simd_eq(quote) | block.simd_eq(slash) | block.min(control).simd_eq(block);
        let mask = hit.to_bitmask();
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += 16;
    }
    while bytes
        .get(at)
        .is_some_and(|b| *b != b'"' && *b != b'\\' && *b > 0x1f)
    {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Result<Vec<Kind>, DecodeErrorKind> {
        let mut tape = Tape::default();
        lex(text, &mut tape).map_err(|e| e.kind)?;
        Ok(tape.nodes.iter().map(|n| n.kind).collect())
    }

    #[test]
    fn tape_has_ranges_and_skips() {
        let text = r#" {"a":[1,{"b":"x\"y"}],"c":null} "#;
        let mut tape = Tape::default();
        lex(text, &mut tape).unwrap();
        let shown: Vec<_> = tape
            .nodes
            .iter()
            .map(|n| (n.kind, &text[n.range()], n.next))
            .collect();
        assert_eq!(shown[0].2, 9);
        assert_eq!(shown[1], (Kind::Key, "a", 7));
        assert_eq!(shown[2], (Kind::Array, r#"[1,{"b":"x\"y"}]"#, 7));
        assert_eq!(shown[5], (Kind::Key, "b", 7));
        assert_eq!(shown[6], (Kind::Str, r#"x\"y"#, 7));
        assert_eq!(shown[7], (Kind::Key, "c", 9));
        assert_eq!(tape.member(text, 0, "c"), Some(8));
    }

    #[test]
    fn strict_grammar() {
        for bad in [
            "",
            " ",
            "{",
            "[",
            "[1,]",
            "{\"a\":1,}",
            "{,}",
            "[,1]",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "tru",
            "nul",
            "'a'",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "{\"a\" 1}",
            "{1:2}",
            "[1 2]",
            "1 2",
            "{} {}",
            "//",
            "[1]x",
            "\u{feff}1",
            "NaN",
            "[1}",
            "{\"a\":1]",
            "\u{a0}1",
        ] {
            assert!(kinds(bad).is_err(), "{bad:?} must be refused");
        }
        for good in [
            "1e2",
            "-0.0E+5",
            "\"\\ud83d\"",
            "[]",
            "{}",
            " null\n",
            "123456789012345678901234567890",
        ] {
            assert!(kinds(good).is_ok(), "{good:?} must be read");
        }
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(kinds(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(kinds(&deep(MAX_DEPTH + 1)), Err(DecodeErrorKind::Depth));
        assert_eq!(kinds(&"[".repeat(100_000)), Err(DecodeErrorKind::Depth));
    }

    #[test]
    fn lines_are_documents() {
        let mut tape = Tape::default();
        assert!(lex_lines("{\"a\":1}\n\n{\"a\":2}\r\n", &mut tape).is_ok());
        assert_eq!(tape.nodes.len(), 6);
        assert!(lex_lines("{\"a\":\n1}", &mut tape).is_err());
        assert!(lex_lines("{}{}\n", &mut tape).is_err());
        assert!(lex_lines("\n\n", &mut tape).is_err());
    }
}
