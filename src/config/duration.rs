//! Durations as people write them.

use std::str::FromStr;
use std::time::Duration;

/// A whole number of seconds, minutes, hours or days: `60s`, `5m`, `1h`, `365d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HumanDuration(pub(super) Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DurationError {
    #[error("it has no unit; write seconds as \"60s\", minutes as \"5m\", hours as \"1h\", days as \"7d\"")]
    NoUnit,
    #[error("it must be a whole number and a unit, such as \"60s\", \"5m\" or \"1h\"")]
    Shape,
    #[error("it is too long")]
    TooLong,
}

impl FromStr for HumanDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(DurationError::Shape);
        }
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            "" => return Err(DurationError::NoUnit),
            _ => return Err(DurationError::Shape),
        };
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        let seconds = number.checked_mul(seconds).ok_or(DurationError::TooLong)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_a_unit() {
        for (text, seconds) in
            [("60s", 60), ("5m", 300), ("1h", 3600), ("2d", 172_800), ("0s", 0), ("007s", 7)]
        {
            assert_eq!(text.parse(), Ok(HumanDuration(Duration::from_secs(seconds))), "{text}");
        }
        for (text, error) in [
            ("90", DurationError::NoUnit),
            ("", DurationError::Shape),
            ("s", DurationError::Shape),
            ("-5s", DurationError::Shape),
            ("1.5m", DurationError::Shape),
            ("5 m", DurationError::Shape),
            ("1m30s", DurationError::Shape),
            ("500ms", DurationError::Shape),
            ("60S", DurationError::Shape),
            ("99999999999999999999s", DurationError::TooLong),
            ("18446744073709551615h", DurationError::TooLong),
        ] {
            assert_eq!(text.parse::<HumanDuration>(), Err(error), "{text:?}");
        }
    }
}
