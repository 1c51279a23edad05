//! Sessions that do not fit into one cookie.

use std::time::Duration;

use cognigate::emulator::Endpoint;
use http::Method;

use super::{SESSION, assert_too_large, session_names, set_groups};
use crate::support::Stage;
use crate::support::visitor::{FETCH, NAVIGATION, Visitor, json, text};

/// Long enough for a refresh to be due.
const HOUR: Duration = Duration::from_secs(60 * 60);

fn names(chunks: usize) -> Vec<String> {
    (1..=chunks).map(|chunk| format!("{SESSION}-{chunk}")).collect()
}

/// A browser whose session fills three cookies.
async fn in_three_chunks(stage: &Stage) -> Visitor {
    set_groups(stage, 3_400);
    let visitor = stage.signed_in().await;
    assert_eq!(session_names(&visitor), names(3));
    visitor
}

#[tokio::test]
async fn case_07_a_session_too_large_for_one_cookie_is_chunked_and_works() {
    let stage = Stage::new().await;
    let mut visitor = in_three_chunks(&stage).await;
    assert_eq!(visitor.navigate("/page").await.status(), 200);
    let arrived = stage.app.last();
    assert_eq!(arrived.header("cookie"), None);
    assert!(arrived.header("authorization").unwrap().len() > 4_000);
}

#[tokio::test]
async fn a_session_that_grows_and_shrinks_sweeps_its_stale_cookies() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    assert_eq!(session_names(&visitor), [SESSION]);
    for (bytes, expected) in
        [(3_400, names(3)), (8_000, names(6)), (3_400, names(3)), (40, vec![SESSION.to_owned()])]
    {
        set_groups(&stage, bytes);
        stage.clock.advance(HOUR);
        assert_eq!(visitor.fetch("/").await.status(), 200, "{bytes}");
        assert_eq!(session_names(&visitor), expected, "{bytes}");
        // What is stored now is read back.
        let refreshes = stage.cognito.count(Endpoint::TokenRefresh);
        assert_eq!(visitor.fetch("/").await.status(), 200, "{bytes}");
        assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), refreshes, "{bytes}");
    }
}

#[tokio::test]
async fn a_new_sign_in_sweeps_the_chunks_of_the_session_before() {
    let stage = Stage::new().await;
    let mut visitor = in_three_chunks(&stage).await;
    set_groups(&stage, 0);
    let callback = visitor.reach_callback("alice", "/oauth2/start").await;
    visitor.navigate(&callback).await;
    assert_eq!(session_names(&visitor), [SESSION]);
    assert_eq!(visitor.fetch("/").await.status(), 200);
}

#[tokio::test]
async fn a_sign_out_ends_every_chunk() {
    let stage = Stage::new().await;
    let mut visitor = in_three_chunks(&stage).await;
    visitor.navigate("/oauth2/sign_out").await;
    assert_eq!(session_names(&visitor), Vec::<String>::new());
}

#[tokio::test]
async fn case_07_a_session_too_large_for_all_cookies_is_a_page_that_says_so_and_no_loop() {
    let stage = Stage::new().await;
    set_groups(&stage, 14_000);
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    assert_too_large(&mut visitor, &callback).await;
    assert!(visitor.jar.names().is_empty(), "{:?}", visitor.jar.names());
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn a_session_that_grows_too_large_at_a_refresh_is_a_page_before_the_app_acts() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    set_groups(&stage, 14_000);
    stage.clock.advance(HOUR);
    let forwarded = stage.app.count();
    let page = visitor.send(Method::POST, "/pay", &NAVIGATION, "amount=1").await;
    assert_eq!(page.status(), 500);
    assert!(text(&page).contains("too large"), "{}", text(&page));
    assert_eq!(visitor.fetch("/oauth2/userinfo").await.status(), 500);
    assert_eq!(stage.app.count(), forwarded);

    // Signing out is the way out of it.
    assert_eq!(visitor.navigate("/oauth2/sign_out").await.status(), 303);
    assert!(session_names(&visitor).is_empty());
}

