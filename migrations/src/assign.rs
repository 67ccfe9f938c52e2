//! Giving away what belongs to nobody.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use crate::error::{MigrateError, refused};
use crate::session::Session;
use crate::{schema, tasks};

/// Gives every task without an owner to this user; how many there were.
///
/// # Errors
/// [`MigrateError::Refused`] when there is no table of tasks, or a table of users without this one, or the id is empty.
/// Nothing was changed then.
pub async fn assign_tasks(db: &DatabaseConnection, user_id: &str) -> Result<u64, MigrateError> {
    let session = Session::begin_exclusive(db).await?;
    let assigned = assign(session.connection(), user_id).await;
    session.end(assigned).await
}

async fn assign(db: &impl ConnectionTrait, user_id: &str) -> Result<u64, DbErr> {
    if user_id.is_empty() {
        return Err(refused("tasks", "the id of a user is not empty"));
    }
    if schema::table(db, "tasks").await?.is_none() {
        return Err(refused("tasks", "missing; run: taskbridge migrate up"));
    }
    if schema::has_users(db).await? {
        let place = if db.get_database_backend() == DbBackend::Postgres { "$1" } else { "?" };
        let select = format!(r#"select 1 from "user" where "id" = {place}"#);
        if schema::rows(db, &select, [user_id]).await?.is_empty() {
            let line = format!("there is no user with the id \"{user_id}\"; the id is needed, not the e-mail address");
            return Err(refused("user", &line));
        }
    }
    tasks::assign(db, user_id).await
}
