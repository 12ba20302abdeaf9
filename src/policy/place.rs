//! The words by which a rule says where it holds: categories, selectors, globs.

use crate::category::{CategorySet, DataCategory};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Spanned, Value, nearest, show};
use crate::selector::{Selector, SelectorError, Step};

use super::written::List;

/// Which names a glob stands for: each has its own spelling.
#[derive(Clone, Copy)]
pub(super) enum Names {
    Vendors,
    Endpoints,
    Events,
    Parameters,
}

/// A category's key, or the nearest one as help.
pub(super) fn category(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<DataCategory> {
    let found = DataCategory::parse(word.value);
    if found.is_none() {
        d.push(
            Diagnostic::error(
                "unknown-category",
                format!("unknown data category `{}`", show(word.value)),
                word.span.clone(),
            )
            .help(category_help(word.value)),
        );
    }
    found
}

/// The categories of a rule, subtrees included.
pub(super) fn categories(list: Option<&List<'_>>, d: &mut Diagnostics) -> CategorySet {
    let Some(list) = list else {
        return CategorySet::EMPTY;
    };
    refuse_empty(list, d);
    list.words
        .iter()
        .filter_map(|word| category(word, d))
        .fold(CategorySet::EMPTY, |set, c| {
            set.union(CategorySet::subtree(c))
        })
}

/// Field selectors.
pub(super) fn fields(list: Option<&List<'_>>, d: &mut Diagnostics) -> Box<[Selector]> {
    let Some(list) = list else {
        return Box::default();
    };
    refuse_empty(list, d);
    list.words
        .iter()
        .filter_map(|word| selector(word, d))
        .collect()
}

/// One selector that leads to one place: keys and `[]` only.
pub(super) fn one_field(value: &Value<'_>, d: &mut Diagnostics) -> Option<Selector> {
    let word = value.str(d)?;
    let found = selector(&word, d)?;
    let single = |step: &Step| matches!(step, Step::Key(_) | Step::Item);
    if found.steps().iter().all(single) {
        return Some(found);
    }
    d.push(
        Diagnostic::error(
            "bad-selector",
            format!(
                "`{}` stands for many fields, expected one",
                show(word.value)
            ),
            word.span,
        )
        .help("leave out the stars: `context.consent.analytics`"),
    );
    None
}

/// Globs of vendors, endpoints or events.
pub(super) fn globs(list: Option<&List<'_>>, names: Names, d: &mut Diagnostics) -> Box<[Box<str>]> {
    let Some(list) = list else {
        return Box::default();
    };
    refuse_empty(list, d);
    list.words
        .iter()
        .filter_map(|word| glob(word, names, d))
        .collect()
}

/// One glob.
pub(super) fn glob(word: &Spanned<&str>, names: Names, d: &mut Diagnostics) -> Option<Box<str>> {
    let text = word.value;
    let (problem, help) = if text.is_empty() {
        ("is empty", "write `*` for any".to_owned())
    } else if text.contains("**") {
        (
            "has two stars in a row",
            format!("write `{}`", show(&text.replace("**", "*"))),
        )
    } else {
        match names {
            Names::Vendors if text.chars().any(char::is_uppercase) => (
                "is not in lower case, as vendors' names are",
                format!("write `{}`", show(&text.to_lowercase())),
            ),
            Names::Vendors if !text.chars().all(is_vendor_char) => (
                "is no vendor's name; `*` is the only wildcard",
                "`tamis vendors` lists the names".to_owned(),
            ),
            Names::Vendors | Names::Endpoints | Names::Events | Names::Parameters => {
                if is_expression(text) {
                    expression(
                        word,
                        "`*` stands for any letters; give each name its own entry",
                        d,
                    );
                }
                return Some(text.into());
            }
        }
    };
    d.push(
        Diagnostic::error(
            "bad-glob",
            format!("`{}` {problem}", show(text)),
            word.span.clone(),
        )
        .help(help),
    );
    None
}

/// Whether a text looks like a regular expression.
fn is_expression(text: &str) -> bool {
    let choice = text.split_once('(').is_some_and(|(_, rest)| {
        rest.split_once(')')
            .is_some_and(|(inside, _)| inside.contains('|'))
    });
    choice || text.starts_with('^') || text.contains(".*") || text.contains("\\d")
}

fn expression(word: &Spanned<&str>, help: &str, d: &mut Diagnostics) {
    let message = format!(
        "`{}` is read as it stands, not as a regular expression",
        show(word.value)
    );
    d.push(Diagnostic::warning("no-expression", message, word.span.clone()).help(help));
}

fn is_vendor_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*')
}

