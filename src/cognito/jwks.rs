//! Cognito's signing keys: fetched, kept, and fetched again when a token names one that is not known.
//!
//! Biased towards availability: whatever goes wrong with a fetch, the keys in hand stay. A set that has none of the keys
//! that verified tokens so far stands beside them at first, since a set of another pool, or of an attacker, would otherwise
//! end every session here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::http::{Http, HttpError, jittered};
use crate::clock::{Clock, UnixTime};

/// A key set is two keys, about 900 bytes.
const LIMIT: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
/// More keys than this are not looked at.
const MAX_KEYS: usize = 64;
/// An unknown key id causes at most one fetch in this time.
const REFETCH_INTERVAL: Duration = Duration::from_secs(10);
/// Known keys are looked up anew this often, so that one withdrawn at Cognito is withdrawn here.
const REFRESH: Duration = Duration::from_secs(15 * 60);
/// How long keys that verified tokens stay beside a set that has none of them, unless a token is verified by that set first.
///
/// Long enough for two more looks at the set, so that a wrong one can be put right. Short enough for a key that Cognito
/// withdrew because it was stolen: where the new keys sign anything for this gate, it leaves at once; at a gate that nobody
/// signs in to, it leaves 45 minutes after Cognito withdrew it, [`REFRESH`] included.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// How long until the next attempt while no key was ever loaded: doubled from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// The keys of one user pool, shared by every thread.
#[derive(Debug)]
pub struct Jwks {
    http: Http,
    url: Url,
    clock: Clock,
    keys: ArcSwap<Keys>,
    loaded: AtomicBool,
    /// Rises with every change of the keys.
    generation: AtomicU64,
    /// When an unknown key id last caused a fetch; held while one is under way, so that only one is.
    attempted: Mutex<Option<UnixTime>>,
}

/// The keys that tokens are verified by.
#[derive(Debug, Default)]
struct Keys {
    /// Those of the newest set.
    current: Vec<Key>,
    /// Those of the set before, while none of the newest set has verified a token.
    kept: Option<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    keys: Vec<Key>,
    until: UnixTime,
}

/// One RSA key that signs with RS256.
#[derive(Clone, Debug)]
pub struct Key {
    id: Option<String>,
    /// True once it has verified a token.
    proven: Arc<AtomicBool>,
    /// As the set has them, to see whether it is still the same.
    modulus: String,
    exponent: String,
    decoding: DecodingKey,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.modulus, &self.exponent) == (&other.id, &other.modulus, &other.exponent)
    }
}

/// Why a fetch brought no keys.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the key set's address answered {0}")]
    Status(http::StatusCode),
    #[error("the answer is not a key set: {0}")]
    Malformed(&'static str),
}

impl Jwks {
    /// Knows no key until [`Jwks::keep_fresh`] or a token's key id makes it fetch.
    #[must_use]
    pub fn new(http: Http, url: Url, clock: Clock) -> Self {
        Self {
            http,
            url,
            clock,
            keys: ArcSwap::default(),
            loaded: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            attempted: Mutex::new(None),
        }
    }

