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
use taskbridge_migrations::Migrator;
use taskbridge_migrations::sea_orm_migration::MigratorTrait;
use taskbridge_web::{BodyLimit, Services, SessionCookies};

use crate::settings::{AuthSettings, Settings};

/// The services, and the store below them, to be closed in the end.
pub(crate) struct Composition {
    pub(crate) services: Services,
    pub(crate) store: Store,
}

/// Opens the store, brings its schema up to date, and builds everything on it. `origin` is that of the auth server.
pub(crate) async fn compose(settings: &Settings, origin: &str) -> anyhow::Result<Composition> {
    let Settings { server, log: _, database, auth, accounts, passwords } = settings;
    let AuthSettings { origin: _, secret, jwt_lifetime, jwt_leeway } = auth;
    let store = Store::open(database).await?;
    Migrator::up(store.connection(), None).await.context("cannot bring the schema of the database up to date")?;

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
    };
    Ok(Composition { services, store })
}
