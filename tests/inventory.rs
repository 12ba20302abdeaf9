//! The data map: what is told about which field, counted exactly whatever short cut the engine took,
//! kept over restarts and crashes, and without a value anywhere.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod door_support;
mod support;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use door_support::{Client, Upstream, good, status};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;
use support::{keep_but, scrubber, send_with, track};
use tamis::catalog::Field;
use tamis::policy::HowFound;
use tamis::scrub::{Scratch, Scrubber, Sighted, Sightings, Source};
use tamis::selector::Selector;

const RULES: &str = "[[rule]]\nname = \"mail\"\ncategory = [\"user.contact.email\"]\naction = \"drop\"\nreason = \"nobody needs it\"\n\
    [[rule]]\nname = \"ids\"\ncategory = [\"user.unique_id\"]\naction = \"hash\"\n\
    [[rule]]\nname = \"b\"\nevent = [\"b\"]\nfield = [\"properties.x.**\"]\naction = { mask = {} }\n\
    [[rule]]\nname = \"c\"\nfield = [\"**.c\"]\naction = \"null\"\n";

// ------------------------------------------------------------------------------- the engine counts

/// `field action rule`, how often.
fn taken(sightings: &Sightings) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (of, count) in sightings.take() {
        let inside = if of.inside { " (inside)" } else { "" };
        let name = format!("{}{inside} {} {}", of.field, of.action, of.rule);
        *all.entry(name).or_default() += count;
    }
    all
}

#[test]
fn fields_parts_and_containers_are_told_once_for_each_value() {
    let scrubber = scrubber(&keep_but(RULES));
    let sightings = Arc::new(Sightings::new());
    scrubber.count_into(&sightings);
    let body = r#"{"event":"Signed up","properties":{"distinct_id":"user-481","plan":"pro","note":"mail ann@shop.example","reach":"ann@shop.example","c":{"a":1},"text":"{\"plan\":\"gold\",\"mail\":\"cy@shop.example\"}","n":null,"Jane Doe":1,"user-4817":2,"list":[1,2,{"sku":"x"}]}}"#;
    let mut scratch = Scratch::new();
    for times in 1..=4u64 {
        let _ = send_with(&scrubber, &track(body), &mut scratch);
        let want: BTreeMap<String, u64> = [
            ("event keep ", 1),
            ("properties.distinct_id hash ids", 1),
            ("properties.plan keep ", 1),
            ("properties.note keep ", 1),
            ("properties.note (inside) drop mail", 1),
            ("properties.reach drop mail", 1),
            ("properties.c null c", 1),
            ("properties.text keep ", 1),
            ("properties.text.plan keep ", 1),
            ("properties.text.mail drop mail", 1),
            ("properties.n keep ", 1),
            ("properties.* keep ", 2),
            ("properties.list[] keep ", 2),
            ("properties.list[].sku keep ", 1),
        ]
        .map(|(name, count)| (name.to_owned(), count))
        .into();
        assert_eq!(taken(&sightings), want, "time {times}");
    }
    assert_eq!(taken(&sightings), BTreeMap::new(), "each is taken once");
}

#[test]
fn what_a_thread_counted_is_not_lost_when_it_ends() {
    let scrubber = scrubber(&keep_but(RULES));
    let sightings = Arc::new(Sightings::new());
    scrubber.count_into(&sightings);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut scratch = Scratch::new();
                for _ in 0..100 {
                    let _ = send_with(&scrubber, &track(r#"{"event":"e"}"#), &mut scratch);
                }
            });
        }
    });
    assert_eq!(taken(&sightings)["event keep "], 400);
}

