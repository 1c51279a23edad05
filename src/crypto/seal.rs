//! Sealed values: text that the browser keeps for us and can neither read nor change.
//!
//! A sealed value is, in unpadded base64url (RFC 4648 §5):
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | key id |
//! | 24 | nonce, fresh for each value |
//! | n | ciphertext, as long as the plaintext |
//! | 16 | tag |
//!
//! The additional data names the purpose, the version and the scope, so that a value opens only as what it
//! was sealed for, where it was sealed for.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64_simd::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::crypto::keyring::{KeyId, KeyRing};
use crate::crypto::random;
use crate::crypto::xaes::{NONCE, TAG, Xaes256Gcm};

const VERSION: u8 = 1;
const KEY_ID: usize = size_of::<KeyId>();
const HEADER: usize = 1 + KEY_ID + NONCE;

/// The longest text that [`Sealer::open`] looks at; a whole header block is no longer.
pub const MAX_SEALED: usize = 64 * 1024;

/// What a value is sealed for. A value sealed for one purpose does not open for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The session cookie.
    Session,
    /// The login cookie, between the authorization request and the callback.
    Login,
    /// What a refresh of a session in a cookie gave, on its way to another replica.
    Refresh,
}

impl Purpose {
    /// Part of the sealed format: a changed label ends every session.
    fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"cognigate/session/1",
            Self::Login => b"cognigate/login/1",
            Self::Refresh => b"cognigate/refresh/1",
        }
    }
}

/// Seals and opens for one purpose and one scope. Clones share the keys, and a change of them.
///
/// All key derivation is done by [`Sealer::new`] and [`Sealer::renew`]; opening a value hashes nothing.
#[derive(Clone)]
pub struct Sealer(Arc<Inner>);

struct Inner {
    purpose: Purpose,
    keys: ArcSwap<Keys>,
    aad: Vec<u8>,
}

/// Never empty, and in the ring's order: the first seals.
type Keys = Vec<(KeyId, Xaes256Gcm)>;

/// What was sealed.
pub struct Opened {
    /// The plaintext, wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// False where an older key of the ring opened it, so that it wants sealing anew.
    pub current_key: bool,
}

/// The value does not open.
///
/// There is one such error on purpose: unknown key, wrong purpose, another scope, a flipped bit or plain
/// noise look the same to whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open")]
pub struct OpenError;

impl Sealer {
    /// A sealer for `purpose` within `scope`, the cookie's domain or host as configured.
    #[must_use]
    pub fn new(ring: &KeyRing, purpose: Purpose, scope: &str) -> Self {
        let aad = associated(&[purpose.label(), &[VERSION], scope.as_bytes()]);
        Self(Arc::new(Inner { purpose, keys: ArcSwap::from_pointee(derived(ring, purpose)), aad }))
    }

    /// Goes over to the keys of `ring`, in every clone at once: what is sealed with a key that is no longer there does
    /// not open any more.
    pub fn renew(&self, ring: &KeyRing) {
        self.0.keys.store(Arc::new(derived(ring, self.0.purpose)));
    }

    /// Seals `plaintext` with the ring's first key under a fresh nonce.
    ///
    /// The text is 4/3 as long as the plaintext and 60 characters more.
    #[must_use]
    pub fn seal(&self, plaintext: &[u8]) -> String {
        self.seal_with_nonce(plaintext, &random::bytes())
    }

