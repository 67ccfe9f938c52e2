//! Tasks in the table `tasks`.

use async_trait::async_trait;
use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, Func, InsertStatement, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    FromQueryResult, IdenStatic, Iterable, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, UpdateMany,
};
use taskbridge_domain::ports::{CreateTaskError, StoreError, TaskRepo};
use taskbridge_domain::tasks::{
    Cursor, FieldUpdate, NewTask, PageStart, PreciseTimestamp, SortDirection, SortKey, SortValue, Task, TaskFilter,
    TaskId, TaskOrder, TaskPage, TaskPatch, TaskQuery, Title,
};
use taskbridge_domain::{Owner, Timestamp};

use crate::database::Store;
use crate::database::connection_pool::ConnectionPool;
use crate::database::driver_error::to_db_err;
use crate::database::entities::task::{self, Column, Entity, Model};
use crate::database::entities::user;
use crate::database::error::{Violation, store_error, violation};
use crate::database::postgres::StatementError;

/// Stores tasks in the table `tasks`.
pub struct SeaTaskRepo {
    store: Store,
    requires_known_owners: bool,
}

impl SeaTaskRepo {
    /// Returns a repository on this store. It does not require that the owners of tasks are in the same database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, requires_known_owners: false }
    }

    /// Returns the repository with an additional check: a new task is rejected if its owner is not in the table `user`.
    /// On PostgreSQL, a foreign key always ensures this, but on SQLite an adopted table may lack the foreign key.
    #[must_use]
    pub fn requiring_known_owners(self) -> Self {
        Self { requires_known_owners: true, ..self }
    }

    fn backend(&self) -> DbBackend {
        self.store.pool.get_database_backend()
    }

    /// Inserts a row and returns its id, or `None` if the owner is not in the table `user`.
    async fn insert_row(&self, row: task::ActiveModel, owner: &Owner) -> Result<Option<i64>, DbErr> {
        let pool = &self.store.pool;
        if self.backend() == DbBackend::Sqlite && self.requires_known_owners {
            let inserted = pool.query_one(&insert_if_known(&row, owner)).await?;
            return inserted.map(|row| row.try_get("", Column::Id.as_str())).transpose();
        }
        Ok(Some(Entity::insert(row).exec(pool).await?.last_insert_id))
    }

    /// Returns the rows that a statement selects.
    async fn select(&self, select: Select<Entity>) -> Result<Vec<Model>, DbErr> {
        let ConnectionPool::Postgres(postgres) = &self.store.pool else { return select.all(&self.store.pool).await };
        let rows = postgres.rows(&select.build(DbBackend::Postgres)).await.map_err(to_db_err)?;
        Model::read(&rows).map_err(|error| to_db_err(StatementError::from(error)))
    }

    /// Executes an update of one task and returns the changed task, or `None` if the owner has no such task.
    async fn change(&self, owner: &Owner, update: UpdateMany<Entity>) -> Result<Option<Task>, StoreError> {
        let changed = update.exec_with_returning(&self.store.pool).await.map_err(store_error)?;
        Ok(changed.into_iter().next().map(|row| row.task_of(owner)).transpose()?)
    }

    /// Returns an update of one task of this owner, which so far sets only `updated_at`.
    fn update_of(&self, owner: &Owner, id: TaskId, now: Timestamp) -> UpdateMany<Entity> {
        Entity::update_many()
            .filter(owned(self.backend(), owner).add(Column::Id.eq(id.number())))
            .col_expr(Column::UpdatedAt, advanced(self.backend(), now))
    }
}

/// Returns the condition for the tasks of `owner`, which every query contains.
fn owned(backend: DbBackend, owner: &Owner) -> Condition {
    Condition::all().add(byte_for_byte(backend, Column::UserId.into_expr()).eq(owner.id().as_str()))
}

/// Returns an expression for a column of ids that is compared byte for byte. On SQLite, this overrides the collation of
/// the column.
fn byte_for_byte(backend: DbBackend, column: Expr) -> Expr {
    match backend {
        DbBackend::Sqlite => Expr::cust_with_expr("? collate binary", column),
        _ => column,
    }
}

