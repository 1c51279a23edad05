//! The key ring and secrets, followed while the gate runs: what their files hold now is used from now on.

use std::fmt;
use std::future::pending;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::RelyingParty;
use crate::clock::Clock;
use crate::config::key_file::{self, KeyFileError};
use crate::crypto::keyring::KeyRing;
use crate::secret::live::{LiveSecret, LiveSecretError};
use crate::telemetry::metrics::Metrics;
use crate::watch::{Content, Snapshot, Watch};

/// How often the files are looked at. They are small, and replicas should not be apart for long.
const PAUSE: Duration = Duration::from_secs(1);
/// How long after this process every other one that reads the same file has read it too.
const READ_BY_ALL: Duration = Duration::from_secs(2);

/// Follows the files of all sites, where there are any; never ends.
pub async fn follow_files(parties: &[&RelyingParty]) {
    let keys = async {
        // One file for all of them.
        let Some(first) = parties.first() else { return pending().await };
        let told = (&*first.metrics, &first.clock);
        let in_use = InUse { parties, ids: Mutex::default(), planned: watch::Sender::new(None) };
        let renew = |content| {
            in_use.take(&KeyRing::new(&key_file::keys_of(content)?));
            Ok::<_, KeyFileError>(())
        };
        tokio::join!(follow("session_keys", first.keys_file.as_deref(), told, renew), in_use.go_on());
    };
    let secrets = parties.iter().map(|party| {
        follow_secret("client_secret", party.tokens.client_secret(), (&party.metrics, &party.clock))
    });
    tokio::join!(keys, join_all(secrets));
}

/// The keys that seal and open.
struct InUse<'a> {
    parties: &'a [&'a RelyingParty],
    /// The first is that of the key that seals. Empty until the file was read once.
    ids: Mutex<Vec<String>>,
    /// What takes its place in a while.
    planned: watch::Sender<Option<KeyRing>>,
}

impl InUse<'_> {
    /// Goes over to `ring`. A first key that is new opens at once, and seals once every replica that reads the same file has
    /// had the time to read it too: what it sealed before that would open nowhere else.
    fn take(&self, ring: &KeyRing) {
        let ids = ring.ids();
        let sealing = {
            let known = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = ids.first().is_some_and(|first| !known.contains(first));
            known.first().filter(|sealing| is_new && ids.contains(sealing)).cloned()
        };
        match sealing {
            Some(sealing) => {
                tracing::info!(ids = %ids.join(" "), "the session keys were read; the first seals in two seconds");
                self.use_ring(&ring.led_by(&sealing));
                self.planned.send_replace(Some(ring.clone()));
            }
            None => {
                tracing::info!(ids = %ids.join(" "), "the session keys were read; the first seals");
                self.use_ring(ring);
                self.planned.send_replace(None);
            }
        }
    }

    /// Does what is planned when its time has come; never ends.
    async fn go_on(&self) {
        let mut planned = self.planned.subscribe();
        loop {
            let ring = planned.borrow_and_update().clone();
            // The sender lives in `self`, so that a change is all that this can end with.
            let Some(ring) = ring else {
                let _ = planned.changed().await;
                continue;
            };
            tokio::select! {
                _ = planned.changed() => {}
                () = tokio::time::sleep(READ_BY_ALL) => {
                    self.use_ring(&ring);
                    self.planned.send_replace(None);
                }
            }
        }
    }

    fn use_ring(&self, ring: &KeyRing) {
        for party in self.parties {
            party.store.renew(ring);
            party.login_sealer.renew(ring);
        }
        *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = ring.ids();
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
