//! Cognito's signing keys: fetched, kept, and fetched again when a token names one that is not known.
//!
//! Biased towards availability: whatever goes wrong with a fetch, the keys in hand stay.

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
/// How long until the next attempt while no key was ever loaded: doubled from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// The keys of one user pool, shared by every thread.
#[derive(Debug)]
pub struct Jwks {
    http: Http,
    url: Url,
    clock: Clock,
    keys: ArcSwap<Vec<Key>>,
    loaded: AtomicBool,
    /// Rises with every change of the keys.
    generation: AtomicU64,
    /// When an unknown key id last caused a fetch; held while one is under way, so that only one is.
    attempted: Mutex<Option<UnixTime>>,
}

/// One RSA key that signs with RS256.
#[derive(Clone, Debug)]
pub struct Key {
    id: Option<String>,
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
        self.generation.load(Ordering::Acquire)
    }

    /// The key that a token names, fetching the set anew where it is not known.
    ///
    /// A token without a key id is only matched where the set has exactly one key.
    pub async fn key(&self, id: Option<&str>) -> Option<DecodingKey> {
        if let Some(key) = self.known(id) {
            return Some(key);
        }
        // Without an id there is nothing a new set could be searched for.
        if id.is_some() || !self.is_loaded() {
            self.refetch_if_due().await;
            return self.known(id);
        }
        None
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

    fn known(&self, id: Option<&str>) -> Option<DecodingKey> {
        let keys = self.keys.load();
        match id {
            Some(id) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            None => Some(keys.first()?).filter(|_| keys.len() == 1),
        }
        .map(|key| key.decoding.clone())
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
        let keys = keys?;
        if **self.keys.load() != keys {
            self.keys.store(Arc::new(keys));
            // Behind the keys: what is verified by them meanwhile counts as verified by those before, and is verified anew.
            self.generation.fetch_add(1, Ordering::Release);
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
    Some(Key { id: field("kid").map(str::to_owned), modulus, exponent, decoding })
}
