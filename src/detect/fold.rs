//! Folding of disguised text: full-width and compatibility forms, invisible characters, HTML
//! entities, `\u` and `%` escapes become what they stand for, each byte with the range it came from.
//!
//! Invariant: a folded byte's range lies on character boundaries of the original, ranges are in
//! order. Linear. Knows no entity.

use unicode_normalization::UnicodeNormalization;

use super::block::{Block, find};
use super::bytes::at;

/// A folded copy with the way back.
pub(super) struct Folded {
    /// The text as a lenient reader would see it.
    pub(super) text: String,
    origin: Vec<(usize, usize)>,
}

impl Folded {
    /// The original range of a range of the folded text.
    pub(super) fn unfold(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let first = self.origin.get(start)?;
        let last = self.origin.get(end.checked_sub(1)?)?;
        Some((first.0, last.1))
    }

    fn push_plain(&mut self, text: &str, start: usize, end: usize) {
        let Some(plain) = text.get(start..end) else {
            return;
        };
        self.text.push_str(plain);
        if plain.is_ascii() {
            self.origin.extend((start..end).map(|i| (i, i + 1)));
        } else {
            for (i, c) in plain.char_indices() {
                let from = start + i;
                let whole = (from, from + c.len_utf8());
                self.origin.extend(std::iter::repeat_n(whole, c.len_utf8()));
            }
        }
    }

    fn push(&mut self, c: char, start: usize, end: usize) {
        self.text.push(c);
        for _ in 0..c.len_utf8() {
            self.origin.push((start, end));
        }
    }
}

/// The folded copy; `None` when nothing is disguised.
pub(super) fn fold(text: &str) -> Option<Folded> {
    let first = first_disguise(text)?;
    let mut out = Folded {
        text: String::with_capacity(text.len()),
        origin: Vec::with_capacity(text.len()),
    };
    let mut i = 0;
    let mut changed = false;
    while i < text.len() {
        // What is plain is taken as it is, up to where something may be disguised.
        let next = find(text.as_bytes(), i.max(first), Block::foldable).unwrap_or(text.len());
        out.push_plain(text, i, next);
        i = next;
        let Some(c) = text.get(i..).and_then(|rest| rest.chars().next()) else {
            break;
        };
        let next = i + c.len_utf8();
        if let Some((decoded, end)) = escape(text, i, c) {
            out.push(decoded, i, end);
            changed = true;
            i = end;
            continue;
        }
        if c.is_ascii() {
            out.push(c, i, next);
        } else if is_invisible(c) {
            changed = true;
        } else if let Some(plain) = plain(c) {
            out.push(plain, i, next);
            changed = true;
        } else if is_compatible(c) {
            for folded in std::iter::once(c).nfkc() {
                out.push(folded, i, next);
            }
            changed = true;
        } else {
            out.push(c, i, next);
        }
        i = next;
    }
    changed.then_some(out)
}

fn first_disguise(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = find(text.as_bytes(), from, Block::foldable) {
        let c = text.get(at..)?.chars().next()?;
        if is_disguise(text, at, c) {
            return Some(at);
        }
        from = at + c.len_utf8();
    }
    None
}

fn is_disguise(text: &str, i: usize, c: char) -> bool {
    match c {
        '%' | '\\' | '&' => escape(text, i, c).is_some(),
        _ => !c.is_ascii() && (is_invisible(c) || plain(c).is_some() || is_compatible(c)),
    }
}

/// Characters that show nothing: zero-width, direction marks, soft hyphen, variation selectors.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Blanks, dashes and digits of other scripts as their ASCII forms.
fn plain(c: char) -> Option<char> {
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Some(' ')
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        '\u{3002}' | '\u{ff61}' | '\u{2024}' => Some('.'),
        _ => {
            const ZEROS: [u32; 12] = [
                0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xe50, 0xed0, 0xf20, 0x1040,
            ];
            let code = u32::from(c);
            let zero = ZEROS
                .iter()
                .find(|zero| (**zero..**zero + 10).contains(&code))?;
            char::from_digit(code - zero, 10)
        }
    }
}

