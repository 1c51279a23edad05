//! Callback: what gives a session, and what comes back without a login that this browser began.

use std::time::Duration;

use cognigate::emulator::{CallbackEdit, Endpoint};
use cookie::SameSite;
use http::Method;

use super::{NAME, Said, button, is_signed_in, login_cookie, set_cookie, settle, state_of};
use crate::support::Stage;
use crate::support::visitor::{NAVIGATION, header, json, location, parameter, set_cookies, text};

#[tokio::test]
async fn the_callback_sets_the_session_and_clears_the_login_cookie() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep?q=%20").await;
    let state = parameter(&callback, "state").unwrap();
    let answer = visitor.navigate(&callback).await;
    assert_eq!((answer.status().as_u16(), location(&answer).as_str()), (303, "/deep?q=%20"));
    let session = set_cookie(&answer, NAME).expect("a session cookie");
    assert_eq!((session.http_only(), session.secure()), (Some(true), Some(true)));
    assert_eq!((session.path(), session.domain()), (Some("/"), None));
    assert_eq!(session.same_site(), Some(SameSite::Lax));
    assert!(session.max_age().unwrap().whole_days() <= 400);
    let ended = set_cookie(&answer, &login_cookie(&state)).expect("the login cookie's end");
    assert!(ended.max_age().unwrap().is_zero() && ended.value().is_empty());
    assert_eq!(stage.cognito.count(Endpoint::TokenCode), 1);
}

