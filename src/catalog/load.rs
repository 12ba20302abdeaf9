//! Reads a vendor's catalog from TOML (`docs/new-vendor.md` describes the format).
//!
//! Everything that is wrong with a file is told at once, with its place and a fix; a file with an
//! error gives no vendor at all. Endpoints take what they do not say themselves from
//! `[defaults.<kind>]`, key by key. Knows no vendor: the compiled-in files come from `build.rs`.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Mended, Table, show, verdict};

use super::endpoint::{check_clashes, join, read_defaults, read_endpoint, warn_unused_defaults};
use super::fields::{read_fields, read_kinds, with_below};
use super::guide::read_guide;
use super::include::{Set, read_includes};
use super::messages::{bind, read_messages};
use super::nodes::{self, read_nodes};
use super::pairs::{Pairs, read_pairs};
use super::words::{boxes, check_word, read_url, selectors};
use super::{BodyFormat, Layer, ParamFormat, Tuple, Unfold, Vendor, members, words};

/// The compiled-in catalogs: file name and text, in the order of their names.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/vendors.rs"));

/// Reads one catalog. `Ok` holds the warnings.
///
/// # Errors
/// All findings, when one of them is an error.
pub fn load(file: &str, text: &str) -> Result<(Vendor, Diagnostics), Diagnostics> {
    let mended = Mended::of(text);
    let (document, mut d) = mended.document(file);
    let vendor = read_vendor(document.root(), &mut d);
    verdict(vendor, d)
}

/// The compiled-in vendors, in the order of their names.
///
/// # Errors
/// The findings of the first file that does not load: a test holds that all do.
pub fn builtin() -> Result<Vec<Vendor>, Diagnostics> {
    FILES
        .iter()
        .map(|(file, text)| load(file, text).map(|(vendor, _)| vendor))
        .collect()
}

fn read_vendor(t: Table<'_>, d: &mut Diagnostics) -> Option<Vendor> {
    let name = t.required_str("name", d);
    if let Some(name) = &name {
        check_word(name, "a vendor's name", |c| c == '-' || c == '_', d);
    }
    let title = t.required_str("title", d);
    let docs = t.str("docs", d).map_or("", |docs| docs.value);
    let upstream = t.required("upstream", d).and_then(|v| read_url(&v, d));
    let hosts = t.str_list("hosts", d);
    for host in &hosts {
        check_word(host, "a host name", |c| matches!(c, '.' | '-' | '*'), d);
    }
    let id_prefixes = boxes(&t.str_list("id_prefixes", d));
    let guide = read_guide(&t, d);
    let no_ids = boxes(&t.str_list("no_ids", d));
    let unfold = read_unfold(&t, d);
    let project = selectors(&t.str_list("project", d), d);
    let positional = selectors(&t.str_list("positional", d), d);
    let tuples = t
        .table("tuples", d)
        .map_or_else(Vec::new, |t| read_tuples(&t, d));
    let required = selectors(&t.str_list("required", d), d);
    let quotes = t.bool("quotes", d).is_some_and(|v| v.value);
    let forward_param = t.str("forward_param", d).map(|v| v.value.into());
    let mut included = read_includes(&t, d);
    let mut shared = read_shared(&t, d);
    for set in &mut included {
        shared.add(&mut set.shared);
    }
    let own = read_defaults(&t, &shared, d);
    let defaults = join(own, &mut included);
    let fields = t.table("fields", d);
    let fields = fields.map_or_else(Box::default, |t| read_fields(&t, d));
    let below = included.iter().flat_map(|set| set.fields.iter().cloned());
    let fields = with_below(fields, below.collect());
    let mut kinds = read_kinds(&t, d);
    kinds.extend(included.iter_mut().flat_map(|set| set.kinds.drain(..)));
    let endpoints: Vec<_> = t
        .tables("endpoint", d)
        .into_iter()
        .filter_map(|t| read_endpoint(t, &shared, &defaults, d))
        .collect();
    t.finish(d);
    shared.warn_unused(d);
    warn_unused_defaults(&defaults, d);
    check_clashes(&endpoints, d);
    let mut others = Diagnostics::default();
    let below = |set: &Set| set.endpoints(&defaults, &mut others);
    let below: Vec<_> = included.iter().flat_map(below).collect();
    let endpoints = endpoints.into_iter().chain(below);
    Some(Vendor {
        name: name?.value.into(),
        title: title?.value.into(),
        docs: docs.into(),
        upstream: upstream?,
        hosts: boxes(&hosts),
        id_prefixes,
        guide,
        no_ids,
        unfold,
        kinds: kinds.into(),
        fields,
        project,
        positional,
        tuples: tuples.into(),
        required,
        quotes,
        forward_param,
        endpoints: endpoints.map(|(_, endpoint)| endpoint).collect(),
    })
}

