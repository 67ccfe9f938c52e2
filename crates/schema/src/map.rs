//! How a database names Better Auth's tables and columns.

use std::collections::BTreeMap;

use crate::id::IdKind;
use crate::table::AuthTable;

/// The table of the tasks.
pub const TASKS: &str = "tasks";

/// The column with the owner of a row, in each table whose rows belong to users.
pub const OWNER: &str = "user_id";

/// How a database names Better Auth's tables and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaMap {
    user: TableMap,
    session: TableMap,
    account: TableMap,
    verification: TableMap,
    jwks: TableMap,
    rate_limit: TableMap,
    owners: IdKind,
    owned_tables: Vec<&'static str>,
}

/// How a database names one of Better Auth's tables, and its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableMap {
    /// The schema of the table on PostgreSQL. `None` stands for the schema in which PostgreSQL creates tables.
    pub schema: Option<String>,
    /// The name of the table.
    pub name: String,
    /// The kind of ids in the column `id`.
    pub id: IdKind,
    /// The columns that Better Auth defines, by the names that Better Auth gives them by default.
    pub columns: BTreeMap<&'static str, ColumnMap>,
    /// The columns that Better Auth does not define. Plugins and apps add such columns.
    pub others: Vec<ColumnMap>,
}

/// The name and the type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnMap {
    /// The name of the column.
    pub name: String,
    /// The type of the column, as the database names it. Empty if it is not known.
    pub data_type: String,
}

impl SchemaMap {
    /// Returns the map of a database that uses the names of Better Auth, with ids that are text.
    #[must_use]
    pub fn canonical() -> Self {
        Self::new(BTreeMap::new())
    }

    /// Returns the map with these tables. Tables that are missing have the names of Better Auth.
    #[must_use]
    pub fn new(mut tables: BTreeMap<AuthTable, TableMap>) -> Self {
        let mut take = |table| tables.remove(&table).unwrap_or_else(|| TableMap::canonical(table));
        let user = take(AuthTable::User);
        Self {
            owners: user.id,
            owned_tables: vec![TASKS],
            user,
            session: take(AuthTable::Session),
            account: take(AuthTable::Account),
            verification: take(AuthTable::Verification),
            jwks: take(AuthTable::Jwks),
            rate_limit: take(AuthTable::RateLimit),
        }
    }

    /// Returns the same map for a table `tasks` whose owners have ids of this kind.
    #[must_use]
    pub fn with_owners(self, owners: IdKind) -> Self {
        Self { owners, ..self }
    }

    /// Returns the kind of the ids of the owners of tasks, which is that of the users unless
    /// [`with_owners`](Self::with_owners) says otherwise.
    #[must_use]
    pub fn owners(&self) -> IdKind {
        self.owners
    }

    /// Returns the same map for a database in which the rows of these tables belong to users.
    #[must_use]
    pub fn with_owned_tables(self, tables: Vec<&'static str>) -> Self {
        Self { owned_tables: tables, ..self }
    }

    /// Returns the tables whose rows belong to users, in the column [`OWNER`]: `tasks`, unless
    /// [`with_owned_tables`](Self::with_owned_tables) says otherwise. The rows of a user are deleted with the user.
    #[must_use]
    pub fn owned_tables(&self) -> &[&'static str] {
        &self.owned_tables
    }

    /// Returns how the database names a table.
    #[must_use]
    pub fn table(&self, table: AuthTable) -> &TableMap {
        match table {
            AuthTable::User => &self.user,
            AuthTable::Session => &self.session,
            AuthTable::Account => &self.account,
            AuthTable::Verification => &self.verification,
            AuthTable::Jwks => &self.jwks,
            AuthTable::RateLimit => &self.rate_limit,
        }
    }

    /// Returns `true` if the tables and their columns have the names of Better Auth, and the ids are text.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        self.tables().all(|(table, map)| map.id == IdKind::Text && !map.is_renamed(table))
    }

    /// Returns all tables, and how the database names each of them.
    pub fn tables(&self) -> impl Iterator<Item = (AuthTable, &TableMap)> {
        AuthTable::ALL.into_iter().map(|table| (table, self.table(table)))
    }
}

impl TableMap {
    /// Returns the map of a table that uses the names of Better Auth.
    #[must_use]
    pub fn canonical(table: AuthTable) -> Self {
        let column = |name: &'static str| (name, ColumnMap { name: name.to_owned(), data_type: String::new() });
        Self {
            schema: None,
            name: table.name().to_owned(),
            id: IdKind::Text,
            columns: table.columns().iter().copied().map(column).collect(),
            others: Vec::new(),
        }
    }

    /// Returns `true` if the table or one of its columns does not have the name of Better Auth, or if the table is in
    /// another schema than the current one.
    #[must_use]
    pub fn is_renamed(&self, table: AuthTable) -> bool {
        let is_renamed = |(name, column): (&&str, &ColumnMap)| column.name != **name;
        self.schema.is_some() || self.name != table.name() || self.columns.iter().any(is_renamed)
    }

    /// Returns the quoted name of the table, with its schema if that is known.
    #[must_use]
    pub fn quoted(&self) -> String {
        let name = quoted(&self.name);
        self.schema.as_ref().map_or(name.clone(), |schema| format!("{}.{name}", quoted(schema)))
    }
}

/// Quotes an identifier. Double quotes in it are doubled (ISO/IEC 9075-2, section 5.2).
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
