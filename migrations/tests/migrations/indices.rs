//! The indices of `tasks`. On PostgreSQL, those of a table with rows are built while other sessions write.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection};
use taskbridge_migrations::{MigrateError, MigrationReport, Migrations, Users};
use tokio::task::JoinHandle;

use crate::databases::{Database, migrate, open, test_on};

/// The migration that creates the indices.
const INDICES: &str = "m20261130_000003_task_indices";

test_on!(
    [Sqlite, Postgres],
    [titles_that_are_too_long_for_an_index_are_kept, an_index_of_another_table_is_not_taken_for_its_own]
);

mod builds {
    use super::*;

    test_on!(
        [Postgres],
        [
            tasks_can_be_written_while_an_index_is_built,
            an_index_whose_build_was_interrupted_is_built_again,
            the_indices_of_a_partitioned_table_are_built,
            a_build_that_outlives_its_process_is_waited_for,
            migrations_are_not_reverted_while_an_index_is_built,
            an_index_of_another_schema_is_kept,
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

type Start = JoinHandle<Result<MigrationReport, MigrateError>>;

/// Applies the migrations as another process does.
fn start(database: &Database) -> Start {
    let url = database.url.clone();
    tokio::spawn(async move { migrate(&Migrations::of(Users::Elsewhere), &open(&url).await, &url).await })
}

/// Begins to build the indices of a table with one row, and returns when the build waits for an older transaction.
async fn waiting_build(database: &Database) -> (OldTransaction, Start) {
    database.adopt(Users::Elsewhere).await.unwrap();
    database.add_task().await;
    let transaction = OldTransaction::begin(database).await;
    let build = start(database);
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

/// PostgreSQL continues to build an index although the process that started it was killed.
async fn a_build_that_outlives_its_process_is_waited_for(database: Database) {
    let (transaction, build) = waiting_build(&database).await;
    build.abort();
    assert!(build.await.unwrap_err().is_cancelled());
    let next = start(&database);
    let polling = "select count(*)::text from pg_stat_activity where datname = current_database()
        and query like '%pg_stat_progress_create_index p%' and pid <> pg_backend_pid()";
    while database.text(polling).await == "0" {
        assert!(!next.is_finished(), "the next process has not waited");
    }
    transaction.end().await;
    assert_eq!(next.await.unwrap().unwrap().applied, &Migrations::of(Users::Elsewhere).names()[1..]);
    assert_eq!(invalid(&database).await, [""; 0]);
}

async fn migrations_are_not_reverted_while_an_index_is_built(database: Database) {
    let (transaction, build) = waiting_build(&database).await;
    let error = Migrations::of(Users::Elsewhere).down(&database.connection, 1).await.unwrap_err();
    assert!(error.to_string().contains("another process is migrating the database"), "{error}");
    transaction.end().await;
    build.await.unwrap().unwrap();
}

/// A table that was renamed keeps its indices, with their names.
async fn an_index_of_another_table_is_not_taken_for_its_own(database: Database) {
    database.up(Users::Elsewhere).await.unwrap();
    database.run("alter table tasks rename to tasks_old; delete from seaql_migrations").await;
    let MigrateError::Refused(line) = database.up(Users::Elsewhere).await.unwrap_err() else { panic!("not a refusal") };
    let begins = line.starts_with(r#"table "tasks_old": its index "tasks_user_id_"#);
    assert!(begins && line.ends_with(r#"has the name of an index of "tasks"; rename or drop it"#), "{line}");
}

async fn an_index_of_another_schema_is_kept(database: Database) {
    let name = database.text("select current_database()::text").await;
    database.apply(&Migrations::of(Users::Elsewhere).up_to(INDICES)).await.unwrap();
    database.run(&format!("create schema app; alter database {name} set search_path = app, public")).await;
    let database = database.reopened().await;
    let migrations = Migrations::of(Users::Elsewhere).up_to(INDICES);
    database.apply(&migrations).await.unwrap();
    migrations.down(&database.connection, 1).await.unwrap();
    let indices = "select schemaname::text from pg_indexes where indexname = 'tasks_user_id_title_id_idx'";
    assert_eq!(database.texts(indices).await, ["public"]);
}
