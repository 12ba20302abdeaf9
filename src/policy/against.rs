//! A policy against the catalogs: rules for vendors and endpoints that do not exist, rules that
//! remove what a vendor's protocol needs. Warnings only: a policy may be written before its catalog.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crate::action::Action;
use crate::catalog::{Field, Vendor};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Mended, Spanned, nearest, show};
use crate::selector::{
    Active, Segment, Selector, SelectorSet, SetBuilder, StateId, Step, glob_match,
};

use super::guess::guessable;
use super::written::{self, List, WrittenRule};
use super::{CompiledPolicy, Rule};

/// How many fields a warning names.
const NAMED: usize = 5;

/// More warnings of one kind than anyone reads.
const MOST: usize = 100;

impl CompiledPolicy {
    /// Adds warnings about rules that do not fit these vendors. `d` is what [`CompiledPolicy::load`]
    /// answered: its text shows the places.
    pub fn against(&self, vendors: &[&Vendor], d: &mut Diagnostics) {
        mentions(vendors, d);
        let text = d.source.clone();
        let mended = Mended::of(&text);
        let (document, mut known) = mended.document("");
        let written = written::read(&document, &mut known);
        // A policy that runs has all its rules in the file, in the same order.
        let rules: Vec<Placed<'_>> = self.rules.iter().zip(&written.rules).map(Placed).collect();
        for rule in &rules {
            guessable(rule.rule(), rule.name(), d);
        }
        self.removed(&rules, vendors, d);
        d.items
            .sort_by_key(|item| item.span.as_ref().map_or(0, |span| span.start));
    }

    fn removed(&self, rules: &[Placed<'_>], vendors: &[&Vendor], d: &mut Diagnostics) {
        let index = Index::new(&self.rules);
        let mut found: BTreeMap<usize, Vec<(&str, Vec<String>)>> = BTreeMap::new();
        for vendor in vendors {
            for (at, names) in self.removed_from(vendor, &index) {
                found.entry(at).or_default().push((&vendor.title, names));
            }
        }
        let (mut told, mut more) = (0, 0);
        for (at, vendors) in found {
            let Some(rule) = rules.get(at) else {
                continue;
            };
            // A rule that does it to all of them is one mistake.
            let each = match vendors.len() {
                0..=FEW => vendors.len(),
                _ => 1,
            };
            for (title, names) in vendors.iter().take(each) {
                if told == MOST {
                    more += 1;
                    continue;
                }
                told += 1;
                let others = match names.len().saturating_sub(NAMED) {
                    0 => String::new(),
                    n => format!(" and {n} more"),
                };
                let shown: Vec<String> =
                    names.iter().take(NAMED).map(|n| format!("`{n}`")).collect();
                let alike = match vendors.len() - each {
                    0 => String::new(),
                    n => format!("; and what {n} other vendors need"),
                };
                let message = format!(
                    "\"{}\" removes what {title} needs to accept an event: {}{others}{alike}",
                    show(&rule.rule().name),
                    shown.join(", ")
                );
                d.push(
                    Diagnostic::warning(REMOVES, message, rule.name())
                        .help("put a rule that keeps these fields before it, or narrow it"),
                );
            }
        }
        if more > 0 {
            let message = format!("and {more} times more, rules remove what vendors need");
            d.push(Diagnostic::warning(REMOVES, message, 0..0));
        }
    }

    /// The rules that remove fields which the vendor's protocol needs, and which fields.
    fn removed_from(&self, vendor: &Vendor, index: &Index) -> BTreeMap<usize, Vec<String>> {
        let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let own = vendor.fields.iter().map(|field| (field, None));
        let of_endpoints = vendor.endpoints.iter().flat_map(|endpoint| {
            let name = Some(&*endpoint.name);
            endpoint.fields.iter().map(move |field| (field, name))
        });
        for (field, endpoint) in own.chain(of_endpoints).filter(|(f, _)| f.protocol) {
            let asked = index.asked(&path(field)).into_iter();
            for (at, rule) in asked.filter_map(|at| Some((at, self.rules.get(at)?))) {
                if !covers(rule, field) || !in_scope(rule, vendor, endpoint) {
                    continue;
                }
                if removes(&rule.action) {
                    let name = field.selector.to_string();
                    let names = found.entry(at).or_default();
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                if decides(rule) {
                    break;
                }
            }
        }
        found
    }
}

const REMOVES: &str = "removes-protocol";
/// Vendors about which a rule is warned one by one.
const FEW: usize = 3;

/// A rule and how it was written.
struct Placed<'p>((&'p Rule, &'p WrittenRule<'p>));

