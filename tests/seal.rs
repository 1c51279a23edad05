//! Sealed values, as whoever holds one and wants another may treat them.

use base64_simd::URL_SAFE_NO_PAD;
use cognigate::crypto::keyring::KeyRing;
use cognigate::crypto::seal::{MAX_SEALED, OpenError, Purpose, Sealer};
use cognigate::secret::KeyMaterial;
use proptest::prelude::*;

const SCOPE: &str = "app.example.com";

fn ring(keys: &[u8]) -> KeyRing {
    KeyRing::new(&keys.iter().map(|byte| KeyMaterial::from([*byte; 32])).collect::<Vec<_>>())
}

fn sealer() -> Sealer {
    Sealer::new(&ring(&[1]), Purpose::Session, SCOPE)
}

/// `sealed` with its bytes changed, as text again.
fn changed(sealed: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode_to_vec(sealed).expect("what is sealed is base64url");
    change(&mut bytes);
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn does_not_open(sealer: &Sealer, sealed: impl AsRef<[u8]>, why: &str) {
    assert_eq!(sealer.open(sealed.as_ref()).map(|opened| opened.bytes.len()), Err(OpenError), "{why}");
}

#[test]
fn case_41_one_plaintext_sealed_often_never_shows_a_nonce_or_a_ciphertext_twice() {
    let sealer = sealer();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        let bytes = URL_SAFE_NO_PAD.decode_to_vec(sealer.seal(b"the same every time")).unwrap();
        assert!(seen.insert(bytes[5..29].to_vec()), "a nonce came twice");
        assert!(seen.insert(bytes[29..].to_vec()), "a ciphertext came twice");
    }
}

#[test]
fn case_42_any_flipped_bit_opens_to_one_error() {
    let sealer = sealer();
    let sealed = sealer.seal(b"a session of more than one block of sixteen bytes");
    let length = URL_SAFE_NO_PAD.decode_to_vec(&sealed).unwrap().len();
    for at in 0..length {
        for bit in 0..8 {
            let flipped = changed(&sealed, |bytes| bytes[at] ^= 1 << bit);
            does_not_open(&sealer, flipped, &format!("bit {bit} of byte {at}"));
        }
    }
}

#[test]
fn case_42_any_other_character_opens_to_one_error() {
    let sealer = sealer();
    // All three lengths that a base64 text can end in, since the spare bits at the end are nobody's.
    for plaintext in [b"a".as_slice(), b"ab", b"abc"] {
        let sealed = sealer.seal(plaintext).into_bytes();
        for at in 0..sealed.len() {
            for other in 0..=255 {
                let mut text = sealed.clone();
                text[at] = other;
                if text != sealed {
                    does_not_open(&sealer, text, &format!("{other:#04x} at {at}"));
                }
            }
        }
    }
}

#[test]
fn case_42_a_truncated_or_longer_value_opens_to_one_error() {
    let sealer = sealer();
    let sealed = sealer.seal(b"a session");
    for end in 0..sealed.len() {
        does_not_open(&sealer, &sealed[..end], &format!("{end} characters"));
        does_not_open(&sealer, &sealed[end + 1..], &format!("all after {end}"));
    }
    for more in ["A", "AA", "AAAA", "=", "==", ".", " "] {
        does_not_open(&sealer, format!("{sealed}{more}"), &format!("{more:?} appended"));
    }
    does_not_open(&sealer, sealed.repeat(2), "twice");
}

#[test]
fn case_42_swapped_blocks_open_to_one_error() {
    let sealer = sealer();
    let sealed = sealer.seal(&[[1; 16], [2; 16], [3; 16]].concat());
    for (one, other) in [(0, 1), (1, 2), (0, 2), (2, 3)] {
        let swapped = changed(&sealed, |bytes| {
            for at in 0..16 {
                bytes.swap(29 + one * 16 + at, 29 + other * 16 + at);
            }
        });
        does_not_open(&sealer, swapped, &format!("blocks {one} and {other}"));
    }
    let second = sealer.seal(&[[1; 16], [2; 16], [3; 16]].concat());
    let spliced = changed(&sealed, |bytes| {
        bytes[29..45].copy_from_slice(&URL_SAFE_NO_PAD.decode_to_vec(&second).unwrap()[29..45]);
    });
    does_not_open(&sealer, spliced, "a block of another value");
}

#[test]
fn case_43_what_is_sealed_for_one_purpose_does_not_open_for_another() {
    let (session, login) = (sealer(), Sealer::new(&ring(&[1]), Purpose::Login, SCOPE));
    does_not_open(&login, session.seal(b"a session"), "a session as a login");
    does_not_open(&session, login.seal(b"a login"), "a login as a session");
    assert_eq!(*login.open(login.seal(b"a login").as_bytes()).unwrap().bytes, b"a login");
}

