//! Facts about a PostgreSQL server.

use std::time::{Duration, Instant};

use tokio_postgres::Row;

use crate::database::postgres::{ConnectError, Connection, Connector, StatementError};
use crate::database::url::PostgresUrl;

/// Facts about a PostgreSQL server.
#[derive(Debug)]
pub struct PostgresFacts {
    /// The product and its version, such as `PostgreSQL 17.2`.
    pub version: String,
    /// The version as a number, such as 170002.
    pub version_number: u32,
    /// The schema in which tables are created; `None` if no schema of the search path exists.
    pub schema: Option<String>,
    /// Time that opening a connection took.
    pub connected_in: Duration,
    /// Round-trip time of an empty statement.
    pub round_trip: Duration,
    /// `true` if the PostgreSQL server is read-only, for example because it is a standby.
    pub is_read_only: bool,
    /// `true` if the PostgreSQL server sees the same two socket addresses as Taskbridge, which proves that there is no
    /// pooler.
    pub is_proved_direct: bool,
    /// `true` if the same process of the PostgreSQL server replied on two connections that were open at the same time,
    /// which proves that there is a pooler in transaction mode. `false` does not prove the opposite, because a busy
    /// pooler may use one process for each connection.
    pub shares_processes: bool,
    /// The connection limits of the server, and the number of open connections.
    pub limits: ConnectionLimits,
}

/// Connection limits of a PostgreSQL server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Maximum number of connections: `max_connections`, or the limit of the role or the database if that is lower.
    pub max: u32,
    /// Number of connections reserved for superusers and similar roles.
    pub reserved: u32,
    /// Number of open connections, except the one on which they are counted.
    pub in_use: u32,
}

impl ConnectionLimits {
    /// Returns the number of connections that one program can have if no other program is connected.
    #[must_use]
    pub fn usable(&self) -> u32 {
        self.max.saturating_sub(self.reserved)
    }

    /// Returns the number of connections that are free now.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.usable().saturating_sub(self.in_use)
    }
}

/// The query for all facts. It is a single statement, because a pooler may send the next statement to another process
/// of the PostgreSQL server. It counts the connections of all databases together, because only privileged roles can see
/// more about other connections.
const FACTS: &str = "select split_part(version(), ' ', 1) || ' ' || split_part(version(), ' ', 2), current_setting('server_version_num')::int,
  pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool,
  least(
    current_setting('max_connections')::int,
    (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user),
    (select nullif(datconnlimit, -1) from pg_database where datname = current_database())
  ),
  case when rolsuper then 0 else
    current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0)
  end,
  (select coalesce(sum(numbackends), 0)::int from pg_stat_database),
  current_schema()::text
from pg_roles where rolname = current_user";

/// Connects to a PostgreSQL server and reads facts about it.
pub(super) async fn inspect(
    url: &PostgresUrl,
    connect_timeout: Duration,
    statement_timeout: Duration,
) -> Result<PostgresFacts, ConnectError> {
    let connector = Connector::new(url, connect_timeout, statement_timeout)?;
    let started = Instant::now();
    let mut connection = connector.connect().await?;
    let connected_in = started.elapsed();
    let is_proved_direct = connection.is_proved_direct;
    let first = process(&mut connection).await?;
    let started = Instant::now();
    connection.run_script("").await?;
    let round_trip = started.elapsed();
    let rows = connection.ask_unnamed(FACTS).await?;
    let facts = rows.first().ok_or_else(StatementError::connection_closed)?;
    // While the first connection is open, a second connection is served by another process, unless a pooler shares one
    // process between them.
    let shares_processes = match connector.connect().await {
        Ok(mut other) => {
            let second = process(&mut other).await?;
            other.close().await;
            first == second
        }
        // An error is ignored, because the first connection may have been the last one that the PostgreSQL server
        // accepts.
        Err(_) => false,
    };
    connection.close().await;
    Ok(PostgresFacts {
        version: facts.try_get(0)?,
        version_number: count(facts, 1)?,
        schema: facts.try_get(6)?,
        connected_in,
        round_trip,
        is_read_only: facts.try_get(2)?,
        is_proved_direct,
        shares_processes,
        limits: ConnectionLimits {
            max: count(facts, 3)?,
            reserved: count(facts, 4)?,
            // The connection that executes this statement is not counted.
            in_use: count(facts, 5)?.saturating_sub(1),
        },
    })
}

fn count(row: &Row, index: usize) -> Result<u32, tokio_postgres::Error> {
    row.try_get::<_, i32>(index).map(i32::unsigned_abs)
}

/// Returns the id of the PostgreSQL server process that serves the connection.
async fn process(connection: &mut Connection) -> Result<i32, ConnectError> {
    let rows = connection.ask_unnamed("select pg_backend_pid()").await?;
    Ok(rows.first().ok_or_else(StatementError::connection_closed)?.try_get(0)?)
}
