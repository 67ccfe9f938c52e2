//! Tasks in the table `tasks`.

#[cfg(test)]
mod plans;
mod room;
mod statements;

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, IdenStatic, QueryTrait, Select, UpdateMany,
};
use taskbridge_domain::ports::{CreateTaskError, StoreError, TaskRepo};
use taskbridge_domain::tasks::{
    Cursor, NewTask, PageSize, PreciseTimestamp, SortKey, SortValue, Task, TaskFilter, TaskId, TaskOrder, TaskPage,
    TaskPatch, TaskQuery, TitlePrefix,
};
use taskbridge_domain::{Owner, Timestamp};

use self::room::has_room;
use self::statements::Dialect;
use crate::database::Store;
use crate::database::connection_pool::{Driver, Transaction, TransactionBody};
use crate::database::driver_error::to_db_err;
use crate::database::entities::task::{self, Column, Entity, Model};
use crate::database::error::{Violation, store_error, violation};
use crate::database::postgres::StatementError;

/// Stores tasks in the table `tasks`.
pub struct SeaTaskRepo {
    store: Store,
    requires_known_owners: bool,
    max_per_owner: Option<NonZeroU32>,
}

impl SeaTaskRepo {
    /// Returns a repository on this store. It does not require that the owners of tasks are in the same database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, requires_known_owners: false, max_per_owner: None }
    }

    /// Returns the repository with an additional check: a new task is rejected if its owner is not in the table `user`.
    /// On PostgreSQL, a foreign key always ensures this, but on SQLite an adopted table may lack the foreign key.
    #[must_use]
    pub fn requiring_known_owners(self) -> Self {
        Self { requires_known_owners: true, ..self }
    }

    /// Returns the repository with a maximum number of tasks for each owner. 0 means no limit.
    #[must_use]
    pub fn with_max_per_owner(self, max: u32) -> Self {
        Self { max_per_owner: NonZeroU32::new(max), ..self }
    }

    fn dialect(&self) -> Dialect {
        Dialect { backend: self.store.pool.get_database_backend(), user_ids: self.store.pool.owner_kind() }
    }

    /// Inserts a row, if its owner has fewer tasks than the maximum.
    async fn insert(&self, row: task::ActiveModel, owner: &Owner) -> Result<Insertion, DbErr> {
        let Some(max) = self.max_per_owner else { return self.insert_on(&self.store.pool, row, owner).await };
        let body = InsertIfRoom { repo: self, row, owner, max, outcome: Mutex::new(Insertion::NoRoom) };
        self.store.pool.transaction(&body).await?;
        Ok(body.outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    async fn insert_on(
        &self,
        connection: &impl ConnectionTrait,
        row: task::ActiveModel,
        owner: &Owner,
    ) -> Result<Insertion, DbErr> {
        if !self.store.pool.owner_kind().accepts(owner.id().as_str()) {
            return Ok(Insertion::UnknownOwner);
        }
        if connection.get_database_backend() == DbBackend::Sqlite && self.requires_known_owners {
            let inserted = connection.query_one(&statements::insert_if_known(&row, owner)).await?;
            let id = inserted.map(|row| row.try_get("", Column::Id.as_str())).transpose()?;
            return Ok(id.map_or(Insertion::UnknownOwner, Insertion::Done));
        }
        Ok(Insertion::Done(Entity::insert(row).exec(connection).await?.last_insert_id))
    }

    /// Returns the rows that a statement on the table `tasks` alone selects. Only a short read may use a shared connection.
    async fn select(&self, select: Select<Entity>, is_short: bool) -> Result<Vec<Model>, DbErr> {
        let Driver::Postgres(postgres) = &self.store.pool.driver else { return select.all(&self.store.pool).await };
        // The statement has no markers to replace, because `tasks` is not a table of Better Auth.
        let statement = select.build(DbBackend::Postgres);
        let rows = if is_short { postgres.short_rows(&statement).await } else { postgres.rows(&statement).await };
        let rows = rows.map_err(to_db_err)?;
        Model::read(rows).map_err(|error| to_db_err(StatementError::from(error)))
    }

    /// Executes an update of one task and returns the changed task, or `None` if the owner has no such task.
    async fn change(&self, owner: &Owner, update: UpdateMany<Entity>) -> Result<Option<Task>, StoreError> {
        let changed = update.exec_with_returning(&self.store.pool).await.map_err(store_error)?;
        Ok(changed.into_iter().next().map(|row| row.task_of(owner)).transpose()?)
    }
}

/// The result of an insertion.
#[derive(Debug, Clone, Copy)]
enum Insertion {
    /// The row was inserted with this id.
    Done(i64),
    /// The owner is not in the table `user`, or has an id that cannot be there.
    UnknownOwner,
    /// The owner has the maximum number of tasks.
    NoRoom,
}

/// The insertion of a row, if its owner has fewer than `max` tasks.
struct InsertIfRoom<'a> {
    repo: &'a SeaTaskRepo,
    row: task::ActiveModel,
    owner: &'a Owner,
    max: NonZeroU32,
    outcome: Mutex<Insertion>,
}

