//! Checksums: what is renewed verifies, and nothing but the field changes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::codec::checksum;

fuzz_target!(|data: &[u8]| {
    let Ok(query) = std::str::from_utf8(data) else {
        return;
    };
    // `a=1` under the salt `salt`.
    let known = "a=1&sum=a292a043b123743eee0da0554afded62c1cc371a8e093504618bf5207f03b1e2";
    let how = checksum::verify(known, "sum", b"salt").expect("a right sum");
    assert!(checksum::verify(query, "sum", b"other salt").is_none());
    if let Some(new) = checksum::renew(query, "sum", b"salt", how) {
        assert!(
            checksum::verify(&new, "sum", b"salt").is_some(),
            "a new sum is right"
        );
        assert!(checksum::verify(&new, "sum", b"pepper").is_none());
    }
});
