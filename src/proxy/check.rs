//! What the fuzz target `head` holds the grammar of heads and chunks to, for any bytes: nothing
//! panics, a head has one reading however its bytes come in, and what it says of itself is in it.

use super::head::{self, Form, Head, Target};
use super::reply::Problem;
use crate::config::Limits;
use crate::deliver::grammar::{Chunks, Framing, Scanner};

/// Reads bytes as a request's head at the gateway and at the forward proxy, whole and in pieces, and
/// what follows as chunks.
///
/// # Panics
/// When a promise does not hold.
pub fn request_head(data: &[u8]) {
    for form in [Form::Origin, Form::Proxy] {
        let whole = read(data, data.len().max(1), form);
        for piece in [1, 7] {
            let parts = read(data, piece, form);
            match (&whole, &parts) {
                (Ok(whole), Ok(parts)) => assert_eq!(said(whole, data), said(parts, data)),
                (Err(_), Err(_)) => {}
                // What is too long may be told before it is whole, and what is wrong behind it not.
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("pieces are read otherwise"),
            }
        }
        if let Ok(Some((head, buf))) = &whole {
            sound(head, buf, form);
        }
    }
    chunks(data);
}

type Read = Result<Option<(Head, Vec<u8>)>, Problem>;

fn read(data: &[u8], piece: usize, form: Form) -> Read {
    let limits = Limits::default();
    let (mut scanner, mut buf) = (Scanner::default(), Vec::new());
    for part in data.chunks(piece) {
        buf.extend_from_slice(part);
        if let Some(head) = head::read(&mut scanner, &mut buf, &limits, form)? {
            return Ok(Some((head, buf)));
        }
    }
    Ok(None)
}

fn said(read: &Option<(Head, Vec<u8>)>, data: &[u8]) -> Option<String> {
    let (head, buf) = read.as_ref()?;
    assert!(head.len <= data.len());
    let headers = head.headers(buf);
    let seen = head.seen(buf, &headers);
    let target = (head.target, head.authority(buf), head.host_field(buf));
    let ends = (head.keep_alive, head.expects, head.len, head.framing);
    let line = (seen.method, seen.path, seen.query, seen.host);
    Some(format!("{line:?} {target:?} {ends:?} {headers:?}"))
}

/// Nothing that a next reader could take for something else.
fn sound(head: &Head, buf: &[u8], form: Form) {
    let headers = head.headers(buf);
    let seen = head.seen(buf, &headers);
    let visible = |text: &str| text.bytes().all(|b| (0x21..0x7f).contains(&b));
    assert!(!seen.method.is_empty() && visible(seen.method) && visible(seen.path));
    assert!(seen.query.is_none_or(visible) && visible(seen.host));
    assert!(head.target == Target::Connect || seen.path.starts_with('/'));
    assert!((head.target == Target::Origin) == (form == Form::Origin));
    assert!(
        buf.get(..head.len)
            .is_some_and(|head| head.ends_with(b"\r\n\r\n"))
    );
    let count = |name: &str| headers.iter().filter(|(n, _)| *n == name).count();
    assert!(count("host") <= 1);
    match head.framing {
        Framing::None => assert_eq!(count("content-length") + count("transfer-encoding"), 0),
        Framing::Length(_) => {
            assert_eq!(
                (count("content-length"), count("transfer-encoding")),
                (1, 0)
            );
        }
        Framing::Chunked => {
            assert_eq!(
                (count("content-length"), count("transfer-encoding")),
                (0, 1)
            );
        }
    }
    for (name, value) in &headers {
        assert!(!name.is_empty() && visible(name) && !name.contains(':'));
        assert!(!value.contains(['\r', '\n', '\0']));
    }
}

/// A chunked body is the same however it is cut.
fn chunks(data: &[u8]) {
    let read = |piece: usize| {
        let (mut chunks, mut out, mut buf) = (Chunks::new(1 << 16), Vec::new(), Vec::new());
        for part in data.chunks(piece) {
            buf.extend_from_slice(part);
            match chunks.advance(&buf, &mut out) {
                Err(_) => return None,
                Ok((used, done)) => {
                    assert!(used <= buf.len());
                    buf.drain(..used);
                    if done {
                        return Some(out);
                    }
                }
            }
        }
        None
    };
    assert_eq!(read(data.len().max(1)), read(1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_head_and_chunks() {
        request_head(b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        request_head(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n");
        request_head(b"5\r\nhello\r\n0\r\n\r\n");
        request_head(b"");
    }

    proptest! {
        #[test]
        fn pieces_of_heads(text in "((GET|POST|CONNECT|X) (/|http://a|a:443|\\*)[a-z?#%]{0,4} HTTP/1.[01]\r\n|[Hh]ost: ?a?\r\n|content-length: ?[0-9]{0,2}\r\n|transfer-encoding: (chunked|gzip)\r\n|x:[a-z\t ]{0,3}\r?\n|\r\n|[0-9a-f];?[a-z]{0,2}\r\n|\\PC|\0){0,12}") {
            request_head(text.as_bytes());
        }
    }
}
