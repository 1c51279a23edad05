//! The shape of a configuration: every key with its type, before anything is checked.
//!
//! Keys that have a default are always there, since the lowest layer holds the defaults. Unknown keys are refused here
//! too, though the layers have refused them before, with their places.

use serde::Deserialize;

use crate::secret::Secret;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) public_url: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) prefix: String,
    pub(super) cognito: RawCognito,
    pub(super) session: RawSession,
    pub(super) cookie: RawCookie,
    pub(super) listen: RawListen,
    pub(super) admin: RawAdmin,
    pub(super) log: RawLog,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCognito {
    pub(super) user_pool_id: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    /// Read by then, into `client_secret`.
    #[serde(rename = "client_secret_file")]
    pub(super) _client_secret_file: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) issuer: Option<Vec<String>>,
    pub(super) jwks_url: Option<String>,
    pub(super) authorize_url: Option<String>,
    pub(super) token_url: Option<String>,
    pub(super) revoke_url: Option<String>,
    pub(super) logout_url: Option<String>,
    pub(super) userinfo_url: Option<String>,
    pub(super) identity_provider: Option<String>,
    pub(super) idp_identifier: Option<String>,
    pub(super) lang: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) allow_insecure_http: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSession {
    pub(super) keys: Option<Vec<Secret>>,
    /// Read by then, into `keys`.
    #[serde(rename = "keys_file")]
    pub(super) _keys_file: Option<String>,
    pub(super) refresh_margin: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCookie {
    pub(super) name: String,
    pub(super) secure: Option<bool>,
    pub(super) same_site: String,
    pub(super) domain: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    pub(super) address: String,
    pub(super) hosts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAdmin {
    pub(super) address: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: String,
    pub(super) level: String,
}