    fn seal_with_nonce(&self, plaintext: &[u8], nonce: &[u8; NONCE]) -> String {
        let keys = self.0.keys.load();
        let (id, cipher) = &keys[0];
        // Reserved in full: a buffer that grew would leave plaintext behind.
        let mut sealed = Vec::with_capacity(HEADER + plaintext.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(nonce);
        sealed.extend_from_slice(plaintext);
        let tag = cipher.seal(nonce, &self.0.aad, &mut sealed[HEADER..]);
        sealed.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode_to_string(&sealed)
    }

    /// Opens what [`Sealer::seal`] made, with whichever key of the ring sealed it.
    ///
    /// # Errors
    /// [`OpenError`] for everything else, and for a text longer than [`MAX_SEALED`].
    pub fn open(&self, sealed: &[u8]) -> Result<Opened, OpenError> {
        if sealed.len() > MAX_SEALED {
            return Err(OpenError);
        }
        let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode_to_vec(sealed).map_err(|_| OpenError)?);
        let (&[VERSION, ref rest @ ..], message) = bytes.split_first_chunk::<HEADER>().ok_or(OpenError)?
        else {
            return Err(OpenError);
        };
        let (id, nonce) = rest.split_first_chunk::<KEY_ID>().ok_or(OpenError)?;
        let (id, nonce) = (*id, *nonce.first_chunk::<NONCE>().ok_or(OpenError)?);
        let tag = *message.last_chunk::<TAG>().ok_or(OpenError)?;

        // The ciphertext moves to the front and is decrypted there, so that the buffer is the answer.
        let end = bytes.len() - TAG;
        bytes.truncate(end);
        bytes.drain(..HEADER);
        for (index, (key_id, cipher)) in self.0.keys.load().iter().enumerate() {
            if *key_id == id && cipher.open(&nonce, &self.0.aad, &mut bytes, &tag).is_ok() {
                return Ok(Opened { bytes, current_key: index == 0 });
            }
        }
        Err(OpenError)
    }
}

/// Parts put together so that no other parts come to the same: lengths keep (ab, c) apart from (a, bc).
pub(super) fn associated(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn derived(ring: &KeyRing, purpose: Purpose) -> Keys {
    ring.derive(purpose.label()).map(|(id, key)| (id, Xaes256Gcm::new(&key))).collect()
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} keys)", self.0.keys.load().len())
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("current_key", &self.current_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::secret::KeyMaterial;

    #[derive(Deserialize)]
    struct Vector {
        key: String,
        purpose: String,
        scope: String,
        nonce: String,
        plaintext: String,
        sealed: String,
    }

    fn from_hex<const N: usize>(text: &str) -> [u8; N] {
        bytes(text).try_into().unwrap()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// Values that browsers hold were sealed just so. They were computed by other means than this code.
    #[test]
    fn the_frozen_format_seals_and_opens_to_the_byte() {
        let vectors: Vec<Vector> =
            serde_json::from_str(include_str!("../../tests/vectors/seal_v1.json")).unwrap();
        assert_eq!(vectors.len(), 7);
        for vector in vectors {
            let purpose = match vector.purpose.as_str() {
                "session" => Purpose::Session,
                "login" => Purpose::Login,
                "refresh" => Purpose::Refresh,
                other => panic!("no such purpose: {other}"),
            };
            let ring = KeyRing::new(&[KeyMaterial::from(from_hex(&vector.key))]);
            let sealer = Sealer::new(&ring, purpose, &vector.scope);
            let plaintext = bytes(&vector.plaintext);
            assert_eq!(sealer.seal_with_nonce(&plaintext, &from_hex(&vector.nonce)), vector.sealed);
            assert_eq!(*sealer.open(vector.sealed.as_bytes()).unwrap().bytes, plaintext);
        }
    }

    #[test]
    fn keys_that_share_an_id_are_both_tried() {
        let ring = |bytes: [u8; 32]| KeyRing::new(&[KeyMaterial::from(bytes)]);
        let (one, other) = (ring([1; 32]), ring([2; 32]));
        let sealed = Sealer::new(&other, Purpose::Session, "a").seal(b"hello");
        let id = URL_SAFE_NO_PAD.decode_to_vec(&sealed).unwrap()[1..=KEY_ID].try_into().unwrap();
        let cipher = |ring: &KeyRing| {
            let (_, key) = ring.derive(Purpose::Session.label()).next().unwrap();
            (id, Xaes256Gcm::new(&key))
        };
        let aad = Sealer::new(&one, Purpose::Session, "a").0.aad.clone();
        let keys = ArcSwap::from_pointee(vec![cipher(&one), cipher(&other)]);
        let both = Sealer(Arc::new(Inner { purpose: Purpose::Session, keys, aad }));
        let opened = both.open(sealed.as_bytes()).unwrap();
        assert_eq!((opened.bytes.as_slice(), opened.current_key), (b"hello".as_slice(), false));
    }
}
