//! Tasks in the table `tasks`.

#[cfg(test)]
mod plans;
mod statements;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{DbBackend, DbErr, FromQueryResult, QueryTrait, Select};
use taskbridge_domain::ports::{StoreError, TaskRepo};
use taskbridge_domain::tasks::{
    Cursor, NewTask, SortKey, SortValue, Task, TaskFilter, TaskId, TaskOrder, TaskPatch, TaskQuery, TitlePrefix,
};
use taskbridge_domain::time::PreciseTimestamp;
use taskbridge_domain::{Owner, Timestamp, UserId};

use crate::database::Store;
use crate::database::connection_pool::Driver;
use crate::database::driver_error::to_db_err;
use crate::database::entities::column_types::RowId;
use crate::database::entities::task::{self, ActiveModel, Column, Entity, Model};
use crate::database::error::store_error;
use crate::database::owned::{Dialect, OwnedEntity, SeaOwnedRepo, update};
use crate::database::postgres::StatementError;

/// Stores tasks in the table `tasks`.
pub type SeaTaskRepo = SeaOwnedRepo<Entity>;

impl OwnedEntity for Entity {
    type Resource = Task;

    const ID: Column = Column::Id;
    const OWNER: Column = Column::UserId;
    const UPDATED_AT: Column = Column::UpdatedAt;

    fn new_row(owner: &Owner, task: &NewTask, now: Timestamp) -> ActiveModel {
        task::new_row(owner, task, now)
    }

    fn changes(patch: &TaskPatch) -> impl IntoIterator<Item = (Column, Expr)> + Send {
        task::changes(patch)
    }

    fn owner(row: &Model) -> &RowId {
        &row.user_id
    }

    fn resource(row: Model, owner: UserId) -> Task {
        row.task_of(owner)
    }

    fn list(tasks: Select<Self>, query: &TaskQuery, dialect: Dialect) -> Select<Self> {
        statements::list(tasks, query, dialect)
    }

    /// A time keeps the full precision of the database.
    fn cursor(row: &Model, query: &TaskQuery) -> Cursor {
        let TaskOrder { key, direction } = query.order();
        let value = match key {
            SortKey::CreatedAt => SortValue::CreatedAt(PreciseTimestamp::new(row.created_at.0)),
            SortKey::UpdatedAt => SortValue::UpdatedAt(PreciseTimestamp::new(row.updated_at.0)),
            SortKey::Title => SortValue::Title(TitlePrefix::of(&row.title)),
        };
        Cursor { value, id: TaskId::new(row.id), direction }
    }

    /// Does not convert the rows of PostgreSQL to sea-orm's form, because of `Model::read`.
    async fn read(store: &Store, tasks: Select<Self>, is_short: bool) -> Result<Vec<Model>, DbErr> {
        let Driver::Postgres(postgres) = &store.pool.driver else { return tasks.all(&store.pool).await };
        // The statement has no markers to replace, because `tasks` is not a table of Better Auth.
        let statement = tasks.build(DbBackend::Postgres);
        let rows = if is_short { postgres.short_rows(&statement).await } else { postgres.rows(&statement).await };
        let rows = rows.map_err(to_db_err)?;
        Model::read(rows).map_err(|error| to_db_err(StatementError::from(error)))
    }
}

impl SeaTaskRepo {
    /// Returns a repository on this store. It does not require that the owners of tasks are in the same database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::on(store)
    }
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

#[async_trait]
impl TaskRepo for SeaTaskRepo {
    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        let count = statements::count(self.dialect(), owner, filter);
        let counted = Count::find_by_statement(count).one(&self.store.pool).await.map_err(store_error)?;
        Ok(counted.map_or(0, |counted| counted.count.unsigned_abs()))
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let toggled = Expr::col(Column::Completed).not();
        let update = update::<Entity>(self.dialect(), owner, id, now).col_expr(Column::Completed, toggled);
        self.change(owner, update).await
    }
}
