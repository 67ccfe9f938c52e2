//! The connection pool of a store, its transactions, and sea-orm's `ConnectionTrait` for both.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, ProxyExecResult, QueryResult, Statement};

use super::driver_error::to_db_err;
use super::error::is_repeatable;
use super::postgres::{Postgres, PostgresTransaction, ShortReads};
use super::sqlite::{Sqlite, SqliteTransaction};

/// The connection pool of a SQLite file or of a PostgreSQL database.
#[derive(Debug, Clone)]
pub(super) enum ConnectionPool {
    Sqlite(Sqlite),
    Postgres(Arc<Postgres>),
}

impl ConnectionPool {
    /// Runs `body` in a transaction, which is committed if `body` returns `true` and rolled back otherwise. Runs `body`
    /// a second time if the error of the first attempt, such as a deadlock, proves that the attempt had no effect.
    pub(super) async fn transaction(&self, body: &impl TransactionBody) -> Result<bool, DbErr> {
        match self.attempt(body).await {
            Err(error) if is_repeatable(&error) => self.attempt(body).await,
            result => result,
        }
    }

    async fn attempt(&self, body: &impl TransactionBody) -> Result<bool, DbErr> {
        let transaction = self.begin().await?;
        let outcome = body.run(&transaction).await;
        transaction.end(outcome).await
    }

    /// Begins a transaction that will write. On SQLite, it takes the write lock at once.
    async fn begin(&self) -> Result<Transaction, DbErr> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin().await.map(Transaction::Sqlite).map_err(to_db_err),
            Self::Postgres(postgres) => postgres.begin().await.map(Transaction::Postgres).map_err(to_db_err),
        }
    }

    /// Returns the same pool for statements that read few rows by an index.
    pub(super) fn reads(&self) -> Reads {
        match self {
            Self::Sqlite(sqlite) => Reads::Sqlite(sqlite.clone()),
            Self::Postgres(postgres) => Reads::Postgres(ShortReads(Arc::clone(postgres))),
        }
    }

    /// Checks that the database responds and, for PostgreSQL, that it accepts writes (is not a read-only replica).
    pub(super) async fn check(&self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(sqlite) => sqlite.check().await.map_err(to_db_err),
            Self::Postgres(postgres) => postgres.check_writable().await.map_err(to_db_err),
        }
    }
}

/// A connection pool for statements that read few rows by an index. On PostgreSQL, they share connections.
pub(super) enum Reads {
    Sqlite(Sqlite),
    Postgres(ShortReads),
}

/// The statements of a transaction. They run a second time if the first attempt failed and certainly had no effect.
#[async_trait]
pub(super) trait TransactionBody: Sync {
    /// Executes the statements. Returns `false` to roll the transaction back.
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr>;
}

/// A transaction. It is rolled back if it is dropped before [`end`](Self::end).
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

/// Implements sea-orm's `ConnectionTrait` for a type with the variants `Sqlite` and `Postgres`, by calling the methods
/// of the variant in use.
macro_rules! impl_connection_trait {
    ($pool:ident) => {
        #[async_trait]
        impl ConnectionTrait for $pool {
            fn get_database_backend(&self) -> DbBackend {
                match self {
                    Self::Sqlite(_) => DbBackend::Sqlite,
                    Self::Postgres(_) => DbBackend::Postgres,
                }
            }

            async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
                let rows_affected = match self {
                    Self::Sqlite(sqlite) => sqlite.execute(&statement).await.map_err(to_db_err)?,
                    Self::Postgres(postgres) => postgres.execute(&statement).await.map_err(to_db_err)?,
                };
                Ok(ProxyExecResult { rows_affected, ..ProxyExecResult::default() }.into())
            }

            async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
                let backend = self.get_database_backend();
                self.execute_raw(Statement::from_string(backend, sql)).await
            }

            async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
                Ok(self.query_all_raw(statement).await?.into_iter().next())
            }

            async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
                match self {
                    Self::Sqlite(sqlite) => sqlite.query(&statement).await.map_err(to_db_err),
                    Self::Postgres(postgres) => postgres.query(&statement).await.map_err(to_db_err),
                }
            }
        }
    };
}

impl_connection_trait!(ConnectionPool);
impl_connection_trait!(Reads);
impl_connection_trait!(Transaction);
