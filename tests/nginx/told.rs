//! What the app is told under names that the shipped configuration does not have.

use cognigate::emulator::TokenEdit;

use super::*;

const PAGE: &str = include_str!("../../docs/nginx.md");

with_both!(
    case_13_a_mapped_claim_arrives_by_the_pages_two_lines_and_the_clients_own_does_not,
    an_answer_to_somebody_whose_token_is_not_forwarded_is_private_too,
    a_program_passes_by_a_token_of_its_own_and_a_bad_one_is_told_so,
);

async fn a_program_passes_by_a_token_of_its_own_and_a_bad_one_is_told_so(which: Which) {
    let front = Front::with(which, crate::bearers::accepting).await;
    let token = format!("Bearer {}", crate::bearers::service_token(&front.stage).await);
    let mut program = front.visitor();
    let answer = program.send(Method::POST, "/jobs?x=1", &[("authorization", &token)], "work").await;
    assert_eq!(answer.status(), 200, "{}", front.nginx.log());
    let arrived = front.stage.app.last();
    assert_eq!(
        (arrived.header("authorization"), arrived.target.as_str()),
        (Some(token.as_str()), "/jobs?x=1")
    );
    assert_eq!((arrived.header("x-forwarded-user"), &arrived.body[..]), (None, &b"work"[..]));
    let mut alice = front.signed_in().await;
    let count = front.stage.app.count();
    for visitor in [&mut program, &mut alice] {
        let junk = [&NAVIGATION[..], &[("authorization", "Bearer junk")]].concat();
        let answer = visitor.send(Method::GET, "/", &junk, "").await;
        assert_eq!(answer.status(), 401);
        // nginx hands on the one of its question too.
        let challenges = answer.headers().get_all("www-authenticate");
        let said = challenges.iter().all(|line| line.to_str().unwrap().contains("error=\"invalid_token\""));
        assert!(said && challenges.iter().next().is_some(), "{answer:?}");
        assert!(!answer.headers().contains_key("location") && !answer.headers().contains_key("set-cookie"));
    }
    assert_eq!(front.stage.app.count(), count);
}

async fn case_13_a_mapped_claim_arrives_by_the_pages_two_lines_and_the_clients_own_does_not(which: Which) {
    let (_, lines) = PAGE.split_once("```nginx\n").unwrap();
    let lines = lines.split("```").next().unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let change =
        |setup: Setup| setup.set("forward.headers", "X-Tenant=custom:tenant").set("public", "/public/*");
    let front = Front::with_lines(which, change, lines).await;
    front.stage.cognito.edit_token(TokenEdit::id().set("custom:tenant", "blue"));
    let mut alice = front.signed_in().await;
    let mut bob = front.visitor();
    assert_eq!(bob.sign_in("bob", "/").await.status(), 200);
    let forged =
        [("x-tenant", "forged"), ("x_tenant", "forged"), ("x.tenant", "forged"), ("X-TENANT", "forged")];
    for (visitor, target, told) in
        [(&mut alice, "/", Some("blue")), (&mut bob, "/", None), (&mut front.visitor(), "/public/x", None)]
    {
        assert_eq!(visitor.send(Method::GET, target, &forged, "").await.status(), 200, "{target}");
        let arrived = front.stage.app.last();
        assert_eq!(arrived.header("x-tenant"), told, "{target}");
        assert!(arrived.headers.values().all(|value| value != "forged"), "{:?}", arrived.headers);
    }
}

async fn an_answer_to_somebody_whose_token_is_not_forwarded_is_private_too(which: Which) {
    let front = Front::with(which, |setup| setup.set("forward.bearer", "none")).await;
    let page = front.signed_in().await.fetch("/").await;
    assert_eq!(header(&page, "cache-control"), Some("private, no-store"));
    let arrived = front.stage.app.last();
    assert_eq!(
        (arrived.header("authorization"), arrived.header("x-forwarded-email")),
        (None, Some("alice@example.com"))
    );
}
