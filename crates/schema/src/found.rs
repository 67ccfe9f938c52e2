//! Tables as the catalogue of a database describes them.

use std::collections::BTreeSet;

use sea_orm::DbBackend;

use crate::affinity::{Affinity, affinity};
use crate::id::{Generated, IdKind};
use crate::map::quoted;
use crate::names::plain;
use crate::overrides::Overrides;
use crate::table::AuthTable;

/// The tables of a database that could be Better Auth's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundTables {
    pub(crate) backend: DbBackend,
    /// The schema in which PostgreSQL creates tables.
    pub(crate) current_schema: Option<String>,
    pub(crate) tables: Vec<FoundTable>,
    /// The schemas and names of relations and types that have a name which a new table could have.
    pub(crate) taken: BTreeSet<(String, String)>,
}

/// An existing table, or something else with the name of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts of the catalogue that do not depend on each other")]
pub(crate) struct FoundTable {
    pub(crate) schema: String,
    /// `true` if the schema is the one in which PostgreSQL creates tables.
    pub(crate) is_current: bool,
    /// `true` if the schema is in the search path.
    pub(crate) is_in_path: bool,
    /// `true` if the schema is outside of the search path and has the tables of another installation of Taskbridge.
    pub(crate) is_of_another: bool,
    pub(crate) name: String,
    /// `false` for views and the like.
    pub(crate) is_table: bool,
    /// `true` if the table is partitioned.
    pub(crate) is_partitioned: bool,
    /// `true` if policies of row-level security can hide rows from the role.
    pub(crate) hides_rows: bool,
    /// `false` if the role must not use the schema.
    pub(crate) is_usable: bool,
    /// `false` if the role must not read the table.
    pub(crate) is_readable: bool,
    pub(crate) columns: Vec<FoundColumn>,
    /// Whether the table has rows. `None` if nothing depends on it, or the role must not read all rows.
    pub(crate) has_rows: Option<bool>,
}

/// An existing column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts of the catalogue that do not depend on each other")]
pub(crate) struct FoundColumn {
    pub(crate) name: String,
    /// The name of the type in the database; of a domain, that of its base type. On SQLite in lower case.
    pub(crate) data_type: String,
    /// The name of the collation, if it treats different texts as equal.
    pub(crate) collation: Option<String>,
    pub(crate) is_required: bool,
    /// `true` if the database supplies a value for a new row when the `insert` statement does not.
    pub(crate) has_default: bool,
    /// `true` if the value is always computed from other columns.
    pub(crate) is_computed: bool,
    /// `true` if the column is `generated always as identity`.
    pub(crate) is_always_identity: bool,
    /// `true` if a sequence belongs to the column.
    pub(crate) has_sequence: bool,
    /// The name of a sequence in the default of the column, if the sequence does not belong to the column.
    pub(crate) borrowed_sequence: Option<String>,
    /// `true` if no two rows can have the same value.
    pub(crate) is_unique: bool,
    /// The name of a deferrable constraint that makes the values unique at the end of a transaction.
    pub(crate) deferrable: Option<String>,
    /// `true` if an index begins with the column.
    pub(crate) is_indexed: bool,
    /// The schema and the name of the table that the foreign key of the column refers to.
    pub(crate) references: Option<(String, String)>,
    /// Whether two rows have the same value. `None` if nothing depends on it.
    pub(crate) has_duplicates: Option<bool>,
    /// Whether the column contains null although each row must have a value. `None` if nothing depends on it.
    pub(crate) has_nulls: Option<bool>,
    /// `true` if a column for times contains numbers (only on SQLite).
    pub(crate) contains_numbers: bool,
}

impl FoundTable {
    /// Returns `true` if the name of the table or of its schema contains a control character. It could not be shown on a
    /// terminal as it is.
    pub(crate) fn has_strange_name(&self) -> bool {
        [&self.schema, &self.name].into_iter().any(|name| name.contains(char::is_control))
    }

    /// Returns the column of this name.
    pub(crate) fn column(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the columns whose names differ from `name` only in case and underscores.
    pub(crate) fn columns_like<'t>(&'t self, name: &str) -> impl Iterator<Item = &'t FoundColumn> {
        let name = plain(name);
        self.columns.iter().filter(move |column| plain(&column.name) == name)
    }

    /// Returns the column that is Better Auth's column of the name `name`, if the table is Better Auth's table `table`:
    /// the one that the settings name, or the one with that name, or one whose name differs only in case and
    /// underscores.
    pub(crate) fn find(&self, table: AuthTable, name: &'static str, overrides: &Overrides) -> Option<&FoundColumn> {
        match overrides.columns.get(&(table, name)) {
            Some(given) => self.column(given),
            None => self.column(name).or_else(|| self.columns_like(name).next()),
        }
    }

    /// Returns the number of Better Auth's columns of the table `table` that this table has.
    pub(crate) fn score(&self, table: AuthTable, overrides: &Overrides) -> usize {
        table.columns().iter().filter(|name| self.find(table, name, overrides).is_some()).count()
    }

    /// Returns the quoted name for statements, with the schema unless it is the current one.
    pub(crate) fn quoted(&self) -> String {
        let name = quoted(&self.name);
        if self.is_current { name } else { format!("{}.{name}", quoted(&self.schema)) }
    }

    /// Returns the name for messages, with the schema unless it is the current one.
    pub(crate) fn shown(&self) -> String {
        if self.is_current { self.name.clone() } else { format!("{}.{}", self.schema, self.name) }
    }
}

impl FoundColumn {
    /// Returns the kind of ids that the column can contain, whether or not the database generates them.
    pub(crate) fn id_kind(&self, backend: DbBackend) -> Option<IdKind> {
        let generated = if self.is_always_identity { Generated::Always } else { Generated::ByDefault };
        let integer = |max| Some(IdKind::Integer { max, generated });
        match self.data_type.as_str() {
            _ if self.is_text(backend) => Some(IdKind::Text),
            _ if backend != DbBackend::Postgres => None,
            "uuid" => Some(IdKind::Uuid),
            "smallint" => integer(i16::MAX.into()),
            "integer" => integer(i32::MAX.into()),
            "bigint" => integer(i64::MAX),
            _ => None,
        }
    }

    /// Returns `true` if the column contains text and never treats different texts as equal.
    pub(crate) fn is_text(&self, backend: DbBackend) -> bool {
        let name = self.data_type.as_str();
        match backend {
            DbBackend::Postgres => {
                let is_array = name.ends_with("[]");
                (name == "text" || name.starts_with("character")) && !is_array && self.collation.is_none()
            }
            _ => affinity(name) == Affinity::Text,
        }
    }

    /// Returns the type for messages.
    pub(crate) fn shown_type(&self) -> String {
        let collation = self.collation.as_ref().map(|name| format!(" collate {name}")).unwrap_or_default();
        format!("{}{collation}", self.data_type)
    }
}
