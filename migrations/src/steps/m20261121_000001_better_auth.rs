//! Creates or adopts Better Auth's tables.

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use taskbridge_schema::Refusal;

use super::m20261121_000002_tasks::TASKS;
use crate::adopt::{better_auth, tasks};
use crate::context::Context;
use crate::ledger;
use crate::migration::{Execution, Migration, Requirement};
use crate::users::Users;

pub(super) struct BetterAuth;

#[async_trait::async_trait]
impl Migration for BetterAuth {
    fn name(&self) -> &'static str {
        "m20261121_000001_better_auth"
    }

    fn summary(&self) -> &'static str {
        "creates or adopts Better Auth's tables (not in bridge mode)"
    }

    fn is_for(&self, users: Users) -> bool {
        users == Users::Here
    }

    fn tables(&self) -> Vec<&'static str> {
        better_auth::tables()
    }

    fn owned_tables(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Returns nothing: the requirements of the plan are checked at each start.
    async fn requirements(&self, _db: &DatabaseConnection, _context: &Context) -> Result<Vec<Requirement>, DbErr> {
        Ok(Vec::new())
    }

    /// Does nothing: the plan for Better Auth's tables is checked at each start.
    async fn check(&self, _db: &DatabaseConnection, _context: &Context) -> Result<Vec<Refusal>, DbErr> {
        Ok(Vec::new())
    }

    async fn execution(&self, _db: &DatabaseConnection) -> Result<Execution, DbErr> {
        Ok(Execution::InTransaction)
    }

    async fn up(&self, db: &DatabaseConnection, context: &Context, _execution: Execution) -> Result<(), DbErr> {
        better_auth::add(db, &better_auth::adoptable_plan(db, context).await?).await?;
        // If the users were elsewhere until now, the tables of resources already exist and may lack their foreign keys.
        if ledger::contains(db, TASKS).await? {
            for table in &context.owned_tables {
                tasks::refer_to_users(db, context, table).await?;
            }
        }
        Ok(())
    }

    /// Does nothing: the tables are kept, because they contain users and passwords, and Better Auth may use them.
    async fn down(&self, _db: &DatabaseConnection) -> Result<(), DbErr> {
        Ok(())
    }
}
