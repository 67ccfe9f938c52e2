//! Creates Better Auth's tables, or adopts those that exist.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use taskbridge_schema::{Addition, AdditionKind, AuthTable, Plan};

use crate::context::Context;
use crate::error::{MigrateError, reason};
use crate::migration::{Requirement, Table};

/// Returns the names of Better Auth's tables.
pub(crate) fn tables() -> Vec<&'static str> {
    AuthTable::ALL.map(AuthTable::name).into()
}

/// Reads the plan again in a transaction in which it has been checked before: other sessions may have changed the tables
/// since then.
///
/// # Errors
/// A refusal if a table cannot be used.
pub(crate) async fn adoptable_plan(db: &impl ConnectionTrait, context: &Context) -> Result<Plan, DbErr> {
    let plan = context.plan(db).await?;
    if plan.refusals.is_empty() {
        return Ok(plan);
    }
    Err(DbErr::Migration(MigrateError::NotAdoptable(plan.refusals).to_string()))
}

/// Returns the privileges on existing tables that the changes of the plan require.
pub(crate) fn requirements(plan: &Plan) -> Vec<Requirement> {
    let altered = plan.additions.iter().filter(|addition| addition.kind != AdditionKind::Table);
    altered.map(|addition| Requirement::Ownership(Table::BetterAuth(addition.table))).collect()
}

/// Makes the changes of the plan, and returns their descriptions.
///
/// # Errors
/// A refusal on PostgreSQL if a table is locked for more than five seconds. Other sessions wait behind the statement
/// until then.
pub(crate) async fn add(db: &impl ConnectionTrait, plan: &Plan) -> Result<Vec<String>, DbErr> {
    let is_limited = !plan.additions.is_empty() && db.get_database_backend() == DbBackend::Postgres;
    if is_limited {
        db.execute_unprepared("set local lock_timeout = '5s'").await?;
    }
    let mut added = Vec::new();
    for addition in &plan.additions {
        // One script, so that no table is created without its index.
        db.execute_unprepared(&addition.statements.join("; ")).await.map_err(|error| named(error, addition))?;
        added.push(addition.to_string());
    }
    if is_limited {
        db.execute_unprepared("set local lock_timeout = 0").await?;
    }
    Ok(added)
}

/// Names the change and the next step in the error of a statement that could not lock a table in time.
fn named(error: DbErr, addition: &Addition) -> DbErr {
    // The migrations do not know the type of the driver's error.
    if !reason(&error).contains(LOCK_NOT_AVAILABLE) {
        return error;
    }
    DbErr::Migration(format!(
        "cannot {addition}: other sessions have locked the table, or one that it refers to, for more than five seconds; \
         try again when they have ended their transactions (see pg_stat_activity)"
    ))
}

/// The SQLSTATE of a statement that has waited for a lock longer than `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";
