//! What became of strings that were judged before: telemetry repeats itself.
//!
//! A table of bounded size, a thread's own, keyed by path, class of events and the
//! whole text (compared byte for byte, so that a collision costs time and nothing else). Only
//! outcomes that depend on nothing but that key are kept: no random values, no refusals. It holds
//! values, so it lives in memory only and is forgotten with the plan.

use std::hash::{BuildHasher, Hasher};

use super::paths::NodeId;
use super::tally::Done;

/// Sets of texts.
const SETS: usize = 512;
/// Texts in a set; the one that came first makes room.
const WAYS: usize = 8;
/// Longer texts are judged each time.
const MAX_TEXT: usize = 512;

/// What leaves in place of a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known<'m> {
    /// As it came.
    Keep,
    /// Nothing.
    Remove,
    /// These bytes between the quotes.
    Inside(&'m [u8]),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Keep,
    Remove,
    Inside,
}

struct Slot {
    path: NodeId,
    kind: Kind,
    done: Done,
    class: usize,
    /// Length of the text; what leaves in its place stands behind it.
    len: usize,
    bytes: Box<[u8]>,
}

/// A set: the hashes stand together, so that a text that is not here costs one look.
#[derive(Default)]
struct Set {
    tags: [u32; WAYS],
    slots: [Option<Slot>; WAYS],
    next: u8,
}

/// See the module.
#[derive(Default)]
pub(super) struct Memo {
    sets: Vec<Set>,
    hasher: foldhash::fast::RandomState,
}

impl Memo {
    /// What became of the text, and the decisions that did it.
    #[inline]
    pub(super) fn get(&self, path: NodeId, class: usize, text: &[u8]) -> Option<(Known<'_>, Done)> {
        if text.len() > MAX_TEXT || self.sets.is_empty() {
            return None;
        }
        let (at, tag) = self.place(path, text);
        let set = self.sets.get(at)?;
        for (mine, slot) in set.tags.iter().zip(&set.slots) {
            if *mine == tag
                && let Some(slot) = slot
                && slot.path == path
                && slot.class == class
                && let Some((mine, out)) = slot.bytes.split_at_checked(slot.len)
                && *mine == *text
            {
                let known = match slot.kind {
                    Kind::Keep => Known::Keep,
                    Kind::Remove => Known::Remove,
                    Kind::Inside => Known::Inside(out),
                };
                return Some((known, slot.done));
            }
        }
        None
    }

    /// Remembers what became of a text.
    pub(super) fn put(
        &mut self,
        path: NodeId,
        class: usize,
        text: &[u8],
        known: Known<'_>,
        done: Done,
    ) {
        if text.len() > MAX_TEXT {
            return;
        }
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, Set::default);
        }
        let (kind, out) = match known {
            Known::Keep => (Kind::Keep, &[][..]),
            Known::Remove => (Kind::Remove, &[][..]),
            Known::Inside(out) => (Kind::Inside, out),
        };
        let (at, tag) = self.place(path, text);
        let Some(set) = self.sets.get_mut(at) else {
            return;
        };
        let way = usize::from(set.next) % WAYS;
        set.next = set.next.wrapping_add(1);
        if let (Some(mine), Some(slot)) = (set.tags.get_mut(way), set.slots.get_mut(way)) {
            *mine = tag;
            *slot = Some(Slot {
                path,
                kind,
                done,
                class,
                len: text.len(),
                bytes: [text, out].concat().into(),
            });
        }
    }

    /// The set of a text, and its tag there.
    #[inline]
    fn place(&self, path: NodeId, text: &[u8]) -> (usize, u32) {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(path);
        hasher.write(text);
        let hash = hasher.finish();
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        let (low, tag) = (hash as u32, (hash >> 32) as u32);
        (low as usize % SETS, tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_exact_text_at_the_exact_place() {
        let mut memo = Memo::default();
        assert_eq!(memo.get(1, 0, b"a"), None);
        memo.put(1, 0, b"a", Known::Inside(b"x"), 5);
        assert_eq!(memo.get(1, 0, b"a"), Some((Known::Inside(b"x"), 5)));
        assert_eq!(memo.get(2, 0, b"a"), None);
        assert_eq!(memo.get(1, 1, b"a"), None);
        assert_eq!(memo.get(1, 0, b"b"), None);
        memo.put(1, 0, &[b'a'; MAX_TEXT + 1], Known::Keep, 0);
        assert_eq!(memo.get(1, 0, &[b'a'; MAX_TEXT + 1]), None);
    }

    #[test]
    fn is_bounded() {
        let mut memo = Memo::default();
        for n in 0..100_000u32 {
            memo.put(n, 0, &n.to_le_bytes(), Known::Keep, 0);
        }
        assert_eq!(memo.sets.len(), SETS);
        let held: usize = memo
            .sets
            .iter()
            .map(|s| s.slots.iter().flatten().count())
            .sum();
        assert!(held <= SETS * WAYS);
    }
}
