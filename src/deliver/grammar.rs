//! The strict grammar of HTTP/1.1 message heads and chunks, for both sides of the proxy.
//!
//! Invariant: what passes here has one reading. Bare CR or LF, folding, control bytes, blanks round
//! names and odd chunk syntax are errors, never repaired. Pure: no I/O, no memory of values.

use smallvec::SmallVec;

/// A byte range in the buffer that holds the head.
pub(crate) type Span = (u32, u32);

/// Field lines in order: name (lower-cased in place) and value without blanks round it.
pub(crate) type Fields = SmallVec<[(Span, Span); 24]>;

/// What is wrong with a head or a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// A line end that is not CRLF.
    LineEnd,
    /// A field line outside the grammar.
    Field,
    /// More fields than the limit.
    TooManyFields,
    /// A body length outside the grammar, repeated, or against a transfer coding.
    Length,
    /// A transfer coding other than a single `chunked`.
    Coding,
    /// A chunk outside the grammar, or with too much decoration.
    Chunk,
    /// More body than the limit.
    TooLarge,
}

/// The text of a span; empty when it is out of range or not UTF-8.
pub(crate) fn text(buf: &[u8], span: Span) -> &str {
    buf.get(span.0 as usize..span.1 as usize)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or("")
}

/// The bytes of a span; empty when it is out of range.
pub(crate) fn bytes(buf: &[u8], span: Span) -> &[u8] {
    buf.get(span.0 as usize..span.1 as usize).unwrap_or(&[])
}

/// A span from two offsets; heads are far below 4 GiB.
pub(crate) fn span(start: usize, end: usize) -> Span {
    (
        u32::try_from(start).unwrap_or(u32::MAX),
        u32::try_from(end).unwrap_or(u32::MAX),
    )
}

/// Looks for the end of a head while its bytes come in.
#[derive(Default)]
pub(crate) struct Scanner {
    seen: usize,
    line: usize,
    /// The offset behind the first line, once it is whole.
    pub(crate) first_line: Option<usize>,
}

impl Scanner {
    /// The length of the head, its empty line included, once it is whole.
    pub(crate) fn advance(&mut self, buf: &[u8]) -> Result<Option<usize>, Bad> {
        let fresh = buf.get(self.seen..).unwrap_or(&[]);
        for at in memchr::memchr_iter(b'\n', fresh) {
            let at = self.seen + at;
            if at == 0 || buf.get(at - 1) != Some(&b'\r') {
                return Err(Bad::LineEnd);
            }
            if at == self.line + 1 {
                return if self.first_line.is_none() {
                    Err(Bad::LineEnd)
                } else {
                    Ok(Some(at + 1))
                };
            }
            self.line = at + 1;
            self.first_line.get_or_insert(at + 1);
        }
        self.seen = buf.len();
        Ok(None)
    }
}

/// Reads the field lines from `start` (behind the first line) to the end of the head and lower-cases
/// the names in place.
pub(crate) fn fields(buf: &mut [u8], start: usize, end: usize, max: usize) -> Result<Fields, Bad> {
    let mut found = Fields::new();
    let mut at = start;
    loop {
        let rest = buf.get_mut(at..end).ok_or(Bad::Field)?;
        let stop = memchr::memchr(b'\r', rest).ok_or(Bad::LineEnd)?;
        if rest.get(stop + 1) != Some(&b'\n') {
            return Err(Bad::LineEnd);
        }
        if stop == 0 {
            return Ok(found);
        }
        let line = rest.get_mut(..stop).ok_or(Bad::Field)?;
        let (name, value) = field_line(line)?;
        if found.len() == max {
            return Err(Bad::TooManyFields);
        }
        found.push((span(at, at + name), span(at + value.0, at + value.1)));
        at += stop + 2;
    }
}

/// One line: the name's length and the value's range.
fn field_line(line: &mut [u8]) -> Result<(usize, (usize, usize)), Bad> {
    let mut name = 0;
    for byte in line.iter_mut() {
        if *byte == b':' {
            break;
        }
        if !is_token_byte(*byte) {
            return Err(Bad::Field);
        }
        byte.make_ascii_lowercase();
        name += 1;
    }
    if name == 0 || line.get(name) != Some(&b':') {
        return Err(Bad::Field);
    }
    let value = line.get(name + 1..).unwrap_or(&[]);
    if value
        .iter()
        .any(|b| (*b < b' ' && *b != b'\t') || *b == 0x7f)
    {
        return Err(Bad::Field);
    }
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let lead = value.iter().take_while(|b| blank(b)).count();
    let trail = value
        .get(lead..)
        .unwrap_or(&[])
        .iter()
        .rev()
        .take_while(|b| blank(b))
        .count();
    Ok((name, (name + 1 + lead, line.len() - trail)))
}

