//! The interface of each database library: it returns tasks as JSON.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The tasks of one user at a time.
pub trait Store: 'static {
    async fn list(&self, user: &str) -> Result<Vec<u8>>;
    async fn get(&self, user: &str, id: i64) -> Result<Option<Vec<u8>>>;
    async fn create(&self, user: &str, new: NewTask) -> Result<Option<Vec<u8>>>;
    async fn complete(&self, user: &str, id: i64) -> Result<Option<Vec<u8>>>;
}

/// A row of the table `tasks`.
#[derive(Serialize, sqlx::FromRow)]
pub struct Task {
    id: i64,
    user_id: String,
    title: String,
    description: Option<String>,
    completed: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The body of a POST.
#[derive(Deserialize)]
pub struct NewTask {
    pub title: String,
    pub description: Option<String>,
}

pub const LIST: &str = "SELECT id, user_id, title, description, completed, created_at, updated_at FROM tasks \
    WHERE user_id = $1 ORDER BY created_at DESC, id DESC";
pub const GET: &str = "SELECT id, user_id, title, description, completed, created_at, updated_at FROM tasks \
    WHERE user_id = $1 AND id = $2";
pub const CREATE: &str = "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
    VALUES ($1, $2, $3, false, now(), now()) \
    RETURNING id, user_id, title, description, completed, created_at, updated_at";
pub const COMPLETE: &str = "UPDATE tasks SET completed = NOT completed, updated_at = now() \
    WHERE user_id = $1 AND id = $2 RETURNING id, user_id, title, description, completed, created_at, updated_at";
