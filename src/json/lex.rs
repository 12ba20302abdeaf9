//! The lexer: bytes to a [`Tape`], one pass over the tokens, no recursion.
//!
//! Where strings may end is marked before, a bit for each byte, 64 bytes at a time: the end of a
//! string is then found by counting zeros, however long it is. Everything else is a byte at a time:
//! between strings there is little.

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
    begin(text, tape)?;
    let end = Lexer::new(text, 0, text.len(), tape).document()?;
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
    begin(text, tape)?;
    let mut start = 0;
    while start < text.len() {
        let end = memchr::memchr(b'\n', text.as_bytes().get(start..).unwrap_or(&[]))
            .map_or(text.len(), |at| start + at);
        let line = text.get(start..end).unwrap_or("");
        if !line.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r')) {
            let stop = Lexer::new(text, start, end, tape).document()?;
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

/// Forgets what was on the tape and marks the text.
fn begin(text: &str, tape: &mut Tape) -> Result<(), DecodeError> {
    tape.nodes.clear();
    if u32::try_from(text.len()).is_err() {
        return Err(fail(DecodeErrorKind::TooLarge, 0));
    }
    mark(text.as_bytes(), &mut tape.marks);
    Ok(())
}

fn fail(kind: DecodeErrorKind, offset: usize) -> DecodeError {
    DecodeError::new(kind, "json", offset)
}

struct Lexer<'t> {
    bytes: &'t [u8],
    at: usize,
    marks: &'t [u64],
    nodes: &'t mut Vec<Node>,
    /// The containers that are open: the node's number, and the lowest bit for an object.
    open: &'t mut Vec<u64>,
}

/// What a value turned out to be.
#[derive(PartialEq, Eq)]
enum Read {
    Scalar,
    /// The bracket that opens it; the rest is to come.
    Container,
}

impl<'t> Lexer<'t> {
    /// For the text between two offsets of one that [`begin`] took in.
    fn new(text: &'t str, start: usize, end: usize, tape: &'t mut Tape) -> Self {
        let Tape { nodes, open, marks } = tape;
        open.clear();
        Self {
            bytes: text.as_bytes().get(..end).unwrap_or(&[]),
            at: start,
            marks,
            nodes,
            open,
        }
    }

    /// Reads one value with the blanks round it; returns where it stopped.
    fn document(mut self) -> Result<usize, DecodeError> {
        self.blanks();
        if self.at == self.bytes.len() {
            return Err(fail(DecodeErrorKind::Empty, self.at));
        }
        self.value()?;
        // `value` returns after a scalar or an opening bracket; the loop closes what is open.
        while let Some(&open) = self.open.last() {
            if open & 1 == 1 {
                self.members(open >> 1)?;
            } else {
                self.elements(open >> 1)?;
            }
        }
        self.blanks();
        Ok(self.at)
    }

    /// Reads members of the object at a node until it is closed or one of them opens a container.
    fn members(&mut self, open: u64) -> Result<(), DecodeError> {
        let mut first = self.nodes.len() as u64 == open + 1;
        while self.child_follows(first, b'}', open)? {
            first = false;
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
            if self.value()? == Read::Container {
                break;
            }
        }
        Ok(())
    }

    /// Reads elements of the array at a node until it is closed or one of them opens a container.
    fn elements(&mut self, open: u64) -> Result<(), DecodeError> {
        let mut first = self.nodes.len() as u64 == open + 1;
        while self.child_follows(first, b']', open)? {
            first = false;
            if self.value()? == Read::Container {
                break;
            }
        }
        Ok(())
    }

    /// Goes to the next child of the container at a node; false when the container was closed there.
    #[inline(always)]
    fn child_follows(&mut self, first: bool, end: u8, open: u64) -> Result<bool, DecodeError> {
        self.blanks();
        match self.peek() {
            Some(byte) if byte == end => {
                self.close(open);
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                self.blanks();
                Ok(true)
            }
            Some(_) if first => Ok(true),
            _ => Err(self.unexpected()),
        }
    }

    #[inline]
    fn value(&mut self) -> Result<Read, DecodeError> {
        match self.peek() {
            Some(b'"') => self.string(Kind::Str)?,
            Some(b'{') => return self.open(Kind::Object),
            Some(b'[') => return self.open(Kind::Array),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true", Kind::Bool)?,
            Some(b'f') => self.word(b"false", Kind::Bool)?,
            Some(b'n') => self.word(b"null", Kind::Null)?,
            _ => return Err(self.unexpected()),
        }
        Ok(Read::Scalar)
    }

