//! The walk over a JSON tape: finds events, takes or enters containers, hands leaves to
//! [`super::leaf`], keeps the commas right.
//!
//! Nothing here knows how the text was encoded outside. The walk keeps its own stack. Every leaf of the tape is
//! visited exactly once, so every byte that leaves was judged or is syntax.

use std::ops::Range;

use smallvec::SmallVec;

use super::engine::{Judge, Level};
use super::fate::{Fate, Leaf, Stop};
use super::hot::Hot;
use super::paths::{NodeId, ROOT};
use super::plan::NO_RULE;
use super::settled::Rest;
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::json::{Commas, Edits, Kind, Node, Tape, escape_into, unescape_into};

/// A container being walked.
pub(super) struct Frame {
    pub(super) tape_end: usize,
    pub(super) cursor: usize,
    pub(super) path: NodeId,
    pub(super) last: NodeId,
    /// The path's node as its parent sees it (an event's own path is the root).
    own: NodeId,
    pub(super) commas: Commas,
    object: bool,
    pub(super) depth: u8,
    /// Where it starts (the member's key, if it has one), and the end of its closing bracket.
    start: usize,
    end: u32,
    /// Event roots that may still be reached: a bit per root of the endpoint.
    pub(super) roots: u32,
    /// For an event: the class of events before it.
    event: Option<usize>,
    /// Sets of this container that were met.
    met: SmallVec<[u16; 1]>,
    /// Elements judged so far.
    position: u32,
    /// For an event: sets in members that it does not have.
    missing: Box<[u16]>,
}

/// Where a container stands.
pub(super) struct Place {
    pub(super) path: NodeId,
    pub(super) own: NodeId,
    /// Of the member's key, if it has one.
    pub(super) start: usize,
    pub(super) roots: u32,
    /// Members above it: no more than [`crate::json::MAX_DEPTH`].
    pub(super) depth: u8,
    pub(super) element: bool,
}

/// What the walk does after a child.
enum Next {
    Done,
    /// A container, by its node's number.
    Enter(usize, Place),
    DropEvent,
}

/// What stands where an element went from a list whose elements are told by their position.
const PLACEHOLDER: &[u8] = b"\"[removed]\"";

impl Judge<'_, '_> {
    /// Judges all documents of a tape. `at` is the path of the text that holds them; `level` says
    /// whether events are looked for.
    pub(super) fn tape(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        at: NodeId,
        level: Level,
    ) -> Result<Fate, Stop> {
        let mut root = 0;
        let (mut documents, mut gone) = (0u32, 0u32);
        while let Some(node) = tape.node(root) {
            documents += 1;
            if level == Level::Events {
                self.document_facts(text, tape, root)?;
            }
            let outer = node.outer();
            if !self.document(text, tape, edits, at, level, root)? {
                gone += 1;
                edits.cut_over(line_of(text, &outer));
            }
            root = node.next as usize;
        }
        Ok(if gone == documents {
            Fate::Nothing
        } else if edits.is_empty() {
            Fate::Same
        } else {
            Fate::Changed
        })
    }

    /// One document; `false` when nothing of it stays.
    fn document(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        at: NodeId,
        level: Level,
        root: usize,
    ) -> Result<bool, Stop> {
        let Some(node) = tape.node(root) else {
            return Ok(true);
        };
        let roots = self.check_shape(node, level)?;
        match node.kind {
            Kind::Object | Kind::Array => self.walk(text, tape, edits, at, roots, root),
            Kind::Key | Kind::Str | Kind::Num | Kind::Bool | Kind::Null => {
                match self.leaf(text, node, edits, at)? {
                    Leaf::Keep | Leaf::Edited => Ok(true),
                    Leaf::Remove => {
                        edits.replace(node.outer(), b"null");
                        Ok(true)
                    }
                    Leaf::DropEvent => Ok(false),
                }
            }
        }
    }

