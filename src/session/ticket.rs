//! What the browser holds of a session that is kept elsewhere.

use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::crypto::random;
use crate::session::SessionId;

/// Sealed sessions are version 1 of what a cookie of ours holds.
const VERSION: u8 = 2;
const ID: usize = 16;
const SECRET: usize = 32;
const LENGTH: usize = 1 + ID + SECRET;

/// The id that a record is found by, and half of what opens it. In unpadded base64url 66 characters:
///
/// | bytes | what |
/// |---|---|
/// | 1 | version, 2 |
/// | 16 | session id |
/// | 32 | secret, random for each session |
///
/// It names no key of the ring: the record does, so that a browser keeps its ticket while keys are rotated.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    id: SessionId,
    secret: Zeroizing<[u8; SECRET]>,
}

impl Ticket {
    /// For a session that begins.
    #[must_use]
    pub fn new(id: SessionId) -> Self {
        Self { id, secret: Zeroizing::new(random::bytes()) }
    }

    /// What a cookie holds, where it is a ticket.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        // Longer ones are not decoded at all.
        if text.len() != URL_SAFE_NO_PAD.encoded_length(LENGTH) {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode_to_vec(text).ok()?);
        let (&[VERSION], rest) = bytes.split_first_chunk::<1>()? else { return None };
        let (id, secret) = rest.split_first_chunk::<ID>()?;
        let secret = <[u8; SECRET]>::try_from(secret).ok()?;
        Some(Self { id: SessionId::from(*id), secret: Zeroizing::new(secret) })
    }

    /// The cookie's value.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(self.secret.as_slice());
        Zeroizing::new(URL_SAFE_NO_PAD.encode_to_string(bytes.as_slice()))
    }

    /// The session's id, which tells nothing.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    pub(super) fn secret(&self) -> &[u8; SECRET] {
        &self.secret
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frozen_format_is_read_and_written_to_the_byte() {
        let ticket = Ticket { id: SessionId::from([1; 16]), secret: Zeroizing::new([2; 32]) };
        let text = "AgEBAQEBAQEBAQEBAQEBAQECAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg";
        assert_eq!(ticket.to_text().as_str(), text);
        assert_eq!(Ticket::parse(text.as_bytes()), Some(ticket));
    }

    #[test]
    fn what_is_no_ticket_is_none() {
        let text = Ticket::new(SessionId::random()).to_text().to_string();
        assert!(Ticket::parse(text.as_bytes()).is_some());
        for other in [
            "",
            "x",
            &text[1..],
            &format!("{text}A"),
            &format!("B{}", &text[1..]),
            &text.replace(&text[9..10], "="),
        ] {
            assert_eq!(Ticket::parse(other.as_bytes()), None, "{other}");
        }
        // No two texts are one ticket.
        let mut last = text.clone().into_bytes();
        last[65] += 1;
        assert_eq!(Ticket::parse(&last), None);
    }

    #[test]
    fn debug_shows_no_secret() {
        let ticket = Ticket { id: SessionId::from([1; 16]), secret: Zeroizing::new([77; 32]) };
        assert!(!format!("{ticket:?}").contains("77"));
    }
}
