//! The listeners: accepts connections, serves HTTP on them, and ends them in order.

pub mod accept;
mod activity;
pub mod admin;
pub mod client;
pub mod conn;
pub mod connections;
mod control_frames;
mod eviction;
mod http1;
mod http2;
mod idle_watch;
mod preface;
pub mod redirect;
pub mod shutdown;
mod stalled_streams;
mod stream;
pub mod tls;
