//! One binary for every test, a file per subject.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in a function it calls as well")]

mod house;
mod pages;
#[cfg(feature = "emulator")]
mod sample_app;
mod supply_chain;
mod support;
