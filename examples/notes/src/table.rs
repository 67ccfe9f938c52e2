//! The table `notes`.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::Select;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use taskbridge_adapters::database::owned::{Dialect, OwnedEntity, RowId, Time, creation_cursor, newest_first};
use taskbridge_domain::owned::{CreationCursor, Id, NewestFirst};
use taskbridge_domain::{Owner, Timestamp, UserId};
use taskbridge_migrations::{CreateOwnedTable, NewColumn};

use crate::note::{NewNote, Note, NotePatch, NoteText};

/// Creates the table.
pub const CREATE: CreateOwnedTable = CreateOwnedTable {
    migration: "m20261201_000001_notes",
    summary: "creates the table `notes`",
    table: "notes",
    columns: &[NewColumn { name: "text", postgres: "text not null", sqlite: "text not null" }],
};

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: RowId,
    #[sea_orm(column_type = "Text")]
    pub text: String,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl OwnedEntity for Entity {
    type Resource = Note;

    const ID: Column = Column::Id;
    const OWNER: Column = Column::UserId;
    const UPDATED_AT: Column = Column::UpdatedAt;

    fn new_row(owner: &Owner, new: &NewNote, now: Timestamp) -> ActiveModel {
        let NewNote { text } = new;
        ActiveModel {
            id: NotSet,
            user_id: Set(RowId(owner.id().to_string())),
            text: Set(text.as_str().to_owned()),
            created_at: Set(Time(now.datetime())),
            updated_at: Set(Time(now.datetime())),
        }
    }

    fn changes(patch: &NotePatch) -> impl IntoIterator<Item = (Column, Expr)> + Send {
        let NotePatch { text } = patch;
        text.as_ref().map(|text| (Column::Text, text.as_str().into()))
    }

    fn owner(row: &Model) -> &RowId {
        &row.user_id
    }

    fn resource(row: Model, owner: UserId) -> Note {
        let Model { id, user_id: _, text, created_at, updated_at } = row;
        Note {
            id: Id::new(id),
            owner,
            text: NoteText::from_stored(text),
            created_at: Timestamp::new(created_at.0),
            updated_at: Timestamp::new(updated_at.0),
        }
    }

    fn list(notes: Select<Self>, query: &NewestFirst, _: Dialect) -> Select<Self> {
        newest_first(notes, query, Column::CreatedAt)
    }

    fn cursor(row: &Model, _: &NewestFirst) -> CreationCursor {
        creation_cursor(row.created_at, row.id)
    }
}
