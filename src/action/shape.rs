//! What a pseudonym looks like, and from which bytes it is written.
//!
//! A value is sorted into a [`Form`] by its looks alone; the form says what is hashed (its canonical
//! text) and what is written. Writing takes bytes from a [`Stream`]: an HMAC's output, or the
//! system's randomness. Knows no keys.

use smallvec::SmallVec;

/// Lower-case letters and digits without look-alikes (`0` and `o`, `1` and `l`): 5 bits each.
const TOKEN: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
/// Characters of a token: 100 bits.
pub(super) const TOKEN_LEN: usize = 20;
/// Digits of a number: below 2^53, and a million of them hardly collide.
pub(super) const DIGITS_LEN: usize = 15;
/// Hex digits that are an id and not a word (`deadbeef`, `cafe`).
const HEX_MIN: usize = 16;

/// What a value is by its looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// `8-4-4-4-12` hex digits.
    Uuid {
        /// Written in upper case.
        upper: bool,
    },
    /// Decimal digits only.
    Digits,
    /// An even number of hex digits, 16 or more, with a letter, in one case.
    Hex {
        /// Written in upper case.
        upper: bool,
    },
    /// `123.456`.
    Dotted,
    /// An e-mail address.
    Email,
    /// `+` (or `00`) and 8 to 15 digits, with separators.
    Phone,
    /// Anything else.
    Token,
}

/// The text that is hashed, where it is not the value itself.
pub(super) type Canonical = SmallVec<[u8; 64]>;

impl Form {
    /// Sorts a value.
    pub(super) fn of(value: &str) -> Self {
        let bytes = value.as_bytes();
        if let Some(upper) = uuid_case(bytes) {
            return Self::Uuid { upper };
        }
        if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) {
            return Self::Digits;
        }
        if let Some(upper) = hex_case(bytes) {
            return Self::Hex { upper };
        }
        if is_dotted(bytes) {
            return Self::Dotted;
        }
        if is_phone(bytes) {
            return Self::Phone;
        }
        if is_email(value.trim()) {
            return Self::Email;
        }
        Self::Token
    }

    /// What of a value is hashed: equal for all spellings of one thing. `None`: the value itself.
    pub(super) fn canonical(self, value: &str) -> Option<Canonical> {
        let lower = |text: &str| -> Canonical {
            // ASCII is the rule, and needs no allocation.
            if text.is_ascii() {
                text.bytes().map(|b| b.to_ascii_lowercase()).collect()
            } else {
                text.to_lowercase().into_bytes().into_iter().collect()
            }
        };
        match self {
            Self::Uuid { upper } | Self::Hex { upper } => upper.then(|| lower(value)),
            Self::Email => Some(mailbox(lower(value.trim()))),
            Self::Phone => Some(e164(value)),
            Self::Digits | Self::Dotted | Self::Token => None,
        }
    }
}

/// Providers that deliver an address with dots or a `+tag` to the same mailbox: domain, the domain
/// it is another name of, whether dots count for nothing. All of them ignore the tag. Elsewhere both
/// may lead to another person, so they stay.
const MAILBOXES: [(&[u8], &[u8], bool); 12] = [
    (b"gmail.com", b"gmail.com", true),
    (b"googlemail.com", b"gmail.com", true),
    (b"outlook.com", b"outlook.com", false),
    (b"hotmail.com", b"hotmail.com", false),
    (b"live.com", b"live.com", false),
    (b"msn.com", b"msn.com", false),
    (b"icloud.com", b"icloud.com", false),
    (b"me.com", b"icloud.com", false),
    (b"mac.com", b"icloud.com", false),
    (b"fastmail.com", b"fastmail.com", false),
    (b"proton.me", b"proton.me", false),
    (b"protonmail.com", b"proton.me", false),
];

/// The address of the mailbox that an address in lower case leads to.
fn mailbox(address: Canonical) -> Canonical {
    let Some(at) = address.iter().rposition(|&b| b == b'@') else {
        return address;
    };
    let (local, domain) = address.split_at(at);
    let domain = domain.get(1..).unwrap_or_default();
    let Some((_, name, dotless)) = MAILBOXES.iter().find(|(known, _, _)| *known == domain) else {
        return address;
    };
    let end = local.iter().position(|&b| b == b'+').filter(|at| *at > 0);
    let local = local.get(..end.unwrap_or(local.len())).unwrap_or(local);
    let mut out: Canonical = local
        .iter()
        .copied()
        .filter(|&b| !(*dotless && b == b'.'))
        .collect();
    out.push(b'@');
    out.extend_from_slice(name);
    out
}

/// The digits of E.164 without the plus: country code and number. `00` in front stands for the plus,
/// `(0)` for the zero that is dialled inside the country only.
fn e164(value: &str) -> Canonical {
    let rest = value.strip_prefix("00").unwrap_or(value);
    let rest = rest.replacen("(0)", "", 1);
    rest.bytes().filter(u8::is_ascii_digit).collect()
}