impl<'p> Placed<'p> {
    fn rule(&self) -> &'p Rule {
        self.0.0
    }

    /// Where its name stands; where it begins, if it has none.
    fn name(&self) -> Range<usize> {
        let WrittenRule { name, span, .. } = self.0.1;
        name.as_ref()
            .map_or_else(|| span.clone(), |name| name.span.clone())
    }
}

/// Which rules speak about a path: found without asking each.
struct Index {
    selectors: SelectorSet,
    at: HashMap<StateId, Vec<usize>>,
    open: Vec<usize>,
}

impl Index {
    fn new(rules: &[Rule]) -> Self {
        let mut builder = SetBuilder::new(1);
        let mut at: HashMap<StateId, Vec<usize>> = HashMap::new();
        let mut open = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            if rule.fields.is_empty() {
                open.push(number);
            }
            for selector in &rule.fields {
                at.entry(builder.add(0, selector)).or_default().push(number);
            }
        }
        Self {
            selectors: builder.build(),
            at,
            open,
        }
    }

    /// The rules without a field condition and those whose selectors match, in order.
    fn asked(&self, path: &[Segment<'_>]) -> Vec<usize> {
        let start = self.selectors.start(&[0]);
        let step = |active: Active, segment: &_| self.selectors.advance(&active, *segment);
        let active = path.iter().fold(start, step);
        let ends = active.iter().filter_map(|state| self.at.get(state));
        let mut asked: Vec<usize> = ends.flatten().chain(&self.open).copied().collect();
        asked.sort_unstable();
        asked.dedup();
        asked
    }
}

/// Adds warnings about vendors, endpoints and fields that a policy file names and nobody has: also of
/// a file with errors, so that one run tells everything. `d` is what [`CompiledPolicy::load`] answered.
pub fn mentions(vendors: &[&Vendor], d: &mut Diagnostics) {
    let text = d.source.clone();
    let mended = Mended::of(&text);
    let (document, mut known) = mended.document("");
    let written = written::read(&document, &mut known);
    for rule in &written.rules {
        unknown_vendors(rule, vendors, d);
        unknown_endpoints(rule, vendors, d);
    }
    unknown_fields(&written.rules, vendors, d);
    d.items
        .sort_by_key(|item| item.span.as_ref().map_or(0, |span| span.start));
}

fn words<'w, 'd>(list: &'w Option<List<'d>>) -> &'w [Spanned<&'d str>] {
    list.as_ref().map_or(&[], |list| &list.words)
}

