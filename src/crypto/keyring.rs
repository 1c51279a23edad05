//! The keys that seal and open.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::KeyMaterial;

const SALT: &[u8] = b"cognigate";
const KEY_ID: &[u8] = b"cognigate/key-id/1";

/// The configured keys, the first of which seals; every one opens.
///
/// Adding a key in front and dropping the last one later rotates keys without ending a session.
#[derive(Clone)]
pub struct KeyRing(Vec<RingKey>);

#[derive(Clone)]
struct RingKey {
    id: KeyId,
    material: KeyMaterial,
}

/// Names a key within what it sealed, and says nothing about it.
///
/// Four bytes find the key in a ring of a few; where two keys ever share an id, both are tried.
pub(super) type KeyId = [u8; 4];

impl KeyRing {
    /// A ring of these keys, in this order.
    ///
    /// # Panics
    /// On no keys at all: a ring that seals needs one, and the configuration always has one.
    #[must_use]
    pub fn new(keys: &[KeyMaterial]) -> Self {
        assert!(!keys.is_empty(), "a key ring needs a key");
        let ring_key = |material: &KeyMaterial| {
            let mut id = KeyId::default();
            expand(material, KEY_ID, &mut id);
            RingKey { id, material: material.clone() }
        };
        Self(keys.iter().map(ring_key).collect())
    }

    /// The id of each key as lower-case hex, in the ring's order. It tells nothing of the key.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let hex = |id: &KeyId| id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.iter().map(|key| hex(&key.id)).collect()
    }

    /// The same keys with that of this id in front, where it is one of them.
    #[must_use]
    pub fn led_by(&self, id: &str) -> Self {
        let (mut first, others): (Vec<_>, Vec<_>) =
            self.0.iter().cloned().zip(self.ids()).partition(|(_, known)| known == id);
        first.extend(others);
        Self(first.into_iter().map(|(key, _)| key).collect())
    }

    /// A key of its own for `purpose` from each key of the ring, in the ring's order (HKDF-SHA256, RFC 5869).
    pub(super) fn derive(&self, purpose: &[u8]) -> impl Iterator<Item = (KeyId, Zeroizing<[u8; 32]>)> {
        self.0.iter().map(move |key| {
            let mut derived = Zeroizing::new([0; 32]);
            expand(&key.material, purpose, derived.as_mut_slice());
            (key.id, derived)
        })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.0.len())
    }
}

fn expand(material: &KeyMaterial, info: &[u8], into: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(SALT), material.expose())
        .expand(info, into)
        .expect("HKDF-SHA256 gives up to 8160 bytes, and this asks for 32 at most");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[u8]) -> KeyRing {
        KeyRing::new(&keys.iter().map(|byte| KeyMaterial::from([*byte; 32])).collect::<Vec<_>>())
    }

    #[test]
    fn purposes_have_keys_of_their_own_and_share_the_key_id() {
        let ring = ring(&[1]);
        let (one, other) = (ring.derive(b"one").next().unwrap(), ring.derive(b"other").next().unwrap());
        assert_eq!(one.0, other.0);
        assert_ne!(one.1, other.1);
    }

    #[test]
    fn no_derived_key_is_the_configured_one() {
        let ring = ring(&[1, 2]);
        let derived: Vec<_> = ring.derive(b"one").collect();
        assert_eq!(derived.len(), 2);
        assert_ne!(derived[0].0, derived[1].0);
        assert_ne!(derived[0].1.as_slice(), [1; 32]);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", ring(&[1, 2])), "KeyRing(2 keys)");
    }
}
