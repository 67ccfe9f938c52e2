//! Tables for tests.

use std::collections::BTreeSet;

use sea_orm::DbBackend;

use crate::create::{NewIds, Style, type_name};
use crate::definitions::ColumnType;
use crate::found::{FoundColumn, FoundTable, FoundTables};
use crate::overrides::{Overrides, QualifiedName};
use crate::plan::{Plan, Purpose};
use crate::recognize::recognize;
use crate::table::AuthTable;

/// Returns a table as Better Auth's own migrator makes it, under the name `name` in the current schema. Its foreign key,
/// if it has one, refers to the table `users` in that schema.
pub(crate) fn table(table: AuthTable, name: &str, users: &str, style: Style) -> FoundTable {
    let columns = table.definitions().iter().map(|definition| {
        let is_reference = definition.column_type == ColumnType::UserId;
        FoundColumn {
            name: style.name(definition.name),
            data_type: match definition.column_type {
                ColumnType::Time => "timestamp with time zone".to_owned(),
                other => type_name(DbBackend::Postgres, other, &NewIds::text()),
            },
            is_required: definition.is_required,
            has_default: definition.defaults_to_now,
            is_unique: definition.is_unique || definition.name == "id",
            is_indexed: definition.is_unique || table.indexed() == Some(definition.name),
            references: is_reference.then(|| ("public".to_owned(), users.to_owned())),
            ..FoundColumn::default()
        }
    });
    FoundTable {
        schema: "public".to_owned(),
        is_current: true,
        is_in_path: true,
        is_of_another: false,
        name: name.to_owned(),
        is_table: true,
        is_partitioned: false,
        hides_rows: false,
        is_usable: true,
        is_readable: true,
        columns: columns.collect(),
        has_rows: None,
    }
}

/// Returns the tables of Better Auth's own migrator.
pub(crate) fn official() -> Vec<FoundTable> {
    AuthTable::ALL.map(|one| table(one, one.name(), "user", Style::Camel)).into()
}

/// Returns core tables with these names, in the order `user`, `session`, `account`.
pub(crate) fn core(names: [&str; 3], style: Style) -> Vec<FoundTable> {
    let tables = [AuthTable::User, AuthTable::Session, AuthTable::Account];
    tables.iter().zip(names).map(|(one, name)| table(*one, name, names[0], style)).collect()
}

/// Moves tables to another schema, outside of the search path.
pub(crate) fn in_schema(schema: &str, mut tables: Vec<FoundTable>) -> Vec<FoundTable> {
    for table in &mut tables {
        schema.clone_into(&mut table.schema);
        (table.is_current, table.is_in_path) = (false, false);
        for column in &mut table.columns {
            if let Some((of_target, _)) = &mut column.references {
                schema.clone_into(of_target);
            }
        }
    }
    tables
}

pub(crate) fn with_rows(has_rows: bool, mut tables: Vec<FoundTable>) -> Vec<FoundTable> {
    for table in &mut tables {
        table.has_rows = Some(has_rows);
    }
    tables
}

/// Changes a column of a table.
pub(crate) fn change(tables: &mut [FoundTable], table: &str, column: &str, change: impl Fn(&mut FoundColumn)) {
    let table = tables.iter_mut().find(|found| found.name == table).unwrap();
    change(table.columns.iter_mut().find(|found| found.name == column).unwrap());
}

/// Removes a column of a table.
pub(crate) fn remove(tables: &mut [FoundTable], table: &str, column: &str) {
    let table = tables.iter_mut().find(|found| found.name == table).unwrap();
    table.columns.retain(|found| found.name != column);
}

/// Adds a column to a table.
pub(crate) fn add(tables: &mut [FoundTable], table: &str, column: FoundColumn) {
    tables.iter_mut().find(|found| found.name == table).unwrap().columns.push(column);
}

pub(crate) fn required(name: &str, data_type: &str) -> FoundColumn {
    FoundColumn { name: name.to_owned(), data_type: data_type.to_owned(), is_required: true, ..FoundColumn::default() }
}

/// Returns settings that give names of tables, with or without a schema, and of columns.
pub(crate) fn settings(tables: &[(AuthTable, &str)], columns: &[((AuthTable, &'static str), &str)]) -> Overrides {
    let qualified = |name: &str| match name.split_once('.') {
        Some((schema, name)) => QualifiedName { schema: Some(schema.to_owned()), name: name.to_owned() },
        None => QualifiedName { schema: None, name: name.to_owned() },
    };
    Overrides {
        tables: tables.iter().map(|(table, name)| (*table, qualified(name))).collect(),
        columns: columns.iter().map(|(column, name)| (*column, (*name).to_owned())).collect(),
    }
}

pub(crate) fn plan(tables: Vec<FoundTable>) -> Plan {
    plan_with(tables, &Overrides::default())
}

pub(crate) fn plan_with(tables: Vec<FoundTable>, overrides: &Overrides) -> Plan {
    plan_on(DbBackend::Postgres, tables, Purpose::Server, overrides)
}

pub(crate) fn plan_on(backend: DbBackend, tables: Vec<FoundTable>, purpose: Purpose, overrides: &Overrides) -> Plan {
    plan_of(&found(backend, tables), purpose, overrides)
}

/// Returns what the catalogue of a database with these tables and the current schema `public` says.
pub(crate) fn found(backend: DbBackend, tables: Vec<FoundTable>) -> FoundTables {
    FoundTables { backend, current_schema: Some("public".to_owned()), tables, taken: BTreeSet::new() }
}

pub(crate) fn plan_of(found: &FoundTables, purpose: Purpose, overrides: &Overrides) -> Plan {
    Plan::of(found, &recognize(found, overrides), purpose, overrides)
}

/// Returns the refusals, one line each.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    plan.refusals.iter().map(ToString::to_string).collect()
}

/// Returns the statements of all additions.
pub(crate) fn statements(plan: &Plan) -> Vec<String> {
    plan.additions.iter().flat_map(|addition| addition.statements.clone()).collect()
}
