//! Tokens of clients behind a gateway that asks.

use super::*;
use crate::support::visitor::{NAVIGATION, text};

const URL: (&str, &str) = ("x-original-url", "https://app.test/deep/link");
const GET: (&str, &str) = ("x-original-method", "GET");

async fn asked() -> Stage {
    stage_with(|setup| setup.asked_by("nginx").set("bearer.scopes", "api/read")).await
}

async fn ask(visitor: &mut Visitor, endpoint: &str, further: &[(&str, &str)]) -> Answer {
    visitor.send(Method::GET, endpoint, &[&[URL, GET], further].concat(), "").await
}

#[tokio::test]
async fn a_good_token_is_a_yes_that_hands_it_on() {
    let stage = asked().await;
    let authorization = format!("Bearer {}", service_token(&stage).await);
    let yes = ask(&mut stage.visitor(), "/oauth2/auth", &[("authorization", &authorization)]).await;
    assert_eq!((yes.status().as_u16(), text(&yes).as_str()), (200, ""));
    assert_eq!(header(&yes, "authorization"), Some(authorization.as_str()));
    assert_eq!(header(&yes, "x-auth-request-user"), None);
    assert!(!yes.headers().contains_key("set-cookie"));
}

#[tokio::test]
async fn case_12_a_bad_token_is_a_no_whatever_cookies_come_along_and_start_says_why() {
    let stage = asked().await;
    let mut alice = stage.visitor();
    assert_eq!(alice.sign_in("alice", "/oauth2/start?rd=/").await.status(), 404);
    for visitor in [&mut alice, &mut stage.visitor()] {
        let junk = [("authorization", "Bearer junk")];
        let no = ask(visitor, "/oauth2/auth", &junk).await;
        assert_eq!((no.status().as_u16(), text(&no).as_str()), (401, ""));
        assert!(!no.headers().contains_key("authorization"));
        let challenge = header(&no, "www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        // Where nginx sends its client on: neither to the sign-in, nor back.
        let further = [&NAVIGATION[..], &junk].concat();
        assert_invalid(&ask(visitor, "/oauth2/start", &further).await, "start");
    }
    assert_eq!(ask(&mut alice, "/oauth2/auth", &[]).await.status(), 200, "the session is good");
}

#[tokio::test]
async fn start_sends_nobody_to_sign_in_or_back_who_brings_a_token() {
    let stage = asked().await;
    let authorization = format!("Bearer {}", service_token(&stage).await);
    let further = [&NAVIGATION[..], &[("authorization", authorization.as_str())]].concat();
    // The answer to its request was not for want of a token: it would only come here again.
    let no = ask(&mut stage.visitor(), "/oauth2/start", &further).await;
    assert_eq!(no.status(), 401);
    assert!(!no.headers().contains_key("location") && !no.headers().contains_key("set-cookie"), "{no:?}");
}

#[tokio::test]
async fn a_token_without_a_required_scope_is_a_no_that_another_sign_in_would_not_change() {
    let stage = asked().await;
    let token = edited(&stage, TokenEdit::access().set("scope", "api/other")).await;
    let authorization = format!("Bearer {token}");
    let no = ask(&mut stage.visitor(), "/oauth2/auth", &[("authorization", &authorization)]).await;
    assert_eq!(no.status(), 403);
    assert!(!no.headers().contains_key("authorization"));
}
