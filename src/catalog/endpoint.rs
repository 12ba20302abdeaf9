//! Reads `[[endpoint]]` and `[defaults.<kind>]`.
//!
//! An endpoint takes what it does not say itself from its kind's defaults, key by key; a list that it
//! writes replaces theirs. What comes out is complete: an endpoint that collects has a way to read
//! what it gets and an answer to give.

use std::cell::Cell;
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Spanned, Table, Value, did_you_mean, show};
use crate::selector::Selector;

use super::fields::{read_fields, set_values, with_below};
use super::include::{Set as Included, include_fields};
use super::load::{Named, Shared};
use super::pairs::{Pairs, read_pairs};
use super::words::{boxes, check_word, read_url, selectors};
use super::{
    Answer, BodyFormat, Copied, Each, Endpoint, EventRoot, Kind, Locator, ParamFormat, PathPattern,
    PathSegment, Set, words,
};

const KINDS: &[(&str, Kind)] = &[
    ("collect", Kind::Collect),
    ("query", Kind::Query),
    ("asset", Kind::Asset),
    ("replay", Kind::Replay),
];

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "REPORT"];

/// One endpoint, and where it stands.
pub(super) fn read_endpoint(
    t: Table<'_>,
    shared: &Shared,
    defaults: &[KindDefaults],
    d: &mut Diagnostics,
) -> Option<(Range<usize>, Endpoint)> {
    let span = t.span();
    let written = t.required("paths", d).map(|v| v.str_list(d));
    let paths = written.as_ref().map(|words| {
        let read = words.iter().filter_map(|word| words::path(word, d));
        read.collect::<Box<[_]>>()
    });
    let kind = t.required("kind", d).and_then(|v| v.choice(KINDS, d));
    let upstream_path = t.str("upstream_path", d);
    if let Some(path) = &upstream_path {
        // The vendor's own path may end in a slash, which a pattern writes as `/?`.
        let value = path.value.strip_suffix('/').filter(|rest| !rest.is_empty());
        let value = value.unwrap_or(path.value);
        let span = path.span.clone();
        let pattern = words::path(&Spanned { value, span }, d);
        check_names(pattern.as_ref(), paths.as_deref(), &path.span, d);
    }
    let locator = t.table("locator", d).and_then(|t| read_locator(t, d));
    let own = Common::read(&t, shared, d);
    let fields = t.table("fields", d);
    let fields = fields.map_or_else(Box::default, |t| read_fields(&t, d));
    let fields = with_below(fields, include_fields(&t, d));
    t.finish(d);
    let kind = kind?;
    let default = defaults.iter().find(|default| default.kind == kind);
    let all = default.map_or_else(Common::default, |default| {
        default.used.set(true);
        default.common.clone()
    });
    let all = own.over(&all);
    check_endpoint(kind, &all, &span, d);
    let name = written?.first()?.value;
    let sets = [all.set, all.replace, all.remove];
    let endpoint = Endpoint {
        name: name.strip_suffix("/?").unwrap_or(name).into(),
        kind,
        methods: all.methods.unwrap_or_default(),
        paths: paths?,
        upstream: all.upstream,
        upstream_path: upstream_path.map(|path| path.value.into()),
        locator,
        bodies: all.body.unwrap_or_default(),
        params: all.params.unwrap_or_default(),
        query_event: all
            .events
            .as_deref()
            .is_some_and(|e| e.iter().any(is_query)),
        events: all.events.map_or_else(Box::default, |events| {
            events.into_iter().filter(|root| !is_query(root)).collect()
        }),
        copies: all.copy.unwrap_or_default(),
        checksum: all.checksum,
        alternating: all.alternating.unwrap_or_default(),
        event_name: all.event_name,
        fields,
        pairs: all.pairs.unwrap_or_else(|| shared.pairs.clone()),
        sets: sets.into_iter().flatten().flatten().collect(),
        headers: all.headers.unwrap_or_default(),
        judged_headers: all.judged_headers.unwrap_or_default(),
        answer_headers: all.answer_headers.unwrap_or_default(),
        answers: all.answers.unwrap_or_default(),
    };
    Some((span, endpoint))
}

/// `$query`: the query string is an event.
fn is_query(root: &EventRoot) -> bool {
    matches!(&*root.keys, [key] if **key == *"$query") && !root.items
}

