//! Our table `tasks`.

use sea_orm::entity::prelude::*;
use taskbridge_domain::task::{Description, Task, TaskId, Title};
use taskbridge_domain::{Timestamp, UserId};

use super::super::error::Inconsistency;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) user_id: String,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) completed: bool,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) updated_at: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Task {
    type Error = Inconsistency;

    fn try_from(row: Model) -> Result<Self, Inconsistency> {
        let Model { id, user_id, title, description, completed, created_at, updated_at } = row;
        Ok(Self {
            id: TaskId::new(id),
            owner: UserId::parse(user_id).ok_or(Inconsistency { table: "tasks", column: "user_id" })?,
            title: Title::from_stored(title),
            description: description.map(Description::from_stored),
            completed,
            created_at: Timestamp::new(created_at),
            updated_at: Timestamp::new(updated_at),
        })
    }
}
