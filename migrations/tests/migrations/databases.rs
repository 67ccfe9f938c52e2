//! Empty databases, and what is in them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use taskbridge_adapters::database::{Store, StoreConfig};
use taskbridge_migrations::{MigrateError, Report, Users, up};
use tempfile::TempDir;

/// Every step, in order.
pub(crate) const STEPS: [&str; 2] = ["m20261121_000001_better_auth", "m20261121_000002_tasks"];

/// A database of its own for a test.
pub(crate) struct Database {
    pub(crate) connection: DatabaseConnection,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

/// In a file that goes with the test.
pub(crate) async fn sqlite() -> Database {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    Database { connection: open(&url).await, url, _folder: Some(folder) }
}

/// On the cluster of the tests.
pub(crate) async fn postgres() -> Database {
    let url = format!("{}/{}", variable("TASKBRIDGE_TEST_POSTGRES"), fresh_name().await);
    Database { connection: open(&url).await, url, _folder: None }
}

/// The same through a pooler in transaction mode, which has fewer connections to the server than we have to it.
pub(crate) async fn pooled() -> Database {
    let url = format!("{}/{}", variable("TASKBRIDGE_TEST_PGBOUNCER"), fresh_name().await);
    Database { connection: open(&url).await, url, _folder: None }
}

/// A connection as the server opens it for migrations.
pub(crate) async fn open(url: &str) -> DatabaseConnection {
    let config = StoreConfig {
        url: url.parse().unwrap(),
        max_connections: 1,
        acquire_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(30),
        start_timeout: Duration::from_secs(30),
    };
    Store::open(&config).await.unwrap().dedicated().await.unwrap()
}

/// The name of a database that was made for the caller.
async fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("migrations_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let admin = open(&format!("{}/postgres", variable("TASKBRIDGE_TEST_POSTGRES"))).await;
    admin.execute_unprepared(&format!("create database {name}")).await.unwrap();
    name
}

#[expect(clippy::disallowed_methods, reason = "where the databases of the tests are")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}, or run make test"))
}

impl Database {
    /// The same on new connections, as after a change of the database's settings.
    pub(crate) async fn reopened(self) -> Self {
        let connection = open(&self.url).await;
        Self { connection, ..self }
    }

    /// Empty again, which takes less time and space than another one.
    pub(crate) async fn clear_postgres(&self) {
        self.run("drop schema public cascade; create schema public").await;
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.connection.execute_unprepared(sql).await.unwrap();
    }

    /// The first column of what a query gives, as text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let backend = self.connection.get_database_backend();
        let rows = self.connection.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
        let text = |row: Option<String>| row.unwrap_or_else(|| "null".into());
        rows.iter().map(|row| text(row.try_get_by_index(0).unwrap())).collect()
    }

    pub(crate) async fn text(&self, sql: &str) -> String {
        self.texts(sql).await.pop().unwrap()
    }

    pub(crate) async fn up(&self, users: Users) -> Result<Report, MigrateError> {
        up(&self.connection, users).await
    }

    /// The line of the refusal, which must have changed nothing.
    pub(crate) async fn refusal(&self, users: Users) -> String {
        let before = self.snapshot().await;
        let MigrateError::Refused(line) = self.up(users).await.unwrap_err() else { panic!("not a refusal") };
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(self.snapshot().await, before, "{line}");
        line
    }

    /// All tables with their columns, constraints and indices, and all tasks.
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

    /// All tables with their columns, constraints and indices.
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

const POSTGRES_SCHEMA: &str = "
select line from (
  select concat_ws(' ', table_name, ordinal_position, column_name, data_type, character_maximum_length, is_nullable,
    column_default, is_identity, identity_generation) as line
  from information_schema.columns where table_schema = 'public'
  union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
  from pg_constraint where connamespace = 'public'::regnamespace
  union all select indexdef from pg_indexes where schemaname = 'public'
  union all select concat_ws(' ', sequencename, data_type, max_value) from pg_sequences where schemaname = 'public'
) all_lines order by line";
