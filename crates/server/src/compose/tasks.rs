//! Builds the repository of tasks, with the limits for each user.

use std::sync::Arc;

use anyhow::Context;
use taskbridge_adapters::database::{SeaTaskRepo, Store};
use taskbridge_adapters::task_concurrency::{ConcurrencyLimitedTaskRepo, TaskConcurrency, TaskLoad};
use taskbridge_domain::ports::TaskRepo;

use crate::settings::Settings;

/// Returns the repository of tasks, with the limits for each user, and its load.
pub(super) async fn task_repo(
    settings: &Settings,
    store: &Store,
) -> anyhow::Result<(Arc<dyn TaskRepo>, Arc<TaskLoad>)> {
    let Settings { tasks, database, .. } = settings;
    let has_users = store.has_better_auth_users().await.context("cannot read the columns of the table user")?;
    let repo = SeaTaskRepo::new(store.without_reserve()).with_max_per_owner(tasks.max_per_user.get());
    let repo = if has_users { repo.requiring_known_owners() } else { repo };
    let limits = TaskConcurrency {
        max_per_owner: tasks.concurrent_per_user().unwrap_or(usize::MAX),
        max_searches: tasks.concurrent_searches(database),
        wait: database.acquire_seconds.get(),
    };
    let repo = ConcurrencyLimitedTaskRepo::new(repo, limits);
    let load = repo.load();
    Ok((Arc::new(repo), load))
}
