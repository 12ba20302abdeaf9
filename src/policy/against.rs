//! A policy against the catalogs: rules for vendors and endpoints that do not exist, rules that
//! remove what a vendor's protocol needs. Warnings only: a policy may be written before its catalog.

use std::collections::BTreeSet;

use crate::action::Action;
use crate::catalog::{Field, Vendor};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::reader::{nearest, show};
use crate::selector::{Segment, Step, glob_match};

use super::guess::guessable;
use super::{CompiledPolicy, Rule};

/// How many fields a warning names.
const NAMED: usize = 5;

impl CompiledPolicy {
    /// Adds warnings about rules that do not fit these vendors. `d` is what [`CompiledPolicy::load`]
    /// answered: its text shows the places.
    pub fn against(&self, vendors: &[&Vendor], d: &mut Diagnostics) {
        for rule in &self.rules {
            unknown_vendors(rule, vendors, d);
            unknown_endpoints(rule, vendors, d);
        }
        unknown_fields(&self.rules, vendors, d);
        for rule in &self.rules {
            guessable(rule, d);
        }
        for vendor in vendors {
            self.removed(vendor, d);
        }
    }

    fn removed(&self, vendor: &Vendor, d: &mut Diagnostics) {
        let mut found: Vec<(&Rule, Vec<String>)> = Vec::new();
        let own = vendor.fields.iter().map(|field| (field, None));
        let of_endpoints = vendor.endpoints.iter().flat_map(|endpoint| {
            let name = Some(&*endpoint.name);
            endpoint.fields.iter().map(move |field| (field, name))
        });
        for (field, endpoint) in own.chain(of_endpoints).filter(|(f, _)| f.protocol) {
            let path = path(field);
            for rule in &self.rules {
                if !in_scope(rule, vendor, endpoint) || !takes(rule, field, &path) {
                    continue;
                }
                if removes(&rule.action) {
                    let name = field.selector.to_string();
                    match found.iter_mut().find(|(r, _)| std::ptr::eq(*r, rule)) {
                        Some((_, names)) if names.contains(&name) => {}
                        Some((_, names)) => names.push(name),
                        None => found.push((rule, vec![name])),
                    }
                }
                if decides(rule) {
                    break;
                }
            }
        }
        for (rule, names) in found {
            let more = match names.len().saturating_sub(NAMED) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            let shown: Vec<String> = names.iter().take(NAMED).map(|n| format!("`{n}`")).collect();
            d.push(warning(
                "removes-protocol",
                format!(
                    "\"{}\" removes what {} needs to accept an event: {}{more}",
                    show(&rule.name),
                    vendor.title,
                    shown.join(", ")
                ),
                &rule.name,
                "put a rule that keeps these fields before it, or narrow it",
                d,
            ));
        }
    }
}

fn unknown_vendors(rule: &Rule, vendors: &[&Vendor], d: &mut Diagnostics) {
    for glob in &rule.vendors {
        if vendors.iter().any(|v| glob_match(glob, &v.name)) {
            continue;
        }
        let help = match nearest(glob, vendors.iter().map(|v| &*v.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`tamis vendors` lists the names".into(),
        };
        d.push(warning(
            "unknown-vendor",
            format!("no vendor is called `{}`", show(glob)),
            glob,
            &help,
            d,
        ));
    }
}

fn unknown_endpoints(rule: &Rule, vendors: &[&Vendor], d: &mut Diagnostics) {
    let endpoints: Vec<&str> = vendors
        .iter()
        .filter(|v| rule.vendors.is_empty() || rule.vendors.iter().any(|g| glob_match(g, &v.name)))
        .flat_map(|v| v.endpoints.iter().map(|e| &*e.name))
        .collect();
    // Of a vendor that is unknown itself, no endpoint is known: one warning is enough.
    if endpoints.is_empty() {
        return;
    }
    for glob in &rule.endpoints {
        if endpoints.iter().any(|name| is_endpoint(glob, name)) {
            continue;
        }
        let help = match nearest(glob, endpoints.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`tamis vendors show NAME` lists a vendor's endpoints".into(),
        };
        d.push(warning(
            "unknown-endpoint",
            format!("no endpoint is called `{}`", show(glob)),
            glob,
            &help,
            d,
        ));
    }
}

/// Fields whose first word no catalog knows, where it looks like a slip: `propertes.plan`.
fn unknown_fields(rules: &[Rule], vendors: &[&Vendor], d: &mut Diagnostics) {
    let first = |field: &Field| match field.selector.steps().first() {
        Some(Step::Key(key)) => Some(key.clone()),
        Some(Step::Glob(_) | Step::Any | Step::Deep | Step::Item) | None => None,
    };
    let mut known: BTreeSet<Box<str>> = BTreeSet::new();
    for vendor in vendors {
        known.extend(vendor.fields.iter().filter_map(first));
        for endpoint in &vendor.endpoints {
            known.extend(endpoint.fields.iter().filter_map(first));
            let roots = endpoint.events.iter().filter_map(|root| root.keys.first());
            known.extend(roots.cloned());
        }
    }
    known.extend(["$query", "$header", "$form", "$path", "$client"].map(Into::into));
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for selector in rules.iter().flat_map(|rule| &rule.fields) {
        let [Step::Key(word), _, ..] = selector.steps() else {
            continue;
        };
        if known.contains(word) || !told.insert(word) {
            continue;
        }
        if let Some(near) = nearest(word, known.iter().map(|k| &**k)) {
            d.push(warning(
                "unknown-field",
                format!("no vendor has a field below `{}`", show(word)),
                &selector.to_string(),
                &format!("did you mean `{near}`?"),
                d,
            ));
        }
    }
}

/// Whether the rule could hold for this vendor, and for this endpoint (or some, if none is named).
pub(super) fn in_scope(rule: &Rule, vendor: &Vendor, endpoint: Option<&str>) -> bool {
    let vendor_fits =
        rule.vendors.is_empty() || rule.vendors.iter().any(|g| glob_match(g, &vendor.name));
    let endpoint_fits = rule.endpoints.is_empty()
        || endpoint.is_none_or(|name| rule.endpoints.iter().any(|g| is_endpoint(g, name)));
    vendor_fits && endpoint_fits
}

/// As the engine does: the first slash may be left out.
fn is_endpoint(glob: &str, name: &str) -> bool {
    glob_match(glob, name) || glob_match(glob, name.trim_start_matches('/'))
}

pub(super) fn takes(rule: &Rule, field: &Field, path: &[Segment<'_>]) -> bool {
    let category_fits = rule.categories.is_empty()
        || field
            .category
            .is_some_and(|category| rule.categories.has(category));
    category_fits && (rule.fields.is_empty() || rule.fields.iter().any(|s| s.matches(path)))
}

/// A path that the catalog's selector stands for.
pub(super) fn path(field: &Field) -> Vec<Segment<'_>> {
    field
        .selector
        .steps()
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) | Step::Glob(key) => Some(Segment::Key(key)),
            Step::Any => Some(Segment::Key("properties")),
            Step::Item => Some(Segment::Item),
            Step::Deep => None,
        })
        .collect()
}

