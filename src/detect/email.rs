//! E-mail addresses, found from their `@`.
//!
//! The local part grows to the left and never past the `@` before, so the whole is linear. Package
//! versions (`left-pad@1.3.0`), image densities (`icon@2x.png`) and the password of a URL are not
//! addresses.

use memchr::memchr_iter;

use super::Entity;
use super::bytes::{at, before, part, skip, skip_back};
use super::scan::Found;

/// Endings of file names that are no top-level domains.
#[rustfmt::skip]
const FILE_ENDINGS: &[&str] = &[
    "png", "webp", "jpg", "jpeg", "gif", "svg", "exe", "dll", "js", "mjs", "cjs", "jsx", "ts", "tsx", "css",
    "scss", "less", "html", "htm", "json", "xml", "yaml", "yml", "txt", "pdf", "tgz", "gz", "whl", "jar",
    "ico", "bmp", "mp4", "mp3", "wasm", "woff", "woff2", "ttf", "tar", "log", "lock", "toml", "cpp",
    "hpp", "vue", "svelte", "ipa", "apk", "dmg", "class", "php", "kt", "swift", "dart", "map", "avif", "heic",
    "rb", "java", "prevent", "stop", "once", "self", "capture", "passive",
];

/// Proposes every address in `text`.
pub(super) fn emails(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let (mut floor, mut chain) = (0, None);
    for mark in memchr_iter(b'@', bytes) {
        let left = local_start(text, floor, mark);
        floor = mark + 1;
        let Some(start) = left else { continue };
        if is_userinfo(bytes, start, mark) {
            continue;
        }
        // `a@b@c.example`: what stands before the first `@` names someone as well.
        let start = match chain {
            Some((first, behind)) if behind == start => first,
            Some(_) | None => start,
        };
        chain = Some((start, mark + 1));
        if let Some(end) = domain_end(text, mark + 1) {
            found.push(Found {
                start,
                end,
                entity: Entity::Email,
                rank: 90,
            });
        }
    }
}

/// Proposes `jane [at] example [dot] com` and the like: what people write against harvesters. Only
/// with brackets round the `at`: "look at this dot" is a sentence.
pub(super) fn written_out(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for open in memchr::memchr3_iter(b'[', b'(', b'{', bytes) {
        let Some(after) = bracketed(bytes, open, b"at").filter(|_| open >= floor) else {
            continue;
        };
        let last = open - usize::from(open > 0 && before(bytes, open) == b' ');
        let start = skip_back(bytes, last, is_local).max(floor);
        let start = skip(bytes, start, |b| !b.is_ascii_alphanumeric()).min(last);
        let Some(end) = written_domain(bytes, after).filter(|_| start < last && last < start + 65)
        else {
            continue;
        };
        found.push(Found {
            start,
            end,
            entity: Entity::Email,
            rank: 90,
        });
        floor = end;
    }
}

fn is_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'%')
}

/// The end of `[word]`, in any brackets, perhaps with a blank behind.
fn bracketed(bytes: &[u8], open: usize, word: &[u8]) -> Option<usize> {
    let close = match at(bytes, open) {
        b'[' => b']',
        b'(' => b')',
        b'{' => b'}',
        _ => return None,
    };
    let end = open + 1 + word.len();
    let fits = part(bytes, open + 1, end).eq_ignore_ascii_case(word) && at(bytes, end) == close;
    fits.then(|| end + 1 + usize::from(at(bytes, end + 1) == b' '))
}

/// The end of `example [dot] com`, `example.com`.
fn written_domain(bytes: &[u8], from: usize) -> Option<usize> {
    let mut start = from;
    for labels in 1..8 {
        let end = skip(bytes, start, |b| b.is_ascii_alphanumeric() || b == b'-');
        if end == start || end > start + 63 {
            return None;
        }
        let blank = usize::from(at(bytes, end) == b' ');
        let next = bracketed(bytes, end + blank, b"dot")
            .or_else(|| (at(bytes, end) == b'.').then_some(end + 1))
            .filter(|next| at(bytes, *next).is_ascii_alphanumeric());
        if let Some(next) = next {
            start = next;
            continue;
        }
        let label = std::str::from_utf8(part(bytes, start, end)).ok()?;
        return (labels > 1 && is_top_level(label)).then_some(end);
    }
    None
}

