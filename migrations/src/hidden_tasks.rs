//! Tasks that no user sees.

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};

use crate::adopt::tasks::{self, UnknownOwners};
use crate::error::MigrateError;
use crate::migrations::Migrations;
use crate::transaction::Transaction;

/// Tasks that no user sees, until [`Migrations::assign_tasks`] assigns them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HiddenTasks {
    /// Number of tasks that have no owner.
    pub without_owner: u64,
    /// The tasks whose owner is not a user.
    pub unknown_owners: UnknownOwners,
}

impl Migrations {
    /// Counts the tasks that no user sees. Reads the whole table `tasks`, and changes nothing. In bridge mode, the users are
    /// not known, so that only tasks without an owner are counted.
    ///
    /// # Errors
    /// [`MigrateError::Database`] if the database fails, or the role may not read the tables.
    pub async fn hidden_tasks(&self, db: &DatabaseConnection) -> Result<HiddenTasks, MigrateError> {
        let transaction = Transaction::begin_read_only(db).await?;
        let hidden = self.count_hidden(transaction.connection()).await;
        transaction.end(hidden).await
    }

    async fn count_hidden(&self, db: &DatabaseConnection) -> Result<HiddenTasks, DbErr> {
        let plan = self.context.plan(db).await?;
        Ok(HiddenTasks {
            without_owner: tasks::count_without_owner(db).await?,
            unknown_owners: tasks::unknown_owners(db, &plan, &self.context).await?,
        })
    }
}
