//! The small languages inside a catalog's strings: paths, layers, places of events, selectors, URLs.
//!
//! Each function reads one word and either answers or reports what was expected, with its place.
//! Knows nothing of how the file around it is laid out.

use std::sync::Arc;

use crate::category::DataCategory;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Spanned, Value, did_you_mean, nearest, show};
use crate::selector::{Selector, Step};

use super::{EventRoot, Layer, Members, MessageType, PathPattern, PathSegment};

/// Names of layers, for suggestions; `form:` takes field names.
const LAYERS: &[&str] = &[
    "gzip?",
    "inflate?",
    "form:data",
    "base64",
    "base64?",
    "base64url",
    "percent?",
    "base64r?",
    "lz64?",
    "latin1",
    "text",
    "json",
    "ndjson",
    "json|ndjson",
    "query",
    "lines",
    "json|query",
    "envelope",
    "multipart",
    "protobuf:Message",
];

/// A path pattern: `/track/?`, `/flags/:flag`, `/libs/mixpanel-*.js`.
pub(super) fn path(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<PathPattern> {
    match read_path(word.value) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            d.push(
                Diagnostic::error(
                    "bad-path",
                    format!("`{}` is not a path: {why}", show(word.value)),
                    word.span.clone(),
                )
                .help("write `/track`, `/track/?`, `/flags/:flag/events` or `/libs/*.js`"),
            );
            None
        }
    }
}

fn read_path(text: &str) -> Result<PathPattern, &'static str> {
    let rest = text.strip_prefix('/').ok_or("it must begin with `/`")?;
    let (rest, optional_slash) = match rest.strip_suffix("/?") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    if rest.is_empty() && !optional_slash {
        let root = PathSegment::Literal("".into());
        return Ok(PathPattern {
            segments: [root].into(),
            optional_slash,
        });
    }
    let segments: Result<Box<[_]>, _> = rest.split('/').map(read_segment).collect();
    Ok(PathPattern {
        segments: segments?,
        optional_slash,
    })
}

fn read_segment(text: &str) -> Result<PathSegment, &'static str> {
    if let Some(name) = text.strip_prefix(':') {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err("a segment's name is letters, digits and `_`");
        }
        return Ok(PathSegment::Param(name.into()));
    }
    if text.is_empty() {
        return Err("a segment is empty; an optional last slash is `/?`");
    }
    if matches!(text, "." | "..") || text.contains(['?', '#', '%', '\\', ' ']) {
        return Err("a segment holds what a normalised path never holds");
    }
    Ok(if text.contains('*') {
        PathSegment::Glob(text.into())
    } else {
        PathSegment::Literal(text.into())
    })
}

/// The layers of a format, from the outside in: `["form:data", "base64?", "json"]`.
pub(super) fn layers(
    words: &[Spanned<&str>],
    at: std::ops::Range<usize>,
    d: &mut Diagnostics,
) -> Box<[Layer]> {
    let before = d.items.len();
    let read: Box<[Layer]> = words.iter().filter_map(|word| layer(word, d)).collect();
    if d.items.len() == before
        && let Some(why) = bad_order(&read)
    {
        d.push(Diagnostic::error("bad-layers", why, at));
    }
    read
}

