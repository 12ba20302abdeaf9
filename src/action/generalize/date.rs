//! `date = "year"` (or `"month"`, `"decade"`): of a date only that.
//!
//! A text is a date when it holds exactly one four-digit year and otherwise only short numbers,
//! separators and words (months, days, zones). Two-digit years are not guessed at.

use crate::action::{Effect, Value};

/// Longer texts are no dates.
const MAX_LEN: usize = 48;

/// What of a date stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateUnit {
    /// `1987-03`, of dates written as `1987-03-09` or `1987/03/09`; else the year.
    Month,
    /// `1987`.
    Year,
    /// `1980`.
    Decade,
}

/// Writes what stays of a date; what is no date is removed.
pub(super) fn apply(unit: DateUnit, value: Value<'_>, out: &mut String) -> Effect {
    let (text, effect) = match value {
        Value::Text(text) => (text, Effect::Text),
        Value::Number(number) => (number, Effect::Number),
        Value::Bool(_) => return Effect::Remove,
    };
    match year(text.trim()) {
        Some(year) => {
            match unit {
                DateUnit::Month => out.push_str(month(text.trim()).unwrap_or(year)),
                DateUnit::Year => out.push_str(year),
                DateUnit::Decade => {
                    out.push_str(year.get(..3).unwrap_or(""));
                    out.push('0');
                }
            }
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

/// The beginning of an ISO date: `1987-03`.
fn month(text: &str) -> Option<&str> {
    let whole = text.get(..10)?;
    let mut parts = whole.split(['-', '/']);
    let year = parts.next().is_some_and(|y| y.len() == 4 && is_year(y));
    let month = parts
        .next()
        .is_some_and(|m| m.len() == 2 && in_range(m, 12));
    let day = parts
        .next()
        .is_some_and(|d| d.len() == 2 && in_range(d, 31));
    (year && month && day).then(|| whole.get(..7))?
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
        let number = Value::Number("19870309");
        assert_eq!(apply(DateUnit::Year, number, &mut out), Effect::Number);
        assert_eq!(out, "1987");
        let of = |unit, text| {
            let mut out = String::new();
            apply(unit, Value::Text(text), &mut out);
            out
        };
        assert_eq!(of(DateUnit::Decade, "9.3.1987"), "1980");
        assert_eq!(of(DateUnit::Month, "1987-03-09T10:00:00Z"), "1987-03");
        assert_eq!(of(DateUnit::Month, "March 9, 1987"), "1987");
    }
}