#[test]
fn case_121_what_is_sealed_for_any_purpose_opens_for_that_one_alone() {
    let purposes = [Purpose::Session, Purpose::Login, Purpose::Refresh];
    for sealed_for in purposes {
        let sealed = Sealer::new(&ring(&[1]), sealed_for, SCOPE).seal(b"tokens");
        for opened_for in purposes {
            let opened = Sealer::new(&ring(&[1]), opened_for, SCOPE).open(sealed.as_bytes());
            assert_eq!(opened.is_ok(), sealed_for == opened_for, "{sealed_for:?} as {opened_for:?}");
        }
    }
}

#[test]
fn case_44_an_older_key_of_the_ring_opens_and_says_so() {
    let before = Sealer::new(&ring(&[1]), Purpose::Session, SCOPE);
    let sealed = before.seal(b"a session");
    let after = Sealer::new(&ring(&[3, 2, 1]), Purpose::Session, SCOPE);
    let opened = after.open(sealed.as_bytes()).unwrap();
    assert_eq!(*opened.bytes, b"a session");
    assert!(!opened.current_key);
    assert!(before.open(sealed.as_bytes()).unwrap().current_key);
    assert!(after.open(after.seal(&opened.bytes).as_bytes()).unwrap().current_key);
}

#[test]
fn case_44_a_key_that_is_not_in_the_ring_does_not_open() {
    let sealed = sealer().seal(b"a session");
    let without = Sealer::new(&ring(&[2, 3]), Purpose::Session, SCOPE);
    does_not_open(&without, &sealed, "its key was dropped");
    does_not_open(&sealer(), changed(&sealed, |bytes| bytes[1..5].fill(0xaa)), "a key id of nobody's");
}

#[test]
fn case_45_one_hosts_value_does_not_open_for_another_that_shares_the_keys() {
    let sealed = sealer().seal(b"a session");
    for other in ["other.example.com", "example.com", "app.example.com.", "", "APP.example.com"] {
        let other_host = Sealer::new(&ring(&[1]), Purpose::Session, other);
        does_not_open(&other_host, &sealed, other);
    }
}

#[test]
fn case_47_a_text_longer_than_a_header_block_is_not_decoded() {
    let sealer = sealer();
    let longest = MAX_SEALED / 4 * 3 - 45;
    let sealed = sealer.seal(&vec![0; longest]);
    assert_eq!(sealed.len(), MAX_SEALED);
    assert_eq!(sealer.open(sealed.as_bytes()).unwrap().bytes.len(), longest);
    does_not_open(&sealer, sealer.seal(&vec![0; longest + 1]), "a character too long");
}

#[test]
fn another_version_does_not_open() {
    let sealer = sealer();
    let sealed = sealer.seal(b"a session");
    for version in [0, 2, 255] {
        does_not_open(&sealer, changed(&sealed, |bytes| bytes[0] = version), "another version");
    }
}

#[test]
fn debug_shows_neither_keys_nor_plaintext() {
    let sealer = sealer();
    let opened = sealer.open(sealer.seal(b"secret").as_bytes()).unwrap();
    assert_eq!(format!("{sealer:?} {opened:?}"), "Sealer(1 keys) Opened { current_key: true, .. }");
}

proptest! {
    #[test]
    fn what_is_sealed_opens_to_the_same(plaintext: Vec<u8>, scope: String) {
        let sealer = Sealer::new(&ring(&[1, 2]), Purpose::Login, &scope);
        let sealed = sealer.seal(&plaintext);
        prop_assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        prop_assert_eq!(&*sealer.open(sealed.as_bytes()).unwrap().bytes, &plaintext);
    }

    #[test]
    fn noise_does_not_open(noise: Vec<u8>) {
        prop_assert_eq!(sealer().open(&noise).map(|_| ()), Err(OpenError));
        let text = URL_SAFE_NO_PAD.encode_to_string(&noise);
        prop_assert_eq!(sealer().open(text.as_bytes()).map(|_| ()), Err(OpenError));
    }

    #[test]
    fn case_45_scopes_differ_wherever_they_are_cut(one in "[a-z.]{0,12}", other in "[a-z.]{0,12}") {
        prop_assume!(one != other);
        let sealed = Sealer::new(&ring(&[1]), Purpose::Session, &one).seal(b"x");
        let other = Sealer::new(&ring(&[1]), Purpose::Session, &other);
        prop_assert!(other.open(sealed.as_bytes()).is_err());
    }
}
