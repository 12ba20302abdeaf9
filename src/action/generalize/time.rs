//! `time = "hour"`: instants rounded down, in the format they came in.
//!
//! ISO 8601 texts are rounded in the offset they name; epoch numbers (seconds, milli-, micro- or
//! nanoseconds by their size) in UTC.

use super::TimeUnit;
use crate::action::{Effect, Value};

/// Rounds an instant down; what is none is removed.
pub(super) fn apply(unit: TimeUnit, value: Value<'_>, out: &mut String) -> Effect {
    let (written, effect) = match value {
        Value::Text(text) => (
            iso(unit, text, out).or_else(|| epoch(unit, text, out)),
            Effect::Text,
        ),
        Value::Number(number) => (epoch(unit, number, out), Effect::Number),
        Value::Bool(_) => return Effect::Remove,
    };
    match written {
        Some(()) => effect,
        None => Effect::Remove,
    }
}

/// `2024-05-06[T07:08[:09[.123]]][Z|+02:00|+0200]`.
fn iso(unit: TimeUnit, text: &str, out: &mut String) -> Option<()> {
    let date = text.get(..10)?;
    let (year, month, day) = (date.get(..4)?, date.get(5..7)?, date.get(8..)?);
    let dashes = date.get(4..5)? == "-" && date.get(7..8)? == "-";
    if !dashes || !all_digits(year) || !within(month, 1, 12) || !within(day, 1, 31) {
        return None;
    }
    let (time, zone) = clock(text.get(10..)?)?;
    out.push_str(year);
    out.push('-');
    out.push_str(if unit >= TimeUnit::Year { "01" } else { month });
    out.push('-');
    out.push_str(if unit >= TimeUnit::Month { "01" } else { day });
    // The separator and the hour, the minute, the rest.
    let kept = match unit {
        TimeUnit::Minute => 6,
        TimeUnit::Hour => 3,
        TimeUnit::Day | TimeUnit::Month | TimeUnit::Year => 1,
    };
    for (at, character) in time.chars().enumerate() {
        let zero = at >= kept && character.is_ascii_digit();
        out.push(if zero { '0' } else { character });
    }
    out.push_str(zone);
    Some(())
}

/// Splits what follows a date into time (with the separator in front) and zone.
fn clock(rest: &str) -> Option<(&str, &str)> {
    if rest.is_empty() {
        return Some(("", ""));
    }
    let body = rest.strip_prefix(['T', 't', ' '])?;
    let len = body
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')))
        .unwrap_or(body.len());
    let (time, zone) = rest.split_at(len + 1);
    let body = time.get(1..)?;
    let (whole, fraction) = body.split_once(['.', ',']).unwrap_or((body, "0"));
    let mut parts = whole.split(':');
    let valid = within(parts.next()?, 0, 24)
        && within(parts.next()?, 0, 59)
        && parts.next().is_none_or(|s| within(s, 0, 60))
        && parts.next().is_none()
        && all_digits(fraction)
        && fraction.len() <= 9;
    let zone_plain = zone.trim_start();
    let zone_ok = match zone_plain.strip_prefix(['+', '-']) {
        Some(offset) => {
            let digits = offset.bytes().filter(u8::is_ascii_digit).count();
            matches!(digits, 2 | 4)
                && offset.bytes().all(|b| b.is_ascii_digit() || b == b':')
                && offset.len() <= 5
        }
        None => matches!(zone_plain, "" | "Z" | "z" | "UTC" | "GMT"),
    };
    (valid && zone_ok).then_some((time, zone))
}

/// `1717171717`, `1717171717123`, `1717171717.123`, …
fn epoch(unit: TimeUnit, text: &str, out: &mut String) -> Option<()> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let per_second: u64 = match whole.len() {
        9 | 10 => 1,
        12 | 13 => 1_000,
        15 | 16 => 1_000_000,
        18 | 19 => 1_000_000_000,
        _ => return None,
    };
    if !all_digits(whole) || fraction.is_some_and(|f| !all_digits(f) || f.len() > 9) {
        return None;
    }
    let seconds = round(unit, whole.parse::<u64>().ok()? / per_second);
    let mut digits = seconds.checked_mul(per_second)?.to_string();
    if digits.len() < whole.len() {
        digits.insert(0, '0');
    }
    out.push_str(&digits);
    if let Some(fraction) = fraction {
        out.push('.');
        out.extend(fraction.chars().map(|_| '0'));
    }
    Some(())
}

