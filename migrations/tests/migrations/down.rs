//! Reverting migrations, which never loses data.

use taskbridge_migrations::{MigrateError, Users, down};

use crate::databases::{Database, MIGRATIONS, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        migrations_of_an_empty_database_can_be_reverted_and_applied_again,
        tasks_are_kept,
        with_users_elsewhere_only_the_tasks_are_reverted,
    ]
);

async fn reverted(database: &Database, count: u32) -> Result<Vec<String>, MigrateError> {
    down(&database.connection, Users::Here, count).await
}

fn line<T: std::fmt::Debug>(result: Result<T, MigrateError>) -> String {
    let MigrateError::Refused(line) = result.unwrap_err() else { panic!("not a refusal") };
    line
}

const TASK: &str = "insert into tasks (user_id, title, completed, created_at, updated_at) values ('ann', 'x', 'false', '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')";

async fn migrations_of_an_empty_database_can_be_reverted_and_applied_again(database: Database) {
    database.up(Users::Here).await.unwrap();
    assert_eq!(reverted(&database, 0).await.unwrap(), [""; 0]);
    assert_eq!(reverted(&database, 1).await.unwrap(), [MIGRATIONS[1]]);
    assert!(!database.schema().await.iter().any(|line| line.contains("user_id")));
    assert_eq!(reverted(&database, 5).await.unwrap(), [MIGRATIONS[0]]);
    assert_eq!(reverted(&database, 5).await.unwrap(), [""; 0]);
    assert!(database.schema().await.iter().any(|line| line.contains("rateLimit")), "Better Auth's tables are kept");
    assert_eq!(database.up(Users::Here).await.unwrap().applied, MIGRATIONS);
}

async fn tasks_are_kept(database: Database) {
    database.up(Users::Elsewhere).await.unwrap();
    database.run(TASK).await;
    let before = database.snapshot().await;
    assert!(line(reverted(&database, 1).await).contains(r#"table "tasks": contains 1 tasks"#));
    assert_eq!(database.snapshot().await, before);
    database.run("delete from tasks; alter table tasks add column priority integer").await;
    assert!(line(reverted(&database, 1).await).contains(r#"table "tasks", column "priority": was not created by"#));
}

/// With [`Users::Elsewhere`], `down` does not revert the migration that creates Better Auth's tables.
async fn with_users_elsewhere_only_the_tasks_are_reverted(database: Database) {
    database.up(Users::Here).await.unwrap();
    assert_eq!(down(&database.connection, Users::Elsewhere, 9).await.unwrap(), [MIGRATIONS[1]]);
}
