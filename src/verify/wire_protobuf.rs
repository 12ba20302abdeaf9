//! Writes a document as a protobuf message of a catalog's schema, symmetric to what the engine reads:
//! maps become lists of pairs, values get the wrappers that say their type.
//!
//! Canaries are planted in texts only: in a number of a message none could be recognised.

use super::tree::{Leaf, Tree};
use super::wire::Written;
use crate::catalog::MessageType;
use crate::codec::protobuf::{
    Field, MAX_DEPTH, Message, Schema, Type, Wire, close, put_number, put_tag, put_varint,
};

/// The message; `None` when the document has nothing of it.
pub(super) fn write(of: &MessageType, document: &Tree, out: &mut Written) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    message(&of.schema, of.place, document, 0, &mut bytes, out)?;
    (!bytes.is_empty()).then_some(bytes)
}

fn message(
    schema: &Schema,
    place: usize,
    tree: &Tree,
    depth: usize,
    bytes: &mut Vec<u8>,
    out: &mut Written,
) -> Option<()> {
    let message = schema
        .messages
        .get(place)
        .filter(|_| depth < MAX_DEPTH / 2)?;
    if message.unwrap {
        return wrapped(schema, message, tree, depth, bytes, out);
    }
    for field in &message.fields {
        if let Some(member) = tree.get(&field.name) {
            member_of(schema, field, member, depth, bytes, out);
        }
    }
    Some(())
}

/// What does not fit the field is left out: the schema has no place for it.
fn member_of(
    schema: &Schema,
    field: &Field,
    member: &Tree,
    depth: usize,
    bytes: &mut Vec<u8>,
    out: &mut Written,
) -> Option<()> {
    let pair = of_type(schema, field.kind).filter(|m| m.pair);
    match (member, pair) {
        (Tree::Map(members), Some(message)) if field.repeated => {
            let [key, value] = &*message.fields else {
                return None;
            };
            for (name, member) in members {
                let mut body = Vec::new();
                let name = Tree::Leaf(Leaf {
                    text: name.text.clone(),
                    number: false,
                    plant: name.plant.clone(),
                });
                one(schema, value, member, depth + 1, &mut body, out)?;
                one(schema, key, &name, depth + 1, &mut body, out)?;
                nested(field.number, &body, bytes);
            }
            Some(())
        }
        (Tree::List(items), _) if field.repeated => {
            for item in items {
                one(schema, field, item, depth, bytes, out);
            }
            Some(())
        }
        (member, _) => one(schema, field, member, depth, bytes, out),
    }
}

fn one(
    schema: &Schema,
    field: &Field,
    tree: &Tree,
    depth: usize,
    bytes: &mut Vec<u8>,
    out: &mut Written,
) -> Option<()> {
    match (field.kind, tree) {
        (Type::Message(at), tree) => {
            let mut body = Vec::new();
            message(schema, at, tree, depth + 1, &mut body, out)?;
            nested(field.number, &body, bytes);
        }
        (Type::String, Tree::Leaf(leaf)) => {
            out.plants.extend(leaf.plant.clone());
            nested(field.number, leaf.text.as_bytes(), bytes);
        }
        (Type::Bytes | Type::Hex | Type::String, _) => return None,
        (kind, Tree::Leaf(leaf)) if leaf.plant.is_none() => {
            put_tag(field.number, kind.wire(), bytes);
            put_number(kind.wire(), kind.read(&leaf.text)?, bytes);
        }
        _ => return None,
    }
    Some(())
}

/// A value in the wrapper that says its type.
fn wrapped(
    schema: &Schema,
    message: &Message,
    tree: &Tree,
    depth: usize,
    bytes: &mut Vec<u8>,
    out: &mut Written,
) -> Option<()> {
    let of = |field: &&Field| {
        if let (Type::String, Tree::Leaf(_)) = (field.kind, tree) {
            return true;
        }
        let inner = of_type(schema, field.kind).filter(|inner| inner.unwrap);
        let Some(only) = inner
            .and_then(|inner| inner.fields.first())
            .filter(|f| f.repeated)
        else {
            return false;
        };
        let pairs = of_type(schema, only.kind).is_some_and(|m| m.pair);
        match tree {
            Tree::Map(_) => pairs,
            Tree::List(_) => !pairs,
            Tree::Leaf(_) | Tree::Folded(..) => false,
        }
    };
    // A wrapper around the only list of another: `{"values": […]}`.
    if let ([only], Tree::Map(_) | Tree::List(_)) = (&*message.fields, tree) {
        return member_of(schema, only, tree, depth, bytes, out);
    }
    let field = message.fields.iter().find(of)?;
    one(schema, field, tree, depth, bytes, out)
}

fn of_type(schema: &Schema, kind: Type) -> Option<&Message> {
    if let Type::Message(at) = kind {
        return schema.messages.get(at);
    }
    None
}

fn nested(number: u32, body: &[u8], bytes: &mut Vec<u8>) {
    put_tag(number, Wire::Bytes, bytes);
    let start = bytes.len();
    bytes.extend_from_slice(body);
    if body.is_empty() {
        put_varint(0, bytes);
    } else {
        close(start, bytes);
    }
}
