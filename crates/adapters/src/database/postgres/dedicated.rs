//! A single connection in the form that sea-orm's migrator accepts.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    DatabaseConnection, DatabaseConnectionType, DbBackend, DbErr, ProxyDatabaseConnection, ProxyDatabaseTrait,
    ProxyExecResult, ProxyRow, Statement,
};
use tokio::sync::Mutex;

use super::connection::Connection;
use super::failure::{Failure, db_err};
use super::values::proxy_row;

/// Returns the connection as sea-orm's own type. Statements are unnamed, so that a pooler may be in between.
///
/// sea-orm cannot report an error of a commit here, so its transactions do nothing: the user of the connection sends
/// `begin` and `commit` as statements. The connection is closed when the last clone is dropped.
pub(super) fn connection(connection: Connection) -> DatabaseConnection {
    let proxy = Dedicated(Mutex::new(connection.unnamed()));
    let proxy = ProxyDatabaseConnection::new(DbBackend::Postgres, Arc::new(Box::new(proxy)));
    DatabaseConnectionType::ProxyDatabaseConnection(Arc::new(proxy)).into()
}

struct Dedicated(Mutex<Connection>);

impl fmt::Debug for Dedicated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedicated").finish_non_exhaustive()
    }
}

#[async_trait]
impl ProxyDatabaseTrait for Dedicated {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        let reply = self.0.lock().await.run(&statement).await.map_err(db_err)?;
        reply.rows.iter().map(|row| proxy_row(row).map_err(|error| db_err(error.into()))).collect()
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        let mut connection = self.0.lock().await;
        let rows_affected = match &statement.values {
            Some(_) => connection.run(&statement).await.map_err(db_err)?.rows_affected,
            // A script: it may contain several statements.
            None => connection.run_script(&statement.sql).await.map(|()| 0).map_err(db_err)?,
        };
        Ok(ProxyExecResult { rows_affected, ..ProxyExecResult::default() })
    }

    async fn ping(&self) -> Result<(), DbErr> {
        self.0.lock().await.run_script("").await.map_err(|failure: Failure| db_err(failure))
    }
}
