//! Sessions: as bytes, and as cookies in a browser.

use std::collections::BTreeMap;
use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use cognigate::clock::UnixTime;
use cognigate::cookie::chunk::{LIMIT, TooLarge};
use cognigate::cookie::read::RequestCookies;
use cognigate::cookie::write::{Attributes, SameSite};
use cognigate::crypto::keyring::KeyRing;
use cognigate::crypto::seal::{Purpose, Sealer};
use cognigate::secret::{KeyMaterial, Secret};
use cognigate::session::codec::{self, DecodeError};
use cognigate::session::cookie_store::{CookieStore, Loaded};
use cognigate::session::{Identity, Session, SessionId};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

const NAME: &str = "__Host-cognigate";
const SCOPE: &str = "app.example.com";
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// A compact serialization of exactly `total` characters: `fixed` as given, and the segment at `variable` as
/// long as that takes.
fn compact(total: usize, fixed: &[&[u8]], variable: usize) -> Secret {
    let mut segments: Vec<_> = fixed.iter().map(|bytes| URL_SAFE_NO_PAD.encode_to_string(bytes)).collect();
    let rest = total - segments.iter().map(|segment| segment.len() + 1).sum::<usize>();
    assert_ne!(rest % 4, 1, "no bytes are spelt with {rest} characters");
    // The bytes look random, as claims that are packed tight would.
    let bytes: Vec<u8> = (0..rest * 3 / 4).map(|n| (n * n % 251) as u8).collect();
    segments.insert(variable, URL_SAFE_NO_PAD.encode_to_string(bytes));
    let token = segments.join(".");
    assert_eq!(token.len(), total);
    Secret::from(token)
}

/// A JWT as Cognito signs it: RS256 under a 2048-bit key.
fn jwt(total: usize) -> Secret {
    let header = br#"{"kid":"KJ8xHZ0bE1mZk3c0Q2p0vD8lqYw5rT7uN4sA6gF9hXe","alg":"RS256"}"#;
    compact(total, &[header, &[0xa5; 256]], 1)
}

/// A JWE as Cognito makes refresh tokens.
fn jwe(total: usize) -> Secret {
    let header = br#"{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}"#;
    compact(total, &[header, &[0x5a; 256], &[0x33; 12], &[0xc3; 16]], 3)
}

/// A user as Cognito has them, with tokens of the sizes that were measured there.
fn typical() -> Session {
    let identity = Identity {
        sub: "5f0c8f0e-1d2c-4b3a-9f8e-7d6c5b4a3928".to_owned(),
        username: Some("5f0c8f0e-1d2c-4b3a-9f8e-7d6c5b4a3928".to_owned()),
        email: Some("alice.archer@example.com".to_owned()),
        groups: vec!["admins".to_owned(), "operators".to_owned()],
        preferred_username: Some("alice".to_owned()),
        claims: Vec::new(),
    };
    let now = UnixTime(1_795_392_000);
    let mut session = Session::new(now, jwt(1184), now.plus(Duration::from_secs(3600)), identity);
    session.auth_time = Some(UnixTime(now.0 - 2));
    session.refresh_token = Some(jwe(1780));
    session
}

fn store_with(keys: &[u8], scope: &str) -> CookieStore {
    let keys: Vec<_> = keys.iter().map(|byte| KeyMaterial::from([*byte; 32])).collect();
    let attributes = Attributes { secure: true, same_site: SameSite::Lax, domain: None };
    CookieStore::new(Sealer::new(&KeyRing::new(&keys), Purpose::Session, scope), NAME, attributes)
}

fn store() -> CookieStore {
    store_with(&[1], SCOPE)
}

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

fn found(session: &Session) -> Loaded {
    Loaded::Session { session: Box::new(session.clone()), current_key: true }
}

/// `session` with an access token of so many characters.
fn with_access(session: &Session, length: usize) -> Session {
    Session { access_token: jwt(length), ..session.clone() }
}

mod as_bytes {
    use super::*;

    fn round(session: &Session) -> Session {
        codec::decode(&codec::encode(session)).expect("what was encoded decodes")
    }

