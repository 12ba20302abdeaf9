//! Query strings as documents: the request's own, bodies of one or of one a line, strings in JSON.
//!
//! Wherever such a string stands, its fields are `$query.<name>`, unfold as the endpoint's `params`
//! say, and the string as a whole is one event. A line that goes takes its line break along; what
//! stays keeps `\n` or `\r\n` as it came.

use super::engine::{Judge, Level};
use super::fate::{Fate, Leaf, Stop};
use super::fields::Unfold;
use super::paths::{NodeId, ROOT};
use crate::codec::{DecodeError, DecodeErrorKind, form};
use crate::json::{Edits, Node, escape_into, unescape_into};
use crate::selector::Step;

impl Judge<'_, '_> {
    /// Where the fields of query strings stand.
    pub(super) fn query_base(&mut self) -> NodeId {
        self.paths.child(self.plan, ROOT, ROOT, "$query")
    }

    /// A body (or a parameter's value) of query strings: one, or one a line.
    pub(super) fn lines(
        &mut self,
        many: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| DecodeError::new(DecodeErrorKind::Utf8, "lines", e.valid_up_to()))?;
        if level == Level::Value {
            return self.query_value(text, at, out);
        }
        let base = self.query_base();
        let (mut lines, mut left, mut changed) = (0u32, 0u32, false);
        let mut new = self.pools.text();
        for line in text
            .split_inclusive('\n')
            .filter(|_| many)
            .chain(Some(text).filter(|_| !many))
        {
            let inner = line.strip_suffix('\n').unwrap_or(line);
            let inner = inner.strip_suffix('\r').unwrap_or(inner);
            // A lone body keeps no line break: none of a form's readers cuts it off.
            let inner = if many { inner } else { line };
            if inner.is_empty() {
                out.extend_from_slice(line.as_bytes());
                continue;
            }
            lines += 1;
            new.clear();
            match self.query_event(inner, base, &mut new)? {
                None | Some(Fate::Nothing) => {
                    changed = true;
                    continue;
                }
                Some(Fate::Same) => out.extend_from_slice(line.as_bytes()),
                Some(Fate::Changed) => {
                    changed = true;
                    out.extend_from_slice(new.as_bytes());
                    out.extend_from_slice(line.get(inner.len()..).unwrap_or("").as_bytes());
                }
            }
            left += 1;
        }
        self.pools.give_text(new);
        match (lines, left) {
            (0, _) => Err(DecodeError::new(DecodeErrorKind::Empty, "lines", 0).into()),
            (_, 0) => Ok(Fate::Nothing),
            _ if changed => Ok(Fate::Changed),
            _ => Ok(Fate::Same),
        }
    }

    /// A query string that is just a structured value: its fields are below the value's own path.
    fn query_value(&mut self, text: &str, at: NodeId, out: &mut Vec<u8>) -> Result<Fate, Stop> {
        let mut new = self.pools.text();
        // Not as parameters: a name could lead to itself without end.
        let unfold = Unfold::Plain {
            folds: self.folds + 1,
        };
        let fate = self.pairs(text, at, unfold, &mut new)?;
        out.extend_from_slice(new.as_bytes());
        self.pools.give_text(new);
        Ok(fate)
    }

    /// A query string that is an event. `None`: the event goes.
    pub(super) fn query_event(
        &mut self,
        query: &str,
        base: NodeId,
        out: &mut String,
    ) -> Result<Option<Fate>, Stop> {
        let plan = self.plan;
        let params = plan.place().map_or(&[][..], |place| &place.params);
        self.report.events_in += 1;
        let before = self.class;
        if plan.by_event || plan.by_facts {
            self.query_facts(base, query);
            let name = self.query_name(query)?;
            let class = self.class_of(name.as_deref());
            self.use_class(class);
        }
        let fate = self.pairs(query, base, Unfold::Params(params), out);
        self.leave_event(before);
        let fate = match fate {
            Ok(Fate::Changed) => self.renew(query, out).map(|()| Fate::Changed),
            other => other,
        };
        match fate {
            Err(Stop::DropEvent) => Ok(None),
            Err(stop) => Err(stop),
            Ok(fate) => {
                self.report.events_out += u32::from(fate != Fate::Nothing);
                Ok(Some(fate))
            }
        }
    }

    /// The name of the event that a query string is. Two of them would let two readers see two
    /// events: refused.
    fn query_name(&self, query: &str) -> Result<Option<String>, Stop> {
        let name = self.plan.place().and_then(|p| p.event_name.as_ref());
        let Some([Step::Key(base), Step::Key(name)]) = name.map(|selector| selector.steps()) else {
            return Ok(None);
        };
        if **base != *"$query" {
            return Ok(None);
        }
        let mut found = None;
        let mut key = String::new();
        for pair in form::pairs(query.as_bytes()) {
            let pair = pair?;
            key.clear();
            form::decode(query.as_bytes().get(pair.key).unwrap_or(&[]), &mut key)?;
            if *key != **name {
                continue;
            }
            if found.is_some() {
                return Err(
                    DecodeError::new(DecodeErrorKind::Shape, "query", pair.whole.start).into(),
                );
            }
            let mut value = String::new();
            if let Some(range) = pair.value {
                form::decode(query.as_bytes().get(range).unwrap_or(&[]), &mut value)?;
            }
            found = Some(value);
        }
        Ok(found)
    }

    /// Whether the events here are query strings, or objects in their place.
    pub(super) fn is_query_item(&self, roots: u32, depth: usize, element: bool) -> bool {
        element
            && self
                .event_roots()
                .iter()
                .enumerate()
                .any(|(bit, root)| roots >> bit & 1 == 1 && root.query && root.keys.len() == depth)
    }

    /// The path of a list's element: by its position's name where the catalog gives one.
    pub(super) fn element(&mut self, list: NodeId, last: NodeId, position: usize) -> NodeId {
        let plan = self.plan;
        let tuple = self.paths.get(list).tuple.map(usize::from);
        let tuple = tuple.and_then(|at| plan.vendor.tuples.get(at));
        match tuple.and_then(|tuple| tuple.names.get(position)) {
            Some(name) => self.paths.child(plan, list, last, name),
            None => self.paths.item(plan, list),
        }
    }

    /// A string of a JSON document that is a query string and an event. What stands before its `?`
    /// (a collector's address) says nothing to the vendor: only the `?` leaves.
    pub(super) fn query_item(
        &mut self,
        text: &str,
        node: &Node,
        edits: &mut Edits,
    ) -> Result<Leaf, Stop> {
        let raw = text.get(node.range()).unwrap_or("");
        let mut plain = self.pools.text();
        unescape_into(raw, &mut plain);
        let (mark, query, cut) = match plain.split_once('?') {
            Some((before, query)) => ("?", query, !before.is_empty()),
            None => ("", &*plain, false),
        };
        let base = self.query_base();
        let mut new = self.pools.text();
        let fate = self.query_event(query, base, &mut new)?;
        let leaf = match fate {
            None | Some(Fate::Nothing) => Leaf::Remove,
            Some(Fate::Same) if !cut => Leaf::Keep,
            Some(fate) => {
                let query = if fate == Fate::Same { query } else { &new };
                edits.write(node.range(), |out| {
                    escape_into(mark, out);
                    escape_into(query, out);
                });
                Leaf::Edited
            }
        };
        self.pools.give_text(new);
        self.pools.give_text(plain);
        Ok(leaf)
    }

    /// Sends parameters under a second name as well, where that is missing.
    pub(super) fn copy_pairs(&mut self, out: &mut String) -> bool {
        let plan = self.plan;
        let copies = plan.place().map_or(&[][..], |place| &place.copies);
        let mut changed = false;
        for copy in copies {
            let value = |name: &str| {
                let mut pairs = out.split('&').filter_map(|pair| pair.split_once('='));
                pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
            };
            if value(&copy.to).is_some() {
                continue;
            }
            let Some(value) = value(&copy.from)
                .filter(|v| !v.is_empty())
                .map(str::to_owned)
            else {
                continue;
            };
            out.push('&');
            form::encode(&copy.to, out);
            out.push('=');
            out.push_str(&value);
            changed = true;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use crate::catalog::{Found, load};
    use crate::codec::{checksum, form, lz64};
    use crate::policy::CompiledPolicy;
    use crate::scrub::{RawRequest, Scratch, Scrubber, Verdict};
    use crate::sensitive::{SecretKey, SecretText};

    const VENDOR: &str = r#"
        name = "acme"
        title = "Acme"
        upstream = "https://in.acme.example"
        tuples = { "$query.more.items[]" = ["sku", "mail"] }
        formats.lines = { types = ["text/plain", ""], layers = ["lines"] }
        formats.mixed = { types = ["*"], layers = ["json|query"] }
        formats.turned = { types = ["*"], layers = ["gzip?", "base64r?", "json"] }
        formats.lz = { types = ["*"], layers = ["form:data", "lz64?", "base64?", "json"] }
        params.ctx = { layers = ["base64url", "json"] }
        params.more = { layers = ["json"] }
        params.deep = { layers = ["percent?", "base64?", "json"] }
        [defaults.collect]
        methods = ["GET", "POST"]
        event_name = "$query.en"
        answers = [{ status = 204 }]
        [[endpoint]]
        paths = ["/lines"]
        kind = "collect"
        body = ["lines"]
        events = ["$query"]
        params = ["more"]
        remove = ["$query.gone"]
        set = { "$header.x-quiet" = "*" }
        copy = { "$query.twin" = "$query._id" }
        [[endpoint]]
        paths = ["/bulk"]
        kind = "collect"
        body = ["mixed"]
        events = ["requests[]?", "$query"]
        [[endpoint]]
        paths = ["/turned"]
        kind = "collect"
        body = ["turned"]
        events = ["."]
        [[endpoint]]
        paths = ["/lz"]
        kind = "collect"
        body = ["lz"]
        events = ["."]
        [[endpoint]]
        paths = ["/turns"]
        kind = "collect"
        body = ["lines"]
        events = ["$query"]
        alternating = ["$query.k*"]
        checksum = "$query.sum"
        params = ["deep"]
        [[endpoint]]
        paths = ["/eval/:env/:ctx"]
        kind = "query"
        methods = ["GET"]
        params = ["ctx"]
        [fields]
        plain = ["$query.en", "$query.z", "$path.env"]
        "user.contact.email" = ["$query.mail", "mail", "$path.ctx.mail", "$query.more.mail", "$query.more.items[].mail", "$query.deep.mail", "$query.k1.box"]
        "user.unique_id" = ["$query._id"]
    "#;

    const POLICY: &str = r#"
        version = 1
        name = "t"
        unlisted = "keep"
        [[rule]]
        name = "quiet"
        event = ["quiet"]
        field = ["$query.z"]
        action = "drop_event"
        [[rule]]
        name = "contact"
        category = ["user.contact"]
        action = "drop"
        [[rule]]
        name = "ids"
        category = ["user.unique_id"]
        action = { replace = "ID" }
    "#;

    fn salt() -> SecretText {
        SecretText::new(b"salt".to_vec())
    }

    /// What leaves (target, headers, body), `answered`, or the refusal; and events in and out.
    fn send(target: &str, body: &[u8]) -> (String, u32, u32) {
        send_salted(target, body, true)
    }

    fn send_salted(target: &str, body: &[u8], salted: bool) -> (String, u32, u32) {
        let vendor = load::load("acme.toml", VENDOR)
            .unwrap_or_else(|d| panic!("{d}"))
            .0;
        let policy = CompiledPolicy::load("t.toml", POLICY)
            .unwrap_or_else(|d| panic!("{d}"))
            .0;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let method = if body.is_empty() { "GET" } else { "POST" };
        let Found::Endpoint(endpoint, _) = vendor.find(method, path) else {
            panic!("no endpoint {path}");
        };
        let scrubber = Scrubber::new(
            Arc::new(policy),
            vec![Arc::new(vendor)],
            &SecretKey::new([7; 32]),
        );
        let salt = salt();
        let salts = if salted {
            vec![("acme".to_owned(), salt)]
        } else {
            Vec::new()
        };
        let scrubber = scrubber.with_salts(salts);
        let raw = RawRequest {
            vendor: 0,
            endpoint,
            method,
            path,
            query,
            headers: &[("content-type", "text/plain")],
            body,
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            body_limit: 1 << 20,
            projects: &[],
        };
        let mut scratch = Scratch::new();
        let text = match scrubber.scrub(&raw, &mut scratch) {
            Verdict::Forward(clean) => {
                let mut text = clean.target().to_owned();
                for (name, value) in clean.headers().filter(|(n, _)| *n != "content-type") {
                    text.push_str(&format!(" {name}={value}"));
                }
                if !clean.body().is_empty() {
                    text.push_str(&format!(" | {}", String::from_utf8_lossy(clean.body())));
                }
                text
            }
            Verdict::Answer(_) => "answered".into(),
            Verdict::Refuse(refusal) => format!("{refusal:?}"),
        };
        let report = scratch.report();
        (text, report.events_in, report.events_out)
    }

    fn leaves(target: &str, body: &str) -> String {
        send(target, body.as_bytes()).0
    }

    #[test]
    fn every_line_is_an_event() {
        let (text, came, left) = send(
            "/lines?v=2&mail=a",
            b"en=a&mail=b&x=%20+1\r\nen=quiet&z=1\n\nen=b&z=1\r\nmail=c",
        );
        assert_eq!(
            text,
            "/lines?v=2 x-quiet=* | en=a&x=%20+1\r\n\nen=b&z=1\r\n"
        );
        assert_eq!((came, left), (4, 2));
        assert_eq!(leaves("/lines", "en=quiet&z=1\nen=quiet&z=2"), "answered");
        let same = "en=a&x=%e2%82%ac\r\nen=b\n";
        assert_eq!(leaves("/lines", same), format!("/lines x-quiet=* | {same}"));
    }

    #[test]
    fn the_query_is_an_event() {
        let (text, came, left) = send("/lines?en=a&mail=b&gone=1&_id=7", b"");
        assert_eq!(text, "/lines?en=a&_id=ID&twin=ID x-quiet=*");
        assert_eq!((came, left), (1, 1));
        assert_eq!(
            leaves("/lines?en=a&_id=7&twin=8", ""),
            "/lines?en=a&_id=ID&twin=8 x-quiet=*"
        );
        assert_eq!(leaves("/lines?en=quiet&z=1", ""), "answered");
        assert!(leaves("/lines", "").contains("Empty"));
        assert!(leaves("/lines?en=a&en=quiet&z=1", "").contains("Shape"));
        assert_eq!(
            leaves("/lines?more=%7B%22mail%22:%22b%22,%22a%22:1%7D", ""),
            "/lines?more=%7B%22a%22%3A1%7D x-quiet=*"
        );
    }

    #[test]
    fn positions_have_names() {
        let more = |text: &str| format!("/lines?more={}", text.replace('"', "%22"));
        let (came, left) = (
            r#"{"items":[["1","b",["c"]],["2"],[]],"mail":"x"}"#,
            r#"{"items":[["1","[removed]",["c"]],["2"],[]]}"#,
        );
        let mut want = String::new();
        form::encode(left, &mut want);
        assert_eq!(
            leaves(&more(came), ""),
            format!("/lines?more={want} x-quiet=*")
        );
    }

    #[test]
    fn names_and_values_take_turns() {
        let took = |query: &str| leaves(&format!("/turns?{query}"), "");
        assert_eq!(
            took("a=1&k0=plan&k0=pro&k1=box&k1=b&k0=email&k0=x%40y.example&k0=n&k0="),
            "/turns?a=1&k0=plan&k0=pro&k0=n&k0="
        );
        // A value that does not follow its name is a name; names are searched as keys are.
        assert_eq!(
            took("k1=box&b=1&k1=box&k1=c&k0=tail"),
            "/turns?k1=box&b=1&k0=tail"
        );
        assert_eq!(took("k0=a%40b.example&k0=1"), "/turns?k0=%5Bemail%5D&k0=1");
    }

    #[test]
    fn what_is_escaped_twice_is_escaped_twice_again() {
        // {"mail":"b","a":1} and {"a":1}
        let target = "/turns?deep=eyJtYWlsIjoiYiIsImEiOjF9";
        assert_eq!(
            leaves(target, ""),
            "/turns?deep=eyJhIjoxfQ%253D%253D".replace("%253D", "%3D")
        );
        let target = "/turns?deep=eyJtYWlsIjoiYiIsImEiOjEwfQ%253D%253D";
        assert_eq!(leaves(target, ""), "/turns?deep=eyJhIjoxMH0%253D");
    }

    #[test]
    fn checksums_are_renewed_only_where_they_were_right() {
        let sum = |rest: &str| {
            let how = format!("{rest}&sum=x");
            let made = checksum::renew(
                &how,
                "sum",
                b"salt",
                checksum::verify(KNOWN, "sum", b"salt").unwrap(),
            );
            made.unwrap()
        };
        let signed = sum("mail=b&a=1");
        assert_eq!(
            leaves(&format!("/turns?{signed}"), ""),
            format!("/turns?{}", sum("a=1"))
        );
        // Nothing changes: no salt is needed.
        let plain = sum("a=1");
        assert_eq!(
            send_salted(&format!("/turns?{plain}"), b"", false).0,
            format!("/turns?{plain}")
        );
        assert!(
            send_salted(&format!("/turns?{signed}"), b"", false)
                .0
                .contains("Salt")
        );
        assert!(leaves(&format!("/turns?{signed}0"), "").contains("Corrupt"));
    }

    /// `a=1` with its sum under the salt `salt`.
    const KNOWN: &str = "a=1&sum=a292a043b123743eee0da0554afded62c1cc371a8e093504618bf5207f03b1e2";

    #[test]
    fn broken_lines_are_refused() {
        for bad in ["en=a;mail=b", "en=%zz", "en=a\rb=c", "\n\n", "en=%ff"] {
            assert!(leaves("/lines", bad).contains("Decode"), "{bad:?}");
        }
        assert!(send("/lines", b"en=\xff").0.contains("Utf8"));
        assert!(leaves("/bulk", "en=a\n").contains("Syntax"));
    }

    #[test]
    fn query_strings_stand_in_json() {
        let (text, came, left) = send(
            "/bulk",
            br#"{"requests":["?en=a&mail=b","http:\/\/x.example\/zeb?en=c","en=quiet&z=1",{"en":"d","mail":"e"},{"en":"quiet","z":1}],"mail":"x"}"#,
        );
        assert_eq!(text, r#"/bulk | {"requests":["?en=a","?en=c",{"en":"d"}]}"#);
        assert_eq!((came, left), (5, 3));
        assert_eq!(
            leaves("/bulk", r#"{"requests":["?en=quiet&z=1"]}"#),
            "answered"
        );
        assert_eq!(leaves("/bulk", "en=a&mail=b"), "/bulk | en=a");
        for bad in [
            r#"{"requests":[1]}"#,
            r#"{"requests":["?a=%zz"]}"#,
            r#"[1]"#,
        ] {
            assert!(leaves("/bulk", bad).contains("Decode"), "{bad}");
        }
    }

    #[test]
    fn segments_unfold() {
        let pack = |text: &str| {
            let mut out = String::new();
            let flavour = crate::codec::base64::Flavour {
                alphabet: crate::codec::base64::Alphabet::Url,
                padded: false,
            };
            crate::codec::base64::encode(flavour, text.as_bytes(), &mut out);
            out
        };
        let wire = pack(r#"{"key":"??>>","mail":"b"}"#);
        let want = pack(r#"{"key":"??>>"}"#);
        assert_eq!(
            leaves(&format!("/eval/e1/{wire}"), ""),
            format!("/eval/e1/{want}")
        );
        assert_eq!(
            leaves(&format!("/eval/e1/{want}"), ""),
            format!("/eval/e1/{want}")
        );
        for bad in ["%7B%22mail%22:1%7D", "x", "eyJhIjp9"] {
            assert!(
                leaves(&format!("/eval/e1/{bad}"), "").contains("Decode"),
                "{bad}"
            );
        }
    }

    #[test]
    fn reversed_base64_is_told_by_what_it_holds() {
        let json = r#"{"a":1,"mail":"b"}"#;
        let mut wire = String::new();
        let flavour = crate::codec::base64::Flavour {
            alphabet: crate::codec::base64::Alphabet::Standard,
            padded: true,
        };
        crate::codec::base64::encode(flavour, json.as_bytes(), &mut wire);
        let turned: String = wire.chars().rev().collect();
        assert_eq!(leaves("/turned", &turned), "/turned | ==QfxojIhJye");
        assert_eq!(leaves("/turned", json), r#"/turned | {"a":1}"#);
        assert_eq!(leaves("/turned", &wire), "/turned | eyJhIjoxfQ==");
        let latin: String = "eyJhIjoi6SIsIm1haWwiOjF9".chars().rev().collect();
        let want: String = "eyJhIjoi6SJ9".chars().rev().collect();
        assert_eq!(leaves("/turned", &latin), format!("/turned | {want}"));
        for bad in ["hello", "aGVsbG8=", "=8GbsVGa", "{\"a\":"] {
            assert!(leaves("/turned", bad).contains("Decode"), "{bad}");
        }
    }

    #[test]
    fn lz_string_is_told_by_what_it_holds() {
        let pack = |text: &str| {
            let mut wire = String::new();
            lz64::encode(text, &mut wire);
            let mut out = String::new();
            crate::codec::form::encode(&wire, &mut out);
            format!("data={out}")
        };
        let json = r#"{"a":1,"mail":"b"}"#;
        assert_eq!(
            leaves("/lz", &pack(json)),
            format!("/lz | {}", pack(r#"{"a":1}"#))
        );
        assert_eq!(
            leaves("/lz", &pack(r#"{"a":1}"#)),
            format!("/lz | {}", pack(r#"{"a":1}"#))
        );
        assert_eq!(
            leaves("/lz", "data=eyJhIjoxLCJtYWlsIjoiYiJ9"),
            "/lz | data=eyJhIjoxfQ%3D%3D"
        );
        assert_eq!(
            leaves("/lz", "data=%7B%22mail%22%3A1%7D"),
            "/lz | data=%7B%7D"
        );
        for bad in [pack("hello"), pack(&pack(json)), "data=N4Ig".into()] {
            assert!(leaves("/lz", &bad).contains("Decode"), "{bad}");
        }
    }
}
