//! A vendor's answer: read whole, strictly and within bounds before anything of it is used.
//!
//! Invariant: an [`Answer`] was framed without doubt and came complete; only allowed fields are in
//! it. A connection is said to be reusable only when nothing is left over on it.

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use super::error::DeliverError;
use super::grammar::{self, Bad, Chunks, Fields, Framing, Scanner};
use crate::tls::Stream;

/// Bytes of an answer's head.
const HEAD: usize = 64 << 10;
/// Fields of an answer's head.
const FIELDS: usize = 200;
/// Interim answers (1xx) that are skipped.
const INTERIM: usize = 8;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// The allowed fields, names in lower case.
    pub headers: Vec<(Box<str>, String)>,
    /// Body, transfer coding off, content coding on.
    pub body: Vec<u8>,
}

/// What was being read when it failed.
pub(crate) struct Failed {
    pub(crate) error: DeliverError,
    /// Whether any byte of an answer had come.
    pub(crate) begun: bool,
}

/// What an answer is to be like.
pub(crate) struct Wanted<'a> {
    /// Whether the request was a HEAD.
    pub(crate) head: bool,
    /// Largest body.
    pub(crate) body: usize,
    /// When it must be whole.
    pub(crate) deadline: Instant,
    /// Which fields are kept.
    pub(crate) allow: &'a (dyn Fn(&str) -> bool + Sync),
}

/// Reads one answer; the flag says whether the connection can be used again.
pub(crate) async fn read(
    stream: &mut Stream,
    wanted: &Wanted<'_>,
) -> Result<(Answer, bool), Failed> {
    let mut reader = Reader {
        stream,
        buf: Vec::with_capacity(2048),
        deadline: wanted.deadline,
        begun: false,
    };
    reader.answer(wanted).await.map_err(|error| Failed {
        error,
        begun: reader.begun,
    })
}

struct Reader<'s> {
    stream: &'s mut Stream,
    buf: Vec<u8>,
    deadline: Instant,
    begun: bool,
}

struct Head {
    status: u16,
    fields: Fields,
    framing: Framing,
    keep: bool,
    len: usize,
}

impl Reader<'_> {
    async fn answer(&mut self, wanted: &Wanted<'_>) -> Result<(Answer, bool), DeliverError> {
        let mut interim = 0;
        let head = loop {
            let head = self.head().await?;
            match head.status {
                101 => return Err(DeliverError::Garbled),
                100..=199 => {
                    interim += 1;
                    if interim > INTERIM || head.framing != Framing::None {
                        return Err(DeliverError::Garbled);
                    }
                    self.buf.drain(..head.len.min(self.buf.len()));
                }
                300..=399 if head.status != 304 => return Err(DeliverError::Redirect),
                _ => break head,
            }
        };
        let headers = self.kept(&head.fields, wanted.allow);
        let bare = wanted.head || matches!(head.status, 204 | 304);
        self.buf.drain(..head.len.min(self.buf.len()));
        let (body, keep) = if bare {
            // A 204 has no body; where one is announced, it would be read as the next answer.
            let announced = head.status == 204 && head.framing != Framing::None;
            (Vec::new(), head.keep && !announced)
        } else {
            self.body(head.framing, head.keep, wanted.body).await?
        };
        let answer = Answer {
            status: head.status,
            headers,
            body,
        };
        Ok((answer, keep && self.buf.is_empty()))
    }

    async fn head(&mut self) -> Result<Head, DeliverError> {
        let mut scanner = Scanner::default();
        loop {
            if !self.buf.is_empty() {
                self.begun = true;
                if let Some(len) = scanner.advance(&self.buf).map_err(garbled)? {
                    if len > HEAD {
                        return Err(DeliverError::TooLarge);
                    }
                    return parse(&mut self.buf, scanner.first_line.unwrap_or(0), len);
                }
                if self.buf.len() > HEAD {
                    return Err(DeliverError::TooLarge);
                }
            }
            if self.more().await? == 0 {
                return Err(DeliverError::Cut);
            }
        }
    }

    async fn body(
        &mut self,
        framing: Framing,
        keep: bool,
        limit: usize,
    ) -> Result<(Vec<u8>, bool), DeliverError> {
        match framing {
            Framing::Length(length) => {
                let length = usize::try_from(length).map_err(|_| DeliverError::TooLarge)?;
                if length > limit {
                    return Err(DeliverError::TooLarge);
                }
                while self.buf.len() < length {
                    if self.more().await? == 0 {
                        return Err(DeliverError::Cut);
                    }
                }
                let rest = self.buf.split_off(length);
                Ok((std::mem::replace(&mut self.buf, rest), keep))
            }
            Framing::Chunked => {
                let mut chunks = Chunks::new(limit);
                let mut body = Vec::new();
                loop {
                    let (used, done) = chunks.advance(&self.buf, &mut body).map_err(garbled)?;
                    self.buf.drain(..used.min(self.buf.len()));
                    if done {
                        return Ok((body, keep));
                    }
                    if self.more().await? == 0 {
                        return Err(DeliverError::Cut);
                    }
                }
            }
            Framing::None => {
                while self.more().await? != 0 {
                    if self.buf.len() > limit {
                        return Err(DeliverError::TooLarge);
                    }
                }
                Ok((std::mem::take(&mut self.buf), false))
            }
        }
    }

    async fn more(&mut self) -> Result<usize, DeliverError> {
        if self.buf.capacity() - self.buf.len() < 1024 {
            self.buf.reserve(self.buf.len().clamp(4096, 256 << 10));
        }
        match timeout_at(self.deadline, self.stream.read_buf(&mut self.buf)).await {
            Err(_) => Err(DeliverError::Timeout),
            Ok(Err(_)) => Err(DeliverError::Cut),
            Ok(Ok(count)) => Ok(count),
        }
    }

    fn kept(
        &self,
        fields: &Fields,
        allow: &(dyn Fn(&str) -> bool + Sync),
    ) -> Vec<(Box<str>, String)> {
        let mut kept: Vec<(Box<str>, String)> = Vec::new();
        for (name, value) in fields {
            let name = grammar::text(&self.buf, *name);
            let value = grammar::text(&self.buf, *value);
            // Of a field that stands once, readers take the first or the last: it gets one value.
            let again = is_single(name) && kept.iter().any(|(known, _)| **known == *name);
            if allow(name) && !value.is_empty() && !again {
                kept.push((name.into(), value.to_owned()));
            }
        }
        kept
    }
}

