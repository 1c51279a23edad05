//! The listeners: accepts connections, serves HTTP on them, and ends them in order.

pub mod accept;
pub mod admin;
pub mod conn;
mod linger;
mod preface;
pub mod shutdown;