/// Whether no later rule is asked about a field that this rule takes.
fn decides(rule: &Rule) -> bool {
    rule.endpoints.is_empty() && rule.events.is_empty() && rule.when == super::When::default()
}

fn removes(action: &Action) -> bool {
    match action {
        Action::Drop | Action::Null | Action::Replace(_) => true,
        Action::Keep
        | Action::Mask(_)
        | Action::Hash(_)
        | Action::Random(_)
        | Action::Encrypt
        | Action::Generalize(_)
        | Action::Shift(_)
        | Action::DropEvent
        | Action::Reject => false,
    }
}

/// A warning at the first place where the word stands in quotes.
pub(super) fn warning(
    code: &'static str,
    message: String,
    word: &str,
    help: &str,
    d: &Diagnostics,
) -> Diagnostic {
    let quoted = format!("\"{word}\"");
    let span = d.source.find(&quoted).map(|at| at..at + quoted.len());
    Diagnostic {
        severity: Severity::Warning,
        code,
        message,
        span,
        help: Some(help.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vendor() -> Vendor {
        let text = r#"
            name = "acme"
            title = "Acme"
            upstream = "https://acme.example"
            [formats.json]
            types = ["*"]
            layers = ["json"]
            [[endpoint]]
            paths = ["/e"]
            kind = "collect"
            methods = ["POST"]
            body = ["json"]
            events = ["."]
            answers = [{ status = 200 }]
            [fields]
            protocol = ["event", "*.$insert_id"]
            "user.unique_id" = ["*.$insert_id"]
        "#;
        crate::catalog::load::load("acme.toml", text).unwrap().0
    }

    fn warnings(rules: &str) -> Vec<String> {
        let text = format!("version = 1\n{rules}");
        let (policy, mut d) = CompiledPolicy::load("p.toml", &text).unwrap();
        policy.against(&[&vendor()], &mut d);
        d.items.into_iter().map(|item| item.message).collect()
    }

    #[test]
    fn rules_that_do_not_fit_the_catalog_are_told() {
        let all = "[[rule]]\nname = \"all\"\naction = \"drop\"\n";
        assert_eq!(
            warnings(all),
            ["\"all\" removes what Acme needs to accept an event: `event`, `*.$insert_id`"]
        );
        let keep = "[[rule]]\nfield = [\"event\", \"properties.*\"]\naction = \"keep\"\n";
        assert!(warnings(&format!("{keep}{all}")).is_empty());
        let ids = "[[rule]]\nname = \"ids\"\ncategory = \"user.unique_id\"\naction = \"drop\"\n";
        assert_eq!(
            warnings(ids),
            ["\"ids\" removes what Acme needs to accept an event: `*.$insert_id`"]
        );
        let few = "[[rule]]\nname = \"g\"\ncategory = \"user.demographic\"\naction = \"hash\"\n";
        assert!(warnings(few)[0].starts_with("\"g\" hashes `user.demographic.age_range`"));
        let few =
            "[[rule]]\nname = \"g\"\nfield = \"properties.is_member\"\naction = \"encrypt\"\n";
        assert!(warnings(few)[0].starts_with("\"g\" encrypts `properties.is_member`"));
        let slip = "[[rule]]\nfield = \"evnt.plan\"\naction = \"drop\"\n";
        assert_eq!(warnings(slip), ["no vendor has a field below `evnt`"]);
        let other = "[[rule]]\nvendor = \"acmee\"\naction = \"drop\"\n";
        assert_eq!(warnings(other), ["no vendor is called `acmee`"]);
    }
}
