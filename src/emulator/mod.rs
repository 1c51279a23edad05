//! An offline Cognito that any client can be pointed at: `cognigate emulate`.
//!
//! It serves what a user pool's domain and its issuer serve, from memory, over plain HTTP: `/oauth2/authorize`,
//! `/login`, `/oauth2/token`, `/oauth2/userInfo`, `/oauth2/revoke`, `/logout`, `/error`, and under the pool's id
//! `/.well-known/jwks.json` and `/.well-known/openid-configuration`. Tokens carry AWS's own issuer by default,
//! so that nothing but addresses differs from the real thing.
//!
//! It is written from the same facts as the relying party in this crate, and shares no code with it: where the
//! two agree, each has understood Cognito by itself.
//!
//! # Where AWS documents nothing, or two things
//! A missing `response_type` comes back to the callback, as the developer guide says; a missing `client_id` or
//! `redirect_uri` ends on `/error`. `/logout` without a registered `logout_uri` signs out all the same and goes
//! on to `/login`, as was seen in the wild.
//! A code is used up by any attempt of its own app client, a wrong verifier or redirect URI included. Revoking
//! a refresh token ends everything that stems from the same sign-in, rotated tokens too. A refreshed id token
//! carries no `nonce`. An access token is good at userInfo until it expires or is revoked. Whether a rotated refresh
//! token that is used once more ends what it gave before is for [`Siblings`] to say: both can be had.
//!
//! # Switches
//! Tests in the same process use [`Switches`]. The same switches are there over HTTP; bodies are JSON, done is
//! 204, and a mistake is a 400 that says what it was. ENDPOINT is one of `authorize`, `login`, `token`,
//! `token_code`, `token_refresh`, `revoke`, `userinfo`, `logout`, `jwks`, `discovery`, `error`.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /_emulator/counters` | requests per endpoint so far |
//! | `GET /_emulator/last?endpoint=ENDPOINT` | the last request: method, uri, headers, body |
//! | `GET /_emulator/wait?endpoint=ENDPOINT&count=N` | answers once the endpoint has got N requests; 408 after 30 s |
//! | `POST /_emulator/fail` | `endpoint` and the fields of [`Fault`] |
//! | `POST /_emulator/hold`, `release` | `endpoint`: requests wait, counted but unserved, until released |
//! | `POST /_emulator/edit_token` | the fields of [`TokenEdit`] |
//! | `POST /_emulator/edit_reply` | `endpoint` and the fields of [`ReplyEdit`] |
//! | `POST /_emulator/edit_callback` | the fields of [`CallbackEdit`] |
//! | `POST /_emulator/shape_jwks` | the fields of [`JwksShape`] |
//! | `POST /_emulator/rotate_keys` | `keep_old`: the old keys stay in the JWKS |
//! | `POST /_emulator/refresh_tokens` | `action`: `expire` or `revoke`; `username`, else everyone's |
//! | `POST /_emulator/end_sessions` | everybody has to give a password again |
//! | `POST /_emulator/user` | `username`; `groups`; `attributes`, null removes one |
//! | `POST /_emulator/client` | `id`; `secrets`, `callback_urls`, `logout_urls`, `rotation_grace` in seconds or null, `rotation_siblings` |
//! | `POST /_emulator/reset` | faults, holds, edits and shapes away, counters to zero |

mod answer;
mod authorize;
mod check;
mod claims;
mod client_authentication;
mod cookie;
mod discovery;
mod keys;
mod login;
mod logout;
mod mint;
mod parameters;
mod pool;
mod random;
mod refresh_tokens;
mod revoke;
mod route;
mod serve;
mod settings;
mod switches;
mod token;
mod userinfo;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use self::pool::Pool;
use crate::clock::Clock;

pub use settings::{Client, Issuer, Settings, SettingsError, Siblings, User};
pub use switches::{
    CallbackEdit, Endpoint, Fault, Gate, JwksShape, Received, ReplyEdit, Signing, Switches, TokenEdit,
    TokenUse,
};

/// A pool with a port of its own. It answers once [`Emulator::serve`] runs; until then connections wait.
#[derive(Debug)]
pub struct Emulator {
    pool: Arc<Pool>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Emulator {
    /// Takes the port (0 for any) and makes the pool. Needs no runtime; the first in a process makes two RSA
    /// keys, which takes a while.
    ///
    /// Fails where the port cannot be had, and with [`io::ErrorKind::InvalidInput`] where the settings don't
    /// hold together.
    pub fn bind(settings: Settings, listen: SocketAddr, clock: Clock) -> io::Result<Self> {
        settings.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let pool = Arc::new(Pool::new(settings, clock, format!("http://{address}")));
        Ok(Self { pool, listener, address })
    }

    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address, without a slash at its end: what stands for the user pool's domain.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.pool.base_url.clone()
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.pool.issuer.clone()
    }

    /// Where its JWKS is.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/{}/.well-known/jwks.json", self.pool.base_url, self.pool.id)
    }

    /// A handle for tests, good for as long as it is served and after.
    #[must_use]
    pub fn switches(&self) -> Switches {
        Switches::new(Arc::clone(&self.pool))
    }

    /// Serves until `shutdown` ends, on whatever runtime it is polled. Idle connections don't hold it up, and
    /// what is held or hangs on purpose is cut off after a second.
    ///
    /// Fails only where the runtime does not take the socket.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        serve::serve(self.pool, listener, shutdown).await;
        Ok(())
    }
}
