//! JSON to the letter: JSONTestSuite and the Big List of Naughty Strings (`tests/corpora/`).
//!
//! What the suite says must be accepted leaves byte for byte; what must be refused is; each case it
//! leaves open is decided here. Naughty strings come through exactly, as values and as keys.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]

mod support;

use std::path::{Path, PathBuf};

use support::{Outcome, body, builtin, keep_but, scrubber, send, track};
use tamis::scrub::Scrubber;

/// Keeps everything and looks into nothing.
fn keep_all() -> Scrubber {
    scrubber(&keep_but(
        "[[rule]]\nname = \"all\"\naction = \"keep\"\nscan = false\n",
    ))
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora")
}

/// The suite's cases whose names begin with `kind`.
fn cases(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = corpora().join("jsontestsuite/test_parsing");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read(&path).expect("a case"))
        })
        .filter(|(name, _)| name.starts_with(kind))
        .collect();
    all.sort();
    all
}

/// A property's value in an event.
fn in_event(value: &[u8]) -> Vec<u8> {
    [b"[{\"event\":\"e\",\"properties\":{\"v\":", value, b"}}]"].concat()
}

/// What leaves for a body; `None` when it is refused.
fn leaves(scrubber: &Scrubber, body: &[u8]) -> Option<Vec<u8>> {
    let mut request = track("");
    request.body = body;
    match send(scrubber, &request) {
        Outcome::Forward(clean) => Some(clean.into_body()),
        Outcome::Answer => Some(b"(answered)".to_vec()),
        Outcome::Refuse(_) => None,
    }
}

#[test]
fn what_is_json_is_taken_and_leaves_exactly() {
    let (all, built) = (keep_all(), builtin("default"));
    let cases = cases("y_");
    assert_eq!(cases.len(), 95);
    for (name, bytes) in cases {
        let given = in_event(&bytes);
        assert_eq!(leaves(&all, &given), Some(given.clone()), "{name}");
        assert!(leaves(&built, &given).is_some(), "{name}");
        if bytes.trim_ascii_start().first() == Some(&b'{') {
            assert_eq!(
                leaves(&all, &bytes),
                Some(bytes.clone()),
                "{name} as a body"
            );
        }
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let (all, built) = (keep_all(), builtin("default"));
    let cases = cases("n_");
    assert_eq!(cases.len(), 188);
    for (name, bytes) in cases {
        for scrubber in [&all, &built] {
            assert_eq!(leaves(scrubber, &bytes), None, "{name} as a body");
            assert_eq!(
                leaves(scrubber, &in_event(&bytes)),
                None,
                "{name} as a value"
            );
        }
    }
}

/// Open cases that are taken: numbers of any size (never computed with), and escaped lone
/// surrogates, which browsers do send. Everything else (invalid UTF-8, UTF-16, a byte order mark,
/// 500 levels) is refused, since readers differ on it.
const TAKEN: [&str; 20] = [
    "i_number_double_huge_neg_exp",
    "i_number_huge_exp",
    "i_number_neg_int_huge_exp",
    "i_number_pos_double_huge_exp",
    "i_number_real_neg_overflow",
    "i_number_real_pos_overflow",
    "i_number_real_underflow",
    "i_number_too_big_neg_int",
    "i_number_too_big_pos_int",
    "i_number_very_big_negative_int",
    "i_object_key_lone_2nd_surrogate",
    "i_string_1st_surrogate_but_2nd_missing",
    "i_string_1st_valid_surrogate_2nd_invalid",
    "i_string_incomplete_surrogate_and_escape_valid",
    "i_string_incomplete_surrogate_pair",
    "i_string_incomplete_surrogates_escape_valid",
    "i_string_invalid_lonely_surrogate",
    "i_string_invalid_surrogate",
    "i_string_inverted_surrogates_U+1D11E",
    "i_string_lone_second_surrogate",
];

const REFUSED: [&str; 15] = [
    "i_string_UTF-16LE_with_BOM",
    "i_string_UTF-8_invalid_sequence",
    "i_string_UTF8_surrogate_U+D800",
    "i_string_invalid_utf-8",
    "i_string_iso_latin_1",
    "i_string_lone_utf8_continuation_byte",
    "i_string_not_in_unicode_range",
    "i_string_overlong_sequence_2_bytes",
    "i_string_overlong_sequence_6_bytes",
    "i_string_overlong_sequence_6_bytes_null",
    "i_string_truncated-utf-8",
    "i_string_utf16BE_no_BOM",
    "i_string_utf16LE_no_BOM",
    "i_structure_500_nested_arrays",
    "i_structure_UTF-8_BOM_empty_object",
];

#[test]
fn what_the_suite_leaves_open_is_decided() {
    let all = keep_all();
    for (name, bytes) in cases("i_") {
        let name = &*name;
        let given = in_event(&bytes);
        if TAKEN.contains(&name) {
            assert_eq!(leaves(&all, &given), Some(given.clone()), "{name}");
        } else {
            assert!(REFUSED.contains(&name), "{name} is not decided");
            assert_eq!(leaves(&all, &given), None, "{name}");
        }
    }
    assert_eq!(cases("i_").len(), TAKEN.len() + REFUSED.len());
}

fn naughty() -> Vec<String> {
    let text = std::fs::read_to_string(corpora().join("blns/blns.json")).expect("the corpus");
    let all: Vec<String> = serde_json::from_str(&text).expect("an array of strings");
    assert!(all.len() > 400);
    all
}

/// A JSON string, with every character escaped or only those that must be.
fn quoted(text: &str, escape: bool) -> String {
    if !escape {
        return serde_json::to_string(text).expect("a string");
    }
    let units: String = text.encode_utf16().map(|u| format!("\\u{u:04X}")).collect();
    format!("\"{units}\"")
}

#[test]
fn naughty_strings_come_through_exactly() {
    let all = keep_all();
    for text in naughty() {
        for escape in [false, true] {
            let value = quoted(&text, escape);
            let given = format!(
                "{{\"event\":\"e\",\"properties\":{{\"v\":{value},{value}:1,\"list\":[{value}]}}}}"
            );
            assert_eq!(body(&all, &track(&given)), given, "{text:?}");
        }
    }
}

#[test]
fn naughty_strings_harm_nobody_under_built_in_policies() {
    for policy in ["default", "strict", "observe"] {
        let scrubber = builtin(policy);
        for text in naughty() {
            let value = quoted(&text, false);
            let given = format!(
                "{{\"event\":{value},\"properties\":{{\"v\":{value},\"note\":[{value}],\"distinct_id\":{value},\"$current_url\":{value}}}}}"
            );
            let left = body(&scrubber, &track(&given));
            let json: Result<serde_json::Value, _> = serde_json::from_str(&left);
            assert!(json.is_ok(), "{policy} {text:?}: {left}");
        }
    }
}

#[test]
fn naughty_bodies_never_panic() {
    let scrubber = builtin("default");
    for text in naughty() {
        for content_type in [
            "application/json",
            "application/x-www-form-urlencoded",
            "text/plain",
        ] {
            let encoded = format!("data={text}&x={text}");
            for given in [&text, &encoded] {
                let mut request = track(given);
                request.headers = vec![("content-type", content_type)];
                request.query = Some(&text);
                let _ = send(&scrubber, &request);
            }
        }
    }
}
