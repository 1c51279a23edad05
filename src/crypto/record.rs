//! Sealed records: what a store keeps for us, opened by a key of the ring together with the secret of a ticket, and by
//! neither alone.
//!
//! A record is:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | key id |
//! | 24 | nonce, fresh for each sealing |
//! | n | ciphertext, as long as the plaintext |
//! | 16 | tag |
//!
//! Its key is HKDF-SHA256 of the ring's key for records, then the ticket's secret, with the record's id as info. The
//! additional data names the purpose, the version, the scope and the id.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::crypto::keyring::{KeyId, KeyRing};
use crate::crypto::random;
use crate::crypto::seal::{OpenError, Opened, associated};
use crate::crypto::xaes::{NONCE, TAG, Xaes256Gcm};

const VERSION: u8 = 1;
const KEY_ID: usize = size_of::<KeyId>();
const HEADER: usize = 1 + KEY_ID + NONCE;
const SALT: &[u8] = b"cognigate";
/// Part of the sealed format: a changed label ends every session.
const LABEL: &[u8] = b"cognigate/record/1";
const PSEUDONYM: &[u8] = b"cognigate/user/1";

/// The longest record that [`RecordSealer::open`] looks at.
pub const MAX_RECORD: usize = 128 * 1024;

/// What a record is found by: no secret.
pub type RecordId = [u8; 16];
/// What opens it, together with the ring.
pub type RecordSecret = [u8; 32];

/// Seals and opens records of one scope. Clones share the keys, and a change of them.
#[derive(Clone)]
pub struct RecordSealer(Arc<Inner>);

struct Inner {
    keys: ArcSwap<Vec<RingKey>>,
    scope: String,
}

struct RingKey {
    id: KeyId,
    records: Zeroizing<[u8; 32]>,
    pseudonyms: Zeroizing<[u8; 32]>,
}

impl RecordSealer {
    #[must_use]
    pub fn new(ring: &KeyRing, scope: &str) -> Self {
        Self(Arc::new(Inner { keys: ArcSwap::from_pointee(derived(ring)), scope: scope.to_owned() }))
    }

    /// Goes over to the keys of `ring`, in every clone at once.
    pub fn renew(&self, ring: &KeyRing) {
        self.0.keys.store(Arc::new(derived(ring)));
    }

    /// Seals `plaintext` with the ring's first key under a fresh nonce; 45 bytes longer than it.
    #[must_use]
    pub fn seal(&self, id: &RecordId, secret: &RecordSecret, plaintext: &[u8]) -> Vec<u8> {
        self.seal_with_nonce(id, secret, plaintext, &random::bytes())
    }

    fn seal_with_nonce(
        &self,
        id: &RecordId,
        secret: &RecordSecret,
        plaintext: &[u8],
        nonce: &[u8; NONCE],
    ) -> Vec<u8> {
        let keys = self.0.keys.load();
        let key = &keys[0];
        // Reserved in full: a buffer that grew would leave plaintext behind.
        let mut sealed = Vec::with_capacity(HEADER + plaintext.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(nonce);
        sealed.extend_from_slice(plaintext);
        let tag = key.cipher(id, secret).seal(nonce, &self.aad(id), &mut sealed[HEADER..]);
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens what [`RecordSealer::seal`] made, with whichever key of the ring sealed it.
    ///
    /// # Errors
    /// [`OpenError`] for everything else.
    pub fn open(&self, id: &RecordId, secret: &RecordSecret, sealed: &[u8]) -> Result<Opened, OpenError> {
        if sealed.len() > MAX_RECORD {
            return Err(OpenError);
        }
        let (&[VERSION, ref rest @ ..], message) = sealed.split_first_chunk::<HEADER>().ok_or(OpenError)?
        else {
            return Err(OpenError);
        };
        let (key_id, nonce) = rest.split_first_chunk::<KEY_ID>().ok_or(OpenError)?;
        let nonce = nonce.first_chunk::<NONCE>().ok_or(OpenError)?;
        let (ciphertext, tag) = message.split_last_chunk::<TAG>().ok_or(OpenError)?;
        let mut bytes = Zeroizing::new(ciphertext.to_vec());
        let aad = self.aad(id);
        for (index, key) in self.0.keys.load().iter().enumerate() {
            if key.id == *key_id && key.cipher(id, secret).open(nonce, &aad, &mut bytes, tag).is_ok() {
                return Ok(Opened { bytes, current_key: index == 0 });
            }
        }
        Err(OpenError)
    }

    /// Names that stand for `user` and that nobody makes without the ring: one for each of its keys, the first being
    /// the current one.
    #[must_use]
    pub fn pseudonyms(&self, user: &str) -> Vec<String> {
        let info = associated(&[self.0.scope.as_bytes(), user.as_bytes()]);
        let keys = self.0.keys.load();
        let names = keys.iter().map(|key| {
            let mut name = [0; 16];
            expand(key.pseudonyms.as_slice(), &info, &mut name);
            name.iter().map(|byte| format!("{byte:02x}")).collect()
        });
        names.collect()
    }

    fn aad(&self, id: &RecordId) -> Vec<u8> {
        associated(&[LABEL, &[VERSION], self.0.scope.as_bytes(), id])
    }
}

impl RingKey {
    fn cipher(&self, id: &RecordId, secret: &RecordSecret) -> Xaes256Gcm {
        let material = Zeroizing::new([self.records.as_slice(), secret].concat());
        let mut key = Zeroizing::new([0; 32]);
        expand(&material, &[LABEL, id].concat(), key.as_mut_slice());
        Xaes256Gcm::new(&key)
    }
}

fn derived(ring: &KeyRing) -> Vec<RingKey> {
    let keys = ring.derive(LABEL).zip(ring.derive(PSEUDONYM));
    keys.map(|((id, records), (_, pseudonyms))| RingKey { id, records, pseudonyms }).collect()
}

fn expand(material: &[u8], info: &[u8], into: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(SALT), material)
        .expand(info, into)
        .expect("HKDF-SHA256 gives up to 8160 bytes, and this asks for 32 at most");
}

impl fmt::Debug for RecordSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordSealer({} keys)", self.0.keys.load().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::KeyMaterial;

