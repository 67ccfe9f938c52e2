//! The users to whom tasks belong, and the foreign key to them.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use taskbridge_schema::{AuthTable, IdKind, Plan, Refusal, TableMap, quoted};

use crate::catalog::{self, Column, Reference};
use crate::context::Context;
use crate::error::{IMPORT_TASKS, refusal};
use crate::users::Users;

/// The table of the users, and the type of their ids.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub(crate) struct Owners {
    users: TableMap,
    /// `true` if the table exists, so that tasks can refer to it.
    exists: bool,
    /// `true` if tasks must refer to these users.
    is_required: bool,
    /// `true` if the role may add a foreign key to the table.
    may_refer: bool,
    /// `false` if tasks must refer to users whose table was refused, so that nothing is known about their ids.
    is_known: bool,
}

/// Selects a row if a task has the empty text as its owner.
const EMPTY_OWNER: &str = r#"select 1 from "tasks" where "user_id"::text = '' limit 1"#;

/// Selects a row if the role must not refer to the table `user` in the current schema.
const CANNOT_REFER: &str = r"select 1 from pg_class c where c.relname = 'user'
  and c.relnamespace = quote_ident(current_schema())::regnamespace and not has_table_privilege(c.oid, 'references')";

/// Returns `true` if the ids of the users are known: their table is missing or can be used.
fn is_known(plan: &Plan) -> bool {
    let users = plan.map.table(AuthTable::User);
    let is_of_users = |refusal: &Refusal| {
        let name = refusal.table.rsplit('.').next().unwrap_or_default();
        let id = users.columns.get("id").map(|id| id.name.as_str());
        name == users.name && (refusal.column.is_none() || refusal.column.as_deref() == id)
    };
    plan.refusals.is_empty() || plan.existing.contains(&AuthTable::User) && !plan.refusals.iter().any(is_of_users)
}

