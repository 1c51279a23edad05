//! `listen.hsts`.

use cognigate::types::full;
use http::Response;
use http::header::STRICT_TRANSPORT_SECURITY;

use super::Door;
use crate::support::Stage;
use crate::support::visitor::header;

const NAME: &str = "strict-transport-security";

#[tokio::test]
async fn every_answer_says_it_and_the_apps_own_word_stays() {
    let door = Door::with(|setup| setup.set("listen.hsts", "365d").set("public", "/public")).await;
    let mut visitor = door.stage.visitor();
    for target in ["/", "/public", "/oauth2/signed_out", "/a/../b", "/oauth2/none"] {
        let answer = visitor.fetch(target).await;
        assert_eq!(header(&answer, NAME), Some("max-age=31536000"), "{target}: {}", answer.status());
    }
    door.stage.app.answer(|_| {
        let mut response = Response::new(full("the app"));
        let own = "max-age=1; includeSubDomains".parse().unwrap();
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, own);
        response
    });
    let answer = visitor.fetch("/public").await;
    assert_eq!(header(&answer, NAME), Some("max-age=1; includeSubDomains"));
}

#[tokio::test]
async fn nobody_says_it_unasked() {
    let stage = Stage::new().await;
    assert_eq!(header(&stage.visitor().fetch("/").await, NAME), None);
}
