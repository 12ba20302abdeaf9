//! The commands around a policy, from the command line: `test`, `reveal`, `keys`, `check`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

use std::path::Path;
use std::process::{Command, Output};

fn tamis(state: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("TAMIS_STATE_DIR", state)
        .output()
        .expect("the binary")
}

/// Standard output of a command with this exit status.
fn says(state: &Path, args: &[&str], status: i32) -> String {
    let output = tamis(state, args);
    let err = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(status), "{args:?}\n{out}\n{err}");
    out.into_owned()
}

#[test]
fn the_built_in_policies_do_what_their_tests_say() {
    let state = tempfile::tempdir().unwrap();
    let out = says(state.path(), &["test", "config/policies"], 0);
    assert_eq!(out, "14 passed, 0 failed\n");
    let one = says(
        state.path(),
        &["test", "--json", "config/policies/cnil.toml"],
        0,
    );
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["passed"], 3);
}

#[test]
fn a_case_that_fails_shows_what_differs_and_can_be_updated() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.test.toml");
    let text = "policy = \"default\"\n[[case]]\nname = \"one\"\nvendor = \"mixpanel\"\nendpoint = \"/track\"\n\
        body = '[{\"event\":\"e\",\"properties\":{\"plan\":\"pro\",\"$email\":\"jane@example.com\"}}]'\n\
        expect = '[{\"event\":\"e\",\"properties\":{\"plan\":\"free\"}}]'\nnever = [\"pro\"]\nalways = [\"jane\"]\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let out = says(dir.path(), &["test", file], 1);
    for part in [
        "-       \"plan\": \"free\"",
        "+       \"plan\": \"pro\"",
        "never should: \"pro\"",
        "and should: \"jane\"",
        "0 passed, 1 failed",
    ] {
        assert!(out.contains(part), "{out}");
    }
    says(dir.path(), &["test", "--update", file], 0);
    let new = std::fs::read_to_string(file).unwrap();
    assert!(
        new.contains("expect = '[{\"event\":\"e\",\"properties\":{\"plan\":\"pro\"}}]'"),
        "{new}"
    );
    says(dir.path(), &["test", "none.toml"], 2);
}

