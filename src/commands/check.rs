//! `cognigate check`: would it start?

use std::io::{self, Write};

use super::cli::CheckArgs;
use super::explain::explain;
use super::{Exit, fail, load, written};
use crate::cognito::endpoints::Endpoints;
use crate::config::{Config, Site};

/// Loads everything without binding a port, and prints what came out with the place of every value. Warnings go to
/// standard error, so that the output stays TOML.
///
/// Asked to explain, it prints that instead.
pub fn check(arguments: CheckArgs) -> Exit {
    let config = match load(arguments.config) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    for warning in &config.warnings {
        // Where standard error is closed, nobody is left to warn.
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    if let Some([method, url]) = arguments.explain.as_deref() {
        return match explain(&config, method, url, arguments.claims.as_deref()) {
            Ok(told) => written(io::stdout().write_all(told.as_bytes())),
            Err(error) => fail(&error, Exit::Config),
        };
    }
    let mut out = config.effective.to_string();
    for site in &config.sites {
        match Endpoints::new(&site.cognito) {
            Ok(endpoints) => out.push_str(&derived(&config, site, &endpoints)),
            Err(error) => return fail(&error, Exit::Config),
        }
    }
    written(io::stdout().write_all(out.as_bytes()))
}

/// What follows from the settings, as comments: what to register with the app client, what is asked where, and
/// which `iss` is accepted.
fn derived(config: &Config, site: &Site, endpoints: &Endpoints) -> String {
    let own = |endpoint| format!("{}{}", site.public_url, config.prefix.endpoint(endpoint));
    let line = |name: &str, value: &str| format!("#   {name:<10} {value}\n");
    let client = &site.cognito.client_id;
    let mut text = match &config.sites[..] {
        [_] => String::from("\n# to be registered with the app client:\n"),
        _ => format!("\n# {}\n# to be registered with the app client {client}:\n", site.public_url),
    };
    text += &line("callback", &own("callback"));
    text += &line("sign-out", &own("signed_out"));
    text += "# Cognito's endpoints, and the issuers that are accepted:\n";
    for (name, url) in [
        ("authorize", &endpoints.authorize),
        ("token", &endpoints.token),
        ("revoke", &endpoints.revoke),
        ("logout", &endpoints.logout),
        ("userinfo", &endpoints.userinfo),
        ("jwks", &endpoints.jwks),
    ] {
        text += &line(name, url.as_str());
    }
    for issuer in &endpoints.issuers {
        text += &line("issuer", issuer);
    }
    text
}
