//! Rules: which decides, who meets it, and what whoever does not is told.

#[cfg(feature = "emulator")]
mod asked;
#[cfg(feature = "emulator")]
mod attacks;
mod conditions;
#[cfg(feature = "emulator")]
mod denied;
#[cfg(feature = "emulator")]
mod readings;
mod which;

use cognigate::config::Config;
use cognigate::policy::host::Hosts;

/// The hosts that this configuration answers for.
fn hosts(config: &Config) -> Hosts {
    Hosts::new(config.sites.iter().map(|site| (&site.public_url, &site.hosts[..])))
}
