//! `number = { step | buckets | top }`: numbers made coarse. What is no number is removed.

use crate::action::{Effect, Value};

/// How a number is made coarse.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Rounded down to a multiple.
    Step(f64),
    /// The lower bound of the bucket in which the number falls, of bounds that ascend; what lies
    /// below the first has none and is removed.
    Buckets(Box<[f64]>),
    /// Kept up to this number; what is larger becomes this number.
    Top(f64),
}

/// Beyond it, not every whole number can be told from its neighbours.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Numbers {
    /// Makes a number coarse; a text that is a number stays a text.
    pub(super) fn apply(&self, value: Value<'_>, out: &mut String) -> Effect {
        let (text, effect) = match value {
            Value::Text(text) => (text.trim(), Effect::Text),
            Value::Number(text) => (text, Effect::Number),
            Value::Bool(_) => return Effect::Remove,
        };
        // `1e5`, `inf` and `NaN` in a text are words.
        let plain = |b: u8| b.is_ascii_digit() || b"+-.".contains(&b);
        if effect == Effect::Text && (text.len() > 24 || !text.bytes().all(plain)) {
            return Effect::Remove;
        }
        let Some(number) = text.parse::<f64>().ok().filter(|n| n.abs() < EXACT) else {
            return Effect::Remove;
        };
        let coarse = match self {
            Self::Step(step) => Some((number / step).floor() * step),
            Self::Buckets(bounds) => bounds.iter().rev().find(|b| **b <= number).copied(),
            Self::Top(top) if number <= *top => {
                out.push_str(text);
                return effect;
            }
            Self::Top(top) => Some(*top),
        };
        match coarse {
            Some(coarse) => {
                out.push_str(&self.write(coarse));
                effect
            }
            None => Effect::Remove,
        }
    }

    /// With as many decimals as the step has.
    fn write(&self, coarse: f64) -> String {
        let decimals = match self {
            Self::Step(step) => step.to_string().split_once('.').map_or(0, |(_, d)| d.len()),
            Self::Buckets(_) | Self::Top(_) => return coarse.to_string(),
        };
        let text = format!("{coarse:.decimals$}");
        if text
            .trim_start_matches('-')
            .bytes()
            .all(|b| b"0.".contains(&b))
        {
            return text.trim_start_matches('-').to_owned();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(numbers: &Numbers, value: Value<'_>) -> Option<String> {
        let mut out = String::new();
        (numbers.apply(value, &mut out) != Effect::Remove).then_some(out)
    }

    #[test]
    fn steps_buckets_and_a_top() {
        let text = |numbers: &Numbers, text| run(numbers, Value::Text(text));
        let ten = Numbers::Step(10.0);
        for (given, want) in [
            ("37", "30"),
            ("-3", "-10"),
            ("9.99", "0"),
            ("40", "40"),
            ("-0", "0"),
        ] {
            assert_eq!(text(&ten, given).as_deref(), Some(want), "{given}");
            assert_eq!(run(&ten, Value::Number(given)).as_deref(), Some(want));
        }
        let half = Numbers::Step(0.5);
        assert_eq!(text(&half, "3.14").as_deref(), Some("3.0"));
        assert_eq!(run(&half, Value::Number("3.14e0")).as_deref(), Some("3.0"));
        let ages = Numbers::Buckets([0.0, 18.0, 25.0, 65.0].into());
        for (given, want) in [
            ("17", Some("0")),
            ("18", Some("18")),
            ("64.9", Some("25")),
            ("99", Some("65")),
            ("-1", None),
        ] {
            assert_eq!(text(&ages, given).as_deref(), want, "{given}");
        }
        let top = Numbers::Top(90.0);
        assert_eq!(text(&top, "89").as_deref(), Some("89"));
        assert_eq!(text(&top, "90").as_deref(), Some("90"));
        assert_eq!(text(&top, "103").as_deref(), Some("90"));
    }

    #[test]
    fn what_is_no_number_goes() {
        for text in [
            "",
            "ten",
            "1e5",
            "NaN",
            "inf",
            "10 years",
            "1.2.3",
            "99999999999999999999",
        ] {
            assert_eq!(run(&Numbers::Step(10.0), Value::Text(text)), None, "{text}");
        }
        assert_eq!(run(&Numbers::Top(9.0), Value::Bool(true)), None);
        assert_eq!(run(&Numbers::Step(10.0), Value::Number("1e300")), None);
    }
}
