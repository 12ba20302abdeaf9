//! The members whose paths settle what becomes of them: most of an event, without a look at the
//! trie's nodes.
//!
//! Invariant: does what [`super::walk`] would do, or leaves the member to it.

use super::engine::Judge;
use super::fate::Leaf;
use super::hot::{KEY, Settled};
use super::walk::{Frame, next_start};
use crate::detect;
use crate::json::{Edits, Kind, Tape};

impl Judge<'_, '_> {
    /// Judges members of an object as long as their paths settle what becomes of them; true when
    /// none is left. The member that is not settled is left to the walk.
    pub(super) fn settled_members(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        frame: &mut Frame,
    ) -> bool {
        let bytes = text.as_bytes();
        while frame.cursor < frame.tape_end {
            let Some((key, node)) = tape.pair(frame.cursor) else {
                return false;
            };
            let len = (key.end - key.start) as usize;
            let rest = bytes.get(key.start as usize..).unwrap_or(&[]);
            let Some(window) = rest
                .first_chunk::<KEY>()
                .filter(|_| len <= KEY && !key.escaped)
            else {
                return false;
            };
            let path = self.paths.guess(frame.path, frame.last);
            let Some(hot) = self
                .paths
                .hot(path)
                .filter(|h| h.is(frame.path, window, len))
            else {
                return false;
            };
            let mut settled = hot.settled(self.class);
            if settled == Settled::No {
                settled = hot.settled(self.class_at(path));
            }
            let raw = bytes.get(node.range()).unwrap_or(&[]);
            // The slots of "keep" and "drop" in the report.
            let (leaf, slot) = match (settled, node.kind) {
                (Settled::No, _) | (_, Kind::Object | Kind::Array | Kind::Key) => return false,
                (Settled::Drop, Kind::Str | Kind::Num | Kind::Bool | Kind::Null) => {
                    (Leaf::Remove, 1)
                }
                (Settled::Look, Kind::Num | Kind::Bool) => return false,
                (Settled::Keep | Settled::Look, Kind::Null) => (Leaf::Keep, 0),
                (Settled::Keep, Kind::Bool) => (Leaf::Keep, 0),
                (Settled::Keep, Kind::Num) => {
                    if raw.len() >= 8 && detect::may_be_whole_number(raw) {
                        return false;
                    }
                    (Leaf::Keep, 0)
                }
                (Settled::Keep, Kind::Str) if !detect::may_hold(raw) => (Leaf::Keep, 0),
                (Settled::Look, Kind::Str) if raw.is_empty() => (Leaf::Keep, 0),
                (Settled::Keep | Settled::Look, Kind::Str) => {
                    let Some(known) = self.remembered(path, raw, node, edits) else {
                        return false;
                    };
                    known
                }
            };
            frame.last = path;
            frame.cursor = node.next as usize;
            self.report.leaves += 1;
            self.report.count_slot(slot);
            let end = node.outer().end;
            if leaf == Leaf::Remove {
                let next = next_start(tape, frame);
                frame.commas.cut(key.outer().start..end, next, edits);
            } else {
                frame.commas.keep(end);
            }
        }
        true
    }
}
