//! cognigate: a reverse proxy authentication sidecar for Amazon Cognito.

pub mod clock;
pub mod secret;
pub mod telemetry;
pub mod types;

pub mod config;
pub mod cookie;
pub mod crypto;
pub mod pages;

pub mod cognito;
pub mod policy;
pub mod session;

pub mod auth;
pub mod proxy;

pub mod server;

pub mod app;
pub mod failure;

pub mod commands;

#[cfg(feature = "emulator")]
pub mod emulator;
