//! Multipart forms: parts lie in the input and in order, and what is written again reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::codec::multipart;

fuzz_target!(|data: &[u8]| {
    let Ok(parts) = multipart::parts(data, "b") else {
        return;
    };
    let (mut end, mut out, mut all) = (0, Vec::new(), Vec::new());
    for part in parts {
        let Ok(part) = part else { return };
        assert!(part.whole.start >= end && part.content.start >= part.whole.start);
        assert!(part.content.end == part.whole.end && part.whole.end <= data.len());
        end = part.whole.end;
        multipart::write_delimiter("b", &mut out);
        multipart::write_head(part.name, part.filename, part.content_type, &mut out);
        out.extend_from_slice(&data[part.content.clone()]);
        all.push(part);
    }
    multipart::write_end("b", &mut out);
    let again: Vec<_> = multipart::parts(&out, "b")
        .expect("what was written begins with its boundary")
        .map(|part| part.expect("what was written reads"))
        .collect();
    assert_eq!(again.len(), all.len(), "parts came or went");
    for (new, old) in again.iter().zip(&all) {
        assert_eq!(new.name, old.name);
        assert_eq!(new.filename, old.filename);
        assert_eq!(new.content_type, old.content_type);
        assert_eq!(out[new.content.clone()], data[old.content.clone()]);
    }
});
