//! Protobuf: records lie in the input, in order and without gaps; what is refused is refused without
//! a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::codec::protobuf::{Type, Wire, packed, records};

fuzz_target!(|data: &[u8]| {
    let mut end = 0;
    for record in records(data, 0..data.len()) {
        let Ok(record) = record else { break };
        assert!(
            record.whole.start == end && record.whole.end <= data.len(),
            "a gap or a leap"
        );
        assert!(
            record.value.start > record.whole.start && record.value.end == record.whole.end,
            "a value outside its record"
        );
        end = record.whole.end;
        for wire in [Wire::Varint, Wire::Fixed32, Wire::Fixed64] {
            let _ = packed(data, record.value.clone(), wire).count();
        }
        for (_, kind) in Type::NAMES {
            if kind.wire() == record.wire && record.wire != Wire::Bytes {
                let mut text = String::new();
                kind.show(record.bits, &mut text);
                assert!(
                    kind.read(text.trim_matches('"')).is_some(),
                    "{text} does not come back"
                );
            }
        }
    }
});