#[test]
fn many_keys_are_few_rows_and_no_count_is_lost() {
    let scrubber = scrubber(&keep_but(RULES));
    let sightings = Arc::new(Sightings::new());
    scrubber.count_into(&sightings);
    let mut scratch = Scratch::new();
    let letters = |mut n: usize| {
        let mut word = String::from("k");
        for _ in 0..4 {
            word.push(char::from(b'a' + (n % 26) as u8));
            n /= 26;
        }
        word
    };
    let mut sent = 0;
    for round in 0..3 {
        let members: Vec<_> = (0..5000)
            .map(|n| format!("\"{}\":{{\"v\":1}}", letters(round * 5000 + n)))
            .collect();
        sent += members.len() as u64;
        let body = format!(
            "{{\"event\":\"e\",\"properties\":{{{}}}}}",
            members.join(",")
        );
        let _ = send_with(&scrubber, &track(&body), &mut scratch);
    }
    drop(scratch);
    let all = taken(&sightings);
    assert!(all.len() < 300, "{}", all.len());
    let told: u64 = all
        .iter()
        .filter(|(name, _)| !name.starts_with("event"))
        .map(|(_, count)| *count)
        .sum();
    assert_eq!(told, sent);
}

#[test]
fn every_value_of_a_long_list_is_counted() {
    let scrubber = scrubber(&keep_but(RULES));
    let sightings = Arc::new(Sightings::new());
    scrubber.count_into(&sightings);
    let list = vec!["1"; 100_000].join(",");
    let text = "\"mail ann@shop.example\"";
    let body =
        format!("{{\"event\":\"e\",\"properties\":{{\"list\":[{list}],\"t\":[{text},{text}]}}}}");
    let mut scratch = Scratch::new();
    for _ in 0..2 {
        let _ = send_with(&scrubber, &track(&body), &mut scratch);
        let all = taken(&sightings);
        assert_eq!(all["properties.list[] keep "], 100_000);
        assert_eq!(all["properties.t[] (inside) drop mail"], 2);
    }
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "[0-9]{1,12}",
        "\"[a-c ]{0,6}\"",
        Just("\"ann@shop.example\"".to_owned()),
        Just("\"write to ann@shop.example, or bob@shop.example\"".to_owned()),
        Just(r#""https://shop.example/a?mail=ann%40shop.example&b=1""#.to_owned()),
        Just(r#""{\"email\":\"ann@shop.example\",\"k\":1,\"t\":\"x\"}""#.to_owned()),
    ];
    support::documents(leaf, key())
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-e]",
        Just("email".to_owned()),
        Just("distinct_id".to_owned())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(20_251_122),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..ProptestConfig::default()
    })]

    /// The rows of `explain` take no short cut and know nothing of tallies.
    #[test]
    fn as_much_is_counted_as_has_rows(
        events in prop::collection::vec(("[ab]", value(), value()), 1..4),
        times in 1u64..5,
    ) {
        static MADE: LazyLock<(Scrubber, Arc<Sightings>)> = LazyLock::new(|| {
            let sightings = Arc::new(Sightings::new());
            let made = scrubber(&keep_but(RULES));
            made.count_into(&sightings);
            (made, sightings)
        });
        let (scrubber, sightings) = &*MADE;
        let events: Vec<_> = events
            .iter()
            .map(|(name, x, y)| {
                format!("{{\"event\":\"{name}\",\"properties\":{{\"x\":{x},\"y\":{y},\"distinct_id\":\"u-1\"}}}}")
            })
            .collect();
        let body = format!("[{}]", events.join(","));
        let mut explaining = Scratch::explaining();
        let _ = send_with(scrubber, &track(&body), &mut explaining);
        let mut want: BTreeMap<String, u64> = BTreeMap::new();
        for row in explaining.take_rows() {
            *want.entry(format!("{} {} {}", row.path, row.action, row.rule)).or_default() += times;
        }
        drop(explaining);
        let _ = sightings.take();
        let mut scratch = Scratch::new();
        for _ in 0..times {
            let _ = send_with(scrubber, &track(&body), &mut scratch);
        }
        let mut got = taken(sightings);
        got.retain(|name, _| !name.contains("(inside)"));
        prop_assert_eq!(got, want, "{}", body);
    }
}

