//! Reverting migrations, which never loses data.

use taskbridge_migrations::{MigrateError, Migrations, Users};

use crate::databases::{Database, TABLES, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        migrations_of_an_empty_database_can_be_reverted_and_applied_again,
        tasks_are_kept,
        with_users_elsewhere_only_the_tasks_are_reverted,
    ]
);

async fn reverted(database: &Database, count: u32) -> Result<Vec<&'static str>, MigrateError> {
    Migrations::of(Users::Here).up_to(TABLES[1]).down(&database.connection, count).await
}

fn line<T: std::fmt::Debug>(result: Result<T, MigrateError>) -> String {
    let MigrateError::Refused(line) = result.unwrap_err() else { panic!("not a refusal") };
    line
}

async fn migrations_of_an_empty_database_can_be_reverted_and_applied_again(database: Database) {
    database.adopt(Users::Here).await.unwrap();
    assert_eq!(reverted(&database, 0).await.unwrap(), [""; 0]);
    assert_eq!(reverted(&database, 1).await.unwrap(), [TABLES[1]]);
    assert!(!database.schema().await.iter().any(|line| line.contains("user_id")));
    assert_eq!(reverted(&database, 5).await.unwrap(), [TABLES[0]]);
    assert_eq!(reverted(&database, 5).await.unwrap(), [""; 0]);
    assert!(database.schema().await.iter().any(|line| line.contains("rateLimit")), "Better Auth's tables are kept");
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, TABLES);
}

async fn tasks_are_kept(database: Database) {
    database.adopt(Users::Elsewhere).await.unwrap();
    database.add_task().await;
    let before = database.snapshot().await;
    let refusal = line(reverted(&database, 1).await);
    let statement = refusal.strip_prefix(r#"table "tasks": contains 1 tasks; rename it, and revert again: "#).unwrap();
    assert_eq!(database.snapshot().await, before);
    database.run("delete from tasks; alter table tasks add column priority integer").await;
    assert!(line(reverted(&database, 1).await).contains(r#"table "tasks", column "priority": was not created by"#));
    database.add_task().await;
    database.run(statement).await;
    assert_eq!(reverted(&database, 1).await.unwrap(), [TABLES[1]]);
    assert_eq!(database.text("select title from tasks_old").await, "x");
}

mod adopted {
    use super::*;

    test_on!([Postgres], [a_table_of_another_backend_is_kept]);

    async fn a_table_of_another_backend_is_kept(database: Database) {
        database.run("create table tasks (id serial primary key, user_id text, title text not null)").await;
        database.adopt(Users::Here).await.unwrap();
        let before = database.snapshot().await;
        assert!(line(reverted(&database, 1).await).contains(r#"table "tasks", column "id": was not created by"#));
        assert_eq!(database.snapshot().await, before);
    }
}

/// With [`Users::Elsewhere`], `down` does not revert the migration that creates Better Auth's tables.
async fn with_users_elsewhere_only_the_tasks_are_reverted(database: Database) {
    database.adopt(Users::Here).await.unwrap();
    let migrations = Migrations::of(Users::Elsewhere).up_to(TABLES[1]);
    assert_eq!(migrations.down(&database.connection, 9).await.unwrap(), [TABLES[1]]);
}