    /// True once a key set has been loaded; it does not turn back when Cognito is out of reach later.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Which keys these are: another number once they have changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.drop_expired();
        self.generation.load(Ordering::Acquire)
    }

    /// The keys that a token may be signed by: that of its key id, and perhaps one of the same id that is kept. Fetches the
    /// set again where there is none.
    ///
    /// A token without a key id is only matched where a set has exactly one key.
    pub async fn keys(&self, id: Option<&str>) -> Vec<Key> {
        let known = self.known(id);
        if !known.is_empty() {
            return known;
        }
        // Without an id there is nothing a new set could be searched for.
        if id.is_some() || !self.is_loaded() {
            self.refetch_if_due().await;
            return self.known(id);
        }
        known
    }

    /// Remembers that a token was verified by this key. Where it is one of the newest set, the keys before leave.
    pub fn verified_by(&self, key: &Key) {
        if key.proven.load(Ordering::Relaxed) {
            return;
        }
        key.proven.store(true, Ordering::Relaxed);
        self.change(|keys| (keys.kept.is_some() && keys.current.contains(key)).then(|| keys.without_kept()));
    }

    /// Loads the keys, trying until it succeeds, then keeps them up to date for as long as it is polled.
    pub async fn keep_fresh(&self) {
        let mut pause = FIRST_RETRY;
        loop {
            match self.refetch().await {
                Ok(()) => tokio::time::sleep(REFRESH).await,
                Err(error) if self.is_loaded() => {
                    tracing::warn!(%error, "signing keys could not be refreshed; the known ones stay");
                    tokio::time::sleep(LAST_RETRY).await;
                }
                Err(error) => {
                    tracing::warn!(%error, url = %self.url, "signing keys could not be loaded; trying again");
                    tokio::time::sleep(jittered(pause)).await;
                    pause = (pause * 2).min(LAST_RETRY);
                }
            }
        }
    }

    fn known(&self, id: Option<&str>) -> Vec<Key> {
        self.drop_expired();
        let keys = self.keys.load();
        let kept = keys.kept.as_ref().map(|kept| &kept.keys);
        let mut found: Vec<Key> = Vec::new();
        for set in std::iter::once(&keys.current).chain(kept) {
            let key = match id {
                Some(id) => set.iter().find(|key| key.id.as_deref() == Some(id)),
                None => set.first().filter(|_| set.len() == 1),
            };
            found.extend(key.filter(|key| !found.contains(key)).cloned());
        }
        found
    }

    fn drop_expired(&self) {
        let is_over = |keys: &Keys| keys.kept.as_ref().is_some_and(|kept| kept.until <= self.clock.now());
        if is_over(&self.keys.load()) {
            self.change(|keys| is_over(keys).then(|| keys.without_kept()));
        }
    }

    /// Goes over to what `to` makes of the keys, if it makes anything of them.
    fn change(&self, to: impl Fn(&Keys) -> Option<Keys>) {
        let mut changed = false;
        self.keys.rcu(|keys| {
            let next = to(keys);
            changed = next.is_some();
            next.map_or_else(|| Arc::clone(keys), Arc::new)
        });
        if changed {
            // Behind the keys: what is verified by them meanwhile counts as verified by those before, and is verified again.
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    async fn refetch_if_due(&self) {
        let mut attempted = self.attempted.lock().await;
        let now = self.clock.now();
        if attempted.is_some_and(|at| at.until(now) < REFETCH_INTERVAL) {
            return;
        }
        *attempted = Some(now);
        if let Err(error) = self.load().await {
            tracing::warn!(%error, "signing keys could not be fetched for an unknown key id");
        }
    }

    async fn refetch(&self) -> Result<(), JwksError> {
        // Not counted as an attempt: a key made just after this load must not wait for the interval to pass.
        let _one_at_a_time = self.attempted.lock().await;
        self.load().await
    }

    async fn load(&self) -> Result<(), JwksError> {
        let keys = self.fetch().await;
        self.http.metrics().keys_fetched(keys.is_ok());
        let fetched = keys?;
        let (now, had_kept) = (self.clock.now(), self.keys.load().kept.is_some());
        self.change(|keys| keys.followed_by(&fetched, now));
        if !had_kept && self.keys.load().kept.is_some() {
            tracing::warn!(
                url = %self.url,
                "the signing keys were all replaced; those before stay until a token is verified by a new one, for {} minutes \
                 at most",
                KEPT.as_secs() / 60,
            );
        }
        self.loaded.store(true, Ordering::Release);
        Ok(())
    }

    async fn fetch(&self) -> Result<Vec<Key>, JwksError> {
        let reply = self.http.fetch(self.http.get(&self.url), LIMIT, TIMEOUT).await?;
        if reply.status != http::StatusCode::OK {
            return Err(JwksError::Status(reply.status));
        }
        parse(&reply.body)
    }
}

impl Keys {
    /// What they are once a set was fetched; `None` where that changes nothing.
    fn followed_by(&self, fetched: &[Key], now: UnixTime) -> Option<Self> {
        let kept = self.kept.as_ref();
        let in_hand = || self.current.iter().chain(kept.iter().flat_map(|kept| &kept.keys));
        // What is known of a key goes on with it.
        let current: Vec<Key> =
            fetched.iter().map(|new| in_hand().find(|key| *key == new).unwrap_or(new).clone()).collect();
        let kept = match kept {
            _ if current.iter().any(Key::is_proven) => None,
            // Their time does not begin again with each further set.
            Some(kept) => Some(kept.clone()),
            None if self.current.iter().any(Key::is_proven) => {
                Some(Kept { keys: self.current.clone(), until: now.plus(KEPT) })
            }
            None => None,
        };
        let changes = current != self.current || kept.is_some() != self.kept.is_some();
        changes.then_some(Self { current, kept })
    }

    fn without_kept(&self) -> Self {
        Self { current: self.current.clone(), kept: None }
    }
}

impl Key {
    /// What it verifies signatures by.
    #[must_use]
    pub fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }
}

/// The usable keys of a set; an element that is no RS256 signing key is passed over (RFC 7517 §5).
fn parse(body: &[u8]) -> Result<Vec<Key>, JwksError> {
    let set: Value = serde_json::from_slice(body).map_err(|_| JwksError::Malformed("it is not JSON"))?;
    let elements =
        set.get("keys").and_then(Value::as_array).ok_or(JwksError::Malformed("it has no list of keys"))?;
    let keys: Vec<Key> = elements.iter().take(MAX_KEYS).filter_map(key).collect();
    if keys.is_empty() { Err(JwksError::Malformed("it has no usable RS256 key")) } else { Ok(keys) }
}

fn key(element: &Value) -> Option<Key> {
    let field = |name: &str| element.get(name).and_then(Value::as_str);
    let usable = field("kty") == Some("RSA")
        && field("alg").is_none_or(|alg| alg == "RS256")
        && field("use").is_none_or(|purpose| purpose == "sig");
    if !usable {
        return None;
    }
    let (modulus, exponent) = (field("n")?.to_owned(), field("e")?.to_owned());
    let decoding = DecodingKey::from_rsa_components(&modulus, &exponent).ok()?;
    let (id, proven) = (field("kid").map(str::to_owned), Arc::default());
    Some(Key { id, proven, modulus, exponent, decoding })
}
