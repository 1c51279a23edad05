//! Which connections have to go first, when there are too many or when they hold too much.
//!
//! The least deserving go first: those that have shown no session, then those that are idle, then those that hold much
//! or have been slow for long.

use std::cmp::Reverse;
use std::time::Duration;

use tokio::time::Instant;

/// What is running out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    /// There are `limits.connections`, and a new one waits.
    Places,
    /// Connections hold `limits.memory`.
    Memory,
    /// They hold far more than that, or none of them holds much.
    Exhaustion,
}

/// A connection, as it is compared with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// True once a request was allowed by a session or a token.
    pub(super) signed_in: bool,
    pub(super) state: State,
    /// Since when it has been busy or idle.
    pub(super) since: Instant,
    /// About how many bytes it holds.
    pub(super) weight: usize,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// No request is under way. A head that is not there whole is not a request.
    Idle,
    /// All that is under way waits for the client: to send its body, or to take its answer.
    Waiting,
    Busy,
}

/// A new connection has this long for its handshake and its first head before it makes room for others.
const FRESH: Duration = Duration::from_millis(100);
/// An idle connection of a signed-in user may have its next request on the way for this long.
const REST: Duration = Duration::from_millis(250);
/// A signed-in user's request that has waited for its client for less than this goes on.
const SLOW: Duration = Duration::from_secs(10);
/// A connection holds less than this of which nothing was read yet, or a few lines of a head.
const EMPTY: usize = 16 * 1024;
/// A new connection with a head that is not there whole holds less than this, large cookies included.
const USUAL_HEAD: usize = 48 * 1024;
/// A connection with a request or two holds less than this. Of those, none goes first for its weight.
const LIGHT: usize = 64 * 1024;

/// The order in which connections go; the first goes first.
type Rank = (u8, Reverse<u32>, State, Instant);

/// When connections are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Instant,
    /// Since when nothing was read from clients; now, if it is read.
    pub(super) paused: Instant,
}

impl Moment {
    pub(super) fn now() -> Self {
        let now = Instant::now();
        Self { now, paused: now }
    }
}

/// The connections to end, by their place in `all`: the least deserving ones, until they hold `needed` of what is
/// running out.
///
/// They may hold less than that. Then the others go on, or are to be asked again in a moment: no signed-in user's
/// connection goes where waiting for new ones to grow old is enough.
pub(super) fn choose(all: &[Standing], pressure: Pressure, needed: usize, at: Moment) -> Vec<usize> {
    let of_one = |standing: &Standing| match pressure {
        Pressure::Places => 1,
        Pressure::Memory | Pressure::Exhaustion => standing.weight,
    };
    let rank = |(place, standing): (usize, &Standing)| Some((standing.rank(pressure, at)?, place));
    let mut order: Vec<(Rank, usize)> = all.iter().enumerate().filter_map(rank).collect();
    order.sort_unstable();
    let is_soon = |it: &&Standing| it.is_fresh(at) && (pressure == Pressure::Places || it.weight > EMPTY);
    let soon: usize = all.iter().filter(is_soon).map(of_one).sum();
    let mut freed = 0;
    let mut chosen = Vec::new();
    for (_, place) in order {
        let is_spared = all[place].signed_in && freed + soon >= needed;
        if freed >= needed || is_spared {
            break;
        }
        freed += of_one(&all[place]);
        chosen.push(place);
    }
    chosen
}

impl Standing {
    /// `None` for a connection that does not go for this.
    fn rank(&self, pressure: Pressure, at: Moment) -> Option<Rank> {
        if self.is_fresh(at) {
            return None;
        }
        let (class, heaviness) = match pressure {
            Pressure::Places => (self.class_for_a_place(at.now.saturating_duration_since(self.since))?, 0),
            // Ending it would free little: what was ended before it is about to free more.
            Pressure::Memory if self.weight <= if self.signed_in { LIGHT } else { EMPTY } => return None,
            Pressure::Memory | Pressure::Exhaustion => {
                (u8::from(self.signed_in), self.weight.max(LIGHT).ilog2())
            }
        };
        Some((class, Reverse(heaviness), self.state, self.since))
    }

    /// Ending an idle connection costs its client nothing, so that a signed-in user's goes too before a request is cut off.
    /// What waits for the app is never cut off: the new connection waits as well.
    fn class_for_a_place(&self, age: Duration) -> Option<u8> {
        match (self.state, self.signed_in) {
            (State::Idle, false) => Some(0),
            (State::Idle, true) if age >= REST => Some(1),
            (State::Waiting, false) => Some(2),
            (State::Waiting, true) if age >= SLOW => Some(3),
            (State::Idle | State::Waiting | State::Busy, _) => None,
        }
    }