/// Bytes to write from; refilled as long as it lasts.
pub(super) struct Stream<F: FnMut() -> Option<[u8; 32]>> {
    refill: F,
    block: [u8; 32],
    at: usize,
    failed: bool,
}

impl<F: FnMut() -> Option<[u8; 32]>> Stream<F> {
    pub(super) fn new(refill: F) -> Self {
        Self {
            refill,
            block: [0; 32],
            at: 32,
            failed: false,
        }
    }

    /// Whether the source ran dry: what was written is then worthless.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.at + N > self.block.len() {
            match (self.refill)() {
                Some(block) => self.block = block,
                None => self.failed = true,
            }
            self.at = 0;
        }
        let bytes = self.block.get(self.at..self.at + N);
        self.at += N;
        bytes.and_then(|b| b.try_into().ok()).unwrap_or([0; N])
    }

    fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take())
    }

    /// Decimal digits; the first is 7 to 9, so that they make no card number and lose no zero.
    pub(super) fn digits(&mut self, len: usize, out: &mut String) {
        self.decimals(len, 7, out);
    }

    /// `123.456`, ten digits each.
    pub(super) fn dotted(&mut self, out: &mut String) {
        self.decimals(10, 1, out);
        out.push('.');
        self.decimals(10, 1, out);
    }

    fn decimals(&mut self, len: usize, first_from: u8, out: &mut String) {
        let mut left = len;
        while left > 0 {
            let mut word = self.u64();
            let mut chunk = [b'0'; 16];
            for digit in &mut chunk {
                *digit = b'0' + (word % 10) as u8;
                word /= 10;
            }
            if left == len
                && let Some(first) = chunk.first_mut()
            {
                *first = b'0' + first_from + (word % u64::from(10 - first_from)) as u8;
            }
            let take = left.min(chunk.len());
            push_ascii(chunk.get(..take).unwrap_or_default(), out);
            left -= take;
        }
    }

    /// Hex digits.
    pub(super) fn hex(&mut self, len: usize, upper: bool, out: &mut String) {
        let mut left = len;
        while left > 0 {
            let chunk = hex16(self.u64(), upper);
            let take = left.min(chunk.len());
            push_ascii(chunk.get(..take).unwrap_or_default(), out);
            left -= take;
        }
    }

    /// A UUID with the version and variant bits of RFC 9562's version 4.
    pub(super) fn uuid(&mut self, upper: bool, out: &mut String) {
        let bits = u128::from_be_bytes(self.take());
        let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let high = hex16((bits >> 64) as u64, upper);
        let low = hex16((bits & u128::from(u64::MAX)) as u64, upper);
        let mut text = [b'-'; 36];
        let places = (0..36).filter(|at| !matches!(at, 8 | 13 | 18 | 23));
        for (at, digit) in places.zip(high.into_iter().chain(low)) {
            if let Some(place) = text.get_mut(at) {
                *place = digit;
            }
        }
        push_ascii(&text, out);
    }

    /// Letters and digits.
    pub(super) fn token(&mut self, len: usize, out: &mut String) {
        let mut left = len;
        while left > 0 {
            let mut word = self.u64();
            let mut chunk = [0; 12];
            for character in &mut chunk {
                *character = TOKEN.get((word & 31) as usize).copied().unwrap_or(b'x');
                word >>= 5;
            }
            let take = left.min(chunk.len());
            push_ascii(chunk.get(..take).unwrap_or_default(), out);
            left -= take;
        }
    }
}

fn hex16(word: u64, upper: bool) -> [u8; 16] {
    let letter = if upper { b'A' - 10 } else { b'a' - 10 };
    let mut text = [0; 16];
    for (place, at) in text.iter_mut().zip((0..16).rev()) {
        let nibble = ((word >> (4 * at)) & 15) as u8;
        *place = nibble + if nibble < 10 { b'0' } else { letter };
    }
    text
}

fn push_ascii(bytes: &[u8], out: &mut String) {
    out.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}

/// Whether the bytes are a UUID, and if so whether its letters are in upper case. A UUID in mixed
/// case is one as well, written in lower case.
fn uuid_case(bytes: &[u8]) -> Option<bool> {
    if bytes.len() != 36 {
        return None;
    }
    let mut upper = false;
    let mut lower = false;
    for (at, &byte) in bytes.iter().enumerate() {
        match (at, byte) {
            (8 | 13 | 18 | 23, b'-') => {}
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => {}
            (_, b'a'..=b'f') => lower = true,
            (_, b'A'..=b'F') => upper = true,
            _ => return None,
        }
    }
    Some(upper && !lower)
}

