//! The settings, typed and checked. All faults are told at once, each with its key and where the value came from;
//! secrets and URLs with passwords are never shown.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use taskbridge_adapters::bcrypt::BcryptConfig;
use taskbridge_adapters::sea::{DatabaseUrl, StoreConfig};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::services::AccountPolicy;
use thiserror::Error;
use url::Url;

use crate::layers::{Environment, Layers};

/// Everything an operator decides.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) server: ServerSettings,
    pub(crate) log: LogSettings,
    pub(crate) database: DatabaseSettings,
    pub(crate) auth: AuthSettings,
    pub(crate) accounts: AccountPolicy,
    pub(crate) passwords: BcryptConfig,
}

/// How requests are served.
#[derive(Debug)]
pub(crate) struct ServerSettings {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) workers: usize,
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) keep_alive: Duration,
    /// Of all workers together.
    pub(crate) max_connections: usize,
    pub(crate) shutdown: Duration,
}

/// What is logged, and how.
#[derive(Debug)]
pub(crate) struct LogSettings {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

/// The form of a line of log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Where everything is kept.
#[derive(Debug)]
pub(crate) struct DatabaseSettings {
    pub(crate) store: StoreConfig,
    /// Whether the schema is brought up to date at start.
    pub(crate) migrate: bool,
}

/// Who issues tokens, and how.
#[derive(Debug)]
pub(crate) struct AuthSettings {
    pub(crate) origin: Origin,
    /// Other origins whose pages are trusted, as browsers write them.
    pub(crate) trusted_origins: Vec<String>,
    pub(crate) secret: SharedSecret,
    pub(crate) jwt_lifetime: Duration,
    pub(crate) jwt_leeway: Duration,
}

/// The origin of the auth server, as browsers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// As it was given.
    Given(String),
    /// `http://localhost:<port>`, with the port that is listened on.
    Local,
}

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) key: String,
    pub(crate) origin: String,
    pub(crate) problem: String,
}

/// Why there are no settings.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    /// A file cannot be read.
    #[error("configuration: {0}")]
    Unreadable(#[from] config::ConfigError),
    /// Values are wrong.
    #[error("{}", Faults(.0))]
    Invalid(Vec<Fault>),
}

struct Faults<'a>(&'a [Fault]);

impl fmt::Display for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s):", self.0.len())?;
        for Fault { key, origin, problem } in self.0 {
            write!(f, "\n  {key} (from {origin}): {problem}")?;
        }
        Ok(())
    }
}

impl Settings {
    /// The settings of this process: from its environment and the folder it was started in.
    ///
    /// # Errors
    /// [`SettingsError`] with every fault there is.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub(crate) fn load() -> Result<Self, SettingsError> {
        // Names and values that are no UTF-8 are none of ours.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::read(Path::new("."), environment.collect())
    }

    fn read(folder: &Path, environment: Environment) -> Result<Self, SettingsError> {
        let layers = Layers::read(folder, environment)?;
        let mut reader = Reader::new(&layers);
        let settings = reader.settings();
        match settings {
            Some(settings) if reader.faults.is_empty() => Ok(settings),
            _ => Err(SettingsError::Invalid(reader.faults)),
        }
    }
}

