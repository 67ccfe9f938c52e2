//! `taskbridge doctor`: checks everything that the server depends on, and prints advice.
//!
//! The checks use the settings and adapters of the server, and change nothing. Each network request has a timeout.

mod contents;
mod database;
mod hidden_tasks;
mod keys;
mod passwords;
mod report;
mod settings;
mod tables;

use self::report::{Finding, Report, fail};
use crate::settings::{Configuration, SettingError};

/// Runs all checks and returns the report, even if the configuration is invalid or cannot be read.
pub(crate) async fn examine(configuration: anyhow::Result<Configuration>) -> Report {
    let configuration = match configuration {
        Ok(configuration) => configuration,
        Err(error) => {
            return Report::new(vec![fail("settings", format!("{error:#}"), "fix the file and run the command again")]);
        }
    };
    let (database, keys, hash) = tokio::join!(
        Box::pin(database::check(&configuration)),
        keys::check(&configuration),
        passwords::check(&configuration)
    );
    let mut first = vec![settings::summary(&configuration)];
    first.extend(settings::dot_env(&configuration));
    first.extend([settings::secret(&configuration), settings::cookies(&configuration)]);
    let last = vec![settings::cors(&configuration), settings::proxy(&configuration), hash];
    let mut findings: Vec<Finding> = Vec::new();
    for finding in [first, database, keys, last].into_iter().flatten() {
        // If a setting is invalid, its check has used the default. The errors of the invalid settings therefore replace
        // the findings of this check.
        let errors = configuration.errors.iter().filter(|error| check_of(error) == finding.check);
        let invalid: Vec<_> = errors.map(|error| invalid_setting(finding.check, error)).collect();
        if invalid.is_empty() {
            findings.push(finding);
        } else if !findings.iter().any(|other| other.check == finding.check) {
            findings.extend(invalid);
        }
    }
    Report::new(findings)
}

/// Returns the name of the check that reports an invalid setting.
fn check_of(error: &SettingError) -> &'static str {
    let is_in = |prefix: &str| error.key.starts_with(prefix);
    match error.key.as_str() {
        "auth.secret" | "auth.secrets" => "secret",
        "auth.trusted_origins" => "cors",
        "session.cookie_prefix" | "session.secure_cookies" | "session.cookie_domain" => "cookies",
        "server.trusted_proxies" => "proxy",
        "database.max_connections" => "pool",
        "database.migrate" => "migrations",
        _ if is_in("auth.tables") || is_in("auth.columns") => "tables",
        "jwt.leeway_seconds" => "clock",
        _ if is_in("database.") => "database",
        _ if is_in("jwt.jwks") => "jwks",
        _ if is_in("passwords.") => "hash",
        _ => "settings",
    }
}

/// Returns a failure for an invalid setting. Most error messages already contain the advice, after a semicolon.
fn invalid_setting(check: &'static str, error: &SettingError) -> Finding {
    let text = error.to_string();
    let (found, advice) = text.split_once("; ").unwrap_or((&text, "config/default.toml documents the key"));
    fail(check, found, advice)
}
