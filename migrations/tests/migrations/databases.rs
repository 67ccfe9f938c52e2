//! Creates empty databases for the tests, and queries their content.
//!
//! [`test_on`] puts the tests that need PostgreSQL into modules whose names contain `on_postgres`. Therefore
//! `cargo test -- --skip on_postgres` runs all tests that do not need PostgreSQL.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use taskbridge_adapters::database::{Store, StoreConfig};
use taskbridge_migrations::{MigrateError, MigrationReport, Migrations, Users};
use taskbridge_schema::Refusal;
use tempfile::TempDir;

/// The names of the migrations that create or adopt the tables, in order.
pub(crate) const TABLES: [&str; 2] = ["m20261121_000001_better_auth", "m20261121_000002_tasks"];

/// A kind of database, and whether it is behind a pooler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    /// PostgreSQL behind a pooler in transaction mode, which has fewer connections to PostgreSQL than clients.
    Pgbouncer,
}

/// Runs each of the functions as a test on each of the backends, in one module per backend.
macro_rules! test_on {
    ([$($backend:ident),+], $tests:tt) => { $(crate::databases::test_on!(@ $backend $tests);)+ };
    (@ Sqlite $tests:tt) => { crate::databases::test_on!(@ on_sqlite Sqlite $tests); };
    (@ Postgres $tests:tt) => { crate::databases::test_on!(@ on_postgres Postgres $tests); };
    (@ Pgbouncer $tests:tt) => { crate::databases::test_on!(@ on_postgres_behind_pgbouncer Pgbouncer $tests); };
    (@ $module:ident $backend:ident [$($test:ident),+ $(,)?]) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test($crate::databases::Backend::$backend.database().await).await;
                }
            )+
        }
    };
}
pub(crate) use test_on;

/// The database of a test.
pub(crate) struct Database {
    pub(crate) backend: Backend,
    pub(crate) connection: DatabaseConnection,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Backend {
    /// Creates an empty database.
    pub(crate) async fn database(self) -> Database {
        let (url, folder) = match self {
            Self::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                (format!("sqlite://{}", folder.path().join("test.db").display()), Some(folder))
            }
            Self::Postgres => (format!("{}/{}", variable("TASKBRIDGE_TEST_POSTGRES"), create_database().await), None),
            Self::Pgbouncer => (format!("{}/{}", variable("TASKBRIDGE_TEST_PGBOUNCER"), create_database().await), None),
        };
        Database { backend: self, connection: open(&url).await, url, _folder: folder }
    }
}

/// Opens a connection as Taskbridge does for migrations.
pub(crate) async fn open(url: &str) -> DatabaseConnection {
    let config = StoreConfig {
        url: url.parse().unwrap(),
        max_connections: 1,
        acquire_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(30),
        share_connections: true,
        start_timeout: Duration::from_secs(30),
    };
    Store::open(&config).await.unwrap().dedicated().await.unwrap()
}

/// Applies the migrations on a connection to the database at `url`.
pub(crate) async fn migrate(
    migrations: &Migrations,
    connection: &DatabaseConnection,
    url: &str,
) -> Result<MigrationReport, MigrateError> {
    migrations.up(connection, || async { Ok(open(url).await) }).await
}

/// Creates a database on the PostgreSQL server for tests, and returns its name.
async fn create_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let test = thread::current();
    // With `--test-threads=1`, tests run on the main thread, whose name is not that of the test and is therefore not
    // checked.
    let test = test.name().filter(|name| *name != "main");
    assert!(test.is_none_or(|name| name.contains("on_postgres")), "declare it with test_on, it needs PostgreSQL");
    let name = format!("migrations_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let admin = open(&format!("{}/postgres", variable("TASKBRIDGE_TEST_POSTGRES"))).await;
    admin.execute_unprepared(&format!("create database {name}")).await.unwrap();
    name
}

#[expect(clippy::disallowed_methods, reason = "where the servers of the tests are")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}, or run make test"))
}

impl Database {
    /// Creates another empty database of the same kind.
    pub(crate) async fn another(&self) -> Self {
        self.backend.database().await
    }

