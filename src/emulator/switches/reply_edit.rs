//! Tampering with what is answered: JSON replies, callbacks, the JWKS.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::once;
use super::token_edit::TokenUse;

/// A change to the next JSON answers with status 200 of an endpoint. All edits that are there apply, in order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyEdit {
    /// How many answers it changes; `None` (JSON null) is all of them until a reset.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Members to add or replace.
    #[serde(default)]
    pub set: Map<String, Value>,
    /// Members to leave out.
    #[serde(default)]
    pub drop: Vec<String>,
    /// Adds a member `padding` of so many characters.
    #[serde(default)]
    pub pad: usize,
    /// Takes the place of the whole body.
    #[serde(default)]
    pub raw: Option<String>,
}

impl ReplyEdit {
    #[must_use]
    pub fn set(name: &str, value: impl Into<Value>) -> Self {
        Self { times: once(), ..Self::default() }.and_set(name, value)
    }

    #[must_use]
    pub fn drop_member(name: &str) -> Self {
        Self { times: once(), drop: vec![name.to_owned()], ..Self::default() }
    }

    #[must_use]
    pub fn pad(characters: usize) -> Self {
        Self { times: once(), pad: characters, ..Self::default() }
    }

    #[must_use]
    pub fn raw(body: &str) -> Self {
        Self { times: once(), raw: Some(body.to_owned()), ..Self::default() }
    }

    #[must_use]
    pub fn and_set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Of every answer until a reset.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    pub(in crate::emulator) fn edit(&self, reply: &mut Map<String, Value>) {
        reply.extend(self.set.clone());
        for name in &self.drop {
            reply.remove(name);
        }
        if self.pad > 0 {
            reply.insert("padding".to_owned(), Value::from("x".repeat(self.pad)));
        }
    }
}

/// A change to the next redirect to a callback, whether it carries a code or an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackEdit {
    /// How many callbacks it changes; `None` (JSON null) is all of them until a reset.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Takes the place of the code: as when an IdP failed.
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub error_description: Option<String>,
    /// Parameters to leave out.
    #[serde(default)]
    pub drop: Vec<String>,
    /// Parameters to add at the end; a name that is there already is then there twice.
    #[serde(default)]
    pub add: Vec<(String, String)>,
}

impl CallbackEdit {
    /// The next sign-in ends in that error.
    #[must_use]
    pub fn error(error: &str, description: Option<&str>) -> Self {
        Self {
            times: once(),
            error: Some(error.to_owned()),
            error_description: description.map(str::to_owned),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn add(name: &str, value: &str) -> Self {
        Self { times: once(), add: vec![(name.to_owned(), value.to_owned())], ..Self::default() }
    }

    #[must_use]
    pub fn drop_parameter(name: &str) -> Self {
        Self { times: once(), drop: vec![name.to_owned()], ..Self::default() }
    }

    /// Of every callback until a reset.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }
}

/// What the JWKS looks like from now on, until another shape is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JwksShape {
    /// Only the key of that kind of token.
    pub only: Option<TokenUse>,
    /// No keys of ours at all.
    pub empty: bool,
    /// Keys without their ids.
    pub without_kids: bool,
    /// Elements that stand before the keys, such as one of another type or no key at all.
    pub junk: Vec<Value>,
    /// So many further RSA keys, made up, each of about 400 bytes.
    pub decoys: usize,
    /// Takes the place of the whole body.
    pub raw: Option<String>,
}
