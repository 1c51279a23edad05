//! Whose pages may change something in a user's name.

use std::str::FromStr;

use super::origins::origins;
use super::report::Report;
use super::site::Said;
use crate::types::Origin;

/// What is done about requests that pages of other sites make in a user's name.
#[derive(Clone, Debug)]
pub struct Csrf {
    pub mode: CsrfMode,
    /// Origins of further pages that may, beside those of the site itself.
    pub origins: Vec<Origin>,
}

/// How near a page must be to the site, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CsrfMode {
    /// Anywhere.
    Off,
    /// Of the same site: a sibling host too.
    Lax,
    /// Of the same origin.
    Strict,
}

pub(super) fn csrf(said: &Said<'_>, report: &mut Report) -> Option<Csrf> {
    let origins = origins(&said.keys.of("csrf_origins"), said.csrf_origins, report);
    Some(Csrf { mode: report.parse(&said.keys.of("csrf"), said.csrf)?, origins })
}

impl FromStr for CsrfMode {
    type Err = CsrfModeError;

    fn from_str(text: &str) -> Result<Self, CsrfModeError> {
        match text {
            "strict" => Ok(Self::Strict),
            "lax" => Ok(Self::Lax),
            "off" => Ok(Self::Off),
            _ => Err(CsrfModeError),
        }
    }
}

/// None of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be strict, lax or off")]
pub struct CsrfModeError;
