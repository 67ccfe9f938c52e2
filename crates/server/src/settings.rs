//! The settings, typed and checked. All faults are told at once, each with its key and where the value came from;
//! secrets and URLs with passwords are never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use taskbridge_adapters::database::{DatabaseUrl, Pooler, StoreConfig};
use taskbridge_adapters::jwt::{
    CertificateAuthorities, KeyTableConfig, RemoteJwksConfig, SigningAlgorithm, VersionedSecrets,
};
use taskbridge_adapters::passwords::ThreadedPasswordHasherConfig;
use taskbridge_domain::rate_limit::RateLimit;
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::services::AccountPolicy;
use taskbridge_domain::sessions::SessionPolicy;
use taskbridge_domain::users::HashAlgorithm;
use taskbridge_migrations::Users;
use taskbridge_web::{Compatibility, DocsConfig, ForwardedHeader, InvalidOrigin, TasksMount, TrustedOrigins};
use thiserror::Error;
use url::{Host, Url};

use crate::layers::{Environment, Layers};

/// Everything an operator decides.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) server: ServerSettings,
    pub(crate) log: LogSettings,
    pub(crate) docs: DocsConfig,
    pub(crate) database: DatabaseSettings,
    pub(crate) tasks: TasksSettings,
    pub(crate) auth: AuthSettings,
    pub(crate) accounts: AccountPolicy,
    /// How often what is over is removed; never, if this is nothing.
    pub(crate) purge: Duration,
    pub(crate) rate_limit: RateLimitSettings,
    pub(crate) passwords: ThreadedPasswordHasherConfig,
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
    /// How long requests are taken after the signal to stop.
    pub(crate) drain: Duration,
    pub(crate) shutdown: Duration,
    /// Where metrics are shown, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
    /// Whose word is believed about who is calling.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The header in which they name the client.
    pub(crate) forwarded_header: ForwardedHeader,
}

/// How often the auth endpoints may be called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimitSettings {
    pub(crate) is_on: bool,
    /// For all endpoints but those where passwords can be guessed.
    pub(crate) limit: RateLimit,
    pub(crate) storage: RateLimitStorage,
}

/// Where it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateLimitStorage {
    Memory,
    Database,
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

/// How the tasks API is spoken.
#[derive(Debug)]
pub(crate) struct TasksSettings {
    pub(crate) mount: TasksMount,
    pub(crate) compatibility: Compatibility,
}

/// Who signs users in, and whose tokens are good.
#[derive(Debug)]
pub(crate) struct AuthSettings {
    pub(crate) mode: AuthMode,
    /// Other origins whose pages are trusted, as browsers write them.
    pub(crate) trusted_origins: Vec<String>,
    pub(crate) jwt_leeway: Duration,
    /// Maximum length of a token.
    pub(crate) jwt_max_bytes: usize,
}

/// Who signs users in.
#[derive(Debug)]
pub(crate) enum AuthMode {
    /// Taskbridge.
    Server(ServerMode),
    /// The Better Auth of an app.
    Bridge(BridgeMode),
}

/// Taskbridge signs users in.
#[derive(Debug)]
pub(crate) struct ServerMode {
    pub(crate) origin: Origin,
    pub(crate) secrets: VersionedSecrets,
    pub(crate) jwt_lifetime: Duration,
    pub(crate) keys: KeyTableConfig,
    /// Whether tokens signed with the secret are accepted, whatever the server signs with.
    pub(crate) accept_hs256: bool,
    pub(crate) cookies: CookieSettings,
}

/// How session cookies are called, and which hosts get them.
#[derive(Debug)]
pub(crate) struct CookieSettings {
    pub(crate) prefix: String,
    pub(crate) domain: Option<String>,
    pub(crate) accept_unsigned_bearer: bool,
}

/// The Better Auth of an app signs users in.
#[derive(Debug)]
pub(crate) struct BridgeMode {
    pub(crate) origin: String,
    pub(crate) secret: Option<SharedSecret>,
    pub(crate) jwks_urls: Vec<Url>,
    pub(crate) jwks_authorities: CertificateAuthorities,
    pub(crate) jwks: RemoteJwksConfig,
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) require_issuer: bool,
}

impl AuthMode {
    /// The origin of the auth server, if this is the port that is listened on.
    pub(crate) fn origin(&self, port: u16) -> String {
        match self {
            Self::Server(ServerMode { origin: Origin::Given(origin), .. })
            | Self::Bridge(BridgeMode { origin, .. }) => origin.clone(),
            Self::Server(ServerMode { origin: Origin::Local, .. }) => format!("http://localhost:{port}"),
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Server(_) => "server",
            Self::Bridge(_) => "bridge",
        }
    }

    /// Where the users are.
    pub(crate) fn users(&self) -> Users {
        match self {
            Self::Server(_) => Users::Here,
            Self::Bridge(_) => Users::Elsewhere,
        }
    }
}

/// The origin of the auth server, as browsers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// As it was given.
    Given(String),
    /// `http://localhost:<port>`, with the port that is listened on.
    Local,
}

/// One key, for whoever asks what is set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    /// Never a secret.
    pub(crate) value: String,
    pub(crate) origin: String,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, origin } = self;
        write!(f, "{:<48} # {origin}", format!("{key} = {value}"))
    }
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
    /// The settings of this process, from its environment and the folder it was started in, and a list of them.
    ///
    /// # Errors
    /// [`SettingsError`] with every fault there is.
    pub(crate) fn load() -> Result<(Self, Vec<Setting>), SettingsError> {
        Self::read(Path::new("."), environment())
    }

    fn read(folder: &Path, environment: Environment) -> Result<(Self, Vec<Setting>), SettingsError> {
        Draft::read(folder, environment)?.finish()
    }
}

/// The settings section by section, for whoever wants to know how far they are good. A section with a fault is `None`.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) server: Option<ServerSettings>,
    pub(crate) log: Option<LogSettings>,
    pub(crate) docs: Option<DocsConfig>,
    pub(crate) database: Option<DatabaseSettings>,
    pub(crate) tasks: Option<TasksSettings>,
    /// Known before the mode is without fault.
    pub(crate) users: Option<Users>,
    pub(crate) mode: Option<AuthMode>,
    pub(crate) trusted_origins: Option<Vec<String>>,
    pub(crate) jwt_leeway: Option<Duration>,
    pub(crate) jwt_max_bytes: Option<usize>,
    pub(crate) accounts: Option<AccountPolicy>,
    pub(crate) purge: Option<Duration>,
    pub(crate) rate_limit: Option<RateLimitSettings>,
    pub(crate) passwords: Option<ThreadedPasswordHasherConfig>,
    /// Every key.
    pub(crate) list: Vec<Setting>,
    /// All that is wrong.
    pub(crate) faults: Vec<Fault>,
}

impl Draft {
    /// The settings of this process.
    ///
    /// # Errors
    /// [`SettingsError::Unreadable`]; faults are no error here.
    pub(crate) fn load() -> Result<Self, SettingsError> {
        Self::read(Path::new("."), environment())
    }

