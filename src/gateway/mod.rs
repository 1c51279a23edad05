//! Answering for a gateway that asks whether a request may pass, and sends it on itself.

pub mod nginx;
