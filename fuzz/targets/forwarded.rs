#![no_main]

#[path = "../bodies/forwarded.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run(bytes));