fn unknown_vendors(rule: &WrittenRule<'_>, vendors: &[&Vendor], d: &mut Diagnostics) {
    for word in words(&rule.vendor) {
        let glob = word.value;
        // Another spelling is an error of its own.
        let told = glob.is_empty() || glob.chars().any(char::is_uppercase);
        if told || vendors.iter().any(|v| glob_match(glob, &v.name)) {
            continue;
        }
        let help = match nearest(glob, vendors.iter().map(|v| &*v.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`tamis vendors` lists the names".into(),
        };
        let message = format!("no vendor is called `{}`", show(glob));
        d.push(Diagnostic::warning("unknown-vendor", message, word.span.clone()).help(help));
    }
}

fn unknown_endpoints(rule: &WrittenRule<'_>, vendors: &[&Vendor], d: &mut Diagnostics) {
    let asked = words(&rule.endpoint);
    if asked.is_empty() {
        return;
    }
    let of = words(&rule.vendor);
    let endpoints: Vec<&str> = vendors
        .iter()
        .filter(|v| of.is_empty() || of.iter().any(|glob| glob_match(glob.value, &v.name)))
        .flat_map(|v| v.endpoints.iter().map(|e| &*e.name))
        .collect();
    // Of a vendor that is unknown itself, no endpoint is known: one warning is enough.
    if endpoints.is_empty() {
        return;
    }
    for word in asked {
        if endpoints.iter().any(|name| is_endpoint(word.value, name)) {
            continue;
        }
        let help = match nearest(word.value, endpoints.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`tamis vendors show NAME` lists a vendor's endpoints".into(),
        };
        let message = format!("no endpoint is called `{}`", show(word.value));
        d.push(Diagnostic::warning("unknown-endpoint", message, word.span.clone()).help(help));
    }
}

/// Fields that look like a slip: their first word is in no catalog (`propertes.plan`), or the second
/// is one letter away from one that is (`properties.$emial`).
fn unknown_fields(rules: &[WrittenRule<'_>], vendors: &[&Vendor], d: &mut Diagnostics) {
    let known = known_words(vendors);
    let mut told: BTreeSet<String> = BTreeSet::new();
    for word in rules.iter().flat_map(|rule| words(&rule.field)) {
        let Ok(selector) = Selector::parse(word.value) else {
            continue;
        };
        let [Step::Key(first), rest @ ..] = selector.steps() else {
            continue;
        };
        let found = match (known.get(first), rest) {
            (_, []) => None,
            (None, _) => nearest(first, known.keys().map(|k| &**k)).map(|near| {
                let message = format!("no vendor has a field below `{}`", show(first));
                (message, near.to_owned())
            }),
            (Some(below), [Step::Key(second), ..]) => slip_of(second, below).map(|near| {
                let message = format!("no vendor has a field `{}.{}`", show(first), show(second));
                (message, format!("{first}.{near}"))
            }),
            (Some(_), _) => None,
        };
        if let Some((message, near)) = found
            && told.insert(message.clone())
        {
            d.push(
                Diagnostic::warning("unknown-field", message, word.span.clone())
                    .help(format!("did you mean `{near}`?")),
            );
        }
    }
}

/// The first words of the catalogs' fields, each with those that stand right below it.
fn known_words(vendors: &[&Vendor]) -> BTreeMap<Box<str>, BTreeSet<Box<str>>> {
    let mut known: BTreeMap<Box<str>, BTreeSet<Box<str>>> = BTreeMap::new();
    for vendor in vendors {
        let of_endpoints = vendor.endpoints.iter().flat_map(|e| &e.fields);
        for field in vendor.fields.iter().chain(of_endpoints) {
            let [Step::Key(first), rest @ ..] = field.selector.steps() else {
                continue;
            };
            let below = known.entry(first.clone()).or_default();
            if let [Step::Key(second), ..] = rest {
                below.insert(second.clone());
            }
        }
        for endpoint in &vendor.endpoints {
            let roots = endpoint.events.iter().filter_map(|root| root.keys.first());
            for root in roots {
                known.entry(root.clone()).or_default();
            }
        }
    }
    for root in ["$query", "$header", "$form", "$path", "$client"] {
        known.entry(root.into()).or_default();
    }
    known
}

/// The known word from which this one is a letter away: people's own fields are many, so that nothing
/// that may be meant is asked about.
fn slip_of<'k>(word: &str, known: &'k BTreeSet<Box<str>>) -> Option<&'k str> {
    const LEAST: usize = 5;
    let stem = |word: &'_ str| -> String {
        let end = |c: char| c == 's' || c.is_ascii_digit();
        word.trim_end_matches(end).to_owned()
    };
    if word.len() < LEAST || known.contains(word) {
        return None;
    }
    let near = |k: &&str| strsim::osa_distance(word, k) == 1 && stem(word) != stem(k);
    known.iter().map(|k| &**k).find(near)
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
    covers(rule, field) && (rule.fields.is_empty() || rule.fields.iter().any(|s| s.matches(path)))
}

fn covers(rule: &Rule, field: &Field) -> bool {
    rule.categories.is_empty()
        || field
            .category
            .is_some_and(|category| rule.categories.has(category))
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
            "user.contact.email" = ["properties.$email", "properties.plan1"]
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
        let below = "[[rule]]\nfield = [\"properties.$emial\", \"properties.plans1\", \"properties.plan2\", \"properties.note\"]\naction = \"drop\"\n";
        assert_eq!(
            warnings(below),
            ["no vendor has a field `properties.$emial`"]
        );
        let other = "[[rule]]\nvendor = \"acmee\"\naction = \"drop\"\n";
        assert_eq!(warnings(other), ["no vendor is called `acmee`"]);
    }
}
