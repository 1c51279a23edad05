//! Values that nobody guesses: codes, token ids, the session cookie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel's generator does not fail once the machine has booted.
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A version 4 UUID (RFC 9562), as Cognito's codes and token ids are.
pub(super) fn uuid() -> String {
    uuid_from(bytes(), 4)
}

/// `bytes` in the form of a UUID of that version.
pub(super) fn uuid_from(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

pub(super) fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// A refresh token as Cognito's look: a JWE in compact form (RFC 7516 §7.1) of 1,780 characters.
///
/// Nothing is encrypted in it: to a client it is opaque, and the emulator knows it by heart.
pub(super) fn refresh_token() -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}"#);
    let key = URL_SAFE_NO_PAD.encode(bytes::<256>());
    let iv = URL_SAFE_NO_PAD.encode(bytes::<12>());
    let ciphertext = URL_SAFE_NO_PAD.encode(bytes::<1000>());
    let tag = URL_SAFE_NO_PAD.encode(bytes::<16>());
    [header, key, iv, ciphertext, tag].join(".")
}
