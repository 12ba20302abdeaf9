//! Credentials: tokens of known shape, JWTs, PEM keys, `Basic` and `Bearer`, passwords in URLs, and
//! the values of `password=` and the like.
//!
//! Most words can be none: looked at are those within long tokens, those with a digit, and those that
//! a sign announces. A span is the secret, not its name.

use std::sync::LazyLock;

use super::Entity;
use super::block::{Block, find, run};
use super::bytes::{AT, COLON, DASH, DIGIT, EQUALS, SLASH, SPACE, at, before, is_word, part, skip};
use super::scan::Found;
use super::secret_shapes::{SHAPES, alnum, dotted, hex, upper, wordy};
use super::secret_values::{PLACEHOLDERS, assignments, commands, elements, url_passwords};
use super::{natid, person};

/// Proposes every credential; `seen` are the classes of bytes in the text.
pub(super) fn secrets(text: &str, seen: u16, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    if seen & DASH != 0 && memchr::memmem::find(bytes, b"-----BEGIN ").is_some() {
        words(text, found);
    } else {
        long_words(bytes, found);
        if seen & DIGIT != 0 {
            numbered_words(bytes, found);
        }
        if seen & SPACE != 0 {
            schemes(bytes, found);
        }
        if seen & SLASH != 0 {
            hooks(bytes, found);
        }
    }
    if seen & (EQUALS | COLON) != 0 {
        assignments(text, found);
    }
    if seen & AT != 0 && seen & COLON != 0 {
        url_passwords(bytes, found);
    }
    if seen & SPACE != 0 && seen & DIGIT != 0 {
        commands(bytes, seen, found);
    }
    if seen & SLASH != 0 && seen & DIGIT != 0 {
        elements(bytes, found);
    }
}

/// Looks at every word, and takes PEM blocks whole.
fn words(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if !alnum(at(bytes, i)) {
            if at(bytes, i) == b'-' && bytes.get(i..i + 11) == Some(b"-----BEGIN ") {
                i = pem(text, i, found);
                continue;
            }
            i += 1;
            continue;
        }
        let end = skip(bytes, i, wordy);
        if !is_word(before(bytes, i)) || before(bytes, i) == b'_' {
            word(bytes, i, end, found);
        }
        i = end;
    }
    hooks(bytes, found);
}

/// The word that the byte before `end` belongs to, where nothing before `floor` is part of it, and
/// its end. None when it goes on from a letter beyond ASCII.
fn word_round(bytes: &[u8], floor: usize, at_byte: usize) -> Option<(usize, usize)> {
    let mut run = at_byte;
    while run > floor && wordy(before(bytes, run)) {
        run -= 1;
    }
    let start = skip(bytes, run, |b| wordy(b) && !alnum(b));
    let ahead = before(bytes, start);
    (!is_word(ahead) || ahead == b'_').then(|| (start, skip(bytes, start, wordy)))
}

/// Shortest token that needs none of the other signs: a JWT of next to nothing.
const LONG: usize = 18;

/// Words within long tokens, which alone can be of a known shape.
fn long_words(bytes: &[u8], found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some((start, end)) = run(bytes, from, LONG, dotted) {
        let mut i = start;
        while i < end {
            if !alnum(at(bytes, i)) {
                i += 1;
                continue;
            }
            let stop = skip(bytes, i, wordy);
            if !is_word(before(bytes, i)) || before(bytes, i) == b'_' {
                word(bytes, i, stop, found);
            }
            i = stop;
        }
        from = end;
    }
}

/// Words that hold a digit or stand before one.
fn numbered_words(bytes: &[u8], found: &mut Vec<Found>) {
    let mut done = 0;
    let mut from = 0;
    while let Some(digit) = find(bytes, from, Block::digits) {
        // `QQ 12`: the word before, with one byte between.
        if let Some(gap) = digit.checked_sub(1)
            && gap > done
            && !wordy(at(bytes, gap))
            && wordy(before(bytes, gap))
            && let Some((start, end)) = word_round(bytes, done, gap)
            && start < end
        {
            word(bytes, start, end, found);
        }
        let whole = word_round(bytes, done, digit);
        let end = skip(bytes, digit, wordy);
        // Longer ones are no ids, and were looked at above.
        if let Some((start, end)) = whole.filter(|(start, end)| end - start <= 24) {
            word(bytes, start, end, found);
        }
        done = end;
        from = end;
    }
}

