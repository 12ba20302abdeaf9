//! Laws over every catalog in the repository, and over a vendor that is none of them.
//!
//! What holds for a vendor because it is a file, not because somebody wrote a test for it: it loads
//! without a finding, every recorded request passes, every endpoint that collects has a recorded
//! request, what the catalog forces is forced, and the page about vendors is what the binary prints.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a failed test"
)]

mod support;
#[path = "support/unfold.rs"]
mod unfold;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use sha2::{Digest, Sha256};
use support::{Outcome, Request, builtin, send_with};
use tamis::catalog::load::{FILES, builtin as catalogs, load};
use tamis::catalog::{Found, Kind, Vendor};
use tamis::scrub::{CleanRequest, Scratch, Scrubber};
use tamis::selector::{Selector, Step};
use unfold::{base64, lossy, percent, unfold};

#[test]
fn every_catalog_loads_without_a_finding_and_says_where_it_comes_from() {
    for (file, text) in FILES {
        let (vendor, d) = load(file, text).unwrap_or_else(|d| panic!("{d}"));
        assert!(d.items.is_empty(), "{d}");
        assert!(!vendor.docs.is_empty(), "{file}: no `docs`");
        assert!(!vendor.endpoints.is_empty(), "{file}: no endpoints");
        assert!(
            !vendor.guide.sdks.is_empty(),
            "{file}: no `[[sdk]]`: how is a library pointed here?"
        );
        for sdk in &vendor.guide.sdks {
            let route = format!("/{}", vendor.name);
            let here = sdk.line.contains("t.example") || sdk.line.contains("127.0.0.1");
            assert!(
                !here || sdk.line.contains(&route),
                "{file}: {} does not name the route {route}",
                sdk.name
            );
        }
    }
}

#[test]
fn every_recorded_request_passes() {
    for policy in ["default", "strict"] {
        let scrubber = builtin(policy);
        let mut scratch = Scratch::new();
        let mut wrong = Vec::new();
        for recorded in recordings() {
            match send_with(&scrubber, &recorded.request(), &mut scratch) {
                Outcome::Forward(clean) => {
                    if let Err(why) = well_formed(&clean) {
                        wrong.push(format!("{}: {why}", recorded.file));
                    }
                }
                // Recordings of sessions are answered here and not sent.
                Outcome::Answer if recorded.kind() == Kind::Replay => {}
                Outcome::Answer => wrong.push(format!("{}: answered", recorded.file)),
                Outcome::Refuse(why) => wrong.push(format!("{}: {why:?}", recorded.file)),
            }
        }
        assert!(wrong.is_empty(), "under {policy}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn no_selector_hides_a_category_behind_it() {
    // The first selector that matches decides: `protocol = ["context.**"]` before
    // `"user.name" = ["context.name"]` would keep the name.
    let mut hidden = Vec::new();
    let mut checked = 0;
    for vendor in catalogs().unwrap_or_else(|d| panic!("{d}")) {
        let lists = vendor.endpoints.iter().map(|e| (&*e.name, &e.fields));
        for (name, fields) in lists.chain([("fields", &vendor.fields)]) {
            for (at, field) in fields
                .iter()
                .enumerate()
                .filter(|(_, f)| f.category.is_some())
            {
                checked += 1;
                let before = fields.iter().take(at).filter(|f| f.category.is_none());
                for wide in before.filter(|f| covers(f.selector.steps(), field.selector.steps())) {
                    let (wide, field) = (&wide.selector, &field.selector);
                    hidden.push(format!("{} {name}: {wide} hides {field}", vendor.name));
                }
            }
        }
    }
    assert!(hidden.is_empty(), "{}", hidden.join("\n"));
    assert!(checked > 1000, "only {checked}");
}

/// Whether the first selector matches wherever the second does.
fn covers(wide: &[Step], narrow: &[Step]) -> bool {
    match (wide, narrow) {
        ([], []) => true,
        ([Step::Deep, rest @ ..], _) => {
            (0..=narrow.len()).any(|skip| covers(rest, &narrow[skip..]))
        }
        ([], _) | (_, []) => false,
        ([first, wide @ ..], [step, narrow @ ..]) => {
            let hit = match (first, step) {
                (Step::Any, Step::Deep) => false,
                (Step::Any, _) => true,
                (Step::Glob(glob), Step::Key(key) | Step::Glob(key)) => globs(glob, key),
                (one, other) => one == other,
            };
            hit && covers(wide, narrow)
        }
    }
}

/// Whether a glob matches a text; a star in the text is a character like others.
fn globs(glob: &str, text: &str) -> bool {
    match glob.split_once('*') {
        None => glob == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .any(|at| globs(rest, &text[at..]))
        }),
    }
}