    #[test]
    fn every_version_ever_written_decodes_to_the_same_session() {
        for (session, encoded, name) in frozen() {
            assert_eq!(codec::decode(&encoded), Ok(session.clone()), "{name}");
            assert_eq!(*codec::encode(&session), encoded, "{name}");
        }
    }

    #[test]
    fn tokens_that_are_no_canonical_base64url_come_back_as_they_were() {
        let session = typical();
        for token in [
            "",
            ".",
            "..",
            "......................",
            "a",
            "ab",
            "AB.CD",
            "AA==.AA==",
            "not a token",
            "a.b.c.d.e.f.g.h.i.j",
            "AAAA.AAAA.AAAA.AAAA.AAAA.AAAA.AAAA.AAAA.AAAA",
            "é.ü",
            "AA+/.AA-_",
            "A\nA",
        ] {
            let session =
                Session { access_token: token.into(), id_token: Some(token.into()), ..session.clone() };
            assert_eq!(round(&session), session, "{token}");
        }
    }

    #[test]
    fn a_token_takes_three_quarters_of_its_length() {
        let session = typical();
        let without = Session { refresh_token: None, ..session.clone() };
        let taken = codec::encode(&session).len() - codec::encode(&without).len();
        assert!(taken <= 1780 * 3 / 4 + 20, "{taken} bytes for 1780 characters");
    }

    #[test]
    fn only_whole_sessions_of_a_known_version_decode() {
        let encoded = codec::encode(&typical());
        assert_eq!(codec::decode(&[]), Err(DecodeError::Malformed));
        for end in 1..encoded.len() {
            assert_eq!(codec::decode(&encoded[..end]), Err(DecodeError::Malformed), "{end} bytes");
        }
        assert_eq!(codec::decode(&[&encoded, [0].as_slice()].concat()), Err(DecodeError::Malformed));
        for version in [0, 2, 255] {
            let other = [&[version], &encoded[1..]].concat();
            assert_eq!(codec::decode(&other), Err(DecodeError::Version(version)));
        }
    }

    #[test]
    fn case_47_what_is_decoded_is_a_small_multiple_of_what_was_sent() {
        let longest = Session { access_token: "!".repeat(codec::MAX_ENCODED).as_str().into(), ..typical() };
        assert_eq!(codec::decode(&codec::encode(&longest)), Err(DecodeError::Malformed));
        let dots = Session { access_token: ".".repeat(40_000).as_str().into(), ..typical() };
        assert!(codec::encode(&dots).len() < 50_000, "dots are not stored one by one");
        assert_eq!(round(&dots), dots);
        // A list that claims 2^64-1 groups, and ends there.
        let mut claims = codec::encode(&Session { identity: Identity::default(), ..typical() }).to_vec();
        let groups = claims.len() - 3;
        claims.truncate(groups);
        claims.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert_eq!(codec::decode(&claims), Err(DecodeError::Malformed));
    }

    #[test]
    fn debug_shows_neither_tokens_nor_claims() {
        let session = Session {
            access_token: "access-secret".into(),
            refresh_token: Some("refresh-secret".into()),
            id_token: Some("id-secret".into()),
            ..typical()
        };
        let printed = format!("{session:?} {:?} {:?}", session.identity, found(&session));
        for secret in ["secret", "example.com", "admins", "alice"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(printed.contains(&session.identity.sub) && printed.contains(&session.id.to_string()));
    }

    #[test]
    fn a_session_id_prints_as_hex() {
        let id = SessionId::from([0x0f; 16]);
        assert_eq!((id.to_string(), format!("{id:?}")), ("0f".repeat(16), "0f".repeat(16)));
    }

    proptest! {
        #[test]
        fn any_session_comes_back(session in any_session()) {
            prop_assert_eq!(round(&session), session);
        }

        #[test]
        fn noise_decodes_to_an_error_or_a_session(noise: Vec<u8>) {
            let _ = codec::decode(&noise);
            let _ = codec::decode(&[&[1], noise.as_slice()].concat());
        }

        #[test]
        fn a_changed_byte_decodes_to_an_error_or_a_session(at: prop::sample::Index, to: u8) {
            let mut bytes = codec::encode(&typical()).to_vec();
            let at = at.index(bytes.len());
            bytes[at] = to;
            let _ = codec::decode(&bytes);
        }
    }
}

mod in_a_browser {
    use super::*;

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
        for (length, holds) in
            [(1184, one), (5000, two), (8000, three), (5000, two), (1184, one), (8000, three)]
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
        assert_eq!(loaded, Loaded::Session { session: Box::new(session), current_key: false });
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
        assert!(matches!(store().load(&browser.sends()), Loaded::Session { .. }));
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
        let names = [
            NAME.to_owned(),
            format!("{NAME}-1"),
            format!("{NAME}-2"),
            format!("{NAME}-3"),
            format!("{NAME}-7"),
        ];
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
            let none = !matches!(loaded, Loaded::Session { .. });
            prop_assert!(none);
        }
    }
}

