//! Transactions on PostgreSQL.

use sea_orm::{QueryResult, Statement};
use tokio::sync::Mutex;

use super::connection::PostgresReply;
use super::error::{Effect, StatementError};
use super::pooled_connection::PooledConnection;

/// A transaction. It is rolled back if it is dropped before it is committed.
pub(in crate::database) struct PostgresTransaction(
    /// The connection is in a mutex, because sea-orm executes statements through a shared reference.
    Mutex<PooledConnection>,
);

impl PostgresTransaction {
    /// Begins a transaction on a connection.
    pub(super) async fn begin(mut connection: PooledConnection) -> Result<Self, StatementError> {
        connection.is_in_transaction = true;
        connection.exchange(Effect::None, async |connection| connection.run_script("begin").await).await?;
        Ok(Self(Mutex::new(connection)))
    }

    async fn run(&self, statement: &Statement) -> Result<PostgresReply, StatementError> {
        self.0.lock().await.exchange(Effect::None, async |connection| connection.run(statement).await).await
    }

    /// Executes a statement and returns its rows.
    pub(in crate::database) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, StatementError> {
        self.run(statement).await?.proxy_rows()
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(in crate::database) async fn execute(&self, statement: &Statement) -> Result<u64, StatementError> {
        Ok(self.run(statement).await?.rows_affected)
    }

    /// Commits the transaction.
    pub(in crate::database) async fn commit(self) -> Result<(), StatementError> {
        self.end("commit", Effect::Lasting).await
    }

    /// Rolls the transaction back.
    pub(in crate::database) async fn roll_back(self) {
        // If `rollback` fails, the connection is closed, which has the same effect.
        _ = self.end("rollback", Effect::None).await;
    }

    async fn end(self, command: &str, effect: Effect) -> Result<(), StatementError> {
        let mut connection = self.0.into_inner();
        let ended = connection.exchange(effect, async |connection| connection.run_script(command).await).await;
        connection.is_in_transaction = ended.is_err();
        ended
    }
}