#[test]
fn what_was_encrypted_is_revealed_until_its_key_is_shredded() {
    let state = tempfile::tempdir().unwrap();
    let policy = state.path().join("p.toml");
    let text = "version = 1\n[[rule]]\nname = \"crm\"\nfield = [\"properties.crm\"]\naction = \"encrypt\"\n";
    std::fs::write(&policy, text).unwrap();
    let body = state.path().join("body.json");
    std::fs::write(&body, r#"[{"event":"e","properties":{"crm":"C-48213"}}]"#).unwrap();
    let (policy, body) = (policy.to_str().unwrap(), body.to_str().unwrap());
    let sent = says(
        state.path(),
        &[
            "scrub",
            "--policy",
            policy,
            "--vendor",
            "mixpanel",
            "--endpoint",
            "/track",
            body,
        ],
        0,
    );
    let start = sent.find("tenc_1_").expect("an encrypted text");
    let text = sent[start..].split('"').next().unwrap().to_owned();
    let reveal = ["reveal", "--policy", policy, "--vendor", "mixpanel", &text];
    assert_eq!(says(state.path(), &reveal, 0), "C-48213\n");
    says(state.path(), &["keys", "rotate"], 0);
    assert_eq!(says(state.path(), &reveal, 0), "C-48213\n");
    says(state.path(), &["keys", "shred", "1"], 0);
    says(state.path(), &reveal, 1);
    says(
        state.path(),
        &["reveal", "--policy", policy, "--vendor", "segment", &text],
        1,
    );
}

/// Blocks of a language in a page, in order.
fn blocks(page: &str) -> Vec<String> {
    page.split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_block_of_the_page_does_what_it_says() {
    let page = include_str!("../docs/policy.md");
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("page.toml");
    let cases = dir.path().join("page.test.toml");
    let mut tested = 0;
    for block in blocks(page) {
        if block.contains("[[case]]") {
            std::fs::write(&cases, &block).unwrap();
            let out = says(dir.path(), &["test", cases.to_str().unwrap()], 0);
            assert!(out.ends_with(" passed, 0 failed\n"), "{out}");
            tested += 1;
        } else {
            std::fs::write(&policy, &block).unwrap();
            let (_, warnings) = tamis::policy::CompiledPolicy::load("page.toml", &block)
                .unwrap_or_else(|d| panic!("{d}\n{block}"));
            assert!(warnings.items.is_empty(), "{warnings}");
        }
    }
    assert_eq!(tested, 3);
}

/// TOML as the JSON that a schema sees.
fn as_json(text: &str) -> serde_json::Value {
    let table: toml::Table = text.parse().unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn the_schemas_accept_what_is_shipped_and_refuse_slips() {
    let state = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let schema = |of: &str| {
        let text = says(state.path(), &["schema", of], 0);
        jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
    };
    let policy = schema("policy");
    let files = |dir: &str| {
        let mut all: Vec<_> = std::fs::read_dir(root.join(dir))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        all.retain(|p| {
            p.to_string_lossy().ends_with(".toml") && !p.to_string_lossy().ends_with(".test.toml")
        });
        all
    };
    let mut all: Vec<(_, String)> = Vec::new();
    for file in files("policies") {
        all.push((&policy, std::fs::read_to_string(file).unwrap()));
    }
    for block in blocks(include_str!("../docs/policy.md")) {
        if !block.contains("[[case]]") {
            all.push((&policy, block));
        }
    }
    let config = schema("config");
    all.push((
        &config,
        std::fs::read_to_string(root.join("tamis.toml")).unwrap(),
    ));
    let vendor = schema("vendor");
    for file in files("vendors") {
        all.push((&vendor, std::fs::read_to_string(file).unwrap()));
    }
    for (schema, text) in &all {
        let value = as_json(text);
        let errors: Vec<String> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(
            errors.is_empty(),
            "{errors:#?}\n{}",
            text.lines().next().unwrap_or("")
        );
    }
    for slip in [
        "version = 2",
        "version = 1\nunlisted = \"dorp\"",
        "[[rule]]\nname = \"x\"",
        "[[rule]]\naction = \"dropp\"",
        "[[rule]]\naction = \"drop\"\ncatgory = \"user\"",
        "[[rule]]\naction = \"drop\"\ncategory = \"user.email\"",
        "[[rule]]\naction = { shift = {} }",
        "[[rule]]\naction = \"drop\"\nwhen = { sampled = 2 }",
    ] {
        assert!(!policy.is_valid(&as_json(slip)), "{slip}");
    }
    assert!(!config.is_valid(&as_json("[[route]]\npath = \"/x\"")));
    assert!(!vendor.is_valid(&as_json("name = \"x\"")));
    for slip in [
        "polcy = \"default\"",
        "[gateway]\nlisten_on = \"127.0.0.1:1\"",
        "[limits]\nbody_limit = \"1 MiB\"",
        "[limits]\nbody_timeout = \"soon\"",
        "[forward]\nother_host = \"refuse\"",
        "[[route]]\nvendor = \"mixpanel\"\nprefix = \"/m\"",
    ] {
        assert!(!config.is_valid(&as_json(slip)), "{slip}");
    }
    let catalog = |more: &str| {
        let top = "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://acme.example\"\n";
        vendor.is_valid(&as_json(&format!("{top}{more}")))
    };
    assert!(catalog(
        "[[endpoint]]\npaths = [\"/e\"]\nkind = \"collect\""
    ));
    for slip in [
        "host = [\"acme.example\"]",
        "[formats.json]\ntypes = [\"*\"]\nlayer = [\"json\"]",
        "[[endpoint]]\npath = [\"/e\"]\nkind = \"collect\"",
        "[[endpoint]]\npaths = [\"/e\"]\nkind = \"colect\"",
        "[[endpoint]]\npaths = [\"/e\"]\nkind = \"collect\"\nanswers = [{ code = 200 }]",
        "[defaults.colect]\nmethods = [\"POST\"]",
        "[[kind]]\nwhen = { type = \"x\" }\nfield = {}",
    ] {
        assert!(!catalog(slip), "{slip}");
    }
}

/// The keys that a reader knows at the place of a key that nobody knows, by its line.
fn known_keys(state: &Path, config: &str) -> Vec<(u64, Vec<String>)> {
    let file = state.join("keys.toml");
    std::fs::write(&file, config).unwrap();
    let args = ["check", "--json", "--config", file.to_str().unwrap()];
    let found: serde_json::Value = serde_json::from_str(&says(state, &args, 1)).unwrap();
    let findings = found["findings"].as_array().unwrap().iter();
    findings
        .filter(|f| f["code"] == "unknown-key")
        .map(|f| {
            let help = f["help"].as_str().unwrap().split('`');
            let mut keys: Vec<String> = help.skip(1).step_by(2).map(str::to_owned).collect();
            keys.sort();
            (f["line"].as_u64().unwrap(), keys)
        })
        .collect()
}

#[test]
fn the_schemas_know_the_keys_that_the_readers_know() {
    const ODD: &str = "zzqqzzqqzzqqzz = 1";
    let state = tempfile::tempdir().unwrap();
    let vendors = state.path().join("vendors");
    std::fs::create_dir(&vendors).unwrap();
    // Each place in a schema, and a file with an unknown key there.
    let config = [
        ("", ODD.to_owned()),
        ("/properties/gateway", format!("[gateway]\n{ODD}")),
        (
            "/properties/gateway/properties/tls",
            format!("[gateway]\ntls = {{ {ODD} }}"),
        ),
        ("/properties/admin", format!("[admin]\n{ODD}")),
        ("/properties/limits", format!("[limits]\n{ODD}")),
        ("/properties/upstream", format!("[upstream]\n{ODD}")),
        ("/properties/forward", format!("[forward]\n{ODD}")),
        (
            "/properties/forward/properties/ca",
            format!("[forward]\nca = {{ {ODD} }}"),
        ),
        ("/properties/route/items", format!("[[route]]\n{ODD}")),
    ];
    let collect = "/properties/defaults/properties/collect";
    let vendor = [
        ("", ODD.to_owned()),
        (
            "/properties/formats/additionalProperties",
            format!("[formats.f]\ntypes = [\"*\"]\nlayers = [\"json\"]\n{ODD}"),
        ),
        (
            "/properties/params/additionalProperties",
            format!("[params.p]\nlayers = [\"json\"]\n{ODD}"),
        ),
        (
            "/properties/nodes/additionalProperties",
            format!("[nodes.n]\nid = \"1\"\n{ODD}"),
        ),
        (
            "/properties/unfold/items",
            format!("[[unfold]]\nat = \"a\"\nlayers = [\"json\"]\n{ODD}"),
        ),
        (
            "/properties/kind/items",
            format!("[[kind]]\nwhen = {{ a = \"b\" }}\nfields = {{}}\n{ODD}"),
        ),
        (
            "/properties/sdk/items",
            format!("[[sdk]]\nname = \"a\"\nline = \"b\"\n{ODD}"),
        ),
        (
            "/properties/pairs/items",
            format!("[[pairs]]\nat = \"a\"\nkey = \"k\"\nvalue = \"v\"\n{ODD}"),
        ),
        (
            "/properties/endpoint/items",
            format!("[[endpoint]]\npaths = [\"/e\"]\nkind = \"collect\"\n{ODD}"),
        ),
        (
            "/properties/endpoint/items/properties/locator",
            format!("[[endpoint]]\npaths = [\"/e\"]\nkind = \"collect\"\nlocator = {{ {ODD} }}"),
        ),
        (collect, format!("[defaults.collect]\n{ODD}")),
        (
            "/properties/endpoint/items/properties/answers/items",
            format!("[defaults.collect]\nanswers = [{{ {ODD} }}]"),
        ),
    ];
    let cases = config.map(|case| ("config", case)).into_iter();
    for (of, (place, text)) in cases.chain(vendor.map(|case| ("vendor", case))) {
        let schema: serde_json::Value =
            serde_json::from_str(&says(state.path(), &["schema", of], 0)).unwrap();
        let text = if of == "vendor" {
            let top = "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://acme.example\"\n";
            std::fs::write(vendors.join("acme.toml"), format!("{top}{text}")).unwrap();
            format!("vendors_dir = {:?}", vendors.to_str().unwrap())
        } else {
            text
        };
        let known = known_keys(state.path(), &text);
        let at = schema.pointer(place).unwrap();
        let mut keys: Vec<String> = at["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        keys.sort();
        assert_eq!(known.len(), 1, "{of} {place}: {known:?}");
        assert_eq!(known[0].1, keys, "{of} {place}");
        assert_eq!(at["additionalProperties"], false, "{of} {place}");
    }
}

#[test]
fn a_start_can_be_checked_tested_and_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("new");
    let init = [
        "init",
        "--dir",
        place.to_str().unwrap(),
        "segment",
        "mixpanel",
    ];
    says(dir.path(), &init, 0);
    says(dir.path(), &init, 2);
    let config = place.join("tamis.toml");
    says(
        dir.path(),
        &["check", "--config", config.to_str().unwrap()],
        0,
    );
    let policy = place.join("policy.toml");
    says(dir.path(), &["test", policy.to_str().unwrap()], 0);
    says(
        dir.path(),
        &["init", "--dir", place.to_str().unwrap(), "mixpanle"],
        2,
    );
}

#[test]
fn two_policies_are_compared_field_by_field() {
    let state = tempfile::tempdir().unwrap();
    let same = says(
        state.path(),
        &["diff", "default", "config/policies/default.toml"],
        0,
    );
    assert_eq!(same, "no field is treated differently\n");
    let out = says(
        state.path(),
        &[
            "diff", "--json", "--vendor", "mixpanel", "default", "strict",
        ],
        1,
    );
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    let rows = out["differences"].as_array().unwrap();
    let of = |field: &str| {
        rows.iter()
            .find(|row| row["field"] == field)
            .unwrap_or(&serde_json::Value::Null)
    };
    assert_eq!(of("*.$current_url")["new"], "drop");
    assert_eq!(
        of("event"),
        &serde_json::Value::Null,
        "the protocol is kept by both"
    );
    assert!(
        rows.iter()
            .any(|row| row["vendor"] == "*" && row["category"] == "user.telemetry")
    );
}

#[test]
fn a_policy_with_a_cost_says_so() {
    let state = tempfile::tempdir().unwrap();
    let out = says(state.path(), &["check", "--policy", "cnil"], 0);
    assert!(
        out.contains("WHAT IT COSTS") && out.contains("measure 3: no referrers"),
        "{out}"
    );
    let file = state.path().join("p.toml");
    let text = "version = 1\n[[rule]]\nname = \"g\"\nfield = [\"properties.gender\"]\naction = \"hash\"\n\
        [[rule]]\nname = \"c\"\ncategory = [\"user.childrens\"]\nwhen = { country = [\"DE\"] }\naction = \"drop\"\n";
    std::fs::write(&file, text).unwrap();
    let out = says(
        state.path(),
        &["check", "--json", "--policy", file.to_str().unwrap()],
        0,
    );
    assert!(
        out.contains("so few values") && out.contains("asks for the country"),
        "{out}"
    );
}
