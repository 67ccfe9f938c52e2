//! PostgreSQL: databases of their own on the server that `scripts/with-postgres.sh` starts, and servers to be killed.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

/// How long a server may take to start or to stop before a test fails, rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a server is started before a test fails: its port may be taken.
const ATTEMPTS: usize = 5;

/// The URL of a new, empty database.
#[must_use]
pub fn fresh_database() -> String {
    format!("{}/{}", server("TASKBRIDGE_TEST_POSTGRES"), create_database())
}

/// The URL of a new, empty database behind a pgbouncer in transaction mode.
#[must_use]
pub fn fresh_database_behind_pgbouncer() -> String {
    format!("{}?pgbouncer=true", behind_pgbouncer(&create_database()))
}

/// The URL of any database behind the pgbouncer, its console `pgbouncer` included.
#[must_use]
pub fn behind_pgbouncer(database: &str) -> String {
    format!("{}/{database}", server("TASKBRIDGE_TEST_PGBOUNCER"))
}

fn create_database() -> String {
    let name = format!("test_{:016x}", RandomState::new().hash_one(()));
    psql(&format!("{}/postgres", server("TASKBRIDGE_TEST_POSTGRES")), &format!("create database {name}"));
    name
}

/// Runs SQL: the rows, one in a line, with `|` between the columns.
#[must_use]
pub fn query(url: &str, sql: &str) -> String {
    psql(url, sql)
}