/// Whether a byte may stand in a token (RFC 9110, 5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
        | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// Whether a text is a token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether a text may be written as a field's value.
pub(crate) fn is_field_value(text: &str) -> bool {
    text.bytes().all(|b| (b >= b' ' || b == b'\t') && b != 0x7f)
}

/// How long a message's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Neither length nor coding.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// The framing that the fields say.
pub(crate) fn framing(buf: &[u8], fields: &Fields) -> Result<Framing, Bad> {
    let mut found = Framing::None;
    for (name, value) in fields {
        match bytes(buf, *name) {
            b"content-length" => {
                if found != Framing::None {
                    return Err(Bad::Length);
                }
                found = Framing::Length(content_length(bytes(buf, *value))?);
            }
            b"transfer-encoding" => match found {
                Framing::None => {
                    if !bytes(buf, *value).eq_ignore_ascii_case(b"chunked") {
                        return Err(Bad::Coding);
                    }
                    found = Framing::Chunked;
                }
                Framing::Length(_) => return Err(Bad::Length),
                Framing::Chunked => return Err(Bad::Coding),
            },
            _ => {}
        }
    }
    Ok(found)
}

/// Digits only, no needless zero in front; a number too large for the type is larger than any limit.
fn content_length(value: &[u8]) -> Result<u64, Bad> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Bad::Length);
    }
    if value.len() > 1 && value.first() == Some(&b'0') {
        return Err(Bad::Length);
    }
    Ok(value.iter().fold(0u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

/// Longest chunk head, CRLF included.
const CHUNK_LINE: usize = 256;
/// Longest trailer section.
const TRAILERS: usize = 8 << 10;

/// Takes chunks apart while their bytes come in.
pub(crate) struct Chunks {
    state: ChunkState,
    limit: usize,
    extensions: usize,
    trailers: usize,
}

enum ChunkState {
    Head,
    Data(usize),
    DataEnd,
    Trailers,
    Done,
}

impl Chunks {
    /// For a body of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            state: ChunkState::Head,
            limit,
            extensions: 0,
            trailers: 0,
        }
    }

    /// Appends what is body to `out`; answers with the bytes used and whether the body is whole.
    pub(crate) fn advance(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), Bad> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or(&[]);
            match self.state {
                ChunkState::Head => {
                    let Some(length) = line(rest, CHUNK_LINE)? else {
                        return Ok((used, false));
                    };
                    let size = self.chunk_size(rest.get(..length).unwrap_or(&[]))?;
                    if size > self.limit.saturating_sub(out.len()) {
                        return Err(Bad::TooLarge);
                    }
                    used += length + 2;
                    self.state = if size == 0 {
                        ChunkState::Trailers
                    } else {
                        ChunkState::Data(size)
                    };
                }
                ChunkState::Data(left) => {
                    let take = left.min(rest.len());
                    out.extend_from_slice(rest.get(..take).unwrap_or(&[]));
                    used += take;
                    if take < left {
                        self.state = ChunkState::Data(left - take);
                        return Ok((used, false));
                    }
                    self.state = ChunkState::DataEnd;
                }
                ChunkState::DataEnd => {
                    if rest.len() < 2 {
                        return if rest.is_empty() || rest == b"\r" {
                            Ok((used, false))
                        } else {
                            Err(Bad::Chunk)
                        };
                    }
                    if !rest.starts_with(b"\r\n") {
                        return Err(Bad::Chunk);
                    }
                    used += 2;
                    self.state = ChunkState::Head;
                }
                ChunkState::Trailers => {
                    let Some(length) = line(rest, TRAILERS)? else {
                        return Ok((used, false));
                    };
                    used += length + 2;
                    if length == 0 {
                        self.state = ChunkState::Done;
                        return Ok((used, true));
                    }
                    self.trailers += length + 2;
                    if self.trailers > TRAILERS {
                        return Err(Bad::Chunk);
                    }
                    let mut copy = rest.get(..length).unwrap_or(&[]).to_vec();
                    field_line(&mut copy).map_err(|_| Bad::Chunk)?;
                }
                ChunkState::Done => return Ok((used, true)),
            }
        }
    }

    fn chunk_size(&mut self, line: &[u8]) -> Result<usize, Bad> {
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at_checked(digits).ok_or(Bad::Chunk)?;
        if digits == 0 || digits > 15 {
            return Err(Bad::Chunk);
        }
        if !extension.is_empty() {
            let plain = |b: &u8| *b == b'\t' || (b' '..=b'~').contains(b);
            self.extensions += extension.len();
            if extension.first() != Some(&b';')
                || extension.len() < 2
                || !extension.iter().all(plain)
                || self.extensions > TRAILERS
            {
                return Err(Bad::Chunk);
            }
        }
        let size = std::str::from_utf8(size).map_err(|_| Bad::Chunk)?;
        let size = u64::from_str_radix(size, 16).map_err(|_| Bad::Chunk)?;
        Ok(usize::try_from(size).unwrap_or(usize::MAX))
    }
}