#[async_trait]
impl TransactionBody for InsertIfRoom<'_> {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let Self { repo, row, owner, max, outcome } = self;
        let inserted = if has_room(transaction, repo.dialect(), owner, *max).await? {
            repo.insert_on(transaction, row.clone(), owner).await?
        } else {
            Insertion::NoRoom
        };
        *outcome.lock().unwrap_or_else(PoisonError::into_inner) = inserted;
        Ok(matches!(inserted, Insertion::Done(_)))
    }
}

/// Returns `true` if the list can be read on a shared connection without delaying other reads.
fn is_short(query: &TaskQuery) -> bool {
    query.reads_only_its_page() && query.limit.count() <= PageSize::default().count()
}

/// Returns the value by which a task is sorted. A time keeps the full precision of the database.
fn sort_value(row: &Model, key: SortKey) -> SortValue {
    match key {
        SortKey::CreatedAt => SortValue::CreatedAt(PreciseTimestamp::new(row.created_at.0)),
        SortKey::UpdatedAt => SortValue::UpdatedAt(PreciseTimestamp::new(row.updated_at.0)),
        SortKey::Title => SortValue::Title(TitlePrefix::of(&row.title)),
    }
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

#[async_trait]
impl TaskRepo for SeaTaskRepo {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let TaskOrder { key, direction } = query.order();
        let limit = usize::from(query.limit.count());
        let select = statements::list(self.dialect(), owner, query);
        let mut rows = self.select(select, is_short(query)).await.map_err(store_error)?;
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
        let count = statements::count(self.dialect(), owner, filter);
        let counted = Count::find_by_statement(count).one(&self.store.pool).await.map_err(store_error)?;
        Ok(counted.map_or(0, |counted| counted.count.unsigned_abs()))
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        let rows = self.select(statements::find(self.dialect(), owner, id), true).await.map_err(store_error)?;
        Ok(rows.into_iter().next().map(|row| row.task_of(owner)).transpose()?)
    }

    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateTaskError> {
        let row = task::new_row(owner, &task, now);
        let inserted = self.insert(row, owner).await.map_err(|error| match violation(&error) {
            Some(Violation::ForeignKey) => CreateTaskError::UnknownOwner,
            _ => CreateTaskError::Store(store_error(error)),
        })?;
        let id = match inserted {
            Insertion::Done(id) => id,
            Insertion::UnknownOwner => return Err(CreateTaskError::UnknownOwner),
            Insertion::NoRoom => return Err(CreateTaskError::LimitReached),
        };
        Ok(Task::new(TaskId::new(id), owner.id().clone(), task, now))
    }

    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        let update = statements::update(self.dialect(), owner, id, now);
        let update = task::changes(&patch).fold(update, |update, (column, value)| update.col_expr(column, value));
        self.change(owner, update).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let toggled = Expr::col(Column::Completed).not();
        let update = statements::update(self.dialect(), owner, id, now).col_expr(Column::Completed, toggled);
        self.change(owner, update).await
    }

    async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
        let deleted =
            statements::delete(self.dialect(), owner, id).exec(&self.store.pool).await.map_err(store_error)?;
        Ok(deleted.rows_affected > 0)
    }
}
