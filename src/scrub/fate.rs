//! What becomes of a document, a leaf, a text; and why judging stops.

use super::Refusal;
use crate::codec::DecodeError;
use crate::json::Patch;

/// Of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Nothing changes: the bytes leave as they came.
    Same,
    /// Something changes.
    Changed,
    /// Nothing of it stays.
    Nothing,
}

/// Of a leaf of a JSON document; its edits are already noted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leaf {
    /// As it came.
    Keep,
    /// Replaced.
    Edited,
    /// To be cut by who knows its surroundings.
    Remove,
    /// The event goes.
    DropEvent,
}

/// Of a decoded text.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// As it came.
    Keep,
    /// Gone.
    Remove,
    /// `null`.
    Null,
    /// Another text.
    Whole(String),
    /// A number.
    Number(String),
    /// Parts of it replaced.
    Patched(Vec<Patch>),
    /// The event goes.
    DropEvent,
}

impl Text {
    /// The new text, where there is one. `None`: as it came or gone; see [`Text::gone`].
    pub(super) fn into_text(self, old: &str) -> Option<String> {
        match self {
            Self::Whole(text) | Self::Number(text) => Some(text),
            Self::Patched(patches) => {
                let mut out = String::with_capacity(old.len());
                let mut done = 0;
                for patch in &patches {
                    out.push_str(old.get(done..patch.range.start).unwrap_or(""));
                    out.push_str(&patch.with);
                    done = patch.range.end;
                }
                out.push_str(old.get(done..).unwrap_or(""));
                Some(out)
            }
            Self::Null => Some(String::new()),
            Self::Keep | Self::Remove | Self::DropEvent => None,
        }
    }
}

/// Judging stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// The request is refused.
    Refuse(Refusal),
    /// A leaf outside of events takes the whole request along.
    DropEvent,
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Self {
        Self::Refuse(Refusal::Decode(error))
    }
}
