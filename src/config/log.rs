//! The log's part.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::raw::RawLog;
use super::report::Report;
use super::{Log, LogFormat};

pub(super) fn log(raw: &RawLog, report: &mut Report) -> Option<Log> {
    let format = report.parse("log.format", &raw.format);
    let level = report.parse::<Level>("log.level", &raw.level);
    Some(Log { format: format?, level: level?.0 })
}

/// Why a text is not a [`LogFormat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be json or text")]
pub struct LogFormatError;

impl FromStr for LogFormat {
    type Err = LogFormatError;

    fn from_str(text: &str) -> Result<Self, LogFormatError> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(LogFormatError),
        }
    }
}

/// A level, or directives such as `info,cognigate::auth=debug`.
struct Level(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it must be error, warn, info, debug, trace or off, or directives such as info,cognigate::auth=debug (tracing's \
     EnvFilter)"
)]
struct LevelError;

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        // The filter takes a lone word that is no level for a target, and `inof` would silence everything else.
        let mut directives = text.split(',').filter(|part| !part.contains(['=', '[', ']', '{', '}', '"']));
        // And it takes nothing at all for a level.
        if directives.any(|word| word.trim().is_empty() || word.trim().parse::<LevelFilter>().is_err()) {
            return Err(LevelError);
        }
        match EnvFilter::builder().parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(LevelError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for text in
            ["info", "off", "WARN", "info,hyper=debug", "cognigate::auth=trace", "warn,[request]=debug"]
        {
            assert!(text.parse::<Level>().is_ok(), "{text}");
        }
        for text in ["", "inof", "verbose", "info,", "inof,hyper=debug", "hyper=loud", "a=b=c"] {
            assert!(text.parse::<Level>().is_err(), "{text:?}");
        }
    }
}
