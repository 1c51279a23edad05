//! From the sources to the raw shape: the layers, the secrets' files, the merge.

use config::Config as Merged;

use super::effective::{Effective, leaves};
use super::error::ConfigError;
use super::key::KEYS;
use super::layer::Layer;
use super::raw::Raw;
use super::report::Report;
use super::sources::Sources;
use super::{environment, file, inherit, secret_files, text, twin};

/// What the sources say, merged and not judged.
pub(super) struct Loaded {
    pub(super) raw: Raw,
    pub(super) effective: Effective,
    pub(super) report: Report,
}

/// Reads the sources. Ends with what cannot be read, since to judge the rest would only echo the same mistakes.
pub(super) fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut report = Report::default();
    let layers = [
        defaults(&mut report),
        file::read(sources, &mut report),
        environment::read(&sources.environment, &mut report),
        text::flags(&sources.flags, &mut report),
    ];
    match merge(layers, &mut report) {
        Ok((raw, effective)) if !report.has_problems() => Ok(Loaded { raw, effective, report }),
        Ok(_) => Err(report.into_error()),
        // Its text is not for printing, since it may quote a value. The layers let no wrong type this far.
        Err(_) => {
            report.at("configuration", None, "the layers do not add up to a configuration");
            Err(report.into_error())
        }
    }
}

/// The lowest layer: what holds where nobody says anything.
fn defaults(report: &mut Report) -> Layer {
    let mut layer = Layer::default();
    // Those of a list of tables are laid beneath each table that there is.
    for key in KEYS.iter().filter(|key| !key.is_in_tables()) {
        file::put_default(&mut layer, report, key, key.into());
    }
    layer
}

/// Lays the layers on each other, and the contents of the secrets' files on top; then each site gets what it leaves to
/// the top level.
fn merge<const N: usize>(
    layers: [Layer; N],
    report: &mut Report,
) -> Result<(Raw, Effective), config::ConfigError> {
    let mut stack = Merged::builder();
    for layer in layers {
        stack = stack.add_source(layer);
    }
    let said = stack.build()?;
    let secrets = twin::read(&leaves(&said.cache), report);
    secret_files::warn(&leaves(&said.cache), report);
    let own = Merged::builder().add_source(said).add_source(secrets).build()?;
    let taken = inherit::taken(&leaves(&own.cache));
    let merged = Merged::builder().add_source(own).add_source(taken).build()?;
    let effective = Effective::of(&leaves(&merged.cache));
    report.places.extend(effective.places());
    Ok((merged.try_deserialize()?, effective))
}
