//! Creates or adopts the table `tasks`.

use sea_orm_migration::prelude::*;

use crate::adopt::tasks;
use crate::users::Users;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration(pub(crate) Users);

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tasks::create_or_adopt(manager.get_connection(), self.0).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tasks::drop_empty(manager.get_connection()).await
    }
}
