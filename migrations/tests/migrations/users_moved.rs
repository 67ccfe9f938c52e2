//! The users were elsewhere, and now they are here; and back.

use taskbridge_migrations::Users;

use crate::databases::{STEPS, postgres, sqlite};

const TASK: &str = "insert into tasks (user_id, title, completed, created_at, updated_at) values ('ann', 'x', 'false', '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')";
const FOREIGN_KEY: &str = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'tasks_user_id_fkey'";

#[tokio::test]
async fn postgres_tasks_refer_to_users_as_soon_as_there_are_any() {
    let database = postgres().await;
    database.up(Users::Elsewhere).await.unwrap();
    database.run(TASK).await;
    assert_eq!(database.up(Users::Here).await.unwrap().applied, [STEPS[0]]);
    let foreign_key = r#"FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE NOT VALID"#;
    assert_eq!(database.text(FOREIGN_KEY).await, foreign_key);
    assert_eq!(database.text("select user_id from tasks").await, "ann", "whose owner is not there yet");
    assert!(database.up(Users::Elsewhere).await.unwrap().applied.is_empty());
    assert!(database.up(Users::Here).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn sqlite_tasks_stay_as_they_are() {
    let database = sqlite().await;
    database.up(Users::Elsewhere).await.unwrap();
    database.run(TASK).await;
    let tasks = "select sql from sqlite_master where name = 'tasks'";
    let before = database.text(tasks).await;
    assert_eq!(database.up(Users::Here).await.unwrap().applied, [STEPS[0]]);
    assert_eq!(database.text(tasks).await, before);
    assert!(database.up(Users::Elsewhere).await.unwrap().applied.is_empty());
    assert!(database.up(Users::Here).await.unwrap().applied.is_empty());
}

/// A bridge on Better Auth's database: tasks refer to its users, whoever named the other columns.
#[tokio::test]
async fn a_bridges_tasks_refer_to_a_user_table_that_is_there() {
    let snake_case = r#"create table "user" (id text primary key, email_verified boolean)"#;
    let database = postgres().await;
    database.run(snake_case).await;
    assert_eq!(database.up(Users::Elsewhere).await.unwrap().applied, [STEPS[1]]);
    assert_eq!(database.text(FOREIGN_KEY).await, r#"FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE"#);
    let database = sqlite().await;
    database.run(snake_case).await;
    database.up(Users::Elsewhere).await.unwrap();
    assert!(database.text("select sql from sqlite_master where name = 'tasks'").await.contains("references"));
}

/// There is nothing to refer to in a table whose ids are not text.
#[tokio::test]
async fn a_bridges_tasks_refer_to_no_other_ids() {
    for id in ["uuid", "integer"] {
        let user = format!(r#"create table "user" (id {id} primary key)"#);
        let database = postgres().await;
        database.run(&user).await;
        database.up(Users::Elsewhere).await.unwrap();
        assert!(database.texts(FOREIGN_KEY).await.is_empty());
        let database = sqlite().await;
        database.run(&user).await;
        database.up(Users::Elsewhere).await.unwrap();
        assert!(!database.text("select sql from sqlite_master where name = 'tasks'").await.contains("references"));
    }
}
