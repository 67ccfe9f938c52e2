//! The store of tasks.
//!
//! Its statements are written by hand, the same for every database as far as there is one way to say it, and rows are
//! read by the places of their columns. With sea-orm's builder and its models, building and reading took longer than the
//! driver does.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, SqlErr, Statement, Value};
use taskbridge_domain::list::{
    Cursor, Direction, Position, SortKey, Start, StoredTime, TaskFilter, TaskOrder, TaskPage, TaskQuery,
};
use taskbridge_domain::ports::{InsertError, StoreError, TaskRepo};
use taskbridge_domain::task::{Description, Edit, NewTask, Task, TaskId, TaskPatch, Title};
use taskbridge_domain::{Owner, Timestamp, UserId};

use super::Store;
use super::entities::task::Model;
use super::error::{Inconsistency, store_error};

/// The columns of a task, in the order in which [`model`] reads them.
const TASK: &str = r#""id", "user_id", "title", "description", "completed", "created_at", "updated_at""#;

/// With which every condition on tasks starts; the first value is the owner.
const OWNED: &str = r#""user_id" = $1"#;

const REMOVE: &str = r#"delete from "tasks" where "user_id" = $1 and "id" = $2"#;

/// Tasks in the table `tasks`.
pub struct SeaTaskRepo {
    store: Store,
    find: String,
    insert: String,
    update: String,
    toggle: String,
}

impl SeaTaskRepo {
    /// A repository on this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let advanced = advanced(store.0.get_database_backend());
        Self {
            store,
            find: format!(r#"select {TASK} from "tasks" where {OWNED} and "id" = $2"#),
            insert: format!(
                r#"insert into "tasks" ("user_id", "title", "description", "completed", "created_at", "updated_at")
                values ($1, $2, $3, $4, $5, $5) returning {TASK}"#
            ),
            update: format!(
                r#"update "tasks" set "updated_at" = {advanced}, "title" = coalesce($4, "title"),
                "description" = case when $5 then $6 else "description" end, "completed" = coalesce($7, "completed")
                where {OWNED} and "id" = $2 returning {TASK}"#
            ),
            toggle: format!(
                r#"update "tasks" set "updated_at" = {advanced}, "completed" = not "completed"
                where {OWNED} and "id" = $2 returning {TASK}"#
            ),
        }
    }

    fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.backend(), sql, values)
    }

    fn backend(&self) -> DbBackend {
        self.store.0.get_database_backend()
    }

    async fn rows(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<QueryResult>, DbErr> {
        self.store.0.query_all_raw(self.statement(sql, values)).await
    }

    /// The task that a statement finds or changes, if there is one.
    async fn one(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Option<Task>, StoreError> {
        let rows = self.rows(sql, values).await.map_err(store_error)?;
        rows.first().map(to_task).transpose()
    }
}

/// The next `updated_at`: now, which is the third value, or a millisecond more than it was if the clock has not moved
/// since.
fn advanced(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => r#"max($3, strftime('%Y-%m-%dT%H:%M:%fZ', "updated_at", '+0.001 seconds'))"#,
        _ => r#"greatest($3, "updated_at" + interval '1 millisecond')"#,
    }
}

/// What a list is sorted by. SQLite compares texts by code point anyway.
fn column(backend: DbBackend, key: SortKey) -> &'static str {
    match (key, backend) {
        (SortKey::CreatedAt, _) => r#""created_at""#,
        (SortKey::UpdatedAt, _) => r#""updated_at""#,
        (SortKey::Title, DbBackend::Sqlite) => r#""title""#,
        (SortKey::Title, _) => r#""title" collate "C""#,
    }
}

/// A condition on tasks of one owner, and the values in it.
struct Condition {
    backend: DbBackend,
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    fn owned_by(backend: DbBackend, owner: &Owner) -> Self {
        Self { backend, sql: OWNED.into(), values: vec![owner.id().as_str().into()] }
    }

