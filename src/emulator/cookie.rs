//! Managed login's own cookie: who is signed in at Cognito, for every app client of the pool.
//!
//! Only `/logout` clears it; an app that clears its own cookies leaves the user signed in here.

use http::HeaderMap;
use http::header::COOKIE;

use super::pool::Pool;

const NAME: &str = "cognito";

pub(super) fn read(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == NAME)
        .map(|(_, value)| value.to_owned())
}

/// Not `Secure`: the emulator speaks plain HTTP on loopback.
pub(super) fn set(pool: &Pool, value: &str) -> String {
    format!("{NAME}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax", pool.session_validity().as_secs())
}

pub(super) fn clear() -> String {
    format!("{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
}
