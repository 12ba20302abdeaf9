//! Pure functions that unfold text: which text is folded, what stands in it, how it is folded again.
//!
//! Linear in the text. Knows no policy: what is done with what stands inside is [`super::nested`]'s.

use crate::codec::base64::{self, Alphabet, Flavour, Options};
use crate::codec::{self, Coding, form};
use crate::detect::run;

/// Shortest text that is tried as base64 or hex.
pub(super) const MIN_BASE64: usize = 12;
/// Shortest run of hex digits inside a longer text.
const MIN_HEX: usize = 16;
/// Shortest run inside a longer text.
pub(super) const MIN_RUN: usize = 12;

pub(super) fn looks_like_query(query: &str, marked: bool) -> bool {
    if memchr::memchr(b'=', query.as_bytes()).is_none() {
        return false;
    }
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

pub(super) fn has_percent(text: &str) -> bool {
    memchr::memchr(b'%', text.as_bytes()).is_some()
        && text
            .as_bytes()
            .windows(3)
            .any(|w| matches!(w, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Bytes of text that was percent-encoded as a whole.
pub(super) fn is_percent_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%+".contains(&byte)
}

/// Percent-decoding that leaves a lone `%` as it is and replaces what is not UTF-8, as readers of
/// text do.
pub(super) fn decode_percent(text: &str, mark: u8) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes
            .get(at + 1..at + 3)
            .filter(|hex| *byte == mark && hex.iter().all(u8::is_ascii_hexdigit))
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
    String::from_utf8_lossy(&plain).into_owned()
}

/// Whether every key and value decodes as a form does.
pub(super) fn is_form(query: &str) -> bool {
    let bytes = query.as_bytes();
    let mut text = String::new();
    form::pairs(bytes).all(|pair| {
        pair.is_ok_and(|pair| {
            text.clear();
            let value = pair.value.and_then(|range| bytes.get(range)).unwrap_or(&[]);
            form::decode(bytes.get(pair.key).unwrap_or(&[]), &mut text).is_ok()
                && form::decode(value, &mut text).is_ok()
        })
    })
}

/// Where runs stand in a text: seldom more than a few.
pub(super) type Runs = smallvec::SmallVec<[std::ops::Range<usize>; 4]>;

/// Maximal runs of hex digits that are long enough to be text, of even length.
pub(super) fn hex_runs(text: &str) -> Runs {
    let bytes = text.as_bytes();
    let mut runs = Runs::new();
    let mut from = 0;
    while let Some((start, end)) = run(bytes, from, MIN_HEX, |b| b.is_ascii_hexdigit()) {
        runs.push(start + (end - start) % 2..end);
        from = end;
    }
    runs
}

/// What stood in base64.
pub(super) struct Unpacked {
    pub(super) text: String,
    pub(super) coding: Option<Coding>,
    /// Whether the stream it came in may carry more than the text.
    pub(super) more: bool,
}

/// What base64 text may hold.
pub(super) enum Opened {
    /// Nothing that is known to be text.
    No,
    /// Text, or a stream of text.
    Text(Flavour, Unpacked),
    /// A compressed stream that does not decode whole: its beginning could still be read.
    Broken,
}

/// The text that base64 holds, if it holds text (or a compressed stream of text). `left` bounds
/// what streams may unpack to, over all of them, and is reduced.
pub(super) fn base64_text(text: &str, left: &mut usize) -> Opened {
    // The first groups tell nearly all that is not text apart, before anything is allocated.
    let Some(coding) = text.as_bytes().first_chunk().and_then(opens) else {
        return Opened::No;
    };
    let mut bytes = Vec::new();
    let flavour = match base64::decode(text.as_bytes(), Options::default(), &mut bytes) {
        Ok(flavour) => flavour,
        // Sloppy padding or trailing bits: lenient readers read it all the same.
        Err(_) => {
            let trimmed = text.trim_end_matches('=');
            let cut = trimmed.len() - usize::from(trimmed.len() % 4 == 1);
            bytes.clear();
            match trimmed.get(..cut).and_then(|t| lenient(t, &mut bytes)) {
                Some(flavour) => flavour,
                None => return Opened::No,
            }
        }
    };
    let mut more = false;
    if let Some(coding) = coding {
        let mut plain = Vec::new();
        if codec::decode(coding, &bytes, *left, &mut plain).is_err() {
            // What was unpacked in vain counts as well.
            *left = left.saturating_sub(bytes.len().saturating_mul(1024).min(8 << 20));
            // Two bytes mark a zlib stream, so that ids begin so by chance.
            let text = coding != Coding::Deflate || inflates_to_text(&bytes);
            return if text { Opened::Broken } else { Opened::No };
        }
        *left = left.saturating_sub(plain.len());
        more = codec::layers::may_carry_more(coding, &bytes);
        bytes = plain;
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.bytes().all(printable) => {
            Opened::Text(flavour, Unpacked { text, coding, more })
        }
        _ if coding.is_some() => Opened::Broken,
        _ => Opened::No,
    }
}

/// Whether a zlib stream that breaks off begins with text.
fn inflates_to_text(bytes: &[u8]) -> bool {
    let mut out = [0u8; 256];
    let mut state = flate2::Decompress::new(true);
    let _ = state.decompress(bytes, &mut out, flate2::FlushDecompress::None);
    let made = usize::try_from(state.total_out()).unwrap_or(0);
    let text = out.get(..made).unwrap_or(&[]);
    made >= 8 && text.iter().filter(|b| printable(**b)).count() * 10 >= made * 9
}

/// Whether a run looks like base64 of text at all: both cases of letters.
pub(super) fn mixes_cases(run: &str) -> bool {
    // Without a way out, so that the loop takes many bytes at a time.
    let (upper, lower) = run.bytes().fold((false, false), |(upper, lower), b| {
        (
            upper | b.is_ascii_uppercase(),
            lower | b.is_ascii_lowercase(),
        )
    });
    upper && lower
}

/// Whether [`legible`] may answer: told without writing anything.
pub(super) fn may_be_legible(digits: &str) -> bool {
    let mut bits = 0u32;
    let mut count = 0;
    let (mut numbers, mut marks) = (0, 0);
    for byte in digits.bytes() {
        let value = VALUES.get(usize::from(byte)).copied().unwrap_or(64);
        if value == 64 {
            return false;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            let [.., plain] = (bits >> count).to_be_bytes();
            numbers += usize::from(plain.is_ascii_digit());
            marks += usize::from(plain == b'@');
        }
    }
    numbers >= 4 || marks > 0
}

/// What can be read in the bytes that base64 stands for, whatever else is in them; `None` when
/// nothing in it could name anyone.
pub(super) fn legible(digits: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(digits.len());
    lenient(digits, &mut bytes)?;
    let zeros = bytes.iter().filter(|b| **b == 0).count();
    if zeros * 3 >= bytes.len() {
        // UTF-16 of plain text.
        bytes.retain(|b| *b != 0);
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    if digits < 4 && !bytes.contains(&b'@') {
        return None;
    }
    for byte in &mut bytes {
        if !printable(*byte) || *byte >= 0x80 {
            *byte = b' ';
        }
    }
    String::from_utf8(bytes).ok()
}

/// The value of each base64 character of either alphabet; 64 for others.
#[expect(clippy::indexing_slicing, reason = "checked by the compiler")]
static VALUES: [u8; 256] = {
    let mut table = [64; 256];
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0u8;
    while at < 64 {
        table[digits[at as usize] as usize] = at;
        at += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

/// What base64 that begins like this may hold: a compressed stream, or text (`Some(None)`).
#[inline]
fn opens(start: &[u8; MIN_BASE64]) -> Option<Option<Coding>> {
    // Two bytes are enough to tell most ids.
    let value = |b: u8| VALUES.get(usize::from(b)).copied().unwrap_or(64);
    let [a, b, c, ..] = *start;
    let (a, b, c) = (value(a), value(b), value(c));
    let (first, second) = (a << 2 | b >> 4, b << 4 | c >> 2);
    let text = printable(first) && matches!(first, ..0x80 | 0xc2..0xf5);
    let follows = (first < 0x80) != matches!(second, 0x80..0xc0);
    let stream = matches!((first, second), (0x1f, 0x8b) | (0x28, 0xb5) | (0x78, _));
    if (a | b | c) >= 64 || !(text && follows || stream) {
        return None;
    }
    opens_in_full(start)
}

#[inline(never)]
fn opens_in_full(start: &[u8; MIN_BASE64]) -> Option<Option<Coding>> {
    let head = head_of(start)?;
    match &head[..] {
        [0x1f, 0x8b, 8, ..] => return Some(Some(Coding::Gzip)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Some(Some(Coding::Zstd)),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => return Some(Some(Coding::Deflate)),
        _ if !head.iter().all(|b| printable(*b)) => return None,
        _ => {}
    }
    match std::str::from_utf8(&head) {
        Ok(_) => Some(None),
        // A character may go on behind the head.
        Err(error) => error.error_len().is_none().then_some(None),
    }
}

/// Whether a text, read from its end, may be base64.
pub(super) fn opens_reversed(text: &str) -> bool {
    text.as_bytes()
        .last_chunk::<MIN_BASE64>()
        .is_some_and(|end| {
            let mut start = *end;
            start.reverse();
            opens(&start).is_some()
        })
}

/// Whether base64 that is broken over lines may begin like this.
pub(super) fn opens_joined(text: &str) -> bool {
    let mut start = [0; MIN_BASE64];
    let mut bytes = text.bytes().filter(|b| !b.is_ascii_whitespace());
    start
        .iter_mut()
        .all(|slot| bytes.next().map(|b| *slot = b).is_some())
        && opens(&start).is_some()
}

/// Whether an id of hexadecimal digits (see [`crate::detect::form`]) may be text in some encoding.
pub(super) fn may_unfold(id: &str) -> bool {
    let bytes = id.as_bytes();
    let opens_at = |at: usize| {
        let start = bytes.get(at..).and_then(|tail| tail.first_chunk());
        start.is_some_and(|start| opens(start).is_some())
    };
    // At least where `run_starts` says that base64 may begin; other runs of hex digits are too short.
    let mut marks = memchr::memchr2_iter(b'-', b'_', bytes);
    let digits = memchr::memrchr2(b'-', b'_', bytes).map_or(0, |mark| mark + 1);
    let digits = digits + (bytes.len() - digits) % 2;
    (0..4).any(opens_at)
        || marks.any(|mark| opens_at(mark + 1))
        || opens_reversed(id)
        || mixes_cases(id)
        || id.get(digits..).and_then(hex_text).is_some()
}

/// The same of an id whose digits begin at `digits` (see [`crate::detect::hex_id`]), in less time.
pub(super) fn hex_may_unfold(id: &str, digits: usize) -> bool {
    let bytes = id.as_bytes();
    let opens_at = |at: usize| {
        let start = bytes.get(at..).and_then(|tail| tail.first_chunk());
        start.is_some_and(|start| opens(start).is_some())
    };
    let words = bytes.get(..digits).unwrap_or(bytes).iter();
    let even = digits + bytes.len().saturating_sub(digits) % 2;
    (0..4).any(opens_at)
        || words.clone().any(|b| b.is_ascii_uppercase())
        || words
            .enumerate()
            .any(|(at, b)| matches!(b, b'-' | b'_') && opens_at(at + 1))
        || opens_reversed(id)
        || id.get(even..).and_then(hex_text).is_some()
}

/// The first nine bytes that base64 stands for.
fn head_of(start: &[u8; MIN_BASE64]) -> Option<[u8; 9]> {
    let mut head = [0; 9];
    for (group, out) in start.chunks_exact(4).zip(head.chunks_exact_mut(3)) {
        let mut bits = 0;
        for byte in group {
            let value = VALUES.get(usize::from(*byte)).copied().unwrap_or(64);
            if value == 64 {
                return None;
            }
            bits = bits << 6 | u32::from(value);
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.copy_from_slice(&bytes);
    }
    Some(head)
}

/// Decodes whole groups of either alphabet, ignoring trailing bits.
pub(super) fn lenient(digits: &str, out: &mut Vec<u8>) -> Option<Flavour> {
    let mut bits = 0u32;
    let mut count = 0;
    let mut url = false;
    for byte in digits.bytes() {
        url |= matches!(byte, b'-' | b'_');
        let value = VALUES.get(usize::from(byte)).copied().unwrap_or(64);
        if value == 64 {
            return None;
        }
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

pub(super) fn pack_base64(flavour: Flavour, coding: Option<Coding>, text: &str) -> String {
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

pub(super) fn printable(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r')
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte == b'='
        || VALUES
            .get(usize::from(byte))
            .is_some_and(|value| *value < 64)
}

/// Maximal runs of base64 characters that are long enough.
pub(super) fn base64_runs(text: &str) -> Runs {
    let bytes = text.as_bytes();
    let mut runs = Runs::new();
    let mut from = 0;
    while let Some((start, end)) = run(bytes, from, MIN_RUN, is_base64) {
        runs.push(start..end);
        from = end;
    }
    runs
}

/// Where base64 may begin in a run: at its start, behind its separators, after a glued letter or
/// three. Bounded, so that the cost stays linear.
pub(super) fn run_starts(run: &str) -> impl Iterator<Item = usize> {
    let head = run.as_bytes().get(..run.len().min(64)).unwrap_or(&[]);
    let separators: smallvec::SmallVec<[usize; 8]> = head
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

pub(super) fn hex_text(text: &str) -> Option<String> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    };
    let bytes = || {
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        pairs.iter().map(move |[high, low]| {
            let byte = nibble(*high)? << 4 | nibble(*low)?;
            printable(byte).then_some(byte)
        })
    };
    // Few hex digits stand for text, so that it is worth while to look before writing.
    if bytes().any(|byte| byte.is_none()) {
        return None;
    }
    String::from_utf8(bytes().flatten().collect()).ok()
}

pub(super) fn to_hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::Strategy;

    #[test]
    fn queries_are_told_from_prose_and_base64() {
        assert!(looks_like_query("a=b&c=d", false) && looks_like_query("email=x%40y", false));
        for text in ["abc==", "a = b", "1+1=2 is true", "hello", "=x", "a=b&c"] {
            assert!(!looks_like_query(text, false), "{text}");
        }
    }

    #[test]
    fn base64_of_text_is_told_from_ids() {
        let text = |t: &str| match base64_text(t, &mut (1 << 20)) {
            Opened::Text(_, unpacked) => Some(unpacked.text),
            Opened::No | Opened::Broken => None,
        };
        assert!(text("amFuZUBleGFtcGxlLmNvbQ==").is_some());
        assert!(text("amFuZUBleGFtcGxlLmNvbQ").is_some());
        for id in [
            "0tf1umbsiyge75fk",
            "internationalization",
            "1ab70ken0123456789abcdef01234567",
        ] {
            assert!(text(id).is_none(), "{id}");
        }
        assert_eq!(
            hex_text("6a616e65406578616d706c652e636f6d").as_deref(),
            Some("jane@example.com")
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]
        #[test]
        fn what_opens_is_what_decodes_to_text(
            text in proptest::prop_oneof![
                "[0-9a-f]{12,40}", "[A-Za-z0-9+/]{12,40}", "(H4sI|eJ|KLUv)[A-Za-z0-9+/]{9,20}",
                "[ -~éß漢🙂]{9,20}".prop_map(|plain| pack_base64(STANDARD, None, &plain)),
            ]
        ) {
            let mut plain = Vec::new();
            let whole = text.get(..text.len() / 4 * 4).unwrap_or("");
            if lenient(whole, &mut plain).is_none() {
                return Ok(());
            }
            let text = std::str::from_utf8(&plain).is_ok_and(|text| text.bytes().all(printable));
            let opened = whole.as_bytes().first_chunk().and_then(opens);
            // All that is text opens; what opens as no stream begins with text.
            proptest::prop_assert!(!text || opened.is_some(), "{}", whole);
            if opened == Some(None) {
                let head = plain.get(..9).unwrap_or(&[]);
                let begins = match std::str::from_utf8(head) {
                    Ok(_) => true,
                    Err(error) => error.error_len().is_none(),
                };
                proptest::prop_assert!(begins && head.iter().all(|b| printable(*b)), "{}", whole);
            }
        }

        #[test]
        fn ids_that_may_not_unfold_do_not(id in "([a-zA-Z]{1,4}[-_])?([a-z]{1,6}[-_]|[a-f]{1,14}[-_]){0,2}[0-9a-f]{25,40}|(61|62|20|40|2e|6f|30){13,20}|[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}") {
            if let Some(digits) = crate::detect::hex_id(id.as_bytes()) {
                proptest::prop_assert_eq!(hex_may_unfold(&id, digits), may_unfold(&id), "{}", id);
            }
            if crate::detect::form(id.as_bytes()).is_some() && !may_unfold(&id) {
                let left = &mut (1 << 20);
                for at in run_starts(&id).chain([0]) {
                    let opened = base64_text(id.get(at..).unwrap_or(""), left);
                    proptest::prop_assert!(matches!(opened, Opened::No), "{} {}", id, at);
                }
                for run in hex_runs(&id) {
                    let text = id.get(run).and_then(hex_text);
                    proptest::prop_assert!(text.is_none(), "{}", id);
                }
            }
        }
    }

    const STANDARD: Flavour = Flavour {
        alphabet: Alphabet::Standard,
        padded: true,
    };

    #[test]
    fn what_is_legible_may_be() {
        for text in [
            "amFuZUBleGFtcGxlLmNvbQ",
            "NDExMTExMTExMTEx",
            "internationalization",
            "AppleWebKit/537",
            "a.b",
        ] {
            assert!(legible(text).is_none() || may_be_legible(text), "{text}");
            assert_eq!(legible(text).is_some(), may_be_legible(text), "{text}");
        }
    }
}
