//! Sessions that live in the browser, sealed: any replica that shares the keys serves any request.

use std::time::Duration;

use http::HeaderValue;

use crate::cookie::chunk::{self, TooLarge};
use crate::cookie::read::RequestCookies;
use crate::cookie::write::{self, Attributes};
use crate::crypto::keyring::KeyRing;
use crate::crypto::seal::Sealer;
use crate::session::sizes::Sizes;
use crate::session::store::{Held, Loaded};
use crate::session::{Session, codec};

/// Keeps sessions in the cookie `NAME`, or in its chunks where they do not fit.
///
/// It forgets nothing: a copy of a cookie is as good as the cookie until its tokens expire.
#[derive(Clone, Debug)]
pub struct CookieStore {
    sealer: Sealer,
    name: String,
    attributes: Attributes,
}

impl CookieStore {
    /// A store under the effective cookie name, `__Host-` or `__Secure-` included.
    #[must_use]
    pub fn new(sealer: Sealer, name: impl Into<String>, attributes: Attributes) -> Self {
        Self { sealer, name: name.into(), attributes }
    }

    pub(super) fn renew(&self, ring: &KeyRing) {
        self.sealer.renew(ring);
    }

    /// The cookie's effective name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session that `cookies` hold.
    ///
    /// Where `NAME` and its chunks both open, as when answers under way crossed, the later state of the same
    /// session counts; two different sessions are not chosen between.
    #[must_use]
    pub fn load(&self, cookies: &RequestCookies) -> Loaded {
        let found = chunk::reassemble(cookies, &self.name);
        let single = found.single.and_then(|sealed| self.open(sealed));
        let chunked = found.chunked.and_then(|sealed| self.open(&sealed));
        let (session, current_key) = match (single, chunked) {
            (Some(single), Some(chunked)) if single.0.id != chunked.0.id => return Loaded::Invalid,
            (Some(single), Some(chunked)) if state(&single.0) < state(&chunked.0) => chunked,
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => return if found.any { Loaded::Invalid } else { Loaded::None },
        };
        Loaded::Session(Held::in_cookie(session, current_key))
    }

    /// The lines that store `session`, and that delete what `cookies` show of an earlier shape.
    ///
    /// # Errors
    /// [`TooLarge`] where all the cookies that a browser may be given would not hold it.
    pub fn save(
        &self,
        session: &Session,
        cookies: &RequestCookies,
        max_age: Duration,
    ) -> Result<Vec<HeaderValue>, TooLarge> {
        let sealed = self.sealer.seal(&codec::encode(session));
        let parts = chunk::split(&self.name, &sealed).inspect_err(|error| {
            let sizes = Sizes(session);
            tracing::error!(%error, %sizes, sub = %session.identity.sub, "a session is too large for cookies");
        })?;
        let mut lines: Vec<_> =
            parts.iter().map(|(name, value)| write::set(&self.attributes, name, value, max_age)).collect();
        let stale = chunk::present(cookies, &self.name).into_iter();
        let stale = stale.filter(|sent| parts.iter().all(|(name, _)| name != sent));
        lines.extend(stale.map(|name| write::clear(&self.attributes, &name)));
        Ok(lines)
    }

    /// The lines that delete `NAME`, sent or not, and each chunk that `cookies` show.
    #[must_use]
    pub fn clear(&self, cookies: &RequestCookies) -> Vec<HeaderValue> {
        let mut names = vec![self.name.clone()];
        names.extend(chunk::present(cookies, &self.name).into_iter().filter(|sent| *sent != self.name));
        names.iter().map(|name| write::clear(&self.attributes, name)).collect()
    }

    fn open(&self, sealed: &[u8]) -> Option<(Session, bool)> {
        let opened = self.sealer.open(sealed).ok()?;
        Some((codec::decode(&opened.bytes).ok()?, opened.current_key))
    }
}

/// Later is greater, for states of one session. Newer tokens count before a later use: what a touch wrote of the old
/// ones must not win over what a refresh brought.
fn state(session: &Session) -> impl PartialOrd {
    (session.access_expires, session.touched)
}
