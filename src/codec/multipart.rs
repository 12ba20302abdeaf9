//! `multipart/form-data` (RFC 7578): parts between boundaries, each with headers and bytes.
//!
//! Strict where readers differ: no text before the first boundary or behind the last one, no folded
//! or doubled headers, no escapes in names, no encoded file names, no transfer encoding that changes
//! bytes, no delimiter that goes on after the boundary. Knows no HTTP: the boundary is told.

use std::ops::Range;

use super::{DecodeError, DecodeErrorKind};

const LAYER: &str = "multipart";

/// One part, as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part<'a> {
    /// The field's name, as written between the quotes.
    pub name: &'a str,
    /// The file's name; a part that has one is a file.
    pub filename: Option<&'a str>,
    /// The media type, if one is given.
    pub content_type: Option<&'a str>,
    /// Whether there are headers that nobody needs; they must not leave.
    pub extra: bool,
    /// Headers and content, without the delimiters around.
    pub whole: Range<usize>,
    /// The content.
    pub content: Range<usize>,
}

/// Whether a text can be a boundary: 1 to 70 characters that need no escape.
#[must_use]
pub fn is_boundary(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
    (1..=70).contains(&text.len()) && text.bytes().all(fits)
}

/// The parts, in order. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    input: &'a [u8],
    delimiter: Vec<u8>,
    /// Behind the delimiter of the next part; `None` at the end.
    at: Option<usize>,
}

/// The parts of a body with this boundary.
///
/// # Errors
/// [`DecodeError`] when the body does not begin with the boundary.
pub fn parts<'a>(input: &'a [u8], boundary: &str) -> Result<Parts<'a>, DecodeError> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let first = delimiter.get(2..).unwrap_or_default();
    if !is_boundary(boundary) || !input.starts_with(first) {
        return Err(DecodeError::new(DecodeErrorKind::Syntax, LAYER, 0));
    }
    let at = after(input, first.len())?;
    Ok(Parts {
        input,
        delimiter,
        at,
    })
}

/// Behind a delimiter: a line break and the next part, or the end.
fn after(input: &[u8], at: usize) -> Result<Option<usize>, DecodeError> {
    match input.get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => Ok(Some(at + 2)),
        b"--" | b"--\r\n" => Ok(None),
        [b'-', b'-', ..] => Err(DecodeError::new(DecodeErrorKind::Trailing, LAYER, at)),
        [] => Err(DecodeError::new(DecodeErrorKind::Truncated, LAYER, at)),
        _ => Err(DecodeError::new(DecodeErrorKind::Syntax, LAYER, at)),
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at.take()?;
        Some(self.part(start))
    }
}

impl<'a> Parts<'a> {
    fn part(&mut self, start: usize) -> Result<Part<'a>, DecodeError> {
        let error = |kind, at| DecodeError::new(kind, LAYER, at);
        let rest = self.input.get(start..).unwrap_or_default();
        // A part without headers begins with the empty line; it has no name.
        let head = memchr::memmem::find(rest, b"\r\n\r\n")
            .ok_or_else(|| error(DecodeErrorKind::Truncated, start))?;
        let content = start + head + 4;
        let body = self.input.get(content - 2..).unwrap_or_default();
        // The line break before the delimiter may be the one behind the headers.
        let end = memchr::memmem::find(body, &self.delimiter)
            .ok_or_else(|| error(DecodeErrorKind::Truncated, content))?;
        let delimiter = content - 2 + end;
        if delimiter < content {
            return Err(error(DecodeErrorKind::Syntax, content));
        }
        let head = rest.get(..head).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| error(DecodeErrorKind::Utf8, start))?;
        let length = delimiter - content;
        let mut part = read_head(head, length).ok_or(error(DecodeErrorKind::Syntax, start))?;
        part.whole = start..delimiter;
        part.content = content..delimiter;
        self.at = after(self.input, delimiter + self.delimiter.len())?;
        Ok(part)
    }
}

/// The headers of a part; `None` when two readers could read them differently.
fn read_head(head: &str, length: usize) -> Option<Part<'_>> {
    let mut disposition = None;
    let mut content_type = None;
    let mut extra = false;
    for line in head.split("\r\n") {
        if line.bytes().any(|b| b < b' ' || b == 0x7f) {
            return None;
        }
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches(' ');
        let is = |want: &str| name.eq_ignore_ascii_case(want);
        if is("content-disposition") {
            if disposition.replace(value).is_some() {
                return None;
            }
        } else if is("content-type") {
            if content_type.replace(value).is_some() {
                return None;
            }
        } else if is("content-transfer-encoding") {
            let plain = ["7bit", "8bit", "binary"];
            if !plain.iter().any(|p| value.eq_ignore_ascii_case(p)) {
                return None;
            }
            extra = true;
        } else if is("content-length") {
            if value.parse() != Ok(length) {
                return None;
            }
            extra = true;
        } else if name.is_empty() || name.contains([' ', '"']) {
            return None;
        } else {
            extra = true;
        }
    }
    let (name, filename) = read_disposition(disposition?)?;
    Some(Part {
        name,
        filename,
        content_type,
        extra,
        whole: 0..0,
        content: 0..0,
    })
}