    fn read(folder: &Path, environment: Environment) -> Result<Self, SettingsError> {
        Ok(Reader::new(&Layers::read(folder, environment)?).draft())
    }

    fn finish(self) -> Result<(Settings, Vec<Setting>), SettingsError> {
        let Self { list, faults, .. } = self;
        let whole = || {
            Some(Settings {
                server: self.server?,
                log: self.log?,
                docs: self.docs?,
                database: self.database?,
                tasks: self.tasks?,
                auth: AuthSettings {
                    mode: self.mode?,
                    trusted_origins: self.trusted_origins?,
                    jwt_leeway: self.jwt_leeway?,
                    jwt_max_bytes: self.jwt_max_bytes?,
                },
                accounts: self.accounts?,
                purge: self.purge?,
                rate_limit: self.rate_limit?,
                passwords: self.passwords?,
            })
        };
        match whole() {
            Some(settings) if faults.is_empty() => Ok((settings, list)),
            _ => Err(SettingsError::Invalid(faults)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
fn environment() -> Environment {
    // Names and values that are no UTF-8 are none of ours.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Takes values out of the layers and gathers what is wrong with them. A value that is wrong is `None`.
struct Reader<'a> {
    layers: &'a Layers,
    faults: Vec<Fault>,
    /// Values as they may be shown, by key; all others are secret.
    shown: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    fn new(layers: &'a Layers) -> Self {
        let unknown = |(key, origin): &(String, String)| Fault {
            key: key.clone(),
            origin: origin.clone(),
            problem: match nearest(key, layers.keys()) {
                Some(known) => format!("unknown key; did you mean {known}?"),
                None => "unknown key; config/default.toml lists all there are".into(),
            },
        };
        let list = |(key, origin): &(String, String)| Fault {
            key: key.clone(),
            origin: origin.clone(),
            problem: "must be one value, not a list".into(),
        };
        let faults = layers.unknown.iter().map(unknown).chain(layers.lists.iter().map(list)).collect();
        Self { layers, faults, shown: BTreeMap::new() }
    }

    /// Every key with its value and where it came from.
    fn list(&self) -> Vec<Setting> {
        let setting = |key: &str| {
            let (text, origin) = self.layers.text(key);
            let value = match self.shown.get(key) {
                Some(shown) => shown.clone(),
                None if text.is_empty() => String::new(),
                None => format!("(set, {} characters)", text.chars().count()),
            };
            Setting { key: key.into(), value, origin }
        };
        self.layers.keys().map(setting).collect()
    }

    fn draft(mut self) -> Draft {
        let is_bridge = self.is_bridge();
        Draft {
            server: self.server(),
            log: self.log(),
            docs: self.docs(),
            database: self.database(),
            tasks: self.tasks(),
            users: is_bridge.map(|is_bridge| if is_bridge { Users::Elsewhere } else { Users::Here }),
            mode: self.auth_mode(is_bridge),
            trusted_origins: self.trusted_origins(),
            jwt_leeway: self.seconds("jwt.leeway_seconds", 0..=300),
            jwt_max_bytes: self.number("jwt.max_bytes", 1024..=65_536),
            accounts: self.accounts(),
            purge: self.seconds("session.purge_seconds", 0..=86_400),
            rate_limit: self.rate_limit(),
            passwords: self.passwords(),
            list: self.list(),
            faults: self.faults,
        }
    }

    // In each section all keys first, so that the faults of all are known, then the `?`.

    fn server(&mut self) -> Option<ServerSettings> {
        let host = self.parsed("server.host", "must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0");
        let port = self.number("server.port", 0..=65535);
        let workers = self.number("server.workers", 0..=512);
        let body_limit = self.number("server.body_limit", 1024..=16 * 1024 * 1024);
        let request_timeout = self.seconds("server.request_seconds", 1..=600);
        let keep_alive = self.seconds("server.keep_alive_seconds", 0..=600);
        let connections = self.number("server.max_connections", 1..=1_000_000);
        let drain = self.seconds("server.drain_seconds", 0..=600);
        let shutdown = self.seconds("server.shutdown_seconds", 0..=600);
        let metrics = self.address("metrics.address");
        let trusted_proxies = self.trusted_proxies();
        let forwarded_header = self.one_of(
            "server.forwarded_header",
            [("x-forwarded-for", ForwardedHeader::XForwardedFor), ("forwarded", ForwardedHeader::Forwarded)],
        );
        Some(ServerSettings {
            host: host?,
            port: port?,
            workers: or_cores(workers?),
            body_limit: body_limit?,
            request_timeout: request_timeout?,
            keep_alive: keep_alive?,
            max_connections: connections?,
            drain: drain?,
            shutdown: shutdown?,
            metrics,
            trusted_proxies: trusted_proxies?,
            forwarded_header: forwarded_header?,
        })
    }

    fn log(&mut self) -> Option<LogSettings> {
        let filter = self.log_filter();
        let format = self.one_of("log.format", [("text", LogFormat::Text), ("json", LogFormat::Json)]);
        Some(LogSettings { filter: filter?, format: format? })
    }

    fn docs(&mut self) -> Option<DocsConfig> {
        let openapi = self.switch("docs.openapi");
        let page = self.switch("docs.page");
        Some(DocsConfig { openapi: openapi?, page: page? })
    }

    fn database(&mut self) -> Option<DatabaseSettings> {
        let url = self.database_url();
        let max_connections = self.number("database.max_connections", 0..=1000);
        let acquire_timeout = self.seconds("database.acquire_seconds", 1..=60);
        let connect_timeout = self.seconds("database.connect_seconds", 1..=60);
        let statement_timeout = self.seconds("database.statement_seconds", 1..=600);
        let start_timeout = self.seconds("database.start_seconds", 0..=600);
        let migrate = self.switch("database.migrate");
        let store = StoreConfig {
            url: url?,
            max_connections: or_for_cores(max_connections?),
            acquire_timeout: acquire_timeout?,
            connect_timeout: connect_timeout?,
            statement_timeout: statement_timeout?,
            start_timeout: start_timeout?,
        };
        Some(DatabaseSettings { store, migrate: migrate? })
    }

    fn tasks(&mut self) -> Option<TasksSettings> {
        let prefix = self.prefix();
        let without_user_id = self.switch("tasks.without_user_id");
        let list_envelope = self.switch("tasks.list_envelope");
        let is_completed = self.switch("tasks.is_completed");
        let delete_message = self.switch("tasks.delete_message");
        Some(TasksSettings {
            mount: TasksMount { prefix: prefix?, without_user_id: without_user_id? },
            compatibility: Compatibility {
                list_envelope: list_envelope?,
                is_completed: is_completed?,
                delete_message: delete_message?,
            },
        })
    }

    fn accounts(&mut self) -> Option<AccountPolicy> {
        let allow_sign_up = self.switch("auth.sign_up");
        let allow_deletion = self.switch("auth.delete_user");
        let require_email_verification = self.switch("auth.require_email_verification");
        let rehash = self.switch("passwords.rehash");
        // Browsers keep no cookie for longer than 400 days (RFC 6265bis, section 5.5).
        let session_lifetime = self.seconds("session.lifetime_seconds", 1..=400 * 86_400);
        let unremembered = self.seconds("session.unremembered_lifetime_seconds", 1..=400 * 86_400);
        let update_age = self.seconds("session.update_age_seconds", 0..=400 * 86_400);
        let fresh_age = self.seconds("session.fresh_age_seconds", 0..=400 * 86_400);
        Some(AccountPolicy {
            allow_sign_up: allow_sign_up?,
            allow_deletion: allow_deletion?,
            require_email_verification: require_email_verification?,
            rehash: rehash?,
            sessions: SessionPolicy {
                lifetime: session_lifetime?,
                unremembered_lifetime: unremembered?,
                update_age: update_age?,
                fresh_age: fresh_age?,
            },
        })
    }

    fn rate_limit(&mut self) -> Option<RateLimitSettings> {
        let enabled = self.switch("rate_limit.enabled");
        let window = self.seconds("rate_limit.window_seconds", 1..=600);
        let max = self.number("rate_limit.max", 1..=1_000_000);
        let storage = self.one_of(
            "rate_limit.storage",
            [("memory", RateLimitStorage::Memory), ("database", RateLimitStorage::Database)],
        );
        Some(RateLimitSettings { is_on: enabled?, limit: RateLimit { window: window?, max: max? }, storage: storage? })
    }

    fn trusted_proxies(&mut self) -> Option<Vec<IpNet>> {
        const KEY: &str = "server.trusted_proxies";
        let network = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
        let networks: Option<Vec<_>> = self.plain_texts(KEY).iter().map(network).collect();
        match networks {
            Some(networks) if networks.iter().all(|network| network.prefix_len() > 0) => Some(networks),
            Some(_) => self.fault(KEY, "would let everybody say who they are"),
            None => self.fault(KEY, "must be addresses or networks with commas between them, such as 10.0.0.0/8"),
        }
    }

    fn passwords(&mut self) -> Option<ThreadedPasswordHasherConfig> {
        let write =
            self.one_of("passwords.write", [("bcrypt", HashAlgorithm::Bcrypt), ("scrypt", HashAlgorithm::Scrypt)]);
        let bcrypt_cost = self.number("passwords.bcrypt_cost", 10..=16);
        let threads = self.number("passwords.threads", 0..=64);
        let queue = self.number("passwords.queue", 1..=10_000);
        Some(ThreadedPasswordHasherConfig {
            write: write?,
            bcrypt_cost: bcrypt_cost?,
            threads: or_cores(threads?),
            queue: queue?,
        })
    }

    fn fault<T>(&mut self, key: &str, problem: impl Into<String>) -> Option<T> {
        let (_, origin) = self.layers.text(key);
        if self.faults.iter().any(|fault| fault.key == key) {
            return None;
        }
        self.faults.push(Fault { key: key.into(), origin, problem: problem.into() });
        None
    }

    /// A value that may hold a secret.
    fn text(&self, key: &str) -> String {
        self.layers.text(key).0
    }

    /// A value that may be shown.
    fn plain(&mut self, key: &str) -> String {
        let text = self.text(key);
        self.shown.insert(key.into(), text.clone());
        text
    }

    fn parsed<T: FromStr>(&mut self, key: &str, problem: &str) -> Option<T> {
        self.plain(key).parse().ok().or_else(|| self.fault(key, problem))
    }

    fn number<T: TryFrom<u64>>(&mut self, key: &str, range: std::ops::RangeInclusive<u64>) -> Option<T> {
        let number = self.plain(key).parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.or_else(|| self.fault(key, format!("must be a number from {} to {}", range.start(), range.end())))
    }

    fn seconds(&mut self, key: &str, range: std::ops::RangeInclusive<u64>) -> Option<Duration> {
        self.number(key, range).map(Duration::from_secs)
    }

    fn one_of<T: Copy, const N: usize>(&mut self, key: &str, choices: [(&str, T); N]) -> Option<T> {
        let text = self.plain(key);
        let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        chosen.or_else(|| {
            let names = choices.map(|(name, _)| name).join(", ");
            self.fault(key, format!("must be one of {names}"))
        })
    }

    fn log_filter(&mut self) -> Option<String> {
        let filter = self.plain("log.filter");
        match tracing_subscriber::EnvFilter::try_new(&filter) {
            Ok(_) => Some(filter),
            Err(_) => self.fault("log.filter", "must be a level (error, warn, info, debug, trace) or target=level, …"),
        }
    }

    fn switch(&mut self, key: &str) -> Option<bool> {
        self.one_of(key, [("on", true), ("true", true), ("off", false), ("false", false)])
    }

    /// Nothing, or plain segments; not where the auth routes are.
    fn prefix(&mut self) -> Option<String> {
        let prefix = self.plain("tasks.prefix");
        let prefix = prefix.strip_suffix('/').unwrap_or(&prefix);
        let is_plain = |segment: &str| {
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-_~.".contains(c);
            !segment.is_empty() && segment.chars().all(unreserved) && segment.chars().any(|c| c != '.')
        };
        let segments = prefix.strip_prefix('/').map(|segments| segments.split('/').all(is_plain));
        let is_auth = prefix == "/api/auth" || prefix.starts_with("/api/auth/");
        if (prefix.is_empty() || segments == Some(true)) && !is_auth {
            Some(prefix.to_owned())
        } else {
            self.fault("tasks.prefix", "must be a path such as /api, of plain segments, and not below /api/auth")
        }
    }

    /// `None` when the text is empty, and when it is wrong, which then is a fault.
    fn address(&mut self, key: &str) -> Option<SocketAddr> {
        let problem = "must be an IP address and a port, such as 127.0.0.1:9464";
        if self.plain(key).is_empty() { None } else { self.parsed(key, problem) }
    }

    fn database_url(&mut self) -> Option<DatabaseUrl> {
        let pooler = self
            .one_of("database.pooled", [("auto", None), ("on", Some(Pooler::Present)), ("off", Some(Pooler::Absent))]);
        match self.text("database.url").parse::<DatabaseUrl>() {
            Ok(url) => {
                let url = pooler?.map_or(url.clone(), |pooler| url.with_pooler(pooler));
                self.shown.insert("database.url".into(), url.to_string());
                Some(url)
            }
            Err(invalid) => self.fault("database.url", invalid.to_string()),
        }
    }

    fn is_bridge(&mut self) -> Option<bool> {
        const MODES: &str =
            "AUTH_MODE must be server (Taskbridge signs users in) or bridge (the app's Better Auth does)";
        match (self.plain("auth.mode").as_str(), self.text("auth.url").as_str()) {
            ("bridge", _) => Some(true),
            ("server", _) | ("", "") => Some(false),
            ("", _) => self.fault("auth.mode", format!("BETTER_AUTH_URL is set, so {MODES}")),
            _ => self.fault("auth.mode", MODES),
        }
    }

    fn auth_mode(&mut self, is_bridge: Option<bool>) -> Option<AuthMode> {
        let is_bridge = is_bridge?;
        // All keys are read in both modes: one that is wrong is told wherever it is.
        let url = self.auth_url();
        let secrets = self.secrets();
        let jwt_lifetime = self.seconds("jwt.lifetime_seconds", 1..=86_400);
        let algorithms = [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256].map(|name| (name.name(), Some(name)));
        let algorithm = self.one_of("jwt.algorithm", [("HS256", None), algorithms[0], algorithms[1]]);
        let accept_hs256 = self.switch("jwt.accept_hs256");
        let grace = self.seconds("jwt.key_grace_seconds", 0..=400 * 86_400);
        let jwks_urls = self.jwks_urls(url.as_ref().filter(|_| is_bridge));
        let jwks_authorities = self.authorities();
        let refresh = self.seconds("jwt.jwks_refresh_seconds", 1..=86_400);
        let cool_down = self.seconds("jwt.jwks_cooldown_seconds", 1..=3600);
        let timeout = self.seconds("jwt.jwks_timeout_seconds", 1..=60);
        let require_issuer = self.switch("jwt.require_issuer");
        let cookies = self.cookies();
        if let (Some(url), Some(CookieSettings { domain: Some(domain), .. })) = (&url, &cookies) {
            let is_within = |host: &str| host == domain || host.ends_with(&format!(".{domain}"));
            if !is_bridge && !url.host_str().is_some_and(is_within) {
                self.fault::<()>("session.cookie_domain", "must be the host of BETTER_AUTH_URL, or a domain above it");
            }
        }
        let origin = url.map(|url| url.origin().ascii_serialization());
        if is_bridge {
            if matches!(algorithm, Some(Some(_))) {
                self.fault::<()>(
                    "jwt.algorithm",
                    "is for AUTH_MODE=server; in bridge mode the app's Better Auth signs",
                );
            }
            if accept_hs256 == Some(true) {
                self.fault::<()>(
                    "jwt.accept_hs256",
                    "is for AUTH_MODE=server; in bridge mode set BETTER_AUTH_SECRET to accept HS256",
                );
            }
            if self.text("auth.url").is_empty() {
                self.fault::<()>("auth.url", "is missing; AUTH_MODE=bridge needs the BETTER_AUTH_URL of the app");
            }
            let origin = origin?;
            let or_origin = |texts: Vec<String>| if texts.is_empty() { vec![origin.clone()] } else { texts };
            return Some(AuthMode::Bridge(BridgeMode {
                // What an app signs by hand it signs with this, versions or not.
                secret: self.secret().or(secrets.map(|secrets| secrets.current().clone())),
                jwks_urls: jwks_urls?,
                jwks_authorities: jwks_authorities?,
                jwks: RemoteJwksConfig { refresh: refresh?, cool_down: cool_down?, timeout: timeout? },
                issuers: or_origin(self.plain_texts("jwt.issuer")),
                audiences: or_origin(self.plain_texts("jwt.audience")),
                require_issuer: require_issuer?,
                origin,
            }));
        }
        for key in ["jwt.jwks_url", "jwt.issuer", "jwt.audience"] {
            if !self.text(key).is_empty() {
                self.fault::<()>(key, "is for AUTH_MODE=bridge; in server mode Taskbridge's own tokens are accepted");
            }
        }
        if !self.has_secret() {
            self.fault::<()>("auth.secret", format!("is missing; {MAKE_A_SECRET}"));
        }
        let (algorithm, grace) = (algorithm?, grace?);
        if jwt_lifetime.is_some_and(|lifetime| grace < lifetime + Duration::from_mins(1)) {
            self.fault::<()>("jwt.key_grace_seconds", "must be longer than jwt.lifetime_seconds, by a minute at least");
        }
        Some(AuthMode::Server(ServerMode {
            origin: origin.map_or(Origin::Local, Origin::Given),
            secrets: secrets?,
            jwt_lifetime: jwt_lifetime?,
            keys: KeyTableConfig { algorithm, grace },
            accept_hs256: accept_hs256?,
            cookies: cookies?,
        }))
    }

    fn trusted_origins(&mut self) -> Option<Vec<String>> {
        const KEY: &str = "auth.trusted_origins";
        const FORM: &str = "must be origins with commas between them, each such as https://app.example.com (http or https, a host, perhaps a port, no path), https://*.example.com or myapp://";
        let mut origins = Vec::new();
        for text in self.texts(KEY) {
            let Some(origin) = trusted_origin(&text) else { return self.fault(KEY, FORM) };
            if let Err(InvalidOrigin::Everything) = TrustedOrigins::default().add(&origin) {
                return self.fault(KEY, format!("{origin} would trust every site there is"));
            }
            origins.push(origin);
        }
        self.shown.insert(KEY.into(), origins.join(", "));
        Some(origins)
    }

    fn cookies(&mut self) -> Option<CookieSettings> {
        let prefix = self.plain("session.cookie_prefix");
        let domain = self.plain("session.cookie_domain");
        let accept_unsigned_bearer = self.switch("session.accept_unsigned_bearer");
        // What a cookie's name may have in it (RFC 6265, section 4.1.1, and RFC 9110, section 5.6.2), less what servers
        // and browsers disagree on.
        let is_prefix = !prefix.is_empty() && prefix.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !is_prefix {
            self.fault::<()>("session.cookie_prefix", "must be letters, digits, '-', '_' and '.'");
        }
        let is_domain = domain.is_empty()
            || Url::parse(&format!("https://{domain}"))
                .is_ok_and(|url| url.domain().is_some_and(|parsed| parsed == domain && parsed.contains('.')));
        if !is_domain {
            self.fault::<()>("session.cookie_domain", "must be a domain in lower case, such as example.com");
        }
        let domain = Some(domain).filter(|domain| !domain.is_empty());
        let accept_unsigned_bearer = accept_unsigned_bearer?;
        (is_prefix && is_domain).then_some(CookieSettings { prefix, domain, accept_unsigned_bearer })
    }

    /// The URL of the auth server, if one is given.
    fn auth_url(&mut self) -> Option<Url> {
        let text = self.text("auth.url");
        if text.is_empty() {
            return None;
        }
        let wrong = "must be the http or https URL of the auth server, as browsers see it";
        let url = web_url(&text).or_else(|| self.fault("auth.url", wrong))?;
        self.shown.insert("auth.url".into(), url.origin().ascii_serialization());
        Some(url)
    }

    /// The addresses of published keys: those that are given, else the one Better Auth has at its URL.
    /// Where keys are published; nowhere, if tokens are signed with the secret alone.
    fn jwks_urls(&mut self, auth_url: Option<&Url>) -> Option<Vec<Url>> {
        const KEY: &str = "jwt.jwks_url";
        let given = self.texts(KEY);
        if given == ["off"] {
            self.shown.insert(KEY.into(), "off".into());
            return if self.has_secret() {
                Some(Vec::new())
            } else {
                self.fault(KEY, "off leaves nothing that could verify a token; set BETTER_AUTH_SECRET, too")
            };
        }
        let urls: Option<Vec<_>> = match auth_url {
            Some(url) if given.is_empty() => Some(vec![own_jwks_url(url)]),
            _ => given.iter().map(|text| web_url(text)).collect(),
        };
        let Some(urls) = urls else {
            return self.fault(KEY, "must be http or https URLs without user and password, with commas between them");
        };
        let http_hosts = self.plain_texts("jwt.jwks_http_hosts");
        let is_safe = |url: &Url| {
            url.scheme() == "https" || is_loopback(url) || http_hosts.iter().any(|host| url.host_str() == Some(host))
        };
        if urls.iter().all(is_safe) {
            // What stands behind a question mark may be a key to the keys.
            let shown = given.iter().map(|text| text.split('?').next().unwrap_or_default());
            self.shown.insert(KEY.into(), shown.collect::<Vec<_>>().join(", "));
            return Some(urls);
        }
        self.fault(
            if given.is_empty() { "auth.url" } else { KEY },
            "the address of the keys must be https, unless its host is this computer or one of jwt.jwks_http_hosts",
        )
    }

    fn authorities(&mut self) -> Option<CertificateAuthorities> {
        let path = self.plain("jwt.jwks_ca_file");
        if path.is_empty() {
            return Some(CertificateAuthorities::public());
        }
        CertificateAuthorities::from_file(Path::new(&path))
            .map_or_else(|error| self.fault("jwt.jwks_ca_file", error.to_string()), Some)
    }

    fn has_secret(&self) -> bool {
        ["auth.secret", "auth.secrets"].iter().any(|key| !self.text(key).is_empty())
    }

    /// The secrets, if any are given.
    fn secrets(&mut self) -> Option<VersionedSecrets> {
        const KEY: &str = "auth.secrets";
        let list = self.text(KEY);
        if list.is_empty() {
            return self.secret().map(VersionedSecrets::single);
        }
        // As in Better Auth, what everybody knows opens nothing.
        let unnumbered = Some(self.text("auth.secret")).filter(|text| !text.is_empty() && text != KNOWN_TO_ALL);
        let unnumbered = unnumbered.map(|text| SharedSecret::unchecked(&text));
        VersionedSecrets::parse(&list, unnumbered).map_or_else(|invalid| self.fault(KEY, invalid.to_string()), Some)
    }

    /// The secret, if one is given.
    fn secret(&mut self) -> Option<SharedSecret> {
        let text = self.text("auth.secret");
        if text.is_empty() {
            return None;
        }
        let parsed = SharedSecret::parse(&text);
        parsed.map_or_else(|invalid| self.fault("auth.secret", format!("{invalid}; {MAKE_A_SECRET}")), Some)
    }

    /// The texts between commas, which may be shown.
    fn plain_texts(&mut self, key: &str) -> Vec<String> {
        self.plain(key);
        self.texts(key)
    }

    /// The texts between commas.
    fn texts(&self, key: &str) -> Vec<String> {
        self.text(key).split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }
}

/// Better Auth's default.
const KNOWN_TO_ALL: &str = "better-auth-secret-12345678901234567890";

const MAKE_A_SECRET: &str = "set BETTER_AUTH_SECRET to a random one, the same as in Better Auth, for example the output of: openssl rand -base64 32";

/// An absolute http or https URL that holds no credentials.
fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (is_web && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// An origin as browsers write it, given as such or with a slash after it.
fn web_origin(text: &str) -> Option<String> {
    let (_, host) = text.strip_suffix('/').unwrap_or(text).split_once("://")?;
    // A URL may have more in it, and its parser takes out what is not seen.
    let is_bare = !host.contains(|c: char| "/\\?#@*".contains(c) || c.is_whitespace() || c.is_control());
    let url = web_url(text).filter(|_| is_bare)?;
    Some(url.origin().ascii_serialization())
}

/// An origin that may be trusted: as browsers write it, or a pattern, or that of an app with a scheme of its own.
fn trusted_origin(text: &str) -> Option<String> {
    let is_web = text
        .split_once("://")
        .is_some_and(|(scheme, _)| ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web)));
    if is_web && !text.contains(['*', '?']) {
        return web_origin(text);
    }
    let taken = TrustedOrigins::default().add(text);
    (taken != Err(InvalidOrigin::NotAnOrigin)).then(|| text.to_owned())
}

/// Where Better Auth publishes its keys. It takes a path in its URL for the place at which it is mounted.
fn own_jwks_url(auth_url: &Url) -> Url {
    let mut url = auth_url.clone();
    let path = match url.path().trim_end_matches('/') {
        "" => "/api/auth/jwks".to_owned(),
        mounted => format!("{mounted}/jwks"),
    };
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Whether the host is this computer.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The key that was probably meant.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE: f64 = 0.9;
    let by_likeness = known.map(|known| (strsim::jaro_winkler(key, known), known)).filter(|(like, _)| *like > CLOSE);
    by_likeness.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known)
}

/// Zero stands for one thread for each core.
fn or_cores(threads: usize) -> usize {
    if threads == 0 { cores() } else { threads }
}

/// Zero stands for as many connections as the cores keep busy: more of them only wait for each other.
fn or_for_cores(connections: u32) -> u32 {
    if connections == 0 { u32::try_from(4 * cores()).unwrap_or(u32::MAX).clamp(8, 32) } else { connections }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

#[cfg(test)]
mod tests {
    use taskbridge_web::RateLimits;

    use super::*;

    const SECRET: &str = "settings-secret-not-for-production-0123456789";

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
        read_in(Path::new("/nonexistent"), variables)
    }

    fn read_in(folder: &Path, variables: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        match Settings::read(folder, environment.collect()) {
            Ok((settings, _)) => Ok(settings),
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
        assert!((8..=32).contains(&settings.database.store.max_connections));
        let AuthMode::Server(ServerMode { origin, jwt_lifetime, .. }) = settings.auth.mode else { panic!() };
        assert_eq!((origin, jwt_lifetime), (Origin::Local, Duration::from_mins(15)));
        assert_eq!(settings.accounts.sessions.lifetime, Duration::from_hours(7 * 24));
        assert_eq!((settings.passwords.write, settings.passwords.bcrypt_cost), (HashAlgorithm::Bcrypt, 12));
        assert!(settings.passwords.threads > 0 && settings.server.workers > 0);
        let RateLimitSettings { is_on, limit, storage } = settings.rate_limit;
        assert_eq!((is_on, limit, storage), (true, RateLimits::DEFAULT, RateLimitStorage::Memory));
        assert!(settings.server.trusted_proxies.is_empty() && !settings.accounts.rehash);
    }

    #[test]
    fn short_and_long_names_override_the_file_and_an_empty_one_does_not() {
        let settings = read(&[
            ("BETTER_AUTH_SECRET", SECRET),
            ("PORT", "9000"),
            ("HOST", ""),
            ("AUTH_SIGN_UP", "off"),
            ("TASKBRIDGE__LOG__FORMAT", "json"),
            ("TASKBRIDGE__PASSWORDS__WRITE", "scrypt"),
            ("RATE_LIMIT", "off"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,fd00::/8"),
            ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "10"),
            ("BETTER_AUTH_URL", "https://App.example.test:443/some/path/"),
            ("AUTH_MODE", "server"),
            ("UNRELATED", "x"),
        ])
        .unwrap();
        assert_eq!((settings.server.host.to_string().as_str(), settings.server.port), ("127.0.0.1", 9000));
        assert!(!settings.accounts.allow_sign_up);
        assert_eq!(settings.log.format, LogFormat::Json);
        assert_eq!((settings.passwords.write, settings.passwords.bcrypt_cost), (HashAlgorithm::Scrypt, 10));
        assert!(!settings.rate_limit.is_on);
        let proxies = settings.server.trusted_proxies.iter().map(ToString::to_string);
        assert_eq!(proxies.collect::<Vec<_>>(), ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]);
        let AuthMode::Server(mode) = settings.auth.mode else { panic!() };
        assert_eq!(mode.origin, Origin::Given("https://app.example.test".into()));
    }

    fn bridge(variables: &[(&str, &str)]) -> BridgeMode {
        let variables = [&[("AUTH_MODE", "bridge")], variables].concat();
        let AuthMode::Bridge(mode) = read(&variables).unwrap().auth.mode else { panic!("it is no bridge") };
        mode
    }

    fn texts(urls: &[Url]) -> Vec<&str> {
        urls.iter().map(Url::as_str).collect()
    }

    /// N7, DESIGN 4: issuer, audience and the place of the keys follow from the URL.
    #[test]
    fn the_url_is_all_that_a_bridge_must_be_given() {
        let mode = bridge(&[("BETTER_AUTH_URL", "https://App.example.test/")]);
        assert_eq!(mode.origin, "https://app.example.test");
        assert_eq!(
            (mode.issuers.as_slice(), mode.audiences.as_slice()),
            ([mode.origin.clone()].as_slice(), mode.issuers.as_slice())
        );
        assert_eq!(texts(&mode.jwks_urls), ["https://app.example.test/api/auth/jwks"]);
        assert!(mode.secret.is_none() && !mode.require_issuer);
        assert_eq!(mode.jwks.refresh, Duration::from_mins(5));
        assert_eq!(mode.jwks.cool_down, Duration::from_secs(10));
        assert_eq!(mode.jwks.timeout, Duration::from_secs(5));
    }

    /// Better Auth takes a path in its URL for the place at which it is mounted.
    #[test]
    fn the_keys_are_where_better_auth_is_mounted() {
        for (url, keys) in [
            ("http://localhost:3000", "http://localhost:3000/api/auth/jwks"),
            ("http://localhost:3000//", "http://localhost:3000/api/auth/jwks"),
            ("https://app.example.test/api/auth", "https://app.example.test/api/auth/jwks"),
            ("https://app.example.test/base/auth/?x#y", "https://app.example.test/base/auth/jwks"),
        ] {
            assert_eq!(texts(&bridge(&[("BETTER_AUTH_URL", url)]).jwks_urls), [keys], "{url}");
        }
    }

    #[test]
    fn a_bridge_can_be_told_more() {
        let mode = bridge(&[
            ("BETTER_AUTH_URL", "http://web:3000"),
            ("BETTER_AUTH_SECRET", SECRET),
            ("JWKS_URL", "http://web:3000/jwks, https://old.example.test/jwks?key=1"),
            ("TASKBRIDGE__JWT__JWKS_HTTP_HOSTS", "other,web"),
            ("TASKBRIDGE__JWT__ISSUER", "https://a.test/, b"),
            ("TASKBRIDGE__JWT__AUDIENCE", "api"),
            ("TASKBRIDGE__JWT__REQUIRE_ISSUER", "on"),
        ]);
        assert_eq!(texts(&mode.jwks_urls), ["http://web:3000/jwks", "https://old.example.test/jwks?key=1"]);
        assert_eq!(mode.issuers, ["https://a.test/", "b"]);
        assert_eq!(mode.audiences, ["api"]);
        assert!(mode.secret.is_some() && mode.require_issuer);
    }

    /// Nobody is asked for keys there.
    #[test]
    fn a_server_of_its_own_may_be_anywhere() {
        for url in ["http://192.168.1.5:3000", "http://app.test", "https://app.test"] {
            let settings = read(&[("AUTH_MODE", "server"), ("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", SECRET)]);
            assert_eq!(settings.unwrap().auth.mode.origin(1), url);
        }
    }

    #[test]
    fn a_bridge_may_know_the_secret_alone() {
        let url = ("BETTER_AUTH_URL", "https://app.test");
        assert!(bridge(&[url, ("JWKS_URL", "off"), ("BETTER_AUTH_SECRET", SECRET)]).jwks_urls.is_empty());
        for jwks_url in ["off", "off,https://app.test/jwks"] {
            let faults = read(&[("AUTH_MODE", "bridge"), url, ("JWKS_URL", jwks_url)]).unwrap_err();
            assert_eq!(faults[0].key, "jwt.jwks_url", "{jwks_url}: {faults:?}");
        }
    }

    /// C054: whoever is on the way of plain http can sign for everybody.
    #[test]
    fn keys_come_over_https_or_from_this_computer() {
        let fault = |url: &str| match read(&[
            ("AUTH_MODE", "bridge"),
            ("BETTER_AUTH_URL", "https://app.test"),
            ("JWKS_URL", url),
        ]) {
            Ok(_) => None,
            Err(faults) => Some(faults[0].problem.clone()),
        };
        for safe in
            ["https://web/jwks", "http://localhost:1/", "http://a.localhost/", "http://127.9.9.9/", "http://[::1]:1/"]
        {
            assert_eq!(fault(safe), None, "{safe}");
        }
        for unsafe_url in [
            "http://web/jwks",
            "http://localhost.test/",
            "http://10.0.0.1/",
            "http://[::2]/",
            "https://a.test,http://b.test",
        ] {
            assert!(fault(unsafe_url).unwrap().contains("jwt.jwks_http_hosts"), "{unsafe_url}");
        }
        let own = read(&[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "http://web:3000")]).unwrap_err();
        assert_eq!(own[0].key, "auth.url");
        assert!(own[0].problem.contains("https"));
    }

    #[test]
    fn a_pooler_is_detected_and_can_be_declared() {
        for (url, setting, pooler) in [
            ("postgres://u@h/db", "auto", Pooler::Detect),
            ("postgres://u@h-pooler.example.test/db?sslmode=require&channel_binding=require", "auto", Pooler::Detect),
            ("postgres://u@h/db?pgbouncer=true", "", Pooler::Present),
            ("postgres://u@h/db?pgbouncer=true", "off", Pooler::Absent),
            ("postgres://u@h/db", "on", Pooler::Present),
        ] {
            let variables =
                [("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", url), ("TASKBRIDGE__DATABASE__POOLED", setting)];
            assert_eq!(read(&variables).unwrap().database.store.url.pooler(), pooler, "{url} {setting}");
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

    /// Each value that is wrong, with the key that the message names.
    const WRONG_VALUES: &[(&str, &str, &str)] = &[
        ("BETTER_AUTH_SECRET", "short-secret-value", "auth.secret"),
        ("BETTER_AUTH_SECRET", "better-auth-secret-12345678901234567890", "auth.secret"),
        ("BETTER_AUTH_SECRET", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", "auth.secret"),
        ("BETTER_AUTH_SECRET", "settings-secret-not-for-production-0123456789\n", "auth.secret"),
        ("DATABASE_URL", "mysql://root:hunter2@localhost/db", "database.url"),
        ("PORT", "65536", "server.port"),
        ("PORT", "-1", "server.port"),
        ("PORT", "http", "server.port"),
        ("HOST", "example.test", "server.host"),
        ("RUST_LOG", "taskbridge=loud", "log.filter"),
        ("AUTH_MODE", "proxy", "auth.mode"),
        ("JWKS_URL", "file:///etc/passwd", "jwt.jwks_url"),
        ("JWKS_URL", "/api/auth/jwks", "jwt.jwks_url"),
        ("JWKS_URL", "https://ann:hunter2@app.example.test/jwks", "jwt.jwks_url"),
        ("JWKS_URL", "https://app.example.test/jwks,ftp://app.example.test/jwks", "jwt.jwks_url"),
        ("JWKS_URL", "http://169.254.169.254/", "jwt.jwks_url"),
        ("TASKBRIDGE__JWT__JWKS_CA_FILE", "/nonexistent", "jwt.jwks_ca_file"),
        ("TASKBRIDGE__JWT__JWKS_REFRESH_SECONDS", "0", "jwt.jwks_refresh_seconds"),
        ("TASKBRIDGE__JWT__JWKS_COOLDOWN_SECONDS", "0", "jwt.jwks_cooldown_seconds"),
        ("TASKBRIDGE__JWT__JWKS_TIMEOUT_SECONDS", "61", "jwt.jwks_timeout_seconds"),
        ("TASKBRIDGE__JWT__REQUIRE_ISSUER", "maybe", "jwt.require_issuer"),
        // Only for a bridge.
        ("TASKBRIDGE__JWT__ISSUER", "https://app.example.test", "jwt.issuer"),
        ("TASKBRIDGE__JWT__AUDIENCE", "https://app.example.test", "jwt.audience"),
        ("BETTER_AUTH_URL", "https://app.example.test", "auth.mode"),
        ("AUTH_SIGN_UP", "maybe", "auth.sign_up"),
        ("BETTER_AUTH_TRUSTED_ORIGINS", "https://good.example.test, bad.example.test", "auth.trusted_origins"),
        ("TASKBRIDGE__SERVER__WORKERS", "many", "server.workers"),
        ("TASKBRIDGE__SERVER__WORKERS", "513", "server.workers"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "0", "server.request_seconds"),
        ("TASKBRIDGE__SERVER__KEEP_ALIVE_SECONDS", "601", "server.keep_alive_seconds"),
        ("TASKBRIDGE__SERVER__MAX_CONNECTIONS", "0", "server.max_connections"),
        ("TASKBRIDGE__SERVER__BODY_LIMIT", "1", "server.body_limit"),
        ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "1.5", "server.shutdown_seconds"),
        ("TASKBRIDGE__SERVER__DRAIN_SECONDS", "601", "server.drain_seconds"),
        ("TASKBRIDGE__METRICS__ADDRESS", "localhost:9465", "metrics.address"),
        ("TASKBRIDGE__LOG__FORMAT", "xml", "log.format"),
        ("TASKBRIDGE__DOCS__OPENAPI", "maybe", "docs.openapi"),
        ("TASKBRIDGE__DOCS__PAGE", "maybe", "docs.page"),
        ("DATABASE_URL", "postgres://ann:hunter2@:x/", "database.url"),
        ("TASKBRIDGE__DATABASE__POOLED", "maybe", "database.pooled"),
        ("TASKBRIDGE__DATABASE__MIGRATE", "later", "database.migrate"),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "1001", "database.max_connections"),
        ("TASKBRIDGE__DATABASE__CONNECT_SECONDS", "0", "database.connect_seconds"),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "0", "database.statement_seconds"),
        ("TASKBRIDGE__DATABASE__START_SECONDS", "601", "database.start_seconds"),
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "0", "database.acquire_seconds"),
        ("TASKBRIDGE__TASKS__PREFIX", "v2/rest", "tasks.prefix"),
        ("TASKBRIDGE__TASKS__PREFIX", "/api/{user}", "tasks.prefix"),
        ("TASKBRIDGE__TASKS__PREFIX", "/api/auth/v1", "tasks.prefix"),
        ("TASKBRIDGE__TASKS__WITHOUT_USER_ID", "yes", "tasks.without_user_id"),
        ("TASKBRIDGE__TASKS__LIST_ENVELOPE", "yes", "tasks.list_envelope"),
        ("TASKBRIDGE__TASKS__IS_COMPLETED", "yes", "tasks.is_completed"),
        ("TASKBRIDGE__TASKS__DELETE_MESSAGE", "yes", "tasks.delete_message"),
        ("TASKBRIDGE__JWT__LIFETIME_SECONDS", "0", "jwt.lifetime_seconds"),
        ("TASKBRIDGE__JWT__LEEWAY_SECONDS", "301", "jwt.leeway_seconds"),
        ("TASKBRIDGE__JWT__MAX_BYTES", "1023", "jwt.max_bytes"),
        ("TASKBRIDGE__JWT__MAX_BYTES", "65537", "jwt.max_bytes"),
        ("TASKBRIDGE__JWT__ACCEPT_HS256", "maybe", "jwt.accept_hs256"),
        ("TASKBRIDGE__AUTH__REQUIRE_EMAIL_VERIFICATION", "maybe", "auth.require_email_verification"),
        ("TASKBRIDGE__SESSION__ACCEPT_UNSIGNED_BEARER", "maybe", "session.accept_unsigned_bearer"),
        ("TASKBRIDGE__SESSION__LIFETIME_SECONDS", "34560001", "session.lifetime_seconds"),
        ("TASKBRIDGE__SESSION__UNREMEMBERED_LIFETIME_SECONDS", "0", "session.unremembered_lifetime_seconds"),
        ("TASKBRIDGE__SESSION__UPDATE_AGE_SECONDS", "a day", "session.update_age_seconds"),
        ("TASKBRIDGE__SESSION__FRESH_AGE_SECONDS", "-1", "session.fresh_age_seconds"),
        ("TASKBRIDGE__SESSION__PURGE_SECONDS", "86401", "session.purge_seconds"),
        ("TASKBRIDGE__SESSION__COOKIE_PREFIX", "my app", "session.cookie_prefix"),
        ("TASKBRIDGE__SESSION__COOKIE_DOMAIN", "https://example.test", "session.cookie_domain"),
        ("TASKBRIDGE__SESSION__COOKIE_DOMAIN", "other.test", "session.cookie_domain"),
        ("TASKBRIDGE__SESSION__COOKIE_DOMAIN", "mple.test", "session.cookie_domain"),
        ("RATE_LIMIT", "maybe", "rate_limit.enabled"),
        ("TASKBRIDGE__RATE_LIMIT__MAX", "0", "rate_limit.max"),
        ("TASKBRIDGE__RATE_LIMIT__WINDOW_SECONDS", "601", "rate_limit.window_seconds"),
        ("TASKBRIDGE__RATE_LIMIT__STORAGE", "redis", "rate_limit.storage"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "server.trusted_proxies"),
        ("TRUSTED_PROXIES", "proxy.example.test", "server.trusted_proxies"),
        ("TRUSTED_PROXIES", "10.0.0.1,0.0.0.0/0", "server.trusted_proxies"),
        ("TRUSTED_PROXIES", "::/0", "server.trusted_proxies"),
        ("TASKBRIDGE__SERVER__FORWARDED_HEADER", "x-real-ip", "server.forwarded_header"),
        ("TASKBRIDGE__PASSWORDS__WRITE", "argon2", "passwords.write"),
        ("TASKBRIDGE__PASSWORDS__REHASH", "maybe", "passwords.rehash"),
        ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "9", "passwords.bcrypt_cost"),
        ("TASKBRIDGE__PASSWORDS__THREADS", "65", "passwords.threads"),
        ("TASKBRIDGE__PASSWORDS__QUEUE", "0", "passwords.queue"),
        ("TASKBRIDGE__SERVER__PROT", "8000", "server.prot"),
        ("TASKBRIDGE__NOWHERE", "x", "nowhere"),
    ];

    #[test]
    fn every_wrong_value_is_named_with_its_source_and_not_shown() {
        for &(name, value, key) in WRONG_VALUES {
            let mut variables = vec![("BETTER_AUTH_SECRET", SECRET)];
            if key == "session.cookie_domain" {
                variables.extend([("AUTH_MODE", "server"), ("BETTER_AUTH_URL", "https://app.example.test")]);
            }
            if key.starts_with("jwt.jwks") {
                variables.extend([("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "https://app.example.test")]);
            }
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
    fn wrong_keys_of_tokens_are_named_and_not_shown() {
        let twice = "2:settings-secret-not-for-production-9876543210,2:older";
        for (name, value, key) in [
            ("BETTER_AUTH_SECRETS", "not-versions-but-a-secret-0123456789", "auth.secrets"),
            ("BETTER_AUTH_SECRETS", "2:short-secret-value", "auth.secrets"),
            ("BETTER_AUTH_SECRETS", twice, "auth.secrets"),
            ("TASKBRIDGE__AUTH__DELETE_USER", "maybe", "auth.delete_user"),
            ("JWT_ALGORITHM", "none", "jwt.algorithm"),
            ("JWT_ALGORITHM", "RS256", "jwt.algorithm"),
            ("TASKBRIDGE__JWT__KEY_GRACE_SECONDS", "34560001", "jwt.key_grace_seconds"),
        ] {
            let faults = read(&[("BETTER_AUTH_SECRET", SECRET), (name, value)]).unwrap_err();
            let [Fault { key: found, problem, .. }] = faults.as_slice() else { panic!("{name}: {faults:?}") };
            assert!(found == key && !problem.contains(value), "{key}: {problem}");
        }
    }

    #[test]
    fn the_first_of_several_secrets_is_in_use() {
        let list = "2:settings-secret-not-for-production-9876543210, 1:older";
        let server = [("BETTER_AUTH_SECRETS", list), ("BETTER_AUTH_SECRET", "before"), ("JWT_ALGORITHM", "ES256")];
        let AuthMode::Server(ServerMode { secrets, keys, .. }) = read(&server).unwrap().auth.mode else { panic!() };
        assert_eq!(secrets.current().expose(), b"settings-secret-not-for-production-9876543210");
        let found = [Some(1), None].map(|version| secrets.find(version).map(SharedSecret::expose));
        assert_eq!(found, [Some(&b"older"[..]), Some(&b"before"[..])]);
        let KeyTableConfig { algorithm, grace } = keys;
        assert_eq!((algorithm, grace), (Some(SigningAlgorithm::Es256), Duration::from_hours(30 * 24)));
        let bridge = bridge(&[("BETTER_AUTH_URL", "https://app.example.test"), ("BETTER_AUTH_SECRETS", list)]);
        assert_eq!(bridge.secret.unwrap().expose(), b"settings-secret-not-for-production-9876543210");
    }

    #[test]
    fn a_mode_needs_what_it_needs() {
        for (variables, key, problem) in [
            (
                &[("BETTER_AUTH_URL", "https://app.example.test"), ("BETTER_AUTH_SECRET", SECRET)][..],
                "auth.mode",
                "server (Taskbridge signs users in) or bridge (the app's Better Auth does)",
            ),
            (&[("AUTH_MODE", "bridge")], "auth.url", "BETTER_AUTH_URL"),
            (
                &[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "app.example.test")],
                "auth.url",
                "must be the http or https URL",
            ),
            (
                &[
                    ("AUTH_MODE", "bridge"),
                    ("BETTER_AUTH_URL", "https://app.example.test"),
                    ("BETTER_AUTH_SECRET", "short"),
                ],
                "auth.secret",
                "at least 32",
            ),
            (
                &[("BETTER_AUTH_SECRET", SECRET), ("JWKS_URL", "https://app.example.test/jwks")],
                "jwt.jwks_url",
                "AUTH_MODE=bridge",
            ),
            (
                &[
                    ("AUTH_MODE", "bridge"),
                    ("BETTER_AUTH_URL", "https://app.example.test"),
                    ("TASKBRIDGE__JWT__ACCEPT_HS256", "on"),
                ],
                "jwt.accept_hs256",
                "is for AUTH_MODE=server",
            ),
            (&[("AUTH_MODE", "server")], "auth.secret", "is missing; set BETTER_AUTH_SECRET"),
        ] {
            let faults = read(variables).unwrap_err();
            let [fault] = faults.as_slice() else { panic!("{faults:?}") };
            assert!(fault.key == key && fault.problem.contains(problem), "{fault:?}");
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
    fn a_broken_profile_is_an_error_that_does_not_show_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        std::fs::write(folder.path().join("config/staging.toml"), "[auth]\nsecret = hunter2\n").unwrap();
        let environment = Environment::from([("TASKBRIDGE_PROFILE".into(), "staging".into())]);
        let error = Settings::read(folder.path(), environment).unwrap_err().to_string();
        assert!(error.contains("staging.toml") && error.contains("line 2"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_broken_dot_env_is_an_error_that_does_not_show_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), "hunter2 hunter2\n").unwrap();
        let error = Settings::read(folder.path(), Environment::new()).unwrap_err().to_string();
        assert!(error.contains(".env") && !error.contains("hunter2"), "{error}");
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
            (
                "https://*.example.test,preview-?.example.test,myapp://",
                &["https://*.example.test", "preview-?.example.test", "myapp://"],
            ),
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
            "https://app.example.test#fragment",
            "https://user@app.example.test",
            "https://app.example.test\\@evil.example.test",
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
}
