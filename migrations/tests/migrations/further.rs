//! The migrations of a further resource.

use taskbridge_migrations::{
    AddColumn, Assigned, CreateOwnedTable, MigrateError, Migration, Migrations, NewColumn, Users,
};

use crate::databases::{Backend, Database, TABLES, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        a_table_gets_its_owners_when_the_users_move_here,
        a_table_of_another_program_is_refused,
        rows_are_not_lost_when_migrations_are_reverted,
        all_resources_of_a_former_owner_are_assigned,
    ]
);

const TEXT: NewColumn = NewColumn { name: "text", postgres: "text not null", sqlite: "text not null" };
const COLOR: NewColumn = NewColumn { name: "color", postgres: "text", sqlite: "text" };

/// Creates the table `notes`, and adds a column to it.
pub(crate) const NOTES: [&dyn Migration; 2] = [
    &CreateOwnedTable {
        migration: "m20991231_000001_notes",
        summary: "creates `notes`",
        table: "notes",
        columns: &[TEXT],
    },
    &AddColumn { migration: "m20991231_000002_color", summary: "adds `notes.color`", table: "notes", column: COLOR },
];

const ADD_NOTE: &str = "insert into notes (user_id, text, created_at, updated_at) values ('ann', 'x', '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')";

fn migrations(users: Users) -> Migrations {
    Migrations::of(users).with(&NOTES)
}

fn line<T: std::fmt::Debug>(result: Result<T, MigrateError>) -> String {
    result.unwrap_err().to_string()
}

/// On PostgreSQL, the rows get a foreign key to the new table of users, as tasks do.
async fn a_table_gets_its_owners_when_the_users_move_here(database: Database) {
    database.apply(&migrations(Users::Elsewhere)).await.unwrap();
    database.run(ADD_NOTE).await;
    assert_eq!(database.apply(&migrations(Users::Here)).await.unwrap().applied, [TABLES[0]]);
    if database.backend == Backend::Postgres {
        let key = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'notes_user_id_fkey'";
        let expected = r#"FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE NOT VALID"#;
        assert_eq!(database.texts(key).await, [expected]);
    }
    assert_eq!(database.text("select user_id from notes").await, "ann");
}

async fn a_table_of_another_program_is_refused(database: Database) {
    database.run("create table notes (id text primary key, user_id text, body text)").await;
    let before = database.snapshot().await;
    let refusal = line(database.apply(&migrations(Users::Here)).await);
    for part in [r#"table "notes", column "text": is missing"#, r#"column "created_at""#, "rename it"] {
        assert!(refusal.contains(part), "{refusal}");
    }
    assert_eq!(database.snapshot().await, before);
}

async fn rows_are_not_lost_when_migrations_are_reverted(database: Database) {
    let migrations = migrations(Users::Elsewhere);
    database.apply(&migrations).await.unwrap();
    database.run(ADD_NOTE).await;
    let refusal = line(migrations.down(&database.connection, 1).await);
    assert!(refusal.contains(r#"table "notes", column "color": has the values of 1 rows"#), "{refusal}");
    database.run("alter table notes drop column color").await;
    let refusal = line(migrations.down(&database.connection, 2).await);
    assert!(refusal.contains(r#"table "notes": contains 1 rows"#), "{refusal}");
    assert_eq!(database.text("select cast(count(*) as text) from notes").await, "1");
}

/// Also if a table has not been created yet.
async fn all_resources_of_a_former_owner_are_assigned(database: Database) {
    let assigned = async |migrations: &Migrations, of: &str| {
        let assigned = migrations.assign_tasks(&database.connection, "bob", Some(of)).await.unwrap();
        assigned.into_iter().map(|Assigned { table, rows }| (table, rows)).collect::<Vec<_>>()
    };
    let migrations = migrations(Users::Elsewhere);
    database.up(Users::Elsewhere).await.unwrap();
    database.add_task().await;
    assert_eq!(assigned(&migrations, "nobody").await, [("tasks", 0), ("notes", 0)]);
    database.apply(&migrations).await.unwrap();
    database.run(ADD_NOTE).await;
    database.run(ADD_NOTE).await;
    assert_eq!(assigned(&migrations, "ann").await, [("tasks", 1), ("notes", 2)]);
    assert_eq!(assigned(&migrations, "ann").await, [("tasks", 0), ("notes", 0)]);
    assert_eq!(database.texts("select distinct user_id from notes").await, ["bob"]);
}