/// Returns an `insert` for SQLite that has no effect unless the owner is in the table `user`.
fn insert_if_known(row: &task::ActiveModel, owner: &Owner) -> InsertStatement {
    let (columns, values): (Vec<_>, Vec<_>) = Column::iter()
        .filter_map(|column| match row.get(column) {
            ActiveValue::Set(value) => Some((column, Expr::val(value))),
            ActiveValue::Unchanged(_) | ActiveValue::NotSet => None,
        })
        .unzip();
    let user = Query::select()
        .expr(Expr::val(1))
        .from(user::Entity)
        .and_where(byte_for_byte(DbBackend::Sqlite, user::Column::Id.into_expr()).eq(owner.id().as_str()))
        .to_owned();
    let row = Query::select().exprs(values).and_where(Expr::exists(user)).to_owned();
    let mut insert = Query::insert();
    insert.into_table(Entity).columns(columns).returning_col(Column::Id);
    // `select_from` fails only if the numbers of columns and values differ, which they never do here.
    let _ = insert.select_from(row);
    insert
}

/// Returns the next `updated_at`: now, but at least a millisecond later than the previous `updated_at`.
fn advanced(backend: DbBackend, now: Timestamp) -> Expr {
    let updated_at = Expr::col(Column::UpdatedAt);
    let (latest, next) = match backend {
        DbBackend::Sqlite => (
            Func::cust("max"),
            Func::cust("strftime")
                .args([Expr::val("%Y-%m-%dT%H:%M:%fZ"), updated_at, Expr::val("+0.001 seconds")])
                .into(),
        ),
        // The query builder does not support intervals.
        _ => (Func::cust("greatest"), updated_at.add(Expr::cust("interval '1 millisecond'"))),
    };
    latest.args([Expr::val(now.datetime()), next]).into()
}

