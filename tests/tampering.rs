//! Cookies that nobody of ours sealed, or not for this: all of them are the same nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognigate::crypto::keyring::KeyRing;
use cognigate::crypto::seal::{Purpose, Sealer};
use cognigate::emulator::Endpoint;
use cognigate::secret::KeyMaterial;
use http::Method;
use http::header::SET_COOKIE;

use crate::support::Stage;
use crate::support::peer::Peer;
use crate::support::visitor::{FETCH, NAVIGATION, Visitor, header, location, parameter};
use crate::support::wire::{exchange, status};

const SESSION: &str = "__Host-cognigate";

/// Version and key id, which come before the nonce.
const BEFORE_NONCE: usize = 5;
const NONCE: usize = 24;

/// What the gate answers to a fetch with these `Cookie` lines: all of it but for the date.
async fn answer(client: &mut Peer, lines: &[impl AsRef<str>]) -> String {
    let lines: String = lines.iter().map(|line| format!("Cookie: {}\r\n", line.as_ref())).collect();
    client.send(format!("GET /page HTTP/1.1\r\nHost: app.test\r\nX-Request-Id: same\r\n{lines}\r\n")).await;
    let head = client.head().await;
    let body = client.exactly(head.one("content-length").unwrap().parse().unwrap()).await;
    let body = String::from_utf8(body).unwrap();
    let date = format!("date: {}\r\n", head.one("date").unwrap());
    format!("{head}{body}").replace(&date, "")
}

#[tokio::test]
async fn case_41_one_session_sealed_often_never_shows_a_nonce_or_a_ciphertext_twice() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    stage.clock.advance(Duration::from_secs(3600));
    let mut sealed = BTreeSet::new();
    for _ in 0..20 {
        // Each is a latecomer to the one refresh, and gets the same session.
        let mut copy = visitor.clone();
        assert_eq!(copy.fetch("/").await.status(), 200);
        sealed.insert(URL_SAFE_NO_PAD.decode(copy.jar.get(SESSION).unwrap()).unwrap());
    }
    assert_eq!((sealed.len(), stage.cognito.count(Endpoint::TokenRefresh)), (20, 1));
    let nonces: BTreeSet<&[u8]> = sealed.iter().map(|bytes| &bytes[BEFORE_NONCE..][..NONCE]).collect();
    let tails: BTreeSet<&[u8]> = sealed.iter().map(|bytes| &bytes[bytes.len() - 64..]).collect();
    assert_eq!((nonces.len(), tails.len()), (20, 20));
}

#[tokio::test]
async fn case_42_whatever_is_changed_in_a_session_cookie_the_answer_is_the_same() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let honest = visitor.jar.get(SESSION).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(honest).unwrap();
    let mut client = Peer::to(visitor.gate()).await;
    assert!(answer(&mut client, &[format!("{SESSION}={honest}")]).await.starts_with("HTTP/1.1 200"));
    let refusal = answer(&mut client, &[format!("{SESSION}=")]).await;
    assert!(refusal.starts_with("HTTP/1.1 401"), "{refusal}");
    assert!(!refusal.contains("set-cookie"), "{refusal}");

    let mut changed: Vec<Vec<u8>> = Vec::new();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        changed.push(flipped);
    }
    for length in [0, 1, 4, 5, 28, 29, 44, 45, 46, bytes.len() / 2, bytes.len() - 16, bytes.len() - 1] {
        changed.push(bytes[..length].to_vec());
    }
    for block in (BEFORE_NONCE + NONCE..bytes.len() - 32).step_by(160) {
        let mut swapped = bytes.clone();
        swapped[block..block + 32].rotate_left(16);
        changed.push(swapped);
    }
    changed.push([bytes.as_slice(), &[0]].concat());
    changed.push(bytes.iter().rev().copied().collect());
    for changed in changed {
        let cookie = format!("{SESSION}={}", URL_SAFE_NO_PAD.encode(&changed));
        assert_eq!(answer(&mut client, &[cookie]).await, refusal);
    }
    // And the same bytes in another spelling, or another text.
    for text in [
        format!("{honest}="),
        format!("{honest}A"),
        format!("\"{honest}\""),
        "%00".to_owned(),
        "{}".to_owned(),
    ] {
        assert_eq!(answer(&mut client, &[format!("{SESSION}={text}")]).await, refusal, "{text}");
    }
    assert_eq!(stage.app.count(), 2);
}

