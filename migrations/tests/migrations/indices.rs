//! The indices of `tasks`. On PostgreSQL, those of a table with rows are built while other sessions write.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection};
use taskbridge_migrations::{MigrateError, MigrationReport, Migrations, Users};
use tokio::task::JoinHandle;

use crate::databases::{Database, migrate, open, test_on};

test_on!([Sqlite, Postgres], [titles_that_are_too_long_for_an_index_are_kept]);

mod builds {
    use super::*;

    test_on!(
        [Postgres],
        [
            tasks_can_be_written_while_an_index_is_built,
            an_index_whose_build_was_interrupted_is_built_again,
            the_indices_of_a_partitioned_table_are_built,
        ]
    );
}

/// An entry of an index can have at most 2,704 bytes on PostgreSQL. Random characters, so that they cannot be compressed.
async fn titles_that_are_too_long_for_an_index_are_kept(database: Database) {
    database.adopt(Users::Elsewhere).await.unwrap();
    database.add_task().await;
    let title: String = (0..3000_u32).filter_map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000)).collect();
    assert_eq!(title.len(), 9000);
    database.run(&format!("update tasks set title = '{title}'")).await;
    database.up(Users::Elsewhere).await.unwrap();
    assert_eq!(database.text("select title from tasks").await, title);
    database.add_task().await;
    database.run(&format!("update tasks set title = '{title}'")).await;
}

/// A transaction that is older than the build of an index, which waits for it.
struct OldTransaction(DatabaseConnection);

impl OldTransaction {
    async fn begin(database: &Database) -> Self {
        let connection = open(&database.url).await;
        let begin = "begin isolation level repeatable read; select count(*) from tasks";
        connection.execute_unprepared(begin).await.unwrap();
        Self(connection)
    }

    async fn end(self) {
        self.0.execute_unprepared("commit").await.unwrap();
    }
}

/// Begins to build the indices of a table with one row, and returns when the build waits for an older transaction.
async fn waiting_build(database: &Database) -> (OldTransaction, JoinHandle<Result<MigrationReport, MigrateError>>) {
    database.adopt(Users::Elsewhere).await.unwrap();
    database.add_task().await;
    let transaction = OldTransaction::begin(database).await;
    let url = database.url.clone();
    let build = tokio::spawn(async move { migrate(&Migrations::of(Users::Elsewhere), &open(&url).await, &url).await });
    let waiting = "select count(*)::text from pg_stat_progress_create_index
        where datname = current_database() and phase = 'waiting for old snapshots'";
    while database.text(waiting).await == "0" {
        assert!(!build.is_finished(), "the build has not waited");
    }
    (transaction, build)
}

async fn tasks_can_be_written_while_an_index_is_built(database: Database) {
    let (transaction, build) = waiting_build(&database).await;
    database.run("set lock_timeout = '10s'").await;
    database.add_task().await;
    database.run("update tasks set title = 'changed'; delete from tasks where id = 1").await;
    assert!(!build.is_finished());
    transaction.end().await;
    assert_eq!(build.await.unwrap().unwrap().applied, &Migrations::of(Users::Elsewhere).names()[1..]);
    assert_eq!(invalid(&database).await, [""; 0]);
}

/// Returns the names of the indices that PostgreSQL has not built completely.
async fn invalid(database: &Database) -> Vec<String> {
    database.texts("select indexrelid::regclass::text from pg_index where not indisvalid").await
}

async fn an_index_whose_build_was_interrupted_is_built_again(database: Database) {
    let (transaction, build) = waiting_build(&database).await;
    let kill = "select pg_terminate_backend(pid)::text from pg_stat_progress_create_index
        where datname = current_database()";
    assert_eq!(database.texts(kill).await, ["true"]);
    let error = build.await.unwrap().unwrap_err().to_string();
    let index = &invalid(&database).await[0];
    assert!(error.contains(index) && error.contains("run: taskbridge migrate up"), "{error}");
    transaction.end().await;

    let report = database.up(Users::Elsewhere).await.unwrap();
    assert_eq!(report.applied, &Migrations::of(Users::Elsewhere).names()[1..]);
    assert_eq!(invalid(&database).await, [""; 0]);
    let fresh = database.another().await;
    fresh.up(Users::Elsewhere).await.unwrap();
    assert_eq!(database.schema().await, fresh.schema().await);
}

/// PostgreSQL cannot build these outside of a transaction.
async fn the_indices_of_a_partitioned_table_are_built(database: Database) {
    database
        .run(
            "create table tasks (id bigserial primary key, user_id text not null, title text not null) \
             partition by hash (id); \
             create table tasks_0 partition of tasks for values with (modulus 2, remainder 0); \
             create table tasks_1 partition of tasks for values with (modulus 2, remainder 1); \
             insert into tasks (user_id, title) values ('ann', 'x'), ('ann', 'y'), ('ann', 'z')",
        )
        .await;
    database.up(Users::Elsewhere).await.unwrap();
    assert_eq!(invalid(&database).await, [""; 0]);
    assert_eq!(database.text("select string_agg(title, '' order by id) from tasks").await, "xyz");
}
