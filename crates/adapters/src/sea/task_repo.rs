//! The store of tasks.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, SqlErr,
};
use taskbridge_domain::list::{
    Cursor, Direction, Position, Search, SortKey, Start, StoredTime, TaskFilter, TaskOrder, TaskPage, TaskQuery,
};
use taskbridge_domain::ports::{InsertError, StoreError, TaskRepo};
use taskbridge_domain::task::{Edit, NewTask, Task, TaskId, TaskPatch};
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

/// What the filter admits, the same on every database.
fn admitted(backend: DbBackend, filter: &TaskFilter) -> Condition {
    let TaskFilter { completed, search } = filter;
    Condition::all()
        .add_option(completed.map(|completed| Column::Completed.eq(completed)))
        .add_option(search.as_ref().map(|search| found(backend, search)))
}

/// Whether title or description hold the text. Both databases fold the case of A to Z alone: SQLite always,
/// PostgreSQL in the collation C.
fn found(backend: DbBackend, search: &Search) -> Condition {
    let found = match backend {
        DbBackend::Sqlite => [r#"instr(lower("title"), ?) > 0"#, r#"instr(lower("description"), ?) > 0"#],
        _ => [r#"strpos(lower("title" collate "C"), $1) > 0"#, r#"strpos(lower("description" collate "C"), $1) > 0"#],
    };
    let [title, description] = found.map(|found| Expr::cust_with_values(found, [search.lowercase()]));
    Condition::any().add(title).add(description)
}

/// What a list is sorted by. SQLite compares texts by code point anyway.
fn column(backend: DbBackend, key: SortKey) -> SimpleExpr {
    match (key, backend) {
        (SortKey::CreatedAt, _) => Expr::col(Column::CreatedAt),
        (SortKey::UpdatedAt, _) => Expr::col(Column::UpdatedAt),
        (SortKey::Title, DbBackend::Sqlite) => Expr::col(Column::Title),
        (SortKey::Title, _) => Expr::cust(r#""title" collate "C""#),
    }
}

/// Whether a row comes after the cursor, as one comparison of rows, which the owner's index answers.
fn behind(sorted_by: SimpleExpr, cursor: &Cursor) -> SimpleExpr {
    let Cursor { position, id, direction } = cursor;
    let position = match position {
        Position::CreatedAt(time) | Position::UpdatedAt(time) => Expr::value(time.datetime()),
        Position::Title(title) => Expr::value(title.as_str()),
    };
    let row = Expr::tuple([sorted_by, Expr::col(Column::Id)]);
    let reached = Expr::tuple([position, Expr::value(id.number())]);
    match direction {
        Direction::Ascending => row.gt(reached),
        Direction::Descending => row.lt(reached),
    }
}

/// Where a row stands, as precisely as the database has it.
fn position(row: &Model, key: SortKey) -> Position {
    match key {
        SortKey::CreatedAt => Position::CreatedAt(StoredTime::new(row.created_at)),
        SortKey::UpdatedAt => Position::UpdatedAt(StoredTime::new(row.updated_at)),
        SortKey::Title => Position::Title(row.title.clone()),
    }
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
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let connection = &self.0.0;
        let TaskQuery { filter, start, limit } = query;
        let TaskOrder { key, direction } = query.order();
        let sorted_by = column(connection.get_database_backend(), key);
        let sea_direction = match direction {
            Direction::Ascending => Order::Asc,
            Direction::Descending => Order::Desc,
        };
        let limit = usize::from(limit.count());
        let mut select = Entity::find()
            .filter(owned_by(owner))
            .filter(admitted(connection.get_database_backend(), filter))
            .order_by(sorted_by.clone(), sea_direction.clone())
            .order_by(Column::Id, sea_direction)
            // One more tells whether there are more.
            .limit(limit as u64 + 1);
        select = match start {
            Start::Offset(_, 0) => select,
            Start::Offset(_, offset) => select.offset(u64::from(*offset)),
            Start::After(cursor) => select.filter(behind(sorted_by, cursor)),
        };
        let mut rows = select.all(connection).await.map_err(store_error)?;
        let there_are_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| there_are_more);
        let next = last.map(|row| Cursor { position: position(row, key), id: TaskId::new(row.id), direction });
        Ok(TaskPage { tasks: rows.into_iter().map(to_task).collect::<Result<_, _>>()?, next })
    }

    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        let connection = &self.0.0;
        let admitted = admitted(connection.get_database_backend(), filter);
        Entity::find().filter(owned_by(owner)).filter(admitted).count(connection).await.map_err(store_error)
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
