//! Policy files: any text is a policy or a list of diagnostics that can be drawn, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::policy::CompiledPolicy;

fuzz_target!(|text: &str| {
    match CompiledPolicy::load("fuzz.toml", text) {
        Ok((_, warnings)) => drop(warnings.to_string()),
        Err(all) => assert!(!all.to_string().is_empty(), "refused without a word"),
    }
});