/// Returns an expression for a text column that is compared by code point. SQLite always compares text in this way.
fn by_code_point(backend: DbBackend, column: Column) -> Expr {
    match backend {
        DbBackend::Sqlite => column.into_expr(),
        // The query builder does not support collations.
        _ => Expr::cust_with_expr(r#"$1 collate "C""#, column.into_expr()),
    }
}

/// Returns the expression by which a list of tasks is sorted.
fn sorted_by(backend: DbBackend, key: SortKey) -> Expr {
    match key {
        SortKey::CreatedAt => Column::CreatedAt.into_expr(),
        SortKey::UpdatedAt => Column::UpdatedAt.into_expr(),
        SortKey::Title => by_code_point(backend, Column::Title),
    }
}

/// Returns the condition for the tasks of this owner that match the filter. A search ignores case for the letters A to
/// Z only, because SQL's `lower` converts only these on SQLite, and also on PostgreSQL with the collation C.
fn matching(backend: DbBackend, owner: &Owner, filter: &TaskFilter) -> Condition {
    let TaskFilter { completed, search } = filter;
    let position = match backend {
        DbBackend::Sqlite => "instr",
        _ => "strpos",
    };
    let found = |text: &str| {
        let text_in = |column| {
            let column = Func::lower(by_code_point(backend, column));
            Expr::expr(Func::cust(position).args([column.into(), Expr::val(text)])).gt(0)
        };
        text_in(Column::Title).or(text_in(Column::Description))
    };
    owned(backend, owner)
        .add_option(completed.map(|completed| Column::Completed.eq(completed)))
        .add_option(search.as_ref().map(|search| found(search.lowercase())))
}

/// Returns the condition for the tasks that come after the cursor in its sort order. It compares rows (tuples of
/// columns), so that PostgreSQL and SQLite can use an index that begins with the owner.
fn after(backend: DbBackend, cursor: &Cursor) -> Expr {
    let Cursor { value, id, direction } = cursor;
    let row = Expr::tuple([sorted_by(backend, value.key()), Column::Id.into_expr()]);
    let position = match value {
        SortValue::CreatedAt(time) | SortValue::UpdatedAt(time) => Expr::val(time.datetime()),
        SortValue::Title(title) => Expr::val(title.as_str()),
    };
    let last = Expr::tuple([position, Expr::val(id.number())]);
    match direction {
        SortDirection::Ascending => row.gt(last),
        SortDirection::Descending => row.lt(last),
    }
}

/// Returns the value by which a task is sorted. A time keeps the full precision of the database.
fn sort_value(row: &Model, key: SortKey) -> SortValue {
    match key {
        SortKey::CreatedAt => SortValue::CreatedAt(PreciseTimestamp::new(row.created_at.0)),
        SortKey::UpdatedAt => SortValue::UpdatedAt(PreciseTimestamp::new(row.updated_at.0)),
        SortKey::Title => SortValue::Title(row.title.clone()),
    }
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

#[async_trait]
impl TaskRepo for SeaTaskRepo {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let backend = self.backend();
        let TaskQuery { filter, start, limit } = query;
        let TaskOrder { key, direction } = query.order();
        let limit = usize::from(limit.count());
        let order = match direction {
            SortDirection::Ascending => Order::Asc,
            SortDirection::Descending => Order::Desc,
        };
        let mut select = Entity::find()
            .filter(matching(backend, owner, filter))
            .order_by(sorted_by(backend, key), order.clone())
            .order_by(Column::Id, order)
            // One additional row shows whether there is another page.
            .limit(limit as u64 + 1);
        select = match start {
            PageStart::After(cursor) => select.filter(after(backend, cursor)),
            PageStart::Offset(_, 0) => select,
            PageStart::Offset(_, offset) => select.offset(u64::from(*offset)),
        };
        let mut rows = self.select(select).await.map_err(store_error)?;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(|last| Cursor {
            value: sort_value(last, key),
            id: TaskId::new(last.id),
            direction,
        });
        let tasks = rows.into_iter().map(|row| row.task_of(owner)).collect::<Result<_, _>>()?;
        Ok(TaskPage { tasks, next })
    }

    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        let counted = Entity::find()
            .select_only()
            .expr_as(Func::count(Expr::col(Asterisk)), "count")
            .filter(matching(self.backend(), owner, filter))
            .into_model::<Count>()
            .one(&self.store.pool)
            .await
            .map_err(store_error)?;
        Ok(counted.map_or(0, |counted| counted.count.unsigned_abs()))
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        let select = Entity::find().filter(owned(self.backend(), owner).add(Column::Id.eq(id.number())));
        // The id is unique, so no limit is needed.
        let rows = self.select(select).await.map_err(store_error)?;
        Ok(rows.into_iter().next().map(|row| row.task_of(owner)).transpose()?)
    }

    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateTaskError> {
        let row = task::new_row(owner, &task, now);
        let inserted = self.insert_row(row, owner).await.map_err(|error| match violation(&error) {
            Some(Violation::ForeignKey) => CreateTaskError::UnknownOwner,
            _ => CreateTaskError::Store(store_error(error)),
        })?;
        let id = inserted.ok_or(CreateTaskError::UnknownOwner)?;
        let NewTask { title, description, completed } = task;
        Ok(Task {
            id: TaskId::new(id),
            owner: owner.id().clone(),
            title,
            description,
            completed,
            created_at: now,
            updated_at: now,
        })
    }

    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        let TaskPatch { title, description, completed } = patch;
        let description = match &description {
            FieldUpdate::Keep => None,
            FieldUpdate::Clear => Some(None),
            FieldUpdate::Set(description) => Some(Some(description.as_str())),
        };
        let changes = [
            title.as_ref().map(|title| (Column::Title, Title::as_str(title).into())),
            description.map(|description| (Column::Description, description.into())),
            completed.map(|completed| (Column::Completed, completed.into())),
        ];
        let mut update = self.update_of(owner, id, now);
        for (column, value) in changes.into_iter().flatten() {
            update = update.col_expr(column, value);
        }
        self.change(owner, update).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let toggled = Expr::col(Column::Completed).not();
        self.change(owner, self.update_of(owner, id, now).col_expr(Column::Completed, toggled)).await
    }

    async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
        let delete = Entity::delete_many().filter(owned(self.backend(), owner).add(Column::Id.eq(id.number())));
        let deleted = delete.exec(&self.store.pool).await.map_err(store_error)?;
        Ok(deleted.rows_affected > 0)
    }
}
