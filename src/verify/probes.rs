//! The requests of a run: every carrier of an endpoint, with the canaries that fit into it.
//!
//! Carriers are what the catalog declares: body formats (each media type, each way of its layers,
//! each content coding), structured parameters, the query string, path segments, headers; and what
//! no catalog lists: headers that browsers and proxies add. Invariant: a carrier for which nothing
//! can be written is told, not left out.

use std::sync::Arc;

use super::bodies::Rooted;
use super::canary::Mint;
use super::expect::Court;
use super::net::Message;
use super::sheets::{Bases, Gardener, NEUTRAL, Sheet};
use super::tree::{Leaf, Plant, Seg, Tree};
use super::wire::{self, Content, Style, Way, Written};
use crate::catalog::{Kind, Layer, ParamFormat, PathPattern, PathSegment};
use crate::codec::form;

/// Where in a request canaries stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Carrier {
    Body,
    Parameter,
    Query,
    Path,
    Header,
}

impl Carrier {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Parameter => "parameter",
            Self::Query => "query",
            Self::Path => "path",
            Self::Header => "header",
        }
    }
}

/// One request.
pub(super) struct Probe {
    pub(super) carrier: Carrier,
    /// How it is written, in words.
    pub(super) encoding: String,
    /// What is in it, in a word.
    pub(super) sheet: &'static str,
    pub(super) message: Message,
    pub(super) plants: Vec<Arc<Plant>>,
}

/// A carrier for which nothing could be written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unmade {
    pub(super) carrier: Carrier,
    pub(super) encoding: String,
    pub(super) why: &'static str,
}

/// Headers that no vendor needs, and that say who somebody is.
const AMBIENT: [&str; 16] = [
    "user-agent",
    "cookie",
    "referer",
    "origin",
    "accept-language",
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "from",
    "x-user-email",
    "x-request-id",
    "sec-ch-ua-model",
    "if-none-match",
    "authorization",
];

/// Makes the probes of an endpoint.
pub(super) struct Maker<'a, 'm> {
    pub(super) court: Court<'a>,
    garden: Gardener<'a, 'm>,
    /// Whether every way of writing is tried; else only the first.
    pub(super) thorough: bool,
    /// An event without canaries.
    pub(super) neutral: Tree,
    /// A request without canaries.
    carrier: Message,
    pub(super) probes: Vec<Probe>,
    pub(super) unmade: Vec<Unmade>,
}

impl<'a, 'm> Maker<'a, 'm> {
    pub(super) fn new(court: Court<'a>, mint: &'m mut Mint, thorough: bool) -> Self {
        let garden = Gardener::new(court, mint);
        let mut maker = Self {
            court,
            neutral: garden.neutral(),
            garden,
            thorough,
            carrier: Message::default(),
            probes: Vec::new(),
            unmade: Vec::new(),
        };
        maker.carrier = maker.make_carrier();
        maker
    }

    /// All probes of the endpoint.
    pub(super) fn all(&mut self) {
        let neutral = self.carrier.clone();
        let carrier = if neutral.body.is_empty() {
            Carrier::Query
        } else {
            Carrier::Body
        };
        self.push(
            carrier,
            "well formed, without canaries".into(),
            "neutral",
            neutral,
            Vec::new(),
        );
        let documents = self.garden.documents(self.thorough);
        let bases = self.garden.bases();
        self.bodies(&documents, &bases);
        self.parameters(&documents);
        self.queries(&bases);
        if self.thorough {
            self.wrapped_target(&bases);
            self.paths();
            self.headers();
        }
    }

    fn parameters(&mut self, documents: &[Sheet]) {
        let endpoint = self.court.endpoint;
        for param in &endpoint.params {
            let listed = |list: &[Box<str>]| list.iter().any(|l| **l == *param.name);
            let named = |s: &PathSegment| matches!(s, PathSegment::Param(n) if **n == *param.name);
            let in_path = endpoint.paths.iter().any(|p| p.segments.iter().any(named));
            let base = if listed(&endpoint.judged_headers) || listed(&endpoint.headers) {
                "$header"
            } else if in_path {
                "$path"
            } else {
                "$query"
            };
            let sheets: Vec<Rooted> = if param.events {
                self.rooted(&endpoint.events, documents)
            } else {
                let sheets = self.garden.parameter(base, &param.name).into_iter();
                let rooted = |sheet: Sheet| Rooted {
                    sheet: sheet.name,
                    every: true,
                    tree: sheet.tree,
                };
                sheets.map(rooted).collect()
            };
            for Rooted { sheet, every, tree } in sheets {
                let content = Content::of_document(tree);
                for way in wire::ways(&param.layers) {
                    if way != Way::default() && !(every && self.thorough) {
                        continue;
                    }
                    self.parameter(base, param, sheet, &way, &content);
                }
            }
        }
    }

