//! The user pool's id.

use std::fmt;
use std::str::FromStr;

/// A user pool id, `REGION_xxxxxxxxx` as in `eu-west-1_AbCdEfGhI`. At most 55 characters, as AWS has it.
///
/// The region is any lower-case name, not one of a list: AWS adds regions, and emulators call theirs `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolId {
    text: String,
    region: usize,
}

/// Why a text is not a [`PoolId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be a region, an underscore and letters or digits, such as eu-west-1_AbCdEfGhI")]
pub struct PoolIdError;

impl PoolId {
    const MAX_LENGTH: usize = 55;

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the underscore, `eu-west-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        self.text.get(..self.region).unwrap_or_default()
    }
}

impl FromStr for PoolId {
    type Err = PoolIdError;

    fn from_str(text: &str) -> Result<Self, PoolIdError> {
        let (region, rest) = text.split_once('_').ok_or(PoolIdError)?;
        let region_fits = region.starts_with(|c: char| c.is_ascii_lowercase())
            && !region.ends_with('-')
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let rest_fits = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric());
        if region_fits && rest_fits && text.len() <= Self::MAX_LENGTH {
            Ok(Self { text: text.to_owned(), region: region.len() })
        } else {
            Err(PoolIdError)
        }
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_what_stands_before_the_underscore() {
        for (text, region) in [
            ("us-east-1_AbCdEfGhI", "us-east-1"),
            ("us-gov-west-1_a1", "us-gov-west-1"),
            ("local_4TwBmPtX", "local"),
        ] {
            let pool: PoolId = text.parse().unwrap();
            assert_eq!((pool.as_str(), pool.region()), (text, region));
        }
    }

    #[test]
    fn what_has_another_shape_is_refused() {
        let long = format!("us-east-1_{}", "a".repeat(46));
        for text in [
            "",
            "us-east-1",
            "us-east-1_",
            "_AbC",
            "US-EAST-1_AbC",
            "us_east_1_AbC",
            "us-east-1-_AbC",
            "us-east-1_AbC/../x",
            "us-east-1_AbC ",
            "1-us_AbC",
            "us-east-1_Äb",
            &long,
        ] {
            assert_eq!(text.parse::<PoolId>(), Err(PoolIdError), "{text:?}");
        }
    }
}
