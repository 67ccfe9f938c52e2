//! The sections `[auth.tables]` and `[auth.columns.<table>]`: how the database names Better Auth's tables and columns.
//!
//! Their keys are the names that Better Auth uses by default. A name in a key is the same with other capital letters or
//! underscores, because environment variables have no small letters.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use taskbridge_schema::{AuthTable, Overrides, QualifiedName};

use super::nearest::nearest;
use super::value::parse;

/// Maximum length of a name in bytes. PostgreSQL shortens longer names.
const MAX_BYTES: usize = 63;

/// The section `[auth.tables]`.
pub(super) type TableNames = BTreeMap<TableKey, TableName>;
/// The sections `[auth.columns.<table>]`.
pub(super) type ColumnNames = BTreeMap<TableKey, BTreeMap<String, ColumnName>>;

/// One of Better Auth's tables, by its default name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TableKey(AuthTable);

/// The name of a table, with or without its schema.
#[derive(Debug)]
pub(super) struct TableName(QualifiedName);

/// The name of a column.
#[derive(Debug)]
pub(super) struct ColumnName(String);

/// Returns the names that the settings give to tables and columns.
pub(super) fn overrides(tables: &TableNames, columns: &ColumnNames) -> Overrides {
    let of_table = |(TableKey(table), names): (&TableKey, &BTreeMap<String, ColumnName>)| {
        let table = *table;
        let found = table.columns().iter().filter_map(|column| Some((*column, names.get(*column)?)));
        found.map(|(column, ColumnName(name))| ((table, column), name.clone())).collect::<Vec<_>>()
    };
    Overrides {
        tables: tables.iter().map(|(TableKey(table), TableName(name))| (*table, name.clone())).collect(),
        columns: columns.iter().flat_map(of_table).collect(),
    }
}

/// Returns the spelling of `key` that the settings use, or `None` if it is not a key of these sections.
pub(super) fn canonical(key: &str) -> Option<String> {
    match key.split('.').collect::<Vec<_>>()[..] {
        ["auth", "tables", table] => Some(format!("auth.tables.{}", AuthTable::named(table)?.name())),
        ["auth", "columns", table, column] => {
            let table = AuthTable::named(table)?;
            Some(format!("auth.columns.{}.{}", table.name(), table.column_named(column)?))
        }
        _ => None,
    }
}

/// Returns `true` if `key` is a key of these sections, in the spelling that the settings use.
pub(super) fn is_key(key: &str) -> bool {
    canonical(key).is_some_and(|canonical| canonical == key)
}

/// Explains why a key below one of these sections is not known. Returns `None` for a key of another section.
pub(super) fn explain_unknown(key: &str) -> Option<String> {
    let path: Vec<_> = key.split('.').collect();
    let (name, column) = match path[..] {
        ["auth", "tables" | "columns"] => {
            return Some(
                "must be a section; write [auth.tables] or [auth.columns.user], and the names below it".to_owned(),
            );
        }
        ["auth", "columns", name, column] => (name, Some(column)),
        ["auth", "tables" | "columns", name, ..] => (name, None),
        _ => return None,
    };
    let Some(table) = AuthTable::named(name) else {
        return Some(unknown("table", name, &AuthTable::ALL.map(AuthTable::name)));
    };
    let name = table.name();
    Some(match column {
        Some(column) => unknown(&format!("column of the table {name}"), column, table.columns()),
        None => format!("must be one name; write [auth.tables] {name} = \"<name>\", or [auth.columns.{name}]"),
    })
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let suggestion = nearest(name, known.iter().copied()).map(|known| format!("did you mean {known}? "));
    format!("unknown {what}; {}Better Auth has {}", suggestion.unwrap_or_default(), known.join(", "))
}

impl<'de> Deserialize<'de> for TableKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        AuthTable::named(&name).map(Self).ok_or_else(|| D::Error::custom("unknown table"))
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer, |text| table_name(text).map(Self))
    }
}

/// Parses the name of a table, with or without its schema.
///
/// # Errors
/// Returns the required form if the name does not have it.
pub(crate) fn table_name(text: &str) -> Result<QualifiedName, &'static str> {
    const FORM: &str = "must be the name of a table, such as users, or its schema and its name, such as app.users, of at most \
                        63 bytes each; write a name that contains a dot, a double quote or white space in double quotes, as \
                        in SQL";
    let mut parts = parts(text).ok_or(FORM)?;
    let (name, schema) = (parts.pop(), parts.pop());
    let name = name.filter(|_| parts.is_empty()).ok_or(FORM)?;
    Ok(QualifiedName { schema, name })
}

impl<'de> Deserialize<'de> for ColumnName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const FORM: &str = "must be the name of a column, such as email_verified, of at most 63 bytes; write a name that \
                            contains a dot, a double quote or white space in double quotes, as in SQL";
        parse(deserializer, |text| {
            let mut parts = parts(text).ok_or(FORM)?;
            let name = parts.pop().filter(|_| parts.is_empty()).ok_or(FORM)?;
            Ok::<_, &str>(Self(name))
        })
    }
}

/// Splits a name at its dots. A part in double quotes may contain any characters, with each double quote doubled. Unlike in
/// SQL, capital letters are significant without quotes, too. Returns `None` if a part is not a valid name.
fn parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let (part, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
            (Some(part).filter(|part| !part.contains(|c: char| c == '"' || c.is_whitespace()))?.to_owned(), after)
        };
        if part.is_empty() || part.len() > MAX_BYTES || part.contains('\0') {
            return None;
        }
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(parts),
        }
    }
}

/// Returns the name that `text` begins with, up to its closing double quote, and the text after that quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        let Some(next) = after.strip_prefix('"') else { return Some((name, after)) };
        name.push('"');
        rest = next;
    }
}
