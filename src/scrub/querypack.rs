//! Querypacks, judged as the JSON that their schema makes of them.
//!
//! The shadow is an object whose `nodes` are the roots; a node's attributes are a map. The verdicts
//! are carried over in a second pass over the same tree. A pack in which nothing changes leaves byte
//! for byte; any other is written without references to earlier strings, with its counts made anew.

use super::engine::{Judge, Level};
use super::fate::{Fate, Stop};
use super::paths::NodeId;
use crate::catalog::PackType;
use crate::codec::querypack::{
    Attribute, Field, FieldKind, Node, NodeType, Schema, Value, base36, parse, put_base36,
    put_text, unescape,
};
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::json::{self, Fates, NodeFate, escape_into, unescape_into};

impl Judge<'_, '_> {
    /// Judges a querypack.
    pub(super) fn querypack(
        &mut self,
        of: &PackType,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| DecodeError::new(DecodeErrorKind::Utf8, "querypack", e.valid_up_to()))?;
        let tree = parse(text, &of.headers, &of.schema)?;
        let mut reader = Reader {
            text,
            schema: &of.schema,
            out: self.pools.text().into_bytes(),
        };
        reader.out.push(b'{');
        reader.list("nodes", &tree.roots);
        reader.out.push(b'}');
        let shadow = String::from_utf8(reader.out).map_err(|_| shape(0))?;
        let mut tape = self.pools.tape();
        json::lex(&shadow, &mut tape)?;
        let mut verdicts = self.pools.edits();
        self.shadowed = true;
        let fate = self.documents(&shadow, &tape, &mut verdicts, at, level);
        self.shadowed = false;
        let mut fate = fate?;
        // A reference that another reader resolves otherwise would be a second meaning.
        if fate == Fate::Same && tree.rewritten {
            fate = Fate::Changed;
        }
        if fate == Fate::Changed {
            let mut writer = Writer {
                text,
                schema: &of.schema,
                fates: Fates::new(&tape, &verdicts),
                at: 1,
            };
            let _ = writer.fates.of(0);
            let mut nodes = Vec::new();
            let count = writer.list(&tree.roots, &mut nodes);
            if !writer.fates.all_taken() {
                return Err(shape(0));
            }
            if count == 0 {
                fate = Fate::Nothing;
            } else {
                out.extend_from_slice(text.get(..tree.header).unwrap_or("").as_bytes());
                out.extend_from_slice(nodes.join(";").as_bytes());
            }
        }
        self.pools.give_edits(verdicts);
        self.pools.give_tape(tape);
        self.pools.give_text(shadow);
        Ok(fate)
    }
}

fn node_type<'s>(schema: &'s Schema, node: Option<&Node>) -> Option<&'s NodeType> {
    schema.nodes.get(node?.of)
}

fn attribute(schema: &Schema, node: Option<&Node>) -> Option<Attribute> {
    node_type(schema, node)?.attribute
}

/// Writes the shadow.
struct Reader<'a> {
    text: &'a str,
    schema: &'a Schema,
    out: Vec<u8>,
}

