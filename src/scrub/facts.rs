//! What conditions are asked about besides the event's name: GPC, the country, what the SDK says
//! about consent, and whose event it is.
//!
//! Facts of an event come from the event; what it does not tell, from the document around it (a batch
//! names its person once), and then from the query, the form and the headers. Only what some rule
//! asks for is looked up. The tape is read at random, so that a consent flag behind a field is known
//! before the field is judged.

use super::RawRequest;
use super::engine::Judge;
use super::fate::Stop;
use super::headers::header;
use super::paths::NodeId;
use super::plan::Plan;
use crate::catalog::Field;
use crate::codec::{DecodeError, DecodeErrorKind, form};
use crate::json::{Kind, Tape, unescape_into};
use crate::selector::{Selector, Step, glob_match};

pub(super) use crate::action::Person;

/// The categories under which a person stands in an event, best first.
const PERSONS: [&str; 4] = [
    "user.unique_id",
    "user.unique_id.pseudonymous",
    "user.device.cookie_id",
    "user.device.device_id",
];

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// Global Privacy Control or Do Not Track.
    pub(super) gpc: bool,
    /// Where the client is.
    pub(super) country: Option<[u8; 2]>,
    /// A bit for each consent that rules ask for.
    pub(super) consents: u64,
    /// Whose event it is.
    pub(super) person: Option<Person>,
    /// How good the person's selector was; lower is better.
    pub(super) rank: usize,
}

/// What of the facts tells one class of events from another.
pub(super) type FactsKey = (bool, Option<[u8; 2]>, u64, usize);

impl Facts {
    pub(super) fn key(&self, plan: &Plan) -> FactsKey {
        let country = self.country.filter(|_| plan.by_country);
        let slot = match self.person {
            Some(person) => plan.shares.partition_point(|share| *share <= person.sample),
            None => usize::MAX,
        };
        let slot = if plan.shares.is_empty() { 0 } else { slot };
        (self.gpc, country, self.consents, slot)
    }
}

/// Where a catalog says that persons stand.
pub(super) fn persons(fields: &[Field]) -> Vec<Selector> {
    let mut out = Vec::new();
    for category in PERSONS {
        let selectors = fields
            .iter()
            .filter(|field| field.category.is_some_and(|c| c.key() == category))
            .map(|field| &field.selector)
            .filter(|selector| !selector.steps().contains(&Step::Deep));
        out.extend(selectors.cloned());
    }
    out
}

/// What the header fields tell.
pub(super) fn of_headers(plan: &Plan, raw: &RawRequest<'_>, facts: &mut Facts) {
    for (bit, consent) in plan.consents.iter().enumerate() {
        let [Step::Key(base), Step::Key(name)] = consent.field.steps() else {
            continue;
        };
        if **base == *"$header" {
            let mut given = header(raw, name).map(str::trim);
            if given.next().is_some_and(|text| is(&consent.is, text)) {
                facts.consents |= mask(bit);
            }
        }
    }
}

fn is(values: &[Box<str>], text: &str) -> bool {
    values.iter().any(|value| **value == *text)
}

fn mask(bit: usize) -> u64 {
    u32::try_from(bit)
        .ok()
        .and_then(|bit| 1u64.checked_shl(bit))
        .unwrap_or(0)
}

impl Judge<'_, '_> {
    /// What the request's query or form tells, by the base of its fields (`$query`).
    pub(super) fn request_facts(&mut self, base: &str, input: &str) {
        if self.plan.by_facts {
            self.request = self.pairs_facts(base, input, self.request);
            self.outer = self.request;
            self.facts = self.request;
            self.start();
        }
    }

    /// What an event tells that is a query string itself.
    pub(super) fn query_facts(&mut self, base: NodeId, input: &str) {
        if self.plan.by_facts {
            let base = self.paths.get(base).key().to_owned();
            self.facts = self.pairs_facts(&base, input, self.outer);
        }
    }

