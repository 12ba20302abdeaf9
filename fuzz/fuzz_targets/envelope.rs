//! Envelopes: ranges lie in the input and in order, and what is written again reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::codec::envelope;

fuzz_target!(|data: &[u8]| {
    let head = envelope::line(data, 0);
    let mut written = data[head.clone()].to_vec();
    let mut items = Vec::new();
    let mut at = head.end;
    while let Some(start) = envelope::next_item(data, at) {
        assert!(start >= at, "an item begins inside the one before");
        let header = envelope::line(data, start);
        // The header's first byte stands in for its length.
        let length = data[header.clone()].first().filter(|b| **b < 128);
        let length = length.map(|b| usize::from(*b));
        let Ok(payload) = envelope::payload(data, header.end, length) else {
            return;
        };
        assert!(payload.start >= header.end && payload.end <= data.len());
        assert!(length.is_none_or(|length| length == payload.len()));
        at = payload.end;
        envelope::write_item(&data[header.clone()], &data[payload.clone()], &mut written);
        items.push((header, payload, length));
    }
    let mut at = head.end;
    for (header, payload, length) in items {
        let start = envelope::next_item(&written, at).expect("the item was written");
        let again = envelope::line(&written, start);
        assert_eq!(written[again.clone()], data[header]);
        let body = envelope::payload(&written, again.end, length).expect("as it was");
        assert_eq!(written[body.clone()], data[payload]);
        at = body.end;
    }
    assert!(
        envelope::next_item(&written, at).is_none(),
        "more than was written"
    );
});
