//! The pool's public documents: the JWKS and OpenID Connect's discovery.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::HOST;
use http::uri::Authority;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::answer;
use super::pool::Pool;
use super::random;
use super::switches::{Endpoint, JwksShape, Received, TokenUse};
use crate::types::Body;

/// The keys in the switches' shape: the id token's and the access token's, then retired ones.
pub(super) fn jwks(pool: &Pool, request: &Received) -> Response<Body> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return answer::method_not_allowed("GET");
    }
    let shape = pool.board.jwks_shape();
    if let Some(raw) = shape.raw {
        return answer::json_text(StatusCode::OK, raw);
    }
    answer::json(pool, &[Endpoint::Jwks], json!({ "keys": shaped(pool, shape) }))
}

/// As Cognito has it: no `code_challenge_methods_supported`, and an `end_session_endpoint` that is none. The
/// endpoints are where the emulator was asked; the issuer is the pool's all the same.
pub(super) fn openid_configuration(pool: &Pool, request: &Received) -> Response<Body> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return answer::method_not_allowed("GET");
    }
    let base = base_url(pool, request);
    let document = json!({
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "end_session_endpoint": format!("{base}/logout"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": pool.issuer,
        "jwks_uri": format!("{base}/{}/.well-known/jwks.json", pool.id),
        "response_types_supported": ["code", "token"],
        "revocation_endpoint": format!("{base}/oauth2/revoke"),
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": format!("{base}/oauth2/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "userinfo_endpoint": format!("{base}/oauth2/userInfo"),
    });
    answer::json(pool, &[Endpoint::Discovery], document)
}

/// By the name that the client used, so that `localhost`, a container's name and a forwarded port all work.
fn base_url(pool: &Pool, request: &Received) -> String {
    let host = request.header(HOST.as_str()).and_then(|host| host.parse::<Authority>().ok());
    host.map_or_else(|| pool.base_url.clone(), |host| format!("http://{host}"))
}

fn shaped(pool: &Pool, shape: JwksShape) -> Vec<Value> {
    let mut keys = pool.keys().jwks();
    match shape.only {
        Some(TokenUse::Id) => keys.truncate(1),
        Some(TokenUse::Access) => keys = keys.into_iter().skip(1).take(1).collect(),
        None => {}
    }
    if shape.empty {
        keys.clear();
    }
    if shape.without_kids {
        for key in &mut keys {
            key.as_object_mut().map(|key| key.remove("kid"));
        }
    }
    let decoys = (0..shape.decoys).map(|_| decoy());
    decoys.chain(shape.junk).chain(keys).collect()
}

/// The shape of a key, with a modulus that is no product of primes.
fn decoy() -> Value {
    let modulus = URL_SAFE_NO_PAD.encode(random::bytes::<256>());
    json!({ "alg": "RS256", "e": "AQAB", "kid": random::uuid(), "kty": "RSA", "n": modulus, "use": "sig" })
}