/// Rounds seconds since 1970 down.
fn round(unit: TimeUnit, seconds: u64) -> u64 {
    const DAY: u64 = 86_400;
    let start_of = |whole_year: bool| {
        // Civil from days (proleptic Gregorian), counted in years that begin in March.
        let days = seconds / DAY + 719_468;
        let of_era = days % 146_097;
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let of_month = of_year - (153 * month + 2) / 5;
        let today = seconds / DAY;
        if !whole_year {
            return (today - of_month) * DAY;
        }
        // January is month 10 of a year that begins in March.
        let leap =
            |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
        let civil = year + u64::from(month >= 10);
        let before_march = 59 + u64::from(leap(civil));
        let since_new_year = if month >= 10 {
            of_year - 306
        } else {
            of_year + before_march
        };
        (today - since_new_year) * DAY
    };
    match unit {
        TimeUnit::Minute => seconds / 60 * 60,
        TimeUnit::Hour => seconds / 3600 * 3600,
        TimeUnit::Day => seconds / DAY * DAY,
        TimeUnit::Month => start_of(false),
        TimeUnit::Year => start_of(true),
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn within(text: &str, min: u8, max: u8) -> bool {
    text.len() == 2
        && all_digits(text)
        && matches!(text.parse::<u8>(), Ok(n) if (min..=max).contains(&n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(unit: TimeUnit, value: Value<'_>) -> Option<String> {
        let mut out = String::new();
        (apply(unit, value, &mut out) != Effect::Remove).then_some(out)
    }

    #[test]
    fn iso_texts_keep_their_format() {
        use TimeUnit::{Day, Hour, Minute, Month, Year};
        for (unit, text, want) in [
            (
                Minute,
                "2024-05-06T07:08:09.123Z",
                "2024-05-06T07:08:00.000Z",
            ),
            (Hour, "2024-05-06T07:08:09.123Z", "2024-05-06T07:00:00.000Z"),
            (Hour, "2024-05-06 07:08:09", "2024-05-06 07:00:00"),
            (
                Day,
                "2024-05-06T07:08:09+02:00",
                "2024-05-06T00:00:00+02:00",
            ),
            (Month, "2024-05-06", "2024-05-01"),
            (Year, "2024-05-06T07:08Z", "2024-01-01T00:00Z"),
            (Day, "2024-05-06", "2024-05-06"),
        ] {
            assert_eq!(run(unit, Value::Text(text)).unwrap(), want);
        }
        for bad in [
            "2024-13-06",
            "2024-05-06Tjane",
            "2024-05-06T07:08:09Zjane",
            "yesterday",
            "",
            "é024-05-06",
            "2024-05-06T07",
        ] {
            assert_eq!(run(Hour, Value::Text(bad)), None, "{bad}");
        }
    }

    #[test]
    fn epoch_numbers_keep_their_unit() {
        use TimeUnit::{Day, Hour, Month, Year};
        let hour = |n| run(Hour, Value::Number(n));
        assert_eq!(hour("1717171717").unwrap(), "1717171200");
        assert_eq!(hour("1717171717123").unwrap(), "1717171200000");
        assert_eq!(hour("1717171717.123").unwrap(), "1717171200.000");
        for bad in ["5", "-1717171717", "1e9", "1717171717.x", "12345678901"] {
            assert_eq!(hour(bad), None, "{bad}");
        }
        assert_eq!(run(Day, Value::Text("1717171717")).unwrap(), "1717113600");
        // 2024-05-31 → 2024-05-01 and 2024-01-01.
        assert_eq!(
            run(Month, Value::Number("1717171717")).unwrap(),
            "1714521600"
        );
        assert_eq!(
            run(Year, Value::Number("1717171717")).unwrap(),
            "1704067200"
        );
        // 2023-02-15 and 2000-02-29.
        assert_eq!(
            run(Year, Value::Number("1676419200")).unwrap(),
            "1672531200"
        );
        assert_eq!(run(Month, Value::Number("951782400")).unwrap(), "949363200");
        assert_eq!(run(Year, Value::Number("951782400")).unwrap(), "946684800");
    }
}
