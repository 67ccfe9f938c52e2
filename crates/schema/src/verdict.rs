//! What a plan says about the tables of a database.

use std::fmt;

use crate::table::AuthTable;

/// A change that a database needs before Taskbridge can use Better Auth's tables in it. Better Auth itself continues to
/// work with all of these changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The table that is created or changed.
    pub table: AuthTable,
    /// The name of that table in the database, quoted and with its schema if it is not the current one.
    pub name: String,
    /// What is added.
    pub kind: AdditionKind,
    /// The statements that make the change, without semicolons, in order.
    pub statements: Vec<String>,
}

/// What an [`Addition`] adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdditionKind {
    /// The table itself, with its indices.
    Table,
    /// A column that may be null. The field is its name.
    Column(String),
    /// A unique index on the column of this name.
    UniqueIndex(String),
    /// A unique index on the column of this name, after all rows of the table have been deleted. Only for rows that are
    /// worthless after a few seconds.
    UniqueIndexOnEmptied(String),
}

impl Addition {
    /// Returns the statements, each on its own line and with a semicolon.
    #[must_use]
    pub fn sql(&self) -> String {
        self.statements.iter().map(|statement| format!("{statement};")).collect::<Vec<_>>().join("\n")
    }
}

/// Describes the change, such as `add the column "alg" to the table "jwks"`.
impl fmt::Display for Addition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.name;
        match &self.kind {
            AdditionKind::Table => write!(f, "create the table {table}"),
            AdditionKind::Column(column) => write!(f, "add the column \"{column}\" to the table {table}"),
            AdditionKind::UniqueIndex(column) => write!(f, "make the column \"{column}\" of the table {table} unique"),
            AdditionKind::UniqueIndexOnEmptied(column) => {
                write!(f, "empty the table {table} and make its column \"{column}\" unique")
            }
        }
    }
}

/// A reason for which Taskbridge cannot use the tables of a database, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The name of the table.
    pub table: String,
    /// The name of the column, if the reason is a column.
    pub column: Option<String>,
    /// What was found.
    pub found: String,
    /// The next step: a command or a setting.
    pub next: String,
}

/// Describes what was found and what to do, in one line.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, found, next } = self;
        write!(f, "table \"{table}\"")?;
        if let Some(column) = column {
            write!(f, ", column \"{column}\"")?;
        }
        write!(f, ": {found}; {next}")
    }
}

impl Refusal {
    /// Returns `true` if a setting is wrong, so that bridge mode refuses it, too.
    #[must_use]
    pub fn is_of_settings(&self) -> bool {
        self.next.starts_with("correct the setting")
    }

    /// Returns `true` if the refused table is that of the tasks, which bridge mode uses, too.
    #[must_use]
    pub fn is_of_tasks(&self) -> bool {
        self.table == "tasks"
    }
}

/// A fact about the tables that an operator should know, although Taskbridge can use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub next: String,
}

/// Describes the fact and what to do, in one line.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.found, self.next)
    }
}
