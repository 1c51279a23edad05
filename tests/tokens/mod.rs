//! What of Cognito's tokens and signing keys is believed, as seen from outside.

mod claims;
mod clocks;
mod foreign_keys;
mod keys;
mod oidcc;
mod replies;
mod signatures;

use cognigate::commands::run::Gate;
use cognigate::emulator::{Endpoint, JwksShape, TokenEdit, TokenUse};
use serde_json::{Value, json};

use crate::support::visitor::{Answer, Visitor, header, parameter, text};
use crate::support::{SESSION, Stage};

/// Both kinds of token.
const BOTH: [fn() -> TokenEdit; 2] = [TokenEdit::id, TokenEdit::access];

/// Signs alice in, up to the callback's answer.
async fn callback(visitor: &mut Visitor) -> Answer {
    let callback = visitor.reach_callback("alice", "/").await;
    visitor.navigate(&callback).await
}

/// A sign-in with tokens that are not to be believed ends on a page, without a session and without a loop.
async fn is_refused(stage: &Stage, edit: TokenEdit) {
    let shown = format!("{edit:?}");
    stage.cognito.edit_token(edit);
    let mut visitor = stage.visitor();
    let grants = stage.cognito.count(Endpoint::TokenCode);
    let page = callback(&mut visitor).await;
    refused(&page, &visitor, &shown);
    assert_eq!(stage.cognito.count(Endpoint::TokenCode), grants + 1, "{shown}");
    assert_eq!(stage.app.count(), 0, "{shown}");
}

/// The page that a sign-in with unbelievable tokens ends on.
fn refused(page: &Answer, visitor: &Visitor, what: &str) {
    assert_eq!(page.status(), 502, "{what}");
    assert!(header(page, "location").is_none(), "{what}");
    assert!(text(page).contains("Try again"), "{what}");
    assert!(visitor.jar.names().is_empty(), "{what}: {:?}", visitor.jar.names());
}

/// A sign-in that is to succeed.
async fn is_accepted(stage: &Stage, edit: TokenEdit) {
    let shown = format!("{edit:?}");
    stage.cognito.edit_token(edit);
    let mut visitor = stage.visitor();
    assert_eq!(callback(&mut visitor).await.status(), 303, "{shown}");
    assert!(visitor.jar.get(SESSION).is_some(), "{shown}");
    assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 200, "{shown}");
}

/// A browser at another replica.
fn at(gate: &Gate, stage: &Stage) -> Visitor {
    let mut visitor = stage.visitor();
    visitor.go_to(gate.address());
    visitor
}

/// A token reply in place of the emulator's, for a code that nobody issued.
fn reply(access_token: &str, id_token: &str) -> Value {
    json!({ "access_token": access_token, "id_token": id_token, "token_type": "Bearer", "expires_in": 3600 })
}

/// The callback that a browser would come back to, had Cognito given it `code`.
async fn forged_callback(visitor: &mut Visitor, code: &str) -> String {
    let to_authorize = visitor.navigate("/").await;
    let state = parameter(&visitor.target(&to_authorize), "state").unwrap();
    format!("/oauth2/callback?code={code}&state={state}")
}

/// A key set with only the access token's key.
fn access_key_alone() -> JwksShape {
    JwksShape { only: Some(TokenUse::Access), ..JwksShape::default() }
}
