//! The session cookie through the real flow: its size, its chunks, and who takes it.

mod chunks;
mod copies;

use cognigate::emulator::{Endpoint, TokenEdit};
use http::Method;

use crate::support::visitor::{Answer, FETCH, Visitor, header, text};
use crate::support::{SESSION, Stage};

/// The `Set-Cookie` lines of an answer that give a cookie a value.
fn set_lines(answer: &Answer) -> Vec<String> {
    let lines = answer.headers().get_all("set-cookie").iter();
    let lines = lines.map(|line| line.to_str().unwrap().to_owned());
    lines.filter(|line| !line.contains("Max-Age=0")).collect()
}

/// The names of the cookies that hold a session.
fn session_names(visitor: &Visitor) -> Vec<String> {
    let is_session = |name: &&str| {
        name.strip_prefix(SESSION).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|n| n.parse::<u32>().is_ok())
        })
    };
    visitor.jar.names().into_iter().filter(is_session).map(str::to_owned).collect()
}

/// Gives alice groups that take so many bytes of each of her tokens' claims.
pub(crate) fn set_groups(stage: &Stage, bytes: usize) {
    let groups: Vec<String> = (0..bytes / 40).map(|n| format!("{n:037}")).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    assert!(stage.cognito.set_groups("alice", &groups));
}

/// The callback of a sign-in whose session fits nowhere: a page that says so, nothing kept, and no way round.
pub(crate) async fn assert_too_large(visitor: &mut Visitor, callback: &str) {
    let page = visitor.navigate(callback).await;
    assert_eq!(page.status(), 500);
    assert!(text(&page).contains("too large") && text(&page).contains("will not help"), "{}", text(&page));
    assert!(!page.headers().contains_key("location") && !page.headers().contains_key("refresh"));
}

/// Of two session cookies of one name neither is taken, in whatever order and lines they come.
pub(crate) async fn assert_neither_of_two_is_taken(stage: &Stage) {
    let alice = stage.signed_in().await;
    let mut bob = stage.visitor();
    bob.sign_in("bob", "/").await;
    let pair = |visitor: &Visitor| format!("{SESSION}={}", visitor.jar.get(SESSION).unwrap());
    let (alice, bob) = (pair(&alice), pair(&bob));
    let forwarded = stage.app.count();
    for (one, other) in [(&alice, &bob), (&bob, &alice), (&alice, &alice)] {
        let together = format!("{one}; {other}");
        for lines in [vec![together.as_str()], vec![one, other], vec![one, "a=b", other]] {
            let lines = lines.iter().map(|line| ("cookie", *line));
            let headers: Vec<_> = FETCH.into_iter().chain(lines).collect();
            assert_eq!(stage.visitor().send(Method::GET, "/", &headers, "").await.status(), 401);
        }
    }
    assert_eq!(stage.app.count(), forwarded);
}

#[tokio::test]
async fn a_typical_session_is_one_set_cookie_line_of_at_most_3400_bytes() {
    let stage = Stage::new().await;
    // The emulator's access token is a little shorter than Cognito's.
    stage.cognito.edit_token(TokenEdit::access().set("device_key", "d".repeat(90)));
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    let landed = visitor.navigate(&callback).await;
    let lines = set_lines(&landed);
    let [session] = lines.iter().filter(|line| !line.contains("-check=")).collect::<Vec<_>>()[..] else {
        panic!("{lines:?}");
    };
    assert!(session.starts_with(&format!("{SESSION}=")), "{session}");
    assert!(session.len() <= 3_400, "{} bytes", session.len());
    assert_eq!(session_names(&visitor), [SESSION]);

    visitor.navigate("/").await;
    let access = stage.app.last().header("authorization").unwrap().len() - "Bearer ".len();
    assert!(access >= 1_184, "{access}");
    visitor.navigate("/oauth2/sign_out").await;
    stage.cognito.reached(Endpoint::Revoke, 1).await;
    let refresh = stage.cognito.last(Endpoint::Revoke).unwrap().form("token").unwrap().len();
    assert!(refresh >= 1_780, "{refresh}");
}

#[tokio::test]
async fn the_session_cookie_has_its_attributes_and_is_sent_with_every_path() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep/link").await;
    let landed = visitor.navigate(&callback).await;
    let lines = set_lines(&landed);
    let session = lines.iter().find(|line| line.starts_with(&format!("{SESSION}="))).unwrap();
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(session.split("; ").any(|part| part == attribute), "{attribute}: {session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    assert_eq!(header(&landed, "cache-control"), Some("no-store"));
}
