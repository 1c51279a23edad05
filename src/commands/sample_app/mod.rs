//! `cognigate sample-app`: an app to put behind a gate before there is one, until it is told to stop.

mod app;
mod received;

use std::io::{self, Write as _};
use std::net::SocketAddr;

use tokio::runtime::Builder;

use super::signals::end_signal;
use super::{Exit, fail};

pub use app::SampleApp;

/// An app that shows what reaches it. It believes whoever reaches it, and has nothing to protect.
#[derive(Clone, Debug, clap::Args)]
pub struct SampleAppArgs {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
}

/// Why there is no sample app.
#[derive(Debug, thiserror::Error)]
enum SampleAppError {
    #[error("--listen {address}: {source}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("the runtime gives neither signals nor sockets: {0}")]
    Runtime(io::Error),
}

/// Serves until SIGINT or SIGTERM.
#[must_use]
pub fn sample_app(args: &SampleAppArgs) -> Exit {
    match serve(args) {
        Ok(()) => Exit::Success,
        Err(error @ SampleAppError::Bind { .. }) => fail(&error, Exit::Unavailable),
        Err(error @ SampleAppError::Runtime(_)) => fail(&error, Exit::Failure),
    }
}

fn serve(args: &SampleAppArgs) -> Result<(), SampleAppError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SampleAppError::Runtime)?;
    runtime.block_on(async {
        let stop = end_signal().map_err(SampleAppError::Runtime)?;
        let app = SampleApp::bind(args.listen)
            .map_err(|source| SampleAppError::Bind { address: args.listen, source })?;
        // Serving goes on where nobody reads this.
        let _ = writeln!(
            io::stdout(),
            "A sample app at http://{}, to stand for yours. Ctrl-C ends it.",
            app.address()
        );
        let stop = async {
            stop.await;
        };
        app.serve(stop).await;
        Ok(())
    })
}
