//! Errors of migrations.

use sea_orm_migration::DbErr;
use taskbridge_schema::Refusal;

/// An error from a migration. After any of these errors, the transaction in which it occurred has been rolled back.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be migrated. The text is one line that names the cause and says what to do.
    #[error("{0}")]
    Refused(String),
    /// Better Auth's tables or the table `tasks` cannot be used. Contains all reasons.
    #[error("{}", list(.0))]
    NotAdoptable(Vec<Refusal>),
    /// The database failed.
    #[error("{}", reason(.0))]
    Database(DbErr),
}

/// Returns all refusals in one line, and the alternative to resolving them one by one.
fn list(refusals: &[Refusal]) -> String {
    let lines = refusals.iter().enumerate().map(|(index, refusal)| match refusals.len() {
        1 => refusal.to_string(),
        _ => format!("({}) {refusal}", index + 1),
    });
    let lines = lines.collect::<Vec<_>>().join(" ");
    // Bridge mode refuses wrong settings and the table `tasks`, too.
    if let Some(advice) = import_advice(refusals) {
        format!("{lines}; {advice}")
    } else if lines.contains("AUTH_MODE=bridge")
        || refusals.iter().any(|refusal| refusal.is_of_settings() || refusal.is_of_tasks())
    {
        lines
    } else {
        format!("{lines}; AUTH_MODE=bridge works with this database")
    }
}

/// The command that copies the rows of an existing table `tasks` into a new one.
pub const IMPORT_TASKS: &str = "taskbridge tasks import --from tasks";

/// The beginning of the next step for values that have to be corrected: the import refuses them, too.
pub(crate) const CORRECT_ROWS: &str = "correct the rows";

/// The beginning of the next step for a table whose rows the import could not tell apart.
pub(crate) const RUN_FIRST: &str = "first run: ";

/// The beginning of the next step for a table that is gone.
pub(crate) const RESTORE: &str = "restore it";

/// Returns `true` if the command [`IMPORT_TASKS`] resolves the refusal.
#[must_use]
pub fn import_resolves(refusal: &Refusal) -> bool {
    refusal.is_of_tasks() && ![CORRECT_ROWS, RUN_FIRST, RESTORE].iter().any(|first| refusal.next.starts_with(first))
}

/// Returns the sentence that names the command which resolves all refusals of the table `tasks`. `None` if there are no
/// such refusals, or the only one names the command itself.
#[must_use]
pub fn import_advice(refusals: &[Refusal]) -> Option<String> {
    let of_tasks: Vec<_> = refusals.iter().filter(|refusal| refusal.is_of_tasks()).collect();
    let is_told = matches!(of_tasks.as_slice(), [only] if only.next.contains(IMPORT_TASKS));
    if is_told || !of_tasks.iter().any(|refusal| import_resolves(refusal)) {
        return None;
    }
    let has_options = of_tasks.iter().any(|refusal| refusal.next.contains(&format!("{IMPORT_TASKS} --")));
    let options = if has_options { ", with the options above," } else { "" };
    let (which, after) = if of_tasks.iter().all(|refusal| import_resolves(refusal)) {
        ("all", "")
    } else {
        ("all other", ", after these have been resolved")
    };
    Some(format!(
        "{IMPORT_TASKS}{options} resolves {which} reasons of the table \"tasks\"{after}: it keeps the table as \
         \"tasks_old\", and copies the rows into a new one"
    ))
}

/// Returns the text of the database driver's error, without the text that sea-orm's error adds to it.
pub(crate) fn reason(error: &DbErr) -> String {
    match error {
        DbErr::TryIntoErr { source, .. } => source.to_string(),
        error => error.to_string(),
    }
}

/// A migration can return only sea-orm's error type, so it returns a refusal as [`DbErr::Migration`], which is
/// converted here.
impl From<DbErr> for MigrateError {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::Migration(line) => Self::Refused(line),
            error => Self::Database(error),
        }
    }
}

/// Returns `Ok` if there are no refusals.
///
/// # Errors
/// [`MigrateError::NotAdoptable`] with the refusals.
pub(crate) fn accept(refusals: Vec<Refusal>) -> Result<(), MigrateError> {
    if refusals.is_empty() { Ok(()) } else { Err(MigrateError::NotAdoptable(refusals)) }
}

/// Returns the reason for which a column prevents the use of a table.
pub(crate) fn refusal(table: &str, column: &str, found: impl Into<String>, next: impl Into<String>) -> Refusal {
    Refusal { table: table.to_owned(), column: Some(column.to_owned()), found: found.into(), next: next.into() }
}

/// Returns the error that refuses a table.
pub(crate) fn refused(table: &str, why: &str) -> DbErr {
    DbErr::Migration(format!("table \"{table}\": {why}"))
}

/// Returns the error that refuses a table because of a column.
pub(crate) fn refused_column(table: &str, column: &str, why: &str) -> DbErr {
    DbErr::Migration(format!("table \"{table}\", column \"{column}\": {why}"))
}
