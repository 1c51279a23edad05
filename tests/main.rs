//! One binary for every test, a file per subject.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "emulator")]
mod admin;
mod attack_cases;
#[cfg(feature = "emulator")]
mod bearers;
#[cfg(feature = "browser-tests")]
mod browser;
mod cli;
mod config;
#[cfg(feature = "emulator")]
mod cookbook;
mod cookie;
#[cfg(feature = "emulator")]
mod csrf;
#[cfg(feature = "emulator")]
mod demo;
mod docker;
mod docs;
mod docs_configuration;
#[cfg(feature = "emulator")]
mod emulator;
mod explain;
#[cfg(feature = "emulator")]
mod flow;
#[cfg(feature = "emulator")]
mod forwarding;
mod fuzz;
#[cfg(feature = "emulator")]
mod gateway;
#[cfg(feature = "emulator")]
mod grpc;
mod house;
#[cfg(feature = "emulator")]
mod http2_frames;
#[cfg(feature = "emulator")]
mod kept;
mod keys;
#[cfg(feature = "kubernetes-tests")]
mod kubernetes;
#[cfg(feature = "emulator")]
mod lifetimes;
#[cfg(feature = "emulator")]
mod limits;
#[cfg(feature = "nginx-tests")]
mod nginx;
mod pages;
#[cfg(feature = "emulator")]
mod process;
mod program;
#[cfg(feature = "emulator")]
mod public_paths;
#[cfg(feature = "redis-tests")]
mod redis;
#[cfg(feature = "emulator")]
mod refresh;
#[cfg(feature = "emulator")]
mod reloading;
mod rules;
#[cfg(feature = "emulator")]
mod sample_app;
mod seal;
mod secrecy;
#[cfg(feature = "server-tests")]
mod servers;
mod session;
#[cfg(feature = "emulator")]
mod session_cookie;
#[cfg(feature = "emulator")]
mod sign_in;
#[cfg(feature = "redis-tests")]
mod simulation;
#[cfg(feature = "emulator")]
mod sites;
#[cfg(feature = "emulator")]
mod smuggling;
#[cfg(feature = "emulator")]
mod step_up;
mod supply_chain;
#[cfg(feature = "emulator")]
mod support;
mod tampering;
#[cfg(feature = "emulator")]
mod tls;
#[cfg(feature = "emulator")]
mod tokens;
#[cfg(feature = "emulator")]
mod transparency;
#[cfg(feature = "emulator")]
mod upstreams;