    /// Returns the type of a column whose ids the database generates.
    pub(crate) fn row_id(&self) -> &'static str {
        if self.backend == Backend::Sqlite { "integer" } else { "serial" }
    }

    /// Opens another session of this database. `url` can differ in the role.
    pub(crate) async fn session(&self, url: &str) -> Self {
        Self { backend: self.backend, connection: open(url).await, url: url.to_owned(), _folder: None }
    }

    /// Reconnects, so that changed settings of the database take effect.
    pub(crate) async fn reopened(self) -> Self {
        let connection = open(&self.url).await;
        Self { connection, ..self }
    }

    /// Returns an empty database of the same kind. On PostgreSQL, empties this database, which takes less time than
    /// creating another one.
    pub(crate) async fn cleared(self) -> Self {
        if self.backend == Backend::Sqlite {
            return self.another().await;
        }
        self.run("drop schema public cascade; create schema public").await;
        self
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.connection.execute_unprepared(sql).await.unwrap();
    }

    /// Inserts a task of the user `ann`, and that user if Better Auth's tables exist.
    pub(crate) async fn add_task(&self) {
        if self.tables().await.contains("rateLimit") {
            self.run(ADD_ANN).await;
        }
        self.run(ADD_TASK).await;
    }

    /// Returns the first column of the rows of a query, as text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let backend = self.connection.get_database_backend();
        let rows = self.connection.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
        let text = |row: Option<String>| row.unwrap_or_else(|| "null".into());
        rows.iter().map(|row| text(row.try_get_by_index(0).unwrap())).collect()
    }

    pub(crate) async fn text(&self, sql: &str) -> String {
        self.texts(sql).await.pop().unwrap()
    }

    /// Applies all migrations.
    pub(crate) async fn up(&self, users: Users) -> Result<MigrationReport, MigrateError> {
        self.apply(&Migrations::of(users)).await
    }

    /// Applies the migrations that create or adopt the tables, so that a later migration changes no test of these.
    pub(crate) async fn adopt(&self, users: Users) -> Result<MigrationReport, MigrateError> {
        self.apply(&Migrations::of(users).up_to(TABLES[1])).await
    }

    /// Applies the migrations, and checks that `check` has predicted what they do.
    pub(crate) async fn apply(&self, migrations: &Migrations) -> Result<MigrationReport, MigrateError> {
        let before = self.tables().await;
        let checked = migrations.check(&self.connection, true).await;
        let applied = migrate(migrations, &self.connection, &self.url).await;
        match (checked, &applied) {
            (Ok(readiness), Ok(report)) => {
                assert_eq!(readiness.pending(), report.applied);
                let created: BTreeSet<_> = self.tables().await.difference(&before).cloned().collect();
                assert_eq!(readiness.missing_tables.into_iter().collect::<BTreeSet<_>>(), created);
            }
            (Err(checked), Err(applied)) => assert_eq!(checked.to_string(), applied.to_string()),
            (checked, applied) => panic!("check: {checked:?}, up: {applied:?}"),
        }
        applied
    }

    /// Returns the names of all tables except the one that records the migrations.
    async fn tables(&self) -> BTreeSet<String> {
        let sql = match self.connection.get_database_backend() {
            DbBackend::Postgres => "select tablename::text from pg_tables where schemaname = current_schema()",
            _ => "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
        };
        self.texts(sql).await.into_iter().filter(|name| name != "seaql_migrations").collect()
    }

    /// Tries to apply the migrations, which must be refused and change nothing. Returns the line of the refusal.
    pub(crate) async fn refusal(&self, users: Users) -> String {
        let before = self.snapshot().await;
        let line = match self.adopt(users).await.unwrap_err() {
            error @ (MigrateError::Refused(_) | MigrateError::NotAdoptable(_)) => error.to_string(),
            error @ MigrateError::Database(_) => panic!("not a refusal: {error}"),
        };
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(self.snapshot().await, before, "{line}");
        line
    }

    /// Tries to apply the migrations, which must be refused because of tables and change nothing. Returns all reasons.
    pub(crate) async fn refusals(&self, users: Users) -> Vec<Refusal> {
        let before = self.snapshot().await;
        let MigrateError::NotAdoptable(refusals) = self.adopt(users).await.unwrap_err() else {
            panic!("not refused because of a table")
        };
        assert_eq!(self.snapshot().await, before, "{refusals:?}");
        refusals
    }

    /// Returns a description of all tables, columns, constraints and indices, and all tasks.
    pub(crate) async fn snapshot(&self) -> Vec<String> {
        let mut all = self.schema().await;
        let has_tasks = all.iter().any(|line| line.contains("tasks"));
        if has_tasks && self.connection.get_database_backend() == DbBackend::Postgres {
            all.extend(self.texts(r#"select t::text from "tasks" t order by t::text"#).await);
        } else if has_tasks {
            let columns = self.texts("select quote(name) from pragma_table_xinfo('tasks')").await;
            let columns: Vec<_> =
                columns.iter().map(|name| format!("quote(\"{}\")", name.trim_matches('\''))).collect();
            all.extend(self.texts(&format!("select {} from tasks order by 1", columns.join(" || ',' || "))).await);
        }
        all
    }

    /// Returns a description of all tables, columns, constraints and indices.
    pub(crate) async fn schema(&self) -> Vec<String> {
        let sql = match self.connection.get_database_backend() {
            DbBackend::Postgres => POSTGRES_SCHEMA,
            _ => {
                "select replace(sql, ' IF NOT EXISTS', '') from sqlite_master where sql is not null and name not like 'sqlite_%' order by name"
            }
        };
        self.texts(sql).await
    }
}

const ADD_TASK: &str = "insert into tasks (user_id, title, completed, created_at, updated_at) values ('ann', 'x', false, '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')";

const ADD_ANN: &str = r#"insert into "user" ("id", "name", "email", "emailVerified", "createdAt", "updatedAt") values ('ann', 'Ann', 'ann@example.test', false, '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')"#;

const POSTGRES_SCHEMA: &str = "
select line from (
  select concat_ws(' ', table_name, row_number() over (partition by table_name order by ordinal_position), column_name, data_type, character_maximum_length, is_nullable,
    column_default, is_identity, identity_generation) as line
  from information_schema.columns where table_schema = 'public'
  union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
  from pg_constraint where connamespace = 'public'::regnamespace
  union all select indexdef from pg_indexes where schemaname = 'public'
  union all select concat_ws(' ', sequencename, data_type, max_value) from pg_sequences where schemaname = 'public'
) all_lines order by line";
