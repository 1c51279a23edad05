//! The key ring and secrets, followed while the gate runs: what their files hold now is used from now on.

use std::fmt;
use std::future::pending;
use std::path::Path;
use std::time::Duration;

use super::RelyingParty;
use crate::clock::Clock;
use crate::config::key_file::{self, KeyFileError};
use crate::crypto::keyring::KeyRing;
use crate::secret::live::{LiveSecret, LiveSecretError};
use crate::telemetry::metrics::Metrics;
use crate::watch::{Content, Snapshot, Watch};

/// How often the files are looked at. They are small, and replicas should not be apart for long.
const PAUSE: Duration = Duration::from_secs(1);

impl RelyingParty {
    /// Follows the files, where there are any; never ends.
    pub async fn follow_files(&self) {
        let told = (&*self.metrics, &self.clock);
        let keys = follow("session_keys", self.keys_file.as_deref(), told, |content| {
            let keys = key_file::keys_of(content)?;
            let ring = KeyRing::new(&keys);
            self.store.renew(&ring);
            self.login_sealer.renew(&ring);
            tracing::info!(ids = %ring.ids().join(" "), "the session keys were read; the first seals");
            Ok::<_, KeyFileError>(())
        });
        let client_secret = follow_secret("client_secret", self.tokens.client_secret(), told);
        let redis_password = async {
            match self.store.password() {
                Some(password) => follow_secret("redis_password", password, told).await,
                None => pending().await,
            }
        };
        tokio::join!(keys, client_secret, redis_password);
    }
}

/// Goes over to what the secret's file holds whenever that has changed; never ends.
pub async fn follow_secret(subject: &'static str, secret: &LiveSecret, told: (&Metrics, &Clock)) {
    let renew = |content| {
        secret.renew(content)?;
        tracing::info!(subject, "a secret was read");
        Ok::<_, LiveSecretError>(())
    };
    follow(subject, secret.file(), told, renew).await;
}

/// Hands what the file holds to `renew` whenever that has changed, and tells how that ended; never ends.
///
/// What a file holds is checked first. Where it cannot be used, what is in use stays, and a log line says why.
async fn follow<E: fmt::Display>(
    subject: &'static str,
    file: Option<&Path>,
    (metrics, clock): (&Metrics, &Clock),
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
            metrics.reloaded(subject, ended.map(|()| clock.now()).map_err(|_| ()));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
