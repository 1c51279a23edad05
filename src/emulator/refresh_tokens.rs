//! The refresh tokens of a pool, and what rotation makes of them.

use std::collections::{HashMap, HashSet};

use super::pool::Grant;
use super::random;
use super::settings::{Client, Siblings};
use crate::clock::UnixTime;

/// Those that have ended are swept out when there are twice as many as the last sweep left, and no fewer than this.
const SWEEP: usize = 1024;

/// By their text.
#[derive(Default)]
pub(super) struct RefreshTokens {
    by_text: HashMap<String, RefreshToken>,
    /// The `jti` of access tokens that ended before their time, with their siblings.
    ended: HashSet<String>,
    sweep_at: usize,
}

#[derive(Clone)]
struct RefreshToken {
    grant: Grant,
    /// Absolute: rotation hands it on as it is.
    until: UnixTime,
    /// Where it was replaced: the end of its grace.
    replaced: Option<UnixTime>,
    /// What has taken its place: one for each use of it.
    successors: Vec<String>,
}

/// What a refresh token gives.
pub(super) struct Refreshed {
    pub(super) grant: Grant,
    /// What takes its place, where the app client rotates.
    pub(super) successor: Option<String>,
}

impl RefreshTokens {
    pub(super) fn issue(&mut self, grant: Grant, until: UnixTime, now: UnixTime) -> String {
        self.remember(RefreshToken { grant, until, replaced: None, successors: Vec::new() }, now)
    }

    /// The grant of a token that is known, good or not.
    pub(super) fn grant(&self, token: &str) -> Option<&Grant> {
        self.by_text.get(token).map(|token| &token.grant)
    }

    /// The grant behind a token that is good, and the token that replaces it where the client rotates: the old one
    /// then dies after the grace, which using it again does not prolong. Where siblings end, it ends what it gave before,
    /// and so does an attempt after the grace.
    pub(super) fn refresh(&mut self, text: &str, client: &Client, now: UnixTime) -> Option<Refreshed> {
        let token = self.by_text.get_mut(text)?;
        let (is_good, until) = (token.lives(now), token.until);
        let mut grant = token.grant.clone();
        grant.access_jti = random::uuid();
        let grace = client.rotation_grace.filter(|_| is_good);
        if let Some(grace) = grace {
            token.replaced.get_or_insert(now.plus(grace));
        }
        if client.rotation_siblings == Siblings::End {
            let siblings = std::mem::take(&mut token.successors);
            siblings.iter().for_each(|sibling| self.end(sibling));
        }
        let successor = grace.map(|_| {
            let successor =
                RefreshToken { grant: grant.clone(), until, replaced: None, successors: Vec::new() };
            self.remember(successor, now)
        });
        if let (Some(token), Some(successor)) = (self.by_text.get_mut(text), &successor) {
            token.successors.push(successor.clone());
        }
        is_good.then_some(Refreshed { grant, successor })
    }

    pub(super) fn has_ended(&self, access_jti: &str) -> bool {
        self.ended.contains(access_jti)
    }

    /// Ends those of a user, or everyone's, by their time.
    pub(super) fn expire(&mut self, username: Option<&str>, now: UnixTime) {
        let of = |token: &&mut RefreshToken| username.is_none_or(|name| token.grant.username == name);
        self.by_text.values_mut().filter(of).for_each(|token| token.until = now);
    }

    /// The `origin_jti` of those of a user, or of everyone's.
    pub(super) fn origins(&self, username: Option<&str>) -> Vec<String> {
        let of = |token: &&RefreshToken| username.is_none_or(|name| token.grant.username == name);
        self.by_text.values().filter(of).map(|token| token.grant.origin_jti.clone()).collect()
    }

    /// Ends a token and all that stems from it by rotation.
    fn end(&mut self, text: &str) {
        let Some(token) = self.by_text.remove(text) else { return };
        self.ended.insert(token.grant.access_jti);
        token.successors.iter().for_each(|successor| self.end(successor));
    }

    fn remember(&mut self, token: RefreshToken, now: UnixTime) -> String {
        if self.by_text.len() >= self.sweep_at.max(SWEEP) {
            // One whose grace is over may still be shown, to the harm of its successors.
            self.by_text.retain(|_, token| token.until > now);
            self.sweep_at = self.by_text.len() * 2;
        }
        let text = random::refresh_token();
        self.by_text.insert(text.clone(), token);
        text
    }
}

impl RefreshToken {
    fn lives(&self, now: UnixTime) -> bool {
        self.until > now && self.replaced.is_none_or(|end| end > now)
    }
}
