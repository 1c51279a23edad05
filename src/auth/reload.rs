//! The key ring and secrets, followed while the gate runs: what their files hold now is used from now on.

use std::fmt;
use std::future::pending;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;

use super::RelyingParty;
use crate::clock::Clock;
use crate::config::key_file::{self, KeyFileError};
use crate::crypto::keyring::KeyRing;
use crate::secret::live::{LiveSecret, LiveSecretError};
use crate::telemetry::metrics::Metrics;
use crate::watch::{Content, Snapshot, Watch};

/// How often the files are looked at. They are small, and replicas should not be apart for long.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the files of all sites, where there are any; never ends.
pub async fn follow_files(parties: &[&RelyingParty]) {
    let keys = async {
        // One file for all of them.
        let Some(first) = parties.first() else { return pending().await };
        let told = (&*first.metrics, &first.clock);
        let renew = |content| {
            let keys = key_file::keys_of(content)?;
            let ring = KeyRing::new(&keys);
            for party in parties {
                party.store.renew(&ring);
                party.login_sealer.renew(&ring);
            }
            tracing::info!(ids = %ring.ids().join(" "), "the session keys were read; the first seals");
            Ok::<_, KeyFileError>(())
        };
        follow("session_keys", first.keys_file.as_deref(), told, renew).await;
    };
    let secrets = parties.iter().map(|party| {
        follow_secret("client_secret", party.tokens.client_secret(), (&party.metrics, &party.clock))
    });
    tokio::join!(keys, join_all(secrets));
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
