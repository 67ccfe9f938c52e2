//! What `up` would say, before anybody runs it.

use taskbridge_migrations::{MigrateError, Readiness, Users, check};

use crate::databases::{Database, STEPS, test_on};

test_on!(
    [Sqlite, Postgres, Pgbouncer],
    [
        it_tells_the_steps_to_come_on_every_database,
        it_refuses_what_up_refuses,
        a_table_that_can_be_adopted_is_left_as_it_is,
    ]
);

/// The steps to come, or the refusal; nothing may have changed.
async fn checked(database: &Database, users: Users) -> Result<Vec<String>, String> {
    let before = database.snapshot().await;
    let checked = check(&database.connection, users, true).await;
    assert_eq!(database.snapshot().await, before);
    match checked {
        Ok(Readiness { migrations, .. }) => {
            Ok(migrations.into_iter().filter(|migration| !migration.applied).map(|migration| migration.name).collect())
        }
        Err(MigrateError::Refused(line)) => Err(line),
        Err(error) => panic!("{error}"),
    }
}

async fn it_tells_the_steps_to_come_on_every_database(database: Database) {
    assert_eq!(checked(&database, Users::Here).await.unwrap(), STEPS);
    assert_eq!(checked(&database, Users::Elsewhere).await.unwrap(), [STEPS[1]]);
    database.up(Users::Elsewhere).await.unwrap();
    assert_eq!(checked(&database, Users::Here).await.unwrap(), [STEPS[0]]);
    database.up(Users::Here).await.unwrap();
    assert!(checked(&database, Users::Here).await.unwrap().is_empty());
}

/// Word for word what `up` says.
async fn it_refuses_what_up_refuses(database: Database) {
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

/// What can be adopted is not changed before its time.
async fn a_table_that_can_be_adopted_is_left_as_it_is(database: Database) {
    let id = database.row_id();
    database.run(&format!("create table tasks (id {id} primary key, user_id text, title text)")).await;
    database.run("insert into tasks (title) values ('x')").await;
    assert_eq!(checked(&database, Users::Here).await.unwrap(), STEPS);
    assert_eq!(database.up(Users::Here).await.unwrap().applied, STEPS);
}
