//! Words of a file in messages: the one that was probably meant, the ones there are.

use toml::de::DeValue;

/// The known word nearest to `word`, if one is near enough to be what was meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 80;
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let folded = word.to_lowercase().replace('-', "_");
    let length = folded.chars().count();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .filter(|k| k.chars().count().abs_diff(length) <= allowed)
        .map(|k| (strsim::osa_distance(&folded, k), k))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// Help for a word that is not known: the nearest one, or all of them under `heading`.
#[must_use]
pub fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    heading: &str,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let begun = |known: &&&str| known.len() >= 4 && word.starts_with(**known);
    let near = nearest(word, known.iter().copied()).or_else(|| known.iter().find(begun).copied());
    if let Some(near) = near {
        return format!("did you mean `{near}`?");
    }
    let mut list = String::new();
    for word in &known {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push('`');
        list.push_str(word);
        list.push('`');
    }
    format!("{heading}: {list}")
}

/// What to write for a value of another type, where that can be told: a number in quotes, `"yes"`, a
/// number where a text belongs.
pub(super) fn unquoted(expected: &str, found: &DeValue<'_>) -> Option<String> {
    let text = found.as_str();
    let plain = match expected {
        "an integer" | "a number" => text.filter(|text| text.parse::<f64>().is_ok())?.to_owned(),
        "`true` or `false`" => {
            let number = found.as_integer().map(|number| number.as_str());
            let word = number.or(text)?.to_ascii_lowercase();
            let on = matches!(word.as_str(), "true" | "yes" | "on" | "1");
            let off = matches!(word.as_str(), "false" | "no" | "off" | "0");
            (on || off).then(|| on.to_string())?
        }
        "a string" => match found {
            DeValue::Integer(number) => format!("\"{}\"", number.as_str()),
            DeValue::Float(number) => format!("\"{}\"", number.as_str()),
            DeValue::Boolean(on) => format!("\"{on}\""),
            DeValue::Array(list) => {
                let mut list = list.iter();
                match (list.next(), list.next()) {
                    (Some(one), None) => format!("\"{}\"", show(one.get_ref().as_str()?)),
                    _ => return Some("one only: write each under its own table".to_owned()),
                }
            }
            DeValue::String(_) | DeValue::Datetime(_) | DeValue::Table(_) => return None,
        },
        _ => return None,
    };
    Some(format!("write `{plain}`"))
}

/// Text of the file as it may stand in a message: one line, not too long.
#[must_use]
pub fn show(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut out: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out.replace("\\\"", "\"").replace("\\'", "'")
}
