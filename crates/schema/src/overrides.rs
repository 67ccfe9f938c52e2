//! Names that an operator gives for tables and columns.

use std::collections::BTreeMap;

use crate::table::AuthTable;

/// The names that an operator gives for tables and columns which cannot be recognized.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The names of tables.
    pub tables: BTreeMap<AuthTable, QualifiedName>,
    /// The names of columns, by the table and the name that Better Auth gives the column by default.
    pub columns: BTreeMap<(AuthTable, &'static str), String>,
}

/// The name of a table, with or without its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    /// The name of the schema. `None` stands for any schema.
    pub schema: Option<String>,
    /// The name of the table.
    pub name: String,
}
