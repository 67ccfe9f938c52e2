//! Better Auth's tables, where the users are in this database.

use sea_orm_migration::prelude::*;

use crate::{better_auth, migrate, tasks};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        better_auth::make_or_adopt(db).await?;
        // The tasks were there first: so far the users were elsewhere.
        if migrate::applied(db, migrate::Users::Here).await?.iter().any(|name| name == tasks::STEP) {
            tasks::refer_to_users(db, migrate::Users::Here).await?;
        }
        Ok(())
    }

    /// Users and passwords are never dropped, least of all by somebody who only wants to be rid of Taskbridge:
    /// the tables stay.
    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
