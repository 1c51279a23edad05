//! The JWKS and the discovery document.

use std::collections::HashSet;

use cognigate::emulator::{JwksShape, TokenUse};
use http::StatusCode;
use serde_json::json;

use super::support::{Fixture, Tokens, verifies};

const JWKS: &str = "/us-east-1_Emulated1/.well-known/jwks.json";
const DISCOVERY: &str = "/us-east-1_Emulated1/.well-known/openid-configuration";

#[tokio::test]
async fn the_jwks_has_two_rsa_keys_of_2048_bits() {
    let fixture = Fixture::start().await;
    let jwks = fixture.get(JWKS, &[]).await.json();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    let kids: HashSet<_> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids.len(), 2);
    for key in keys {
        for (member, value) in [("kty", "RSA"), ("alg", "RS256"), ("use", "sig"), ("e", "AQAB")] {
            assert_eq!(key[member], value, "{member}");
        }
        assert_eq!(key["n"].as_str().unwrap().len(), 342, "256 bytes");
        assert_eq!(key["kid"].as_str().unwrap().len(), 44);
    }
}

#[tokio::test]
async fn discovery_is_cognitos_and_its_endpoints_are_where_it_was_asked() {
    let fixture = Fixture::start().await;
    let expected = |base: &str| {
        json!({
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "end_session_endpoint": format!("{base}/logout"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1",
            "jwks_uri": format!("{base}{JWKS}"),
            "response_types_supported": ["code", "token"],
            "revocation_endpoint": format!("{base}/oauth2/revoke"),
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": format!("{base}/oauth2/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "userinfo_endpoint": format!("{base}/oauth2/userInfo"),
        })
    };
    assert_eq!(fixture.get(DISCOVERY, &[]).await.json(), expected(&fixture.base));
    let named = fixture.get(DISCOVERY, &[("host", "cognito.test:9400")]).await;
    assert_eq!(named.json(), expected("http://cognito.test:9400"));
}

#[tokio::test]
async fn rotation_signs_by_new_keys_and_may_keep_the_old_ones() {
    let fixture = Fixture::start().await;
    let before = fixture.tokens("alice").await;
    fixture.switches.rotate_keys(true);
    let after = Tokens::of(&fixture.refresh(&before.refresh).await);
    assert_eq!(fixture.get(JWKS, &[]).await.json()["keys"].as_array().unwrap().len(), 4);
    assert!(verifies(&fixture, &before.id).await);
    assert!(verifies(&fixture, &after.id).await);
    assert!(verifies(&fixture, &after.access).await);

    fixture.switches.rotate_keys(false);
    assert_eq!(fixture.get(JWKS, &[]).await.json()["keys"].as_array().unwrap().len(), 2);
    assert!(!verifies(&fixture, &after.id).await);
    assert!(!verifies(&fixture, &before.id).await);
}

#[tokio::test]
async fn the_jwks_takes_any_shape() {
    let fixture = Fixture::start().await;
    let [id_key, access_key] = fixture.switches.key_ids();
    let shaped = async |shape: JwksShape| {
        fixture.switches.shape_jwks(shape);
        fixture.get(JWKS, &[]).await
    };
    for (only, kid) in [(TokenUse::Id, &id_key), (TokenUse::Access, &access_key)] {
        let jwks = shaped(JwksShape { only: Some(only), ..JwksShape::default() }).await.json();
        assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
        assert_eq!(jwks["keys"][0]["kid"], **kid);
    }
    let empty = shaped(JwksShape { empty: true, ..JwksShape::default() }).await;
    assert_eq!(empty.json(), json!({ "keys": [] }));
    let nameless = shaped(JwksShape { without_kids: true, ..JwksShape::default() }).await.json();
    assert!(nameless["keys"].as_array().unwrap().iter().all(|key| key.get("kid").is_none()));
    let junk = vec![json!(7), json!({ "kty": "RSA" })];
    let jwks = shaped(JwksShape { junk, ..JwksShape::default() }).await.json();
    assert_eq!((&jwks["keys"][0], jwks["keys"].as_array().unwrap().len()), (&json!(7), 4));
    let huge = shaped(JwksShape { decoys: 3000, ..JwksShape::default() }).await;
    assert!(huge.body.len() > 1_000_000);
    let raw = shaped(JwksShape { raw: Some("<html>".to_owned()), ..JwksShape::default() }).await;
    assert_eq!((raw.status, raw.body.as_str()), (StatusCode::OK, "<html>"));
    let plain = shaped(JwksShape::default()).await.json();
    assert_eq!(plain["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn another_pools_documents_are_not_there() {
    let fixture = Fixture::start().await;
    for path in ["/us-east-1_Another/.well-known/jwks.json", "/.well-known/jwks.json", "/nothing", "/"] {
        assert_eq!(fixture.get(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
