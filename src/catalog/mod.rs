//! Vendors as data: hosts, endpoints, body formats, fields.
//!
//! A [`Vendor`] is read from one TOML file (`config/vendors/<name>.toml`); nothing in this crate
//! names a vendor in code. This layer knows no HTTP library and no policy.

use std::sync::Arc;

use crate::category::DataCategory;
use crate::selector::{Segment, Selector};

mod endpoint;
mod fields;
mod guide;
pub mod include;
pub mod load;
mod members;
mod messages;
mod nodes;
mod pairs;
mod words;

pub use guide::{Guide, Sdk};
pub use messages::MessageType;
pub use nodes::PackType;
pub use pairs::{PairForm, Pairs};

/// A third-party service.
#[derive(Debug)]
pub struct Vendor {
    /// The name in routes and policies: `mixpanel`.
    pub name: Box<str>,
    /// The name for people: `Mixpanel`.
    pub title: Box<str>,
    /// Where the vendor documents what this file describes.
    pub docs: Box<str>,
    /// Where clean requests go by default: `https://api-js.mixpanel.com`.
    pub upstream: Box<str>,
    /// All hosts of the vendor's collection service, for the forward proxy.
    pub hosts: Box<[Box<str>]>,
    /// What the vendor writes in front of ids: kept by pseudonyms.
    pub id_prefixes: Box<[Box<str>]>,
    /// What the catalog says to people.
    pub guide: Guide,
    /// Values that stand for nobody where ids stand (`unknown`, `null`): no pseudonym makes a person
    /// of them.
    pub no_ids: Box<[Box<str>]>,
    /// Strings within documents that hold other documents in a way that cannot be guessed.
    pub unfold: Box<[Unfold]>,
    /// Fields of events of one kind, looked up before all others.
    pub kinds: Box<[EventKind]>,
    /// Category and protection of fields, for every endpoint; see [`Vendor::field`].
    pub fields: Box<[Field]>,
    /// Where the project token or write key stands; `$query.token`, `properties.token`,
    /// `$header.authorization`.
    pub project: Box<[Selector]>,
    /// Lists whose elements are told by their position: what goes leaves a placeholder.
    pub positional: Box<[Selector]>,
    /// Such lists with names for their positions.
    pub tuples: Box<[Tuple]>,
    /// Members that must be there: what goes from them leaves a placeholder.
    pub required: Box<[Selector]>,
    /// Whether texts of its events quote what stands in other fields: names and ids that rules take
    /// away are then looked for in the rest of the document.
    pub quotes: bool,
    /// The query parameter in which the SDK wraps the real path and query: `ddforward`.
    pub forward_param: Option<Box<str>>,
    /// The endpoints, in the order in which they are matched.
    pub endpoints: Box<[Endpoint]>,
}

/// What is known of events whose member `key` is the text `value`, or any text where that is `*`.
#[derive(Debug, Clone)]
pub struct EventKind {
    /// A member of the event: `type`.
    pub key: Box<str>,
    /// Its text: `page`; `*` any.
    pub value: Box<str>,
    /// Category and protection of its fields.
    pub fields: Box<[Field]>,
}

/// A string within a document that holds another document.
#[derive(Debug, Clone)]
pub struct Unfold {
    /// Where.
    pub selector: Selector,
    /// Its layers, from the outside in.
    pub layers: Box<[Layer]>,
}

/// What a catalog knows about a field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Which leaves or containers.
    pub selector: Selector,
    /// Their category; `None` for a field that is only protected (or known to be harmless).
    pub category: Option<DataCategory>,
    /// Kept even under `unlisted = "drop"`, still scanned.
    pub protocol: bool,
    /// Given out by the vendor (a project's number, a public key): a value of such a form is not
    /// scanned.
    pub issued: bool,
    /// A route's name: a URL or path, with or without a method, is judged by the category; anything
    /// else is a name in the program.
    pub route: bool,
}

