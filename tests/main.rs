//! One binary for every test, a file per subject.

mod cookie;
mod house;
mod pages;
#[cfg(feature = "emulator")]
mod sample_app;
mod seal;
mod session;
mod supply_chain;
mod support;
