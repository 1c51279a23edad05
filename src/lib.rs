//! cognigate: a reverse proxy authentication sidecar for Amazon Cognito.
//!
//! It stands in front of an app. A visitor without a session is sent through Cognito's authorization code grant;
//! the tokens come back into sealed cookies; every request after that reaches the app with
//! `Authorization: Bearer <access token>`.
//!
//! # One request
//!
//! 1. [`server`] accepts the connection, by TLS where that ends here, and sets its limits and timers.
//! 2. [`app`] opens the access log line. [`policy::host`] knows the host or answers 421; [`policy::path`] gives a
//!    canonical path or a 400, and that path is what is judged **and** what the upstream gets.
//! 3. A path of our own goes to [`auth`]: `start`, `callback`, `sign_out`, `signed_out`, `userinfo`.
//! 4. [`cookie`] reads what the browser sent; [`session`] opens it with the keys of [`crypto`]. Close to the access
//!    token's expiry, [`auth::refresh`] asks [`cognito`] for a new one, once for everybody who waits.
//! 5. [`auth::gate`] decides: forward, log in, or not now.
//! 6. [`proxy`] drops what ends at a hop and what a client must not say, sets the identity, and sends it on. Both
//!    bodies are streams.
//! 7. `Set-Cookie` only where the session changed. Every failure becomes an answer in [`failure`].
//!
//! # The house
//!
//! A file imports its own room and lower layers; rooms of one layer never import each other, [`app`] hands them
//! plain values. A test holds the rule.
//!
//! | layer | rooms |
//! |---|---|
//! | 6 | [`commands`] |
//! | 5 | [`app`], [`failure`] |
//! | 4 | [`server`] |
//! | 3 | [`auth`], [`proxy`], [`gateway`] |
//! | 2 | [`session`], [`cognito`], [`policy`] |
//! | 1 | [`config`], [`crypto`], [`cookie`], [`pages`] |
//! | 0 | [`types`], [`clock`], [`secret`], [`file`](mod@file), [`memory`], [`watch`], [`certificate`], [`telemetry`] |
//!
//! The emulator (feature `emulator`) imports layer 0 alone: the two sides of the protocol are written twice, from the
//! same facts.

pub mod certificate;
pub mod clock;
pub mod file;
pub mod memory;
pub mod secret;
pub mod telemetry;
pub mod types;
pub mod watch;

pub mod config;
pub mod cookie;
pub mod crypto;
pub mod pages;

pub mod cognito;
pub mod policy;
pub mod session;

pub mod auth;
pub mod gateway;
pub mod proxy;

pub mod server;

pub mod app;
pub mod failure;

pub mod commands;

#[cfg(feature = "emulator")]
pub mod emulator;
