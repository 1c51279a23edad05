//! The pool's RSA keys, and the JWKS that shows them.
//!
//! Making a key takes a tenth of a second or more, so all emulators of a process draw from one supply, in the
//! same order: a key is made once, and a rotation takes the next ones.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Every key that this process has made so far.
static SUPPLY: Mutex<Vec<Arc<SigningKey>>> = Mutex::new(Vec::new());

/// A key that no JWKS holds, for forgeries.
static FOREIGN: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);

/// An RSA key of 2,048 bits under a key id of 44 characters, as Cognito's are.
#[derive(Debug)]
pub(super) struct SigningKey {
    kid: String,
    pair: KeyPair,
}

/// The two keys in use. Cognito signs id and access tokens by different ones.
#[derive(Clone, Debug)]
pub(super) struct KeySet {
    pub(super) id: Arc<SigningKey>,
    pub(super) access: Arc<SigningKey>,
    /// Still in the JWKS, but nothing new is signed by them.
    retired: Vec<Arc<SigningKey>>,
    drawn: usize,
}

impl KeySet {
    pub(super) fn new() -> Self {
        Self { id: supplied(0), access: supplied(1), retired: Vec::new(), drawn: 2 }
    }

    /// The set after a rotation. `keep_old` leaves the former keys in the JWKS. Blocks while keys are made.
    pub(super) fn rotated(&self, keep_old: bool) -> Self {
        let mut retired = Vec::new();
        if keep_old {
            retired.clone_from(&self.retired);
            retired.extend([Arc::clone(&self.id), Arc::clone(&self.access)]);
        }
        Self { id: supplied(self.drawn), access: supplied(self.drawn + 1), retired, drawn: self.drawn + 2 }
    }

    /// The keys as JWKS elements (RFC 7517 §4), the id token's first.
    pub(super) fn jwks(&self) -> Vec<Value> {
        self.all().map(SigningKey::jwk).collect()
    }

    /// The key of that id, among those published.
    pub(super) fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.all().find(|key| key.kid == kid)
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        [&self.id, &self.access].into_iter().chain(&self.retired).map(AsRef::as_ref)
    }
}

/// A key that no JWKS of any emulator holds.
pub(super) fn foreign() -> &'static SigningKey {
    &FOREIGN
}

impl SigningKey {
    fn generate() -> Self {
        // Key generation and signing fail only where memory runs out.
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("there is memory for an RSA key");
        let kid = STANDARD.encode(digest(&SHA256, pair.public_key().as_ref()));
        Self { kid, pair }
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256: `RS256`.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("the buffer is as long as the modulus, and the memory suffices");
        signature
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref())
            .verify(message, signature)
            .is_ok()
    }

    /// The public key as a PEM file has it (RFC 7468 §13): what an HS256 forgery takes for its secret.
    pub(super) fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> =
            self.pair.public_key().as_der().expect("there is memory for a public key in DER");
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }

    fn jwk(&self) -> Value {
        json!({
            "alg": "RS256",
            "e": "AQAB",
            "kid": self.kid,
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(self.modulus()),
            "use": "sig",
        })
    }

    /// PKCS#1 DER of a 2,048 bit key with the exponent 65,537 has one shape: the modulus stands between a
    /// header of 9 bytes (its last is the sign's zero) and the exponent's 5.
    fn modulus(&self) -> &[u8] {
        let der = self.pair.public_key().as_ref();
        &der[9..der.len() - 5]
    }
}

fn supplied(index: usize) -> Arc<SigningKey> {
    let mut supply = SUPPLY.lock().unwrap_or_else(PoisonError::into_inner);
    while supply.len() <= index {
        supply.push(Arc::new(SigningKey::generate()));
    }
    Arc::clone(&supply[index])
}