/// A body whose length is known, a target that a reader can split.
fn well_formed(clean: &CleanRequest) -> Result<(), String> {
    if !clean.target().starts_with('/') || clean.target().contains([' ', '#']) {
        return Err(format!("target {}", clean.target()));
    }
    // A mapped path has its named segments filled in; the query goes along.
    if let Some(mapped) = clean.upstream_target() {
        let (path, query) = mapped.split_once('?').unwrap_or((mapped, ""));
        let came = clean.target().split_once('?').map_or("", |(_, q)| q);
        if !path.starts_with('/') || path.contains("/:") || query != came {
            return Err(format!("mapped to {mapped}"));
        }
    }
    let headers: Vec<_> = clean.headers().map(|(name, _)| name.to_owned()).collect();
    for name in ["cookie", "referer", "origin", "x-forwarded-for"] {
        if headers.iter().any(|have| have == name) {
            return Err(format!("header {name}"));
        }
    }
    Ok(())
}

#[test]
fn named_segments_of_a_mapped_path_are_filled_as_they_were_judged() {
    let text = "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://in.acme.example\"\n\
        [[endpoint]]\npaths = [\"/own/:who/list\"]\nkind = \"query\"\nmethods = [\"GET\"]\n\
        upstream_path = \"/v1/of/:who\"\n[fields]\n\"user.unique_id\" = [\"$path.who\"]\n";
    let (vendor, d) = load("acme.toml", text).unwrap();
    assert!(d.items.is_empty(), "{d}");
    let (_, policy) = tamis::policy::builtin("default").unwrap();
    let (policy, _) = tamis::policy::CompiledPolicy::load("default", policy).unwrap();
    let key = tamis::sensitive::SecretKey::new([7; 32]);
    let scrubber = Scrubber::new(Arc::new(policy), vec![Arc::new(vendor)], &key);
    let request = Request {
        vendor: "acme",
        method: "GET",
        path: "/own/user-canary-48213/list",
        query: Some("a=b"),
        headers: vec![],
        body: b"",
    };
    let Outcome::Forward(clean) = send_with(&scrubber, &request, &mut Scratch::new()) else {
        panic!("not forwarded");
    };
    let who = clean.target().split('/').nth(2).unwrap();
    assert!(!who.contains("canary"), "{who}");
    assert_eq!(clean.upstream_target(), Some(&*format!("/v1/of/{who}?a=b")));
    let other = text.replace("/v1/of/:who", "/v1/of/:whom");
    assert!(
        load("acme.toml", &other).is_err(),
        "a name that no path has"
    );
}

#[test]
fn every_endpoint_that_collects_has_a_recorded_request() {
    let recordings = recordings();
    let mut missing = BTreeSet::new();
    for vendor in catalogs().unwrap_or_else(|d| panic!("{d}")) {
        for (at, endpoint) in vendor.endpoints.iter().enumerate() {
            let hit = |r: &&Recorded| *r.vendor == *vendor.name && r.endpoint(&vendor) == Some(at);
            // The same with another path in front is the same endpoint.
            let twin = |r: &Recorded| {
                r.endpoint(&vendor)
                    .filter(|_| *r.vendor == *vendor.name)
                    .is_some_and(|other| same(&vendor, at, other))
            };
            if endpoint.kind == Kind::Collect
                && !recordings.iter().any(|r| hit(&r))
                && !recordings.iter().any(twin)
            {
                missing.insert(format!("{} {}", vendor.name, endpoint.name));
            }
        }
    }
    assert!(missing.is_empty(), "no recorded request for {missing:#?}");
}

