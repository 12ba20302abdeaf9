//! Reads `[nodes.<name>]`: what the fields of a querypack's nodes are called.
//!
//! `id` is the number on the wire, `fields` are names in order, each behind `text`, `nodes` or `node`
//! where it is no number; `attribute` makes a node an entry of a map.

use std::sync::Arc;

use crate::codec::querypack::{Attribute, Field, FieldKind, NodeType, Schema, Strings};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Spanned, Table, show};

use super::{BodyFormat, Layer};

/// What a querypack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackType {
    /// What may stand before the first semicolon.
    pub headers: Box<[Box<str>]>,
    /// The nodes of the catalog.
    pub schema: Arc<Schema>,
}

const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("text", Attribute::Text),
    ("double", Attribute::Double),
    ("true", Attribute::True),
    ("false", Attribute::False),
    ("null", Attribute::Null),
];

const STRINGS: &[(&str, Strings)] = &[
    ("shared", Strings::Shared),
    ("own", Strings::Own),
    ("own below", Strings::OwnBelow),
];

/// All nodes of a file.
pub(super) fn read_nodes(t: &Table<'_>, d: &mut Diagnostics) -> Schema {
    let mut schema = Schema::default();
    let Some(named) = t.table("nodes", d) else {
        return schema;
    };
    for (name, value) in named.entries() {
        let Some(t) = value.table(d) else {
            continue;
        };
        let id = t.required_str("id", d);
        let attribute = t.choice("attribute", ATTRIBUTES, d);
        let strings = t.choice("strings", STRINGS, d);
        let mut fields = t.str_list("fields", d);
        let mut read: Vec<_> = fields.drain(..).filter_map(|f| read_field(&f, d)).collect();
        t.finish(d);
        if let Some(attribute) = attribute {
            let named = |name: &str, kind| Field {
                name: name.into(),
                kind,
            };
            read = vec![named("key", FieldKind::Text)];
            match attribute {
                Attribute::Text => read.push(named("value", FieldKind::Text)),
                Attribute::Double => read.push(named("value", FieldKind::Number)),
                Attribute::True | Attribute::False | Attribute::Null => {}
            }
        }
        let Some(id) = id else {
            continue;
        };
        schema.nodes.push(NodeType {
            id: id.value.into(),
            name: name.value.into(),
            fields: read,
            attribute,
            strings: strings.unwrap_or(Strings::Shared),
        });
    }
    schema
}

fn read_field(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<Field> {
    let (kind, name) = match word.value.split_once(' ') {
        Some(("text", name)) => (FieldKind::Text, name),
        Some(("nodes", name)) => (FieldKind::Nodes, name),
        Some(("node", name)) => (FieldKind::Node, name),
        Some(_) => (FieldKind::Number, ""),
        None => (FieldKind::Number, word.value),
    };
    if name.is_empty() {
        let text = format!("`{}` is not a field of a node", show(word.value));
        d.push(
            Diagnostic::error("bad-node", text, word.span.clone())
                .help("write `start`, `text method`, `nodes children` or `node timing`"),
        );
        return None;
    }
    Some(Field {
        name: name.into(),
        kind,
    })
}

/// Gives the layers of a format the nodes of its catalog.
pub(super) fn bind(
    format: &mut BodyFormat,
    schema: &Arc<Schema>,
    at: &std::ops::Range<usize>,
    d: &mut Diagnostics,
) {
    for layer in &mut format.layers {
        let Layer::Querypack(of) = layer else {
            continue;
        };
        if schema.nodes.is_empty() {
            let text = "a querypack needs `[nodes.…]`";
            d.push(Diagnostic::error("bad-layers", text, at.clone()));
        }
        of.schema = Arc::clone(schema);
    }
}
