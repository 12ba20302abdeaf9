//! Content codings and base64: no input makes more than the limit, an error leaves the output as it
//! was, and what was decoded survives its own encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::codec::{self, Coding, base64, cesu8};

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let mut out = b"before".to_vec();
    match choice % 6 {
        0 => coding(Coding::Gzip, data, &mut out),
        1 => coding(Coding::Deflate, data, &mut out),
        2 => coding(Coding::Br, data, &mut out),
        3 => coding(Coding::Zstd, data, &mut out),
        4 => {
            let options = base64::Options {
                blank_is_plus: choice & 0x80 != 0,
                ..base64::Options::default()
            };
            match base64::decode(data, options, &mut out) {
                Err(_) => assert_eq!(out, b"before", "an error leaves something behind"),
                Ok(flavour) => {
                    let mut written = String::new();
                    base64::encode(flavour, &out["before".len()..], &mut written);
                    let came: Vec<u8> = data
                        .iter()
                        .map(|&b| if b == b' ' { b'+' } else { b })
                        .collect();
                    assert_eq!(written.as_bytes(), came, "base64 has a second spelling");
                }
            }
        }
        _ => {
            if cesu8::to_utf8(data, &mut out).is_ok() {
                assert!(
                    std::str::from_utf8(&out["before".len()..]).is_ok(),
                    "what is written is not UTF-8"
                );
            }
        }
    }
});

fn coding(coding: Coding, data: &[u8], out: &mut Vec<u8>) {
    if codec::decode(coding, data, LIMIT, out).is_err() {
        assert_eq!(out, b"before", "an error leaves something behind");
    } else {
        assert!(
            out.len() <= LIMIT + "before".len(),
            "more than the limit came out"
        );
    }
    let mut packed = Vec::new();
    codec::encode(coding, data, &mut packed).expect("encodes");
    let mut back = Vec::new();
    if codec::decode(coding, &packed, LIMIT, &mut back).is_ok() {
        assert_eq!(back, data, "a round trip changes the bytes");
    } else {
        assert!(
            data.is_empty() || data.len() > LIMIT,
            "what was encoded does not decode"
        );
    }
}