fn layer(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<Layer> {
    let known = match word.value {
        "gzip?" => Layer::SniffGzip,
        "inflate?" => Layer::SniffZlib,
        "base64" => Layer::Base64,
        "base64?" => Layer::MaybeBase64,
        "latin1" => Layer::Latin1,
        "text" => Layer::Text,
        "json" => Layer::Json,
        "ndjson" => Layer::Ndjson,
        "json|ndjson" => Layer::JsonOrNdjson,
        "base64url" => Layer::Base64Url,
        "percent?" => Layer::MaybePercent,
        "base64r?" => Layer::MaybeReversed,
        "lz64?" => Layer::MaybeLz64,
        "query" => Layer::Query,
        "lines" => Layer::Lines,
        "json|query" => Layer::JsonOrQuery,
        "envelope" => Layer::Envelope(Members::default()),
        "multipart" => Layer::Multipart(Members::default()),
        other
            if other
                .strip_prefix("protobuf:")
                .is_some_and(|m| !m.is_empty()) =>
        {
            Layer::Protobuf(MessageType {
                name: other.trim_start_matches("protobuf:").into(),
                schema: Arc::default(),
                place: 0,
            })
        }
        other => {
            let fields = other.strip_prefix("form:").map(|list| list.split(','));
            let fields: Box<[Box<str>]> = match fields {
                Some(fields) => fields.map(|field| field.trim().into()).collect(),
                None => Box::new([]),
            };
            if fields.is_empty() || fields.iter().any(|field| field.is_empty()) {
                d.push(
                    Diagnostic::error(
                        "unknown-layer",
                        format!("unknown layer `{}`", show(other)),
                        word.span.clone(),
                    )
                    .help(did_you_mean(
                        other,
                        LAYERS.iter().copied(),
                        "expected one of",
                    )),
                );
                return None;
            }
            Layer::Form(fields)
        }
    };
    Some(known)
}

/// A document comes last and once; a form, if any, stands outside of base64.
fn bad_order(layers: &[Layer]) -> Option<&'static str> {
    let framed = |layer: &Layer| {
        matches!(
            layer,
            Layer::Envelope(_) | Layer::Multipart(_) | Layer::Protobuf(_)
        )
    };
    let sniffed = |layer: &Layer| matches!(layer, Layer::SniffGzip | Layer::SniffZlib);
    let document = |layer: &Layer| match layer {
        Layer::Json
        | Layer::Ndjson
        | Layer::JsonOrNdjson
        | Layer::Query
        | Layer::Lines
        | Layer::JsonOrQuery
        | Layer::Protobuf(_)
        | Layer::Text
        | Layer::Envelope(_)
        | Layer::Multipart(_) => true,
        Layer::SniffGzip
        | Layer::SniffZlib
        | Layer::Form(_)
        | Layer::Base64
        | Layer::MaybeBase64
        | Layer::Base64Url
        | Layer::MaybeReversed
        | Layer::MaybePercent
        | Layer::Latin1
        | Layer::MaybeLz64 => false,
    };
    let Some((last, outer)) = layers.split_last() else {
        return Some("a format needs layers, such as `[\"json\"]`");
    };
    if !document(last) {
        return Some("the last layer must be a document, such as `json`, `ndjson` or `query`");
    }
    if outer.iter().any(document) {
        return Some("nothing comes after a document, such as `json`, `ndjson` or `query`");
    }
    if framed(last) && !outer.iter().all(sniffed) {
        return Some("`envelope`, `multipart` and `protobuf` stand alone, but for `gzip?`");
    }
    let form = outer.iter().position(|l| matches!(l, Layer::Form(_)))?;
    let inside = outer.get(form + 1..).unwrap_or_default();
    let gzip_only = outer.iter().take(form).all(sniffed);
    (!gzip_only || inside.iter().any(|l| matches!(l, Layer::Form(_))))
        .then_some("a form is the outermost layer, but for `gzip?`")
}

