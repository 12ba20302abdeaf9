//! What the walk needs of a path at nearly every leaf, in one cache line: the guessed neighbours, the
//! key, and the verdict where it depends on the path alone.
//!
//! Invariant: a settled verdict is what [`super::leaf`] would answer for every scalar at that path in
//! events of its class. Knows no value.

use wide::u8x16;

use super::classes::ClassMask;
use super::paths::NodeId;
use super::tally::Done;
use crate::selector::StateId;

/// Longest key that is kept here.
pub(super) const KEY: usize = 32;
/// A key that is longer, or none.
const LONG: u8 = 0x7f;
/// The bit beside a key's length: the catalog adds members there.
const ADDS: u8 = 0x80;

/// No state, and several or one that is numbered higher.
const NOWHERE: u16 = u16::MAX;
const MANY: u16 = NOWHERE - 1;
/// No class has this number.
const NO_CLASS: u32 = u32::MAX;

/// What becomes of scalars at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settled {
    /// To be judged in full.
    No,
    /// Kept, unless something stands in the value.
    Keep,
    /// Transformed in a way that is remembered.
    Look,
    /// Dropped, whatever it is.
    Drop,
}

/// See the module.
#[repr(align(64))]
pub(super) struct Hot {
    parent: NodeId,
    /// Guesses: the first member, the elements, and the sibling that followed last time.
    pub(super) first: NodeId,
    pub(super) item: NodeId,
    pub(super) after: NodeId,
    /// The key's length, or [`LONG`]; and [`ADDS`].
    len: u8,
    settled: Settled,
    /// The decision behind a verdict that needs no look at the value.
    pub(super) done: Done,
    /// The class of events that the verdict is for.
    class: u32,
    /// Where rules that name events stand, here or above: at this state; [`NOWHERE`], [`MANY`].
    named: u16,
    /// The class of events in which a container is entered, and nothing else is to be done.
    enters: u32,
    key: [u8; KEY],
}

const _: () = assert!(size_of::<Hot>() == 64, "one cache line");

impl Hot {
    /// Of a new node.
    pub(super) fn new(
        parent: NodeId,
        key: &str,
        item: bool,
        named: &[StateId],
        adds: bool,
    ) -> Self {
        let mut inline = [0; KEY];
        let len = match inline.get_mut(..key.len()) {
            Some(slot) if !item => {
                slot.copy_from_slice(key.as_bytes());
                u8::try_from(key.len()).unwrap_or(LONG)
            }
            _ => LONG,
        };
        Self {
            parent,
            first: NodeId::MAX,
            item: NodeId::MAX,
            after: NodeId::MAX,
            len: if adds { len | ADDS } else { len },
            settled: Settled::No,
            done: 0,
            class: NO_CLASS,
            named: match named {
                [] => NOWHERE,
                [only] => u16::try_from(*only).unwrap_or(MANY).min(MANY),
                _ => MANY,
            },
            enters: NO_CLASS,
            key: inline,
        }
    }

    /// Whether this is the child of `parent` whose key is the first `len` bytes of `window`.
    #[inline]
    pub(super) fn is(&self, parent: NodeId, window: &[u8; KEY], len: usize) -> bool {
        if self.parent != parent || usize::from(self.len & !ADDS) != len {
            return false;
        }
        let half = |bytes: &[u8; KEY], upper: bool| {
            let (low, high) = bytes.split_at(KEY / 2);
            let half = if upper { high } else { low };
            u8x16::new(*half.first_chunk().unwrap_or(&[0; 16]))
        };
        let low = half(window, false)
            .simd_eq(half(&self.key, false))
            .to_bitmask();
        let high = half(window, true)
            .simd_eq(half(&self.key, true))
            .to_bitmask();
        let same = u64::from(low) | u64::from(high) << 16;
        same | (u64::MAX << len) == u64::MAX
    }

    /// Whether the catalog adds members there.
    #[inline]
    pub(super) fn adds(&self) -> bool {
        self.len & ADDS != 0
    }

    /// The verdict for a class of events.
    #[inline]
    pub(super) fn settled(&self, class: usize) -> Settled {
        if self.knows(class) {
            self.settled
        } else {
            Settled::No
        }
    }

    /// Whether it is plain that no rule that names events of the class has a say here.
    #[inline]
    pub(super) fn is_aside(&self, mask: &ClassMask) -> bool {
        mask.unnamed != mask.id
            && (self.named == NOWHERE
                || (self.named != MANY && !mask.ends_at(StateId::from(self.named))))
    }

    /// Whether a verdict was worked out for the class.
    #[inline]
    pub(super) fn knows(&self, class: usize) -> bool {
        self.class as usize == class
    }

    /// Notes the verdict for a class.
    pub(super) fn settle(&mut self, class: usize, settled: Settled, done: Done) {
        let Ok(class) = u32::try_from(class) else {
            return;
        };
        self.class = class;
        self.settled = settled;
        self.done = done;
    }

    /// Whether a container is just entered, in a class of events.
    #[inline]
    pub(super) fn enters(&self, class: usize) -> bool {
        self.enters as usize == class
    }

    /// Notes that it is.
    pub(super) fn enter(&mut self, class: usize) {
        self.enters = u32::try_from(class).unwrap_or(NO_CLASS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_whole() {
        let mut window = [b'"'; KEY];
        window[..6].copy_from_slice(b"$email");
        let hot = Hot::new(7, "$email", false, &[], false);
        assert!(hot.is(7, &window, 6));
        assert!(!hot.is(8, &window, 6), "another parent");
        assert!(!hot.is(7, &window, 5), "another length");
        window[5] = b'k';
        assert!(!hot.is(7, &window, 6), "another key");
        let long = "k".repeat(KEY);
        assert!(Hot::new(7, &long, false, &[], false).is(7, &[b'k'; KEY], KEY));
        assert!(
            !Hot::new(7, "", true, &[], false).is(7, &window, 0),
            "an element has no key"
        );
        assert!(Hot::new(7, "", false, &[], false).is(7, &window, 0));
        let longer = "k".repeat(KEY + 1);
        assert!(!Hot::new(7, &longer, false, &[], false).is(7, &[b'k'; KEY], KEY));
    }
}
