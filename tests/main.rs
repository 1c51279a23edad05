//! One binary for every test, a file per subject.

mod pages;
mod support;