/// Method + path at a vendor.
#[derive(Debug)]
pub struct Endpoint {
    /// The name in policies, metrics and reports: the first path as written, without `/?`. Two
    /// endpoints may share it when they take different methods.
    pub name: Box<str>,
    /// What it is for.
    pub kind: Kind,
    /// Methods that it takes, upper case. `OPTIONS` is always answered by the proxy.
    pub methods: Box<[Box<str>]>,
    /// Path patterns.
    pub paths: Box<[PathPattern]>,
    /// Another upstream than the vendor's, e.g. for scripts on a CDN: `https://cdn.mxpnl.com`.
    pub upstream: Option<Box<str>>,
    /// Another path at that upstream; holds only while the vendor's upstream is not overridden.
    pub upstream_path: Option<Box<str>>,
    /// The path is told by a URL in the headers of an envelope.
    pub locator: Option<Locator>,
    /// The ways a body may come, tried in order of their content types.
    pub bodies: Box<[BodyFormat]>,
    /// How the values of certain query parameters (or form fields) unfold: `data`.
    pub params: Box<[ParamFormat]>,
    /// Where the events stand in the decoded document; the empty selector path is the root itself.
    pub events: Box<[EventRoot]>,
    /// Whether the query string is an event where no body comes; so is a body of [`Layer::Query`].
    pub query_event: bool,
    /// The parameter that holds a checksum over the others.
    pub checksum: Option<Box<str>>,
    /// Globs of parameters that are given many times over, in turn a name and its value.
    pub alternating: Box<[Box<str>]>,
    /// Parameters whose value, as it leaves, is sent in another one as well, if that is missing.
    pub copies: Box<[Copied]>,
    /// The event's name, relative to the event.
    pub event_name: Option<Selector>,
    /// Category and protection of fields of this endpoint; looked up before the vendor's.
    pub fields: Box<[Field]>,
    /// Places where lists of pairs stand for maps.
    pub pairs: Box<[Pairs]>,
    /// Values that are forced, whatever the policy says.
    pub sets: Box<[Set]>,
    /// Request headers that pass as they came (lower case) besides content negotiation.
    pub headers: Box<[Box<str>]>,
    /// Request headers that are judged as `$header.<name>` and pass only if a rule says so.
    pub judged_headers: Box<[Box<str>]>,
    /// Answer headers that pass (lower case) besides the common ones.
    pub answer_headers: Box<[Box<str>]>,
    /// The vendor's success answers, for a body of which nothing was left; first match.
    pub answers: Box<[Answer]>,
}

/// A URL in the body, `https://key@host/42`, tells the path; its host is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// The member of the envelope's headers.
    pub member: Box<str>,
    /// The path, before and behind the project's number.
    pub path: (Box<str>, Box<str>),
}

/// What an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Telemetry, judged.
    Collect,
    /// The SDK needs the live answer; what it sends is judged too.
    Query,
    /// SDK scripts; no body.
    Asset,
    /// Session recordings.
    Replay,
}

/// A path pattern: literal segments, `:name` for one segment, `*` in a segment as a glob; a
/// trailing `/?` makes the last slash optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// The segments between slashes.
    pub segments: Box<[PathSegment]>,
    /// Whether `/track/` matches as well as `/track`.
    pub optional_slash: bool,
}

/// One segment of a [`PathPattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// Exactly this text.
    Literal(Box<str>),
    /// Text with `*` in it.
    Glob(Box<str>),
    /// Any one segment, judged as `$path.<name>`.
    Param(Box<str>),
}

/// One way in which a body comes.
#[derive(Debug, Clone)]
pub struct BodyFormat {
    /// Media types without parameters, lower case; `*` matches any, the empty string a missing one.
    pub content_types: Box<[Box<str>]>,
    /// From the outside in, content coding already off.
    pub layers: Box<[Layer]>,
    /// Whether CESU-8 surrogate pairs are read (and written as UTF-8).
    pub cesu8: bool,
}

