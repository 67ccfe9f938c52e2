//! The store of tasks.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SqlErr,
};
use taskbridge_domain::ports::{InsertError, StoreError, TaskRepo};
use taskbridge_domain::task::{Edit, NewTask, Task, TaskId, TaskPatch, TaskQuery};
use taskbridge_domain::{Owner, Timestamp};

use super::Store;
use super::entities::task::{ActiveModel, Column, Entity, Model};
use super::error::store_error;

/// Tasks in the table `tasks`.
pub struct SeaTaskRepo(Store);

impl SeaTaskRepo {
    /// A repository on this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Changes one task of the owner's by one statement, and reads it back by the same.
    async fn change(
        &self,
        owner: &Owner,
        id: TaskId,
        now: Timestamp,
        changes: Vec<(Column, SimpleExpr)>,
    ) -> Result<Option<Task>, StoreError> {
        let connection = &self.0.0;
        let mut update = Entity::update_many().filter(owned_task(owner, id));
        for (column, value) in changes {
            update = update.col_expr(column, value);
        }
        let rows = update
            .col_expr(Column::UpdatedAt, advanced(connection.get_database_backend(), now))
            .exec_with_returning(connection)
            .await
            .map_err(store_error)?;
        rows.into_iter().next().map(to_task).transpose()
    }
}

/// The condition with which every statement on existing tasks starts.
fn owned_by(owner: &Owner) -> Condition {
    Condition::all().add(Column::UserId.eq(owner.id().as_str()))
}

fn owned_task(owner: &Owner, id: TaskId) -> Condition {
    owned_by(owner).add(Column::Id.eq(id.number()))
}

/// The next `updated_at`: now, or a millisecond more than it was if the clock has not moved since.
fn advanced(backend: DbBackend, now: Timestamp) -> SimpleExpr {
    let later_of = match backend {
        DbBackend::Sqlite => r#"max(?, strftime('%Y-%m-%dT%H:%M:%fZ', "updated_at", '+0.001 seconds'))"#,
        _ => r#"greatest($1, "updated_at" + interval '1 millisecond')"#,
    };
    Expr::cust_with_values(later_of, [now.datetime()])
}

fn to_task(row: Model) -> Result<Task, StoreError> {
    Ok(Task::try_from(row)?)
}

#[async_trait]
impl TaskRepo for SeaTaskRepo {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<Vec<Task>, StoreError> {
        let TaskQuery { limit } = query;
        let rows = Entity::find()
            .filter(owned_by(owner))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(limit.count()))
            .all(&self.0.0)
            .await
            .map_err(store_error)?;
        rows.into_iter().map(to_task).collect()
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        let row = Entity::find().filter(owned_task(owner, id)).one(&self.0.0).await.map_err(store_error)?;
        row.map(to_task).transpose()
    }

    async fn insert(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, InsertError> {
        let NewTask { title, description, completed } = task;
        let row = ActiveModel {
            id: NotSet,
            user_id: Set(owner.id().to_string()),
            title: Set(title.as_str().to_owned()),
            description: Set(description.map(|description| description.as_str().to_owned())),
            completed: Set(completed),
            created_at: Set(now.datetime()),
            updated_at: Set(now.datetime()),
        };
        let inserted = Entity::insert(row).exec_with_returning(&self.0.0).await;
        let row = inserted.map_err(|error| match error.sql_err() {
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => InsertError::UnknownOwner,
            _ => InsertError::Store(store_error(error)),
        })?;
        Ok(to_task(row)?)
    }

    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        let TaskPatch { title, description, completed } = patch;
        let mut changes = Vec::new();
        if let Some(title) = title {
            changes.push((Column::Title, Expr::value(title.as_str())));
        }
        match description {
            Edit::Keep => {}
            Edit::Clear => changes.push((Column::Description, Expr::value(None::<String>))),
            Edit::Set(description) => changes.push((Column::Description, Expr::value(description.as_str()))),
        }
        if let Some(completed) = completed {
            changes.push((Column::Completed, Expr::value(completed)));
        }
        self.change(owner, id, now, changes).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let turned = Expr::col(Column::Completed).not();
        self.change(owner, id, now, vec![(Column::Completed, turned)]).await
    }

    async fn remove(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
        let removed = Entity::delete_many().filter(owned_task(owner, id)).exec(&self.0.0).await.map_err(store_error)?;
        Ok(removed.rows_affected > 0)
    }
}