fn any_token() -> impl Strategy<Value = Secret> {
    let segment = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| URL_SAFE_NO_PAD.encode_to_string(bytes)),
        "[A-Za-z0-9_-]{0,20}",
        "[A-Za-z0-9+/]{0,20}={0,2}",
    ];
    let token = prop_oneof![
        4 => prop::collection::vec(segment, 0..12).prop_map(|segments| segments.join(".")),
        1 => any::<String>(),
        1 => "\\.{0,20}",
    ];
    token.prop_map(Secret::from)
}

prop_compose! {
    fn any_identity()(
        sub: String,
        username: Option<String>,
        email: Option<String>,
        groups in prop::collection::vec(any::<String>(), 0..5),
        preferred_username: Option<String>,
        claims in prop::collection::vec(any::<(String, String)>(), 0..3),
    ) -> Identity {
        Identity { sub, username, email, groups, preferred_username, claims }
    }
}

prop_compose! {
    fn any_session()(
        id: [u8; 16],
        times: [i64; 3],
        auth_time: Option<i64>,
        access_token in any_token(),
        refresh_token in prop::option::of(any_token()),
        id_token in prop::option::of(any_token()),
        identity in any_identity(),
    ) -> Session {
        Session {
            id: SessionId::from(id),
            created: UnixTime(times[0]),
            touched: UnixTime(times[1]),
            auth_time: auth_time.map(UnixTime),
            access_token,
            access_expires: UnixTime(times[2]),
            refresh_token,
            id_token,
            identity,
        }
    }
}

/// Sessions, the bytes that they were encoded to when their version was current, and what is special about
/// them. The bytes were computed by other means than this code.
fn frozen() -> Vec<(Session, Vec<u8>, String)> {
    let vectors = vectors();
    let sessions = vectors["sessions"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 3);
    sessions
        .iter()
        .map(|vector| {
            let encoded = hex(&vector["encoded"]);
            (session(&vector["session"]), encoded, text(&vector["name"]))
        })
        .collect()
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

fn vectors() -> serde_json::Value {
    serde_json::from_str(include_str!("vectors/session_v1.json")).expect("JSON")
}

fn session(value: &serde_json::Value) -> Session {
    let time = |name: &str| value[name].as_i64().map(UnixTime);
    let token = |name: &str| value[name].as_str().map(Secret::from);
    let identity = &value["identity"];
    let claim = |name: &str| identity[name].as_str().map(str::to_owned);
    let list = |name: &str| identity[name].as_array().expect("a list").clone();
    Session {
        id: SessionId::from(<[u8; 16]>::try_from(hex(&value["id"])).expect("16 bytes")),
        created: time("created").expect("a time"),
        touched: time("touched").expect("a time"),
        auth_time: time("auth_time"),
        access_token: token("access_token").expect("a token"),
        access_expires: time("access_expires").expect("a time"),
        refresh_token: token("refresh_token"),
        id_token: token("id_token"),
        identity: Identity {
            sub: claim("sub").expect("a sub"),
            username: claim("username"),
            email: claim("email"),
            groups: list("groups").iter().map(text).collect(),
            preferred_username: claim("preferred_username"),
            claims: list("claims").iter().map(|claim| (text(&claim[0]), text(&claim[1]))).collect(),
        },
    }
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn hex(value: &serde_json::Value) -> Vec<u8> {
    let digits = text(value);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect()
}