/// `form-data; name="x"; filename="y"`.
fn read_disposition(value: &str) -> Option<(&str, Option<&str>)> {
    let mut rest = value.strip_prefix("form-data")?;
    let (mut name, mut filename) = (None, None);
    while !rest.is_empty() {
        let parameter = rest.trim_start_matches(' ').strip_prefix(';')?;
        let (key, tail) = parameter.trim_start_matches(' ').split_once('=')?;
        let (text, after) = match tail.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => tail.split_at(tail.find(';').unwrap_or(tail.len())),
        };
        if text.contains('\\') || (!tail.starts_with('"') && text.contains([' ', '"'])) {
            return None;
        }
        let slot = match key {
            "name" => &mut name,
            "filename" => &mut filename,
            _ => return None,
        };
        if slot.replace(text).is_some() {
            return None;
        }
        rest = after;
    }
    Some((name?, filename))
}

/// Appends the delimiter before a part.
pub fn write_delimiter(boundary: &str, out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends the headers of a part.
pub fn write_head(
    name: &str,
    filename: Option<&str>,
    content_type: Option<&str>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"Content-Disposition: form-data; name=\"");
    write_quoted(name, out);
    out.push(b'"');
    if let Some(filename) = filename {
        out.extend_from_slice(b"; filename=\"");
        write_quoted(filename, out);
        out.push(b'"');
    }
    if let Some(content_type) = content_type {
        out.extend_from_slice(b"\r\nContent-Type: ");
        out.extend_from_slice(content_type.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// Appends the end.
pub fn write_end(boundary: &str, out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"--\r\n");
}

/// Whether a content would be cut by this boundary.
#[must_use]
pub fn clashes(content: &[u8], boundary: &str) -> bool {
    memchr::memmem::find(content, format!("--{boundary}").as_bytes()).is_some()
}

/// As browsers write names: what would end the quotes or the line is percent-encoded.
fn write_quoted(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"%22"),
            b'\\' => out.extend_from_slice(b"%5C"),
            0..b' ' | 0x7f => out.push(b' '),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(input: &str) -> Result<Vec<(String, Option<String>, String)>, DecodeErrorKind> {
        let parts = parts(input.as_bytes(), "b").map_err(|e| e.kind)?;
        parts
            .map(|part| {
                let part = part.map_err(|e| e.kind)?;
                let content = input[part.content].to_owned();
                Ok((part.name.into(), part.filename.map(Into::into), content))
            })
            .collect()
    }

    const HEAD: &str = "Content-Disposition: form-data; name=\"a\"";

    #[test]
    fn parts_are_names_files_and_bytes() {
        let body = format!(
            "--b\r\n{HEAD}\r\n\r\n1\r\n--b\r\n{HEAD}; filename=\"f.json\"\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--\r\n--b\r\n\
             content-disposition: form-data; name=c\r\nContent-Length: 0\r\n\r\n\r\n--b--\r\n"
        );
        let got = read(&body).unwrap();
        let want = [
            ("a", None, "1"),
            ("a", Some("f.json"), "{}\r\n--"),
            ("c", None, ""),
        ];
        let want = want.map(|(n, f, c): (&str, Option<&str>, &str)| {
            (n.to_owned(), f.map(str::to_owned), c.to_owned())
        });
        assert_eq!(got, want);
        assert_eq!(read("--b--"), Ok(vec![]));
    }

    #[test]
    fn what_two_readers_read_differently_is_refused() {
        for bad in [
            String::new(),
            "--c--".into(),
            format!("preamble\r\n--b\r\n{HEAD}\r\n\r\n1\r\n--b--"),
            format!("--b\r\n{HEAD}\r\n\r\n1\r\n--b--\r\nepilogue"),
            format!("--b\r\n{HEAD}\r\n\r\n1"),
            format!("--b\r\n{HEAD}\r\n\r\n1\r\n--bb\r\n--b--"),
            format!("--b \r\n{HEAD}\r\n\r\n1\r\n--b--"),
            format!("--b\r\n{HEAD}\r\n\r\n--b--"),
            format!("--b\r\n{HEAD}\r\n{HEAD}\r\n\r\n1\r\n--b--"),
            format!("--b\r\n{HEAD}\r\n folded\r\n\r\n1\r\n--b--"),
            format!("--b\r\n{HEAD}; name=\"x\"\r\n\r\n1\r\n--b--"),
            format!("--b\r\n{HEAD}; filename*=utf-8''x\r\n\r\n1\r\n--b--"),
            format!("--b\r\n{HEAD}; filename=\"a\\\"b\"\r\n\r\n1\r\n--b--"),
            format!("--b\r\n{HEAD}\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--b--"),
            format!("--b\r\n{HEAD}\r\nContent-Length: 7\r\n\r\n1\r\n--b--"),
            "--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--".into(),
            "--b\r\n\r\n1\r\n--b--".into(),
        ] {
            assert!(read(&bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            fields in proptest::collection::vec(("[a-z\"\\[\\]]{1,8}", "\\PC{0,20}"), 0..5),
        ) {
            let mut out = Vec::new();
            for (name, value) in &fields {
                write_delimiter("b", &mut out);
                write_head(name, None, None, &mut out);
                out.extend_from_slice(value.as_bytes());
            }
            write_end("b", &mut out);
            prop_assume!(fields.iter().all(|(_, value)| !clashes(value.as_bytes(), "b")));
            let got = read(&String::from_utf8(out).unwrap()).unwrap();
            prop_assert_eq!(got.len(), fields.len());
            for (got, (name, value)) in got.iter().zip(&fields) {
                prop_assert_eq!(&got.0, &name.replace('"', "%22"));
                prop_assert_eq!(&got.2, value);
            }
        }

        #[test]
        fn noise_never_panics(input in "(--b|\r\n|Content-Disposition: form-data; name=|\"|a|;|-){0,30}") {
            let _ = read(&input);
        }
    }
}
