//! The attack cases of headers and of tokens, by tokens that clients bring.

use cognigate::emulator::{Endpoint, Signing, TokenEdit};
use http::Method;
use serde_json::json;

use super::*;
use crate::forwarding::head;
use crate::support::visitor::{FETCH, NAVIGATION};
use crate::support::wire::{exchange, status};

fn access() -> TokenEdit {
    TokenEdit::access()
}

async fn are_refused(stage: &Stage, edits: impl IntoIterator<Item = TokenEdit>) {
    let mut alice = stage.signed_in().await;
    let verified = counted(stage, "verified").await;
    for edit in edits {
        let shown = format!("{edit:?}");
        let token = edited(stage, edit).await;
        is_refused(stage, &mut alice, &token, &shown).await;
    }
    assert_eq!(counted(stage, "verified").await.to_bits(), verified.to_bits());
    // The refusals were the tokens' own, and cost nobody anything.
    assert_eq!(bring(stage, &service_token(stage).await).await.status(), 200);
    assert_eq!(alice.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn case_12_a_bad_token_is_a_401_and_never_falls_back_to_a_session_or_a_sign_in() {
    let stage = stage().await;
    let mut alice = stage.signed_in().await;
    let header = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ";
    let good = service_token(&stage).await;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for token in [
        "",
        "junk",
        ".",
        "..",
        "a.b.c",
        header,
        &format!("{header}.e30.AAAA"),
        &format!("{header}.e30.AAAA.AAAA.AAAA"),
        &format!("{signed}."),
        &format!("{signed}.{signature}x"),
        &format!("{good} {good}"),
        &format!("{good},{good}"),
        &format!("{good}, Basic eDp5"),
        &format!("\"{good}\""),
        &format!("{good}="),
        &".".repeat(5_000),
        "\u{e9}",
    ] {
        is_refused(&stage, &mut alice, token, token).await;
        let authorization = format!("Bearer {token}");
        let authorization = [("authorization", authorization.as_str())];
        for kind in [&NAVIGATION[..], &FETCH, &[]] {
            let answer = alice.send(Method::GET, "/", &[kind, &authorization].concat(), "").await;
            assert_invalid(&answer, token);
        }
    }
    assert_eq!(stage.app.count(), 1, "her sign-in");
}

#[tokio::test]
async fn case_16_two_authorizations_are_not_chosen_from() {
    let stage = stage().await;
    let mut alice = stage.signed_in().await;
    let good = format!("Bearer {}", service_token(&stage).await);
    for (first, second) in [
        (good.as_str(), good.as_str()),
        (&good, "Bearer junk"),
        ("Bearer junk", &good),
        ("Basic eDp5", &good),
        (&good, ""),
    ] {
        let twice = [("authorization", first), ("Authorization", second)];
        for visitor in [&mut stage.visitor(), &mut alice] {
            assert_invalid(&visitor.send(Method::GET, "/", &twice, "").await, first);
        }
    }
    assert_eq!(stage.app.count(), 1, "her sign-in");
}

#[tokio::test]
async fn case_133_a_token_in_any_of_three_authorizations_is_refused_with_them() {
    let stage = stage().await;
    let mut alice = stage.signed_in().await;
    let good = format!("Bearer {}", service_token(&stage).await);
    for place in 0..3 {
        for token in [good.as_str(), "Bearer junk", "bearer", "BEARER\tjunk"] {
            let mut lines = [("authorization", "Basic eDp5"); 3];
            lines[place].1 = token;
            for visitor in [&mut stage.visitor(), &mut alice] {
                assert_invalid(&visitor.send(Method::GET, "/", &lines, "").await, token);
            }
        }
    }
    assert_eq!(stage.app.count(), 1, "her sign-in");
    // Without a token they are nobody's, and the session counts.
    let [one, two, three] = [("authorization", "Basic eDp5"); 3];
    let lines = [one, two, three, ("accept", "text/html")];
    assert_eq!(stage.visitor().send(Method::GET, "/", &lines, "").await.status(), 303);
    assert_eq!(alice.send(Method::GET, "/", &lines, "").await.status(), 200);
    assert!(stage.app.last().header("authorization").unwrap().starts_with("Bearer ey"));
}

#[tokio::test]
async fn case_13_and_17_beside_a_token_nothing_else_says_who_it_is() {
    let stage = stage_with(|setup| setup.set("forward.headers", "X-Tenant=custom:tenant")).await;
    let nobody = stage.visitor();
    let token = user_token(&stage, "bob").await;
    let authorization = format!("Authorization: Bearer {token}");
    for name in
        ["X-Forwarded-User", "X-Forwarded-Groups", "X-Auth-Request-User", "X-Amzn-Oidc-Data", "X-Tenant"]
    {
        for spelling in [name.to_owned(), name.replace('-', "_"), name.replace('-', "."), name.to_uppercase()]
        {
            let forged = format!("{spelling}: forged");
            let lines =
                [authorization.as_str(), &forged, "Connection: close, Authorization, X-Forwarded-User"];
            let answer = exchange(nobody.gate(), head(&nobody, "GET /", &lines).into()).await;
            assert_eq!(status(&answer), 200, "{spelling}");
            let arrived = stage.app.last();
            assert!(arrived.headers.values().all(|value| value != "forged"), "{:?}", arrived.headers);
            assert_eq!(arrived.header("authorization"), Some(&authorization["Authorization: ".len()..]));
            assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("bob"));
            assert_eq!(arrived.header("x-forwarded-groups"), None);
        }
    }
}

#[tokio::test]
async fn case_15_a_token_says_nothing_where_nobody_is_asked() {
    let stage = stage_with(|setup| setup.set("public", "/health,/public/*")).await;
    let good = format!("Bearer {}", service_token(&stage).await);
    for authorization in [good.as_str(), "Bearer junk"] {
        for (method, target) in [(Method::GET, "/health"), (Method::OPTIONS, "/public/x")] {
            let headers = [("authorization", authorization), ("x_forwarded_user", "forged")];
            assert_eq!(stage.visitor().send(method, target, &headers, "").await.status(), 200);
            let arrived = stage.app.last();
            assert_eq!((arrived.header("authorization"), arrived.header("x_forwarded_user")), (None, None));
        }
    }
    let count = stage.app.count();
    for method in [Method::OPTIONS, Method::HEAD, Method::POST, Method::from_bytes(b"FOO").unwrap()] {
        let answer = stage.visitor().send(method, "/", &[("authorization", "Bearer junk")], "").await;
        assert_eq!(answer.status(), 401);
    }
    assert_eq!(stage.app.count(), count);
}

#[tokio::test]
async fn case_18_a_claim_of_a_token_is_encoded_and_never_raw() {
    let stage = stage_with(|setup| setup.set("forward.headers", "X-Tenant=custom:tenant")).await;
    let evil = "a\r\nX-Forwarded-User: root\r\n\r\nGET /admin HTTP/1.1\0";
    stage.cognito.edit_token(
        access()
            .set("custom:tenant", evil)
            .set("username", " Zoë\n")
            .set("email", evil)
            .set("cognito:groups", json!(["a,admins", "x\ny", " admins"])),
    );
    let token = user_token(&stage, "bob").await;
    assert_eq!(bring(&stage, &token).await.status(), 200);
    let arrived = stage.app.last();
    let encoded = "a%0D%0AX-Forwarded-User: root%0D%0A%0D%0AGET /admin HTTP/1.1%00";
    assert_eq!(arrived.header("x-tenant"), Some(encoded));
    assert_eq!(arrived.header("x-forwarded-email"), Some(encoded));
    assert_eq!(arrived.header("x-forwarded-preferred-username"), Some("%20Zo%C3%AB%0A"));
    assert_eq!(arrived.header("x-forwarded-groups"), Some("a%2Cadmins,x%0Ay,%20admins"));
    assert_eq!(stage.app.count(), 1);
}

#[tokio::test]
async fn case_51_a_token_without_a_signature_algorithm_is_refused() {
    let stage = stage().await;
    let mut edits = vec![access().drop_header("alg"), access().sign(Signing::None).drop_header("alg")];
    for name in ["none", "nOnE", "None", "NONE", ""] {
        edits.extend([access().sign(Signing::None).header("alg", name), access().header("alg", name)]);
    }
    edits.push(access().sign(Signing::None).header("alg", "RS256"));
    are_refused(&stage, edits).await;
}

#[tokio::test]
async fn case_52_hs256_keyed_by_the_public_key_and_every_other_algorithm_are_refused() {
    let stage = stage().await;
    let mut edits = vec![
        access().sign(Signing::Hs256PublicKey),
        access().sign(Signing::Hs256PublicKey).header("alg", "RS256"),
        access().sign(Signing::Es256),
        access().sign(Signing::ForeignKey),
        access().sign(Signing::OtherTokensKey),
        access().sign(Signing::Corrupted),
    ];
    edits.extend(["HS256", "RS384", "PS256", "rs256", "EdDSA"].map(|name| access().header("alg", name)));
    are_refused(&stage, edits).await;
}

#[tokio::test]
async fn case_53_a_header_that_brings_its_own_key_or_rules_is_refused_and_nothing_is_fetched() {
    let stage = stage().await;
    let loaded = stage.cognito.count(Endpoint::Jwks);
    let url = format!("http://{}/jwks.json", stage.app.address());
    let key = json!({ "kty": "RSA", "kid": "own", "alg": "RS256", "n": "AQAB", "e": "AQAB" });
    let mut edits = Vec::new();
    for (name, value) in [
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("jwk", key),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
    ] {
        edits.push(access().header(name, value.clone()));
        edits.push(access().header(name, value).sign(Signing::ForeignKey));
    }
    are_refused(&stage, edits).await;
    assert_eq!(stage.cognito.count(Endpoint::Jwks), loaded);
    assert!(stage.app.received().iter().all(|arrived| arrived.target == "/"), "a key was fetched at the app");
    let kids = ["../../x", "/dev/null", "http://169.254.169.254/", "\u{0}", ""].map(|kid| json!(kid));
    let kids = kids.into_iter().chain([json!(1), json!(null), json!(["a"])]);
    are_refused(&stage, kids.map(|kid| access().header("kid", kid))).await;
    assert_eq!(stage.cognito.count(Endpoint::Jwks), loaded + 1);
}

#[tokio::test]
async fn case_54_a_token_of_another_issuer_or_app_client_and_one_that_is_no_access_token_are_refused() {
    let stage = stage().await;
    let mut edits = Vec::new();
    for issuer in [
        json!("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Another01"),
        json!("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1/"),
        json!("https://evil.test/us-east-1_Emulated1"),
        json!(["https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1"]),
        json!(""),
    ] {
        edits.push(access().set("iss", issuer));
    }
    for client in [json!("demo-client"), json!("another"), json!(""), json!(["demo-service"]), json!(null)] {
        edits.push(access().set("client_id", client));
    }
    edits.push(access().drop_claim("client_id").set("aud", "demo-service"));
    for token_use in ["id", "", "refresh"] {
        edits.push(access().set("token_use", token_use));
    }
    edits.extend(["iss", "client_id", "token_use", "sub"].map(|claim| access().drop_claim(claim)));
    are_refused(&stage, edits).await;
}

#[tokio::test]
async fn case_54_an_id_token_is_no_bearer() {
    let stage =
        stage_with(|setup| setup.set("forward.bearer", "id").set("bearer.clients", "demo-client")).await;
    let mut alice = stage.signed_in().await;
    let id_token = stage.app.last().header("authorization").unwrap().to_owned();
    is_refused(&stage, &mut alice, id_token.strip_prefix("Bearer ").unwrap(), "an id token").await;
    // Not even one that names the app client as an access token does.
    stage.cognito.edit_token(TokenEdit::id().set("client_id", "demo-client"));
    stage.signed_in().await;
    let id_token = stage.app.last().header("authorization").unwrap().to_owned();
    is_refused(&stage, &mut alice, id_token.strip_prefix("Bearer ").unwrap(), "an id token").await;
}

#[tokio::test]
async fn case_55_a_time_that_is_past_absent_no_time_or_to_come_is_refused() {
    let stage = stage().await;
    let now = stage.clock.now().0;
    let mut edits = vec![
        // No skew is forgiven: the app must not get a token that is over.
        access().set("exp", now),
        access().set("exp", now - 60),
        access().drop_claim("exp"),
        access().drop_claim("iat"),
        access().set("iat", now + 61),
        access().set("nbf", now + 61),
    ];
    for value in [json!("1900003600"), json!(1e300), json!(-1), json!(null), json!(true), json!([now + 60])] {
        edits.extend(["exp", "iat", "nbf"].map(|claim| access().set(claim, value.clone())));
    }
    are_refused(&stage, edits).await;
}

#[tokio::test]
async fn case_56_a_token_that_is_good_at_one_pool_is_verified_again_at_another() {
    let here = stage().await;
    let there = stage_with(|setup| setup.pool(|pool| pool.pool_id = "us-east-1_Another01".to_owned())).await;
    let token = service_token(&here).await;
    assert_eq!(bring(&here, &token).await.status(), 200);
    assert_eq!(bring(&here, &token).await.status(), 200);
    assert_invalid(&bring(&there, &token).await, "another pool's");
    assert_eq!(there.app.count(), 0);
    let token = service_token(&there).await;
    assert_eq!(bring(&there, &token).await.status(), 200);
    assert_invalid(&bring(&here, &token).await, "another pool's");
}

#[tokio::test]
async fn case_59_a_group_that_was_removed_is_gone_with_the_next_token_whatever_is_remembered_of_the_last() {
    let stage = stage().await;
    let old = user_token(&stage, "alice").await;
    bring(&stage, &old).await;
    assert_eq!(stage.app.last().header("x-forwarded-groups"), Some("admins"));
    stage.cognito.set_groups("alice", &[]);
    let new = user_token(&stage, "alice").await;
    assert_eq!(bring(&stage, &new).await.status(), 200);
    assert_eq!(stage.app.last().header("x-forwarded-groups"), None);
    // The old one says what it says until it is over, and not a second longer.
    stage.clock.advance(std::time::Duration::from_secs(3_599));
    assert_eq!(bring(&stage, &old).await.status(), 200);
    assert_eq!(stage.app.last().header("x-forwarded-groups"), Some("admins"));
    stage.clock.advance(std::time::Duration::from_secs(1));
    assert_invalid(&bring(&stage, &old).await, "it is over");
}
