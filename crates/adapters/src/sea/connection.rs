//! What sea-orm's queries run on, whichever database it is.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use super::postgres::{Failure, PgTransaction, Postgres};
use super::sqlite::with_text_dates;

/// The connections of a store.
#[derive(Debug, Clone)]
pub(super) enum Connection {
    Sqlite(DatabaseConnection),
    Postgres(Arc<Postgres>),
}

impl Connection {
    /// Begins a transaction that will write.
    pub(super) async fn begin(&self) -> Result<Transaction, DbErr> {
        match self {
            Self::Sqlite(connection) => {
                // Takes the write lock at once, and waits for it, instead of failing half-way.
                let options = TransactionOptions {
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                };
                connection.begin_with_options(options).await.map(Transaction::Sqlite)
            }
            Self::Postgres(postgres) => postgres.begin().await.map(Transaction::Postgres).map_err(db_err),
        }
    }

    /// Whether the database is there for us, found out without the connections that requests use.
    pub(super) async fn visit(&self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(connection) => connection.ping().await,
            Self::Postgres(postgres) => postgres.visit().await.map_err(db_err),
        }
    }

    /// Asks the database something that costs it nothing.
    pub(super) async fn ping(&self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(connection) => connection.ping().await,
            Self::Postgres(postgres) => postgres.ping().await.map_err(db_err),
        }
    }
}

/// Statements that take effect together, or not at all. Dropped without a word it is rolled back.
#[derive(Debug)]
pub(super) enum Transaction {
    Sqlite(DatabaseTransaction),
    Postgres(PgTransaction),
}

impl Transaction {
    /// Makes all of it last.
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await.map_err(db_err),
        }
    }

    /// Makes it last if it is `true`, and otherwise takes it back.
    pub(super) async fn end(self, outcome: Result<bool, DbErr>) -> Result<bool, DbErr> {
        if let Ok(true) = outcome {
            return self.commit().await.map(|()| true);
        }
        self.roll_back().await;
        outcome
    }

    /// Takes all of it back, and keeps the connection.
    pub(super) async fn roll_back(self) {
        match self {
            Self::Sqlite(transaction) => drop(transaction.rollback().await),
            Self::Postgres(transaction) => transaction.roll_back().await,
        }
    }
}

fn db_err(failure: Failure) -> DbErr {
    match failure {
        Failure::NoConnection => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        Failure::NoAnswer => DbErr::Conn(RuntimeErr::Internal(failure.to_string())),
        Failure::Driver(error) => DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))),
    }
}

/// sea-orm's trait, for both: SQLite with its form of dates, PostgreSQL by our own way to it.
macro_rules! run_statements {
    ($connection:ident) => {
        #[async_trait]
        impl ConnectionTrait for $connection {
            fn get_database_backend(&self) -> DbBackend {
                match self {
                    Self::Sqlite(_) => DbBackend::Sqlite,
                    Self::Postgres(_) => DbBackend::Postgres,
                }
            }

            async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
                match self {
                    Self::Sqlite(connection) => connection.execute_raw(with_text_dates(statement)).await,
                    Self::Postgres(postgres) => postgres.execute(&statement).await.map(Into::into).map_err(db_err),
                }
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
                    Self::Sqlite(connection) => connection.query_all_raw(with_text_dates(statement)).await,
                    Self::Postgres(postgres) => {
                        let rows = postgres.rows(&statement).await.map_err(db_err)?;
                        Ok(rows.into_iter().map(Into::into).collect())
                    }
                }
            }
        }
    };
}

run_statements!(Connection);
run_statements!(Transaction);
