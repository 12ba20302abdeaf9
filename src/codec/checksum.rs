//! Checksums over a query string and a salt: `sha256` in hex.
//!
//! The field that carries the sum is no part of what is summed up; libraries sum up the rest either
//! as it is written or percent-decoded. A sum is renewed only where the old one was right, so that
//! nobody gets a signature for the asking. Knows no policy, and no salt but the one it is handed.

use sha2::{Digest, Sha256};

use super::form;

/// How a right sum was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Summed {
    /// Over the decoded text.
    decoded: bool,
    /// In upper case.
    upper: bool,
}

/// How the sum in the field `name` of a query string was made; `None` when it is not right, or
/// stands there more than once.
#[must_use]
pub fn verify(query: &str, name: &str, salt: &[u8]) -> Option<Summed> {
    let (rest, sums) = without(query, name);
    let [sum] = sums.as_slice() else {
        return None;
    };
    [false, true].into_iter().find_map(|decoded| {
        let right = of(&rest, decoded, salt)?;
        let upper = sum.bytes().any(|b| b.is_ascii_uppercase());
        sum.eq_ignore_ascii_case(&right)
            .then_some(Summed { decoded, upper })
    })
}

/// The query string with the sum in the field `name` made anew, at the end.
#[must_use]
pub fn renew(query: &str, name: &str, salt: &[u8], how: Summed) -> Option<String> {
    let (mut rest, _) = without(query, name);
    let mut sum = of(&rest, how.decoded, salt)?;
    if how.upper {
        sum.make_ascii_uppercase();
    }
    if !rest.is_empty() {
        rest.push('&');
    }
    form::encode(name, &mut rest);
    rest.push('=');
    rest.push_str(&sum);
    Some(rest)
}

/// The rest of a query string, and the values of the field.
fn without(query: &str, name: &str) -> (String, Vec<String>) {
    let mut rest = String::with_capacity(query.len());
    let mut sums = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let mut plain = String::new();
        if form::decode(key.as_bytes(), &mut plain).is_ok() && plain == name {
            sums.push(value.to_owned());
            continue;
        }
        if !rest.is_empty() {
            rest.push('&');
        }
        rest.push_str(pair);
    }
    (rest, sums)
}

fn of(text: &str, decoded: bool, salt: &[u8]) -> Option<String> {
    let mut hash = Sha256::new();
    if decoded {
        let mut plain = String::new();
        // A `+` is itself to who decodes so.
        form::decode(text.replace('+', "%2B").as_bytes(), &mut plain).ok()?;
        hash.update(plain.as_bytes());
    } else {
        hash.update(text.as_bytes());
    }
    hash.update(salt);
    let sum = hash.finalize();
    Some(sum.iter().fold(String::new(), |mut out, byte| {
        for digit in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(u32::from(digit), 16));
        }
        out
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    // sha256("a=1&b=x%20ysalt"), sha256("a=1&b=x ysalt")
    const ENCODED: &str = "a4ef14567c7fc80c809be14205a3e09d0e2583b6f7a0a5dbf49b155c7976c84e";
    const DECODED: &str = "ed5593fe7735d2dd6bcc3ad7d8bfa00ae3ed1aee8f10ba3cb15e25659807adb6";

    #[test]
    fn sums_are_verified_and_renewed() {
        for (sum, decoded) in [(ENCODED, false), (DECODED, true)] {
            for upper in [false, true] {
                let mut sum = sum.to_owned();
                if upper {
                    sum.make_ascii_uppercase();
                }
                let query = format!("a=1&b=x%20y&sum={sum}");
                let how = verify(&query, "sum", b"salt").unwrap();
                assert_eq!(how, Summed { decoded, upper });
                assert_eq!(renew(&query, "sum", b"salt", how).unwrap(), query);
                let other = renew("a=2&sum=x", "sum", b"salt", how).unwrap();
                assert_eq!(
                    verify(&other, "sum", b"salt"),
                    Some(Summed {
                        decoded: false,
                        upper
                    })
                );
            }
        }
    }

    #[test]
    fn a_wrong_sum_is_never_renewed() {
        let good = format!("a=1&b=x%20y&sum={ENCODED}");
        assert!(verify(&good, "sum", b"salt").is_some());
        assert!(verify(&good, "sum", b"other").is_none());
        assert!(verify(&good.replace("a=1", "a=2"), "sum", b"salt").is_none());
        assert!(verify(&format!("{good}&sum={ENCODED}"), "sum", b"salt").is_none());
        assert!(verify("a=1", "sum", b"salt").is_none() && verify("", "sum", b"salt").is_none());
    }
}
