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
    /// `true` if the role may add a foreign key to the table.
    may_refer: bool,
}

/// Selects a row if a task has the empty text as its owner.
const EMPTY_OWNER: &str = r#"select 1 from "tasks" where "user_id"::text = '' limit 1"#;

/// Selects a row if the role must not refer to the table `user` in the current schema.
const CANNOT_REFER: &str = r"select 1 from pg_class c where c.relname = 'user'
  and c.relnamespace = current_schema()::regnamespace and not has_table_privilege(c.oid, 'references')";

impl Owners {
    pub(super) async fn read(db: &impl ConnectionTrait, context: &Context) -> Result<Self, DbErr> {
        let owners = Self::of(&context.plan(db).await?, context);
        let is_free = !owners.is_required && db.get_database_backend() == DbBackend::Postgres;
        let may_refer = !is_free || catalog::rows(db, CANNOT_REFER, []).await?.is_empty();
        Ok(Self { may_refer, ..owners })
    }

    pub(super) fn of(plan: &Plan, context: &Context) -> Self {
        Self {
            users: plan.map.table(AuthTable::User).clone(),
            exists: plan.existing.contains(&AuthTable::User),
            is_required: context.users == Users::Here,
            may_refer: true,
        }
    }

    /// Returns the type of the column `user_id` in a new table. In bridge mode, tokens can contain any text as the id.
    pub(super) fn data_type(&self) -> &str {
        let id = self.users.columns.get("id").map_or("", |column| column.data_type.as_str());
        if self.users.id == IdKind::Text || !self.is_required || id.is_empty() { "text" } else { id }
    }

    /// Returns the end of the definition of a column that refers to the users. It is empty if tasks cannot refer to them.
    ///
    /// In bridge mode, tasks refer only to a table that has the name of Better Auth, in the current schema, because the
    /// users may be in another database.
    pub(super) fn reference(&self) -> String {
        let id = self.users.columns.get("id").map_or("id", |column| column.name.as_str());
        let is_canonical = self.users.schema.is_none() && self.users.name == AuthTable::User.name();
        let can_refer =
            self.exists && (self.is_required || is_canonical && self.users.id == IdKind::Text && self.may_refer);
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
    pub(super) async fn check_type(&self, db: &impl ConnectionTrait, column: &Column) -> Result<(), DbErr> {
        if self.fit(column) {
            return Ok(());
        }
        let wanted = self.data_type();
        let ids = if wanted == "text" { "text".to_owned() } else { format!("{wanted} in {}", self.users.quoted()) };
        let why = format!(
            "is {}, but user ids are {ids}; drop the views that use it, if there are any, and run: {}",
            column.data_type,
            self.change_type(db, column, wanted).await?
        );
        Err(refused_column("tasks", "user_id", &why))
    }

    /// Returns the statement that changes the type of the column `user_id`, and its foreign key with it.
    async fn change_type(&self, db: &impl ConnectionTrait, column: &Column, wanted: &str) -> Result<String, DbErr> {
        let references = catalog::references(db, "tasks", "user_id").await?;
        let mut changes: Vec<_> =
            references.iter().map(|reference| format!("drop constraint {}", quoted(&reference.constraint))).collect();
        if column.has_default {
            changes.push("alter column \"user_id\" drop default".to_owned());
        }
        let value = if wanted == "text" {
            "\"user_id\"::text".to_owned()
        } else {
            // An empty text is the owner of tasks that have none.
            if column.is_required && catalog::exists(db, EMPTY_OWNER).await? {
                changes.push("alter column \"user_id\" drop not null".to_owned());
            }
            format!("nullif(\"user_id\"::text, '')::{wanted}")
        };
        changes.push(format!("alter column \"user_id\" type {wanted} using {value}"));
        let reference = self.reference();
        if let Some(first) = references.first().filter(|_| !reference.is_empty()) {
            let name = quoted(&first.constraint);
            changes.push(format!("add constraint {name} foreign key (\"user_id\"){reference} not valid"));
        }
        Ok(format!("alter table \"tasks\" {}", changes.join(", ")))
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
