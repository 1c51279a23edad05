//! Unguessable bytes, from the operating system.

use base64_simd::URL_SAFE_NO_PAD;

/// `N` fresh random bytes.
///
/// # Panics
/// Where the operating system gives no randomness. Nothing that needs these bytes may go on without them,
/// and a kernel that has answered once answers always.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 32 random bytes as 43 characters of base64url: a state, a nonce, a PKCE verifier (RFC 7636 §4.1).
#[must_use]
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes::<32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_43_characters_that_need_no_escaping_and_never_comes_twice() {
        let (first, second) = (token(), token());
        assert_eq!(first.len(), 43);
        assert!(first.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_ne!(first, second);
    }
}
