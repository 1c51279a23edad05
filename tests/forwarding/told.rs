//! What the app is told of its user: the token, the presets, and claims under names of the operator's own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognigate::emulator::{Endpoint, Fault, ReplyEdit, TokenEdit};
use http::Method;
use serde_json::{Value, json};

use super::head;
use super::identity::spellings;
use crate::support::app::Arrived;
use crate::support::visitor::{json as body, set_cookies};
use crate::support::wire::{exchange, status};
use crate::support::{SESSION, Stage};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The payload of a JWT.
fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// The claims of the token that the app got.
fn bearer(arrived: &Arrived) -> Value {
    claims(arrived.header("authorization").unwrap().strip_prefix("Bearer ").unwrap())
}

/// Names of the headers that speak of the user.
fn identity(arrived: &Arrived) -> Vec<&str> {
    let speaks = |name: &&str| {
        ["x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username"]
            .contains(name)
            || name.starts_with("x-amzn-")
            || name.starts_with("x-auth-")
    };
    let mut names: Vec<&str> = arrived.headers.keys().map(http::HeaderName::as_str).filter(speaks).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_bearer_is_the_access_token_the_id_token_or_none() {
    for (value, token_use) in [("access", Some("access")), ("id", Some("id")), ("none", None)] {
        let stage = Stage::with(|setup| setup.set("forward.bearer", value)).await;
        let mut visitor = stage.signed_in().await;
        let told = |arrived: Arrived| {
            let is_told = arrived.headers.contains_key("authorization");
            is_told.then(|| bearer(&arrived)["token_use"].as_str().unwrap().to_owned())
        };
        assert_eq!(told(stage.app.last()).as_deref(), token_use);
        assert_eq!(stage.app.last().header("x-forwarded-email"), Some("alice@example.com"));
        // Refreshed too, and whatever the client says.
        stage.clock.advance(HOUR);
        let forged = [("authorization", "Bearer forged"), ("x_forwarded_user", "forged")];
        assert_eq!(visitor.send(Method::GET, "/", &forged, "").await.status(), 200);
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
        assert_eq!(told(stage.app.last()).as_deref(), token_use);
    }
}

#[tokio::test]
async fn an_id_token_that_ends_sooner_is_refreshed_before_it_does() {
    let short = Duration::from_secs(600);
    let change = |pool: &mut cognigate::emulator::Settings| pool.clients[0].id_token_validity = short;
    for (value, refreshes) in [("access", 0), ("id", 1)] {
        let stage = Stage::with(|setup| setup.set("forward.bearer", value).pool(change)).await;
        let mut visitor = stage.signed_in().await;
        stage.clock.advance(short);
        assert_eq!(visitor.fetch("/").await.status(), 200);
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), refreshes, "{value}");
        assert!(bearer(&stage.app.last())["exp"].as_i64().unwrap() > stage.clock.now().0);
    }
}

#[tokio::test]
async fn a_refresh_without_an_id_token_does_not_forward_the_old_one() {
    let stage = Stage::with(|setup| setup.set("forward.bearer", "id")).await;
    let mut visitor = stage.signed_in().await;
    stage.cognito.edit_reply(Endpoint::TokenRefresh, ReplyEdit::drop_member("id_token"));
    stage.clock.advance(HOUR);
    let count = stage.app.count();
    assert_eq!(visitor.fetch("/").await.status(), 503);
    assert_eq!(stage.app.count(), count);
    stage.clock.advance(Duration::from_secs(5));
    assert_eq!(visitor.fetch("/").await.status(), 200, "the next one brought it");
}

#[tokio::test]
async fn a_session_from_before_the_id_token_was_forwarded_gets_one_first() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let gate = stage.replica(&[("forward.bearer", "id")]).await;
    let mut moved = visitor.clone();
    moved.go_to(gate.address());
    assert_eq!(moved.fetch("/").await.status(), 200);
    assert_eq!(bearer(&stage.app.last())["token_use"], "id");
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
    // Where it cannot be had, the access token does not stand in for it.
    let gate = stage.replica(&[("forward.bearer", "id")]).await;
    stage.cognito.fail(Endpoint::TokenRefresh, Fault::status(503));
    let (mut moved, count) = (visitor, stage.app.count());
    moved.go_to(gate.address());
    assert_eq!(moved.fetch("/").await.status(), 503);
    assert_eq!(stage.app.count(), count);
}

