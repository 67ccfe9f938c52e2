//! Dates on SQLite.
//!
//! Better Auth keeps them there as text in exactly `YYYY-MM-DDTHH:MM:SS.mmmZ` and compares them as text, while the
//! driver would write another form. [`Dialect`] stands between sea-orm and the connection and puts every date of a
//! statement into that form, so that entities and queries are the same for every database.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement, Value};
use taskbridge_domain::Timestamp;

/// A connection whose statements carry dates the way the database keeps them.
#[derive(Debug, Clone)]
pub(super) struct Dialect<C>(pub(super) C);

impl<C: ConnectionTrait> Dialect<C> {
    fn translate(&self, mut statement: Statement) -> Statement {
        if self.0.get_database_backend() == DbBackend::Sqlite {
            for value in statement.values.iter_mut().flat_map(|values| &mut values.0) {
                if let Value::ChronoDateTimeUtc(date) = value {
                    *value = Value::String(date.map(|date| Timestamp::new(date).to_string()));
                }
            }
        }
        statement
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Dialect<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.0.execute_raw(self.translate(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.0.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.0.query_one_raw(self.translate(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.0.query_all_raw(self.translate(statement)).await
    }
}
