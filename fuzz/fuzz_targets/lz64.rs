//! lz-string: no input makes more than the limit, an error leaves the output as it was, and what was
//! decoded survives its own encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::codec::lz64;

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let mut out = b"before".to_vec();
    if lz64::decode(data, LIMIT, &mut out).is_err() {
        assert_eq!(out, b"before", "an error leaves something behind");
    } else {
        assert!(out.len() <= LIMIT + "before".len(), "more than the limit");
        let text = std::str::from_utf8(&out["before".len()..]).expect("what is written is UTF-8");
        back(text);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        back(text);
    }
});

fn back(text: &str) {
    let mut wire = String::new();
    lz64::encode(text, &mut wire);
    let mut again = Vec::new();
    lz64::decode(wire.as_bytes(), LIMIT, &mut again).expect("what was encoded decodes");
    assert_eq!(again, text.as_bytes(), "a round trip changes the text");
}
