//! The bodies of a run: every format of an endpoint, every media type, content coding and way of its
//! layers, with every sheet at every place where events stand.
//!
//! Invariant: a format for which nothing can be written is told; what a format has no place for is
//! not claimed to be planted.

use super::net::Message;
use super::probes::{Carrier, Maker, with_query};
use super::sheets::{Bases, Sheet};
use super::tree::{Seg, Tree};
use super::wire::{self, BOUNDARY, Content, Way, Written};
use crate::catalog::{BodyFormat, EventRoot, Layer, Member, Treat};
use crate::codec::{Coding, form};

/// Content codings; the first is none.
const CODINGS: [Option<Coding>; 5] = [
    None,
    Some(Coding::Gzip),
    Some(Coding::Deflate),
    Some(Coding::Br),
    Some(Coding::Zstd),
];

/// What a body holds, the name of its sheet, and whether it is written in every way.
struct Filling<'c> {
    sheet: &'static str,
    every: bool,
    content: Content<'c>,
}

/// A document with its events in their place.
pub(super) struct Rooted {
    pub(super) sheet: &'static str,
    /// Whether it is written in every way: the fields at the first place of events.
    pub(super) every: bool,
    pub(super) tree: Tree,
}

/// The part of a body that holds a document, and where its events stand; no part: the body itself.
type Place<'c> = (Option<&'c str>, &'c [EventRoot]);

