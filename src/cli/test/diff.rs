//! What differs between two texts, line by line; JSON is laid out first.

/// Longer texts are not compared line by line.
const MOST_LINES: usize = 2000;

/// `-` lines are expected, `+` lines are what left, two lines of what is common around them.
pub(super) fn diff(want: &str, got: &str) -> String {
    let (want, got) = (laid_out(want), laid_out(got));
    let (want, got): (Vec<&str>, Vec<&str>) = (want.lines().collect(), got.lines().collect());
    if want.len() > MOST_LINES || got.len() > MOST_LINES {
        return format!("- {} lines\n+ {} other lines", want.len(), got.len());
    }
    let marked = marked(&want, &got);
    let near = |at: usize| {
        let around = marked.get(at.saturating_sub(2)..(at + 3).min(marked.len()));
        around.is_some_and(|lines| lines.iter().any(|(mark, _)| *mark != ' '))
    };
    let mut out = Vec::new();
    for (at, (mark, line)) in marked.iter().enumerate() {
        if near(at) {
            out.push(format!("{mark} {line}"));
        }
    }
    out.join("\n")
}

fn laid_out(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => format!("{value:#}"),
        Err(_) => text.to_owned(),
    }
}

/// All lines with `-`, `+` or a blank: the longest common subsequence is what stays.
fn marked<'t>(want: &[&'t str], got: &[&'t str]) -> Vec<(char, &'t str)> {
    let width = got.len() + 1;
    let mut longest = vec![0u32; (want.len() + 1) * width];
    let at = |longest: &[u32], i: usize, j: usize| longest.get(i * width + j).copied().unwrap_or(0);
    for (i, one) in want.iter().enumerate().rev() {
        for (j, other) in got.iter().enumerate().rev() {
            let best = if one == other {
                at(&longest, i + 1, j + 1) + 1
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(place) = longest.get_mut(i * width + j) {
                *place = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    loop {
        match (want.get(i), got.get(j)) {
            (Some(one), Some(other)) if one == other => {
                out.push((' ', *one));
                i += 1;
                j += 1;
            }
            (Some(one), other)
                if other.is_none() || at(&longest, i + 1, j) >= at(&longest, i, j + 1) =>
            {
                out.push(('-', *one));
                i += 1;
            }
            (_, Some(other)) => {
                out.push(('+', *other));
                j += 1;
            }
            (_, None) => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let text = diff(r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":5,"c":3}"#);
        assert_eq!(
            text,
            "  {\n    \"a\": 1,\n-   \"b\": 2,\n+   \"b\": 5,\n    \"c\": 3\n  }"
        );
        assert_eq!(diff("x", "y"), "- x\n+ y");
        assert_eq!(diff("", "y"), "+ y");
    }
}
