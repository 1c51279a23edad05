//! What is judged about a request: its size, its host, its path, the word of proxies, and who may pass. Then who sent
//! it, and what apps are told of them.

pub mod app_headers;
mod case_folding;
pub mod conditions;
pub mod csrf;
pub mod forwarded_chain;
pub mod header_claims;
pub mod header_names;
pub mod host;
pub mod origins;
pub mod path;
pub mod preflight;
pub mod proxies;
mod readings;
pub mod reserved_headers;
pub mod rules;
pub mod size;
pub mod subject;
