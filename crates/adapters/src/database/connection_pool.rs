//! The connection pool of a store, its transactions, and sea-orm's `ConnectionTrait` for both.
//!
//! Statements contain markers instead of the names of Better Auth's tables and columns. They are replaced here, for
//! every statement.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, ProxyExecResult, QueryResult, Statement};
use taskbridge_schema::{AuthTable, IdKind, Rewriter};

use super::driver_error::to_db_err;
use super::error::is_repeatable;
use super::postgres::{Postgres, PostgresTransaction, ShortReads};
use super::sqlite::{Sqlite, SqliteTransaction};

/// One of the two drivers.
#[derive(Debug, Clone)]
pub(super) enum Driver<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// Executes statements with one of the two drivers, on the tables of the rewriter's map.
#[derive(Debug, Clone)]
pub(super) struct Executor<S, P> {
    pub(super) driver: Driver<S, P>,
    pub(super) rewriter: Arc<Rewriter>,
}

/// The connection pool of a SQLite file or of a PostgreSQL database.
pub(super) type ConnectionPool = Executor<Sqlite, Arc<Postgres>>;
/// A connection pool for statements that read few rows by an index. On PostgreSQL, they share connections.
pub(super) type Reads = Executor<Sqlite, ShortReads>;
/// A transaction. It is rolled back if it is dropped before [`end`](Transaction::end).
pub(super) type Transaction = Executor<SqliteTransaction, PostgresTransaction>;

impl<S, P> Executor<S, P> {
    /// Returns an executor of another driver on the same tables.
    pub(super) fn with<S2, P2>(&self, driver: Driver<S2, P2>) -> Executor<S2, P2> {
        Executor { driver, rewriter: Arc::clone(&self.rewriter) }
    }

    /// Returns the kind of ids in a table.
    pub(super) fn id_kind(&self, table: AuthTable) -> IdKind {
        self.rewriter.map().table(table).id
    }

    /// Returns the kind of the ids of the owners of tasks.
    pub(super) fn owner_kind(&self) -> IdKind {
        self.rewriter.map().owners()
    }

    /// Replaces the markers in the text of a statement.
    ///
    /// # Errors
    /// [`DbErr::Custom`] if the map does not contain a table or column of the statement.
    pub(super) fn rewrite<'a>(&self, sql: &'a str) -> Result<Cow<'a, str>, DbErr> {
        self.rewriter.rewrite(sql).map_err(|error| DbErr::Custom(error.to_string()))
    }

    /// Returns the statement with the names that the database uses.
    fn rewritten(&self, statement: Statement) -> Result<Statement, DbErr> {
        Ok(match self.rewrite(&statement.sql)? {
            Cow::Borrowed(_) => statement,
            Cow::Owned(sql) => Statement { sql, ..statement },
        })
    }
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
        let driver = match &self.driver {
            Driver::Sqlite(sqlite) => sqlite.begin().await.map(Driver::Sqlite).map_err(to_db_err)?,
            Driver::Postgres(postgres) => postgres.begin().await.map(Driver::Postgres).map_err(to_db_err)?,
        };
        Ok(self.with(driver))
    }

    /// Returns the same pool for statements that read few rows by an index.
    pub(super) fn reads(&self) -> Reads {
        self.with(match &self.driver {
            Driver::Sqlite(sqlite) => Driver::Sqlite(sqlite.clone()),
            Driver::Postgres(postgres) => Driver::Postgres(ShortReads(Arc::clone(postgres))),
        })
    }

    /// Checks that the database responds and, for PostgreSQL, that it accepts writes (is not a read-only replica).
    pub(super) async fn check(&self) -> Result<(), DbErr> {
        match &self.driver {
            Driver::Sqlite(sqlite) => sqlite.check().await.map_err(to_db_err),
            Driver::Postgres(postgres) => postgres.check_writable().await.map_err(to_db_err),
        }
    }
}

/// The statements of a transaction. They run a second time if the first attempt failed and certainly had no effect.
#[async_trait]
pub(super) trait TransactionBody: Sync {
    /// Executes the statements. Returns `false` to roll the transaction back.
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr>;
}

impl Transaction {
    /// Commits the transaction if `outcome` is `Ok(true)`, and otherwise rolls it back.
    pub(super) async fn end(self, outcome: Result<bool, DbErr>) -> Result<bool, DbErr> {
        match (self.driver, &outcome) {
            (Driver::Sqlite(transaction), Ok(true)) => transaction.commit().await.map_err(to_db_err)?,
            (Driver::Postgres(transaction), Ok(true)) => transaction.commit().await.map_err(to_db_err)?,
            (Driver::Sqlite(transaction), _) => transaction.roll_back().await,
            (Driver::Postgres(transaction), _) => transaction.roll_back().await,
        }
        outcome
    }
}

/// Implements sea-orm's `ConnectionTrait` by calling the methods of the driver in use.
macro_rules! impl_connection_trait {
    ($executor:ident) => {
        #[async_trait]
        impl ConnectionTrait for $executor {
            fn get_database_backend(&self) -> DbBackend {
                match self.driver {
                    Driver::Sqlite(_) => DbBackend::Sqlite,
                    Driver::Postgres(_) => DbBackend::Postgres,
                }
            }

            async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
                let statement = self.rewritten(statement)?;
                let rows_affected = match &self.driver {
                    Driver::Sqlite(sqlite) => sqlite.execute(&statement).await.map_err(to_db_err)?,
                    Driver::Postgres(postgres) => postgres.execute(&statement).await.map_err(to_db_err)?,
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
                let statement = self.rewritten(statement)?;
                match &self.driver {
                    Driver::Sqlite(sqlite) => sqlite.query(&statement).await.map_err(to_db_err),
                    Driver::Postgres(postgres) => postgres.query(&statement).await.map_err(to_db_err),
                }
            }
        }
    };
}

impl_connection_trait!(ConnectionPool);
impl_connection_trait!(Reads);
impl_connection_trait!(Transaction);