/// Takes values out of the layers and gathers what is wrong with them. A value that is wrong is `None`.
struct Reader<'a> {
    layers: &'a Layers,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn new(layers: &'a Layers) -> Self {
        let unknown = |(key, origin): &(String, String)| Fault {
            key: key.clone(),
            origin: origin.clone(),
            problem: "unknown key; config/default.toml lists all there are".into(),
        };
        Self { layers, faults: layers.unknown.iter().map(unknown).collect() }
    }

    fn settings(&mut self) -> Option<Settings> {
        // All of them first, so that the faults of all are known, then the `?`.
        let host = self.parsed("server.host", "must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0");
        let port = self.number("server.port", 0..=65535);
        let workers = self.number("server.workers", 0..=512);
        let body_limit = self.number("server.body_limit", 1024..=16 * 1024 * 1024);
        let request_timeout = self.seconds("server.request_seconds", 1..=600);
        let keep_alive = self.seconds("server.keep_alive_seconds", 0..=600);
        let connections = self.number("server.max_connections", 1..=1_000_000);
        let shutdown = self.seconds("server.shutdown_seconds", 0..=600);
        let filter = self.log_filter();
        let format = self.one_of("log.format", [("text", LogFormat::Text), ("json", LogFormat::Json)]);
        let url = self.database_url();
        let max_connections = self.number("database.max_connections", 0..=1000);
        let acquire_timeout = self.seconds("database.acquire_seconds", 1..=60);
        let connect_timeout = self.seconds("database.connect_seconds", 1..=60);
        let statement_timeout = self.seconds("database.statement_seconds", 1..=600);
        let start_timeout = self.seconds("database.start_seconds", 0..=600);
        let migrate = self.switch("database.migrate");
        let origin = self.origin();
        let trusted_origins = self.trusted_origins();
        let secret = self.secret();
        let sign_up = self.switch("auth.sign_up");
        let jwt_lifetime = self.seconds("jwt.lifetime_seconds", 1..=86_400);
        let jwt_leeway = self.seconds("jwt.leeway_seconds", 0..=300);
        // Browsers keep no cookie for longer than 400 days (RFC 6265bis, section 5.5).
        let session_lifetime = self.seconds("session.lifetime_seconds", 1..=400 * 86_400);
        let unremembered = self.seconds("session.unremembered_lifetime_seconds", 1..=400 * 86_400);
        let cost = self.number("passwords.bcrypt_cost", 10..=16);
        let threads = self.number("passwords.threads", 0..=64);
        let queue = self.number("passwords.queue", 1..=10_000);
        Some(Settings {
            server: ServerSettings {
                host: host?,
                port: port?,
                workers: or_cores(workers?),
                body_limit: body_limit?,
                request_timeout: request_timeout?,
                keep_alive: keep_alive?,
                max_connections: connections?,
                shutdown: shutdown?,
            },
            log: LogSettings { filter: filter?, format: format? },
            database: DatabaseSettings {
                store: StoreConfig {
                    url: url?,
                    max_connections: or_for_cores(max_connections?),
                    acquire_timeout: acquire_timeout?,
                    connect_timeout: connect_timeout?,
                    statement_timeout: statement_timeout?,
                    start_timeout: start_timeout?,
                },
                migrate: migrate?,
            },
            auth: AuthSettings {
                origin: origin?,
                trusted_origins: trusted_origins?,
                secret: secret?,
                jwt_lifetime: jwt_lifetime?,
                jwt_leeway: jwt_leeway?,
            },
            accounts: AccountPolicy {
                sign_up: sign_up?,
                session_lifetime: session_lifetime?,
                unremembered_session_lifetime: unremembered?,
            },
            passwords: BcryptConfig { cost: cost?, threads: or_cores(threads?), queue: queue? },
        })
    }

    fn fault<T>(&mut self, key: &str, problem: impl Into<String>) -> Option<T> {
        let (_, origin) = self.layers.text(key);
        self.faults.push(Fault { key: key.into(), origin, problem: problem.into() });
        None
    }

    fn text(&self, key: &str) -> String {
        self.layers.text(key).0
    }

    fn parsed<T: FromStr>(&mut self, key: &str, problem: &str) -> Option<T> {
        self.text(key).parse().ok().or_else(|| self.fault(key, problem))
    }

    fn number<T: TryFrom<u64>>(&mut self, key: &str, range: std::ops::RangeInclusive<u64>) -> Option<T> {
        let number = self.text(key).parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.or_else(|| self.fault(key, format!("must be a number from {} to {}", range.start(), range.end())))
    }

    fn seconds(&mut self, key: &str, range: std::ops::RangeInclusive<u64>) -> Option<Duration> {
        self.number(key, range).map(Duration::from_secs)
    }

    fn one_of<T: Copy, const N: usize>(&mut self, key: &str, choices: [(&str, T); N]) -> Option<T> {
        let text = self.text(key);
        let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        chosen.or_else(|| {
            let names = choices.map(|(name, _)| name).join(", ");
            self.fault(key, format!("must be one of {names}"))
        })
    }

    fn log_filter(&mut self) -> Option<String> {
        let filter = self.text("log.filter");
        match tracing_subscriber::EnvFilter::try_new(&filter) {
            Ok(_) => Some(filter),
            Err(_) => self.fault("log.filter", "must be a level (error, warn, info, debug, trace) or target=level, …"),
        }
    }

    fn switch(&mut self, key: &str) -> Option<bool> {
        self.one_of(key, [("on", true), ("true", true), ("off", false), ("false", false)])
    }

    fn database_url(&mut self) -> Option<DatabaseUrl> {
        let pooled = self.one_of("database.pooled", [("auto", None), ("on", Some(true)), ("off", Some(false))]);
        match self.text("database.url").parse::<DatabaseUrl>() {
            Ok(url) => Some(pooled?.map_or(url.clone(), |pooled| url.with_pooler(pooled))),
            Err(invalid) => self.fault("database.url", invalid.to_string()),
        }
    }

    fn origin(&mut self) -> Option<Origin> {
        const MODES: &str = "AUTH_MODE must be server (Taskbridge signs users in)";
        let (mode, url) = (self.text("auth.mode"), self.text("auth.url"));
        match mode.as_str() {
            "server" => {}
            "" if url.is_empty() => {}
            "" => return self.fault("auth.mode", format!("BETTER_AUTH_URL is set, so {MODES}")),
            _ => return self.fault("auth.mode", MODES),
        }
        if url.is_empty() {
            return Some(Origin::Local);
        }
        match web_url(&url) {
            Some(url) => Some(Origin::Given(url.origin().ascii_serialization())),
            None => self.fault("auth.url", "must be the http or https URL of the auth server, as browsers see it"),
        }
    }

    fn trusted_origins(&mut self) -> Option<Vec<String>> {
        const FORM: &str = "must be origins with commas between them, each such as https://app.example.com: http or https, a host, perhaps a port, no path, no wildcard";
        let text = self.text("auth.trusted_origins");
        let given = text.split(',').map(str::trim).filter(|given| !given.is_empty());
        let origins: Option<Vec<_>> = given.map(web_origin).collect();
        origins.or_else(|| self.fault("auth.trusted_origins", FORM))
    }

    fn secret(&mut self) -> Option<SharedSecret> {
        const MAKE_ONE: &str = "set BETTER_AUTH_SECRET to a random one, the same as in Better Auth, for example the output of: openssl rand -base64 32";
        let text = self.text("auth.secret");
        if text.is_empty() {
            return self.fault("auth.secret", format!("is missing; {MAKE_ONE}"));
        }
        SharedSecret::parse(&text)
            .map_or_else(|invalid| self.fault("auth.secret", format!("{invalid}; {MAKE_ONE}")), Some)
    }
}

fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// An origin as browsers write it, given as such or with a slash after it.
fn web_origin(text: &str) -> Option<String> {
    let (_, host) = text.strip_suffix('/').unwrap_or(text).split_once("://")?;
    // A URL may have more in it, and its parser takes out what is not seen.
    let is_bare = !host.contains(|c: char| "/\\?#@*".contains(c) || c.is_whitespace() || c.is_control());
    let url = web_url(text).filter(|_| is_bare)?;
    Some(url.origin().ascii_serialization())
}

/// Zero stands for one thread for each core.
fn or_cores(threads: usize) -> usize {
    if threads == 0 { cores() } else { threads }
}

/// Zero stands for as many connections as the cores keep busy: more of them only wait for each other.
fn or_for_cores(connections: u32) -> u32 {
    if connections == 0 { u32::try_from(2 * cores()).unwrap_or(u32::MAX).clamp(4, 32) } else { connections }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "settings-secret-not-for-production-0123456789";

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
        read_in(Path::new("/nonexistent"), variables)
    }

    fn read_in(folder: &Path, variables: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        match Settings::read(folder, environment.collect()) {
            Ok(settings) => Ok(settings),
            Err(SettingsError::Invalid(faults)) => Err(faults),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_secret_is_all_that_must_be_given() {
        let settings = read(&[("BETTER_AUTH_SECRET", SECRET)]).unwrap();
        assert_eq!((settings.server.host.to_string().as_str(), settings.server.port), ("127.0.0.1", 8000));
        assert_eq!(format!("{:?}", settings.database.store.url), "DatabaseUrl(sqlite)");
        assert!(settings.database.migrate);
        assert!((4..=32).contains(&settings.database.store.max_connections));
        assert_eq!(settings.auth.origin, Origin::Local);
        assert_eq!(settings.auth.jwt_lifetime, Duration::from_mins(15));
        assert_eq!(settings.accounts.session_lifetime, Duration::from_hours(7 * 24));
        assert_eq!(settings.passwords.cost, 12);
        assert_eq!(settings.server.request_timeout, Duration::from_secs(30));
        assert!(settings.auth.trusted_origins.is_empty());
        assert!(settings.passwords.threads > 0 && settings.server.workers > 0);
    }

    #[test]
    fn short_and_long_names_override_the_file_and_an_empty_one_does_not() {
        let settings = read(&[
            ("BETTER_AUTH_SECRET", SECRET),
            ("PORT", "9000"),
            ("HOST", ""),
            ("AUTH_SIGN_UP", "off"),
            ("TASKBRIDGE__LOG__FORMAT", "json"),
            ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "10"),
            ("BETTER_AUTH_URL", "https://App.example.test:443/some/path/"),
            ("AUTH_MODE", "server"),
            ("UNRELATED", "x"),
        ])
        .unwrap();
        assert_eq!((settings.server.host.to_string().as_str(), settings.server.port), ("127.0.0.1", 9000));
        assert!(!settings.accounts.sign_up);
        assert_eq!(settings.log.format, LogFormat::Json);
        assert_eq!(settings.passwords.cost, 10);
        assert_eq!(settings.auth.origin, Origin::Given("https://app.example.test".into()));
    }

    /// Q6: each as a browser will write it.
    #[test]
    fn trusted_origins_are_read_as_browsers_write_them() {
        for (text, expected) in [
            ("", &[][..]),
            (" , ", &[]),
            ("https://app.example.test", &["https://app.example.test"]),
            (
                "https://App.Example.test/ ,http://localhost:3000",
                &["https://app.example.test", "http://localhost:3000"],
            ),
            ("HTTPS://app.example.test:443,", &["https://app.example.test"]),
            ("http://[0:0::1]:80,http://127.1:8080", &["http://[::1]", "http://127.0.0.1:8080"]),
            ("https://bücher.example", &["https://xn--bcher-kva.example"]),
        ] {
            let variables = [("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_TRUSTED_ORIGINS", text)];
            assert_eq!(read(&variables).unwrap().auth.trusted_origins, expected, "{text}");
        }
        for text in [
            "app.example.test",
            "https:app.example.test",
            "https:///app.example.test",
            "https://",
            "https://app.example.test/path",
            "https://app.example.test//",
            "https://app.example.test?query",
            "https://app.example.test#fragment",
            "https://user@app.example.test",
            "https://app.example.test\\@evil.example.test",
            "https://*.example.test",
            "https://app-?.example.test",
            "https://*",
            "*",
            "null",
            "ftp://app.example.test",
            "file:///app",
            "https://app.example.test:99999",
            "https://app.exa\tmple.test",
            "https://app.example.test https://other.example.test",
            "https://app.example.test;https://other.example.test",
            "https://good.example.test,https://bad.example.test/path",
        ] {
            let variables = [("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_TRUSTED_ORIGINS", text)];
            let faults = read(&variables).unwrap_err();
            assert_eq!(faults[0].key, "auth.trusted_origins", "{text}: {faults:?}");
        }
    }

    #[test]
    fn a_list_may_be_an_array_in_a_profile() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        let profile = "[auth]\ntrusted_origins = [\"https://a.example.test\", \"https://b.example.test\"]\n";
        std::fs::write(folder.path().join("config/list.toml"), profile).unwrap();
        let variables = [("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE_PROFILE", "list")];
        let settings = read_in(folder.path(), &variables).unwrap();
        assert_eq!(settings.auth.trusted_origins, ["https://a.example.test", "https://b.example.test"]);
    }

    /// Q1: by the host, by the URL, or because the operator says so.
    #[test]
    fn a_pooler_is_detected_and_can_be_declared() {
        for (url, setting, pooled) in [
            ("postgres://u@h/db", "auto", false),
            ("postgres://u@h-pooler.example.test/db?sslmode=require&channel_binding=require", "auto", true),
            ("postgres://u@h/db?pgbouncer=true", "", true),
            ("postgres://u@h/db?pgbouncer=true", "off", false),
            ("postgres://u@h/db", "on", true),
        ] {
            let variables =
                [("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", url), ("TASKBRIDGE__DATABASE__POOLED", setting)];
            assert_eq!(read(&variables).unwrap().database.store.url.is_pooled(), pooled, "{url} {setting}");
        }
    }

    #[test]
    fn the_environment_wins_over_dot_env_and_dot_env_over_the_profile() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        std::fs::write(
            folder.path().join("config/staging.toml"),
            "[server]\nport = 1\nbody_limit = 4096\nworkers = 3\n[log]\nformat = \"json\"\n",
        )
        .unwrap();
        std::fs::write(
            folder.path().join(".env"),
            format!("# comment\nTASKBRIDGE_PROFILE=staging\nBETTER_AUTH_SECRET=\"{SECRET}\"\nPORT=2\nTASKBRIDGE__SERVER__WORKERS=4\n"),
        )
        .unwrap();
        let settings = read_in(folder.path(), &[("PORT", "3")]).unwrap();
        assert_eq!(settings.server.port, 3);
        assert_eq!(settings.server.workers, 4);
        assert_eq!(settings.server.body_limit, 4096);
        assert_eq!(settings.log.format, LogFormat::Json);
    }

    /// N8, C256, C258: each value that is wrong, with the key that the message names.
    #[test]
    fn every_wrong_value_is_named_with_its_source_and_not_shown() {
        let table = [
            ("BETTER_AUTH_SECRET", "short-secret-value", "auth.secret"),
            ("BETTER_AUTH_SECRET", "better-auth-secret-12345678901234567890", "auth.secret"),
            ("BETTER_AUTH_SECRET", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", "auth.secret"),
            ("DATABASE_URL", "mysql://root:hunter2@localhost/db", "database.url"),
            ("PORT", "65536", "server.port"),
            ("PORT", "-1", "server.port"),
            ("PORT", "http", "server.port"),
            ("HOST", "example.test", "server.host"),
            ("RUST_LOG", "taskbridge=loud", "log.filter"),
            ("AUTH_MODE", "proxy", "auth.mode"),
            ("BETTER_AUTH_URL", "https://app.example.test", "auth.mode"),
            ("AUTH_SIGN_UP", "maybe", "auth.sign_up"),
            ("BETTER_AUTH_TRUSTED_ORIGINS", "https://good.example.test, bad.example.test", "auth.trusted_origins"),
            ("TASKBRIDGE__SERVER__WORKERS", "many", "server.workers"),
            ("TASKBRIDGE__SERVER__BODY_LIMIT", "1", "server.body_limit"),
            ("TASKBRIDGE__SERVER__WORKERS", "513", "server.workers"),
            ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "0", "server.request_seconds"),
            ("TASKBRIDGE__SERVER__KEEP_ALIVE_SECONDS", "601", "server.keep_alive_seconds"),
            ("TASKBRIDGE__SERVER__MAX_CONNECTIONS", "0", "server.max_connections"),
            ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "1.5", "server.shutdown_seconds"),
            ("TASKBRIDGE__LOG__FORMAT", "xml", "log.format"),
            ("DATABASE_URL", "postgres://ann:hunter2@:x/", "database.url"),
            ("TASKBRIDGE__DATABASE__POOLED", "maybe", "database.pooled"),
            ("TASKBRIDGE__DATABASE__MIGRATE", "later", "database.migrate"),
            ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "1001", "database.max_connections"),
            ("TASKBRIDGE__DATABASE__CONNECT_SECONDS", "0", "database.connect_seconds"),
            ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "0", "database.statement_seconds"),
            ("TASKBRIDGE__DATABASE__START_SECONDS", "601", "database.start_seconds"),
            ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "0", "database.acquire_seconds"),
            ("TASKBRIDGE__JWT__LIFETIME_SECONDS", "0", "jwt.lifetime_seconds"),
            ("TASKBRIDGE__JWT__LEEWAY_SECONDS", "301", "jwt.leeway_seconds"),
            ("TASKBRIDGE__SESSION__LIFETIME_SECONDS", "34560001", "session.lifetime_seconds"),
            ("TASKBRIDGE__SESSION__UNREMEMBERED_LIFETIME_SECONDS", "0", "session.unremembered_lifetime_seconds"),
            ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "9", "passwords.bcrypt_cost"),
            ("TASKBRIDGE__PASSWORDS__THREADS", "65", "passwords.threads"),
            ("TASKBRIDGE__PASSWORDS__QUEUE", "0", "passwords.queue"),
            ("TASKBRIDGE__SERVER__PROT", "8000", "server.prot"),
            ("TASKBRIDGE__NOWHERE", "x", "nowhere"),
        ];
        for (name, value, key) in table {
            let mut variables = vec![("BETTER_AUTH_SECRET", SECRET)];
            variables.retain(|(given, _)| *given != name);
            variables.push((name, value));
            let faults = read(&variables).unwrap_err();
            let [Fault { key: found, origin, problem }] = faults.as_slice() else { panic!("{name}: {faults:?}") };
            assert_eq!(found, key);
            // With a URL alone it is the mode that is missing.
            if name != "BETTER_AUTH_URL" {
                assert_eq!(*origin, format!("{name} in the environment"));
            }
            assert!(!problem.contains(value) || value.len() < 3, "{problem}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = read(&[("PORT", "x"), ("HOST", "x"), ("TASKBRIDGE__A__B", "x")]).unwrap_err();
        let message = SettingsError::Invalid(faults).to_string();
        for expected in [
            "4 fault(s)",
            "server.port (from PORT in the environment)",
            "server.host (from HOST in the environment)",
            "a.b (from TASKBRIDGE__A__B in the environment): unknown key",
            "auth.secret (from config/default.toml): is missing; set BETTER_AUTH_SECRET",
        ] {
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_broken_dot_env_is_an_error_that_does_not_show_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), "hunter2 hunter2\n").unwrap();
        let error = Settings::read(folder.path(), Environment::new()).unwrap_err().to_string();
        assert!(error.contains(".env") && !error.contains("hunter2"), "{error}");
    }
}
