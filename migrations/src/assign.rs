//! Assigns tasks that have no owner.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use taskbridge_schema::{AuthTable, Overrides, Plan, Purpose, TableMap, quoted};

use crate::adopt::tasks;
use crate::catalog;
use crate::error::{MigrateError, refused};
use crate::transaction::Transaction;

/// Assigns all tasks without an owner to the user `user_id`, and returns the number of assigned tasks.
///
/// # Errors
/// [`MigrateError::Refused`] if `user_id` is empty, the table `tasks` does not exist, or the table of users exists but
/// does not contain the user.
pub async fn assign_tasks(db: &DatabaseConnection, overrides: &Overrides, user_id: &str) -> Result<u64, MigrateError> {
    let transaction = Transaction::begin_exclusive(db).await?;
    let assigned = assign(transaction.connection(), overrides, user_id).await;
    transaction.end(assigned).await
}

async fn assign(db: &impl ConnectionTrait, overrides: &Overrides, user_id: &str) -> Result<u64, DbErr> {
    if user_id.is_empty() {
        return Err(refused("tasks", "the user id must not be empty"));
    }
    let Some(tasks) = catalog::table(db, "tasks").await? else {
        return Err(refused("tasks", "missing; run: taskbridge migrate up"));
    };
    let plan = Plan::read(db, Purpose::Bridge, overrides).await?;
    if plan.existing.contains(&AuthTable::User) && !exists(db, plan.map.table(AuthTable::User), user_id).await? {
        let line = format!("there is no user with the id \"{user_id}\"; give the id, not the e-mail address");
        return Err(refused("user", &line));
    }
    tasks::assign(db, &tasks, user_id).await
}

/// Returns `true` if there is a user with this id.
async fn exists(db: &impl ConnectionTrait, users: &TableMap, user_id: &str) -> Result<bool, DbErr> {
    let id = quoted(users.columns.get("id").map_or("id", |column| &column.name));
    let select = format!("select 1 from {} where {id} = $1", users.quoted());
    Ok(users.id.accepts(user_id) && !catalog::rows(db, &select, [user_id]).await?.is_empty())
}
