//! What Cognito reports at the callback ends on a page with a button, never in a second round.

use cognigate::emulator::{CallbackEdit, Endpoint, Fault, TokenEdit};
use http::Method;

use super::{button, is_signed_in, settle};
use crate::support::Stage;
use crate::support::visitor::{FETCH, header, json, location, text};

#[tokio::test]
async fn an_error_of_cognitos_is_a_page_with_a_button() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    for (error, status) in [
        ("access_denied", 403),
        ("login_required", 403),
        ("invalid_request", 403),
        ("unauthorized_client", 403),
        ("invalid_scope", 403),
        ("consent_required", 403),
        ("server_error", 502),
        ("temporarily_unavailable", 502),
        ("something_else", 403),
    ] {
        stage.cognito.edit_callback(CallbackEdit::error(error, Some("an IdP failed")));
        let callback = visitor.reach_callback("alice", "/deep?q").await;
        let before = stage.cognito.count(Endpoint::Authorize);
        let page = visitor.navigate(&callback).await;
        assert_eq!(button(&page, status), "/oauth2/start?rd=%2Fdeep%3Fq", "{error}");
        assert!(visitor.jar.names().is_empty(), "{:?}", visitor.jar.names());
        assert_eq!(stage.cognito.count(Endpoint::Authorize), before);
    }
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
    // The button works once the trouble is over.
    let answer = visitor.navigate("/oauth2/start?rd=%2Fdeep%3Fq").await;
    assert_eq!(settle(&mut visitor, answer).await.status(), 200);
    assert_eq!(stage.app.last().target, "/deep?q");
}

#[tokio::test]
async fn an_error_without_a_login_of_this_browser_is_the_page_too() {
    let stage = Stage::new().await;
    let page = stage.visitor().navigate("/oauth2/callback?error=access_denied&state=unknown").await;
    assert_eq!(button(&page, 403), "/oauth2/start?rd=%2F");
    assert_eq!(stage.cognito.count(Endpoint::Authorize), 0);
}

#[tokio::test]
async fn a_program_reads_a_problem_in_place_of_the_page() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    stage.cognito.edit_callback(CallbackEdit::error("access_denied", None));
    let callback = visitor.reach_callback("alice", "/").await;
    let problem = visitor.send(Method::GET, &callback, &FETCH, "").await;
    assert_eq!(problem.status(), 403);
    assert_eq!(header(&problem, "content-type"), Some("application/problem+json"));
    assert_eq!(json(&problem)["status"], 403);
}

#[tokio::test]
async fn case_06_a_sign_in_that_always_fails_ends_on_a_page_each_time() {
    let reported =
        |stage: &Stage| stage.cognito.edit_callback(CallbackEdit::error("invalid_request", None).always());
    let no_code = |stage: &Stage| {
        let fault = Fault::status(400).body(r#"{"error":"invalid_grant"}"#).always();
        stage.cognito.fail(Endpoint::TokenCode, fault);
    };
    let forged = |stage: &Stage| stage.cognito.edit_token(TokenEdit::id().set("nonce", "another").always());
    let expired = |stage: &Stage| stage.cognito.edit_token(TokenEdit::access().set("exp", 1_000).always());
    let failures: [&dyn Fn(&Stage); 4] = [&reported, &no_code, &forged, &expired];
    for fail in failures {
        let stage = Stage::new().await;
        // So that managed login asks for nothing any more, and nobody but us would end a loop.
        let mut visitor = stage.signed_in().await;
        visitor.jar.clear();
        fail(&stage);
        let mut target = "/deep".to_owned();
        for _ in 0..3 {
            let before = stage.cognito.count(Endpoint::Authorize);
            let answer = visitor.navigate(&target).await;
            let page = settle(&mut visitor, answer).await;
            target = button(&page, page.status().as_u16());
            assert!(page.status().is_client_error() || page.status().is_server_error());
            assert_eq!(target, "/oauth2/start?rd=%2Fdeep");
            assert_eq!(stage.cognito.count(Endpoint::Authorize), before + 1);
            assert!(visitor.jar.names().is_empty(), "{:?}", visitor.jar.names());
        }
        assert!(!is_signed_in(&mut visitor).await);
    }
}

#[tokio::test]
async fn case_36_what_an_error_says_of_itself_is_never_markup() {
    let stage = Stage::new().await;
    let script = "\"'><script>alert(document.domain)</script>";
    for edit in [
        CallbackEdit::error("access_denied", Some(script)),
        CallbackEdit::error(script, Some(script)),
        CallbackEdit::add("error_description", script),
    ] {
        stage.cognito.edit_callback(edit);
        let mut visitor = stage.visitor();
        let callback = visitor.reach_callback("alice", "/%22%3E%3Cscript%3E").await;
        let answer = visitor.navigate(&callback).await;
        if answer.status().is_redirection() {
            assert_eq!(location(&answer), "/%22%3E%3Cscript%3E");
            continue;
        }
        // `button` looks for a script and at the policy.
        let link = button(&answer, 403);
        assert_eq!(link, "/oauth2/start?rd=%2F%2522%253E%253Cscript%253E");
        assert!(!text(&answer).contains("alert("));
    }
}
