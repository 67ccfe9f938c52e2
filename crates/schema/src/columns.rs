//! Decides whether an existing table can be adopted.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::DbBackend;

use crate::affinity::{Affinity, affinity};
use crate::commands;
use crate::create::{NewIds, Style, create_index, type_name};
use crate::definitions::{ColumnDefinition, ColumnType};
use crate::found::{FoundColumn, FoundTable};
use crate::id::IdKind;
use crate::map::{ColumnMap, TableMap, quoted};
use crate::names::column_setting;
use crate::overrides::Overrides;
use crate::table::AuthTable;
use crate::verdict::{Addition, AdditionKind, Notice, Refusal};

/// The next step where no command helps.
const WAY_OUT: &str = "use AUTH_MODE=bridge, or create the tables with Better Auth's own migrator (npx auth migrate)";

/// What is decided about an existing table.
pub(crate) struct Verdict {
    pub(crate) map: TableMap,
    pub(crate) additions: Vec<Addition>,
    pub(crate) refusals: Vec<Refusal>,
    /// Settings that name a column which does not exist.
    pub(crate) wrong_settings: Vec<Refusal>,
    pub(crate) notices: Vec<Notice>,
}

/// Checks an existing table against Better Auth's definition of it.
pub(crate) fn check(
    backend: DbBackend,
    table: AuthTable,
    found: &FoundTable,
    style: Style,
    ids: &NewIds,
    overrides: &Overrides,
) -> Verdict {
    let map = TableMap {
        schema: (!found.is_current).then(|| found.schema.clone()),
        name: found.name.clone(),
        ..TableMap::canonical(table)
    };
    let verdict =
        Verdict { map, additions: Vec::new(), refusals: Vec::new(), wrong_settings: Vec::new(), notices: Vec::new() };
    let mut check = Check { backend, table, found, style, ids, overrides, verdict, suspects: BTreeSet::new() };
    if found.is_table {
        check.columns();
        check.others();
    } else {
        check.refuse(None, "exists but is not a table".to_owned(), "rename or drop it".to_owned());
    }
    // Nothing reads or writes this table.
    if table == AuthTable::Verification {
        check.verdict.refusals.clear();
        check.verdict.notices.clear();
    }
    check.verdict
}

struct Check<'c> {
    backend: DbBackend,
    table: AuthTable,
    found: &'c FoundTable,
    style: Style,
    ids: &'c NewIds,
    overrides: &'c Overrides,
    verdict: Verdict,
    /// The names of columns that could be a missing one under another name.
    suspects: BTreeSet<String>,
}

