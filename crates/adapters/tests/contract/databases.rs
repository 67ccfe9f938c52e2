//! Creates a new database for each test.
//!
//! A test that needs PostgreSQL is in a module whose name contains `on_postgres`, which [`test_on`] creates, so that
//! `cargo test -- --skip on_postgres` runs all tests that need no PostgreSQL server.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use sea_orm::ConnectionTrait;
use taskbridge_adapters::database::{Store, StoreConfig};
use taskbridge_migrations::{MigrateError, Migrations, Users};
use taskbridge_schema::{Generated, IdKind, Rewriter, SchemaMap};
use tempfile::TempDir;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::mapped;

/// Time after which a test fails rather than hangs.
pub(crate) const HANG: Duration = Duration::from_mins(1);

/// A kind of database, and whether it is behind a pooler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    /// PostgreSQL on which Better Auth's tables have other names and types, as `mapped` says.
    PostgresMapped,
    /// PostgreSQL behind a pooler in transaction mode, which has fewer connections to the PostgreSQL server than
    /// clients.
    Pgbouncer,
    /// The same pooler, but without `pgbouncer=true` in the URL, which would tell Taskbridge about the pooler.
    UndeclaredPgbouncer,
    /// PostgreSQL with tables of Drizzle whose ids are UUIDs.
    PostgresUuids,
    /// PostgreSQL with tables of Prisma whose ids are integers, which it generates for rows that have none.
    PostgresIntegers,
    /// PostgreSQL with tables whose ids are integers, which it always generates, and that have other names and types.
    PostgresAlwaysIntegers,
}

/// Runs each of the functions as a test on each of the backends, in one module per backend.
macro_rules! test_on {
    ([$($backend:ident),+], $tests:tt) => { $(crate::databases::test_on!(@ $backend $tests);)+ };
    (@ Sqlite $tests:tt) => { crate::databases::test_on!(@ on_sqlite Sqlite $tests); };
    (@ Postgres $tests:tt) => { crate::databases::test_on!(@ on_postgres Postgres $tests); };
    (@ PostgresMapped $tests:tt) => { crate::databases::test_on!(@ on_postgres_with_other_names PostgresMapped $tests); };
    (@ Pgbouncer $tests:tt) => { crate::databases::test_on!(@ on_postgres_behind_pgbouncer Pgbouncer $tests); };
    (@ UndeclaredPgbouncer $tests:tt) => {
        crate::databases::test_on!(@ on_postgres_behind_undeclared_pgbouncer UndeclaredPgbouncer $tests);
    };
    (@ PostgresUuids $tests:tt) => { crate::databases::test_on!(@ on_postgres_with_uuids PostgresUuids $tests); };
    (@ PostgresIntegers $tests:tt) => {
        crate::databases::test_on!(@ on_postgres_with_integers PostgresIntegers $tests);
    };
    (@ PostgresAlwaysIntegers $tests:tt) => {
        crate::databases::test_on!(@ on_postgres_with_always_generated_integers PostgresAlwaysIntegers $tests);
    };
    (@ $module:ident $backend:ident [$($test:ident),+ $(,)?]) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::databases::Backend::$backend).await;
                }
            )+
        }
    };
}
pub(crate) use test_on;

/// An adapter on a separate database. For SQLite, the folder of the database must exist as long as the adapter.
pub(crate) struct OnDatabase<A> {
    adapter: A,
    url: String,
    map: SchemaMap,
    folder: Option<TempDir>,
}

impl<A> OnDatabase<A> {
    pub(crate) fn map<B>(self, adapter: impl FnOnce(A) -> B) -> OnDatabase<B> {
        let Self { adapter: from, url, map, folder } = self;
        OnDatabase { adapter: adapter(from), url, map, folder }
    }

    /// Closes all connections of the adapter, and opens the database again.
    pub(crate) async fn reopened(self) -> OnDatabase<Store> {
        let Self { adapter, url, map, folder } = self;
        drop(adapter);
        let store = Store::open(&config(&url)).await.unwrap().with_map(map.clone());
        OnDatabase { adapter: store, url, map, folder }
    }
}

impl<A> Deref for OnDatabase<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.adapter
    }
}

/// Applies all migrations, and returns how the database names Better Auth's tables.
pub(crate) async fn migrate(store: &Store, users: Users) -> SchemaMap {
    let connection = store.dedicated().await.unwrap();
    let connect = || async { Ok::<_, MigrateError>(store.dedicated().await.unwrap()) };
    Migrations::of(users).up(&connection, connect).await.unwrap().map
}

impl Backend {
    /// Creates a database with all tables.
    pub(crate) async fn store(self) -> OnDatabase<Store> {
        self.open(Users::Here, &self.tables()).await
    }

    /// Creates a database, runs `script` on it, and then the migrations.
    pub(crate) async fn store_after(self, script: &str) -> OnDatabase<Store> {
        self.open(Users::Here, script).await
    }