/// `Bearer …` and `Basic …`.
fn schemes(bytes: &[u8], found: &mut Vec<Found>) {
    for start in memchr::memchr2_iter(b'b', b'B', bytes) {
        let named = [&b"bearer "[..], b"basic "]
            .iter()
            .any(|name| part(bytes, start, start + name.len()).eq_ignore_ascii_case(name));
        if named
            && let Some((first, end)) = word_round(bytes, 0, start)
            && first == start
        {
            word(bytes, start, end, found);
        }
    }
}

/// Addresses that whoever knows them may post to: `hooks.slack.com/services/…`.
fn hooks(bytes: &[u8], found: &mut Vec<Found>) {
    const HOOKS: [&[u8]; 4] = [
        b"hooks.slack.com/services/",
        b"hooks.slack.com/workflows/",
        b"discord.com/api/webhooks/",
        b"discordapp.com/api/webhooks/",
    ];
    /// What is behind a hook's fixed part, at least.
    const LEAST: usize = 40;
    for hook in HOOKS {
        for host in memchr::memmem::find_iter(bytes, hook) {
            let scheme = b"https://";
            let whole = host.checked_sub(scheme.len());
            let start = whole
                .filter(|from| part(bytes, *from, host) == scheme)
                .unwrap_or(host);
            let body = host + hook.len();
            let stop = skip(bytes, body, |b| wordy(b) || b == b'/');
            if stop - body >= LEAST && !is_word(before(bytes, start)) {
                propose(start, stop, found);
            }
        }
    }
}

pub(super) fn propose(start: usize, end: usize, found: &mut Vec<Found>) {
    found.push(Found {
        start,
        end,
        entity: Entity::Secret,
        rank: 95,
    });
}

/// A word of letters, digits, `_` and `-`, and what it may begin.
#[expect(clippy::too_many_lines, reason = "one case after the other")]
fn word(bytes: &[u8], start: usize, end: usize, found: &mut Vec<Found>) {
    let len = end - start;
    let text = part(bytes, start, end);
    // `QQ 12 34 56 C` goes on behind its first word; words without any digit near are no ids.
    let goes_on = !alnum(at(bytes, end)) && at(bytes, end + 1).is_ascii_digit();
    if len <= 24 && (goes_on || text.iter().any(u8::is_ascii_digit)) {
        natid::lettered(bytes, start, skip(bytes, start, alnum), found);
    }
    if len >= 2
        && let Some(stop) = known(bytes, start)
    {
        propose(start, stop, found);
        return;
    }
    if text.starts_with(b"eyJ")
        && let Some(stop) = jwt(bytes, start)
    {
        propose(start, stop, found);
        return;
    }
    // `123456789:AA…`: a bot's token.
    if (8..=10).contains(&len)
        && text.iter().all(u8::is_ascii_digit)
        && bytes.get(end..end + 3) == Some(b":AA")
    {
        let stop = skip(bytes, end + 1, wordy);
        if (33..=40).contains(&(stop - end)) {
            propose(start, stop, found);
            return;
        }
    }
    // `MTk….Xxxxxx.….`: three parts of fixed lengths.
    if (23..=28).contains(&len)
        && matches!(at(bytes, start), b'M' | b'N' | b'O')
        && at(bytes, end) == b'.'
    {
        let second = skip(bytes, end + 1, wordy);
        if (6..=7).contains(&(second - end - 1)) && at(bytes, second) == b'.' {
            let third = skip(bytes, second + 1, wordy);
            if (27..=40).contains(&(third - second - 1)) {
                propose(start, third, found);
                return;
            }
        }
    }
    if text
        .get(..32)
        .is_some_and(|head| head.iter().all(|b| hex(*b)))
        && !part(bytes, start + 32, end).iter().all(|b| hex(*b))
    {
        let tail = part(bytes, start + 32, end);
        let centre = tail
            .strip_prefix(b"-us")
            .is_some_and(|n| (1..=2).contains(&n.len()) && n.iter().all(u8::is_ascii_digit));
        let signed = tail.len() == 18 && tail.starts_with(b"-") && at(tail, 9) == b'-';
        if centre || signed {
            propose(start, end, found);
            return;
        }
    }
    if let Some(stop) = two_part(bytes, start, end) {
        propose(start, stop, found);
        return;
    }
    if (text.eq_ignore_ascii_case(b"bearer") || text.eq_ignore_ascii_case(b"basic"))
        && at(bytes, end) == b' '
    {
        let stop = skip(bytes, end + 1, |b| {
            dotted(b) || matches!(b, b'+' | b'/' | b'~')
        });
        let body = part(bytes, end + 1, stop);
        let odd = body.iter().any(|b| b.is_ascii_digit() || *b == b'=')
            || start == 0
            || matches!(at(bytes, start - 1), b':' | b' ')
                && part(bytes, start.saturating_sub(2), start) == b": ";
        if body.len() >= 8
            && odd
            && (body.iter().any(|b| b.is_ascii_digit() || *b == b'=')
                || body.iter().skip(1).any(u8::is_ascii_uppercase))
            && !body.contains(&b'{')
        {
            propose(end + 1, stop, found);
        }
    }
}