#[test]
fn where_no_body_comes_none_is_described() {
    // Formats of a body that no method brings are a slip: of the methods, or of the defaults.
    let mut slips = Vec::new();
    for vendor in catalogs().unwrap_or_else(|d| panic!("{d}")) {
        for endpoint in &vendor.endpoints {
            let brings = |method: &str| !matches!(method, "GET" | "HEAD");
            if !endpoint.bodies.is_empty() && !endpoint.methods.iter().any(|m| brings(m)) {
                slips.push(format!("{} {}", vendor.name, endpoint.name));
            }
        }
    }
    assert!(slips.is_empty(), "{slips:#?}");
}

/// Endpoints that differ in nothing but where the path begins.
fn same(vendor: &Vendor, one: usize, other: usize) -> bool {
    let (one, other) = (&vendor.endpoints[one], &vendor.endpoints[other]);
    let leads = |a: &tamis::catalog::Endpoint, b: &tamis::catalog::Endpoint| {
        let path = a.upstream_path.as_deref().map(|p| p.trim_end_matches('/'));
        path.is_some_and(|path| {
            let names: String = path.to_owned();
            b.paths.iter().any(|p| p.matches(&names) || p.matches(path))
                || b.upstream_path.as_deref() == a.upstream_path.as_deref()
        })
    };
    leads(one, other) || leads(other, one)
}

