//! Where Cognito's endpoints are, from the pool id and the domain, or as configured one by one.
//!
//! See "User pool endpoints and managed login reference" in Amazon Cognito's developer guide.

use url::Url;

use crate::config::Cognito;

/// Every address of one user pool, and the issuers that its tokens may name.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// `iss` must be exactly one of these. Both of AWS's forms, unless `cognito.issuer` is set.
    pub issuers: Vec<String>,
    pub jwks: Url,
    pub authorize: Url,
    pub token: Url,
    pub revoke: Url,
    pub logout: Url,
    pub userinfo: Url,
}

/// Which address is missing: neither given by itself nor derivable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cognito.{key} is not set and cannot be derived: set it, or set cognito.domain")]
pub struct MissingEndpoint {
    pub key: &'static str,
}

impl Endpoints {
    /// An address that is configured wins over the derived one.
    pub fn new(cognito: &Cognito) -> Result<Self, MissingEndpoint> {
        let region = cognito.pool.region();
        let pool = cognito.pool.as_str();
        let given = &cognito.overrides;
        let issuers = given.issuer.clone().unwrap_or_else(|| {
            vec![
                format!("https://cognito-idp.{region}.amazonaws.com/{pool}"),
                format!("https://issuer-cognito-idp.{region}.amazonaws.com/{pool}"),
            ]
        });
        let below_domain = |given: &Option<Url>, key: &'static str, path: &str| {
            let derived = || cognito.domain.as_ref().and_then(|domain| domain.join(path).ok());
            given.clone().or_else(derived).ok_or(MissingEndpoint { key })
        };
        let jwks = given
            .jwks_url
            .clone()
            .or_else(|| Url::parse(&format!("{}/.well-known/jwks.json", issuers.first()?)).ok())
            .ok_or(MissingEndpoint { key: "jwks_url" })?;
        Ok(Self {
            jwks,
            authorize: below_domain(&given.authorize_url, "authorize_url", "/oauth2/authorize")?,
            token: below_domain(&given.token_url, "token_url", "/oauth2/token")?,
            revoke: below_domain(&given.revoke_url, "revoke_url", "/oauth2/revoke")?,
            logout: below_domain(&given.logout_url, "logout_url", "/logout")?,
            userinfo: below_domain(&given.userinfo_url, "userinfo_url", "/oauth2/userInfo")?,
            issuers,
        })
    }
}