impl<'a> Maker<'a, '_> {
    /// Every format of the endpoint.
    pub(super) fn bodies(&mut self, documents: &[Sheet], bases: &Bases) {
        let endpoint = self.court.endpoint;
        let method = endpoint.methods.iter().find(|m| takes_body(m));
        for format in &endpoint.bodies {
            let Some(method) = method else {
                self.unmade(Carrier::Body, &format.layers, "no method with a body");
                continue;
            };
            let before = self.probes.len();
            for (at, filling) in self.fillings(format, documents, bases).iter().enumerate() {
                self.one_body(format, method, at, filling);
            }
            if self.probes.len() == before {
                let why = "the format has no place for any field";
                self.unmade(Carrier::Body, &format.layers, why);
            }
        }
    }

    /// One document: what fields there are, and what nobody lists, in every way; the rest plainly.
    fn one_body(&mut self, format: &BodyFormat, method: &str, at: usize, filling: &Filling<'_>) {
        let mut ways = wire::ways(&format.layers);
        if let Some(Layer::JsonOrQuery) = format.layers.last() {
            // A document is written one way, a query string the other.
            let query = filling.content.document.is_empty();
            ways.retain(|way| wire::is_second(way) == query);
        }
        let all = filling.every && self.thorough;
        let coded = self.thorough && (at == 0 || (filling.every && filling.sheet == "fields"));
        for (n, way) in ways.iter().enumerate() {
            if n > 0 && !all {
                break;
            }
            let Some(written) = wire::write(&format.layers, way, &filling.content) else {
                continue;
            };
            let label = wire::name(&format.layers, way);
            for (m, coding) in CODINGS.iter().enumerate() {
                for (k, media_type) in format.content_types.iter().enumerate() {
                    // One thing is varied at a time; media types with one document.
                    let wanted = match (n, m, k) {
                        (0, 0, 0) => true,
                        (_, 0, 0) => all,
                        (0, _, 0) => coded,
                        (0, 0, _) => coded && at == 0,
                        _ => false,
                    };
                    if wanted {
                        self.body(method, media_type, *coding, &label, filling.sheet, &written);
                    }
                }
            }
        }
    }

    fn body(
        &mut self,
        method: &str,
        media_type: &str,
        coding: Option<Coding>,
        label: &str,
        sheet: &'static str,
        written: &Written,
    ) {
        let mut message = self.message(method);
        label_type(&mut message, media_type);
        let mut label = label.to_owned();
        message.body.clone_from(&written.bytes);
        if let Some(coding) = coding {
            let Some(packed) = wire::packed(coding, &written.bytes) else {
                return;
            };
            let token = coding.token();
            message
                .headers
                .push(("content-encoding".into(), token.into()));
            message.body = packed;
            label = format!("{token} > {label}");
        }
        let media_type = if media_type.is_empty() {
            "(no type)"
        } else {
            media_type
        };
        let label = format!("{media_type}: {label}");
        self.push(Carrier::Body, label, sheet, message, written.plants.clone());
    }

    /// What bodies of this format can hold.
    fn fillings<'c>(
        &self,
        format: &'c BodyFormat,
        documents: &[Sheet],
        bases: &Bases,
    ) -> Vec<Filling<'c>>
    where
        'a: 'c,
    {
        let last = format.layers.last();
        let places: Vec<Place<'c>> = match last {
            Some(Layer::Envelope(members) | Layer::Multipart(members)) => judged(members).collect(),
            Some(Layer::Query | Layer::Lines) => Vec::new(),
            _ => vec![(None, &self.court.endpoint.events)],
        };
        let mut all: Vec<Filling<'c>> = Vec::new();
        let filling = |(sheet, content): (&'static str, Content<'c>)| Filling {
            sheet,
            every: matches!(sheet, "fields" | "unknown"),
            content,
        };
        for (at, (member, roots)) in places.iter().enumerate() {
            all.extend(self.rooted(roots, documents).into_iter().map(|rooted| {
                let content = Content {
                    document: rooted.tree,
                    member: *member,
                    ..self.blank()
                };
                Filling {
                    every: at == 0 && rooted.every,
                    ..filling((rooted.sheet, content))
                }
            }));
        }
        if let Some(Layer::Query | Layer::Lines | Layer::JsonOrQuery) = last {
            all.extend(bases.query.iter().map(|sheet| {
                let content = Content {
                    query: sheet.tree.clone(),
                    ..self.blank()
                };
                filling((sheet.name, content))
            }));
        }
        let formed = |layer: &Layer| matches!(layer, Layer::Form(_) | Layer::Multipart(_));
        if format.layers.iter().any(formed) {
            all.extend(bases.form.iter().map(|sheet| {
                let content = Content {
                    form: sheet.tree.clone(),
                    document: self.well_formed(&self.court.endpoint.events),
                    // Of a multipart form, the texts alone.
                    member: Some(""),
                    ..self.blank()
                };
                filling((sheet.name, content))
            }));
        }
        if let (Some(Layer::Envelope(_)), Some(place)) = (last, places.first()) {
            all.extend(self.headed(*place, bases).into_iter().map(filling));
        }
        all
    }

    fn blank<'c>(&self) -> Content<'c>
    where
        'a: 'c,
    {
        Content {
            document: Tree::map(),
            query: Tree::map(),
            form: Tree::map(),
            heads: self.heads(),
            member: None,
            style: self.style(),
        }
    }

    /// Envelopes with canaries in their headers, then in those of their item.
    fn headed<'c>(
        &self,
        (member, roots): Place<'c>,
        bases: &Bases,
    ) -> Vec<(&'static str, Content<'c>)>
    where
        'a: 'c,
    {
        let of_envelope = bases.envelope.iter().map(|sheet| (sheet, true));
        let of_item = bases.item.iter().map(|sheet| (sheet, false));
        let content = |(sheet, outer): (&Sheet, bool)| {
            let mut heads = self.heads();
            let head = if outer { &mut heads.0 } else { &mut heads.1 };
            if let Tree::Map(members) = &sheet.tree {
                for (key, value) in members {
                    head.put(&[Seg::key(&key.text)], value.clone());
                }
            }
            let content = Content {
                document: self.well_formed(roots),
                heads,
                member,
                ..self.blank()
            };
            (sheet.name, content)
        };
        of_envelope.chain(of_item).map(content).collect()
    }

    /// The headers of an envelope that its framing needs.
    fn heads(&self) -> (Tree, Tree) {
        let mut head = Tree::map();
        if let Some(locator) = &self.court.endpoint.locator {
            let url = "https://0123456789abcdef0123456789abcdef@in.example/4505";
            head.put(&[Seg::key(&locator.member)], Tree::text(url));
        }
        (head, Tree::map())
    }

    /// Every sheet at every place where events stand, and as lists of pairs or folded texts where
    /// the catalog knows such.
    pub(super) fn rooted(&self, roots: &[EventRoot], documents: &[Sheet]) -> Vec<Rooted> {
        let (vendor, endpoint) = (self.court.vendor, self.court.endpoint);
        let lone = [whole()];
        let roots = if roots.is_empty() { &lone } else { roots };
        let mut all = Vec::new();
        for (n, root) in roots.iter().enumerate() {
            for sheet in documents {
                // The other places are shown by the first sheets.
                if n > 0 && !matches!(sheet.name, "fields" | "unknown") {
                    continue;
                }
                let around = (sheet.name == "fields").then_some(&sheet.tree);
                let tree = &sheet.tree;
                let rooted = |sheet: &'static str, tree: Tree| Rooted {
                    sheet,
                    every: n == 0 && matches!(sheet, "fields" | "unknown"),
                    tree,
                };
                all.push(rooted(sheet.name, placed(root, around, tree)));
                let whole = || placed(root, None, tree);
                let paired = [
                    tree.clone()
                        .paired(&endpoint.pairs)
                        .map(|tree| placed(root, None, &tree)),
                    whole().paired(&endpoint.pairs),
                ];
                all.extend(
                    paired
                        .into_iter()
                        .flatten()
                        .map(|tree| rooted("pairs", tree)),
                );
                let folded = [
                    tree.clone()
                        .folded(&vendor.unfold)
                        .map(|tree| placed(root, None, &tree)),
                    whole().folded(&vendor.unfold),
                ];
                all.extend(
                    folded
                        .into_iter()
                        .flatten()
                        .map(|tree| rooted("folded", tree)),
                );
            }
        }
        all
    }

    /// Parameters without a canary.
    fn neutral_below(&self, base: &str) -> Tree {
        let mut tree = self.neutral.get(base).cloned().unwrap_or(Tree::map());
        tree.put(&[Seg::key("zq_probe")], Tree::text("1"));
        tree
    }

    /// A document without a canary.
    fn well_formed(&self, roots: &[EventRoot]) -> Tree {
        let root = roots.first().cloned().unwrap_or_else(whole);
        let event = self.neutral.clone();
        let event = event.without("$form");
        let event = if root.query {
            event
        } else {
            event.without("$query")
        };
        placed(&root, None, &event)
    }

    /// A well-formed request without a canary, for what stands beside the body.
    pub(super) fn make_carrier(&self) -> Message {
        let endpoint = self.court.endpoint;
        let method = endpoint.methods.iter().find(|m| takes_body(m));
        if let (Some(method), Some(format)) = (method, endpoint.bodies.first())
            && let Some(written) =
                wire::write(&format.layers, &Way::default(), &self.plainest(format))
        {
            let mut message = self.message(method);
            label_type(&mut message, format.content_types.first().map_or("", |t| t));
            message.body = written.bytes;
            return message;
        }
        if endpoint.query_event && self.takes("GET") {
            let mut message = self.message("GET");
            let query = self.neutral_below("$query");
            let text = wire::pairs(&query, self.style(), &mut Written::default());
            with_query(&mut message, &text);
            return message;
        }
        let method = endpoint.methods.first().map_or("GET", |m| m);
        let mut message = self.message(if self.takes("GET") { "GET" } else { method });
        if let Some(param) = endpoint.params.iter().find(|p| p.events) {
            let content = Content::of_document(self.well_formed(&endpoint.events));
            let written = wire::write(&param.layers, &Way::default(), &content);
            let mut encoded = String::new();
            let bytes = written.map(|w| w.bytes).unwrap_or_default();
            form::encode(&String::from_utf8_lossy(&bytes), &mut encoded);
            with_query(&mut message, &format!("{}={encoded}", param.name));
        }
        message
    }

    fn plainest<'c>(&self, format: &'c BodyFormat) -> Content<'c>
    where
        'a: 'c,
    {
        let (member, roots) = match format.layers.last() {
            Some(Layer::Envelope(members) | Layer::Multipart(members)) => {
                judged(members).next().unwrap_or((Some(""), &[]))
            }
            _ => (None, &self.court.endpoint.events[..]),
        };
        Content {
            document: self.well_formed(roots),
            query: self.neutral_below("$query"),
            form: self.neutral_below("$form"),
            member,
            ..self.blank()
        }
    }
}