#[test]
fn what_a_catalog_forces_is_forced() {
    let vendors: HashMap<_, _> = catalogs()
        .unwrap_or_else(|d| panic!("{d}"))
        .into_iter()
        .map(|v| (v.name.to_string(), v))
        .collect();
    let scrubber = builtin("default");
    let mut scratch = Scratch::new();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for recorded in recordings() {
        let vendor = &vendors[&recorded.vendor];
        let Some(at) = recorded.endpoint(vendor) else {
            continue;
        };
        let Outcome::Forward(clean) = send_with(&scrubber, &recorded.request(), &mut scratch)
        else {
            continue;
        };
        for set in &vendor.endpoints[at].sets {
            let Some(found) = values(&clean, &set.field) else {
                continue;
            };
            checked += 1;
            let want = set.value.as_deref().map(|v| v.trim_matches('"').to_owned());
            let good = match &want {
                Some(want) => {
                    found.iter().all(|have| have == want) && !(set.add && found.is_empty())
                }
                None => found.is_empty(),
            };
            if !good {
                wrong.push(format!("{}: {} is {found:?}", recorded.file, set.field));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 10, "only {checked} checks");
}

/// The values that left at a place of the query or the form; `None` for other places.
fn values(clean: &CleanRequest, field: &Selector) -> Option<Vec<String>> {
    let [Step::Key(base), Step::Key(name)] = field.steps() else {
        return None;
    };
    let text = match &**base {
        "$query" => clean
            .target()
            .split_once('?')
            .map_or("", |(_, q)| q)
            .to_owned(),
        "$form" => lossy(clean.body()),
        _ => return None,
    };
    if text.starts_with(['{', '[']) {
        return None;
    }
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(key, _)| percent(key, true) == **name);
    Some(named.map(|(_, value)| percent(value, true)).collect())
}

#[test]
fn no_digest_of_the_person_leaves() {
    // Advertising interfaces ask for SHA-256 of what names somebody; anyone can look those up.
    let plain = [
        "zeb.canary7@quixworth.example",
        "14155550137",
        "+14155550137",
        "4155550137",
        "user-canary-48213",
        "zebulon",
        "quixworth",
        "canaryville",
        "19870309",
        "1987-03-09",
    ];
    let digests: Vec<String> = plain.iter().map(|text| sha256(text)).collect();
    let (mut came, mut found) = (0, Vec::new());
    for policy in ["default", "strict"] {
        let scrubber = builtin(policy);
        let mut scratch = Scratch::new();
        for recorded in recordings() {
            let before = [recorded.target.as_bytes(), &recorded.body].concat();
            let holds = |bytes: &[u8]| {
                let texts = unfold(bytes);
                digests
                    .iter()
                    .any(|d| texts.iter().any(|t| t.to_lowercase().contains(d)))
            };
            if !holds(&before) {
                continue;
            }
            came += 1;
            if let Outcome::Forward(clean) = send_with(&scrubber, &recorded.request(), &mut scratch)
                && holds(&[clean.target().as_bytes(), clean.body()].concat())
            {
                found.push(format!("{} under {policy}", recorded.file));
            }
        }
    }
    assert!(came > 0, "in no recording");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn sha256(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[test]
fn money_and_products_leave_exactly_in_every_wire_format() {
    // The same in query strings, where the other golden tests see no documents.
    let exact = [
        "cd[value]",
        "cd[currency]",
        "cd[plan]",
        "cd[contents]",
        "cd[content_name]",
    ];
    let scrubber = builtin("default");
    let mut scratch = Scratch::new();
    let mut seen = 0;
    for recorded in recordings() {
        let Outcome::Forward(clean) = send_with(&scrubber, &recorded.request(), &mut scratch)
        else {
            continue;
        };
        for name in exact {
            let of = |target: &str, body: &[u8]| -> Vec<String> {
                let query = target.split_once('?').map_or("", |(_, q)| q).to_owned();
                let text = if query.is_empty() { lossy(body) } else { query };
                let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
                pairs
                    .filter(|(key, _)| percent(key, true) == name)
                    .map(|(_, value)| percent(value, true))
                    .collect()
            };
            let came = of(&recorded.target, &recorded.body);
            seen += came.len();
            assert_eq!(came, of(clean.target(), clean.body()), "{}", recorded.file);
        }
    }
    assert!(seen > 0);
}

const ACME: &str = r#"
name     = "outsider"
title    = "Outsider Analytics"
upstream = "https://in.outsider.example"

[formats.json]
types  = ["application/json"]
layers = ["json"]

[[endpoint]]
paths      = ["/v9/:stream/events/?"]
kind       = "collect"
methods    = ["POST"]
body       = ["json"]
events     = ["batch[]"]
event_name = "what"
headers    = ["x-outsider-key"]
set        = { "$query.locate" = 0 }
answers    = [{ status = 204 }]

[fields]
protocol          = ["$path.stream", "what", "when"]
"user.unique_id"  = ["who"]
"user.contact.email" = ["how_to_reach"]
"#;

#[test]
fn a_vendor_is_added_by_a_file_outside_of_the_binary() {
    let dir = tempfile::tempdir().unwrap();
    let vendors = dir.path().join("vendors");
    std::fs::create_dir(&vendors).unwrap();
    std::fs::write(vendors.join("outsider.toml"), ACME).unwrap();
    let config = dir.path().join("tamis.toml");
    std::fs::write(&config, format!("vendors_dir = {:?}\n", vendors.display())).unwrap();

    let vendor = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("outsider=http://{}", vendor.local_addr().unwrap());
    let (seen, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let Ok((mut peer, _)) = vendor.accept() else {
            return;
        };
        let mut got = Vec::new();
        let mut part = [0; 4096];
        while let Ok(more @ 1..) = peer.read(&mut part) {
            got.extend_from_slice(&part[..more]);
            if got.windows(2).any(|end| end == b"]}") {
                break;
            }
        }
        let _ = peer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        let _ = seen.send(String::from_utf8_lossy(&got).into_owned());
    });

    let (gateway, admin) = (free_port(), free_port());
    let mut tamis = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(["run", "--policy", "default", "--config"])
        .arg(&config)
        .arg("--state-dir")
        .arg(dir.path().join("state"))
        .args(["--listen", &format!("127.0.0.1:{gateway}")])
        .args(["--admin-listen", &format!("127.0.0.1:{admin}")])
        .args(["--upstream", &upstream])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let body = r#"{"batch":[{"what":"Sign-up","when":1795301881,"who":"user-canary-48213","how_to_reach":"zeb.canary7@quixworth.example","plan":"pro","amount":42.50}]}"#;
    let request = format!(
        "POST /outsider/v9/web/events HTTP/1.1\r\nHost: g\r\nX-Outsider-Key: k1\r\nCookie: id=7\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(gateway, &request);
    let sent = heard.recv_timeout(Duration::from_secs(20));
    tamis.kill().unwrap();
    tamis.wait().unwrap();

    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let sent = sent.expect("a request at the vendor");
    assert!(
        sent.starts_with("POST /v9/web/events?locate=0 HTTP/1.1\r\n"),
        "{sent}"
    );
    let head = sent.to_lowercase();
    assert!(
        head.contains("x-outsider-key: k1") && !head.contains("cookie"),
        "{sent}"
    );
    for good in ["\"Sign-up\"", "1795301881", "\"pro\"", "42.50"] {
        assert!(sent.contains(good), "{good} in {sent}");
    }
    assert!(sent.contains("\"who\":\""), "a pseudonym in {sent}");
    for bad in ["canary", "quixworth", "how_to_reach"] {
        assert!(!sent.contains(bad), "{bad} in {sent}");
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Sends once the gateway listens, and reads the whole answer.
fn ask(port: u16, request: &str) -> String {
    for _ in 0..200 {
        let Ok(mut peer) = TcpStream::connect(("127.0.0.1", port)) else {
            std::thread::park_timeout(Duration::from_millis(100));
            continue;
        };
        peer.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        peer.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = peer.read_to_string(&mut answer);
        return answer;
    }
    panic!("the gateway did not come up");
}

#[test]
fn the_page_about_vendors_is_what_the_binary_prints() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/vendors.md");
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(["vendors", "--markdown"])
        .env_remove("TAMIS_CONFIG")
        .output()
        .unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&place, &printed).unwrap();
    }
    let written = std::fs::read_to_string(&place).unwrap_or_default();
    let differs = printed.lines().zip(written.lines()).find(|(a, b)| a != b);
    assert!(
        printed == written,
        "docs/vendors.md is not what `tamis vendors --markdown` prints (UPDATE_GOLDEN=1 writes it): {differs:?}"
    );
}

/// A recorded request.
struct Recorded {
    file: String,
    vendor: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Recorded {
    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let text = |key: &str| json[key].as_str().expect("a text").to_owned();
        let headers = json["headers"].as_array().expect("headers").iter();
        Self {
            file: file
                .strip_prefix(root())
                .unwrap_or(file)
                .display()
                .to_string(),
            vendor: text("vendor"),
            method: text("method"),
            target: text("target"),
            headers: headers
                .map(|pair| {
                    let part = |at: usize| pair[at].as_str().expect("a text").to_owned();
                    (part(0).to_ascii_lowercase(), part(1))
                })
                .collect(),
            body: base64(&text("body_b64")).expect("base64"),
        }
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn request(&self) -> Request<'_> {
        Request {
            vendor: &self.vendor,
            method: &self.method,
            path: self.path(),
            query: self.target.split_once('?').map(|(_, query)| query),
            headers: self.headers.iter().map(|(n, v)| (&**n, &**v)).collect(),
            body: &self.body,
        }
    }

    /// The endpoint that it is for.
    fn endpoint(&self, vendor: &Vendor) -> Option<usize> {
        match vendor.find(&self.method, self.path()) {
            Found::Endpoint(at, _) => Some(at),
            Found::Method(_) | Found::Nothing => None,
        }
    }

    fn kind(&self) -> Kind {
        let vendors = catalogs().unwrap_or_else(|d| panic!("{d}"));
        let vendor = vendors.iter().find(|v| *v.name == *self.vendor);
        let at = vendor.and_then(|v| Some(v.endpoints[self.endpoint(v)?].kind));
        at.expect("an endpoint")
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn recordings() -> Vec<Recorded> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|file| Recorded::read(file)).collect()
}
