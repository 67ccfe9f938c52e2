//! The transaction in which migrations run, and the lock that makes other processes wait.

use std::time::Duration;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use crate::catalog;
use crate::error::MigrateError;

/// The key of the advisory lock on PostgreSQL: the ASCII codes of "taskbrid".
const LOCK: i64 = 0x7461_736b_6272_6964;

/// The key of the advisory lock on PostgreSQL while a migration is executed outside of a transaction.
const BUILD_LOCK: i64 = LOCK + 1;

/// Time after which a process that waits for `BUILD_LOCK` tries again.
const RETRY: Duration = Duration::from_millis(250);

/// A transaction on a connection that nothing else uses.
///
/// Executes `begin` and `commit` as statements, because sea-orm would not report an error of `commit` on this
/// connection.
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

    /// Begins a read-only transaction that sees the database as it is at its first statement, and that may take long.
    pub(crate) async fn begin_snapshot(db: &'c DatabaseConnection) -> Result<Self, DbErr> {
        let begin = match db.get_database_backend() {
            DbBackend::Postgres => "begin isolation level repeatable read read only; set local statement_timeout = 0",
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

    /// Begins a transaction on PostgreSQL, and waits until no other process executes a migration outside of a
    /// transaction.
    ///
    /// `create index concurrently` waits for all transactions in the database that have a snapshot. Neither this
    /// transaction nor a process that waits for it may have one, or the migration would wait for ever. Therefore, the
    /// process waits without a transaction, and another statement follows the query for the lock, because a query with
    /// parameters or rows keeps its snapshot until the next statement.
    pub(crate) async fn begin_build(db: &'c DatabaseConnection) -> Result<Self, DbErr> {
        let lock = format!("select 1 where pg_try_advisory_xact_lock({BUILD_LOCK})");
        loop {
            db.execute_unprepared("begin isolation level read committed").await?;
            if catalog::exists(db, &lock).await? {
                db.execute_unprepared("select 1").await?;
                return Ok(Self(db));
            }
            db.execute_unprepared("rollback").await?;
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Returns `true` if no other process executes a migration outside of a transaction, and keeps others from doing so
    /// until the end of this transaction.
    pub(crate) async fn excludes_builds(&self) -> Result<bool, DbErr> {
        let lock = format!("select 1 where pg_try_advisory_xact_lock({BUILD_LOCK})");
        Ok(self.0.get_database_backend() != DbBackend::Postgres || catalog::exists(self.0, &lock).await?)
    }

    /// Rolls the transaction back. An error is ignored, because the transaction has only held a lock.
    pub(crate) async fn release(self) {
        _ = self.0.execute_unprepared("rollback").await;
    }

    /// Returns the connection on which the statements of the transaction must run.
    pub(crate) fn connection(&self) -> &'c DatabaseConnection {
        self.0
    }

    /// Commits the transaction if `result` is `Ok`, and otherwise rolls it back.
    pub(crate) async fn end<T, E>(self, result: Result<T, E>) -> Result<T, MigrateError>
    where
        MigrateError: From<E>,
    {
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
