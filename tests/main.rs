//! One binary for every test, a file per subject.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in a function it calls as well")]

mod cookie;
mod pages;
mod seal;
mod session;
mod support;
