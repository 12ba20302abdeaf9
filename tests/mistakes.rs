//! Mistakes in calls and configurations: each is named with its place and a way out, `tamis check` finds
//! what `tamis run` would refuse, and no message holds a secret.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a panic is a failed test, and a table of cases is long"
)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `tamis` in a directory of its own, with its state there.
fn tamis(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(args)
        .env_clear()
        .env("TAMIS_STATE_DIR", dir.join("state"))
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("the binary")
}

fn said(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    format!("{err}{}", String::from_utf8_lossy(&output.stdout))
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// A certificate good for these years, and its key; in files of that name.
fn certificate(dir: &Path, name: &str, years: (i32, i32)) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    std::fs::write(dir.join(format!("{name}.pem")), cert.pem()).unwrap();
    std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn a_call_that_names_nothing_there_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ours.toml"), "version = 1\n").unwrap();
    let cases: [(&[&str], &[&str]); 14] = [
        (
            &["check", "--config", "nope.toml"],
            &[
                "nope.toml",
                "there is no such file",
                "relative to the directory",
            ],
        ),
        (
            &["check", "--config", "our.toml"],
            &["did you mean `ours.toml`?"],
        ),
        (
            &["check", "--policy", "cnill"],
            &[
                "no built-in policy is called `cnill`",
                "did you mean `cnil`?",
            ],
        ),
        (
            &["check", "--policy", "ours"],
            &[
                "built in are `default`",
                "`hipaa-safe-harbor`",
                "`observe`",
                "`my.toml`",
            ],
        ),
        (
            &["check", "--policy", "our.toml"],
            &["did you mean `ours.toml`?"],
        ),
        (
            &["check", "--shadow-policy", "strct"],
            &["did you mean `strict`?"],
        ),
        (
            &["check", "--upstream", "mixpnel=http://a.example"],
            &["did you mean mixpanel?"],
        ),
        (
            &["check", "--upstream", "mixpanel"],
            &["expected VENDOR=URL", "mixpanel=https://"],
        ),
        (
            &[
                "check",
                "--upstream",
                "mixpanel=https://u:hunter2@a.example",
            ],
            &["--upstream mixpanel", "no user name and no password"],
        ),
        (
            &["check", "--admin-listen", "0.0.0.0:9090"],
            &["not loopback", "token_file"],
        ),
        (&["vendors", "show", "mixpnel"], &["did you mean mixpanel?"]),
        (
            &["pseudonym", "--vendor", "mixpnel", "x"],
            &["did you mean mixpanel?"],
        ),
        (
            &["scrub", "--vendor", "mixpanel", "--endpoint", "/trak"],
            &["did you mean /track?"],
        ),
        (
            &["test", "nope.toml"],
            &["nope.toml: there is no such file"],
        ),
    ];
    for (args, told) in cases {
        let output = tamis(dir.path(), args);
        let said = said(&output);
        assert_eq!(code(&output), Some(2), "{args:?}: {said}");
        for told in told {
            assert!(said.contains(told), "{args:?}: {told} in {said}");
        }
        assert!(
            !said.contains("hunter2") && !said.contains("entity not found"),
            "{said}"
        );
    }
    // A call that was wrong has made no key.
    assert!(!dir.path().join("state/keys").exists());
}

