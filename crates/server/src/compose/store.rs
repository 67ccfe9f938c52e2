//! Opens the database, and applies or checks the migrations.

use std::time::Duration;

use anyhow::{Context, bail};
use taskbridge_adapters::database::{OpenError, Store, StoreConfig};
use taskbridge_migrations::{Migrations, Users};
use taskbridge_schema::Plan;
use tokio::time::timeout;

use crate::settings::DatabaseSettings;

/// Timeout for opening a database connection that is only used to read, and for acquiring it from the pool.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for opening the store to read, and for all statements that are then executed, together.
const WORK_TIMEOUT: Duration = Duration::from_secs(10);

const CANNOT_MIGRATE: &str = "cannot migrate the database";

/// Returns the configuration of the store that results from the settings of the database.
pub(crate) fn store_config(settings: &DatabaseSettings) -> StoreConfig {
    StoreConfig {
        url: settings.url(),
        max_connections: settings.max_connections(),
        acquire_timeout: settings.acquire_seconds.get(),
        connect_timeout: settings.connect_seconds.get(),
        statement_timeout: settings.statement_seconds.get(),
        share_connections: settings.share_connections.is_on(),
        start_timeout: settings.start_seconds.get(),
    }
}

/// Opens the store for the server. If `database.migrate` is on, applies pending migrations; otherwise, checks that none
/// is pending.
pub(super) async fn open_for_server(settings: &DatabaseSettings, users: Users) -> anyhow::Result<Store> {
    let store = Store::open(&store_config(settings)).await?;
    let migrated =
        if settings.migrate.is_on() { up(&store, users).await.map(drop) } else { require_current(&store, users).await };
    if migrated.is_err() {
        store.close().await;
    }
    migrated.map(|()| store)
}

/// Opens the store, passes it to `work`, and closes it. If the store were not closed, SQLite would leave `-wal` and
/// `-shm` files behind.
pub(crate) async fn with_store<T>(
    settings: &DatabaseSettings,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    use_and_close(Store::open(&store_config(settings)).await?, work).await
}

/// Opens the store as [`open_to_read`] does, passes it to `work`, and closes it.
///
/// # Errors
/// [`Elapsed`](tokio::time::error::Elapsed) if opening the store, `work` and closing the store together take longer
/// than 10 seconds; otherwise, the error of opening the store or of `work`.
pub(crate) async fn with_store_to_read<T>(
    settings: &DatabaseSettings,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    timeout(WORK_TIMEOUT, async { use_and_close(open_to_read(settings).await?, work).await }).await?
}

async fn use_and_close<T>(store: Store, work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let result = work(&store).await;
    store.close().await;
    result
}

/// Opens the store for reading, with one connection. Does not wait for a database that is starting.
pub(super) async fn open_to_read(settings: &DatabaseSettings) -> Result<Store, OpenError> {
    let config = StoreConfig {
        max_connections: 1,
        acquire_timeout: READ_TIMEOUT,
        connect_timeout: READ_TIMEOUT,
        start_timeout: Duration::ZERO,
        ..store_config(settings)
    };
    Store::open_to_read(&config).await
}

/// Applies all pending migrations and returns their names, in order. Several processes may call this at the same time.
pub(crate) async fn up(store: &Store, users: Users) -> anyhow::Result<Vec<&'static str>> {
    let migrations = Migrations::of(users);
    let connect = || async { anyhow::Ok(store.dedicated().await?) };
    let connection = connect().await?;
    let pending =
        migrations.status(&connection).await.context(CANNOT_MIGRATE)?.into_iter().filter(|step| !step.applied);
    let pending: Vec<_> = pending.map(|step| step.name).collect();
    if !pending.is_empty() {
        tracing::info!(steps = pending.join(", "), "migrating; this can take minutes if there are many tasks");
    }
    let plan = migrations.plan(&connection).await.context(CANNOT_MIGRATE)?;
    require_better_auths_names(&plan, users)?;
    let report = migrations.up(&connection, connect).await.context(CANNOT_MIGRATE)?;
    for addition in &report.additions {
        tracing::info!(addition, "changed Better Auth's tables");
    }
    for step in &report.applied {
        tracing::info!(step, "migrated");
    }
    if report.tasks_without_owner > 0 {
        tracing::warn!(
            count = report.tasks_without_owner,
            "tasks without an owner are kept, but no user can see them; assign them: taskbridge tasks assign <user id>"
        );
    }
    Ok(report.applied)
}

/// Refuses a database whose tables of Better Auth have other names or ids than its own migrator creates.
fn require_better_auths_names(plan: &Plan, users: Users) -> anyhow::Result<()> {
    if users == Users::Here && plan.refusals.is_empty() && !plan.map.is_canonical() {
        bail!(
            "AUTH_MODE=server requires the tables as Better Auth's own migrator creates them; AUTH_MODE=bridge works with \
             this database"
        );
    }
    Ok(())
}

/// Checks that no migration is pending, and that the database role may use the tables.
///
/// # Errors
/// Returns an error that names the pending migrations and the command that applies them, or the missing privileges.
pub(crate) async fn require_current(store: &Store, users: Users) -> anyhow::Result<()> {
    let readiness = Migrations::of(users).check(&store.dedicated().await?, false).await?;
    require_better_auths_names(&readiness.plan, users)?;
    let pending = readiness.pending();
    let additions = readiness.pending_additions();
    if pending.is_empty() && !additions.is_empty() {
        bail!("changes of Better Auth's tables are pending ({}); run: taskbridge migrate up", additions.join(", "))
    }
    if pending.is_empty() {
        return Ok(());
    }
    bail!("migrations of the database are pending ({}); run: taskbridge migrate up", pending.join(", "))
}
