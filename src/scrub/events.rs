//! Events in a document: where they stand, what kind they are of, what they are called, and what must
//! be in them.
//!
//! Invariant: what two readers could take for two different events is no event of a kind. Judges no
//! value.

use super::engine::Judge;
use super::fate::Stop;
use super::paths::{NodeId, Paths, ROOT};
use crate::catalog::EventRoot;
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::json::{Commas, Edits, Kind, Tape, escape_into, unescape_into};
use crate::selector::Step;

impl Judge<'_, '_> {
    /// The root for the event at `at`: its kind's, if it is of one.
    pub(super) fn event_root(&self, text: &str, tape: &Tape, at: usize) -> NodeId {
        let is = |key: &str, value: &str| {
            let Some(member) = tape.member(text, at, key) else {
                return false;
            };
            let Some(node) = tape.node(member).filter(|node| node.kind == Kind::Str) else {
                return false;
            };
            // Two members of that name: two readers would see two kinds.
            let fits = value == "*" || (!node.escaped && text.get(node.range()) == Some(value));
            fits && tape
                .member_from(text, at, node.next as usize, key)
                .is_none()
        };
        let mut kinds = self.plan.kinds.iter();
        let found = kinds.position(|(key, value)| is(key, value));
        found.map_or(ROOT, Paths::kind_root)
    }

    pub(super) fn is_event(&self, roots: u32, depth: u8, element: bool) -> bool {
        let depth = usize::from(depth);
        roots != 0
            && self.event_roots().iter().enumerate().any(|(bit, root)| {
                roots >> bit & 1 == 1 && root.items == element && root.keys.len() == depth
            })
    }

    /// Whether a document is what events come in rather than an event: it has the member that leads
    /// to a place of events.
    pub(super) fn is_envelope(&self, text: &str, tape: &Tape, at: usize, depth: u8) -> bool {
        depth == 0
            && self
                .event_roots()
                .iter()
                .filter_map(|root| root.keys.first())
                .any(|key| tape.member(text, at, key).is_some())
    }

    pub(super) fn event_roots(&self) -> &[EventRoot] {
        if let Some(inside) = &self.inside {
            return &inside.events;
        }
        self.plan.place().map_or(&[][..], |place| &place.events)
    }

    /// The class of the event at `at`, by its name.
    pub(super) fn set_class(&mut self, text: &str, tape: &Tape, at: usize) -> Result<(), Stop> {
        if !self.plan.by_event && !self.plan.by_facts {
            return Ok(());
        }
        self.event_facts(text, tape, at)?;
        if let Some(inside) = &self.inside {
            let class = self.classes.of(self.plan, Some(&inside.name), &self.facts);
            self.use_class(class);
            return Ok(());
        }
        let mut name = self.pools.text();
        let found = self.plan.by_event && self.event_name(text, tape, at, &mut name)?;
        let class = self.class_of(found.then_some(name.as_str()));
        self.pools.give_text(name);
        self.use_class(class);
        Ok(())
    }

    /// Reads the event's name. Two members of that key in one event would let two readers see two
    /// events, which matters only where a rule asks for the event: refused.
    fn event_name(
        &self,
        text: &str,
        tape: &Tape,
        at: usize,
        out: &mut String,
    ) -> Result<bool, Stop> {
        let Some(selector) = self.plan.place().and_then(|p| p.event_name.as_ref()) else {
            return Ok(false);
        };
        let mut value = at;
        let steps = match selector.steps() {
            // An object in place of a query string.
            [Step::Key(first), rest @ ..] if **first == *"$query" => rest,
            steps => steps,
        };
        for step in steps {
            let Step::Key(key) = step else {
                return Ok(false);
            };
            let Some(next) = tape.member(text, value, key) else {
                return Ok(false);
            };
            let rest = tape.node(next).map_or(next, |n| n.next as usize);
            if tape.member_from(text, value, rest, key).is_some() {
                return Err(DecodeError::new(DecodeErrorKind::Shape, "json", rest).into());
            }
            value = next;
        }
        let Some(node) = tape.node(value).filter(|n| n.kind == Kind::Str) else {
            return Ok(false);
        };
        unescape_into(text.get(node.range()).unwrap_or(""), out);
        Ok(true)
    }

    /// Values that must be there in a member of the event at `at` that the event does not have:
    /// `context.ip` in an event without `context`.
    pub(super) fn missing(&self, text: &str, tape: &Tape, at: usize) -> Box<[u16]> {
        let deep = self.plan.deep.iter();
        deep.filter(|(_, first, _)| tape.member(text, at, first).is_none())
            .map(|(set, _, _)| *set)
            .collect()
    }

    /// Adds such members in front of the event's closing bracket.
    pub(super) fn add_missing(
        &self,
        missing: &[u16],
        close: usize,
        commas: &mut Commas,
        edits: &mut Edits,
    ) {
        let absent = |(set, ..): &&(u16, _, _)| missing.contains(set);
        let mut all: Vec<_> = self.plan.deep.iter().filter(absent).collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        let comma = commas.any;
        edits.write(close..close, |out| {
            let mut last: Option<&str> = None;
            for (set, first, key) in all {
                let Some(json) = self.set_value(*set) else {
                    continue;
                };
                if last == Some(&**first) {
                    out.push(b',');
                } else {
                    if last.is_some() {
                        out.push(b'}');
                    }
                    if last.is_some() || comma {
                        out.push(b',');
                    }
                    out.push(b'"');
                    escape_into(first, out);
                    out.extend_from_slice(b"\":{");
                }
                out.push(b'"');
                escape_into(key, out);
                out.extend_from_slice(b"\":");
                out.extend_from_slice(json.as_bytes());
                last = Some(first);
            }
            if last.is_some() {
                out.push(b'}');
            }
        });
        commas.keep(close);
    }
}