/// Tokens of two parts that a dot joins, of fixed lengths: `pat….…`, `….atlasv1.…`.
fn two_part(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let text = part(bytes, start, end);
    match text.len() {
        17 if text.starts_with(b"pat") => {
            let stop = skip(bytes, end + 1, hex);
            (at(bytes, end) == b'.' && stop - end == 65).then_some(stop)
        }
        14 => {
            let named = part(bytes, end, end + 9) == b".atlasv1.";
            let stop = skip(bytes, end + 9, wordy);
            (named && (60..=80).contains(&(stop - end - 9))).then_some(stop)
        }
        _ => None,
    }
}

/// The shapes by their first byte: most words begin like none.
static BY_FIRST: LazyLock<Vec<Vec<u16>>> = LazyLock::new(|| {
    let mut table = vec![Vec::new(); 256];
    for (shape, at) in SHAPES.iter().zip(0u16..) {
        let first = shape.prefix.as_bytes().first().copied().unwrap_or(0);
        if let Some(list) = table.get_mut(usize::from(first)) {
            list.push(at);
        }
    }
    table
});

/// Whether a text begins like a secret of a known issuer.
pub(super) fn is_known(bytes: &[u8]) -> bool {
    known(bytes, 0).is_some()
}

fn known(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let first = *rest.first()?;
    let mine = BY_FIRST.get(usize::from(first))?;
    for shape in mine.iter().filter_map(|at| SHAPES.get(usize::from(*at))) {
        if !rest.starts_with(shape.prefix.as_bytes()) {
            continue;
        }
        let from = start + shape.prefix.len();
        let mut stop = skip(bytes, from, shape.body);
        while stop > from && matches!(before(bytes, stop), b'.' | b'-') {
            stop -= 1;
        }
        let body = part(bytes, from, stop);
        let varied = body.iter().any(|b| *b != at(body, 0))
            && !body.starts_with(b"XXXX")
            && !body.starts_with(b"xxxx")
            || shape.prefix == "ACCA"
            || shape.prefix == "ABIA";
        // Upper-case words need no digit by chance only where the prefix is long.
        let wordlike = shape.prefix.len() == 4
            && body.len() == 16
            && upper(at(body, 0))
            && at(bytes, stop) != b' '
            && is_word(at(bytes, stop));
        // `+` and `/` end the long tokens that are looked at: not within the first bytes.
        let long = skip(bytes, start, dotted) >= start + LONG;
        if (shape.least..=shape.most).contains(&body.len()) && varied && !wordlike && long {
            return Some(stop);
        }
    }
    None
}