    /// A body must be of a shape in which the endpoint's events can stand.
    fn check_shape(&self, node: &Node, level: Level) -> Result<u32, Stop> {
        let roots = self.event_roots();
        if level == Level::Value || roots.is_empty() {
            return Ok(0);
        }
        let fits = roots.iter().any(|root| {
            let array = root.keys.is_empty() && root.items;
            node.kind == if array { Kind::Array } else { Kind::Object }
        });
        if fits {
            Ok(u32::MAX)
        } else {
            let at = node.start as usize;
            Err(DecodeError::new(DecodeErrorKind::Shape, "json", at).into())
        }
    }

    fn walk(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        at: NodeId,
        roots: u32,
        root: usize,
    ) -> Result<bool, Stop> {
        let mut stack = std::mem::take(&mut self.pools.frames);
        stack.clear();
        let start = tape.node(root).map_or(0, |node| node.outer().start);
        let place = Place {
            path: at,
            own: NodeId::MAX,
            start,
            roots,
            depth: 0,
            element: false,
        };
        self.enter(text, tape, root, &place, &mut stack)?;
        let mut done = Ok(true);
        while let Some(frame) = stack.last_mut() {
            if frame.cursor >= frame.tape_end {
                self.finish(edits, &mut stack);
                continue;
            }
            let rest = match frame.object && !self.explains() {
                true => self.settled_members(text, tape, edits, frame),
                false => Rest::Member,
            };
            let next = match rest {
                Rest::Nothing => continue,
                Rest::Enter(at, place) => Ok(Next::Enter(at, place)),
                Rest::Member => self.child(text, tape, edits, frame),
            };
            match next {
                Ok(Next::Done) => {}
                Ok(Next::Enter(at, place)) => {
                    if let Err(stop) = self.enter(text, tape, at, &place, &mut stack) {
                        done = Err(stop);
                        break;
                    }
                }
                Ok(Next::DropEvent) => {
                    if !self.drop_event(edits, tape, &mut stack) {
                        done = Ok(false);
                        break;
                    }
                }
                Err(stop) => {
                    done = Err(stop);
                    break;
                }
            }
        }
        self.pools.frames = stack;
        done
    }

    /// Opens a container; decides whether it is an event.
    fn enter(
        &mut self,
        text: &str,
        tape: &Tape,
        at: usize,
        place: &Place,
        stack: &mut Vec<Frame>,
    ) -> Result<(), Stop> {
        let Some(node) = tape.node(at) else {
            return Ok(());
        };
        let object = node.kind == Kind::Object;
        let may_be = object && self.is_event(place.roots, place.depth, place.element);
        let is_event = may_be && !self.is_envelope(text, tape, at, place.depth);
        let (path, event) = if may_be && !is_event {
            // What is around its events in a list is what it is around those of a lone document.
            (ROOT, None)
        } else if is_event {
            self.report.events_in += 1;
            self.note_each(text, tape, at);
            let before = self.class;
            self.set_class(text, tape, at)?;
            let path = if self.is_query_item(place.roots, place.depth, place.element) {
                self.query_base()
            } else {
                self.event_root(text, tape, at)
            };
            (path, Some(before))
        } else {
            (place.path, None)
        };
        stack.push(Frame {
            tape_end: node.next as usize,
            cursor: at + 1,
            path,
            last: path,
            own: place.own,
            commas: Commas::new(node.start as usize + 1),
            object,
            start: place.start,
            end: node.end,
            roots: if is_event { 0 } else { place.roots },
            depth: place.depth,
            event,
            met: SmallVec::new(),
            position: 0,
            // An envelope's items are of many kinds: not all of them have the member.
            missing: if is_event && self.inside.is_none() && !self.plan.deep.is_empty() {
                self.missing(text, tape, at)
            } else {
                Box::default()
            },
        });
        Ok(())
    }

