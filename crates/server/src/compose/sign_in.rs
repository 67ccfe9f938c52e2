//! Builds the auth server, which exists only in server mode.

use std::sync::Arc;

use anyhow::Context;
use taskbridge_adapters::database::{SeaIdentityRepo, SeaRateLimiter, SeaSessionRepo, Store};
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{JwtIssuer, JwtIssuerConfig, StoredKeys};
use taskbridge_adapters::passwords::{HashingLoad, ThreadedPasswordHasher, ThreadedPasswordHasherConfig};
use taskbridge_adapters::rate_limiter::InMemoryRateLimiter;
use taskbridge_domain::ports::{Clock, RateLimiter};
use taskbridge_domain::rate_limit::{RateLimit, WindowStart};
use taskbridge_domain::services::{
    AccountContext, AccountPolicy, ProfileService, SessionService, SignInService, SignUpService,
};
use taskbridge_domain::sessions::SessionPolicy;
use taskbridge_web::{AuthServer, CookieConfig, RateLimits, SessionCookies};

use crate::cleanup::Cleanup;
use crate::settings::{PasswordSettings, RateLimitStorage, ServerMode, SessionSettings, Settings};

/// Returns the auth server, the load of its password hasher for the metrics, and the periodic deletion of expired rows
/// (`None` if this deletion is off).
pub(super) fn sign_in(
    settings: &Settings,
    mode: &ServerMode,
    origin: &str,
    store: &Store,
    clock: &Arc<dyn Clock>,
    keys: Arc<StoredKeys>,
) -> anyhow::Result<(AuthServer, Arc<HashingLoad>, Option<Cleanup>)> {
    let Settings { auth, jwt, session, rate_limit, passwords, .. } = settings;
    let policy = SessionPolicy {
        lifetime: session.lifetime_seconds.get(),
        unremembered_lifetime: session.unremembered_lifetime_seconds.get(),
        update_age: session.update_age_seconds.get(),
        fresh_age: session.fresh_age_seconds.get(),
    };
    let hasher = Arc::new(hasher(passwords)?);
    let hashing = hasher.load();
    // Requests and wrong passwords are counted by separate limiters. A full limiter evicts its oldest counters, so if
    // there were only one limiter, an attacker could send many cheap requests to evict the counts of wrong passwords.
    let limiter = || rate_limit.enabled.is_on().then(|| limiter(rate_limit.storage, store));
    let (requests, guesses) = (limiter(), limiter());
    let limit = RateLimit {
        window: rate_limit.window_seconds.get(),
        begins: WindowStart::LastRequest,
        max: rate_limit.max.get(),
    };
    let limits = requests.clone().map(|limiter| Arc::new(RateLimits::new(limiter, Arc::clone(clock), limit)));
    let tokens =
        JwtIssuerConfig { issuer: origin.into(), audience: origin.into(), lifetime: jwt.lifetime_seconds.get() };
    let issuer = Arc::new(JwtIssuer::new(keys, tokens, Arc::clone(clock)));
    let session_repo = Arc::new(SeaSessionRepo(store.clone()));
    let sessions = Arc::new(SessionService::new(Arc::clone(&session_repo) as _, issuer, Arc::clone(clock), policy));
    let context = AccountContext {
        identity: Arc::new(SeaIdentityRepo(store.clone())),
        sessions: session_repo,
        hasher,
        limiter: guesses.clone(),
        ids: Arc::new(SecureIds),
        clock: Arc::clone(clock),
        policy: AccountPolicy {
            allow_sign_up: auth.sign_up.is_on(),
            allow_deletion: auth.delete_user.is_on(),
            require_email_verification: auth.require_email_verification.is_on(),
            rehash: passwords.rehash.is_on(),
            sessions: policy,
        },
    };
    let interval = session.purge_seconds.get();
    let cleanup = (!interval.is_zero()).then(|| Cleanup {
        interval,
        sessions: Arc::clone(&sessions),
        limiters: requests.into_iter().chain(guesses).collect(),
        clock: Arc::clone(clock),
    });
    let server = AuthServer {
        sign_up: Arc::new(SignUpService::new(context.clone())),
        sign_in: Arc::new(SignInService::new(context.clone())),
        profile: Arc::new(ProfileService::new(context)),
        sessions,
        cookies: Arc::new(SessionCookies::new(mode.secrets.current().clone(), cookie_config(session, origin))),
        limits,
    };
    Ok((server, hashing, cleanup))
}

/// Returns the names and attributes of the session cookies of an auth server with this origin.
pub(crate) fn cookie_config(settings: &SessionSettings, origin: &str) -> CookieConfig {
    CookieConfig {
        prefix: settings.cookie_prefix.clone(),
        domain: settings.cookie_domain.clone(),
        secure: settings.secure_cookies.or(origin.starts_with("https://")),
        max_age: settings.lifetime_seconds.get(),
        accept_unsigned_bearer: settings.accept_unsigned_bearer.is_on(),
    }
}

/// Creates the password hasher and starts its threads.
pub(crate) fn hasher(settings: &PasswordSettings) -> anyhow::Result<ThreadedPasswordHasher> {
    let config = ThreadedPasswordHasherConfig {
        write: settings.write,
        bcrypt_cost: settings.bcrypt_cost.get(),
        threads: settings.threads.get(),
        queue: settings.queue.get(),
        queue_per_network: settings.queue_per_network.get(),
    };
    ThreadedPasswordHasher::new(config).context("cannot start the threads that hash passwords")
}

fn limiter(storage: RateLimitStorage, store: &Store) -> Arc<dyn RateLimiter> {
    match storage {
        RateLimitStorage::Memory => Arc::new(InMemoryRateLimiter::default()),
        RateLimitStorage::Database => Arc::new(SeaRateLimiter(store.clone())),
    }
}
