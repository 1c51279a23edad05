//! The signature, and the header that says how to check it.

use cognigate::emulator::{Endpoint, Fault, Signing};
use serde_json::json;

use super::{BOTH, forged_callback, is_refused, refused, reply};
use crate::support::Stage;

#[tokio::test]
async fn case_51_a_token_without_a_signature_algorithm_is_refused() {
    let stage = Stage::new().await;
    for token in BOTH {
        for name in ["none", "nOnE", "None", "NONE", ""] {
            is_refused(&stage, token().sign(Signing::None).header("alg", name)).await;
            // A signature that fits does not make up for it.
            is_refused(&stage, token().header("alg", name)).await;
        }
        is_refused(&stage, token().sign(Signing::None).drop_header("alg")).await;
        is_refused(&stage, token().drop_header("alg")).await;
        is_refused(&stage, token().sign(Signing::None).header("alg", "RS256")).await;
    }
}

#[tokio::test]
async fn case_52_hs256_keyed_by_the_public_key_is_refused() {
    let stage = Stage::new().await;
    for token in BOTH {
        is_refused(&stage, token().sign(Signing::Hs256PublicKey)).await;
        is_refused(&stage, token().sign(Signing::Hs256PublicKey).header("alg", "RS256")).await;
        is_refused(&stage, token().header("alg", "HS256")).await;
    }
}

#[tokio::test]
async fn other_algorithms_than_rs256_are_refused() {
    let stage = Stage::new().await;
    for token in BOTH {
        is_refused(&stage, token().sign(Signing::Es256)).await;
        for algorithm in ["RS384", "RS512", "PS256", "rs256", "EdDSA"] {
            is_refused(&stage, token().header("alg", algorithm)).await;
        }
        is_refused(&stage, token().header("alg", json!(["RS256"]))).await;
    }
}

#[tokio::test]
async fn a_signature_by_another_key_is_refused() {
    let stage = Stage::new().await;
    for token in BOTH {
        for signing in [Signing::ForeignKey, Signing::OtherTokensKey, Signing::Corrupted] {
            is_refused(&stage, token().sign(signing)).await;
        }
    }
}

#[tokio::test]
async fn case_53_a_header_that_brings_its_own_key_or_rules_is_refused_and_nothing_is_fetched() {
    let stage = Stage::new().await;
    let loaded = stage.cognito.count(Endpoint::Jwks);
    // Whoever fetched it would be seen at the app.
    let url = format!("http://{}/jwks.json", stage.app.address());
    let key = json!({ "kty": "RSA", "kid": "own", "alg": "RS256", "n": "AQAB", "e": "AQAB" });
    for token in BOTH {
        for (name, value) in [
            ("jku", json!(url)),
            ("x5u", json!(url)),
            ("jwk", key.clone()),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("c2hhMQ")),
            ("x5t#S256", json!("c2hhMjU2")),
            ("crit", json!(["exp"])),
            ("b64", json!(false)),
            ("enc", json!("A256GCM")),
            ("zip", json!("DEF")),
        ] {
            is_refused(&stage, token().header(name, value.clone())).await;
            is_refused(&stage, token().header(name, value).sign(Signing::ForeignKey)).await;
        }
    }
    assert_eq!(stage.cognito.count(Endpoint::Jwks), loaded);
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn case_53_a_key_id_is_a_name_and_never_a_path() {
    let stage = Stage::new().await;
    let loaded = stage.cognito.count(Endpoint::Jwks);
    let own = stage.cognito.last(Endpoint::Jwks).unwrap().uri;
    for token in BOTH {
        for kid in ["../../x", "/dev/null", "' OR 1=1 --", "http://169.254.169.254/", "\u{0}", ""] {
            is_refused(&stage, token().header("kid", kid)).await;
        }
        for kid in [json!(1), json!(null), json!(["a"]), json!({})] {
            is_refused(&stage, token().header("kid", kid)).await;
        }
    }
    // The set was asked for anew once, at the one address that it has.
    assert_eq!(stage.cognito.count(Endpoint::Jwks), loaded + 1);
    assert_eq!(stage.cognito.last(Endpoint::Jwks).unwrap().uri, own);
}

#[tokio::test]
async fn what_is_no_signed_token_is_refused() {
    let stage = Stage::new().await;
    let header = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ";
    for token in [
        "x",
        ".",
        "..",
        "...",
        "a.b.c",
        header,
        &format!("{header}."),
        &format!("{header}.e30"),
        &format!("{header}.e30."),
        &format!("{header}.e30.AAAA.AAAA"),
        &format!("{header}.e30.AAAA.AAAA.AAAA"),
        &format!(" {header}.e30.AAAA"),
        "e30.e30.e30",
        "W10.e30.AAAA",
        "ée.e30.AAAA",
        &".".repeat(5_000),
    ] {
        let mut visitor = stage.visitor();
        let callback = forged_callback(&mut visitor, "code").await;
        let body = reply(token, token).to_string();
        stage.cognito.fail(Endpoint::TokenCode, Fault::status(200).body(&body));
        refused(&visitor.navigate(&callback).await, &visitor, token);
    }
}
