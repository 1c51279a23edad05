//! The listeners: accepts connections, serves HTTP on them, and ends them in order.

pub mod accept;
mod activity;
pub mod admin;
pub mod conn;
pub mod connection_limit;
mod http1;
mod http2;
mod preface;
pub mod redirect;
pub mod shutdown;
mod stalled_streams;
mod stream;
pub mod tls;
