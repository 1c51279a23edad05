//! Sessions: as bytes, and as cookies in a browser.

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use cognigate::clock::UnixTime;
use cognigate::cookie::write::{Attributes, SameSite};
use cognigate::crypto::keyring::KeyRing;
use cognigate::crypto::seal::{Purpose, Sealer};
use cognigate::secret::{KeyMaterial, Secret};
use cognigate::session::cookie_store::CookieStore;
use cognigate::session::store::{Held, Loaded};
use cognigate::session::{Identity, Session, SessionId};
use proptest::prelude::*;

mod as_bytes;
mod in_a_browser;

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

fn found(session: &Session) -> Loaded {
    Loaded::Session(Held::in_cookie(session.clone(), true))
}

/// `session` with an access token of so many characters.
fn with_access(session: &Session, length: usize) -> Session {
    Session { access_token: jwt(length), ..session.clone() }
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
