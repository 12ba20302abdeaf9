//! The file of a policy's tests: read with every mistake told at once, and written back with new
//! expectations, all else untouched.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Mended, Table, verdict};

/// A test file.
pub(super) struct Suite {
    /// The policy: built in, or a file beside; `None`: the one of the same name.
    pub(super) policy: Option<String>,
    pub(super) cases: Vec<Case>,
}

/// One request and what is said about it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) vendor: String,
    pub(super) endpoint: String,
    pub(super) method: String,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) client_ip: IpAddr,
    pub(super) body: String,
    /// What becomes of the request.
    pub(super) outcome: Outcome,
    /// The body that leaves, byte for byte.
    pub(super) expect: Option<String>,
    /// The query that leaves.
    pub(super) expect_query: Option<String>,
    /// Texts that must leave.
    pub(super) always: Vec<String>,
    /// Texts that must not leave, in no encoding.
    pub(super) never: Vec<String>,
    /// Where `expect` stands, and where it would be put.
    expect_at: Option<Range<usize>>,
    end: usize,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Forward,
    Answer,
    Refuse,
}

impl Suite {
    /// Reads a test file.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Diagnostics> {
        let mended = Mended::of(text);
        let (document, mut d) = mended.document(file);
        let root = document.root();
        let policy = root.str("policy", &mut d).map(|p| p.value.to_owned());
        let tables = root.tables("case", &mut d);
        if tables.is_empty() && !d.has_errors() {
            d.push(
                Diagnostic::error("no-cases", "there is no `[[case]]`", 0..0)
                    .help("docs/policy.md shows how a case is written"),
            );
        }
        let cases = tables.into_iter().filter_map(|t| case(t, &mut d)).collect();
        root.finish(&mut d);
        let suite = Self { policy, cases };
        verdict(Some(suite), d).map(|(suite, _)| suite)
    }
}

fn case(table: Table<'_>, d: &mut Diagnostics) -> Option<Case> {
    let text =
        |key: &'static str, d: &mut Diagnostics| table.str(key, d).map(|v| v.value.to_owned());
    let name = table.required_str("name", d).map(|v| v.value.to_owned());
    let vendor = table.required_str("vendor", d).map(|v| v.value.to_owned());
    let endpoint = table.required_str("endpoint", d);
    let method = text("method", d).unwrap_or_else(|| "POST".into());
    let query = text("query", d);
    let expect = table.value("expect");
    let ends = [
        table.value("body").map(|v| v.span().end),
        endpoint.as_ref().map(|v| v.span.end),
    ];
    let outcomes = [
        ("forward", Outcome::Forward),
        ("answer", Outcome::Answer),
        ("refuse", Outcome::Refuse),
    ];
    let list = |key: &'static str, d: &mut Diagnostics| {
        let words = table.str_list(key, d);
        words.iter().map(|w| w.value.to_owned()).collect::<Vec<_>>()
    };
    let case = Case {
        name: name.clone().unwrap_or_default(),
        vendor: vendor.clone().unwrap_or_default(),
        endpoint: endpoint.as_ref().map_or("", |v| v.value).to_owned(),
        method,
        query,
        headers: headers(&table, d),
        client_ip: text("client_ip", d)
            .and_then(|ip| ip.parse().ok())
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        body: text("body", d).unwrap_or_default(),
        outcome: table
            .choice("outcome", &outcomes, d)
            .unwrap_or(Outcome::Forward),
        expect: text("expect", d),
        expect_query: text("expect_query", d),
        always: list("always", d),
        never: list("never", d),
        expect_at: expect.map(|v| v.span()),
        end: ends.into_iter().flatten().max().unwrap_or(0),
    };
    table.finish(d);
    (name.is_some() && vendor.is_some() && endpoint.is_some()).then_some(case)
}

fn headers(table: &Table<'_>, d: &mut Diagnostics) -> Vec<(String, String)> {
    let Some(table) = table.table("headers", d) else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (key, value) in table.entries() {
        if let Some(text) = value.str(d) {
            headers.push((key.value.to_ascii_lowercase(), text.value.to_owned()));
        }
    }
    headers
}

/// The file with what left of each case as its expectation.
pub(super) fn update(text: &str, bodies: Vec<(&Case, Option<String>)>) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (case, body) in bodies {
        let Some(body) = body.filter(|body| case.expect.as_deref() != Some(body)) else {
            continue;
        };
        edits.push(match &case.expect_at {
            Some(at) => (at.clone(), literal(&body)),
            None => (
                case.end..case.end,
                format!("\nexpect   = {}", literal(&body)),
            ),
        });
    }
    edits.sort_by_key(|(at, _)| at.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, new) in edits {
        out.push_str(text.get(done..at.start).unwrap_or(""));
        out.push_str(&new);
        done = at.end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    out
}

/// A text as TOML: as it is where that can be, else escaped.
fn literal(text: &str) -> String {
    let plain = !text.contains(|c: char| c.is_control());
    if plain && !text.contains('\'') {
        return format!("'{text}'");
    }
    let lines = !text.contains(|c: char| c.is_control() && c != '\n');
    if lines && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''\n{text}'''");
    }
    // JSON's escapes are TOML's, but that TOML wants one for DEL as well.
    let json = serde_json::Value::from(text).to_string();
    json.replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[[case]]\nname = \"a\"\nvendor = \"v\"\nendpoint = \"/e\"\nbody = '{}'\n\n[[case]]\nname = \"b\"\nvendor = \"v\"\nendpoint = \"/e\"\nexpect = \"old\" # why\nnever = [\"x\"]\n";

    #[test]
    fn mistakes_are_told_at_once() {
        let found = Suite::read(
            "t.test.toml",
            "[[case]]\nname = \"a\"\nvendro = \"v\"\noutcome = \"drop\"\n",
        );
        let told = found.err().unwrap().to_string();
        for part in [
            "`vendor` is missing",
            "`endpoint` is missing",
            "did you mean `vendor`?",
            "`outcome`: unknown value",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn expectations_are_written_and_all_else_stays() {
        let suite = Suite::read("t.test.toml", FILE).unwrap();
        let bodies = ["{\"a\":1}", "it's\ntwo"];
        let all = suite
            .cases
            .iter()
            .zip(bodies)
            .map(|(c, b)| (c, Some(b.to_owned())));
        let new = update(FILE, all.collect());
        assert!(
            new.contains("body = '{}'\nexpect   = '{\"a\":1}'\n"),
            "{new}"
        );
        assert!(new.contains("expect = '''\nit's\ntwo''' # why"), "{new}");
        let again = Suite::read("t.test.toml", &new).unwrap();
        for (case, body) in again.cases.iter().zip(bodies) {
            assert_eq!(case.expect.as_deref(), Some(body));
        }
    }

    #[test]
    fn any_text_has_a_literal() {
        for text in [
            "", "'", "'''", "a\tb", "\u{1}", "\\", "\"", "\n", "ends'", "\u{7f}",
        ] {
            let file = format!(
                "{}expect = {}\n",
                &FILE[..FILE.find("body").unwrap()],
                literal(text)
            );
            let suite = Suite::read("t.test.toml", &file).unwrap_or_else(|d| panic!("{d}"));
            assert_eq!(suite.cases[0].expect.as_deref(), Some(text), "{file}");
        }
    }
}