/// `tamis diff --inventory` asks the rules, not the engine: both must agree.
#[test]
fn what_the_rules_say_about_a_seen_field_is_what_the_engine_did() {
    let event = r#"{"event":"Signed up","properties":{"token":"t","time":1700000000,"$insert_id":"i-1","distinct_id":"user-481","plan":"pro","amount":42.5,"note":"mail ann@shop.example","reach":"ann@shop.example","c":{"a":1,"d":"x"},"x":{"y":{"z":1}},"list":[{"sku":"s-1","c":2}],"$city":"Lyon","$browser":"Firefox","$current_url":"https://shop.example/a?b=1","first_name":"Ann","deep":{"contact":{"phone":"+1 415 555 0137"}}}}"#;
    let mine = keep_but(&format!(
        "{RULES}[[rule]]\nname = \"d\"\nfield = [\"properties.deep\", \"properties.list[].sku\"]\naction = \"drop\"\n\
         [[classify]]\nfield = [\"properties.plan\"]\ncategory = \"user.contact.email\"\n"
    ));
    let builtin = |name: &str| tamis::policy::builtin(name).unwrap().1.to_owned();
    let policies = [mine, builtin("default"), builtin("strict"), builtin("cnil")];
    let engines: Vec<Scrubber> = policies.iter().map(|text| scrubber(text)).collect();
    let seen: Vec<Vec<Sighted>> = engines
        .iter()
        .map(|engine| {
            let sightings = Arc::new(Sightings::new());
            engine.count_into(&sightings);
            let _ = send_with(engine, &track(event), &mut Scratch::new());
            sightings.take().into_iter().map(|(of, _)| of).collect()
        })
        .collect();
    let mut compared = 0;
    for rows in &seen {
        for (engine, there) in engines.iter().zip(&seen) {
            for row in rows {
                // What the other policy took in another way as a whole has no row of its own there.
                let same = |of: &&Sighted| of.field == row.field && of.inside == row.inside;
                let Some(did) = there.iter().find(same) else {
                    continue;
                };
                let vendor = engine
                    .vendors()
                    .iter()
                    .find(|v| v.name == row.vendor)
                    .unwrap();
                let field = Field {
                    selector: Selector::parse(&row.field).unwrap(),
                    category: row.category,
                    protocol: row.protocol,
                    issued: false,
                    route: false,
                };
                let how = match row.source {
                    Source::Policy => HowFound::ByPolicy,
                    _ => HowFound::Otherwise,
                };
                // What a policy classified itself, another one finds by other means.
                if did.category != row.category && row.source == Source::Policy {
                    continue;
                }
                let fate =
                    engine
                        .policy()
                        .seen_fate(vendor, &row.endpoint, &field, how, row.inside);
                let conditional = fate.contains("(if)");
                let says = fate.split(' ').next().unwrap();
                assert!(
                    conditional || says == did.action,
                    "{fate} is not {} for {row:?} under {}",
                    did.action,
                    engine.policy().name
                );
                compared += usize::from(!conditional);
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

// ------------------------------------------------------------------------------- the product

/// A running `tamis`, its log, and where it listens.
struct Run {
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
    at: HashMap<String, SocketAddr>,
}

impl Run {
    fn start(state: &Path, config: &str) -> Self {
        let file = state.join("tamis.toml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .env_clear()
            .env("TAMIS_LOG", "debug")
            .args(["run", "--config", file.to_str().unwrap()])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (send, log) = channel();
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let mut run = Self {
            child,
            log,
            seen: Vec::new(),
            at: HashMap::new(),
        };
        while run.at.len() < 2 {
            let line = run.line("");
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if let (Some(name), Some(at)) = (said["listener"].as_str(), said["addr"].as_str()) {
                run.at.insert(name.to_owned(), at.parse().unwrap());
            }
        }
        run
    }

    /// The next line that holds a text.
    fn line(&mut self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(Duration::from_secs(30));
            let line = line.unwrap_or_else(|_| panic!("no {text:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn post(&self, path: &str, body: &str) -> u16 {
        let mut client = Client::new(self.at["gateway"]);
        client.send(format!(
            "POST {path} HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        status(&client.answer())
    }

    fn admin(&self, method: &str, path: &str) -> (u16, String) {
        let mut client = Client::new(self.at["admin"]);
        client.send(format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.at["admin"]
        ));
        let mut answer = Vec::new();
        client.stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status(&answer), body.to_owned())
    }

    fn map(&self) -> Value {
        let (code, body) = self.admin("GET", "/api/inventory");
        assert_eq!(code, 200);
        serde_json::from_str(&body).unwrap()
    }

    /// SIGTERM, and the whole log.
    fn end(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.seen.extend(self.log.iter());
        self.seen.join("\n")
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(state: &Path, up: &Upstream, more: &str) -> String {
    format!(
        "state_dir = {:?}\n{more}\n[gateway]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\nvendor = \"mixpanel\"\nupstream = \"{}\"\n[[route]]\nvendor = \"segment\"\nupstream = \"{}\"\n",
        state.display().to_string(),
        up.url,
        up.url
    )
}

fn tamis(state: &Path, args: &[&str], want: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .env_clear()
        .env("TAMIS_STATE_DIR", state)
        .args(args)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(want), "{args:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

fn row<'v>(map: &'v Value, vendor: &str, field: &str) -> &'v Value {
    let rows = map["fields"].as_array().unwrap();
    let mut hits = rows
        .iter()
        .filter(|row| row["vendor"] == vendor && row["field"] == field);
    hits.next().unwrap_or_else(|| panic!("{field} in {map:#}"))
}

/// What the state directory says, as soon as a field was counted so often.
fn on_disk(state: &Path, field: &str, count: u64) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let map: Value = serde_json::from_str(&tamis(state, &["inventory", "--json"], 0)).unwrap();
        let rows = map["fields"].as_array().unwrap();
        if rows
            .iter()
            .any(|row| row["field"] == field && row["count"] == count)
        {
            return map;
        }
        assert!(Instant::now() < end, "{field} {count} in {map:#}");
        std::thread::yield_now();
    }
}

const EVENT: &str = r#"{"event":"Signed up","properties":{"token":"t","distinct_id":"user-481","plan":"pro","$email":"ann@shop.example"}}"#;

#[test]
fn the_map_survives_restarts_and_a_kill_loses_no_more_than_the_last_interval() {
    let dir = tempfile::tempdir().unwrap();
    let up = good();
    let quick = config(dir.path(), &up, "[inventory]\ninterval = \"20ms\"");
    let run = Run::start(dir.path(), &quick);
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    let map = run.map();
    assert_eq!(row(&map, "mixpanel", "properties.plan")["count"], 1);
    on_disk(dir.path(), "properties.plan", 1);
    run.kill();
    let file = dir.path().join("inventory.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);

    // As if it had been long ago.
    let map = on_disk(dir.path(), "properties.plan", 1);
    let first = row(&map, "mixpanel", "properties.plan")["first_seen"].clone();
    let text = std::fs::read_to_string(&file).unwrap();
    let old = text.replace(first.as_str().unwrap(), "2020-01-01T00:00Z");
    std::fs::write(&file, old).unwrap();

    // Written when it ends, however long the interval.
    let slow = config(dir.path(), &up, "[inventory]\ninterval = \"24h\"");
    let run = Run::start(dir.path(), &slow);
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    assert_eq!(row(&run.map(), "mixpanel", "properties.plan")["count"], 3);
    run.end();
    let map = on_disk(dir.path(), "properties.plan", 3);
    let plan = row(&map, "mixpanel", "properties.plan");
    assert_eq!(plan["first_seen"], "2020-01-01T00:00Z");
    assert!(plan["last_seen"].as_str() > Some("2025"));
    let mail = row(&map, "mixpanel", "properties.$email");
    assert_eq!(mail["category"], "user.contact.email");
    assert_eq!(mail["action"], "drop");
    assert_eq!(mail["how_found"], "catalog");
    assert_eq!(mail["rule"], "direct identifiers never leave");

    // Killed before the first interval: the earlier ones are there.
    let run = Run::start(dir.path(), &slow);
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    run.kill();
    on_disk(dir.path(), "properties.plan", 3);
}

#[test]
fn no_canary_stands_anywhere() {
    let canaries: Value = serde_json::from_str(include_str!("e2e/canaries.json")).unwrap();
    let identity = canaries["identity"].as_object().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut marks: Vec<String> = identity.values().map(text).collect();
    for leak in canaries["leaks"].as_array().unwrap() {
        if leak["kind"] != "regex" {
            marks.push(text(&leak["value"]));
        }
    }
    for more in ["cookie", "forwarded_for", "user_agent_marker", "free_text"] {
        marks.push(text(&canaries[more]));
    }
    let dir = tempfile::tempdir().unwrap();
    let up = good();
    let more = "policy = \"observe\"\nshadow_policy = \"strict\"\n[inventory]\ninterval = \"20ms\"";
    let run = Run::start(dir.path(), &config(dir.path(), &up, more));
    // As values, in names of events, in lists and maps, and as keys (but for one word that could be a
    // field's name).
    for value in &marks {
        let is_word = value.bytes().all(|b| b.is_ascii_alphabetic());
        let key = if is_word { "word" } else { value };
        let properties = serde_json::json!({
            "token": "t", "distinct_id": value, "plan": value, "note": format!("so {value} said"),
            "map": { key: { "n": 1 } }, "list": [value, { "deep": value }],
            "json": serde_json::json!({ key: value }).to_string(),
            "$current_url": format!("https://shop.example/{value}?q={value}"), key: value,
        });
        let event = serde_json::json!({ "event": value, "properties": properties });
        assert_eq!(run.post("/mixpanel/track", &event.to_string()), 200);
        let event = serde_json::json!({
            "type": "track", "event": value, "userId": value, "properties": properties,
            "context": { "traits": canaries["identity"], "page": canaries["page"], "ip": value },
        });
        assert_eq!(run.post("/segment/v1/track", &event.to_string()), 200);
    }
    assert_eq!(
        run.post(
            "/mixpanel/track",
            &serde_json::json!({
                "event": "all", "properties": { "token": "t", "everything": canaries }
            })
            .to_string()
        ),
        200
    );
    let count = marks.len() as u64;
    on_disk(dir.path(), "event", count + 1);
    let mut said = vec![
        ("shadow", run.admin("GET", "/api/shadow").1),
        ("map", run.admin("GET", "/api/inventory").1),
        ("page", run.admin("GET", "/inventory").1),
        ("metrics", run.admin("GET", "/metrics").1),
        ("front page", run.admin("GET", "/").1),
    ];
    said.push(("log", run.end()));
    assert!(
        said[5].1.contains("the shadow policy differs"),
        "{}",
        said[5].1
    );
    said.push(("csv", tamis(dir.path(), &["inventory", "--csv"], 0)));
    said.push(("html", tamis(dir.path(), &["inventory", "--html"], 0)));
    said.push(("table", tamis(dir.path(), &["inventory"], 0)));
    let file = std::fs::read_to_string(dir.path().join("inventory.json")).unwrap();
    said.push(("file", file));
    for (what, text) in &said {
        assert!(text.len() > 100, "{what}: {text}");
        let text = text.to_lowercase();
        for mark in &marks {
            let at = text.find(&mark.to_lowercase());
            let near = at.map(|at| &text[at.saturating_sub(80)..(at + 80).min(text.len())]);
            assert_eq!(near, None, "{mark} in {what}");
        }
    }
}

#[test]
fn a_state_directory_that_cannot_be_written_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let up = good();
    std::fs::create_dir(dir.path().join("inventory.lock")).unwrap();
    let quick = config(dir.path(), &up, "[inventory]\ninterval = \"5ms\"");
    let mut run = Run::start(dir.path(), &quick);
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    run.line("cannot be written");
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    assert_eq!(row(&run.map(), "mixpanel", "properties.plan")["count"], 2);
    // It fails once more when it ends.
    let log = run.end();
    assert_eq!(
        log.matches("the data map cannot be written").count(),
        1,
        "{log}"
    );
    assert!(!dir.path().join("inventory.json").exists());
}

#[test]
fn a_map_that_cannot_be_read_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let up = good();
    let file = dir.path().join("inventory.json");
    std::fs::write(&file, "not a map").unwrap();
    let quick = config(dir.path(), &up, "[inventory]\ninterval = \"5ms\"");
    let mut run = Run::start(dir.path(), &quick);
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    assert_eq!(row(&run.map(), "mixpanel", "properties.plan")["count"], 1);
    run.line("\"status\":200");
    let log = run.end();
    assert!(log.contains("kept in memory only"), "{log}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a map");
    tamis(dir.path(), &["inventory"], 2);
}

#[test]
fn it_can_be_switched_off() {
    let dir = tempfile::tempdir().unwrap();
    let up = good();
    let run = Run::start(
        dir.path(),
        &config(dir.path(), &up, "[inventory]\nenabled = false"),
    );
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    assert_eq!(run.admin("GET", "/api/inventory").0, 404);
    assert_eq!(run.admin("GET", "/inventory").0, 404);
    run.end();
    assert!(!dir.path().join("inventory.json").exists());
    assert_eq!(tamis(dir.path(), &["inventory"], 0), "");
}

#[test]
fn the_admin_listener_tells_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let up = good();
    let policy = dir.path().join("mine.toml");
    std::fs::write(&policy, format!("version = 1\nname = \"mine\"\n{RULES}")).unwrap();
    let more = format!(
        "policy = {:?}\nshadow_policy = \"default\"",
        policy.to_str().unwrap()
    );
    let run = Run::start(dir.path(), &config(dir.path(), &up, &more));
    let event = EVENT.replace("\"plan\"", "\"c\":\"gold\",\"plan\"");
    assert_eq!(run.post("/mixpanel/track", &event), 200);
    for path in ["/api/inventory", "/api/shadow", "/inventory"] {
        assert_eq!(run.admin("POST", path).0, 405, "{path}");
        assert_eq!(run.admin("GET", path).0, 200, "{path}");
    }
    let (_, front) = run.admin("GET", "/");
    assert!(front.contains("href=/inventory") && front.contains("Shadow policy"));
    let (_, page) = run.admin("GET", "/inventory");
    for word in [
        "Mixpanel",
        "properties.plan",
        "nobody needs it",
        "a pseudonym",
    ] {
        assert!(page.contains(word), "{word} in {page}");
    }
    let shadow: Value = serde_json::from_str(&run.admin("GET", "/api/shadow").1).unwrap();
    assert_eq!(shadow["policy"], "mine");
    assert_eq!(shadow["shadow_policy"], "default");
    assert_eq!(shadow["requests"][0]["vendor"], "mixpanel");
    let told = shadow["differences"].as_array().unwrap();
    // Both drop the address and hash the id.
    assert_eq!(told.len(), 1, "{shadow:#}");
    assert_eq!(told[0]["field"], "properties.c");
    assert_eq!(told[0]["action_in_force"], "null");
    assert_eq!(told[0]["rule_in_force"], "c");
    assert_eq!(told[0]["action_shadow"], "keep");
    assert_eq!(told[0]["rule_shadow"], "");
    assert_eq!(told[0]["count"], 1);

    // A shadow policy that does not check is refused with everything else.
    std::fs::write(
        dir.path().join("tamis.toml"),
        config(dir.path(), &up, "shadow_policy = \"no.toml\""),
    )
    .unwrap();
    assert_eq!(run.admin("POST", "/reload").0, 422);
    let file = dir.path().join("tamis.toml");
    let args = ["check", "--config", file.to_str().unwrap()];
    tamis(dir.path(), &args, 1);
    std::fs::write(
        &policy,
        "version = 1\n[[rule]]\nname = \"x\"\ncategory = [\"user.nme\"]\naction = \"drop\"\n",
    )
    .unwrap();
    let more = format!("shadow_policy = {:?}", policy.to_str().unwrap());
    std::fs::write(&file, config(dir.path(), &up, &more)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .env_clear()
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("mine.toml") && said.contains("user.name"),
        "{said}"
    );
}

#[test]
fn policies_are_compared_by_what_was_seen_and_by_captures() {
    let dir = tempfile::tempdir().unwrap();
    let up = good();
    tamis(dir.path(), &["diff", "--inventory", "default", "strict"], 2);
    let run = Run::start(dir.path(), &config(dir.path(), &up, ""));
    for _ in 0..3 {
        assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    }
    run.end();
    let rows = |args: &[&str], want: i32| -> Vec<Value> {
        let out: Value = serde_json::from_str(&tamis(dir.path(), args, want)).unwrap();
        out["differences"].as_array().unwrap().clone()
    };
    let all = rows(&["diff", "--inventory", "--json", "default", "strict"], 1);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0]["field"], "properties.plan (/track)");
    assert_eq!(
        (&all[0]["old"], &all[0]["new"]),
        (&"keep".into(), &"drop".into())
    );
    assert_eq!(all[0]["count"], 3);
    assert_eq!(
        rows(&["diff", "--inventory", "--json", "default", "default"], 0),
        [] as [Value; 0]
    );
    let table = tamis(dir.path(), &["diff", "--inventory", "default", "strict"], 1);
    assert!(
        table.contains("VALUES") && table.contains("1 differences"),
        "{table}"
    );

    let body = dir.path().join("body.json");
    std::fs::write(&body, EVENT).unwrap();
    let body = body.to_str().unwrap();
    let of = |old: &str, new: &str, want: i32| {
        let place = [
            "diff",
            "--json",
            "--vendor",
            "mixpanel",
            "--endpoint",
            "/track",
        ];
        let mut args = place.to_vec();
        args.extend([old, new, "--captures", body, body]);
        rows(&args, want)
    };
    assert_eq!(of("default", "default", 0), [] as [Value; 0]);
    let all = of("default", "strict", 1);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0]["field"], "properties.plan");
    assert_eq!(all[0]["count"], 2);
    assert!(!format!("{all:?}").contains("ann@"));
    std::fs::write(body, "{").unwrap();
    let place = [
        "diff",
        "--vendor",
        "mixpanel",
        "--endpoint",
        "/track",
        "default",
        "strict",
    ];
    let mut args = place.to_vec();
    args.extend(["--captures", body]);
    tamis(dir.path(), &args, 2);
    tamis(
        dir.path(),
        &["diff", "default", "strict", "--captures", body],
        2,
    );
}