    /// Judges the next child of a container.
    fn child(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        frame: &mut Frame,
    ) -> Result<Next, Stop> {
        let first = frame.cursor;
        let (path, value, roots) = if frame.object {
            let path = self.member_path(text, tape, edits, frame)?;
            (path, first + 1, self.roots_below(frame, path))
        } else {
            frame.last = self.element(frame.path, frame.last, frame.position as usize);
            frame.position += 1;
            (frame.last, first, frame.roots)
        };
        let Some(node) = tape.node(value).copied() else {
            return Ok(Next::Done);
        };
        frame.cursor = node.next as usize;
        let start = tape.node(first).map_or(0, |n| n.outer().start);
        let end = node.outer().end;
        if let Some(set) = self.paths.get(path).set {
            let leaf = self.force(edits, &node, set);
            frame.met.push(set);
            return Ok(settle(leaf, frame, start..end, tape, edits));
        }
        let leaf = match node.kind {
            Kind::Array if !frame.object && self.is_event(roots, frame.depth, true) => {
                let at = node.start as usize;
                return Err(DecodeError::new(DecodeErrorKind::Shape, "json", at).into());
            }
            Kind::Object | Kind::Array => {
                // Selectors are relative to the event: none speaks about a batch's element as such.
                let event = node.kind == Kind::Object
                    && !frame.object
                    && self.is_event(roots, frame.depth, true);
                let rule = match event {
                    true => NO_RULE,
                    false => self.paths.container_rule(self.plan, path, &self.mask),
                };
                let action = self.plan.action(rule);
                if rule == NO_RULE || !action.takes_containers() {
                    if frame.object && frame.roots == 0 {
                        self.settle_container(path);
                    }
                    let place = Place {
                        path,
                        own: path,
                        start,
                        roots,
                        depth: frame.depth + u8::from(frame.object),
                        element: !frame.object,
                    };
                    return Ok(Next::Enter(value, place));
                }
                self.report.leaves += 1;
                let category = self.paths.get(path).category;
                self.hear_inside(text, tape, value, category);
                self.container(rule, path, text, &node, edits)?
            }
            Kind::Key | Kind::Str | Kind::Num | Kind::Bool | Kind::Null => {
                if !frame.object && self.is_event(roots, frame.depth, true) {
                    let query = self.is_query_item(roots, frame.depth, true);
                    let leaf = self.event_text(text, &node, edits, path, query)?;
                    self.paths.release(path);
                    return Ok(settle(leaf, frame, start..end, tape, edits));
                }
                let leaf = self.leaf(text, &node, edits, path)?;
                self.settle_path(path);
                leaf
            }
        };
        let in_place = self.paths.get(path).required
            || (!frame.object && self.paths.get(frame.path).positional);
        let leaf = if in_place && leaf == Leaf::Remove {
            edits.replace(node.outer(), PLACEHOLDER);
            Leaf::Edited
        } else {
            leaf
        };
        self.paths.release(path);
        Ok(settle(leaf, frame, start..end, tape, edits))
    }

    /// The path of the member at the cursor; rewrites its key if it carries identity.
    fn member_path(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        frame: &mut Frame,
    ) -> Result<NodeId, Stop> {
        let Some(key) = tape.node(frame.cursor) else {
            return Ok(frame.path);
        };
        let raw = text.get(key.range()).unwrap_or("");
        let path = if key.escaped {
            let mut plain = self.pools.text();
            unescape_into(raw, &mut plain);
            let path = self.paths.child(self.plan, frame.path, frame.last, &plain);
            self.pools.give_text(plain);
            path
        } else {
            self.paths.child(self.plan, frame.path, frame.last, raw)
        };
        frame.last = path;
        if let Some(new) = self.key_out(path)? {
            edits.write(key.range(), |out| escape_into(&new, out));
        }
        Ok(path)
    }

