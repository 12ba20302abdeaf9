//! A shadow: a document of another make, written out as JSON so that it can be judged as JSON, and
//! how the verdicts are read back.
//!
//! Who makes a shadow writes a JSON text from its own document, has it lexed and judged, and then
//! goes through its document a second time in the same order, asking [`Fates`] about one node of the
//! shadow after the other. Nodes come in the order of the tape; looking up costs what the edits cost.

use super::{Edits, Kind, Tape};

/// What became of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeFate<'e> {
    /// Nothing in it changed.
    Same,
    /// A container in which something changed.
    Inside,
    /// Cut, by itself or with what it stands in.
    Gone,
    /// A string or key: what stands between its quotes now, escaped.
    Text(&'e [u8]),
    /// Another JSON value altogether.
    Value(&'e [u8]),
}

/// The verdicts on the nodes of one tape, asked in its order.
pub struct Fates<'e> {
    tape: &'e Tape,
    edits: &'e Edits,
    /// The first edit that may still concern the node asked for.
    edit: usize,
    /// How many edits were handed out, and where the last of them stands.
    taken: usize,
    last: Option<usize>,
}

impl<'e> Fates<'e> {
    /// The verdicts that `edits` speak about `tape`.
    #[must_use]
    pub fn new(tape: &'e Tape, edits: &'e Edits) -> Self {
        Self {
            tape,
            edits,
            edit: 0,
            taken: 0,
            last: None,
        }
    }

    /// What became of the node at an index that is not below the last one asked for.
    pub fn of(&mut self, at: usize) -> NodeFate<'e> {
        let Some(node) = self.tape.node(at) else {
            return NodeFate::Gone;
        };
        let outer = node.outer();
        while let Some((range, _)) = self.edits.get(self.edit)
            && range.end <= outer.start
        {
            self.edit += 1;
        }
        let Some((range, with)) = self.edits.get(self.edit) else {
            return NodeFate::Same;
        };
        if range.start >= outer.end {
            return NodeFate::Same;
        }
        if range.start <= outer.start && range.end >= outer.end {
            self.take();
            return if with.is_empty() {
                NodeFate::Gone
            } else {
                NodeFate::Value(with)
            };
        }
        match node.kind {
            Kind::Str | Kind::Key => {
                self.take();
                NodeFate::Text(with)
            }
            Kind::Object | Kind::Array | Kind::Num | Kind::Bool | Kind::Null => NodeFate::Inside,
        }
    }

    /// Members added at the end of the container at an index, all of whose nodes were asked for.
    pub fn added(&mut self, at: usize) -> Option<&'e [u8]> {
        let close = self.tape.node(at)?.end as usize - 1;
        while let Some((range, with)) = self.edits.get(self.edit)
            && range.start <= close
        {
            if range == (close..close) {
                self.take();
                return Some(with);
            }
            self.edit += 1;
        }
        None
    }

    fn take(&mut self) {
        if self.last != Some(self.edit) {
            self.last = Some(self.edit);
            self.taken += 1;
        }
    }

    /// The node after the one at an index and all it holds.
    #[must_use]
    pub fn after(&self, at: usize) -> usize {
        self.tape.node(at).map_or(at + 1, |node| node.next as usize)
    }

    /// Whether every edit was handed out: what nobody asked for would be lost.
    #[must_use]
    pub fn all_taken(&self) -> bool {
        self.taken == self.edits.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Commas, lex};

    #[test]
    fn each_node_learns_its_fate() {
        let text = r#"{"a":"x","b":[1,2,3],"c":{"d":null},"e":""}"#;
        let mut tape = Tape::default();
        lex(text, &mut tape).unwrap();
        let at = |needle: &str| text.find(needle).unwrap();
        let mut edits = Edits::default();
        edits.replace(at("x")..at("x") + 1, b"longer");
        let mut commas = Commas::new(at("1"));
        commas.keep(at("1") + 1);
        commas.cut(at("2")..at("2") + 1, Some(at("3")), &mut edits);
        commas.cut(at("3")..at("3") + 1, None, &mut edits);
        edits.replace(at("null")..at("null") + 4, b"7");
        edits.replace(at("\"\"") + 1..at("\"\"") + 1, b"new");
        let close = text.len() - 1;
        edits.write(close..close, |out| out.extend_from_slice(b",\"z\":1"));
        let mut fates = Fates::new(&tape, &edits);
        let seen: Vec<_> = (0..tape.len()).map(|at| fates.of(at)).collect();
        use NodeFate::{Gone, Inside, Same, Text, Value};
        assert_eq!(
            seen,
            [
                Inside,
                Same,
                Text(b"longer"),
                Same,
                Inside,
                Same,
                Gone,
                Gone,
                Same,
                Inside,
                Same,
                Value(b"7"),
                Same,
                Text(b"new"),
            ]
        );
        assert!(!fates.all_taken());
        assert_eq!(fates.added(0), Some(&b",\"z\":1"[..]));
        assert!(fates.all_taken());
    }
}