impl Owners {
    pub(crate) async fn read(db: &impl ConnectionTrait, context: &Context) -> Result<Self, DbErr> {
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
            is_known: context.users == Users::Elsewhere || is_known(plan),
        }
    }

    /// Returns the type of the column `user_id` in a new table. In bridge mode, tokens can contain any text as the id.
    pub(crate) fn data_type(&self) -> &str {
        let id = self.users.columns.get("id").map_or("", |column| column.data_type.as_str());
        if self.users.id == IdKind::Text || !self.is_required || id.is_empty() { "text" } else { id }
    }

    /// Returns the end of the definition of a column that refers to the users. It is empty if tasks cannot refer to them.
    ///
    /// In bridge mode, tasks refer only to a table that has the name of Better Auth, in the current schema, because the
    /// users may be in another database.
    pub(crate) fn reference(&self) -> String {
        let id = self.users.columns.get("id").map_or("id", |column| column.name.as_str());
        let is_canonical = self.users.schema.is_none() && self.users.name == AuthTable::User.name();
        let can_refer =
            self.exists && (self.is_required || is_canonical && self.users.id == IdKind::Text && self.may_refer);
        let reference = format!(" references {} ({}) on delete cascade", self.users.quoted(), quoted(id));
        if can_refer { reference } else { String::new() }
    }

    /// Returns `true` if the column can contain the ids of the users.
    pub(crate) fn fit(&self, column: &Column) -> bool {
        match column.data_type.as_str() {
            "uuid" => self.users.id == IdKind::Uuid,
            "smallint" | "integer" | "bigint" => matches!(self.users.id, IdKind::Integer { .. }),
            _ => catalog::is_text(DbBackend::Postgres, column) && (self.users.id == IdKind::Text || !self.is_required),
        }
    }

    /// Returns the quoted names of the table of the users and of its id, if the owners in `column` are ids of that table.
    pub(super) fn table_for(&self, backend: DbBackend, column: Option<&Column>) -> Option<(String, String)> {
        let fits = column.is_some_and(|column| backend != DbBackend::Postgres || self.fit(column));
        let id = self.users.columns.get("id").map_or("id", |column| column.name.as_str());
        (self.is_required && self.exists && fits).then(|| (self.users.quoted(), quoted(id)))
    }

    /// Returns the command that imports the tasks of the users of another backend, to whom the column refers.
    pub(super) async fn import(db: &impl ConnectionTrait, column: &Column) -> Result<String, DbErr> {
        Ok(import_of(references(db, column).await?.first()))
    }

    /// Returns the reason for which tasks cannot belong to the users by this column: its type or its foreign key.
    pub(super) async fn refusal(&self, db: &impl ConnectionTrait, column: &Column) -> Result<Option<Refusal>, DbErr> {
        match self.wrong_type(db, column).await? {
            Some(refusal) => Ok(Some(refusal)),
            None => self.wrong_reference(db, column).await,
        }
    }

    /// Returns the refusal of a column on PostgreSQL whose type is not that of the ids of the users.
    pub(super) async fn wrong_type(
        &self,
        db: &impl ConnectionTrait,
        column: &Column,
    ) -> Result<Option<Refusal>, DbErr> {
        if !self.is_known || db.get_database_backend() != DbBackend::Postgres || self.fit(column) {
            return Ok(None);
        }
        let references = references(db, column).await?;
        let wanted = self.data_type();
        let ids = if wanted == "text" { "text".to_owned() } else { format!("{wanted} in {}", self.users.quoted()) };
        let found = format!("is {}, but user ids are {ids}", column.data_type);
        let is_number = matches!(column.data_type.as_str(), "smallint" | "integer" | "bigint");
        let other = references.iter().find(|reference| !self.are_users(DbBackend::Postgres, reference));
        let import = import_of(other.or(references.first()));
        // The numbers are the ids of users of another backend, and not those of any user of Better Auth.
        let next = if is_number && (self.is_required || other.is_some()) {
            format!("run: {import}")
        } else if column.name != "user_id" {
            format!("run: {IMPORT_TASKS}")
        } else {
            let change = format!(
                "drop the views that use it, if there are any, and run: {}",
                self.change_type(db, column, wanted, &references).await?
            );
            if is_number { format!("if tokens contain these ids, {change}; otherwise run: {import}") } else { change }
        };
        Ok(Some(refusal("tasks", &column.name, found, next)))
    }

    /// Returns the statement that changes the type of the column `user_id`, and its foreign key with it.
    async fn change_type(
        &self,
        db: &impl ConnectionTrait,
        column: &Column,
        wanted: &str,
        references: &[Reference],
    ) -> Result<String, DbErr> {
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

    /// Returns `true` if the foreign key refers to the table of the users.
    fn are_users(&self, backend: DbBackend, reference: &Reference) -> bool {
        let is_named = reference.table == self.users.name
            || backend == DbBackend::Sqlite && reference.table.eq_ignore_ascii_case(&self.users.name);
        is_named && reference.schema == self.users.schema
    }

    /// Returns the refusal of a column that refers to another table than that of the users, although the users are in this
    /// database.
    pub(super) async fn wrong_reference(
        &self,
        db: &impl ConnectionTrait,
        column: &Column,
    ) -> Result<Option<Refusal>, DbErr> {
        let backend = db.get_database_backend();
        let references = references(db, column).await?;
        let wrong = references.iter().find(|reference| !self.are_users(backend, reference));
        let Some(wrong) = wrong.filter(|_| self.is_required && self.is_known) else { return Ok(None) };
        let shown = |schema: &Option<String>, name: &str| {
            schema.as_ref().map_or_else(|| format!("\"{name}\""), |schema| format!("\"{schema}.{name}\""))
        };
        let found = format!(
            "refers to the table {}, but the users are in {}",
            shown(&wrong.schema, &wrong.table),
            shown(&self.users.schema, &self.users.name)
        );
        let import = import_of(Some(wrong));
        let next = if backend == DbBackend::Sqlite || !self.exists {
            format!("run: {import}, or use AUTH_MODE=bridge")
        } else {
            let (constraint, name) = (quoted(&wrong.constraint), quoted(&column.name));
            let reference = self.reference();
            // Older versions of Taskbridge created a table `user` beside one of another name.
            let of_others = if wrong.table == AuthTable::User.name() {
                String::new()
            } else {
                format!("; if these are the users of another backend, with other ids, run instead: {import}")
            };
            format!(
                "run: alter table \"tasks\" drop constraint {constraint}, add constraint {constraint} foreign key \
                 ({name}){reference} not valid, or use AUTH_MODE=bridge{of_others}"
            )
        };
        Ok(Some(refusal("tasks", &column.name, found, next)))
    }
}

/// Returns the foreign keys of a column of the table `tasks`.
async fn references(db: &impl ConnectionTrait, column: &Column) -> Result<Vec<Reference>, DbErr> {
    let name = match db.get_database_backend() {
        DbBackend::Postgres => column.name.clone(),
        _ => column.name.to_lowercase(),
    };
    catalog::references(db, "tasks", &name).await
}

/// Returns the command that imports the tasks of the users of another backend.
fn import_of(reference: Option<&Reference>) -> String {
    let users = reference.map(|Reference { schema, table, .. }| match schema {
        Some(schema) => format!("{schema}.{table}"),
        None => table.clone(),
    });
    format!("{IMPORT_TASKS} --users-from {}", users.as_deref().unwrap_or("<table of these users>"))
}
