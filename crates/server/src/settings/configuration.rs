//! The configuration: the settings, the auth mode, and the errors in the settings.

use std::fmt;
use std::path::Path;

use anyhow::{Context, bail};
use config::ConfigError;

use super::Settings;
use super::auth::{AuthModeName, AuthSettings};
use super::error::{Errors, SettingError, format_errors};
use super::mode::{self, AuthMode};
use super::sources::{Environment, Sources};
use super::value::split;

/// The configuration of this process. It is valid if `errors` is empty.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// The settings, with the default in place of each invalid value.
    pub(crate) settings: Settings,
    /// `None` if `auth.mode` is invalid, or is missing although it is required.
    pub(crate) mode_name: Option<AuthModeName>,
    /// `None` if `mode_name` is `None`, or if a setting that the auth mode requires is missing or invalid.
    pub(crate) mode: Option<AuthMode>,
    /// All errors, sorted by key.
    pub(crate) errors: Vec<SettingError>,
    pub(crate) sources: Sources,
}

impl Configuration {
    /// Reads the environment variables, and the `.env` files and the profile in the working directory.
    ///
    /// # Errors
    /// Returns an error if the profile cannot be read. Invalid settings are not returned as an error, but collected in the
    /// field `errors`.
    pub(crate) fn load() -> anyhow::Result<Self> {
        Self::read(Path::new("."), environment()).context("cannot read the configuration")
    }

    pub(super) fn read(folder: &Path, environment: Environment) -> Result<Self, ConfigError> {
        let sources = Sources::read(folder, environment)?;
        let mut errors = Errors::new(&sources);
        let settings = Settings::deserialize_all(&sources, &mut errors)?;
        validate_names(&settings, &sources, &mut errors);
        let mode_name = settings.auth.mode(&mut errors);
        let mode = mode_name.and_then(|name| AuthMode::resolve(name, &settings, &mut errors));
        let errors = errors.into_sorted();
        Ok(Self { settings, mode_name, mode, errors, sources })
    }

    /// Returns `true` if a key that starts with `prefix` has an error.
    pub(crate) fn has_error(&self, prefix: &str) -> bool {
        self.errors.iter().any(|error| error.key.starts_with(prefix))
    }

    /// Returns the error of a key.
    pub(crate) fn error(&self, key: &str) -> Option<&SettingError> {
        self.errors.iter().find(|error| error.key == key)
    }

    /// Returns the settings and the mode if there are no errors.
    ///
    /// # Errors
    /// Returns an error that lists all errors of the configuration, and the warnings, which may explain them: the value of a
    /// missing secret may be in a file that was not read.
    pub(crate) fn validate(&self) -> anyhow::Result<(&Settings, &AuthMode)> {
        match &self.mode {
            Some(mode) if self.errors.is_empty() => Ok((&self.settings, mode)),
            _ => bail!(format_errors(&self.errors, self.warnings())),
        }
    }

    /// Returns warnings about the `.env` files.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.sources.warnings
    }

    /// Logs the warnings about the `.env` files.
    pub(crate) fn log_warnings(&self) {
        for warning in self.warnings() {
            tracing::warn!("{warning}");
        }
    }

    /// Returns one line for each key, sorted by key, with its current value and its source. Secrets are not shown.
    pub(crate) fn lines(&self) -> impl Iterator<Item = impl fmt::Display> {
        self.sources.keys().map(|key| {
            let setting = format!("{key} = {}", self.shown(key));
            format!("{setting:<48} # {}", self.sources.name(key))
        })
    }

    /// Returns the value of a key, but not the secrets in it. A key whose value can contain a secret needs its own case
    /// here, unless the name of the key contains `secret`.
    fn shown(&self, key: &str) -> String {
        let AuthSettings { url, trusted_origins, .. } = &self.settings.auth;
        match key {
            "database.url" => self.settings.database.url().to_string(),
            "auth.url" => url.as_ref().map(mode::origin_of).unwrap_or_default(),
            "auth.trusted_origins" => trusted_origins.join(", "),
            // The query of the URL is not shown, because it may contain a credential.
            "jwt.jwks_url" => {
                split(&self.sources.text(key)).filter_map(|url| url.split('?').next()).collect::<Vec<_>>().join(", ")
            }
            _ if key.contains("secret") => {
                self.sources.length(key).map(|length| format!("({length})")).unwrap_or_default()
            }
            _ => self.sources.text(key),
        }
    }
}

/// Checks that names of tables and columns are only set for PostgreSQL.
fn validate_names(settings: &Settings, sources: &Sources, errors: &mut Errors<'_>) {
    if settings.database.url().is_in_process() && !errors.has("database.url") {
        for key in sources.names() {
            errors.add(key, "is for PostgreSQL; on SQLite, Better Auth's own names are required");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "settings are read here and nowhere else")]
fn environment() -> Environment {
    // Environment variables that are not UTF-8 are ignored, because they belong to other programs.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