/// The length of the line at the start of `input` without its CRLF, once it is whole.
fn line(input: &[u8], max: usize) -> Result<Option<usize>, Bad> {
    let window = input.get(..max.min(input.len())).unwrap_or(input);
    let Some(at) = memchr::memchr2(b'\r', b'\n', window) else {
        return if input.len() >= max {
            Err(Bad::Chunk)
        } else {
            Ok(None)
        };
    };
    match (input.get(at), input.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(Some(at)),
        (Some(b'\r'), None) => Ok(None),
        _ => Err(Bad::Chunk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Fields, Bad> {
        let mut buf = head.as_bytes().to_vec();
        let mut scanner = Scanner::default();
        let end = scanner.advance(&buf)?.expect("a whole head");
        fields(&mut buf, scanner.first_line.unwrap(), end, 10)
    }

    fn frame(head: &str) -> Result<Framing, Bad> {
        let mut buf = format!("POST / HTTP/1.1\r\n{head}\r\n").into_bytes();
        let end = buf.len();
        let found = fields(&mut buf, 17, end, 10)?;
        framing(&buf, &found)
    }

    #[test]
    fn heads_are_found_at_every_split() {
        let text = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nrest";
        for split in 0..text.len() {
            let mut scanner = Scanner::default();
            let first = scanner.advance(&text[..split]).unwrap();
            let found = first.or(scanner.advance(text).unwrap());
            assert_eq!(found, Some(text.len() - 4));
        }
    }

    #[test]
    fn odd_fields_are_refused() {
        for bad in [
            "a : b\r\n",
            " a: b\r\n",
            ": b\r\n",
            "a\r\n",
            "a: b\r\n c\r\n",
            "a: \0\r\n",
            "a: b\rc\r\n",
            "a: \x0b\r\n",
            "a\u{e9}: b\r\n",
        ] {
            assert!(parse(&format!("X\r\n{bad}\r\n")).is_err(), "{bad:?}");
        }
        assert!(parse("X\r\na:\tb \r\nc:\r\n\r\n").is_ok());
        assert_eq!(parse("X\na: b\r\n\r\n").err(), Some(Bad::LineEnd));
    }

    #[test]
    fn one_framing_only() {
        assert_eq!(frame("content-length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(
            frame("Transfer-Encoding: Chunked\r\n"),
            Ok(Framing::Chunked)
        );
        for bad in [
            "content-length: 5\r\ncontent-length: 5\r\n",
            "content-length: +5\r\n",
            "content-length: 5, 5\r\n",
            "content-length: 05\r\n",
            "content-length:\r\n",
            "content-length: 0x5\r\n",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        ] {
            assert_eq!(frame(bad), Err(Bad::Length), "{bad:?}");
        }
        for bad in [
            "gzip",
            "chunked, chunked",
            "identity",
            "",
            "gzip, chunked",
            "chunked;a=b",
        ] {
            let head = format!("transfer-encoding: {bad}\r\n");
            assert_eq!(frame(&head), Err(Bad::Coding), "{bad:?}");
        }
    }

    #[test]
    fn chunks_at_every_split() {
        let wire = b"3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nx: y\r\n\r\nGET";
        for split in 0..wire.len() - 3 {
            let mut chunks = Chunks::new(13);
            let mut out = Vec::new();
            let (used, done) = chunks.advance(&wire[..split], &mut out).unwrap();
            assert!(!done);
            let (more, done) = chunks.advance(&wire[used..], &mut out).unwrap();
            assert!(done);
            assert_eq!(&wire[used + more..], b"GET");
            assert_eq!(out, b"abc0123456789");
        }
        assert_eq!(
            Chunks::new(12).advance(wire, &mut Vec::new()),
            Err(Bad::TooLarge)
        );
    }

    #[test]
    fn odd_chunks_are_refused() {
        for bad in [
            "3\nabc\r\n0\r\n\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\na\r\n",
            "1 \r\na\r\n",
            " 1\r\na\r\n",
            "0x1\r\na\r\n",
            "3\r\nabcd\r\n",
            "1\r\na\n",
            "\r\n",
            "fffffffffffffffff\r\n",
            "1;\r\na\r\n",
            "0\r\nbad\r\n\r\n",
            "1;\0\r\na\r\n",
            "1\r\nax",
        ] {
            let out = Chunks::new(100).advance(bad.as_bytes(), &mut Vec::new());
            assert_eq!(out.err(), Some(Bad::Chunk), "{bad:?}");
        }
        let long = format!("1;{}\r\n", "a".repeat(300));
        assert_eq!(
            Chunks::new(9).advance(long.as_bytes(), &mut Vec::new()),
            Err(Bad::Chunk)
        );
    }
}