/// Segments that the vendor's path names must be there in every path that leads to it.
fn check_names(
    upstream: Option<&PathPattern>,
    paths: Option<&[PathPattern]>,
    span: &Range<usize>,
    d: &mut Diagnostics,
) {
    let segments = upstream.map_or(&[][..], |pattern| &pattern.segments);
    for segment in segments {
        let known = match segment {
            PathSegment::Param(_) => {
                let mut paths = paths.unwrap_or_default().iter();
                paths.all(|path| path.segments.contains(segment))
            }
            PathSegment::Literal(_) => true,
            PathSegment::Glob(_) => false,
        };
        if !known {
            let message = "a segment is neither written out nor named in every path";
            d.push(Diagnostic::error("bad-path", message, span.clone()));
        }
    }
}

/// What an endpoint of its kind cannot do without, or cannot have.
fn check_endpoint(kind: Kind, all: &Common, span: &Range<usize>, d: &mut Diagnostics) {
    let mut missing = |what: &str| {
        let message = format!("{what}, here or in `[defaults.…]` of its kind");
        d.push(Diagnostic::error("missing-key", message, span.clone()));
    };
    let some = |list: Option<usize>| list.is_some_and(|len| len > 0);
    let bodies = some(all.body.as_ref().map(|l| l.len()));
    let params = all.params.as_deref().unwrap_or_default();
    if !some(all.methods.as_ref().map(|l| l.len())) {
        missing("an endpoint needs `methods`");
    }
    if (bodies || params.iter().any(|p| p.events)) && !some(all.events.as_ref().map(|l| l.len())) {
        missing("an endpoint that takes a document needs `events`, the places of its events");
    }
    if matches!(kind, Kind::Collect | Kind::Replay) {
        let query = all
            .events
            .as_deref()
            .is_some_and(|e| e.iter().any(is_query));
        if !bodies && params.is_empty() && !query {
            missing("an endpoint that collects needs `body`, `params` or the event `$query`");
        }
        if !some(all.answers.as_ref().map(|l| l.len())) {
            missing(
                "an endpoint that collects needs `answers`, for a body of which nothing is left",
            );
        }
    }
    if kind == Kind::Asset && bodies {
        let message = "an asset takes no body";
        d.push(Diagnostic::error("bad-endpoint", message, span.clone()));
    }
}

/// What an endpoint and its kind's defaults may both say.
#[derive(Default, Clone)]
struct Common {
    methods: Option<Box<[Box<str>]>>,
    upstream: Option<Box<str>>,
    body: Option<Box<[BodyFormat]>>,
    params: Option<Box<[ParamFormat]>>,
    events: Option<Box<[EventRoot]>>,
    event_name: Option<Selector>,
    pairs: Option<Box<[Pairs]>>,
    headers: Option<Box<[Box<str>]>>,
    judged_headers: Option<Box<[Box<str>]>>,
    answer_headers: Option<Box<[Box<str>]>>,
    set: Option<Vec<Set>>,
    replace: Option<Vec<Set>>,
    remove: Option<Vec<Set>>,
    copy: Option<Box<[Copied]>>,
    checksum: Option<Box<str>>,
    alternating: Option<Box<[Box<str>]>>,
    answers: Option<Box<[Answer]>>,
}

impl Common {
    fn read(t: &Table<'_>, shared: &Shared, d: &mut Diagnostics) -> Self {
        Self {
            methods: t.value("methods").map(|v| read_methods(&v, d)),
            upstream: t.value("upstream").and_then(|v| read_url(&v, d)),
            body: t
                .value("body")
                .map(|v| pick(&v, &shared.formats, "format", d)),
            params: t
                .value("params")
                .map(|v| pick(&v, &shared.params, "parameter", d)),
            events: t.value("events").map(|v| {
                let words = v.str_list(d);
                words
                    .iter()
                    .filter_map(|w| words::event_root(w, d))
                    .collect()
            }),
            event_name: t
                .str("event_name", d)
                .and_then(|word| words::selector(&word, d)),
            pairs: t.value("pairs").map(|v| read_pairs(&v, d)),
            headers: t.value("headers").map(|v| read_headers(&v, d)),
            judged_headers: t.value("judged_headers").map(|v| read_headers(&v, d)),
            answer_headers: t.value("answer_headers").map(|v| read_headers(&v, d)),
            set: t.table("set", d).map(|t| set_values(&t, true, d)),
            replace: t.table("replace", d).map(|t| set_values(&t, false, d)),
            remove: t.value("remove").map(|v| {
                let removed = selectors(&v.str_list(d), d).into_iter();
                removed
                    .map(|field| Set {
                        field,
                        value: None,
                        add: false,
                    })
                    .collect()
            }),
            copy: t.table("copy", d).map(|t| read_copies(&t, d)),
            checksum: t.str("checksum", d).and_then(|word| parameter(&word, d)),
            alternating: t.value("alternating").map(|v| {
                let words = v.str_list(d);
                words.iter().filter_map(|w| parameter(w, d)).collect()
            }),
            answers: t.value("answers").map(|v| {
                let answers = v.tables(d).into_iter();
                answers.filter_map(|t| read_answer(t, d)).collect()
            }),
        }
    }

