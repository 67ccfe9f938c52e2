//! Opens the database, and applies or checks the migrations.

use std::time::Duration;

use anyhow::{Context, bail};
use taskbridge_adapters::database::{Inspection, OpenError, SqliteFacts, Store, StoreConfig, inspect};
use taskbridge_migrations::{MigrateError, MigrationReport, Migrations, Readiness, UnknownOwners, Users};
use taskbridge_schema::{Notice, Refusal, SchemaMap};
use tokio::time::timeout;

use crate::resources;
use crate::settings::{DatabaseSettings, Settings};

/// Timeout for opening a database connection that is only used to read, and for acquiring it from the pool.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for opening the store to read, and for all statements that are then executed, together.
const WORK_TIMEOUT: Duration = Duration::from_secs(10);

/// The command that applies pending migrations.
pub(crate) const RUN_MIGRATE_UP: &str = "taskbridge migrate up";

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

/// Returns the migrations of the database and of all resources, with the configured names of Better Auth's tables and columns.
pub(crate) fn migrations(settings: &Settings, users: Users) -> Migrations {
    Migrations::of(users).with(&resources::migrations()).with_overrides(settings.auth.overrides())
}

/// Opens the store for the server. If `database.migrate` is on, applies pending migrations; otherwise, checks that none
/// is pending.
pub(super) async fn open_for_server(settings: &DatabaseSettings, migrations: &Migrations) -> anyhow::Result<Store> {
    let store = Store::open(&store_config(settings)).await?;
    let migrated = if settings.migrate.is_on() {
        up(&store, migrations).await.map(|report| (report.map, report.notices))
    } else {
        require_current(&store, migrations).await
    };
    match migrated {
        Ok((map, notices)) => {
            log_names(&map);
            for Notice { found, next } in notices {
                tracing::warn!(next, "{found}");
            }
            Ok(store.with_map(map))
        }
        Err(error) => {
            log_refusals(&error);
            store.close().await;
            Err(error)
        }
    }
}

/// Logs which tables are used as those of Better Auth, if they or their columns have other names.
fn log_names(map: &SchemaMap) {
    let renamed: Vec<_> = map.tables().filter(|(table, names)| names.is_renamed(*table)).collect();
    if !renamed.is_empty() {
        let tables: Vec<_> =
            renamed.iter().map(|(table, names)| format!("{}: {}", table.name(), names.quoted())).collect();
        tracing::info!(tables = tables.join(", "), "Better Auth's tables or columns have other names in the database");
    }
}

/// Returns `true` if bridge mode can use tables that were refused. It cannot if a setting names a wrong table or column,
/// or if the table of the tasks is refused.
pub(crate) fn bridge_mode_works(refusals: &[Refusal]) -> bool {
    !refusals.is_empty() && !refusals.iter().any(|refusal| refusal.is_of_settings() || refusal.is_of_tasks())
}

/// Logs each reason for which the tables cannot be used in a line of its own, for programs that read the log.
fn log_refusals(error: &anyhow::Error) {
    if let Some(MigrateError::NotAdoptable(refusals)) = error.downcast_ref() {
        for Refusal { table, column, found, next } in refusals {
            tracing::error!(table, column, next, "cannot use a table of the database: {found}");
        }
    }
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

/// Opens the store as [`with_store_to_read`] does, with the names of Better Auth's tables and columns in the database, as
/// far as they are recognized.
pub(crate) async fn with_tables_to_read<T>(
    settings: &DatabaseSettings,
    migrations: &Migrations,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_store_to_read(settings, async |store| work(&with_names(store.clone(), migrations).await?).await).await
}

/// Opens the store as [`open_to_read`] does, with the names of Better Auth's tables and columns in the database, as far as
/// they are recognized.
pub(super) async fn open_tables_to_read(settings: &DatabaseSettings, migrations: &Migrations) -> anyhow::Result<Store> {
    with_names(open_to_read(settings).await?, migrations).await
}

async fn with_names(store: Store, migrations: &Migrations) -> anyhow::Result<Store> {
    let plan = migrations.plan(&store.dedicated().await?).await?;
    Ok(store.with_map(plan.map))
}

/// Passes the store to `work`, and closes it.
pub(crate) async fn use_and_close<T>(
    store: Store,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
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

/// Returns `true` if the database is a SQLite file that does not exist yet.
pub(crate) async fn is_missing(settings: &DatabaseSettings) -> bool {
    let inspection = inspect(&store_config(settings), READ_TIMEOUT).await;
    matches!(inspection, Ok(Inspection::Sqlite(SqliteFacts { exists: false, .. })))
}

/// Applies all pending migrations. Several processes may call this at the same time.
pub(crate) async fn up(store: &Store, migrations: &Migrations) -> anyhow::Result<MigrationReport> {
    let connect = || async { anyhow::Ok(store.dedicated().await?) };
    let connection = connect().await?;
    let pending =
        migrations.status(&connection).await.context(CANNOT_MIGRATE)?.into_iter().filter(|step| !step.applied);
    let pending: Vec<_> = pending.map(|step| step.name).collect();
    if !pending.is_empty() {
        tracing::info!(steps = pending.join(", "), "migrating; this can take minutes if there are many tasks");
    }
    let report = migrations.up(&connection, connect).await.context(CANNOT_MIGRATE)?;
    for step in &report.applied {
        tracing::info!(step, "migrated");
    }
    for addition in &report.additions {
        tracing::info!(addition, "changed Better Auth's tables");
    }
    if report.tasks_without_owner > 0 {
        tracing::warn!(
            count = report.tasks_without_owner,
            "tasks without an owner are kept, but no user can see them; assign them: taskbridge tasks assign <user id>"
        );
    }
    let UnknownOwners { tasks, examples } = &report.unknown_owners;
    if *tasks > 0 {
        tracing::warn!(
            count = tasks,
            owners = examples.join(", "),
            "tasks whose owner is not a user are kept, but no user can see them; assign them: taskbridge tasks assign \
             <user id> --of <former owner>"
        );
    }
    Ok(report)
}

/// Checks that no migration is pending, that the tables need no additions, and that the database role may use the tables.
/// Returns their names, and what an operator should know about them.
///
/// # Errors
/// Returns an error that names the pending migrations and additions and the command that applies them, or the missing
/// privileges.
pub(crate) async fn require_current(
    store: &Store,
    migrations: &Migrations,
) -> anyhow::Result<(SchemaMap, Vec<Notice>)> {
    let readiness = migrations.check(&store.dedicated().await?, false).await?;
    match pending(&readiness) {
        Some(pending) => bail!("{pending}; run: {RUN_MIGRATE_UP}"),
        None => Ok((readiness.plan.map, readiness.plan.notices)),
    }
}

/// Describes the migrations that are pending or, if there are none, the additions that the tables need.
pub(crate) fn pending(readiness: &Readiness) -> Option<String> {
    let (migrations, additions) = (readiness.pending(), readiness.pending_additions());
    if !migrations.is_empty() {
        Some(format!("migrations of the database are pending ({})", migrations.join(", ")))
    } else if !additions.is_empty() {
        Some(format!("changes of Better Auth's tables are pending ({})", additions.join(", ")))
    } else {
        None
    }
}
