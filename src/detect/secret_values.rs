//! Secrets that stand behind a name: `password=` and the like, and passwords in URLs.
//!
//! Each sign is looked at once, each value walked a bounded number of times.

use super::bytes::{at, before, part, skip};
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
];

/// What stands where a secret would, and is none.
#[rustfmt::skip]
pub(super) const PLACEHOLDERS: &[&str] = &[
    "undefined", "null", "none", "nil", "true", "false", "required", "optional", "string", "your", "changeme", "redacted",
    "hidden", "filtered", "removed", "masked", "invalid", "missing", "expired", "example", "test", "xxx", "reset", "empty",
    "object", "nan", "number", "field", "input", "text", "env", "process", "config", "var", "get", "token", "password",
];

/// Longer values are no secrets that a person or a program would write there.
const LONGEST: usize = 512;

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
        if let Some((start, end)) = value(bytes, i, mark, in_query, &mut clear) {
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
    let short = ["sid", "pin", "auth", "otp"];
    SECRET_NAMES
        .iter()
        .any(|word| (mark == b'=' || !short.contains(word)) && tail(word))
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

/// The value after a name and its sign; none when it is no secret.
///
/// `clear` remembers up to where no unquoted value ends (outside of queries, inside), so that names
/// within one long value do not each walk it.
fn value(
    bytes: &[u8],
    from: usize,
    mark: u8,
    in_query: bool,
    clear: &mut [usize; 2],
) -> Option<(usize, usize)> {
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
    let opening = value.first().copied().unwrap_or(b' ');
    let placeholder = matches!(
        opening,
        b'{' | b'[' | b'<' | b'$' | b'(' | b':' | b'*' | b'%'
    ) || value.iter().all(|b| *b == opening)
        || PLACEHOLDERS.iter().any(|word| {
            value
                .get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
        })
        || value.contains(&b'(') && (value.contains(&b')') || digits == 0)
        || value.starts_with(b"self.")
        || value.starts_with(b"this.")
        || value.windows(2).any(|w| w == b"::" || w == b"=>");
    let strong = mark == b'=' || quote.is_some() || digits > 0 && (signs > 0 || value.len() >= 8);
    let plain_word = digits == 0
        && signs == 0
        && value.iter().all(u8::is_ascii_lowercase)
        && (mark == b':' || !in_query && value.len() < 6);
    let least = if in_query { 6 } else { 4 };
    (value.len() >= least
        && !placeholder
        && strong
        && !plain_word
        && value.is_ascii()
        && !(mark == b':' && value.contains(&b' ')))
    .then_some((open, end))
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
            && !matches!(value.first(), Some(b'{' | b'$' | b'*' | b'<'))
            && before(bytes, from - 3).is_ascii_alphanumeric()
        {
            propose(colon + 1, mark, found);
        }
    }
}
