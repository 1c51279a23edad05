//! The key ring and the client secret, followed while the gate runs: what their files hold now is used from now on.

use std::fmt;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::RelyingParty;
use crate::cognito::client_secret::ClientSecretError;
use crate::config::key_file::{self, KeyFileError};
use crate::crypto::keyring::KeyRing;
use crate::watch::{Content, Snapshot, Watch};

/// How often the files are looked at. They are small, and replicas should not be apart for long.
const PAUSE: Duration = Duration::from_secs(1);

impl RelyingParty {
    /// Follows the files, where there are any; never ends.
    ///
    /// What a file holds is checked first. Where it cannot be used, what is in use stays, and a log line says why.
    pub async fn follow_files(&self) {
        let keys = self.follow("session_keys", self.keys_file.as_deref(), |content| {
            let keys = key_file::keys_of(content)?;
            let ring = KeyRing::new(&keys);
            self.store.renew(&ring);
            self.login_sealer.renew(&ring);
            tracing::info!(ids = %ring.ids().join(" "), "the session keys were read; the first seals");
            Ok::<_, KeyFileError>(())
        });
        let secret = self.tokens.client_secret();
        let client_secret = self.follow("client_secret", secret.file().map(PathBuf::as_path), |content| {
            secret.renew(content)?;
            tracing::info!("the client secret was read");
            Ok::<_, ClientSecretError>(())
        });
        tokio::join!(keys, client_secret);
    }

    /// Hands what the file holds to `renew` whenever that has changed.
    async fn follow<E: fmt::Display>(
        &self,
        subject: &'static str,
        file: Option<&Path>,
        mut renew: impl FnMut(Content) -> Result<(), E>,
    ) {
        let Some(file) = file else { return pending().await };
        let look = || {
            let file = file.to_owned();
            tokio::task::spawn_blocking(move || Snapshot::take([&file]))
        };
        // It may have changed since the configuration was read, and to use it once more does no harm.
        let mut watch = Watch::unread();
        loop {
            // The task only reads, and does not panic; were it to, the next look tells.
            if let Ok(now) = look().await
                && let Some(ended) = watch.look(now, |[content]| renew(content))
            {
                if let Err(error) = &ended {
                    tracing::error!(
                        "the file {} {error}; what was read of it before stays in use",
                        file.display()
                    );
                }
                self.metrics.reloaded(subject, ended.map(|()| self.clock.now()).map_err(|_| ()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
