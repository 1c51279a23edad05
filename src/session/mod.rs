//! Who is signed in, and with which tokens.
//!
//! [`codec`] turns a [`Session`] into few bytes and back, [`cookie_store`] keeps it sealed in the browser, [`redis`]
//! behind a [`ticket`] in Redis, and [`store`] is what the flow asks, whichever of the two it is.

use std::fmt;
use std::str::FromStr;

use crate::clock::UnixTime;
use crate::crypto::random;
use crate::secret::Secret;

pub mod codec;
pub mod cookie_store;
mod packed;
pub mod redis;
mod sizes;
pub mod store;
pub mod ticket;

/// One sign-in of one user, from the callback to the sign-out. Prints neither tokens nor claims.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Names this sign-in; a refresh keeps it, a new sign-in never does.
    pub id: SessionId,
    /// When the user signed in here.
    pub created: UnixTime,
    /// When the session was last written.
    pub touched: UnixTime,
    /// When the user last proved who they are to Cognito; a refresh keeps it.
    pub auth_time: Option<UnixTime>,
    pub access_token: Secret,
    /// The access token's own `exp`, or the id token's where that is forwarded and ends sooner.
    pub access_expires: UnixTime,
    /// Absent where Cognito gave none; the session then ends with its access token.
    pub refresh_token: Option<Secret>,
    /// Where it is kept.
    pub id_token: Option<Secret>,
    /// What is known of the user, from the id token.
    pub identity: Identity,
}

impl Session {
    /// A session that begins now, under an id that no session has had; the rest is for the caller to fill in.
    ///
    /// Whatever session the browser held before is not continued, so none can be planted in it.
    #[must_use]
    pub fn new(now: UnixTime, access_token: Secret, access_expires: UnixTime, identity: Identity) -> Self {
        Self {
            id: SessionId::random(),
            created: now,
            touched: now,
            auth_time: None,
            access_token,
            access_expires,
            refresh_token: None,
            id_token: None,
            identity,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("created", &self.created)
            .field("touched", &self.touched)
            .field("access_expires", &self.access_expires)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// The user: `sub`, and claims that may be absent. Prints `sub` alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who this is, for good; everything else may change.
    pub sub: String,
    /// `cognito:username`.
    pub username: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `cognito:groups`.
    pub groups: Vec<String>,
    /// `preferred_username`.
    pub preferred_username: Option<String>,
    /// Further claims that are kept, as name and JSON text.
    pub claims: Vec<(String, String)>,
}

impl Identity {
    /// The name to show: `preferred_username`, else the user name.
    #[must_use]
    pub fn shown_name(&self) -> Option<&str> {
        self.preferred_username.as_deref().or(self.username.as_deref())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("sub", &self.sub).finish_non_exhaustive()
    }
}

/// Names one session; 16 random bytes, printed as hex. It opens nothing, so it may be logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// An id that no session has had.
    #[must_use]
    pub fn random() -> Self {
        Self(random::bytes())
    }

    /// The bytes themselves.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for SessionId {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// A text is no session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session id is 32 hexadecimal digits")]
pub struct NoSessionId;

impl FromStr for SessionId {
    type Err = NoSessionId;

    fn from_str(text: &str) -> Result<Self, NoSessionId> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits).ok_or(NoSessionId)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
