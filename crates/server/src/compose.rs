//! Settings in, services out. The one place that names adapters.

use std::sync::Arc;

use anyhow::Context;
use taskbridge_adapters::bcrypt::BcryptHasher;
use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{ExpectedClaims, JwtIssuer, JwtIssuerConfig, JwtVerifier, SecretKey, TrustedIssuer};
use taskbridge_adapters::sea::{SeaIdentityRepo, SeaTaskRepo, Store};
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::Clock;
use taskbridge_domain::services::{AccountService, TaskService};
use taskbridge_web::{AllowedOrigins, BodyLimit, RequestTimeout, Services, SessionCookies};

use crate::schema;
use crate::settings::{AuthSettings, DatabaseSettings, Settings};

/// The services, and the store below them, to be closed in the end.
pub(crate) struct Composition {
    pub(crate) services: Services,
    pub(crate) store: Store,
}

/// Opens the store and sees to its schema.
async fn open_store(settings: &DatabaseSettings) -> anyhow::Result<Store> {
    let DatabaseSettings { store, migrate } = settings;
    let store = Store::open(store).await?;
    if *migrate {
        schema::up(&store).await?;
    } else {
        schema::require_current(&store).await?;
    }
    Ok(store)
}

/// Opens the store, sees to its schema, and builds everything on it. `origin` is that of the auth server.
pub(crate) async fn compose(settings: &Settings, origin: &str) -> anyhow::Result<Composition> {
    let Settings { server, log: _, database, auth, accounts, passwords } = settings;
    let AuthSettings { origin: _, trusted_origins, secret, jwt_lifetime, jwt_leeway } = auth;
    let store = open_store(database).await?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let trusted = TrustedIssuer {
        keys: Arc::new(SecretKey::new(secret)),
        expected: ExpectedClaims { issuer: origin.into(), audience: origin.into(), leeway: *jwt_leeway },
    };
    let issued = JwtIssuerConfig { issuer: origin.into(), audience: origin.into(), lifetime: *jwt_lifetime };
    let hasher = BcryptHasher::new(*passwords).context("cannot start the threads that hash passwords")?;
    let cookies = SessionCookies::new(secret.clone(), origin.starts_with("https://"), accounts.session_lifetime);

    let services = Services {
        authenticator: Arc::new(Authenticator::new(Arc::new(JwtVerifier::new(vec![trusted], Arc::clone(&clock))))),
        tasks: Arc::new(TaskService::new(Arc::new(SeaTaskRepo::new(store.clone())), Arc::clone(&clock))),
        accounts: Arc::new(AccountService::new(
            Arc::new(SeaIdentityRepo::new(store.clone())),
            Arc::new(hasher),
            Arc::new(JwtIssuer::new(secret, issued, Arc::clone(&clock))),
            Arc::new(SecureIds),
            clock,
            *accounts,
        )),
        cookies: Arc::new(cookies),
        store: Arc::new(store.clone()),
        body_limit: BodyLimit(server.body_limit),
        request_timeout: RequestTimeout(server.request_timeout),
        allowed_origins: AllowedOrigins(trusted_origins.iter().cloned().chain([origin.to_owned()]).collect()),
    };
    Ok(Composition { services, store })
}
