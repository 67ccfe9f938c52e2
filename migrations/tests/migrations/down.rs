//! Taking steps back: nothing of anybody's is lost.

use taskbridge_migrations::{MigrateError, Users, down};

use crate::databases::{Database, STEPS, test_on};

test_on!(
    [Sqlite, Postgres],
    [an_empty_database_goes_down_and_up_again, tasks_are_kept, with_users_elsewhere_only_tasks_are_undone,]
);

async fn undone(database: &Database, steps: u32) -> Result<Vec<String>, MigrateError> {
    down(&database.connection, Users::Here, steps).await
}

fn line<T: std::fmt::Debug>(result: Result<T, MigrateError>) -> String {
    let MigrateError::Refused(line) = result.unwrap_err() else { panic!("not a refusal") };
    line
}

const TASK: &str = "insert into tasks (user_id, title, completed, created_at, updated_at) values ('ann', 'x', 'false', '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')";

async fn an_empty_database_goes_down_and_up_again(database: Database) {
    database.up(Users::Here).await.unwrap();
    assert_eq!(undone(&database, 0).await.unwrap(), [""; 0]);
    assert_eq!(undone(&database, 1).await.unwrap(), [STEPS[1]]);
    assert!(!database.schema().await.iter().any(|line| line.contains("user_id")));
    assert_eq!(undone(&database, 5).await.unwrap(), [STEPS[0]]);
    assert_eq!(undone(&database, 5).await.unwrap(), [""; 0]);
    assert!(database.schema().await.iter().any(|line| line.contains("rateLimit")), "Better Auth's tables stay");
    assert_eq!(database.up(Users::Here).await.unwrap().applied, STEPS);
}

async fn tasks_are_kept(database: Database) {
    database.up(Users::Elsewhere).await.unwrap();
    database.run(TASK).await;
    let before = database.snapshot().await;
    assert!(line(undone(&database, 1).await).contains(r#"table "tasks": holds 1 tasks"#));
    assert_eq!(database.snapshot().await, before);
    database.run("delete from tasks; alter table tasks add column priority integer").await;
    assert!(line(undone(&database, 1).await).contains(r#"table "tasks", column "priority": was not made by"#));
}

/// Where the users are elsewhere, Better Auth's step is not ours to undo.
async fn with_users_elsewhere_only_tasks_are_undone(database: Database) {
    database.up(Users::Here).await.unwrap();
    assert_eq!(down(&database.connection, Users::Elsewhere, 9).await.unwrap(), [STEPS[1]]);
}