/// One layer of a body format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// gzip by its magic bytes, declared or not.
    SniffGzip,
    /// zlib by its first bytes, declared or not.
    SniffZlib,
    /// A form; the named fields hold the rest of the layers, the others are the leaves
    /// `$form.<name>`.
    Form(Box<[Box<str>]>),
    /// Base64, always.
    Base64,
    /// Base64 unless the text begins with `{` or `[`.
    MaybeBase64,
    /// Percent-encoding once more than the form's, where there is any.
    MaybePercent,
    /// Base64, in the URL's alphabet without padding where the text does not tell.
    Base64Url,
    /// Base64 with its characters reversed, unless the text begins with `{` or `[` or is base64 of
    /// such a text.
    MaybeReversed,
    /// lz-string's base64, unless the text begins with `{` or `[` or is base64 of such a text.
    MaybeLz64,
    /// Written like a query string; its fields are `$query.<name>`.
    Query,
    /// Query strings, one a line.
    Lines,
    /// JSON if the text begins with `{` or `[`, otherwise a query string.
    JsonOrQuery,
    /// A protobuf message, judged as the JSON that its schema makes of it.
    Protobuf(MessageType),
    /// Characters up to U+00FF that stand for bytes.
    Latin1,
    /// A text that is one leaf.
    Text,
    /// A querypack, judged as the JSON that its schema makes of it.
    Querypack(PackType),
    /// JSON.
    Json,
    /// JSON documents, one a line.
    Ndjson,
    /// JSON, or JSON documents one a line.
    JsonOrNdjson,
    /// A line of headers and items with headers of their own; the headers are the leaves
    /// `$envelope.…` and `$item.…`.
    Envelope(Members),
    /// `multipart/form-data`; parts that are not listed and are no files are the leaves
    /// `$form.<name>`.
    Multipart(Members),
}

/// What becomes of a body's parts, in the order of the file.
pub type Members = Arc<[Member]>;

/// What becomes of an envelope's item of this type, or of a form's part of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The type or name; `*` for those that no other entry names.
    pub name: Box<str>,
    /// What becomes of it.
    pub treat: Treat,
}

/// What becomes of a part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Treat {
    /// Judged through layers of its own.
    Judge {
        /// From the outside in.
        layers: Box<[Layer]>,
        /// Where its events stand; none: it holds no events.
        events: Arc<[EventRoot]>,
    },
    /// It goes; the rest stays.
    Drop,
    /// The whole body is refused.
    Refuse,
}

/// What becomes of a part of this name; parts that nobody named are refused.
#[must_use]
pub fn member<'m>(members: &'m [Member], name: &str) -> Option<&'m Member> {
    let named = |want: &str| members.iter().find(|member| *member.name == *want);
    named(name).filter(|_| name != "*").or_else(|| named("*"))
}

/// How a parameter's value unfolds.
#[derive(Debug, Clone)]
pub struct ParamFormat {
    /// The parameter.
    pub name: Box<str>,
    /// Its layers.
    pub layers: Box<[Layer]>,
    /// As in [`BodyFormat`].
    pub cesu8: bool,
    /// Whether its document holds events (as `data=`), or is just a structured value whose leaves
    /// are `$query.<name>.…`.
    pub events: bool,
}

/// Where events stand: keys from the root. `items` says that the place is an array of events;
/// without it only an object is an event there, so that `.` and `[]` may be listed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRoot {
    /// Keys from the root.
    pub keys: Box<[Box<str>]>,
    /// `[]`: each element is an event.
    pub items: bool,
    /// `[]?`: an element that is a string is a query string; keys are `$query.<name>` either way.
    pub query: bool,
}

/// Lists whose elements are told by their position.
#[derive(Debug, Clone)]
pub struct Tuple {
    /// Which lists.
    pub lists: Selector,
    /// Under which names their elements are judged.
    pub names: Box<[Box<str>]>,
}

/// A parameter that is sent twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The parameter that is copied.
    pub from: Box<str>,
    /// The name under which it is sent as well.
    pub to: Box<str>,
}

