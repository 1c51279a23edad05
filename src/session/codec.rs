//! A session as bytes: a version, then its fields by [postcard](https://postcard.jamesmunns.com/wire-format).
//!
//! The bytes are what is sealed, so their length is what counts: a typical session fits into one cookie.
//! Every version that was ever written stays readable; a changed field is a new version.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::UnixTime;
use crate::session::{Identity, Session, SessionId, packed};

const VERSION: u8 = 1;

/// The most bytes that [`decode`] looks at; what it makes of them is a small multiple.
pub const MAX_ENCODED: usize = 64 * 1024;

/// Why bytes are not a session. Whoever reads this has opened a seal, so it may say what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("a session of version {0} is from another release")]
    Version(u8),
    #[error("the bytes are not a session")]
    Malformed,
}

/// Version 1. The order of fields is the format.
#[derive(Deserialize, Serialize)]
struct Wire<'a> {
    id: [u8; 16],
    created: i64,
    touched: i64,
    auth_time: Option<i64>,
    access_token: &'a [u8],
    access_expires: i64,
    refresh_token: Option<&'a [u8]>,
    id_token: Option<&'a [u8]>,
    sub: &'a str,
    username: Option<&'a str>,
    email: Option<&'a str>,
    #[serde(borrow)]
    groups: Vec<&'a str>,
    preferred_username: Option<&'a str>,
    #[serde(borrow)]
    claims: Vec<(&'a str, &'a str)>,
}

/// The session as bytes, wiped when dropped.
#[must_use]
pub fn encode(session: &Session) -> Zeroizing<Vec<u8>> {
    let access_token = packed::pack(&session.access_token);
    let refresh_token = session.refresh_token.as_ref().map(packed::pack);
    let id_token = session.id_token.as_ref().map(packed::pack);
    let identity = &session.identity;
    let wire = Wire {
        id: *session.id.as_bytes(),
        created: session.created.0,
        touched: session.touched.0,
        auth_time: session.auth_time.map(|time| time.0),
        access_token: &access_token,
        access_expires: session.access_expires.0,
        refresh_token: refresh_token.as_ref().map(|packed| packed.as_slice()),
        id_token: id_token.as_ref().map(|packed| packed.as_slice()),
        sub: &identity.sub,
        username: identity.username.as_deref(),
        email: identity.email.as_deref(),
        groups: identity.groups.iter().map(String::as_str).collect(),
        preferred_username: identity.preferred_username.as_deref(),
        claims: identity.claims.iter().map(|(name, json)| (name.as_str(), json.as_str())).collect(),
    };
    // Measured first: a buffer that grew would leave token bytes behind.
    let length = postcard::experimental::serialized_size(&wire).expect("every field has a length");
    let mut bytes = Zeroizing::new(vec![0; 1 + length]);
    bytes[0] = VERSION;
    postcard::to_slice(&wire, &mut bytes[1..]).expect("the buffer is as long as was just measured");
    bytes
}

/// The session that [`encode`] was given.
///
/// # Errors
/// Where the bytes are of a version that this release does not know, are no session, are more than one, or are
/// more than [`MAX_ENCODED`].
pub fn decode(bytes: &[u8]) -> Result<Session, DecodeError> {
    if bytes.len() > MAX_ENCODED {
        return Err(DecodeError::Malformed);
    }
    match bytes {
        [VERSION, wire @ ..] => decode_1(wire).map_err(|_| DecodeError::Malformed),
        [version, ..] => Err(DecodeError::Version(*version)),
        [] => Err(DecodeError::Malformed),
    }
}

fn decode_1(bytes: &[u8]) -> Result<Session, postcard::Error> {
    let (wire, rest): (Wire<'_>, _) = postcard::take_from_bytes(bytes)?;
    if !rest.is_empty() {
        return Err(postcard::Error::SerdeDeCustom);
    }
    Ok(Session {
        id: SessionId::from(wire.id),
        created: UnixTime(wire.created),
        touched: UnixTime(wire.touched),
        auth_time: wire.auth_time.map(UnixTime),
        access_token: packed::unpack(wire.access_token)?,
        access_expires: UnixTime(wire.access_expires),
        refresh_token: wire.refresh_token.map(packed::unpack).transpose()?,
        id_token: wire.id_token.map(packed::unpack).transpose()?,
        identity: Identity {
            sub: wire.sub.to_owned(),
            username: wire.username.map(str::to_owned),
            email: wire.email.map(str::to_owned),
            groups: wire.groups.into_iter().map(str::to_owned).collect(),
            preferred_username: wire.preferred_username.map(str::to_owned),
            claims: wire.claims.into_iter().map(|(name, json)| (name.to_owned(), json.to_owned())).collect(),
        },
    })
}
