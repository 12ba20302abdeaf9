//! Secrets that stand behind a name: `password=` and the like, and passwords in URLs.
//!
//! Each sign is looked at once, each value walked a bounded number of times.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::bytes::{DASH, at, before, part, skip};
use super::scan::Found;
use super::secret::propose;
use super::secret_shapes::wordy;

/// Names whose values are secrets; matched at the end of the word before `=` or `:`.
#[rustfmt::skip]
const SECRET_NAMES: &[&str] = &[
    "password", "passwd", "passwort", "pwd", "passphrase", "secret", "secretkey", "secret_key", "secret-key", "token", "api_key",
    "apikey", "api-key", "access_key", "accesskey", "accountkey", "private_key", "privatekey", "client_secret",
    "clientsecret", "credential", "credentials", "contraseña", "senha", "sharedaccesskey", "sessionid", "phpsessid", "jsessionid",
    "session_id", "sid", "authkey", "auth_key", "x-api-key", "otp", "pin", "auth", "kennwort", "access_code",
    "motdepasse", "mot_de_passe", "mot de passe", "wachtwoord", "hasło", "haslo", "lösenord", "losenord", "adgangskode", "passord",
    "salasana", "contrasena", "heslo", "jelszó", "şifre", "пароль", "パスワード", "비밀번호", "密码", "密碼",
    "pass", "passcode", "personal_access_token", "mdp",
];

/// Names that only an `=` makes secrets'.
const SHORT_NAMES: &[&str] = &["sid", "pin", "auth", "otp", "pass", "mdp"];

/// Names that stand in no program, so that a value behind their colon need not look random.
#[rustfmt::skip]
const SPOKEN_NAMES: &[&str] = &[
    "passwort", "kennwort", "contraseña", "contrasena", "senha", "mot de passe", "motdepasse", "wachtwoord", "hasło", "haslo",
    "lösenord", "adgangskode", "passord", "salasana", "heslo", "jelszó", "şifre", "пароль", "パスワード", "비밀번호", "密码", "密碼",
];

/// What stands where a secret would, and is none.
#[rustfmt::skip]
pub(super) const PLACEHOLDERS: &[&str] = &[
    "undefined", "null", "none", "nil", "true", "false", "required", "optional", "string", "your", "changeme", "redacted",
    "hidden", "filtered", "removed", "masked", "invalid", "missing", "expired", "example", "test", "xxx", "reset", "empty",
    "object", "nan", "number", "field", "input", "text", "env", "process", "config", "var", "get", "token", "password",
];

/// Made once: making one costs more than looking through a short text.
static DASHES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"--"));
static OPTION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b" -"));
static IS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"word is "));
static CLOSING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"</"));

/// Longer values are no secrets that a person or a program would write there.
const LONGEST: usize = 512;
/// Longer names announce nothing.
const LONGEST_NAME: usize = 40;

/// `name=value`, `"name":"value"`, and `code=` in queries.
pub(super) fn assignments(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut i = 0;
    let mut clear = [0; 2];
    while let Some(n) = memchr::memchr2(b'=', b':', part(bytes, i, bytes.len())) {
        i += n;
        let mark = at(bytes, i);
        let name_end = skip_quotes_back(bytes, i);
        let name_start = {
            let mut start = name_end;
            while start > 0
                && name_end - start < 40
                && (wordy(before(bytes, start)) || before(bytes, start) >= 0x80)
            {
                start -= 1;
            }
            start
        };
        // The one name of three words.
        let phrase = b"mot de passe";
        let name_start = match name_end.checked_sub(phrase.len()) {
            Some(start) if part(bytes, start, name_end).eq_ignore_ascii_case(phrase) => start,
            _ => name_start,
        };
        let name = part(bytes, name_start, name_end);
        i += 1;
        if name.len() < 3 {
            continue;
        }
        let opener = before(bytes, name_start);
        let in_query = matches!(opener, b'?' | b'&' | b'#') && mark == b'=';
        if !is_secret_name(name, in_query, mark) {
            continue;
        }
        let spoken = SPOKEN_NAMES
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word.as_bytes()));
        let how = How {
            mark,
            in_query,
            spoken,
        };
        if let Some((start, end)) = value(bytes, i, how, &mut clear) {
            propose(start, end, found);
            i = end;
        }
    }
}

fn skip_quotes_back(bytes: &[u8], until: usize) -> usize {
    let mut end = until;
    while end > 0
        && until - end < 4
        && matches!(before(bytes, end), b'"' | b'\'' | b'\\' | b' ' | b']')
    {
        end -= 1;
    }
    end
}

fn is_secret_name(name: &[u8], in_query: bool, mark: u8) -> bool {
    let tail = |word: &str| {
        name.len().checked_sub(word.len()).is_some_and(|from| {
            part(name, from, name.len()).eq_ignore_ascii_case(word.as_bytes())
                && (from == 0
                    || matches!(before(name, from), b'_' | b'-')
                    || word.len() > 4 && {
                        // camelCase: `dbPassword`, `accessToken`.
                        at(name, from).is_ascii_uppercase() || word == "password"
                    })
        })
    };
    SECRET_NAMES
        .iter()
        .any(|word| (mark == b'=' || !SHORT_NAMES.contains(word)) && tail(word))
        || in_query
            && [
                "code",
                "key",
                "sig",
                "signature",
                "ticket",
                "hash",
                "jwt",
                "session",
                "state_token",
                "assertion",
            ]
            .iter()
            .any(|w| name.eq_ignore_ascii_case(w.as_bytes()))
}