/// A value that is forced.
#[derive(Debug, Clone)]
pub struct Set {
    /// The field: `$query.ip`, `$form.ip`, `properties.$geoip_disable` (relative to the event). It is
    /// a pattern only when `add` is false.
    pub field: Selector,
    /// The JSON text of the value (a string's quotes are not part of a parameter's value), or `None`
    /// to remove the field.
    pub value: Option<Box<str>>,
    /// Whether the field is added where it is missing.
    pub add: bool,
}

/// A success answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Only when this query parameter or form field, as it came, or the media type of the body
    /// (`$header.content-type`), has this value.
    pub when: Option<(Box<str>, Box<str>)>,
    /// Status.
    pub status: u16,
    /// Media type; empty for none.
    pub content_type: Box<str>,
    /// Body.
    pub body: Box<str>,
    /// What the body says of each event of the request; `None`: nothing.
    pub each: Option<Each>,
}

/// What an answer says of each event.
#[derive(Debug, Clone)]
pub struct Each {
    /// The event's member that names it; used where it is a UUID.
    pub key: Box<str>,
    /// What stands after the name and a colon, for each event, in place of `…` in the body.
    pub says: Box<str>,
}

/// What a method and path lead to.
#[derive(Debug)]
pub enum Found<'a> {
    /// An endpoint, by its index.
    Endpoint(usize, &'a Endpoint),
    /// The path is known, the method is not; the methods it takes.
    Method(&'a [Box<str>]),
    /// Nothing.
    Nothing,
}

impl Vendor {
    /// The endpoint for a method and a normalised path (`/track`).
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Found<'_> {
        let mut other = Found::Nothing;
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            if !endpoint.paths.iter().any(|p| p.matches(path)) {
                continue;
            }
            if endpoint.methods.iter().any(|m| **m == *method) {
                return Found::Endpoint(at, endpoint);
            }
            if matches!(other, Found::Nothing) {
                other = Found::Method(&endpoint.methods);
            }
        }
        other
    }

    /// What the catalog knows about a place. The longest part of the path that is listed decides, so
    /// that a container stands for its leaves unless a leaf is listed itself; the endpoint's list
    /// comes before the vendor's, and within a list the first that matches wins. For people and
    /// tests: the engine walks the same lists as an automaton, and asks a leaf's own name before it
    /// falls back to a container.
    #[must_use]
    pub fn field<'a>(&'a self, endpoint: &'a Endpoint, path: &[Segment<'_>]) -> Option<&'a Field> {
        let lists = [&endpoint.fields, &self.fields];
        (1..=path.len()).rev().find_map(|len| {
            let part = path.get(..len)?;
            let mut fields = lists.into_iter().flat_map(|list| list.iter());
            fields.find(|field| field.selector.matches(part))
        })
    }
}