#[tokio::test]
async fn an_unknown_state_with_a_valid_session_goes_to_the_root() {
    let stage = Stage::new().await;
    let mut visitor = stage.signed_in().await;
    for query in ["state=unknown&code=c", "state=unknown-r&code=c", "state=unknown&error=access_denied"] {
        let answer = visitor.navigate(&format!("/oauth2/callback?{query}")).await;
        assert_eq!((answer.status().as_u16(), location(&answer).as_str()), (303, "/"), "{query}");
    }
    assert!(is_signed_in(&mut visitor).await);
    assert_eq!(stage.cognito.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn an_unknown_state_without_a_session_restarts_once_with_a_mark_and_then_ends_on_a_page() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let answer = visitor.navigate("/oauth2/callback?state=unknown&code=c").await;
    assert_eq!(answer.status(), 303);
    let state = state_of(&answer);
    assert_eq!(state.strip_suffix("-r").map(str::len), Some(43), "{state}");
    // Where the cookie of the second attempt sticks, it signs in.
    let mut lucky = visitor.clone();
    let callback = lucky.through_login("alice", &lucky.target(&answer)).await;
    let answer = lucky.navigate(&callback).await;
    assert_eq!(location(&answer), "/");
    assert!(is_signed_in(&mut lucky).await);
    // Where it doesn't, the mark alone says that this was the second.
    visitor.jar.clear();
    let page = visitor.navigate(&format!("/oauth2/callback?state={state}&code=c")).await;
    assert_eq!(button(&page, 400), "/oauth2/start?rd=%2F");
    assert_eq!(stage.cognito.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn an_expired_state_is_as_good_as_an_unknown_one() {
    let stage = Stage::new().await;
    let mut late = stage.visitor();
    let authorize = late.navigate("/deep").await;
    let mut too_late = late.clone();
    let target = late.target(&authorize);
    stage.clock.advance(Duration::from_secs(599));
    let callback = late.through_login("alice", &target).await;
    let answer = late.navigate(&callback).await;
    assert_eq!(location(&answer), "/deep");
    stage.clock.advance(Duration::from_secs(1));
    let callback = too_late.through_login("alice", &target).await;
    let answer = too_late.navigate(&callback).await;
    assert!(state_of(&answer).ends_with("-r"));
    // With a session there is nothing to restart.
    too_late.jar.set(NAME, late.jar.get(NAME).unwrap());
    assert_eq!(location(&too_late.navigate(&callback).await), "/");
    assert_eq!(stage.cognito.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn case_02_a_tampered_login_cookie_gives_no_return_path() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let name = login_cookie(&parameter(&callback, "state").unwrap());
    let honest = visitor.jar.get(&name).unwrap().to_owned();
    for at in [0, 2, 8, 40, honest.len() / 2, honest.len() - 1] {
        let mut bytes = honest.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        visitor.jar.set(&name, str::from_utf8(&bytes).unwrap());
        let answer = visitor.navigate(&callback).await;
        assert!(state_of(&answer).ends_with("-r"), "byte {at}");
    }
    // A target that is written into the state is no state of ours.
    let into_state = callback.replace("state=", "state=https%3A%2F%2Fevil.test%2F");
    let answer = visitor.navigate(&into_state).await;
    assert!(state_of(&answer).ends_with("-r"));
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
    // The restarted login comes back to the root.
    let answer = settle(&mut visitor, answer).await;
    assert_eq!((answer.status().as_u16(), stage.app.last().target.as_str()), (200, "/"));
}

#[tokio::test]
async fn case_08_a_planted_session_is_not_continued_by_a_sign_in() {
    let stage = Stage::new().await;
    let mut attacker = stage.visitor();
    attacker.sign_in("bob", "/").await;
    let mut victim = stage.visitor();
    victim.jar.set(NAME, attacker.jar.get(NAME).unwrap());
    let authorize = victim.navigate("/oauth2/start").await;
    let callback = victim.through_login("alice", &victim.target(&authorize)).await;
    victim.navigate(&callback).await;
    assert_eq!(json(&victim.fetch("/oauth2/userinfo").await)["preferredUsername"], "alice");
    assert_eq!(json(&attacker.fetch("/oauth2/userinfo").await)["preferredUsername"], "bob");
    // Ending hers does not end his: they are two sessions.
    assert_eq!(victim.navigate("/oauth2/sign_out").await.status(), 303);
    assert!(is_signed_in(&mut attacker).await);
}

#[tokio::test]
async fn case_09_a_callback_without_the_login_cookie_calls_no_token_endpoint() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    visitor.jar.clear();
    let answer = visitor.navigate(&callback).await;
    assert!(state_of(&answer).ends_with("-r"));
    assert_eq!(visitor.fetch(&callback).await.status(), 400);
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
}

#[tokio::test]
async fn case_11_cookies_tossed_from_a_sibling_subdomain_are_none_of_ours() {
    let stage = Stage::new().await;
    let mut attacker = stage.visitor();
    let callback = attacker.reach_callback("bob", "/").await;
    let login = login_cookie(&parameter(&callback, "state").unwrap());
    let tossed_login = attacker.jar.get(&login).unwrap().to_owned();
    let answer = attacker.navigate(&callback).await;
    let tossed_session = attacker.jar.get(NAME).unwrap().to_owned();
    for cookie in set_cookies(&answer).iter().chain(&set_cookies(&stage.visitor().navigate("/").await)) {
        assert!(cookie.name().starts_with("__Host-"), "{cookie}");
        assert_eq!((cookie.secure(), cookie.path(), cookie.domain()), (Some(true), Some("/"), None));
    }
    // A sibling cannot write a `__Host-` cookie: whatever else it writes is not looked at.
    let mut victim = stage.visitor();
    for prefix in ["", "__Secure-", "__host-", "__HOST-", " __Host-x"] {
        victim.jar.set(&login.replace("__Host-", prefix), &tossed_login);
        victim.jar.set(&NAME.replace("__Host-", prefix), &tossed_session);
    }
    let again = attacker.navigate("/oauth2/start").await;
    let fresh = attacker.through_login("bob", &attacker.target(&again)).await;
    for callback in [callback, fresh] {
        let answer = victim.navigate(&callback).await;
        assert!(state_of(&answer).ends_with("-r"));
    }
    assert!(!is_signed_in(&mut victim).await);
    assert_eq!(stage.cognito.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn case_31_a_state_of_another_browser_is_not_redeemed() {
    let stage = Stage::new().await;
    let mut attacker = stage.visitor();
    let callback = attacker.reach_callback("bob", "/").await;
    let mut victim = stage.visitor();
    let own = victim.reach_callback("alice", "/mine").await;
    let answer = victim.navigate(&callback).await;
    assert!(state_of(&answer).ends_with("-r"));
    // Nor with the code of the one under the state of the other: the verifier is the browser's own.
    let (code, state) = (parameter(&callback, "code").unwrap(), parameter(&own, "state").unwrap());
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
    let page = victim.navigate(&format!("/oauth2/callback?code={code}&state={state}")).await;
    assert_eq!(button(&page, 403), "/oauth2/start?rd=%2Fmine");
    assert!(!is_signed_in(&mut victim).await);
}

#[tokio::test]
async fn case_32_a_callback_that_answers_nothing_is_400() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let own = visitor.reach_callback("alice", "/deep").await;
    let state = parameter(&own, "state").unwrap();
    let known = format!("?state={state}");
    let empty_code = format!("?state={state}&code=");
    let empty_error = format!("?state={state}&error=");
    let both = format!("?state={state}&code=a&error=access_denied");
    for query in [
        "",
        "?",
        "?&",
        "?&&&&",
        "?=",
        "?code=a",
        "?code=a&state=",
        "?state",
        "?state&code",
        "?error=access_denied",
        "?%00=%ff",
        "?%",
        known.as_str(),
        &empty_code,
        &empty_error,
        &both,
    ] {
        let page = visitor.navigate(&format!("/oauth2/callback{query}")).await;
        assert_eq!(button(&page, 400), "/oauth2/start?rd=%2F", "{query}");
    }
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
    // The attempt itself is none the worse for it.
    assert_eq!(location(&visitor.navigate(&own).await), "/deep");
}

#[tokio::test]
async fn case_33_a_parameter_that_is_there_twice_is_400() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/deep").await;
    let state = parameter(&callback, "state").unwrap();
    let issuer = "iss=https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Emulated1";
    for more in [
        format!("&state={state}"),
        "&state=other".to_owned(),
        "&%73tate=other".to_owned(),
        "&code=other".to_owned(),
        "&code=".to_owned(),
        "&error=a&error=b".to_owned(),
        format!("&{issuer}&{issuer}"),
    ] {
        let page = visitor.navigate(&format!("{callback}{more}")).await;
        assert_eq!(button(&page, 400), "/oauth2/start?rd=%2F", "{more}");
    }
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
    assert_eq!(location(&visitor.navigate(&callback).await), "/deep");
}

#[tokio::test]
async fn case_35_an_answer_that_names_another_issuer_is_refused() {
    let stage = Stage::new().await;
    for issuer in ["https://evil.test/", "", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other"] {
        stage.cognito.edit_callback(CallbackEdit::add("iss", issuer));
        let mut visitor = stage.visitor();
        let callback = visitor.reach_callback("alice", "/deep").await;
        let page = visitor.navigate(&callback).await;
        assert_eq!(button(&page, 400), "/oauth2/start?rd=%2Fdeep", "{issuer:?}");
        assert!(visitor.jar.names().is_empty());
    }
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
    for host in ["cognito-idp.us-east-1.amazonaws.com", "issuer-cognito-idp.us-east-1.amazonaws.com"] {
        stage.cognito.edit_callback(CallbackEdit::add("iss", &format!("https://{host}/us-east-1_Emulated1")));
        let page = stage.visitor().sign_in("alice", "/deep").await;
        assert_eq!(page.status(), 200, "{}", text(&page));
    }
}

#[tokio::test]
async fn case_37_a_verifier_that_was_swapped_is_not_sent() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callbacks =
        [visitor.reach_callback("alice", "/one").await, visitor.reach_callback("alice", "/two").await];
    let names = callbacks.each_ref().map(|callback| login_cookie(&parameter(callback, "state").unwrap()));
    let values = names.each_ref().map(|name| visitor.jar.get(name).unwrap().to_owned());
    visitor.jar.set(&names[0], &values[1]);
    visitor.jar.set(&names[1], &values[0]);
    for callback in &callbacks {
        assert!(state_of(&visitor.clone().navigate(callback).await).ends_with("-r"));
    }
    visitor.jar.remove(&names[0]);
    visitor.jar.set(&names[1], &values[1][..values[1].len() - 4]);
    for callback in &callbacks {
        assert!(state_of(&visitor.clone().navigate(callback).await).ends_with("-r"));
    }
    assert_eq!(stage.cognito.count(Endpoint::Token), 0);
    visitor.jar.set(&names[1], &values[1]);
    assert_eq!(location(&visitor.navigate(&callbacks[1]).await), "/two");
}

#[tokio::test]
async fn case_76_nothing_of_the_clients_request_goes_along_to_the_token_endpoint() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor();
    let callback = visitor.reach_callback("alice", "/").await;
    let own: [Said; 6] = [
        ("authorization", "Bearer SENTINEL"),
        ("x-forwarded-for", "192.0.2.66"),
        ("x-sentinel", "SENTINEL"),
        ("referer", "https://app.test/SENTINEL"),
        ("user-agent", "SENTINEL"),
        ("accept-language", "SENTINEL"),
    ];
    visitor.jar.set("theirs", "SENTINEL");
    let headers = [NAVIGATION.as_slice(), &own].concat();
    let answer = visitor.send(Method::GET, &callback, &headers, "grant_type=SENTINEL").await;
    assert_eq!(location(&answer), "/");
    let call = stage.cognito.last(Endpoint::Token).unwrap();
    assert!(
        !format!("{call:?}").contains("SENTINEL") && call.header("x-forwarded-for").is_none(),
        "{call:?}"
    );
    assert!(call.header("cookie").is_none());
    let mut fields: Vec<String> =
        url::form_urlencoded::parse(&call.body).map(|(name, _)| name.into_owned()).collect();
    fields.sort();
    assert_eq!(fields, ["code", "code_verifier", "grant_type", "redirect_uri"]);
    assert_eq!(header(&answer, "x-sentinel"), None);
}
