//! Reads `[messages.<name>]`: what the fields of protobuf messages are called.
//!
//! A table is a message of a `.proto` file, a line a field: `5 = "string name"`,
//! `9 = "repeated KeyValue attributes"`. Whatever names a message that is not there is told.

use std::sync::Arc;

use crate::codec::protobuf::{Field, Message, Schema, Type};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Spanned, Table, did_you_mean, show};

use super::{BodyFormat, Layer};

/// The message that a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageType {
    /// The message's name.
    pub name: Box<str>,
    /// All messages of the catalog.
    pub schema: Arc<Schema>,
    /// Its place in the schema.
    pub place: usize,
}

/// All messages of a file.
pub(super) fn read_messages(t: &Table<'_>, d: &mut Diagnostics) -> Schema {
    let mut schema = Schema::default();
    let Some(named) = t.table("messages", d) else {
        return schema;
    };
    let entries = named.entries();
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.value).collect();
    for (name, value) in &entries {
        let Some(t) = value.table(d) else {
            continue;
        };
        let mut message = Message {
            name: name.value.into(),
            pair: t.bool("pair", d).is_some_and(|v| v.value),
            unwrap: t.bool("unwrap", d).is_some_and(|v| v.value),
            fields: Vec::new(),
        };
        for (key, value) in t.entries() {
            if matches!(key.value, "pair" | "unwrap") {
                continue;
            }
            if let Some(word) = value.str(d)
                && let Some(field) = read_field(key.value, &word, &names, d)
            {
                message.fields.push(field);
            }
        }
        message.fields.sort_by_key(|field| field.number);
        if message.pair && message.fields.len() != 2 {
            let text = format!("`{}` is a pair, but has no two fields", show(name.value));
            d.push(Diagnostic::error("bad-message", text, name.span.clone()));
        }
        schema.messages.push(message);
    }
    schema
}

fn read_field(
    number: &str,
    word: &Spanned<&str>,
    names: &[&str],
    d: &mut Diagnostics,
) -> Option<Field> {
    let mut words = word.value.split_whitespace();
    let first = words.next();
    let repeated = first == Some("repeated");
    let kind = if repeated { words.next() } else { first };
    let number = number.parse().ok().filter(|n| (1..1 << 29).contains(n));
    let (Some(number), Some(kind), Some(name), None) = (number, kind, words.next(), words.next())
    else {
        let text = format!("`{}` is not a field of a message", show(word.value));
        d.push(
            Diagnostic::error("bad-message", text, word.span.clone())
                .help("write `1 = \"string name\"` or `9 = \"repeated KeyValue attributes\"`"),
        );
        return None;
    };
    let scalar = Type::NAMES.iter().find(|(word, _)| *word == kind);
    let message = || names.iter().position(|name| *name == kind);
    let found = scalar
        .map(|(_, kind)| *kind)
        .or_else(|| message().map(Type::Message));
    let Some(kind) = found else {
        let known = Type::NAMES
            .iter()
            .map(|(word, _)| *word)
            .chain(names.iter().copied());
        let text = format!("no type or message is called `{}`", show(kind));
        d.push(
            Diagnostic::error("unknown-name", text, word.span.clone()).help(did_you_mean(
                kind,
                known,
                "known names",
            )),
        );
        return None;
    };
    Some(Field {
        number,
        name: name.into(),
        kind,
        repeated,
    })
}

/// Gives the layers of a format the messages that they name.
pub(super) fn bind(
    format: &mut BodyFormat,
    schema: &Arc<Schema>,
    at: &std::ops::Range<usize>,
    d: &mut Diagnostics,
) {
    for layer in &mut format.layers {
        let Layer::Protobuf(of) = layer else {
            continue;
        };
        let Some(place) = schema.find(&of.name) else {
            let names = schema.messages.iter().map(|m| &*m.name);
            let text = format!("no message is called `{}`", show(&of.name));
            d.push(
                Diagnostic::error("unknown-name", text, at.clone()).help(did_you_mean(
                    &of.name,
                    names,
                    "known messages",
                )),
            );
            continue;
        };
        of.place = place;
        of.schema = Arc::clone(schema);
    }
}
