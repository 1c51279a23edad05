//! Tokens that a client must not take, made to order.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cognigate::emulator::{Signing, TokenEdit};
use serde_json::{Value, json};

use super::support::{Fixture, Tokens, part, verifies};

/// The tokens of a refresh under some edits.
async fn edited(fixture: &Fixture, edits: impl IntoIterator<Item = TokenEdit>) -> Tokens {
    let refresh = fixture.tokens("alice").await.refresh;
    for edit in edits {
        fixture.switches.edit_token(edit);
    }
    Tokens::of(&fixture.refresh(&refresh).await)
}

#[tokio::test]
async fn claims_are_replaced_dropped_and_corrupted_under_a_good_signature() {
    let fixture = Fixture::start().await;
    let edit = TokenEdit::id()
        .set("aud", "another-client")
        .set("exp", 1e300)
        .drop_claim("sub")
        .corrupt("iss")
        .corrupt("iat")
        .corrupt("email_verified");
    let tokens = edited(&fixture, [edit]).await;
    let claims = part(&tokens.id, 1);
    assert_eq!(claims["aud"], "another-client");
    assert_eq!(claims["exp"], 1e300);
    assert!(claims.get("sub").is_none());
    assert_eq!(claims["iss"], "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1-corrupt");
    assert_eq!(claims["iat"], 1_790_000_001);
    assert_eq!(claims["email_verified"], Value::Null);
    assert!(verifies(&fixture, &tokens.id).await);
    assert_eq!(part(&tokens.access, 1)["token_use"], "access", "the other token is left alone");
}

#[tokio::test]
async fn an_edit_is_spent_after_its_times_and_edits_add_up() {
    let fixture = Fixture::start().await;
    let twice = TokenEdit::access().set("client_id", "x").times(2);
    let tokens = edited(&fixture, [twice, TokenEdit::access().set("version", 3)]).await;
    assert_eq!(part(&tokens.access, 1)["client_id"], "x");
    assert_eq!(part(&tokens.access, 1)["version"], 3);
    // Signing in again and refreshing mints twice more.
    let tokens = edited(&fixture, []).await;
    assert_eq!(part(&tokens.access, 1)["client_id"], "demo-client");

    let always = edited(&fixture, [TokenEdit::access().set("client_id", "y").always()]).await;
    assert_eq!(part(&always.access, 1)["client_id"], "y");
    assert_eq!(part(&fixture.tokens("alice").await.access, 1)["client_id"], "y");
    fixture.switches.reset();
    assert_eq!(part(&fixture.tokens("alice").await.access, 1)["client_id"], "demo-client");
}

#[tokio::test]
async fn an_unsigned_token_says_none_in_any_spelling() {
    let fixture = Fixture::start().await;
    let unsigned = || TokenEdit::id().sign(Signing::None);
    for (edit, algorithm) in [
        (unsigned(), json!("none")),
        (unsigned().header("alg", "nOnE"), json!("nOnE")),
        (unsigned().drop_header("alg"), Value::Null),
    ] {
        let token = edited(&fixture, [edit]).await.id;
        assert!(token.ends_with('.'), "an empty signature");
        assert_eq!(part(&token, 0)["alg"], algorithm);
    }
}

#[tokio::test]
async fn hs256_is_keyed_by_the_public_keys_pem() {
    let fixture = Fixture::start().await;
    let token = edited(&fixture, [TokenEdit::access().sign(Signing::Hs256PublicKey)]).await.access;
    assert_eq!(part(&token, 0)["alg"], "HS256");
    // The PEM text, made here from the JWKS alone: SubjectPublicKeyInfo around PKCS#1.
    let jwks = fixture.get("/us-east-1_Emulated1/.well-known/jwks.json", &[]).await.json();
    let modulus = URL_SAFE_NO_PAD.decode(jwks["keys"][1]["n"].as_str().unwrap()).unwrap();
    let mut der = hex("30820122300d06092a864886f70d01010105000382010f003082010a0282010100");
    der.extend(modulus);
    der.extend(hex("0203010001"));
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, pem.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn wrong_signatures_come_under_the_right_key_id() {
    let fixture = Fixture::start().await;
    let [id_key, _] = fixture.switches.key_ids();
    for sign in [Signing::ForeignKey, Signing::OtherTokensKey, Signing::Corrupted] {
        let token = edited(&fixture, [TokenEdit::id().sign(sign)]).await.id;
        assert_eq!(part(&token, 0), json!({ "kid": id_key, "alg": "RS256" }), "{sign:?}");
        assert!(!verifies(&fixture, &token).await, "{sign:?}");
    }
    let token = edited(&fixture, [TokenEdit::id().sign(Signing::Es256)]).await.id;
    assert_eq!(part(&token, 0)["alg"], "ES256");
    assert_eq!(URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap()).unwrap().len(), 64);
}

#[tokio::test]
async fn headers_are_added_and_dropped_under_a_good_signature() {
    let fixture = Fixture::start().await;
    let [id_key, _] = fixture.switches.key_ids();
    let edit = TokenEdit::id()
        .header("jku", "http://169.254.169.254/jwks.json")
        .header("crit", json!(["x"]))
        .header("enc", "A256GCM");
    let token = edited(&fixture, [edit]).await.id;
    let expected = json!({
        "kid": id_key, "alg": "RS256", "jku": "http://169.254.169.254/jwks.json", "crit": ["x"], "enc": "A256GCM",
    });
    assert_eq!(part(&token, 0), expected);
    assert!(verifies(&fixture, &token).await);
    let traversal = edited(&fixture, [TokenEdit::id().header("kid", "../../x")]).await.id;
    assert_eq!(part(&traversal, 0)["kid"], "../../x");
    let nameless = edited(&fixture, [TokenEdit::id().drop_header("kid")]).await.id;
    assert_eq!(part(&nameless, 0), json!({ "alg": "RS256" }));
}
