//! Assigns tasks that no user sees.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use taskbridge_schema::{AuthTable, OWNER, TASKS, TableMap, quoted};

use crate::adopt::tasks;
use crate::error::{MigrateError, refused};
use crate::migrations::Migrations;
use crate::transaction::Transaction;
use crate::{catalog, owner_ids};

/// The rows of a table that have been assigned to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The name of the table.
    pub table: &'static str,
    /// Number of rows.
    pub rows: u64,
}

impl Migrations {
    /// Assigns all tasks without an owner to the user `user_id`, or, if `of` is set, the tasks and all other resources of that
    /// former owner.
    ///
    /// # Errors
    /// [`MigrateError::Refused`] if an id is empty, the table `tasks` does not exist, or the table of users exists but does
    /// not contain the user, or contains the former owner.
    pub async fn assign_tasks(
        &self,
        db: &DatabaseConnection,
        user_id: &str,
        of: Option<&str>,
    ) -> Result<Vec<Assigned>, MigrateError> {
        let transaction = Transaction::begin_exclusive(db).await?;
        let assigned = self.assign(transaction.connection(), user_id, of).await;
        transaction.end(assigned).await
    }

    async fn assign(&self, db: &impl ConnectionTrait, user_id: &str, of: Option<&str>) -> Result<Vec<Assigned>, DbErr> {
        if user_id.is_empty() || of.is_some_and(str::is_empty) {
            return Err(refused("tasks", "the user id must not be empty"));
        }
        let Some(tasks) = catalog::table(db, "tasks").await? else {
            return Err(refused("tasks", "missing; run: taskbridge migrate up"));
        };
        let plan = self.context.plan(db).await?;
        if plan.existing.contains(&AuthTable::User) {
            let users = plan.map.table(AuthTable::User);
            if !exists(db, users, user_id).await? {
                let line = format!("there is no user with the id \"{user_id}\"; give the id, not the email address");
                return Err(refused("user", &line));
            }
            if let Some(of) = of
                && exists(db, users, of).await?
            {
                let line =
                    format!("\"{of}\" is a user, and keeps the tasks; with --of, give an owner who is not a user");
                return Err(refused("user", &line));
            }
        }
        let Some(of) = of else {
            return Ok(vec![Assigned { table: TASKS, rows: tasks::assign(db, &tasks, user_id).await? }]);
        };
        // The database would return an error for a text that cannot be an id.
        let can_have_rows = owner_ids::kind(db).await?.accepts(of);
        let mut assigned = Vec::new();
        for table in self.context.owned_tables.iter().copied() {
            let rows = if can_have_rows { assign_of(db, table, user_id, of).await? } else { 0 };
            assigned.push(Assigned { table, rows });
        }
        Ok(assigned)
    }
}

/// Assigns all rows of the owner `of` in a table to the user `user_id`, and returns their number. There are none if the table
/// does not exist yet.
async fn assign_of(db: &impl ConnectionTrait, table: &str, user_id: &str, of: &str) -> Result<u64, DbErr> {
    if catalog::table(db, table).await?.is_none() {
        return Ok(0);
    }
    let update = format!(r#"update {} set "{OWNER}" = $1 where "{OWNER}" = $2"#, quoted(table));
    let update = Statement::from_sql_and_values(db.get_database_backend(), update, [user_id.into(), of.into()]);
    Ok(db.execute_raw(update).await?.rows_affected())
}

/// Returns `true` if there is a user with this id.
async fn exists(db: &impl ConnectionTrait, users: &TableMap, user_id: &str) -> Result<bool, DbErr> {
    let id = quoted(users.columns.get("id").map_or("id", |column| &column.name));
    let select = format!("select 1 from {} where {id} = $1", users.quoted());
    Ok(users.id.accepts(user_id) && !catalog::rows(db, &select, [user_id]).await?.is_empty())
}
