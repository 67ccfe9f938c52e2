//! Stores bans, in the columns of Better Auth's `admin` plugin.

use sea_orm::sea_query::{Expr, ExprTrait, Value};
use sea_orm::{ConnectionTrait, DbBackend};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::StoreError;
use taskbridge_schema::{AuthTable, plain, snake, verbatim};
use thiserror::Error;

use super::columns::{RestrictionColumns, of_user};
use crate::database::Store;
use crate::database::catalog::{Column, name_for_operators, other_user_columns};
use crate::database::error::store_error;

/// The columns of the table `user` that store bans.
#[derive(Debug, Clone)]
pub(in crate::database) struct BanColumns {
    banned: Option<Column>,
    reason: Option<Column>,
    expires: Option<Column>,
    backend: DbBackend,
    /// The name of the table for statements that an operator executes.
    table: String,
    /// `true` if the columns have names in snake case.
    is_snake: bool,
}

/// Errors from storing a ban in a table that has no suitable columns.
#[derive(Debug, Error)]
pub(in crate::database) enum UnsuitableColumns {
    #[error(
        "the table {table} lacks columns of Better Auth's admin plugin ({}); to add them as the owner of the table, run: {}; a running server notices \
         them within a minute",
        names.join(", "),
        statements.join("; ")
    )]
    Missing { table: String, names: Vec<String>, statements: Vec<String> },
    #[error("the column {name} of the table {table} has the type {data_type}, in which Taskbridge cannot store a ban")]
    Type { table: String, name: String, data_type: String },
}

impl Store {
    /// Finds the columns that store bans.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub(in crate::database) async fn ban_columns(&self) -> Result<BanColumns, StoreError> {
        let users = other_user_columns(&self.pool).await.map_err(store_error)?;
        let RestrictionColumns { banned, ban_expires, .. } = RestrictionColumns::among(&users, &[]);
        let table = self.map().table(AuthTable::User);
        Ok(BanColumns {
            banned,
            reason: users.into_iter().find(|column| plain(&column.name) == "banreason"),
            expires: ban_expires,
            backend: self.pool.get_database_backend(),
            table: name_for_operators(&self.pool, AuthTable::User).await.map_err(store_error)?,
            is_snake: table.columns.get("emailVerified").is_some_and(|column| column.name.contains('_')),
        })
    }
}

impl BanColumns {
    /// Returns an expression for the reason for the ban of a user, as text; `None` if the table has no such column.
    pub(in crate::database) fn reason(&self) -> Option<Expr> {
        self.reason.as_ref().map(|column| of_user(column).cast_as("text"))
    }

    /// Returns the columns to write, as names for statements, and their values. Columns for details that are not given
    /// become null, if they exist.
    ///
    /// # Errors
    /// [`UnsuitableColumns`] if a column that the ban needs is missing or has an unsuitable type.
    pub(in crate::database) fn values(
        &self,
        banned: bool,
        reason: Option<&str>,
        until: Option<Timestamp>,
    ) -> Result<Vec<(String, Expr)>, UnsuitableColumns> {
        let needed = [
            (&self.banned, "banned", "boolean", "integer", true),
            (&self.reason, "banReason", "text", "text", reason.is_some()),
            (&self.expires, "banExpires", "timestamptz", "date", until.is_some()),
        ];
        if needed.iter().any(|(column, .., is_needed)| *is_needed && column.is_none()) {
            let missing = needed.iter().filter(|(column, ..)| column.is_none());
            let (names, statements) = missing
                .map(|(_, name, postgres, sqlite, _)| {
                    let name = if self.is_snake { snake(name) } else { (*name).to_owned() };
                    let data_type = if self.backend == DbBackend::Sqlite { sqlite } else { postgres };
                    let statement = format!("alter table {} add column \"{name}\" {data_type}", self.table);
                    (name, statement)
                })
                .unzip();
            return Err(UnsuitableColumns::Missing { table: self.table.clone(), names, statements });
        }
        let null = Value::String(None);
        let mut values = Vec::new();
        if let Some(column) = &self.banned {
            let is = |types: &[&str]| types.iter().any(|prefix| column.data_type.starts_with(prefix));
            let value = if self.backend == DbBackend::Sqlite || is(&["boolean", "text", "character varying"]) {
                Value::Bool(Some(banned))
            } else if is(&["smallint", "integer", "bigint"]) {
                Value::Int(Some(banned.into()))
            } else {
                return Err(self.unsuitable(column));
            };
            values.push((column, value));
        }
        if let Some(column) = &self.reason {
            values.push((column, reason.map_or(null.clone(), Value::from)));
        }
        if let Some(column) = &self.expires {
            let value = match until {
                Some(until) if self.stores_times(column) => until.datetime().into(),
                Some(_) => return Err(self.unsuitable(column)),
                None => null,
            };
            values.push((column, value));
        }
        Ok(values.into_iter().map(|(column, value)| (verbatim(&column.name), Expr::value(value))).collect())
    }

    /// Returns `true` if the column can hold a time that [`RestrictionColumns`] can read.
    fn stores_times(&self, column: &Column) -> bool {
        let data_type = &column.data_type;
        match self.backend {
            // A column with one of these types would convert the text of the time, or is used for another form.
            DbBackend::Sqlite => !["int", "real", "floa", "doub"].iter().any(|part| data_type.contains(part)),
            _ => data_type.starts_with("timestamp"),
        }
    }

    fn unsuitable(&self, column: &Column) -> UnsuitableColumns {
        let Column { name, data_type } = column.clone();
        UnsuitableColumns::Type { table: self.table.clone(), name, data_type }
    }
}