impl PathPattern {
    /// Whether a normalised path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else {
            return false;
        };
        let mut given = rest.split('/');
        for want in &self.segments {
            let Some(have) = given.next() else {
                return false;
            };
            let hit = match want {
                PathSegment::Literal(text) => **text == *have,
                PathSegment::Glob(glob) => crate::selector::glob_match(glob, have),
                PathSegment::Param(_) => !have.is_empty(),
            };
            if !hit {
                return false;
            }
        }
        match given.next() {
            None => true,
            Some("") => self.optional_slash && given.next().is_none(),
            Some(_) => false,
        }
    }

    /// The named segments of a path that matches, with their values: the leaves `$path.<name>`.
    pub fn params<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let given = path.strip_prefix('/').unwrap_or(path).split('/');
        self.segments
            .iter()
            .zip(given)
            .filter_map(|(want, have)| match want {
                PathSegment::Param(name) => Some((&**name, have)),
                PathSegment::Literal(_) | PathSegment::Glob(_) => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selector::Segment::Key;

    fn vendor() -> Vendor {
        let text = r#"
            name = "acme"
            title = "Acme"
            upstream = "https://in.acme.example"
            [formats.json]
            types = ["application/json"]
            layers = ["json"]
            [defaults.collect]
            methods = ["POST"]
            body = ["json"]
            events = ["."]
            answers = [{ status = 204 }]
            [[endpoint]]
            paths = ["/e/?", "/i/v0/e"]
            kind = "collect"
            fields = { plain = ["p.name"], "user.unique_id" = ["p.id"] }
            [[endpoint]]
            paths = ["/e"]
            kind = "query"
            methods = ["GET"]
            [[endpoint]]
            paths = ["/projects/:project/store/?"]
            kind = "collect"
            [[endpoint]]
            paths = ["/libs/sdk-*.js"]
            kind = "asset"
            methods = ["GET"]
            [[endpoint]]
            paths = ["/"]
            kind = "collect"
            [fields]
            protocol = ["p.id", "e"]
            "user.name" = ["*.name"]
            "user.contact" = ["p.box"]
            "user.contact.email" = ["p.box.mail"]
        "#;
        load::load("acme.toml", text).unwrap().0
    }

    fn found(method: &str, path: &str) -> String {
        match vendor().find(method, path) {
            Found::Endpoint(at, endpoint) => format!("{at} {}", endpoint.name),
            Found::Method(methods) => format!("only {}", methods.join(" ")),
            Found::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn a_path_leads_to_the_first_endpoint_that_takes_the_method() {
        assert_eq!(found("POST", "/e"), "0 /e");
        assert_eq!(found("POST", "/e/"), "0 /e");
        assert_eq!(found("POST", "/i/v0/e"), "0 /e");
        assert_eq!(found("GET", "/e"), "1 /e");
        assert_eq!(found("PUT", "/e"), "only POST");
        assert_eq!(found("POST", "/"), "4 /");
    }

    #[test]
    fn nearly_a_path_is_not_one() {
        for path in [
            "/e//",
            "/i/v0/e/",
            "/i/v0",
            "/i/v0/e/x",
            "/E",
            "e",
            "",
            "//e",
            "/x/e",
            "/projects//store",
            "/libs/other.js",
            "/libs/a/sdk-1.js",
        ] {
            assert_eq!(found("POST", path), "nothing", "{path}");
        }
    }

    #[test]
    fn named_segments_and_globs_match_one_segment() {
        assert_eq!(
            found("POST", "/projects/7/store/"),
            "2 /projects/:project/store"
        );
        assert_eq!(found("GET", "/libs/sdk-1a2b.min.js"), "3 /libs/sdk-*.js");
        let vendor = vendor();
        let pattern = &vendor.endpoints[2].paths[0];
        let params: Vec<_> = pattern.params("/projects/7/store/").collect();
        assert_eq!(params, [("project", "7")]);
    }

    #[test]
    fn the_longest_listed_part_of_a_path_says_what_a_leaf_is() {
        let vendor = vendor();
        let at = |endpoint: usize, path: &[&str]| {
            let path: Vec<_> = path.iter().map(|key| Key(key)).collect();
            let field = vendor.field(&vendor.endpoints[endpoint], &path);
            field.map(|f| (f.category.map(DataCategory::key), f.protocol))
        };
        assert_eq!(at(2, &["p", "name"]), Some((Some("user.name"), false)));
        assert_eq!(
            at(0, &["p", "name"]),
            Some((None, false)),
            "the endpoint's list first"
        );
        assert_eq!(at(0, &["p", "id"]), Some((Some("user.unique_id"), false)));
        assert_eq!(at(2, &["p", "id"]), Some((None, true)));
        assert_eq!(
            at(2, &["p", "box", "x"]),
            Some((Some("user.contact"), false))
        );
        assert_eq!(
            at(2, &["p", "box", "mail"]),
            Some((Some("user.contact.email"), false))
        );
        assert_eq!(at(2, &["p", "other"]), None);
    }
}
