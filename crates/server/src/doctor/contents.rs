//! The checks for pending migrations, for users who cannot sign in, for email addresses, and for columns that seem to mark users as
//! restricted but are not enforced.

use taskbridge_adapters::database::{CapitalizedEmails, RestrictionReport, Store};
use taskbridge_domain::ports::StoreError;
use taskbridge_migrations::{IMPORT_TASKS, MigrateError, Readiness, Users, import_resolves};
use taskbridge_schema::{AuthTable, Plan, Refusal};
use tokio::time::error::Elapsed;

use super::report::{Finding, fail, ok, skip, warn};
use crate::compose::{self, with_store_to_read};
use crate::settings::Settings;

const MIGRATIONS: &str = "migrations";
const RESTRICTIONS: &str = "restrictions";
const EMAILS: &str = "emails";

/// The result of the check of the migrations.
pub(super) struct MigrationCheck {
    /// A line about the pending migrations, or a failure for each reason for which they cannot be applied.
    pub(super) findings: Vec<Finding>,
    /// The reasons for which tables cannot be used.
    pub(super) refusals: Vec<Refusal>,
    /// The plan for Better Auth's tables; `None` if it was not read.
    pub(super) plan: Option<Plan>,
    /// `false` if the table `tasks` does not exist yet.
    pub(super) has_tasks: bool,
}

/// Checks whether the pending migrations can be applied.
pub(super) async fn migrations(settings: &Settings, users: Option<Users>, exists: bool) -> MigrationCheck {
    let check = |findings| MigrationCheck { findings, refusals: Vec::new(), plan: None, has_tasks: exists };
    let Some(users) = users else { return check(vec![skip(MIGRATIONS, "the auth mode is not known")]) };
    let migrations = compose::migrations(settings, users);
    let migrates = settings.database.migrate.is_on();
    if !exists {
        return check(vec![pending(&creates(&migrations.tables()), migrates)]);
    }
    let read = with_store_to_read(&settings.database, async |store| {
        let db = store.dedicated().await?;
        let readiness = migrations.check(&db, migrates).await;
        let plan = match &readiness {
            Ok(readiness) => readiness.plan.clone(),
            Err(_) => migrations.plan(&db).await?,
        };
        Ok((readiness, plan))
    });
    let (readiness, plan) = match read.await {
        Ok(read) => read,
        Err(error) if error.is::<Elapsed>() => {
            let advice = "check for database sessions that hold locks on the tables";
            return check(vec![fail(MIGRATIONS, "reading the schema timed out", advice)]);
        }
        Err(_) => return check(vec![unreadable_schema()]),
    };
    let is_tasks = |table: &String| table == "tasks";
    let has_tasks = !matches!(&readiness, Ok(readiness) if readiness.missing_tables.iter().any(is_tasks));
    let (findings, refusals) = match readiness {
        Ok(readiness) => (vec![judge_readiness(&readiness, migrates)], Vec::new()),
        Err(MigrateError::NotAdoptable(refusals)) => (refusals.iter().map(not_adoptable).collect(), refusals),
        Err(MigrateError::Refused(line)) => (vec![refusal(&line)], Vec::new()),
        Err(MigrateError::Database(_)) => (vec![unreadable_schema()], Vec::new()),
    };
    MigrationCheck { findings, refusals, plan: Some(plan), has_tasks }
}

/// The error is left to the command in the advice, because its text is that of the database driver.
fn unreadable_schema() -> Finding {
    fail(
        MIGRATIONS,
        "the schema cannot be read",
        "run: taskbridge migrate plan, which prints the error of the database",
    )
}

/// Returns the finding for rows that cannot be read. This is not a failure: if a privilege is missing, the check of the
/// migrations fails.
pub(super) fn unreadable(check: &'static str, error: &anyhow::Error) -> Finding {
    let is_slow = error.is::<Elapsed>() || matches!(error.downcast_ref(), Some(StoreError::Unavailable(_)));
    if is_slow {
        warn(check, "reading the rows timed out", "run the doctor when the database is idle")
    } else {
        skip(check, "the rows cannot be read; see the check migrations")
    }
}

fn not_adoptable(refusal: &Refusal) -> Finding {
    let Refusal { table, column, found, next } = refusal;
    let column = column.as_ref().map(|column| format!(", column \"{column}\"")).unwrap_or_default();
    let import = if import_resolves(refusal) && !next.contains(IMPORT_TASKS) {
        format!("; or resolve all reasons of the table at once, run: {IMPORT_TASKS}")
    } else {
        String::new()
    };
    fail(MIGRATIONS, format!("table \"{table}\"{column}: {found}"), format!("{next}{import}"))
}

fn refusal(line: &str) -> Finding {
    let (found, advice) = line.split_once("; ").unwrap_or((line, "change the table"));
    fail(MIGRATIONS, found, advice)
}