#[tokio::test]
async fn case_43_a_login_cookie_is_no_session_and_a_session_no_login_cookie() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let login = visitor.navigate("/").await;
    let state = parameter(&location(&login), "state").unwrap();
    let name = visitor.jar.logins()[0].to_owned();
    let sealed = visitor.jar.get(&name).unwrap().to_owned();
    let mut thief = stage.visitor();
    thief.jar.set(SESSION, &sealed);
    assert_eq!(thief.fetch("/").await.status(), 401);
    assert_eq!(thief.fetch("/oauth2/userinfo").await.status(), 401);

    let session = stage.signed_in().await.jar.get(SESSION).unwrap().to_owned();
    let redeemed = stage.cognito.count(Endpoint::TokenCode);
    visitor.jar.set(&name, &session);
    let callback = visitor.navigate(&format!("/oauth2/callback?code=stolen&state={state}")).await;
    // As without a login cookie: the login begins once more.
    assert_eq!(callback.status(), 303);
    assert!(location(&callback).contains("/oauth2/authorize?"), "{}", location(&callback));
    assert_eq!(stage.cognito.count(Endpoint::TokenCode), redeemed);
    assert_eq!(stage.app.count(), 1);
}

#[tokio::test]
async fn case_43_what_was_sealed_for_one_purpose_opens_for_no_other_whatever_it_holds() {
    let ring = KeyRing::new(&[KeyMaterial::from([7; 32])]);
    let sealer = |purpose| Sealer::new(&ring, purpose, "app.test us-east-1_Emulated1 demo-client");
    let resealed = |sealed: &str, from, to| {
        let opened = sealer(from).open(sealed.as_bytes()).expect("sealed by the gate under this scope");
        sealer(to).seal(&opened.bytes)
    };
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    let honest = visitor.jar.get(SESSION).unwrap().to_owned();
    for (purpose, expected) in [(Purpose::Session, 200), (Purpose::Login, 401)] {
        visitor.jar.set(SESSION, &resealed(&honest, Purpose::Session, purpose));
        assert_eq!(visitor.fetch("/").await.status(), expected);
    }
    for (purpose, redeemed) in [(Purpose::Session, 0), (Purpose::Login, 1)] {
        let mut visitor = stage.visitor();
        let callback = visitor.reach_callback("alice", "/").await;
        let name = visitor.jar.logins()[0].to_owned();
        let login = visitor.jar.get(&name).unwrap().to_owned();
        visitor.jar.set(&name, &resealed(&login, Purpose::Login, purpose));
        let before = stage.cognito.count(Endpoint::TokenCode);
        visitor.navigate(&callback).await;
        assert_eq!(stage.cognito.count(Endpoint::TokenCode), before + redeemed);
    }
}

#[tokio::test]
async fn case_48_cookie_lines_of_nothing_are_no_session_and_no_crash() {
    let stage = Stage::new().await;
    let visitor = stage.signed_in().await;
    let own = format!("{SESSION}={}", visitor.jar.get(SESSION).unwrap());
    let mut client = Peer::to(visitor.gate()).await;
    let refusal = answer(&mut client, &[""]).await;
    assert!(refusal.starts_with("HTTP/1.1 401"), "{refusal}");
    let pairs = |count: usize| (0..count).map(|n| format!("{n:x}=")).collect::<Vec<_>>().join(";");
    let semicolons = ";".repeat(50_000);
    let many = pairs(8_000);
    let lines: Vec<String> = (0..80).map(|n| format!("c{n}=1")).collect();
    for junk in
        [";;=;a", "=", ";", "a", "=;=;=", " ; = ; ", "\t", "a=b=c;;", "\u{e9}=\u{e9}", &semicolons, &many]
    {
        assert_eq!(answer(&mut client, &[junk]).await, refusal, "{junk:.40}");
        // Nor do they hide a session that stands among them.
        let among = answer(&mut client, &[junk, own.as_str()]).await;
        assert!(among.starts_with("HTTP/1.1 200"), "{junk:.40}: {among}");
    }
    assert_eq!(answer(&mut client, &lines).await, refusal);
    let ten_thousand =
        format!("GET / HTTP/1.1\r\nHost: app.test\r\nCookie: {}\r\nConnection: close\r\n\r\n", pairs(10_000));
    assert!(matches!(status(&exchange(visitor.gate(), ten_thousand.into()).await), 401 | 431));
}

