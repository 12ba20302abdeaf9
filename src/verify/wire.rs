//! Writes documents in the formats of a catalog: every layer, in every way in which it may come.
//!
//! Invariant: of what is written, each canary is told; what a format has no place for is not. The
//! layers are those of the catalogs, so a format that is added there and cannot be written here is
//! told as such, not left out in silence. Knows no policy.

use std::fmt::Write as _;
use std::sync::Arc;

use super::tree::{Key, Leaf, Plant, Tree};
use super::{wire_pack, wire_protobuf};
use crate::catalog::{Layer, Member, ParamFormat, Treat};
use crate::codec::base64::{self, Alphabet, Flavour};
use crate::codec::{self, Coding, form, lz64, multipart};
use crate::json::escape_into;
use crate::selector::glob_match;

/// The boundary of our multipart bodies.
pub(super) const BOUNDARY: &str = "----verify7MA4YWxkTrZu0gW";

/// One way of writing the layers of a format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// Which of the form's fields holds the document.
    field: usize,
    /// The layer that is there or not and is there this time: a compression, …
    sniffed: Option<usize>,
    /// … and an encoding of text.
    folded: Option<usize>,
    /// The second of two formats (`json|query`, `json|ndjson`).
    second: bool,
    /// JSON strings are written as `\u` escapes.
    pub(super) escaped: bool,
}

/// What a body is made of.
#[derive(Clone)]
pub(super) struct Content<'a> {
    /// The document, events in their places.
    pub(super) document: Tree,
    /// `$query.…`, for bodies written like a query string.
    pub(super) query: Tree,
    /// `$form.…`.
    pub(super) form: Tree,
    /// `$envelope.…` and `$item.…`.
    pub(super) heads: (Tree, Tree),
    /// The item of an envelope, or part of a form, that holds the document; `None`: each that holds
    /// one, where there may be many.
    pub(super) member: Option<&'a str>,
    /// How the values of parameters are written.
    pub(super) style: Style<'a>,
}

/// How the values of parameters are written.
#[derive(Clone, Copy, Default)]
pub(super) struct Style<'a> {
    /// Those that hold documents.
    pub(super) params: &'a [ParamFormat],
    /// Globs of those that are given many times, in turn a name and its value.
    pub(super) alternating: &'a [Box<str>],
}

/// What was written.
#[derive(Default)]
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) plants: Vec<Arc<Plant>>,
}

/// All ways of writing the layers, the plainest first.
pub(super) fn ways(layers: &[Layer]) -> Vec<Way> {
    let places = |wanted: fn(&Layer) -> bool| -> Vec<Option<usize>> {
        let found = layers.iter().enumerate().filter(|(_, l)| wanted(l));
        std::iter::once(None)
            .chain(found.map(|(at, _)| Some(at)))
            .collect()
    };
    let sniffed = places(|l| matches!(l, Layer::SniffGzip | Layer::SniffZlib));
    let folded = places(|l| {
        matches!(
            l,
            Layer::MaybeBase64 | Layer::MaybePercent | Layer::MaybeReversed | Layer::MaybeLz64
        )
    });
    let fields = layers.iter().find_map(|layer| {
        if let Layer::Form(fields) = layer {
            return Some(fields.len().max(1));
        }
        None
    });
    let both = matches!(
        layers.last(),
        Some(Layer::JsonOrQuery | Layer::JsonOrNdjson)
    );
    let mut all = Vec::new();
    for field in 0..fields.unwrap_or(1) {
        for sniffed in &sniffed {
            for folded in &folded {
                for second in if both { &[false, true][..] } else { &[false] } {
                    all.push(Way {
                        field,
                        sniffed: *sniffed,
                        folded: *folded,
                        second: *second,
                        escaped: false,
                    });
                }
            }
        }
    }
    let json = matches!(
        layers.last(),
        Some(Layer::Json | Layer::Ndjson | Layer::JsonOrQuery | Layer::JsonOrNdjson)
    );
    if json {
        all.push(Way {
            escaped: true,
            ..Way::default()
        });
    }
    all
}

/// Whether a format that is one or the other is written the second way.
pub(super) fn is_second(way: &Way) -> bool {
    way.second
}

