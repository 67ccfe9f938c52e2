//! Settings in, services out. The one place that names adapters.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;
use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::database::{SeaIdentityRepo, SeaKeyRepo, SeaRateLimiter, SeaSessionRepo, SeaTaskRepo, Store};
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{
    ExpectedClaims, FetchJwks, JwksClient, JwtIssuer, JwtIssuerConfig, JwtVerifier, KeySource, KeyTable,
    KeyTableConfig, RemoteJwks, SharedSecretKey, StoredKeys, TokenSigner, TrustedIssuer,
};
use taskbridge_adapters::passwords::HashingLoad;
use taskbridge_adapters::passwords::{ThreadedPasswordHasher, ThreadedPasswordHasherConfig};
use taskbridge_adapters::rate_limiter::InMemoryRateLimiter;
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::{Clock, RateLimiter};
use taskbridge_domain::services::{
    AccountContext, ProfileService, SessionService, SignInService, SignUpService, TaskService,
};
use taskbridge_migrations::Users;
use taskbridge_web::{
    AuthServer, BodyLimit, CookieConfig, Docs, HttpMetrics, RateLimits, RequestTimeout, Services, SessionCookies,
    Stopping, TrustedOrigins, TrustedProxies,
};

use crate::settings::{AuthMode, AuthSettings, BridgeMode, DatabaseSettings, RateLimitStorage, ServerMode, Settings};
use crate::upkeep::Upkeep;
use crate::{metrics, schema};

/// The services, the store below them, to be closed in the end, and what is measured of all.
pub(crate) struct Composition {
    pub(crate) services: Services,
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    /// What is to be done beside the requests.
    pub(crate) upkeep: Option<Upkeep>,
}

/// Opens the store and sees to its schema.
async fn open_store(settings: &DatabaseSettings, users: Users) -> anyhow::Result<Store> {
    let DatabaseSettings { store, migrate } = settings;
    let store = Store::open(store).await?;
    let schema_ready =
        if *migrate { schema::up(&store, users).await.map(drop) } else { schema::require_current(&store, users).await };
    if schema_ready.is_err() {
        // SQLite would leave `-wal` and `-shm` behind.
        store.close().await;
    }
    schema_ready.map(|()| store)
}

