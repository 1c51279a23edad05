//! What a pool consists of: its id, its app clients, its users.
//!
//! Everything has a default, so an empty file is a pool that works: `us-east-1_Emulated1` with the app clients
//! `demo-client`, `demo-public` and `demo-service` and the users alice and bob. A list that a file gives replaces the default
//! list, it does not add to it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use url::Url;

use super::check;
use crate::secret::Secret;

pub use super::check::SettingsError;

/// A pool, as a TOML file or a test describes it.
///
/// Every key, with what it is where it is left out:
///
/// ```
/// # let settings = cognigate::emulator::Settings::from_toml(r#"
/// pool_id = "us-east-1_Emulated1"
/// issuer = "original"                 # or "updated", or a URL
/// session_validity = "1h"
///
/// [[clients]]
/// id = "demo-client"                  # has no default
/// secrets = ["demo-secret"]           # none: a public client
/// callback_urls = ["http://localhost:8080/oauth2/callback"]       # none
/// logout_urls = ["http://localhost:8080/oauth2/signed_out"]       # none
/// scopes = ["openid", "email", "profile", "phone", "aws.cognito.signin.user.admin"]
/// id_token_validity = "1h"
/// access_token_validity = "1h"
/// refresh_token_validity = "30d"
/// rotation_grace = "10s"              # none: no rotation
/// rotation_siblings = "stay"          # or "end"
///
/// [[clients]]
/// id = "demo-service"
/// secrets = ["demo-service-secret"]
/// scopes = ["api/read", "api/write"]
/// client_credentials = true           # a program's own, without users
///
/// [[users]]
/// username = "alice"                  # has no default
/// password = "Passw0rd!"              # has no default
/// sub = "5e9c1d8e-0c0d-4a44-8c5f-0d3a6a6a5e1b"    # derived from the pool and the user's name
/// email = "alice@example.com"         # none
/// email_verified = true
/// groups = ["admins"]                 # none
/// roles = []
/// device_key = "us-east-1_a-device"   # none
/// identity_provider = "Google"        # none: a user of the pool itself
/// attributes = { name = "Alice", "custom:plan" = "7" }            # none
/// # "#).unwrap();
/// ```
///
/// [`Settings::from_toml`] and [`Emulator::bind`](super::Emulator::bind) check it; a value built by hand is
/// not checked before that.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `REGION_name`, as Cognito writes pool ids.
    pub pool_id: String,
    /// What the tokens' `iss` says.
    pub issuer: Issuer,
    /// How long managed login remembers a user by its own cookie; it does not slide.
    #[serde(deserialize_with = "duration")]
    pub session_validity: Duration,
    pub clients: Vec<Client>,
    pub users: Vec<User>,
}

/// An app client of the pool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub id: String,
    /// None for a public client; two may be active at once.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// A redirect URI must be one of these to the letter.
    #[serde(default)]
    pub callback_urls: Vec<String>,
    /// A sign-out URL must be one of these to the letter.
    #[serde(default)]
    pub logout_urls: Vec<String>,
    /// What may be asked for; all of it is granted where a request names no scope.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// At most a day. Cognito's least is 5 minutes; shorter is allowed here, so that expiry can be watched.
    #[serde(default = "hour", deserialize_with = "duration")]
    pub id_token_validity: Duration,
    /// The same limits as the id token's.
    #[serde(default = "hour", deserialize_with = "duration")]
    pub access_token_validity: Duration,
    /// At most 10 years, counted from the sign-in: neither refreshing nor rotation prolongs it.
    #[serde(default = "thirty_days", deserialize_with = "duration")]
    pub refresh_token_validity: Duration,
    /// Refresh token rotation: how long, 0 to 60 s, a token stays good after it was replaced. None: no rotation.
    #[serde(default, deserialize_with = "optional_duration")]
    pub rotation_grace: Option<Duration>,
    /// What a rotated token's second use does to what its first use gave.
    #[serde(default)]
    pub rotation_siblings: Siblings,
    /// Gets tokens in its own name, by the client-credentials grant, and no user signs in to it: Cognito lets no app client
    /// have both. It has a secret, and scopes of resource servers alone, `resource/scope`.
    #[serde(default)]
    pub client_credentials: bool,
}

/// Someone who can sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub username: String,
    pub password: Secret,
    /// Derived from pool and user name where absent, so that it is the same after a restart.
    #[serde(default)]
    pub sub: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default = "yes")]
    pub email_verified: bool,
    #[serde(default)]
    pub groups: Vec<String>,
    /// `cognito:roles`; the first of them is `cognito:preferred_role`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The access token's `device_key`.
    #[serde(default)]
    pub device_key: Option<String>,
    /// The IdP that a federated user comes from: gives `identities` and the group `POOLID_ProviderName`.
    #[serde(default)]
    pub identity_provider: Option<String>,
    /// Further attributes, such as `name`, `phone_number` or `custom:plan`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// Which `iss` the tokens carry. Written `original`, `updated`, or as a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Issuer {
    /// `https://cognito-idp.REGION.amazonaws.com/POOLID`.
    #[default]
    Original,
    /// `https://issuer-cognito-idp.REGION.amazonaws.com/POOLID`.
    Updated,
    Url(String),
}

