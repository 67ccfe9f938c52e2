//! Builds the repositories of tasks and further resources, and the limits for each user.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use taskbridge_adapters::concurrency::{ConcurrencyLimitedRepo, SerialRateLimiter, StatementLimits, StatementPermits};
use taskbridge_adapters::database::{SeaRateLimiter, SeaTaskRepo, Store};
use taskbridge_adapters::rate_limiter::InMemoryRateLimiter;
use taskbridge_domain::ports::{Clock, RateLimiter, TaskRepo};
use taskbridge_domain::rate_limit::{RateLimit, WindowStart};
use taskbridge_web::UserRateLimit;

use super::store::store_config;
use crate::resources::Repositories;
use crate::settings::{RateLimitStorage, Settings};

const NO_TABLE: &str = "tasks.requests_per_minute with rate_limit.storage = \"database\" requires Better Auth's table \
    rateLimit, with a unique key, in the database of the tasks; create it, or set rate_limit.storage = \"memory\"";

/// Returns the repository of tasks, and those of further resources, with common limits for each user.
pub(super) async fn repositories(
    settings: &Settings,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Arc<dyn TaskRepo>, Repositories)> {
    let Settings { tasks, database, .. } = settings;
    let has_users = store.has_better_auth_users().await.context("cannot read the columns of the table user")?;
    let store = store.without_reserve();
    let repo = SeaTaskRepo::new(store.clone()).with_max_per_owner(tasks.max_per_user.get());
    let repo = if has_users { repo.requiring_known_owners() } else { repo };
    let permits = StatementPermits::new(StatementLimits {
        max_per_owner: tasks.concurrent_per_user().unwrap_or(usize::MAX),
        max_searches: tasks.concurrent_searches(&store_config(database)),
        wait: database.acquire_seconds.get(),
    });
    let repo = ConcurrencyLimitedRepo::new(repo, permits.clone());
    Ok((Arc::new(repo), Repositories { store, permits, has_users, clock: Arc::clone(clock) }))
}

/// Returns the rate limit of the requests of each user for tasks, and the limiter in which it counts them. `None` if
/// there is no limit.
///
/// # Errors
/// Returns an error if the counters are in the database and cannot be written. In bridge mode, no migration creates
/// their table.
pub(super) async fn user_rate_limit(
    settings: &Settings,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<(Arc<UserRateLimit>, Arc<dyn RateLimiter>)>> {
    let Settings { tasks, rate_limit, database, .. } = settings;
    let Some(per_minute) = NonZeroU32::new(tasks.requests_per_minute.get()) else { return Ok(None) };
    let limiter: Arc<dyn RateLimiter> = match rate_limit.storage {
        RateLimitStorage::Memory => Arc::new(InMemoryRateLimiter::default()),
        RateLimitStorage::Database => {
            let limiter = SeaRateLimiter(store.without_reserve());
            // No user has an empty id, so this counts no request of a user.
            let limit = RateLimit { window: Duration::from_mins(1), begins: WindowStart::FirstRequest, max: 1 };
            limiter.hit("tasks|", limit, clock.now()).await.context(NO_TABLE)?;
            Arc::new(SerialRateLimiter::new(limiter, database.acquire_seconds.get()))
        }
    };
    let limit = UserRateLimit::new(Arc::clone(&limiter), Arc::clone(clock), per_minute);
    Ok(Some((Arc::new(limit), limiter)))
}