/// Whether a field has one value and no list of them.
fn is_single(name: &str) -> bool {
    matches!(
        name,
        "content-type" | "retry-after" | "expires" | "etag" | "last-modified"
    )
}

fn garbled(bad: Bad) -> DeliverError {
    if bad == Bad::TooLarge {
        DeliverError::TooLarge
    } else {
        DeliverError::Garbled
    }
}

/// Reads any bytes as an answer's head: what the fuzz target `head` calls.
///
/// # Panics
/// When a promise of the grammar does not hold.
pub fn check(data: &[u8]) {
    let (mut scanner, mut buf) = (Scanner::default(), data.to_vec());
    let Ok(Some(len)) = scanner.advance(&buf) else {
        return;
    };
    if let Ok(head) = parse(&mut buf, scanner.first_line.unwrap_or(0), len) {
        assert!((100..600).contains(&head.status) && head.len == len && len <= data.len());
        for (name, value) in &head.fields {
            assert!(grammar::is_token(grammar::text(&buf, *name)));
            let value = grammar::bytes(&buf, *value);
            assert!(!value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
        }
    }
}

/// Reads `HTTP/1.1 200 OK` and the fields.
fn parse(buf: &mut [u8], first: usize, len: usize) -> Result<Head, DeliverError> {
    let line = buf.get(..first).unwrap_or(&[]);
    let (minor, rest) = match line.split_at_checked(8) {
        Some((b"HTTP/1.1", rest)) => (1, rest),
        Some((b"HTTP/1.0", rest)) => (0, rest),
        _ => return Err(DeliverError::Garbled),
    };
    let status = match rest {
        [
            b' ',
            a @ b'1'..=b'5',
            b @ b'0'..=b'9',
            c @ b'0'..=b'9',
            b' ' | b'\r',
            ..,
        ] => u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'),
        _ => return Err(DeliverError::Garbled),
    };
    let reason = rest.get(4..rest.len().saturating_sub(2)).unwrap_or(&[]);
    if reason
        .iter()
        .any(|b| (*b < b' ' && *b != b'\t') || *b == 0x7f)
    {
        return Err(DeliverError::Garbled);
    }
    let fields = grammar::fields(buf, first, len, FIELDS).map_err(garbled)?;
    let framing = grammar::framing(buf, &fields).map_err(garbled)?;
    if minor == 0 && framing == Framing::Chunked {
        return Err(DeliverError::Garbled);
    }
    let close = fields.iter().any(|(n, v)| {
        grammar::bytes(buf, *n) == b"connection"
            && grammar::text(buf, *v)
                .split(',')
                .any(|token| token.trim().eq_ignore_ascii_case("close"))
    });
    Ok(Head {
        status,
        fields,
        framing,
        keep: minor == 1 && !close,
        len,
    })
}
