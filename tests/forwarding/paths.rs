//! The path that is judged is the path that the app gets; what could be read in two ways is refused.

use super::head;
use crate::support::Stage;
use crate::support::peer::Peer;
use crate::support::visitor::{NAVIGATION, Visitor};
use crate::support::wire::{exchange, status};

/// Dot segments as they are.
const DOTS: &[&str] =
    &["/public/../admin", "/public/./../admin", "/./admin", "/..", "/.", "/public/..", "/public/."];

/// Dot segments with parameters.
const PARAMETERS: &[&str] = &[
    "/public/..;/admin",
    "/public/..;x=1/admin",
    "/public/.;/admin",
    "/public;x/../admin",
    "/public/..%3b/admin",
    "/public/..%3Bx=1/admin",
    "/public/%2e%2e;/admin",
];

/// Dot segments and backslashes, escaped once or twice.
const ESCAPES: &[&str] = &[
    "/public/%2e%2e/admin",
    "/public/%2E./admin",
    "/public/.%2e/admin",
    "/public/%2E%2E/admin",
    "/public/%252e%252e/admin",
    "/public/%252E./admin",
    "/public/..%2fadmin",
    "/public/..%2Fadmin",
    "/public/%2e%2e%2fadmin",
    "/public%2f..%2fadmin",
    "/public/..%252fadmin",
    "/public/%252e%252e%252fadmin",
    "/public/..%5cadmin",
    "/public/..\\admin",
    "/public\\..\\admin",
    "/a%5Cb",
    "/a%255cb",
    "/\\evil.test",
];

/// Dot segments behind what looks public.
const SLASHES: &[&str] = &["/public//../admin", "/PUBLIC/../admin"];

/// Escapes that are none, controls, and what a URL must escape.
const BROKEN: &[&str] = &[
    "/%zz",
    "/%",
    "/a%2",
    "/%u0041",
    "/%c0%ae",
    "/%c0%ae%c0%ae/admin",
    "/%ff",
    "/%00",
    "/a%00b",
    "/%2500",
    "/%0d%0aX:1",
    "/%0a",
    "/%7f",
    "/a\"b",
    "/a<b>",
    "/a^b",
];

/// A way round by a path that a probe might ask.
const PROBES: &[&str] = &["/ping/../admin", "/oauth2/../admin"];

/// Each has one reading and goes on as it is.
const FORWARDED: [&str; 22] = [
    "//admin",
    "/public//admin",
    "/PUBLIC/admin",
    "/admin?x=/public/",
    "/admin?x=/public/../%2e%2e/%zz",
    "/admin%23/public/",
    "/admin%3f/public/",
    "/public;x/admin",
    "/a%2fb",
    "/a%2Fb%2F",
    "/%61dmin",
    "/caf%C3%A9",
    "/a%20b",
    "/a%25b",
    "/a%2541",
    "/...",
    "/..a/b..",
    "/.well-known/x",
    "/a;v=1,2/b:c@d!$&'()*+,=~_-",
    "/a|b{c}",
    "/?",
    "/a?b?c=d&&e=%2F&f=[]|{}'\\^`",
];

async fn ask(visitor: &Visitor, target: &str) -> u16 {
    let request = head(visitor, &format!("GET {target}"), &["Connection: close"]);
    status(&exchange(visitor.gate(), request.into()).await)
}

/// Refused with and without a session: an app might read something else in them than the gate does.
async fn are_refused(targets: &[&str]) {
    let stage = Stage::new().await;
    let (nobody, visitor) = (stage.visitor(), stage.signed_in().await);
    let before = stage.app.count();
    for target in targets {
        assert_eq!(ask(&visitor, target).await, 400, "{target}");
        assert_eq!(ask(&nobody, target).await, 400, "{target}");
        assert_eq!(ask(&visitor, &format!("{target}?a=b")).await, 400, "{target}");
    }
    assert_eq!(stage.app.count(), before);
}

#[tokio::test]
async fn case_20_dot_segments_are_a_400() {
    are_refused(DOTS).await;
}

#[tokio::test]
async fn case_21_dot_segments_with_parameters_are_a_400() {
    are_refused(PARAMETERS).await;
}

#[tokio::test]
async fn case_22_escaped_dot_segments_and_backslashes_are_a_400() {
    are_refused(ESCAPES).await;
}

