//! A minimal handler on embedded SQLite: sqlx with four connections and a write-ahead log. It only lists.

use std::str::FromStr;

use anyhow::{Result, bail};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

use crate::store::{LIST, NewTask, Store, Task};

pub async fn connect(url: &str) -> Result<SqlitePool> {
    let options = SqliteConnectOptions::from_str(url)?.journal_mode(SqliteJournalMode::Wal);
    Ok(SqlitePoolOptions::new().max_connections(4).min_connections(4).connect_with(options).await?)
}

impl Store for SqlitePool {
    async fn list(&self, user: &str) -> Result<Vec<u8>> {
        let tasks: Vec<Task> = sqlx::query_as(LIST).bind(user).fetch_all(self).await?;
        Ok(serde_json::to_vec(&tasks)?)
    }

    async fn get(&self, _: &str, _: i64) -> Result<Option<Vec<u8>>> {
        bail!("only lists are measured on SQLite")
    }

    async fn create(&self, _: &str, _: NewTask) -> Result<Option<Vec<u8>>> {
        bail!("only lists are measured on SQLite")
    }

    async fn complete(&self, _: &str, _: i64) -> Result<Option<Vec<u8>>> {
        bail!("only lists are measured on SQLite")
    }
}
