//! Where objects of JSON stand in a longer text, as messages of logs hold them.
//!
//! Invariant: linear in the text. Knows nothing of what becomes of them: [`super::nested`] does.

use super::unfold::Runs;

/// Openers of objects in one text that nothing closes, before no more is looked for.
const MAX_OPEN: usize = 8;

/// Where objects of JSON may stand in a text: from `{"` to the brace that closes it. Linear: few
/// openers are read in vain.
pub(super) fn objects(text: &str) -> Runs {
    let (bytes, mut runs, mut from, mut open) = (text.as_bytes(), Runs::new(), 0, 0);
    while open < MAX_OPEN
        && let Some(at) = memchr::memchr(b'{', bytes.get(from..).unwrap_or(&[]))
    {
        let start = from + at;
        from = start + 1;
        let mut rest = bytes.get(from..).unwrap_or(&[]).iter();
        if rest.find(|b| !b.is_ascii_whitespace()) != Some(&b'"') {
            continue;
        }
        match closed(bytes, start) {
            Some(end) => {
                runs.push(start..end);
                from = end;
            }
            None => open += 1,
        }
    }
    runs
}

/// Behind the brace that closes the one at `start`; braces in strings do not count.
fn closed(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut depth, mut quoted, mut at) = (0usize, false, start);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_up_to_their_brace() {
        let found = |text: &str| -> Vec<String> {
            let runs = objects(text).into_iter();
            runs.map(|run| text.get(run).unwrap_or("").to_owned())
                .collect()
        };
        for (text, want) in [
            (
                r#"sent {"a":"}"} and { "b": {"c":1}}."#,
                vec![r#"{"a":"}"}"#, r#"{ "b": {"c":1}}"#],
            ),
            (r#"{"cut {"a":1}"#, vec![r#"{"a":1}"#]),
            (r#"{"a":"\"}"#, vec![]),
            (r#"{a} {} [1] }{"#, vec![]),
        ] {
            assert_eq!(found(text), want, "{text}");
        }
    }
}
