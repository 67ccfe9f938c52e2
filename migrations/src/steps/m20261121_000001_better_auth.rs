//! Creates or adopts Better Auth's tables. In bridge mode, this migration is not applied.

use sea_orm_migration::prelude::*;

use crate::adopt::{better_auth, tasks};
use crate::ledger;
use crate::status::TASKS;
use crate::users::Users;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        better_auth::create_or_adopt(db).await?;
        // If the users were elsewhere until now, the table `tasks` already exists and may lack its foreign key.
        if ledger::applied(db, Users::Here).await?.iter().any(|name| name == TASKS) {
            tasks::refer_to_users(db, Users::Here).await?;
        }
        Ok(())
    }

    /// Does nothing: the tables are kept, because they contain users and passwords, and Better Auth may use them.
    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
