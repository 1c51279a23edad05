//! Paths that need no session: probes, webhooks, static files.

use crate::config::PublicPath;
use crate::policy::path::CanonicalPath;

/// The list of them. Empty by default: everything needs a session.
#[derive(Clone, Debug)]
pub struct PublicPaths(Vec<PublicPath>);

impl PublicPaths {
    #[must_use]
    pub fn new(paths: &[PublicPath]) -> Self {
        Self(paths.to_vec())
    }

    /// Looks at the path as judged, which is how the upstream reads the one that it gets.
    #[must_use]
    pub fn include(&self, path: &CanonicalPath) -> bool {
        self.0.iter().any(|public| public.names(path.judged()))
    }
}
