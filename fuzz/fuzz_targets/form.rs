//! Forms: ranges lie in the input and in order, what decodes encodes to something that decodes to
//! the same, and what is refused leaves nothing behind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::codec::form;

fuzz_target!(|data: &[u8]| {
    let mut end = 0;
    for pair in form::pairs(data) {
        let Ok(pair) = pair else { break };
        assert!(
            pair.whole.start >= end && pair.whole.end <= data.len(),
            "pairs overlap or leave the input"
        );
        assert!(
            pair.key.start == pair.whole.start && pair.key.end <= pair.whole.end,
            "a key outside its pair"
        );
        end = pair.whole.end;
        let value = pair.value.clone().unwrap_or(end..end);
        assert!(value.end == end, "a value outside its pair");
        for part in [pair.key, value] {
            round_trip(&data[part]);
        }
    }
});

fn round_trip(raw: &[u8]) {
    let mut text = String::from("before");
    if form::decode(raw, &mut text).is_err() {
        assert_eq!(text, "before", "an error leaves something behind");
        return;
    }
    let text = &text["before".len()..];
    let mut written = String::new();
    form::encode(text, &mut written);
    assert!(
        !written
            .bytes()
            .any(|b| matches!(b, b'&' | b'=' | b';' | b'#') || b <= b' ' || b >= 0x7f),
        "what is written can be read otherwise"
    );
    let mut again = String::new();
    form::decode(written.as_bytes(), &mut again).expect("what was written decodes");
    assert_eq!(again, text, "a round trip changes the text");
}