    fn open(&mut self, kind: Kind) -> Result<Read, DecodeError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(fail(DecodeErrorKind::Depth, self.at));
        }
        let object = u64::from(kind == Kind::Object);
        self.open.push((self.nodes.len() as u64) << 1 | object);
        self.push(kind, self.at, self.at + 1, false);
        self.at += 1;
        Ok(Read::Container)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the number of a node")]
    fn close(&mut self, open: u64) {
        self.at += 1;
        self.open.pop();
        let open = open as usize;
        let (end, next) = (small(self.at), small(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(open) {
            node.end = end;
            node.next = next;
        }
        let in_object = self.open.last().is_some_and(|parent| parent & 1 == 1);
        if in_object && let Some(key) = self.nodes.get_mut(open.wrapping_sub(1)) {
            key.next = next;
        }
    }

    #[inline(always)]
    fn string(&mut self, kind: Kind) -> Result<(), DecodeError> {
        let start = self.at + 1;
        let mut at = self.next_mark(start);
        let mut escaped = false;
        if self.bytes.get(at) != Some(&b'"') {
            at = self.string_with_escapes(at)?;
            escaped = true;
        }
        self.push(kind, start, at, escaped);
        self.at = at + 1;
        Ok(())
    }

    /// From the first mark in a string that is no quote: where its closing quote stands.
    #[inline(never)]
    fn string_with_escapes(&self, mut at: usize) -> Result<usize, DecodeError> {
        loop {
            match self.bytes.get(at) {
                Some(b'"') => return Ok(at),
                Some(b'\\') => at = self.escape(at)?,
                Some(_) => return Err(fail(DecodeErrorKind::Syntax, at)),
                None => return Err(fail(DecodeErrorKind::Truncated, self.bytes.len())),
            }
            at = self.next_mark(at);
        }
    }

    /// The next quote, backslash or control character at or after `at`, or the end or beyond.
    #[inline]
    fn next_mark(&self, at: usize) -> usize {
        let mut word = at / BLOCK;
        let here = self
            .marks
            .get(word)
            .map_or(0, |marks| marks >> (at % BLOCK));
        if here != 0 {
            return at + here.trailing_zeros() as usize;
        }
        loop {
            word += 1;
            match self.marks.get(word) {
                Some(0) => {}
                Some(marks) => return word * BLOCK + marks.trailing_zeros() as usize,
                None => return self.bytes.len().max(at),
            }
        }
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

    /// A key's `next` is behind its value; where that is a container, `close` sets it.
    #[inline]
    fn push(&mut self, kind: Kind, start: usize, end: usize, escaped: bool) {
        let held = 1 + usize::from(kind == Kind::Key);
        self.nodes.push(Node {
            start: small(start),
            end: small(end),
            next: small(self.nodes.len() + held),
            kind,
            escaped,
        });
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

/// Offsets fit: `begin` refuses texts beyond `u32`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "`begin` bounds the text")]
fn small(n: usize) -> u32 {
    n as u32
}

/// Bytes that one word marks.
const BLOCK: usize = 64;

/// Marks quotes, backslashes and control characters, a bit for each byte.
fn mark(bytes: &[u8], marks: &mut Vec<u64>) {
    marks.clear();
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    marks.extend(blocks.iter().map(marks_of));
    if !rest.is_empty() {
        let mut last = [b' '; BLOCK];
        if let Some(head) = last.get_mut(..rest.len()) {
            head.copy_from_slice(rest);
        }
        marks.push(marks_of(&last));
    }
}

#[inline]
fn marks_of(block: &[u8; BLOCK]) -> u64 {
    let quote = u8x16::new([b'"'; 16]);
    let slash = u8x16::new([b'\\'; 16]);
    let control = u8x16::new([0x1f; 16]);
    let (parts, _) = block.as_chunks::<16>();
    let mut marks = 0;
    for part in parts.iter().rev() {
        let part = u8x16::new(*part);
        let hit = part.simd_eq(quote) | part.simd_eq(slash) | part.min(control).simd_eq(part);
        marks = marks << 16 | u64::from(hit.to_bitmask());
    }
    marks
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
