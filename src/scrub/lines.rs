//! Query strings as documents: the request's own, bodies of one or of one a line, strings in JSON.
//!
//! Wherever such a string stands, its fields are `$query.<name>`, unfold as the endpoint's `params`
//! say, and the string as a whole is one event. A line that goes takes its line break along; what
//! stays keeps `\n` or `\r\n` as it came.

use super::engine::{Judge, Level};
use super::fate::{Fate, Leaf, Stop};
use super::fields::Unfold;
use super::paths::{NodeId, ROOT};
use crate::codec::{DecodeError, DecodeErrorKind, form};
use crate::json::{Edits, Node, escape_into, unescape_into};
use crate::selector::Step;

impl Judge<'_, '_> {
    /// Where the fields of query strings stand.
    pub(super) fn query_base(&mut self) -> NodeId {
        self.paths.child(self.plan, ROOT, ROOT, "$query")
    }

    /// A body (or a parameter's value) of query strings: one, or one a line.
    pub(super) fn lines(
        &mut self,
        many: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| DecodeError::new(DecodeErrorKind::Utf8, "lines", e.valid_up_to()))?;
        if level == Level::Value {
            return self.query_value(text, at, out);
        }
        let base = self.query_base();
        let (mut lines, mut left, mut changed) = (0u32, 0u32, false);
        let mut new = self.pools.text();
        for line in text
            .split_inclusive('\n')
            .filter(|_| many)
            .chain(Some(text).filter(|_| !many))
        {
            let inner = line.strip_suffix('\n').unwrap_or(line);
            let inner = inner.strip_suffix('\r').unwrap_or(inner);
            // A lone body keeps no line break: none of a form's readers cuts it off.
            let inner = if many { inner } else { line };
            if inner.is_empty() {
                out.extend_from_slice(line.as_bytes());
                continue;
            }
            lines += 1;
            new.clear();
            match self.query_event(inner, base, &mut new)? {
                None | Some(Fate::Nothing) => {
                    changed = true;
                    continue;
                }
                Some(Fate::Same) => out.extend_from_slice(line.as_bytes()),
                Some(Fate::Changed) => {
                    changed = true;
                    out.extend_from_slice(new.as_bytes());
                    out.extend_from_slice(line.get(inner.len()..).unwrap_or("").as_bytes());
                }
            }
            left += 1;
        }
        self.pools.give_text(new);
        match (lines, left) {
            (0, _) => Err(DecodeError::new(DecodeErrorKind::Empty, "lines", 0).into()),
            (_, 0) => Ok(Fate::Nothing),
            _ if changed => Ok(Fate::Changed),
            _ => Ok(Fate::Same),
        }
    }

    /// A query string that is just a structured value: its fields are below the value's own path.
    fn query_value(&mut self, text: &str, at: NodeId, out: &mut Vec<u8>) -> Result<Fate, Stop> {
        let mut new = self.pools.text();
        // Not as parameters: a name could lead to itself without end.
        let unfold = Unfold::Plain {
            folds: self.folds + 1,
        };
        let fate = self.pairs(text, at, unfold, &mut new)?;
        out.extend_from_slice(new.as_bytes());
        self.pools.give_text(new);
        Ok(fate)
    }

    /// A query string that is an event. `None`: the event goes.
    pub(super) fn query_event(
        &mut self,
        query: &str,
        base: NodeId,
        out: &mut String,
    ) -> Result<Option<Fate>, Stop> {
        let plan = self.plan;
        let params = plan.place().map_or(&[][..], |place| &place.params);
        self.report.events_in += 1;
        let before = self.class;
        if plan.by_event || plan.by_facts {
            self.query_facts(base, query);
            let name = self.query_name(query)?;
            let class = self.class_of(name.as_deref());
            self.use_class(class);
        }
        let fate = self.pairs(query, base, Unfold::Params(params), out);
        self.leave_event(before);
        let fate = match fate {
            Ok(Fate::Changed) => self.renew(query, out).map(|()| Fate::Changed),
            other => other,
        };
        match fate {
            Err(Stop::DropEvent) => Ok(None),
            Err(stop) => Err(stop),
            Ok(fate) => {
                self.report.events_out += u32::from(fate != Fate::Nothing);
                Ok(Some(fate))
            }
        }
    }

    /// The name of the event that a query string is. Two of them would let two readers see two
    /// events: refused.
    fn query_name(&self, query: &str) -> Result<Option<String>, Stop> {
        let name = self.plan.place().and_then(|p| p.event_name.as_ref());
        let Some([Step::Key(base), Step::Key(name)]) = name.map(|selector| selector.steps()) else {
            return Ok(None);
        };
        if **base != *"$query" {
            return Ok(None);
        }
        let mut found = None;
        let mut key = String::new();
        for pair in form::pairs(query.as_bytes()) {
            let pair = pair?;
            key.clear();
            form::decode(query.as_bytes().get(pair.key).unwrap_or(&[]), &mut key)?;
            if *key != **name {
                continue;
            }
            if found.is_some() {
                return Err(
                    DecodeError::new(DecodeErrorKind::Shape, "query", pair.whole.start).into(),
                );
            }
            let mut value = String::new();
            if let Some(range) = pair.value {
                form::decode(query.as_bytes().get(range).unwrap_or(&[]), &mut value)?;
            }
            found = Some(value);
        }
        Ok(found)
    }

    /// Whether the events here are query strings, or objects in their place.
    pub(super) fn is_query_item(&self, roots: u32, depth: u8, element: bool) -> bool {
        let depth = usize::from(depth);
        element
            && self
                .event_roots()
                .iter()
                .enumerate()
                .any(|(bit, root)| roots >> bit & 1 == 1 && root.query && root.keys.len() == depth)
    }

    /// The path of a list's element: by its position's name where the catalog gives one.
    pub(super) fn element(&mut self, list: NodeId, last: NodeId, position: usize) -> NodeId {
        let plan = self.plan;
        let tuple = self.paths.get(list).tuple.map(usize::from);
        let tuple = tuple.and_then(|at| plan.vendor.tuples.get(at));
        match tuple.and_then(|tuple| tuple.names.get(position)) {
            Some(name) => self.paths.child(plan, list, last, name),
            None => self.paths.item(plan, list),
        }
    }

    /// A string of a JSON document that is a query string and an event. What stands before its `?`
    /// (a collector's address) says nothing to the vendor: only the `?` leaves.
    pub(super) fn query_item(
        &mut self,
        text: &str,
        node: &Node,
        edits: &mut Edits,
    ) -> Result<Leaf, Stop> {
        let raw = text.get(node.range()).unwrap_or("");
        let mut plain = self.pools.text();
        unescape_into(raw, &mut plain);
        let (mark, query, cut) = match plain.split_once('?') {
            Some((before, query)) => ("?", query, !before.is_empty()),
            None => ("", &*plain, false),
        };
        let base = self.query_base();
        let mut new = self.pools.text();
        let fate = self.query_event(query, base, &mut new)?;
        let leaf = match fate {
            None | Some(Fate::Nothing) => Leaf::Remove,
            Some(Fate::Same) if !cut => Leaf::Keep,
            Some(fate) => {
                let query = if fate == Fate::Same { query } else { &new };
                edits.write(node.range(), |out| {
                    escape_into(mark, out);
                    escape_into(query, out);
                });
                Leaf::Edited
            }
        };
        self.pools.give_text(new);
        self.pools.give_text(plain);
        Ok(leaf)
    }

    /// Sends parameters under a second name as well, where that is missing.
    pub(super) fn copy_pairs(&mut self, out: &mut String) -> bool {
        let plan = self.plan;
        let copies = plan.place().map_or(&[][..], |place| &place.copies);
        let mut changed = false;
        for copy in copies {
            let value = |name: &str| {
                let mut pairs = out.split('&').filter_map(|pair| pair.split_once('='));
                pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
            };
            if value(&copy.to).is_some() {
                continue;
            }
            let Some(value) = value(&copy.from)
                .filter(|v| !v.is_empty())
                .map(str::to_owned)
            else {
                continue;
            };
            out.push('&');
            form::encode(&copy.to, out);
            out.push('=');
            out.push_str(&value);
            changed = true;
        }
        changed
    }
}
