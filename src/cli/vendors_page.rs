//! `tamis vendors --markdown`: the page about all vendors, from their catalogs and the `default`
//! policy. `docs/vendors.md` is what this prints; a test holds that.
//!
//! Prints what the data says: which paths pass, the line to change in each SDK, what leaves of each
//! field. Invents nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context;

use super::vendors::{kind, pattern};
use crate::action::Action;
use crate::catalog::{Endpoint, Field, Guide, Vendor};
use crate::policy::{CompiledPolicy, Rule, Unlisted};

const HEAD: &str = "\
# Vendors

*Printed by `tamis vendors --markdown` from the catalogs in `config/vendors`; do not edit by hand.*

For each vendor: how its client libraries are pointed at Tamis, which paths pass (all others are answered with 404), what the policy `default` does to the fields that the vendor's own libraries send, what works less well at the vendor for it, and what does not pass. `https://t.example` stands for your Tamis.

Fields that are not listed here are yours: they are found by their name or their value, in every language and at every depth, and are treated by the same rules. Order, invoice and cart numbers leave as pseudonyms wherever they stand. `tamis explain` shows it for a request of your own.

Kinds of paths: `collect` takes telemetry; `query` gives the library the live answer that it needs (flags, settings), and what it sends is judged in the same way; `asset` hands out the vendor's scripts; `replay` takes session recordings, which are answered and not sent.

A field is written as a place: `a.b` a key of a key, `*` any one step, `**` any number of steps, `[]` an element of a list, `$query`, `$form`, `$path`, `$header` and `$client` what stands outside of the body.
";

/// The page.
pub(super) fn page(vendors: &[&Vendor]) -> anyhow::Result<String> {
    let (_, text) = crate::policy::builtin("default").context("no policy `default`")?;
    let (policy, _) = CompiledPolicy::load("default", text)
        .map_err(|_| anyhow::anyhow!("the policy `default` does not load"))?;
    let mut out = HEAD.to_owned();
    out.push('\n');
    for vendor in vendors {
        let (name, title) = (&vendor.name, &vendor.title);
        line(&mut out, &format!("- [{title}](#{})", anchor(title, name)));
    }
    for vendor in vendors {
        section(&mut out, vendor, &policy);
    }
    Ok(out)
}

/// Headings are linked by their text in lower case, blanks as hyphens.
fn anchor(title: &str, name: &str) -> String {
    let text = format!("{title} {name}").to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn section(out: &mut String, vendor: &Vendor, policy: &CompiledPolicy) {
    line(out, &format!("\n## {} (`{}`)", vendor.title, vendor.name));
    line(out, "");
    let docs = match &*vendor.docs {
        "" => String::new(),
        docs => format!(" [The vendor's documentation]({docs})."),
    };
    line(
        out,
        &format!(
            "Route `/{}`, upstream `{}`.{docs}",
            vendor.name, vendor.upstream
        ),
    );
    sdks(out, &vendor.guide);
    line(out, "\n### Paths\n");
    line(out, "| kind | methods | paths |");
    line(out, "| --- | --- | --- |");
    for endpoint in &vendor.endpoints {
        line(out, &row(endpoint, vendor));
    }
    line(out, "\n### What leaves under `default`\n");
    line(out, "| what leaves | rule | fields |");
    line(out, "| --- | --- | --- |");
    for (outcome, fields) in outcomes(vendor, policy) {
        line(
            out,
            &format!(
                "| {} | {} | {} |",
                outcome.leaves,
                outcome.rule,
                codes(&fields)
            ),
        );
    }
    forced(out, vendor);
    sentences(out, "What degrades", &vendor.guide.degrades);
    sentences(out, "Limits", &vendor.guide.limits);
}

fn sdks(out: &mut String, guide: &Guide) {
    if guide.sdks.is_empty() {
        return;
    }
    line(out, "\n### Pointing the libraries here\n");
    for sdk in &guide.sdks {
        if sdk.line.contains('\n') {
            line(out, &format!("- {}:\n\n  ```text", sdk.name));
            for text in sdk.line.lines() {
                line(out, &format!("  {text}"));
            }
            line(out, "  ```");
        } else {
            line(out, &format!("- {}: {}", sdk.name, code(&sdk.line)));
        }
    }
}

/// Values that leave whatever the policy says, and what is taken out.
fn forced(out: &mut String, vendor: &Vendor) {
    let mut all: Vec<String> = Vec::new();
    for set in vendor.endpoints.iter().flat_map(|e| e.sets.iter()) {
        let place = code(&set.field.to_string());
        let text = match &set.value {
            Some(value) if set.add => format!("{place} is {}", code(value)),
            Some(value) => format!("{place}, where it is sent, is {}", code(value)),
            None => format!("{place} is taken out"),
        };
        if !all.contains(&text) {
            all.push(text);
        }
    }
    if !all.is_empty() {
        line(
            out,
            &format!("\nForced, whatever the policy says: {}.", all.join("; ")),
        );
    }
}

fn sentences(out: &mut String, title: &str, list: &[Box<str>]) {
    if list.is_empty() {
        return;
    }
    line(out, &format!("\n### {title}\n"));
    for sentence in list {
        line(out, &format!("- {sentence}"));
    }
}

fn row(endpoint: &Endpoint, vendor: &Vendor) -> String {
    let paths: Vec<_> = endpoint.paths.iter().map(pattern).collect();
    let elsewhere = match &endpoint.upstream {
        Some(upstream) if **upstream != *vendor.upstream => format!(" → {}", code(upstream)),
        _ => String::new(),
    };
    let path = match &endpoint.upstream_path {
        Some(path) if elsewhere.is_empty() => format!(" → {}", code(path)),
        Some(path) => format!(" {}", code(path)),
        None => String::new(),
    };
    format!(
        "| {} | {} | {}{elsewhere}{path} |",
        kind(endpoint.kind),
        endpoint.methods.join(", "),
        codes(&paths),
    )
}

/// What becomes of some fields, in the order in which the table shows it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    rank: u8,
    leaves: &'static str,
    rule: String,
}