fn judge_readiness(readiness: &Readiness, migrates: bool) -> Finding {
    let names = readiness.pending();
    let ready = (!names.is_empty()).then(|| format!("pending, and ready to apply: {}", names.join(", ")));
    let Some(found) = ready.or_else(|| compose::pending(readiness)) else {
        return ok(MIGRATIONS, format!("all {} migrations have been applied", readiness.migrations.len()));
    };
    let missing_tables = &readiness.missing_tables;
    let found = if missing_tables.is_empty() { found } else { format!("{found}; {}", creates(missing_tables)) };
    pending(&found, migrates)
}

fn pending(found: &str, migrates: bool) -> Finding {
    if migrates {
        ok(MIGRATIONS, format!("{found}; the server applies the migrations when it starts"))
    } else {
        fail(MIGRATIONS, found, "run: taskbridge migrate up (database.migrate is off)")
    }
}

fn creates(tables: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = tables.iter().map(AsRef::as_ref).collect();
    format!("tables that will be created: {}", names.join(", "))
}

/// Counts the users who cannot sign in, and names columns that seem to restrict users.
pub(super) async fn restrictions(
    settings: &Settings,
    users: Option<Users>,
    exists: bool,
    check: &MigrationCheck,
) -> Finding {
    let judge = async |store: &Store| Ok(judge_restrictions(&store.restrictions().await?));
    of_users(RESTRICTIONS, settings, users, exists, check, judge).await
}

/// Checks that the email addresses of all users are in lower case, because other users cannot sign in with a password.
pub(super) async fn emails(settings: &Settings, users: Option<Users>, exists: bool, check: &MigrationCheck) -> Finding {
    let judge = async |store: &Store| Ok(judge_emails(&store.capitalized_emails().await?));
    of_users(EMAILS, settings, users, exists, check, judge).await
}

/// Runs a check of the rows of Better Auth's table `user`, if Taskbridge is the auth server.
async fn of_users(
    name: &'static str,
    settings: &Settings,
    users: Option<Users>,
    exists: bool,
    check: &MigrationCheck,
    judge: impl AsyncFnOnce(&Store) -> anyhow::Result<Finding>,
) -> Finding {
    match (users, &check.plan) {
        (None, _) => skip(name, "the auth mode is not known"),
        (Some(Users::Elsewhere), _) => skip(name, "the app's Better Auth signs users in"),
        (Some(Users::Here), None) if exists => skip(name, "the schema cannot be read; see the check migrations"),
        (Some(Users::Here), Some(plan)) if plan.existing.contains(&AuthTable::User) => {
            let judge_all = async |store: &Store| judge(&store.clone().with_map(plan.map.clone())).await;
            let finding = with_store_to_read(&settings.database, judge_all).await;
            finding.unwrap_or_else(|error| unreadable(name, &error))
        }
        (Some(Users::Here), _) => ok(name, "there are no users yet"),
    }
}

fn judge_restrictions(report: &RestrictionReport) -> Finding {
    let RestrictionReport { banned, second_factor, ignored } = report;
    let counts = [(banned, "banned"), (second_factor, "with a second factor")];
    let counts: Vec<_> = counts.iter().filter_map(|(users, what)| Some(format!("{} {what}", (**users)?))).collect();
    let found = if counts.is_empty() {
        "no plugin of Better Auth restricts users".to_owned()
    } else {
        format!("users: {}", counts.join(", "))
    };
    if !ignored.is_empty() {
        let columns = ignored.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let found = format!("{found}; columns of the table user that seem to restrict users: {columns}");
        let advice = "Taskbridge does not enforce these columns; restrict users with the column `banned` instead";
        return warn(RESTRICTIONS, found, advice);
    }
    if second_factor.is_some_and(|users| users > 0) {
        let advice = "users with a second factor cannot sign in at Taskbridge, only at the app's Better Auth";
        return warn(RESTRICTIONS, found, advice);
    }
    ok(RESTRICTIONS, found)
}

fn judge_emails(report: &CapitalizedEmails) -> Finding {
    let CapitalizedEmails { users, colliding, conversion, collisions } = report;
    if *users == 0 {
        return ok(EMAILS, "all email addresses are in lower case");
    }
    let found = format!(
        "users whose email address has capital letters: {users}; as with Better Auth, they cannot sign in with a password"
    );
    if *colliding == 0 {
        return warn(EMAILS, found, format!("run: {conversion}"));
    }
    let found = format!("{found}; in lower case, the addresses of {colliding} of them are those of other users, too");
    let advice =
        format!("run: {conversion}; and change the other addresses by hand, which this query finds: {collisions}");
    warn(EMAILS, found, advice)
}
