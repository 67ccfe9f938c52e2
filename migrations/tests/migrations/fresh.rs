//! Migrations on empty databases.

use taskbridge_migrations::{MigrationReport, MigrationStatus, Users, status};

use crate::databases::{Backend, Database, MIGRATIONS, test_on};

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

async fn assert_created_once(database: &Database) {
    assert_eq!(statuses(database, Users::Here).await, [(MIGRATIONS[0], false), (MIGRATIONS[1], false)]);
    assert!(database.schema().await.is_empty(), "status changes nothing");
    let first = database.up(Users::Here).await.unwrap();
    assert_eq!(first, MigrationReport { applied: MIGRATIONS.map(String::from).to_vec(), tasks_without_owner: 0 });
    let made = database.snapshot().await;
    let second = database.up(Users::Here).await.unwrap();
    assert_eq!(second, MigrationReport { applied: Vec::new(), tasks_without_owner: 0 });
    assert_eq!(database.snapshot().await, made);
    assert_eq!(statuses(database, Users::Here).await, [(MIGRATIONS[0], true), (MIGRATIONS[1], true)]);
}

async fn statuses(database: &Database, users: Users) -> Vec<(&'static str, bool)> {
    let known = |migration: MigrationStatus| {
        (*MIGRATIONS.iter().find(|name| **name == migration.name).unwrap(), migration.applied)
    };
    status(&database.connection, users).await.unwrap().into_iter().map(known).collect()
}

async fn the_tables_are_created_once_and_as_better_auth_creates_them(database: Database) {
    assert_created_once(&database).await;
    let official = database.another().await;
    if database.backend == Backend::Sqlite {
        official.run(OFFICIAL_SQLITE).await;
        let tasks = "select sql from sqlite_master where tbl_name = 'tasks' and sql is not null";
        let tasks = database.texts(tasks).await;
        let user_id = r#""user_id" text not null references "user" ("id") on delete cascade"#;
        assert!(tasks[0].contains(user_id), "{tasks:?}");
        assert!(tasks[1].contains(r#"("user_id", "created_at" desc, "id" desc)"#), "{tasks:?}");
    } else {
        official.run(OFFICIAL_POSTGRES).await;
        let tasks: Vec<_> = database.schema().await.into_iter().filter(|line| line.contains("tasks")).collect();
        assert_eq!(tasks, POSTGRES_TASKS);
    }
    assert_eq!(of_better_auth(&database).await, official.schema().await);
}

const POSTGRES_TASKS: [&str; 12] = [
    "CREATE INDEX tasks_user_id_created_at_id_idx ON public.tasks USING btree (user_id, created_at DESC, id DESC)",
    "CREATE UNIQUE INDEX tasks_pkey ON public.tasks USING btree (id)",
    "tasks 1 id bigint NO YES BY DEFAULT",
    "tasks 2 user_id text NO NO",
    "tasks 3 title text NO NO",
    "tasks 4 description text YES NO",
    "tasks 5 completed boolean NO false NO",
    "tasks 6 created_at timestamp with time zone NO NO",
    "tasks 7 updated_at timestamp with time zone NO NO",
    "tasks tasks_pkey PRIMARY KEY (id)",
    "tasks tasks_user_id_fkey FOREIGN KEY (user_id) REFERENCES \"user\"(id) ON DELETE CASCADE",
    "tasks_id_seq bigint 9223372036854775807",
];

async fn without_users_only_tasks_are_created(database: Database) {
    assert_eq!(database.up(Users::Elsewhere).await.unwrap().applied, [MIGRATIONS[1]]);
    assert_eq!(statuses(&database, Users::Elsewhere).await, [(MIGRATIONS[1], true)]);
    let schema = database.schema().await;
    assert!(!schema.iter().any(|line| line.contains("rateLimit") || line.to_lowercase().contains("references")));
    database.run("insert into tasks (user_id, title, completed, created_at, updated_at) values ('anybody', 'x', 'false', '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')").await;
}

/// A replica of an older version may start on a schema that a newer version has migrated, so it ignores a migration
/// that it does not know.
async fn a_migration_of_a_newer_version_is_ignored(database: Database) {
    database.up(Users::Here).await.unwrap();
    database.run("insert into seaql_migrations values ('m20991231_000001_later', 0)").await;
    assert!(database.up(Users::Here).await.unwrap().applied.is_empty());
    assert_eq!(statuses(&database, Users::Here).await, [(MIGRATIONS[0], true), (MIGRATIONS[1], true)]);
    let error = taskbridge_migrations::down(&database.connection, Users::Here, 1).await.unwrap_err();
    assert!(error.to_string().contains("m20991231_000001_later"), "{error}");
}

mod schemas {
    use super::*;

    test_on!([Postgres], [the_tables_are_created_in_the_current_schema]);

    async fn the_tables_are_created_in_the_current_schema(database: Database) {
        let name = database.text("select current_database()::text").await;
        let setup = "create schema app; create table public.tasks (id uuid); alter database";
        database.run(&format!("{setup} {name} set search_path = app")).await;
        let database = database.reopened().await;
        assert_eq!(database.up(Users::Here).await.unwrap().applied, MIGRATIONS);
        assert_eq!(database.text("select count(*)::text from pg_tables where schemaname = 'app'").await, "8");
    }
}
