//! The cookie store, and a browser that keeps what it is told to.

use std::collections::BTreeMap;

use cognigate::cookie::chunk::{LIMIT, TooLarge};
use cognigate::cookie::read::RequestCookies;
use cognigate::session::codec;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::*;

/// What a browser keeps of the `Set-Cookie` lines that it gets.
#[derive(Clone, Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    fn takes(&mut self, lines: &[HeaderValue]) {
        for line in lines {
            let line = line.to_str().expect("ASCII");
            let cookie = cookie::Cookie::parse(line).expect("a cookie");
            assert!(cookie.name().len() + cookie.value().len() <= 4096, "browsers drop this one");
            assert!(line.contains("; Secure; Path=/;") && !line.contains("Domain"), "__Host- asks for it");
            if cookie.max_age() == Some(cookie::time::Duration::ZERO) {
                self.0.remove(cookie.name());
            } else {
                self.0.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }

    fn sends(&self) -> RequestCookies {
        let line =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::try_from(line).expect("a header value"));
        RequestCookies::read(&headers)
    }

    fn holds(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn saves(&mut self, session: &Session) {
        let lines = store().save(session, &self.sends(), MONTH).expect("it fits");
        self.takes(&lines);
    }
}

#[test]
fn a_session_with_tokens_of_cognitos_size_is_one_cookie_of_3400_bytes_at_most() {
    let lines = store().save(&typical(), &Browser::default().sends(), MONTH).unwrap();
    assert_eq!(lines.len(), 1);
    let line = format!("Set-Cookie: {}", lines[0].to_str().unwrap());
    assert!(line.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000"), "{line}");
    assert!(line.len() <= 3400, "{} bytes", line.len());
}

#[test]
fn every_cookie_ever_sealed_loads() {
    let (store, sealed) = frozen_cookies();
    for ((session, _, name), sealed) in frozen().into_iter().zip(sealed) {
        let browser = Browser([(NAME.to_owned(), sealed)].into());
        assert_eq!(store.load(&browser.sends()), found(&session), "{name}");
    }
}

#[test]
fn what_was_saved_is_loaded_and_what_was_cleared_is_gone() {
    let (mut browser, session) = (Browser::default(), typical());
    assert_eq!(store().load(&browser.sends()), Loaded::None);
    browser.saves(&session);
    assert_eq!(store().load(&browser.sends()), found(&session));
    browser.takes(&store().clear(&browser.sends()));
    assert_eq!(store().load(&browser.sends()), Loaded::None);
}

#[test]
fn case_07_a_session_grows_into_chunks_and_shrinks_again_and_leaves_nothing_behind() {
    let (mut browser, session) = (Browser::default(), typical());
    let one: &[&str] = &["__Host-cognigate"];
    let two = &["__Host-cognigate-1", "__Host-cognigate-2"];
    let three = &["__Host-cognigate-1", "__Host-cognigate-2", "__Host-cognigate-3"];
    for (length, holds) in [(1184, one), (5000, two), (8000, three), (5000, two), (1184, one), (8000, three)]
    {
        let session = with_access(&session, length);
        browser.saves(&session);
        assert_eq!(browser.holds(), holds, "an access token of {length} characters");
        assert_eq!(store().load(&browser.sends()), found(&session), "{length}");
    }
}

#[test]
fn case_07_a_session_that_no_browser_would_keep_is_an_error_and_not_a_loop() {
    let session = with_access(&typical(), 32_000);
    let refused = store().save(&session, &Browser::default().sends(), MONTH);
    assert!(matches!(refused, Err(TooLarge { bytes }) if bytes > 8 * LIMIT), "{refused:?}");
}

#[test]
fn case_08_a_new_sign_in_has_an_id_of_its_own_and_takes_the_place_of_a_planted_session() {
    let (mut browser, planted) = (Browser::default(), with_access(&typical(), 8000));
    browser.saves(&planted);
    let own = typical();
    assert_ne!(own.id, planted.id);
    browser.saves(&own);
    assert_eq!(browser.holds(), [NAME]);
    assert_eq!(store().load(&browser.sends()), found(&own));
}

#[test]
fn case_10_two_cookies_of_one_name_are_no_session() {
    let (mut browser, session) = (Browser::default(), typical());
    browser.saves(&session);
    let value = browser.0[NAME].clone();
    let mut headers = HeaderMap::new();
    for _ in 0..2 {
        headers.append(COOKIE, HeaderValue::try_from(format!("{NAME}={value}")).unwrap());
    }
    assert_eq!(store().load(&RequestCookies::read(&headers)), Loaded::Invalid);
}

#[test]
fn case_41_a_session_saved_twice_is_two_different_cookies() {
    let (mut first, mut second, session) = (Browser::default(), Browser::default(), typical());
    first.saves(&session);
    second.saves(&session);
    assert_ne!(first.0, second.0);
    assert_eq!(store().load(&first.sends()), store().load(&second.sends()));
}

#[test]
fn case_42_43_45_46_whatever_does_not_open_is_the_same_nothing() {
    let (mut browser, mut chunked) = (Browser::default(), Browser::default());
    browser.saves(&typical());
    chunked.saves(&with_access(&typical(), 5000));
    let keys = KeyRing::new(&[KeyMaterial::from([1; 32])]);
    let login = Sealer::new(&keys, Purpose::Login, SCOPE).seal(&codec::encode(&typical()));
    let no_session = Sealer::new(&keys, Purpose::Session, SCOPE).seal(b"\x01 opens, and is no session");
    let mut swapped = chunked.0.clone();
    let second = swapped["__Host-cognigate-2"].clone();
    swapped.insert("__Host-cognigate-1".to_owned(), format!("2.{second}"));
    let value = |value: &str| Browser([(NAME.to_owned(), value.to_owned())].into());
    for (name, browser) in [
        ("empty", value("")),
        ("noise", value("AAAA")),
        ("truncated", value(&browser.0[NAME][..1000])),
        ("another purpose", value(&login)),
        ("sealed, but no session", value(&no_session)),
        ("a chunk twice", Browser(swapped)),
        ("a chunk gone", Browser([("__Host-cognigate-2".to_owned(), second)].into())),
    ] {
        assert_eq!(store().load(&browser.sends()), Loaded::Invalid, "{name}");
    }
    assert_eq!(store_with(&[1], "other.example.com").load(&browser.sends()), Loaded::Invalid);
    assert_eq!(store_with(&[2], SCOPE).load(&browser.sends()), Loaded::Invalid);
}

#[test]
fn case_44_a_session_under_an_older_key_loads_and_says_so() {
    let (mut browser, session) = (Browser::default(), typical());
    browser.saves(&session);
    let loaded = store_with(&[2, 1], SCOPE).load(&browser.sends());
    assert_eq!(loaded, Loaded::Session(Held::in_cookie(session, false)));
}

#[test]
fn case_46_a_stale_tail_is_ignored_and_swept_with_the_next_save() {
    let (mut browser, session) = (Browser::default(), with_access(&typical(), 5000));
    browser.saves(&session);
    for tail in ["-3", "-8"] {
        browser.0.insert(format!("{NAME}{tail}"), "stale".to_owned());
    }
    assert_eq!(store().load(&browser.sends()), found(&session));
    browser.saves(&session);
    assert_eq!(browser.holds(), ["__Host-cognigate-1", "__Host-cognigate-2"]);
}

#[test]
fn case_46_where_answers_crossed_the_later_state_of_the_session_counts() {
    let earlier = typical();
    let later = Session { touched: earlier.touched.plus(MONTH), ..with_access(&earlier, 5000) };
    let refreshed =
        Session { access_expires: earlier.access_expires.plus(MONTH), ..with_access(&earlier, 5000) };
    for (single, chunked, expected) in [
        (&earlier, &later, &later),
        (&earlier, &refreshed, &refreshed),
        (&with_access(&later, 1184), &with_access(&earlier, 5000), &with_access(&later, 1184)),
        (&earlier, &with_access(&earlier, 5000), &earlier),
    ] {
        let (mut browser, mut other) = (Browser::default(), Browser::default());
        browser.saves(single);
        other.saves(chunked);
        browser.0.append(&mut other.0);
        assert_eq!(browser.holds().len(), 3);
        assert_eq!(store().load(&browser.sends()), found(expected));
        browser.saves(expected);
        assert_eq!(store().load(&browser.sends()), found(expected));
    }
}

#[test]
fn case_127_of_crossed_states_the_newer_tokens_count_before_the_later_use() {
    let before = typical();
    // A use was written down with the old tokens after a refresh had brought new ones.
    let touched = Session { touched: before.touched.plus(MONTH), ..before.clone() };
    let refreshed = Session { access_expires: before.access_expires.plus(MONTH), ..before };
    let short = |session: &Session| with_access(session, 1184);
    let long = |session: &Session| with_access(session, 5000);
    for (single, chunked, expected) in [
        (short(&touched), long(&refreshed), long(&refreshed)),
        (short(&refreshed), long(&touched), short(&refreshed)),
    ] {
        let (mut browser, mut other) = (Browser::default(), Browser::default());
        browser.saves(&single);
        other.saves(&chunked);
        browser.0.append(&mut other.0);
        assert_eq!(browser.holds().len(), 3);
        assert_eq!(store().load(&browser.sends()), found(&expected));
    }
}

#[test]
fn case_46_a_shadow_that_does_not_open_hides_nothing() {
    let session = with_access(&typical(), 5000);
    let mut browser = Browser::default();
    browser.saves(&session);
    browser.0.insert(NAME.to_owned(), "noise".to_owned());
    assert_eq!(store().load(&browser.sends()), found(&session));

    let mut browser = Browser::default();
    browser.saves(&typical());
    browser.0.insert(format!("{NAME}-1"), "2.noise".to_owned());
    browser.0.insert(format!("{NAME}-2"), "noise".to_owned());
    assert!(matches!(store().load(&browser.sends()), Loaded::Session(_)));
}

#[test]
fn case_10_two_sessions_that_shadow_each_other_are_not_chosen_between() {
    let (mut browser, mut other) = (Browser::default(), Browser::default());
    browser.saves(&typical());
    other.saves(&with_access(&typical(), 5000));
    browser.0.append(&mut other.0);
    assert_eq!(store().load(&browser.sends()), Loaded::Invalid);
    browser.takes(&store().clear(&browser.sends()));
    assert_eq!(browser.holds(), <[&str; 0]>::default());
}

#[test]
fn case_49_clearing_deletes_every_chunk_with_secure_and_path() {
    let mut browser = Browser::default();
    browser.saves(&with_access(&typical(), 8000));
    browser.0.insert(format!("{NAME}-7"), "stale".to_owned());
    let lines = store().clear(&browser.sends());
    let deleted = |name: &str| {
        format!(
            "{name}=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        )
    };
    let names =
        [NAME.to_owned(), format!("{NAME}-1"), format!("{NAME}-2"), format!("{NAME}-3"), format!("{NAME}-7")];
    assert_eq!(lines, names.map(|name| deleted(&name)));
    browser.takes(&lines);
    assert_eq!(browser.holds(), <[&str; 0]>::default());
    assert_eq!(store().clear(&browser.sends()), [deleted(NAME)], "the name itself, sent or not");
}

proptest! {
    #[test]
    fn any_session_survives_the_browser(session in any_session()) {
        let mut browser = Browser::default();
        browser.saves(&session);
        prop_assert_eq!(store().load(&browser.sends()), found(&session));
    }

    #[test]
    fn no_cookies_make_a_session_that_was_never_sealed(
        values in prop::collection::vec(("(|-[0-9]|-login-x)", "[2-8]?\\.?[A-Za-z0-9_-]{0,80}"), 1..6)
    ) {
        let named = values.into_iter().map(|(tail, value)| (format!("{NAME}{tail}"), value));
        let loaded = store().load(&Browser(named.collect()).sends());
        let none = !matches!(loaded, Loaded::Session(_));
        prop_assert!(none);
    }
}

/// The same sessions as sealed cookies, and the store whose key and scope sealed them.
fn frozen_cookies() -> (CookieStore, Vec<String>) {
    let vectors = vectors();
    let key: [u8; 32] = hex(&vectors["key"]).try_into().expect("32 bytes");
    let ring = KeyRing::new(&[KeyMaterial::from(key)]);
    let sealer = Sealer::new(&ring, Purpose::Session, &text(&vectors["scope"]));
    let attributes = Attributes { secure: true, same_site: SameSite::Lax, domain: None };
    let sealed = vectors["sessions"].as_array().expect("sessions").iter();
    (CookieStore::new(sealer, NAME, attributes), sealed.map(|vector| text(&vector["sealed"])).collect())
}
