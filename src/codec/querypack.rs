//! Querypack: nodes of comma-separated fields, numbers in base 36, strings that refer to earlier ones.
//!
//! `bel.7;2,1,5k,,,,'POST,5k,'api.example,'/cart,a,,,'0,!!!;5,'plan,'pro`: a header, then nodes in
//! pre-order; a field that counts nodes says how many follow as its children. A string stands behind
//! an apostrophe the first time and is a number afterwards, its place in a table. Read into a tree in
//! which every string is resolved; written without references, since libraries begin the table anew
//! in different places and a text has one meaning only. Knows no vendor.

use std::ops::Range;

use super::{DecodeError, DecodeErrorKind};

const MAX_DEPTH: usize = 32;

/// The nodes of a protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// All node types.
    pub nodes: Vec<NodeType>,
}

/// A type of node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeType {
    /// What stands on the wire: a number in base 36.
    pub id: Box<str>,
    /// Its name in paths.
    pub name: Box<str>,
    /// Its fields in order.
    pub fields: Vec<Field>,
    /// Whether it is an entry of a map: its first field is the key.
    pub attribute: Option<Attribute>,
    /// Whether it begins a table of strings of its own.
    pub strings: Strings,
}

/// The value of a node that is an entry of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// Its second field, a text.
    Text,
    /// Its second field, a number written in base 10.
    Double,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
}

/// Where a node's strings are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// In the table around it.
    Shared,
    /// In a table of its own.
    Own,
    /// In a table of its own, unless it is a root.
    OwnBelow,
}

/// A field of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in paths.
    pub name: Box<str>,
    /// What it holds.
    pub kind: FieldKind,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A number in base 36, or a truth value.
    Number,
    /// A text.
    Text,
    /// How many of the nodes that follow are its own.
    Nodes,
    /// No field on the wire: one node that follows is its own.
    Node,
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its place in [`Schema::nodes`].
    pub of: usize,
    /// As many as the type has fields.
    pub values: Vec<Value>,
    /// How many fields stood on the wire.
    pub given: usize,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing between the commas.
    Missing,
    /// `!`.
    Null,
    /// A number as written.
    Number(Range<usize>),
    /// A text, resolved, as written behind its apostrophe.
    Text(Range<usize>),
    /// Children; `None` is a null node.
    Nodes(Vec<Option<Node>>),
}

/// A document.
#[derive(Debug, PartialEq, Eq)]
pub struct Tree {
    /// The roots.
    pub roots: Vec<Option<Node>>,
    /// Where the header ends, its semicolon included.
    pub header: usize,
    /// Whether there are fields that the schema does not name, or references.
    pub rewritten: bool,
}

/// Reads a document whose header is one of those given.
///
/// # Errors
/// [`DecodeError`] for another header, an unknown node, a bad reference, or what is no querypack.
pub fn parse(text: &str, headers: &[Box<str>], schema: &Schema) -> Result<Tree, DecodeError> {
    let end = text.find(';').ok_or(fail(DecodeErrorKind::Truncated, 0))?;
    let header = text.get(..end).unwrap_or("");
    if !headers.iter().any(|known| **known == *header) {
        return Err(fail(DecodeErrorKind::Unsupported, 0));
    }
    // Tables of a node's own first, as today's libraries write; where a reference then leads nowhere,
    // one table for all, as the first ones did.
    let own = Parser::new(text, end + 1, schema, true).tree();
    own.or_else(|_| Parser::new(text, end + 1, schema, false).tree())
}

struct Parser<'a> {
    text: &'a str,
    header: usize,
    at: usize,
    schema: &'a Schema,
    /// Whether nodes may have tables of their own.
    own: bool,
    strings: Vec<Range<usize>>,
    rewritten: bool,
}

