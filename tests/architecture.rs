//! The house's rules, read off the sources: layers, doors, and what may stand where.
//!
//! Each rule is a function from a file's text to complaints, and each has a bad sample below on which
//! it must complain: a rule that cannot fail holds nothing.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

use std::collections::BTreeSet;
use std::path::Path;

/// A module and the modules it may name. The order is the order of the layers, top first; an arrow
/// may only point to a module that stands further down in this list.
const LAYERS: [(&str, &[&str]); 22] = [
    (
        "cli",
        &[
            "admin",
            "proxy",
            "tls",
            "telemetry",
            "inventory",
            "config",
            "keys",
            "scrub",
            "policy",
            "codec",
            "action",
            "catalog",
            "detect",
            "json",
            "category",
            "selector",
            "reader",
            "sensitive",
            "diagnostic",
        ],
    ),
    ("admin", &["proxy", "telemetry", "inventory"]),
    (
        "proxy",
        &[
            "deliver",
            "tls",
            "telemetry",
            "inventory",
            "config",
            "scrub",
            "codec",
            "catalog",
        ],
    ),
    ("deliver", &["tls", "scrub"]),
    ("tls", &["config"]),
    ("telemetry", &["scrub", "codec", "catalog"]),
    ("inventory", &["scrub", "category", "civil"]),
    ("keys", &["codec", "civil", "sensitive"]),
    ("config", &["policy", "reader", "diagnostic"]),
    (
        "scrub",
        &[
            "policy",
            "action",
            "catalog",
            "detect",
            "json",
            "codec",
            "category",
            "selector",
            "sensitive",
        ],
    ),
    (
        "policy",
        &[
            "action",
            "catalog",
            "category",
            "selector",
            "reader",
            "diagnostic",
        ],
    ),
    (
        "action",
        &["codec", "category", "selector", "civil", "sensitive"],
    ),
    (
        "catalog",
        &["codec", "category", "selector", "reader", "diagnostic"],
    ),
    ("detect", &["category"]),
    ("json", &["codec"]),
    ("codec", &[]),
    ("category", &[]),
    ("selector", &[]),
    ("civil", &[]),
    ("reader", &["diagnostic"]),
    ("sensitive", &[]),
    ("diagnostic", &[]),
];

/// Modules that know no network, no runtime and no HTTP.
const PURE: [&str; 12] = [
    "scrub",
    "policy",
    "action",
    "catalog",
    "detect",
    "json",
    "codec",
    "category",
    "selector",
    "reader",
    "sensitive",
    "diagnostic",
];

/// What does not stand in a pure module. `std::net::IpAddr` and its kin are values, not sockets.
const IMPURE: [&str; 16] = [
    "tokio",
    "hyper",
    "http::",
    "rustls::",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "ToSocketAddrs",
    "std::fs",
    "std::thread::spawn",
    "std::process",
    "async fn",
    ".await",
    "SystemTime",
];

/// Where a wrapped value or a key may be taken out.
const MAY_EXPOSE: [&str; 6] = [
    "src/sensitive.rs",
    "src/keys.rs",
    "src/action/pseudonym.rs",
    "src/action/vault.rs",
    "src/keys/epoch.rs",
    "src/scrub/sums.rs", // the salt of a checksum
];

#[test]
fn arrows_point_down() {
    let mut all = layers_point_down(&LAYERS);
    for file in sources() {
        all.extend(arrows(&file));
    }
    none(&all);
}

#[test]
fn every_arrow_of_the_table_is_used() {
    // A permission that nobody needs is one that nobody would notice being used.
    let files = sources();
    let mut unused = Vec::new();
    for (module, allowed) in LAYERS {
        for target in allowed {
            let used = files
                .iter()
                .any(|file| file.module() == module && named(&file.code()).contains(*target));
            if !used {
                unused.push(format!("{module} may name {target}, but does not"));
            }
        }
    }
    none(&unused);
}

#[test]
fn every_module_has_its_layer() {
    let modules: BTreeSet<_> = sources().iter().map(|f| f.module().to_owned()).collect();
    let known: BTreeSet<_> = LAYERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rest: Vec<_> = modules.symmetric_difference(&known).collect();
    assert!(
        rest.is_empty(),
        "only in the sources or only in the table: {rest:?}"
    );
}

