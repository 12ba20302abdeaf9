//! `shift`: a date moved by a number of whole days that belongs to the person of the event.
//!
//! All dates of one person move alike, so that the time between two of them stays true; another
//! person's move otherwise. The offset is keyed, within `days` before or after and never none. Where
//! the event's person is not known, and for what is no date, nothing leaves.

use super::{Context, Effect, Value};
use crate::civil;

/// `shift = { days = 30 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The farthest a date is moved, either way; 1 and more.
    pub days: u16,
}

const DAY: i64 = 86_400;

impl Shift {
    /// Moves a date.
    pub fn apply(self, value: Value<'_>, cx: &Context<'_>, out: &mut String) -> Effect {
        let Some(person) = cx.person else {
            return Effect::Remove;
        };
        let by = self.offset(person.offset);
        let (moved, effect) = match value {
            Value::Text(text) => (move_text(text, by), Effect::Text),
            Value::Number(number) => (move_number(number, by), Effect::Number),
            Value::Bool(_) => (None, Effect::Remove),
        };
        match moved {
            Some(text) => {
                out.push_str(&text);
                effect
            }
            None => Effect::Remove,
        }
    }

    fn offset(self, person: u64) -> i64 {
        let days = u64::from(self.days.max(1));
        let at = i64::try_from(person % (2 * days)).unwrap_or(0);
        let days = i64::from(self.days.max(1));
        if at < days { at - days } else { at - days + 1 }
    }
}

/// `2024-05-06…`, `2024/05/06…`, `20240506`, or the digits of an instant.
fn move_text(text: &str, by: i64) -> Option<String> {
    let separator = text.get(4..5)?;
    if !matches!(separator, "-" | "/") || text.get(7..8)? != separator {
        return move_number(text, by);
    }
    let rest = text.get(10..)?;
    let clock = |b: u8| b.is_ascii_digit() || b"Tt:.,+-Zz UTCGM".contains(&b);
    if rest.len() > 24 || !rest.bytes().all(clock) || rest.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let (year, month, day) = moved(text.get(..4)?, text.get(5..7)?, text.get(8..10)?, by)?;
    Some(format!(
        "{year:04}{separator}{month:02}{separator}{day:02}{rest}"
    ))
}

fn move_number(text: &str, by: i64) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || fraction.is_some_and(|f| !plain(f) || f.len() > 9) {
        return None;
    }
    if sign > 0 && fraction.is_none() && whole.len() == 8 {
        let (year, month, day) = moved(whole.get(..4)?, whole.get(4..6)?, whole.get(6..)?, by)?;
        return Some(format!("{year:04}{month:02}{day:02}"));
    }
    let per_second: i64 = match whole.len() {
        9 | 10 => 1,
        12 | 13 => 1_000,
        15 | 16 => 1_000_000,
        18 | 19 => 1_000_000_000,
        _ => return None,
    };
    let was = whole.parse::<i64>().ok()?.checked_mul(sign)?;
    let is = was.checked_add(by.checked_mul(DAY * per_second)?)?;
    Some(match fraction {
        // A fraction points away from zero: across it, it would change its meaning.
        Some(_) if is.signum() != was.signum() => return None,
        Some(fraction) => format!("{is}.{fraction}"),
        None => is.to_string(),
    })
}

fn moved(year: &str, month: &str, day: &str, by: i64) -> Option<(i64, u32, u32)> {
    let all = [year, month, day];
    if !all
        .iter()
        .all(|part| part.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    let days = civil::days(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    Some(civil::date(days.checked_add(by)?)).filter(|(year, _, _)| (0..=9999).contains(year))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Person, Pseudonymizer};
    use crate::sensitive::SecretKey;
    use proptest::prelude::*;

    fn run(days: u16, person: Option<u64>, value: Value<'_>) -> Option<String> {
        let keys = Pseudonymizer::new(&SecretKey::new([1; 32]), "v", &[]);
        let mut cx = Context::new(None, &keys);
        cx.person = person.map(|offset| Person { sample: 0, offset });
        let mut out = String::new();
        let effect = (Shift { days }).apply(value, &cx, &mut out);
        matches!(effect, Effect::Text | Effect::Number).then_some(out)
    }

    #[test]
    fn dates_keep_their_format() {
        // Offset 0 of 30 days is 30 days back, 30 is one day on.
        let text = |person, text| run(30, Some(person), Value::Text(text)).unwrap();
        assert_eq!(text(30, "2024-02-28"), "2024-02-29");
        assert_eq!(
            text(30, "2023-12-31T23:59:59.5+02:00"),
            "2024-01-01T23:59:59.5+02:00"
        );
        assert_eq!(text(0, "2024/05/06 07:08"), "2024/04/06 07:08");
        assert_eq!(text(30, "20240506"), "20240507");
        assert_eq!(text(30, "1717171717"), "1717258117");
        let number = |text| run(30, Some(30), Value::Number(text)).unwrap();
        assert_eq!(number("1717171717123"), "1717258117123");
        assert_eq!(number("1717171717.25"), "1717258117.25");
        assert_eq!(number("-171717171"), "-171630771");
    }

    #[test]
    fn what_is_no_date_goes_and_so_does_a_strangers() {
        for text in [
            "",
            "soon",
            "2024-13-01",
            "2024-05-06 Jane",
            "12",
            "5/6/2024",
            "2024-05-061",
        ] {
            assert_eq!(run(30, Some(1), Value::Text(text)), None, "{text}");
        }
        assert_eq!(run(30, None, Value::Text("2024-05-06")), None);
        assert_eq!(run(30, Some(1), Value::Bool(true)), None);
    }

    proptest! {
        #[test]
        fn never_by_nothing_never_farther_and_always_alike(days in 1_u16..400, person: u64, a in 0_i64..20_000, gap in 0_i64..900) {
            let by = Shift { days }.offset(person);
            prop_assert!(by != 0 && by.abs() <= i64::from(days));
            let text = |day| { let (y, m, d) = civil::date(day); format!("{y:04}-{m:02}-{d:02}") };
            let day = |text: &str| civil::days(text[..4].parse().unwrap(), text[5..7].parse().unwrap(), text[8..].parse().unwrap()).unwrap();
            let one = run(days, Some(person), Value::Text(&text(a))).unwrap();
            let two = run(days, Some(person), Value::Text(&text(a + gap))).unwrap();
            prop_assert_eq!(day(&two) - day(&one), gap);
        }
    }
}
