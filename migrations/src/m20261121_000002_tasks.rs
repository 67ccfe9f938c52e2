//! The tasks, each of a user.

use sea_orm_migration::prelude::*;

use crate::migrate::Users;
use crate::tasks;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration(pub(crate) Users);

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tasks::make_or_adopt(manager.get_connection(), self.0).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tasks::drop_empty(manager.get_connection()).await
    }
}
