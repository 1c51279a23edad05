//! Log lines on standard output, as JSON or as text, in UTC.

use std::env;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::util::TryInitError;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("log.level is not a level or a filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("logging was set up already: {0}")]
    Twice(#[from] TryInitError),
}

/// Begins logging, once in a process.
pub fn init(format: Format, filter: &str) -> Result<(), LogError> {
    let builder = fmt().with_env_filter(EnvFilter::try_new(filter)?);
    match format {
        Format::Json => builder.json().flatten_event(true).with_current_span(false).finish().try_init()?,
        Format::Text => builder.with_ansi(has_colours()).finish().try_init()?,
    }
    Ok(())
}

/// Colours are for a terminal whose user did not decline them (<https://no-color.org>); in a file they are
/// noise.
fn has_colours() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|declined| declined.is_empty())
}