/// One selector, relative to the event.
fn selector(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<Selector> {
    let found = Selector::parse(word.value);
    let (message, help) = match &found {
        Err(error) => (error.to_string(), selector_help(word.value, *error)),
        Ok(selector) => match unreachable(selector.steps()) {
            Some((message, help)) => (message, Some(help)),
            None => {
                slashes(word, selector.steps(), d);
                return found.ok();
            }
        },
    };
    let mut item = Diagnostic::error(
        "bad-selector",
        format!("`{}`: {message}", show(word.value)),
        word.span.clone(),
    );
    item.help = help;
    d.push(item);
    None
}

/// Selectors that come from other tools.
fn slashes(word: &Spanned<&str>, steps: &[Step], d: &mut Diagnostics) {
    let text = word.value;
    let [Step::Key(key) | Step::Glob(key), rest @ ..] = steps else {
        return;
    };
    if text.starts_with("/^") || text.starts_with('^') || text.ends_with('$') && text.len() > 1 {
        expression(
            word,
            "write `utm_*` for keys that begin so, `**.name` for any depth",
            d,
        );
    } else if rest.is_empty() && key.contains('/') {
        let dotted = text.trim_matches('/').replace('/', ".");
        let message = format!("`{}` is read as the name of one field", show(text));
        d.push(
            Diagnostic::warning("no-path", message, word.span.clone())
                .help(format!("write `{}`", show(&dotted))),
        );
    }
}

fn selector_help(text: &str, error: SelectorError) -> Option<String> {
    if error == SelectorError::Bracket {
        let open = text.find('[')?;
        let close = open + text.get(open..)?.find(']')?;
        let inside = text.get(open + 1..close)?;
        if !inside.is_empty() && inside.chars().all(|c| c.is_ascii_alphabetic() || c == '_') {
            let fixed = format!("{}.{inside}{}", text.get(..open)?, text.get(close + 1..)?);
            return Some(format!("write `{}`", show(&fixed)));
        }
        if !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_digit() || b == b'*') {
            let fixed = format!("{}[]{}", text.get(..open)?, text.get(close + 1..)?);
            return Some(format!(
                "`[]` stands for every element: write `{}`",
                show(&fixed)
            ));
        }
    }
    None
}

/// Selectors that are well formed and can match nothing.
fn unreachable(steps: &[Step]) -> Option<(String, String)> {
    let key = |at: usize| match steps.get(at) {
        Some(Step::Key(key)) => Some(&**key),
        Some(Step::Glob(_) | Step::Any | Step::Deep | Step::Item) | None => None,
    };
    match (key(0)?, key(1)) {
        ("$", _) => Some((
            "a selector is relative to the event".into(),
            "leave out `$.`".into(),
        )),
        ("$client", Some(other)) if other != "ip" => Some((
            format!("`$client.{}` does not exist", show(other)),
            "write `$client.ip`".into(),
        )),
        ("$header", Some(name)) if name.chars().any(char::is_uppercase) => Some((
            "header names are compared in lower case".into(),
            format!("write `$header.{}`", show(&name.to_lowercase())),
        )),
        _ => None,
    }
}

fn refuse_empty(list: &List<'_>, d: &mut Diagnostics) {
    if list.empty {
        d.push(
            Diagnostic::error(
                "empty-condition",
                format!("`{}` is an empty list: it would match nothing", list.name),
                list.whole.clone(),
            )
            .help(format!(
                "name what is meant, or leave `{}` out for any",
                list.name
            )),
        );
    }
}

/// The key that was most likely meant: the same last word elsewhere in the taxonomy (`user.email`),
/// a slip of the fingers (`user.contact.emial`), a part of the last word (`user.ip`); else what
/// there is below the longest known beginning.
fn category_help(word: &str) -> String {
    let word = word.trim().to_lowercase().replace('-', "_");
    let last = word.rsplit('.').next().unwrap_or(&word);
    let keys = || DataCategory::all().map(DataCategory::key);
    let end = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let found = keys()
        .find(|key| *key == word || end(key) == last)
        .or_else(|| {
            let whole = nearest(&word, keys()).filter(|_| word.contains('.'));
            let near = nearest(last, keys().map(end));
            let near = near.and_then(|near| keys().find(|key| end(key) == near));
            // `user.emial` is nearer to the last word of `user.contact.email` than to `user.social`.
            match (whole, near) {
                (Some(whole), Some(near)) => {
                    let far = strsim::osa_distance(&word, whole);
                    let nearer = strsim::osa_distance(last, end(near)) < far;
                    Some(if nearer { near } else { whole })
                }
                (whole, near) => whole.or(near),
            }
        })
        .or_else(|| {
            keys().find(|key| last.len() > 1 && end(key).split('_').any(|part| part == last))
        });
    if let Some(key) = found {
        return format!("did you mean `{key}`?");
    }
    let mut parent = word.as_str();
    while let Some((shorter, _)) = parent.rsplit_once('.') {
        parent = shorter;
        if let Some(known) = DataCategory::parse(parent) {
            return format!("below `{known}` there are: {}", children(known));
        }
    }
    format!(
        "data categories are keys of the Fideslang taxonomy, below `user` there are: {}",
        DataCategory::parse("user").map_or_else(String::new, children)
    )
}

fn children(parent: DataCategory) -> String {
    let depth = parent.key().matches('.').count() + 1;
    let names: Vec<String> = DataCategory::all()
        .filter(|c| parent.contains(*c) && c.key().matches('.').count() == depth)
        .map(|c| format!("`{c}`"))
        .collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_category_that_was_meant() {
        let want = [
            ("user.email", "user.contact.email"),
            ("email", "user.contact.email"),
            ("user.emial", "user.contact.email"),
            ("user.contact.emial", "user.contact.email"),
            ("user.contact.phone", "user.contact.phone_number"),
            ("user.ip", "user.device.ip_address"),
            ("user.nam", "user.name"),
            ("User.Device", "user.device"),
            ("user.behaviour", "user.behavior"),
            ("user.financial.credit-card", "user.financial.credit_card"),
        ];
        for (wrong, right) in want {
            assert_eq!(
                category_help(wrong),
                format!("did you mean `{right}`?"),
                "{wrong}"
            );
        }
        assert_eq!(
            category_help("user.name.xyzzyx"),
            "below `user.name` there are: `user.name.first`, `user.name.last`"
        );
        assert!(category_help("xyzzyx").contains("`user.contact`"));
    }
}
