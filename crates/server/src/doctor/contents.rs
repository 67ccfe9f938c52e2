//! The checks for pending migrations, for users who cannot sign in, for email addresses, and for columns that seem to mark users as
//! restricted but are not enforced.

use taskbridge_adapters::database::{CapitalizedEmails, RestrictionReport};
use taskbridge_migrations::{IMPORT_TASKS, MigrateError, Readiness, Users, import_resolves};
use taskbridge_schema::Refusal;
use tokio::time::error::Elapsed;

use super::report::{Finding, fail, ok, skip, warn};
use crate::compose::{self, with_store_to_read, with_tables_to_read};
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
}

/// Checks whether the pending migrations can be applied.
pub(super) async fn migrations(settings: &Settings, users: Option<Users>, exists: bool) -> MigrationCheck {
    let check = |findings| MigrationCheck { findings, refusals: Vec::new() };
    let Some(users) = users else { return check(vec![skip(MIGRATIONS, "the auth mode is not known")]) };
    let migrations = compose::migrations(settings, users);
    let migrates = settings.database.migrate.is_on();
    if !exists {
        return check(vec![pending(&creates(&migrations.tables()), migrates)]);
    }
    let readiness = with_store_to_read(&settings.database, async |store| {
        Ok(migrations.check(&store.dedicated().await?, migrates).await?)
    });
    match readiness.await {
        Ok(readiness) => check(vec![judge_readiness(&readiness, migrates)]),
        Err(error) if error.is::<Elapsed>() => check(vec![fail(
            MIGRATIONS,
            "reading the schema timed out",
            "check for database sessions that hold locks on the tables",
        )]),
        Err(error) => match error.downcast() {
            Ok(MigrateError::NotAdoptable(refusals)) => {
                MigrationCheck { findings: refusals.iter().map(not_adoptable).collect(), refusals }
            }
            Ok(MigrateError::Refused(line)) => check(vec![refusal(&line)]),
            Ok(error @ MigrateError::Database(_)) => check(vec![fail(MIGRATIONS, error.to_string(), SEE_LOG)]),
            Err(error) => check(vec![fail(MIGRATIONS, format!("{error:#}"), SEE_LOG)]),
        },
    }
}

const SEE_LOG: &str = "see the log of the database";

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
        let advice =
            "no action is needed if the server may apply them when it starts; otherwise run: taskbridge migrate up";
        warn(MIGRATIONS, found, advice)
    } else {
        fail(MIGRATIONS, found, "run: taskbridge migrate up (database.migrate is off)")
    }
}

fn creates(tables: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = tables.iter().map(AsRef::as_ref).collect();
    format!("tables that will be created: {}", names.join(", "))
}

pub(super) async fn restrictions(settings: &Settings, users: Option<Users>, exists: bool) -> Finding {
    let migrations = compose::migrations(settings, Users::Here);
    let report = with_tables_to_read(&settings.database, &migrations, async |store| Ok(store.restrictions().await?));
    match users {
        None => skip(RESTRICTIONS, "the auth mode is not known"),
        Some(Users::Elsewhere) => skip(RESTRICTIONS, "the app's Better Auth signs users in"),
        Some(Users::Here) if !exists => ok(RESTRICTIONS, "there are no users yet"),
        Some(Users::Here) => match report.await {
            Err(error) if error.is::<Elapsed>() => warn(
                RESTRICTIONS,
                "counting the restricted users timed out",
                "run the doctor when the database is idle",
            ),
            Err(error) => fail(RESTRICTIONS, format!("{error:#}"), SEE_LOG),
            Ok(report) => judge_restrictions(&report),
        },
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

/// Checks that the email addresses of all users are in lower case, because other users cannot sign in with a password.
pub(super) async fn emails(settings: &Settings, users: Option<Users>, exists: bool) -> Finding {
    let migrations = compose::migrations(settings, Users::Here);
    let report =
        with_tables_to_read(&settings.database, &migrations, async |store| Ok(store.capitalized_emails().await?));
    match users {
        None => skip(EMAILS, "the auth mode is not known"),
        Some(Users::Elsewhere) => skip(EMAILS, "the app's Better Auth signs users in"),
        Some(Users::Here) if !exists => ok(EMAILS, "there are no users yet"),
        Some(Users::Here) => match report.await {
            Err(error) if error.is::<Elapsed>() => {
                warn(EMAILS, "reading the email addresses timed out", "run the doctor when the database is idle")
            }
            // If a privilege is missing, the check of the migrations fails.
            Err(error) => skip(EMAILS, format!("the email addresses cannot be read: {error:#}")),
            Ok(report) => judge_emails(&report),
        },
    }
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
