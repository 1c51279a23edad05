//! What is judged about a request before anybody asks who sent it: its host and its path.

pub mod host;
pub mod path;
