//! Transactions on either database.

use async_trait::async_trait;
use sea_orm::DbErr;

use super::driver_error::to_db_err;
use super::postgres::PostgresTransaction;
use super::sqlite::SqliteTransaction;

/// The statements of a transaction. They run a second time if the first attempt failed and certainly had no effect.
#[async_trait]
pub(super) trait TransactionBody: Sync {
    /// Executes the statements. Returns `false` to roll the transaction back.
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr>;
}

/// A transaction. It is rolled back when it is dropped before [`end`](Self::end).
#[derive(Debug)]
pub(super) enum Transaction {
    Sqlite(SqliteTransaction),
    Postgres(PostgresTransaction),
}

impl Transaction {
    /// Commits the transaction if `outcome` is `Ok(true)`, and otherwise rolls it back.
    pub(super) async fn end(self, outcome: Result<bool, DbErr>) -> Result<bool, DbErr> {
        match (self, &outcome) {
            (Self::Sqlite(transaction), Ok(true)) => transaction.commit().await.map_err(to_db_err)?,
            (Self::Postgres(transaction), Ok(true)) => transaction.commit().await.map_err(to_db_err)?,
            (Self::Sqlite(transaction), _) => transaction.roll_back().await,
            (Self::Postgres(transaction), _) => transaction.roll_back().await,
        }
        outcome
    }
}
