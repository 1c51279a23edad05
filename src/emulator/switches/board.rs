//! Where the switches stand, and what came in so far.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::endpoint::{Endpoint, Received};
use super::fault::Fault;
use super::reply_edit::{CallbackEdit, JwksShape, ReplyEdit};
use super::token_edit::{TokenEdit, TokenUse};

/// One emulator's switches. Every change wakes whoever waits for one.
#[derive(Debug)]
pub(in crate::emulator) struct Board {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<Endpoint, u64>,
    last: BTreeMap<Endpoint, Received>,
    faults: BTreeMap<Endpoint, VecDeque<Fault>>,
    held: BTreeSet<Endpoint>,
    waiting: BTreeMap<Endpoint, usize>,
    token_edits: Vec<TokenEdit>,
    reply_edits: Vec<(Endpoint, ReplyEdit)>,
    callback_edits: Vec<CallbackEdit>,
    jwks: JwksShape,
}

/// Takes one off what is left of a limited switch; false where none is left after it.
fn spend(times: &mut Option<u32>) -> bool {
    let Some(times) = times else { return true };
    *times = times.saturating_sub(1);
    *times > 0
}

impl Board {
    pub(in crate::emulator) fn new() -> Self {
        Self { state: Mutex::default(), changes: watch::Sender::new(()) }
    }

    /// Counts a request under all the endpoints that it is for.
    pub(in crate::emulator) fn record(&self, endpoints: &[Endpoint], received: &Received) {
        self.change(|state| {
            for endpoint in endpoints {
                *state.counts.entry(*endpoint).or_default() += 1;
                state.last.insert(*endpoint, received.clone());
            }
        });
    }

    /// The fault that a request meets, if any; the last named endpoint, the most precise, comes first.
    pub(in crate::emulator) fn fault(&self, endpoints: &[Endpoint]) -> Option<Fault> {
        let mut state = self.lock();
        endpoints.iter().rev().find_map(|endpoint| {
            let queue = state.faults.get_mut(endpoint)?;
            let fault = queue.front_mut()?;
            let met = fault.clone();
            if !spend(&mut fault.times) {
                queue.pop_front();
            }
            Some(met)
        })
    }

    /// Waits while one of the endpoints is held. Giving up, as a client that leaves does, ends the wait too.
    pub(in crate::emulator) async fn pass(&self, endpoints: &[Endpoint]) {
        let waiting = || {
            let state = self.lock();
            endpoints.iter().find(|endpoint| state.held.contains(endpoint)).copied()
        };
        while let Some(endpoint) = waiting() {
            let _seat = Seat::take(self, endpoint);
            self.until(|state| (!state.held.contains(&endpoint)).then_some(())).await;
        }
    }

    pub(super) async fn reached(&self, endpoint: Endpoint, count: u64) {
        self.until(|state| (state.counts.get(&endpoint).is_some_and(|c| *c >= count)).then_some(())).await;
    }

    pub(super) async fn holding(&self, endpoint: Endpoint, requests: usize) {
        self.until(|state| (state.waiting.get(&endpoint).is_some_and(|w| *w >= requests)).then_some(()))
            .await;
    }

    pub(super) fn hold(&self, endpoint: Endpoint, held: bool) {
        self.change(|state| {
            if held {
                state.held.insert(endpoint)
            } else {
                state.held.remove(&endpoint)
            };
        });
    }

    pub(super) fn add_fault(&self, endpoint: Endpoint, fault: Fault) {
        if fault.times != Some(0) {
            self.change(|state| state.faults.entry(endpoint).or_default().push_back(fault));
        }
    }

    pub(super) fn add_token_edit(&self, edit: TokenEdit) {
        self.change(|state| state.token_edits.push(edit));
    }

    pub(super) fn add_reply_edit(&self, endpoint: Endpoint, edit: ReplyEdit) {
        self.change(|state| state.reply_edits.push((endpoint, edit)));
    }

    pub(super) fn add_callback_edit(&self, edit: CallbackEdit) {
        self.change(|state| state.callback_edits.push(edit));
    }

    pub(super) fn shape_jwks(&self, shape: JwksShape) {
        self.change(|state| state.jwks = shape);
    }

    pub(super) fn count(&self, endpoint: Endpoint) -> u64 {
        self.lock().counts.get(&endpoint).copied().unwrap_or_default()
    }

    pub(super) fn last(&self, endpoint: Endpoint) -> Option<Received> {
        self.lock().last.get(&endpoint).cloned()
    }

    /// Everything back to the start, holds released and counters at zero; who waits goes on.
    pub(super) fn reset(&self) {
        self.change(|state| {
            let waiting = std::mem::take(&mut state.waiting);
            *state = State { waiting, ..State::default() };
        });
    }

    pub(in crate::emulator) fn token_edits(&self, token: TokenUse) -> Vec<TokenEdit> {
        let mut state = self.lock();
        let met: Vec<_> = state.token_edits.iter().filter(|edit| edit.token == token).cloned().collect();
        state.token_edits.retain_mut(|edit| edit.token != token || spend(&mut edit.times));
        met
    }

    pub(in crate::emulator) fn reply_edits(&self, endpoints: &[Endpoint]) -> Vec<ReplyEdit> {
        let mut state = self.lock();
        let meets = |endpoint: &Endpoint| endpoints.contains(endpoint);
        let met: Vec<_> =
            state.reply_edits.iter().filter(|(e, _)| meets(e)).map(|(_, edit)| edit.clone()).collect();
        state.reply_edits.retain_mut(|(e, edit)| !meets(e) || spend(&mut edit.times));
        met
    }

    pub(in crate::emulator) fn callback_edits(&self) -> Vec<CallbackEdit> {
        let mut state = self.lock();
        let met = state.callback_edits.clone();
        state.callback_edits.retain_mut(|edit| spend(&mut edit.times));
        met
    }

    pub(in crate::emulator) fn jwks_shape(&self) -> JwksShape {
        self.lock().jwks.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.lock());
        self.changes.send_replace(());
    }

    async fn until<T>(&self, mut seen: impl FnMut(&State) -> Option<T>) -> T {
        // Subscribed before the first look, so that no change falls between looking and waiting.
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(value) = seen(&self.lock()) {
                return value;
            }
            // The sender lives in `self`, so this does not fail.
            let _ = changes.changed().await;
        }
    }
}

/// One request's place among those that are held.
struct Seat<'a> {
    board: &'a Board,
    endpoint: Endpoint,
}

impl<'a> Seat<'a> {
    fn take(board: &'a Board, endpoint: Endpoint) -> Self {
        board.change(|state| *state.waiting.entry(endpoint).or_default() += 1);
        Self { board, endpoint }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.board.change(|state| {
            let waiting = state.waiting.entry(self.endpoint).or_default();
            *waiting = waiting.saturating_sub(1);
        });
    }
}
