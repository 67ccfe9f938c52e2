//! The sources of settings, merged. Each value keeps the name of its source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

use super::dot_env;
use super::names;
use super::secret_file;

/// The file with the default of every key. It is the source with the lowest precedence.
pub(super) const DEFAULTS: &str = include_str!("../../../../config/default.toml");
const DEFAULTS_NAME: &str = "config/default.toml";

/// The short names of environment variables, each with the key that it sets.
pub(super) const SHORT_NAMES: [(&str, &str); 14] = [
    ("HOST", "server.host"),
    ("PORT", "server.port"),
    ("RUST_LOG", "log.filter"),
    ("DATABASE_URL", "database.url"),
    ("AUTH_MODE", "auth.mode"),
    ("AUTH_SIGN_UP", "auth.sign_up"),
    ("BETTER_AUTH_URL", "auth.url"),
    ("BETTER_AUTH_SECRET", "auth.secret"),
    ("BETTER_AUTH_SECRETS", "auth.secrets"),
    ("JWT_ALGORITHM", "jwt.algorithm"),
    ("JWKS_URL", "jwt.jwks_url"),
    ("BETTER_AUTH_TRUSTED_ORIGINS", "auth.trusted_origins"),
    ("TRUSTED_PROXIES", "server.trusted_proxies"),
    ("RATE_LIMIT", "rate_limit.enabled"),
];

const PREFIX: &str = "TASKBRIDGE__";
const PROFILE: &str = "TASKBRIDGE_PROFILE";

/// Environment variables by name.
pub(super) type Environment = BTreeMap<String, String>;

/// Values by key, such as `server.port`.
pub(super) type Values = BTreeMap<String, Value>;

/// The merged values of all sources.
#[derive(Debug)]
pub(crate) struct Sources {
    defaults: Values,
    values: Values,
    /// Keys whose values could not be read, each with a message. They have their default value.
    pub(super) errors: Vec<(String, String)>,
    /// Warnings about the `.env` files.
    pub(super) warnings: Vec<String>,
}

impl Sources {
    /// Merges, from the lowest to the highest precedence: the defaults, the profile `config/<TASKBRIDGE_PROFILE>.toml`
    /// in `folder`, the `.env` files in `folder`, and the environment. Empty variables are ignored.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if the profile cannot be read or parsed. The error contains no line of the file, because a
    /// line may contain a secret. Errors about secrets in files are collected in the field `errors`.
    pub(super) fn read(folder: &Path, mut environment: Environment) -> Result<Self, ConfigError> {
        environment.retain(|_, text| !text.is_empty());
        let is_ours = |name: &str| name == PROFILE || file_key_of(name).is_some() || key_of(name).is_some();
        let dot_env =
            dot_env::read(folder, &environment, is_ours).map_err(|error| ConfigError::Foreign(Box::new(error)))?;
        let in_file = || dot_env.variables.get(PROFILE).map(|variable| &variable.value);
        let profile = environment.get(PROFILE).or_else(in_file).filter(|profile| !profile.is_empty());
        let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml)).build()?;
        let mut files = Config::builder().add_source(defaults.clone());
        if let Some(profile) = profile {
            let path = folder.join("config").join(format!("{profile}.toml"));
            files = files.add_source(File::from(path).format(FileFormat::Toml));
        }
        let defaults = flat(&defaults)?;
        let mut values = canonical(flat(&files.build().map_err(without_lines)?)?);
        let in_files = dot_env.variables.into_iter().map(|(name, variable)| {
            let source = format!("{name} in {}, line {}", variable.file, variable.line);
            (name, variable.value, source)
        });
        let in_environment = environment.into_iter().map(|(name, text)| {
            let source = format!("{name} in the environment");
            (name, text, source)
        });
        // Later variables, which are those of the environment, replace earlier ones with the same key.
        let (paths, variables): (Vec<_>, Vec<_>) =
            in_files.chain(in_environment).partition(|(name, ..)| file_key_of(name).is_some());
        let (paths, variables) = (by_key(paths, file_key_of), by_key(variables, key_of));
        let (in_secret_files, errors) = read_secret_files(folder, paths, &variables, &defaults);
        values.extend(variables);
        values.extend(in_secret_files);
        Ok(Self { defaults, values, errors, warnings: dot_env.warnings })
    }

    /// Returns every known key, sorted: those in the defaults, and the names of tables and columns that are set.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let keys: BTreeSet<_> = self.defaults.keys().map(String::as_str).chain(self.names()).collect();
        keys.into_iter()
    }

    /// Returns the keys of the names of tables and columns that are set, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str).filter(|key| names::is_key(key))
    }

    /// Returns the keys that are set in any source but are not known.
    pub(super) fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        let is_known = |key: &str| self.defaults.contains_key(key) || names::is_key(key);
        self.values.keys().map(String::as_str).filter(move |key| !is_known(key))
    }

    /// Returns the value of every known key.
    pub(super) fn values(&self) -> Values {
        let value = |key| self.values.get(key).or_else(|| self.default(key)).cloned();
        self.keys().filter_map(|key| Some((key.to_owned(), value(key)?))).collect()
    }

    /// Returns the default of a key, if it has one.
    pub(super) fn default(&self, key: &str) -> Option<&Value> {
        self.defaults.get(key)
    }

    /// Returns the value of a key as text. The caller must not show the text if it is a secret.
    pub(crate) fn text(&self, key: &str) -> String {
        self.values.get(key).and_then(|value| value.clone().into_string().ok()).unwrap_or_default()
    }

    /// Describes the length of a secret, or returns `None` if the secret is not set.
    pub(crate) fn length(&self, key: &str) -> Option<String> {
        let characters = self.text(key).chars().count();
        (characters > 0).then(|| format!("set, {characters} characters"))
    }

    /// Returns the name of the source of a key's value.
    pub(crate) fn name(&self, key: &str) -> &str {
        self.values.get(key).and_then(Value::origin).unwrap_or(DEFAULTS_NAME)
    }

    /// Returns `true` if the value of a key does not come from the built-in defaults.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.name(key) != DEFAULTS_NAME
    }

    /// Returns the number of known keys whose value does not come from the built-in defaults.
    pub(crate) fn count_set(&self) -> usize {
        self.keys().filter(|key| self.is_set(key)).count()
    }
}

