//! The columns that hold the fields, and the SQL expressions that read them as text.

use std::collections::BTreeMap;

use sea_orm_migration::sea_orm::{DbBackend, DbErr};
use taskbridge_schema::{Affinity, affinity, plain, quoted};

use crate::catalog::{Column, Table};
use crate::error::{refused, refused_column};
use crate::sqlite_dates::date;
use crate::task_fields::{TaskField, is_deleted, recognize};

/// The columns of the table that hold fields.
pub(super) struct Columns {
    pub(super) backend: DbBackend,
    fields: BTreeMap<TaskField, FieldColumn>,
    /// The names of the columns that hold no field.
    others: Vec<String>,
    /// The SQL condition for rows that are marked as deleted.
    deleted: Option<String>,
}

/// A column that holds a field.
struct FieldColumn {
    name: String,
    data_type: String,
}

impl FieldColumn {
    /// Returns `true` if the column is declared as one of times: a task is done if its time of completion is set.
    fn is_time(&self) -> bool {
        let declared = self.data_type.to_lowercase();
        declared.starts_with("timestamp")
            || declared.starts_with("date")
            || TIMES_OF_COMPLETION.contains(&plain(&self.name).as_str())
    }
}

/// Names of columns that contain the time at which a task was done, as [`plain`] returns them.
const TIMES_OF_COMPLETION: [&str; 3] = ["completedat", "doneat", "finishedat"];

/// The largest integer that JavaScript represents exactly. A task does not keep a larger id.
pub(super) const MAX_ID: i64 = 9_007_199_254_740_991;

/// Time as text, in UTC, in the form in which SQLite stores it.
const POSTGRES_FORM: &str = r#"'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"#;

