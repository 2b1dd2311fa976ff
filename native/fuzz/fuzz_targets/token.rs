#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| k8s_await_election::fuzz::token(data));
