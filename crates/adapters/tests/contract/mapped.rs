//! A PostgreSQL database in which Better Auth's tables have other names and types.

use std::collections::BTreeMap;

use taskbridge_schema::{AuthTable, ColumnMap, IdKind, SchemaMap, TableMap, quoted, snake};

/// The schema of most tables.
const SCHEMA: &str = r#"Au"th"#;

/// Returns the schema and the name of a table. Some tables are called like other tables or like columns.
fn name(table: AuthTable) -> (&'static str, &'static str) {
    match table {
        AuthTable::User => (SCHEMA, "account"),
        AuthTable::Session => (SCHEMA, "email"),
        AuthTable::Account => (SCHEMA, "user"),
        AuthTable::Verification => (SCHEMA, "ver'ification"),
        AuthTable::Jwks => (SCHEMA, r#"jwks"; drop table tasks --"#),
        AuthTable::RateLimit => ("public", "rate_limit"),
    }
}

/// Returns the name of a column. Some columns are called like tables or like other columns, and the rest have names in
/// snake case.
fn column(table: AuthTable, column: &str) -> String {
    let name = match (table, column) {
        (AuthTable::User, "email") => r#"e"mail; drop table tasks --"#,
        (AuthTable::User, "emailVerified") => "email",
        // These names suggest that a user is restricted.
        (AuthTable::User, "name") => "is_banned",
        (AuthTable::User, "updatedAt") => "deactivated_at",
        (AuthTable::User, "image") => "'",
        (AuthTable::Account, "userId") | (AuthTable::Session, "ipAddress") => "user",
        (AuthTable::Session, "token") => "session",
        (AuthTable::Session, "userId") => "account",
        (AuthTable::Session, "updatedAt") => "100%",
        (AuthTable::Session, "userAgent") => "session.token",
        (AuthTable::Account, "password") => r#"""#,
        (AuthTable::Jwks, "publicKey") => "private_key",
        (AuthTable::Jwks, "privateKey") => "public_key",
        (AuthTable::Jwks, "alg") => "crv",
        (AuthTable::Jwks, "crv") => "alg",
        _ => return snake(column),
    };
    name.to_owned()
}

/// Returns the names in the database, with ids of this kind.
pub(crate) fn map(id: IdKind) -> SchemaMap {
    let tables = AuthTable::ALL.map(|table| {
        let columns = table.columns().iter().map(|from| {
            let name = column(table, from);
            (*from, ColumnMap { name, data_type: String::new() })
        });
        let (schema, name) = name(table);
        let columns = columns.collect();
        (table, TableMap { schema: Some(schema.into()), name: name.into(), columns, id, ..TableMap::canonical(table) })
    });
    SchemaMap::new(BTreeMap::from(tables))
}

/// Returns a script that renames the tables and columns that Taskbridge has created, and changes the types of the
/// columns: texts become `varchar`, and times lose their time zone.
pub(crate) fn script() -> String {
    let map = map(IdKind::Text);
    let temporary = |table: AuthTable| format!("new_{}", table.name().to_lowercase());
    let mut script = vec![format!("create schema {}", quoted(SCHEMA))];
    // All names change twice, because a new name may be the old name of another table or column.
    for (table, names) in map.tables() {
        let old = quoted(table.name());
        let columns = || table.columns().iter().enumerate();
        script.extend(columns().map(|(n, column)| format!(r#"alter table {old} rename "{column}" to new_{n}"#)));
        script.extend(columns().map(|(n, column)| {
            let new = quoted(&names.columns[column].name);
            format!("alter table {old} rename new_{n} to {new}")
        }));
        script.push(format!("alter table {old} rename to {}", temporary(table)));
    }
    for (table, names) in map.tables() {
        let (schema, old, new) = (quoted(names.schema.as_ref().unwrap()), temporary(table), quoted(&names.name));
        script.push(format!("alter table {old} set schema {schema}"));
        script.push(format!("alter table {schema}.{old} rename to {new}"));
    }
    script.push(OTHER_TYPES.to_owned());
    script.join(";\n")
}

const OTHER_TYPES: &str = r#"
do $$
declare
  change text;
begin
  for change in
    select format('alter table %I.%I ', table_schema, table_name) || string_agg(
      format('alter column %I type %s', column_name, case data_type when 'text' then 'varchar' else 'timestamp' end), ', ')
    from information_schema.columns
    where (table_schema = 'Au"th' or table_name = 'rate_limit') and data_type in ('text', 'timestamp with time zone')
    group by table_schema, table_name
  loop
    execute change;
  end loop;
end
$$;"#;
