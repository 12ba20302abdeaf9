//! What became of strings that were judged before: telemetry repeats itself.
//!
//! A table of bounded size, a thread's own, keyed by path, class of events and the
//! whole text (compared byte for byte, so that a collision costs time and nothing else). Only
//! outcomes that depend on nothing but that key are kept: no random values, no refusals. It holds
//! values, so it lives in memory only and is forgotten with the plan.
//!
//! Where texts do not come again (ids of events), looking for them and keeping them costs more than it
//! ever gains: after [`PATIENCE`] look-ups in vain only one text in [`SAMPLE`] is looked up at that path,
//! until one is found.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};

use wide::u32x8;

use super::paths::NodeId;
use super::tally::Done;

/// Sets of texts.
const SETS: usize = 2048;
/// Texts in a set; one that chance picks makes room, so that a little of what comes round in a circle
/// longer than the table is still there when it comes again.
const WAYS: usize = 8;
/// Longer texts are judged each time.
pub(super) const MAX_TEXT: usize = 512;

/// Look-ups in vain after which a path's texts are looked up more rarely.
const PATIENCE: u16 = 1024;
/// Of how many texts one is looked up then.
const SAMPLE: u32 = 16;
/// Others are after so many that were not, as a power of two: more than are remembered at once.
const TURN: u32 = 16;

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

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    /// Nothing stands here yet.
    #[default]
    Free,
    Keep,
    Remove,
    Inside,
}

/// Bytes that a slot holds itself: nearly every text with what leaves in its place.
const INLINE: usize = 92;

/// Two cache lines: what is looked up is compared where it stands, a short text in the first.
#[repr(C, align(128))]
struct Slot {
    path: NodeId,
    class: u32,
    done: Done,
    /// Lengths of the text and of what leaves in its place, which stands behind it.
    text: u16,
    out: u16,
    kind: Kind,
    inline: [u8; INLINE],
    /// Both, where they are longer than a slot.
    long: Box<[u8]>,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            path: NodeId::MAX,
            class: 0,
            text: 0,
            out: 0,
            kind: Kind::Free,
            done: 0,
            inline: [0; INLINE],
            long: Box::default(),
        }
    }
}

impl Slot {
    /// The text and what leaves in its place.
    #[inline]
    fn pair(&self) -> (&[u8], &[u8]) {
        let (text, out) = (usize::from(self.text), usize::from(self.out));
        let bytes = if text + out <= INLINE {
            self.inline.get(..text + out)
        } else {
            Some(&*self.long)
        };
        bytes
            .and_then(|bytes| bytes.split_at_checked(text))
            .unwrap_or_default()
    }

    /// Takes both in; false when they are longer than is remembered.
    fn fill(&mut self, text: &[u8], out: &[u8]) -> bool {
        let (Ok(text_len), Ok(out_len)) = (u16::try_from(text.len()), u16::try_from(out.len()))
        else {
            return false;
        };
        (self.text, self.out) = (text_len, out_len);
        let whole = text.len() + out.len();
        if let Some(inline) = self.inline.get_mut(..whole) {
            let (head, tail) = inline.split_at_mut(text.len());
            head.copy_from_slice(text);
            tail.copy_from_slice(out);
            self.long = Box::default();
        } else {
            self.long = [text, out].concat().into();
        }
        true
    }
}

/// Where a text would stand that is not here: spares a second hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    set: usize,
    tag: u32,
}

/// A cache line: the tags of a set's texts, and where each stands.
#[derive(Clone)]
#[repr(align(64))]
struct Set {
    tags: [u32; WAYS],
    slots: [u32; WAYS],
}

/// No slot yet.
const NOWHERE: u32 = u32::MAX;

impl Set {
    const EMPTY: Self = Self {
        tags: [0; WAYS],
        slots: [NOWHERE; WAYS],
    };

    /// A bit for each text of that tag.
    #[inline]
    fn having(&self, tag: u32) -> u32 {
        u32x8::new(self.tags)
            .simd_eq(u32x8::splat(tag))
            .to_bitmask()
    }
}