enum Token {
    Missing,
    Null,
    Number(Range<usize>),
    Literal(Range<usize>),
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, at: usize, schema: &'a Schema, own: bool) -> Self {
        Self {
            text,
            header: at,
            at,
            schema,
            own,
            strings: Vec::new(),
            rewritten: false,
        }
    }

    fn tree(mut self) -> Result<Tree, DecodeError> {
        let mut roots = Vec::new();
        while self.at < self.text.len() {
            roots.push(self.node(0)?);
        }
        Ok(Tree {
            roots,
            header: self.header,
            rewritten: self.rewritten,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn node(&mut self, depth: usize) -> Result<Option<Node>, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(fail(DecodeErrorKind::Depth, self.at));
        }
        // Nodes that are not there any more are null nodes.
        match self.peek() {
            None => return Ok(None),
            Some(b';') => {
                self.at += 1;
                return Ok(None);
            }
            Some(_) => {}
        }
        let start = self.at;
        let (id, more) = self.id()?;
        let known = self.schema.nodes.iter().position(|node| *node.id == *id);
        let of = known.ok_or(fail(DecodeErrorKind::Unsupported, start))?;
        let kind = self.schema.nodes.get(of);
        let fields = kind.map_or(&[][..], |kind| &kind.fields);
        let fresh = match kind.map_or(Strings::Shared, |kind| kind.strings) {
            Strings::Shared => false,
            Strings::Own => self.own,
            Strings::OwnBelow => self.own && depth > 0,
        };
        let around = fresh.then(|| std::mem::take(&mut self.strings));
        let mut tokens = Vec::new();
        if more {
            self.fields(&mut tokens)?;
        }
        let node = self.values(of, fields, tokens, depth);
        if let Some(around) = around {
            self.strings = around;
        }
        node.map(Some)
    }

    fn id(&mut self) -> Result<(&'a str, bool), DecodeError> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let len = rest.find([',', ';']).unwrap_or(rest.len());
        let id = rest.get(..len).unwrap_or("");
        self.at += len;
        let more = self.peek() == Some(b',');
        if self.at < self.text.len() {
            self.at += 1;
        }
        Ok((id, more))
    }

    /// The fields up to the end of the node.
    fn fields(&mut self, tokens: &mut Vec<Token>) -> Result<(), DecodeError> {
        loop {
            let bytes = self.text.as_bytes();
            match self.peek() {
                Some(b'!') => {
                    self.at += 1;
                    tokens.push(Token::Null);
                    // What follows a null follows at once.
                    match self.peek() {
                        None => return Ok(()),
                        Some(b';') => {
                            self.at += 1;
                            return Ok(());
                        }
                        Some(_) => continue,
                    }
                }
                Some(b'\'') => {
                    let start = self.at + 1;
                    self.at = start;
                    while let Some(byte) = self.peek() {
                        match byte {
                            b',' | b';' => break,
                            b'\\' => match bytes.get(self.at + 1) {
                                Some(b',' | b';' | b'\\') => self.at += 2,
                                _ => return Err(fail(DecodeErrorKind::Syntax, self.at)),
                            },
                            _ => self.at += 1,
                        }
                    }
                    tokens.push(Token::Literal(start..self.at));
                }
                _ => {
                    let start = self.at;
                    let part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
                    while self.peek().is_some_and(part) {
                        self.at += 1;
                    }
                    tokens.push(if start == self.at {
                        Token::Missing
                    } else {
                        Token::Number(start..self.at)
                    });
                }
            }
            let next = self.peek();
            if next.is_some() {
                self.at += 1;
            }
            match next {
                None | Some(b';') => return Ok(()),
                Some(b',') => {}
                Some(_) => return Err(fail(DecodeErrorKind::Syntax, self.at)),
            }
        }
    }

    fn values(
        &mut self,
        of: usize,
        fields: &[Field],
        tokens: Vec<Token>,
        depth: usize,
    ) -> Result<Node, DecodeError> {
        let place = self.at;
        let given = tokens.len();
        let mut tokens = tokens.into_iter();
        let mut values = Vec::with_capacity(fields.len());
        let mut counts = Vec::new();
        for field in fields {
            if field.kind == FieldKind::Node {
                counts.push(1);
                values.push(Value::Nodes(Vec::new()));
                continue;
            }
            let token = tokens.next().unwrap_or(Token::Missing);
            values.push(match (field.kind, token) {
                (FieldKind::Nodes, token) => {
                    counts.push(self.count(&token, place)?);
                    Value::Nodes(Vec::new())
                }
                (_, Token::Missing) => Value::Missing,
                (_, Token::Null) => Value::Null,
                (FieldKind::Text, Token::Literal(range)) => {
                    self.strings.push(range.clone());
                    Value::Text(range)
                }
                (FieldKind::Text, Token::Number(range)) => {
                    self.rewritten = true;
                    let place = self.text.get(range.clone()).and_then(base36);
                    let known = place.and_then(|at| self.strings.get(usize::try_from(at).ok()?));
                    Value::Text(
                        known
                            .cloned()
                            .ok_or(fail(DecodeErrorKind::Shape, range.start))?,
                    )
                }
                (_, Token::Number(range)) => Value::Number(range),
                (_, Token::Literal(range)) => {
                    return Err(fail(DecodeErrorKind::Shape, range.start));
                }
            });
        }
        self.rewritten |= tokens.next().is_some();
        let mut counts = counts.into_iter();
        for value in &mut values {
            if let Value::Nodes(list) = value {
                for _ in 0..counts.next().unwrap_or(0) {
                    list.push(self.node(depth + 1)?);
                }
            }
        }
        Ok(Node { of, values, given })
    }

    /// How many nodes follow; no more than could stand in the rest.
    fn count(&self, token: &Token, place: usize) -> Result<usize, DecodeError> {
        let Token::Number(range) = token else {
            return Ok(0);
        };
        let count = self.text.get(range.clone()).and_then(base36);
        let count = count.and_then(|count| usize::try_from(count).ok());
        let left = self.text.len().saturating_sub(place) + 2;
        count
            .filter(|count| *count <= left)
            .ok_or(fail(DecodeErrorKind::Shape, range.start))
    }
}

