//! How many connections there are, and who has to go when there are too many.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::telemetry::metrics::Metrics;

/// All connections of a listener's clients, counted over all its threads.
#[derive(Debug)]
pub struct ConnectionLimit {
    free: Arc<Semaphore>,
    /// Told once for each who waits; connections at rest listen, the longest at rest first.
    pressure: Notify,
    metrics: Option<Arc<Metrics>>,
}

/// One connection's place. It goes with the connection, through upgrades too, and is free when that is dropped.
#[derive(Debug)]
pub struct Slot {
    limit: Arc<ConnectionLimit>,
    _permit: OwnedSemaphorePermit,
    _alive: Alive,
}

/// Lets a listener know when the last of its connections is gone: nothing is ever sent.
pub(super) type Alive = mpsc::Sender<Infallible>;

impl ConnectionLimit {
    /// At most `most` connections at once.
    #[must_use]
    pub fn new(most: usize, metrics: Option<Arc<Metrics>>) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { free, pressure: Notify::new(), metrics })
    }

    /// A place, as soon as there is one.
    pub(super) async fn slot(self: &Arc<Self>, alive: Alive) -> Slot {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => Ok(permit),
            Err(_) => {
                if let Some(metrics) = &self.metrics {
                    metrics.connection_waited();
                }
                self.make_room();
                Arc::clone(&self.free).acquire_owned().await
            }
        };
        // The semaphore is never closed.
        let Ok(permit) = permit else { return std::future::pending().await };
        if let Some(metrics) = &self.metrics {
            metrics.connection_begun();
        }
        Slot { limit: Arc::clone(self), _permit: permit, _alive: alive }
    }

    /// Asks the connection that has been at rest for longest to go, or the next that comes to rest.
    pub(super) fn make_room(&self) {
        self.pressure.notify_one();
    }
}

impl Slot {
    /// Waits until this connection, being at rest, has to go for another.
    pub(super) fn wanted(&self) -> impl Future<Output = ()> + use<> {
        let limit = Arc::clone(&self.limit);
        async move { limit.pressure.notified().await }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(metrics) = &self.limit.metrics {
            metrics.connection_ended();
        }
    }
}
