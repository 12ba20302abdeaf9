//! Writes a document as a querypack of a catalog's nodes: one node of each type, with the document's
//! texts in their places and its attributes as children.

use super::tree::Tree;
use super::wire::Written;
use crate::catalog::PackType;
use crate::codec::querypack::{Attribute, FieldKind, NodeType, put_base36, put_text};

/// The pack: the event of `{"nodes": [event]}` fills one node of each type.
pub(super) fn write(of: &PackType, document: &Tree, out: &mut Written) -> Option<Vec<u8>> {
    let event = match document {
        Tree::Map(members) => match members.last() {
            Some((_, Tree::List(items))) => items.first()?,
            _ => return None,
        },
        Tree::Leaf(_) | Tree::List(_) | Tree::Folded(..) => return None,
    };
    let mut text = format!("{};", of.headers.last()?);
    let attribute = of
        .schema
        .nodes
        .iter()
        .find(|n| n.attribute == Some(Attribute::Text))?;
    let mut nodes = Vec::new();
    for node in of.schema.nodes.iter().filter(|n| n.attribute.is_none()) {
        let root = node.fields.iter().any(|f| f.kind == FieldKind::Nodes);
        if root {
            one(node, attribute, event, &mut nodes, out);
        }
    }
    text.push_str(&nodes.join(";"));
    Some(text.into_bytes())
}

fn one(
    node: &NodeType,
    attribute: &NodeType,
    event: &Tree,
    nodes: &mut Vec<String>,
    out: &mut Written,
) {
    let mut text = node.id.to_string();
    let (mut children, mut behind) = (Vec::new(), 0);
    let mut given = false;
    for field in &node.fields {
        if field.kind == FieldKind::Node {
            behind += 1;
            continue;
        }
        text.push(',');
        match (field.kind, event.get(&field.name)) {
            (FieldKind::Text, Some(Tree::Leaf(leaf))) => {
                out.plants.extend(leaf.plant.clone());
                put_text(&leaf.text, &mut text);
            }
            (FieldKind::Nodes, _) if !given => {
                given = true;
                children = attributes(attribute, event, out);
                put_base36(i64::try_from(children.len()).unwrap_or(0), &mut text);
            }
            (FieldKind::Nodes, _) => text.push('0'),
            (FieldKind::Text | FieldKind::Number | FieldKind::Node, _) => {}
        }
    }
    nodes.push(text);
    nodes.append(&mut children);
    nodes.extend((0..behind).map(|_| String::new()));
}

/// The texts of the event's attributes, and of what it holds besides.
fn attributes(attribute: &NodeType, event: &Tree, out: &mut Written) -> Vec<String> {
    let Some(Tree::Map(members)) = event.get("attributes") else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (key, member) in members {
        let Tree::Leaf(leaf) = member else {
            continue;
        };
        out.plants.extend(key.plant.clone());
        out.plants.extend(leaf.plant.clone());
        let mut text = format!("{},", attribute.id);
        put_text(&key.text, &mut text);
        text.push(',');
        put_text(&leaf.text, &mut text);
        all.push(text);
    }
    all
}
