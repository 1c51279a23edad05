//! What the callback needs of the authorization request, sealed into a cookie of its own for each attempt.
//!
//! One cookie per attempt keeps parallel tabs apart; their number and their bytes are bounded, so that
//! unfinished attempts never grow into a request that no server accepts.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::return_to::ReturnTo;
use crate::clock::{Clock, UnixTime};
use crate::cookie::read::{Named, RequestCookies};
use crate::cookie::write::{Attributes, clear, set};
use crate::crypto::random;
use crate::crypto::seal::Sealer;
use crate::types::Origin;

/// An attempt that takes longer starts anew.
pub const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// The most login cookies that a browser is left with.
pub const MAX_COOKIES: usize = 20;
/// The most bytes of names and values that they have together.
pub const MAX_BYTES: usize = 6 * 1024;

/// The first byte of the sealed bytes.
const VERSION: u8 = 2;
/// In the place of an age in seconds.
const ANY_AGE: u64 = u64::MAX;
/// Behind the random part of a state that a restarted login carries.
const RESTARTED: &str = "-r";

/// The `state` of an authorization request (RFC 6749 §4.1.1): 32 random bytes in base64url.
///
/// A restarted login's state ends in a mark, so that a second failure is known as such even where the
/// browser keeps no cookies at all.
#[derive(Clone, PartialEq, Eq)]
pub struct State(String);

/// What is sealed into the login cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginState {
    nonce: [u8; 16],
    verifier: [u8; 32],
    pub started: UnixTime,
    /// How long ago the user may have proved who they are when the login is over, where it is about that.
    pub max_age: Option<Duration>,
    pub return_to: ReturnTo,
}

/// Seals and opens login cookies.
#[derive(Clone, Debug)]
pub struct LoginStates {
    sealer: Sealer,
    /// `NAME-login-`.
    cookie_prefix: String,
    attributes: Attributes,
    clock: Clock,
}

impl State {
    #[must_use]
    pub fn random(restarted: bool) -> Self {
        Self(random::token() + if restarted { RESTARTED } else { "" })
    }

    /// A state that came back; whether it was ever sent is the cookie's to tell.
    #[must_use]
    pub fn returned(text: &str) -> Self {
        Self(text.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the state of a login that was restarted already.
    #[must_use]
    pub fn is_restarted(&self) -> bool {
        self.0.ends_with(RESTARTED)
    }

    /// SHA-256 of the text; names the cookie and is remembered once the code is redeemed.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// Not the text: with the login cookie it is what a callback is believed by.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("restarted", &self.is_restarted()).finish_non_exhaustive()
    }
}

/// Leaves out the nonce and the verifier: the verifier and the code together give the tokens.
impl fmt::Debug for LoginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginState")
            .field("started", &self.started)
            .field("max_age", &self.max_age)
            .field("return_to", &self.return_to)
            .finish_non_exhaustive()
    }
}

impl LoginState {
    #[must_use]
    pub fn new(started: UnixTime, max_age: Option<Duration>, return_to: ReturnTo) -> Self {
        Self { nonce: random::bytes(), verifier: random::bytes(), started, max_age, return_to }
    }

    /// The `nonce` of the authorization request (OpenID Connect Core 1.0 §3.1.2.1).
    #[must_use]
    pub fn nonce(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.nonce)
    }

    /// The PKCE code verifier, 43 characters (RFC 7636 §4.1).
    #[must_use]
    pub fn verifier(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.verifier)
    }

    /// The PKCE code challenge by S256 (RFC 7636 §4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()))
    }

    fn encode(&self, state: &State) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&state.hash());
        bytes.extend_from_slice(&self.started.0.to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(&self.verifier);
        bytes.extend_from_slice(&self.max_age.map_or(ANY_AGE, |age| age.as_secs()).to_be_bytes());
        bytes.extend_from_slice(self.return_to.as_str().as_bytes());
        bytes
    }
}

impl LoginStates {
    #[must_use]
    pub fn new(sealer: Sealer, name: &str, attributes: Attributes, clock: Clock) -> Self {
        Self { sealer, cookie_prefix: format!("{name}-login-"), attributes, clock }
    }

