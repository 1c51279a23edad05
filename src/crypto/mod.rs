//! Sealing: what leaves the process and comes back unread and unchanged, or not at all.
//!
//! [`keyring`] holds the configured keys, [`seal`] turns bytes into text that only those keys open, and
//! [`random`] is where every unguessable byte comes from.

pub mod keyring;
pub mod random;
pub mod seal;
mod xaes;