/// Where events stand: `.` the document, `[]` each element of it, `batch[]`, `a.b[]`.
pub(super) fn event_root(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<EventRoot> {
    if word.value == "." {
        return Some(EventRoot {
            keys: Box::new([]),
            items: false,
            query: false,
        });
    }
    let (place, query) = match word.value.strip_suffix("[]?") {
        Some(_) => (word.value.trim_end_matches('?'), true),
        None => (word.value, false),
    };
    let parsed = Selector::parse(place).ok();
    let read = parsed.as_ref().and_then(|selector| {
        let (keys, items) = match selector.steps().split_last()? {
            (Step::Item, keys) => (keys, true),
            _ => (selector.steps(), false),
        };
        // Lists on the way are entered whether they are written or not: `a[].b[]`.
        let leading = matches!(keys.first(), Some(Step::Item));
        let twice = keys.windows(2).any(|two| two == [Step::Item, Step::Item]);
        let keys = keys.iter().filter(|step| **step != Step::Item);
        let keys: Option<Box<[Box<str>]>> = keys.map(literal).collect();
        let keys = keys.filter(|_| !leading && !twice)?;
        Some(EventRoot { keys, items, query })
    });
    if read.is_none() {
        d.push(
            Diagnostic::error(
                "bad-event-place",
                format!("`{}` is not a place of events", show(word.value)),
                word.span.clone(),
            )
            .help(
                "write `.` for the document, `[]` for its elements, `batch[]` for those of a list, \
                 `$query` for the query string",
            ),
        );
    }
    read
}

fn literal(step: &Step) -> Option<Box<str>> {
    match step {
        Step::Key(key) => Some(key.clone()),
        Step::Glob(_) | Step::Any | Step::Deep | Step::Item => None,
    }
}

/// A field selector.
pub(super) fn selector(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<Selector> {
    let selector = match Selector::parse(word.value) {
        Ok(selector) => selector,
        Err(why) => {
            d.push(Diagnostic::error(
                "bad-selector",
                format!("`{}` is not a selector: {why}", show(word.value)),
                word.span.clone(),
            ));
            return None;
        }
    };
    if let Some(why) = bad_place(&selector) {
        d.push(Diagnostic::error(
            "bad-selector",
            format!("`{}`: {why}", show(word.value)),
            word.span.clone(),
        ));
        return None;
    }
    Some(selector)
}

/// A `$header.…` that could never match, since header names are compared in lower case.
fn bad_place(selector: &Selector) -> Option<&'static str> {
    let (Step::Key(first), name) = (selector.steps().first()?, selector.steps().get(1)) else {
        return None;
    };
    if **first == *"$header" {
        let lower = matches!(name, Some(Step::Key(n)) if !n.chars().any(char::is_uppercase));
        return (!lower).then_some("a header's name is written in lower case");
    }
    None
}

/// A category, with the nearest one when there is none of that name.
pub(super) fn category(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<DataCategory> {
    let found = DataCategory::parse(word.value);
    if found.is_none() {
        let near = nearest(word.value, DataCategory::all().map(DataCategory::key));
        let help = near.map_or_else(
            || "write a key of the taxonomy, `protocol`, `issued`, `routes` or `plain`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        d.push(
            Diagnostic::error(
                "unknown-category",
                format!("unknown category `{}`", show(word.value)),
                word.span.clone(),
            )
            .help(help),
        );
    }
    found
}

/// Whether a selector may mean more than one field.
pub(super) fn is_pattern(selector: &Selector) -> bool {
    selector.steps().iter().any(|step| literal(step).is_none())
}

/// An upstream: scheme and authority, perhaps a path, no slash at the end.
pub(super) fn read_url(v: &Value<'_>, d: &mut Diagnostics) -> Option<Box<str>> {
    let url = v.str(d)?;
    let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    let plain = |rest: &str| !rest.is_empty() && !rest.contains(['?', '#', '@', ' ']);
    if !rest.is_some_and(|rest| plain(rest) && !rest.ends_with('/')) {
        d.push(
            Diagnostic::error(
                "bad-url",
                format!("`{}` is not an upstream", show(url.value)),
                url.span.clone(),
            )
            .help("write scheme and host without a slash at the end: `https://api.example.com`"),
        );
        return None;
    }
    Some(url.value.into())
}

/// Lower-case letters, digits and the punctuation allowed.
pub(super) fn check_word(
    word: &Spanned<&str>,
    what: &str,
    also: fn(char) -> bool,
    d: &mut Diagnostics,
) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || also(c);
    if word.value.is_empty() || !word.value.chars().all(plain) {
        let message = format!("`{}` is not {what} in lower case", show(word.value));
        d.push(Diagnostic::error("bad-name", message, word.span.clone()));
    }
}

/// Several field selectors.
pub(super) fn selectors(words: &[Spanned<&str>], d: &mut Diagnostics) -> Box<[Selector]> {
    let read = words.iter().filter_map(|word| selector(word, d));
    read.collect()
}

/// The words as they are.
pub(super) fn boxes(words: &[Spanned<&str>]) -> Box<[Box<str>]> {
    words.iter().map(|word| word.value.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Spanned<&str> {
        Spanned {
            value: text,
            span: 0..text.len(),
        }
    }

    fn codes<T>(read: impl FnOnce(&mut Diagnostics) -> T) -> Vec<&'static str> {
        let mut d = Diagnostics::new("x.toml", "");
        read(&mut d);
        d.items.iter().map(|item| item.code).collect()
    }

    #[test]
    fn paths_are_literals_names_and_globs() {
        let mut d = Diagnostics::default();
        let read = path(&word("/api/:project/e*/?"), &mut d).unwrap();
        assert!(read.optional_slash && d.items.is_empty());
        let want = [
            PathSegment::Literal("api".into()),
            PathSegment::Param("project".into()),
            PathSegment::Glob("e*".into()),
        ];
        assert_eq!(*read.segments, want);
        assert!(path(&word("/"), &mut d).unwrap().matches("/"));
        for bad in [
            "", "e", "//", "/e/", "/e//?", "/?", "/a?b", "/a b", "/../b", "/:", "/%2f", "/a\\b",
        ] {
            assert_eq!(codes(|d| path(&word(bad), d)), ["bad-path"], "{bad}");
        }
    }

    #[test]
    fn layers_end_in_a_document() {
        let bad = |list: &[&str]| {
            let words: Vec<_> = list.iter().map(|w| word(w)).collect();
            codes(|d| layers(&words, 0..1, d))
        };
        for good in [
            &["json"][..],
            &["gzip?", "json|ndjson"],
            &["form:data", "base64?", "json"],
            &["form:e,client", "json"],
            &["gzip?", "form:data", "base64", "ndjson"],
        ] {
            assert!(bad(good).is_empty(), "{good:?}");
        }
        assert_eq!(bad(&["form:", "json"]), ["unknown-layer"]);
        assert_eq!(bad(&["zip", "json"]), ["unknown-layer"]);
        for order in [
            &[][..],
            &["base64"],
            &["json", "json"],
            &["base64", "form:data", "json"],
            &["form:a", "form:b", "json"],
        ] {
            assert_eq!(bad(order), ["bad-layers"], "{order:?}");
        }
    }

    #[test]
    fn events_stand_at_a_place() {
        let mut d = Diagnostics::default();
        let read = |text: &str, d: &mut Diagnostics| {
            event_root(&word(text), d).map(|r| (r.keys.join("/"), r.items))
        };
        assert_eq!(read(".", &mut d), Some((String::new(), false)));
        assert_eq!(read("[]", &mut d), Some((String::new(), true)));
        assert_eq!(read("a.b[]", &mut d), Some(("a/b".into(), true)));
        assert_eq!(read("data", &mut d), Some(("data".into(), false)));
        assert!(d.items.is_empty());
        assert_eq!(read("a[].b[]", &mut d), Some(("a/b".into(), true)));
        for bad in ["", "*", "[].b", "**", "a.*[]", "a[][].b"] {
            assert_eq!(
                codes(|d| event_root(&word(bad), d)),
                ["bad-event-place"],
                "{bad}"
            );
        }
    }
}
