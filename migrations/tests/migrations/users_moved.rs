//! The users were elsewhere, and now they are here; and back.

use taskbridge_migrations::Users;

use crate::databases::{Backend, Database, STEPS, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        tasks_stay_when_the_users_move_here,
        a_bridges_tasks_refer_to_a_user_table_that_is_there,
        a_bridges_tasks_refer_to_no_other_ids,
    ]
);

const TASK: &str = "insert into tasks (user_id, title, completed, created_at, updated_at) values ('ann', 'x', 'false', '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')";

/// On PostgreSQL, tasks also refer to users as soon as there is a table of them. On SQLite, the table stays as it is.
async fn tasks_stay_when_the_users_move_here(database: Database) {
    database.up(Users::Elsewhere).await.unwrap();
    database.run(TASK).await;
    let before = definition(&database).await;
    assert_eq!(database.up(Users::Here).await.unwrap().applied, [STEPS[0]]);
    let after = match database.backend {
        Backend::Sqlite => before,
        _ => [r#"FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE NOT VALID"#.to_owned()].into(),
    };
    assert_eq!(definition(&database).await, after);
    assert_eq!(database.text("select user_id from tasks").await, "ann", "whose owner is not there yet");
    assert!(database.up(Users::Elsewhere).await.unwrap().applied.is_empty());
    assert!(database.up(Users::Here).await.unwrap().applied.is_empty());
}

/// Returns the foreign key of the tasks on PostgreSQL, and on SQLite the definition of the table.
async fn definition(database: &Database) -> Vec<String> {
    let select = match database.backend {
        Backend::Sqlite => "select sql from sqlite_master where name = 'tasks'",
        _ => "select pg_get_constraintdef(oid) from pg_constraint where conname = 'tasks_user_id_fkey'",
    };
    database.texts(select).await
}

/// A bridge on Better Auth's database: tasks refer to its users, whoever named the other columns.
async fn a_bridges_tasks_refer_to_a_user_table_that_is_there(database: Database) {
    database.run(r#"create table "user" (id text primary key, email_verified boolean)"#).await;
    assert_eq!(database.up(Users::Elsewhere).await.unwrap().applied, [STEPS[1]]);
    let definition = definition(&database).await;
    match database.backend {
        Backend::Sqlite => assert!(definition[0].contains("references"), "{definition:?}"),
        _ => assert_eq!(definition, [r#"FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE"#]),
    }
}

/// There is nothing to refer to in a table whose ids are not text.
async fn a_bridges_tasks_refer_to_no_other_ids(database: Database) {
    for id in ["uuid", "integer"] {
        let database = database.another().await;
        database.run(&format!(r#"create table "user" (id {id} primary key)"#)).await;
        database.up(Users::Elsewhere).await.unwrap();
        let definition = definition(&database).await;
        match database.backend {
            Backend::Sqlite => assert!(!definition[0].contains("references"), "{definition:?}"),
            _ => assert!(definition.is_empty(), "{definition:?}"),
        }
    }
}
