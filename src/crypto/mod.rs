//! Sealing: what leaves the process and comes back unread and unchanged, or not at all.
//!
//! [`keyring`] holds the configured keys, [`seal`] turns bytes into text that only those keys open, [`record`] into
//! bytes that they open together with a ticket, and
//! [`random`] is where every unguessable byte comes from.

pub mod keyring;
pub mod random;
pub mod record;
pub mod seal;
mod xaes;
