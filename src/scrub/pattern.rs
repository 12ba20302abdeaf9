//! Paths as reports may show them: a key that stands in the catalog or the policy, or that looks like
//! a field's name, as it is; any other as `*`, since clients use ids and names of people as keys.

use hashbrown::HashSet;

use super::paths::{KeyOut, NONE, NodeId, Paths, ROOT};
use super::plan::Plan;
use super::tally::Tally;
use crate::detect;
use crate::selector::Step;

/// Names below one container that neither catalog nor policy knows, at most: more are a map's keys.
const MAX_STRANGERS: usize = 64;
/// A longer key is hardly a field's name.
const MAX_KEY: usize = 40;
/// Deeper paths are cut.
const MAX_DEPTH: usize = 24;

impl Paths {
    /// The nodes from a path up to its root, which is left out.
    pub(super) fn chain(&self, id: NodeId) -> Vec<NodeId> {
        let mut chain = Vec::new();
        let mut at = id;
        while at != ROOT && at != NONE && self.get(at).parent() != NONE {
            chain.push(at);
            at = self.get(at).parent();
        }
        chain
    }

    /// The dotted path with its keys as they came: for who sent them.
    pub(super) fn path(&self, id: NodeId) -> String {
        let mut out = String::new();
        for id in self.chain(id).into_iter().rev() {
            let node = self.get(id);
            if node.is_item() {
                out.push_str("[]");
            } else {
                push_key(&mut out, node.key());
            }
        }
        out
    }
}

fn push_key(out: &mut String, key: &str) {
    if key.contains(['.', '[']) {
        out.push_str("[\"");
        out.push_str(key);
        out.push_str("\"]");
        return;
    }
    if !out.is_empty() {
        out.push('.');
    }
    out.push_str(key);
}

/// A path as reports may show it.
pub(super) fn shown(paths: &Paths, plan: &Plan, tally: &mut Tally, id: NodeId) -> Box<str> {
    let mut out = String::new();
    let chain = paths.chain(id);
    for id in chain.iter().rev().take(MAX_DEPTH) {
        let node = paths.get(*id);
        if node.is_item() {
            out.push_str("[]");
            continue;
        }
        let key = node.key();
        let known = words(plan).contains(key);
        let good = known
            || (!matches!(node.key_out, KeyOut::New(_))
                && is_name(key)
                && is_among_few(tally, node.parent(), key));
        push_key(&mut out, if good { key } else { "*" });
    }
    if chain.len() > MAX_DEPTH {
        out.push_str(".*");
    }
    out.into()
}

/// What stands in catalog and policy is nobody's secret.
fn words(plan: &Plan) -> &HashSet<Box<str>> {
    plan.words.get_or_init(|| {
        let keys = |steps: &[Step]| -> Vec<Box<str>> {
            let key = |step: &Step| match step {
                Step::Key(key) => Some(key.clone()),
                Step::Glob(_) | Step::Any | Step::Deep | Step::Item => None,
            };
            steps.iter().filter_map(key).collect()
        };
        let mut words: HashSet<Box<str>> = HashSet::new();
        words.extend(plan.selectors.keys().map(Into::into));
        if let Some(place) = plan.place() {
            words.extend(
                place
                    .events
                    .iter()
                    .flat_map(|root| root.keys.iter().cloned()),
            );
            words.extend(place.params.iter().map(|param| param.name.clone()));
            words.extend(place.event_name.iter().flat_map(|name| keys(name.steps())));
            words.extend(place.headers.iter().cloned());
            words.extend(place.judged_headers.iter().cloned());
        }
        words.extend(["$query", "$form", "$header", "$path", "$client"].map(Into::into));
        words
    })
}

/// Whether a container has few names that nobody knows, this one among them.
fn is_among_few(tally: &mut Tally, container: NodeId, key: &str) -> bool {
    let strangers = tally.strangers.entry(container).or_default();
    if strangers.contains(key) {
        return true;
    }
    let room = strangers.len() < MAX_STRANGERS;
    if room {
        strangers.insert(key.into());
    }
    room
}

/// Whether a key looks like the name of a field: a short identifier in which nothing is recognised.
pub(super) fn is_name(key: &str) -> bool {
    let bytes = key.as_bytes();
    let begins = bytes
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$'));
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'-' | b'.' | b':');
    // `line2`, but no number of anybody, and no mailbox.
    let before = key.strip_suffix(|c: char| c.is_ascii_digit());
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let few = match before {
        Some(before) => digits == 1 && !before.contains(['.', '-', ':']),
        None => digits == 0,
    };
    if !begins || bytes.len() > MAX_KEY || !few || !bytes.iter().all(plain) {
        return false;
    }
    let words = split(key);
    let letters: usize = words.iter().map(String::len).sum();
    // Random letters have humps everywhere.
    if letters >= 10 && letters < words.len() * 5 / 2 {
        return false;
    }
    !identifies(key) && !identifies(&words.join(" "))
}

fn identifies(text: &str) -> bool {
    let mut spans = Vec::new();
    detect::scan(text, &mut spans);
    !spans.is_empty()
}

/// The words of a name, by its separators and humps.
fn split(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut lower = false;
    let mut open = false;
    for c in key.chars() {
        if !c.is_ascii_alphanumeric() {
            open = false;
            continue;
        }
        if !open || (lower && c.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
        open = true;
        lower = c.is_ascii_lowercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_is_none() {
        for good in [
            "plan",
            "$current_url",
            "orderId",
            "utm_source",
            "line2",
            "h1",
            "isFirstVisitOfTheDay",
            "a.b",
            "x-y",
            "UserID",
        ] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "jane@example.com",
            "user-481",
            "user-7",
            "token88",
            "otti.probe9",
            "Jane Doe",
            "192.0.2.7",
            "4111111111111111",
            "a8f5f167f44f4964e6c998dee827110c",
            "aGvSbGqXdRkZzTyBn",
            "9B2C6B3E-6C5E-4B7A-9C39-0E5D6E0E5A11",
            "naïve",
            "a/b",
            &"k".repeat(41),
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