impl Reader<'_> {
    /// A list of nodes: runs of attributes are maps, runs of others lists.
    fn list(&mut self, name: &str, list: &[Option<Node>]) {
        let mut open: Option<bool> = None;
        for node in list {
            let kind = attribute(self.schema, node.as_ref());
            if open != Some(kind.is_some()) {
                self.close(open);
                self.key(if kind.is_some() { "attributes" } else { name });
                self.out.push(if kind.is_some() { b'{' } else { b'[' });
                open = Some(kind.is_some());
            }
            match (node, kind) {
                (Some(node), Some(kind)) => self.attribute(node, kind),
                (Some(node), None) => {
                    self.comma();
                    self.node(node);
                }
                (None, _) => {
                    self.comma();
                    self.out.extend_from_slice(b"null");
                }
            }
        }
        self.close(open);
    }

    fn close(&mut self, open: Option<bool>) {
        match open {
            Some(true) => self.out.push(b'}'),
            Some(false) => self.out.push(b']'),
            None => {}
        }
    }

    fn node(&mut self, node: &Node) {
        let Some(of) = node_type(self.schema, Some(node)) else {
            return;
        };
        self.out.push(b'{');
        self.key("type");
        self.string(&of.name);
        for (field, value) in of.fields.iter().zip(&node.values) {
            match value {
                Value::Nodes(list) => self.list(&field.name, list),
                Value::Missing | Value::Null | Value::Number(_) | Value::Text(_) => {
                    self.key(&field.name);
                    self.value(value, field.kind == FieldKind::Number);
                }
            }
        }
        self.out.push(b'}');
    }

    fn attribute(&mut self, node: &Node, kind: Attribute) {
        self.comma();
        match node.values.first() {
            Some(value @ Value::Text(_)) => self.value(value, false),
            _ => self.string(""),
        }
        self.out.push(b':');
        let value = node.values.get(1).unwrap_or(&Value::Missing);
        match kind {
            Attribute::Text => self.value(value, false),
            Attribute::Double => self.value(value, false),
            Attribute::True => self.out.extend_from_slice(b"true"),
            Attribute::False => self.out.extend_from_slice(b"false"),
            Attribute::Null => self.out.extend_from_slice(b"null"),
        }
    }

    fn value(&mut self, value: &Value, in_base36: bool) {
        match value {
            Value::Missing | Value::Null | Value::Nodes(_) => self.out.extend_from_slice(b"null"),
            Value::Number(range) => {
                let raw = self.text.get(range.clone()).unwrap_or("");
                match number(raw, in_base36) {
                    Some(shown) => self.out.extend_from_slice(shown.as_bytes()),
                    None => self.string(raw),
                }
            }
            Value::Text(range) => {
                let mut plain = String::new();
                unescape(self.text.get(range.clone()).unwrap_or(""), &mut plain);
                self.string(&plain);
            }
        }
    }

    fn key(&mut self, name: &str) {
        self.comma();
        self.string(name);
        self.out.push(b':');
    }

    fn comma(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        escape_into(text, &mut self.out);
        self.out.push(b'"');
    }
}

/// A number as JSON spells it.
fn number(raw: &str, in_base36: bool) -> Option<String> {
    if in_base36 && !raw.contains('.') {
        return base36(raw).map(|number| number.to_string());
    }
    let number: f64 = raw.parse().ok()?;
    if !number.is_finite() {
        return None;
    }
    // A whole number is written `3.`.
    let whole = raw.trim_end_matches('.');
    Some(
        if whole.bytes().all(|b| b.is_ascii_digit()) && !whole.starts_with('0') {
            whole.to_owned()
        } else {
            format!("{number:?}")
        },
    )
}

/// Writes the nodes that stay, in pre-order.
struct Writer<'a, 'e> {
    text: &'a str,
    schema: &'a Schema,
    fates: Fates<'e>,
    /// The shadow's node that is next.
    at: usize,
}

impl Writer<'_, '_> {
    /// The nodes of a list; how many stay.
    fn list(&mut self, list: &[Option<Node>], out: &mut Vec<String>) -> usize {
        let mut count = 0;
        let mut open: Option<(bool, bool, usize)> = None;
        for node in list {
            let kind = attribute(self.schema, node.as_ref());
            if open.is_none_or(|(map, ..)| map != kind.is_some()) {
                if let Some((.., end)) = open {
                    self.at = end;
                }
                let key_gone = self.is_gone();
                self.at += 1;
                let gone = key_gone || self.is_gone();
                open = Some((kind.is_some(), gone, self.fates.after(self.at)));
                self.at += 1;
            }
            if open.is_some_and(|(_, gone, _)| gone) {
                continue;
            }
            count += match (node, kind) {
                (Some(node), Some(kind)) => self.attribute(node, kind, out),
                (Some(node), None) => self.node(node, out),
                (None, _) => {
                    let gone = self.is_gone();
                    self.at = self.fates.after(self.at);
                    if !gone {
                        out.push(String::new());
                    }
                    usize::from(!gone)
                }
            };
        }
        if let Some((.., end)) = open {
            self.at = end;
        }
        count
    }

    /// Whether what is next goes: a constant in its place has no room here.
    fn is_gone(&mut self) -> bool {
        matches!(self.fates.of(self.at), NodeFate::Gone | NodeFate::Value(_))
    }

    fn node(&mut self, node: &Node, out: &mut Vec<String>) -> usize {
        let end = self.fates.after(self.at);
        let of = node_type(self.schema, Some(node));
        let Some(of) = of.filter(|_| !self.is_gone()) else {
            self.at = end;
            return 0;
        };
        // The object, and its type, which is the schema's own word.
        let _ = (self.fates.of(self.at + 1), self.fates.of(self.at + 2));
        self.at += 3;
        let mut line = of.id.to_string();
        line.push(',');
        let mut below = Vec::new();
        let mut places = of.fields.iter().zip(&node.values).peekable();
        let mut written = 0;
        while let Some((field, value)) = places.next() {
            let token = self.field(field, value, &mut below);
            if field.kind == FieldKind::Node || written >= node.given {
                continue;
            }
            written += 1;
            line.push_str(&token);
            let on_the_wire = |(field, _): &(&Field, _)| field.kind != FieldKind::Node;
            let more = places.clone().any(|place| on_the_wire(&place)) && written < node.given;
            if more && token != "!" {
                line.push(',');
            }
        }
        self.at = end;
        out.push(line);
        out.append(&mut below);
        1
    }