/// A number in base 36, in lower case.
#[must_use]
pub fn base36(text: &str) -> Option<i64> {
    let lower = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'-';
    let plain = !text.is_empty() && text.bytes().all(lower);
    plain.then(|| i64::from_str_radix(text, 36).ok()).flatten()
}

/// Appends a number in base 36.
pub fn put_base36(number: i64, out: &mut String) {
    let mut left = number.unsigned_abs();
    let mut digits = Vec::new();
    while left > 0 || digits.is_empty() {
        let digit = u32::try_from(left % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        left /= 36;
    }
    if number < 0 {
        out.push('-');
    }
    out.extend(digits.into_iter().rev());
}

/// Appends a text without its escapes.
pub fn unescape(raw: &str, out: &mut String) {
    let mut escaped = false;
    for c in raw.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(c);
            escaped = false;
        }
    }
}

/// Appends a text with its apostrophe.
pub fn put_text(text: &str, out: &mut String) {
    out.push('\'');
    for c in text.chars() {
        if matches!(c, ',' | ';' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
}

fn fail(kind: DecodeErrorKind, at: usize) -> DecodeError {
    DecodeError::new(kind, "querypack", at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(kind: FieldKind) -> Field {
        Field {
            name: "f".into(),
            kind,
        }
    }

    fn schema() -> Schema {
        use FieldKind::{Node, Nodes, Number, Text};
        let node = |id: &str, kinds: &[FieldKind], strings| NodeType {
            id: id.into(),
            name: id.into(),
            fields: kinds.iter().map(|kind| field(*kind)).collect(),
            attribute: None,
            strings,
        };
        Schema {
            nodes: vec![
                node("1", &[Nodes, Number, Text, Node], Strings::Own),
                node("5", &[Text, Text], Strings::Shared),
                node("b", &[Number, Number], Strings::Shared),
            ],
        }
    }

    fn read(text: &str) -> Result<Tree, DecodeErrorKind> {
        parse(text, &["bel.7".into()], &schema()).map_err(|e| e.kind)
    }

    fn texts(tree: &Tree, text: &str) -> Vec<String> {
        fn walk(node: &Node, text: &str, out: &mut Vec<String>) {
            for value in &node.values {
                match value {
                    Value::Text(range) => out.push(text[range.clone()].to_owned()),
                    Value::Nodes(list) => {
                        list.iter().flatten().for_each(|node| walk(node, text, out));
                    }
                    Value::Missing | Value::Null | Value::Number(_) => {}
                }
            }
        }
        let mut out = Vec::new();
        tree.roots
            .iter()
            .flatten()
            .for_each(|node| walk(node, text, &mut out));
        out
    }

    #[test]
    fn nodes_stand_in_front_of_their_children() {
        let text = "bel.7;1,2,1s,'a;5,'k,0;5,'l,'v\\,w;b,!3;1,,2,'z;";
        let tree = read(text).unwrap();
        assert_eq!(tree.roots.len(), 2);
        assert_eq!(texts(&tree, text), ["k", "a", "l", "v\\,w", "a", "z"]);
        let root = tree.roots[0].as_ref().unwrap();
        let Value::Nodes(nav) = &root.values[3] else {
            panic!()
        };
        assert_eq!(nav[0].as_ref().unwrap().values[0], Value::Null);
    }

    #[test]
    fn references_lead_to_the_nearest_table_that_holds_them() {
        // Children come before their parent's own texts here.
        let own = "bel.7;1,,1,'a;;1,,1,'b;;1,1,1,'c;5,'k,0;";
        assert_eq!(texts(&read(own).unwrap(), own), ["a", "b", "k", "c", "c"]);
        let held = "bel.7;1,,1,'a;;1,,1,'b;;1,1,1,'c;5,'k,1;";
        assert_eq!(texts(&read(held).unwrap(), held), ["a", "b", "k", "k", "c"]);
        let one = "bel.7;1,,1,'a;;1,1,1,'c;5,3,2;";
        assert_eq!(read(one).unwrap_err(), DecodeErrorKind::Shape);
        let all = "bel.7;1,,1,'a;;1,,1,'b;;1,1,1,0;5,'k,1;";
        assert_eq!(texts(&read(all).unwrap(), all), ["a", "b", "k", "b", "a"]);
    }

    #[test]
    fn what_is_no_querypack_is_refused() {
        for text in [
            "",
            "bel.7",
            "bel.9;1",
            "bel.7;x,1",
            "bel.7;5,'a\\b",
            "bel.7;5,9",
            "bel.7;b,'a",
            "bel.7;1,zzzz,1,'a",
            "bel.7;5,'a,'b\u{7f}c,\u{e9}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = format!("bel.7;{}", "1,1,1,'a;".repeat(100));
        assert!(read(&deep).is_err());
    }

    #[test]
    fn numbers_and_texts_come_back() {
        for number in [0, 1, 35, 36, -7, 1_795_301_621_892] {
            let mut out = String::new();
            put_base36(number, &mut out);
            assert_eq!(base36(&out), Some(number));
        }
        let mut out = String::new();
        put_text("a,b;c\\d'e", &mut out);
        assert_eq!(out, "'a\\,b\\;c\\\\d'e");
        let mut plain = String::new();
        unescape(&out[1..], &mut plain);
        assert_eq!(plain, "a,b;c\\d'e");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(pairs in prop::collection::vec((any::<String>(), any::<String>()), 0..6)) {
            let mut wire = "bel.7".to_owned();
            for (key, value) in &pairs {
                wire.push_str(";5,");
                put_text(key, &mut wire);
                wire.push(',');
                put_text(value, &mut wire);
            }
            if pairs.is_empty() {
                wire.push(';');
            }
            let tree = read(&wire).unwrap();
            prop_assert!(!tree.rewritten);
            let got: Vec<String> = texts(&tree, &wire)
                .iter()
                .map(|raw| {
                    let mut plain = String::new();
                    unescape(raw, &mut plain);
                    plain
                })
                .collect();
            let want: Vec<String> = pairs.into_iter().flat_map(|(k, v)| [k, v]).collect();
            prop_assert_eq!(got, want);
        }

        #[test]
        fn every_number_comes_back(number in any::<i64>()) {
            let mut out = String::new();
            put_base36(number, &mut out);
            prop_assert_eq!(base36(&out), Some(number));
        }

        #[test]
        fn noise_never_panics(rest in "([15be]|,|;|!|'a|\\\\|[0-9a-z]{1,3}){0,30}") {
            let text = format!("bel.7;{rest}");
            if let Ok(tree) = read(&text) {
                let _ = texts(&tree, &text);
            }
        }
    }
}
