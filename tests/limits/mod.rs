//! What a connection is, and how much anybody can ask of it: each limit through the real listener.

mod connections;
pub(crate) mod floods;
mod http2;
mod sizes;
mod times;
