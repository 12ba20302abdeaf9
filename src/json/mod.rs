//! JSON as a tape of ranges over the original bytes: lex, look, edit, splice. No DOM, no policy.
//!
//! The invariant: every byte of a document that lexes is either inside a token range of the tape or
//! plain syntax and blanks that the lexer checked, so a document spliced from kept ranges holds
//! nothing that was not read. Grammar: RFC 8259 to the letter, UTF-8 only, no byte order mark;
//! numbers are text of any size; escaped lone surrogates are legal (browsers send them).

mod edit;
mod lex;
mod shadow;
mod text;

pub use edit::{Commas, Edits, Patch};
pub use lex::{MAX_DEPTH, lex, lex_lines};
pub use shadow::{Fates, NodeFate};
pub use text::{escape_into, splice_raw, unescape_into};

/// What a node of the tape is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `{…}`; its members follow as Key, value, Key, value.
    Object,
    /// `[…]`; its elements follow.
    Array,
    /// A member's key; the range is inside the quotes. Its value follows.
    Key,
    /// A string; the range is inside the quotes.
    Str,
    /// A number as written.
    Num,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// A token and its range.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// First byte (of a string: behind the quote).
    pub start: u32,
    /// One past the last byte (of a string: at the quote).
    pub end: u32,
    /// Index of the node after this one and all it holds (of a key: after its value).
    pub next: u32,
    /// What it is.
    pub kind: Kind,
    /// Of a string or key: whether it holds a backslash.
    pub escaped: bool,
}

impl Node {
    /// The token's range in the document.
    #[must_use]
    #[inline]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The range with a string's quotes.
    #[must_use]
    #[inline]
    pub fn outer(&self) -> std::ops::Range<usize> {
        let quote = usize::from(matches!(self.kind, Kind::Str | Kind::Key));
        self.start as usize - quote..self.end as usize + quote
    }
}

/// The tape of one document (or of one document a line). Reused between documents.
#[derive(Default)]
pub struct Tape {
    nodes: Vec<Node>,
    /// The lexer's: the containers that are open, and where strings may end.
    open: Vec<u64>,
    marks: Vec<u64>,
}

impl Tape {
    /// The node at an index.
    #[must_use]
    #[inline]
    pub fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The nodes at an index and behind it: a key and its value.
    #[must_use]
    #[inline]
    pub fn pair(&self, at: usize) -> Option<(&Node, &Node)> {
        match self.nodes.get(at..at + 2) {
            Some([key, value]) => Some((key, value)),
            _ => None,
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the tape is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The value of the first member of the object at `object` whose key, unescaped, is `key`.
    #[must_use]
    pub fn member(&self, text: &str, object: usize, key: &str) -> Option<usize> {
        self.member_from(text, object, object + 1, key)
    }

    /// The same among the members from the node `at` on.
    #[must_use]
    pub fn member_from(
        &self,
        text: &str,
        object: usize,
        mut at: usize,
        key: &str,
    ) -> Option<usize> {
        let parent = self.node(object)?;
        if parent.kind != Kind::Object {
            return None;
        }
        while at < parent.next as usize {
            let node = self.node(at)?;
            let raw = text.get(node.range())?;
            let same = if node.escaped {
                let mut plain = String::new();
                unescape_into(raw, &mut plain);
                plain == key
            } else {
                raw == key
            };
            if same {
                return Some(at + 1);
            }
            at = node.next as usize;
        }
        None
    }
}