#[test]
fn the_command_prints_it_for_people_and_programs() {
    let dir = tempfile::tempdir().unwrap();
    let up = good();
    let run = Run::start(dir.path(), &config(dir.path(), &up, ""));
    assert_eq!(run.post("/mixpanel/track", EVENT), 200);
    let event = r#"{"type":"track","event":"x","userId":"user-481","properties":{"plan":"pro"}}"#;
    assert_eq!(run.post("/segment/v1/track", event), 200);
    run.end();
    let table = tamis(dir.path(), &["inventory"], 0);
    let head = table.lines().next().unwrap();
    assert!(
        head.starts_with("VENDOR") && head.ends_with("VALUES"),
        "{head}"
    );
    let line = table
        .lines()
        .find(|l| l.contains("properties.$email"))
        .unwrap();
    assert!(
        line.contains("user.contact.email") && line.contains(" drop "),
        "{line}"
    );
    let of = |vendor: &str| tamis(dir.path(), &["inventory", "--json", "--vendor", vendor], 0);
    assert!(of("segment").contains("\"segment\"") && !of("segment").contains("\"mixpanel\""));
    assert!(!of("mixpanel").contains("\"segment\""));
    let csv = tamis(dir.path(), &["inventory", "--csv"], 0);
    let columns = csv.lines().next().unwrap().split(',').count();
    assert!(csv.lines().count() > 5);
    let plain = |line: &&str| !line.contains('"');
    assert!(
        csv.lines()
            .filter(plain)
            .all(|l| l.split(',').count() == columns),
        "{csv}"
    );
    let html = tamis(dir.path(), &["inventory", "--html"], 0);
    assert!(html.starts_with("<!doctype html>") && html.contains("Segment"));
    for two in [
        ["--csv", "--json"],
        ["--html", "--json"],
        ["--csv", "--html"],
    ] {
        tamis(dir.path(), &["inventory", two[0], two[1]], 2);
    }
    assert_eq!(
        tamis(dir.path(), &["inventory", "--vendor", "nobody"], 0),
        ""
    );
}
