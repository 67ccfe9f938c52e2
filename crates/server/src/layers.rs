//! The layers of the configuration: each value with the place it came from.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

/// The lowest layer, and the list of all keys.
const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// The short names of the environment, and the keys they stand for.
const SHORT_NAMES: [(&str, &str); 14] = [
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
pub(crate) type Environment = BTreeMap<String, String>;

/// All layers, merged: values by dotted key. A value knows its origin.
pub(crate) struct Layers {
    values: BTreeMap<String, Value>,
    known: BTreeMap<String, Value>,
    /// Keys that are in some layer and not in the defaults, with their origin.
    pub(crate) unknown: Vec<(String, String)>,
    /// Keys whose value is a list, with its origin: none wants one.
    pub(crate) lists: Vec<(String, String)>,
}

impl Layers {
    /// Merges the defaults, the profile that the environment names (from the folder `config` below `folder`), the
    /// `.env` in `folder` and the environment.
    pub(crate) fn read(folder: &Path, environment: Environment) -> Result<Self, ConfigError> {
        let dot_env = dot_env(&folder.join(".env"))?;
        let profile = environment.get(PROFILE).or_else(|| dot_env.get(PROFILE)).filter(|profile| !profile.is_empty());
        let defaults = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml)).build()?;
        let mut builder = Config::builder().add_source(defaults.clone());
        if let Some(profile) = profile {
            let path = folder.join("config").join(format!("{profile}.toml"));
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        let merged = builder
            .add_source(Variables { place: ".env", variables: dot_env })
            .add_source(Variables { place: "the environment", variables: environment })
            .build()
            .map_err(without_lines)?;
        let known = flat(&defaults)?;
        let values = flat(&merged)?;
        let those = |wanted: &dyn Fn(&str, &Value) -> bool| {
            let found = values.iter().filter(|(key, value)| wanted(key, value));
            found.map(|(key, value)| (key.clone(), origin(value))).collect()
        };
        let unknown = those(&|key, _| !known.contains_key(key));
        let lists = those(&|key, value| known.contains_key(key) && matches!(value.kind, ValueKind::Array(_)));
        Ok(Self { values, known, unknown, lists })
    }

    /// All keys there are, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// The value of a key as text, and where it came from.
    pub(crate) fn text(&self, key: &str) -> (String, String) {
        let Some(value) = self.values.get(key) else { return Default::default() };
        (value.clone().into_string().unwrap_or_default(), origin(value))
    }
}

/// Only the built-in defaults have no origin.
fn origin(value: &Value) -> String {
    value.origin().unwrap_or("config/default.toml").to_owned()
}

/// Variables that stand for keys; all others are none of ours.
#[derive(Debug, Clone)]
struct Variables {
    place: &'static str,
    variables: Environment,
}

impl Source for Variables {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let short_names = BTreeMap::from(SHORT_NAMES);
        let given = self.variables.iter().filter(|(_, text)| !text.is_empty());
        let values = given.filter_map(|(name, text)| {
            let key = match (name.strip_prefix(PREFIX), short_names.get(name.as_str())) {
                (Some(path), _) => path.to_ascii_lowercase().replace("__", "."),
                (None, Some(key)) => (*key).to_owned(),
                (None, None) => return None,
            };
            let origin = format!("{name} in {}", self.place);
            Some((key, Value::new(Some(&origin), ValueKind::String(text.clone()))))
        });
        Ok(values.collect())
    }
}

/// The parser shows the line that it does not understand, which may hold a secret; only its number is kept.
fn without_lines(error: ConfigError) -> ConfigError {
    match error {
        ConfigError::FileParse { uri, cause } => {
            let place = cause.to_string().lines().next().unwrap_or_default().to_owned();
            ConfigError::Message(format!("{}: {place}", uri.unwrap_or_default()))
        }
        other => other,
    }
}

fn dot_env(path: &Path) -> Result<Environment, ConfigError> {
    if !path.exists() {
        return Ok(Environment::new());
    }
    // dotenvy's errors show the line, which may hold a secret.
    let unreadable = |_shows_the_line| ConfigError::Message(format!("{}: not lines of NAME=value", path.display()));
    let lines = dotenvy::from_path_iter(path).map_err(unreadable)?;
    lines.collect::<Result<_, _>>().map_err(unreadable)
}

/// All values of a configuration by dotted key.
fn flat(config: &Config) -> Result<BTreeMap<String, Value>, ConfigError> {
    let mut found = BTreeMap::new();
    flatten("", config.collect()?, &mut found);
    Ok(found)
}

fn flatten(path: &str, table: Map<String, Value>, found: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        match value.kind {
            ValueKind::Table(table) => flatten(&path, table, found),
            _ => drop(found.insert(path, value)),
        }
    }
}
