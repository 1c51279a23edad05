//! The `cognigate` program: the crypto provider, then the command, then its exit code.

use std::process::ExitCode;

use cognigate::commands;

/// It counts what is allocated and gives back what is freed, which the system's allocator does not.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Before anything makes a TLS configuration. It fails only where a provider is there already, which is as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    commands::main(std::env::args_os()).into()
}
