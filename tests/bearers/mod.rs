//! Tokens that clients bring themselves, in place of a session.

mod callers;
mod cases;
mod keys;
mod lasting;
mod questions;
mod rules;

use cognigate::emulator::TokenEdit;
use http::Method;
use url::form_urlencoded::Serializer;

use crate::support::visitor::{Answer, PASSWORD, Visitor, header, json};
use crate::support::{PUBLIC_URL, Setup, Stage};

/// A gate that accepts the tokens of a program and of another app's users.
async fn stage() -> Stage {
    stage_with(|setup| setup).await
}

async fn stage_with(change: impl FnOnce(Setup) -> Setup) -> Stage {
    Stage::with(|setup| change(accepting(setup))).await
}

pub(crate) fn accepting(setup: Setup) -> Setup {
    setup.set("bearer.accept", "true").set("bearer.clients", "demo-service,demo-public")
}

/// A program's token.
pub(crate) async fn service_token(stage: &Stage) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "demo-service"),
        ("client_secret", "demo-service-secret"),
    ];
    access_token(stage, &form).await
}

/// The next program's token, changed.
async fn edited(stage: &Stage, edit: TokenEdit) -> String {
    stage.cognito.edit_token(edit);
    service_token(stage).await
}

/// The token that a user has from another app, `demo-public`.
async fn user_token(stage: &Stage, username: &str) -> String {
    let cognito = format!("http://{}", stage.cognito_address);
    let redirect_uri = format!("{PUBLIC_URL}/oauth2/callback");
    let query = form(&[
        ("response_type", "code"),
        ("client_id", "demo-public"),
        ("redirect_uri", &redirect_uri),
        ("scope", "openid profile"),
    ]);
    let fields = form(&[("username", username), ("password", PASSWORD)]);
    let answer = post(&mut stage.visitor(), &format!("{cognito}/login?{query}"), fields).await;
    let code = crate::support::visitor::parameter(header(&answer, "location").unwrap(), "code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "demo-public"),
        ("redirect_uri", redirect_uri.as_str()),
        ("code", code.as_str()),
    ];
    access_token(stage, &form).await
}

async fn access_token(stage: &Stage, fields: &[(&str, &str)]) -> String {
    let url = format!("http://{}/oauth2/token", stage.cognito_address);
    let reply = post(&mut stage.visitor(), &url, form(fields)).await;
    json(&reply)["access_token"].as_str().unwrap_or_else(|| panic!("no token: {reply:?}")).to_owned()
}

async fn post(visitor: &mut Visitor, url: &str, form: String) -> Answer {
    visitor.send(Method::POST, url, &[("content-type", "application/x-www-form-urlencoded")], form).await
}

fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A GET of `/` with this in `Authorization`, and a visitor's cookies.
async fn with(visitor: &mut Visitor, authorization: &str) -> Answer {
    visitor.send(Method::GET, "/", &[("authorization", authorization)], "").await
}

/// A GET of `/` with a token and no cookies.
async fn bring(stage: &Stage, token: &str) -> Answer {
    with(&mut stage.visitor(), &format!("Bearer {token}")).await
}

/// A token that lets nobody in: not the one who brings it, and not a user whose browser sends a session along.
#[track_caller]
fn assert_invalid(answer: &Answer, what: &str) {
    assert_eq!(answer.status(), 401, "{what}");
    let challenge = header(answer, "www-authenticate").unwrap();
    let start = "Bearer realm=\"https://app.test\", error=\"invalid_token\", error_description=\"";
    assert!(challenge.starts_with(start) && challenge.ends_with('"'), "{what}: {challenge}");
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"), "{what}");
    assert!(json(answer).get("login_url").is_none(), "{what}");
    assert!(!answer.headers().contains_key("set-cookie"), "{what}");
    assert!(!answer.headers().contains_key("location"), "{what}");
}

/// It is refused, alone and beside a good session.
async fn is_refused(stage: &Stage, alice: &mut Visitor, token: &str, what: &str) {
    let count = stage.app.count();
    assert_invalid(&bring(stage, token).await, what);
    assert_invalid(&with(alice, &format!("Bearer {token}")).await, what);
    assert_eq!(stage.app.count(), count, "{what}");
}

/// How many tokens ended so.
async fn counted(stage: &Stage, result: &str) -> f64 {
    let series = format!("cognigate_bearer_tokens_total{{result=\"{result}\"}}");
    crate::support::wire::metric(stage.gate.admin_address(), &series).await
}
