//! Sessions that something outlives its answer under: a WebSocket, a stream of events.
//!
//! Such a thing was admitted once and is asked nothing again, so it has to be told when its session is over. Known
//! only to this process: a session that was signed out elsewhere ends here with its access token.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::RelyingParty;
use crate::clock::{Clock, UnixTime};
use crate::session::{Session, SessionId};

/// The sessions that are waited for, each for as long as anybody does. Shared by every thread.
pub(super) struct Watched {
    shared: Arc<Shared>,
    clock: Clock,
}

#[derive(Default)]
struct Shared {
    by_id: Mutex<HashMap<SessionId, watch::Sender<Known>>>,
    /// How many there are, so that a request without such company takes no lock.
    count: AtomicUsize,
}

/// What is known of a session that is waited for.
#[derive(Clone, Copy, Debug)]
enum Known {
    /// The latest end that was seen.
    Until(UnixTime),
    SignedOut,
}

/// One that waits. The session is forgotten with the last of them.
struct Waiting {
    shared: Arc<Shared>,
    id: SessionId,
    /// Absent while being dropped.
    news: Option<watch::Receiver<Known>>,
}

impl Watched {
    pub(super) fn new(clock: Clock) -> Self {
        Self { shared: Arc::default(), clock }
    }

    /// Notes a session that was admitted: newer tokens keep what was begun under older ones.
    ///
    /// To be called before [`RelyingParty::over`] for the same request.
    pub(super) fn seen(&self, id: SessionId, until: UnixTime) {
        if self.shared.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        if let Some(sender) = self.shared.lock().get(&id) {
            sender.send_if_modified(|known| match known {
                Known::Until(known) if *known < until => {
                    *known = until;
                    true
                }
                Known::Until(_) | Known::SignedOut => false,
            });
        }
    }

    /// Notes a sign-out.
    pub(super) fn signed_out(&self, id: SessionId) {
        if let Some(sender) = self.shared.lock().get(&id) {
            sender.send_replace(Known::SignedOut);
        }
    }

    /// Resolves when the session is over. It is waited for from now on, not from the first poll.
    fn over(&self, id: SessionId, until: UnixTime) -> impl Future<Output = ()> + Send + use<> {
        let mut waiting = Waiting::begin(&self.shared, id, until);
        let clock = self.clock.clone();
        async move {
            let Some(news) = waiting.news.as_mut() else { return };
            loop {
                let Known::Until(until) = *news.borrow_and_update() else { return };
                tokio::select! {
                    () = clock.reach(until) => {
                        if !news.has_changed().unwrap_or(false) {
                            return;
                        }
                    }
                    // The sender stays for as long as anybody waits.
                    changed = news.changed() => if changed.is_err() { return },
                }
            }
        }
    }
}

impl RelyingParty {
    /// A future that resolves when `session` is over: signed out here, or its access token expired without a newer one
    /// having been seen.
    pub(super) fn session_over(&self, session: &Session) -> impl Future<Output = ()> + Send + use<> {
        let over = self.watched.over(session.id, self.lifetimes.latest(session));
        // Refreshed or signed out between its admission and now. Looked for after it is waited for, so that neither is
        // missed.
        if let Some(newer) = self.refresher.newer(session) {
            self.watched.seen(session.id, self.lifetimes.latest(&newer));
        }
        if self.signed_out.contains(&session.id) {
            self.watched.signed_out(session.id);
        }
        over
    }
}

impl Waiting {
    fn begin(shared: &Arc<Shared>, id: SessionId, until: UnixTime) -> Self {
        let mut by_id = shared.lock();
        let known = || watch::Sender::new(Known::Until(until));
        let news = Some(by_id.entry(id).or_insert_with(known).subscribe());
        shared.count.store(by_id.len(), Ordering::Relaxed);
        Self { shared: Arc::clone(shared), id, news }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut by_id = self.shared.lock();
        self.news = None;
        if by_id.get(&self.id).is_some_and(|sender| sender.receiver_count() == 0) {
            by_id.remove(&self.id);
            self.shared.count.store(by_id.len(), Ordering::Relaxed);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, watch::Sender<Known>>> {
        // Every change is complete before anything can panic.
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("count", &self.shared.count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_session_is_over_at_the_newest_exp_that_was_seen() {
        let clock = Clock::manual(UnixTime(1_000));
        let watched = Watched::new(clock.clone());
        let id = SessionId::random();
        let mut over = pin!(watched.over(id, UnixTime(1_100)));
        clock.advance(Duration::from_secs(99));
        assert!(over.as_mut().now_or_never().is_none());
        watched.seen(id, UnixTime(1_200));
        // Neither an older copy nor another session changes that.
        watched.seen(id, UnixTime(1_100));
        watched.seen(SessionId::random(), UnixTime(9_999));
        clock.advance(Duration::from_secs(100));
        assert!(over.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!(over.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_newer_end_that_comes_in_the_same_moment_as_the_old_one_counts() {
        // Which of the two is looked at first is left to chance.
        for _ in 0..32 {
            let clock = Clock::manual(UnixTime(1_000));
            let watched = Watched::new(clock.clone());
            let id = SessionId::random();
            let mut over = pin!(watched.over(id, UnixTime(1_100)));
            assert!(over.as_mut().now_or_never().is_none());
            clock.advance(Duration::from_secs(100));
            watched.seen(id, UnixTime(1_200));
            assert!(over.as_mut().now_or_never().is_none());
        }
    }

    #[tokio::test]
    async fn a_sign_out_ends_all_that_wait_and_nothing_is_kept_of_them() {
        let clock = Clock::manual(UnixTime(1_000));
        let watched = Watched::new(clock);
        let (mine, others, until) = (SessionId::random(), SessionId::random(), UnixTime(2_000));
        let (first, second, other) =
            (watched.over(mine, until), watched.over(mine, until), watched.over(others, until));
        watched.signed_out(mine);
        assert!(first.now_or_never().is_some() && second.now_or_never().is_some());
        let mut other = Box::pin(other);
        assert!(other.as_mut().now_or_never().is_none());
        assert_eq!(watched.shared.lock().len(), 1);
        drop(other);
        assert_eq!((watched.shared.lock().len(), watched.shared.count.load(Ordering::Relaxed)), (0, 0));
    }
}