/// Whether the bytes are an id in hex, and if so whether in upper case.
fn hex_case(bytes: &[u8]) -> Option<bool> {
    if bytes.len() < HEX_MIN || bytes.len() % 2 == 1 {
        return None;
    }
    let mut upper = false;
    let mut lower = false;
    for &byte in bytes {
        match byte {
            b'0'..=b'9' => {}
            b'a'..=b'f' => lower = true,
            b'A'..=b'F' => upper = true,
            _ => return None,
        }
    }
    (upper != lower).then_some(upper)
}

fn is_dotted(bytes: &[u8]) -> bool {
    let Some(dot) = bytes.iter().position(|&b| b == b'.') else {
        return false;
    };
    let (left, right) = bytes.split_at(dot);
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    digits(left) && digits(right.get(1..).unwrap_or_default())
}

fn is_phone(bytes: &[u8]) -> bool {
    let (rest, plus) = match bytes {
        [b'+', rest @ ..] => (rest, true),
        [b'0', b'0', rest @ ..] => (rest, false),
        _ => return false,
    };
    // Digits alone are an id, and keep the shape of one.
    if !plus && rest.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let digits = rest.iter().filter(|b| b.is_ascii_digit()).count();
    let separator = |b: &u8| matches!(b, b' ' | b'-' | b'.' | b'(' | b')' | b'/');
    (8..=15).contains(&digits) && rest.iter().all(|b| b.is_ascii_digit() || separator(b))
}

/// Whether the text is one e-mail address: something, one `@`, a domain with a dot.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let odd = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | ',' | ';' | '"' | '/')
    };
    !local.is_empty()
        && local.len() <= 64
        && domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && !local.contains(odd)
        && !domain.contains(odd)
        && !local.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (value, form) in [
            (
                "f47ac10b-58cc-4372-a567-0e02b2c3d479",
                Form::Uuid { upper: false },
            ),
            (
                "F47AC10B-58CC-4372-A567-0E02B2C3D479",
                Form::Uuid { upper: true },
            ),
            (
                "00000000-0000-0000-0000-000000000000",
                Form::Uuid { upper: false },
            ),
            ("f47ac10b-58cc-4372-a567-0e02b2c3d47", Form::Token),
            ("5", Form::Digits),
            ("007", Form::Digits),
            ("1234567890123456", Form::Digits),
            ("64a1b2c3d4e5f607", Form::Hex { upper: false }),
            ("64A1B2C3D4E5F607", Form::Hex { upper: true }),
            ("64A1b2C3D4E5F607", Form::Token),
            ("64a1b2c3d4e5f60", Form::Token),
            ("deadbeef", Form::Token),
            ("1234567890.1717171717", Form::Dotted),
            ("1.2.3", Form::Token),
            (".5", Form::Token),
            ("jane@example.com", Form::Email),
            (" Jane@Example.com ", Form::Email),
            ("jane@localhost", Form::Token),
            ("a@b@c.de", Form::Token),
            ("Jane <jane@example.com>", Form::Token),
            ("+41 79 123 45 67", Form::Phone),
            ("+1 (555) 010-9999", Form::Phone),
            ("+1234", Form::Token),
            ("user-48213", Form::Token),
            ("١٢٣", Form::Token),
            ("", Form::Token),
        ] {
            assert_eq!(Form::of(value), form, "{value}");
        }
    }

    #[test]
    fn spellings_of_one_thing_are_hashed_alike() {
        let canonical = |value: &str| {
            Form::of(value)
                .canonical(value)
                .map_or_else(|| value.as_bytes().to_vec(), |c| c.to_vec())
        };
        assert_eq!(
            canonical(" Jane@Example.COM"),
            canonical("jane@example.com")
        );
        assert_eq!(canonical("+41 79 123 45 67"), canonical("+41-79-1234567"));
        assert_eq!(
            canonical("F47AC10B-58CC-4372-A567-0E02B2C3D479"),
            canonical("f47ac10b-58cc-4372-a567-0e02b2c3d479")
        );
        assert_eq!(
            canonical("+41 (0)79 123 45 67"),
            canonical("0041 79 123 45 67")
        );
        assert_ne!(canonical("User-1"), canonical("user-1"));
        for (one, other) in [
            ("Jane.Doe+shop@GMail.com", "janedoe@googlemail.com"),
            ("jane+x@outlook.com", "jane@outlook.com"),
            ("jane@me.com", "jane@icloud.com"),
        ] {
            assert_eq!(canonical(one), canonical(other), "{one}");
        }
        // Elsewhere, dots and tags may be somebody else.
        for (one, other) in [
            ("jane.doe@outlook.com", "janedoe@outlook.com"),
            ("jane+x@shop.example", "jane@shop.example"),
            ("+x@gmail.com", "@gmail.com"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one}");
        }
    }
}
