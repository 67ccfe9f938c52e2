//! Errors of migrations.

use sea_orm_migration::DbErr;
use taskbridge_schema::Refusal;

/// An error from a migration. After any of these errors, the transaction in which it occurred has been rolled back.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be migrated. The text is one line that names the table and the column, and says what to do.
    #[error("{0}")]
    Refused(String),
    /// Better Auth's tables in the database cannot be used. Contains all reasons.
    #[error("{}", list(.0))]
    NotAdoptable(Vec<Refusal>),
    /// The database failed.
    #[error("{}", reason(.0))]
    Database(DbErr),
}

/// Returns all refusals in one line, and the alternative to resolving them.
fn list(refusals: &[Refusal]) -> String {
    let lines = refusals.iter().enumerate().map(|(index, refusal)| match refusals.len() {
        1 => refusal.to_string(),
        _ => format!("({}) {refusal}", index + 1),
    });
    let lines = lines.collect::<Vec<_>>().join(" ");
    // Bridge mode refuses wrong settings, too.
    if lines.contains("AUTH_MODE=bridge") || refusals.iter().any(Refusal::is_of_settings) {
        lines
    } else {
        format!("{lines}; AUTH_MODE=bridge works with this database")
    }
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

/// Part of an error message: the alternative to changing a table that cannot be adopted.
pub(crate) const OR_RENAME: &str = "or rename the table so that a new one is created";

/// Returns the error that refuses a table.
pub(crate) fn refused(table: &str, why: &str) -> DbErr {
    DbErr::Migration(format!("table \"{table}\": {why}"))
}

/// Returns the error that refuses a table because of a column.
pub(crate) fn refused_column(table: &str, column: &str, why: &str) -> DbErr {
    DbErr::Migration(format!("table \"{table}\", column \"{column}\": {why}"))
}
