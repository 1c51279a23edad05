//! WebSockets: who may open one, and how long it may stay.

use std::str::FromStr;

use super::raw::RawWebsocket;
use super::report::Report;
use super::{OnSessionEnd, Websocket};
use crate::types::Origin;

pub(super) fn websocket(raw: &RawWebsocket, report: &mut Report) -> Option<Websocket> {
    let mut origins = Vec::with_capacity(raw.origins.len());
    for (at, text) in raw.origins.iter().enumerate() {
        match text.parse::<Origin>() {
            // A URL parser takes it for a name.
            Ok(origin) if origin.host().contains('*') => report.problem(
                "websocket.origins",
                format_args!("its item {}: it must be one origin, without a *", at + 1),
            ),
            Ok(origin) => origins.push(origin),
            Err(error) => report.problem("websocket.origins", format_args!("its item {}: {error}", at + 1)),
        }
    }
    let on_session_end = report.parse("websocket.on_session_end", &raw.on_session_end)?;
    Some(Websocket { on_session_end, origins })
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