#[tokio::test]
async fn a_preset_is_a_set_of_names_and_the_names_of_the_others_are_nobodys() {
    const OAUTH2_PROXY: [&str; 4] =
        ["x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username", "x-forwarded-user"];
    const ALB: [&str; 2] = ["x-amzn-oidc-accesstoken", "x-amzn-oidc-identity"];
    for (preset, names) in [("oauth2-proxy", &OAUTH2_PROXY[..]), ("alb", &ALB), ("none", &[])] {
        let stage = Stage::with(|setup| setup.set("forward.preset", preset)).await;
        let mut visitor = stage.signed_in().await;
        assert_eq!(identity(&stage.app.last()), names);
        let forged: Vec<_> = OAUTH2_PROXY.iter().chain(&ALB).map(|name| (*name, "forged")).collect();
        visitor.send(Method::GET, "/", &[&forged[..], &[("x-amzn-oidc-data", "forged")]].concat(), "").await;
        let arrived = stage.app.last();
        assert_eq!(identity(&arrived), names);
        assert!(arrived.headers.values().all(|value| value != "forged"));
        assert_eq!(bearer(&arrived)["token_use"], "access", "the bearer is another matter");
        if preset == "alb" {
            let token = arrived.header("x-amzn-oidc-accesstoken").unwrap();
            assert_eq!(arrived.header("authorization"), Some(format!("Bearer {token}").as_str()));
            assert_eq!(arrived.header("x-amzn-oidc-identity"), claims(token)["sub"].as_str());
        }
    }
}

/// What the tests of mapped headers set.
const MAPPED: &str = "X-Tenant=custom:tenant,X-Roles=roles,X-Scope=scope,X-Forwarded-User=email,X-Verified=email_verified,\
                      X-Absent=absent,X-Name=cognito:username,X-Object=object";

#[tokio::test]
async fn any_claim_is_told_under_a_name_of_ones_own() {
    let stage = Stage::with(|setup| setup.set("forward.headers", MAPPED)).await;
    stage.cognito.edit_token(
        TokenEdit::id()
            .set("custom:tenant", "blue")
            .set("roles", json!(["a", "b,c", 7, "grün"]))
            .set("object", json!({ "a": "ü" })),
    );
    let mut visitor = stage.signed_in().await;
    let arrived = stage.app.last();
    for (name, value) in [
        ("x-tenant", Some("blue")),
        ("x-roles", Some("a,b%2Cc,7,gr%C3%BCn")),
        // The access token's own, which the id token does not have.
        ("x-scope", Some("openid email profile")),
        // In place of the preset's.
        ("x-forwarded-user", Some("alice@example.com")),
        ("x-forwarded-groups", Some("admins")),
        ("x-verified", Some("true")),
        ("x-absent", None),
        ("x-name", Some("alice")),
        ("x-object", Some("{\"a\":\"%C3%BC\"}")),
    ] {
        assert_eq!(arrived.header(name), value, "{name}");
    }
    // The next token says what it is from then on, and what it does not say is gone.
    stage.cognito.edit_token(TokenEdit::id().set("custom:tenant", "green"));
    stage.clock.advance(HOUR);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    let arrived = stage.app.last();
    assert_eq!((arrived.header("x-tenant"), arrived.header("x-roles")), (Some("green"), None));
    // What the app is told, pages are not.
    let shown = body(&visitor.fetch("/oauth2/userinfo").await)["claims"].clone();
    assert!(shown.get("custom:tenant").is_none() && shown.get("scope").is_none(), "{shown}");
}