    /// Event roots that the member's key keeps reachable.
    fn roots_below(&self, frame: &Frame, path: NodeId) -> u32 {
        if frame.roots == 0 {
            return 0;
        }
        let key = self.paths.get(path).key();
        let mut roots = 0;
        for (bit, root) in self.event_roots().iter().enumerate() {
            let on = frame.roots >> bit & 1 == 1;
            if on
                && root
                    .keys
                    .get(usize::from(frame.depth))
                    .is_some_and(|want| **want == *key)
            {
                roots |= 1 << bit;
            }
        }
        roots
    }

    /// Writes a forced value in place of whatever stands there.
    fn force(&mut self, edits: &mut Edits, node: &Node, set: u16) -> Leaf {
        match self.set_value(set) {
            Some(json) => {
                edits.replace(node.outer(), json.as_bytes());
                Leaf::Edited
            }
            None => Leaf::Remove,
        }
    }

    /// Closes a container: adds what must be there, tells the parent.
    fn finish(&mut self, edits: &mut Edits, stack: &mut Vec<Frame>) {
        // Looked at where it stands: it is too large to be moved for each container.
        let Some(frame) = stack.last_mut() else {
            return;
        };
        let end = frame.end as usize;
        let close = end.saturating_sub(1);
        let adds = self.paths.hot(frame.path).is_none_or(Hot::adds);
        let adds = adds.then(|| self.paths.get(frame.path).adds.clone());
        for set in adds.into_iter().flatten() {
            if !frame.object || frame.met.contains(&set) {
                continue;
            }
            let Some((key, json)) = self.set_member(set) else {
                continue;
            };
            let comma = frame.commas.any;
            edits.write(close..close, |out| {
                if comma {
                    out.push(b',');
                }
                out.push(b'"');
                escape_into(&key, out);
                out.extend_from_slice(b"\":");
                out.extend_from_slice(json.as_bytes());
            });
            frame.commas.keep(close);
        }
        if !frame.missing.is_empty() {
            self.add_missing(&frame.missing, close, &mut frame.commas, edits);
        }
        if let Some(class) = frame.event {
            self.leave_event(class);
            self.report.events_out += 1;
        }
        if frame.own != NodeId::MAX {
            self.paths.release(frame.own);
        }
        stack.truncate(stack.len() - 1);
        if let Some(parent) = stack.last_mut() {
            parent.commas.keep(end);
        }
    }

    /// Takes the event that is being walked out of its parent; `false` when it was the document.
    fn drop_event(&mut self, edits: &mut Edits, tape: &Tape, stack: &mut Vec<Frame>) -> bool {
        while let Some(frame) = stack.pop() {
            let Some(class) = frame.event else {
                continue;
            };
            self.leave_event(class);
            let Some(parent) = stack.last_mut() else {
                return false;
            };
            parent.cursor = frame.tape_end;
            let next = next_start(tape, parent);
            let whole = frame.start..frame.end as usize;
            parent.commas.cut(whole, next, edits);
            return true;
        }
        // Not inside an event: the document itself goes.
        false
    }
}

/// Cuts or keeps a child that was judged.
fn settle(
    leaf: Leaf,
    frame: &mut Frame,
    child: Range<usize>,
    tape: &Tape,
    edits: &mut Edits,
) -> Next {
    match leaf {
        Leaf::Keep | Leaf::Edited => frame.commas.keep(child.end),
        Leaf::Remove => frame.commas.cut(child, next_start(tape, frame), edits),
        Leaf::DropEvent => return Next::DropEvent,
    }
    Next::Done
}

/// Where the child after the cursor starts.
pub(super) fn next_start(tape: &Tape, frame: &Frame) -> Option<usize> {
    let more = frame.cursor < frame.tape_end;
    tape.node(frame.cursor)
        .filter(|_| more)
        .map(|node| node.outer().start)
}

/// The line that a document stands on, with its line break.
pub(super) fn line_of(text: &str, document: &Range<usize>) -> Range<usize> {
    let before = text.get(..document.start).unwrap_or("");
    let after = text.get(document.end..).unwrap_or("");
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = after
        .find('\n')
        .map_or(text.len(), |at| document.end + at + 1);
    start..end
}
