//! Whatever the bytes are: no panic, bounded work, and what is accepted keeps every promise of `blend::pickle`.

#![no_main]

mod pickle_laws;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pickle_laws::hold(bytes));
