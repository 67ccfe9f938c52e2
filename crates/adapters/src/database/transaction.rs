//! Transactions on either database.

use async_trait::async_trait;
use sea_orm::DbErr;

use super::postgres::{self, PgTransaction};
use super::sqlite::{self, SqliteTransaction};

/// The statements of one transaction. They may be run twice, if the first transaction certainly had no effect.
#[async_trait]
pub(super) trait Work: Sync {
    /// Executes the statements. Returns `false` if the transaction is to be rolled back.
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr>;
}

/// Statements that take effect together or not at all. Dropped without an end, it is rolled back.
#[derive(Debug)]
pub(super) enum Transaction {
    Sqlite(SqliteTransaction),
    Postgres(PgTransaction),
}

impl Transaction {
    /// Commits if the outcome is `true`, and otherwise rolls back.
    pub(super) async fn end(self, outcome: Result<bool, DbErr>) -> Result<bool, DbErr> {
        match (self, &outcome) {
            (Self::Sqlite(transaction), Ok(true)) => transaction.commit().await.map_err(sqlite::db_err)?,
            (Self::Postgres(transaction), Ok(true)) => transaction.commit().await.map_err(postgres::db_err)?,
            (Self::Sqlite(transaction), _) => transaction.roll_back().await,
            (Self::Postgres(transaction), _) => transaction.roll_back().await,
        }
        outcome
    }
}
