//! Opens the database.

use std::time::Duration;

use taskbridge_adapters::database::{OpenError, Store, StoreConfig};
use taskbridge_migrations::Users;

use super::migrations;
use crate::settings::DatabaseSettings;

/// Timeout for opening a connection that only reads, and for acquiring it.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the configuration of the store.
pub(crate) fn store_config(settings: &DatabaseSettings) -> StoreConfig {
    StoreConfig {
        url: settings.url(),
        max_connections: settings.max_connections(),
        acquire_timeout: settings.acquire_seconds.get(),
        connect_timeout: settings.connect_seconds.get(),
        statement_timeout: settings.statement_seconds.get(),
        start_timeout: settings.start_seconds.get(),
    }
}

/// Opens the store for the server and applies or checks the migrations.
pub(super) async fn open_for_server(settings: &DatabaseSettings, users: Users) -> anyhow::Result<Store> {
    let store = Store::open(&store_config(settings)).await?;
    let migrated = if settings.migrate.is_on() {
        migrations::up(&store, users).await.map(drop)
    } else {
        migrations::require_current(&store, users).await
    };
    if migrated.is_err() {
        store.close().await;
    }
    migrated.map(|()| store)
}

/// Opens the store, passes it to `work`, and closes it. Unless it is closed, SQLite leaves `-wal` and `-shm` files
/// behind.
pub(crate) async fn with_store<T>(
    settings: &DatabaseSettings,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let store = Store::open(&store_config(settings)).await?;
    let result = work(&store).await;
    store.close().await;
    result
}

/// Opens the store as [`open_to_read`] does, passes it to `work`, and closes it.
pub(crate) async fn with_store_to_read<T>(
    settings: &DatabaseSettings,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let store = open_to_read(settings).await?;
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
