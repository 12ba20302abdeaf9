//! `date = "year"`: of a date only its year.
//!
//! A text is a date when it holds exactly one four-digit year and otherwise only short numbers,
//! separators and words (months, days, zones). Two-digit years are not guessed at.

use crate::action::{Effect, Value};

/// Longer texts are no dates.
const MAX_LEN: usize = 48;

/// Writes the year; what is no date is removed.
pub(super) fn apply(value: Value<'_>, out: &mut String) -> Effect {
    let (text, effect) = match value {
        Value::Text(text) => (text, Effect::Text),
        Value::Number(number) => (number, Effect::Number),
        Value::Bool(_) => return Effect::Remove,
    };
    match year(text.trim()) {
        Some(year) => {
            out.push_str(year);
            effect
        }
        None => Effect::Remove,
    }
}

fn year(text: &str) -> Option<&str> {
    if text.len() > MAX_LEN || !text.is_ascii() {
        return None;
    }
    let mut found = None;
    for run in text.split(|c: char| !c.is_ascii_digit()) {
        match run.len() {
            4 if is_year(run) => {
                if found.replace(run).is_some() {
                    return None;
                }
            }
            // 20240506 and 20240506T070809.
            8 => {
                let (year, rest) = run.split_at(4);
                let (month, day) = rest.split_at(2);
                if !is_year(year) || !in_range(month, 12) || !in_range(day, 31) {
                    return None;
                }
                if found.replace(year).is_some() {
                    return None;
                }
            }
            // Days, months, hours, fractions of a second, offsets.
            0..=4 | 6 | 9 => {}
            _ => return None,
        }
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" -/.,:+".contains(&b);
    found.filter(|_| text.bytes().all(plain))
}

fn is_year(digits: &str) -> bool {
    matches!(digits.parse::<u16>(), Ok(1850..=2149))
}

fn in_range(digits: &str, max: u8) -> bool {
    matches!(digits.parse::<u8>(), Ok(n) if (1..=max).contains(&n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years() {
        for (text, want) in [
            ("1987-03-09", "1987"),
            ("1987/3/9", "1987"),
            ("09.03.1987", "1987"),
            ("3/9/1987", "1987"),
            ("19870309", "1987"),
            ("1987-03-09T00:00:00.000Z", "1987"),
            ("March 9, 1987", "1987"),
            ("Mon, 09 Mar 1987 00:00:00 GMT", "1987"),
            ("1987", "1987"),
        ] {
            assert_eq!(year(text), Some(want), "{text}");
        }
        for bad in [
            "",
            "9.3.87",
            "12345678",
            "1987-1999",
            "born in Zürich 1987",
            "jane@x.example 1987",
            "unknown",
            "0001-01-01",
        ] {
            assert_eq!(year(bad), None, "{bad}");
        }
        let mut out = String::new();
        assert_eq!(apply(Value::Number("19870309"), &mut out), Effect::Number);
        assert_eq!(out, "1987");
    }
}
