//! The members whose paths settle what becomes of them: most of an event, without a look at the
//! trie's nodes.
//!
//! Invariant: does what [`super::walk`] would do, or leaves the member to it.

use super::engine::Judge;
use super::fate::Leaf;
use super::hot::{Hot, KEY, Settled};
use super::paths::NodeId;
use super::tally::Done;
use super::unfold::hex_may_unfold;
use super::walk::{Frame, Place, next_start};
use crate::detect;
use crate::json::{Edits, Kind, Node, Tape};

/// What comes after the members that are settled.
pub(super) enum Rest {
    /// None is left.
    Nothing,
    /// A member that is not settled.
    Member,
    /// A container to be entered, by its node's number.
    Enter(usize, Place),
}

impl Judge<'_, '_> {
    /// Judges members of an object as long as their paths settle what becomes of them.
    pub(super) fn settled_members(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        frame: &mut Frame,
    ) -> Rest {
        let bytes = text.as_bytes();
        while frame.cursor < frame.tape_end {
            let Some((key, node)) = tape.pair(frame.cursor) else {
                return Rest::Member;
            };
            let len = (key.end - key.start) as usize;
            let rest = bytes.get(key.start as usize..).unwrap_or(&[]);
            let Some(window) = rest
                .first_chunk::<KEY>()
                .filter(|_| len <= KEY && !key.escaped)
            else {
                return Rest::Member;
            };
            let path = self.paths.guess(frame.path, frame.last);
            let Some(hot) = self
                .paths
                .hot(path)
                .filter(|h| h.is(frame.path, window, len))
            else {
                return Rest::Member;
            };
            if matches!(node.kind, Kind::Object | Kind::Array) {
                // An object around events may share its path with an event.
                let enters = frame.roots == 0
                    && (hot.enters(self.class)
                        || hot.enters(self.paths.class_at(path, &self.mask)));
                return match enters {
                    true => enter(frame, path, key, node),
                    false => Rest::Member,
                };
            }
            let (settled, done) = self.verdict(path, hot);
            let raw = bytes.get(node.range()).unwrap_or(&[]);
            let (leaf, done) = match (settled, node.kind) {
                (Settled::No, _) | (_, Kind::Object | Kind::Array | Kind::Key) => {
                    return Rest::Member;
                }
                (Settled::Drop, Kind::Str | Kind::Num | Kind::Bool | Kind::Null) => {
                    (Leaf::Remove, done)
                }
                (Settled::Look, Kind::Num | Kind::Bool) => return Rest::Member,
                (Settled::Keep | Settled::Look, Kind::Null) => (Leaf::Keep, done),
                (Settled::Keep, Kind::Bool) => (Leaf::Keep, done),
                (Settled::Keep, Kind::Num) => {
                    if raw.len() >= 8 && detect::may_be_whole_number(raw) {
                        return Rest::Member;
                    }
                    (Leaf::Keep, done)
                }
                (Settled::Keep, Kind::Str) if !detect::may_hold(raw) || is_plain_id(raw) => {
                    (Leaf::Keep, done)
                }
                (Settled::Look, Kind::Str) if raw.is_empty() => (Leaf::Keep, done),
                (Settled::Keep | Settled::Look, Kind::Str) => {
                    match self.remembered(path, raw, node, edits) {
                        Ok(known) => known,
                        Err(place) => {
                            self.missed = Some((node.start, place));
                            return Rest::Member;
                        }
                    }
                }
            };
            frame.last = path;
            frame.cursor = node.next as usize;
            self.report.leaves += 1;
            self.again(done);
            let end = node.outer().end;
            if leaf == Leaf::Remove {
                let next = next_start(tape, frame);
                frame.commas.cut(key.outer().start..end, next, edits);
            } else {
                frame.commas.keep(end);
            }
        }
        Rest::Nothing
    }
}

impl Judge<'_, '_> {
    /// The verdict of a path for the event at hand, and the decision behind it.
    #[inline]
    fn verdict(&self, path: NodeId, hot: &Hot) -> (Settled, Done) {
        let settled = hot.settled(self.class);
        if settled != Settled::No || self.mask.unnamed == self.class {
            (settled, hot.done)
        } else if hot.is_aside(&self.mask) {
            (hot.settled(self.mask.unnamed), hot.done)
        } else {
            self.settled_for(path, hot)
        }
    }

    /// The verdict for an event that may have a rule of its own at a path.
    fn settled_for(&self, path: NodeId, hot: &Hot) -> (Settled, Done) {
        let class = self.class_at(path);
        match self.paths.get(path).own {
            Some((own, settled, done)) if own == class => (settled, done),
            _ => (hot.settled(class), hot.done),
        }
    }
}

/// The container at the cursor is entered, and nothing else is done about it.
fn enter(frame: &mut Frame, path: NodeId, key: &Node, node: &Node) -> Rest {
    let value = frame.cursor + 1;
    frame.last = path;
    frame.cursor = node.next as usize;
    let place = Place {
        path,
        own: path,
        start: key.outer().start,
        roots: 0,
        depth: frame.depth + 1,
        element: false,
    };
    Rest::Enter(value, place)
}

/// Whether a string is an id in which nothing stands: its form says it in less time than it takes to
/// look it up.
fn is_plain_id(raw: &[u8]) -> bool {
    detect::hex_id(raw)
        .is_some_and(|digits| std::str::from_utf8(raw).is_ok_and(|id| !hex_may_unfold(id, digits)))
}
