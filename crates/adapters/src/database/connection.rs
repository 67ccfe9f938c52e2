//! Implements sea-orm's `ConnectionTrait` for both databases.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, ProxyExecResult, QueryResult, QueryTrait, Select, Statement,
};

use super::entities::task;
use super::error::is_repeatable;
use super::postgres::{self, Postgres};
use super::sqlite::{self, Sqlite};
use super::transaction::{Transaction, Work};

/// The connections of a store.
#[derive(Debug, Clone)]
pub(super) enum Connection {
    Sqlite(Sqlite),
    Postgres(Arc<Postgres>),
}

impl Connection {
    /// Runs `work` in a transaction, which is committed if it returns `true` and rolled back otherwise. When the
    /// transaction certainly had no effect and may succeed on a second attempt, `work` is run once more.
    pub(super) async fn transaction(&self, work: &impl Work) -> Result<bool, DbErr> {
        match self.attempt(work).await {
            Err(error) if is_repeatable(&error) => self.attempt(work).await,
            result => result,
        }
    }

    async fn attempt(&self, work: &impl Work) -> Result<bool, DbErr> {
        let transaction = self.begin().await?;
        let outcome = work.run(&transaction).await;
        transaction.end(outcome).await
    }

    /// Begins a transaction that will write.
    async fn begin(&self) -> Result<Transaction, DbErr> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin().await.map(Transaction::Sqlite).map_err(sqlite::db_err),
            Self::Postgres(postgres) => postgres.begin().await.map(Transaction::Postgres).map_err(postgres::db_err),
        }
    }

    /// Returns the tasks that a statement selects.
    pub(super) async fn tasks(&self, select: Select<task::Entity>) -> Result<Vec<task::Model>, DbErr> {
        let Self::Postgres(postgres) = self else { return select.all(self).await };
        let rows = postgres.rows(&select.build(DbBackend::Postgres)).await.map_err(postgres::db_err)?;
        task::Model::read(&rows).map_err(|error| postgres::db_err(error.into()))
    }

    /// Checks that the database answers, and that a server accepts writes.
    pub(super) async fn check(&self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(sqlite) => sqlite.check().await.map_err(sqlite::db_err),
            Self::Postgres(postgres) => postgres.check_writable().await.map_err(postgres::db_err),
        }
    }
}

/// Implements sea-orm's trait for both databases, with the driver of each.
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
                let rows_affected = match self {
                    Self::Sqlite(sqlite) => sqlite.execute(&statement).await.map_err(sqlite::db_err)?,
                    Self::Postgres(postgres) => postgres.execute(&statement).await.map_err(postgres::db_err)?,
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
                    Self::Sqlite(sqlite) => sqlite.query(&statement).await.map_err(sqlite::db_err),
                    Self::Postgres(postgres) => postgres.query(&statement).await.map_err(postgres::db_err),
                }
            }
        }
    };
}

run_statements!(Connection);
run_statements!(Transaction);