/// Opens the store, sees to its schema, and builds everything on it. `origin` is that of the auth server.
pub(crate) async fn compose(settings: &Settings, origin: &str) -> anyhow::Result<Composition> {
    let Settings { server, docs, database, tasks, auth, .. } = settings;
    let store = open_store(database, auth.mode.users()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ring = key_ring(&auth.mode, &store);
    let signing_in = match &auth.mode {
        AuthMode::Server(mode) => {
            warn_of_ignored_columns(store.clone());
            let ring = ring.clone().context("there are no keys")?;
            Some(sign_in(settings, mode, origin, &store, &clock, ring)?)
        }
        AuthMode::Bridge(_) => None,
    };
    let (auth_server, hashing, upkeep) = match signing_in {
        Some(SigningIn { server, hashing, upkeep }) => (Some(server), Some(hashing), upkeep),
        None => (None, None, None),
    };
    let task_repo = SeaTaskRepo::new(store.clone());
    let has_users = store.has_better_auth_users().await.context("cannot read the columns of the table user")?;
    let task_repo = if has_users { task_repo.requiring_known_owners() } else { task_repo };
    let http_metrics = Arc::new(HttpMetrics::default());
    let registry = metrics::registry(clock.now(), &http_metrics, hashing, store.clone());
    let docs = Docs::new(*docs, auth_server.as_ref(), &tasks.mount, tasks.compatibility)
        .context("the OpenAPI document cannot be written")?;
    let services = Services {
        authenticator: Arc::new(Authenticator::new(Arc::new(verifier(auth, origin, ring.map(|ring| ring as _))))),
        tasks: Arc::new(TaskService::new(Arc::new(task_repo), clock)),
        auth: auth_server,
        store: Arc::new(store.clone()),
        body_limit: BodyLimit(server.body_limit),
        request_timeout: RequestTimeout(server.request_timeout),
        trusted_origins: Arc::new(trusted_origins(auth, origin)?),
        trusted_proxies: Arc::new(TrustedProxies::new(server.trusted_proxies.clone(), server.forwarded_header)),
        tasks_mount: tasks.mount.clone(),
        compatibility: tasks.compatibility,
        docs,
        stopping: Stopping::default(),
        metrics: http_metrics,
    };
    Ok(Composition { services, store, registry, upkeep })
}

/// Logs the columns that seem to restrict users and are not enforced. The server does not wait for the count.
fn warn_of_ignored_columns(store: Store) {
    tokio::spawn(async move {
        match store.ignored_columns().await {
            Ok(ignored) if ignored.is_empty() => {}
            Ok(ignored) => {
                let columns: Vec<_> = ignored.iter().map(ToString::to_string).collect();
                tracing::warn!(
                    columns = columns.join(", "),
                    "columns of the table user seem to restrict users; Taskbridge does not enforce them"
                );
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for restricted users"),
        }
    });
}

/// The origin of the auth server, and those that the operators trust beside it.
fn trusted_origins(auth: &AuthSettings, origin: &str) -> anyhow::Result<TrustedOrigins> {
    let mut trusted = TrustedOrigins::default();
    for origin in auth.trusted_origins.iter().map(String::as_str).chain([origin]) {
        trusted.add(origin).with_context(|| format!("{origin:?} cannot be trusted"))?;
    }
    Ok(trusted)
}

/// The keys in Better Auth's table, where users sign in here: all of them verify, and what tokens are signed by, or nothing
/// if that is the secret, signs.
pub(crate) fn key_ring(mode: &AuthMode, store: &Store) -> Option<Arc<StoredKeys>> {
    let AuthMode::Server(ServerMode { secrets, keys, .. }) = mode else { return None };
    let repo = Arc::new(SeaKeyRepo::new(store.clone()));
    Some(Arc::new(StoredKeys::new(KeyTable::new(
        repo,
        Arc::new(SecureIds),
        Arc::new(SystemClock),
        secrets.clone(),
        *keys,
    ))))
}

/// What judges tokens. `origin` is that of the auth server, `table` its keys beside the secret.
///
/// Must be called within a tokio runtime, on which published keys are fetched.
pub(crate) fn verifier(auth: &AuthSettings, origin: &str, table: Option<Arc<dyn KeySource>>) -> JwtVerifier {
    let AuthSettings { mode, trusted_origins: _, jwt_leeway, jwt_max_bytes } = auth;
    let trusted = match mode {
        AuthMode::Server(ServerMode { secrets, keys: KeyTableConfig { algorithm, .. }, accept_hs256, .. }) => {
            let expected = ExpectedClaims {
                issuers: vec![origin.into()],
                audiences: vec![origin.into()],
                require_issuer: true,
                leeway: *jwt_leeway,
            };
            // Where key pairs sign, tokens of the secret are accepted only if the operator says so.
            let secret = (algorithm.is_none() || *accept_hs256).then(|| TrustedIssuer {
                keys: Arc::new(SharedSecretKey::new(secrets.current())),
                expected: expected.clone(),
            });
            let pairs = table.map(|keys| TrustedIssuer { keys, expected });
            secret.into_iter().chain(pairs).collect()
        }
        AuthMode::Bridge(mode) => bridged(mode, *jwt_leeway),
    };
    JwtVerifier::new(trusted, Arc::new(SystemClock)).with_max_bytes(*jwt_max_bytes)
}

/// Whoever signs for the app's Better Auth: with the keys it publishes, and with the secret if there is one.
fn bridged(mode: &BridgeMode, leeway: Duration) -> Vec<TrustedIssuer> {
    let BridgeMode { issuers, audiences, .. } = mode;
    let expected = |require_issuer| ExpectedClaims {
        issuers: issuers.clone(),
        audiences: audiences.clone(),
        require_issuer,
        leeway,
    };
    let addresses: Vec<_> = key_addresses(mode).map(|address| -> Box<dyn FetchJwks> { Box::new(address) }).collect();
    let published = (!addresses.is_empty())
        .then(|| TrustedIssuer { keys: Arc::new(RemoteJwks::start(addresses, mode.jwks)), expected: expected(true) });
    let secret = mode.secret.as_ref().map(|secret| TrustedIssuer {
        keys: Arc::new(SharedSecretKey::new(secret)),
        expected: expected(mode.require_issuer),
    });
    secret.into_iter().chain(published).collect()
}

/// Where the keys of the app's Better Auth are.
pub(crate) fn key_addresses(mode: &BridgeMode) -> impl Iterator<Item = JwksClient> {
    mode.jwks_urls.iter().map(|url| JwksClient::new(url.clone(), mode.jwks.timeout, &mode.jwks_authorities))
}

/// What hashes passwords.
pub(crate) fn hasher(config: ThreadedPasswordHasherConfig) -> anyhow::Result<ThreadedPasswordHasher> {
    ThreadedPasswordHasher::new(config).context("cannot start the threads that hash passwords")
}

/// What signs users in here.
struct SigningIn {
    server: AuthServer,
    hashing: Arc<HashingLoad>,
    upkeep: Option<Upkeep>,
}

fn sign_in(
    settings: &Settings,
    mode: &ServerMode,
    origin: &str,
    store: &Store,
    clock: &Arc<dyn Clock>,
    ring: Arc<StoredKeys>,
) -> anyhow::Result<SigningIn> {
    let Settings { accounts, purge, rate_limit, passwords, .. } = settings;
    let ServerMode {
        origin: _,
        secrets,
        jwt_lifetime,
        keys: KeyTableConfig { algorithm, .. },
        accept_hs256: _,
        cookies,
    } = mode;
    let tokens = JwtIssuerConfig { issuer: origin.into(), audience: origin.into(), lifetime: *jwt_lifetime };
    let hasher = Arc::new(hasher(*passwords)?);
    let hashing = hasher.load();
    let cookies = CookieConfig {
        prefix: cookies.prefix.clone(),
        domain: cookies.domain.clone(),
        secure: origin.starts_with("https://"),
        max_age: accounts.sessions.lifetime,
        accept_unsigned_bearer: cookies.accept_unsigned_bearer,
    };
    // Not one for both: addresses, which cost nothing, must not push out what guesses have cost.
    let limiter = || rate_limit.is_on.then(|| limiter(rate_limit.storage, store));
    let (requests, guesses) = (limiter(), limiter());
    let limits =
        requests.clone().map(|limiter| Arc::new(RateLimits::new(limiter, Arc::clone(clock), rate_limit.limit)));
    let session_repo = Arc::new(SeaSessionRepo::new(store.clone()));
    let signing = match algorithm {
        Some(_) => TokenSigner::KeyPair(ring),
        None => TokenSigner::SharedSecret { secret: secrets.current().clone(), published: Some(ring) },
    };
    let issuer = Arc::new(JwtIssuer::new(signing, tokens, Arc::clone(clock)));
    let sessions = SessionService::new(Arc::clone(&session_repo) as _, issuer, Arc::clone(clock), accounts.sessions);
    let sessions = Arc::new(sessions);
    let context = AccountContext {
        identity: Arc::new(SeaIdentityRepo::new(store.clone())),
        sessions: session_repo,
        hasher,
        limiter: guesses.clone(),
        ids: Arc::new(SecureIds),
        clock: Arc::clone(clock),
        policy: *accounts,
    };
    let upkeep = (!purge.is_zero()).then(|| Upkeep {
        every: *purge,
        sessions: Arc::clone(&sessions),
        limiters: requests.into_iter().chain(guesses).collect(),
        clock: Arc::clone(clock),
    });
    let server = AuthServer {
        sign_up: Arc::new(SignUpService::new(context.clone())),
        sign_in: Arc::new(SignInService::new(context.clone())),
        profile: Arc::new(ProfileService::new(context)),
        sessions,
        cookies: Arc::new(SessionCookies::new(secrets.current().clone(), cookies)),
        limits,
    };
    Ok(SigningIn { server, hashing, upkeep })
}

fn limiter(storage: RateLimitStorage, store: &Store) -> Arc<dyn RateLimiter> {
    match storage {
        RateLimitStorage::Memory => Arc::new(InMemoryRateLimiter::default()),
        RateLimitStorage::Database => Arc::new(SeaRateLimiter::new(store.clone())),
    }
}
