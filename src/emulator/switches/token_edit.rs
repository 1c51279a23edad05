//! Tampering with the tokens that are minted.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::once;

/// Which of the two JWTs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenUse {
    Id,
    Access,
}

/// By what a token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// The right key.
    #[default]
    Rs256,
    /// `alg: none` and an empty signature.
    None,
    /// `alg: HS256`, keyed by the PEM text of the public key.
    Hs256PublicKey,
    /// `alg: ES256` by some P-256 key.
    Es256,
    /// `alg: RS256` by a key that the JWKS does not hold, under the right key's id.
    ForeignKey,
    /// `alg: RS256` by the key of the other kind of token, under the right key's id.
    OtherTokensKey,
    /// The right signature with its last bit turned.
    Corrupted,
}

/// A change to the tokens that are minted next. All edits that are there apply, in order.
///
/// ```
/// use cognigate::emulator::{Signing, TokenEdit};
/// let wrong_audience = TokenEdit::id().set("aud", "another-client");
/// let none = TokenEdit::access().sign(Signing::None).header("alg", "nOnE").times(2);
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEdit {
    pub token: TokenUse,
    /// How many tokens it changes; `None` (JSON null) is all of them until a reset.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Claims to add or replace.
    #[serde(default)]
    pub set: Map<String, Value>,
    /// Claims to leave out.
    #[serde(default)]
    pub drop: Vec<String>,
    /// Claims to spoil: a text gets a tail, a number is one more, anything else becomes null.
    #[serde(default)]
    pub corrupt: Vec<String>,
    /// Header members to add or replace, whatever `sign` says of `alg`.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// Header members to leave out, such as `kid` or `alg`.
    #[serde(default)]
    pub drop_header: Vec<String>,
    #[serde(default)]
    pub sign: Signing,
}

impl TokenEdit {
    /// Of the next id token.
    #[must_use]
    pub fn id() -> Self {
        Self::of(TokenUse::Id)
    }

    /// Of the next access token.
    #[must_use]
    pub fn access() -> Self {
        Self::of(TokenUse::Access)
    }

    fn of(token: TokenUse) -> Self {
        Self {
            token,
            times: once(),
            set: Map::new(),
            drop: Vec::new(),
            corrupt: Vec::new(),
            header: Map::new(),
            drop_header: Vec::new(),
            sign: Signing::Rs256,
        }
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Of every token until a reset.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    #[must_use]
    pub fn set(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.set.insert(claim.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn drop_claim(mut self, claim: &str) -> Self {
        self.drop.push(claim.to_owned());
        self
    }

    #[must_use]
    pub fn corrupt(mut self, claim: &str) -> Self {
        self.corrupt.push(claim.to_owned());
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn drop_header(mut self, name: &str) -> Self {
        self.drop_header.push(name.to_owned());
        self
    }

    #[must_use]
    pub fn sign(mut self, by: Signing) -> Self {
        self.sign = by;
        self
    }

    pub(in crate::emulator) fn edit_claims(&self, claims: &mut Map<String, Value>) {
        claims.extend(self.set.clone());
        for name in &self.drop {
            claims.remove(name);
        }
        for name in &self.corrupt {
            if let Some(value) = claims.get_mut(name) {
                *value = match &*value {
                    Value::String(text) => Value::from(format!("{text}-corrupt")),
                    Value::Number(number) => Value::from(number.as_i64().unwrap_or_default() + 1),
                    _ => Value::Null,
                };
            }
        }
    }

    pub(in crate::emulator) fn edit_header(&self, header: &mut Map<String, Value>) {
        header.extend(self.header.clone());
        for name in &self.drop_header {
            header.remove(name);
        }
    }
}
