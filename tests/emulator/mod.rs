//! The offline Cognito, over real sockets: what it answers is what the reference says of the real one.

mod authorization;
mod client_credentials;
mod command;
mod discovery;
mod forgeries;
mod login_page;
mod logout;
mod page;
mod process;
mod redemption;
mod refreshing;
mod remote;
mod revocation;
mod settings;
mod support;
mod switches;
mod token_contents;
mod userinfo;
