//! The commands as people and scripts meet them: output, exit status (0 good, 1 a finding, 2 a usage
//! or configuration error), and what lies on the disk afterwards.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const EVENT: &str = r#"{"event":"Checkout Completed","properties":{"token":"t0ken","distinct_id":"user-48213","plan":"pro","amount":42.50,"contact_primary":"jane@example.com"}}"#;

/// A newcomer's first policy, with three mistakes.
const THREE_MISTAKES: &str = r#"version = 1
name = "mine"

[[rule]]
name     = "no e-mail"
category = ["user.email"]
action   = "drop"

[[rule]]
name    = "ids"
catgory = ["user.unique_id"]
action  = { hash = { shape = "keeep" } }
"#;

/// Runs `tamis` with its state in a directory of its own.
fn tamis(state: &Path, args: &[&str]) -> Output {
    with_input(state, args, "")
}

fn with_input(state: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(args)
        .env_clear()
        .env("TAMIS_STATE_DIR", state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    // A command that needs no input may have ended before it could be written.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes());
    child.wait_with_output().expect("an end")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit status")
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

/// Standard output of a command that must do well.
fn good(state: &Path, args: &[&str], input: &str) -> String {
    let output = with_input(state, args, input);
    assert_eq!(code(&output), 0, "{args:?}: {}", err(&output));
    out(&output).to_owned()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

fn state() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

const TRACK: [&str; 5] = ["scrub", "--vendor", "mixpanel", "--endpoint", "/track"];

#[test]
fn scrub_writes_what_would_be_forwarded() {
    let dir = state();
    let left = good(dir.path(), &TRACK, EVENT);
    let event = json(&left);
    assert_eq!(event["event"], "Checkout Completed");
    assert_eq!(event["properties"]["plan"], "pro");
    assert!(left.contains("\"amount\":42.50"), "kept as spelled: {left}");
    assert!(
        !left.contains("jane") && !left.contains("user-48213"),
        "{left}"
    );
    // From a file, with a content type, with the same outcome.
    let path = file(dir.path(), "body.json", EVENT);
    let mut args = TRACK.to_vec();
    args.extend(["--content-type", "application/json", &path]);
    assert_eq!(good(dir.path(), &args, ""), left);
    // Nothing changes: the bytes come back as they were.
    let odd = " { \"event\" : \"x\" , \"properties\" : { \"plan\" : 1e2 } } ";
    assert_eq!(good(dir.path(), &TRACK, odd), odd);
}

#[test]
fn scrub_judges_a_query_and_writes_a_report_without_values() {
    let dir = state();
    let report = dir.path().join("report.json");
    let report = report.to_str().expect("UTF-8");
    let mut args = TRACK.to_vec();
    args.extend(["--report", report]);
    good(dir.path(), &args, EVENT);
    let text = std::fs::read_to_string(report).expect("a report");
    assert_eq!(json(&text)["events_in"], 1);
    assert_eq!(json(&text)["actions"]["drop"], 1);
    for value in ["jane", "user-48213", "pro", "t0ken"] {
        assert!(!text.contains(value), "{text}");
    }
    let mut args = TRACK.to_vec();
    let query =
        "ip=1&verbose=1&email=jane%40example.com&data=eyJldmVudCI6ImUiLCJwcm9wZXJ0aWVzIjp7fX0%3D";
    args.extend(["--method", "GET", "--query", query]);
    let left = good(dir.path(), &args, "");
    assert!(left.contains("ip=0") && left.contains("verbose=1") && left.contains("data="));
    assert!(!left.contains("jane"), "{left}");
}

#[test]
fn what_cannot_be_judged_is_a_finding() {
    let dir = state();
    let output = with_input(dir.path(), &TRACK, "{\"event\":");
    assert_eq!((code(&output), out(&output)), (1, ""));
    assert!(
        err(&output).contains("refused: a truncated document"),
        "{}",
        err(&output)
    );
    let output = with_input(dir.path(), &TRACK, "{\"jane@example.com\":!}");
    assert_eq!(code(&output), 1);
    assert!(
        !err(&output).contains("jane"),
        "errors hold no values: {}",
        err(&output)
    );
}

#[test]
fn explain_tells_every_field() {
    let dir = state();
    let mut args = TRACK.to_vec();
    args[0] = "explain";
    let table = good(dir.path(), &args, EVENT);
    assert!(table.starts_with("FIELD"), "{table}");
    args.push("--json");
    let all = json(&good(dir.path(), &args, EVENT));
    assert_eq!(all["outcome"], "forward");
    let fields = all["fields"].as_array().expect("fields");
    let field = |path: &str| {
        fields
            .iter()
            .find(|f| f["field"] == path)
            .unwrap_or_else(|| panic!("no {path} in {fields:#?}"))
    };
    let contact = field("properties.contact_primary");
    assert_eq!(contact["category"], "user.contact.email");
    assert_eq!(
        (&contact["action"], &contact["after"]),
        (&"drop".into(), &"".into())
    );
    let id = field("properties.distinct_id");
    assert_eq!(
        (&id["found_by"], &id["action"]),
        (&"catalog".into(), &"hash".into())
    );
    assert_eq!(id["before"], "user-48213");
    let plan = field("properties.plan");
    assert_eq!(
        (&plan["action"], &plan["after"]),
        (&"keep".into(), &"pro".into())
    );
    let output = with_input(dir.path(), &args, "{");
    assert_eq!(code(&output), 1);
}

#[test]
fn check_tells_a_newcomers_three_mistakes_at_once() {
    let dir = state();
    let policy = file(dir.path(), "mine.toml", THREE_MISTAKES);
    let output = tamis(dir.path(), &["check", "--policy", &policy]);
    assert_eq!(code(&output), 1);
    for told in [
        "mine.toml:6:13",
        "did you mean `user.contact.email`?",
        "mine.toml:11:1",
        "did you mean `category`?",
        "mine.toml:12:30",
        "did you mean `keep`?",
        "3 errors",
    ] {
        assert!(err(&output).contains(told), "{told}: {}", err(&output));
    }
    assert!(
        !err(&output).contains('\u{1b}'),
        "colour only on a terminal"
    );
    let output = tamis(dir.path(), &["check", "--json", "--policy", &policy]);
    assert_eq!(code(&output), 1);
    let found = json(out(&output));
    let found = found["findings"].as_array().expect("findings");
    let places: Vec<_> = found
        .iter()
        .map(|f| (f["line"].as_u64(), f["column"].as_u64()))
        .collect();
    assert_eq!(
        places,
        [
            (Some(6), Some(13)),
            (Some(11), Some(1)),
            (Some(12), Some(30))
        ]
    );
    // Nothing else starts with it either; there it is a configuration error.
    let mut args = TRACK.to_vec();
    args.extend(["--policy", &policy]);
    assert_eq!(code(&with_input(dir.path(), &args, EVENT)), 2);
    assert_eq!(code(&tamis(dir.path(), &["run", "--policy", &policy])), 2);
}

#[test]
fn check_is_content_with_what_is_built_in() {
    let dir = state();
    for policy in ["default", "strict", "observe"] {
        let output = tamis(dir.path(), &["check", "--policy", policy]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert!(
            out(&output).starts_with("good: "),
            "{policy}: {}",
            err(&output)
        );
    }
    let config = file(dir.path(), "tamis.toml", "polcy = \"default\"\n");
    let output = tamis(dir.path(), &["check", "--config", &config]);
    assert_eq!(code(&output), 1);
    assert!(
        err(&output).contains("did you mean `policy`?"),
        "{}",
        err(&output)
    );
}

#[test]
fn vendors_are_listed_and_shown() {
    let dir = state();
    assert!(good(dir.path(), &["vendors"], "").contains("mixpanel"));
    let all = json(&good(dir.path(), &["vendors", "--json"], ""));
    assert!(
        all.as_array()
            .expect("a list")
            .iter()
            .any(|v| v["vendor"] == "mixpanel")
    );
    let shown = good(dir.path(), &["vendors", "show", "mixpanel"], "");
    assert!(
        shown.contains("/track") && shown.contains("user.unique_id"),
        "{shown}"
    );
    let shown = json(&good(
        dir.path(),
        &["vendors", "show", "mixpanel", "--json"],
        "",
    ));
    assert!(shown["endpoints"].as_array().expect("endpoints").len() > 3);
    assert!(shown["fields"].as_array().expect("fields").len() > 30);
    assert_eq!(code(&tamis(dir.path(), &["vendors", "show", "nobody"])), 2);
}

#[test]
fn pseudonym_is_what_scrub_writes() {
    let dir = state();
    let id = |value: &str| {
        let event = format!("{{\"event\":\"e\",\"properties\":{{\"distinct_id\":{value}}}}}");
        let left = json(&good(dir.path(), &TRACK, &event));
        match &left["properties"]["distinct_id"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    };
    let given = [
        "user-48213",
        "48213",
        "jane@example.com",
        "$device:f47ac10b-58cc-4372-a567-0e02b2c3d479",
    ];
    let mut args = vec!["pseudonym", "--vendor", "mixpanel"];
    args.extend(given);
    let said = good(dir.path(), &args, "");
    let said: Vec<_> = said.lines().collect();
    assert_eq!(said.len(), given.len());
    for (value, pseudonym) in given.iter().zip(&said) {
        assert_eq!(id(&format!("\"{value}\"")), *pseudonym, "{value}");
    }
    assert_eq!(id("48213"), said[1], "a number is its text");
    // Another machine has another key.
    let other = state();
    assert_ne!(good(other.path(), &args, "").lines().next(), Some(said[0]));
    // After a rotation the old one can still be told.
    good(dir.path(), &["keys", "rotate"], "");
    let now = good(dir.path(), &args[..4], "");
    assert_ne!(now.trim(), said[0]);
    let all = [
        "pseudonym",
        "--vendor",
        "mixpanel",
        "--all-epochs",
        "--json",
        "user-48213",
    ];
    let all = json(&good(dir.path(), &all, ""));
    let all: Vec<_> = all
        .as_array()
        .expect("rows")
        .iter()
        .map(|r| r["pseudonym"].as_str().expect("text"))
        .collect();
    assert_eq!(all, [said[0], now.trim()]);
    assert_eq!(
        code(&tamis(
            dir.path(),
            &["pseudonym", "--vendor", "nobody", "x"]
        )),
        2
    );
}

#[test]
fn a_new_key_is_announced_and_what_is_encrypted_needs_the_old_one() {
    let dir = state();
    let key = dir.path().join("keys/primary/1.key");
    let sealed = "tenc_1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    // A mistyped directory is no place where something was encrypted.
    let asked = tamis(dir.path(), &["reveal", "--vendor", "mixpanel", sealed]);
    assert_eq!(code(&asked), 2, "{asked:?}");
    assert_eq!(out(&asked), "");
    for word in [
        "no pseudonym key",
        dir.path().to_str().unwrap(),
        "--state-dir",
    ] {
        assert!(err(&asked).contains(word), "{word}: {}", err(&asked));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    // What shows pseudonyms makes the key under which they will be made, and says where.
    let event = r#"{"event":"e","properties":{"distinct_id":"user-48213"}}"#;
    let explain = [
        "explain",
        "--vendor",
        "mixpanel",
        "--endpoint",
        "/track",
        "--json",
    ];
    let first = with_input(dir.path(), &explain, event);
    let note = "a new pseudonym key was made in";
    assert!(err(&first).contains(note), "{}", err(&first));
    assert!(key.exists());
    let scrubbed = with_input(dir.path(), &TRACK, event);
    assert_eq!(err(&scrubbed), "");
    let person = ["pseudonym", "--vendor", "mixpanel", "user-48213"];
    let told = good(dir.path(), &person, "");
    assert!(out(&scrubbed).contains(told.trim()), "{told}");
    assert!(out(&first).contains(told.trim()), "{told}");
    let other = state();
    let told = tamis(other.path(), &person);
    assert!(err(&told).contains(note), "{}", err(&told));
    assert!(!err(&told).contains("user-48213"));
    // A ring whose keys are all gone is not one that is missing.
    std::fs::rename(&key, key.with_extension("shredded")).unwrap();
    for args in [&explain[..], &["pseudonym", "--vendor", "mixpanel", "x"]] {
        let asked = with_input(dir.path(), args, event);
        assert_eq!(code(&asked), 2);
        assert!(err(&asked).contains("shredded"), "{}", err(&asked));
    }
}

#[test]
fn a_check_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let looked = tamis(dir.path(), &["check"]);
    assert_eq!(code(&looked), 0);
    assert!(err(&looked).contains("no pseudonym key yet"), "{looked:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    let key = dir.path().join("keys/primary/1.key");
    good(dir.path(), &["keys", "new"], "");
    assert!(!err(&tamis(dir.path(), &["check"])).contains("no pseudonym key yet"));
    std::fs::write(&key, "nothing").unwrap();
    assert_eq!(code(&tamis(dir.path(), &["check"])), 1);
}

#[test]
fn keys_are_made_listed_rotated_and_shredded() {
    let dir = state();
    let home = dir.path().join("state");
    assert_eq!(
        code(&tamis(&home, &["keys", "list"])),
        2,
        "there is none yet"
    );
    good(&home, &["keys", "new"], "");
    assert_eq!(code(&tamis(&home, &["keys", "new"])), 2, "one is enough");
    good(&home, &["keys", "rotate"], "");
    let list = || {
        let rows = json(&good(&home, &["keys", "--json", "list"], ""));
        let rows = rows.as_array().expect("rows");
        rows.iter()
            .map(|r| {
                (
                    r["epoch"].as_u64().expect("a number"),
                    r["state"].as_str().expect("a word").to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    let row = |epoch: u64, state: &str| (epoch, state.to_owned());
    assert_eq!(list(), [row(1, "kept"), row(2, "current")]);
    private(&home);
    assert_eq!(
        code(&tamis(&home, &["keys", "shred", "2"])),
        2,
        "the current one stays"
    );
    assert_eq!(
        code(&tamis(&home, &["keys", "shred", "9"])),
        2,
        "there is no such epoch"
    );
    good(&home, &["keys", "shred", "1"], "");
    assert_eq!(list(), [row(1, "shredded"), row(2, "current")]);
    private(&home);
    good(&home, &["keys", "--name", "other", "new"], "");
    assert_eq!(list().len(), 2, "a key of its own");
    for name in ["../x", "a/b", "", "."] {
        assert_eq!(
            code(&tamis(&home, &["keys", "--name", name, "new"])),
            2,
            "{name:?}"
        );
    }
}

/// Files 0600 and folders 0700, the state directory's own among them.
fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            private(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn the_demo_shows_who_is_not_held() {
    let dir = state();
    let all = json(&good(dir.path(), &["demo", "--exit", "--json"], ""));
    let people = all["people"].as_u64().expect("people");
    assert!(people > 0);
    let held = |side: &str| all[side]["held"].as_object().expect("a table").clone();
    for (what, count) in held("with") {
        assert_eq!(count, 0, "with Tamis the vendor still holds {what}");
    }
    for (what, count) in held("without") {
        assert!(
            count.as_u64().expect("a number") > 0,
            "without Tamis no {what}: the demo shows nothing"
        );
    }
    assert_eq!(
        all["with"]["useful"], all["without"]["useful"],
        "the product team loses nothing"
    );
    assert_eq!(all["with"]["people_told_apart"], people);
    // It leaves nothing behind.
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0);
}

#[test]
fn healthcheck_tells_that_nobody_is_there() {
    let dir = state();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").to_string()
    };
    let output = tamis(dir.path(), &["healthcheck", "--admin-listen", &port]);
    assert_eq!(code(&output), 1);
    assert!(err(&output).contains("refused"), "{}", err(&output));
}

#[test]
fn healthcheck_asks_the_admin_listener() {
    use std::io::Read;
    for (answer, want) in [("200 OK", 0), ("503 Service Unavailable", 1)] {
        let dir = state();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a request");
                head.push(byte[0]);
            }
            // In one piece: the client hangs up as soon as it has read the status.
            let whole = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(whole.as_bytes()).expect("written");
            String::from_utf8_lossy(&head).into_owned()
        });
        let output = tamis(dir.path(), &["healthcheck", "--admin-listen", &port]);
        assert_eq!(code(&output), want);
        assert!(
            server
                .join()
                .expect("the server")
                .starts_with("GET /healthz HTTP/1.1\r\n")
        );
    }
}

#[test]
fn detect_reads_lines() {
    let dir = state();
    let line = r#"{"id":"1","path":"note","value":"mail jane@example.com now"}"#;
    let said = json(good(dir.path(), &["detect", "--jsonl"], &format!("{line}\n")).trim());
    assert_eq!(said["id"], "1");
    let span = &said["entities"][0];
    assert_eq!(
        (&span["start"], &span["end"]),
        (&5.into(), &21.into()),
        "{said}"
    );
    let output = with_input(dir.path(), &["detect", "--jsonl"], "jane@example.com\n");
    assert_eq!(code(&output), 2);
    assert!(!err(&output).contains("jane"), "{}", err(&output));
}

#[test]
fn usage_errors_are_two_and_help_is_good() {
    let dir = state();
    let bad: [&[&str]; 9] = [
        &[],
        &["--nope"],
        &["nope"],
        &["run", "--nope"],
        &["scrub"],
        &["scrub", "--vendor", "mixpanell", "--endpoint", "/track"],
        &["scrub", "--vendor", "mixpanel", "--endpoint", "/nope"],
        &[
            "scrub",
            "--vendor",
            "mixpanel",
            "--endpoint",
            "/track",
            "--method",
            "DELETE",
        ],
        &["check", "--listen", "nowhere"],
    ];
    for args in bad {
        let output = tamis(dir.path(), args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(
            !err(&output).is_empty() && out(&output).is_empty(),
            "{args:?}"
        );
    }
    assert!(err(&tamis(dir.path(), bad[5])).contains("did you mean mixpanel?"));
    for args in [
        &["--help"][..],
        &["--version"],
        &["help"],
        &["scrub", "--help"],
        &["keys", "--help"],
    ] {
        assert!(!good(dir.path(), args, "").is_empty(), "{args:?}");
    }
}

#[test]
fn a_report_of_canaries_is_made_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("verify.json");
    let file = file.to_str().unwrap();
    let args = ["verify", "--vendor", "plausible", "--seed"];
    let seed = "000102030405060708090a0b0c0d0e0f";
    let args = [&args[..], &[seed, "--report", file]].concat();
    let said = good(dir.path(), &args, "");
    assert!(said.contains("clean: ") && said.contains(seed), "{said}");
    let report = std::fs::read_to_string(file).unwrap();
    let written = json(&report);
    assert_eq!(written["verdict"], "clean");
    assert_eq!(written["policy"]["name"], "default");
    assert!(written["totals"]["planted"].as_u64() > Some(100));
    assert_eq!(written["totals"]["planted"], written["totals"]["control"]);
    let digest = written["catalogs"]["plausible"].as_str().unwrap();
    assert_eq!(digest.len(), 64);
    assert!(said.contains(written["digest"].as_str().unwrap()));
    // No key is made for it, and nothing else is left behind.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

    let whole = good(dir.path(), &["verify", "--check", file], "");
    assert_eq!(
        whole,
        "the report is whole: its digest is that of what it says\n"
    );
    std::fs::write(file, report.replace("\"leaked\": 0", "\"leaked\": 1")).unwrap();
    let changed = tamis(dir.path(), &["verify", "--json", "--check", file]);
    assert_eq!(
        (code(&changed), json(out(&changed))["report"].as_str()),
        (1, Some("changed"))
    );
    std::fs::write(file, "{}").unwrap();
    assert_eq!(code(&tamis(dir.path(), &["verify", "--check", file])), 2);

    // The same over HTTP/2: as many canaries, as many requests that arrive.
    let again = [
        "verify",
        "--vendor",
        "plausible",
        "--seed",
        seed,
        "--via",
        "http2",
        "--json",
    ];
    let again = json(&good(dir.path(), &again, ""));
    assert_eq!(
        (&written["via"], &again["via"]),
        (&"http1".into(), &"http2".into())
    );
    assert_eq!(written["totals"], again["totals"]);
    assert_eq!(written["lines"], again["lines"]);
    let no = tamis(dir.path(), &["verify", "--via", "carrier-pigeon"]);
    assert_eq!(code(&no), 2);

    let slip = tamis(dir.path(), &["verify", "--vendor", "plausble"]);
    assert_eq!(code(&slip), 2);
    assert!(
        err(&slip).contains("did you mean plausible?"),
        "{}",
        err(&slip)
    );
    assert_eq!(code(&tamis(dir.path(), &["verify", "--seed", "12"])), 2);
}