/// Blocks whose characters NFKC turns into plain letters, digits and signs.
fn is_compatible(c: char) -> bool {
    matches!(c, '\u{2070}'..='\u{209c}' | '\u{2460}'..='\u{24ff}' | '\u{fb00}'..='\u{fb06}'
        | '\u{fe50}'..='\u{fe6b}' | '\u{ff00}'..='\u{ffef}' | '\u{1d400}'..='\u{1d7ff}'
        | '\u{1f100}'..='\u{1f10a}')
}

/// The character that an escape starting at `i` stands for, and its end. Only printable ASCII
/// counts: what else is escaped hides no recogniser's mark.
fn escape(text: &str, i: usize, c: char) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let (code, end) = match c {
        // What JavaScript's `escape` writes.
        '%' if at(bytes, i + 1) == b'u' => (hex(bytes, i + 2, 4)?, i + 6),
        '%' => percent(bytes, i)?,
        '\\' => match at(bytes, i + 1) {
            b'u' => (hex(bytes, i + 2, 4)?, i + 6),
            b'x' => (hex(bytes, i + 2, 2)?, i + 4),
            _ => return None,
        },
        '&' => entity(bytes, i + 1)?,
        _ => return None,
    };
    let decoded = char::from_u32(code)?;
    (decoded.is_ascii_graphic() || decoded == ' ').then_some((decoded, end))
}

/// `%40`, and `%2540` or `%252540` where a URL was put into another.
fn percent(bytes: &[u8], from: usize) -> Option<(u32, usize)> {
    const DEEPEST: usize = 3;
    let (mut code, mut end) = (hex(bytes, from + 1, 2)?, from + 3);
    for _ in 0..DEEPEST {
        let Some(inner) = hex(bytes, end, 2)
            .filter(|inner| code == u32::from(b'%') && (0x20..0x7f).contains(inner))
        else {
            break;
        };
        (code, end) = (inner, end + 2);
    }
    Some((code, end))
}

fn hex(bytes: &[u8], from: usize, len: usize) -> Option<u32> {
    let digits = bytes.get(from..from + len)?;
    digits
        .iter()
        .try_fold(0, |n, b| Some(n * 16 + char::from(*b).to_digit(16)?))
}

fn entity(bytes: &[u8], from: usize) -> Option<(u32, usize)> {
    if at(bytes, from) != b'#' {
        const NAMED: [(&[u8], char); 9] = [
            (b"commat;", '@'),
            (b"period;", '.'),
            (b"colon;", ':'),
            (b"plus;", '+'),
            (b"amp;", '&'),
            (b"lt;", '<'),
            (b"gt;", '>'),
            (b"quot;", '"'),
            (b"sol;", '/'),
        ];
        let rest = bytes.get(from..)?;
        let (name, c) = NAMED.iter().find(|(name, _)| rest.starts_with(name))?;
        return Some((u32::from(*c), from + name.len()));
    }
    let (radix, start) = if at(bytes, from + 1) | 0x20 == b'x' {
        (16, from + 2)
    } else {
        (10, from + 1)
    };
    let mut end = start;
    let mut code: u32 = 0;
    while end < start + 8
        && let Some(digit) = char::from(at(bytes, end)).to_digit(radix)
    {
        code = code.checked_mul(radix)?.checked_add(digit)?;
        end += 1;
    }
    (end > start).then(|| (code, if at(bytes, end) == b';' { end + 1 } else { end }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_fold_and_map_back() {
        for (text, plain) in [
            ("a%40b.de", "a@b.de"),
            ("a%2540b.de", "a@b.de"),
            ("a%252540b.de", "a@b.de"),
            ("a&#64;b.de", "a@b.de"),
            ("a&#x40;b.de", "a@b.de"),
            ("a\\u0040b.de", "a@b.de"),
            ("a%u0040b.de", "a@b.de"),
            ("a＠b．de", "a@b.de"),
            ("a\u{200b}@b.de", "a@b.de"),
            ("𝐚@b.de", "a@b.de"),
            ("+49\u{a0}30", "+49 30"),
            ("٣٤", "34"),
        ] {
            let folded = fold(text).unwrap();
            assert_eq!(folded.text, plain, "{text}");
            assert_eq!(
                folded.unfold(0, plain.len()),
                Some((0, text.len())),
                "{text}"
            );
        }
        for text in ["lars%davids", "plain", "Straße", "100 %", "a&b", "c:\\work"] {
            assert!(fold(text).is_none(), "{text}");
        }
    }
}
