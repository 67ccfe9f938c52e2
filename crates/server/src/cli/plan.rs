//! The report of `taskbridge migrate plan`.

use std::fmt;

use anyhow::anyhow;
use taskbridge_migrations::{MigrateError, Migrations};
use taskbridge_schema::{AuthTable, IdKind, Plan, TableMap, quoted};
use tokio::time::error::Elapsed;

use super::output::{one_line, tables_advice};
use crate::compose::{RUN_MIGRATE_UP, pending, with_store_to_read};
use crate::settings::DatabaseSettings;

/// What the next start of the server would use and change in the database, and each reason for which it would fail.
#[derive(Debug)]
pub(super) struct PlanReport {
    /// The plan for Better Auth's tables, with the refusals of all tables.
    plan: Plan,
    /// The pending migrations, in order, and what each does. `None` if the role may not read which ones are applied.
    pending: Option<Vec<String>>,
    /// The reasons for which the start would fail, besides the tables.
    refusals: Vec<String>,
}

/// Reads the plan for the database. Changes nothing.
///
/// # Errors
/// Returns an error that advises to look for locks if reading takes too long.
pub(super) async fn plan(settings: &DatabaseSettings, migrations: &Migrations) -> anyhow::Result<PlanReport> {
    let report = with_store_to_read(settings, async |store| {
        let db = store.dedicated().await?;
        let mut plan = migrations.plan(&db).await?;
        let migrates = settings.migrate.is_on();
        let refusals = match migrations.check(&db, migrates).await {
            Ok(readiness) if migrates || pending(&readiness).is_none() => Vec::new(),
            Ok(_) => vec![format!("database.migrate is off; run: {RUN_MIGRATE_UP}")],
            Err(MigrateError::NotAdoptable(refusals)) => {
                plan.refusals = refusals;
                Vec::new()
            }
            Err(MigrateError::Refused(line)) => vec![line],
            Err(error) => return Err(error.into()),
        };
        let pending = match migrations.status(&db).await {
            Ok(all) => {
                let lines = all.iter().zip(migrations.summaries()).filter(|(migration, _)| !migration.applied);
                Some(lines.map(|(migration, summary)| format!("{}: {summary}", migration.name)).collect())
            }
            Err(MigrateError::Refused(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(PlanReport { plan, pending, refusals })
    });
    report.await.map_err(|error| match error.downcast_ref() {
        Some(Elapsed { .. }) => anyhow!(
            "reading the schema timed out; check for database sessions that hold locks on the tables, and run the command again"
        ),
        None => error,
    })
}

impl PlanReport {
    /// Returns `true` if the start would succeed.
    pub(super) fn is_ready(&self) -> bool {
        self.refusals() == 0
    }

    fn refusals(&self) -> usize {
        self.plan.refusals.len() + self.refusals.len()
    }
}

impl fmt::Display for PlanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { map, existing, additions, refusals, notices } = &self.plan;
        writeln!(f, "Tables of Better Auth:")?;
        for (table, names) in map.tables() {
            if existing.contains(&table) {
                write_table(f, table, names)?;
            } else {
                writeln!(f, "  {}: missing", table.name())?;
            }
        }
        write_list(f, "Additions", additions.iter().map(|addition| format!("-- {addition}\n{}", addition.sql())))?;
        match &self.pending {
            Some(pending) => write_list(f, "Pending migrations", pending.iter().cloned())?,
            None => writeln!(f, "Pending migrations: unknown")?,
        }
        write_list(f, "Warnings", notices.iter().map(|notice| one_line(&notice.to_string())))?;
        let reasons =
            refusals.iter().map(|refusal| one_line(&refusal.to_string())).chain(self.refusals.iter().cloned());
        write_list(f, "Refusals", reasons)?;
        match self.refusals() {
            0 => write!(f, "The server would start."),
            1 => write!(f, "The server would not start, for 1 reason."),
            count => write!(f, "The server would not start, for {count} reasons."),
        }?;
        match tables_advice(refusals) {
            Some(advice) => write!(f, " {advice}"),
            None => Ok(()),
        }
    }
}

/// Writes the name of a table, the kind of its ids, and the names of its columns that differ from those of Better Auth.
fn write_table(f: &mut fmt::Formatter<'_>, table: AuthTable, names: &TableMap) -> fmt::Result {
    let ids = match names.id {
        IdKind::Text => "text",
        IdKind::Uuid => "uuid",
        IdKind::Integer { .. } => "integer",
    };
    writeln!(f, "  {}: {}, ids: {ids}", table.name(), one_line(&names.quoted()))?;
    for column in table.columns() {
        if let Some(found) = names.columns.get(column).filter(|found| found.name != *column) {
            writeln!(f, "    {column}: {}", one_line(&quoted(&found.name)))?;
        }
    }
    Ok(())
}

fn write_list(f: &mut fmt::Formatter<'_>, title: &str, items: impl Iterator<Item = String>) -> fmt::Result {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return writeln!(f, "{title}: none");
    }
    writeln!(f, "{title}:")?;
    for item in items {
        for line in item.lines() {
            writeln!(f, "  {line}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use taskbridge_schema::{Addition, AdditionKind, Notice, Refusal, SchemaMap};

    use super::*;

    fn report() -> PlanReport {
        let mut users = TableMap::canonical(AuthTable::User);
        (users.schema, users.name, users.id) = (Some("my app".into()), "users".into(), IdKind::Uuid);
        users.columns.get_mut("emailVerified").unwrap().name = "email_verified".into();
        users.columns.get_mut("name").unwrap().name = "a \"b\"\n; drop table x --".into();
        let existing = [AuthTable::User, AuthTable::Session].into();
        let map = SchemaMap::new(BTreeMap::from([(AuthTable::User, users)]));
        PlanReport {
            plan: Plan { map, existing, additions: Vec::new(), refusals: Vec::new(), notices: Vec::new() },
            pending: Some(Vec::new()),
            refusals: Vec::new(),
        }
    }

    #[test]
    fn a_plan_without_changes_is_short() {
        let mut report = report();
        report.plan.map = SchemaMap::canonical();
        report.plan.existing = AuthTable::ALL.into_iter().collect::<BTreeSet<_>>();
        assert!(report.is_ready());
        let expected = "Tables of Better Auth:
  user: \"user\", ids: text
  session: \"session\", ids: text
  account: \"account\", ids: text
  verification: \"verification\", ids: text
  jwks: \"jwks\", ids: text
  rateLimit: \"rateLimit\", ids: text
Additions: none
Pending migrations: none
Warnings: none
Refusals: none
The server would start.";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn a_plan_lists_names_changes_warnings_and_refusals() {
        let mut report = report();
        report.plan.additions.push(Addition {
            table: AuthTable::RateLimit,
            name: "\"rateLimit\"".into(),
            kind: AdditionKind::UniqueIndexOnEmptied("key".into()),
            statements: vec![
                "delete from \"rateLimit\"".into(),
                "create unique index on \"rateLimit\" (\"key\")".into(),
            ],
        });
        report.plan.notices.push(Notice { found: "rows are hidden".into(), next: "run: alter role".into() });
        report.plan.refusals.push(Refusal {
            table: "users".into(),
            column: Some("tenant".into()),
            found: "is required".into(),
            next: "run: alter table".into(),
        });
        report.pending = Some(vec!["m1: creates tables".into()]);
        report.refusals.push("the role lacks select; run: grant select".into());
        assert!(!report.is_ready());
        let expected = "Tables of Better Auth:
  user: \"my app\".\"users\", ids: uuid
    name: \"a \"\"b\"\"\\n; drop table x --\"
    emailVerified: \"email_verified\"
  session: \"session\", ids: text
  account: missing
  verification: missing
  jwks: missing
  rateLimit: missing
Additions:
  -- empty the table \"rateLimit\" and make its column \"key\" unique
  delete from \"rateLimit\";
  create unique index on \"rateLimit\" (\"key\");
Pending migrations:
  m1: creates tables
Warnings:
  rows are hidden; run: alter role
Refusals:
  table \"users\", column \"tenant\": is required; run: alter table
  the role lacks select; run: grant select
The server would not start, for 2 reasons. AUTH_MODE=bridge works with these tables.";
        assert_eq!(report.to_string(), expected);
        report.pending = None;
        assert!(report.to_string().contains("\nPending migrations: unknown\n"));

        report.plan.refusals.push(Refusal {
            table: "tasks".into(),
            column: Some("id".into()),
            found: "is uuid".into(),
            next: "run: taskbridge tasks import --from tasks".into(),
        });
        assert!(report.to_string().ends_with("\nThe server would not start, for 3 reasons."), "{report}");
    }
}
