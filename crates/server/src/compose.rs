//! Settings in, services out. The one place that names adapters.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;
use taskbridge_adapters::HashingLoad;
use taskbridge_adapters::bcrypt::{BcryptConfig, BcryptHasher};
use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{
    ExpectedClaims, FetchKeys, HttpKeys, JwtIssuer, JwtIssuerConfig, JwtVerifier, PublishedKeys, SecretKey,
    TrustedIssuer,
};
use taskbridge_adapters::sea::{SeaIdentityRepo, SeaTaskRepo, Store};
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::Clock;
use taskbridge_domain::services::{AccountService, TaskService};
use taskbridge_migrations::Users;
use taskbridge_web::{
    AllowedOrigins, AuthServer, BodyLimit, Docs, HttpMetrics, RequestTimeout, Services, SessionCookies, Stopping,
};

use crate::settings::{AuthMode, AuthSettings, BridgeMode, DatabaseSettings, ServerMode, Settings};
use crate::{metrics, schema};

/// The services, the store below them, to be closed in the end, and what is measured of all.
pub(crate) struct Composition {
    pub(crate) services: Services,
    pub(crate) store: Store,
    pub(crate) registry: Registry,
}

/// Opens the store and sees to its schema.
async fn open_store(settings: &DatabaseSettings, users: Users) -> anyhow::Result<Store> {
    let DatabaseSettings { store, migrate } = settings;
    let store = Store::open(store).await?;
    if *migrate {
        schema::up(&store, users).await?;
    } else {
        schema::require_current(&store, users).await?;
    }
    Ok(store)
}

/// Opens the store, sees to its schema, and builds everything on it. `origin` is that of the auth server.
pub(crate) async fn compose(settings: &Settings, origin: &str) -> anyhow::Result<Composition> {
    let Settings { server, log: _, docs, database, tasks, auth, accounts: _, passwords: _ } = settings;
    let store = open_store(database, auth.mode.users()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let signing_in = match &auth.mode {
        AuthMode::Server(mode) => Some(sign_in(settings, mode, origin, &store, &clock)?),
        AuthMode::Bridge(_) => None,
    };
    let (auth_server, hashing) = signing_in.unzip();
    let http_metrics = Arc::new(HttpMetrics::default());
    let registry = metrics::registry(clock.now(), &http_metrics, hashing, store.clone());
    let cookies = auth_server.as_ref().map(|auth: &AuthServer| &*auth.cookies);
    let docs = Docs::new(*docs, cookies, &tasks.mount, tasks.compatibility)
        .context("the OpenAPI document cannot be written")?;
    let services = Services {
        authenticator: Arc::new(Authenticator::new(Arc::new(verifier(auth, origin)))),
        tasks: Arc::new(TaskService::new(Arc::new(SeaTaskRepo::new(store.clone())), clock)),
        auth: auth_server,
        store: Arc::new(store.clone()),
        body_limit: BodyLimit(server.body_limit),
        request_timeout: RequestTimeout(server.request_timeout),
        allowed_origins: AllowedOrigins(auth.trusted_origins.iter().cloned().chain([origin.to_owned()]).collect()),
        tasks_mount: tasks.mount.clone(),
        compatibility: tasks.compatibility,
        docs,
        stopping: Stopping::default(),
        metrics: http_metrics,
    };
    Ok(Composition { services, store, registry })
}

/// What judges tokens. `origin` is that of the auth server.
///
/// Must be called within a tokio runtime, on which published keys are fetched.
pub(crate) fn verifier(auth: &AuthSettings, origin: &str) -> JwtVerifier {
    let AuthSettings { mode, trusted_origins: _, jwt_leeway } = auth;
    let trusted = match mode {
        AuthMode::Server(ServerMode { secret, .. }) => {
            let expected = ExpectedClaims {
                issuers: vec![origin.into()],
                audiences: vec![origin.into()],
                are_required: true,
                leeway: *jwt_leeway,
            };
            vec![TrustedIssuer { keys: Arc::new(SecretKey::new(secret)), expected }]
        }
        AuthMode::Bridge(mode) => bridged(mode, *jwt_leeway),
    };
    JwtVerifier::new(trusted, Arc::new(SystemClock))
}

/// Whoever signs for the app's Better Auth: with the keys it publishes, and with the secret if there is one.
fn bridged(mode: &BridgeMode, leeway: Duration) -> Vec<TrustedIssuer> {
    let BridgeMode { issuers, audiences, .. } = mode;
    let expected =
        |are_required| ExpectedClaims { issuers: issuers.clone(), audiences: audiences.clone(), are_required, leeway };
    let addresses: Vec<_> = key_addresses(mode).map(|address| -> Box<dyn FetchKeys> { Box::new(address) }).collect();
    let published = (!addresses.is_empty()).then(|| TrustedIssuer {
        keys: Arc::new(PublishedKeys::start(addresses, mode.jwks)),
        expected: expected(true),
    });
    let secret = mode.secret.as_ref().map(|secret| TrustedIssuer {
        keys: Arc::new(SecretKey::new(secret)),
        expected: expected(mode.require_issuer),
    });
    secret.into_iter().chain(published).collect()
}

/// Where the keys of the app's Better Auth are.
pub(crate) fn key_addresses(mode: &BridgeMode) -> impl Iterator<Item = HttpKeys> {
    mode.jwks_urls.iter().map(|url| HttpKeys::new(url.clone(), mode.jwks.timeout, &mode.jwks_authorities))
}

/// What hashes passwords.
pub(crate) fn hasher(config: BcryptConfig) -> anyhow::Result<BcryptHasher> {
    BcryptHasher::new(config).context("cannot start the threads that hash passwords")
}

/// What signs users in here, and how much it has to hash.
fn sign_in(
    settings: &Settings,
    mode: &ServerMode,
    origin: &str,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(AuthServer, Arc<HashingLoad>)> {
    let Settings { accounts, passwords, .. } = settings;
    let ServerMode { origin: _, secret, jwt_lifetime } = mode;
    let issued = JwtIssuerConfig { issuer: origin.into(), audience: origin.into(), lifetime: *jwt_lifetime };
    let hasher = hasher(*passwords)?;
    let load = hasher.load();
    let cookies = SessionCookies::new(secret.clone(), origin.starts_with("https://"), accounts.session_lifetime);
    let accounts = AccountService::new(
        Arc::new(SeaIdentityRepo::new(store.clone())),
        Arc::new(hasher),
        Arc::new(JwtIssuer::new(secret, issued, Arc::clone(clock))),
        Arc::new(SecureIds),
        Arc::clone(clock),
        *accounts,
    );
    Ok((AuthServer { accounts: Arc::new(accounts), cookies: Arc::new(cookies) }, load))
}