/// Where the local part before `mark` begins, not left of `floor`.
fn local_start(text: &str, floor: usize, mark: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if before(bytes, mark) == b'"' {
        return quoted_start(bytes, floor, mark);
    }
    let mut start = mark;
    let head = text.get(floor..mark)?;
    for (i, c) in head.char_indices().rev() {
        let fits = c.is_ascii_alphanumeric()
            || matches!(
                c,
                '.' | '_' | '-' | '+' | '%' | '\'' | '~' | '!' | '#' | '$' | '*' | '^' | '`'
            )
            || (!c.is_ascii() && (c.is_alphanumeric() || is_mark(c)));
        if !fits {
            break;
        }
        start = floor + i;
    }
    while start < mark
        && matches!(
            at(bytes, start),
            b'.' | b'-' | b'\'' | b'%' | b'~' | b'!' | b'#' | b'$' | b'*' | b'^' | b'`'
        )
    {
        start += 1;
    }
    let local = part(bytes, start, mark);
    (!local.is_empty()
        && local
            .iter()
            .any(|b| b.is_ascii_alphanumeric() || *b >= 0x80)
        && before(bytes, mark) != b'.')
        .then_some(start)
}

/// Combining marks, which words of Indic scripts contain.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{94f}' | '\u{e31}'..='\u{e4e}')
}

fn quoted_start(bytes: &[u8], floor: usize, mark: usize) -> Option<usize> {
    let close = mark.checked_sub(1)?;
    let from = close.saturating_sub(64).max(floor);
    let open = part(bytes, from, close).iter().rposition(|b| *b == b'"')? + from;
    let body = part(bytes, open + 1, close);
    (!body.is_empty()
        && matches!(before(bytes, open), b' ' | b'<' | b':' | b',' | b';' | b'(')
        && body.iter().all(|b| (0x20..0x7f).contains(b)))
    .then_some(open)
}

/// Whether `user:secret@host` of a URL is what stands before the `@`.
fn is_userinfo(bytes: &[u8], start: usize, mark: usize) -> bool {
    // `scheme://user:` directly before the supposed local part.
    let from = start.saturating_sub(80);
    let head = part(bytes, from, start);
    if head.last() != Some(&b':') || mark == start {
        return false;
    }
    let user = head
        .iter()
        .rposition(|b| matches!(b, b'/' | b' ' | b'"' | b'\''));
    user.is_some_and(|i| {
        head.get(i) == Some(&b'/') && i >= 2 && head.get(i - 2..=i) == Some(b"://")
    })
}

/// The end of the domain that begins at `from`.
fn domain_end(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if at(bytes, from) == b'[' {
        return literal_end(bytes, from);
    }
    let rest = text.get(from..)?;
    let mut labels = 0_usize;
    let mut label_start = 0;
    let mut good: Option<usize> = None;
    let mut first_numeric = false;
    let mut i = 0;
    let mut chars = rest.char_indices().peekable();
    loop {
        let next = chars.peek().copied();
        let inside = next.is_some_and(|(at, c)| {
            at < 254
                && (c.is_ascii_alphanumeric()
                    || c == '-'
                    || (!c.is_ascii() && (c.is_alphanumeric() || is_mark(c))))
        });
        if inside {
            if let Some((at, c)) = chars.next() {
                i = at + c.len_utf8();
            }
            continue;
        }
        let label = rest.get(label_start..i)?;
        if label.is_empty() || label.len() > 63 || label.starts_with('-') {
            break;
        }
        let numeric = label
            .trim_start_matches('v')
            .bytes()
            .all(|b| b.is_ascii_digit());
        labels += 1;
        if labels == 1 {
            first_numeric = numeric;
        } else if labels == 2 && first_numeric && numeric {
            return None;
        }
        // `jane@example.com-2024`: a name that goes on behind a domain that everybody knows.
        if labels >= 2
            && let Some((head, _)) = label.split_once('-')
            && is_well_known(head)
        {
            return Some(from + label_start + head.len());
        }
        let tidy = label.trim_end_matches('-');
        if labels >= 2 && is_top_level(tidy) {
            good = Some(from + label_start + tidy.len());
        }
        if tidy.len() != label.len() {
            break;
        }
        match next {
            Some((_, '.')) if labels < 12 => {
                chars.next();
                i += 1;
                label_start = i;
            }
            _ => break,
        }
    }
    let end = good?;
    // `name@host_with_underscore` and versions such as `pkg@file.1` go on after the last good label.
    let known = || bytes.get(from..end).is_some_and(ends_well_known);
    (at(bytes, end) != b'_' || known()).then_some(end)
}

/// Top-level domains that are seldom anything else.
const WELL_KNOWN: &[&str] = &[
    "com", "org", "net", "edu", "gov", "info", "example", "de", "fr", "uk",
];

fn is_well_known(label: &str) -> bool {
    WELL_KNOWN
        .iter()
        .any(|known| label.eq_ignore_ascii_case(known))
}

