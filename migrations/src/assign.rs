//! Assigns tasks that have no owner.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};

use crate::adopt::tasks;
use crate::catalog;
use crate::error::{MigrateError, refused};
use crate::transaction::Transaction;

/// Assigns all tasks without an owner to the user `user_id`, and returns the number of assigned tasks.
///
/// # Errors
/// [`MigrateError::Refused`] if `user_id` is empty, the table `tasks` does not exist, or the table `user` exists but
/// does not contain the user.
pub async fn assign_tasks(db: &DatabaseConnection, user_id: &str) -> Result<u64, MigrateError> {
    let transaction = Transaction::begin_exclusive(db).await?;
    let assigned = assign(transaction.connection(), user_id).await;
    transaction.end(assigned).await
}

async fn assign(db: &impl ConnectionTrait, user_id: &str) -> Result<u64, DbErr> {
    if user_id.is_empty() {
        return Err(refused("tasks", "the user id must not be empty"));
    }
    if catalog::table(db, "tasks").await?.is_none() {
        return Err(refused("tasks", "missing; run: taskbridge migrate up"));
    }
    let user = r#"select 1 from "user" where "id" = $1"#;
    if catalog::has_users(db).await? && catalog::rows(db, user, [user_id]).await?.is_empty() {
        let line = format!("there is no user with the id \"{user_id}\"; give the id, not the e-mail address");
        return Err(refused("user", &line));
    }
    tasks::assign(db, user_id).await
}