/// What a rotated refresh token does to the tokens that it gave before, when it is used once more. AWS documents neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Siblings {
    /// They stay good: every use within the grace gives tokens as good as the first one's.
    #[default]
    Stay,
    /// They end, and all that stems from them: within the grace the latest use's tokens alone are good, and a use after it
    /// leaves none.
    End,
}

impl Settings {
    /// Reads and checks a file's text. An error names the key and, from TOML's own reader, the line.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text)?;
        settings.check()?;
        Ok(settings)
    }

    /// What a file's text must hold beyond its shape: unique names, registrable URLs, lifetimes within limits.
    pub fn check(&self) -> Result<(), SettingsError> {
        check::check(self)
    }

    /// The app client of that id.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// The app client of that id, to be changed before the emulator starts.
    pub fn client_mut(&mut self, id: &str) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.id == id)
    }

    /// Registers the gate at `origin` (no slash at its end) with every app client, under the default prefix.
    ///
    /// For tests: the port is known only when the gate is bound.
    #[must_use]
    pub fn for_gate(mut self, origin: &str) -> Self {
        for client in self.clients.iter_mut().filter(|client| !client.client_credentials) {
            client.callback_urls = vec![format!("{origin}/oauth2/callback")];
            client.logout_urls = vec![format!("{origin}/oauth2/signed_out")];
        }
        self
    }

    /// The `iss` itself.
    #[must_use]
    pub fn issuer_url(&self) -> String {
        let region = self.pool_id.split('_').next().unwrap_or_default();
        match &self.issuer {
            Issuer::Original => format!("https://cognito-idp.{region}.amazonaws.com/{}", self.pool_id),
            Issuer::Updated => format!("https://issuer-cognito-idp.{region}.amazonaws.com/{}", self.pool_id),
            Issuer::Url(url) => url.clone(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let confidential = Client::new("demo-client", &["demo-secret"]);
        let public = Client::new("demo-public", &[]);
        let service = Client::service("demo-service", "demo-service-secret", &["api/read", "api/write"]);
        let mut alice = User::new("alice", "Passw0rd!");
        alice.email = Some("alice@example.com".to_owned());
        alice.groups = vec!["admins".to_owned()];
        Self {
            pool_id: "us-east-1_Emulated1".to_owned(),
            issuer: Issuer::Original,
            session_validity: hour(),
            clients: vec![confidential, public, service],
            users: vec![alice, User::new("bob", "Passw0rd!")],
        }
    }
}

impl Client {
    /// An app client with Cognito's default lifetimes, for the gate of the demo at `http://localhost:8080`.
    #[must_use]
    pub fn new(id: &str, secrets: &[&str]) -> Self {
        Self {
            id: id.to_owned(),
            secrets: secrets.iter().map(|secret| Secret::from(*secret)).collect(),
            callback_urls: vec!["http://localhost:8080/oauth2/callback".to_owned()],
            logout_urls: vec!["http://localhost:8080/oauth2/signed_out".to_owned()],
            scopes: default_scopes(),
            id_token_validity: hour(),
            access_token_validity: hour(),
            refresh_token_validity: thirty_days(),
            rotation_grace: None,
            rotation_siblings: Siblings::Stay,
            client_credentials: false,
        }
    }

    /// A program that gets tokens in its own name.
    #[must_use]
    pub fn service(id: &str, secret: &str, scopes: &[&str]) -> Self {
        Self {
            callback_urls: Vec::new(),
            logout_urls: Vec::new(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            client_credentials: true,
            ..Self::new(id, &[secret])
        }
    }
}

impl User {
    /// A user without email, groups or anything else.
    #[must_use]
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: Secret::from(password),
            sub: None,
            email: None,
            email_verified: true,
            groups: Vec::new(),
            roles: Vec::new(),
            device_key: None,
            identity_provider: None,
            attributes: BTreeMap::new(),
        }
    }
}

impl User {
    /// Sets or removes an attribute. `email` is one.
    pub(super) fn set_attribute(&mut self, name: &str, value: Option<String>) {
        match (name, value) {
            ("email", value) => self.email = value,
            (_, Some(value)) => drop(self.attributes.insert(name.to_owned(), value)),
            (_, None) => drop(self.attributes.remove(name)),
        }
    }
}

impl FromStr for Issuer {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        match text {
            "original" => Ok(Self::Original),
            "updated" => Ok(Self::Updated),
            _ if Url::parse(text).is_ok_and(|url| url.has_host()) => Ok(Self::Url(text.to_owned())),
            _ => Err(SettingsError::Issuer(text.to_owned())),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Original => "original",
            Self::Updated => "updated",
            Self::Url(url) => url,
        })
    }
}

impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

fn default_scopes() -> Vec<String> {
    ["openid", "email", "profile", "phone", "aws.cognito.signin.user.admin"].map(str::to_owned).to_vec()
}

fn hour() -> Duration {
    Duration::from_secs(60 * 60)
}

fn thirty_days() -> Duration {
    Duration::from_secs(30 * 24 * 60 * 60)
}

fn yes() -> bool {
    true
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    check::parse_duration(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "{text:?} is not a length of time such as \"60s\", \"5m\", \"1h\" or \"30d\""
        ))
    })
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}