    /// Creates a database without the table `user`, as in bridge mode.
    pub(crate) async fn store_without_users(self) -> OnDatabase<Store> {
        self.open(Users::Elsewhere, "").await
    }

    async fn open(self, users: Users, script: &str) -> OnDatabase<Store> {
        let (url, folder) = self.new_database().await;
        if !script.is_empty() {
            execute_alone(&url, script).await;
        }
        let store = Store::open(&config(&url)).await.unwrap();
        let mut map = migrate(&store, users).await;
        if matches!(self, Self::PostgresMapped | Self::PostgresAlwaysIntegers) {
            execute_alone(&url, &mapped::script()).await;
            map = mapped::map(self.id_kind());
        }
        OnDatabase { adapter: store.with_map(map.clone()), url, map, folder }
    }

    /// Returns the kind of the ids of all tables but `tasks`.
    pub(crate) fn id_kind(self) -> IdKind {
        let integer = |generated| IdKind::Integer { max: i32::MAX.into(), generated };
        match self {
            Self::PostgresUuids => IdKind::Uuid,
            Self::PostgresIntegers => integer(Generated::ByDefault),
            Self::PostgresAlwaysIntegers => integer(Generated::Always),
            _ => IdKind::Text,
        }
    }

    /// Returns the script with which another program creates Better Auth's tables. It is empty if Taskbridge creates them.
    fn tables(self) -> String {
        match self {
            Self::PostgresUuids => include_str!("../../../../tests/vectors/better-auth/drizzle-uuid.sql").to_owned(),
            Self::PostgresIntegers => {
                include_str!("../../../../tests/vectors/better-auth/prisma-serial.sql").to_owned()
            }
            Self::PostgresAlwaysIntegers => {
                include_str!("../../../../tests/vectors/schema-postgres-serial-ids.sql").replace("BY DEFAULT", "ALWAYS")
            }
            _ => String::new(),
        }
    }

    /// Creates an empty database, and returns its URL and, for SQLite, its folder.
    pub(crate) async fn new_database(self) -> (String, Option<TempDir>) {
        let url = match self {
            Self::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                return (format!("sqlite://{}", folder.path().join("contract.db").display()), Some(folder));
            }
            Self::Postgres
            | Self::PostgresMapped
            | Self::PostgresUuids
            | Self::PostgresIntegers
            | Self::PostgresAlwaysIntegers => {
                format!("{}/{}", variable("TASKBRIDGE_TEST_POSTGRES"), create_database().await)
            }
            Self::Pgbouncer => {
                format!("{}/{}?pgbouncer=true", variable("TASKBRIDGE_TEST_PGBOUNCER"), create_database().await)
            }
            Self::UndeclaredPgbouncer => {
                format!("{}/{}", variable("TASKBRIDGE_TEST_PGBOUNCER"), create_database().await)
            }
        };
        (url, None)
    }
}

/// Executes a script in which Better Auth's tables and columns are named by markers.
pub(crate) async fn execute(store: &Store, sql: &str) {
    store.dedicated().await.unwrap().execute_unprepared(&rewritten(store, sql)).await.unwrap();
}

/// Returns a statement with the names that the database uses.
pub(crate) fn rewritten(store: &Store, sql: &str) -> String {
    Rewriter::new(store.map().clone()).rewrite(sql).unwrap().into_owned()
}

/// Runs a script on a connection of its own, which is closed afterwards, because the script may change its settings.
async fn execute_alone(url: &str, script: &str) {
    let store = Store::open(&config(url)).await.unwrap();
    store.dedicated().await.unwrap().execute_unprepared(script).await.unwrap();
    store.close().await;
}

pub(crate) fn config(url: &str) -> StoreConfig {
    StoreConfig {
        url: url.parse().unwrap(),
        max_connections: 4,
        acquire_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(10),
        share_connections: false,
        start_timeout: Duration::from_secs(10),
    }
}

/// Returns the number of connections in use. Those of earlier work may still be on their way back to the pool.
pub(crate) fn connections_in_use(store: &Store) -> usize {
    let (open, idle) = store.connections();
    open - idle
}

/// Waits until this number of connections is in use.
pub(crate) async fn wait_for_connections_in_use(store: &Store, count: usize) {
    let reached = async {
        while connections_in_use(store) != count {
            yield_now().await;
        }
    };
    timeout(HANG, reached).await.unwrap();
}

/// Creates a database on the PostgreSQL server that the tests use, and returns its name.
async fn create_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let test = thread::current();
    // With `--test-threads=1`, tests run on the main thread, whose name is not that of the test and is therefore not
    // checked.
    let test = test.name().filter(|name| *name != "main");
    assert!(test.is_none_or(|name| name.contains("on_postgres")), "declare it with test_on, it needs PostgreSQL");
    let name = format!("contract_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let server = variable("TASKBRIDGE_TEST_POSTGRES");
    execute_alone(&format!("{server}/postgres"), &format!("create database {name}")).await;
    name
}

#[expect(clippy::disallowed_methods, reason = "where the servers of the tests are")]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}, or run make test"))
}