    /// The `Set-Cookie` lines of a new attempt: its own cookie, and the end of those that it leaves no room
    /// for, the oldest first.
    #[must_use]
    pub fn begin(&self, state: &State, login: &LoginState, cookies: &RequestCookies) -> Vec<HeaderValue> {
        let name = self.name(state);
        let value = self.sealer.seal(&login.encode(state));
        let mut others = self.others(cookies);
        others.sort_by_key(|other| other.started);
        let mut bytes = name.len() + value.len() + others.iter().map(|other| other.bytes).sum::<usize>();
        let mut count = 1 + others.len();
        let mut lines = Vec::new();
        for other in others {
            let stale = other.started.is_none_or(|started| self.is_over(started));
            if !stale && count <= MAX_COOKIES && bytes <= MAX_BYTES {
                break;
            }
            count -= 1;
            bytes -= other.bytes;
            lines.push(clear(&self.attributes, &other.name));
        }
        lines.push(set(&self.attributes, &name, &value, LIFETIME));
        lines
    }

    /// What was sealed when `state` was sent, by this browser and not too long ago.
    #[must_use]
    pub fn resume(
        &self,
        state: &State,
        cookies: &RequestCookies,
        origin: &Origin,
        prefix: &str,
    ) -> Option<LoginState> {
        let Named::One(sealed) = cookies.named(&self.name(state)) else {
            return None;
        };
        let opened = self.sealer.open(sealed).ok()?;
        let (hash, login) = decode(&opened.bytes, origin, prefix)?;
        let same = bool::from(hash.ct_eq(&state.hash()));
        (same && !self.is_over(login.started)).then_some(login)
    }

    /// The end of the cookie of one attempt.
    #[must_use]
    pub fn end(&self, state: &State) -> HeaderValue {
        clear(&self.attributes, &self.name(state))
    }

    fn name(&self, state: &State) -> String {
        // 12 bytes are 16 characters.
        format!("{}{}", self.cookie_prefix, URL_SAFE_NO_PAD.encode(&state.hash()[..12]))
    }

    fn is_over(&self, started: UnixTime) -> bool {
        started.plus(LIFETIME) <= self.clock.now()
    }

    fn others(&self, cookies: &RequestCookies) -> Vec<Other> {
        let names = cookies.starting_with(&self.cookie_prefix);
        names
            .filter_map(|(name, value)| {
                let name = str::from_utf8(name).ok()?.to_owned();
                let started = self.sealer.open(value).ok().and_then(|opened| started(&opened.bytes));
                Some(Other { bytes: name.len() + value.len(), name, started })
            })
            .collect()
    }
}

/// A login cookie that the browser already holds.
struct Other {
    name: String,
    bytes: usize,
    /// `None`: it does not open, so that it is the first to go.
    started: Option<UnixTime>,
}

fn started(bytes: &[u8]) -> Option<UnixTime> {
    let (&version, rest) = bytes.split_first()?;
    let (time, _) = rest.get(32..)?.split_first_chunk::<8>()?;
    (version == VERSION).then(|| UnixTime(i64::from_be_bytes(*time)))
}

/// The hash of the state that the bytes were sealed for, and the rest. The return path is judged again, though
/// it was sealed by us: `public_url` may have changed since.
fn decode(bytes: &[u8], origin: &Origin, prefix: &str) -> Option<([u8; 32], LoginState)> {
    let (&version, rest) = bytes.split_first()?;
    let (hash, rest) = rest.split_first_chunk::<32>()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    let (nonce, rest) = rest.split_first_chunk::<16>()?;
    let (verifier, rest) = rest.split_first_chunk::<32>()?;
    let (age, rest) = rest.split_first_chunk::<8>()?;
    if version != VERSION {
        return None;
    }
    let return_to = ReturnTo::parse(str::from_utf8(rest).ok()?, origin, prefix);
    let started = UnixTime(i64::from_be_bytes(*time));
    let max_age = Some(u64::from_be_bytes(*age)).filter(|age| *age != ANY_AGE).map(Duration::from_secs);
    Some((*hash, LoginState { nonce: *nonce, verifier: *verifier, started, max_age, return_to }))
}
