//! Why the schema stays as it is.

use sea_orm_migration::DbErr;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// What is in the database cannot serve. One line, which names the table and the column, and says what to do.
    #[error("{0}")]
    Refused(String),
    /// The database fails.
    #[error("{}", reason(.0))]
    Database(DbErr),
}

/// Returns what the driver says. The error that carries it says nothing more.
fn reason(error: &DbErr) -> String {
    match error {
        DbErr::TryIntoErr { source, .. } => source.to_string(),
        error => error.to_string(),
    }
}

/// A step can only fail with an error of the database: [`DbErr::Migration`] is a refusal.
impl From<DbErr> for MigrateError {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::Migration(line) => Self::Refused(line),
            error => Self::Database(error),
        }
    }
}

/// A table cannot serve.
pub(crate) fn refused(table: &str, why: &str) -> DbErr {
    DbErr::Migration(format!("table \"{table}\": {why}"))
}

/// A column cannot serve.
pub(crate) fn refused_column(table: &str, column: &str, why: &str) -> DbErr {
    DbErr::Migration(format!("table \"{table}\", column \"{column}\": {why}"))
}