/// `[formats.…]` and `[params.…]`.
pub(super) fn read_shared(t: &Table<'_>, d: &mut Diagnostics) -> Shared {
    let schema = Arc::new(read_messages(t, d));
    let nodes = Arc::new(read_nodes(t, d));
    let mut formats = read_named(t, "formats", read_format, d);
    for named in &mut formats {
        if let Some(format) = &mut named.value {
            bind(format, &schema, &named.span, d);
            nodes::bind(format, &nodes, &named.span, d);
        }
    }
    Shared {
        formats,
        params: read_named(t, "params", read_param, d),
        pairs: t
            .value("pairs")
            .map(|v| read_pairs(&v, d))
            .unwrap_or_default(),
    }
}

/// `tuples = { "items[]" = ["sku", "name"] }`: lists, and what stands at each place in them.
fn read_tuples(t: &Table<'_>, d: &mut Diagnostics) -> Vec<Tuple> {
    let entries = t.entries().into_iter();
    entries
        .filter_map(|(list, names)| {
            let names = boxes(&names.str_list(d));
            let lists = words::selector(&list, d)?;
            Some(Tuple { lists, names })
        })
        .collect()
}

/// What endpoints name: `[formats.form]`, `[params.data]`.
pub(super) struct Shared {
    pub(super) formats: Vec<Named<BodyFormat>>,
    pub(super) params: Vec<Named<ParamFormat>>,
    /// For endpoints that write none of their own.
    pub(super) pairs: Box<[Pairs]>,
}

pub(super) struct Named<T> {
    pub(super) name: String,
    span: Range<usize>,
    pub(super) used: Cell<bool>,
    /// `None` when it could not be read: naming it is no second mistake.
    pub(super) value: Option<T>,
}

impl Shared {
    /// Adds what a set shares; what is there already comes first.
    fn add(&mut self, set: &mut Self) {
        for named in &set.formats {
            named.used.set(true);
        }
        for named in &set.params {
            named.used.set(true);
        }
        self.formats.append(&mut set.formats);
        self.params.append(&mut set.params);
        let pairs = std::mem::take(&mut self.pairs).into_iter();
        self.pairs = pairs.chain(std::mem::take(&mut set.pairs)).collect();
    }

    fn warn_unused(&self, d: &mut Diagnostics) {
        let formats = self.formats.iter().map(|n| (&n.name, &n.span, &n.used));
        let params = self.params.iter().map(|n| (&n.name, &n.span, &n.used));
        for (name, span, used) in formats.chain(params) {
            if !used.get() {
                let message = format!("no endpoint uses `{}`", show(name));
                d.push(Diagnostic::warning("unused", message, span.clone()));
            }
        }
    }
}

