//! WebSockets: who may open one, and how long it may stay.

use std::str::FromStr;

use super::raw::RawWebsocket;
use super::report::Report;
use super::{OnSessionEnd, Websocket};

pub(super) fn websocket(raw: &RawWebsocket, report: &mut Report) -> Option<Websocket> {
    let on_session_end = report.parse("websocket.on_session_end", &raw.on_session_end)?;
    Some(Websocket { on_session_end })
}

impl FromStr for OnSessionEnd {
    type Err = OnSessionEndError;

    fn from_str(text: &str) -> Result<Self, OnSessionEndError> {
        match text {
            "close" => Ok(Self::Close),
            "keep" => Ok(Self::Keep),
            _ => Err(OnSessionEndError),
        }
    }
}

/// Neither of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be close or keep")]
pub struct OnSessionEndError;
