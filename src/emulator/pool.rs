//! The pool's memory: who exists, who is signed in, which codes and refresh tokens are good.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::keys::KeySet;
use super::random;
use super::refresh_tokens::{RefreshTokens, Refreshed};
use super::settings::{Client, Settings, User};
use super::switches::board::Board;
use crate::clock::{Clock, UnixTime};

/// How long an authorization code lives.
const CODE_VALIDITY: Duration = Duration::from_secs(5 * 60);

/// One running pool. All of it is in memory and gone when the process ends.
pub(super) struct Pool {
    pub(super) id: String,
    pub(super) issuer: String,
    pub(super) clock: Clock,
    pub(super) board: Board,
    /// Where it listens, for those who don't say how they reached it.
    pub(super) base_url: String,
    session_validity: Duration,
    memory: Mutex<Memory>,
}

struct Memory {
    clients: Vec<Client>,
    users: Vec<User>,
    keys: KeySet,
    /// Managed login's sessions, by the value of its cookie.
    sessions: HashMap<String, Session>,
    codes: HashMap<String, Code>,
    refresh_tokens: RefreshTokens,
    /// The `origin_jti` of every sign-in that was revoked.
    revoked: HashSet<String>,
}

/// Someone is signed in at managed login.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) username: String,
    /// When the password was given.
    pub(super) auth_time: UnixTime,
    until: UnixTime,
}

/// What was granted to an app client: the root of all tokens of one sign-in.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) username: String,
    pub(super) scopes: Vec<String>,
    pub(super) resource: Option<String>,
    pub(super) auth_time: UnixTime,
    pub(super) origin_jti: String,
    /// That of the access token that is minted next.
    pub(super) access_jti: String,
    pub(super) event_id: String,
}

/// An authorization code, until it is redeemed.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
    /// The S256 challenge (RFC 7636 §4.2).
    pub(super) challenge: Option<String>,
    until: UnixTime,
}

/// Not what it remembers: codes, tokens and sessions.
impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("id", &self.id).field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(settings: Settings, clock: Clock, base_url: String) -> Self {
        Self {
            issuer: settings.issuer_url(),
            id: settings.pool_id,
            clock,
            board: Board::new(),
            base_url,
            session_validity: settings.session_validity,
            memory: Mutex::new(Memory {
                clients: settings.clients,
                users: settings.users,
                keys: KeySet::new(),
                sessions: HashMap::new(),
                codes: HashMap::new(),
                refresh_tokens: RefreshTokens::default(),
                revoked: HashSet::new(),
            }),
        }
    }

    pub(super) fn client(&self, id: &str) -> Option<Client> {
        self.memory().clients.iter().find(|client| client.id == id).cloned()
    }

    pub(super) fn user(&self, username: &str) -> Option<User> {
        self.memory().users.iter().find(|user| user.username == username).cloned()
    }

    /// Every scope that some app client of the pool may ask for.
    pub(super) fn knows_scope(&self, scope: &str) -> bool {
        self.memory().clients.iter().any(|client| client.scopes.iter().any(|known| known == scope))
    }

    pub(super) fn keys(&self) -> KeySet {
        self.memory().keys.clone()
    }

    pub(super) fn rotate_keys(&self, keep_old: bool) {
        let rotated = self.keys().rotated(keep_old);
        self.memory().keys = rotated;
    }

    /// Opens a session at managed login and returns its cookie's value.
    pub(super) fn open_session(&self, username: &str) -> (String, Session) {
        let now = self.clock.now();
        let until = now.plus(self.session_validity);
        let session = Session { username: username.to_owned(), auth_time: now, until };
        let value = random::token();
        let mut memory = self.memory();
        memory.sessions.retain(|_, session| session.until > now);
        memory.sessions.insert(value.clone(), session.clone());
        (value, session)
    }

    pub(super) fn session(&self, cookie: &str) -> Option<Session> {
        let now = self.clock.now();
        self.memory().sessions.get(cookie).filter(|session| session.until > now).cloned()
    }

    pub(super) fn end_session(&self, cookie: &str) {
        self.memory().sessions.remove(cookie);
    }

    pub(super) fn end_sessions(&self) {
        self.memory().sessions.clear();
    }

    pub(super) fn session_validity(&self) -> Duration {
        self.session_validity
    }

    pub(super) fn issue_code(
        &self,
        grant: Grant,
        redirect_uri: &str,
        nonce: Option<String>,
        challenge: Option<String>,
    ) -> String {
        let now = self.clock.now();
        let until = now.plus(CODE_VALIDITY);
        let code = random::uuid();
        let mut memory = self.memory();
        memory.codes.retain(|_, code| code.until > now);
        memory.codes.insert(
            code.clone(),
            Code { grant, redirect_uri: redirect_uri.to_owned(), nonce, challenge, until },
        );
        code
    }

    /// Takes a code of that app client: it is used up now. Another client's stays.
    pub(super) fn redeem_code(&self, code: &str, client_id: &str) -> Option<Code> {
        let now = self.clock.now();
        let mut memory = self.memory();
        if memory.codes.get(code)?.grant.client_id != client_id {
            return None;
        }
        memory.codes.remove(code).filter(|code| code.until > now)
    }

    pub(super) fn issue_refresh_token(&self, grant: Grant, validity: Duration) -> String {
        let now = self.clock.now();
        self.memory().refresh_tokens.issue(grant, now.plus(validity), now)
    }

    /// What a refresh token of that app client gives, if it is good.
    pub(super) fn refresh(&self, token: &str, client: &Client) -> Option<Refreshed> {
        let now = self.clock.now();
        let mut memory = self.memory();
        let grant = memory.refresh_tokens.grant(token)?;
        if grant.client_id != client.id || memory.revoked.contains(&grant.origin_jti) {
            return None;
        }
        memory.refresh_tokens.refresh(token, client, now)
    }

    /// Revokes a refresh token of that app client with all that stems from the same sign-in. Unknown ones,
    /// and other clients', are left as they are: the answer is the same.
    pub(super) fn revoke(&self, token: &str, client_id: &str) {
        let mut memory = self.memory();
        let Some(grant) = memory.refresh_tokens.grant(token) else { return };
        if grant.client_id == client_id {
            let origin = grant.origin_jti.clone();
            memory.revoked.insert(origin);
        }
    }

    pub(super) fn is_revoked(&self, origin_jti: &str) -> bool {
        self.memory().revoked.contains(origin_jti)
    }

    /// True for the access token of a sibling that was ended.
    pub(super) fn has_ended(&self, access_jti: &str) -> bool {
        self.memory().refresh_tokens.has_ended(access_jti)
    }

    pub(super) fn expire_refresh_tokens(&self, username: Option<&str>) {
        let now = self.clock.now();
        self.memory().refresh_tokens.expire(username, now);
    }

    pub(super) fn revoke_refresh_tokens(&self, username: Option<&str>) {
        let mut memory = self.memory();
        let origins = memory.refresh_tokens.origins(username);
        memory.revoked.extend(origins);
    }

    pub(super) fn change_user(&self, username: &str, how: impl FnOnce(&mut User)) -> bool {
        let mut memory = self.memory();
        let user = memory.users.iter_mut().find(|user| user.username == username);
        user.map(how).is_some()
    }

    pub(super) fn change_client(&self, id: &str, how: impl FnOnce(&mut Client)) -> bool {
        let mut memory = self.memory();
        let client = memory.clients.iter_mut().find(|client| client.id == id);
        client.map(how).is_some()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
