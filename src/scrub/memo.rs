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
const SETS: usize = 2048;
/// Texts in a set; one that chance picks makes room, so that a little of what comes round in a circle
/// longer than the table is still there when it comes again.
const WAYS: usize = 8;
/// Longer texts are judged each time.
pub(super) const MAX_TEXT: usize = 512;

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
    bytes: Vec<u8>,
}

/// Where a text would stand that is not here: spares a second hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    set: usize,
    tag: u32,
}

/// A set: the hashes stand together, so that a text that is not here costs one look.
#[derive(Default)]
struct Set {
    tags: [u32; WAYS],
    slots: [Option<Slot>; WAYS],
}

/// See the module.
#[derive(Default)]
pub(super) struct Memo {
    sets: Vec<Set>,
    hasher: foldhash::fast::RandomState,
}

impl Memo {
    /// What became of the text, and the decisions that did it; or where it would stand.
    #[inline]
    pub(super) fn get(
        &self,
        path: NodeId,
        class: usize,
        text: &[u8],
    ) -> Result<(Known<'_>, Done), Place> {
        let place = self.place(path, text);
        let Some(set) = self.sets.get(place.set) else {
            return Err(place);
        };
        for (mine, slot) in set.tags.iter().zip(&set.slots) {
            if *mine == place.tag
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
                return Ok((known, slot.done));
            }
        }
        Err(place)
    }

    /// Remembers what became of a text that was not here.
    pub(super) fn put(
        &mut self,
        place: Place,
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
        let Some(set) = self.sets.get_mut(place.set) else {
            return;
        };
        let free = set.slots.iter().position(Option::is_none);
        let way = free.unwrap_or(place.tag as usize / 7 % WAYS);
        if let (Some(mine), Some(slot)) = (set.tags.get_mut(way), set.slots.get_mut(way)) {
            *mine = place.tag;
            // The memory of what makes room is used again.
            let mut bytes = slot.take().map_or_else(Vec::new, |old| old.bytes);
            bytes.clear();
            bytes.extend_from_slice(text);
            bytes.extend_from_slice(out);
            *slot = Some(Slot {
                path,
                kind,
                done,
                class,
                len: text.len(),
                bytes,
            });
        }
    }

    /// The set of a text, and its tag there.
    #[inline]
    fn place(&self, path: NodeId, text: &[u8]) -> Place {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(path);
        hasher.write(text);
        let hash = hasher.finish();
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        let (low, tag) = (hash as u32, (hash >> 32) as u32);
        Place {
            set: low as usize % SETS,
            tag,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(memo: &mut Memo, path: NodeId, text: &[u8], known: Known<'_>, action: Done) {
        if let Err(place) = memo.get(path, 0, text) {
            memo.put(place, path, 0, text, known, action);
        }
    }

    #[test]
    fn knows_the_exact_text_at_the_exact_place() {
        let mut memo = Memo::default();
        assert!(memo.get(1, 0, b"a").is_err());
        put(&mut memo, 1, b"a", Known::Inside(b"x"), 5);
        assert_eq!(memo.get(1, 0, b"a").ok(), Some((Known::Inside(b"x"), 5)));
        assert!(memo.get(2, 0, b"a").is_err());
        assert!(memo.get(1, 1, b"a").is_err());
        assert!(memo.get(1, 0, b"b").is_err());
        put(&mut memo, 1, &[b'a'; MAX_TEXT + 1], Known::Keep, 0);
        assert!(memo.get(1, 0, &[b'a'; MAX_TEXT + 1]).is_err());
    }

    #[test]
    fn is_bounded() {
        let mut memo = Memo::default();
        for n in 0..200_000u32 {
            put(&mut memo, n, &n.to_le_bytes(), Known::Keep, 0);
        }
        assert_eq!(memo.sets.len(), SETS);
        let held: usize = memo
            .sets
            .iter()
            .map(|s| s.slots.iter().flatten().count())
            .sum();
        assert!(held <= SETS * WAYS);
    }

    #[test]
    fn of_a_circle_that_is_too_long_a_part_is_still_known() {
        let mut memo = Memo::default();
        let circle = || 0..u32::try_from(SETS * WAYS * 3 / 2).unwrap();
        let round = |memo: &mut Memo| {
            let known = |n: &u32| memo.get(1, 0, &n.to_le_bytes()).is_ok();
            let hits = circle().filter(known).count();
            for n in circle() {
                put(memo, 1, &n.to_le_bytes(), Known::Keep, 0);
            }
            hits
        };
        round(&mut memo);
        assert!(round(&mut memo) > SETS * WAYS / 4);
    }
}