/// The way in words: `form:data > base64 > json`.
pub(super) fn name(layers: &[Layer], way: &Way) -> String {
    let mut words = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        let here = way.sniffed == Some(at) || way.folded == Some(at);
        let word = match layer {
            Layer::SniffGzip => here.then(|| "gzip".into()),
            Layer::SniffZlib => here.then(|| "zlib".into()),
            Layer::MaybeBase64 => here.then(|| "base64".into()),
            Layer::MaybePercent => here.then(|| "percent".into()),
            Layer::MaybeReversed => here.then(|| "reversed base64".into()),
            Layer::MaybeLz64 => here.then(|| "lz64".into()),
            Layer::Form(fields) => {
                let field = fields.get(way.field).map_or("", |f| f);
                Some(format!("form:{field}"))
            }
            Layer::Base64 => Some("base64".into()),
            Layer::Base64Url => Some("base64url".into()),
            Layer::Query => Some("query".into()),
            Layer::Lines => Some("lines".into()),
            Layer::JsonOrQuery => Some(if way.second { "query" } else { "json" }.into()),
            Layer::JsonOrNdjson => Some(if way.second { "ndjson" } else { "json" }.into()),
            Layer::Protobuf(_) => Some("protobuf".into()),
            Layer::Latin1 => Some("latin1".into()),
            Layer::Text => Some("text".into()),
            Layer::Querypack(_) => Some("querypack".into()),
            Layer::Json => Some("json".into()),
            Layer::Ndjson => Some("ndjson".into()),
            Layer::Envelope(_) => Some("envelope".into()),
            Layer::Multipart(_) => Some("multipart".into()),
        };
        words.extend(word);
    }
    if way.escaped {
        words.push("escaped".into());
    }
    words.join(" > ")
}

/// Writes a body. `None`: the format has no place for it.
pub(super) fn write(layers: &[Layer], way: &Way, content: &Content<'_>) -> Option<Written> {
    let mut out = Written::default();
    layer(layers, 0, way, content, &mut out)?;
    Some(out)
}

fn layer(
    layers: &[Layer],
    at: usize,
    way: &Way,
    content: &Content<'_>,
    out: &mut Written,
) -> Option<()> {
    let here = way.sniffed == Some(at) || way.folded == Some(at);
    let mut inner = || -> Option<Vec<u8>> {
        let mut below = Written::default();
        layer(layers, at + 1, way, content, &mut below)?;
        out.plants.append(&mut below.plants);
        Some(below.bytes)
    };
    let bytes = match layers.get(at)? {
        Layer::SniffGzip if here => packed(Coding::Gzip, &inner()?)?,
        Layer::SniffZlib if here => packed(Coding::Deflate, &inner()?)?,
        Layer::MaybeBase64 if here => in_base64(Alphabet::Standard, &inner()?),
        Layer::Base64 => in_base64(Alphabet::Standard, &inner()?),
        Layer::Base64Url => in_base64(Alphabet::Url, &inner()?),
        Layer::MaybeReversed if here => {
            let mut text = in_base64(Alphabet::Standard, &inner()?);
            text.reverse();
            text
        }
        Layer::MaybePercent if here => {
            let mut text = String::new();
            form::encode(std::str::from_utf8(&inner()?).ok()?, &mut text);
            text.into_bytes()
        }
        Layer::MaybeLz64 if here => {
            let mut text = String::new();
            lz64::encode(std::str::from_utf8(&inner()?).ok()?, &mut text);
            text.into_bytes()
        }
        Layer::SniffGzip
        | Layer::SniffZlib
        | Layer::MaybeBase64
        | Layer::MaybeReversed
        | Layer::MaybePercent
        | Layer::MaybeLz64 => inner()?,
        Layer::Latin1 => inner()?
            .iter()
            .map(|b| char::from(*b))
            .collect::<String>()
            .into_bytes(),
        Layer::Form(fields) => {
            let mut text = format!("{}=", fields.get(way.field)?);
            form::encode(std::str::from_utf8(&inner()?).ok()?, &mut text);
            let rest = pairs(&content.form, Style::default(), out);
            if !rest.is_empty() {
                text.push('&');
                text.push_str(&rest);
            }
            text.into_bytes()
        }
        Layer::JsonOrQuery if !way.second => json(&content.document, way.escaped, out),
        Layer::Query | Layer::Lines | Layer::JsonOrQuery => {
            pairs(&content.query, content.style, out).into_bytes()
        }
        Layer::Json => json(&content.document, way.escaped, out),
        Layer::JsonOrNdjson if !way.second => json(&content.document, way.escaped, out),
        Layer::Ndjson | Layer::JsonOrNdjson => {
            // The same document twice: a line each.
            let mut line = json(&content.document, way.escaped, out);
            let again = line.clone();
            line.push(b'\n');
            line.extend(again);
            line
        }
        Layer::Text => one_text(&content.document, out)?,
        Layer::Protobuf(of) => wire_protobuf::write(of, &content.document, out)?,
        Layer::Querypack(of) => wire_pack::write(of, &content.document, out)?,
        Layer::Envelope(members) => envelope(members, content, out)?,
        Layer::Multipart(members) => parts(members, content, out)?,
    };
    out.bytes = bytes;
    Some(())
}

