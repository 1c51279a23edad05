//! The listeners: accepts connections, serves HTTP on them, and ends them in order.

pub mod accept;
mod activity;
pub mod admin;
pub mod conn;
pub mod crowd;
mod flow;
mod http1;
mod http2;
mod preface;
pub mod redirect;
pub mod shutdown;
mod stream;
pub mod tls;