fn ends_well_known(domain: &[u8]) -> bool {
    let last = domain.rsplit(|b| *b == b'.').next();
    last.and_then(|label| std::str::from_utf8(label).ok())
        .is_some_and(is_well_known)
}

fn is_top_level(label: &str) -> bool {
    if label.len() < 2 || label.len() > 63 {
        return false;
    }
    if label.is_ascii() {
        (label.bytes().all(|b| b.is_ascii_alphabetic())
            || label
                .get(..4)
                .is_some_and(|x| x.eq_ignore_ascii_case("xn--")))
            && !FILE_ENDINGS
                .iter()
                .any(|ending| label.eq_ignore_ascii_case(ending))
    } else {
        label.chars().all(|c| c.is_alphabetic() || is_mark(c)) && label.chars().count() >= 2
    }
}

fn literal_end(bytes: &[u8], from: usize) -> Option<usize> {
    let close = part(bytes, from, from + 64)
        .iter()
        .position(|b| *b == b']')?
        + from;
    let inner = std::str::from_utf8(part(bytes, from + 1, close)).ok()?;
    let address = inner.strip_prefix("IPv6:").unwrap_or(inner);
    address.parse::<std::net::IpAddr>().ok().map(|_| close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        emails(text, &mut out);
        written_out(text, &mut out);
        out.iter().map(|f| &text[f.start..f.end]).collect()
    }

    #[test]
    fn addresses_written_out_are_found_in_brackets_only() {
        for (text, address) in [
            ("jane [at] example [dot] com", "jane [at] example [dot] com"),
            (
                "write to j.doe+x(at)mail.example.org please",
                "j.doe+x(at)mail.example.org",
            ),
            (
                "J_D {AT} shop {dot} example {dot} de.",
                "J_D {AT} shop {dot} example {dot} de",
            ),
            ("contact: a.b [at] t-online.de", "a.b [at] t-online.de"),
        ] {
            assert_eq!(found(text), [address], "{text}");
        }
        for text in [
            "meet me (at) noon",
            "look at this dot com",
            "items[at].length",
            "index [dot] html",
            "[at] example.com",
            "arrive (at) 12.30",
            "open (at) main.js",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        for (text, address) in [
            (
                "mail jane.doe+x@mail.example.co.uk, please",
                "jane.doe+x@mail.example.co.uk",
            ),
            (
                "<a href=\"mailto:b.o'albers@example.co\">",
                "b.o'albers@example.co",
            ),
            ("Duplicate entry 'zoe1972@qq.com' for key", "zoe1972@qq.com"),
            (
                "email=lars%davids@outlook.com&plan=pro",
                "lars%davids@outlook.com",
            ),
            ("a_l@bücher.example", "a_l@bücher.example"),
            ("用户@例子.广告", "用户@例子.广告"),
            (
                "\"much.more unusual\"@example.com",
                "\"much.more unusual\"@example.com",
            ),
            ("sent to x@libero.it.", "x@libero.it"),
            ("test@[192.0.2.1]", "test@[192.0.2.1]"),
            ("first.last@123.com", "first.last@123.com"),
            ("jane@example.com_count", "jane@example.com"),
            ("jane@shop.example-2024", "jane@shop.example"),
            ("to jane@relay@example.com", "jane@relay@example.com"),
            ("a@b.example—or call", "a@b.example"),
        ] {
            assert_eq!(found(text), [address], "{text}");
        }
    }

    #[test]
    fn at_signs_of_other_trades_are_left() {
        for text in [
            "left-pad@1.3.0",
            "@angular/core",
            "icon@3x.webp",
            "com.example.User@7852e922",
            "user@",
            "5 @ $3.99",
            "@media (max-width: 600px)",
            "pkg@npm:other@1.4.1",
            "test@[1.2.3.4",
            "bin@latest.exe",
            "@click.prevent",
            "my-app@26.5.15-rc.next",
            "postgres://root:secret@db.example.com/app",
            "a@b",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn agrees_with_a_plain_expression_on_plain_addresses() {
        let oracle = regex::Regex::new(
            r"[a-z0-9]+(?:[._+-][a-z0-9]+)*@[a-z0-9]+(?:\.[a-z0-9]+)*\.(?:com|org|de)\b",
        )
        .unwrap();
        for text in [
            "x a.b@c.org y d-e@f.com",
            "a@b.de,c@d.de",
            "no",
            "a+b_c@sub.mail.com/inbox",
        ] {
            let expected: Vec<_> = oracle.find_iter(text).map(|m| m.as_str()).collect();
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