#[tokio::test]
async fn case_13_and_15_a_name_that_a_claim_is_mapped_to_is_nobody_elses_in_any_spelling() {
    let stage =
        Stage::with(|setup| setup.set("forward.headers", MAPPED).set("public", "/health,/public/*")).await;
    stage.cognito.edit_token(TokenEdit::id().set("custom:tenant", "blue"));
    let alice = stage.signed_in().await;
    let nobody = stage.visitor();
    for name in ["X-Tenant", "X-Absent", "X-Roles"] {
        let lines: Vec<String> = spellings(name).iter().map(|name| format!("{name}: forged")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["Connection: close"]).collect();
        for (visitor, start) in [
            (&alice, "GET /"),
            (&alice, "OPTIONS /"),
            (&alice, "GET /health"),
            (&nobody, "GET /health"),
            (&nobody, "OPTIONS /public/x"),
        ] {
            let answer = exchange(visitor.gate(), head(visitor, start, &lines).into()).await;
            assert_eq!(status(&answer), 200, "{start}");
            let arrived = stage.app.last();
            let forged = arrived.headers.values().any(|value| value == "forged");
            assert!(!forged, "{name} went on with {start}: {:?}", arrived.headers);
            let signed_in = !arrived.target.starts_with("/health") && !arrived.target.starts_with("/public");
            assert_eq!(arrived.header("x-tenant"), signed_in.then_some("blue"), "{start}");
        }
    }
    // Nor behind a body, nor by naming it as hop-by-hop.
    let trailing = ["Connection: close, x-tenant", "Transfer-Encoding: chunked", "Trailer: X-Tenant, X-Kept"];
    let request = head(&alice, "POST /", &trailing)
        + "1\r\na\r\n0\r\nX-Tenant: forged\r\nX_Tenant: forged\r\nX-Kept: 1\r\n\r\n";
    assert_eq!(status(&exchange(alice.gate(), request.into()).await), 200);
    let arrived = stage.app.last();
    assert_eq!(arrived.header("x-tenant"), Some("blue"));
    assert_eq!(arrived.trailers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["x-kept"]);
}

#[tokio::test]
async fn case_18_a_mapped_claim_is_encoded_and_never_raw() {
    let stage = Stage::with(|setup| setup.set("forward.headers", MAPPED)).await;
    stage.cognito.edit_token(
        TokenEdit::id()
            .set("custom:tenant", "a\r\nX-Forwarded-Groups: root\r\n\r\nGET /admin HTTP/1.1\0")
            .set("roles", json!(["x\r\ny", "\u{7f}", " z"]))
            .set("object", json!(["a\u{2028}", { "b\n": "\r" }])),
    );
    stage.signed_in().await;
    let arrived = stage.app.last();
    let tenant = "a%0D%0AX-Forwarded-Groups: root%0D%0A%0D%0AGET /admin HTTP/1.1%00";
    assert_eq!(arrived.header("x-tenant"), Some(tenant));
    assert_eq!(arrived.header("x-roles"), Some("x%0D%0Ay,%7F,%20z"));
    assert_eq!(arrived.header("x-object"), Some("a%E2%80%A8,{\"b\\n\":\"\\r\"}"));
    assert_eq!((stage.app.count(), arrived.header("x-forwarded-groups")), (1, Some("admins")));
}

#[tokio::test]
async fn what_the_app_is_told_is_kept_by_itself_and_nothing_more() {
    let size = async |settings: &[(&str, &str)]| {
        let stage =
            Stage::with(|setup| settings.iter().fold(setup, |setup, (key, value)| setup.set(key, value)))
                .await;
        stage.cognito.edit_token(TokenEdit::id().set("custom:large", "x".repeat(300)));
        let mut visitor = stage.visitor();
        let callback = visitor.reach_callback("alice", "/").await;
        let session = set_cookies(&visitor.navigate(&callback).await);
        let session = session.iter().filter(|cookie| cookie.name().starts_with(SESSION));
        session.map(|cookie| cookie.value().len()).sum::<usize>()
    };
    if Stage::new().await.has_tickets() {
        return;
    }
    let least = size(&[]).await;
    assert!(size(&[("forward.preset", "alb")]).await < least + 16);
    let mapped = size(&[("forward.headers", "X-Large=custom:large")]).await;
    assert!((least + 300..least + 600).contains(&mapped), "{least} {mapped}");
    assert!(size(&[("forward.bearer", "id")]).await > least + 800);
}
