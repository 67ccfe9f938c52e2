//! The check of Better Auth's tables: under which names they are used, what the next start adds, and what an operator should
//! know about them.

use taskbridge_migrations::Users;
use taskbridge_schema::{AuthTable, Notice, Plan, Refusal};

use super::contents::MigrationCheck;
use super::report::{Finding, ok, skip, warn};
use crate::compose::bridge_mode_works;

const NAME: &str = "tables";

/// Returns a line that names the tables, and a warning for each notice. Tables that cannot be used are failures of the
/// check of the migrations.
pub(super) fn tables(users: Option<Users>, exists: bool, check: &MigrationCheck) -> Vec<Finding> {
    match &check.plan {
        _ if users.is_none() => vec![skip(NAME, "the auth mode is not known")],
        _ if !exists => vec![ok(NAME, "Better Auth's tables do not exist yet")],
        Some(plan) => findings(plan, &check.refusals),
        None => vec![skip(NAME, "the schema cannot be read; see the check migrations")],
    }
}

fn findings(plan: &Plan, refusals: &[Refusal]) -> Vec<Finding> {
    let notice = |Notice { found, next }: &Notice| warn(NAME, found, next);
    let summary = if plan.refusals.is_empty() {
        ok(NAME, summary(plan))
    } else {
        let alternative = if bridge_mode_works(if refusals.is_empty() { &plan.refusals } else { refusals }) {
            "; or set AUTH_MODE=bridge, which works with these tables"
        } else {
            ""
        };
        warn(NAME, summary(plan), format!("resolve the failures of the check of the migrations{alternative}"))
    };
    std::iter::once(summary).chain(plan.notices.iter().map(notice)).collect()
}

fn summary(plan: &Plan) -> String {
    let Plan { map, existing, additions, .. } = plan;
    let used = existing.iter().map(|table: &AuthTable| {
        let names = map.table(*table);
        if names.is_renamed(*table) {
            format!("{} is {}", table.name(), names.quoted())
        } else {
            table.name().to_owned()
        }
    });
    let used: Vec<_> = used.collect();
    let used = if used.is_empty() {
        "Better Auth's tables do not exist yet".to_owned()
    } else {
        format!("Better Auth's tables: {}", used.join(", "))
    };
    if additions.is_empty() {
        return used;
    }
    let additions: Vec<_> = additions.iter().map(ToString::to_string).collect();
    format!("{used}; the migration of the database will {} (taskbridge migrate plan)", additions.join(", "))
}
