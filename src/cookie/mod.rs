//! Cookies: reading what the browser sent, cutting a long value into several, writing `Set-Cookie`.
//!
//! [`read`] finds ours among the app's and takes them out, [`chunk`] keeps each below what browsers store,
//! [`write`](mod@write) gives each the attributes that it is later deleted with.

pub mod chunk;
pub mod read;
pub mod write;
