//! The table `tasks`. Its text columns have the type `text` or `varchar`, even in an adopted table, so they need no
//! cast. The column of the owner has the same type as the ids of the users.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::IdenStatic;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use taskbridge_domain::tasks::{Description, FieldUpdate, NewTask, Task, TaskId, TaskPatch, Title};
use taskbridge_domain::{Owner, Timestamp, UserId};
use tokio_postgres::Row;

use super::column_types::{Flag, RowId, Time};
use crate::database::postgres::{Integer, ValueError};

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) user_id: RowId,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) completed: Flag,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Reads rows from PostgreSQL without converting them to sea-orm's form first.
    ///
    /// This is an optimization for the most frequent HTTP requests. sea-orm's form copies each value twice and each
    /// column name once, which costs 10 % more CPU time for a list of 20 tasks.
    pub(in crate::database) fn read(rows: Vec<Row>) -> Result<Vec<Self>, ValueError> {
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let place = |column: Column| {
            let name = column.as_str();
            let place = first.columns().iter().position(|found| found.name() == name);
            place.ok_or(ValueError::Missing { column: name })
        };
        let (id, user_id, title) = (place(Column::Id)?, place(Column::UserId)?, place(Column::Title)?);
        let (description, completed) = (place(Column::Description)?, place(Column::Completed)?);
        let (created_at, updated_at) = (place(Column::CreatedAt)?, place(Column::UpdatedAt)?);
        let read = |row: Row| {
            Ok(Self {
                id: row.try_get::<_, Integer>(id)?.0,
                user_id: row.try_get(user_id)?,
                title: row.try_get(title)?,
                description: row.try_get(description)?,
                completed: row.try_get(completed)?,
                created_at: row.try_get(created_at)?,
                updated_at: row.try_get(updated_at)?,
            })
        };
        // Each row is dropped once it has been read, so that the page is not in memory twice.
        rows.into_iter().map(read).collect()
    }

    /// Converts the row to a task of this owner.
    pub(crate) fn task_of(self, owner: UserId) -> Task {
        let Self { id, user_id: _, title, description, completed, created_at, updated_at } = self;
        Task {
            id: TaskId::new(id),
            owner,
            title: Title::from_stored(title),
            description: description.map(Description::from_stored),
            completed: completed.0,
            created_at: Timestamp::new(created_at.0),
            updated_at: Timestamp::new(updated_at.0),
        }
    }
}

/// Returns the columns that a patch changes, and their new values.
pub(crate) fn changes(patch: &TaskPatch) -> impl Iterator<Item = (Column, Expr)> {
    let TaskPatch { title, description, completed } = patch;
    let description = match description {
        FieldUpdate::Keep => None,
        FieldUpdate::Clear => Some(None),
        FieldUpdate::Set(description) => Some(Some(description.as_str())),
    };
    let changes = [
        title.as_ref().map(|title| (Column::Title, title.as_str().into())),
        description.map(|description| (Column::Description, description.into())),
        completed.map(|completed| (Column::Completed, completed.into())),
    ];
    changes.into_iter().flatten()
}

/// Returns the row of a new task, whose id the database generates.
pub(crate) fn new_row(owner: &Owner, task: &NewTask, now: Timestamp) -> ActiveModel {
    let NewTask { title, description, completed } = task;
    ActiveModel {
        id: NotSet,
        user_id: Set(RowId(owner.id().to_string())),
        title: Set(title.as_str().to_owned()),
        description: Set(description.as_ref().map(|description| description.as_str().to_owned())),
        completed: Set(Flag(*completed)),
        created_at: Set(Time(now.datetime())),
        updated_at: Set(Time(now.datetime())),
    }
}
