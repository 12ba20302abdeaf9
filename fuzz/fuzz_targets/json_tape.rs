//! The lexer against serde_json, and the splice: what lexes is JSON and the other way round; without
//! edits the text comes back; with any members cut, what comes back is JSON again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use tamis::json::{self, Commas, Edits, Kind, Tape};

fuzz_target!(|data: &[u8]| {
    let Some((&seed, data)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut tape = Tape::default();
    let lexed = json::lex(text, &mut tape).is_ok();
    let read = serde_json::from_str::<IgnoredAny>(text).is_ok();
    if depth(text) < json::MAX_DEPTH {
        assert_eq!(lexed, read, "the lexer and serde_json disagree");
    } else {
        assert!(read || !lexed, "the lexer takes what is not JSON");
    }
    if !lexed {
        return;
    }
    for at in 0..tape.len() {
        let node = tape.node(at).expect("an index below the length");
        assert!(text.get(node.outer()).is_some(), "a range outside the text");
        assert!(
            node.next as usize > at && node.next as usize <= tape.len(),
            "a next that leads back"
        );
        if node.kind == Kind::Str && !node.escaped {
            assert!(
                !text[node.range()].contains('\\'),
                "a backslash that the tape does not know"
            );
        }
    }
    let mut out = Vec::new();
    Edits::default().splice(text.as_bytes(), &mut out);
    assert_eq!(
        out,
        text.as_bytes(),
        "a splice without edits changes the text"
    );

    let mut edits = Edits::default();
    cut(&tape, 0, seed, &mut edits);
    out.clear();
    edits.splice(text.as_bytes(), &mut out);
    assert!(
        serde_json::from_slice::<IgnoredAny>(&out).is_ok(),
        "cutting members breaks the document"
    );
});

/// Cuts some members and elements, chosen by the seed, of the container at `at` and of those in it.
fn cut(tape: &Tape, at: usize, seed: u8, edits: &mut Edits) {
    let Some(node) = tape.node(at).copied() else {
        return;
    };
    if !matches!(node.kind, Kind::Object | Kind::Array) {
        return;
    }
    let mut commas = Commas::new(node.start as usize + 1);
    let mut child = at + 1;
    while child < node.next as usize {
        let head = tape.node(child).copied().expect("inside the container");
        let value_at = if head.kind == Kind::Key {
            child + 1
        } else {
            child
        };
        let value = tape.node(value_at).copied().expect("a key has a value");
        let (start, end) = (head.outer().start, value.outer().end);
        let next_at = value.next as usize;
        if (child as u8).wrapping_mul(37).wrapping_add(seed) % 3 == 0 {
            let next = (next_at < node.next as usize).then(|| {
                tape.node(next_at)
                    .expect("inside the container")
                    .outer()
                    .start
            });
            commas.cut(start..end, next, edits);
        } else {
            cut(tape, value_at, seed, edits);
            commas.keep(end);
        }
        child = next_at;
    }
}

fn depth(text: &str) -> usize {
    text.bytes().filter(|b| matches!(b, b'[' | b'{')).count()
}
