//! Tokens in three quarters of their length.
//!
//! A compact JWT or JWE is base64url segments with dots between; sealing writes base64url again, and text
//! that is inflated twice does not fit into one cookie. So each segment is kept as the bytes that it
//! spells, or as it stands where those bytes would not spell it again (RFC 7515 §7.1, RFC 7516 §7.1).

use base64_simd::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A JWE has five. A token with more than this is kept as one text, so that dots cost no work.
const MAX_SEGMENTS: usize = 8;

/// The variants' order is part of the format.
#[derive(Deserialize, Serialize)]
enum Segment<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
}

/// The segments of `token`, one after another, with no count: the last one ends them.
pub(super) fn pack(token: &Secret) -> Zeroizing<Vec<u8>> {
    let token = token.expose();
    // Reserved in full: a buffer that grew would leave token bytes behind.
    let mut packed = Zeroizing::new(vec![0; token.len() + MAX_SEGMENTS * 8]);
    let mut used = 0;
    let mut push = |segment: &Segment<'_>| {
        used += postcard::to_slice(segment, &mut packed[used..])
            .expect("a segment is no longer than its text, and its tag and length fit into eight bytes")
            .len();
    };
    if token.split('.').nth(MAX_SEGMENTS).is_some() {
        push(&Segment::Text(token));
    } else {
        for text in token.split('.') {
            match bytes_of(text) {
                Some(bytes) => push(&Segment::Bytes(&bytes)),
                None => push(&Segment::Text(text)),
            }
        }
    }
    packed.truncate(used);
    packed
}

/// The token that [`pack`] was given. At most 4/3 as long as `packed`.
pub(super) fn unpack(packed: &[u8]) -> Result<Secret, postcard::Error> {
    let mut length = 0;
    let mut rest = packed;
    loop {
        let (segment, after): (Segment<'_>, _) = postcard::take_from_bytes(rest)?;
        length += match segment {
            Segment::Bytes(bytes) => URL_SAFE_NO_PAD.encoded_length(bytes.len()),
            Segment::Text(text) => text.len(),
        };
        rest = after;
        if rest.is_empty() {
            break;
        }
        length += 1;
    }

    // To the byte: a string that grew or shrank would leave token text behind.
    let mut token = String::with_capacity(length);
    let mut rest = packed;
    while !rest.is_empty() {
        let (segment, after): (Segment<'_>, _) = postcard::take_from_bytes(rest)?;
        match segment {
            Segment::Bytes(bytes) => URL_SAFE_NO_PAD.encode_append(bytes, &mut token),
            Segment::Text(text) => token.push_str(text),
        }
        rest = after;
        if !rest.is_empty() {
            token.push('.');
        }
    }
    Ok(Secret::from(token))
}

/// What `text` spells. The decoder takes canonical text alone, unpadded and with no spare bits set, and that
/// is the text which the bytes spell again.
fn bytes_of(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok().map(Zeroizing::new)
}
