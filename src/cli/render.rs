//! Draws diagnostics as a compiler does: file, line, column, the place in its line, and the fix.
//!
//! Knows nothing of what was read; a finding is data.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};

/// All findings, one under the other, with a line that counts them; empty when there are none.
#[must_use]
pub fn render(d: &Diagnostics, color: bool) -> String {
    if d.items.is_empty() {
        return String::new();
    }
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut out = String::new();
    for item in &d.items {
        out.push_str(renderer.render(&[group(d, item)]).trim_end());
        out.push_str("\n\n");
    }
    out.push_str(&count(d));
    out.push('\n');
    out
}

fn group<'a>(d: &'a Diagnostics, item: &'a Diagnostic) -> Group<'a> {
    let level = match item.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(item.message.as_str()).id(item.code);
    let mut group = match item.span.as_ref() {
        // A finding about the whole file points at no place in it.
        Some(span) if !d.source.is_empty() && *span != (0..0) => {
            // The line alone: the whole file would be searched anew for each finding.
            let span = within(&d.source, span);
            let (line, _) = d.position(span.start);
            let text = line_of(&d.source, &span);
            let place = span.start - text.start..span.end - text.start;
            title.element(
                Snippet::source(d.source.get(text).unwrap_or(""))
                    .line_start(line)
                    .path(d.file.as_str())
                    .annotation(AnnotationKind::Primary.span(place)),
            )
        }
        Some(_) | None => title.element(Origin::path(d.file.as_str())),
    };
    if let Some(help) = &item.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// The line that a span stands on, without its end.
fn line_of(source: &str, span: &Range<usize>) -> Range<usize> {
    let before = source.get(..span.start).unwrap_or("");
    let after = source.get(span.end..).unwrap_or("");
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = after.find('\n').map_or(source.len(), |at| span.end + at);
    let line = source.get(start..end).unwrap_or("");
    // Windows ends lines with two characters; neither is part of what was written.
    let end = end - usize::from(line.ends_with('\r'));
    start..end.max(span.end)
}

/// The span, on character boundaries and within one line: a caret under what is meant, not a block.
fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = floor(source, span.start);
    let line_end = source
        .get(start..)
        .and_then(|rest| rest.find('\n'))
        .map_or(source.len(), |at| start + at);
    let end = floor(source, span.end).clamp(start, line_end.max(start));
    start..end
}

fn floor(source: &str, at: usize) -> usize {
    let at = at.min(source.len());
    (0..=at)
        .rev()
        .find(|i| source.is_char_boundary(*i))
        .unwrap_or(0)
}

fn count(d: &Diagnostics) -> String {
    let errors = d
        .items
        .iter()
        .filter(|item| item.severity == Severity::Error)
        .count();
    let warnings = d.items.len() - errors;
    let some = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{n} {what}s")),
    };
    let parts: Vec<String> = [some(errors, "error"), some(warnings, "warning")]
        .into_iter()
        .flatten()
        .collect();
    format!("{}: {}", d.file, parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::CompiledPolicy;
    use proptest::prelude::*;

    #[test]
    fn a_newcomer_sees_where_and_what_to_write() {
        let text = "version = 1\n\n[[rule]]\nname     = \"no e-mail\"\ncategory = [\"user.email\"]\naction   = \"dorp\"\n";
        let found = CompiledPolicy::load("my.toml", text).unwrap_err();
        let want = r#"error[unknown-category]: unknown data category `user.email`
 --> my.toml:5:13
  |
5 | category = ["user.email"]
  |             ^^^^^^^^^^^^
  |
  = help: did you mean `user.contact.email`?

error[unknown-action]: unknown action `dorp`
 --> my.toml:6:12
  |
6 | action   = "dorp"
  |            ^^^^^^
  |
  = help: did you mean `drop`?

my.toml: 2 errors
"#;
        assert_eq!(render(&found, false), want);
        let windows = text.replace('\n', "\r\n");
        let windows = CompiledPolicy::load("my.toml", &windows).unwrap_err();
        assert_eq!(render(&windows, false), want);
        assert!(render(&found, true).contains("\u{1b}["));
    }

    #[test]
    fn a_finding_without_a_place_names_the_file() {
        let mut d = Diagnostics::new("x.toml", "");
        assert_eq!(render(&d, false), "");
        d.push(Diagnostic::warning("w", "something", 0..0).help("mend it"));
        let got = render(&d, false);
        assert_eq!(
            got,
            "warning[w]: something\n--> x.toml\n = help: mend it\n\nx.toml: 1 warning\n"
        );
    }

    proptest! {
        #[test]
        fn no_place_makes_it_panic(source in "(\\PC|\n|\t|\r\n){0,40}", start in 0_usize..80, end in 0_usize..80) {
            let mut d = Diagnostics::new("x", source);
            d.push(Diagnostic::error("e", "m", start..end).help("h"));
            let _ = (render(&d, false), render(&d, true));
        }

        #[test]
        fn no_policys_findings_make_it_panic(text in "(\\PC|\n|version = 1\n|\\[\\[rule\\]\\]\n|category = \"user|action = ){0,30}") {
            if let Err(d) = CompiledPolicy::load("p.toml", &text) {
                let _ = render(&d, false);
            }
        }
    }
}
