//! The transaction in which migrations run, and the lock that makes other processes wait.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use crate::error::MigrateError;

/// The key of the advisory lock on PostgreSQL: the ASCII codes of "taskbrid".
const LOCK: i64 = 0x7461_736b_6272_6964;

/// A transaction on a connection that nothing else uses.
///
/// Executes `begin` and `commit` as statements, because sea-orm would not report an error of `commit` on this
/// connection. The transactions that sea-orm's migrator begins within this one have no effect.
pub(crate) struct Transaction<'c>(&'c DatabaseConnection);

impl<'c> Transaction<'c> {
    /// Begins a read-only transaction.
    pub(crate) async fn begin_read_only(db: &'c DatabaseConnection) -> Result<Self, DbErr> {
        let begin = match db.get_database_backend() {
            DbBackend::Postgres => "begin read only",
            _ => "begin",
        };
        db.execute_unprepared(begin).await?;
        Ok(Self(db))
    }

    /// Begins a transaction, and waits until no other process is in an exclusive transaction.
    pub(crate) async fn begin_exclusive(db: &'c DatabaseConnection) -> Result<Self, DbErr> {
        let begin = match db.get_database_backend() {
            // The timeouts are disabled, because waiting for another process and rewriting a large table may take long.
            // With `read committed`, the statements after the wait see what the other process has committed.
            DbBackend::Postgres => format!(
                "begin isolation level read committed; set local statement_timeout = 0; set local lock_timeout = 0; \
                 select pg_advisory_xact_lock({LOCK})"
            ),
            _ => "begin immediate".to_owned(),
        };
        db.execute_unprepared(&begin).await?;
        Ok(Self(db))
    }

    /// Returns the connection on which the statements of the transaction must run.
    pub(crate) fn connection(&self) -> &'c DatabaseConnection {
        self.0
    }

    /// Commits the transaction if `result` is `Ok`, and otherwise rolls it back.
    pub(crate) async fn end<T>(self, result: Result<T, DbErr>) -> Result<T, MigrateError> {
        match result {
            Ok(value) => {
                self.0.execute_unprepared("commit").await?;
                Ok(value)
            }
            Err(error) => {
                // An error of `rollback` is ignored: it means that the connection is broken, in which case the database
                // rolls the transaction back by itself.
                _ = self.0.execute_unprepared("rollback").await;
                Err(error.into())
            }
        }
    }
}
