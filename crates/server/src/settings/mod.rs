//! The settings: a struct for each section of `config/default.toml`, which documents every key.
//!
//! A new key is added to that file, to the struct of its section, and to `compose`, which uses it. A rule about one value
//! belongs to the type of its field; a rule about several belongs to a `validate` function. All errors are reported at
//! once, with the key and the source of the value, but without the value: it may be a secret.

mod auth;
mod database;
mod docs;
mod error;
mod jwt;
mod log;
mod metrics;
mod mode;
mod passwords;
mod rate_limit;
mod server;
mod session;
mod sources;
mod tasks;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::path::Path;

use ::config::{ConfigError, Map, Value};
use serde::Deserialize;

pub(crate) use self::auth::{AuthSettings, is_loopback};
pub(crate) use self::database::DatabaseSettings;
pub(crate) use self::error::{ConfigurationError, SettingError};
pub(crate) use self::jwt::JwtSettings;
pub(crate) use self::log::{LogFormat, LogSettings};
pub(crate) use self::mode::{AuthMode, AuthModeName, BridgeMode, ServerMode};
pub(crate) use self::passwords::PasswordSettings;
pub(crate) use self::rate_limit::RateLimitStorage;
pub(crate) use self::server::ServerSettings;
pub(crate) use self::sources::Sources;

use self::docs::DocsSettings;
use self::error::Errors;
use self::metrics::MetricsSettings;
use self::rate_limit::RateLimitSettings;
use self::session::SessionSettings;
use self::sources::{Environment, Values};
use self::tasks::TasksSettings;

/// All settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) server: ServerSettings,
    pub(crate) log: LogSettings,
    pub(crate) docs: DocsSettings,
    pub(crate) metrics: MetricsSettings,
    pub(crate) database: DatabaseSettings,
    pub(crate) tasks: TasksSettings,
    pub(crate) auth: AuthSettings,
    pub(crate) jwt: JwtSettings,
    pub(crate) session: SessionSettings,
    pub(crate) rate_limit: RateLimitSettings,
    pub(crate) passwords: PasswordSettings,
}

impl Settings {
    /// Deserialises all sections. Reports each invalid value and uses its default instead.
    ///
    /// Deserialising stops at the first error, so this starts again after each.
    fn deserialize_all(sources: &Sources, errors: &mut Errors<'_>) -> Result<Self, ConfigError> {
        let mut values = sources.values();
        loop {
            let (key, message) = match Self::deserialize(by_section(&values)) {
                Ok(settings) => return Ok(settings),
                Err(ConfigError::At { error, key: Some(key), .. }) => (key, error.to_string()),
                Err(ConfigError::Type { key: Some(key), .. }) => (key, "must be one value, not a list".to_owned()),
                Err(other) => return Err(other),
            };
            match sources.default(&key) {
                Some(default) if !errors.has(&key) => values.insert(key.clone(), default.clone()),
                _ => return Err(ConfigError::Message(format!("config/default.toml: {key}: {message}"))),
            };
            errors.add(&key, message);
        }
    }
}

fn by_section(values: &Values) -> Value {
    let mut sections: Map<String, Map<String, Value>> = Map::new();
    for (key, value) in values {
        if let Some((section, key)) = key.split_once('.') {
            sections.entry(section.to_owned()).or_default().insert(key.to_owned(), value.clone());
        }
    }
    Value::from(sections)
}

/// The configuration of this process, valid or not.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// The settings, with the default in place of each invalid value.
    pub(crate) settings: Settings,
    /// `None` if the mode is not known.
    pub(crate) mode_name: Option<AuthModeName>,
    /// `None` if a setting that the mode requires is missing or invalid.
    pub(crate) mode: Option<AuthMode>,
    /// All errors, sorted by key.
    pub(crate) errors: Vec<SettingError>,
    pub(crate) sources: Sources,
}

/// A configuration without errors.
#[derive(Debug)]
pub(crate) struct ValidConfiguration {
    pub(crate) settings: Settings,
    pub(crate) mode: AuthMode,
    sources: Sources,
}

impl Configuration {
    /// Reads the environment and the files in the working directory.
    ///
    /// # Errors
    /// [`ConfigurationError::Unreadable`] if a file cannot be read. Invalid settings are not an error here.
    pub(crate) fn load() -> Result<Self, ConfigurationError> {
        Self::read(Path::new("."), environment())
    }

    fn read(folder: &Path, environment: Environment) -> Result<Self, ConfigurationError> {
        let sources = Sources::read(folder, environment)?;
        let mut errors = Errors::new(&sources);
        let settings = Settings::deserialize_all(&sources, &mut errors)?;
        let mode_name = settings.auth.mode(&mut errors);
        let mode = mode_name.and_then(|name| AuthMode::resolve(name, &settings, &mut errors));
        let errors = errors.into_sorted();
        Ok(Self { settings, mode_name, mode, errors, sources })
    }

    /// Returns `true` if a key that starts with `prefix` has an error.
    pub(crate) fn has_error(&self, prefix: &str) -> bool {
        self.errors.iter().any(|error| error.key.starts_with(prefix))
    }

    /// Returns the configuration if it has no errors.
    ///
    /// # Errors
    /// [`ConfigurationError::Invalid`] with all errors.
    pub(crate) fn validate(self) -> Result<ValidConfiguration, ConfigurationError> {
        let Self { settings, mode, errors, sources, .. } = self;
        match mode {
            Some(mode) if errors.is_empty() => Ok(ValidConfiguration { settings, mode, sources }),
            _ => Err(ConfigurationError::Invalid(errors)),
        }
    }
}

impl ValidConfiguration {
    /// Returns a line for each key, sorted: the value that is in effect, without secrets, and its source.
    pub(crate) fn lines(&self) -> impl Iterator<Item = impl fmt::Display> {
        self.sources.keys().map(|key| {
            let setting = format!("{key} = {}", self.shown(key));
            format!("{setting:<48} # {}", self.sources.name(key))
        })
    }

    /// Returns the value of a key as it may be shown.
    fn shown(&self, key: &str) -> String {
        let AuthSettings { url, trusted_origins, .. } = &self.settings.auth;
        match key {
            "database.url" => self.settings.database.url().to_string(),
            "auth.url" => url.as_ref().map(mode::origin_of).unwrap_or_default(),
            "auth.trusted_origins" => trusted_origins.join(", "),
            "jwt.jwks_url" => self.settings.jwt.jwks_url.to_string(),
            _ if key.contains("secret") => {
                self.sources.length(key).map(|length| format!("({length})")).unwrap_or_default()
            }
            _ => self.sources.text(key),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "settings are read here and nowhere else")]
fn environment() -> Environment {
    // All names and values of settings are UTF-8; other variables belong to other programs.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Returns the number of threads that a setting stands for: `0` is one for each core.
fn or_cores(threads: usize) -> usize {
    if threads == 0 { cores() } else { threads }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}
