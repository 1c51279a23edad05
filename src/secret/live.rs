//! Secrets that may change while the gate runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::Secret;
use crate::file::{self, ReadError};

/// The secret in use, and the file that it came from where it came from one.
///
/// It is read again when it changes, by whoever follows the file. Cognito and Redis accept two secrets at a time, so that
/// one can be replaced without a moment in which neither works.
pub struct LiveSecret {
    /// Absent where there is none, as for a public client.
    current: ArcSwapOption<Secret>,
    file: Option<PathBuf>,
    rule: Option<Rule>,
}

/// What a secret must look like, and how that is said.
pub type Rule = (fn(&str) -> bool, &'static str);

/// Why a file holds no such secret. Follows the file's name in a message.
#[derive(Debug, thiserror::Error)]
pub enum LiveSecretError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("is empty")]
    Empty,
    #[error("does not hold {0}")]
    Unfit(&'static str),
}

impl LiveSecret {
    #[must_use]
    pub fn new(secret: Option<Secret>, file: Option<PathBuf>) -> Self {
        Self { current: ArcSwapOption::from_pointee(secret), file, rule: None }
    }

    /// Takes from the file only what follows the rule.
    #[must_use]
    pub fn with_rule(self, rule: Rule) -> Self {
        Self { rule: Some(rule), ..self }
    }

    /// What to use now.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Secret>> {
        self.current.load_full()
    }

    /// Where it is kept.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Goes over to what the file holds: all of it but one newline at its end.
    ///
    /// # Errors
    /// Where that is no such secret; the one in use then stays.
    pub fn renew(&self, content: Result<impl AsRef<[u8]>, ReadError>) -> Result<(), LiveSecretError> {
        let content = content?;
        let text = str::from_utf8(content.as_ref()).map_err(|_| ReadError::NotUtf8)?;
        let text = file::without_newline(text);
        if text.is_empty() {
            return Err(LiveSecretError::Empty);
        }
        if let Some((fits, what)) = self.rule
            && !fits(text)
        {
            return Err(LiveSecretError::Unfit(what));
        }
        self.current.store(Some(Arc::new(Secret::from(text))));
        Ok(())
    }

    /// Reads the file, since `refused` was refused. True where there is another secret to try.
    pub async fn replaced(&self, refused: Option<&Secret>) -> bool {
        let Some(path) = self.file.clone() else { return false };
        let Ok(content) = tokio::task::spawn_blocking(move || file::read(&path)).await else { return false };
        // A file that cannot be used now is told of by whoever looks at it regularly.
        self.renew(content).is_ok() && self.current.load().as_deref() != refused
    }
}

impl fmt::Debug for LiveSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSecret").field("file", &self.file).finish_non_exhaustive()
    }
}