/// `header.payload.signature`, the signature perhaps empty.
fn jwt(bytes: &[u8], start: usize) -> Option<usize> {
    let base64 = |b: u8| wordy(b) || b == b'=';
    let header = skip(bytes, start, base64);
    if header < start + 12 || at(bytes, header) != b'.' {
        return None;
    }
    let payload = skip(bytes, header + 1, base64);
    if payload < header + 5 {
        return None;
    }
    let mut stop = payload;
    for _ in 0..3 {
        if at(bytes, stop) != b'.' {
            break;
        }
        stop = skip(bytes, stop + 1, base64);
    }
    (at(bytes, payload) == b'.').then_some(stop)
}

fn pem(text: &str, start: usize, found: &mut Vec<Found>) -> usize {
    let rest = text.get(start..).unwrap_or("");
    let line = rest
        .get(11..)
        .and_then(|r| r.find("-----").filter(|n| *n < 60).and_then(|n| r.get(..n)));
    let Some(label) = line else { return start + 11 };
    if !label.contains("PRIVATE KEY") {
        return start + 11 + label.len();
    }
    let body = start + 11 + label.len() + 5;
    let end = text.get(body..).and_then(|tail| {
        let close = tail.find("-----END ")?;
        let after = tail.get(close + 9..)?.find("-----")?;
        Some(body + close + 9 + after + 5)
    });
    let end = end.unwrap_or(text.len());
    propose(start, end, found);
    end
}

