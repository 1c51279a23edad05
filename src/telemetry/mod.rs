//! What the process says of itself.

pub mod access;
pub mod log;
pub mod metrics;
mod reloads;
