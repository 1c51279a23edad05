//! Which app client speaks, at the token and the revoke endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;

use super::parameters::Parameters;
use super::pool::Pool;
use super::settings::Client;
use super::switches::Received;
use crate::secret::Secret;

/// Why no app client is known to speak. Both are told apart only where Cognito does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No client id, or two ways of authentication at once.
    Malformed,
    /// Unknown client, wrong or missing secret, or a secret where there is none.
    Refused,
}

/// `client_secret_basic`, `client_secret_post`, or for a public client its id alone. Either of two active
/// secrets will do.
pub(super) fn authenticate(pool: &Pool, request: &Received, form: &Parameters) -> Result<Client, Failure> {
    let malformed = |_| Failure::Malformed;
    let form_id = form.one("client_id").map_err(malformed)?.map(str::to_owned);
    let form_secret = form.one("client_secret").map_err(malformed)?.map(str::to_owned);
    let (id, secret) = match request.headers.get(AUTHORIZATION) {
        Some(_) if form_secret.is_some() => return Err(Failure::Malformed),
        Some(value) => {
            let (id, secret) = basic(value.as_bytes()).ok_or(Failure::Refused)?;
            if form_id.is_some_and(|form_id| form_id != id) {
                return Err(Failure::Refused);
            }
            (id, Some(secret))
        }
        None => (form_id.ok_or(Failure::Malformed)?, form_secret),
    };
    let client = pool.client(&id).ok_or(Failure::Refused)?;
    let right = match secret.map(Secret::from) {
        Some(secret) => client.secrets.contains(&secret),
        None => client.secrets.is_empty(),
    };
    if right { Ok(client) } else { Err(Failure::Refused) }
}

/// Id and secret are taken as they are: Cognito's have no characters that a form would encode.
fn basic(value: &[u8]) -> Option<(String, String)> {
    let (scheme, encoded) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