fn outcomes(vendor: &Vendor, policy: &CompiledPolicy) -> BTreeMap<Outcome, Vec<String>> {
    let own = vendor.endpoints.iter().flat_map(|e| e.fields.iter());
    let mut map: BTreeMap<Outcome, Vec<String>> = BTreeMap::new();
    for field in vendor.fields.iter().chain(own) {
        let fields = map.entry(outcome(field, policy)).or_default();
        let text = field.selector.to_string();
        if !fields.contains(&text) {
            fields.push(text);
        }
    }
    map
}

fn outcome(field: &Field, policy: &CompiledPolicy) -> Outcome {
    let rule = field.category.and_then(|category| {
        let mut rules = policy.rules.iter();
        rules.find(|rule| always(rule) && rule.categories.has(category))
    });
    let kept = |rank, rule: &str| Outcome {
        rank,
        leaves: "as it came",
        rule: rule.into(),
    };
    match (rule, field.category) {
        (Some(rule), _) => by_rule(rule),
        _ if field.protocol => kept(5, "the vendor's protocol"),
        (None, None) => kept(6, "about nobody"),
        _ => match policy.unlisted {
            Unlisted::Keep => kept(7, "no rule"),
            Unlisted::Drop => Outcome {
                rank: 0,
                leaves: "nothing",
                rule: "no rule".into(),
            },
        },
    }
}

/// Whether a rule decides by the category alone, for everybody.
fn always(rule: &Rule) -> bool {
    rule.fields.is_empty()
        && rule.vendors.is_empty()
        && rule.endpoints.is_empty()
        && rule.events.is_empty()
        && rule.when == crate::policy::When::default()
        && !rule.categories.is_empty()
}

fn by_rule(rule: &Rule) -> Outcome {
    let (rank, leaves) = match &rule.action {
        Action::Reject => (0, "nothing: the request is refused"),
        Action::DropEvent => (0, "nothing: the event goes"),
        Action::Drop => (1, "nothing"),
        Action::Null | Action::Replace(_) => (1, "a constant"),
        Action::Random(_) => (2, "a random value"),
        Action::Hash(_) => (2, "a pseudonym"),
        Action::Mask(_) => (3, "the value, masked"),
        Action::Generalize(_) => (3, "less"),
        Action::Keep => (4, "as it came"),
    };
    Outcome {
        rank,
        leaves,
        rule: rule.name.to_string(),
    }
}

fn codes(words: &[String]) -> String {
    let all: Vec<_> = words.iter().map(|word| code(word)).collect();
    all.join(", ")
}

/// A code span that stands in a table: backticks and bars are written around.
fn code(text: &str) -> String {
    let fence = if text.contains('`') { "`` " } else { "`" };
    let end: String = fence.chars().rev().collect();
    format!("{fence}{}{end}", text.replace('|', "\\|"))
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_linked_as_they_are_written() {
        assert_eq!(
            anchor("Google Analytics 4", "ga4"),
            "google-analytics-4-ga4"
        );
        assert_eq!(code("a|b`"), "`` a\\|b` ``");
    }

    #[test]
    fn every_vendor_is_on_the_page() {
        let vendors = crate::catalog::load::builtin().unwrap();
        let page = page(&vendors.iter().collect::<Vec<_>>()).unwrap();
        for vendor in &vendors {
            assert!(page.contains(&format!("(`{}`)", vendor.name)));
        }
        assert!(page.contains("| nothing | page titles never leave |"));
    }
}