#[test]
fn check_finds_what_run_would_refuse() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), "one", (2020, 2090));
    certificate(dir.path(), "two", (2020, 2090));
    std::fs::write(dir.path().join("short"), "hunter2").unwrap();
    std::fs::write(dir.path().join("none.pem"), "hunter2\n").unwrap();
    let cases = [
        (
            "[[route]]\nvendor = \"mixpnel\"\n",
            "c.toml:2:10",
            "did you mean `mixpanel`?",
        ),
        (
            "[admin]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"absent\"\n",
            "admin.token_file: absent",
            "there is no such file",
        ),
        (
            "[admin]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"short\"\n",
            "admin.token_file: short",
            "openssl rand -hex 32",
        ),
        (
            "[upstream]\nca_file = \"absent.pem\"\n",
            "upstream.ca_file: absent.pem",
            "there is no such file",
        ),
        (
            "[upstream]\nca_file = \"none.pem\"\n",
            "upstream.ca_file: none.pem",
            "holds no PEM certificate",
        ),
        (
            "[gateway]\ntls = { cert = \"absent.pem\", key = \"one.key\" }\n",
            "gateway.tls: absent.pem",
            "there is no such file",
        ),
        (
            "[gateway]\ntls = { cert = \"one.pem\", key = \"none.pem\" }\n",
            "gateway.tls: none.pem",
            "holds no PEM private key",
        ),
        (
            "[gateway]\ntls = { cert = \"one.pem\", key = \"two.key\" }\n",
            "gateway.tls: one.pem",
            "do not fit together",
        ),
        (
            "[forward]\nca = { cert = \"absent.pem\", key = \"absent.key\" }\n",
            "forward.ca: absent.pem",
            "tamis ca new",
        ),
        ("vendors_dir = \"absent\"\n", "absent", "No such file"),
        (
            "geoip_db = \"absent\"\n",
            "geoip_db absent",
            "there is no such file",
        ),
        (
            "shadow_policy = \"absent.toml\"\n",
            "absent.toml",
            "there is no such file",
        ),
        (
            "[checksum_salts]\ncountly = \"file:absent\"\n",
            "countly",
            "absent",
        ),
    ];
    for (text, place, why) in cases {
        std::fs::write(dir.path().join("c.toml"), text).unwrap();
        let check = tamis(dir.path(), &["check", "--config", "c.toml"]);
        let run = tamis(
            dir.path(),
            &["run", "--config", "c.toml", "--listen", "127.0.0.1:0"],
        );
        assert_eq!((code(&check), code(&run)), (Some(1), Some(2)), "{text}");
        for said in [said(&check), said(&run)] {
            assert!(said.contains(place) && said.contains(why), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
            let twice = said.matches("os error").count() > 1;
            assert!(!twice, "a cause is told once: {said}");
        }
    }
}

#[test]
fn certificates_that_clients_refuse_are_found() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), "old", (2019, 2020));
    certificate(dir.path(), "early", (2190, 2191));
    certificate(dir.path(), "good", (2020, 2190));
    for (name, want, told) in [
        ("old", 1, "expired"),
        ("early", 1, "clock"),
        ("good", 0, ""),
    ] {
        let text = format!("[gateway]\ntls = {{ cert = \"{name}.pem\", key = \"{name}.key\" }}\n");
        std::fs::write(dir.path().join("c.toml"), text).unwrap();
        let output = tamis(dir.path(), &["check", "--config", "c.toml"]);
        let said = said(&output);
        assert_eq!(code(&output), Some(want), "{said}");
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn a_key_in_a_policy_is_refused_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let key = "6f1c8e8e6f1c8e8e6f1c8e8e6f1c8e8e6f1c8e8e6f1c8e8e6f1c8e8e6f1c8e8e";
    let text = format!("version = 1\n[pseudonyms]\nkey = \"{key}\"\n");
    std::fs::write(dir.path().join("p.toml"), text).unwrap();
    let output = tamis(dir.path(), &["check", "--policy", "p.toml"]);
    let said = said(&output);
    assert_eq!(code(&output), Some(1), "{said}");
    assert!(
        said.contains("p.toml:3:7") && said.contains("env:NAME"),
        "{said}"
    );
    assert!(!said.contains("6f1c8e8e"), "{said}");
}

#[test]
fn a_state_directory_that_is_a_file_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("state"), "").unwrap();
    let output = tamis(dir.path(), &["check"]);
    let said = said(&output);
    assert_eq!(code(&output), Some(1), "{said}");
    assert!(said.contains("state is a file; name a directory"), "{said}");
}

#[test]
fn quotation_marks_of_a_word_processor_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let text = "version = 1\n[[rule]]\nname = \"r\"\ncategory = [“user”]\naction = \"drop\"\n";
    std::fs::write(dir.path().join("p.toml"), text).unwrap();
    let said = said(&tamis(dir.path(), &["check", "--policy", "p.toml"]));
    assert!(
        said.contains("p.toml:4:13") && said.contains("straight quotation marks"),
        "{said}"
    );
}

#[test]
fn the_built_in_policies_are_tested_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["test"][..],
        &["test", "cnil", "strict"],
        &["test", "--policy", "hipaa-safe-harbor"],
        &["test", "observe"],
    ] {
        let output = tamis(dir.path(), args);
        let said = said(&output);
        assert_eq!(code(&output), Some(0), "{args:?}: {said}");
        assert!(said.contains(" passed, 0 failed"), "{args:?}: {said}");
        assert!(!said.contains("0 passed,"), "{args:?}: {said}");
    }
    let near = tamis(dir.path(), &["test", "cnill"]);
    assert_eq!(code(&near), Some(2));
    assert!(
        said(&near).contains("did you mean cnil?"),
        "{}",
        said(&near)
    );
    // What is compiled in cannot be written.
    assert_eq!(code(&tamis(dir.path(), &["test", "--update"])), Some(2));
}
