//! One file a subcommand.

#[cfg(feature = "emulator")]
pub mod emulate;