impl Columns {
    /// Finds the columns. `map` names those of fields that are not recognized, and takes precedence.
    ///
    /// # Errors
    /// A refusal if `map` names a column that does not exist, or the table has no column for the id or the title.
    pub(super) fn find(backend: DbBackend, table: &Table, map: &[(String, TaskField)]) -> Result<Self, DbErr> {
        let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
        for (index, (name, field)) in map.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                let why = format!("does not exist; the columns are {}", names.join(", "));
                return Err(refused_column(&table.name, name, &why));
            }
            if map[..index].iter().any(|(other, mapped)| other == name || mapped == field) {
                return Err(refused_column(&table.name, name, "is mapped twice, or its field is"));
            }
        }
        let is_free = |name: &&str| !map.iter().any(|(mapped, _)| mapped == name);
        let free: Vec<_> = names.iter().copied().filter(is_free).collect();
        let mut found = recognize(&free);
        found.extend(map.iter().map(|(name, field)| (*field, name.as_str())));
        for field in [TaskField::Id, TaskField::Title] {
            if !found.contains_key(&field) {
                let why = format!(
                    "no column is recognized as the {0}; name it with --map <column>={0}; the columns are {1}",
                    field.name(),
                    names.join(", ")
                );
                return Err(refused(&table.name, &why));
            }
        }
        let others = names.iter().filter(|name| !found.values().any(|used| used == *name)).map(|&name| name.to_owned());
        let others: Vec<_> = others.collect();
        let marks = table.columns.iter().filter(|column| others.contains(&column.name));
        let marks: Vec<_> = marks.filter_map(|column| is_deleted(backend, column)).collect();
        let deleted = (!marks.is_empty()).then(|| marks.join(" or "));
        let field = |(field, name): (TaskField, &str)| {
            let column = table.column(name)?;
            Some((field, FieldColumn { name: name.to_owned(), data_type: column.data_type.clone() }))
        };
        let columns = Self { backend, fields: found.into_iter().filter_map(field).collect(), others, deleted };
        match table.column(&columns.fields[&TaskField::Id].name) {
            Some(Column { is_unique: false, name, .. }) => Err(refused_column(
                &table.name,
                name,
                "is not unique, so that a repeated import would double rows; make it the primary key",
            )),
            _ => Ok(columns),
        }
    }

    /// Returns the column of each field, and the columns that are not imported.
    pub(super) fn report(&self) -> (Vec<(TaskField, Option<String>)>, Vec<String>) {
        let column = |field| (field, self.fields.get(&field).map(|column| column.name.clone()));
        (TaskField::ALL.into_iter().map(column).collect(), self.others.clone())
    }

    /// Returns the name of the column that holds a field, or an empty text if there is none.
    pub(super) fn name(&self, field: TaskField) -> &str {
        self.fields.get(&field).map_or("", |column| column.name.as_str())
    }

    /// Returns `true` if a column holds the field.
    pub(super) fn has(&self, field: TaskField) -> bool {
        self.fields.contains_key(&field)
    }

    /// Returns `true` if the owners are integers.
    pub(super) fn has_integer_owners(&self) -> bool {
        self.has_integers(TaskField::UserId)
    }

    /// Returns `true` if a task is done by its status, and not by a flag.
    pub(super) fn has_status(&self) -> bool {
        ["status", "state"].contains(&plain(self.name(TaskField::Completed)).as_str())
    }

    /// Returns the SQL expression that tells whether a row is marked as deleted, as text.
    pub(super) fn deleted(&self) -> String {
        let condition = self.deleted.as_deref().unwrap_or("1 = 0");
        format!("case when {condition} then 'true' else 'false' end")
    }

    /// Returns the quoted name of the column `id`.
    pub(super) fn id(&self) -> String {
        self.fields.get(&TaskField::Id).map(|column| quoted(&column.name)).unwrap_or_default()
    }

    /// Returns `true` if the ids are integers.
    pub(super) fn has_integer_ids(&self) -> bool {
        self.has_integers(TaskField::Id)
    }

    fn has_integers(&self, field: TaskField) -> bool {
        self.fields.get(&field).is_some_and(|column| match self.backend {
            DbBackend::Postgres => matches!(column.data_type.as_str(), "smallint" | "integer" | "bigint"),
            _ => affinity(&column.data_type) == Affinity::Integer,
        })
    }

    /// Returns the SQL expression that reads a field as text. A time that cannot be read becomes the empty text.
    pub(super) fn expression(&self, field: TaskField) -> String {
        let Some(column) = self.fields.get(&field) else { return "null".to_owned() };
        match field {
            TaskField::CreatedAt | TaskField::UpdatedAt => self.time(column),
            TaskField::Completed if column.is_time() => {
                format!(
                    "case when nullif({}, '') is null then 'false' else 'true' end",
                    as_text(self.backend, &quoted(&column.name))
                )
            }
            TaskField::Id | TaskField::UserId => id_as_text(self.backend, &column.name, &column.data_type),
            TaskField::Completed => as_text(self.backend, &quoted(&column.name)),
            TaskField::Title | TaskField::Description => self.text(column),
        }
    }

    /// Returns the SQL expression that reads a text. On SQLite, bytes become a character that no text may contain.
    fn text(&self, column: &FieldColumn) -> String {
        let name = quoted(&column.name);
        let text = as_text(self.backend, &name);
        match self.backend {
            DbBackend::Postgres => text,
            _ => format!("case typeof({name}) when 'blob' then char(0) else {text} end"),
        }
    }

    fn time(&self, column: &FieldColumn) -> String {
        let name = quoted(&column.name);
        let invalid = format!("case when {name} is not null then '' end");
        if self.backend != DbBackend::Postgres {
            return format!("coalesce({}, {invalid})", date(&column.name));
        }
        let zoneless = match column.data_type.as_str() {
            zoned if zoned.ends_with("with time zone") => format!("{name} at time zone 'UTC'"),
            "smallint" | "integer" | "bigint" | "numeric" | "double precision" | "real" => format!(
                "to_timestamp(case when abs({name}) < 100000000000 then {name} else {name} / 1000.0 end) at time zone 'UTC'"
            ),
            // The time zone of the session is UTC, which is that of a text without a zone.
            text if text == "text" || text.starts_with("character") => format!(
                "case when {name} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}' then {name}::timestamptz at time zone 'UTC' end"
            ),
            _ => format!("{name}::timestamp"),
        };
        format!(
            "coalesce((select case when t >= '0001-01-01' and t < '10000-01-01' then to_char(t, {POSTGRES_FORM}) end \
             from (select {zoneless}) as zoneless (t)), {invalid})"
        )
    }
}

/// Returns the SQL expression that casts an expression to text.
pub(super) fn as_text(backend: DbBackend, expression: &str) -> String {
    match backend {
        DbBackend::Postgres => format!("{expression}::text"),
        _ => format!("cast({expression} as text)"),
    }
}

/// Returns the SQL expression that reads a column of ids as text.
///
/// SQLite has no type for UUIDs: `SQLAlchemy` stores them as 32 hexadecimal digits in a column `char(32)`, and other
/// libraries as 16 bytes. Programs show them with hyphens, so that is how they are read.
pub(super) fn id_as_text(backend: DbBackend, column: &str, data_type: &str) -> String {
    let name = quoted(column);
    let text = as_text(backend, &name);
    if backend == DbBackend::Postgres {
        return text;
    }
    let hyphenated = |digits: &str| {
        format!(
            "lower(substr({digits}, 1, 8) || '-' || substr({digits}, 9, 4) || '-' || substr({digits}, 13, 4) || '-' || \
             substr({digits}, 17, 4) || '-' || substr({digits}, 21))"
        )
    };
    let bytes =
        format!("when typeof({name}) = 'blob' and length({name}) = 16 then {}", hyphenated(&format!("hex({name})")));
    let digits = if data_type == "char(32)" {
        format!(" when length({name}) = 32 and {name} not glob '*[^0-9a-fA-F]*' then {}", hyphenated(&name))
    } else {
        String::new()
    };
    format!("case {bytes}{digits} else {text} end")
}