/// How a name announces its value.
#[derive(Clone, Copy)]
struct How {
    /// `=` or `:`.
    mark: u8,
    in_query: bool,
    /// By one of [`SPOKEN_NAMES`].
    spoken: bool,
}

/// The value after a name and its sign; none when it is no secret.
///
/// `clear` remembers up to where no unquoted value ends (outside of queries, inside), so that names
/// within one long value do not each walk it.
fn value(bytes: &[u8], from: usize, how: How, clear: &mut [usize; 2]) -> Option<(usize, usize)> {
    let How {
        mark,
        in_query,
        spoken,
    } = how;
    let open = skip(bytes, from, |b| {
        matches!(b, b' ' | b'"' | b'\'' | b'\\' | b'=' | b'>')
    })
    .min(from + 4);
    let quote = part(bytes, from, open)
        .iter()
        .copied()
        .find(|b| matches!(b, b'"' | b'\''));
    let limit = (open + LONGEST).min(bytes.len());
    let known = clear.get_mut(usize::from(in_query))?;
    let mut end = match quote {
        Some(_) => open,
        None => (*known).clamp(open, limit),
    };
    while end < limit {
        let b = at(bytes, end);
        let stop = match quote {
            Some(q) => b == q || b == b'\\' && matches!(at(bytes, end + 1), b'"' | b'\''),
            None => {
                matches!(
                    b,
                    b' ' | b'\n' | b'\r' | b'\t' | b'"' | b'\'' | b'<' | b'>' | b';' | b',' | b'`'
                ) || matches!(b, b'&' | b'#') && in_query
                    || b == b'&'
                    || matches!(b, b')' | b'}' | b']') && at(bytes, end + 1) == b' '
            }
        };
        if stop {
            break;
        }
        end += 1;
    }
    if quote.is_none() {
        *known = (*known).max(end);
    }
    if end - open >= LONGEST {
        return None;
    }
    while quote.is_none()
        && end > open
        && matches!(before(bytes, end), b'.' | b')' | b'}' | b']' | b'?' | b'!')
    {
        end -= 1;
    }
    let value = part(bytes, open, end);
    let signs = value.iter().filter(|b| !b.is_ascii_alphanumeric()).count();
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let strong = mark == b'='
        || quote.is_some()
        || digits > 0 && (signs > 0 || value.len() >= 8)
        || spoken && (digits > 0 || signs > 0 || value.iter().skip(1).any(u8::is_ascii_uppercase));
    let plain_word = digits == 0
        && signs == 0
        && value.iter().all(u8::is_ascii_lowercase)
        && (mark == b':' || !in_query && value.len() < 6);
    let least = if in_query { 6 } else { 4 };
    (value.len() >= least
        && !is_placeholder(value, digits)
        && strong
        && !plain_word
        && value.is_ascii()
        && !(mark == b':' && value.contains(&b' ')))
    .then_some((open, end))
}

/// What stands where a secret would: a variable, a word for one, a call; `digits` it has.
fn is_placeholder(value: &[u8], digits: usize) -> bool {
    let opening = value.first().copied().unwrap_or(b' ');
    matches!(opening, b'{' | b'[' | b'<' | b'(' | b':' | b'*')
        || is_variable(value)
        || value.iter().all(|b| *b == opening)
        || PLACEHOLDERS.iter().any(|word| {
            value
                .get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
        })
        || value.contains(&b'(') && (value.contains(&b')') || digits == 0)
        || value.starts_with(b"self.")
        || value.starts_with(b"this.")
        || value.windows(2).any(|w| w == b"::" || w == b"=>")
}

/// `$NAME`, `${…}`, `%s`, `%(name)s`, `%NAME%`: what a program puts a value in for.
fn is_variable(value: &[u8]) -> bool {
    let Some((opening, rest)) = value.split_first() else {
        return false;
    };
    let named = |name: &[u8]| name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    match opening {
        b'$' => matches!(rest.first(), Some(b'{' | b'(' | b'[' | b'$')) || named(rest),
        b'%' => {
            rest.len() < 3
                || matches!(rest.first(), Some(b'{' | b'(' | b'['))
                || rest.last() == Some(&b'%')
        }
        _ => false,
    }
}

/// Whether what a command or a sentence gives for a secret is one: it has a digit, and is no variable.
fn is_given(value: &[u8], least: usize) -> bool {
    (least..LONGEST).contains(&value.len())
        && value.is_ascii()
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && !is_variable(value)
        && !matches!(value.first(), Some(b'-' | b'/' | b'.' | b'<' | b'{' | b'['))
}

