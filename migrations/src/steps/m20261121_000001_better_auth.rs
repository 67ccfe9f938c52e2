//! Creates or adopts Better Auth's tables. Not part of a database whose users are elsewhere.

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
        // The tasks come first in a database whose users were elsewhere until now.
        if ledger::applied(db, Users::Here).await?.iter().any(|name| name == TASKS) {
            tasks::refer_to_users(db, Users::Here).await?;
        }
        Ok(())
    }

    /// Keeps the tables: users and passwords are never dropped, and Better Auth may use them.
    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
