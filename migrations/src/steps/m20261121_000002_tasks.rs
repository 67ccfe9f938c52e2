//! Creates or adopts the table `tasks`.

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use taskbridge_schema::{AuthTable, Refusal};

use crate::adopt::tasks;
use crate::context::Context;
use crate::migration::{Execution, Migration, Requirement, Table};
use crate::users::Users;

/// The name of the migration.
pub(super) const TASKS: &str = "m20261121_000002_tasks";

pub(super) struct Tasks;

#[async_trait::async_trait]
impl Migration for Tasks {
    fn name(&self) -> &'static str {
        TASKS
    }

    fn summary(&self) -> &'static str {
        "creates or adopts the table `tasks`"
    }

    fn is_for(&self, _users: Users) -> bool {
        true
    }

    fn tables(&self) -> Vec<&'static str> {
        vec!["tasks"]
    }

    fn owned_tables(&self) -> Vec<&'static str> {
        vec!["tasks"]
    }

    async fn requirements(&self, _db: &DatabaseConnection, context: &Context) -> Result<Vec<Requirement>, DbErr> {
        let mut requirements = vec![Requirement::Ownership(Table::Ours("tasks"))];
        if context.users == Users::Here {
            requirements.push(Requirement::References(Table::BetterAuth(AuthTable::User)));
        }
        Ok(requirements)
    }

    async fn check(&self, db: &DatabaseConnection, context: &Context) -> Result<Vec<Refusal>, DbErr> {
        tasks::refusals(db, context).await
    }

    async fn execution(&self, _db: &DatabaseConnection) -> Result<Execution, DbErr> {
        Ok(Execution::InTransaction)
    }

    async fn up(&self, db: &DatabaseConnection, context: &Context, _execution: Execution) -> Result<(), DbErr> {
        tasks::create_or_adopt(db, context).await
    }

    async fn down(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        tasks::drop_empty(db).await
    }
}