/// Where the word at `from` ends, its quotes left out, and where it begins.
fn argument(bytes: &[u8], from: usize) -> (usize, usize) {
    // One byte more than a secret has, so that a longer word is none.
    let bytes = part(bytes, 0, from + LONGEST + 2);
    let quote = at(bytes, from);
    if matches!(quote, b'"' | b'\'') {
        return (
            from + 1,
            skip(bytes, from + 1, |b| b != quote && b != b'\n'),
        );
    }
    let end = skip(bytes, from, |b| {
        b > b' ' && !matches!(b, b'"' | b'\'' | b'`' | b';' | b'|')
    });
    (from, end)
}

/// `--password X` of any program, `-p X` and `-pX` of those that take a password there, `-u name:X`;
/// "password is X". Elsewhere `-p` is a port, a path or a page.
pub(super) fn commands(bytes: &[u8], seen: u16, found: &mut Vec<Found>) {
    let mut propose_at = |from: usize, least: usize| {
        let (start, end) = argument(bytes, from);
        if is_given(part(bytes, start, end), least) {
            propose(start, end, found);
        }
    };
    for blank in IS.find_iter(bytes) {
        let name = part(bytes, blank.saturating_sub(4), blank + 4);
        if name.eq_ignore_ascii_case(b"password") {
            propose_at(blank + 8, 6);
        }
    }
    if seen & DASH == 0 {
        return;
    }
    for dashes in DASHES.find_iter(bytes) {
        // No longer name is looked at: a row of dashes must not be walked from each of them.
        let near = part(bytes, dashes + 2, dashes + 2 + LONGEST_NAME);
        let end = dashes + 2 + skip(near, 0, |b| b.is_ascii_lowercase() || b == b'-');
        let name = part(bytes, dashes + 2, end);
        if at(bytes, end) == b' ' && is_secret_name(name, false, b' ') {
            propose_at(end + 1, 4);
        }
    }
    if OPTION.find(bytes).is_none() {
        return;
    }
    for (program, option, glued) in [
        (&b"mysql"[..], &b" -p"[..], true),
        (b"mariadb", b" -p", true),
        (b"sshpass", b" -p", true),
        (b"sshpass", b" -p ", false),
        (b"redis-cli", b" -a ", false),
    ] {
        let Some(command) = memchr::memmem::find(bytes, program) else {
            continue;
        };
        let arguments = part(bytes, command, bytes.len());
        if let Some(at) = memchr::memmem::find(arguments, option) {
            let from = command + at + option.len();
            if !glued || self::at(bytes, from) > b' ' {
                propose_at(from, 4);
            }
        }
    }
    if let Some(command) = memchr::memmem::find(bytes, b"curl ")
        && let Some(option) = memchr::memmem::find(part(bytes, command, bytes.len()), b" -u ")
    {
        let (start, end) = argument(bytes, command + option + 4);
        let colon = part(bytes, start, end).iter().position(|b| *b == b':');
        if let Some(colon) = colon
            && is_given(part(bytes, start + colon + 1, end), 4)
        {
            propose(start + colon + 1, end, found);
        }
    }
}

/// `<password>X</password>`.
pub(super) fn elements(bytes: &[u8], found: &mut Vec<Found>) {
    for close in CLOSING.find_iter(bytes) {
        let near = part(bytes, close + 2, close + 2 + LONGEST_NAME);
        let end = close + 2 + skip(near, 0, wordy);
        let name = part(bytes, close + 2, end);
        if at(bytes, end) != b'>' || !is_secret_name(name, false, b':') {
            continue;
        }
        let floor = close.saturating_sub(LONGEST);
        let Some(start) = memchr::memrchr(b'>', part(bytes, floor, close)).map(|n| floor + n + 1)
        else {
            continue;
        };
        let value = part(bytes, start, close);
        if is_given(value, 4) && !value.contains(&b' ') {
            propose(start, close, found);
        }
    }
}

/// `scheme://user:password@host`.
pub(super) fn url_passwords(bytes: &[u8], found: &mut Vec<Found>) {
    let mut i = 0;
    while let Some(n) = memchr::memmem::find(part(bytes, i, bytes.len()), b"://") {
        let from = i + n + 3;
        let authority = skip(bytes, from, |b| {
            b > b' ' && !matches!(b, b'/' | b'?' | b'#' | b'"' | b'<' | b'>' | b'\\')
        });
        // Passwords hold `#`, `?` and `/` at times; the last `@` before a blank would run too far.
        i = authority.max(from);
        let Some(mark) = part(bytes, from, authority)
            .iter()
            .rposition(|b| *b == b'@')
            .map(|n| from + n)
        else {
            continue;
        };
        let Some(colon) = part(bytes, from, mark)
            .iter()
            .position(|b| *b == b':')
            .map(|n| from + n)
        else {
            continue;
        };
        let value = part(bytes, colon + 1, mark);
        if !value.is_empty()
            && !is_variable(value)
            && !matches!(value.first(), Some(b'{' | b'*' | b'<'))
            && before(bytes, from - 3).is_ascii_alphanumeric()
        {
            propose(colon + 1, mark, found);
        }
    }
}
