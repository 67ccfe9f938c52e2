//! What holds for each migration, those of later versions included.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseConnectionType, DbErr, ProxyDatabaseConnection, ProxyDatabaseTrait,
    ProxyExecResult, ProxyRow, Statement,
};
use taskbridge_migrations::{Migrations, Users};

use crate::databases::{Backend, Database, TABLES, migrate, test_on};
use crate::{further, snapshots};

test_on!(
    [Sqlite, Postgres],
    [
        it_creates_the_schema_of_its_snapshot,
        it_can_be_applied_again,
        it_can_be_applied_after_any_interruption,
        it_can_be_reverted_and_applied_again,
        a_server_of_the_version_before_starts_on_its_schema,
    ]
);

/// Returns the migrations up to each one, in order. The last ones are those of a further resource.
fn versions(users: Users) -> Vec<Migrations> {
    let all = Migrations::of(users).with(&further::NOTES);
    all.names().into_iter().map(|last| all.clone().up_to(last)).collect()
}

fn last(migrations: &Migrations) -> &'static str {
    migrations.names().last().unwrap()
}

/// Names sort in the order of the migrations, because databases record only the names.
#[test]
fn the_list_is_sorted_by_name() {
    let names = Migrations::of(Users::Here).names();
    assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
}

/// `make snapshots` writes the file of a new migration. The file of a released migration never changes.
async fn it_creates_the_schema_of_its_snapshot(database: Database) {
    for last in Migrations::of(Users::Here).names() {
        let mut sections = Vec::new();
        for (mode, users) in [("Server mode", Users::Here), ("Bridge mode", Users::Elsewhere)] {
            let database = database.another().await;
            database.apply(&Migrations::of(users).up_to(last)).await.unwrap();
            sections.push(format!("# {mode}\n{}\n", database.schema().await.join("\n")));
        }
        let backend = if database.backend == Backend::Sqlite { "sqlite" } else { "postgres" };
        snapshots::compare(&format!("{last}.{backend}.txt"), &sections.join("\n"));
    }
}

/// There is no snapshot whose migration has been renamed or removed.
#[test]
fn each_snapshot_belongs_to_a_migration() {
    let names = Migrations::of(Users::Here).names();
    let expected: BTreeSet<_> =
        names.iter().flat_map(|name| ["sqlite", "postgres"].map(|backend| format!("{name}.{backend}.txt"))).collect();
    assert_eq!(snapshots::names(), expected);
}

/// A database can contain the changes of a migration without a record of it, for example after a partial restore.
async fn it_can_be_applied_again(database: Database) {
    for users in [Users::Here, Users::Elsewhere] {
        for migrations in versions(users) {
            for has_tasks in [false, true] {
                let database = database.another().await;
                database.apply(&migrations).await.unwrap();
                if has_tasks {
                    add_task(&database).await;
                }
                let before = database.snapshot().await;
                let name = last(&migrations);
                database.run(&format!("delete from seaql_migrations where version = '{name}'")).await;
                assert_eq!(database.apply(&migrations).await.unwrap().applied, [name]);
                assert_eq!(database.snapshot().await, before, "{name}");
            }
        }
    }
}

/// Executes the statements of a migration without a transaction, and fails after each of them in turn. The next run
/// completes the schema.
async fn it_can_be_applied_after_any_interruption(database: Database) {
    for users in [Users::Here, Users::Elsewhere] {
        let mut before = None;
        for migrations in versions(users) {
            let complete = complete(&database, &migrations).await;
            for has_tasks in [false, true] {
                for count in 0.. {
                    let database = database.another().await;
                    if let Some(before) = &before {
                        database.apply(before).await.unwrap();
                    }
                    if has_tasks {
                        add_task(&database).await;
                    }
                    let interrupted = FailingConnection::open(&database.connection, count);
                    let result = migrate(&migrations, &interrupted, &database.url).await;
                    database.apply(&migrations).await.unwrap();
                    let name = last(&migrations);
                    assert_eq!(database.schema().await, complete, "{name}, {count}");
                    if result.is_ok() {
                        break;
                    }
                }
            }
            before = Some(migrations);
        }
    }
}

/// Returns the schema that the migrations create without an interruption.
async fn complete(database: &Database, migrations: &Migrations) -> Vec<String> {
    let database = database.another().await;
    database.apply(migrations).await.unwrap();
    database.schema().await
}

/// Only Better Auth's tables are kept, because they contain users.
async fn it_can_be_reverted_and_applied_again(database: Database) {
    let mut older = Vec::new();
    for migrations in versions(Users::Here) {
        let database = database.another().await;
        database.apply(&migrations).await.unwrap();
        let before = database.snapshot().await;
        assert_eq!(migrations.down(&database.connection, 1).await.unwrap(), [last(&migrations)]);
        let expected = if last(&migrations) == TABLES[0] { database.schema().await } else { older };
        assert_eq!(database.schema().await, expected);
        assert_eq!(database.apply(&migrations).await.unwrap().applied, [last(&migrations)]);
        assert_eq!(database.snapshot().await, before, "{}", last(&migrations));
        older = database.schema().await;
    }
}

/// During a rolling upgrade, servers of both versions use the database.
async fn a_server_of_the_version_before_starts_on_its_schema(database: Database) {
    for users in [Users::Here, Users::Elsewhere] {
        let versions = versions(users);
        for (older, newer) in versions.iter().zip(&versions[1..]) {
            let database = database.another().await;
            database.apply(newer).await.unwrap();
            let before = database.snapshot().await;
            assert!(database.apply(older).await.unwrap().applied.is_empty());
            assert_eq!(database.snapshot().await, before);
        }
    }
}

/// Inserts a task if there is a table for it.
async fn add_task(database: &Database) {
    if database.schema().await.iter().any(|line| line.contains("tasks")) {
        database.add_task().await;
    }
}

/// A connection that executes each statement at once, without transactions, and fails after a number of changes.
#[derive(Debug)]
struct FailingConnection {
    connection: DatabaseConnection,
    remaining: AtomicUsize,
}

impl FailingConnection {
    fn open(connection: &DatabaseConnection, remaining: usize) -> DatabaseConnection {
        let failing = Self { connection: connection.clone(), remaining: AtomicUsize::new(remaining) };
        let backend = connection.get_database_backend();
        let proxy = ProxyDatabaseConnection::new(backend, Arc::new(Box::new(failing)));
        DatabaseConnectionType::ProxyDatabaseConnection(Arc::new(proxy)).into()
    }
}

#[async_trait]
impl ProxyDatabaseTrait for FailingConnection {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        let rows = self.connection.query_all_raw(statement).await?;
        rows.iter().map(|row| Ok(row.try_as_proxy_row().unwrap().clone())).collect()
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        let sql = statement.sql.as_str();
        if ["begin", "commit", "rollback"].iter().any(|word| sql.starts_with(word)) {
            return Ok(ProxyExecResult::default());
        }
        let one_less = |remaining: usize| remaining.checked_sub(1);
        if self.remaining.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_err() {
            return Err(DbErr::Custom("interrupted".to_owned()));
        }
        self.connection.execute_raw(statement).await?;
        Ok(ProxyExecResult::default())
    }
}