/// Compressed.
pub(super) fn packed(coding: Coding, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    codec::encode(coding, bytes, &mut out).ok()?;
    Some(out)
}

fn in_base64(alphabet: Alphabet, bytes: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    let padded = alphabet == Alphabet::Standard;
    base64::encode(Flavour { alphabet, padded }, bytes, &mut text);
    text.into_bytes()
}

/// A document as JSON.
pub(super) fn json(tree: &Tree, escaped: bool, out: &mut Written) -> Vec<u8> {
    let mut bytes = Vec::new();
    value(tree, escaped, &mut bytes, &mut out.plants);
    bytes
}

fn value(tree: &Tree, escaped: bool, bytes: &mut Vec<u8>, plants: &mut Vec<Arc<Plant>>) {
    match tree {
        Tree::Leaf(leaf) => {
            plants.extend(leaf.plant.clone());
            if leaf.number {
                bytes.extend_from_slice(leaf.text.as_bytes());
            } else {
                string(&leaf.text, escaped && leaf.plant.is_some(), bytes);
            }
        }
        Tree::List(items) => {
            bytes.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    bytes.push(b',');
                }
                value(item, escaped, bytes, plants);
            }
            bytes.push(b']');
        }
        Tree::Map(members) => {
            bytes.push(b'{');
            for (at, (key, member)) in members.iter().enumerate() {
                if at > 0 {
                    bytes.push(b',');
                }
                plants.extend(key.plant.clone());
                string(&key.text, escaped && key.plant.is_some(), bytes);
                bytes.push(b':');
                value(member, escaped, bytes, plants);
            }
            bytes.push(b'}');
        }
        Tree::Folded(layers, inner) => {
            let text = folded(layers, inner, plants).unwrap_or_default();
            string(&text, false, bytes);
        }
    }
}

/// A text that holds a document; the first way of its layers, compressed if it can be.
fn folded(layers: &[Layer], inner: &Tree, plants: &mut Vec<Arc<Plant>>) -> Option<String> {
    let way = Way {
        sniffed: layers
            .iter()
            .position(|l| *l == Layer::SniffGzip && layers.contains(&Layer::Latin1)),
        ..Way::default()
    };
    let mut written = write(layers, &way, &Content::of_document(inner.clone()))?;
    let text = String::from_utf8(written.bytes).ok()?;
    plants.append(&mut written.plants);
    Some(text)
}

fn string(text: &str, escaped: bool, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    if escaped {
        let mut all = String::new();
        for unit in text.encode_utf16() {
            let _ = write!(all, "\\u{unit:04x}");
        }
        bytes.extend_from_slice(all.as_bytes());
    } else {
        escape_into(text, bytes);
    }
    bytes.push(b'"');
}

/// `a=b&c=d`; what is no leaf is written as its parameter unfolds, or as JSON.
pub(super) fn pairs(tree: &Tree, style: Style<'_>, out: &mut Written) -> String {
    let Tree::Map(members) = tree else {
        return String::new();
    };
    let mut text = String::new();
    let mut pair = |name: &str, value: &str| {
        if !text.is_empty() {
            text.push('&');
        }
        form::encode(name, &mut text);
        text.push('=');
        form::encode(value, &mut text);
    };
    for (Key { text: name, plant }, member) in members {
        out.plants.extend(plant.clone());
        let alternates = style.alternating.iter().any(|glob| glob_match(glob, name));
        if let (Tree::Map(inner), true) = (member, alternates) {
            for (key, value) in inner {
                out.plants.extend(key.plant.clone());
                if let Some(value) = parameter("", value, &[], out) {
                    pair(name, &key.text);
                    pair(name, &value);
                }
            }
        } else if let Some(value) = parameter(name, member, style.params, out) {
            pair(name, &value);
        }
    }
    text
}

