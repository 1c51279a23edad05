//! Where a configuration is read from.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// What [`Config::load`](super::Config::load) reads: file, then environment, then flags, the later winning.
///
/// The process's own surroundings come in by [`Sources::of_process`] alone, so that what is embedded (the demo, a test)
/// meets no stray file or variable.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file that `--config` named, or the default one. Where `None`, `COGNIGATE_CONFIG` of `environment` counts.
    pub file: Option<PathBuf>,
    /// All variables; those that do not begin with `COGNIGATE_` are passed over.
    pub environment: Vec<(OsString, OsString)>,
    /// Dotted keys with their values as text, such as `("cognito.client_id", "…")`.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The file read where none is named and it exists, in the working directory.
    pub const DEFAULT_FILE: &'static str = "cognigate.toml";
    /// The variable that names the file.
    pub const FILE_VARIABLE: &'static str = "COGNIGATE_CONFIG";

    /// The process's environment, with `file` as `--config` named it, else `COGNIGATE_CONFIG`, else the default file where
    /// it exists.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let environment: Vec<_> = std::env::vars_os().collect();
        let named = file.is_some() || environment.iter().any(|(name, _)| name == Self::FILE_VARIABLE);
        let default = || Path::new(Self::DEFAULT_FILE).exists().then(|| PathBuf::from(Self::DEFAULT_FILE));
        let file = if named { file } else { default() };
        Self { file, environment, flags }
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("environment", &self.environment.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("flags", &self.flags.iter().map(|(key, _)| key).collect::<Vec<_>>())
            .finish()
    }
}