    /// What is not said here is said by the defaults.
    fn over(self, below: &Self) -> Self {
        let below = below.clone();
        Self {
            methods: self.methods.or(below.methods),
            upstream: self.upstream.or(below.upstream),
            body: self.body.or(below.body),
            params: self.params.or(below.params),
            events: self.events.or(below.events),
            event_name: self.event_name.or(below.event_name),
            pairs: self.pairs.or(below.pairs),
            headers: self.headers.or(below.headers),
            judged_headers: self.judged_headers.or(below.judged_headers),
            answer_headers: self.answer_headers.or(below.answer_headers),
            set: self.set.or(below.set),
            replace: self.replace.or(below.replace),
            remove: self.remove.or(below.remove),
            copy: self.copy.or(below.copy),
            checksum: self.checksum.or(below.checksum),
            alternating: self.alternating.or(below.alternating),
            answers: self.answers.or(below.answers),
        }
    }
}

/// `[defaults.<kind>]`.
pub(super) struct KindDefaults {
    kind: Kind,
    span: Range<usize>,
    used: Cell<bool>,
    common: Common,
}

pub(super) fn read_defaults(
    t: &Table<'_>,
    shared: &Shared,
    d: &mut Diagnostics,
) -> Vec<KindDefaults> {
    let Some(t) = t.table("defaults", d) else {
        return Vec::new();
    };
    let mut defaults = Vec::new();
    for (word, kind) in KINDS {
        let Some(table) = t.table(word, d) else {
            continue;
        };
        defaults.push(KindDefaults {
            kind: *kind,
            span: table.span(),
            used: Cell::new(false),
            common: Common::read(&table, shared, d),
        });
        table.finish(d);
    }
    t.finish(d);
    defaults
}

/// A vendor's defaults over those that it includes.
pub(super) fn join(mut own: Vec<KindDefaults>, included: &mut [Included]) -> Vec<KindDefaults> {
    for set in included {
        for below in set.defaults.drain(..) {
            match own.iter_mut().find(|default| default.kind == below.kind) {
                Some(above) => above.common = above.common.clone().over(&below.common),
                None => {
                    below.used.set(true);
                    own.push(below);
                }
            }
        }
    }
    own
}

pub(super) fn warn_unused_defaults(defaults: &[KindDefaults], d: &mut Diagnostics) {
    for default in defaults.iter().filter(|default| !default.used.get()) {
        let message = "no endpoint is of this kind";
        d.push(Diagnostic::warning("unused", message, default.span.clone()));
    }
}

/// An endpoint that can never be reached, or only by some of its paths.
pub(super) fn check_clashes(endpoints: &[(Range<usize>, Endpoint)], d: &mut Diagnostics) {
    for (at, (span, endpoint)) in endpoints.iter().enumerate() {
        for (_, earlier) in endpoints.iter().take(at) {
            let path = endpoint.paths.iter().any(|p| earlier.paths.contains(p));
            let method = endpoint.methods.iter().any(|m| earlier.methods.contains(m));
            if path && method {
                d.push(Diagnostic::error(
                    "duplicate-endpoint",
                    format!("`{}` is taken by an earlier endpoint", show(&endpoint.name)),
                    span.clone(),
                ));
                break;
            }
        }
    }
}

