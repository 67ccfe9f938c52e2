//! Adds indices with which a list that is sorted by title, a count and a search read only the rows of the owner.

use sea_orm_migration::sea_orm::{DatabaseConnection, DbBackend, DbErr};
use taskbridge_schema::Refusal;

use crate::adopt::tasks;
use crate::context::Context;
use crate::index::{self, Index};
use crate::migration::{Execution, Migration, Requirement};
use crate::users::Users;

/// Lists are sorted by the first 200 characters of the title, which is the longest title that Taskbridge writes. An
/// adopted table may contain titles that are longer than an entry of an index can be on PostgreSQL (2,704 bytes).
const BY_TITLE: Index = Index {
    name: "tasks_user_id_title_id_idx",
    table: "tasks",
    postgres: Some(r#"("user_id", (left("title", 200) collate "C"), "id")"#),
    sqlite: Some(r#"("user_id", substr("title", 1, 200), "id")"#),
};

/// PostgreSQL stores each user id only once in this index, which makes it a tenth of the size of the others. Without
/// it, PostgreSQL would read the tasks of all users to count or search those of an owner with many tasks. SQLite always
/// uses one of the other indices; see [`up`](TaskIndices::up).
const BY_OWNER: Index =
    Index { name: "tasks_user_id_idx", table: "tasks", postgres: Some(r#"("user_id")"#), sqlite: None };

const INDICES: [Index; 2] = [BY_TITLE, BY_OWNER];

pub(super) struct TaskIndices;

#[async_trait::async_trait]
impl Migration for TaskIndices {
    fn name(&self) -> &'static str {
        "m20261130_000003_task_indices"
    }

    fn summary(&self) -> &'static str {
        "indexes `tasks` by title and, on PostgreSQL, by owner"
    }

    fn is_for(&self, _users: Users) -> bool {
        true
    }

    fn tables(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn owned_tables(&self) -> Vec<&'static str> {
        Vec::new()
    }

    async fn requirements(&self, db: &DatabaseConnection, _context: &Context) -> Result<Vec<Requirement>, DbErr> {
        index::requirements(db, &INDICES).await
    }

    async fn check(&self, db: &DatabaseConnection, _context: &Context) -> Result<Vec<Refusal>, DbErr> {
        index::check(db, &INDICES).await?;
        Ok(Vec::new())
    }

    async fn execution(&self, db: &DatabaseConnection) -> Result<Execution, DbErr> {
        index::execution(db, &INDICES).await
    }

    /// On SQLite, also creates the index by creation again. Of the indices with which it can find the tasks of an owner,
    /// SQLite prefers the one that was created last. That must not be the one by title, in whose order the tasks are
    /// scattered over the table: a search and a count would take twice as long.
    async fn up(&self, db: &DatabaseConnection, _context: &Context, execution: Execution) -> Result<(), DbErr> {
        index::create_all(db, &INDICES, execution).await?;
        if db.get_database_backend() == DbBackend::Sqlite {
            index::drop_all(db, &[tasks::BY_CREATION]).await?;
            index::create_all(db, &[tasks::BY_CREATION], execution).await?;
        }
        Ok(())
    }

    async fn down(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        index::drop_all(db, &INDICES).await
    }
}