impl Check<'_> {
    fn columns(&mut self) {
        let mut mapped: BTreeMap<&str, &str> = BTreeMap::new();
        for definition in self.table.definitions() {
            let name = definition.name;
            let Some(column) = self.found.find(self.table, name, self.overrides) else {
                self.missing(definition);
                continue;
            };
            let entry = ColumnMap { name: column.name.clone(), data_type: column.data_type.clone() };
            self.verdict.map.columns.insert(name, entry);
            if let Some(other) = mapped.insert(&column.name, name) {
                self.verdict.wrong_settings.push(Refusal {
                    table: self.found.shown(),
                    column: Some(column.name.clone()),
                    found: format!("is used as {other} and as {name}"),
                    next: format!("correct the settings {} and {}", self.setting(other), self.setting(name)),
                });
                continue;
            }
            self.column(definition, column);
        }
        let others = self.found.columns.iter().filter(|column| !mapped.contains_key(column.name.as_str()));
        let entry = |column: &FoundColumn| ColumnMap { name: column.name.clone(), data_type: column.data_type.clone() };
        self.verdict.map.others = others.map(entry).collect();
    }

    fn column(&mut self, definition: &ColumnDefinition, column: &FoundColumn) {
        let ColumnDefinition { name, column_type, .. } = *definition;
        let is_given = self.overrides.columns.contains_key(&(self.table, name));
        if !is_given && column.name != name && self.found.columns_like(name).count() > 1 {
            let all: Vec<_> = self.found.columns_like(name).map(|column| format!("\"{}\"", column.name)).collect();
            let next = format!("set {} to the one that Better Auth uses", column_setting(self.table, name));
            self.refuse(Some(name), format!("could be {}", all.join(" or ")), next);
            return;
        }
        if self.backend == DbBackend::Sqlite && column.name != name {
            let found = format!("missing, but \"{}\" exists (Drizzle's naming)", column.name);
            self.refuse(Some(name), found, WAY_OUT.to_owned());
            return;
        }
        if column.is_computed {
            let next = format!(
                "run: alter table {} alter column {} drop expression",
                self.found.quoted(),
                quoted(&column.name)
            );
            self.refuse(Some(&column.name), "is computed by the database, so it cannot be written".to_owned(), next);
            return;
        }
        if !self.has_type(column_type, column) {
            let expected = self.shown_type(column_type);
            let found = format!("is {}, not {expected}", column.shown_type());
            let next = self.change_type(column, &type_name(self.backend, column_type, self.ids));
            self.refuse(Some(&column.name), found, next);
            return;
        }
        if column.contains_numbers {
            let found = "contains dates as numbers, not as text".to_owned();
            self.refuse(Some(&column.name), found, WAY_OUT.to_owned());
            return;
        }
        self.values(definition, column);
        match column_type {
            ColumnType::Id => self.id(column),
            _ if definition.is_unique => self.unique(name, column),
            _ if self.table.indexed() == Some(name) && !column.is_indexed => self.without_index(name, column),
            _ => {}
        }
    }

    /// Returns `true` if the existing column can contain values of the type `column_type`.
    fn has_type(&self, column_type: ColumnType, column: &FoundColumn) -> bool {
        let data_type = column.data_type.as_str();
        match (self.backend, column_type) {
            (_, ColumnType::Id) => column.id_kind(self.backend).is_some(),
            (_, ColumnType::UserId) => {
                let same = |kind| std::mem::discriminant(&kind) == std::mem::discriminant(&self.ids.kind);
                column.id_kind(self.backend).is_some_and(same)
            }
            (_, ColumnType::Text) => column.is_text(self.backend),
            (DbBackend::Postgres, ColumnType::Boolean) => data_type == "boolean",
            (DbBackend::Postgres, ColumnType::Integer) => matches!(data_type, "integer" | "bigint"),
            (DbBackend::Postgres, ColumnType::BigInteger) => data_type == "bigint",
            // Columns for times without a zone are also accepted. Their values are treated as UTC, because Drizzle and
            // Prisma write UTC, and so does Node.js with TZ=UTC.
            (DbBackend::Postgres, ColumnType::Time) => data_type.starts_with("timestamp") && !data_type.ends_with("[]"),
            (_, ColumnType::Boolean | ColumnType::Integer | ColumnType::BigInteger) => {
                matches!(affinity(data_type), Affinity::Integer | Affinity::Numeric)
            }
            (_, ColumnType::Time) => matches!(affinity(data_type), Affinity::Text | Affinity::Numeric),
        }
    }

    /// Returns the type that a column should have, for messages.
    fn shown_type(&self, column_type: ColumnType) -> String {
        match (self.backend, column_type) {
            (DbBackend::Postgres, ColumnType::Id) => "text, uuid or an integer".to_owned(),
            (DbBackend::Postgres, ColumnType::Time) => "a timestamp".to_owned(),
            (_, ColumnType::Time) => "date (stored as text)".to_owned(),
            _ => type_name(self.backend, column_type, self.ids),
        }
    }

    fn id(&mut self, column: &FoundColumn) {
        let name = quoted(&column.name);
        let table = self.found.quoted();
        if !column.is_unique {
            let next = match self.backend {
                DbBackend::Postgres => format!("run: alter table {table} add unique ({name})"),
                _ => WAY_OUT.to_owned(),
            };
            self.refuse(Some(&column.name), "is not unique".to_owned(), next);
        }
        let Some(kind) = column.id_kind(self.backend) else { return };
        self.verdict.map.id = kind;
        if matches!(kind, IdKind::Integer { .. }) && !column.has_sequence {
            let next = match &column.borrowed_sequence {
                Some(sequence) => format!("run: alter sequence {sequence} owned by {table}.{name}"),
                None => format!("run: {}", commands::generate(self.found, column)),
            };
            self.refuse(Some(&column.name), "is an integer that no sequence of the column generates".to_owned(), next);
        }
    }

    /// Refuses a column that is too short for the texts that Taskbridge writes, and one that contains null although each
    /// row must have a value.
    fn values(&mut self, definition: &ColumnDefinition, column: &FoundColumn) {
        let limit =
            column.data_type.rsplit_once('(').and_then(|(_, limit)| limit.strip_suffix(')')?.parse::<u32>().ok());
        let length = self.table.length(definition.name, self.ids.kind);
        let is_text = self.backend == DbBackend::Postgres && column.is_text(self.backend);
        if let (true, Some(limit), Some(length)) = (is_text, limit, length)
            && limit < length
        {
            let found = format!("is {}, which has no room for {length} characters", column.data_type);
            self.refuse(Some(&column.name), found, self.change_type(column, "text"));
        }
        if column.has_nulls == Some(true) {
            let next = commands::fill(self.backend, self.table, self.found, definition, column);
            self.refuse(Some(&column.name), "is null in some rows".to_owned(), next);
        }
    }

    /// Checks a column in which no value may occur twice.
    fn unique(&mut self, name: &str, column: &FoundColumn) {
        if column.is_unique {
            return;
        }
        if self.backend != DbBackend::Postgres {
            self.refuse(Some(name), "is not unique".to_owned(), WAY_OUT.to_owned());
            return;
        }
        if self.found.is_partitioned {
            let found = "is not unique, and cannot be in a partitioned table".to_owned();
            self.refuse(Some(&column.name), found, "use AUTH_MODE=bridge, or a table without partitions".to_owned());
            return;
        }
        let (table, value) = (self.found.quoted(), quoted(&column.name));
        let create = format!("create unique index on {table} ({value})");
        if self.table == AuthTable::RateLimit {
            // The rows are counters of the last seconds. Unlike `delete`, `truncate` locks the table at once, so that it
            // cannot be in a deadlock with a writer when the index is created.
            let kind = AdditionKind::UniqueIndexOnEmptied(column.name.clone());
            self.add(kind, vec![format!("truncate table {table}"), create]);
        } else if column.has_duplicates == Some(true) {
            let found = "is not unique, and contains a value twice".to_owned();
            let next = format!(
                "find these values: select {value}, count(*) from {table} group by {value} having count(*) > 1; \
                 delete or change all but one row of each, and run: {create}"
            );
            self.refuse(Some(&column.name), found, next);
        } else {
            self.add(AdditionKind::UniqueIndex(column.name.clone()), vec![create]);
        }
    }

    /// Reports a missing index. It is not created, because that could block the writes of the app for long.
    fn without_index(&mut self, name: &str, column: &FoundColumn) {
        let create = create_index(self.backend, &self.verdict.map, name);
        let create = match self.backend {
            DbBackend::Postgres if !self.found.is_partitioned => {
                create.replacen("create index", "create index concurrently", 1)
            }
            _ => create,
        };
        self.verdict.notices.push(Notice {
            found: format!(
                "the column {} of the table {} has no index, so that queries are slow if there are many rows",
                quoted(&column.name),
                self.found.quoted()
            ),
            next: format!("run: {create}"),
        });
    }

    fn missing(&mut self, definition: &ColumnDefinition) {
        let ColumnDefinition { name, column_type, is_required, .. } = *definition;
        if let Some(given) = self.overrides.columns.get(&(self.table, name)) {
            let setting = self.setting(name);
            self.verdict.wrong_settings.push(Refusal {
                table: self.found.shown(),
                column: Some(given.clone()),
                found: format!("is named by the setting {setting}, but does not exist"),
                next: format!("correct the setting {setting}"),
            });
            return;
        }
        let table = self.found.quoted();
        let column = self.style.name(name);
        let add = format!(
            "alter table {table} add column {} {}",
            quoted(&column),
            type_name(self.backend, column_type, self.ids)
        );
        // Better Auth 1.7 adds these columns, and older versions work without them.
        if self.table == AuthTable::Jwks && !is_required {
            let entry = ColumnMap { name: column.clone(), data_type: String::new() };
            self.verdict.map.columns.insert(name, entry);
            self.add(AdditionKind::Column(column), vec![add]);
            return;
        }
        let is_known = |column: &FoundColumn| {
            let known = |name: &&'static str| {
                self.found.find(self.table, name, self.overrides).is_some_and(|one| one == column)
            };
            self.table.columns().iter().any(known)
        };
        let similar: Vec<_> = self
            .found
            .columns
            .iter()
            .filter(|column| !is_known(column) && self.has_type(column_type, column))
            .collect();
        let next = if self.backend != DbBackend::Postgres {
            WAY_OUT.to_owned()
        } else if !similar.is_empty() {
            let names: Vec<_> = similar.iter().map(|column| format!("\"{}\"", column.name)).collect();
            self.suspects.extend(similar.iter().map(|column| column.name.clone()));
            format!(
                "set {} to its name in the database; it could be {}",
                column_setting(self.table, name),
                names.join(" or ")
            )
        } else if is_required {
            WAY_OUT.to_owned()
        } else {
            format!("run: {add}")
        };
        self.refuse(Some(name), "missing".to_owned(), next);
    }

    /// Refuses columns that must have a value in each row, but that nothing fills. A column that could be a missing one
    /// is not refused: the settings must give its name first.
    fn others(&mut self) {
        if !self.verdict.wrong_settings.is_empty() {
            return;
        }
        let others: Vec<_> = self.verdict.map.others.iter().map(|column| column.name.clone()).collect();
        for column in self.found.columns.iter().filter(|column| others.contains(&column.name)) {
            if !column.is_required || column.has_default || self.suspects.contains(&column.name) {
                continue;
            }
            let (table, name) = (self.found.quoted(), quoted(&column.name));
            let is_issuer = self.table == AuthTable::Account && column.name == "issuer";
            let found = if is_issuer {
                "is required, and only Better Auth 1.7.0 to 1.7.2 writes it"
            } else {
                "is required, but unknown to Better Auth"
            };
            let next = match self.backend {
                // These versions only accept a password whose row has this issuer.
                DbBackend::Postgres if is_issuer => {
                    format!("run: alter table {table} alter column {name} set default 'local:credential'")
                }
                DbBackend::Postgres => format!("run: alter table {table} alter column {name} drop not null"),
                _ => "create the table again with a column that may be null".to_owned(),
            };
            self.refuse(Some(&column.name), found.to_owned(), next);
        }
    }

    fn change_type(&self, column: &FoundColumn, data_type: &str) -> String {
        if self.backend != DbBackend::Postgres {
            return WAY_OUT.to_owned();
        }
        let email = self.found.find(AuthTable::User, "email", self.overrides);
        let is_email = self.table == AuthTable::User && email == Some(column);
        commands::change_type(self.found, column, data_type, is_email)
    }

    fn setting(&self, column: &str) -> String {
        format!("auth.columns.{}.{column}", self.table.name())
    }

    fn refuse(&mut self, column: Option<&str>, found: String, next: String) {
        let column = column.map(str::to_owned);
        self.verdict.refusals.push(Refusal { table: self.found.shown(), column, found, next });
    }

    fn add(&mut self, kind: AdditionKind, statements: Vec<String>) {
        self.verdict.additions.push(Addition { table: self.table, name: self.found.quoted(), kind, statements });
    }
}