    /// The place of one more value.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn and(&mut self, condition: &str) {
        self.sql.extend([" and ", condition]);
    }

    /// What the filter admits. Both databases fold the case of A to Z alone: SQLite always, PostgreSQL in the collation
    /// C.
    fn admitted(mut self, filter: &TaskFilter) -> Self {
        let TaskFilter { completed, search } = filter;
        if let Some(completed) = completed {
            let completed = self.value(*completed);
            self.and(&format!(r#""completed" = {completed}"#));
        }
        if let Some(search) = search {
            let search = self.value(search.lowercase());
            let found = |column| match self.backend {
                DbBackend::Sqlite => format!(r#"instr(lower("{column}"), {search}) > 0"#),
                _ => format!(r#"strpos(lower("{column}" collate "C"), {search}) > 0"#),
            };
            self.and(&format!("({} or {})", found("title"), found("description")));
        }
        self
    }

    /// Only what comes after the cursor, as one comparison of rows, which the owner's index answers.
    fn behind(&mut self, cursor: &Cursor) {
        let Cursor { position, id, direction } = cursor;
        let sorted_by = column(self.backend, position.key());
        let position = match position {
            Position::CreatedAt(time) | Position::UpdatedAt(time) => self.value(time.datetime()),
            Position::Title(title) => self.value(title.as_str()),
        };
        let id = self.value(id.number());
        let after = match direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        };
        self.and(&format!(r#"({sorted_by}, "id") {after} ({position}, {id})"#));
    }
}

/// Reads the columns of [`TASK`].
fn model(row: &QueryResult) -> Result<Model, DbErr> {
    Ok(Model {
        id: row.try_get_by_index(0)?,
        user_id: row.try_get_by_index(1)?,
        title: row.try_get_by_index(2)?,
        description: row.try_get_by_index(3)?,
        completed: row.try_get_by_index(4)?,
        created_at: row.try_get_by_index(5)?,
        updated_at: row.try_get_by_index(6)?,
    })
}

fn to_task(row: &QueryResult) -> Result<Task, StoreError> {
    let Model { id, user_id, title, description, completed, created_at, updated_at } =
        model(row).map_err(store_error)?;
    Ok(Task {
        id: TaskId::new(id),
        owner: UserId::parse(user_id).ok_or(Inconsistency { table: "tasks", column: "user_id" })?,
        title: Title::from_stored(title),
        description: description.map(Description::from_stored),
        completed,
        created_at: Timestamp::new(created_at),
        updated_at: Timestamp::new(updated_at),
    })
}

/// Where a row of [`TASK`] stands, as precisely as the database has it.
fn position(row: &QueryResult, key: SortKey) -> Result<Position, StoreError> {
    let position = match key {
        SortKey::CreatedAt => row.try_get_by_index(5).map(|time| Position::CreatedAt(StoredTime::new(time))),
        SortKey::UpdatedAt => row.try_get_by_index(6).map(|time| Position::UpdatedAt(StoredTime::new(time))),
        SortKey::Title => row.try_get_by_index(2).map(Position::Title),
    };
    position.map_err(store_error)
}

#[async_trait]
impl TaskRepo for SeaTaskRepo {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        let backend = self.backend();
        let TaskQuery { filter, start, limit } = query;
        let TaskOrder { key, direction } = query.order();
        let mut condition = Condition::owned_by(backend, owner).admitted(filter);
        if let Start::After(cursor) = start {
            condition.behind(cursor);
        }
        let limit = usize::from(limit.count());
        // One more tells whether there are more.
        let count = condition.value(limit as u64 + 1);
        let offset = match start {
            Start::Offset(_, offset @ 1..) => format!(" offset {}", condition.value(i64::from(*offset))),
            _ => String::new(),
        };
        let sorted_by = column(backend, key);
        let towards = match direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        let Condition { sql: condition, values, .. } = condition;
        let sql = format!(
            r#"select {TASK} from "tasks" where {condition} order by {sorted_by} {towards}, "id" {towards} limit {count}{offset}"#
        );
        let mut rows = self.rows(&sql, values).await.map_err(store_error)?;
        let there_are_more = rows.len() > limit;
        rows.truncate(limit);
        let next = match rows.last() {
            Some(last) if there_are_more => {
                Some(Cursor { position: position(last, key)?, id: to_task(last)?.id, direction })
            }
            _ => None,
        };
        Ok(TaskPage { tasks: rows.iter().map(to_task).collect::<Result<_, _>>()?, next })
    }

    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        let Condition { sql, values, .. } = Condition::owned_by(self.backend(), owner).admitted(filter);
        let sql = format!(r#"select count(*) from "tasks" where {sql}"#);
        let rows = self.rows(&sql, values).await.map_err(store_error)?;
        let count = rows.first().map(|row| row.try_get_by_index::<i64>(0)).transpose();
        let count = count.map_err(store_error)?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.one(&self.find, [owner.id().as_str().into(), id.number().into()]).await
    }

    async fn insert(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, InsertError> {
        let NewTask { title, description, completed } = task;
        let description = description.as_ref().map(Description::as_str);
        let values: [Value; 5] = [
            owner.id().as_str().into(),
            title.as_str().into(),
            description.into(),
            completed.into(),
            now.datetime().into(),
        ];
        let rows = self.rows(&self.insert, values).await.map_err(|error| match error.sql_err() {
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => InsertError::UnknownOwner,
            _ => InsertError::Store(store_error(error)),
        })?;
        let row = rows.first().ok_or_else(|| store_error(DbErr::RecordNotInserted))?;
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
        let (is_edited, description) = match &description {
            Edit::Keep => (false, None),
            Edit::Clear => (true, None),
            Edit::Set(description) => (true, Some(description.as_str())),
        };
        let values: [Value; 7] = [
            owner.id().as_str().into(),
            id.number().into(),
            now.datetime().into(),
            title.as_ref().map(Title::as_str).into(),
            is_edited.into(),
            description.into(),
            completed.into(),
        ];
        self.one(&self.update, values).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let values = [owner.id().as_str().into(), id.number().into(), now.datetime().into()];
        self.one(&self.toggle, values).await
    }

    async fn remove(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
        let values = [owner.id().as_str().into(), id.number().into()];
        let removed = self.store.0.execute_raw(self.statement(REMOVE, values)).await.map_err(store_error)?;
        Ok(removed.rows_affected() > 0)
    }
}