    fn pairs_facts(&self, base: &str, input: &str, from: Facts) -> Facts {
        let plan = self.plan;
        let name_of = |selector: &Selector| match selector.steps() {
            [Step::Key(first), Step::Key(name)] if **first == *base => Some(name.clone()),
            _ => None,
        };
        let mut pairs = Vec::new();
        for pair in form::pairs(input.as_bytes()).flatten() {
            let (mut key, mut value) = (String::new(), String::new());
            let bytes =
                |range: std::ops::Range<usize>| input.as_bytes().get(range).unwrap_or_default();
            let read = form::decode(bytes(pair.key), &mut key).is_ok()
                && (pair.value).is_none_or(|range| form::decode(bytes(range), &mut value).is_ok());
            if read && !value.is_empty() {
                pairs.push((key, value));
            }
        }
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, v)| v);
        let mut facts = from;
        for (bit, consent) in plan.consents.iter().enumerate() {
            if let Some(text) = name_of(&consent.field).and_then(|name| find(&name))
                && is(&consent.is, text)
            {
                facts.consents |= mask(bit);
            }
        }
        for (rank, selector) in plan.persons.iter().enumerate() {
            if let Some(id) = name_of(selector).and_then(|name| find(&name)) {
                self.meet(&mut facts, rank, id);
                break;
            }
        }
        facts
    }

    /// What a document tells about all its events.
    pub(super) fn document_facts(
        &mut self,
        text: &str,
        tape: &Tape,
        root: usize,
    ) -> Result<(), Stop> {
        if !self.plan.by_facts {
            return Ok(());
        }
        self.outer = self.tape_facts(text, tape, root, self.request)?;
        self.facts = self.outer;
        self.start();
        Ok(())
    }

    /// What an event tells, and what was known around it.
    pub(super) fn event_facts(&mut self, text: &str, tape: &Tape, at: usize) -> Result<(), Stop> {
        if self.plan.by_facts {
            self.facts = self.tape_facts(text, tape, at, self.outer)?;
        }
        Ok(())
    }

    /// The event is over.
    pub(super) fn leave_event(&mut self, class: usize) {
        self.facts = self.outer;
        self.use_class(class);
    }

    fn tape_facts(&self, text: &str, tape: &Tape, at: usize, from: Facts) -> Result<Facts, Stop> {
        let mut facts = from;
        let mut plain = String::new();
        for (bit, consent) in self.plan.consents.iter().enumerate() {
            let Some(node) = find(text, tape, at, consent.field.steps(), Copies::Refused)? else {
                continue;
            };
            if read(text, tape, node, &mut plain) && is(&consent.is, &plain) {
                facts.consents |= mask(bit);
            }
        }
        // An event's own person outweighs the one around it, however it is known.
        facts.rank = usize::MAX;
        for (rank, selector) in self.plan.persons.iter().enumerate() {
            let Some(node) = find(text, tape, at, selector.steps(), Copies::First)? else {
                continue;
            };
            if read(text, tape, node, &mut plain) && !plain.is_empty() {
                self.meet(&mut facts, rank, &plain);
                break;
            }
        }
        Ok(facts)
    }

    fn meet(&self, facts: &mut Facts, rank: usize, id: &str) {
        if (facts.person.is_none() || rank < facts.rank)
            && let Some(person) = self.pseudonymizer.person(id)
        {
            facts.person = Some(person);
            facts.rank = rank;
        }
    }
}

/// What to do about a key that stands twice in an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copies {
    /// Two readers would see two answers, and a rule rests on it.
    Refused,
    First,
}

/// The first node that the steps lead to from `at`.
fn find(
    text: &str,
    tape: &Tape,
    at: usize,
    steps: &[Step],
    copies: Copies,
) -> Result<Option<usize>, Stop> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(Some(at));
    };
    let Some(node) = tape.node(at) else {
        return Ok(None);
    };
    if let (Step::Key(key), Kind::Object) = (step, node.kind) {
        let Some(value) = tape.member(text, at, key) else {
            return Ok(None);
        };
        if copies == Copies::Refused {
            let next = tape.node(value).map_or(value, |n| n.next as usize);
            if tape.member_from(text, at, next, key).is_some() {
                return Err(DecodeError::new(DecodeErrorKind::Shape, "json", next).into());
            }
        }
        return find(text, tape, value, rest, copies);
    }
    let mut child = at + 1;
    while child < node.next as usize {
        let Some(first) = tape.node(child) else {
            break;
        };
        let hit = match (step, node.kind) {
            (Step::Any, Kind::Object | Kind::Array) | (Step::Item, Kind::Array) => true,
            (Step::Glob(glob), Kind::Object) => {
                let mut key = String::new();
                unescape_into(text.get(first.range()).unwrap_or(""), &mut key);
                glob_match(glob, &key)
            }
            _ => false,
        };
        let value = child + usize::from(node.kind == Kind::Object);
        if hit && let Some(found) = find(text, tape, value, rest, copies)? {
            return Ok(Some(found));
        }
        child = first.next as usize;
    }
    Ok(None)
}

/// Reads a scalar as text.
fn read(text: &str, tape: &Tape, at: usize, out: &mut String) -> bool {
    out.clear();
    let Some(node) = tape.node(at) else {
        return false;
    };
    let raw = text.get(node.range()).unwrap_or("");
    match node.kind {
        Kind::Str => unescape_into(raw, out),
        Kind::Num | Kind::Bool => out.push_str(raw),
        Kind::Null | Kind::Key | Kind::Object | Kind::Array => return false,
    }
    true
}
