//! Heads of requests at both listeners, vendors' answers and chunks: any bytes have one reading.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    tamis::proxy::check::request_head(data);
    tamis::deliver::check_answer(data);
});