#[test]
fn the_pure_half_is_pure() {
    check(purity);
}

#[test]
fn logging_stands_in_telemetry_and_printing_in_cli() {
    check(logging);
    check(printing);
}

#[test]
fn values_are_taken_out_where_they_must_be_read() {
    check(exposing);
}

#[test]
fn only_the_engine_makes_a_clean_request() {
    check(clean_requests);
    let makes = sources()
        .iter()
        .filter(|file| makes_clean_request(&file.code()))
        .count();
    assert_eq!(makes, 1);
}

#[test]
fn every_file_says_what_it_is_and_fits_a_sitting() {
    check(opening);
    check(length);
}

#[test]
fn vendors_are_data() {
    let vendors = vendor_names();
    assert!(vendors.contains(&"mixpanel".to_owned()));
    check(|file| vendor_in_code(file, &vendors));
}

#[test]
fn nothing_is_left_for_later() {
    check(unfinished);
}

/// A source file: its path below the repository, with `/`.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The top module that the file belongs to.
    fn module(&self) -> &str {
        let rest = self.path.trim_start_matches("src/");
        rest.split('/')
            .next()
            .unwrap_or(rest)
            .trim_end_matches(".rs")
    }

    /// The text without comments and without the tests at its end.
    fn code(&self) -> String {
        let before_tests = self
            .text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or("");
        before_tests
            .lines()
            .map(without_comment)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A line up to `//`, unless that stands in a string (`"https://…"`).
fn without_comment(line: &str) -> &str {
    let mut quotes = 0;
    let bytes = line.as_bytes();
    for at in 0..bytes.len() {
        match bytes[at] {
            b'"' if at == 0 || bytes[at - 1] != b'\\' => quotes += 1,
            b'/' if quotes % 2 == 0 && bytes.get(at + 1) == Some(&b'/') => return &line[..at],
            _ => {}
        }
    }
    line
}

/// The modules that `crate::` leads to, also in `use crate::{a, b}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        if let Some(group) = part.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.insert(first_word(&item));
                        item.clear();
                    }
                    c if depth == 0 => item.push(c),
                    _ => {}
                }
            }
            found.insert(first_word(&item));
        } else {
            found.insert(first_word(part));
        }
    }
    found.remove("");
    found
}

fn first_word(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_ascii_lowercase() || *c == '_')
        .collect()
}

fn layers_point_down(layers: &[(&str, &[&str])]) -> Vec<String> {
    let rank = |name: &str| layers.iter().position(|(module, _)| *module == name);
    let mut out = Vec::new();
    for (at, (module, allowed)) in layers.iter().enumerate() {
        for target in *allowed {
            if rank(target).is_none_or(|below| below <= at) {
                out.push(format!("{module} -> {target} does not point down"));
            }
        }
    }
    out
}

fn arrows(file: &Source) -> Vec<String> {
    let module = file.module();
    let allowed = LAYERS
        .iter()
        .find(|(name, _)| *name == module)
        .map_or(&[][..], |(_, to)| to);
    named(&file.code())
        .into_iter()
        .filter(|target| target != module && !allowed.contains(&&**target))
        .map(|target| format!("{}: {module} may not name {target}", file.path))
        .collect()
}

fn purity(file: &Source) -> Vec<String> {
    if !PURE.contains(&file.module()) {
        return Vec::new();
    }
    words(file, &IMPURE)
}

fn logging(file: &Source) -> Vec<String> {
    if file.module() == "telemetry" {
        return Vec::new();
    }
    words(
        file,
        &[
            "tracing::",
            "tracing_subscriber",
            "log::info",
            "log::warn",
            "log::error",
        ],
    )
}

fn printing(file: &Source) -> Vec<String> {
    if file.module() == "cli" {
        return Vec::new();
    }
    words(
        file,
        &[
            "println!",
            "eprintln!",
            "print!(",
            "eprint!(",
            "dbg!(",
            "stdout().lock",
            "stderr().lock",
        ],
    )
}

fn exposing(file: &Source) -> Vec<String> {
    if MAY_EXPOSE.contains(&&*file.path) {
        return Vec::new();
    }
    words(file, &[".expose()"])
}

fn makes_clean_request(code: &str) -> bool {
    code.match_indices("CleanRequest {").any(|(at, _)| {
        let before = code[..at].trim_end();
        !["struct", "impl", "for"]
            .iter()
            .any(|word| before.ends_with(word))
    })
}

