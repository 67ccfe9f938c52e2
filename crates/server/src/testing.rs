//! The repository of a resource in a SQLite file, for its contract suite.
#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "for tests only")]

use std::ops::Deref;
use std::time::Duration;

use taskbridge_adapters::database::owned::{OwnedEntity, SeaOwnedRepo};
use taskbridge_adapters::database::{Store, StoreConfig};
use taskbridge_migrations::{MigrateError, Migration, Migrations, Users};
use tempfile::TempDir;

/// A repository of the table of `E`, and the folder of its database, which is deleted with it.
pub struct Stored<E> {
    repo: SeaOwnedRepo<E>,
    migrations: &'static [&'static dyn Migration],
    folder: TempDir,
}

impl<E> Deref for Stored<E> {
    type Target = SeaOwnedRepo<E>;

    fn deref(&self) -> &Self::Target {
        &self.repo
    }
}

impl<E: OwnedEntity> Stored<E> {
    /// Opens a new database, and applies the migrations of Taskbridge and those of the resource.
    pub async fn open(migrations: &'static [&'static dyn Migration]) -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), migrations).await
    }

    /// Closes the database, and opens it again.
    pub async fn reopened(self) -> Self {
        let Self { repo, migrations, folder } = self;
        drop(repo);
        Self::open_in(folder, migrations).await
    }

    async fn open_in(folder: TempDir, migrations: &'static [&'static dyn Migration]) -> Self {
        let timeout = Duration::from_mins(1);
        let config = StoreConfig {
            url: format!("sqlite://{}/taskbridge.db", folder.path().display()).parse().unwrap(),
            max_connections: 4,
            acquire_timeout: timeout,
            connect_timeout: timeout,
            statement_timeout: timeout,
            share_connections: true,
            start_timeout: timeout,
        };
        let store = Store::open(&config).await.unwrap();
        let connection = store.dedicated().await.unwrap();
        let connect = || async { Ok::<_, MigrateError>(store.dedicated().await.unwrap()) };
        let all = Migrations::of(Users::Elsewhere).with(migrations);
        let map = all.up(&connection, connect).await.unwrap().map;
        drop(connection);
        Self { repo: SeaOwnedRepo::of_table(store.with_map(map)).unwrap(), migrations, folder }
    }
}
