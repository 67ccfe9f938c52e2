//! Creates Better Auth's tables, or adopts those that exist.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr};
use taskbridge_schema::{Addition, AdditionKind, AuthTable, Plan};

use crate::error::MigrateError;
use crate::migration::{Requirement, Table};

/// Returns the names of Better Auth's tables.
pub(crate) fn tables() -> Vec<&'static str> {
    AuthTable::ALL.map(AuthTable::name).into()
}

/// Returns the plan if all tables can be used.
///
/// # Errors
/// [`MigrateError::NotAdoptable`] with all refusals of the plan.
pub(crate) fn adoptable(plan: Plan) -> Result<Plan, MigrateError> {
    if plan.refusals.is_empty() { Ok(plan) } else { Err(MigrateError::NotAdoptable(plan.refusals)) }
}

/// Returns the privileges on existing tables that those changes of the plan require for which `is_wanted` returns `true`.
pub(crate) fn requirements(plan: &Plan, is_wanted: impl Fn(&Addition) -> bool) -> Vec<Requirement> {
    let altered = plan.additions.iter().filter(|addition| is_wanted(addition) && addition.kind != AdditionKind::Table);
    altered.map(|addition| Requirement::Ownership(Table::BetterAuth(addition.table))).collect()
}

/// Makes those changes of the plan for which `is_wanted` returns `true`, and returns their descriptions.
pub(crate) async fn add(
    db: &impl ConnectionTrait,
    plan: &Plan,
    is_wanted: impl Fn(&Addition) -> bool,
) -> Result<Vec<String>, DbErr> {
    let mut added = Vec::new();
    for addition in plan.additions.iter().filter(|addition| is_wanted(addition)) {
        for statement in &addition.statements {
            db.execute_unprepared(statement).await?;
        }
        added.push(addition.to_string());
    }
    Ok(added)
}