fn clean_requests(file: &Source) -> Vec<String> {
    if file.path == "src/scrub/request.rs" || !makes_clean_request(&file.code()) {
        return Vec::new();
    }
    vec![format!("{}: makes a CleanRequest", file.path)]
}

fn opening(file: &Source) -> Vec<String> {
    let says = file
        .text
        .lines()
        .next()
        .is_some_and(|line| line.len() > 20 && line.starts_with("//! "));
    if says {
        return Vec::new();
    }
    vec![format!(
        "{}: does not open with what it is (//! …)",
        file.path
    )]
}

fn length(file: &Source) -> Vec<String> {
    let lines = file
        .text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or("")
        .lines()
        .count();
    if lines <= 600 {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines without its tests", file.path)]
}

fn vendor_in_code(file: &Source, vendors: &[String]) -> Vec<String> {
    // The demo replays one vendor's incident, and says whose.
    if file.path.starts_with("src/cli/demo/") {
        return Vec::new();
    }
    // A help text may show a whole example: it is to be pasted.
    let lines = file.code().to_lowercase();
    let code: String = lines
        .lines()
        .filter(|line| !line.contains("for instance"))
        .collect();
    vendors
        .iter()
        .filter(|vendor| {
            // Names that are words of the language too count where they are values.
            let common = [
                "braze",
                "heap",
                "keen",
                "linkedin",
                "meta",
                "plausible",
                "segment",
            ]
            .contains(&vendor.as_str());
            let quoted = format!("\"{vendor}\"");
            code.contains(if common { &quoted } else { vendor.as_str() })
        })
        .map(|vendor| format!("{}: speaks of {vendor}", file.path))
        .collect()
}

fn unfinished(file: &Source) -> Vec<String> {
    ["TODO", "FIXME", "unimplemented!", "todo!"]
        .iter()
        .filter(|word| file.text.contains(**word))
        .map(|word| format!("{}: {word}", file.path))
        .collect()
}

fn words(file: &Source, words: &[&str]) -> Vec<String> {
    let code = file.code();
    words
        .iter()
        .filter(|word| stands_in(&code, word))
        .map(|word| format!("{}: {word}", file.path))
        .collect()
}

/// Whether a word stands in code, not as the end of a longer one (`eprintln!` is no `println!`).
fn stands_in(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let starts = word.starts_with(|c: char| c.is_ascii_alphanumeric());
        !starts || !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

fn check(rule: impl Fn(&Source) -> Vec<String>) {
    let all: Vec<_> = sources().iter().flat_map(rule).collect();
    none(&all);
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Every source file but the two roots, which only list modules and start the program.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).expect("below the root");
                files.push(Source {
                    path: name.to_string_lossy().replace('\\', "/"),
                    text: std::fs::read_to_string(&path).expect("a source"),
                });
            }
        }
    }
    files.retain(|file| file.path != "src/main.rs" && file.path != "src/lib.rs");
    assert!(files.len() > 50);
    files
}

fn vendor_names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/vendors");
    std::fs::read_dir(folder)
        .expect("catalogs")
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            (path.extension()? == "toml").then(|| path.file_stem()?.to_str().map(str::to_owned))?
        })
        .collect()
}