/// The document itself.
fn whole() -> EventRoot {
    EventRoot {
        keys: Box::default(),
        items: false,
        query: false,
    }
}

fn takes_body(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD")
}

fn judged(members: &[Member]) -> impl Iterator<Item = Place<'_>> {
    members.iter().filter_map(|member| match &member.treat {
        Treat::Judge { events, .. } => Some((Some(&*member.name), &events[..])),
        Treat::Drop | Treat::Refuse => None,
    })
}

fn label_type(message: &mut Message, media_type: &str) {
    let media_type = match media_type {
        "" => return,
        "*" => "application/json".to_owned(),
        "multipart/form-data" => format!("multipart/form-data; boundary={BOUNDARY}"),
        other => other.to_owned(),
    };
    message.headers.push(("content-type".into(), media_type));
}

/// A document with an event at its place; `around` is what stands outside of events.
fn placed(root: &EventRoot, around: Option<&Tree>, event: &Tree) -> Tree {
    let outer = match (around, root.keys.first()) {
        (Some(around), Some(key)) => {
            // What is below the key that leads to the events stands there only where it is a way.
            let list = matches!(around.get(key), Some(Tree::List(_)));
            let outer = around.clone();
            if list && root.keys.len() > 1 {
                outer
            } else {
                outer.without(key)
            }
        }
        _ => Tree::map(),
    };
    let event = if root.query {
        let query = event.get("$query").unwrap_or(event).clone();
        Tree::Folded(Box::new([Layer::Query]), Box::new(query))
    } else {
        event.clone()
    };
    outer.with_events(&root.keys, root.items, event)
}