    /// True for a connection that could not show a session yet. One that holds much could have, and while nothing is read
    /// none can.
    fn is_fresh(&self, at: Moment) -> bool {
        let until = if self.weight <= EMPTY { at.paused } else { at.now };
        !self.signed_in && self.weight <= USUAL_HEAD && until.saturating_duration_since(self.since) < FRESH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    use State::{Busy, Idle, Waiting};

    fn standing(signed_in: bool, state: State, age_ms: u64, weight: usize, now: Instant) -> Standing {
        Standing { signed_in, state, since: now - Duration::from_millis(age_ms), weight }
    }

    /// The order in which all of them go.
    fn order(pressure: Pressure, of: &[(bool, State, u64, usize)]) -> Vec<usize> {
        let now = Instant::now() + Duration::from_secs(3600);
        let all: Vec<_> = of
            .iter()
            .map(|&(signed_in, state, age, weight)| standing(signed_in, state, age, weight, now))
            .collect();
        choose(&all, pressure, usize::MAX, Moment { now, paused: now })
    }

    #[test]
    fn a_place_is_made_by_the_longest_idle_and_never_by_what_waits_for_the_app() {
        let of = [
            (true, Busy, 60_000, 8 * KIB),
            (false, Busy, 60_000, 8 * KIB),
            (false, Idle, 20, 8 * KIB),
            (true, Idle, 9_000, 8 * KIB),
            (false, Idle, 2_000, 8 * KIB),
            (true, Idle, 10_000, 8 * KIB),
            (false, Idle, 3_000, 8 * KIB),
            (false, Waiting, 90, 8 * KIB),
            (true, Idle, 100, 8 * KIB),
            (false, Waiting, 5_000, 8 * KIB),
            (true, Waiting, 9_000, 8 * KIB),
            (true, Waiting, 11_000, 8 * KIB),
        ];
        assert_eq!(order(Pressure::Places, &of), [6, 4, 5, 3, 9, 11]);
    }

    #[test]
    fn memory_is_freed_by_those_that_have_shown_no_session_and_the_heaviest_of_them_first() {
        let of = [
            (true, Busy, 60_000, 2048 * KIB),
            (false, Busy, 10, 2048 * KIB),
            (false, Idle, 60_000, 8 * KIB),
            (false, Busy, 20_000, 24 * KIB),
            (true, Idle, 60_000, 8 * KIB),
            (false, Idle, 10, 87 * KIB),
            (false, Waiting, 900, 24 * KIB),
            (false, Idle, 10, 47 * KIB),
        ];
        assert_eq!(order(Pressure::Memory, &of), [1, 5, 6, 3, 0]);
        assert_eq!(order(Pressure::Exhaustion, &of), [1, 2, 5, 6, 3, 0, 4]);
    }

    #[test]
    fn no_signed_in_user_goes_where_new_connections_hold_enough() {
        let now = Instant::now() + Duration::from_secs(3600);
        let at = Moment { now, paused: now };
        let mut all = vec![standing(false, Idle, 90, 40 * KIB, now); 10];
        all.push(standing(true, Busy, 60_000, 2048 * KIB, now));
        assert_eq!(choose(&all, Pressure::Memory, 400 * KIB, at), Vec::<usize>::new());
        assert_eq!(choose(&all, Pressure::Memory, 401 * KIB, at), [10]);
    }

    #[test]
    fn no_more_go_than_it_takes() {
        let now = Instant::now() + Duration::from_secs(3600);
        let at = Moment { now, paused: now };
        let all = vec![standing(false, Idle, 5_000, 100 * KIB, now); 10];
        assert_eq!(choose(&all, Pressure::Places, 3, at).len(), 3);
        assert_eq!(choose(&all, Pressure::Memory, 250 * KIB, at).len(), 3);
        assert_eq!(choose(&all, Pressure::Memory, 0, at), Vec::<usize>::new());
    }

    #[test]
    fn a_connection_that_came_just_before_a_pause_does_not_go_for_being_unread() {
        let now = Instant::now() + Duration::from_secs(3600);
        let at = Moment { now, paused: now - Duration::from_millis(900) };
        let all = [
            standing(false, Idle, 950, 8 * KIB, now),
            standing(false, Idle, 950, 40 * KIB, now),
            standing(true, Busy, 60_000, 2048 * KIB, now),
        ];
        assert_eq!(choose(&all, Pressure::Memory, usize::MAX, at), [1, 2]);
    }
}
