//! Envelopes: a line of headers, then items, each a line of headers and a payload of bytes.
//!
//! Only the framing: lines, and payloads by explicit length or up to the next line break. What the
//! headers say (they are JSON) is the caller's to read. A payload of explicit length must end at a
//! line break or at the end; a length that reaches further is refused, so that no two readers cut
//! the same bytes differently.

use std::ops::Range;

use super::{DecodeError, DecodeErrorKind};

const LAYER: &str = "envelope";

/// The line that begins at `at`, without its line break.
#[must_use]
pub fn line(input: &[u8], at: usize) -> Range<usize> {
    let rest = input.get(at..).unwrap_or_default();
    at..at + memchr::memchr(b'\n', rest).unwrap_or(rest.len())
}

/// Where the next item begins at or behind `at`; `None` at the end. Line breaks between items and
/// after the last one mean nothing.
#[must_use]
pub fn next_item(input: &[u8], at: usize) -> Option<usize> {
    let rest = input.get(at..)?;
    let blank = rest.iter().take_while(|b| **b == b'\n').count();
    (blank < rest.len()).then_some(at + blank)
}

/// The payload behind the header line that ends at `header_end`, by its length or up to the next
/// line break.
///
/// # Errors
/// [`DecodeError`] when the length reaches beyond the input, or the payload does not end at a line
/// break.
pub fn payload(
    input: &[u8],
    header_end: usize,
    length: Option<usize>,
) -> Result<Range<usize>, DecodeError> {
    let start = header_end.saturating_add(1).min(input.len());
    let Some(length) = length else {
        return Ok(line(input, start));
    };
    let end = start.checked_add(length).filter(|end| *end <= input.len());
    let Some(end) = end else {
        return Err(DecodeError::new(DecodeErrorKind::Truncated, LAYER, start));
    };
    match input.get(end) {
        None | Some(b'\n') => Ok(start..end),
        Some(_) => Err(DecodeError::new(DecodeErrorKind::Shape, LAYER, end)),
    }
}

/// Appends an item behind what was written: its header line and its payload.
pub fn write_item(header: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    out.push(b'\n');
    out.extend_from_slice(header);
    out.push(b'\n');
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Headers and payloads; a header that is a number is a length.
    type Read<'a> = Vec<(&'a [u8], &'a [u8])>;

    fn read(input: &[u8]) -> Result<Read<'_>, DecodeErrorKind> {
        let head = line(input, 0);
        let (mut items, mut at) = (vec![(&input[head.clone()], &b""[..])], head.end);
        while let Some(start) = next_item(input, at) {
            let header = line(input, start);
            let text = std::str::from_utf8(&input[header.clone()]).unwrap_or("");
            let body = payload(input, header.end, text.parse().ok()).map_err(|e| e.kind)?;
            at = body.end;
            items.push((&input[header], &input[body]));
        }
        Ok(items)
    }

    #[test]
    fn payloads_end_at_a_line_break_or_where_their_length_says() {
        let items = read(b"h\ni\npayload\n5\na\nb\nc\n\nj\n").unwrap();
        let want: [(&[u8], &[u8]); 4] = [
            (b"h", b""),
            (b"i", b"payload"),
            (b"5", b"a\nb\nc"),
            (b"j", b""),
        ];
        assert_eq!(items, want);
        assert_eq!(read(b"h").unwrap().len(), 1);
        assert_eq!(read(b"h\n0\n\n0\n").unwrap().len(), 3);
    }

    #[test]
    fn a_length_that_two_readers_would_cut_differently_is_refused() {
        assert_eq!(read(b"h\n3\nabcd"), Err(DecodeErrorKind::Shape));
        assert_eq!(read(b"h\n5\nabcd"), Err(DecodeErrorKind::Truncated));
        assert_eq!(
            read(b"h\n18446744073709551615\nabcd"),
            Err(DecodeErrorKind::Truncated)
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6),
        ) {
            let mut out = b"h".to_vec();
            for payload in &payloads {
                write_item(payload.len().to_string().as_bytes(), payload, &mut out);
            }
            let items = read(&out).unwrap();
            prop_assert_eq!(items.len(), payloads.len() + 1);
            for (item, payload) in items.iter().skip(1).zip(&payloads) {
                prop_assert_eq!(item.1, &payload[..]);
            }
        }

        #[test]
        fn noise_never_panics_and_ranges_are_in_order(input in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&input);
        }
    }
}
