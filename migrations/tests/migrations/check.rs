//! `check` predicts what `up` will do.

use taskbridge_migrations::{MigrateError, Migrations, Users};

use crate::databases::{Database, TABLES, test_on};

test_on!(
    [Sqlite, Postgres, Pgbouncer],
    [
        pending_migrations_are_listed,
        it_refuses_what_up_refuses_with_the_same_line,
        a_table_that_can_be_adopted_is_not_changed,
    ]
);

/// Returns the pending migrations or the line of the refusal, and checks that nothing has changed.
async fn checked(database: &Database, users: Users) -> Result<Vec<&'static str>, String> {
    let before = database.snapshot().await;
    let checked = Migrations::of(users).up_to(TABLES[1]).check(&database.connection, true).await;
    assert_eq!(database.snapshot().await, before);
    match checked {
        Ok(readiness) => Ok(readiness.pending()),
        Err(error @ MigrateError::Database(_)) => panic!("{error}"),
        Err(refusal) => Err(refusal.to_string()),
    }
}

async fn pending_migrations_are_listed(database: Database) {
    assert_eq!(checked(&database, Users::Here).await.unwrap(), TABLES);
    assert_eq!(checked(&database, Users::Elsewhere).await.unwrap(), [TABLES[1]]);
    database.adopt(Users::Elsewhere).await.unwrap();
    assert_eq!(checked(&database, Users::Here).await.unwrap(), [TABLES[0]]);
    database.adopt(Users::Here).await.unwrap();
    assert!(checked(&database, Users::Here).await.unwrap().is_empty());
}

async fn it_refuses_what_up_refuses_with_the_same_line(database: Database) {
    for script in [
        r#"create table "user" (id text primary key, email_verified boolean)"#,
        r#"create table "jwks" (id integer primary key)"#,
        "create table tasks (id integer primary key, title text)",
        "create table tasks (id integer primary key, user_id text, title text, kind text not null)",
        "create table tasks (id integer primary key, user_id integer, title text)",
        "create table people (id text primary key); create table tasks (id integer primary key, user_id text references people (id), title text)",
        "create view tasks as select 1 as id",
    ] {
        let database = database.another().await;
        let script =
            script.replace("create table tasks (id integer primary key", "create table tasks (id ID primary key");
        database.run(&script.replace("ID", database.row_id())).await;
        let refusal = database.refusal(Users::Here).await;
        assert_eq!(checked(&database, Users::Here).await, Err(refusal), "{script}");
    }
}

async fn a_table_that_can_be_adopted_is_not_changed(database: Database) {
    let id = database.row_id();
    database.run(&format!("create table tasks (id {id} primary key, user_id text, title text)")).await;
    database.run("insert into tasks (title) values ('x')").await;
    assert_eq!(checked(&database, Users::Here).await.unwrap(), TABLES);
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, TABLES);
}
