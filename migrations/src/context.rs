//! What migrations depend on.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr};
use taskbridge_schema::{Overrides, Plan, Purpose};

use crate::users::Users;
use crate::{other_tables, owner_ids};

/// What migrations depend on: settings, and the other migrations.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) users: Users,
    /// The names that the operator gives for Better Auth's tables and columns.
    pub(crate) overrides: Overrides,
    /// The tables whose rows belong to users.
    pub(crate) owned_tables: Vec<&'static str>,
}

impl Context {
    /// Reads which of Better Auth's tables the database has, and what Taskbridge needs before it can use them. The notices
    /// also name tables that contain tasks of another backend. Changes nothing.
    pub(crate) async fn plan(&self, db: &impl ConnectionTrait) -> Result<Plan, DbErr> {
        let purpose = match self.users {
            Users::Here => Purpose::Server,
            Users::Elsewhere => Purpose::Bridge,
        };
        let mut plan = Plan::read(db, purpose, &self.overrides).await?;
        if self.users == Users::Elsewhere {
            // The ids of users are those in the tokens. A table of users in this database may belong to another app.
            plan.map = plan.map.with_owners(owner_ids::kind(db).await?);
        }
        plan.map = plan.map.with_owned_tables(self.owned_tables.clone());
        plan.notices.extend(other_tables::notices(db).await?);
        Ok(plan)
    }
}
