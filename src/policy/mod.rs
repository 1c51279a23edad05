//! What is judged about a request before anybody asks who sent it: its size, its host, its path, and the word of
//! proxies. Then who sent it, and what apps are told of them.

pub mod app_headers;
pub mod host;
pub mod origins;
pub mod path;
pub mod proxies;
pub mod public;
pub mod size;
pub mod subject;
pub mod way;
