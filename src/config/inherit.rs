//! What a site takes of the top level where it says nothing itself.
//!
//! What belongs together is taken together or not at all: a secret is of one app client, and clients, domains, issuers
//! and keys are of one user pool. A pool is never asked with what another one was configured with.

use std::collections::BTreeMap;

use config::Value;

use super::key::KEYS;
use super::layer::Layer;
use super::table::{self, KeyAt};

/// The values that sites leave to the top level, each with the place that it came from.
pub(super) fn taken(said: &BTreeMap<String, &Value>) -> Layer {
    let mut layer = Layer::default();
    for site in 0..table::count("sites", said.keys()) {
        let says = |key: &str| said.contains_key(&format!("sites[{site}].{key}"));
        for (key, top) in KEYS.iter().filter_map(|key| Some((key, key.of_all_sites()?))) {
            if let Some(value) = said.get(top.name).filter(|_| !says(top.name) && is_left(top.name, says)) {
                let name = format!("sites[{site}].{}", top.name);
                layer.put_again(KeyAt { name: &name, kind: key.kind }, (*value).clone());
            }
        }
    }
    layer
}

/// False for what belongs to something that the site has of its own.
fn is_left(key: &str, says: impl Fn(&str) -> bool) -> bool {
    let own = |keys: &[&str]| keys.iter().any(|key| says(&format!("cognito.{key}")));
    match key.strip_prefix("cognito.") {
        Some("client_id" | "domain" | "issuer" | "jwks_url" | "resource" | "identity_providers") => {
            !own(&["user_pool_id"])
        }
        Some("client_secret" | "client_secret_file") => {
            !own(&["user_pool_id", "client_id", "client_secret", "client_secret_file"])
        }
        Some("authorize_url" | "token_url" | "revoke_url" | "logout_url" | "userinfo_url") => {
            !own(&["user_pool_id", "domain"])
        }
        Some("identity_provider" | "idp_identifier") => {
            !own(&["user_pool_id", "identity_provider", "idp_identifier"])
        }
        _ => true,
    }
}