    fn parameter(
        &mut self,
        base: &str,
        param: &ParamFormat,
        sheet: &'static str,
        way: &Way,
        content: &Content<'_>,
    ) {
        let written = wire::write(&param.layers, way, content);
        let text = written.and_then(|w| Some((String::from_utf8(w.bytes).ok()?, w.plants)));
        let Some((text, plants)) = text else {
            self.unmade(
                Carrier::Parameter,
                &param.layers,
                "cannot be written as a text",
            );
            return;
        };
        let mut encoded = String::new();
        form::encode(&text, &mut encoded);
        let label = format!("{base}.{}: {}", param.name, wire::name(&param.layers, way));
        let mut message = if param.events && self.takes("GET") {
            self.message("GET")
        } else {
            self.carrier.clone()
        };
        match base {
            "$header" => message.headers.push((param.name.to_string(), text)),
            "$path" => {
                let value = |name: &str| (*name == *param.name).then(|| encoded.clone());
                let pattern = self.court.endpoint.paths.iter().find(|p| {
                    p.segments
                        .iter()
                        .any(|s| matches!(s, PathSegment::Param(n) if **n == *param.name))
                });
                if let Some(pattern) = pattern {
                    let query = message.target.split_once('?').map(|(_, q)| q.to_owned());
                    message.target = self.path(pattern, &value);
                    if let Some(query) = query {
                        message.target = format!("{}?{query}", message.target);
                    }
                }
            }
            _ => with_query(&mut message, &format!("{}={encoded}", param.name)),
        }
        self.push(Carrier::Parameter, label, sheet, message, plants);
    }

    fn queries(&mut self, bases: &Bases) {
        for sheet in &bases.query {
            let mut written = Written::default();
            let text = wire::pairs(&sheet.tree, self.style(), &mut written);
            let endpoint = self.court.endpoint;
            let mut messages = Vec::new();
            if (endpoint.query_event || endpoint.kind != Kind::Collect) && self.takes("GET") {
                messages.push(("alone", self.message("GET")));
            }
            if !self.carrier.body.is_empty() {
                messages.push(("with a body", self.carrier.clone()));
            } else if messages.is_empty() {
                messages.push(("with what the endpoint needs", self.carrier.clone()));
            }
            for (label, mut message) in messages {
                with_query(&mut message, &text);
                let plants = written.plants.clone();
                self.push(Carrier::Query, label.into(), sheet.name, message, plants);
            }
        }
    }

    /// The whole target in a parameter, for SDKs that wrap it.
    fn wrapped_target(&mut self, bases: &Bases) {
        let Some(param) = self.court.vendor.forward_param.clone() else {
            return;
        };
        for sheet in &bases.query {
            let mut written = Written::default();
            let text = wire::pairs(&sheet.tree, self.style(), &mut written);
            let mut message = self.carrier.clone();
            with_query(&mut message, &text);
            let mut encoded = String::new();
            form::encode(&message.target, &mut encoded);
            message.target = format!("/?{param}={encoded}");
            let label = format!("wrapped in {param}");
            self.push(Carrier::Query, label, sheet.name, message, written.plants);
        }
    }

    fn paths(&mut self) {
        let endpoint = self.court.endpoint;
        for pattern in &endpoint.paths {
            let mut names: Vec<&str> = Vec::new();
            for segment in &pattern.segments {
                match segment {
                    PathSegment::Param(name) => names.push(name),
                    PathSegment::Glob(_) => names.push("*"),
                    PathSegment::Literal(_) => {}
                }
            }
            names.retain(|name| endpoint.params.iter().all(|p| *p.name != **name));
            for name in names {
                let Leaf { text, plant, .. } = self.garden.segment(name);
                let mut encoded = String::new();
                form::encode(&text, &mut encoded);
                let mut message = self.carrier.clone();
                let query = message.target.split_once('?').map(|(_, q)| q.to_owned());
                message.target = self.path(pattern, &|n| (n == name).then(|| encoded.clone()));
                if let Some(query) = query {
                    with_query(&mut message, &query);
                }
                let plants = plant.into_iter().collect();
                self.push(Carrier::Path, format!(":{name}"), "fields", message, plants);
            }
        }
    }

