//! (being furnished)

pub mod sample_app;
