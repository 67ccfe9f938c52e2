//! The settings: a struct for each section of `config/default.toml`, which documents every key.
//!
//! To add a key, add it to that file, to the struct of its section, and to `compose`, which uses it, and run
//! `make snapshots`, which adds it to `docs/configuration.md`. A rule about one
//! value belongs in the type of its field; a rule about several values belongs in a `validate` function. All errors are
//! reported at once, with the key and the source of the value, but without the value, which may be a secret.

mod auth;
mod configuration;
mod database;
mod docs;
mod dot_env;
mod error;
mod health;
mod jwt;
mod log;
mod metrics;
mod mode;
mod names;
mod nearest;
mod passwords;
mod rate_limit;
mod secret_file;
mod server;
mod session;
mod sources;
mod tasks;
#[cfg(test)]
mod tests;
mod value;

use config::{Config, ConfigError};
use serde::Deserialize;

pub(crate) use self::auth::{AuthModeName, is_loopback};
pub(crate) use self::configuration::Configuration;
pub(crate) use self::database::DatabaseSettings;
pub(crate) use self::error::SettingError;
pub(crate) use self::jwt::JwtSettings;
pub(crate) use self::log::{LogFormat, LogSettings};
pub(crate) use self::mode::{AuthMode, BridgeMode, ServerMode};
pub(crate) use self::names::table_name;
pub(crate) use self::passwords::PasswordSettings;
pub(crate) use self::rate_limit::RateLimitStorage;
pub(crate) use self::server::ServerSettings;
pub(crate) use self::session::SessionSettings;

use self::error::Errors;
use self::sources::Sources;

/// All settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) server: ServerSettings,
    pub(crate) log: LogSettings,
    pub(crate) docs: docs::DocsSettings,
    pub(crate) health: health::HealthSettings,
    pub(crate) metrics: metrics::MetricsSettings,
    pub(crate) database: DatabaseSettings,
    pub(crate) tasks: tasks::TasksSettings,
    pub(crate) auth: auth::AuthSettings,
    pub(crate) jwt: JwtSettings,
    pub(crate) session: SessionSettings,
    pub(crate) rate_limit: rate_limit::RateLimitSettings,
    pub(crate) passwords: PasswordSettings,
}

impl Settings {
    /// Deserializes all sections. Reports each invalid value and uses its default instead.
    ///
    /// Deserialization stops at the first error, so this function starts again after each error.
    fn deserialize_all(sources: &Sources, errors: &mut Errors<'_>) -> Result<Self, ConfigError> {
        let mut values = sources.values();
        loop {
            let by_section =
                values.iter().try_fold(Config::builder(), |all, (key, value)| all.set_override(key, value.clone()))?;
            let (key, message) = match by_section.build()?.try_deserialize() {
                Ok(settings) => return Ok(settings),
                Err(ConfigError::At { error, key: Some(key), .. }) => (key, error.to_string()),
                Err(ConfigError::Type { key: Some(key), .. }) => (key, "must be one value, not a list".to_owned()),
                Err(other) => return Err(other),
            };
            if errors.has(&key) || !values.contains_key(&key) {
                return Err(ConfigError::Message(format!("config/default.toml: {key}: {message}")));
            }
            match sources.default(&key) {
                Some(default) => values.insert(key.clone(), default.clone()),
                None => values.remove(&key),
            };
            errors.add(&key, message);
        }
    }
}
