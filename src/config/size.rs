//! Numbers of bytes as people write them.

use std::str::FromStr;

/// A whole number of bytes, or of their binary multiples: `512B`, `64KiB`, `1MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HumanSize(pub(super) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SizeError {
    #[error("it must be a whole number and a unit, such as \"512B\", \"64KiB\", \"1MiB\" or \"2GiB\"")]
    Shape,
    #[error("it is too large")]
    TooLarge,
}

impl FromStr for HumanSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(SizeError::Shape);
        }
        let bytes: u64 = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(SizeError::Shape),
        };
        let number: u64 = number.parse().map_err(|_| SizeError::TooLarge)?;
        number.checked_mul(bytes).map(Self).ok_or(SizeError::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_needs_a_unit_that_says_what_a_k_is() {
        for (text, bytes) in
            [("0B", 0), ("512B", 512), ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(text.parse(), Ok(HumanSize(bytes)), "{text}");
        }
        for text in ["", "64", "64k", "64K", "64KB", "64kB", "64 KiB", "-1B", "1.5MiB", "KiB", "1TiB"] {
            assert_eq!(text.parse::<HumanSize>(), Err(SizeError::Shape), "{text:?}");
        }
        for text in ["99999999999999999999B", "18446744073709551615KiB"] {
            assert_eq!(text.parse::<HumanSize>(), Err(SizeError::TooLarge), "{text:?}");
        }
    }
}
