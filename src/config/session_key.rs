//! One key of the ring, as text.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::secret::KeyMaterial;

/// Why a text is not a key. Follows "its key 2" in a message, and tells nothing of the text but its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("is not base64")]
    NotBase64,
    #[error("must be 32 bytes in base64, but is {0}")]
    Length(usize),
}

const EITHER_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Reads base64, standard or URL-safe, padded or not.
pub(super) fn decode(text: &str) -> Result<KeyMaterial, KeyError> {
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let bytes =
        GeneralPurpose::new(&alphabet, EITHER_PADDING).decode(text).map_err(|_| KeyError::NotBase64)?;
    let bytes = Zeroizing::new(bytes);
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyError::Length(bytes.len()))?;
    Ok(KeyMaterial::from(key))
}

/// A key as `session.keys` takes it: padded standard base64.
#[must_use]
pub fn encode(key: &KeyMaterial) -> Zeroizing<String> {
    Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(key.expose()))
}

/// A key of the system's random bytes.
///
/// # Errors
/// Where the system has none to give.
pub fn generate() -> Result<KeyMaterial, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())?;
    Ok(KeyMaterial::from(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_padded_or_not() {
        // 32 bytes whose base64 shows + and /.
        let bytes = [0xfb; 32];
        let standard = encode(&KeyMaterial::from(bytes));
        assert!(standard.contains('+') && standard.contains('/') && standard.ends_with('='));
        let url_safe = standard.replace('+', "-").replace('/', "_");
        for text in [&*standard, standard.trim_end_matches('='), &url_safe, url_safe.trim_end_matches('=')] {
            assert_eq!(decode(text).unwrap().expose(), &bytes);
        }
    }

    #[test]
    fn other_lengths_and_other_texts_are_refused() {
        assert_eq!(decode("AAAA"), Err(KeyError::Length(3)));
        assert_eq!(decode(&"A".repeat(88)), Err(KeyError::Length(66)));
        assert_eq!(decode(""), Err(KeyError::Length(0)));
        assert_eq!(decode("not base64!"), Err(KeyError::NotBase64));
        let mixed = format!("+-{}", "A".repeat(41));
        assert_eq!(decode(&mixed), Err(KeyError::NotBase64));
    }

    #[test]
    fn generated_keys_differ() {
        assert_ne!(generate().unwrap(), generate().unwrap());
    }
}