    fn field(&mut self, field: &Field, value: &Value, below: &mut Vec<String>) -> String {
        let mut token = String::new();
        if let Value::Nodes(list) = value {
            let count = self.list(list, below);
            if field.kind == FieldKind::Node && count == 0 {
                // The place of a single node is kept.
                below.push(String::new());
            }
            if count > 0 {
                put_base36(i64::try_from(count).unwrap_or(0), &mut token);
            }
            return token;
        }
        let key_gone = self.is_gone();
        let fate = self.fates.of(self.at + 1);
        self.at += 2;
        if key_gone || fate == NodeFate::Gone {
            return if *value == Value::Null {
                "!".into()
            } else {
                token
            };
        }
        match (fate, value) {
            (NodeFate::Text(with) | NodeFate::Value(with), _) => {
                let new = plain(with);
                if field.kind == FieldKind::Text {
                    put_text(&new.unwrap_or_default(), &mut token);
                } else if let Some(number) = new.and_then(|new| new.parse::<i64>().ok()) {
                    put_base36(number, &mut token);
                }
            }
            (_, Value::Null) => token.push('!'),
            (_, value) => self.as_it_came(value, &mut token),
        }
        token
    }

    fn as_it_came(&self, value: &Value, out: &mut String) {
        match value {
            Value::Number(range) => out.push_str(self.text.get(range.clone()).unwrap_or("")),
            Value::Text(range) => {
                out.push('\'');
                out.push_str(self.text.get(range.clone()).unwrap_or(""));
            }
            Value::Null => out.push('!'),
            Value::Missing | Value::Nodes(_) => {}
        }
    }

    /// An entry of a map: goes whole, or stays with what stays of its value.
    fn attribute(&mut self, node: &Node, kind: Attribute, out: &mut Vec<String>) -> usize {
        let (key, fate) = (self.fates.of(self.at), self.fates.of(self.at + 1));
        self.at = self.fates.after(self.at + 1);
        if matches!(key, NodeFate::Gone | NodeFate::Value(_)) || fate == NodeFate::Gone {
            return 0;
        }
        let new = match fate {
            NodeFate::Text(with) | NodeFate::Value(with) => match plain(with) {
                Some(new) => Some(new),
                None => return 0,
            },
            NodeFate::Same | NodeFate::Inside | NodeFate::Gone => None,
        };
        let mut value = String::new();
        let kind = match &new {
            None => {
                let had = node.values.get(1).unwrap_or(&Value::Missing);
                self.as_it_came(had, &mut value);
                kind
            }
            Some(new) => match (kind, new.parse::<f64>()) {
                (Attribute::Double, Ok(_)) => {
                    value.push_str(new);
                    if !new.contains('.') {
                        value.push('.');
                    }
                    kind
                }
                _ => {
                    put_text(new, &mut value);
                    Attribute::Text
                }
            },
        };
        let ids = &self.schema.nodes;
        let Some(of) = ids.iter().find(|of| of.attribute == Some(kind)) else {
            return 0;
        };
        let mut line = of.id.to_string();
        line.push(',');
        match (key, node.values.first()) {
            (NodeFate::Text(with), _) => put_text(&plain(with).unwrap_or_default(), &mut line),
            (_, Some(key)) => self.as_it_came(key, &mut line),
            (_, None) => {}
        }
        if !value.is_empty() || node.given > 1 {
            line.push(',');
            line.push_str(&value);
        }
        out.push(line);
        1
    }
}

/// The text of a JSON scalar, or of what stands between its quotes; `None` for `null`.
fn plain(with: &[u8]) -> Option<String> {
    if with == b"null" {
        return None;
    }
    let quoted = with.strip_prefix(b"\"").and_then(|w| w.strip_suffix(b"\""));
    let raw = std::str::from_utf8(quoted.unwrap_or(with)).ok()?;
    let mut out = String::new();
    unescape_into(raw, &mut out);
    Some(out)
}

fn shape(at: usize) -> Stop {
    DecodeError::new(DecodeErrorKind::Shape, "querypack", at).into()
}