/// See the module. The tags stand apart from the slots, all of them in little room, so that a text
/// that is not here costs one look. The slots are taken in the order of arrival: what came together
/// stands together, and a table that is hardly used takes hardly any memory.
#[derive(Default)]
pub(super) struct Memo {
    sets: Vec<Set>,
    slots: Vec<Slot>,
    /// For each path: look-ups in vain, up to [`PATIENCE`].
    vain: Vec<Cell<u16>>,
    /// Whether that ever reached [`PATIENCE`]: most look-ups need not ask which path it was.
    impatient: Cell<bool>,
    /// Look-ups that were not made.
    skipped: Cell<u32>,
    hasher: foldhash::fast::RandomState,
}

impl Memo {
    /// What became of the text, and the decisions that did it; or where it would stand, unless it is
    /// not looked for this time.
    #[inline]
    pub(super) fn get(
        &self,
        path: NodeId,
        class: usize,
        text: &[u8],
    ) -> Result<(Known<'_>, Done), Option<Place>> {
        let place = self.place(path, text);
        if self.impatient.get() && !self.is_worth(path, place) {
            return Err(None);
        }
        let known = self.find(place, path, class, text);
        if known.is_none() || self.impatient.get() {
            self.note(path, known.is_some());
        }
        known.ok_or(Some(place))
    }

    /// Whether a text is looked up at the path. Chosen by the text, so that the same ones are looked up
    /// when they come again; each has its turn.
    fn is_worth(&self, path: NodeId, place: Place) -> bool {
        let vain = self.vain.get(path as usize).map_or(0, Cell::get);
        let turn = self.skipped.get() >> TURN;
        let worth = vain < PATIENCE || place.tag.wrapping_add(turn).is_multiple_of(SAMPLE);
        if !worth {
            self.skipped.set(self.skipped.get().wrapping_add(1));
        }
        worth
    }

    /// Notes what came of a look-up.
    fn note(&self, path: NodeId, found: bool) {
        let Some(vain) = self.vain.get(path as usize) else {
            return;
        };
        let passed = vain.get();
        if found && passed == PATIENCE {
            vain.set(0);
        } else if !found && passed < PATIENCE {
            vain.set(passed + 1);
            self.impatient
                .set(self.impatient.get() || passed + 1 == PATIENCE);
        }
    }

