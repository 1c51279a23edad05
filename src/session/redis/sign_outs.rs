//! Sign-outs of sessions in cookies, told to the other replicas: a copied cookie dies there too.
//!
//! `signed_out` is a sorted set of `ID:END`, by the time of the sign-out: the end, in seconds since 1970, is when the
//! session's access tokens have run out, and nothing need be refused any more. Session ids open nothing.

use std::fmt;
use std::iter::once;
use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::cmd;

use super::connection::Connection;
use super::{eval, millis, script};
use crate::clock::{Clock, UnixTime};
use crate::session::SessionId;
use crate::session::store::StoreUnavailable;

/// Longer than an access token lives.
const KEPT: Duration = Duration::from_secs(25 * 60 * 60);
/// How far the clocks of two replicas may be apart for a sign-out to be seen at the next look.
const SKEW: Duration = Duration::from_secs(2 * 60);
/// Each so manieth look is at all there is.
const WHOLE: u32 = 60;
/// So many wait at most to be told while Redis is away.
const UNTOLD: usize = 10_000;

/// A session that was signed out, and when that need not be remembered any more.
pub type SignOut = (SessionId, UnixTime);

/// The sign-outs of all replicas that share the Redis. Clones share what is still to be told.
#[derive(Clone)]
pub struct SignOuts {
    connection: Connection,
    key: String,
    clock: Clock,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    untold: Mutex<Vec<SignOut>>,
    /// How many looks there were since the last at all there is; 0 makes the next one such.
    looks: AtomicU32,
}

impl SignOuts {
    pub(in crate::session) fn new(connection: Connection, prefix: &str, clock: Clock) -> Self {
        Self { connection, key: format!("{prefix}signed_out"), clock, shared: Arc::default() }
    }

    /// Tells the other replicas, now or once Redis is back.
    pub(in crate::session) async fn tell(&self, sign_out: SignOut) {
        if self.write(sign_out).await.is_err() {
            let mut untold = self.untold();
            if untold.len() < UNTOLD {
                untold.push(sign_out);
            }
        }
    }

    /// What was signed out lately, here or elsewhere; what is known already may be among it. Costs Redis one question a
    /// look.
    pub(in crate::session) async fn look(&self) -> Result<Vec<SignOut>, StoreUnavailable> {
        let mut untold = mem::take(&mut *self.untold()).into_iter();
        while let Some(sign_out) = untold.next() {
            if let Err(error) = self.write(sign_out).await {
                self.untold().extend(once(sign_out).chain(untold));
                return Err(error);
            }
        }
        let looks = self.shared.looks.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        let mut command = cmd("ZRANGEBYSCORE");
        command.arg(&self.key);
        if looks.is_multiple_of(WHOLE) {
            command.arg("-inf");
        } else {
            command.arg(now.0 - seconds(SKEW));
        }
        command.arg("+inf");
        match self.connection.ask::<Vec<String>>(&command).await {
            Ok(members) => Ok(members.iter().filter_map(|member| parse(member)).collect()),
            Err(error) => {
                // What was missed may be older by the next look.
                self.shared.looks.store(0, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    async fn write(&self, (id, end): SignOut) -> Result<(), StoreUnavailable> {
        let now = self.clock.now();
        let mut command = eval(script::TELL, &[&self.key]);
        command.arg(now.0).arg(format!("{id}:{end}")).arg(now.0 - seconds(KEPT)).arg(millis(KEPT));
        let _: String = self.connection.ask(&command).await?;
        Ok(())
    }

    fn untold(&self) -> MutexGuard<'_, Vec<SignOut>> {
        // Every change is complete before anything can panic.
        self.shared.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(member: &str) -> Option<SignOut> {
    let (id, end) = member.split_once(':')?;
    Some((id.parse().ok()?, UnixTime(end.parse().ok()?)))
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

impl fmt::Debug for SignOuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignOuts").field("key", &self.key).finish_non_exhaustive()
    }
}