mod samples {
    //! Each rule on a file that breaks it, and on one that only looks like it.

    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source {
            path: path.into(),
            text: text.into(),
        }
    }

    fn breaks(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) {
        assert!(!rule(&file(path, text)).is_empty(), "not seen: {text}");
    }

    fn holds(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) {
        let complaints = rule(&file(path, text));
        assert!(complaints.is_empty(), "{complaints:?}");
    }

    #[test]
    fn an_arrow_upwards_is_seen() {
        breaks(arrows, "src/json/lex.rs", "use crate::policy::Rule;");
        breaks(arrows, "src/detect/mod.rs", "fn f() { crate::scrub::x() }");
        breaks(
            arrows,
            "src/action/mod.rs",
            "use crate::{category::DataCategory, catalog::Vendor};",
        );
        breaks(
            arrows,
            "src/action/mod.rs",
            "pub(in crate::proxy) fn f() {}",
        );
        breaks(arrows, "src/new_module.rs", "use crate::json::lex;");
        holds(
            arrows,
            "src/scrub/leaf.rs",
            "use crate::{json::{Edits, Kind}, action::Action};",
        );
        holds(
            arrows,
            "src/json/lex.rs",
            "// crate::policy is not known here\nuse super::Tape;",
        );
        holds(
            arrows,
            "src/json/lex.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests {\n use crate::scrub::X;\n}",
        );
        assert!(!layers_point_down(&[("a", &[]), ("b", &["a"])]).is_empty());
        assert!(!layers_point_down(&[("a", &["a"])]).is_empty());
        assert!(!layers_point_down(&[("a", &["gone"])]).is_empty());
        assert!(layers_point_down(&[("a", &["b"]), ("b", &[])]).is_empty());
    }

    #[test]
    fn impurity_is_seen() {
        breaks(purity, "src/scrub/x.rs", "use tokio::sync::mpsc;");
        breaks(purity, "src/catalog/load.rs", "fn f() { std::fs::read(x) }");
        breaks(
            purity,
            "src/codec/mod.rs",
            "use std::net::{IpAddr, TcpStream};",
        );
        breaks(purity, "src/policy/mod.rs", "pub async fn f() {}");
        holds(
            purity,
            "src/scrub/mod.rs",
            "use std::net::IpAddr; // never hyper",
        );
        holds(
            purity,
            "src/catalog/x.rs",
            "let url = \"https://x.example\";",
        );
        holds(purity, "src/proxy/serve.rs", "use tokio::net::TcpStream;");
    }

    #[test]
    fn logging_and_printing_are_seen() {
        breaks(logging, "src/proxy/handle.rs", "tracing::info!(\"x\");");
        breaks(logging, "src/proxy/handle.rs", "use tracing::info;");
        holds(logging, "src/telemetry/log.rs", "tracing::info!(\"x\");");
        breaks(printing, "src/scrub/walk.rs", "println!(\"{value}\");");
        breaks(printing, "src/proxy/x.rs", "eprintln!(\"x\");");
        breaks(printing, "src/proxy/x.rs", "dbg!(x);");
        holds(printing, "src/cli/output.rs", "println!(\"x\");");
        holds(
            printing,
            "src/proxy/x.rs",
            "/// `println!` is for cli\nfn f() {}",
        );
    }

    #[test]
    fn a_value_taken_out_is_seen() {
        breaks(exposing, "src/telemetry/log.rs", "info(body.expose());");
        holds(exposing, "src/action/pseudonym.rs", "primary.expose()");
    }

    #[test]
    fn a_second_door_is_seen() {
        breaks(
            clean_requests,
            "src/proxy/x.rs",
            "let r = CleanRequest { method };",
        );
        breaks(clean_requests, "src/scrub/mod.rs", "Ok(CleanRequest {\n})");
        holds(
            clean_requests,
            "src/scrub/mod.rs",
            "pub struct CleanRequest {\n}\nimpl CleanRequest {\n}",
        );
    }

    #[test]
    fn a_silent_or_endless_file_is_seen() {
        breaks(opening, "src/x.rs", "use std::fmt;");
        breaks(opening, "src/x.rs", "//! x");
        holds(opening, "src/x.rs", "//! What this file is for.\n");
        breaks(length, "src/x.rs", &"x\n".repeat(601));
        holds(length, "src/x.rs", &"x\n".repeat(600));
        let tests = format!("x\n#[cfg(test)]\nmod tests {{\n{}}}", "x\n".repeat(700));
        holds(length, "src/x.rs", &tests);
    }

    #[test]
    fn a_vendor_in_code_is_seen() {
        let vendors = ["acme".to_owned()];
        let rule = |file: &Source| vendor_in_code(file, &vendors);
        breaks(rule, "src/scrub/x.rs", "if vendor.name == \"acme\" {}");
        breaks(rule, "src/scrub/x.rs", "fn fix_acme() {}");
        breaks(rule, "src/scrub/x.rs", "struct Acme;");
        holds(
            rule,
            "src/scrub/x.rs",
            "// as acme does\nlet x = 1; // acme",
        );
    }

    #[test]
    fn unfinished_work_is_seen() {
        breaks(unfinished, "src/x.rs", concat!("// TO", "DO later"));
        breaks(unfinished, "src/x.rs", "unimplemented!()");
        holds(unfinished, "src/x.rs", "// done");
    }
}