#[tokio::test]
async fn case_46_forged_chunks_are_no_session() {
    let stage = Stage::new().await;
    let honest = in_three_chunks(&stage).await;
    let value = |chunk: usize| honest.jar.get(&format!("{SESSION}-{chunk}")).unwrap().to_owned();
    let (first, second, third) = (value(1), value(2), value(3));
    let sealed = first.strip_prefix("3.").unwrap();
    let line = |chunks: &[(&str, &str)]| {
        let pairs: Vec<String> = chunks.iter().map(|(n, value)| format!("{SESSION}-{n}={value}")).collect();
        pairs.join("; ")
    };
    let counted = |count: &str| {
        line(&[("1", format!("{count}.{sealed}").as_str()), ("2", second.as_str()), ("3", third.as_str())])
    };
    let mut forged: Vec<(String, String)> =
        ["99999999", "-1", "0", "1", "2", "4", "8", "9", "03", "+3", "3 ", "3.3", "", "18446744073709551619"]
            .iter()
            .map(|count| (format!("the count {count:?}"), counted(count)))
            .collect();
    let mut add = |what: &str, chunks: &[(&str, &str)]| forged.push((what.to_owned(), line(chunks)));
    add("a gap", &[("1", &first), ("3", &third)]);
    add("no head", &[("2", &second), ("3", &third)]);
    add("a duplicate", &[("1", &first), ("2", &second), ("2", &second), ("3", &third)]);
    add("a second head", &[("1", &first), ("1", &first), ("2", &second), ("3", &third)]);
    add("a swap", &[("1", &first), ("2", &third), ("3", &second)]);
    add("an index of another form", &[("01", &first), ("2", &second), ("3", &third)]);
    add("the head alone", &[("1", &first)]);
    let forwarded = stage.app.count();
    for (what, cookie) in &forged {
        let mut attacker = stage.visitor();
        let headers = [FETCH.as_slice(), &[("cookie", cookie)]].concat();
        assert_eq!(attacker.send(Method::GET, "/", &headers, "").await.status(), 401, "{what}");
        let headers = [NAVIGATION.as_slice(), &[("cookie", cookie)]].concat();
        assert_eq!(attacker.send(Method::GET, "/", &headers, "").await.status(), 303, "{what}");
    }
    assert_eq!(stage.app.count(), forwarded);
}

#[tokio::test]
async fn case_46_a_stale_tail_is_ignored() {
    let stage = Stage::new().await;
    let mut visitor = in_three_chunks(&stage).await;
    visitor.jar.set(&format!("{SESSION}-4"), "c3RhbGU");
    assert_eq!(visitor.fetch("/").await.status(), 200);
    // A refresh sweeps it.
    stage.clock.advance(HOUR);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(session_names(&visitor), names(3));
}

#[tokio::test]
async fn case_127_a_use_that_was_written_down_late_does_not_hide_what_a_refresh_brought() {
    const MINUTE: Duration = Duration::from_secs(60);
    let stage = Stage::with(|setup| {
        setup.rotation(Duration::ZERO).set("session.idle_timeout", "10m").set("session.refresh_margin", "1m")
    })
    .await;
    // These do not refresh yet when the first one does, and know nothing of what it brings.
    let others = [
        stage.replica(&[("session.refresh_margin", "0s")]).await,
        stage.replica(&[("session.refresh_margin", "0s")]).await,
    ];
    let mut visitor = stage.signed_in().await;
    for _ in 0..6 {
        stage.clock.advance(9 * MINUTE);
        assert_eq!(visitor.fetch("/").await.status(), 200);
    }
    let mut slow = visitor.clone();
    set_groups(&stage, 3_400);
    stage.clock.advance(5 * MINUTE + Duration::from_secs(30));
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(session_names(&visitor), names(3));
    let renewed = json(&visitor.fetch("/oauth2/userinfo").await)["expires_at"].as_i64().unwrap();

    stage.clock.advance(Duration::from_secs(20));
    slow.go_to(others[0].address());
    let before = slow.jar.get(SESSION).unwrap().to_owned();
    assert_eq!(slow.fetch("/").await.status(), 200);
    let touched = slow.jar.get(SESSION).unwrap();
    assert_ne!(touched, before, "its use was not written down");
    // That answer was the last to arrive.
    visitor.jar.set(SESSION, touched);
    visitor.go_to(others[1].address());
    assert_eq!(json(&visitor.fetch("/oauth2/userinfo").await)["expires_at"], renewed);
    stage.clock.advance(MINUTE);
    assert_eq!(visitor.fetch("/").await.status(), 200);
    assert_eq!(stage.cognito.count(Endpoint::TokenRefresh), 1);
}