    fn headers(&mut self) {
        let endpoint = self.court.endpoint;
        let param = |name: &str| endpoint.params.iter().any(|p| *p.name == *name);
        let listed = |list: &[Box<str>], name: &str| list.iter().any(|l| **l == *name);
        let mut message = self.carrier.clone();
        let mut plants = Vec::new();
        let own = endpoint.judged_headers.iter().map(|h| &**h);
        let mut names: Vec<&str> = own.chain(AMBIENT).filter(|n| !param(n)).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| !listed(&endpoint.headers, name));
        for name in names {
            let judged = listed(&endpoint.judged_headers, name);
            let Leaf { text, plant, .. } = self.garden.header(name, judged, false);
            let text = match name {
                "cookie" => format!("sid={text}"),
                "forwarded" => format!("for={text}"),
                "if-none-match" => format!("\"{text}\""),
                "authorization" => format!("Bearer {text}"),
                _ => text,
            };
            message.headers.push((name.to_owned(), text));
            plants.extend(plant);
        }
        self.push(
            Carrier::Header,
            "all that are judged or unlisted".into(),
            "fields",
            message,
            plants,
        );
        for name in &endpoint.headers {
            let Leaf { text, plant, .. } = self.garden.header(name, false, true);
            let mut message = self.carrier.clone();
            message.headers.retain(|(had, _)| **had != **name);
            message.headers.push((name.to_string(), text));
            let plants = plant.into_iter().collect();
            self.push(
                Carrier::Header,
                format!("{name} (passes)"),
                "protocol",
                message,
                plants,
            );
        }
    }

    /// A path that a pattern matches; `value` gives segments their text, percent-encoded.
    fn path(&self, pattern: &PathPattern, value: &dyn Fn(&str) -> Option<String>) -> String {
        let mut out = String::new();
        for segment in &pattern.segments {
            out.push('/');
            match segment {
                PathSegment::Literal(text) => out.push_str(text),
                PathSegment::Glob(glob) => {
                    let first = value("*").unwrap_or("1".into());
                    out.push_str(&glob.replacen('*', &first, 1).replace('*', "1"));
                }
                PathSegment::Param(name) => {
                    let text = value(name).or_else(|| self.document_in_path(name));
                    out.push_str(&text.unwrap_or(NEUTRAL.into()));
                }
            }
        }
        if out.is_empty() { "/".into() } else { out }
    }

    /// A document without canaries, for a segment that holds one.
    fn document_in_path(&self, name: &str) -> Option<String> {
        let mut tree = Tree::map();
        tree.put(&[Seg::key("key")], Tree::text("probe"));
        let params = &self.court.endpoint.params;
        params.iter().find(|p| *p.name == *name)?;
        let text = wire::parameter(name, &tree, params, &mut Written::default())?;
        let mut encoded = String::new();
        form::encode(&text, &mut encoded);
        Some(encoded)
    }

    /// How the endpoint's parameters are written.
    pub(super) fn style(&self) -> Style<'a> {
        Style {
            params: &self.court.endpoint.params,
            alternating: &self.court.endpoint.alternating,
        }
    }

    pub(super) fn takes(&self, method: &str) -> bool {
        self.court.endpoint.methods.iter().any(|m| **m == *method)
    }

    /// A request without body and query.
    pub(super) fn message(&self, method: &str) -> Message {
        let target = self.court.endpoint.paths.first();
        let mut message = Message {
            method: method.to_owned(),
            target: target.map_or("/".into(), |p| self.path(p, &|_| None)),
            ..Message::default()
        };
        if self.court.gpc {
            message.headers.push(("sec-gpc".into(), "1".into()));
        }
        message
    }

    pub(super) fn unmade(&mut self, carrier: Carrier, layers: &[Layer], why: &'static str) {
        let encoding = wire::name(layers, &Way::default());
        let new = Unmade {
            carrier,
            encoding,
            why,
        };
        if !self.unmade.contains(&new) {
            self.unmade.push(new);
        }
    }

    pub(super) fn push(
        &mut self,
        carrier: Carrier,
        encoding: String,
        sheet: &'static str,
        message: Message,
        plants: Vec<Arc<Plant>>,
    ) {
        let encoding = if self.court.gpc {
            format!("{encoding} (with Sec-GPC)")
        } else {
            encoding
        };
        self.probes.push(Probe {
            carrier,
            encoding,
            sheet,
            message,
            plants,
        });
    }
}

pub(super) fn with_query(message: &mut Message, more: &str) {
    if more.is_empty() {
        return;
    }
    let mark = if message.target.contains('?') {
        '&'
    } else {
        '?'
    };
    message.target = format!("{}{mark}{more}", message.target);
}
