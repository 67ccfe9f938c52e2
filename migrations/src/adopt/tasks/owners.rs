//! The users to whom tasks belong, and the foreign key to them.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use taskbridge_schema::{AuthTable, IdKind, Plan, TableMap, quoted};

use crate::catalog::{self, Column, Reference};
use crate::context::Context;
use crate::error::refused_column;
use crate::users::Users;

/// The table of the users, and the type of their ids.
pub(super) struct Owners {
    users: TableMap,
    /// `true` if the table exists, so that tasks can refer to it.
    exists: bool,
    /// `true` if tasks must refer to these users.
    is_required: bool,
}

impl Owners {
    pub(super) async fn read(db: &impl ConnectionTrait, context: &Context) -> Result<Self, DbErr> {
        Ok(Self::of(&context.plan(db).await?, context))
    }

    pub(super) fn of(plan: &Plan, context: &Context) -> Self {
        Self {
            users: plan.map.table(AuthTable::User).clone(),
            exists: plan.existing.contains(&AuthTable::User),
            is_required: context.users == Users::Here,
        }
    }

    /// Returns the type of the column `user_id` in a new table. In bridge mode, tokens can contain any text as the id.
    pub(super) fn data_type(&self) -> &str {
        let id = self.users.columns.get("id").map_or("", |column| column.data_type.as_str());
        if self.users.id == IdKind::Text || !self.is_required || id.is_empty() { "text" } else { id }
    }

    /// Returns the end of the definition of a column that refers to the users. It is empty if tasks cannot refer to them.
    pub(super) fn reference(&self) -> String {
        let id = self.users.columns.get("id").map_or("id", |column| column.name.as_str());
        let can_refer = self.exists && (self.is_required || self.users.id == IdKind::Text);
        let reference = format!(" references {} ({}) on delete cascade", self.users.quoted(), quoted(id));
        if can_refer { reference } else { String::new() }
    }

    /// Returns `true` if the column can contain the ids of the users.
    fn fit(&self, column: &Column) -> bool {
        match column.data_type.as_str() {
            "uuid" => self.users.id == IdKind::Uuid,
            "smallint" | "integer" | "bigint" => matches!(self.users.id, IdKind::Integer { .. }),
            _ => catalog::is_text(DbBackend::Postgres, column) && (self.users.id == IdKind::Text || !self.is_required),
        }
    }

    /// Refuses a table of tasks on PostgreSQL whose column `user_id` cannot contain the ids of the users.
    pub(super) fn check_type(&self, column: &Column) -> Result<(), DbErr> {
        if self.fit(column) {
            return Ok(());
        }
        let wanted = self.data_type();
        let ids = if wanted == "text" { "text".to_owned() } else { format!("{wanted} in {}", self.users.quoted()) };
        let why = format!(
            "is {}, but user ids are {ids}; run: alter table \"tasks\" alter column \"user_id\" type {wanted} \
             using \"user_id\"::{wanted}",
            column.data_type
        );
        Err(refused_column("tasks", "user_id", &why))
    }

    /// Returns the foreign keys of the column `user_id`.
    ///
    /// # Errors
    /// A refusal if the users are in this database but `user_id` refers to another table than theirs.
    pub(super) async fn check_references(&self, db: &impl ConnectionTrait) -> Result<Vec<Reference>, DbErr> {
        let references = catalog::references(db, "tasks", "user_id").await?;
        let is_sqlite = db.get_database_backend() == DbBackend::Sqlite;
        let is_right = |reference: &Reference| {
            let is_named = reference.table == self.users.name
                || is_sqlite && reference.table.eq_ignore_ascii_case(&self.users.name);
            is_named && reference.schema == self.users.schema
        };
        let Some(wrong) = references.iter().find(|reference| !is_right(reference)).filter(|_| self.is_required) else {
            return Ok(references);
        };
        let shown = |schema: &Option<String>, name: &str| {
            schema.as_ref().map_or_else(|| format!("\"{name}\""), |schema| format!("\"{schema}.{name}\""))
        };
        let next = if is_sqlite || !self.exists {
            "drop that foreign key".to_owned()
        } else {
            let name = quoted(&wrong.constraint);
            let reference = self.reference();
            format!(
                "run: alter table \"tasks\" drop constraint {name}, add constraint {name} foreign key \
                 (\"user_id\"){reference} not valid"
            )
        };
        let why = format!(
            "refers to the table {}, but the users are in {}; {next}, or use AUTH_MODE=bridge",
            shown(&wrong.schema, &wrong.table),
            shown(&self.users.schema, &self.users.name)
        );
        Err(refused_column("tasks", "user_id", &why))
    }
}