/// Whether a whole value may be a secret when its field's name says so.
pub(super) fn is_plausible(text: &str) -> bool {
    (4..=4096).contains(&text.len())
        && !text.contains(' ')
        && !person::is_dictionary_word(text)
        && !PLACEHOLDERS
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::secret_shapes::base64;
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        let seen = text
            .bytes()
            .fold(0, |seen, b| seen | super::super::bytes::class(b));
        secrets(text, seen, &mut out);
        let mut spans: Vec<_> = out
            .iter()
            .filter(|f| f.entity == Entity::Secret)
            .map(|f| &text[f.start..f.end])
            .collect();
        spans.dedup();
        spans
    }

    #[test]
    fn tokens_of_known_shape_are_found() {
        for (text, secret) in [
            ("DSN host=db pwd=l%YjQi38C3sQ", "l%YjQi38C3sQ"),
            ("tool login --password Sommer2024! --user x", "Sommer2024!"),
            ("curl --token \"ab12cd\"", "ab12cd"),
            ("mysql -u root -phunter2 db", "hunter2"),
            ("sshpass -p $Q5!T4 ssh x", "$Q5!T4"),
            ("curl -u jane:s3cr3t! https://x.example", "s3cr3t!"),
            ("DB_PASS=QFgZQwoi", "QFgZQwoi"),
            ("<password>a61ad79a</password>", "a61ad79a"),
            ("Your password is P@ssw0rd-954", "P@ssw0rd-954"),
            ("Passwort: VL$fWPerJx", "VL$fWPerJx"),
            ("mot de passe : jTnjqX", "jTnjqX"),
            ("client_secret=$QY1hz5_T-$&grant_type=x", "$QY1hz5_T-$"),
            ("{\"db_password\":\"P@ssw0rd-488\"}", "P@ssw0rd-488"),
            (
                "config.token = 'ASIAG42U43X5V76FLBSK';",
                "ASIAG42U43X5V76FLBSK",
            ),
            (
                "postgres://deploy:vZjodE4U2e720pVNF@db.example.com:5747/app",
                "vZjodE4U2e720pVNF",
            ),
            (
                "https://example.com/reset?token=930ce36bb07d3f5e8b22&lang=en",
                "930ce36bb07d3f5e8b22",
            ),
            ("/cb?code=a8f3kz91&state=x", "a8f3kz91"),
            ("Authorization: Bearer abc.def-123456", "abc.def-123456"),
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ),
            (
                "Set-Cookie: session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln; Path=/",
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            ),
            (
                "14578219d33112992b04d9c2980f6352-us15",
                "14578219d33112992b04d9c2980f6352-us15",
            ),
            (
                "110201543:AAHdqTcvCH1vGWJxfSe1ofSAs0K5PALDsaw",
                "110201543:AAHdqTcvCH1vGWJxfSe1ofSAs0K5PALDsaw",
            ),
        ] {
            assert_eq!(found(text), [secret], "{text}");
        }
        // Shapes with signs of their own; the bodies are built so that no scanner takes them for real.
        let body = |unit: &str, n: usize| unit.repeat(n);
        for token in [
            format!(
                "sntrys_eyJpYXQiO2Rr{}+/Zz_{}",
                body("aB3", 20),
                body("q7", 20)
            ),
            format!("pat{}.{}", body("aB3x5Z7", 2), body("0123456789abcdef", 4)),
            format!("{}.atlasv1.{}", body("aB3x5Z7", 2), body("x9-_Z", 13)),
            format!(
                "https://discord.com/api/webhooks/123456789012345678/{}",
                body("aB3_-", 13)
            ),
            format!("access-sandbox-{}", "3f0c1952-5f09-463f-ad0d-e99d62b9497e"),
        ] {
            assert_eq!(found(&token), [token.as_str()]);
        }
        assert_eq!(
            found("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----").len(),
            1
        );
    }

    #[test]
    fn shapes_are_long_tokens() {
        for shape in SHAPES {
            assert!(shape.prefix.len() + shape.least >= LONG, "{}", shape.prefix);
            assert!(shape.prefix.bytes().all(dotted), "{}", shape.prefix);
            assert!(
                (0..=255).all(|b| !(shape.body)(b) || base64(b)),
                "{}",
                shape.prefix
            );
        }
    }

    #[test]
    fn placeholders_hashes_and_words_are_left() {
        for text in [
            "token=undefined",
            "api_key=YOUR_API_KEY",
            "password=***",
            "password reset requested",
            "AKIAXXXXXXXXXXXXXXXX",
            "TODAYINASIAASACKOFRICEFELLOVER",
            "sha256-yjP3dzGZLoyXRhnBPBOtmj9shCRDaK5wQ8d27UNk2bY=",
            "Unexpected token < in JSON",
            "dfRtDYWFbkRONycy.Yxwh66Yjlx.cph0gtNBtJ",
            "pk_live_abcdefghijklmnop",
            "eyJ",
            "zip code: 12345",
            "max_tokens=4096",
            "error: token: expired",
            "ch_FehWZhEH4hryBLEY4wJKmVHb",
            "https://host.example:8080/a@b",
            "--password-file /run/secrets/db1",
            "--token $TOKEN1",
            "docker run -p 8080:80 mysql8",
            "mkdir -p /var/lib/x1",
            "password is 12 characters or more",
            "Password is required 2 times",
            "<token>none</token>",
            "<h1>password1</h1>",
            "password=%s1",
            "password=${DB_PASSWORD_1}",
            "curl -u $USER1 https://x.example",
            "pass: 12 of 14",
            "Basic Authentication required",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6000))]
        #[test]
        fn signs_lead_to_all_that_a_look_at_every_word_finds(
            text in "(AKIAIOSFODNN7EXAMPL[A-Z]|sk_live_[a-z0-9]{16,20}|eyJ[a-zA-Z0-9]{9,12}[.][a-z]{4,6}[.]|[Bb]earer |basic |-{0,2}BASIC [a-z0-9]{8,10}|hooks[.]slack[.]com/services/[A-Z0-9/]{38,44}|https://|QQ 12 34 56 C|AL 92 64 98 C|75134132D|180842-603B|[A-Za-z0-9_-]{1,12}|[ .:/=_é-]|110201543:AAHdqTcvCH1vGWJxfSe1ofSAs0K5PALDsaw|[0-9a-f]{32}-us[0-9]){0,8}"
        ) {
            let seen = super::super::block::classes(text.as_bytes()).0;
            let (mut mine, mut plain) = (Vec::new(), Vec::new());
            secrets(&text, seen & !(EQUALS | COLON), &mut mine);
            words(&text, &mut plain);
            let told = |found: &[Found]| {
                let mut all: Vec<_> = found.iter().map(|f| format!("{f:?}")).collect();
                all.sort();
                all.dedup();
                all
            };
            prop_assert_eq!(told(&mine), told(&plain));
        }
    }
}
