//! Migrations on empty databases.

use taskbridge_migrations::{MigrationReport, Migrations, UnknownOwners, Users};
use taskbridge_schema::SchemaMap;

use crate::databases::{Backend, Database, TABLES, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        the_tables_are_created_once_and_as_better_auth_creates_them,
        without_users_only_tasks_are_created,
        a_migration_of_a_newer_version_is_ignored,
    ]
);

const OFFICIAL_POSTGRES: &str = include_str!("../../../tests/vectors/schema-postgres-text-ids.sql");
const OFFICIAL_SQLITE: &str = include_str!("../../../tests/vectors/schema-sqlite-text-ids.sql");

/// Returns the schema without the tables `tasks` and `seaql_migrations`, which Better Auth does not have.
async fn of_better_auth(database: &Database) -> Vec<String> {
    let ours = |line: &String| line.contains("tasks") || line.contains("seaql_migrations");
    database.schema().await.into_iter().filter(|line| !ours(line)).collect()
}

/// Returns a report whose map names no types.
fn without_types(report: MigrationReport) -> MigrationReport {
    assert!(report.map.is_canonical(), "{:?}", report.map);
    MigrationReport { map: SchemaMap::canonical(), ..report }
}

async fn statuses(database: &Database, migrations: &Migrations) -> Vec<bool> {
    migrations.status(&database.connection).await.unwrap().into_iter().map(|migration| migration.applied).collect()
}

async fn the_tables_are_created_once_and_as_better_auth_creates_them(database: Database) {
    let migrations = Migrations::of(Users::Here);
    let names = migrations.names();
    assert_eq!(statuses(&database, &migrations).await, vec![false; names.len()]);
    assert!(database.schema().await.is_empty(), "status changes nothing");
    let first = database.up(Users::Here).await.unwrap();
    let report = |applied| MigrationReport {
        applied,
        additions: Vec::new(),
        map: SchemaMap::canonical(),
        notices: Vec::new(),
        tasks_without_owner: 0,
        unknown_owners: UnknownOwners::default(),
    };
    assert_eq!(without_types(first), report(names.clone()));
    let created = database.snapshot().await;
    let second = database.up(Users::Here).await.unwrap();
    assert_eq!(without_types(second), report(Vec::new()));
    assert_eq!(database.snapshot().await, created);
    assert_eq!(statuses(&database, &migrations).await, vec![true; names.len()]);

    let official = database.another().await;
    official.run(if database.backend == Backend::Sqlite { OFFICIAL_SQLITE } else { OFFICIAL_POSTGRES }).await;
    assert_eq!(of_better_auth(&database).await, official.schema().await);
}

async fn without_users_only_tasks_are_created(database: Database) {
    assert_eq!(database.adopt(Users::Elsewhere).await.unwrap().applied, [TABLES[1]]);
    let schema = database.schema().await;
    assert!(!schema.iter().any(|line| line.contains("rateLimit") || line.to_lowercase().contains("references")));
    database.add_task().await;
}

/// A replica of an older version may start on a schema that a newer version has migrated, so it ignores a migration
/// that it does not know.
async fn a_migration_of_a_newer_version_is_ignored(database: Database) {
    let older = Migrations::of(Users::Here).up_to(TABLES[1]);
    database.up(Users::Here).await.unwrap();
    assert!(database.apply(&older).await.unwrap().applied.is_empty());
    assert_eq!(statuses(&database, &older).await, [true, true]);
    let error = older.down(&database.connection, 1).await.unwrap_err();
    assert!(error.to_string().contains("was applied by a newer version of Taskbridge"), "{error}");
}

mod schemas {
    use super::*;

    test_on!([Postgres], [the_tables_are_created_in_the_current_schema]);

    async fn the_tables_are_created_in_the_current_schema(database: Database) {
        let name = database.text("select current_database()::text").await;
        let setup = "create schema app; create table public.tasks (id uuid); alter database";
        database.run(&format!("{setup} {name} set search_path = app")).await;
        let database = database.reopened().await;
        assert_eq!(database.adopt(Users::Here).await.unwrap().applied, TABLES);
        assert_eq!(database.text("select count(*)::text from pg_tables where schemaname = 'app'").await, "8");
    }
}