    #[inline]
    fn find(
        &self,
        place: Place,
        path: NodeId,
        class: usize,
        text: &[u8],
    ) -> Option<(Known<'_>, Done)> {
        let set = self.sets.get(place.set)?;
        let mut having = set.having(place.tag);
        while having != 0 {
            let way = having.trailing_zeros() as usize;
            having &= having - 1;
            let slot = set.slots.get(way).map_or(NOWHERE, |slot| *slot);
            let Some(slot) = self.slots.get(slot as usize) else {
                continue;
            };
            if slot.path != path || slot.class as usize != class {
                continue;
            }
            let (mine, out) = slot.pair();
            if !same(mine, text) {
                continue;
            }
            let known = match slot.kind {
                Kind::Free => continue,
                Kind::Keep => Known::Keep,
                Kind::Remove => Known::Remove,
                Kind::Inside => Known::Inside(out),
            };
            return Some((known, slot.done));
        }
        None
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
        let Ok(class) = u32::try_from(class) else {
            return;
        };
        if text.len() > MAX_TEXT {
            return;
        }
        if self.sets.is_empty() {
            self.sets.resize(SETS, Set::EMPTY);
        }
        if self.vain.len() <= path as usize {
            self.vain.resize(path as usize + 1, Cell::new(0));
        }
        let (kind, out) = match known {
            Known::Keep => (Kind::Keep, &[][..]),
            Known::Remove => (Kind::Remove, &[][..]),
            Known::Inside(out) => (Kind::Inside, out),
        };
        let Some(set) = self.sets.get_mut(place.set) else {
            return;
        };
        let free = set.slots.iter().position(|slot| *slot == NOWHERE);
        let way = free.unwrap_or(place.tag as usize / 7 % WAYS);
        let (Some(tag), Some(at)) = (set.tags.get_mut(way), set.slots.get_mut(way)) else {
            return;
        };
        if *at == NOWHERE {
            let Ok(new) = u32::try_from(self.slots.len()) else {
                return;
            };
            self.slots.push(Slot::default());
            *at = new;
        }
        let Some(slot) = self.slots.get_mut(*at as usize) else {
            return;
        };
        slot.kind = Kind::Free;
        if slot.fill(text, out) {
            *tag = place.tag;
            (slot.path, slot.class, slot.done) = (path, class, done);
            slot.kind = kind;
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

/// Whether two texts are equal. Most are short: two loads of each that overlap take them in.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    fn ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
    }
    a.len() == b.len()
        && match a.len() {
            8..=16 => ends::<8>(a, b),
            17..=32 => ends::<16>(a, b),
            _ => a == b,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_is_equal_at_any_length() {
        for len in 0..70 {
            let text = vec![b'a'; len];
            assert!(same(&text, &text.clone()));
            assert!(!same(&text, &[b'a'; 70]));
            for at in 0..len {
                let mut other = text.clone();
                other[at] = b'b';
                assert!(!same(&text, &other), "{at} of {len}");
            }
        }
    }

    fn put(memo: &mut Memo, path: NodeId, text: &[u8], known: Known<'_>, action: Done) {
        if let Err(Some(place)) = memo.get(path, 0, text) {
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
        let long = [b'b'; INLINE];
        put(&mut memo, 1, &long, Known::Inside(b"longer"), 5);
        let known = Some((Known::Inside(&b"longer"[..]), 5));
        assert_eq!(memo.get(1, 0, &long).ok(), known);
        put(&mut memo, 1, b"huge", Known::Inside(&[b'x'; 70_000]), 5);
        assert!(memo.get(1, 0, b"huge").is_err());
        put(&mut memo, 1, &[b'a'; MAX_TEXT + 1], Known::Keep, 0);
        assert!(memo.get(1, 0, &[b'a'; MAX_TEXT + 1]).is_err());
    }

    #[test]
    fn where_nothing_comes_again_little_is_looked_up() {
        let mut memo = Memo::default();
        let ask = |memo: &mut Memo, n: u32| {
            let asked = memo.get(1, 0, &n.to_le_bytes()).map(|_| ());
            if let Err(Some(place)) = asked {
                memo.put(place, 1, 0, &n.to_le_bytes(), Known::Keep, 0);
            }
            asked
        };
        let looked_up = |memo: &mut Memo, texts: std::ops::Range<u32>| {
            texts
                .filter(|n| !matches!(ask(memo, *n), Err(None)))
                .count()
        };
        let patience = u32::from(PATIENCE);
        assert_eq!(
            looked_up(&mut memo, 0..patience),
            usize::from(PATIENCE),
            "at first, all are"
        );
        let some = looked_up(&mut memo, patience..patience + 16_000);
        assert!((500..2000).contains(&some), "{some}");
        assert!(
            memo.get(2, 0, b"a").is_err_and(|place| place.is_some()),
            "another path"
        );
        // A text that comes again and again has its turn, and is then found every time.
        let mut ask_often = |n: u32| (0..2 << (TURN + 4)).any(|_| ask(&mut memo, n).is_ok());
        assert!(ask_often(u32::MAX));
        assert!((0..100).all(|_| ask(&mut memo, u32::MAX).is_ok()));
    }

    #[test]
    fn is_bounded() {
        let mut memo = Memo::default();
        for n in 0..200_000u32 {
            put(&mut memo, n, &n.to_le_bytes(), Known::Keep, 0);
        }
        assert_eq!((memo.sets.len(), memo.slots.len()), (SETS, SETS * WAYS));
        // 128 bytes a slot: two megabytes and a little a thread, and what is longer.
        assert_eq!(std::mem::size_of::<Slot>(), 128);
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
        // Twice: the first time round the texts seem to be new for ever.
        round(&mut memo);
        round(&mut memo);
        assert!(round(&mut memo) > SETS * WAYS / 4);
    }
}
