//! Changes between bridge mode and server mode.

use taskbridge_migrations::Users;
use taskbridge_schema::IdKind;

use crate::databases::{Backend, Database, TABLES, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        tasks_are_kept_when_the_mode_changes,
        tasks_refer_to_an_existing_user_table_in_bridge_mode,
        tasks_do_not_refer_to_ids_of_other_types_in_bridge_mode,
    ]
);

/// On PostgreSQL, the tasks get a foreign key to the new table of users. On SQLite, the table does not change.
async fn tasks_are_kept_when_the_mode_changes(database: Database) {
    database.adopt(Users::Elsewhere).await.unwrap();
    database.add_task().await;
    let before = definition(&database).await;
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, [TABLES[0]]);
    let after = match database.backend {
        Backend::Sqlite => before,
        _ => [r#"FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE NOT VALID"#.to_owned()].into(),
    };
    assert_eq!(definition(&database).await, after);
    assert_eq!(database.text("select user_id from tasks").await, "ann", "a task may precede its owner");
    assert!(database.adopt(Users::Elsewhere).await.unwrap().applied.is_empty());
    assert!(database.adopt(Users::Here).await.unwrap().applied.is_empty());
}

/// Returns the foreign key of `tasks` on PostgreSQL, and the definition of the table on SQLite.
async fn definition(database: &Database) -> Vec<String> {
    let select = match database.backend {
        Backend::Sqlite => "select sql from sqlite_master where name = 'tasks'",
        _ => "select pg_get_constraintdef(oid) from pg_constraint where conname = 'tasks_user_id_fkey'",
    };
    database.texts(select).await
}

/// In bridge mode on Better Auth's database, tasks refer to the table `user`. Only its column `id` must have the
/// expected name.
async fn tasks_refer_to_an_existing_user_table_in_bridge_mode(database: Database) {
    database.run(r#"create table "user" (id text primary key, email_verified boolean)"#).await;
    assert_eq!(database.adopt(Users::Elsewhere).await.unwrap().applied, [TABLES[1]]);
    let definition = definition(&database).await;
    match database.backend {
        Backend::Sqlite => assert!(definition[0].contains("references"), "{definition:?}"),
        _ => assert_eq!(definition, [r#"FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE"#]),
    }
}

mod owners {
    use super::*;

    test_on!([Postgres], [a_table_of_another_app_does_not_matter_in_bridge_mode, owners_have_the_ids_of_the_tasks]);

    /// Better Auth's users are in another database, and this one belongs to an app with users of its own.
    async fn a_table_of_another_app_does_not_matter_in_bridge_mode(database: Database) {
        database.run(r#"create schema own; create table public."user" (id serial primary key, email text, email_verified boolean); create table public.accounts (id serial primary key, account_id text, provider_id text, user_id integer references public."user"); create table public.sessions (id serial primary key, token text, expires_at timestamptz, user_id integer references public."user")"#).await;
        for path in ["public", "own, public"] {
            database.run(&format!("set search_path = {path}")).await;
            let report = database.adopt(Users::Elsewhere).await.unwrap();
            assert_eq!((report.map.owners(), report.applied.as_slice()), (IdKind::Text, &TABLES[1..]));
            assert!(definition(&database).await.is_empty());
        }
    }

    /// After a move from server mode.
    async fn owners_have_the_ids_of_the_tasks(database: Database) {
        database.run(include_str!("../../../tests/vectors/schema-postgres-uuid-ids.sql")).await;
        assert_eq!(database.adopt(Users::Here).await.unwrap().map.owners(), IdKind::Uuid);
        assert_eq!(database.adopt(Users::Elsewhere).await.unwrap().map.owners(), IdKind::Uuid);
    }
}

mod privileges {
    use super::*;

    test_on!([Postgres], [bridge_mode_needs_no_privileges_on_the_users]);

    async fn bridge_mode_needs_no_privileges_on_the_users(database: Database) {
        let role = format!("bridge_{}", database.text("select current_database()::text").await);
        database.run(include_str!("../../../tests/vectors/schema-postgres-text-ids.sql")).await;
        database
            .run(&format!("create role {role}; grant create, usage on schema public to {role}; set role {role}"))
            .await;
        assert_eq!(database.adopt(Users::Elsewhere).await.unwrap().applied, [TABLES[1]]);
        assert!(definition(&database).await.is_empty(), "it must not refer to the users");
    }
}

async fn tasks_do_not_refer_to_ids_of_other_types_in_bridge_mode(database: Database) {
    for id in ["uuid", "integer"] {
        let database = database.another().await;
        database.run(&format!(r#"create table "user" (id {id} primary key)"#)).await;
        database.adopt(Users::Elsewhere).await.unwrap();
        let definition = definition(&database).await;
        match database.backend {
            Backend::Sqlite => assert!(!definition[0].contains("references"), "{definition:?}"),
            _ => assert!(definition.is_empty(), "{definition:?}"),
        }
    }
}