    const SCOPE: &str = "app.example.com eu-west-1_AbCdEfGhI client";

    fn sealer(keys: &[u8]) -> RecordSealer {
        let keys: Vec<_> = keys.iter().map(|byte| KeyMaterial::from([*byte; 32])).collect();
        RecordSealer::new(&KeyRing::new(&keys), SCOPE)
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_frozen_format_seals_and_opens_to_the_byte() {
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/record_v1.json")).unwrap();
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let bytes = |name: &str| -> Vec<u8> {
            let hex = text(name);
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        let key = KeyMaterial::from(<[u8; 32]>::try_from(bytes("key")).unwrap());
        let sealer = RecordSealer::new(&KeyRing::new(&[key]), &text("scope"));
        let (id, secret) = (bytes("id").try_into().unwrap(), bytes("secret").try_into().unwrap());
        let (nonce, plaintext) = (bytes("nonce").try_into().unwrap(), bytes("plaintext"));
        let sealed = sealer.seal_with_nonce(&id, &secret, &plaintext, &nonce);
        assert_eq!(hex(&sealed), text("sealed"));
        assert_eq!(*sealer.open(&id, &secret, &sealed).unwrap().bytes, plaintext);
        assert_eq!(sealer.pseudonyms(&text("user")), [text("pseudonym")]);
    }

    #[test]
    fn neither_the_ring_nor_the_ticket_opens_a_record_alone() {
        let (id, secret) = ([1; 16], [2; 32]);
        let sealed = sealer(&[7]).seal(&id, &secret, b"tokens");
        assert!(sealer(&[7]).open(&id, &[3; 32], &sealed).is_err());
        assert!(sealer(&[8]).open(&id, &secret, &sealed).is_err());
        assert!(sealer(&[7]).open(&[9; 16], &secret, &sealed).is_err());
        let other = RecordSealer::new(&KeyRing::new(&[KeyMaterial::from([7; 32])]), "elsewhere");
        assert!(other.open(&id, &secret, &sealed).is_err());
        let opened = sealer(&[8, 7]).open(&id, &secret, &sealed).unwrap();
        assert_eq!((opened.bytes.as_slice(), opened.current_key), (b"tokens".as_slice(), false));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer(&[7]).open(&id, &secret, &changed).is_err(), "byte {at}");
            assert!(sealer(&[7]).open(&id, &secret, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_pseudonym_is_of_one_user_one_scope_and_one_key() {
        let ours = sealer(&[1, 2]).pseudonyms("alice");
        assert_eq!(ours.len(), 2);
        assert_eq!(sealer(&[2]).pseudonyms("alice"), ours[1..]);
        assert_ne!(sealer(&[1]).pseudonyms("alicf"), ours[..1]);
        let other = RecordSealer::new(&KeyRing::new(&[KeyMaterial::from([1; 32])]), "elsewhere");
        assert_ne!(other.pseudonyms("alice"), ours[..1]);
    }
}
