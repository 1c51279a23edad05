//! The relying party's side of Amazon Cognito: where its endpoints are, what they are asked, and what of their
//! answers is believed.
//!
//! The protocol as Cognito speaks it differs from plain OpenID Connect (no `aud` in access tokens, a logout of
//! its own, errors of its own); each difference is noted where it is handled.

pub mod claims;
pub mod endpoints;
pub mod http;
pub mod jwks;
pub mod token;
mod userinfo;
pub mod verify;
