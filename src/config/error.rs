//! Why a configuration is refused.

use std::fmt;

/// Everything that is wrong with a configuration, as far as one reading shows; never empty. Prints a line a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

/// One thing that is wrong. No part of it quotes a value, since a value may be a secret in the wrong line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, the variable or the file.
    pub subject: String,
    /// File and line, variable or flag; absent where there is none, as for what is missing.
    pub place: Option<String>,
    /// What is wrong, and what to do.
    pub text: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{} ({place}): {}", self.subject, self.text),
            None => write!(f, "{}: {}", self.subject, self.text),
        }
    }
}