#[tokio::test]
async fn case_47_what_a_cookie_claims_to_be_is_bounded_by_what_was_sent() {
    let stage = Stage::new().await;
    let nobody = stage.visitor();
    let mut client = Peer::to(nobody.gate()).await;
    let refusal = answer(&mut client, &[format!("{SESSION}=")]).await;
    for length in [3_000, 10_000, 40_000, 60_000] {
        for text in ["A", "_", "."] {
            let long = format!("{SESSION}={}", text.repeat(length));
            assert_eq!(answer(&mut client, &[long]).await, refusal, "{length} of {text}");
        }
    }
    let chunk = "A".repeat(7_000);
    let eight: Vec<String> = (2..=8).map(|n| format!("{SESSION}-{n}={chunk}")).collect();
    let all = format!("{SESSION}-1=8.{chunk}; {}", eight.join("; "));
    assert_eq!(answer(&mut client, &[all]).await, refusal);
}

/// The deletions that a sign-out sends, by name.
async fn deletions(visitor: &mut Visitor) -> Vec<(String, String)> {
    let out = visitor.send(Method::GET, "/oauth2/sign_out", &NAVIGATION, "").await;
    assert_eq!(out.status(), 303, "{:?}", header(&out, "location"));
    let lines = out.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned());
    lines.map(|line| (line.split('=').next().unwrap().to_owned(), line)).collect()
}

#[tokio::test]
async fn case_49_a_sign_out_deletes_each_chunk_with_what_its_prefix_asks_for() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for number in 1..=8 {
        visitor.jar.set(&format!("{SESSION}-{number}"), "stale");
    }
    let deletions = deletions(&mut visitor).await;
    let names: BTreeSet<&str> = deletions.iter().map(|(name, _)| name.as_str()).collect();
    for expected in std::iter::once(SESSION.to_owned()).chain((1..=8).map(|n| format!("{SESSION}-{n}"))) {
        assert!(names.contains(expected.as_str()), "{expected} stays");
    }
    for (name, line) in &deletions {
        for attribute in [
            "; HttpOnly",
            "; SameSite=Lax",
            "; Secure",
            "; Path=/",
            "; Max-Age=0",
            "; Expires=Thu, 01 Jan 1970",
        ] {
            assert!(line.contains(attribute), "{name} lacks {attribute}: {line}");
        }
        assert!(line.starts_with(&format!("{name}=;")) && !line.contains("Domain"), "{line}");
    }
    assert!(visitor.jar.names().is_empty());
}

#[tokio::test]
async fn case_49_a_sign_out_deletes_a_shared_cookie_where_it_was_set() {
    let stage =
        Stage::with(|setup| setup.set("cookie.domain", "app.test").set("cookie.same_site", "none")).await;
    let mut visitor = stage.signed_in().await;
    let deletions = deletions(&mut visitor).await;
    let (_, line) = deletions.iter().find(|(name, _)| name == "__Secure-cognigate").expect("its deletion");
    for attribute in ["; SameSite=None", "; Secure", "; Path=/", "; Domain=app.test", "; Max-Age=0"] {
        assert!(line.contains(attribute), "{line}");
    }
    assert_eq!(visitor.send(Method::GET, "/", &FETCH, "").await.status(), 401);
}