#[tokio::test]
async fn case_23_dot_segments_behind_what_looks_public_are_a_400() {
    are_refused(SLASHES).await;
}

#[tokio::test]
async fn case_24_broken_escapes_and_controls_are_a_400() {
    are_refused(BROKEN).await;
}

#[tokio::test]
async fn case_78_no_probes_path_is_a_way_round() {
    are_refused(PROBES).await;
}

#[tokio::test]
async fn case_24_raw_bytes_in_a_path_are_a_400() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let count = stage.app.count();
    let raw: [&[u8]; 11] =
        [b"\x80", b"\xff", b"\xc3\xa9", b"\xc0\xae", b"\0", b"\x01", b"\t", b"\x7f", b" ", b"\r", b"\x0b"];
    for raw in raw {
        let text = head(&visitor, "GET /aRAWb", &["Connection: close"]);
        let (before, after) = text.split_once("RAW").unwrap();
        let answer = exchange(visitor.gate(), [before.as_bytes(), raw, after.as_bytes()].concat()).await;
        assert_eq!(status(&answer), 400, "{raw:?}");
    }
    assert_eq!(stage.app.count(), count);
}

#[tokio::test]
async fn case_23_what_looks_like_a_public_path_is_protected_and_goes_on_byte_for_byte() {
    let stage = Stage::new().await;
    let (nobody, visitor) = (stage.visitor(), stage.signed_in().await);
    for target in FORWARDED {
        let before = stage.app.count();
        assert_eq!((ask(&nobody, target).await, stage.app.count()), (401, before), "{target}");
        assert_eq!(ask(&visitor, target).await, 200, "{target}");
        assert_eq!(stage.app.last().target, target);
    }
    // A fragment is no part of a request target; it is cut before anything is judged.
    assert_eq!(ask(&nobody, "/admin#/public/").await, 401);
    assert_eq!(ask(&visitor, "/admin#/public/").await, 200);
    assert_eq!(stage.app.last().target, "/admin");
}

#[tokio::test]
async fn case_23_there_is_no_public_path_whatever_a_path_looks_like() {
    let stage = Stage::new().await;
    let mut nobody = stage.visitor();
    for target in ["/public/", "/static/app.css", "/favicon.ico", "/.well-known/security.txt", "/admin;.css"]
    {
        let login = nobody.send(http::Method::GET, target, &NAVIGATION, "").await;
        assert_eq!(login.status(), 303, "{target}");
    }
    assert_eq!(stage.app.count(), 0);
}

#[tokio::test]
async fn our_own_paths_are_ours_in_every_spelling_and_no_further() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let before = stage.app.count();
    for target in [
        "/oauth2",
        "/oauth2/",
        "/oauth2/nothing",
        "/oauth2/auth",
        "/oauth2/userinfo/",
        "/oauth2//userinfo",
        "/oauth2/callback/x",
        "/%6fauth2/nothing",
        "/oauth%32/auth?a",
        "/oauth2/sign_out;x",
    ] {
        assert_eq!(ask(&visitor, target).await, 404, "{target}");
    }
    assert_eq!(ask(&visitor, "/%6Fauth2/%75serinfo").await, 200);
    assert_eq!(stage.app.count(), before);
    for target in ["/oauth2x", "/OAuth2/start", "//oauth2/start", "/oauth2%2fstart", "/a/oauth2/start"] {
        assert_eq!(ask(&visitor, target).await, 200, "{target}");
        assert_eq!(stage.app.last().target, target);
    }
}

#[tokio::test]
async fn each_of_many_pipelined_requests_is_judged_by_itself() {
    let stage = Stage::new().await;
    let (nobody, visitor) = (stage.visitor(), stage.signed_in().await);
    let before = stage.app.count();
    let mut client = Peer::to(visitor.gate()).await;
    client
        .send(
            [
                head(&visitor, "GET /first", &[]),
                head(&nobody, "GET /second", &[]),
                head(&visitor, "GET /third", &[]),
                head(&nobody, "GET /public/../fourth", &["Connection: close"]),
            ]
            .concat(),
        )
        .await;
    let answers = String::from_utf8(client.rest().await).unwrap();
    let codes: Vec<&str> =
        answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect();
    assert_eq!(codes, ["200", "401", "200", "400"]);
    let targets: Vec<String> = stage.app.received().drain(before..).map(|arrived| arrived.target).collect();
    assert_eq!(targets, ["/first", "/third"]);
}