/// `$query.name`: the name.
fn parameter(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<Box<str>> {
    let name = word
        .value
        .strip_prefix("$query.")
        .filter(|name| !name.is_empty());
    if name.is_none() {
        let message = format!("`{}` is no parameter", show(word.value));
        let finding = Diagnostic::error("bad-parameter", message, word.span.clone());
        d.push(finding.help("write `$query.name`"));
    }
    name.map(Into::into)
}

/// `copy = { "$query.cid" = "$query._id" }`: the parameter that is made, and what it is made from.
fn read_copies(t: &Table<'_>, d: &mut Diagnostics) -> Box<[Copied]> {
    let mut copies = Vec::new();
    for (to, from) in t.entries() {
        let span = to.span.clone();
        let parameter = |text: &str| text.strip_prefix("$query.").map(Into::into);
        let from = from.str(d).and_then(|from| parameter(from.value));
        match (parameter(to.value), from) {
            (Some(to), Some(from)) => copies.push(Copied { from, to }),
            _ => {
                let message = "`copy` copies a parameter to a parameter";
                let finding = Diagnostic::error("bad-copy", message, span);
                d.push(finding.help("write `{ \"$query.to\" = \"$query.from\" }`"));
            }
        }
    }
    copies.into()
}

/// `{ field = "$envelope.dsn", path = "/api/:project/envelope/" }`.
fn read_locator(t: Table<'_>, d: &mut Diagnostics) -> Option<Locator> {
    let field = t.required_str("field", d);
    let path = t.required_str("path", d);
    t.finish(d);
    let (field, path) = (field?, path?);
    let member = field.value.strip_prefix("$envelope.");
    let member = member.filter(|member| !member.is_empty() && !member.contains(['.', '[', '*']));
    if member.is_none() {
        let message = "the place is a member of the envelope's headers: `$envelope.name`";
        d.push(Diagnostic::error("bad-locator", message, field.span));
    }
    let parts = path.value.split_once(":project");
    if parts.is_none() || !path.value.starts_with('/') {
        let message = "the path begins with `/` and holds `:project`";
        d.push(Diagnostic::error("bad-locator", message, path.span));
    }
    let (before, behind) = parts?;
    Some(Locator {
        member: member?.into(),
        path: (before.into(), behind.into()),
    })
}

fn read_answer(t: Table<'_>, d: &mut Diagnostics) -> Option<Answer> {
    let when = t.table("when", d).and_then(|t| {
        let entries = t.entries();
        let [(name, value)] = entries.as_slice() else {
            let message = "`when` names one parameter and its value";
            d.push(Diagnostic::error("bad-answer", message, t.span()));
            return None;
        };
        Some((name.value.into(), value.str(d)?.value.into()))
    });
    let status = t.int("status", d);
    let content_type = t.str("type", d).map_or("", |v| v.value);
    let body = t.str("body", d).map_or("", |v| v.value);
    let each = t.table("each", d).and_then(|t| {
        let key = t.required_str("key", d);
        let says = t.required_str("says", d);
        t.finish(d);
        Some(Each {
            key: key?.value.into(),
            says: says?.value.into(),
        })
    });
    let span = t.span();
    t.finish(d);
    let code = status.as_ref().map_or(200, |s| s.value);
    if !(200..300).contains(&code) || (content_type.is_empty() && !body.is_empty()) {
        let message = "an answer is a success (200 to 299), and has a `type` if it has a `body`";
        d.push(Diagnostic::error("bad-answer", message, span));
    }
    Some(Answer {
        when,
        status: u16::try_from(code).ok()?,
        content_type: content_type.into(),
        body: body.into(),
        each,
    })
}

fn read_methods(v: &Value<'_>, d: &mut Diagnostics) -> Box<[Box<str>]> {
    let words = v.str_list(d);
    for word in &words {
        if !METHODS.contains(&word.value) {
            d.push(
                Diagnostic::error(
                    "unknown-method",
                    format!("unknown method `{}`", show(word.value)),
                    word.span.clone(),
                )
                .help(did_you_mean(
                    word.value,
                    METHODS.iter().copied(),
                    "expected one of",
                )),
            );
        }
    }
    boxes(&words)
}

fn read_headers(v: &Value<'_>, d: &mut Diagnostics) -> Box<[Box<str>]> {
    let words = v.str_list(d);
    for word in &words {
        check_word(word, "a header's name", |c| matches!(c, '-' | '_'), d);
    }
    boxes(&words)
}

/// The shared formats or parameters that a list names.
fn pick<T: Clone>(v: &Value<'_>, known: &[Named<T>], what: &str, d: &mut Diagnostics) -> Box<[T]> {
    let mut picked = Vec::new();
    for word in v.str_list(d) {
        if let Some(named) = known.iter().find(|named| named.name == word.value) {
            named.used.set(true);
            picked.extend(named.value.clone());
            continue;
        }
        let names = known.iter().map(|named| named.name.as_str());
        d.push(
            Diagnostic::error(
                "unknown-name",
                format!("no {what} is called `{}`", show(word.value)),
                word.span.clone(),
            )
            .help(did_you_mean(word.value, names, "known names")),
        );
    }
    picked.into()
}
