//! sqlx with a shared pool of four, `serde_json` over a struct.

use anyhow::Result;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::store::{COMPLETE, CREATE, GET, LIST, NewTask, Store, Task};

pub async fn connect(url: &str) -> Result<PgPool> {
    Ok(PgPoolOptions::new().max_connections(4).min_connections(4).connect(url).await?)
}

impl Store for PgPool {
    async fn list(&self, user: &str) -> Result<Vec<u8>> {
        let tasks: Vec<Task> = sqlx::query_as(LIST).bind(user).fetch_all(self).await?;
        Ok(serde_json::to_vec(&tasks)?)
    }

    async fn get(&self, user: &str, id: i64) -> Result<Option<Vec<u8>>> {
        json(sqlx::query_as(GET).bind(user).bind(id).fetch_optional(self).await?)
    }

    async fn create(&self, user: &str, new: NewTask) -> Result<Option<Vec<u8>>> {
        let statement = sqlx::query_as(CREATE).bind(user).bind(new.title).bind(new.description);
        json(statement.fetch_optional(self).await?)
    }

    async fn complete(&self, user: &str, id: i64) -> Result<Option<Vec<u8>>> {
        json(sqlx::query_as(COMPLETE).bind(user).bind(id).fetch_optional(self).await?)
    }
}

fn json(task: Option<Task>) -> Result<Option<Vec<u8>>> {
    Ok(task.map(|task| serde_json::to_vec(&task)).transpose()?)
}
