//! AES-256-GCM with a nonce long enough to be drawn at random: [XAES-256-GCM](https://c2sp.org/XAES-256-GCM).

use std::fmt;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes256, Block};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, Error};
use zeroize::{Zeroize, Zeroizing};

pub(super) const NONCE: usize = 24;
pub(super) const TAG: usize = 16;

/// One XAES-256-GCM key.
///
/// Every message gets an AES-256-GCM key derived from half of its nonce, which costs two AES blocks and a key
/// schedule; random nonces then stay safe for 2^80 messages, where plain AES-GCM's do for 2^32.
pub(super) struct Xaes256Gcm {
    cipher: Aes256,
    /// The CMAC subkey of NIST SP 800-38B §6.1, the same for every message.
    k1: Zeroizing<u128>,
}

impl Xaes256Gcm {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let cipher = Aes256::new(key.into());
        let mut block = Block::default();
        cipher.encrypt_block(&mut block);
        let l = Zeroizing::new(u128::from_be_bytes(block.0));
        block.zeroize();
        // Doubling in GF(2^128); the mask instead of a branch keeps the time apart from the secret bit.
        let k1 = Zeroizing::new((*l << 1) ^ (0x87 & 0u128.wrapping_sub(*l >> 127)));
        Self { cipher, k1 }
    }

    /// Encrypts `message` where it lies and returns its tag.
    pub(super) fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], message: &mut [u8]) -> [u8; TAG] {
        let (cipher, rest) = self.message_cipher(nonce);
        cipher
            .encrypt_inout_detached(&rest.into(), aad, message.into())
            .expect("AES-GCM takes up to 64 GiB, more than fits here")
            .into()
    }

    /// Decrypts `message` where it lies; on an error its bytes are as they were.
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        message: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), Error> {
        let (cipher, rest) = self.message_cipher(nonce);
        cipher.decrypt_inout_detached(&rest.into(), aad, message.into(), tag.into())
    }

    /// The cipher of one message, and the half of the nonce that is left for it.
    fn message_cipher(&self, nonce: &[u8; NONCE]) -> (Aes256Gcm, [u8; 12]) {
        let (mut context, mut rest) = ([0; 12], [0; 12]);
        context.copy_from_slice(&nonce[..12]);
        rest.copy_from_slice(&nonce[12..]);

        let mut halves = [1u8, 2].map(|counter| {
            let mut input = [0; 16];
            input[..4].copy_from_slice(&[0, counter, b'X', 0]);
            input[4..].copy_from_slice(&context);
            Block::from((u128::from_be_bytes(input) ^ *self.k1).to_be_bytes())
        });
        self.cipher.encrypt_blocks(&mut halves);
        let mut key = Zeroizing::new([0; 32]);
        key[..16].copy_from_slice(&halves[0]);
        key[16..].copy_from_slice(&halves[1]);
        halves.iter_mut().for_each(|half| half.zeroize());
        (Aes256Gcm::new((&*key).into()), rest)
    }
}

impl fmt::Debug for Xaes256Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use shake::{ExtendableOutput, Shake128, Update, XofReader};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Ciphertext and tag, having opened them again.
    fn sealed(key: &[u8; 32], nonce: &[u8; NONCE], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let cipher = Xaes256Gcm::new(key);
        let mut message = plaintext.to_vec();
        let tag = cipher.seal(nonce, aad, &mut message);
        let sealed = [message.as_slice(), &tag].concat();
        cipher.open(nonce, aad, &mut message, &tag).unwrap();
        assert_eq!(message, plaintext);
        sealed
    }

    #[test]
    fn the_published_vectors_come_out() {
        let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
        // The bit that decides the doubling is 0 for the first key, 1 for the second.
        let first = sealed(&[1; 32], nonce, b"", b"XAES-256-GCM");
        assert_eq!(hex(&first), "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
        let second = sealed(&[3; 32], nonce, b"c2sp.org/XAES-256-GCM", b"XAES-256-GCM");
        assert_eq!(hex(&second), "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
    }

    #[test]
    fn the_published_ten_thousand_random_messages_come_out() {
        let mut random = Shake128::default().finalize_xof();
        let mut sum = Shake128::default();
        for _ in 0..10_000 {
            let (mut key, mut nonce) = ([0; 32], [0; NONCE]);
            random.read(&mut key);
            random.read(&mut nonce);
            let mut text = || {
                let mut length = [0];
                random.read(&mut length);
                let mut text = vec![0; usize::from(length[0])];
                random.read(&mut text);
                text
            };
            let (plaintext, aad) = (text(), text());
            sum.update(&sealed(&key, &nonce, &aad, &plaintext));
        }
        let mut digest = [0; 32];
        sum.finalize_xof().read(&mut digest);
        assert_eq!(hex(&digest), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
    }

    #[test]
    fn a_message_that_does_not_open_stays_encrypted() {
        let cipher = Xaes256Gcm::new(&[1; 32]);
        let mut message = b"the plaintext".to_vec();
        let mut tag = cipher.seal(&[2; NONCE], b"", &mut message);
        let ciphertext = message.clone();
        tag[0] ^= 1;
        assert!(cipher.open(&[2; NONCE], b"", &mut message, &tag).is_err());
        assert_eq!(message, ciphertext);
    }
}