fn read_named<T>(
    t: &Table<'_>,
    key: &'static str,
    read: fn(&str, &Table<'_>, &mut Diagnostics) -> Option<T>,
    d: &mut Diagnostics,
) -> Vec<Named<T>> {
    let Some(named) = t.table(key, d) else {
        return Vec::new();
    };
    let entries = named.entries().into_iter();
    entries
        .map(|(name, value)| {
            let value = value.table(d).and_then(|t| {
                let value = read(name.value, &t, d);
                t.finish(d);
                value
            });
            Named {
                name: name.value.to_owned(),
                span: name.span,
                used: Cell::new(false),
                value,
            }
        })
        .collect()
}

/// `unfold = [{ at = […], layers = […] }]`.
fn read_unfold(t: &Table<'_>, d: &mut Diagnostics) -> Box<[Unfold]> {
    let mut all = Vec::new();
    for t in t.tables("unfold", d) {
        let at = t.required("at", d).map(|v| selectors(&v.str_list(d), d));
        let layers = t.required("layers", d);
        let layers = layers.map(|v| words::layers(&v.str_list(d), v.span(), d));
        t.finish(d);
        let (Some(at), Some(layers)) = (at, layers) else {
            continue;
        };
        let each = at.into_iter().map(|selector| Unfold {
            selector,
            layers: layers.clone(),
        });
        all.extend(each);
    }
    all.into()
}

fn read_format(_: &str, t: &Table<'_>, d: &mut Diagnostics) -> Option<BodyFormat> {
    let types = t.required("types", d).map(|v| v.str_list(d))?;
    for kind in &types {
        let known = matches!(kind.value, "" | "*");
        let (main, sub) = kind.value.split_once('/').unwrap_or_default();
        let clean = !kind.value.contains([';', ' ']) && kind.value.to_lowercase() == kind.value;
        if !known && (main.is_empty() || sub.is_empty() || !clean) {
            d.push(
                Diagnostic::error(
                    "bad-media-type",
                    format!("`{}` is not a media type", show(kind.value)),
                    kind.span.clone(),
                )
                .help("write it in lower case without parameters; `*` for any, `\"\"` for none"),
            );
        }
    }
    let layers = t.required("layers", d)?;
    Some(BodyFormat {
        content_types: boxes(&types),
        layers: members::fill(words::layers(&layers.str_list(d), layers.span(), d), t, d),
        cesu8: t.bool("cesu8", d).is_some_and(|v| v.value),
    })
}

fn read_param(name: &str, t: &Table<'_>, d: &mut Diagnostics) -> Option<ParamFormat> {
    let layers = t.required("layers", d)?;
    let read = words::layers(&layers.str_list(d), layers.span(), d);
    let framed = |l: &Layer| {
        matches!(
            l,
            Layer::Form(_) | Layer::Envelope(_) | Layer::Multipart(_) | Layer::Protobuf(_)
        )
    };
    if read.iter().any(framed) {
        let message = "a parameter's value is not a form or an envelope";
        d.push(Diagnostic::error("bad-layers", message, layers.span()));
    }
    Some(ParamFormat {
        name: name.into(),
        layers: read,
        cesu8: t.bool("cesu8", d).is_some_and(|v| v.value),
        events: t.bool("events", d).is_some_and(|v| v.value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Found;

    const HEAD: &str =
        "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://in.acme.example\"\n";
    const FORMAT: &str = "[formats.json]\ntypes = \"application/json\"\nlayers = [\"json\"]\n";
    const ENDPOINT: &str = "[[endpoint]]\npaths = [\"/e\"]\nkind = \"collect\"\nmethods = [\"POST\"]\n\
        body = [\"json\"]\nevents = [\".\"]\nanswers = [{ status = 204 }]\n";

    /// The findings, one line each, without file and place.
    fn findings(rest: &str) -> Vec<String> {
        let d = match load("acme.toml", &format!("{HEAD}{rest}")) {
            Ok((_, warnings)) => warnings,
            Err(all) => all,
        };
        let cut = |line: &str| line.splitn(4, ':').last().unwrap_or("").trim().to_owned();
        d.to_string().lines().map(cut).collect()
    }

    fn good(rest: &str) -> Vendor {
        load("acme.toml", &format!("{HEAD}{rest}")).unwrap().0
    }

    #[test]
    fn every_builtin_catalog_loads_without_a_finding() {
        assert!(!FILES.is_empty());
        for (file, text) in FILES {
            match load(file, text) {
                Ok((vendor, d)) => {
                    assert!(d.items.is_empty(), "{d}");
                    assert_eq!(*file, format!("config/vendors/{}.toml", vendor.name));
                }
                Err(d) => panic!("{d}"),
            }
        }
        assert_eq!(builtin().unwrap().len(), FILES.len());
    }

    #[test]
    fn the_smallest_catalog_of_the_documentation_loads() {
        let page = include_str!("../../docs/new-vendor.md");
        let block = page.split("```toml\n").nth(1).unwrap();
        let block = block.split("```").next().unwrap();
        let (vendor, d) = load("acme.toml", block).unwrap();
        assert!(d.items.is_empty(), "{d}");
        assert_eq!((vendor.endpoints.len(), vendor.fields.len()), (1, 5));
    }

    #[test]
    fn every_recorded_request_finds_its_endpoint_and_its_body_format() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        for vendor in builtin().unwrap() {
            let Ok(clients) = std::fs::read_dir(root.join(&*vendor.name)) else {
                continue; // tests/catalogs.rs says which vendors have recordings
            };
            let mut requests = 0;
            for client in clients {
                let client = client.unwrap().path();
                if !client.is_dir() {
                    continue;
                }
                for file in std::fs::read_dir(client).unwrap() {
                    let file = file.unwrap().path();
                    if file.extension().is_some_and(|e| e == "json") {
                        check_request(&vendor, &std::fs::read_to_string(&file).unwrap());
                        requests += 1;
                    }
                }
            }
            assert!(requests > 0, "{} has no golden files", vendor.name);
        }
    }

    fn check_request(vendor: &Vendor, text: &str) {
        let request: serde_json::Value = serde_json::from_str(text).unwrap();
        let target = request["target"].as_str().unwrap();
        let wraps = |param: &str| target.contains(&format!("?{param}="));
        if vendor.forward_param.as_deref().is_some_and(wraps) {
            return; // the golden tests unwrap it
        }
        let path = target.split('?').next().unwrap();
        let method = request["method"].as_str().unwrap();
        let Found::Endpoint(_, endpoint) = vendor.find(method, path) else {
            panic!("{}: no endpoint for {method} {path}", vendor.name);
        };
        let headers = request["headers"].as_array().unwrap().iter();
        let mut types =
            headers.filter(|h| h[0].as_str().unwrap().eq_ignore_ascii_case("content-type"));
        let sent = types.next().map_or("", |h| h[1].as_str().unwrap());
        let sent = sent.split(';').next().unwrap().trim().to_lowercase();
        if request["body_b64"].as_str().is_some_and(|b| !b.is_empty()) {
            let takes =
                |f: &BodyFormat| f.content_types.iter().any(|t| **t == *sent || **t == *"*");
            assert!(
                endpoint.bodies.iter().any(takes),
                "{path}: no format for {sent}"
            );
        }
    }

    #[test]
    fn an_endpoint_takes_what_it_does_not_say_from_its_kind() {
        let vendor = good(&format!(
            "{FORMAT}[params.data]\nlayers = [\"base64?\", \"json\"]\nevents = true\n\
             [defaults.collect]\nmethods = [\"POST\", \"GET\"]\nbody = [\"json\"]\n\
             params = [\"data\"]\nevents = [\".\", \"batch[]\"]\nset = {{ \"$query.ip\" = 0 }}\n\
             replace = {{ \"$form.ip\" = \"0\" }}\nremove = [\"$query.redirect\"]\n\
             answers = [{{ when = {{ verbose = \"1\" }}, type = \"text/plain\", body = \"ok\" }}, {{}}]\n\
             [[endpoint]]\npaths = [\"/a/?\"]\nkind = \"collect\"\n\
             [[endpoint]]\npaths = [\"/b\"]\nkind = \"collect\"\nmethods = \"POST\"\nparams = []\nremove = []\n"
        ));
        let [a, b] = &*vendor.endpoints else { panic!() };
        assert_eq!(
            (&*a.name, a.methods.len(), a.params.len(), a.sets.len()),
            ("/a", 2, 1, 3)
        );
        assert_eq!(
            (&*b.name, b.methods.len(), b.params.len(), b.sets.len()),
            ("/b", 1, 0, 2)
        );
        assert_eq!(a.params[0].layers[..], [Layer::MaybeBase64, Layer::Json]);
        assert_eq!((&*a.events[1].keys[0], a.events[1].items), ("batch", true));
        let sets: Vec<_> = a
            .sets
            .iter()
            .map(|s| (s.field.to_string(), s.value.as_deref(), s.add))
            .collect();
        assert_eq!(sets[0], ("$query.ip".to_owned(), Some("0"), true));
        assert_eq!(sets[1], ("$form.ip".to_owned(), Some("\"0\""), false));
        assert_eq!(sets[2], ("$query.redirect".to_owned(), None, false));
        assert_eq!(a.answers[0].when, Some(("verbose".into(), "1".into())));
        assert_eq!((a.answers[1].status, &*a.answers[1].body), (200, ""));
    }

    #[test]
    fn an_unknown_key_gets_a_suggestion() {
        assert_eq!(
            findings("hots = [\"a.example\"]"),
            ["error[unknown-key]: unknown key `hots`; help: did you mean `hosts`?"]
        );
        let found = findings(&format!("{FORMAT}{ENDPOINT}event_names = \"x\"\n"));
        assert_eq!(
            found,
            ["error[unknown-key]: unknown key `event_names`; help: did you mean `event_name`?"]
        );
    }

    #[test]
    fn everything_is_told_at_once() {
        let found = findings(
            "[formats.form]\ntypes = [\"Text/Plain\"]\nlayers = [\"form:data\", \"bas64\", \"json\"]\n\
             [[endpoint]]\npaths = [\"track\"]\nkind = \"colect\"\nbody = [\"from\"]\n\
             headers = [\"Authorization\"]\n[fields]\n\"user.contact.emial\" = [\"a\"]\nplain = [\"a..b\"]\n",
        );
        let want = [
            "warning[unused]: no endpoint uses `form`",
            "error[bad-media-type]: `Text/Plain` is not a media type; help: write it in lower case without parameters; `*` for any, `\"\"` for none",
            "error[unknown-layer]: unknown layer `bas64`; help: did you mean `base64`?",
            "error[bad-path]: `track` is not a path: it must begin with `/`; help: write `/track`, `/track/?`, `/flags/:flag/events` or `/libs/*.js`",
            "error[unknown-value]: `kind`: unknown value `colect`; help: did you mean `collect`?",
            "error[unknown-name]: no format is called `from`; help: did you mean `form`?",
            "error[bad-name]: `Authorization` is not a header's name in lower case",
            "error[unknown-category]: unknown category `user.contact.emial`; help: did you mean `user.contact.email`?",
            "error[bad-selector]: `a..b` is not a selector: a step is empty; write `a.b`, `a.*.b`, `**.b` or `a[].b`",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn what_an_endpoint_cannot_do_without_is_missed() {
        let found = findings("[[endpoint]]\npaths = [\"/e\"]\nkind = \"collect\"\n");
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(
            found
                .iter()
                .all(|f| f.starts_with("error[missing-key]: an endpoint"))
        );
        let twice = findings(&format!("{FORMAT}{ENDPOINT}{ENDPOINT}"));
        assert_eq!(
            twice,
            ["error[duplicate-endpoint]: `/e` is taken by an earlier endpoint"]
        );
    }

    #[test]
    fn a_selector_stands_in_one_place() {
        let fields = |list: &str| findings(&format!("[fields]\n{list}"));
        assert_eq!(
            fields("\"user.name\" = [\"a.b\"]\nplain = [\"a.b\"]"),
            ["error[duplicate-field]: `a.b` is listed twice"]
        );
        let both = good("[fields]\nprotocol = [\"a.b\"]\n\"user.name\" = [\"a.b\"]");
        assert!(both.fields[0].protocol && both.fields[0].category.is_some());
        assert_eq!(
            fields("plain = [\"$header.User-Agent\"]"),
            ["error[bad-selector]: `$header.User-Agent`: a header's name is written in lower case"]
        );
    }

    #[test]
    fn upstreams_and_answers_are_checked() {
        let text = format!("{HEAD}{FORMAT}{ENDPOINT}").replace("acme.example\"", "acme.example/\"");
        let d = load("acme.toml", &text.replace("204", "302")).unwrap_err();
        let codes: Vec<_> = d.items.iter().map(|i| i.code).collect();
        assert_eq!(codes, ["bad-url", "bad-answer"]);
    }
}
