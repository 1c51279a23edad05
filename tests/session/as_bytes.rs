//! The codec: few bytes, and always the same ones.

use cognigate::session::codec::{self, DecodeError};

use super::*;

fn round(session: &Session) -> Session {
    codec::decode(&codec::encode(session)).expect("what was encoded decodes")
}

#[test]
fn every_version_ever_written_decodes_to_the_same_session() {
    for (session, encoded, name) in frozen() {
        assert_eq!(codec::decode(&encoded), Ok(session.clone()), "{name}");
        assert_eq!(*codec::encode(&session), encoded, "{name}");
    }
}

#[test]
fn tokens_that_are_no_canonical_base64url_come_back_as_they_were() {
    let session = typical();
    for token in [
        "",
        ".",
        "..",
        "......................",
        "a",
        "ab",
        "AB.CD",
        "AA==.AA==",
        "not a token",
        "a.b.c.d.e.f.g.h.i.j",
        "AAAA.AAAA.AAAA.AAAA.AAAA.AAAA.AAAA.AAAA.AAAA",
        "é.ü",
        "AA+/.AA-_",
        "A\nA",
    ] {
        let session = Session { access_token: token.into(), id_token: Some(token.into()), ..session.clone() };
        assert_eq!(round(&session), session, "{token}");
    }
}

#[test]
fn a_token_takes_three_quarters_of_its_length() {
    let session = typical();
    let without = Session { refresh_token: None, ..session.clone() };
    let taken = codec::encode(&session).len() - codec::encode(&without).len();
    assert!(taken <= 1780 * 3 / 4 + 20, "{taken} bytes for 1780 characters");
}

#[test]
fn only_whole_sessions_of_a_known_version_decode() {
    let encoded = codec::encode(&typical());
    assert_eq!(codec::decode(&[]), Err(DecodeError::Malformed));
    for end in 1..encoded.len() {
        assert_eq!(codec::decode(&encoded[..end]), Err(DecodeError::Malformed), "{end} bytes");
    }
    assert_eq!(codec::decode(&[&encoded, [0].as_slice()].concat()), Err(DecodeError::Malformed));
    for version in [0, 2, 255] {
        let other = [&[version], &encoded[1..]].concat();
        assert_eq!(codec::decode(&other), Err(DecodeError::Version(version)));
    }
}

#[test]
fn case_47_what_is_decoded_is_a_small_multiple_of_what_was_sent() {
    let longest = Session { access_token: "!".repeat(codec::MAX_ENCODED).as_str().into(), ..typical() };
    assert_eq!(codec::decode(&codec::encode(&longest)), Err(DecodeError::Malformed));
    let dots = Session { access_token: ".".repeat(40_000).as_str().into(), ..typical() };
    assert!(codec::encode(&dots).len() < 50_000, "dots are not stored one by one");
    assert_eq!(round(&dots), dots);
    // A list that claims 2^64-1 groups, and ends there.
    let mut claims = codec::encode(&Session { identity: Identity::default(), ..typical() }).to_vec();
    let groups = claims.len() - 3;
    claims.truncate(groups);
    claims.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    assert_eq!(codec::decode(&claims), Err(DecodeError::Malformed));
}

#[test]
fn debug_shows_neither_tokens_nor_claims() {
    let session = Session {
        access_token: "access-secret".into(),
        refresh_token: Some("refresh-secret".into()),
        id_token: Some("id-secret".into()),
        ..typical()
    };
    let printed = format!("{session:?} {:?} {:?}", session.identity, found(&session));
    for secret in ["secret", "example.com", "admins", "alice"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(printed.contains(&session.identity.sub) && printed.contains(&session.id.to_string()));
}

#[test]
fn a_session_id_prints_as_hex() {
    let id = SessionId::from([0x0f; 16]);
    assert_eq!((id.to_string(), format!("{id:?}")), ("0f".repeat(16), "0f".repeat(16)));
}

proptest! {
    #[test]
    fn any_session_comes_back(session in any_session()) {
        prop_assert_eq!(round(&session), session);
    }

    #[test]
    fn noise_decodes_to_an_error_or_a_session(noise: Vec<u8>) {
        let _ = codec::decode(&noise);
        let _ = codec::decode(&[&[1], noise.as_slice()].concat());
    }

    #[test]
    fn a_changed_byte_decodes_to_an_error_or_a_session(at: prop::sample::Index, to: u8) {
        let mut bytes = codec::encode(&typical()).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = codec::decode(&bytes);
    }
}
