//! What became of strings that were judged before: telemetry repeats itself.
//!
//! A table of bounded size, a thread's own, keyed by path, class of events and the
//! whole text (compared byte for byte, so that a collision costs time and nothing else). Only
//! outcomes that depend on nothing but that key are kept: no random values, no refusals. It holds
//! values, so it lives in memory only and is forgotten with the plan.

use std::hash::BuildHasher;

use super::paths::NodeId;

/// Places; each holds two texts, the one used last in front.
const PLACES: usize = 2048;
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
    /// Of the key: looked at before the text, which lies elsewhere in memory.
    hash: u64,
    path: NodeId,
    class: usize,
    kind: Kind,
    action: u8,
    text: Box<[u8]>,
    out: Box<[u8]>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Memo {
    slots: Vec<Option<Slot>>,
    hasher: foldhash::fast::RandomState,
}

impl Memo {
    /// What became of the text, and the action that did it.
    #[inline]
    pub(super) fn get(&self, path: NodeId, class: usize, text: &[u8]) -> Option<(Known<'_>, u8)> {
        if text.len() > MAX_TEXT || self.slots.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one((path, class, text));
        let at = place(hash);
        let mine = |slot: &&Slot| {
            slot.hash == hash && slot.path == path && slot.class == class && *slot.text == *text
        };
        let slots = self.slots.get(at..at + 2)?;
        let slot = slots.iter().flatten().find(mine)?;
        let known = match slot.kind {
            Kind::Keep => Known::Keep,
            Kind::Remove => Known::Remove,
            Kind::Inside => Known::Inside(&slot.out),
        };
        Some((known, slot.action))
    }

    /// Remembers what became of a text.
    pub(super) fn put(
        &mut self,
        path: NodeId,
        class: usize,
        text: &[u8],
        known: Known<'_>,
        action: u8,
    ) {
        if text.len() > MAX_TEXT {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(2 * PLACES, || None);
        }
        let (kind, out) = match known {
            Known::Keep => (Kind::Keep, &[][..]),
            Known::Remove => (Kind::Remove, &[][..]),
            Known::Inside(out) => (Kind::Inside, out),
        };
        let hash = self.hasher.hash_one((path, class, text));
        let at = place(hash);
        if let Some([new, old]) = self.slots.get_mut(at..at + 2) {
            *old = new.take();
            *new = Some(Slot {
                hash,
                path,
                class,
                kind,
                action,
                text: text.into(),
                out: out.into(),
            });
        }
    }
}

fn place(hash: u64) -> usize {
    2 * usize::try_from(hash % PLACES as u64).unwrap_or(0)
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
        assert_eq!(memo.slots.len(), 2 * PLACES);
    }
}
