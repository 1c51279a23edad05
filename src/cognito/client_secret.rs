//! The app client's secret, which may change while the gate runs.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::file::{self, ReadError};
use crate::secret::Secret;

/// The secret in use, and the file that it came from where it came from one.
///
/// Cognito accepts two secrets of an app client at a time, so that one can be replaced without a moment in which
/// neither works: the file is read again when it changes, and when Cognito refuses what is in use.
pub struct ClientSecret {
    /// Absent for a public client.
    current: ArcSwapOption<Secret>,
    file: Option<PathBuf>,
}

/// Why a file holds no client secret. Follows the file's name in a message.
#[derive(Debug, thiserror::Error)]
pub enum ClientSecretError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("is empty")]
    Empty,
}

impl ClientSecret {
    #[must_use]
    pub fn new(secret: Option<Secret>, file: Option<PathBuf>) -> Self {
        Self { current: ArcSwapOption::from_pointee(secret), file }
    }

    /// What to authenticate with now.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Secret>> {
        self.current.load_full()
    }

    /// Where it is kept.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// Goes over to what the file holds: all of it but one newline at its end.
    ///
    /// # Errors
    /// Where that is no secret; the one in use then stays.
    pub fn renew(&self, content: Result<impl AsRef<[u8]>, ReadError>) -> Result<(), ClientSecretError> {
        let content = content?;
        let text = str::from_utf8(content.as_ref()).map_err(|_| ReadError::NotUtf8)?;
        let text = file::without_newline(text);
        if text.is_empty() {
            return Err(ClientSecretError::Empty);
        }
        self.current.store(Some(Arc::new(Secret::from(text))));
        Ok(())
    }

    /// Reads the file, since Cognito refused `refused`. True where there is another secret to try.
    pub(super) async fn replaced(&self, refused: Option<&Secret>) -> bool {
        let Some(path) = self.file.clone() else { return false };
        let Ok(content) = tokio::task::spawn_blocking(move || file::read(&path)).await else { return false };
        // A file that cannot be used now is told of by whoever looks at it regularly.
        self.renew(content).is_ok() && self.current.load().as_deref() != refused
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret").field("file", &self.file).finish_non_exhaustive()
    }
}