/// The value of a parameter, not percent-encoded.
pub(super) fn parameter(
    name: &str,
    member: &Tree,
    params: &[ParamFormat],
    out: &mut Written,
) -> Option<String> {
    let format = params.iter().find(|p| *p.name == *name);
    match (member, format) {
        (Tree::Leaf(Leaf { text, plant, .. }), None) => {
            out.plants.extend(plant.clone());
            Some(text.clone())
        }
        (tree, Some(format)) => {
            let content = Content::of_document(tree.clone());
            let mut written = write(&format.layers, &Way::default(), &content)?;
            let text = String::from_utf8(written.bytes).ok()?;
            out.plants.append(&mut written.plants);
            Some(text)
        }
        (tree, None) => String::from_utf8(json(tree, false, out)).ok(),
    }
}

impl Content<'_> {
    pub(super) fn of_document(document: Tree) -> Self {
        Self {
            query: document.clone(),
            document,
            form: Tree::map(),
            heads: (Tree::map(), Tree::map()),
            member: None,
            style: Style::default(),
        }
    }
}

fn one_text(tree: &Tree, out: &mut Written) -> Option<Vec<u8>> {
    let leaf = first_leaf(tree)?;
    out.plants.extend(leaf.plant.clone());
    Some(leaf.text.clone().into_bytes())
}

fn first_leaf(tree: &Tree) -> Option<&Leaf> {
    match tree {
        Tree::Leaf(leaf) => Some(leaf),
        Tree::List(items) => items.iter().find_map(first_leaf),
        Tree::Map(members) => members.iter().find_map(|(_, member)| first_leaf(member)),
        Tree::Folded(_, inner) => first_leaf(inner),
    }
}

fn envelope(members: &[Member], content: &Content<'_>, out: &mut Written) -> Option<Vec<u8>> {
    let member = members.iter().find(|m| Some(&*m.name) == content.member)?;
    let Treat::Judge { layers, .. } = &member.treat else {
        return None;
    };
    let mut bytes = json(&content.heads.0, false, out);
    let mut below = write(
        layers,
        &Way::default(),
        &Content::of_document(content.document.clone()),
    )?;
    out.plants.append(&mut below.plants);
    let mut head = vec![
        (plain("type"), Tree::text(&member.name)),
        (plain("length"), number(below.bytes.len())),
    ];
    if let Tree::Map(more) = &content.heads.1 {
        head.extend(more.iter().filter(|(key, _)| key.text != "type").cloned());
    }
    bytes.push(b'\n');
    bytes.extend(json(&Tree::Map(head), false, out));
    bytes.push(b'\n');
    bytes.extend(below.bytes);
    bytes.push(b'\n');
    Some(bytes)
}

fn parts(members: &[Member], content: &Content<'_>, out: &mut Written) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Tree::Map(fields) = &content.form {
        for (name, member) in fields {
            let listed = members.iter().any(|m| *m.name == *name.text);
            if listed {
                continue;
            }
            let text = parameter(&name.text, member, &[], out)?;
            out.plants.extend(name.plant.clone());
            multipart::write_delimiter(BOUNDARY, &mut bytes);
            multipart::write_head(&name.text, None, None, &mut bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    for member in members {
        let Treat::Judge { layers, .. } = &member.treat else {
            continue;
        };
        if content.member.is_some_and(|only| only != &*member.name) {
            continue;
        }
        let mut below = write(
            layers,
            &Way::default(),
            &Content::of_document(content.document.clone()),
        )?;
        out.plants.append(&mut below.plants);
        multipart::write_delimiter(BOUNDARY, &mut bytes);
        let name = if &*member.name == "*" {
            "part"
        } else {
            &member.name
        };
        multipart::write_head(
            name,
            Some("blob"),
            Some("application/octet-stream"),
            &mut bytes,
        );
        bytes.extend(below.bytes);
    }
    multipart::write_end(BOUNDARY, &mut bytes);
    Some(bytes)
}

fn plain(key: &str) -> Key {
    Key {
        text: key.to_owned(),
        plant: None,
    }
}

fn number(value: usize) -> Tree {
    Tree::Leaf(Leaf {
        text: value.to_string(),
        number: true,
        plant: None,
    })
}