/// Returns the key that an environment variable sets, or `None` if it is not a variable of Taskbridge.
fn key_of(variable: &str) -> Option<String> {
    if let Some(path) = variable.strip_prefix(PREFIX) {
        return Some(path.to_ascii_lowercase().replace("__", "."));
    }
    SHORT_NAMES.iter().find(|(name, _)| *name == variable).map(|(_, key)| (*key).to_owned())
}

/// Returns the key whose value is in the file that an environment variable names, such as `BETTER_AUTH_SECRET_FILE`.
fn file_key_of(variable: &str) -> Option<String> {
    secret_file::key_in_file(variable, key_of)
}

/// Returns the values of variables, each with its name, text and source, by the keys that they set. Skips empty texts, and
/// variables of other programs.
fn by_key(variables: Vec<(String, String, String)>, key_of: impl Fn(&str) -> Option<String>) -> Values {
    canonical(
        variables.into_iter().filter(|(_, text, _)| !text.is_empty()).filter_map(|(name, text, source)| {
            Some((key_of(&name)?, Value::new(Some(&source), ValueKind::String(text))))
        }),
    )
}

/// Reads the values of `paths`, the files with secrets. Returns them, and the keys that also have a value in `variables` or
/// whose file cannot be used, each with a message. These keys have their default.
fn read_secret_files(
    folder: &Path,
    paths: Values,
    variables: &Values,
    defaults: &Values,
) -> (Values, Vec<(String, String)>) {
    let (mut values, mut errors) = (Values::new(), Vec::new());
    for (key, path) in paths {
        let source = path.origin().unwrap_or_default().to_owned();
        let file = path.into_string().unwrap_or_default();
        let (text, source) = match (variables.get(&key), secret_file::read(&folder.join(&file))) {
            (None, Ok(text)) => (Ok(text), format!("{file}, {source}")),
            (None, Err(message)) => (Err(message), source),
            (Some(variable), _) => {
                let message = format!("is also set by {source}; remove one of the two");
                (Err(message), variable.origin().unwrap_or_default().to_owned())
            }
        };
        let kind = match text {
            Ok(text) => ValueKind::String(text),
            Err(message) => {
                errors.push((key.clone(), message));
                defaults.get(&key).map_or(ValueKind::Nil, |default| default.kind.clone())
            }
        };
        values.insert(key, Value::new(Some(&source), kind));
    }
    (values, errors)
}

/// Writes the keys for names of tables and columns as the settings do. If two keys of one source are the same then, the last
/// one in the order of the alphabet remains.
fn canonical(values: impl IntoIterator<Item = (String, Value)>) -> Values {
    values.into_iter().map(|(key, value)| (names::canonical(&key).unwrap_or(key), value)).collect()
}

/// Reduces a parse error to its position in the file, because the parser's message quotes the line, which may contain a
/// secret.
fn without_lines(error: ConfigError) -> ConfigError {
    match error {
        ConfigError::FileParse { uri, cause } => {
            let position = cause.to_string().lines().next().unwrap_or_default().to_owned();
            ConfigError::Message(format!("{}: {position}", uri.unwrap_or_default()))
        }
        other => other,
    }
}

/// Returns all values of a configuration by key, such as `server.port`.
fn flat(config: &Config) -> Result<Values, ConfigError> {
    let mut found = Values::new();
    flatten("", config.collect()?, &mut found);
    Ok(found)
}

fn flatten(path: &str, table: Map<String, Value>, found: &mut Values) {
    for (key, value) in table {
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        match value.kind {
            ValueKind::Table(table) => flatten(&path, table, found),
            _ => drop(found.insert(path, value)),
        }
    }
}
